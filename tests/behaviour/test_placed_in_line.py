"""Many placeholders in a FreeSWITCH's queue: in line with telephones, over a killed connector.

TANDEM_TEST_PLACEHOLDERS=300 stands more of them beside a third as many calls. The same of a real
Asterisk: tests/asterisk/real/test_placed_in_line.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from connectors.simulator import Call
from connectors.simulator.script import HangUp
from tests.behaviour.conftest import PBXS, pbx_named
from tests.behaviour.pbx import CALLERS
from tests.behaviour.placing import placing
from tests.behaviour.world import ANSWERS
from tests.e2e.world import until
from tests.runtime.server_double import ServerDouble
from tests.runtime.test_process import connector
from tests.simulator.esl_client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = int(os.environ.get("TANDEM_TEST_PLACEHOLDERS", "6"))
WITHIN = 20.0 + COUNT / 2


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[name for name in PBXS if "freeswitch" in name]
)
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with pbx_named(request.param) as running:
        yield running


class Line:
    """What mod_callcenter says of one queue: who came and who was served, in order."""

    def __init__(self, client: Client, queue: str) -> None:
        self.joined: list[str] = []
        self.served: list[str] = []
        self._client, self._queue = client, queue
        self._news = asyncio.Condition()

    async def run(self) -> None:
        lists = {"member-queue-start": self.joined, "bridge-agent-start": self.served}
        while True:
            frame = await self._client.next(1e9)
            if frame.kind != "text/event-json" or frame.event.get("CC-Queue") != self._queue:
                continue
            if (kept := lists.get(frame.event.get("CC-Action", ""))) is not None:
                kept.append(frame.event["CC-Member-Session-UUID"])
                async with self._news:
                    self._news.notify_all()

    async def until(self, joined: int = 0, served: int = 0) -> None:
        async with asyncio.timeout(WITHIN), self._news:
            await self._news.wait_for(
                lambda: len(self.joined) >= joined and len(self.served) >= served
            )


@asynccontextmanager
async def line(pbx: Any, queue: str) -> AsyncIterator[Line]:
    async with Client(pbx.host, pbx.port) as client:
        await client.command(f"auth {pbx.secret}")
        await client.command("event json CUSTOM callcenter::info")
        heard = Line(client, pbx.support.replace("support", queue))
        listening = asyncio.create_task(heard.run())
        try:
            yield heard
        finally:
            listening.cancel()


async def test_placeholders_and_telephones_are_served_in_one_line(pbx: Any) -> None:
    async with line(pbx, "solo") as heard, placing(pbx, max_placeholders=COUNT) as tandem:
        placed, dialled = set(), {}
        for number in range(COUNT):
            placed.add(await tandem.queue("solo", wait=600))
            if number % 3 == 2:
                phone = CALLERS[number // 3 % len(CALLERS)]
                call = await pbx.start(Call("q-solo", phone=phone, display=""))
                dialled[call.id] = call
            await heard.until(joined=len(placed) + len(dialled))
        # The one agent of the queue takes each; a page that has its agent lets them go.
        pbx.on_ring("agent1", ANSWERS)
        for number in range(len(heard.joined)):
            await heard.until(served=number + 1)
            call_id = heard.served[number]
            await tandem.call(call_id, state="active")
            if call_id in placed:
                await tandem.do("hangup", call_id)
            else:
                await pbx.perform(dialled[call_id], HangUp())
            await tandem.call(call_id, state="ended")
        assert heard.served == heard.joined
        await tandem.nothing_stands()


async def test_a_killed_connector_loses_doubles_and_leaves_no_placeholder(
    pbx: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, secret = pbx.placer
    for name, value in {
        "KIND": pbx.kind,
        "USERNAME": user,
        "SECRET": secret,
        "MAX_PLACEHOLDERS": str(COUNT),
    }.items():
        monkeypatch.setenv(f"TANDEM_PBX__HQ__{name}", value)
    queue = pbx.support.replace("support", "nobody")
    wanted = [_command(str(uuid.uuid4()), f"web:{number}", queue) for number in range(COUNT)]
    done = {command["id"] for command in wanted}
    async with line(pbx, "nobody") as heard, ServerDouble() as server:
        async with connector(tmp_path, pbx.port, server.url) as first:
            await first.ready()
            for command in wanted[: COUNT // 2]:
                await server.send(command)
            await heard.until(joined=1)  # in the midst of it
            await first.end(signal.SIGKILL)
        server.links.clear()
        async with connector(tmp_path, pbx.port, server.url) as second:
            await second.ready()
            for command in wanted:  # the server gives again what has no result
                await server.send(command)
            await server.until(
                lambda: {r["id"] for r in server.results if r["status"] == "done"} == done, WITHIN
            )
            assert sorted(heard.joined) == sorted(done)  # none is lost, none came twice
            await _stand(pbx, COUNT)
            await server.until(lambda: done <= server.calls.keys())
            assert {server.calls[call]["state"] for call in done} == {"queued"}
            assert {server.calls[call]["type"] for call in done} == {"form"}
            named = {command["args"]["user_uri"] for command in wanted}
            assert {server.calls[call]["user_uri"] for call in done} == named
            for call in done:
                await server.send({**_command(call, "", queue), "id": f"{call}-hangup",
                                   "kind": "hangup", "args": {}})  # fmt: skip
            await server.until(
                lambda: {server.calls[call]["state"] for call in done} == {"ended"}, WITHIN
            )
            await _stand(pbx, 0)  # none is left over


async def _stand(pbx: Any, count: int) -> None:
    """Wait until so many channels stand: FreeSWITCH's list of them is up to a second late."""

    async def look() -> tuple[bool, Any]:
        standing = await pbx.channels()
        return len(standing) == count, standing

    await until(look, f"{count} channels")


def _command(call: str, user: str, queue: str) -> dict[str, Any]:
    args = {"queue": queue, "type": "form", "user_uri": user, "name": "Ann", "waited": 0,
            "wait": 600}  # fmt: skip
    return {"id": call, "kind": "queue", "call": call, "args": args, "expires": None}
