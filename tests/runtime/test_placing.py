"""Commands that place calls, from the link to AMI: again where that is harmless, and cleared up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.captured import channel, event
from tests.runtime.ami_double import AmiDouble
from tests.runtime.server_double import ServerDouble
from tests.runtime.test_connector import both, connector, snapshots

ID = "0b0f5b8e-6f6e-4d3a-9f0b-2f1f7a1c9d11"
OTHER = "4d9a3a52-2d4f-4a6c-8d0e-7b1f0c2e5a22"
NAME = "Local/to_support@collab-wait-00000001;"


def queue(call: str = ID) -> dict[str, Any]:
    args = {"queue": "support", "type": "form", "user_uri": "web:1", "name": "Ann", "waited": 0,
            "wait": 60}  # fmt: skip
    return {"id": call, "kind": "queue", "call": call, "args": args, "expires": None}


def pair(call: str = ID) -> bytes:
    """Both halves of a placeholder come up."""
    far, waiting = channel(f"{NAME}1", f"far-{call}"), channel(f"{NAME}2", call)
    return event("Newchannel", "call", *far) + event("Newchannel", "call", *waiting)


def waits(call: str = ID) -> bytes:
    waiting = channel(f"{NAME}2", call)
    return pair(call) + event(
        "QueueCallerJoin", "agent", *waiting, "Queue: support", "Position: 1", "Count: 1"
    )


def listed(call: str = ID) -> list[str]:
    """A waiting half in a Status list."""
    return [*channel(f"{NAME}2", call), "BridgeID: ", f"Variable: COLLAB_CALL={call}",
            "Variable: COLLAB_TYPE=form"]  # fmt: skip


def last(server: ServerDouble) -> tuple[str, str]:
    return server.results[-1]["status"], server.results[-1]["detail"]


async def ready(server: ServerDouble, pbx: AmiDouble) -> None:
    await server.until(lambda: snapshots(server) == 1)
    pbx.after_answer["Originate"] = waits


async def test_a_placeholder_is_placed_once_and_answered(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await ready(server, pbx)
        await server.send(queue())
        await server.until(lambda: bool(server.results))
        assert last(server) == ("done", "it waits in queue support")
        await server.until(lambda: server.calls.get(ID, {}).get("state") == "queued")
        await server.send(queue())
        await server.until(lambda: len(server.results) == 2)
        (sent,) = pbx.asked("Originate")
        assert (sent["ChannelId"], sent["OtherChannelId"]) == (f"far-{ID}", ID)


async def test_over_the_cap_it_is_full_until_one_has_gone(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path, max_placeholders=1):
        await ready(server, pbx)
        await server.send(queue())
        await server.until(lambda: len(server.results) == 1)
        await server.send(queue(OTHER))
        await server.until(lambda: len(server.results) == 2)
        assert last(server)[1].startswith("full")
        gone = channel(f"{NAME}2", ID)
        pbx.push(event("Hangup", "call", *gone, "Cause: 16", "Cause-txt: Normal Clearing"))
        await server.until(lambda: server.calls[ID]["state"] == "ended")
        pbx.after_answer["Originate"] = lambda: waits(OTHER)
        await server.send(queue(OTHER))
        await server.until(lambda: len(server.results) == 3)
        assert last(server)[0] == "done"


async def test_who_comes_first_is_in_line_before_the_next_is_placed(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1)
        await server.send(queue())
        await server.send(queue(OTHER))
        await server.send({"id": "x-hangup", "kind": "hangup", "call": "x", "args": {}})
        await server.until(lambda: bool(server.results))
        assert server.results[0]["id"] == "x-hangup", "whatever else there is need not wait"
        await pbx.until(lambda: bool(pbx.asked("Originate")))
        assert [each["OtherChannelId"] for each in pbx.asked("Originate")] == [ID]
        pbx.push(waits())
        await pbx.until(lambda: len(pbx.asked("Originate")) == 2)
        pbx.push(waits(OTHER))
        await server.until(lambda: len(server.results) == 3)
        assert [each["id"] for each in server.results[1:]] == [ID, OTHER]


async def test_an_answer_lost_with_the_connection_is_looked_up_on_the_pbx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.runtime.link.AGAIN", 0.05)
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await ready(server, pbx)
        pbx.deaf_to = {"Originate"}
        await server.send(queue())
        await pbx.until(lambda: bool(pbx.asked("Originate")))
        pbx.channels = [listed()]  # it was placed all the same
        pbx.cut()
        await server.until(lambda: bool(server.results))
        assert last(server) == ("done", "it stands already")
        assert len(pbx.asked("Originate")) == 1


async def test_a_new_process_places_what_the_killed_one_did_not(tmp_path: Path) -> None:
    async with both() as (pbx, server):
        pbx.deaf_to = {"Originate"}
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: snapshots(server) == 1)
            await server.send(queue())
            await pbx.until(lambda: len(pbx.asked("Originate")) == 1)
        pbx.deaf_to = set()
        pbx.after_answer["Originate"] = waits
        server.links.clear()
        async with connector(pbx, server, tmp_path):
            await server.send(queue())
            await server.until(lambda: bool(server.results))
            assert last(server)[0] == "done"
            assert len(pbx.asked("Originate")) == 2


async def test_what_was_given_up_before_it_came_is_ended_by_the_connector(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1)
        pbx.refuses["Hangup"] = "No such channel"
        await server.send(queue())
        await pbx.until(lambda: bool(pbx.asked("Originate")))
        await server.send({"id": f"{ID}-hangup", "kind": "hangup", "call": ID, "args": {}})
        await server.until(lambda: bool(server.results))
        assert last(server) == ("done", "it does not stand")
        pbx.refuses.clear()
        pbx.push(pair())
        await pbx.until(lambda: len(pbx.asked("Hangup")) == 2)
        assert pbx.asked("Hangup")[-1]["Channel"] == ID


async def test_an_originate_that_fails_is_a_failure_at_once(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path, agent_endpoints=(".*",),
                                                  dial_context="from-internal"):  # fmt: skip
        await server.until(lambda: snapshots(server) == 1)
        pbx.after_answer["Originate"] = lambda: event(
            "OriginateResponse", "call", f"ActionID: tandem-place-{ID}", "Response: Failure",
            "Channel: PJSIP/1001", "Context: collab-dial", "Exten: to_1", "Reason: 0",
            f"Uniqueid: {ID}",
        )  # fmt: skip
        args = {"agent_uri": "sip:1001@pbx.example.org", "user_uri": "tel:1", "type": "form"}
        await server.send({"id": ID, "kind": "dial", "call": ID, "args": args})
        await server.until(lambda: bool(server.results))
        assert last(server) == ("failed", "not_reached: Asterisk could not call it")
        await server.send({"id": ID, "kind": "dial", "call": ID, "args": args})
        await server.until(lambda: len(server.results) == 2)
        assert len(pbx.asked("Originate")) == 1, "a dialled call is tried once"


def answered() -> bytes:
    """Agent 1001 serves the placeholder."""
    waiting, agent = channel(f"{NAME}2", ID), channel("PJSIP/1001-2", "1.2", number="1001")
    dest = channel("PJSIP/1001-2", "1.2", prefix="Dest")
    member = ["Queue: support", "Interface: PJSIP/1001", "MemberName: Wang"]
    bridge = ["BridgeUniqueid: b1", "BridgeType: basic", "BridgeTechnology: simple_bridge"]
    agent[1] = "ChannelState: 0"
    return (
        event("Newchannel", "call", *agent)
        + event("QueueCallerLeave", "agent", *waiting, "Queue: support", "Position: 1")
        + event("AgentConnect", "agent", *waiting, *dest, *member, "HoldTime: 0", "RingTime: 0")
        + event("BridgeEnter", "call", *bridge, *agent)
        + event("BridgeEnter", "call", *bridge, *waiting)
    )


async def test_a_far_half_that_does_not_wait_yet_is_not_sent_on(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path,
                                                  dial_context="from-internal"):  # fmt: skip
        await ready(server, pbx)
        await server.send(queue())
        await server.until(lambda: len(server.results) == 1)
        pbx.push(answered())
        await server.until(lambda: server.calls[ID]["state"] == "active")
        far = channel(f"{NAME}1", f"far-{ID}")
        pbx.channels = [[*far, "Application: AppDial2"]]
        voice = {"id": f"{ID}-voice-1", "kind": "voice", "call": ID, "args": {"user_uri": "tel:1"}}
        await server.send(voice)
        await pbx.until(lambda: sum("Channel" in each for each in pbx.asked("Status")) >= 2)
        assert pbx.asked("Redirect") == []
        pbx.channels = [[*far, "Application: Wait"]]
        await server.until(lambda: len(server.results) == 2)
        assert last(server) == ("done", "Asterisk dials 1")
        (sent,) = pbx.asked("Redirect")
        assert (sent["Channel"], sent["Exten"]) == (f"far-{ID}", "to_1")
