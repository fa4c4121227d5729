"""The places people have in a session: its user, its agent, and agents who had it before."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import delete, select

from collab_server.db.invitations import Grant
from collab_server.db.sessions import Participant

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession
    from collab_server.sessions.links import Role


def places(work: Work, session: CollabSession) -> list[Participant]:
    """Everybody who has, or had, a place; read once in a transaction."""
    if session.id not in work.places:
        asked = select(Participant).where(Participant.session_id == session.id)
        work.places[session.id] = list(work.db.scalars(asked))
    return cast("list[Participant]", work.places[session.id])


def place(work: Work, session: CollabSession, role: Role, uri: str) -> Participant | None:
    """The place of this role and URI."""
    return next((p for p in places(work, session) if (p.role, p.uri) == (role, uri)), None)


def take(work: Work, session: CollabSession, role: Role, uri: str) -> Participant:
    """The place of this role and URI, made if need be.

    Who was revoked is back in, but comes in anew: cookies of before stay worthless.
    """
    found = place(work, session, role, uri)
    if found is not None:
        if found.revoked is not None:
            found.revoked = found.joined = found.left = None
            work.db.execute(delete(Grant).where(Grant.participant == found.id))
        return found
    made = Participant(
        session_id=session.id, role=role, uri=uri, added=work.now, invitation="none", detail=""
    )
    work.db.add(made)
    work.db.flush()
    places(work, session).append(made)
    return made
