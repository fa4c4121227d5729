"""What the PBX is asked to do, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.model.ids import LegId


@dataclass(frozen=True, slots=True)
class Command:
    """An effect the collaboration server wants on the PBX, as it came down the link."""

    id: str
    """Deterministic effect id; the same id again is the same effect."""
    kind: str
    call: str | None = None
    """The call it belongs to, by the id or an alias of a `CallReport`."""
    args: Mapping[str, Any] = field(default_factory=dict)
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a text to the terminal at the far end of a leg. At most once."""

    leg: LegId
    endpoint: str
    text: str
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Put a placeholder into a queue: a caller without a telephone, in line with all others.

    Never twice: where `leg` stands it is done already.
    """

    leg: LegId
    """The id its waiting leg gets, which is the call's."""
    queue: str
    type: str
    user_uri: str
    name: str
    """What the agent's telephone shows; '' for nothing. Printable, at most `NAME_LIMIT`."""
    waited: float
    """Seconds it has waited before it came here."""
    wait: float
    """Seconds it may wait in the queue."""
    place: int | None = None
    """Where in line those who have waited as long stand, from 1; None: at the end. For a PBX whose
    queue cannot be told `waited`."""


@dataclass(frozen=True, slots=True)
class DialBoth:
    """Ring an agent's phone and, when it answers, the user from it. At most once."""

    leg: LegId
    """The id the agent's leg gets."""
    endpoint: str
    """The agent's phone (``PJSIP/1001``, ``user/1001@a.example``)."""
    number: str
    """Of the user, as `context` dials it; of the form `NUMBER`."""
    context: str
    type: str
    user_uri: str
    call: LegId
    """The call it is made for, for `LegUp.placed`: `leg` itself, or a placeholder's id."""


@dataclass(frozen=True, slots=True)
class Onward:
    """The far end of a placeholder dials the user, who then talks with the agent in it."""

    leg: LegId
    """The placeholder's waiting leg."""
    number: str
    context: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a leg that the connector placed, and what hangs on it. Done where it does not stand."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class PauseMember:
    """Pause an agent's members in all their queues, or let them work again.

    Only members that are not paused are paused; where there are none, because somebody has paused
    them before, with another reason, it fails with a detail that begins ``already``. Let work
    again are those that are paused with `reason`, or, where that is '', all of them.

    `busy`: not a break of theirs but a call without a telephone that they serve, from its answer to
    the end of its session. Where the PBX has a way to give somebody no calls that is no break, that
    is used, so that a break of their own stays what it is.
    """

    interfaces: tuple[str, ...]
    """As the queues name them, with option letters (``Local/1001@from-queue/n``)."""
    paused: bool
    reason: str
    busy: bool = False


@dataclass(frozen=True, slots=True)
class HoldMember:
    """Give an agent who has just answered a placeholder no other call until the server has had
    them made busy (`PauseMember.busy`), which takes its place; or give them calls again whom
    nothing but this holds. Done where there is nothing to do.
    """

    interface: str
    """As the queue names its member."""
    held: bool
    leg: LegId
    """The placeholder's waiting leg; '' for a hold that was found."""


@dataclass(frozen=True, slots=True)
class SetAnswer:
    """Answer the dialplan that runs on a leg and waits to hear of a pairing code."""

    leg: LegId
    value: str
    """Letters and digits, at most 16; of the core's own making or checked by it."""


Effect = SendMessage | PlaceCall | DialBoth | Onward | HangUp | PauseMember | HoldMember | SetAnswer
"""What a driver carries out."""

NUMBER = re.compile(r"\+?[0-9]{1,20}|[A-Za-z][0-9A-Za-z_.+\-]{1,63}")
"""A number, or a name, which begins with a letter: ``0900x1234567`` is a number to a dialplan that
goes by how it begins, but to nobody who looks for numbers that cost. Codes of the PBX (``*72``) are
no one's address, digits behind a whole number or a ``#`` a carrier passes over, and an extension of
one letter is special to Asterisk (``h``)."""
NAME_LIMIT = 60
"""Characters of a display name or of a reason to pause."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command."""

    id: str
    status: Literal["done", "failed", "unknown"]
    detail: str = ""
    """One sentence; before it, where something came to nothing, its `Why`."""
