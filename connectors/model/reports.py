"""What the core concludes: how each call stands, as the collaboration server is told."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal


class CallState(enum.Enum):
    """Where a call stands, as the collaboration server is told."""

    REQUESTED = "requested"
    """Seen, not queued, no agent yet."""
    QUEUED = "queued"
    ACTIVE = "active"
    """An agent serves it."""
    SUSPENDED = "suspended"
    """An agent served it; none does now (consultation, transfer under way)."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TraceItem:
    """One line of the call trace."""

    n: int
    """Counts up from 1 within a call; the server drops a number it has."""
    at: float
    stage: Literal["wire", "mark", "queue", "agent", "outbox", "message", "end"]
    text: str
    stopped: bool = False
    """The call got no session, and this is why."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """What has been asked of a call's pairing with a browser: the last of it, and how many."""

    n: int
    code: str | None
    """Digits that were keyed in ('' for what cannot be a code); None: a code is to be said."""


InVain = Literal["no_answer", "busy", "refused", "hung_up", "unreachable"]
"""Why somebody who was dialled was not reached."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """The last try to have agent and user talk by telephone that came to nothing."""

    command: str
    """The id of the command (``dial`` or ``voice``) that asked for it."""
    who: Literal["user", "agent"]
    """Who was not reached, or has hung up meanwhile."""
    why: InVain


@dataclass(frozen=True, slots=True)
class CallReport:
    """The latest state of one call; the body of one item of ``calls`` in a report."""

    id: str
    """The user leg's id when the call was first seen; kept through re-anchoring."""
    state: CallState
    type: str | None
    """The collaboration type; None: an ordinary call."""
    initiator: Literal["user", "agent"]
    """Who asked for the collaboration last."""
    user_uri: str
    agent_uri: str | None
    agent_leg: str | None
    queue: str | None
    position: int | None
    held: bool
    cause: str | None
    """Why it ended: ``hangup``, ``abandoned``, ``queue_timeout``, ``lost``; else None."""
    since: float
    """When it reached `state`."""
    aliases: tuple[str, ...] = ()
    """Other leg ids that mean this call: the user legs it moved to, the present one last."""
    requests: int = 0
    """How often a collaboration was asked for: the mark that made it one, codes since, and marks
    of another type since an agent has served it."""
    pairing: Pairing | None = None
    unreached: Unreached | None = None
    trace: tuple[TraceItem, ...] = ()
    """New lines since the last report of this call."""
