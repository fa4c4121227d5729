"""What the line's benchmark needs of a real PBX with one queue."""

from __future__ import annotations

import contextlib
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """A call came into the queue, or was answered."""

    call: str
    """The id of the waiting leg."""
    at: float
    """Seconds since the epoch."""
    phone: str = ""
    """The telephone of the agent who answered."""


class QueuePbx(Protocol):
    """A PBX beside which a server and a connector are run."""

    kind: str
    port: int
    agent_endpoints: str
    placer: tuple[str, str]
    queue: str
    """As it is called on the wire."""


class LinePbx(QueuePbx, contextlib.AbstractAsyncContextManager["LinePbx"], Protocol):
    """A real PBX with one queue, telephones that call it, and agents."""

    name: str
    """Which it is, for the table."""
    channels_each: int
    """Channels of a call without a telephone that waits."""
    pid: int
    """Of the PBX's process; another one after `restart`."""
    entered: list[Entry]
    answered: list[Entry]
    gone: dict[str, float]
    """Call -> when the PBX said that its waiting leg is over. All three are filled as they come."""

    async def begin(self) -> None:
        """Forget what was heard; no agent answers any more."""

    async def dial(self) -> str:
        """A telephone calls the queue; gives the id of its leg."""

    async def serve(self, agents: int, talk: float) -> None:
        """From now on so many agents answer at once; a telephone hangs up `talk` seconds later."""

    async def hang_up_agent(self, call: str) -> None:
        """The agent who answered this call hangs up the telephone."""

    async def channels(self) -> int:
        """How many channels stand that are ours."""

    async def restart(self) -> bool:
        """Kill the PBX and start it again; False where that may not be done to it."""
