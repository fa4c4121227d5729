"""How supervisors come into a session and leave it. Every step is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server.db.calls import Call
from collab_server.db.sessions import Participant
from collab_server.explain import Why
from collab_server.people import teams
from collab_server.problems import Conflict, Gone
from collab_server.sessions.history import record, trace
from collab_server.sessions.places import places, take
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession
    from collab_server.services import Services

MAX_OPEN = 200
"""Sessions looked at when a supervisor logs out."""


def enter(work: Work, session: CollabSession, uri: str, *, join: bool) -> Participant:
    """Have a supervisor read along with a session, or take part. Raises Conflict and Gone."""
    check_standing(session, work.now)
    if session.agent_uri == uri and session.state != State.ENDED:
        raise Conflict("you are the agent of this session", why=Why.OWN_SESSION)
    place = take(work, session, "supervisor", uri)
    fresh = place.invitation == "none"
    if fresh or join != (place.joined is not None):
        place.joined = work.now if join else None
        place.invitation = "joined"  # nobody sent one; it says that they are in
        _note(work, session, uri, "joined" if join else "reading")
    return place


def leave(
    services: Services, work: Work, session: CollabSession, place: Participant | None
) -> None:
    """Have a supervisor leave, in every window (4403); again changes nothing."""
    if place is None or place.revoked is not None:
        return
    place.revoked, place.joined, place.invitation = work.now, None, "none"
    _note(work, session, place.uri, "left")
    session_id, uri = session.id, place.uri
    work.after_commit(lambda: services.hub.close_session(session_id, "supervisor", uri, 4403))


def leave_unseen(services: Services, work: Work, session: CollabSession) -> None:
    """Have those supervisors leave who do not see the session: its agent is of another team now,
    or they are."""
    for place in places(work, session):
        inside = place.role == "supervisor" and place.revoked is None
        if inside and not teams.may_supervise(work.db, place.uri, session):
            leave(services, work, session, place)


def check_standing(session: CollabSession, now: float) -> None:
    """Raise Gone when nobody but the user has anything to do in a session any more."""
    if session.state == State.ENDED and now >= (session.grace_until or 0):
        raise Gone("the session has ended", why="ended")


def watched_by(db: Session, uri: str) -> list[str]:
    """Ids of the sessions a supervisor has not left, the newest `MAX_OPEN` of them."""
    mine = select(Participant.session_id).where(
        Participant.role == "supervisor", Participant.uri == uri, Participant.revoked.is_(None)
    )
    return list(db.scalars(mine.order_by(Participant.id.desc()).limit(MAX_OPEN)))


def watched_by_any(db: Session, uris: Collection[str]) -> list[str]:
    """Ids of the sessions that supervisors with these addresses have not left."""
    return [session for uri in uris for session in watched_by(db, uri)]


def _note(work: Work, session: CollabSession, uri: str, what: str) -> None:
    record(work, session, "supervisor", f"supervisor {uri}", new=what)
    call = work.db.get(Call, session.call) if session.call is not None else None
    trace(work, call, "browser", f"supervisor {uri}: {what}")
    work.touch(session.id)
    work.sights.add(session.id)
