"""Who may do what with a session, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from collab_server.db.models import CollabSession, Participant
from collab_server.http.auth import Desk, Guest
from collab_server.http.current import services
from collab_server.http.keys import Client
from collab_server.problems import Forbidden, Gone, NotFound
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from collab_server.http.auth import Caller
    from collab_server.sessions.links import Role


def load(db: Session, session_id: str) -> CollabSession:
    """The session. Raises NotFound."""
    session = db.get(CollabSession, session_id)
    if session is None:
        raise NotFound("there is no session of this id")
    return session


def check_open(session: CollabSession, guest: Participant, now: float) -> None:
    """Raise Gone when a participant's time in a session is over.

    An agent who lost it to another is out at once, the last agent when `grace` is over, whether or
    not the housekeeper has come by; the user may go on alone until the session is deleted.
    """
    if guest.revoked is not None and guest.role == "user":
        raise Gone("the session goes on in another browser of its user", why="revoked")
    if guest.revoked is not None:
        raise Gone("the session went to another agent", why="revoked")
    if session.state == State.ENDED and guest.role == "agent" and now >= (session.grace_until or 0):
        raise Gone("the session has ended", why="ended")


def agent_place(db: Session, session: CollabSession, desk: Desk) -> Participant | None:
    """The place that an agent at the desk has, or had, in a session."""
    return db.scalar(
        select(Participant).where(
            Participant.session_id == session.id,
            Participant.role == "agent",
            Participant.uri == desk.uri,
        )
    )


def enter(
    db: Session,
    session: CollabSession,
    callers: Sequence[Caller],
    role: str | None,
    *,
    first: str = "user",
) -> Participant:
    """The place a browser may take in a session now; of both sides, that of `first`.

    Raises Forbidden and Gone.
    """
    places = [place for caller in callers if (place := _place(db, session, caller)) is not None]
    places = [place for place in places if role is None or place.role == role]
    places.sort(key=lambda place: place.role != first)
    if not places:
        raise Forbidden("this session is not yours")
    refused: Gone | None = None
    for place in places:
        try:
            check_open(session, place, services().clock())
        except Gone as gone:
            refused = gone
        else:
            return place
    raise cast("Gone", refused)


def _place(db: Session, session: CollabSession, caller: Caller) -> Participant | None:
    if isinstance(caller, Guest):
        return db.get(Participant, caller.participant)
    if isinstance(caller, Desk):
        return agent_place(db, session, caller)
    return None


def reader(db: Session, session: CollabSession, callers: Sequence[Caller]) -> set[Role]:
    """Which join links one who reads the session may see. Raises Forbidden and Gone.

    A client with a key sees both. The agent at the desk sees the user's, to read it out. An
    administrator, an agent who had the session and its participants see none.
    """
    if isinstance(callers[0], Client):
        return {"user", "agent"}
    refused: Gone | None = None
    for caller in callers:
        place = _place(db, session, caller)
        if isinstance(caller, Desk) and (place is not None or caller.admin):
            return {"user"} if session.agent_uri == caller.uri else set()
        if isinstance(caller, Guest) and place is not None:
            try:
                check_open(session, place, services().clock())
            except Gone as gone:
                refused = gone
            else:
                return set()
    if refused is not None:
        raise refused
    raise Forbidden("this session is not yours")


def note_writer(db: Session, session: CollabSession, callers: Sequence[Caller]) -> str:
    """Who writes the session's note: a client, or its agent of now, who stays the last one after
    the end, however long ago that was.

    Gives the name for the history. Raises Forbidden and, for the cookie of an agent who lost the
    session to another, Gone.
    """
    first = callers[0]
    if isinstance(first, Client):
        return f"API client {first.name}"
    refused: Forbidden | Gone = Forbidden("the note is its agent's")
    for caller in callers:
        place = _place(db, session, caller)
        if place is None or place.role != "agent":
            continue
        if place.uri == session.agent_uri and place.revoked is None:
            return f"agent {place.uri}"
        passed_on = f"the session went to {session.agent_uri}, who writes its note now"
        made = Gone if isinstance(caller, Guest) else Forbidden
        refused = made(passed_on, why="revoked")
    raise refused


def acting_agent(db: Session, session: CollabSession, callers: Sequence[Caller]) -> str:
    """Who acts as the session's agent, or for it: a client, or its agent of now.

    Gives the name for the history. Raises Forbidden and Gone.
    """
    first = callers[0]
    if isinstance(first, Client):
        return f"API client {first.name}"
    place = enter(db, session, callers, "agent")
    return f"agent {place.uri}"
