from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.asterisk.resync import Lists, snapshot_of
from connectors.asterisk.wire import Frame, FrameReader
from connectors.model import (
    BridgeEntered,
    BridgeKind,
    LegRole,
    LegsPaired,
    LegUp,
    LinkDown,
    Marked,
    MemberKnown,
    Served,
    Snapshot,
)
from tests.asterisk.captured import channel, event, stream
from tests.runtime.ami_double import AmiDouble
from tests.runtime.sessions import attached

ITEMS = ["Status", "BridgeListItem", "QueueParams", "QueueMember", "QueueEntry"]


def items(data: bytes, *names: str) -> list[Frame]:
    return [frame for frame in FrameReader(names).feed(data) if frame.event]


def test_the_recorded_lists_give_what_stood() -> None:
    """list_actions.ami: caller and agent1 talk, a second caller waits in 'nobody'."""
    data = stream("list_actions")
    channels = items(data, "Status")[:3]
    queues = items(data, "QueueParams", "QueueMember", "QueueEntry")
    snapshot = snapshot_of(Lists(channels, items(data, "BridgeListItem"), queues), restarted=False)
    talking, waiting, agent = snapshot.legs
    assert (talking.up.endpoint, talking.up.role) == ("PJSIP/caller", LegRole.INBOUND)
    assert talking.bridge == agent.bridge is not None
    assert (agent.up.endpoint, agent.up.role) == ("PJSIP/agent1", LegRole.OUTBOUND)
    assert (waiting.queue, waiting.position, waiting.bridge) == ("nobody", 1, None)
    assert (talking.queue, talking.mark) == ("", None)
    assert MemberKnown("support", "PJSIP/agent1", "Agent One", "PJSIP/agent1") in snapshot.members


OUTGOING = "Data: (Outgoing Line)"


def status(name: str, leg: str, *lines: str, number: str = "caller", bridge: str = "") -> list[str]:
    return [
        *channel(name, leg, number=number),
        "Type: PJSIP",
        f"BridgeID: {bridge}",
        "Application: Queue",
        "Data: support",
        *lines,
    ]


def one(*lines: str, **values: str) -> Snapshot:
    data = event("Status", "Call", *status("PJSIP/caller-1", "1.1", *lines, **values))
    return snapshot_of(Lists(items(b"\r\n" + data, "Status"), [], []), restarted=False)


def test_marks_are_read_from_the_variables_and_unset_ones_are_nothing() -> None:
    (leg,) = one(
        "Variable: COLLAB_TYPE=form",
        "Variable: COLLAB_USER_URI=sip%3Aalice%40example.org",
        "Variable: COLLAB_HEADER_TYPE=(null)",
        "Variable: COLLAB_HEADER_USER_URI=(null)",
    ).legs
    assert leg.mark == Marked("1.1", "form", "sip:alice@example.org", recovered=True)
    (leg,) = one("Variable: COLLAB_TYPE=(null)", "Variable: COLLAB_USER_URI=(null)").legs
    assert leg.mark is None


def test_who_has_left_a_placeholder_is_told_by_its_queue() -> None:
    """Behind Queue() it waits for its end; ``setinterfacevar`` notes who had answered."""

    def left(application: str, *lines: str, half: str = "2", bridge: str = "") -> str | None:
        name = f"Local/to_support@collab-wait-00000001;{half}"
        found = status(name, "p", *lines, bridge=bridge)
        found = [
            line.replace("Application: Queue", f"Application: {application}") for line in found
        ]
        data = event("Status", "Call", *found)
        (leg,) = snapshot_of(Lists(items(b"\r\n" + data, "Status"), [], []), restarted=False).legs
        return leg.left_by

    member = "Variable: MEMBERINTERFACE=PJSIP/agent1"
    assert left("Wait", member) == "PJSIP/agent1"
    assert left("Wait", "Variable: MEMBERINTERFACE=(null)") == ""
    assert left("Queue", member) is None
    assert left("Wait", member, bridge="b") is None
    assert left("Wait", member, half="1") is None


def test_who_dials_is_told_by_the_dialling_legs_linkedid() -> None:
    agent = ["Linkedid: 1.1", "Application: Dial"]
    calls = [
        event("Status", "Call", *status("PJSIP/1001-1", "1.1", *agent)),
        event("Status", "Call", *status("PJSIP/trunk-2", "1.2", "Linkedid: 1.1", OUTGOING)),
        event("Status", "Call", *status("PJSIP/1002-3", "1.3", "Linkedid: 1.9", OUTGOING)),
    ]
    snapshot = snapshot_of(
        Lists(items(b"\r\n" + b"".join(calls), "Status"), [], []), restarted=False
    )
    assert [listed.dialled_by for listed in snapshot.legs] == [None, "1.1", None]


def test_a_variable_given_twice_is_forged_and_no_mark() -> None:
    (leg,) = one("Variable: COLLAB_TYPE=video", "Variable: COLLAB_TYPE=(null)").legs
    assert leg.mark is None


@pytest.mark.parametrize(
    "number", ["1\r\nUniqueid: 9.9", "1\r\nBridgeID: b9", "1\r\nChannel: PJSIP/1001-1"]
)
def test_a_channel_whose_ids_are_forged_is_left_out(number: str) -> None:
    assert one(number=number, bridge="b1").legs == ()


def test_local_halves_are_paired_by_name_and_parking_holds() -> None:
    data = (
        event("Status", "Call", *status("Local/a@q-01;2", "1.2", bridge="b1"))
        + event("Status", "Call", *status("Local/a@q-01;1", "1.1"))
        + event("BridgeListItem", "x", "BridgeUniqueid: b1", "BridgeType: parking",
                "BridgeTechnology: holding_bridge")
    )  # fmt: skip
    data = b"\r\n" + data
    snapshot = snapshot_of(
        Lists(items(data, "Status"), items(data, "BridgeListItem"), []), restarted=False
    )
    assert snapshot.pairs == (LegsPaired("1.1", "1.2"),)
    assert snapshot.legs[0].kind is BridgeKind.HOLDING


# --- against a server


def entered(leg: str, bridge: str) -> bytes:
    lines = (f"BridgeUniqueid: {bridge}", "BridgeType: basic", "BridgeTechnology: simple_bridge")
    return event("BridgeEnter", "call", *lines, *channel("PJSIP/caller-1", leg))


async def test_a_quiet_pbx_needs_one_look() -> None:
    async with AmiDouble() as pbx:
        pbx.channels = [status("PJSIP/caller-1", "1.1", bridge="b1")]
        async with attached(pbx) as (events, _):
            assert isinstance(events[0], Snapshot)
            assert [leg.up.leg for leg in events[0].legs] == ["1.1"]
            assert len(pbx.asked("Status")) == 1


async def test_events_older_than_the_list_are_looked_at_again_and_not_believed() -> None:
    """The list says b2; events under way still say b1, as on a busy Asterisk."""
    async with AmiDouble() as pbx:
        pbx.channels = [status("PJSIP/caller-1", "1.1", bridge="b2")]
        pbx.after_answer["Status"] = first_time(entered("1.1", "b1"))
        async with attached(pbx) as (events, _):
            assert [type(e).__name__ for e in events] == ["Snapshot"]
            assert events[0].legs[0].bridge == "b2"
            assert len(pbx.asked("Status")) == 2


async def test_what_no_list_repeats_is_kept_from_a_look_that_did_not_count() -> None:
    mark = event("UserEvent", "user", *channel("PJSIP/caller-1", "1.1"),
                 "UserEvent: CollabRequest", "Type: form")  # fmt: skip
    async with AmiDouble() as pbx:
        pbx.channels = [status("PJSIP/caller-1", "1.1")]
        pbx.after_answer["Status"] = first_time(mark + entered("1.1", "b1"))
        async with attached(pbx) as (events, _):
            assert [type(e).__name__ for e in events] == ["Snapshot", "Marked"]


async def test_a_busy_pbx_gets_its_events_behind_the_last_look() -> None:
    async with AmiDouble() as pbx:
        pbx.channels = [status("PJSIP/caller-1", "1.1")]
        pbx.after_answer["Status"] = lambda: entered("1.1", "b1")
        async with attached(pbx) as (events, _):
            assert [type(e).__name__ for e in events] == ["Snapshot", "BridgeEntered"]
            assert events[1] == BridgeEntered("b1", "1.1")
            assert len(pbx.asked("Status")) == 4


async def test_events_about_channels_not_listed_yet_are_applied() -> None:
    async with AmiDouble() as pbx:
        pbx.after_answer["Status"] = first_time(
            event("Newchannel", "call", *channel("PJSIP/new-1", "2.1"))
        )
        async with attached(pbx) as (events, _):
            assert [type(e).__name__ for e in events] == ["Snapshot", "LegUp"]
            assert len(pbx.asked("Status")) == 1


async def test_without_its_fence_it_goes_on_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.asterisk.resync.FENCE_TIMEOUT", 0.02)
    async with AmiDouble() as pbx:
        pbx.keeps_back = {"CollabFence"}
        async with attached(pbx) as (events, _):
            assert isinstance(events[0], Snapshot)
            assert len(pbx.asked("Status")) == 1


async def test_what_is_no_more_than_useful_need_not_be_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.asterisk.resync.OPTIONAL_TIMEOUT", 0.05)
    async with AmiDouble() as pbx:
        pbx.deaf_to = {"BridgeList", "QueueStatus"}
        pbx.refuses = {"CoreStatus": "Invalid/unknown command"}
        pbx.channels = [status("PJSIP/caller-1", "1.1")]
        async with attached(pbx) as (events, _):
            assert isinstance(events[0], Snapshot)
            assert [leg.up.name for leg in events[0].legs] == ["PJSIP/caller-1"]


async def test_a_restart_is_told_from_a_lost_connection() -> None:
    async with AmiDouble() as pbx, attached(pbx) as (events, again):
        for started, restarted in (("06:41:27", False), ("06:50:00", True)):
            pbx.started = started
            pbx.cut()
            await again()
            assert isinstance(events[-2], LinkDown)
            assert isinstance(events[-1], Snapshot)
            assert events[-1].restarted is restarted


BOOTED = (
    b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 0\r\nLastReload: 0\r\n"
    b"Status: Fully Booted\r\n\r\n"
)


async def test_a_pbx_that_boots_later_is_looked_at_again() -> None:
    async with AmiDouble() as pbx:
        pbx.fully_booted = False
        async with attached(pbx) as (events, again):
            pbx.channels = [status("PJSIP/caller-1", "1.1")]
            pbx.push(BOOTED)
            await again()
            assert [len(e.legs) for e in events if isinstance(e, Snapshot)] == [0, 1]


async def test_a_pbx_that_boots_while_it_is_looked_at_is_looked_at_again() -> None:
    async with AmiDouble() as pbx:
        pbx.fully_booted = False
        pbx.before_answer["Status"] = first_time(BOOTED)
        async with attached(pbx) as (events, _):
            await pbx.until(lambda: len(pbx.asked("Status")) == 2)
            assert isinstance(events[0], Snapshot)


SHUTDOWN = b"Event: Shutdown\r\nPrivilege: system,all\r\nRestart: True\r\n\r\n"


async def test_the_end_after_a_shutdown_says_so() -> None:
    async with AmiDouble() as pbx, attached(pbx) as (events, again):
        pbx.cut(last=SHUTDOWN)
        await again()
        assert LinkDown("Asterisk is shutting down and will restart") in events


async def test_a_shutdown_or_start_that_a_caller_forged_changes_nothing() -> None:
    async with AmiDouble() as pbx, attached(pbx) as (events, again):
        asked = len(pbx.asked("Status"))
        pbx.push(SHUTDOWN + b"Event: FullyBooted\r\nPrivilege: system,all\r\n\r\n")
        pbx.push(event("Newchannel", "call", *channel("PJSIP/caller-1", "1.1")))
        await again()
        assert any(isinstance(e, LegUp) for e in events)
        assert not any(isinstance(e, LinkDown) for e in events)
        assert len(pbx.asked("Status")) == asked


async def test_live_events_follow_the_snapshot() -> None:
    async with AmiDouble() as pbx, attached(pbx) as (events, again):
        lines = ["Queue: q", "Interface: PJSIP/1001", "MemberName: Wang"]
        pbx.push(event("AgentConnect", "agent", *channel("PJSIP/caller-1", "1.1"),
                       *channel("PJSIP/1001-2", "1.2", prefix="Dest"), *lines))  # fmt: skip
        await again()
        assert events[-1] == Served("1.1", "1.2", "q", "PJSIP/1001", "Wang")


def first_time(data: bytes) -> Callable[[], bytes]:
    left = [data]
    return lambda: left.pop() if left else b""
