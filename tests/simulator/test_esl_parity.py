"""The same script on either simulated PBX brings the connector's core to the same conclusions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from connectors.application import Application
from connectors.asterisk.driver import AsteriskDriver
from connectors.freeswitch.driver import FreeSwitchDriver
from connectors.model import CallReport, CallState, PbxEvent
from connectors.runtime.connector import core_settings
from connectors.runtime.driver import Driver
from connectors.settings import PbxSettings
from connectors.simulator import Call, FreeSwitchSimulator, Simulator
from connectors.simulator.mixes import kinds
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    Step,
    Until,
    Wait,
)
from connectors.simulator.switch import SimulatedSwitch
from connectors.simulator.world import Rings

AGENTS = ("1001", "1002")
SPEED = 3.0
"""People wait a second before they transfer, which is not what is tried here."""
MAKERS = kinds(AGENTS, talk=0.2, ring=0.05, patience=0.3)
BY_CONTROL = kinds(AGENTS, talk=0.2, ring=0.05, patience=0.3, via="control")
KINDS = (
    "queue", "local", "direct", "outbound", "agent-hangup", "abandon", "abandon-ringing", "hold",
    "blind", "attended", "redirect", "feature",
)  # fmt: skip
Conclusion = tuple[str, str | None, str, str | None, str | None]


class Watcher:
    """A driver with the core behind it, and what the core concludes of the calls."""

    def __init__(self, simulator: SimulatedSwitch[Any], kind: str) -> None:
        patterns = {"asterisk": r"PJSIP/1\d{3}", "freeswitch": r"user/1\d{3}"}
        secrets = {"asterisk": "tandem-secret", "freeswitch": "ClueCon"}
        values = {
            "name": "hq",
            "kind": kind,
            "key": "k" * 32,
            "port": simulator.port,
            "secret": secrets[kind],
            "domain": "example.org",
            "agent_endpoints": (patterns[kind],),
            "outbox": "unused.db",
        }
        settings = PbxSettings.model_validate(values)
        self.driver: Driver = (
            AsteriskDriver(settings) if kind == "asterisk" else FreeSwitchDriver(settings)
        )
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
        # Asterisk says that a caller left the line before it says who serves it: for a moment the
        # call is requested again, which FreeSWITCH has no word for.
        again = report.state is CallState.REQUESTED and self.concluded != []
        if not again and self.concluded[-1:] != [made]:
            self.concluded.append(made)
        if report.state is CallState.ENDED:
            self.ended.set()


async def concluded(simulator: SimulatedSwitch[Any], kind: str, script: Call) -> list[Conclusion]:
    """What the core concludes while a script runs."""
    async with simulator:
        watcher = Watcher(simulator, kind)
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


@pytest.mark.parametrize("kind", KINDS)
async def test_both_pbxs_tell_the_core_the_same(kind: str) -> None:
    script = MAKERS[kind](0)
    told = {
        "asterisk": await concluded(Simulator(speed=SPEED), "asterisk", script),
        "freeswitch": await concluded(FreeSwitchSimulator(speed=SPEED), "freeswitch", script),
    }
    assert told["asterisk"] == told["freeswitch"]


TALK, PHONES = Until("talking"), {name: Rings(0.05) for name in ("1001", "1003", "1006")}
END = (Until("talking", "1003"), Wait(0.5), HangUp())
MOVES: dict[str, tuple[str, tuple[Step, ...]]] = {
    "the user hands the agent on": (
        "form-support",
        (
            TALK,
            BlindTransfer("caller", "1003"),
            Until("talking", "1003"),
            Wait(0.5),
            HangUp("1003"),
        ),
    ),
    "a queue's agent asks first": (
        "form-support",
        (
            TALK,
            Hold("1001"),
            Consult("1001", "1003"),
            Until("talking", "1003"),
            CompleteTransfer("1001"),
            *END,
        ),
    ),
    "who was asked hangs up": (
        "form-1001",
        (
            TALK,
            Consult("1001", "1003"),
            Until("talking", "1003"),
            Wait(0.3),
            HangUp("1003"),
            Wait(0.3),
            HangUp(),
        ),
    ),
    "an agent behind a pair hands on": ("form-local", (TALK, BlindTransfer("1006", "1003"), *END)),
    "a transfer into a queue": (
        "form-1003",
        (
            TALK,
            BlindTransfer("1003", "q-support"),
            Until("talking", "1001"),
            Wait(0.5),
            HangUp(),
        ),
    ),
}
"""What people do with their telephones, and the number they call first."""


@pytest.mark.parametrize("name", MOVES)
async def test_a_move_is_the_same_on_both(name: str) -> None:
    number, steps = MOVES[name]
    script = Call(number, steps, phones=PHONES)
    told = {
        "asterisk": await concluded(Simulator(speed=SPEED), "asterisk", script),
        "freeswitch": await concluded(FreeSwitchSimulator(speed=SPEED), "freeswitch", script),
    }
    assert told["asterisk"] == told["freeswitch"]


@pytest.mark.parametrize("kind", ["blind", "attended"])
async def test_a_transfer_is_one_whoever_asks_for_it(kind: str) -> None:
    """By the telephone's REFER, or by the event socket."""
    by_phone = await concluded(FreeSwitchSimulator(speed=SPEED), "freeswitch", MAKERS[kind](0))
    by_control = await concluded(
        FreeSwitchSimulator(speed=SPEED), "freeswitch", BY_CONTROL[kind](0)
    )
    assert by_phone == by_control
