"""The same script on the recorded Asterisk and on the simulator gives the same events."""

from __future__ import annotations

import pytest

from connectors.simulator import Simulator
from connectors.simulator.asterisk.normalise import compare, normalise

from . import recorded
from .client import Client

SPEED = 10.0


async def simulated(name: str, recording: bytes) -> bytes:
    """What a client that sees everything receives while the script of a recording runs."""
    simulator = Simulator(
        recorded.world(recording),
        recorded.dialplan(name),
        recorded.FEATURES,
        speed=SPEED,
        answer_delay=0.5,
    )
    async with simulator, Client(simulator.host, simulator.port) as client:
        await client.login()
        call = await simulator.run(recorded.SCRIPTS[name])
        for leg in call.legs:
            await call.until("gone", leg.phone.name if leg.phone else "caller")
        await client.drain(0.05)
        await client.action("Action: Ping")
        return bytes(client.raw)


@pytest.mark.parametrize("name", recorded.SCRIPTS)
async def test_a_script_gives_the_events_of_its_recording(name: str) -> None:
    expected = (recorded.CAPTURES / f"{name}.ami").read_bytes()
    assert compare(expected, await simulated(name, expected)) == []


@pytest.mark.parametrize(
    "name", ["queue_ring_no_answer", "queue_local_member", "transfer_attended_ami"]
)
async def test_every_header_stands_where_it_stands_in_the_recordings(name: str) -> None:
    known: dict[str, set[tuple[str, ...]]] = {}
    for recording in recorded.SCRIPTS:
        stream = (recorded.CAPTURES / f"{recording}.ami").read_bytes()
        for event, headers in normalise(stream).headers.items():
            known.setdefault(event, set()).update(headers)
    expected = (recorded.CAPTURES / f"{name}.ami").read_bytes()
    for event, headers in normalise(await simulated(name, expected)).headers.items():
        assert headers <= known[event], event
