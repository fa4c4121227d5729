"""The same script on the recorded FreeSWITCH and on the simulator gives the same events."""

from __future__ import annotations

import asyncio
import re

import pytest

from connectors.simulator.freeswitch.normalise import compare, header_differences, normalise
from connectors.simulator.freeswitch.simulator import FreeSwitchSimulator

from . import esl_recorded as recorded
from .esl_client import Client

SPEED = 10.0


def subscribed(stream: bytes, name: str) -> str:
    """The `event` line that the recording's client sent."""
    text = next(recorded.CAPTURES.glob(f"{name}*.txt")).read_text()
    match = re.search(r"'(event plain [^\\']+)", text)
    assert match is not None
    return match[1]


async def simulated(name: str) -> bytes:
    """What the recording's client receives while the recorded script runs."""
    simulator = FreeSwitchSimulator(recorded.WORLD, recorded.DIALPLAN, speed=SPEED)
    for agent in simulator.pbx.callcenter.agents.values():
        if agent.name not in recorded.FREE.get(name, ("1001",)):
            agent.status = "On Break"
    script = recorded.SCRIPTS[name]
    async with simulator, Client(simulator.host, simulator.port) as client:
        await client.login(subscribed(recorded.recording(name), name))
        running = asyncio.create_task(simulator.run(script))
        if name in recorded.SECOND_COMES_LATE:
            async with Client(simulator.host, simulator.port) as control:
                await control.login()
                await client.event("CHANNEL_CREATE", Call_Direction="outbound")
                for agent in ("1001", "1002"):
                    await control.api(f"callcenter_config agent set status {agent} Available")
        call = await running
        for leg in call.legs:
            await call.until("gone", leg.phone.name if leg.phone else "caller")
        await client.command("filter delete all")
        return bytes(client.raw)


@pytest.mark.parametrize("name", recorded.SCRIPTS)
async def test_a_script_gives_the_events_of_its_recording(name: str) -> None:
    assert compare(recorded.recording(name), await simulated(name)) == []


@pytest.mark.parametrize("name", recorded.SCRIPTS)
async def test_every_event_has_the_headers_of_its_recording(name: str) -> None:
    expected, actual = normalise(recorded.recording(name)), normalise(await simulated(name))
    assert header_differences(expected, actual) == []
