"""What the outbox keeps of a call, and what goes to the server of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.model import CallReport, CallState
from connectors.runtime.codec import encoded

LINE_SIZE = 150
"""Bytes of a trace line besides its text; a character of that has at most 12 (an escaped pair)."""


@dataclass(slots=True)
class Entry:
    """One call."""

    body: dict[str, Any]
    seq: int
    dirty: bool
    ended: bool
    trace: list[dict[str, Any]] = field(default_factory=list)
    """Unsent lines."""
    last_line: dict[str, Any] | None = None
    """The newest line, sent or not: a new process counts on from its number."""
    aside: bool = False
    """The server refuses it; not sent until it changes."""
    _json: bytes = b""

    def changed_to(self, body: dict[str, Any], seq: int) -> None:
        """Its newest state, to be sent."""
        self.body, self.seq, self._json = body, seq, b""
        self.dirty, self.aside = True, False

    def json(self) -> bytes:
        """Its state for the file; written oftener than it changes."""
        self._json = self._json or encoded(self.body)
        return self._json

    def size(self) -> int:
        """The bytes it has in a report at most."""
        return len(self.json()) + sum(LINE_SIZE + 12 * len(item["text"]) for item in self.trace)

    def row(self, call: str) -> tuple[Any, ...]:
        """What the file has of it."""
        trace = encoded(self.trace).decode() if self.trace else "[]"
        return call, self.json().decode(), self.dirty, trace, encoded(self.last_line).decode()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one report carries."""

    body: dict[str, Any]
    sent: dict[str, tuple[int, int]]
    """Call id -> (seq, number of its last trace line sent)."""
    results: Mapping[str, str]
    """Command id -> the status reported."""


def names_of(body: Mapping[str, Any]) -> Iterable[str]:
    """All legs a call has been known by, the present one of its user last."""
    return (body["id"], *body["aliases"])


def knows_less(body: Mapping[str, Any], report: CallReport) -> bool:
    """Whether whoever only stood by has missed what it would have known had it carried out the
    commands: that a call is one that was placed, and so of what kind, and whose it is; and, if it
    came later, who serves a placeholder whose phone is hung up."""
    without_phone = report.state is CallState.ACTIVE and report.agent_leg is None
    return (
        body["id"] != report.id
        or (body["type"] is None and report.type is not None)
        or (body["agent_uri"] is None and report.agent_uri is not None and without_phone)
    )
