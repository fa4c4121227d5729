"""The same script on the real Asterisk and on the simulator gives the same events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from connectors.demo import labconfig
from connectors.demo.ami import Ami
from connectors.demo.asterisk import samples_folder
from connectors.simulator import Call, MemberSpec, PhoneSpec, QueueSpec, Simulator, WorldSpec
from connectors.simulator.asterisk import lab as simulated_lab
from connectors.simulator.asterisk.dialplan import Dialplan
from connectors.simulator.asterisk.normalise import Normal, differences, normalise
from connectors.simulator.runner import run
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    MoveCaller,
    Press,
    Until,
    Wait,
)
from connectors.simulator.simulator import LAB
from tests.lab.board import ANSWERS, SILENT, RealBoard

if TYPE_CHECKING:
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Phones

pytestmark = pytest.mark.asyncio(loop_scope="session")

TALK = Until("talking")
ATTEMPTS = 4
BOTH = {"agent1": ANSWERS, "agent2": ANSWERS}
SCRIPTS = {
    "queue": Call("form-support", (TALK, Wait(0.5), HangUp()), phones={"agent1": ANSWERS}),
    "queue, the agent hangs up": Call(
        "form-support", (TALK, Wait(0.5), HangUp("agent1")), phones={"agent1": ANSWERS}
    ),
    "abandoned": Call("form-nobody", (Until("queued"), Wait(0.5), HangUp())),
    "abandoned while an agent rings": Call(
        "form-solo",
        (Until("ringing", "agent1"), Wait(0.5), HangUp()),
        phones={"agent1": SILENT},
    ),
    "no answer, then the next agent": Call(
        "form-support",
        (Until("talking", "agent2", 10), Wait(0.5), HangUp()),
        phones={"agent1": SILENT, "agent2": ANSWERS},
    ),
    "a member on a Local channel": Call(
        "form-local", (TALK, Wait(0.5), HangUp()), phones={"agent3": ANSWERS}
    ),
    "a direct call and a code": Call(
        "agent1",
        (TALK, Wait(0.3), Press("agent1", "*22"), Wait(1.2), HangUp()),
        phones={"agent1": ANSWERS},
    ),
    "blind transfer": Call(
        "form-support",
        (TALK, Wait(0.5), BlindTransfer("agent1", "agent2"), Until("talking", "agent2"),
         Wait(0.5), HangUp()),
        phones=BOTH,
    ),
    "attended transfer": Call(
        "form-support",
        (TALK, Wait(0.5), Consult("agent1", "agent2"), Until("talking", "agent2"), Wait(0.5),
         CompleteTransfer("agent1"), Wait(0.5), HangUp()),
        phones=BOTH,
    ),
    "redirect": Call(
        "form-support",
        (TALK, Wait(0.5), MoveCaller("agent2"), Until("talking", "agent2"), Wait(0.5), HangUp()),
        phones=BOTH,
    ),
}  # fmt: skip


def world() -> WorldSpec:
    """The laboratory's telephones and queues, as the simulator has them."""
    phones = [
        PhoneSpec(
            name,
            registered=True,
            variables=(
                {"__DYNAMIC_FEATURES": simulated_lab.FEATURE_NAMES}
                if name.startswith("agent")
                else {}
            ),
        )
        for name in labconfig.ENDPOINTS
    ]
    queues = []
    for name, members in labconfig.QUEUES.items():
        specs = []
        for member in members:
            interface, _penalty, shown, state, *_ = [*member.split(","), "", "", ""]
            specs.append(MemberSpec(interface, shown, state))
        strategy = labconfig.STRATEGY.get(name, "rrmemory")
        queues.append(QueueSpec(name, tuple(specs), strategy, ring_timeout=3.0))
    return WorldSpec(tuple(phones), tuple(queues))


def dialplan() -> Dialplan:
    """The laboratory's dialplan with Tandem's own included."""
    collab = (samples_folder() / "collab.conf").read_text()
    text = labconfig.extensions_conf()
    return Dialplan().read(text.replace('#include "tandem/collab.conf"', collab))


async def on_the_simulator(script: Call) -> bytes:
    simulator = Simulator(world(), dialplan(), answer_delay=0.01)
    async with simulator, Ami(simulator.port, LAB.name, LAB.secret) as ami:
        await ami.event("FullyBooted")
        start = len(ami.raw)
        call = await simulator.run(script)
        for leg in call.legs:
            await call.until("gone", leg.phone.name if leg.phone else "caller")
        await ami.quiet()
        return bytes(ami.raw[start:])


async def on_asterisk(script: Call, pbx: Asterisk, phones: Phones) -> bytes:
    async with pbx.ami("lab") as ami:
        await ami.event("FullyBooted")
        start = len(ami.raw)
        board = RealBoard(pbx, phones, ami)
        await run(board, script)
        await board.over()
        await ami.quiet()
        return bytes(ami.raw[start:])


def told(raw: bytes) -> Normal:
    """The stream, reduced; without the place in the whole of what Asterisk tells by and by.

    app_queue learns of a call's end, and the transferring thread speaks of it, beside the threads
    of the channels: AgentComplete and BlindTransfer come before or after the caller's BridgeLeave.
    Their order among the other events of their own subject is still compared. An AgentComplete
    that comes after the agent's channel is gone does not name it.
    """
    normal = normalise(raw)
    lanes = {
        lane: [
            tuple(x for x in line if line[0] != "AgentComplete" or x[:4] != "Dest")
            for line in lines
        ]
        for lane, lines in normal.lanes.items()
    }
    milestones = [line for line in normal.milestones if line[0] not in _BESIDE]
    return replace(normal, lanes=lanes, milestones=milestones)


_BESIDE = ("AgentComplete", "BlindTransfer")


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_script_gives_the_same_events_on_both(
    name: str, pbx: Asterisk, phones: Phones
) -> None:
    script = SCRIPTS[name]
    simulated = told(await on_the_simulator(script))
    found = []
    # Two runs of Asterisk differ in what its threads race for. The
    # simulator has to give one of the sequences that the real one gives.
    for _ in range(ATTEMPTS):
        found = differences(told(await on_asterisk(script, pbx, phones)), simulated)
        if not found:
            return
        await phones.hang_up_all()
    assert found == []
