"""Beside a FreeSWITCH with a thousand channels: a connection is lost, the connector is stopped, its
disk is full, while events flood in.

TANDEM_TEST_FROZEN=20 has the connector stand still as long as the issue says, which is longer than
what FreeSWITCH keeps for it, or than a silent connection lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from connectors.simulator import Call, FreeSwitchSimulator, PhoneSpec, Rings, WorldSpec
from connectors.simulator.freeswitch import lab
from tests.e2e.flood import HELD, Flood, recorded
from tests.e2e.simulated import Beside
from tests.e2e.world import until, uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connectors.simulator.freeswitch.calls import PlacedCall

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLS = 500
"""That stand, of two channels each."""
AT_ONCE = 50
"""Calls of the flood."""
RATE = 500
"""Events a second."""
FROZEN = float(os.environ.get("TANDEM_TEST_FROZEN", "1.5"))
KEPT = 4.0
"""Seconds of it after which the connector still finds the connection, and all that came."""


class Strained(Beside):
    """The programs, the PBX they are beside, its standing calls, and the flood."""

    def __init__(
        self, folder: Path, pbx: FreeSwitchSimulator, tape: tuple[list[bytes], list[str]]
    ) -> None:
        super().__init__(folder, {"lab": pbx})
        self.pbx = pbx
        self.calls: list[PlacedCall] = []
        self.recorded = tape
        self.flood = Flood(*tape, at_once=AT_ONCE)

    async def place(self) -> None:
        """Have all calls answered, each by an agent of its own."""
        for number in range(CALLS):
            self.calls.append(self.pbx.place(Call(f"form-{1000 + number}", (), f"u{number}")))
            await asyncio.sleep(0)
        for call in self.calls:
            await call.until("talking")
        await self.right()

    async def talks(self) -> PlacedCall:
        """One more call, of a caller and an agent who are free again."""
        number = next(n for n, call in enumerate(self.calls) if not call.caller.alive)
        call = self.pbx.place(Call(f"form-{1000 + number}", (), f"u{number}"))
        self.calls[number] = call
        await call.until("talking")
        return call

    def hang_up(self, count: int) -> list[PlacedCall]:
        """Some callers hang up."""
        ended = [call for call in self.calls if call.caller.alive][:count]
        for call in ended:
            self.pbx.hang_up(call)
        return ended

    async def right(self) -> None:
        """Wait until the server has every call that talks with its agent, and no other."""

        async def look() -> tuple[bool, Any]:
            wanted = {call.id: _agent(call) for call in self.calls if call.caller.alive}
            wanted |= dict.fromkeys(self.flood.served, uri("1001"))
            standing = await self.all("/v1/calls?pbx=lab&limit=200")
            found = {c["id"]: c["agent_uri"] for c in standing if c["agent_uri"]}
            wrong = [each for each in wanted.items() if found.get(each[0]) != each[1]]
            more = found.keys() - wanted.keys()
            return not wrong and not more, (len(wanted), wrong[:3], list(more)[:3])

        await until(look, "every call has its agent", within=30, again=0.2)

    @contextlib.asynccontextmanager
    async def flooded(self) -> AsyncIterator[None]:
        """Events of new calls flood in meanwhile, on whatever connection there is."""
        self.flood = Flood(*self.recorded, at_once=AT_ONCE)

        async def pour() -> None:
            while True:
                for session in [s for s in self.pbx.server.sessions if s.wants("SHUTDOWN", "")]:
                    await self.flood.pour(session, RATE, 0.1)
                await asyncio.sleep(0.01)

        pouring = asyncio.create_task(pour())
        try:
            yield
        finally:
            pouring.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pouring

    async def ebb(self) -> None:
        """The calls of the flood end."""
        (session,) = self.pbx.server.sessions
        await self.flood.finish(session)
        await self.right()


def _agent(call: PlacedCall) -> str:
    return uri(call.script.number.removeprefix("form-"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strained(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Strained]:
    phones = [PhoneSpec(f"u{n}") for n in range(CALLS)]
    phones += [PhoneSpec(str(1000 + n), rings=Rings(0.05)) for n in range(CALLS)]
    world = WorldSpec(tuple(phones), ())
    tape = await recorded(Call("form-support", HELD, phones={"1001": Rings(0.01)}))
    async with (
        FreeSwitchSimulator(world, lab.dialplan(world)) as pbx,
        Strained(tmp_path_factory.mktemp("strained"), pbx, tape) as tandem,
    ):
        await tandem.place()
        yield tandem


async def test_a_thousand_channels_are_read_again_while_events_flood_in(
    strained: Strained,
) -> None:
    sessions = await strained.all("/v1/sessions?limit=200")
    said = len(strained.connector.lines)
    strained.pbx.faults.close_all()
    async with strained.flooded():
        await strained.connector.line(", reporting to", since=said)
        ended = {call.id for call in strained.hang_up(10)}
        await asyncio.sleep(0.2)
    assert strained.flood.sent > 100
    await strained.right()
    again = {s["id"]: s for s in await strained.all("/v1/sessions?limit=200")}
    for session in sessions:
        if session["call"]["id"] not in ended:
            assert again[session["id"]] == session
    assert {s["reason"] for s in again.values() if s["call"]["id"] in ended} == {"hangup"}
    await strained.ebb()


@pytest.mark.parametrize("dropped", [False, True])
async def test_a_connector_that_stood_still(dropped: bool, strained: Strained) -> None:
    """`dropped`: FreeSWITCH has given it up meanwhile."""
    said = len(strained.connector.lines)
    async with strained.flooded():
        strained.connector.freeze()
        try:
            await asyncio.sleep(FROZEN)
            ended = strained.hang_up(10)
            if dropped:
                strained.pbx.faults.close_all()
        finally:
            strained.connector.thaw()
        anew = dropped or FROZEN > KEPT
        if anew:
            await strained.connector.line(", reporting to", since=said)
        await asyncio.sleep(0.2)
    assert strained.flood.sent > RATE * min(FROZEN, KEPT) * 0.8
    if not anew:
        await strained.right()
    await strained.ebb()
    reasons = {(await strained.session(call.id, state="ended"))["reason"] for call in ended}
    assert reasons == ({"lost"} if anew else {"hangup"})


async def test_an_outbox_that_cannot_be_written(strained: Strained) -> None:
    said = len(strained.connector.lines)
    _, most = resource.prlimit(strained.connector.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(strained.connector.pid, resource.RLIMIT_FSIZE, (4096, most))
    try:
        call = await strained.talks()
        await strained.connector.line("kept in memory", since=said)
        session = await strained.session(call.id, agent=_agent(call))
        await strained.told(call.id, "message", "the outbox cannot be written")
    finally:
        resource.prlimit(strained.connector.pid, resource.RLIMIT_FSIZE, (most, most))
    await strained.connector.line("the outbox can be written again", since=said)
    await strained.connector.kill()
    await strained.connector.start()
    await strained.right()
    assert (await strained.session(call.id, agent=_agent(call)))["id"] == session["id"]
