"""How the connector stands with its PBX, as the collaboration server is told in its reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.runtime.codec import timestamp

LONGEST = 300
"""Characters of a reason that are passed on; a PBX's own words may be in it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the PBX is connected, since when, and why not."""

    connected: bool
    since: float
    title: str
    """Kind, version if known and address (``Asterisk 22.10.1 at 127.0.0.1:5038``)."""
    detail: str = ""
    """Why it is not connected; empty when it is."""

    def body(self) -> dict[str, Any]:
        """The member ``pbx`` of a report."""
        return {
            "connected": self.connected,
            "since": timestamp(self.since),
            "title": self.title[:LONGEST],
            "detail": self.detail[:LONGEST],
        }


def after(
    before: Standing | None, now: float, title: str, address: str, why: str | None = None
) -> Standing:
    """How it stands from now on: connected when there is no `why`.

    `since` stays while `connected` does. A `why` that begins with where the PBX is
    (``Asterisk at 127.0.0.1:5038: nobody listens there``) loses that: `title` has it.
    """
    connected = why is None
    kept = before is not None and before.connected == connected
    since = before.since if before is not None and kept else now
    text = why or ""
    return Standing(connected, since, title, text.partition(f"{address}: ")[2] or text)
