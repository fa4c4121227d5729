"""What is written down: each change of a session, and each line of a call's trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.db.calls import Call, TraceLine
from collab_server.db.sessions import CollabSession, SessionEvent

if TYPE_CHECKING:
    from collab_server.db.engine import Work

MAX_EVENTS = 2_000
"""Changes kept of one session."""
MAX_LINES = 500
"""Trace lines kept of one call."""
MAX_BROWSER_LINES = 300
"""What browsers do is written down no further than this: a page that comes and goes all the time
must not use up the trace of its call."""
MAX_TEXT = 1_000


def record(
    work: Work,
    session: CollabSession,
    kind: str,
    cause: str,
    *,
    old: str | None = None,
    new: str | None = None,
) -> None:
    """Write down a change of a session."""
    if session.events >= MAX_EVENTS:
        return
    session.events += 1
    work.add_row(
        SessionEvent,
        {
            "session_id": session.id,
            "n": session.events,
            "at": work.now,
            "kind": kind,
            "old": old,
            "new": new,
            "cause": cause[:200],
        },
    )


def trace(work: Work, call: Call | None, stage: str, text: str, *, stopped: bool = False) -> None:
    """Write a line of the server's own into a call's trace; None: there is no call."""
    if call is None:
        return
    if call.lines >= (MAX_BROWSER_LINES if stage == "browser" else MAX_LINES):
        return
    call.lines += 1
    if call.lines == MAX_LINES:
        text = f"no more lines are kept of this call (limit {MAX_LINES})"
    work.add_row(
        TraceLine,
        {
            "call": call.id,
            "n": None,
            "at": work.now,
            "stage": stage,
            "text": text[:MAX_TEXT],
            "stopped": stopped,
        },
    )


def stop(work: Work, call: Call, stage: str, reason: str) -> None:
    """Say where, and why, a call got no session (or its session no agent)."""
    if call.stopped_stage is None:
        call.stopped_stage, call.stopped_reason = stage, reason[:MAX_TEXT]
    trace(work, call, stage, reason, stopped=True)
