"""Calls a connector places: a placeholder's life, calls dialled for agents, a new process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.model import (
    BridgeEntered,
    CallState,
    Command,
    DialBoth,
    HangUp,
    HoldMember,
    LegDialEnded,
    LegDialled,
    LegDown,
    LegRole,
    LegsPaired,
    LegUp,
    Marked,
    MemberKnown,
    Onward,
    PlaceCall,
    Queued,
    Result,
    Served,
    Snapshot,
    SnapshotLeg,
    Unqueued,
)
from tests.core.test_commands import DIALS, ID, OTHER, dial, queue
from tests.core.world import World

FAR = f"far-{ID}"
WAITING = LegUp(ID, "Local/to_support@wait-1;2", "Local/to_support@wait", "", LegRole.INTERNAL)
FAR_UP = LegUp(FAR, "Local/to_support@wait-1;1", "Local/to_support@wait", "", LegRole.INTERNAL)
VOICE = Command("v1", "voice", ID, {"user_uri": "tel:+4930"})
HANG_UP = Command(f"{ID}-hangup", "hangup", ID)


def new() -> World:
    return World(DIALS).members("PJSIP/1001", "PJSIP/1002")


def act(world: World, command: Command) -> Any:
    return world.app.command(command, world.now)


def waits(world: World | None = None, position: int = 1) -> World:
    """A placeholder that was asked for stands in the queue."""
    world = world or new()
    assert isinstance(act(world, queue()), PlaceCall)
    world.local(FAR, ID, "Local/to_support@wait")
    return world.queue(ID, position)


def serves(world: World, agent: str = "1001", leg: str = "a") -> World:
    world.rings(leg, f"PJSIP/{agent}", by=ID).offered(leg, f"PJSIP/{agent}", ID)
    return world.served(leg, f"PJSIP/{agent}", ID).bridge("b", leg, ID)


def hung_up() -> World:
    """The agent who served it has hung the phone up."""
    world = serves(waits())
    return world.unbridge("b", "a", ID).down("a").wait(0.5)


def now(world: World, call: str = ID) -> tuple[Any, ...]:
    report = world.latest[call]
    return report.state.value, report.agent_uri, report.agent_leg, report.cause


WANG = "sip:1001@pbx.example.org"
LI = "sip:1002@pbx.example.org"


# --- placeholders ------------------------------------------------------------------------


def test_a_placeholder_waits_as_any_call_does() -> None:
    world = waits(position=3)
    report = world.latest[ID]
    assert now(world) == ("queued", None, None, None)
    assert (report.type, report.user_uri, report.initiator) == ("form", "web:7f3a", "user")
    assert (report.queue, report.position, report.requests) == ("support", 3, 1)


def test_an_agent_answers_a_placeholder() -> None:
    assert now(serves(waits())) == ("active", WANG, "a", None)


def test_the_agents_phone_is_hung_up_and_the_call_goes_on() -> None:
    world = hung_up()
    assert now(world) == ("active", WANG, None, None)
    assert now(world.wait(60)) == ("active", WANG, None, None)
    world.down(ID, FAR)
    assert now(world) == ("ended", WANG, None, "hangup")


def test_it_is_handed_on_to_another_agent() -> None:
    world = serves(waits()).unbridge("b", "a").down("a")
    world.rings("a2", "PJSIP/1002", by=ID).bridge("b", "a2", ID)
    assert now(world) == ("active", LI, "a2", None)


def test_an_agent_who_hung_up_is_followed_by_another() -> None:
    world = hung_up().rings("a2", "PJSIP/1002", by=ID).bridge("b2", "a2", ID)
    assert now(world) == ("active", LI, "a2", None)


def test_the_queue_gives_a_placeholder_up() -> None:
    world = waits()(Unqueued(ID, "support", "timeout"))
    assert now(world.down(ID, FAR))[3] == "queue_timeout"


def test_a_queue_that_does_not_take_it() -> None:
    world = new()
    act(world, queue())
    world.local(FAR, ID).down(ID, FAR)
    assert now(world)[3] == "queue_timeout"
    assert world.app.calls() == []


def test_a_user_leaves_while_waiting() -> None:
    world = waits()
    assert act(world, HANG_UP) == HangUp(ID)
    world(Unqueued(ID, "support", "timeout")).down(ID, FAR)  # as Asterisk tells it
    assert now(world)[3] == "abandoned"
    assert act(world, HANG_UP).status == "done"


def test_a_user_leaves_before_the_placeholder_is_there() -> None:
    world = new()
    act(world, queue())
    assert act(world, HANG_UP) == HangUp(ID)
    assert world.hangs_up() == []
    world.local(FAR, ID)
    assert world.hangs_up() == [HangUp(ID)]
    assert world.app.calls() == []


def test_the_same_command_again_makes_no_second_one() -> None:
    world = waits()
    again = act(world, queue())
    assert (again.status, again.detail) == ("done", "it stands already")


def test_those_who_left_make_room() -> None:
    world = waits()
    assert isinstance(act(world, queue(OTHER)), PlaceCall)
    third = queue(OTHER.replace("4d9a", "4d9b"))
    assert act(world, third).detail.startswith("full")
    world.down(ID, FAR)
    assert isinstance(act(world, third), PlaceCall)


def test_what_never_comes_is_forgotten() -> None:
    world = new()
    act(world, queue(ID))
    act(world, queue(OTHER))
    third = queue(OTHER.replace("4d9a", "4d9b"))
    assert act(world, third).detail.startswith("full")
    assert isinstance(act(world.wait(31), third), PlaceCall)


def test_who_has_waited_longer_gets_the_place_for_it() -> None:
    world = new()
    for n, name in enumerate(("x", "y", "z"), 1):
        world.caller(name).queue(name, n).wait(100)
    placed = act(world, queue(waited=250))  # after x, who came 300 s ago, before y
    assert placed.place == 2
    assert act(world, queue(waited=0)).place is None
    assert act(world, queue(waited=400)).place == 1


# --- a placeholder becomes a voice call ----------------------------------------------------


def onward() -> World:
    """The far half of a served placeholder talks with the user's phone."""
    world = serves(waits())
    assert act(world, VOICE) == Onward(ID, "+4930", "from-internal")
    world.rings("u", "PJSIP/trunk", by=FAR)
    return world.bridge("v", "u", FAR)


def test_the_users_phone_becomes_the_anchor() -> None:
    world = onward()
    assert now(world) == ("active", WANG, "a", None)
    assert world.latest[ID].aliases == ("u",)
    assert world.latest[ID].user_uri == "web:7f3a"
    world.down("u")
    assert now(world)[3] == "hangup"


def test_a_voice_call_is_no_placeholder_any_more() -> None:
    world = onward()
    assert isinstance(act(world, queue(OTHER)), PlaceCall)
    assert isinstance(act(world, queue(OTHER.replace("4d9a", "4d9b"))), PlaceCall)
    assert act(world, VOICE).status == "done"
    assert act(world, HANG_UP) == HangUp("u")


def test_while_the_users_phone_rings_it_stays_a_placeholder() -> None:
    world = serves(waits()).rings("u", "PJSIP/trunk", by=FAR)
    assert world.latest[ID].aliases == ()
    assert act(world, replace(VOICE, id="v2")).detail == "the user is being dialled already"
    world(LegDialEnded("u", "BUSY")).down("u")
    assert isinstance(act(world, replace(VOICE, id="v3")), Onward)
    assert now(world) == ("active", WANG, "a", None)
    assert "the user was not reached" in world.traces[ID][-1].text


def test_behind_a_pipe_too_it_is_said_that_the_user_was_not_reached() -> None:
    world = serves(waits()).local("m1", "m2", "Local/+4930@from-internal")
    world.rings("u", "PJSIP/trunk", by="m2").down("u")  # all of it may be told before the pipe's
    world(LegDialled(FAR, "m1"), LegDialEnded("m1", "BUSY"))
    assert "the user was not reached" in world.traces[ID][-1].text


def test_ringing_that_is_cut_off_says_nothing_of_the_user() -> None:
    world = serves(waits()).rings("u", "PJSIP/trunk", by=FAR)
    for outcome in ("CANCEL", "ANSWER"):
        world(LegDialEnded("u", outcome))
    assert "not reached" not in world.traces[ID][-1].text


def test_who_is_with_the_agent_is_not_taken_for_the_user() -> None:
    world = serves(waits()).rings("x", "PJSIP/9", by="a").bridge("b", "x")
    assert world.latest[ID].aliases == ()


def test_behind_more_pipes_the_user_is_found_too() -> None:
    world = serves(waits()).local("m1", "m2", "Local/+4930@from-internal")
    world.rings("u", "PJSIP/trunk", by="m2").bridge("w", "u", "m2").bridge("v", "m1", FAR)
    assert world.latest[ID].aliases == ("u",)


def test_what_is_left_of_a_voice_call_is_hung_up() -> None:
    world = onward().down("u")
    assert world.hangs_up() == [HangUp(ID)]


def redialled() -> tuple[World, str]:
    """An agent without a phone in it is dialled for a voice call."""
    world = hung_up()
    asked = act(world, VOICE)
    assert isinstance(asked, DialBoth)
    assert (asked.endpoint, asked.number, asked.call) == ("PJSIP/1001", "+4930", ID)
    return world.rings(asked.leg, "PJSIP/1001", by=None), asked.leg


def test_without_the_agents_phone_both_are_dialled_and_the_placeholder_goes() -> None:
    world, leg = redialled()
    world.rings("u", "PJSIP/trunk", by=leg)
    assert world.latest[ID].aliases == ()
    world.bridge("v", "u", leg)
    assert now(world) == ("active", WANG, leg, None)
    assert world.latest[ID].aliases == ("u",)
    assert world.hangs_up() == [HangUp(ID)]
    world.down(ID, FAR)
    assert now(world) == ("active", WANG, leg, None)
    world.down("u")
    assert now(world)[3] == "hangup"


def test_an_agent_who_does_not_answer_keeps_the_placeholder() -> None:
    world, leg = redialled()
    world.down(leg)
    assert now(world) == ("active", WANG, None, None)
    assert isinstance(act(world, replace(VOICE, id="v2")), DialBoth)


def test_a_call_that_ends_meanwhile_takes_the_agents_leg_along() -> None:
    world, leg = redialled()
    assert act(world, HANG_UP) == HangUp(ID)
    assert world.hangs_up() == [HangUp(leg)]
    assert now(world.down(ID, FAR))[3] == "hangup"


def test_a_call_that_ends_before_the_agents_leg_is_there() -> None:
    world = hung_up()
    leg = act(world, VOICE).leg
    world.down(ID, FAR).rings(leg, "PJSIP/1001", by=None)
    assert world.hangs_up() == [HangUp(leg)]
    assert world.app.calls() == []


# --- dialled ---------------------------------------------------------------------------------


def dialled() -> World:
    world = new()
    assert isinstance(act(world, dial(ID)), DialBoth)
    return world.rings(ID, "PJSIP/1001", by=None)


def test_the_agent_is_rung_first() -> None:
    world = dialled()
    report = world.latest[ID]
    assert now(world) == ("requested", None, None, None)
    assert (report.type, report.initiator, report.user_uri) == ("form", "agent", "tel:+493012345")


def test_agent_and_user_talk() -> None:
    world = dialled().rings("u", "PJSIP/trunk", by=ID)
    assert world.latest[ID].aliases == ("u",)
    world.bridge("b", "u", ID)
    assert now(world) == ("active", WANG, ID, None)
    assert act(world, HANG_UP) == HangUp("u")
    world.down("u")
    assert now(world)[3] == "hangup"


def test_an_agent_who_does_not_answer() -> None:
    world = dialled().down(ID)
    assert now(world) == ("ended", None, None, "hangup")
    assert world.app.calls() == []


def test_a_user_who_does_not_answer() -> None:
    world = dialled().rings("u", "PJSIP/trunk", by=ID).down("u")
    assert world.latest[ID].state is CallState.REQUESTED
    assert now(world.down(ID))[3] == "hangup"
    assert any("was not reached" in line.text for line in world.traces[ID])


def test_a_dialled_call_is_given_up() -> None:
    world = dialled()
    assert act(world, HANG_UP) == HangUp(ID)


def test_the_user_is_found_where_the_ringing_was_not_seen() -> None:
    world = dialled()(LegUp("u", "PJSIP/trunk-u", "PJSIP/trunk", "", LegRole.OUTBOUND))
    world.bridge("b", "u", ID)
    assert now(world) == ("active", WANG, ID, None)


# --- a new process -----------------------------------------------------------------------


def placeholder(**changes: Any) -> tuple[SnapshotLeg, ...]:
    mark = Marked(ID, "form", "web:7f3a", recovered=True)
    waiting = SnapshotLeg(replace(WAITING, placed=ID), mark=mark, queue="support", position=1)
    return (SnapshotLeg(FAR_UP), replace(waiting, **changes))


def listed(*legs: SnapshotLeg, **values: Any) -> Snapshot:
    members = (MemberKnown("support", "PJSIP/1001"), MemberKnown("support", "PJSIP/1002"))
    ids = {leg.up.leg for leg in legs}
    pairs = (LegsPaired(FAR, ID),) if {FAR, ID} <= ids else ()
    return Snapshot(legs, pairs, members, **values)


def phone(leg: str, name: str, placed: str = "", **values: Any) -> SnapshotLeg:
    up = LegUp(leg, f"PJSIP/{name}-{leg}", f"PJSIP/{name}", "", LegRole.OUTBOUND, placed=placed)
    return SnapshotLeg(up, **values)


def again(old: World) -> World:
    """A new process that has what the old one wrote down."""
    world = World(DIALS)
    world.app.restore(old.app.calls())
    return world


def test_a_new_process_knows_a_waiting_placeholder_again() -> None:
    for world in (World(DIALS), again(waits())):
        world(listed(*placeholder()))
        assert [call.id for call in world.app.calls()] == [ID]
        assert world.app.calls()[0].state is CallState.QUEUED
        assert act(world, queue()).status == "done"
        assert act(world, HANG_UP) == HangUp(ID)


def test_a_new_process_counts_the_placeholders_that_stand() -> None:
    world = World(replace(DIALS, max_placeholders=1))(listed(*placeholder()))
    assert act(world, queue(OTHER)).detail.startswith("full")


def test_a_new_process_knows_who_serves_without_a_phone() -> None:
    world = again(hung_up())(listed(*placeholder(queue="", position=None)))
    assert now_of(world) == ("active", WANG, None)
    world.down(ID)
    assert now(world)[3] == "hangup"


def test_without_its_notes_it_knows_that_somebody_has_served() -> None:
    world = World(DIALS)(listed(*placeholder(queue="", position=None)))
    world.down(ID)
    assert now(world)[3] == "hangup"


def test_an_agent_who_answered_and_hung_up_out_of_sight_serves_on() -> None:
    left = placeholder(queue="", position=None, left_by="PJSIP/1001")
    for world in (World(DIALS), again(waits())):
        world(listed(*left))
        assert now_of(world) == ("active", WANG, None)
        assert world.hangs_up() == []
        assert act(world, HANG_UP) == HangUp(ID)


def test_a_placeholder_whose_agent_nobody_knows_is_lost() -> None:
    """Its user would wait, in no queue, for an agent who does not know of it."""
    world = again(waits())(listed(*placeholder(queue="", position=None, left_by="PJSIP/gone")))
    assert world.hangs_up() == [HangUp(ID)]
    world.down(ID)
    assert now(world) == ("ended", None, None, "lost")


def test_who_dials_the_user_on_has_not_left_the_placeholder() -> None:
    old, leg = redialled()
    left = placeholder(queue="", position=None, left_by="PJSIP/gone")
    for world in (World(DIALS), again(old)):
        world(listed(*left, phone(leg, "1001", placed=ID)))
        assert world.hangs_up() == []


def test_a_new_process_ends_a_voice_call_whose_placeholder_is_gone() -> None:
    old, leg = redialled()
    old.rings("u", "PJSIP/trunk", by=leg).bridge("v", "u", leg).down(ID)
    talks = (phone(leg, "1001", placed=ID, bridge="v"), phone("u", "trunk", bridge="v"))
    world = again(old)(listed(*talks))
    assert act(world, HANG_UP) == HangUp("u")
    world.down("u")
    assert now(world)[3] == "hangup"


def test_a_new_process_finds_the_user_of_a_voice_call() -> None:
    legs = (
        replace(placeholder()[0], bridge="v"),
        replace(placeholder(queue="", position=None)[1], bridge="b"),
        phone("a", "1001", bridge="b"),
        phone("u", "trunk", bridge="v"),
    )
    for world in (World(DIALS), again(serves(waits())), again(onward())):
        world(listed(*legs))
        (call,) = world.app.calls()
        assert (call.aliases, call.agent_leg, call.state) == (("u",), "a", CallState.ACTIVE)


def test_a_new_process_goes_on_dialling() -> None:
    for world in (World(DIALS), again(dialled())):
        world(listed(phone(ID, "1001", placed=ID, mark=None)))
        assert act(world, dial()).status == "done"
        world.rings("u", "PJSIP/trunk", by=ID).bridge("b", "u", ID)
        assert now(world) == ("active", WANG, ID, None)
        assert world.latest[ID].aliases == ("u",)


def test_a_new_process_finds_the_phone_that_is_dialled() -> None:
    for world in (World(DIALS), again(dialled())):
        world(listed(phone(ID, "1001", placed=ID), phone("u", "trunk", dialled_by=ID)))
        (call,) = world.app.calls()
        assert call.aliases == ("u",)


def test_a_new_process_goes_on_with_both_dialled_for_a_placeholder() -> None:
    old, leg = redialled()
    world = again(old)
    rings = phone(leg, "1001", placed=ID)
    world(listed(*placeholder(queue="", position=None), rings))
    world.rings("u", "PJSIP/trunk", by=leg).bridge("v", "u", leg)
    assert world.latest[ID].aliases == ("u",)
    assert world.hangs_up() == [HangUp(ID)]


def test_a_voice_call_nobody_has_a_record_of_is_left_in_peace() -> None:
    leg = "7f9a3a52-2d4f-4a6c-8d0e-7b1f0c2e5a22"
    talking = listed(phone(leg, "1001", placed=ID, bridge="v"), phone("u", "trunk", bridge="v"))
    dialling = listed(phone(leg, "1001", placed=ID), phone("u", "trunk", dialled_by=leg))
    alone = listed(phone(leg, "1001", placed=ID))
    for snapshot, effects in ((talking, []), (dialling, []), (alone, [HangUp(leg)])):
        world = World(DIALS)(snapshot)
        assert world.hangs_up() == effects


def test_what_is_lost_meanwhile_is_said() -> None:
    world = again(waits())(listed(restarted=True))
    assert now(world)[3] == "lost"


def now_of(world: World) -> tuple[Any, ...]:
    (call,) = world.app.calls()
    return call.state.value, call.agent_uri, call.agent_leg


# --- any order -----------------------------------------------------------------------------

EVENTS = st.sampled_from(
    [
        FAR_UP,
        WAITING,
        replace(WAITING, placed=ID),
        Queued(ID, "support", 1),
        Unqueued(ID, "support", "timeout"),
        Served(ID, "a", "support", "PJSIP/1001"),
        Served(ID, "a2", "support", "PJSIP/1002"),
        LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "", LegRole.OUTBOUND),
        LegUp("u", "PJSIP/trunk-u", "PJSIP/trunk", "", LegRole.OUTBOUND),
        LegUp(ID, "PJSIP/1001-x", "PJSIP/1001", "", LegRole.OUTBOUND, placed=ID),
        BridgeEntered("b", "a"),
        BridgeEntered("b", ID),
        BridgeEntered("v", FAR),
        BridgeEntered("v", "u"),
        BridgeEntered("b", "u"),
        LegDown("a"),
        LegDown("u"),
        LegDown(FAR),
        LegDown(ID),
        listed(*placeholder()),
        listed(*placeholder(queue="", position=None)),
        listed(phone(ID, "1001", placed=ID), phone("u", "trunk", dialled_by=ID)),
        listed(),
    ]
)
COMMANDS = st.sampled_from([queue(), queue(OTHER), dial(), VOICE, HANG_UP])
STEPS = st.lists(st.one_of(EVENTS, COMMANDS, st.floats(0.1, 40)), max_size=30)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_whatever_comes_nothing_is_left_over(steps: list[Any]) -> None:
    world, held = new(), set[str]()
    for step in steps:
        if isinstance(step, Command):
            decided = act(world, step)
            assert isinstance(decided, Result | PlaceCall | DialBoth | Onward | HangUp)
        elif isinstance(step, float):
            world.wait(step)
        else:
            world(step)
        for effect in world.app.effects():
            if isinstance(effect, HoldMember):
                (held.add if effect.held else held.discard)(effect.interface)
                continue
            assert isinstance(effect, HangUp)
            assert effect.leg not in ("a", "u"), "only what the connector placed is ended"
        standing = [call.id for call in world.app.calls()]
        assert len(standing) == len(set(standing))
    world(Snapshot(()))
    assert world.app.calls() == []
    world.wait(31)
    for effect in world.app.effects():
        assert isinstance(effect, HoldMember)
        held.remove(effect.interface)
    assert not held
    # All who were asked for are forgotten: there is room for as many as may stand.
    for n in range(DIALS.max_placeholders):
        assert isinstance(act(world, queue(OTHER.replace("4d9a", f"4d9{n}"))), PlaceCall)
