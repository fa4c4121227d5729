"""What supervisors say to a session's agent alone. It never touches the shared document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server.db.sessions import Whisper
from collab_server.explain import Why
from collab_server.people import names
from collab_server.problems import Conflict
from collab_server.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession

MAX_TEXT = 1_000
"""Characters."""
MAX_WHISPERS = 200
"""Kept of one session; there are no more."""


def add(work: Work, session: CollabSession, by: str, text: str) -> dict[str, Any]:
    """Whisper to the agent of now; the number in their view goes up. Raises Conflict."""
    if session.agent_uri is None:
        raise Conflict("the session has no agent yet", why=Why.NO_AGENT)
    if session.whispers >= MAX_WHISPERS:
        most = f"{MAX_WHISPERS} whispers are the most there may be in a session"
        raise Conflict(most, why=Why.TOO_OFTEN)
    session.whispers += 1
    made = Whisper(
        session_id=session.id,
        n=session.whispers,
        at=work.now,
        by=by,
        to=session.agent_uri,
        text=text,
    )
    work.db.add(made)
    work.touch(session.id)
    return _shown(work.db, [made])[0]


def read(db: Session, session_id: str, to: str | None, after: int) -> list[dict[str, Any]]:
    """Whispers behind number `after`, oldest first; those to one agent, or (None) all."""
    wanted = select(Whisper).where(Whisper.session_id == session_id, Whisper.n > after)
    if to is not None:
        wanted = wanted.where(Whisper.to == to)
    return _shown(db, db.scalars(wanted.order_by(Whisper.n)).all())


def _shown(db: Session, whispers: Sequence[Whisper]) -> list[dict[str, Any]]:
    """As the API has them."""
    called = names.of_agents(db, [uri for one in whispers for uri in (one.by, one.to)])
    return [
        {
            "n": one.n,
            "at": iso(one.at),
            "by": names.party(one.by, called),
            "to": names.party(one.to, called),
            "text": one.text,
        }
        for one in whispers
    ]
