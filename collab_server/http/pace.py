"""How often a session is told something over HTTP by whoever is in it: a page does so now and then,
a browser that somebody has taken over might without end, and some of it is kept for good."""

from __future__ import annotations

from flask import current_app

from collab_server.http.throttle import Throttle

CHANGES = "120 per minute"
"""Of one session, by one role in it, and of its note: no caller uses up what the agent has."""
PACE = "tandem.session-pace"


def pace() -> Throttle:
    """The counters of one server."""
    return Throttle("session", CHANGES)


def step(session_id: str, by: str) -> None:
    """Count a change; `by`: a role, or "note". Raises TooMany when it was one too many."""
    counted: Throttle = current_app.extensions[PACE]
    counted.hit(f"{session_id} {by}")
