"""A connector that comes when calls stand already learns of them what one that was there did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from connectors.model import CallReport, CallState
from connectors.simulator import Call, FreeSwitchSimulator
from connectors.simulator.freeswitch import lab
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    Hold,
    Step,
    Until,
)
from connectors.simulator.world import Rings

from .test_esl_parity import Watcher

TALK = Until("talking")
AGENTS = {str(1001 + n): Rings(0.02) for n in range(4)}
SILENT = {name: Rings(None) for name in AGENTS}
CONSULT = (TALK, Consult("1001", "1002"), Until("talking", "1002"))

STANDING: dict[str, tuple[str, tuple[Step, ...], dict[str, Rings]]] = {
    "queued": ("form-support", (Until("queued"),), SILENT),
    "served": ("form-support", (TALK,), AGENTS),
    "served behind a loopback": ("form-local", (TALK,), AGENTS),
    "waiting in a fifo": ("form-line", (Until("queued"),), SILENT),
    "served by a fifo's member": ("form-line", (TALK,), AGENTS),
    "taken from a fifo": (
        "form-line", (Until("queued"), Consult("1001", "next-line"), TALK), SILENT,
    ),
    "held": ("form-1001", (TALK, Hold("1001")), AGENTS),
    "in a consultation": ("form-1001", (*CONSULT,), AGENTS),
    "transferred": ("form-1001", (TALK, BlindTransfer("1001", "1002"), TALK), AGENTS),
    "transferred after asking": ("form-1001", (*CONSULT, CompleteTransfer("1001"), TALK), AGENTS),
}  # fmt: skip


def tell(watcher: Watcher) -> list[tuple[object, ...]]:
    """What a connector says of the calls that stand."""
    return [told(call) for call in watcher.core.calls()]


def told(report: CallReport) -> tuple[object, ...]:
    """What both have to say of a call. How it came to it only who was there can say, and of which
    queue somebody is served."""
    queue = report.queue if report.state is CallState.QUEUED else None
    return (
        report.id, report.state, report.type, report.user_uri, report.agent_uri, report.agent_leg,
        queue, report.held,
    )  # fmt: skip


@pytest.mark.parametrize("name", STANDING)
async def test_who_comes_late_says_what_who_was_there_says(name: str) -> None:
    number, steps, phones = STANDING[name]
    async with (
        FreeSwitchSimulator(lab.world(4)) as sim,
        watching(sim) as there,
    ):
        await sim.run(Call(number, steps, phones=phones))
        async with watching(sim) as late:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    while tell(there) != tell(late):  # it may have something left to read
                        there.heard.clear()
                        await there.heard.wait()
            assert len(tell(late)) == 1
            assert tell(late) == tell(there)


@contextlib.asynccontextmanager
async def watching(sim: FreeSwitchSimulator) -> AsyncIterator[Watcher]:
    """A connector's driver and core on the simulator, from its first look on."""
    watcher = Watcher(sim)
    session = asyncio.create_task(watcher.driver.session(watcher.take, watcher.ready.set))
    try:
        await asyncio.wait_for(watcher.ready.wait(), 10)
        yield watcher
    finally:
        session.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await session
