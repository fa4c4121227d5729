"""A transfer brings the core to the same conclusions whoever asks a FreeSWITCH for it.

What both PBXs have in common is in tests/behaviour.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from connectors.application import Application
from connectors.freeswitch.driver import FreeSwitchDriver
from connectors.model import CallReport, CallState, PbxEvent
from connectors.runtime.connector import core_settings
from connectors.settings import PbxSettings
from connectors.simulator import Call, FreeSwitchSimulator
from connectors.simulator.mixes import kinds

AGENTS = ("1001", "1002")
SPEED = 3.0
"""People wait a second before they transfer, which is not what is tried here."""
MAKERS = kinds(AGENTS, talk=0.2, ring=0.05, patience=0.3)
BY_CONTROL = kinds(AGENTS, talk=0.2, ring=0.05, patience=0.3, via="control")
Conclusion = tuple[str, str | None, str, str | None, str | None]


class Watcher:
    """A driver with the core behind it, and what the core concludes of the calls."""

    def __init__(self, simulator: FreeSwitchSimulator) -> None:
        values = {
            "name": "hq",
            "kind": "freeswitch",
            "key": "k" * 32,
            "port": simulator.port,
            "secret": "ClueCon",
            "domain": "example.org",
            "agent_endpoints": (r"user/1\d{3}",),
            "outbox": "unused.db",
        }
        settings = PbxSettings.model_validate(values)
        self.driver = FreeSwitchDriver(settings)
        self.core = Application(core_settings(settings))
        self.concluded: list[Conclusion] = []
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.heard = asyncio.Event()
        """Set by every event."""

    def take(self, event: PbxEvent) -> None:
        """An event of the PBX."""
        for report in self.core.handle(event, time.monotonic()):
            self._note(report)
        self.heard.set()

    def _note(self, report: CallReport) -> None:
        made = (report.state.value, report.type, report.user_uri, report.agent_uri, report.cause)
        if self.concluded[-1:] != [made]:
            self.concluded.append(made)
        if report.state is CallState.ENDED:
            self.ended.set()


async def concluded(script: Call) -> list[Conclusion]:
    """What the core concludes while a script runs."""
    async with FreeSwitchSimulator(speed=SPEED) as simulator:
        watcher = Watcher(simulator)
        session = asyncio.create_task(watcher.driver.session(watcher.take, watcher.ready.set))
        try:
            await asyncio.wait_for(watcher.ready.wait(), 10)
            call = await simulator.run(script)
            for leg in call.legs:
                await call.until("gone", leg.phone.name if leg.phone else "caller")
            await asyncio.wait_for(watcher.ended.wait(), 10)
        finally:
            session.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await session
    return watcher.concluded


@pytest.mark.parametrize("kind", ["blind", "attended"])
async def test_a_transfer_is_one_whoever_asks_for_it(kind: str) -> None:
    """By the telephone's REFER, or by the event socket."""
    assert await concluded(MAKERS[kind](0)) == await concluded(BY_CONTROL[kind](0))
