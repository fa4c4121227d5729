"""The agent's answer about a browser that is held (`collab_server.invite.holding`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server.db.invitations import Attempt, Grant
from collab_server.db.sessions import Participant
from collab_server.explain import Explained, Why
from collab_server.invite import attempts
from collab_server.invite.holding import word_of
from collab_server.problems import Conflict
from collab_server.sessions import service
from collab_server.sessions.history import record

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession
    from collab_server.services import Services

NOT_THEM = Explained(Why.NOT_THEM, "the caller did not see the word")


def answer(
    services: Services, work: Work, session: CollabSession, by: str, *, yes: bool
) -> Participant:
    """Let in, or send away, the browser that is held. Raises Conflict when none is."""
    row = work.db.execute(
        select(Grant, Participant)
        .join(Participant, Participant.id == Grant.participant)
        .where(Participant.session_id == session.id, Grant.held.is_not(None))
        .limit(1)
    ).one_or_none()
    if row is None:
        raise Conflict("nobody waits to be confirmed", why=Why.NOBODY_WAITS)
    grant, guest = row
    attempt = work.db.get_one(Attempt, grant.held)
    word = word_of(services, session.id, grant)
    record(work, session, "confirmed" if yes else "refused", by, new=guest.uri)
    if yes:
        grant.held = None
        attempts.arrived(work, guest, attempt, "joined")
        service.join(work, session, guest, f"join link, {word} confirmed", grant.seen)
    else:
        work.db.delete(grant)
        attempts.turned_away(work, guest, attempt, str(NOT_THEM))
    return guest
