"""Snapshots after a connect, calls out of the outbox, commands down the link."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.model import (
    CallReport,
    CallState,
    Command,
    LegHeld,
    LegRole,
    LegsPaired,
    LegUp,
    LinkDown,
    Marked,
    MemberKnown,
    Result,
    SendMessage,
    Snapshot,
    SnapshotLeg,
    TraceItem,
)
from tests.core.world import World

CALLER = LegUp("c", "PJSIP/trunk-c", "PJSIP/trunk", "3015550100", LegRole.INBOUND)
AGENT = LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.OUTBOUND)
MARK = Marked("c", "form", recovered=True)


def stood(state: CallState, **changes: object) -> CallReport:
    report = CallReport(
        id="c", state=state, type="form", initiator="user",
        user_uri="sip:3015550100@pbx.example.org", agent_uri=None, agent_leg=None,
        queue="support", position=None, held=False, cause=None, since=900.0,
        trace=(TraceItem(7, 900.0, "queue", "waits"),),
    )  # fmt: skip
    return replace(report, **changes)  # type: ignore[arg-type]


def test_a_call_that_got_its_agent_out_of_sight_is_bound_on_return_once() -> None:
    world = World()
    world.app.restore([stood(CallState.QUEUED)])
    snapshot = Snapshot((SnapshotLeg(CALLER, "b", mark=MARK), SnapshotLeg(AGENT, "b")))
    world(snapshot)
    call = world.latest["c"]
    assert (call.state, call.agent_uri) == (CallState.ACTIVE, "sip:1001@pbx.example.org")
    world(snapshot).bridge("b", "a", "c")
    assert len(world.reports) == 1
    assert [item.n for item in world.traces["c"]] == [8], "the trace goes on where it was"


DIALLING = LegUp("c", "PJSIP/1001-c", "PJSIP/1001", "1001", LegRole.INBOUND)
RINGING = LegUp("u", "PJSIP/trunk-u", "PJSIP/trunk", "30", LegRole.OUTBOUND)


@pytest.mark.parametrize("remembered", [True, False])
def test_an_agents_own_call_that_rings_is_found_and_ends_once(remembered: bool) -> None:
    world = World()
    if remembered:
        world.app.restore([stood(CallState.REQUESTED, id="u", initiator="agent", queue=None)])
    world(Snapshot((SnapshotLeg(DIALLING, mark=MARK), SnapshotLeg(RINGING, dialled_by="c"))))
    [call] = world.app.calls()
    assert (call.id, call.state, call.initiator) == ("u", CallState.REQUESTED, "agent")
    world.bridge("b", "u", "c").down("c", "u")
    assert [(c.id, c.cause) for c in world.latest.values()] == [("u", "hangup")]


def test_a_code_the_agent_pressed_out_of_sight_counts() -> None:
    world = World()
    world.app.restore([stood(CallState.ACTIVE, type=None, agent_leg="a", agent_uri="sip:1001@x")])
    mark = Marked("a", "chat", recovered=True)
    world(Snapshot((SnapshotLeg(CALLER, "b"), SnapshotLeg(AGENT, "b", mark=mark))))
    assert (world.latest["c"].type, world.latest["c"].initiator) == ("chat", "agent")
    world.down("a", "c")
    assert list(world.latest) == ["c"]


def test_who_handed_an_ordinary_call_on_out_of_sight_is_not_in_what_began_then() -> None:
    world = World()
    uri = "sip:1001@pbx.example.org"
    world.app.restore([stood(CallState.ACTIVE, type=None, agent_leg="a", agent_uri=uri)])
    world(Snapshot((SnapshotLeg(CALLER, queue="support", position=1, mark=MARK),)))
    assert (world.latest["c"].type, world.latest["c"].agent_uri) == ("form", None)
    world.down("c")
    assert world.latest["c"].agent_uri is None


def test_a_hold_from_before_lasts_until_there_is_a_newer_word() -> None:
    world = World()
    agent = {"agent_leg": "a", "agent_uri": "sip:1001@pbx.example.org"}
    world.app.restore([stood(CallState.ACTIVE, held=True, **agent)])
    world(Snapshot((SnapshotLeg(CALLER, "b", mark=MARK), SnapshotLeg(AGENT, "b"))))
    assert [call.held for call in world.app.calls()] == [True]
    world(LegHeld("a", held=False))
    assert world.latest["c"].held is False


def test_a_call_that_stood_unchanged_is_not_reported_again() -> None:
    world = World()
    active = stood(CallState.ACTIVE, agent_leg="a", agent_uri="sip:1001@pbx.example.org")
    world.app.restore([active])
    world(Snapshot((SnapshotLeg(CALLER, "b", mark=MARK), SnapshotLeg(AGENT, "b"))))
    assert world.reports == []
    assert [call.id for call in world.app.calls()] == ["c"]


def test_a_call_nobody_remembers_is_found_by_its_mark() -> None:
    world = World()
    inherited = Marked("a", "form", recovered=True)
    world(Snapshot((SnapshotLeg(AGENT, "b", mark=inherited), SnapshotLeg(CALLER, "b", mark=MARK))))
    assert list(world.latest) == ["c"]
    assert world.latest["c"].type == "form"
    assert world.latest["c"].agent_leg == "a"


def test_a_waiting_call_nobody_remembers_is_found_with_its_place() -> None:
    world = World()
    world(Snapshot((SnapshotLeg(CALLER, mark=MARK, queue="support", position=2),)))
    call = world.latest["c"]
    assert (call.state, call.type, call.position) == (CallState.QUEUED, "form", 2)


@pytest.mark.parametrize("turned", [False, True])
def test_places_are_as_listed_in_whatever_order_the_list_has_the_calls(turned: bool) -> None:
    world = World()
    second = replace(CALLER, leg="d", name="PJSIP/trunk-d")
    known = stood(CallState.QUEUED, position=1)
    world.app.restore([known, replace(known, id="d", position=2)])
    legs = [
        SnapshotLeg(leg, mark=replace(MARK, leg=leg.leg), queue="support", position=place)
        for place, leg in enumerate((CALLER, second), 1)
    ]
    world(Snapshot(tuple(reversed(legs) if turned else legs)))
    assert {call.id: call.position for call in world.app.calls()} == {"c": 1, "d": 2}


def test_a_call_that_is_gone_is_lost_not_guessed() -> None:
    world = World().queue_call()
    world(LinkDown("connection reset"))
    assert world.latest["c"].state is CallState.ACTIVE, "what stands is unknown, not ended"
    world(Snapshot((), restarted=True))
    assert (world.latest["c"].state, world.latest["c"].cause) == (CallState.ENDED, "lost")
    assert world.app.calls() == []


def test_a_call_that_left_its_queue_meanwhile_waits_no_more() -> None:
    world = World().caller().mark().queue()
    world(Snapshot((SnapshotLeg(CALLER, mark=MARK),)))
    assert world.latest["c"].position is None
    assert world.wait(0.5).latest["c"].state is CallState.REQUESTED


def test_a_local_member_is_understood_from_a_list_alone() -> None:
    world = World()
    near = LegUp("l1", "Local/x@agents-1;1", "Local/x@agents", role=LegRole.INTERNAL)
    far = LegUp("l2", "Local/x@agents-1;2", "Local/x@agents", role=LegRole.INTERNAL)
    phone = LegUp("a", "SIP/desk7-1", "SIP/desk7", role=LegRole.OUTBOUND)
    world(
        Snapshot(
            (
                SnapshotLeg(CALLER, "b1", mark=MARK),
                SnapshotLeg(near, "b1"),
                SnapshotLeg(far, "b2"),
                SnapshotLeg(phone, "b2"),
            ),
            (LegsPaired("l1", "l2"),),
            (MemberKnown("support", "Local/x@agents/n", "Seven"),),
        )
    )
    assert world.latest["c"].agent_uri == "sip:desk7@pbx.example.org"


def test_a_re_anchored_call_is_found_by_its_last_leg() -> None:
    world = World()
    active = stood(
        CallState.ACTIVE, aliases=("c2",), agent_leg="a", agent_uri="sip:1001@pbx.example.org"
    )
    world.app.restore([active])
    caller = replace(CALLER, leg="c2")
    world(Snapshot((SnapshotLeg(caller, "b"), SnapshotLeg(AGENT, "b"))))
    assert world.reports == []
    world.down("c2")
    assert world.latest["c"].cause == "hangup"


@pytest.mark.parametrize(
    ("listed", "cause"),
    [
        (SnapshotLeg(CALLER, mark=MARK, talked=True), "hangup"),
        (SnapshotLeg(CALLER, mark=MARK, talked=False), "abandoned"),
        (SnapshotLeg(CALLER, mark=MARK), "lost"),
        (SnapshotLeg(CALLER, mark=MARK, queue="support"), "abandoned"),
    ],
)
@pytest.mark.parametrize("remembered", [True, False])
def test_who_had_a_call_before_it_was_found_is_not_guessed(
    remembered: bool, listed: SnapshotLeg, cause: str
) -> None:
    """It may have been served out of sight, and its agent have hung up a moment ago."""
    world = World()
    if remembered:
        world.app.restore([stood(CallState.QUEUED)])
    world(Snapshot((listed,))).down("c")
    assert (world.latest["c"].cause, world.latest["c"].agent_uri) == (cause, None)


def test_a_call_that_was_ringing_when_it_was_found_can_be_abandoned() -> None:
    world = World()
    phone = LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.OUTBOUND)
    world(Snapshot((SnapshotLeg(CALLER, mark=MARK), SnapshotLeg(phone, dialled_by="c"))))
    world.down("c", "a")
    assert world.latest["c"].cause == "abandoned"


def message(**changes: object) -> Command:
    command = Command("e1", "message", "c", {"text": "hello", "content_type": "text/plain"})
    return replace(command, **changes)  # type: ignore[arg-type]


def test_a_message_goes_to_the_users_own_terminal_whatever_uri_they_claim() -> None:
    world = World().caller().mark(uri="sip:victim@elsewhere.example")
    assert world.app.command(message(), world.now) == SendMessage("c", "PJSIP/trunk", "hello")


def test_a_message_goes_to_the_users_own_domain() -> None:
    world = World()
    up = LegUp("c", "sofia/internal/7", "user/7", "7", exact="user/7@192.0.2.1")
    world(up).mark()
    assert world.app.command(message(), world.now) == SendMessage("c", "user/7@192.0.2.1", "hello")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (message(call="other"), "does not stand"),
        (message(call=None), "does not stand"),
        (message(kind="dance"), "no command 'dance'"),
        (message(expires=1.0), "too late"),
        (message(args={}), "args.text"),
        (message(args={"text": 5}), "args.text"),
        (message(args={"text": "x", "content_type": None}), "args.content_type"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(command: Command, why: str) -> None:
    world = World().caller().mark()
    result = world.app.command(command, world.now)
    assert isinstance(result, Result)
    assert (result.id, result.status) == ("e1", "failed")
    assert why in result.detail


def test_a_message_to_a_call_that_ended_fails() -> None:
    world = World().caller().mark().down("c")
    result = world.app.command(message(), world.now)
    assert isinstance(result, Result)
    assert result.status == "failed"
