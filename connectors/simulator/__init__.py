"""A PBX out of recorded behaviour that speaks its real protocol on a real socket.

    async with Simulator() as sim:              # AMI on sim.host, sim.port
        call = sim.place(Call("form-support"))  # a telephone dials
        await call.until("talking")             # queued, rung, answered: an agent talks
        text = await sim.phone("caller").next_message()
        sim.hang_up(call)

`script` holds the words calls are told in, `runner` runs many of them at a rate, `world` the
telephones and queues: none of them knows a dialect. `asterisk` is the switch with AMI in front,
`freeswitch` the one with ESL: `FreeSwitchSimulator` is used as `Simulator` is.
"""

from __future__ import annotations

from .freeswitch.simulator import FreeSwitchSimulator
from .script import Call
from .simulator import Simulator
from .world import MemberSpec, PhoneSpec, QueueSpec, Rings, TextMessage, WorldSpec

__all__ = [
    "Call",
    "FreeSwitchSimulator",
    "MemberSpec",
    "PhoneSpec",
    "QueueSpec",
    "Rings",
    "Simulator",
    "TextMessage",
    "WorldSpec",
]
