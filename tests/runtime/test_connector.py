"""A connector between an AMI double and a server double: what both ends see."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.asterisk.driver import AsteriskDriver
from connectors.runtime import backoff, link
from connectors.runtime.codec import timestamp
from connectors.runtime.connector import Connector
from connectors.runtime.outbox import Outbox
from connectors.runtime.supervisor import PartFailedError, supervise
from tests.asterisk.captured import channel, event
from tests.runtime.ami_double import AmiDouble
from tests.runtime.server_double import ServerDouble
from tests.runtime.settings_for import settings_for

CALLER = channel("PJSIP/caller-1", "1.1")
AGENT = channel("PJSIP/1001-2", "1.2", number="1001")
AGENT[1] = "ChannelState: 0"
DEST = channel("PJSIP/1001-2", "1.2", prefix="Dest")
MEMBER = ["Queue: support", "Interface: PJSIP/1001", "MemberName: Wang"]


def started() -> bytes:
    return event("Newchannel", "call", *CALLER) + event(
        "UserEvent", "user", *CALLER, "UserEvent: CollabRequest", "Feature: 0", "Type: form",
        "UserURI: sip%3Aalice%40example.org",
    )  # fmt: skip


def queued() -> bytes:
    return started() + event(
        "QueueCallerJoin", "agent", *CALLER, "Queue: support", "Position: 1", "Count: 1"
    )


def answered() -> bytes:
    bridge = ["BridgeUniqueid: b1", "BridgeType: basic", "BridgeTechnology: simple_bridge"]
    return (
        event("Newchannel", "call", *AGENT)
        + event("AgentCalled", "agent", *CALLER, *DEST, *MEMBER)
        + event("QueueCallerLeave", "agent", *CALLER, "Queue: support", "Position: 1")
        + event("AgentConnect", "agent", *CALLER, *DEST, *MEMBER, "HoldTime: 0", "RingTime: 0")
        + event("BridgeEnter", "call", *bridge, *AGENT)
        + event("BridgeEnter", "call", *bridge, *CALLER)
    )


@asynccontextmanager
async def connector(
    pbx: AmiDouble, server: ServerDouble, folder: Path, **values: Any
) -> AsyncIterator[Connector]:
    """Killed, not stopped, at the end: what it has not written is lost."""
    settings = settings_for(pbx.port, folder, server=server.url, **values)
    outbox = Outbox(Path(settings.outbox), time.time())
    headers = {"Authorization": f"Bearer {settings.key.get_secret_value()}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        running = Connector(settings, outbox, http, AsteriskDriver(settings))
        task = asyncio.create_task(running.run())
        try:
            yield running
        finally:
            task.cancel()
            await asyncio.wait({task})
            outbox.close()


@asynccontextmanager
async def both() -> AsyncIterator[tuple[AmiDouble, ServerDouble]]:
    async with AmiDouble() as pbx, ServerDouble() as server:
        yield pbx, server


def snapshots(server: ServerDouble) -> int:
    return sum(1 for body in server.reports if body["snapshot"])


def command(id_: str = "c1", **values: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "kind": "message",
        "call": "1.1",
        "args": {"text": "join https://x/join#1", "content_type": "text/plain", "to": "sip:a@x"},
        "expires": timestamp(time.time() + 60),
        **values,
    }


async def test_a_call_from_the_wire_to_the_server(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1)
        pbx.push(queued())
        await server.until(lambda: server.calls.get("1.1", {}).get("state") == "queued")
        pbx.push(answered())
        await server.until(lambda: server.calls["1.1"]["state"] == "active")
        call = server.calls["1.1"]
        assert (call["type"], call["user_uri"]) == ("form", "sip:alice@example.org")
        assert call["agent_uri"] == "sip:1001@pbx.example.org"
        assert call["agent_leg"] == "1.2"
        pbx.push(event("Hangup", "call", *CALLER, "Cause: 16", "Cause-txt: Normal Clearing"))
        await server.until(lambda: server.calls["1.1"]["state"] == "ended")
        assert server.calls["1.1"]["cause"] == "hangup"


def standings(server: ServerDouble) -> list[bool]:
    """Each change of whether the PBX is connected, as the server was told."""
    told = [body["pbx"]["connected"] for body in server.reports if "pbx" in body]
    return [now for n, now in enumerate(told) if n == 0 or told[n - 1] != now]


async def test_the_server_learns_that_the_pbx_is_gone_and_back(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1)
        assert server.reports[-1]["pbx"]["title"] == f"Asterisk 22.10.1 at 127.0.0.1:{pbx.port}"
        await pbx.stop()
        refused = "nobody listens there (connection refused)"
        await server.until(lambda: server.reports[-1]["pbx"]["detail"] == refused)
        gone = next(body["pbx"] for body in server.reports if not body["pbx"]["connected"])
        assert server.reports[-1]["pbx"]["since"] == gone["since"], "since it went, not each try"
        await pbx.listen()
        await server.until(lambda: snapshots(server) == 2)
    assert standings(server) == [True, False, True]


async def test_a_connector_that_finds_no_pbx_at_its_start_says_so_and_again_after_a_restart(
    tmp_path: Path,
) -> None:
    async with both() as (pbx, server):
        await pbx.stop()
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: standings(server) == [False] and bool(server.links))
            await server.stop()
            server.reports.clear()
            await server.listen()
            await server.until(lambda: standings(server) == [False])
            assert server.reports[0]["snapshot"] is False, "what stands is not known"


async def test_a_message_goes_out_once_and_its_result_comes_back(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1)
        pbx.push(queued())
        await server.until(lambda: "1.1" in server.calls)
        await server.send(command())
        await server.until(lambda: len(server.results) == 1)
        await server.send(command())
        await server.until(lambda: len(server.results) == 2)
        assert [(r["id"], r["status"]) for r in server.results] == [("c1", "done")] * 2
        (sent,) = pbx.asked("MessageSend")
        assert sent["To"] == "pjsip:caller"
        assert base64.b64decode(sent["Base64Body"]) == b"join https://x/join#1"


async def test_a_message_asterisk_never_answers_is_unknown_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.asterisk.performing.MESSAGE_TIMEOUT", 0.1)
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        pbx.deaf_to = {"MessageSend"}
        await server.until(lambda: snapshots(server) == 1)
        pbx.push(queued())
        await server.until(lambda: "1.1" in server.calls)
        await server.send(command())
        await server.until(lambda: len(server.results) == 1)
        await server.send(command())
        await server.until(lambda: len(server.results) == 2)
        assert {r["status"] for r in server.results} == {"unknown"}
        assert len(pbx.asked("MessageSend")) == 1


async def test_after_a_kill_in_the_middle_of_a_send_the_result_is_unknown(tmp_path: Path) -> None:
    async with both() as (pbx, server):
        pbx.deaf_to = {"MessageSend"}
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: snapshots(server) == 1)
            pbx.push(queued())
            await server.until(lambda: "1.1" in server.calls)
            await server.send(command())
            await pbx.until(lambda: len(pbx.asked("MessageSend")) == 1)
        async with connector(pbx, server, tmp_path):
            await server.send(command())
            await server.until(lambda: bool(server.results))
            assert {r["status"] for r in server.results} == {"unknown"}
            assert len(pbx.asked("MessageSend")) == 1


async def test_a_command_waits_for_the_pbx_to_be_known(tmp_path: Path) -> None:
    """Right after a start the core knows no call; 'it does not stand' would be a wrong answer."""
    async with both() as (pbx, server):
        pbx.channels = [[*CALLER, "BridgeID: ", "Variable: COLLAB_TYPE=form"]]
        pbx.mute = True
        async with connector(pbx, server, tmp_path):
            await server.send(command())
            await pbx.until(lambda: pbx.connections == 1)
            pbx.mute = False
            pbx.cut()
            await server.until(lambda: len(server.results) == 1)
            assert server.results[0]["status"] == "done"


async def test_what_must_be_undone_is_however_long_the_pbx_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent is let work again, a placeholder ended; a message is worth nothing by then."""
    monkeypatch.setattr(link, "PATIENCE", 0.1)
    free = {"agent_uri": "sip:1001@pbx.example.org", "paused": False, "busy": True,
            "reason": "collaboration"}  # fmt: skip
    async with both() as (pbx, server):
        pbx.queues = [["Event: QueueMember", "Queue: support", "Location: PJSIP/1001",
                       "Paused: 1", "PausedReason: collaboration"]]  # fmt: skip
        pbx.mute = True
        async with connector(pbx, server, tmp_path):
            until = timestamp(time.time() + 600)
            await server.send(command("f", kind="pause", args=free, expires=until))
            await server.send(command("h", kind="hangup", args={}, expires=until))
            await server.send(command("m", expires=until))
            await server.until(lambda: [r["id"] for r in server.results] == ["m"])
            assert server.results[0]["detail"].startswith("pbx_away")
            pbx.mute = False
            pbx.cut()
            await server.until(lambda: len(server.results) == 3)
            results = {result["id"]: result["status"] for result in server.results}
            assert results == {"m": "failed", "f": "done", "h": "done"}
            (asked,) = pbx.asked("QueuePause")
            assert (asked["Interface"], asked["Paused"]) == ("PJSIP/1001", "false")


@pytest.mark.parametrize("ahead", [3600, -3600])
async def test_a_command_has_its_time_whatever_the_servers_clock_says(
    tmp_path: Path, ahead: int
) -> None:
    there = time.time() + ahead
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1)
        pbx.push(queued())
        await server.until(lambda: "1.1" in server.calls)
        await server.send(command(sent=timestamp(there), expires=timestamp(there + 60)))
        await server.until(lambda: len(server.results) == 1)
        assert server.results[0]["status"] == "done"


async def test_a_command_that_is_withdrawn_while_it_waits_is_not_begun(tmp_path: Path) -> None:
    async with both() as (pbx, server):
        pbx.channels = [[*CALLER, "BridgeID: ", "Variable: COLLAB_TYPE=form"]]
        pbx.mute = True
        async with connector(pbx, server, tmp_path):
            await server.send(command())
            await server.send(command("c2"))
            await server.send({"withdraw": "c1"})
            await server.send({"withdraw": "c9"})  # of one that was done before, or never came
            await pbx.until(lambda: pbx.connections == 1)
            pbx.mute = False
            pbx.cut()
            await server.until(lambda: len(server.results) == 2)
            assert {r["id"]: r["status"] for r in server.results} == {"c1": "failed", "c2": "done"}
            assert len(pbx.asked("MessageSend")) == 1


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"call": "9.9"}, "does not stand"),
        ({"kind": "originate"}, "no command"),
        ({"expires": "yesterday"}, "expires must be"),
        ({"sent": "yesterday"}, "sent and expires must be"),
        ({"expires": timestamp(0.0)}, "too late"),
        ({"sent": timestamp(9e9)}, "too late"),
        ({"args": {"text": "x" * 2000, "content_type": "text/plain"}}, "2000 bytes"),
        ({"args": {"text": 7}}, "text"),
        ({"args": {"text": "\ud800", "content_type": "text/plain"}}, "not valid Unicode"),
        ({"args": {"text": "<b>", "content_type": "text/html"}}, "text/html"),
        ({"args": []}, "args must be an object"),
    ],
)
async def test_a_command_that_cannot_be_done_says_why(
    tmp_path: Path, changes: dict[str, Any], detail: str
) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1)
        pbx.push(queued())
        await server.until(lambda: "1.1" in server.calls)
        await server.send(command(**changes))
        await server.until(lambda: len(server.results) == 1)
        assert server.results[0]["status"] == "failed"
        assert detail in server.results[0]["detail"]
        assert not pbx.asked("MessageSend")


async def test_garbage_on_the_link_harms_nothing(tmp_path: Path) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path):
        await server.until(lambda: snapshots(server) == 1 and bool(server.links))
        for text in (
            "", "[]", "{", '{"id": 7}', '{"id": "c0"}', "null", "[" * 100_000, '{"id":' * 30_000,
            '{"id": "\\ud800", "kind": "hangup"}', '{"id": "x\\nERROR", "kind": "hangup"}',
            '{"id": "c2", "kind": "\\ud800"}', '{"id": "c3", "kind": "a\\nb"}',
            '{"id": "c4", "kind": "hangup", "call": "\\ud800", "lease": 1e999}',
            '{"id": "c5", "kind": "hangup", "expires": "0001-01-01T00:00:00+23:59"}',
            '{"id": "c6", "kind": "pause", "args": {"agent_uri": "\\ud800", "paused": true}}',
            '{"withdraw": "\\ud800"}', "NaN", "1" * 5000,
        ):  # fmt: skip
            await server.links[-1].send_str(text)
        pbx.push(queued())
        await server.until(lambda: "1.1" in server.calls)
        await server.send(command())
        await server.until(lambda: any(r["id"] == "c1" for r in server.results))
        assert [r["status"] for r in server.results if r["id"] == "c1"] == ["done"]
        assert len(server.connectors) == 1, "the link stood all the while"


async def test_a_call_that_got_its_agent_while_the_connector_was_away_is_bound_on_return_once(
    tmp_path: Path,
) -> None:
    async with both() as (pbx, server):
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: snapshots(server) == 1)
            pbx.push(queued())
            await server.until(lambda: server.calls.get("1.1", {}).get("state") == "queued")
        pbx.queues = [["Event: QueueMember", "Queue: support", "Name: Wang",
                       "Location: PJSIP/1001", "StateInterface: PJSIP/1001"]]  # fmt: skip
        pbx.channels = [
            [*CALLER, "BridgeID: b1", "Variable: COLLAB_TYPE=form",
             "Variable: COLLAB_USER_URI=sip%3Aalice%40example.org"],
            [*AGENT, "BridgeID: b1", "Application: AppQueue", "Data: (Outgoing Line)"],
        ]  # fmt: skip
        before = len(server.reports)
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: server.calls["1.1"]["state"] == "active")
            after = [body for body in server.reports[before:] if body["calls"]]
            assert {call["id"] for body in after for call in body["calls"]} == {"1.1"}
            assert after[-1]["epoch"] > server.reports[0]["epoch"]
            lines = {
                (item["n"], item["text"])
                for body in server.reports
                for call in body["calls"]
                for item in call["trace"]
            }
            numbers = sorted(number for number, _ in lines)
            assert numbers == list(range(1, len(lines) + 1)), "each line once, under one number"


async def test_a_call_that_ended_while_the_connector_was_away_is_lost_on_return(
    tmp_path: Path,
) -> None:
    async with both() as (pbx, server):
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: snapshots(server) == 1)
            pbx.push(queued())
            await server.until(lambda: "1.1" in server.calls)
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: server.calls["1.1"]["state"] == "ended")
            assert server.calls["1.1"]["cause"] == "lost"


async def test_a_dead_server_never_holds_up_the_pbx(tmp_path: Path) -> None:
    async with both() as (pbx, server):
        server.slow = asyncio.Event()
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: server.in_flight == 1)
            for number in range(500):
                own = channel(f"PJSIP/caller-{number}", f"5.{number}")
                pbx.push(event("Newchannel", "call", *own))
                pbx.push(event("QueueCallerJoin", "agent", *own, "Queue: q", "Position: 1"))
            start = time.monotonic()
            await pbx.until(lambda: len(pbx.asked("Ping")) >= 2)
            assert time.monotonic() - start < 6, "pings go on while no report gets through"
            server.slow.set()
            await server.until(lambda: len(server.calls) == 500)


async def test_a_wrong_password_is_retried_slowly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert backoff.SLOW == 30
    monkeypatch.setattr(backoff, "SLOW", 0.05)
    async with both() as (pbx, server), connector(pbx, server, tmp_path, secret="wrong"):
        await pbx.until(lambda: len(pbx.asked("Login")) >= 3)
        pbx.secret = "wrong"
        await server.until(lambda: snapshots(server) == 1)
    assert caplog.text.count("login refused for AMI user 'tandem'") == 1
    assert "wrong'" not in caplog.text


async def test_a_part_that_keeps_crashing_ends_the_process_with_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connectors.runtime.supervisor.PAUSE", 0.0)
    runs: list[int] = []

    async def crashes() -> None:
        runs.append(1)
        raise ValueError("boom")

    async def lasts() -> None:
        await asyncio.Event().wait()

    with pytest.raises(PartFailedError, match=r"^the part crashed 5 times .* \(ValueError: boom"):
        async with asyncio.timeout(5):
            await supervise({"the part": crashes, "another": lasts})
    assert len(runs) == 5
    assert caplog.text.count("the part is started again") == 4


async def test_an_error_in_the_core_costs_one_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with both() as (pbx, server), connector(pbx, server, tmp_path) as running:
        await server.until(lambda: snapshots(server) == 1)
        handle = running._core.handle

        def once(event: Any, now: float) -> Any:
            monkeypatch.setattr(running._core, "handle", handle)
            raise RuntimeError("a bug")

        monkeypatch.setattr(running._core, "handle", once)
        pbx.push(event("Newchannel", "call", *channel("PJSIP/other-7", "7.7")) + queued())
        await server.until(lambda: "1.1" in server.calls)
    assert "the core could not take in a LegUp" in caplog.text
