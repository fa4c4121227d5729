"""Direct calls, codes pressed in a call, and every transfer of the first issue."""

from __future__ import annotations

import pytest

from connectors.model import (
    BridgeEntered,
    CallState,
    LegDialled,
    LegRole,
    LegUp,
    Marked,
    Noted,
    Queued,
    Served,
    Transferred,
    Unqueued,
)
from tests.core.world import World


@pytest.fixture
def world() -> World:
    return World()


def test_a_marked_direct_call_finds_the_agent_by_pattern(world: World) -> None:
    world.caller().mark(type="chat", uri="mailto:user@example.org").rings("a", "PJSIP/1001")
    assert world.latest["c"].state is CallState.REQUESTED
    world.bridge("b", "a", "c")
    call = world.latest["c"]
    assert (call.state, call.agent_uri) == (CallState.ACTIVE, "sip:1001@pbx.example.org")
    assert call.user_uri == "mailto:user@example.org"


def test_an_unknown_phone_that_answers_a_marked_call_is_named_in_the_trace(world: World) -> None:
    world.caller().mark().rings("x", "PJSIP/desk").bridge("b", "x", "c")
    assert world.latest["c"].state is CallState.REQUESTED
    (line,) = [item for item in world.traces["c"] if item.stopped]
    assert line.stage == "agent"
    assert line.text.startswith("PJSIP/desk is in the call but not known as an agent")
    world.down("c", "x")
    assert world.latest["c"].cause == "hangup", "it was answered"


@pytest.mark.parametrize(("presser", "initiator"), [("c", "user"), ("a", "agent")])
def test_a_code_by_either_side_makes_a_standing_call_a_collaboration(
    world: World, presser: str, initiator: str
) -> None:
    world.caller().rings("a", "PJSIP/1001").bridge("b", "a", "c")
    assert world.latest["c"].type is None
    world.press(presser, "cobrowse")
    call = world.latest["c"]
    assert (call.id, call.type, call.initiator) == ("c", "cobrowse", initiator)
    assert (call.state, call.agent_uri) == (CallState.ACTIVE, "sip:1001@pbx.example.org")


def test_a_second_code_opens_another_panel_of_the_same_call(world: World) -> None:
    world.queue_call().press("a", "chat")
    call = world.latest["c"]
    assert (call.type, call.initiator) == ("chat", "agent")
    assert list(world.latest) == ["c"]


@pytest.mark.parametrize("presser", ["c", "a"])
def test_each_press_of_a_code_is_news_even_of_the_type_the_call_has(
    world: World, presser: str
) -> None:
    world.queue_call().press(presser, "chat")
    for again in ("chat", "form", "form"):
        before = len(world.reports)
        world.press(presser, again)
        (report,) = world.reports[before:]
        name = "PJSIP/trunk-c" if presser == "c" else "PJSIP/1001-a"
        assert f"collaboration '{again}' code pressed on {name}" in [i.text for i in report.trace]
        assert (report.id, report.type, report.state) == ("c", again, CallState.ACTIVE)


def test_requests_count_what_made_it_a_collaboration_and_every_code_since(world: World) -> None:
    world.caller().mark().mark().queue()  # a dialplan may say it twice
    assert world.latest["c"].requests == 1
    world.served("a", "PJSIP/1001").bridge("b", "a", "c").press("a").press("c", "nonsense")
    assert (world.latest["c"].requests, world.latest["c"].initiator) == (2, "agent")
    world.press("c", "chat")
    assert (world.latest["c"].requests, world.latest["c"].initiator) == (3, "user")


def test_a_mark_of_another_type_counts_where_a_served_call_is_sent_on_to(world: World) -> None:
    world.caller().mark(type="form").mark(type="chat").queue()
    assert (world.latest["c"].type, world.latest["c"].requests) == ("chat", 1)
    world.rings("a", "PJSIP/1001").served("a", "PJSIP/1001").bridge("b", "a", "c")
    world.unbridge("b", "c").mark(type="chat")
    assert world.latest["c"].requests == 1
    world.mark(type="form")
    assert (world.latest["c"].type, world.latest["c"].requests) == ("form", 2)


def test_an_agent_who_dials_out_serves_whom_they_dialled(world: World) -> None:
    world(LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.INBOUND)).mark("a")
    assert world.latest == {}
    world(LegUp("u", "PJSIP/trunk-u", "PJSIP/trunk", "3015550100", LegRole.OUTBOUND))
    world.rings("u2", "PJSIP/trunk", by="a")
    assert world.latest["u2"].initiator == "agent"
    assert world.latest["u2"].state is CallState.REQUESTED
    world.bridge("b", "u2", "a")
    call = world.latest["u2"]
    assert (call.state, call.agent_leg, call.type) == (CallState.ACTIVE, "a", "form")


def agent_dials(world: World, *phones: str, type: str = "form") -> World:
    world(LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.INBOUND)).mark("a", type)
    for phone in phones:
        world(LegUp(phone, f"PJSIP/trunk-{phone}", "PJSIP/trunk", f"30{phone}", LegRole.OUTBOUND))
        world(LegDialled("a", phone))
    return world


def test_of_several_phones_an_agent_rings_the_one_that_answers_is_the_user(world: World) -> None:
    agent_dials(world, "1", "2").bridge("b", "2", "a").down("1")
    call = world.latest["1"]
    assert (call.state, call.type, call.initiator) == (CallState.ACTIVE, "form", "agent")
    assert (call.user_uri, call.aliases) == ("sip:302@pbx.example.org", ("2",))
    world.down("2", "a")
    assert {(c.state, c.cause) for c in world.latest.values()} == {(CallState.ENDED, "hangup")}


def test_the_phone_that_rings_on_is_the_user_when_the_other_is_busy(world: World) -> None:
    agent_dials(world, "1", "2").down("1")
    assert world.latest["1"].state is CallState.REQUESTED
    assert world.latest["1"].user_uri == "sip:302@pbx.example.org"
    world.bridge("b", "2", "a")
    assert list(world.latest) == ["1"]
    assert world.latest["1"].agent_uri == "sip:1001@pbx.example.org"


def test_an_agents_call_goes_on_over_the_next_trunk_when_the_first_is_busy(world: World) -> None:
    agent_dials(world, "1").down("1")
    assert world.latest["1"].state is CallState.REQUESTED
    world.rings("2", "PJSIP/other", by="a").bridge("b", "2", "a")
    call = world.latest["1"]
    assert (call.state, call.type, call.agent_leg) == (CallState.ACTIVE, "form", "a")
    assert list(world.latest) == ["1"]


def test_a_dialplan_that_marks_before_each_trunk_it_tries_makes_one_call(world: World) -> None:
    agent_dials(world, "1").down("1").mark("a", "chat").rings("2", "PJSIP/other", by="a")
    assert [(c.id, c.type) for c in world.app.calls()] == [("1", "chat")]
    world.down("2", "a")
    assert not world.app.calls()
    assert [(c.id, c.cause) for c in world.latest.values()] == [("1", "abandoned")]


def test_a_phone_that_two_agents_are_said_to_ring_is_one_call_that_ends_once(world: World) -> None:
    agent_dials(world, "1")
    world(LegUp("b", "PJSIP/1002-b", "PJSIP/1002", "1002", LegRole.INBOUND)).mark("b")
    world(LegDialled("b", "1")).down("1", "b", "a")
    assert [(c.id, c.cause) for c in world.latest.values()] == [("1", "abandoned")]


def test_an_agents_call_that_nobody_took_ends_with_the_agents_leg_once(world: World) -> None:
    agent_dials(world, "1").down("1", "a")
    assert [(c.id, c.state, c.cause) for c in world.latest.values()] == [
        ("1", CallState.ENDED, "abandoned")
    ]
    assert not world.app.calls()


def test_an_agent_dials_the_user_through_a_local_pipe(world: World) -> None:
    world(LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.INBOUND)).mark("a")
    world.local("l1", "l2", "Local/30@outbound")(LegDialled("a", "l1"))
    world.rings("u", "PJSIP/trunk", by="l2").down("u", "l2", "l1", "a")
    assert [(c.id, c.initiator, c.cause) for c in world.latest.values()] == [
        ("u", "agent", "abandoned")
    ]


def test_a_marked_agent_reaching_another_agent_is_the_user(world: World) -> None:
    world(LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.INBOUND)).mark("a")
    world.rings("b", "PJSIP/1002", by="a").bridge("x", "b", "a")
    call = world.latest["a"]
    assert (call.agent_uri, call.initiator) == ("sip:1002@pbx.example.org", "user")


def test_a_code_between_two_agents_makes_the_caller_the_user(world: World) -> None:
    world(LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.INBOUND))
    world.rings("b", "PJSIP/1002", by="a").bridge("x", "b", "a")
    assert world.latest == {}, "two agents talking are nobody's customer call"
    world.press("b", "whiteboard")
    call = world.latest["a"]
    assert (call.type, call.initiator) == ("whiteboard", "agent")
    assert call.agent_uri == "sip:1002@pbx.example.org"


def test_a_marked_call_whose_agent_leg_dies_unanswered_is_on_record(world: World) -> None:
    world(LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.INBOUND)).mark("a").down("a")
    assert (world.latest["a"].state, world.latest["a"].cause) == (CallState.ENDED, "abandoned")


@pytest.mark.parametrize("feature", [False, True], ids=["mark", "code"])
@pytest.mark.parametrize("marked", [False, True], ids=["ordinary", "marked"])
def test_a_mark_on_the_agents_leg_before_they_talk_is_of_the_call_it_answers(
    world: World, marked: bool, feature: bool
) -> None:
    """``execute_on_answer`` of the leg that is rung, or a code pressed at once."""
    world.members("PJSIP/1001").caller()
    if marked:
        world.mark()
    world.queue().rings("a", "PJSIP/1001").offered("a", "PJSIP/1001")
    world(Marked("a", "chat", feature=feature)).served("a", "PJSIP/1001").bridge("b", "a", "c")
    assert list(world.latest) == ["c"]
    call = world.latest["c"]
    assert (call.type, call.agent_uri) == ("chat", "sip:1001@pbx.example.org")
    assert (call.initiator, call.requests) == ("agent", 2 if marked and feature else 1)


def test_a_mark_on_the_leg_of_an_agent_who_is_rung_in_vain_makes_no_call(world: World) -> None:
    world.caller().mark().queue().rings("a", "PJSIP/1001").offered("a", "PJSIP/1001")
    world.mark("a", "chat").down("a").down("c")
    assert [(c.id, c.type, c.cause) for c in world.latest.values()] == [("c", "form", "abandoned")]


def test_blind_transfer_follows_the_user_to_the_next_agent(world: World) -> None:
    world.queue_call()(Noted("c", "blind transfer to 712"))
    world.unbridge("b", "c", "a").down("a").wait(1)
    assert world.latest["c"].state is CallState.SUSPENDED
    world.rings("a2", "PJSIP/1002").bridge("b2", "a2", "c")
    call = world.latest["c"]
    assert (call.state, call.agent_uri) == (CallState.ACTIVE, "sip:1002@pbx.example.org")
    assert "blind transfer to 712" in [item.text for item in world.traces["c"]]


@pytest.mark.parametrize("pause", [0.0, 1.0])
def test_who_hands_an_ordinary_call_on_is_not_in_the_collaboration_that_begins_then(
    world: World, pause: float
) -> None:
    world.members("PJSIP/1001").caller().rings("a", "PJSIP/1001").bridge("b", "a", "c")
    world.unbridge("b", "a", "c").down("a").wait(pause)
    world.mark("c").queue("c").wait(1)(Unqueued("c", "support", "abandoned")).down("c")
    marked = [report for report in world.reports if report.type == "form"]
    assert [report.agent_uri for report in marked] == [None] * len(marked)
    assert world.reports[0].agent_uri == "sip:1001@pbx.example.org"
    states = list(dict.fromkeys(report.state for report in marked))
    assert states == [CallState.REQUESTED, CallState.QUEUED, CallState.ENDED]
    assert marked[-1].cause == "abandoned"


def test_attended_transfer_by_refer_swaps_agents_without_a_suspension(world: World) -> None:
    world.queue_call()
    world(LegUp("a1b", "PJSIP/1001-2", "PJSIP/1001", "1001", LegRole.INBOUND))
    world.rings("a2", "PJSIP/1002", by="a1b").bridge("consult", "a2", "a1b")
    assert world.latest["c"].agent_leg == "a", "the consultation is not the user's"
    world.unbridge("consult", "a2").unbridge("b", "a")
    world(BridgeEntered("b", "a2", swapped="a")).down("a", "a1b").wait(1)
    call = world.latest["c"]
    assert (call.state, call.agent_leg) == (CallState.ACTIVE, "a2")
    assert CallState.SUSPENDED not in {r.state for r in world.reports}
    assert list(world.latest) == ["c"]


def test_attended_transfer_by_the_pbx_goes_through_a_local_pipe(world: World) -> None:
    world.queue_call().local(name="Local/712@from-sip")
    world.unbridge("b", "a").bridge("consult", "l1", "a")
    world.rings("a2", "PJSIP/1002", by="l2").bridge("far", "a2", "l2").wait(1)
    assert world.latest["c"].state is CallState.SUSPENDED
    world.unbridge("consult", "a", "l1").bridge("b", "l1").down("a")
    call = world.latest["c"]
    assert (call.state, call.agent_leg) == (CallState.ACTIVE, "a2")


def transferred_behind_a_pipe(world: World) -> World:
    """A `Local` member has the call; it transfers: its end of the pipe goes on to a queue."""
    world.members("Local/1001@agents").caller().mark().queue()
    world.local().offered("l1", "Local/1001@agents").rings("a", "PJSIP/1001", by="l2")
    world.served("l1", "Local/1001@agents").bridge("one", "l1", "c").bridge("two", "a", "l2")
    assert world.latest["c"].agent_uri == "sip:1001@pbx.example.org"
    return world.unbridge("two", "a", "l2").down("a")(Queued("l2", "sales", 2)).wait(1)


def test_a_pipe_that_is_queued_stands_for_the_user_behind_it(world: World) -> None:
    transferred_behind_a_pipe(world)
    assert list(world.latest) == ["c"]
    call = world.latest["c"]
    assert (call.state, call.queue, call.position) == (CallState.SUSPENDED, "sales", 2)
    world.rings("d", "PJSIP/1002", by="l2")(Unqueued("l2", "sales", "left"))
    world(Served("l2", "d", "sales", "PJSIP/1002")).bridge("three", "d", "l2")
    assert list(world.latest) == ["c"]
    assert world.latest["c"].agent_uri == "sip:1002@pbx.example.org"
    assert world.latest["c"].position is None
    world.down("l2", "l1", "d")
    assert world.latest["c"].state is CallState.ACTIVE
    world.wait(1).down("c")
    assert not world.app.calls()
    assert not world.app._book.proxies


def test_a_caller_is_not_taken_for_the_member_that_was_rung_for_them(world: World) -> None:
    transferred_behind_a_pipe(world)
    assert world.app.cti.agents_of("l2") == []


def test_redirect_tells_nothing_but_the_bridges(world: World) -> None:
    world.queue_call().unbridge("b", "c", "a").down("a")
    world.rings("a2", "PJSIP/1002").bridge("b2", "a2", "c").wait(1)
    assert world.latest["c"].agent_uri == "sip:1002@pbx.example.org"
    assert CallState.SUSPENDED not in {r.state for r in world.reports}


def test_the_first_agent_stays_while_others_take_part(world: World) -> None:
    world.queue_call().rings("a2", "PJSIP/1002", by=None).bridge("b", "a2")
    assert world.latest["c"].agent_leg == "a"
    world.unbridge("b", "a")
    assert world.latest["c"].agent_leg == "a2"


def test_a_transfer_to_a_phone_outside_suspends(world: World) -> None:
    world.queue_call().unbridge("b", "a", "c").down("a")
    world.rings("x", "PJSIP/mobile").bridge("b2", "x", "c").wait(1)
    assert world.latest["c"].state is CallState.SUSPENDED


def test_the_users_place_in_the_bridge_taken_over_re_anchors_the_call(world: World) -> None:
    world.queue_call()
    world(LegUp("u2", "PJSIP/trunk-9", "PJSIP/trunk", "99", LegRole.INBOUND))
    world(BridgeEntered("b", "u2", swapped="c")).down("c").wait(1)
    call = world.latest["c"]
    assert (call.id, call.aliases, call.state) == ("c", ("u2",), CallState.ACTIVE)
    world.down("u2")
    assert (world.latest["c"].state, world.latest["c"].cause) == (CallState.ENDED, "hangup")


def user_transfers(world: World) -> World:
    """The user's phone hands the agent on and hangs up (an Asterisk's BlindTransfer)."""
    world.queue_call()(Transferred("c", "a"))
    return world.unbridge("b", "c", "a").down("c").wait(1)


def test_a_call_that_its_user_transfers_goes_on_with_whom_the_agent_reaches(world: World) -> None:
    user_transfers(world)
    assert (world.latest["c"].state, world.latest["c"].cause) == (CallState.SUSPENDED, None)
    world.rings("d", "PJSIP/mobile", by="a").bridge("b2", "d", "a").wait(1)
    call = world.latest["c"]
    assert (call.state, call.agent_leg, call.aliases) == (CallState.ACTIVE, "a", ("d",))
    assert call.user_uri == "sip:3015550100@pbx.example.org", "it is still theirs"
    assert list(world.latest) == ["c"]
    world.down("a").wait(1).down("d")
    assert (world.latest["c"].cause, world.app.calls()) == ("hangup", [])


def test_a_transfer_by_the_user_rings_on_when_the_first_phone_is_busy(world: World) -> None:
    user_transfers(world).rings("d", "PJSIP/mobile", by="a").down("d")
    world.rings("e", "PJSIP/desk", by="a").bridge("b2", "e", "a")
    assert (world.latest["c"].state, world.latest["c"].agent_leg) == (CallState.ACTIVE, "a")
    assert list(world.latest) == ["c"]


def test_a_user_who_hangs_up_once_the_next_phone_rings_has_transferred_as_well(
    world: World,
) -> None:
    world.queue_call()(Transferred("c", "a")).unbridge("b", "c", "a")
    world.rings("d", "PJSIP/mobile", by="a").down("c").bridge("b2", "d", "a")
    assert world.latest["c"].aliases == ("d",)
    assert world.latest["c"].state is CallState.ACTIVE


def test_a_transfer_by_the_user_is_known_behind_a_local_member(world: World) -> None:
    world.members("Local/1001@agents").caller().mark().queue()
    world.local().offered("l1", "Local/1001@agents").rings("a", "PJSIP/1001", by="l2")
    world.served("l1", "Local/1001@agents").bridge("one", "l1", "c").bridge("two", "a", "l2")
    world(Transferred("c", "l1")).unbridge("one", "c", "l1").down("c").wait(1)
    world.rings("d", "PJSIP/mobile", by="l1").bridge("b2", "d", "l1")
    assert (world.latest["c"].state, world.latest["c"].aliases) == (CallState.ACTIVE, ("d",))
    assert list(world.latest) == ["c"]


def test_a_transfer_by_the_user_that_nobody_takes_ends_with_the_agent(world: World) -> None:
    user_transfers(world).down("a")
    assert (world.latest["c"].state, world.latest["c"].cause) == (CallState.ENDED, "hangup")
    assert world.app.calls() == []


def test_a_user_who_hands_an_agent_to_another_leaves_nobody_to_serve(world: World) -> None:
    user_transfers(world).rings("a2", "PJSIP/1002", by="a").bridge("b2", "a2", "a").wait(1)
    assert [c.state for c in world.app.calls()] == [CallState.SUSPENDED]
    world.down("a2", "a")
    assert world.app.calls() == []


def test_a_user_who_hangs_up_in_another_call_of_the_agent_is_not_waited_for(world: World) -> None:
    world.queue_call().unbridge("b", "c", "a").caller("d").bridge("b2", "d", "a")
    world(Transferred("c", "a")).down("c")
    assert (world.latest["c"].cause, world.latest["d"].state) == ("hangup", CallState.ACTIVE)


def test_a_call_between_strangers_is_nobodys_business(world: World) -> None:
    world.caller().rings("x", "PJSIP/mobile").bridge("b", "x", "c").down("c", "x")
    assert world.reports == []


def test_events_after_the_end_bring_nothing_back(world: World) -> None:
    world.queue_call().down("c")
    reports = len(world.reports)
    world(Unqueued("c", "support", "left"), Noted("c", "late")).unbridge("b", "a").down("a")
    assert len(world.reports) == reports
    assert world.app.calls() == []


def user_asks(world: World, endpoint: str) -> World:
    """A second leg talks to ``d``; then the agent of the direct call ``c`` takes its place."""
    world.caller().mark().rings("a", "PJSIP/1001").bridge("b", "a", "c")
    world.caller("c2", endpoint).rings("d", "PJSIP/mobile", by="c2").bridge("consult", "d", "c2")
    world.unbridge("b", "a").unbridge("consult", "c2")
    return world(BridgeEntered("consult", "a", swapped="c2"), Transferred("c", "a"))


def test_an_attended_transfer_by_the_user_goes_on_with_whom_they_asked(world: World) -> None:
    user_asks(world, "PJSIP/trunk").unbridge("b", "c").down("c2", "c").wait(1)
    call = world.latest["c"]
    assert (call.state, call.agent_leg, call.aliases) == (CallState.ACTIVE, "a", ("d",))
    assert call.user_uri == "sip:3015550100@pbx.example.org", "it is still theirs"
    assert CallState.SUSPENDED not in {r.state for r in world.reports}
    assert list(world.latest) == ["c"]
    world.down("d")
    assert (world.latest["c"].cause, world.app.calls()) == ("hangup", [])


def test_an_agent_whom_somebody_else_takes_away_does_not_take_the_user_along(world: World) -> None:
    user_asks(world, "PJSIP/other").unbridge("b", "c").down("c2").wait(1)
    assert world.latest["c"].aliases == ()
    assert world.latest["d"].type is None
    world.down("c")
    assert world.latest["c"].cause == "hangup"
