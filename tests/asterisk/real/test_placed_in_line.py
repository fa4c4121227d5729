"""Many placeholders in a real Asterisk's queue: in line with telephones, over a killed connector.

TANDEM_TEST_PLACEHOLDERS=300 stands more of them beside a third as many calls.
"""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from pathlib import Path

import pytest

from connectors.demo.ami import Ami
from connectors.demo.asterisk import Asterisk
from connectors.demo.load import LoadCall
from connectors.demo.phones import Phones
from tests.asterisk.real.placing import LabPbx
from tests.behaviour.placing import placing
from tests.runtime.server_double import ServerDouble
from tests.runtime.test_process import connector

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNT = int(os.environ.get("TANDEM_TEST_PLACEHOLDERS", "6"))


async def entries(lab: Ami, queue: str) -> list[str]:
    """Who waits in a queue, in its order."""
    items = await lab.list("QueueStatus", "QueueStatusComplete")
    line = [i for i in items if i.get("Event") == "QueueEntry" and i["Queue"] == queue]
    return [i["Uniqueid"] for i in sorted(line, key=lambda i: int(i["Position"]))]


async def channels(lab: Ami) -> int:
    return len(await lab.list("CoreShowChannels", "CoreShowChannelsComplete"))


async def test_placeholders_and_telephones_are_served_in_one_line(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    start = len(lab.messages)
    async with placing(LabPbx(pbx), max_placeholders=COUNT) as tandem:
        calls = [LoadCall("q-solo", f"700{n}", talk=0.0) for n in range(COUNT // 3)]
        load = asyncio.create_task(phones.load(calls, rate=20))
        placed = [await tandem.queue("solo", wait=600) for _ in range(COUNT)]
        await load

        total = str(COUNT + len(calls))
        await lab.event("QueueCallerJoin", start=start, Count=total)

        def those(event: str) -> list[str]:
            return [m["Uniqueid"] for m in lab.messages[start:] if m.get("Event") == event]

        joined = those("QueueCallerJoin")
        assert set(placed) < set(joined)
        # The one agent of the queue takes each; a page that has its agent lets them go.
        await phones.listen("agent1", answer=0.01)
        for call in placed:
            await tandem.call(call, state="active")
            await tandem.do("hangup", call)
        for call in joined:
            await tandem.call(call, state="ended")
        assert those("AgentConnect") == joined
        await tandem.nothing_stands()


async def test_a_killed_connector_loses_doubles_and_leaves_no_placeholder(
    pbx: Asterisk, phones: Phones, lab: Ami, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "USERNAME": "placing",
        "SECRET": pbx.secrets["placing"],
        "MAX_PLACEHOLDERS": str(COUNT),
    }.items():
        monkeypatch.setenv(f"TANDEM_PBX__HQ__{name}", value)
    wanted = [
        {
            "id": call,
            "kind": "queue",
            "call": call,
            "args": {"queue": "nobody", "type": "form", "user_uri": f"web:{n}", "name": "Ann",
                     "waited": 0, "wait": 600},
            "expires": None,
        }
        for n, call in enumerate(str(uuid.uuid4()) for _ in range(COUNT))
    ]  # fmt: skip
    async with ServerDouble() as server:
        async with connector(tmp_path, pbx.ami_port, server.url) as first:
            await first.ready()
            for command in wanted[: COUNT // 2]:
                await server.send(command)
            # In the midst of it, some placed and some not.
            await lab.event("QueueCallerJoin", Queue="nobody", Uniqueid=wanted[2]["id"])
            await first.end(signal.SIGKILL)
        server.links.clear()
        async with connector(tmp_path, pbx.ami_port, server.url) as second:
            await second.ready()
            for command in wanted:  # the server gives again what has no result
                await server.send(command)
            done = {command["id"] for command in wanted}
            await server.until(
                lambda: {r["id"] for r in server.results if r["status"] == "done"} == done, 60
            )
            assert sorted(await entries(lab, "nobody")) == sorted(done)
            await server.until(lambda: done <= server.calls.keys())
            assert {server.calls[call]["state"] for call in done} == {"queued"}
            for call in done:
                await server.send({"id": f"{call}-hangup", "kind": "hangup", "call": call,
                                   "args": {}, "expires": None})  # fmt: skip
            await server.until(lambda: all(server.calls[c]["state"] == "ended" for c in done), 60)
            assert {server.calls[call]["cause"] for call in done} == {"abandoned"}
            assert await channels(lab) == 0
