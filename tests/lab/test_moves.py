"""Ways calls move on the real Asterisk that once fooled the core: driver and core, no server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

import pytest
import pytest_asyncio

from connectors.application import Application
from connectors.asterisk.driver import AsteriskDriver
from connectors.demo.asterisk import Asterisk
from connectors.demo.debian import Prefix
from connectors.demo.phones import Phones
from connectors.model import CallReport, CallState, PbxEvent
from connectors.runtime.connector import core_settings
from tests.lab.fixtures import clear
from tests.runtime.settings_for import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXTENSIONS = """
[from-sip](+)
exten => next-trunk,1,Gosub(collab,request,1(chat))
 same => n,Dial(PJSIP/phone1,20)
 same => n,Dial(PJSIP/phone2,20)
 same => n,Hangup()
exten => both-phones,1,Gosub(collab,request,1(chat))
 same => n,Dial(PJSIP/phone1&PJSIP/phone2,20)
 same => n,Hangup()
"""
WITHIN = 10.0


class Watched:
    """A connector without a server: the latest report of each call."""

    def __init__(self, pbx: Asterisk, memory: Iterable[CallReport] = ()) -> None:
        settings = settings_for(
            pbx.ami_port, secret=pbx.secrets["tandem"], agent_endpoints=[r"PJSIP/agent\d"]
        )
        self.core = Application(core_settings(settings))
        self.core.restore(memory)
        self.calls: dict[str, CallReport] = {}
        self._driver = AsteriskDriver(settings)
        self._news = asyncio.Event()

    def take(self, event: PbxEvent) -> None:
        for report in self.core.handle(event, time.time()):
            self.calls[report.id] = replace(report, trace=())
            self._news.set()

    async def until(self, wanted: Callable[[CallReport], bool]) -> CallReport:
        """The first call `wanted` likes, now or soon."""
        async with asyncio.timeout(WITHIN):
            while not (found := [call for call in self.calls.values() if wanted(call)]):
                self._news.clear()
                await self._news.wait()
        return found[0]

    async def ended(self) -> list[CallReport]:
        """All calls, once none stands."""
        async with asyncio.timeout(WITHIN):
            while self.core.calls():
                self._news.clear()
                await self._news.wait()
        return list(self.calls.values())

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[Watched]:
        ready = asyncio.Event()
        session = asyncio.create_task(self._driver.session(self.take, ready.set))
        try:
            await asyncio.wait_for(ready.wait(), WITHIN)
            yield self
        finally:
            session.cancel()
            await asyncio.gather(session, return_exceptions=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dialling(prefix: Prefix) -> AsyncIterator[Asterisk]:
    async with Asterisk(prefix, extensions=EXTENSIONS) as asterisk:
        yield asterisk


@pytest_asyncio.fixture(loop_scope="session")
async def desk(dialling: Asterisk) -> AsyncIterator[Phones]:
    async with Phones(dialling) as made:
        yield made
    async with dialling.ami() as ami:
        await clear(ami)


def active(call: CallReport) -> bool:
    return call.state is CallState.ACTIVE


@pytest.mark.parametrize(("number", "first"), [("next-trunk", 486), ("both-phones", None)])
async def test_an_agents_marked_call_is_that_of_the_phone_that_answers(
    number: str, first: int | None, dialling: Asterisk, desk: Phones
) -> None:
    await desk.listen("phone1", reject=first)
    await desk.listen("phone2", answer=0.2)
    async with Watched(dialling).watching() as watched:
        placed = await desk.call("agent2", number)
        call = await watched.until(active)
        assert (call.type, call.initiator) == ("chat", "agent")
        assert call.user_uri == "sip:phone2@pbx.example.org"
        assert call.agent_uri == "sip:agent2@pbx.example.org"
        await placed.answered()
        await placed.hangup()
        assert [call.cause for call in await watched.ended()] == ["hangup"]


@pytest.mark.parametrize("remembers", [True, False])
async def test_a_connector_that_starts_while_an_agents_call_rings_reports_it_once(
    remembers: bool, dialling: Asterisk, desk: Phones
) -> None:
    phone = await desk.listen("phone1")
    async with Watched(dialling).watching() as before:
        placed = await desk.call("agent2", "next-trunk")
        ringing = await phone.incoming()
        memory = [await before.until(lambda call: call.type == "chat")]
    async with Watched(dialling, memory if remembers else ()).watching() as watched:
        assert [call.id for call in watched.core.calls()] == [memory[0].id]
        await ringing.pick_up()
        await watched.until(active)
        await placed.answered()
        await placed.hangup()
        [call] = await watched.ended()
        assert (call.id, call.cause) == (memory[0].id, "hangup")


async def test_a_call_behind_a_local_member_stays_one_call_when_transferred_to_a_queue(
    dialling: Asterisk, desk: Phones
) -> None:
    member = await desk.listen("agent3", answer=0.2)
    await desk.listen("agent1", answer=0.2)
    async with Watched(dialling).watching() as watched:
        placed = await desk.call("caller", "form-local")
        await watched.until(active)
        await (await member.incoming()).transfer("q-solo")
        moved = await watched.until(lambda call: call.agent_uri == "sip:agent1@pbx.example.org")
        assert (moved.queue, moved.user_uri) == ("solo", "sip:caller@pbx.example.org")
        await placed.answered()
        await placed.hangup()
        assert [call.cause for call in await watched.ended()] == ["hangup"]
