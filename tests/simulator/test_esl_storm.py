"""Whatever people do to calls, and when: every leg ends, every agent is free again."""

from __future__ import annotations

import asyncio
import random

import pytest

from connectors.simulator import Call, FreeSwitchSimulator, Rings
from connectors.simulator.freeswitch import lab
from connectors.simulator.freeswitch.api import run_command
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Press,
    Step,
)

AGENTS = [str(1001 + number) for number in range(20)]
LINES = ("form-support", "form-local", "form-line", "form-team", "form-all", "chat-nobody")


def something(chance: random.Random, who: str) -> Step:
    """One of the things a person can do."""
    to = chance.choice([*AGENTS, "q-line", "form-local"])
    steps: list[Step] = [
        BlindTransfer(who, to), BlindTransfer(who, to, "control"), Consult(who, to),
        Consult(who, chance.choice(AGENTS), "control"), Consult(who, "next-line"),
        CompleteTransfer(who), Hold(who), Hold(who, on=False), HangUp(who), MoveCaller(to),
        Press(who, "*22"),
    ]  # fmt: skip
    return chance.choice(steps)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_left_standing(seed: int) -> None:
    chance = random.Random(seed)
    phones = {name: Rings(chance.choice([0.0, 0.01, 0.05])) for name in AGENTS}
    done = 0

    async with FreeSwitchSimulator(lab.world(20), bowout=0.2, speed=5.0) as sim:
        pbx = sim.pbx

        async def one() -> None:
            nonlocal done
            number = chance.choice([*LINES, *(f"form-{name}" for name in AGENTS[:6])])
            call = sim.place(Call(number, phone=chance.choice(lab.CALLERS), phones=phones))
            for _ in range(chance.randint(1, 7)):
                await asyncio.sleep(chance.choice([0, 0, 0.005, 0.02, 0.05]))
                here = [leg.phone.name for leg in call.legs if leg.alive and leg.phone]
                if not here:
                    return
                who = chance.choice(here)
                try:
                    if chance.random() < 0.1:
                        ask = f"att_xfer::user/{chance.choice(AGENTS)}@default"
                        await run_command(pbx, f"uuid_broadcast {call.standing(who).uuid} {ask}")
                    else:
                        await sim.board.perform(call, something(chance, who))
                    done += 1
                except LookupError:
                    pass  # there was nobody to do it to
            await asyncio.sleep(chance.choice([0, 0.05, 0.3]))
            for leg in list(call.legs):
                pbx.far_end_gone(leg)

        await asyncio.gather(*(one() for _ in range(40)))
        async with asyncio.timeout(10):
            while pbx.channels:
                await next(iter(pbx.channels.values())).changed(0.2)
        assert done > 40
        assert {agent.state for agent in pbx.callcenter.agents.values()} == {"Waiting"}
        assert not any(line.callers for line in pbx.fifos.lines.values())
        members = [member for line in pbx.fifos.lines.values() for member in line.members]
        assert {member.uses for member in members} == {0}
