"""How commands, and what the core itself wants, are carried out: by whom, in turn, for how long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from connectors.application import Application, CoreSettings
from connectors.model import HangUp, MemberKnown, PauseMember, Result
from connectors.runtime import link
from connectors.runtime.codec import timestamp
from connectors.runtime.driver import Outcome
from connectors.runtime.lease import MARGIN, Lease
from connectors.runtime.link import Commands
from connectors.runtime.outbox import Outbox
from tests.runtime.calls import AT
from tests.runtime.test_lease import STANDS_BY, Clock, word

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connectors.model import Effect


class Hands:
    """A driver that does as it is told, or as `says`."""

    title = "a PBX"

    def __init__(self) -> None:
        self.done: list[Effect] = []
        self.says: list[Outcome] = []
        self.busy: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def session(self, *_: Any) -> str:
        raise AssertionError

    async def perform(self, effect: Effect) -> Outcome:
        self.begun.set()
        if self.busy is not None:
            await self.busy.wait()
        self.done.append(effect)
        return self.says.pop(0) if self.says else Outcome("done")


class Bench:
    def __init__(self, tmp_path: Path) -> None:
        self.clock, self.hands = Clock(), Hands()
        self.lease = Lease(self.clock)
        self.outbox = Outbox(tmp_path / "outbox", AT)
        self.synced = asyncio.Event()
        core = Application(CoreSettings("pbx.example.org", agent_endpoints=("PJSIP/.*",)))
        core.handle(MemberKnown("support", "PJSIP/1001"), AT)
        self.commands = Commands(core, self.hands, self.outbox, self.synced, self.lease)

    def take(self, name: str, kind: str, **args: Any) -> None:
        """A command comes down the link."""
        body = {"id": name, "kind": kind, "args": args, "expires": timestamp(time.time() + 60)}
        self.commands.take(json.dumps(body))

    async def result(self, name: str) -> Result:
        """What became of a command."""
        async with asyncio.timeout(10):
            while (result := self.outbox.result_of(name)) is None:
                self.commands._done.clear()
                await self.commands._done.wait()
        return result

    async def finished(self) -> list[str]:
        """What has been done once there is nothing left to do."""
        async with asyncio.timeout(10):
            await self.commands._own.join()
        return [effect.leg for effect in self.hands.done if isinstance(effect, HangUp)]


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(link, "AGAIN", 0.01)
    bench = Bench(tmp_path)
    running = asyncio.create_task(bench.commands.run())
    yield bench
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def legs(*names: str) -> list[HangUp]:
    return [HangUp(name) for name in names]


async def test_whoever_serves_the_pbx_does_it_in_turn(bench: Bench) -> None:
    bench.lease.answered(word(5), bench.clock.now)
    bench.commands.want(legs("a", "b", "c"))
    assert await bench.finished() == ["a", "b", "c"]


async def test_whoever_stands_by_leaves_it(bench: Bench) -> None:
    bench.lease.answered(STANDS_BY, bench.clock.now)
    bench.commands.want(legs("a"))
    assert await bench.finished() == []


@pytest.mark.parametrize(("said", "done"), [(STANDS_BY, []), (word(5), ["a"])])
async def test_whoever_stood_still_waits_to_hear_who_serves(
    said: dict[str, Any], done: list[str], bench: Bench
) -> None:
    bench.lease.answered(word(5), bench.clock.now)
    bench.clock.now += 3 * MARGIN
    bench.commands.want(legs("a"))
    await asyncio.sleep(0)
    assert bench.hands.done == []
    bench.lease.answered(said, bench.clock.now)
    assert await bench.finished() == done


async def test_a_server_that_is_away_holds_it_up_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever served when it went serves on: it gives the PBX to nobody meanwhile."""
    monkeypatch.setattr(link, "UNSAID", 0.05)
    bench.lease.answered(word(5), bench.clock.now)
    bench.clock.now += 3 * MARGIN
    bench.commands.want(legs("a", "b"))
    assert await bench.finished() == ["a", "b"]
    monkeypatch.setattr(link, "UNSAID", 3600)
    bench.commands.want(legs("c"))
    assert await bench.finished() == ["a", "b", "c"]


async def test_what_nobody_knows_to_have_happened_is_tried_again(bench: Bench) -> None:
    bench.hands.says = [Outcome("unknown"), Outcome("done"), Outcome("failed", "no")]
    bench.commands.want(legs("a", "b", "c"))
    assert await bench.finished() == ["a", "a", "b", "c"]


async def test_a_stop_waits_for_what_is_wanted(bench: Bench) -> None:
    bench.hands.busy = asyncio.Event()
    bench.commands.want(legs("a", "b"))
    stopping = asyncio.create_task(bench.commands.finish())
    async with asyncio.timeout(10):
        await bench.hands.begun.wait()
        assert not stopping.done()
        bench.hands.busy.set()
        await stopping
    assert len(bench.hands.done) == 2


AGENT = "sip:1001@pbx.example.org"


async def test_a_pause_waits_for_a_pbx_that_is_away_and_each_in_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is paused there, and is let work by nobody when it is back, stays so."""
    monkeypatch.setattr(link, "PATIENCE", 0.05)
    bench.hands.says = [Outcome("unknown")]
    bench.take("busy", "pause", agent_uri=AGENT, paused=True, busy=True, reason="x")
    bench.take("free", "pause", agent_uri=AGENT, paused=False, busy=True, reason="x")
    bench.take("ring", "voice", user_uri="tel:+4930")
    assert (await bench.result("ring")).detail.startswith("pbx_away")
    assert bench.outbox.result_of("busy") is None
    bench.synced.set()
    assert (await bench.result("free")).status == "done"
    done = [effect.paused for effect in bench.hands.done if isinstance(effect, PauseMember)]
    assert done == [True, True, False]
