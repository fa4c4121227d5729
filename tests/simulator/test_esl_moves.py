"""Moves recorded on a real FreeSWITCH: the simulator says the same of the same script, and the
connector's core comes to the same end."""

from __future__ import annotations

import asyncio
import re

import pytest

from connectors.simulator.freeswitch.api import run_command
from connectors.simulator.freeswitch.simulator import FreeSwitchSimulator
from connectors.simulator.script import HangUp
from tests.freeswitch.test_moves import CALLS, Expected
from tests.freeswitch.test_streams import agents, play_stream, states, the_call

from . import esl_moves as moves
from .esl_client import Client

SPEED = 10.0
EXPECTED = {expected.stream: expected for expected in CALLS}


_TOLD: dict[str, bytes] = {}


async def told(name: str) -> bytes:
    """`simulated`, once for all tests of a move."""
    if name not in _TOLD:
        _TOLD[name] = await simulated(name)
    return _TOLD[name]


async def simulated(name: str) -> bytes:
    """What the recording's client receives while the script runs on the simulator."""
    script = moves.SCRIPTS[name]
    simulator = FreeSwitchSimulator(moves.world(*moves.AUTHORIZED.get(name, ())), moves.DIALPLAN,
                                    speed=SPEED, bowout=moves.BOWOUT.get(name, 0.0))  # fmt: skip
    for agent in simulator.pbx.callcenter.agents.values():
        if agent.name in moves.ON_BREAK.get(name, ("1002@default",)):
            agent.status = "On Break"
    notes = (moves.CAPTURES / "moves" / f"{name}.txt").read_text()
    subscription = re.search(r"'(event json [^\\']+)", notes)
    assert subscription is not None
    async with simulator, Client(simulator.host, simulator.port) as client:
        await client.login(subscription[1])
        call = await simulator.run(script)
        for command, phone in moves.COMMANDS.get(name, ()):
            answer = await run_command(simulator.pbx, command.format(call.standing(phone).uuid))
            assert answer.startswith("+OK")
            await asyncio.sleep(simulator.pbx.clock.real(0.3))
        if name in moves.COMMANDS:
            for step in moves.AFTER.get(name, (HangUp(moves.CALLER),)):
                await simulator.board.perform(call, step)
        async with asyncio.timeout(10):
            while simulator.pbx.channels:
                await next(iter(simulator.pbx.channels.values())).changed(0.2)
        assert not any(leg.alive for leg in call.legs)
        await client.command("filter delete all")
        return bytes(client.raw)


@pytest.mark.parametrize("name", moves.SCRIPTS)
async def test_a_move_gives_the_events_of_its_recording(name: str) -> None:
    assert moves.compare(name, await told(name)) == []


@pytest.mark.parametrize("name", moves.SCRIPTS)
async def test_a_simulated_move_comes_to_what_the_recorded_one_does(name: str) -> None:
    expected: Expected = EXPECTED[name]
    world = play_stream(await told(name))
    call = the_call(world)
    assert tuple(agents(world, call.id)) == expected.agents
    assert tuple(states(world, call.id)) == expected.states
    assert (call.type, call.user_uri, call.cause) == (expected.type, expected.user, expected.cause)
    assert (call.queue, call.initiator) == (expected.queue, expected.initiator)
    assert len(call.aliases) == expected.moved
    assert world.app.cti.legs == {}
