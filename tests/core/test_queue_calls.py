"""Calls that a queue gives to an agent."""

from __future__ import annotations

import pytest

from connectors.application import CoreSettings
from connectors.model import (
    BridgeKind,
    CallState,
    LegDown,
    LegHeld,
    LegRole,
    LegUp,
    MemberGone,
    MemberKnown,
    Queued,
    Refused,
    Unqueued,
)
from tests.core.world import World


@pytest.fixture
def world() -> World:
    return World()


def test_a_marked_call_is_on_record_before_any_agent(world: World) -> None:
    world.caller().mark(type="form")
    call = world.latest["c"]
    assert (call.state, call.type, call.initiator) == (CallState.REQUESTED, "form", "user")
    assert call.user_uri == "sip:3015550100@pbx.example.org"
    assert (call.agent_uri, call.agent_leg) == (None, None)


def test_a_queued_call_says_its_queue_and_place(world: World) -> None:
    world.caller().mark().queue(position=3)
    call = world.latest["c"]
    assert (call.state, call.queue, call.position) == (CallState.QUEUED, "support", 3)


def test_the_queues_word_binds_before_the_bridge_does(world: World) -> None:
    world.members("PJSIP/1001").caller().mark().queue()
    world.rings("a", "PJSIP/1001").served("a", "PJSIP/1001")
    call = world.latest["c"]
    assert (call.state, call.agent_uri, call.agent_leg) == (
        CallState.ACTIVE,
        "sip:1001@pbx.example.org",
        "a",
    )
    reports = len(world.reports)
    world.bridge("b", "a", "c")
    assert len(world.reports) == reports, "the bridge only confirms it"


def test_an_agent_who_is_gone_before_the_bridge_serves_nobody(world: World) -> None:
    world.members("PJSIP/1001").caller().mark().queue()
    world.rings("a", "PJSIP/1001").served("a", "PJSIP/1001").down("a").wait(1)
    assert world.latest["c"].state is CallState.SUSPENDED


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_clock_that_is_set_keeps_no_agent_in_the_call(step: float) -> None:
    world = World().queue_call().unbridge("b", "a").wait(step).wait(0.5)
    assert world.latest["c"].state is CallState.SUSPENDED


def test_an_agent_whom_the_queue_gives_another_call_serves_that_one(world: World) -> None:
    world.members("PJSIP/1001").caller("c").mark("c").queue("c").caller("d").mark("d").queue("d")
    world.rings("a", "PJSIP/1001").served("a", "PJSIP/1001", leg="c")
    world.served("a", "PJSIP/1001", leg="d").wait(1)
    assert world.latest["c"].state is CallState.SUSPENDED
    assert (world.latest["d"].state, world.latest["d"].agent_leg) == (CallState.ACTIVE, "a")


def test_a_ringing_agent_does_not_serve(world: World) -> None:
    world.members("PJSIP/1001").caller().mark().queue()
    world.rings("a", "PJSIP/1001").offered("a", "PJSIP/1001")
    assert world.latest["c"].state is CallState.QUEUED


def test_no_answer_then_the_next_agent(world: World) -> None:
    world.members("PJSIP/1001", "PJSIP/1002").caller().mark().queue()
    world.rings("a", "PJSIP/1001").offered("a", "PJSIP/1001")
    world(Refused("c", "support", "PJSIP/1001", "no answer"), LegDown("a"))
    world.rings("a2", "PJSIP/1002").offered("a2", "PJSIP/1002").served("a2", "PJSIP/1002")
    world.bridge("b", "a2", "c").down("c", "a2")
    call = world.latest["c"]
    assert (call.state, call.cause) == (CallState.ENDED, "hangup")
    texts = [item.text for item in world.traces["c"]]
    assert "PJSIP/1001 did not take the call (no answer)" in texts
    assert "sip:1002@pbx.example.org serves the call on PJSIP/1002-a2" in texts


def test_calls_that_a_shutdown_ends_are_lost(world: World) -> None:
    world.queue_call().caller("c2").mark("c2").queue("c2")
    world(Unqueued("c2", "support"), LegDown("c2", "shutting down", lost=True))
    world(LegDown("a", "shutting down", lost=True), LegDown("c", "shutting down", lost=True))
    assert [world.latest[leg].cause for leg in ("c", "c2")] == ["lost", "lost"]
    assert world.traces["c"][-1].text == "lost (shutting down)"


def test_a_local_member_is_the_phone_that_answered(world: World) -> None:
    member = "Local/1001@agents/n"
    world.members(member).caller().mark().queue().local()
    world.offered("l1", member, name="Agent One").rings("a", "SIP/desk7", by="l2")
    world.bridge("b2", "a", "l2").served("l1", member, name="Agent One").bridge("b1", "l1", "c")
    call = world.latest["c"]
    assert (call.agent_leg, call.agent_uri) == ("a", "sip:desk7@pbx.example.org")


def test_a_local_member_is_known_by_its_state_interface(world: World) -> None:
    world(MemberKnown("support", "Local/77@agents/n", "Wang", "PJSIP/1009"))
    world.caller().mark().queue().local(name="Local/77@agents")
    world.offered("l1", "Local/77@agents/n").rings("a", "SIP/other", by="l2")
    world.bridge("b2", "a", "l2").bridge("b1", "l1", "c")
    assert world.latest["c"].agent_uri == "sip:wang@example.org"


def test_an_agent_stays_known_when_the_local_pipe_is_optimised_away(world: World) -> None:
    member = "Local/x@agents"
    world.members(member).caller().mark().queue().local(name=member)
    world.offered("l1", member).rings("a", "SIP/desk7", by="l2")
    world.bridge("b2", "a", "l2").bridge("b1", "l1", "c")
    world.bridge("b1", "a").down("l1", "l2").wait(1)
    call = world.latest["c"]
    assert (call.state, call.agent_leg) == (CallState.ACTIVE, "a")


def test_a_member_without_a_phone_behind_its_local_serves_nobody(world: World) -> None:
    world.members("Local/x@agents").caller().mark().queue().local(name="Local/x@agents")
    world.served("l1", "Local/x@agents").bridge("b1", "l1", "c")
    assert world.latest["c"].agent_uri is None


def test_the_far_side_of_a_members_pipe_is_the_agent_never_the_caller(world: World) -> None:
    member = "Local/1001@agents"
    world.members(member).caller().mark().queue().local(name=member)
    world.rings("a", "SIP/desk7", by="l2").bridge("b1", "l1", "c").bridge("b2", "l2", "a")
    world.press("a")
    assert list(world.latest) == ["c"]
    assert world.latest["c"].agent_leg == "a"


def test_who_picks_up_a_colleagues_queue_call_serves_it(world: World) -> None:
    world.members("PJSIP/1009").caller().mark().queue()
    world.rings("a", "PJSIP/1009").offered("a", "PJSIP/1009")
    world.rings("p", "PJSIP/1002", by=None).down("a").served("p", "PJSIP/1009")
    world.bridge("b", "p", "c")
    assert world.latest["c"].agent_uri == "sip:1002@pbx.example.org"


def test_a_member_on_an_outside_line_is_known_by_its_interface(world: World) -> None:
    world.members("PJSIP/0301234@trunk2").caller().mark().queue()
    world.rings("a", "PJSIP/trunk2").served("a", "PJSIP/0301234@trunk2").bridge("b", "a", "c")
    assert world.latest["c"].agent_leg == "a"


@pytest.mark.parametrize(
    ("trunk", "one", "two"),
    [
        ("PJSIP/carrier", "PJSIP/0301111@carrier", "PJSIP/0302222@carrier"),
        ("gateway/carrier", "gateway/carrier/0301111", "gateway/carrier/0302222"),
    ],
)
def test_agents_behind_one_trunk_are_told_apart_by_their_names(
    world: World, trunk: str, one: str, two: str
) -> None:
    world.caller("c").queue("c").rings("a", trunk, by="c").served("a", one, "c", "wang")
    world.caller("d").queue("d").rings("b", trunk, by="d").served("b", two, "d", "li")
    world.bridge("x", "a", "c").bridge("y", "b", "d")
    assert world.latest["c"].agent_uri == "sip:wang@pbx.example.org"
    assert world.latest["d"].agent_uri == "sip:li@pbx.example.org"


def test_one_agent_on_two_phones_is_one_agent(world: World) -> None:
    world.members("PJSIP/1009", "PJSIP/1019").caller().mark().queue()
    world.rings("a", "PJSIP/1009").served("a", "PJSIP/1009").bridge("b", "a", "c")
    world.rings("a2", "PJSIP/1019").bridge("b", "a2").unbridge("b", "a").down("a")
    call = world.latest["c"]
    assert (call.state, call.agent_uri) == (CallState.ACTIVE, "sip:wang@example.org")
    assert call.agent_leg == "a2"
    assert {r.agent_uri for r in world.reports} == {None, "sip:wang@example.org"}


def test_agents_of_one_number_in_two_domains_are_told_apart_by_the_table() -> None:
    table = {
        "user/1001@b.example": "sip:ann@b.example",
        "user/7@c.example": "sip:bo@c.example",
        "user/1002": "sip:any@example.org",
    }
    world = World(CoreSettings("pbx.example.org", table, (r"user/1001", r"user/9@a\.example")))
    who = {}
    for n, exact in enumerate(
        ("1001@a.example", "1001@b.example", "1002@a.example", "7@c.example", "7@d.example",
         "9@a.example", "9@b.example")
    ):  # fmt: skip
        caller, agent, endpoint = f"c{n}", f"a{n}", f"user/{exact.partition('@')[0]}"
        up = LegUp(agent, f"sofia/{agent}", endpoint, role=LegRole.OUTBOUND, exact=f"user/{exact}")
        world.caller(caller).mark(caller)(up).bridge(f"b{n}", agent, caller)
        who[exact] = world.latest[caller].agent_uri
    assert who == {
        "1001@a.example": "sip:1001@pbx.example.org",
        "1001@b.example": "sip:ann@b.example",
        "1002@a.example": "sip:any@example.org",
        "7@c.example": "sip:bo@c.example",
        "7@d.example": None,
        "9@a.example": "sip:9@pbx.example.org",
        "9@b.example": None,
    }


def test_a_dynamic_member_counts_from_when_it_is_added_until_it_is_removed(world: World) -> None:
    world.caller().mark().rings("x", "SIP/desk7").bridge("b", "x", "c")
    assert world.latest["c"].agent_uri is None
    world.unbridge("b", "x").members("SIP/desk7").bridge("b", "x")
    assert world.latest["c"].agent_uri == "sip:desk7@pbx.example.org"
    other = World().members("SIP/desk7")(MemberGone("support", "SIP/desk7"))
    other.caller().mark().rings("x", "SIP/desk7").bridge("b", "x", "c")
    assert other.latest["c"].agent_uri is None


def test_the_caller_gives_up_waiting(world: World) -> None:
    world.caller().mark().queue()
    world(Unqueued("c", "support", "abandoned"), Unqueued("c", "support", "left"))
    world.down("c")
    call = world.latest["c"]
    assert (call.state, call.cause, call.position) == (CallState.ENDED, "abandoned", None)
    assert world.traces["c"][-1].stopped


def test_the_queue_gives_up_on_the_caller(world: World) -> None:
    world.caller().mark().queue()
    world(Unqueued("c", "support", "timeout"), Unqueued("c", "support", "left"))
    assert world.latest["c"].state is CallState.REQUESTED
    world.down("c")
    assert world.latest["c"].cause == "queue_timeout"


def test_a_second_queue_forgets_how_the_first_ended(world: World) -> None:
    world.caller().mark().queue()
    world(Unqueued("c", "support", "timeout"))
    world(Queued("c", "sales", 1))
    assert (world.latest["c"].state, world.latest["c"].queue) == (CallState.QUEUED, "sales")
    world.down("c")
    assert world.latest["c"].cause == "abandoned"


def test_who_leaves_a_queue_is_served_or_in_the_next_before_nobody_is_said_to_serve_them(
    world: World,
) -> None:
    """Asterisk says that a caller has left some 20 ms before it says who has answered."""
    world.caller().mark().queue()(Unqueued("c", "support", "left"))
    world.rings("a", "PJSIP/1001").offered("a", "PJSIP/1001").served("a", "PJSIP/1001")
    world.unbridge("b", "a", "c").caller("d").mark("d").queue("d")(Unqueued("d", "support", "left"))
    world.queue("d", queue="sales").wait(1)(Unqueued("d", "sales", "left")).wait(0.5)

    def states(call: str) -> list[str]:
        seen = [report.state.value for report in world.reports if report.id == call]
        return [state for state, before in zip(seen, ["", *seen], strict=False) if state != before]

    assert states("c") == ["requested", "queued", "active"]
    assert states("d") == ["requested", "queued", "requested"]


def test_places_move_up_as_others_leave_and_back_as_others_push_in(world: World) -> None:
    for place, leg in enumerate(("c1", "c2", "c3"), 1):
        world.caller(leg).mark(leg).queue(leg, place)
    world(Unqueued("c1", "support", "abandoned")).wait(1)
    assert [world.latest[leg].position for leg in ("c2", "c3")] == [1, 2]
    world.caller("vip").mark("vip").queue("vip", 1).wait(1)
    assert [world.latest[leg].position for leg in ("vip", "c2", "c3")] == [1, 2, 3]


def test_a_place_alone_is_reported_once_a_second_at_most(world: World) -> None:
    for place in range(1, 101):
        world.caller(f"c{place}").mark(f"c{place}").queue(f"c{place}", place)
    world.wait(1).reports.clear()
    for place in range(1, 51):
        world(Unqueued(f"c{place}", "support", "abandoned")).down(f"c{place}")
    assert {report.id for report in world.reports} == {f"c{place}" for place in range(1, 51)}
    world.reports.clear()
    world.wait(1)
    assert [report.position for report in world.reports] == list(range(1, 51))
    world(Unqueued("c51", "support", "abandoned")).reports.clear()
    world.wait(0.25)
    assert world.reports == []
    assert world.wait(1).latest["c100"].position == 49
    world(Unqueued("c52", "support", "abandoned"))
    world.now -= 3600.0  # the clock is set back
    assert world.wait(0).latest["c100"].position == 48


def test_two_calls_at_once_do_not_cross(world: World) -> None:
    world.members("PJSIP/1001", "PJSIP/1002")
    for leg, agent in (("c1", "1001"), ("c2", "1002")):
        world.caller(leg).mark(leg).queue(leg)
        world.rings(f"a{leg}", f"PJSIP/{agent}", by=leg)
    world.served("ac2", "PJSIP/1002", leg="c2").served("ac1", "PJSIP/1001", leg="c1")
    world.bridge("b1", "ac1").bridge("b2", "ac2").bridge("b2", "c2").bridge("b1", "c1")
    assert world.latest["c1"].agent_uri == "sip:1001@pbx.example.org"
    assert world.latest["c2"].agent_uri == "sip:1002@pbx.example.org"


def test_hold_by_either_side_shows(world: World) -> None:
    world.queue_call()
    for leg in ("a", "c"):
        world(LegHeld(leg, True))
        assert world.latest["c"].held
        world(LegHeld(leg, False))
        assert not world.latest["c"].held


def test_the_agent_hangs_up_and_the_caller_goes_on_in_the_dialplan(world: World) -> None:
    world.queue_call().unbridge("b", "a", "c").down("a")
    assert world.latest["c"].state is CallState.ACTIVE
    world.wait(1)
    assert world.latest["c"].state is CallState.SUSPENDED
    assert world.latest["c"].agent_uri is None
    world.down("c")
    assert world.latest["c"].cause == "hangup"


def test_strangers_in_one_parking_lot_are_not_bound(world: World) -> None:
    world.caller().mark().rings("a", "PJSIP/1001", by=None)
    world.bridge("lot", "c", "a", kind=BridgeKind.HOLDING)
    assert world.latest["c"].agent_uri is None


def test_a_spy_is_nobodys_agent(world: World) -> None:
    world.caller().mark()
    world(LegUp("s", "PJSIP/1001-s", "PJSIP/1001", role=LegRole.TOOL))
    world.bridge("b", "s", "c")
    assert world.latest["c"].agent_uri is None


def test_an_ordinary_queue_call_is_seen_and_says_why_it_has_no_session(world: World) -> None:
    world.members("PJSIP/1001").caller().queue()
    world.rings("a", "PJSIP/1001").served("a", "PJSIP/1001").bridge("b", "a", "c").down("c", "a")
    call = world.latest["c"]
    assert (call.type, call.state, call.cause) == (None, CallState.ENDED, "hangup")
    stopped = [item for item in world.traces["c"] if item.stopped]
    assert [item.stage for item in stopped] == ["mark"]
    assert "never marked" in stopped[0].text


def test_a_member_by_name_where_there_is_no_phone_name(world: World) -> None:
    world(MemberKnown("support", "Agent007", "James Bond"))
    world.caller().mark().queue()
    world(LegUp("a", "Agent007", "Agent007", role=LegRole.OUTBOUND))
    world.served("a", "Agent007", name="James Bond").bridge("b", "a", "c")
    assert world.latest["c"].agent_uri == "sip:James%20Bond@pbx.example.org"


def test_a_place_in_line_from_before_hides_nothing_of_a_call_by_the_same_name() -> None:
    """A PBX may be told what to name a channel, and be told the same again."""
    world = World()
    for place, leg in enumerate(("b", "c"), 1):
        world.caller(leg).mark(leg).queue(leg, place)
    world.down("b", "c")
    world.caller("c").mark("c").rings("a", "PJSIP/1001").bridge("x", "a", "c")
    world.unbridge("x", "a").wait(1)
    assert world.latest["c"].state is CallState.SUSPENDED
