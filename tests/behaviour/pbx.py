"""A PBX with telephones, as the behaviours know it; what they dial is the same on each.

=====================  ==================================================================
``<type>-<where>``     marked ``form``, ``chat`` or ``cobrowse``, then on to <where>
``q-<where>``          not marked
``odd-<where>``        marked with a type that does not exist
``for-<where>``        marked ``form`` for ``sip:alice@example.org``
``header-<where>``     marked by nothing but X-Collab-* headers
``twice-<where>``      marked ``form``, and ``form`` again
``pair-<where>``       not marked; a pairing code is keyed in first
``code-<where>``       not marked; a pairing code is said first
``<telephone>``        rings it; codes armed, not marked
=====================  ==================================================================

<where> is a telephone or a queue: ``support`` (agent1, else agent2), ``second`` (agent3, else
agent2), ``third`` (agent4, else agent2), ``solo`` (agent1), ``local`` (agent3,
behind a ``Local`` or ``loopback`` pair), ``all`` (agent1 and agent2 at once),
``nobody`` (nobody, for 20 s), ``short`` (nobody, for 2 s). Telephones: ``agent1`` to ``agent4``,
the agents'; ``caller`` to ``caller3``, who call from outside; ``phone1``, whose person has an
account and is no agent. A FreeSWITCH leaves an agent who did not take a call in peace for a while:
the agents who do so here serve queues of their own.

Calls are told in the words of `connectors.simulator.script`, the simulators' own.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from connectors.simulator import Call, Rings
    from connectors.simulator.script import Step

AGENTS = ("agent1", "agent2", "agent3", "agent4")
CALLERS = ("caller", "caller2", "caller3")
PHONES = ("phone1",)
TELEPHONES = (*AGENTS, *CALLERS, *PHONES)
QUEUES: Mapping[str, tuple[str, ...]] = {
    "support": ("agent1", "agent2"),
    "second": ("agent3", "agent2"),
    "third": ("agent4", "agent2"),
    "solo": ("agent1",),
    "local": ("agent3",),
    "all": ("agent1", "agent2"),
    "nobody": (),
    "short": (),
}
"""Queue -> its members, in the order they are rung."""
LINES: Mapping[str, tuple[str, ...]] = {"line": ("agent1",), "empty": ("agent4",)}
"""Lines of mod_fifo, on a FreeSWITCH alone -> whom they ring."""
PATIENCE = {"nobody": 20, "short": 2}
"""Seconds a queue keeps a caller."""
RING = 2.0
"""Seconds a queue rings one agent."""
TYPES = ("form", "chat", "cobrowse")


class Placed(Protocol):
    """A call that was placed."""

    @property
    def id(self) -> str:
        """What the PBX calls the channel of who placed it."""


class Pbx(contextlib.AbstractAsyncContextManager["Pbx"], Protocol):
    """One PBX, running while it is entered."""

    kind: str
    """``asterisk`` or ``freeswitch``."""
    host: str
    port: int
    """Where AMI or the event socket listens."""
    username: str
    secret: str
    agent_endpoints: str
    """The pattern of `AGENTS`."""
    trusted: str
    """The pattern of `caller3`, whose headers count."""

    async def start(self, script: Call) -> Any:
        """Dial what a script dials; gives a `Placed`."""

    async def perform(self, call: Any, step: Step) -> None:
        """Have somebody do something in a call."""

    async def leg(self, call: Any, phone: str) -> str:
        """What the PBX calls a telephone's newest channel in a call."""

    async def answer(self, call: Any) -> str:
        """What the dialplan on the caller's channel has been told of a pairing code."""

    def texts(self, phone: str) -> list[str]:
        """The text messages that reached a telephone, oldest first."""

    async def clear(self) -> None:
        """End all calls and wait until none stands."""


class Places(Protocol):
    """A PBX on which a connector may place calls. Nobody has scripted them: what a telephone does
    with one is said of the telephone. Those of this suite also have ``hang_up(phone)``, and
    ``transfer(phone, to)``: blindly, by the telephone itself."""

    kind: str
    port: int
    agent_endpoints: str
    placer: tuple[str, str]
    """The user's name and secret with the rights for it."""
    dial_context: str
    """Where the telephones' own names are dialled."""
    support: str
    """The name of queue ``support`` on the wire; the others' are alike."""

    def on_ring(self, phone: str, rings: Rings) -> None:
        """What a telephone does from now on with a call that rings it."""

    async def channels(self) -> list[str]:
        """The names of all channels that stand."""
