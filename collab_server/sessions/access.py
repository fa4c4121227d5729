"""Who asks, in the words of `collab_server.sessions.roles`, and until when they may do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from collab_server.db.sessions import CollabSession, Participant
from collab_server.explain import Why
from collab_server.http.auth import Desk, Guest
from collab_server.http.current import services
from collab_server.http.keys import Client
from collab_server.people import teams
from collab_server.problems import Forbidden, Gone, NotFound
from collab_server.sessions.consent import Consent
from collab_server.sessions.roles import May, Who, allows, allows_now
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from collab_server.http.auth import Caller
    from collab_server.sessions.links import Role

STRANGER = "this session is not yours"


@dataclass(frozen=True, slots=True)
class Standing:
    """One of the roles that a request may act in."""

    who: Who
    caller: Caller
    place: Participant | None = None


def load(db: Session, session_id: str) -> CollabSession:
    """The session. Raises NotFound."""
    session = db.get(CollabSession, session_id)
    if session is None:
        raise NotFound("there is no session of this id")
    return session


def check_open(session: CollabSession, guest: Participant, now: float) -> None:
    """Raise Gone when a participant's time in a session is over.

    An agent who lost it to another is out at once, the last agent, and who supervises, when
    `grace` is over, whether or not the housekeeper has come by; the user may go on alone until the
    session is deleted. A supervisor who left is Forbidden: nobody took it from them.
    """
    if guest.revoked is not None and guest.role == "user":
        raise Gone("the session goes on in another browser of its user", why="revoked")
    if guest.revoked is not None and guest.role == "supervisor":
        raise Forbidden("you have left this session", why=Why.LEFT)
    if guest.revoked is not None:
        raise Gone("the session went to another agent", why="revoked")
    if session.state == State.ENDED and guest.role != "user" and now >= (session.grace_until or 0):
        raise Gone("the session has ended", why="ended")


def who_is(session: CollabSession, place: Participant) -> Who:
    """What somebody with a place is to the session."""
    if place.role == "user":
        return Who.USER
    if place.role == "supervisor":
        if place.revoked is not None:
            return Who.SUPERVISOR
        return Who.READING if place.joined is None else Who.JOINED
    is_now = place.revoked is None and place.uri == session.agent_uri
    return Who.AGENT if is_now else Who.FORMER


def agent_place(db: Session, session: CollabSession, desk: Desk) -> Participant | None:
    """The place that an agent at the desk has, or had, in a session."""
    return _place_at_desk(db, session, desk, "agent")


def _place_at_desk(
    db: Session, session: CollabSession, desk: Desk, role: Role
) -> Participant | None:
    return db.scalar(
        select(Participant).where(
            Participant.session_id == session.id,
            Participant.role == role,
            Participant.uri == desk.uri,
        )
    )


def standings(db: Session, session: CollabSession, callers: Sequence[Caller]) -> list[Standing]:
    """Every role this request may act in; empty: nothing to this session."""
    found: list[Standing] = []
    for caller in callers:
        if isinstance(caller, Client):
            found.append(Standing(Who.CLIENT, caller))
            continue
        if isinstance(caller, Guest):
            place = db.get(Participant, caller.participant)
            if place is not None:
                found.append(Standing(who_is(session, place), caller, place))
            continue
        place = agent_place(db, session, caller)
        if place is not None:
            found.append(Standing(who_is(session, place), caller, place))
        if caller.supervisor:
            found.append(_supervisor(db, session, caller))
        if caller.admin:
            found.append(Standing(Who.ADMIN, caller))
    return found


def _supervisor(db: Session, session: CollabSession, desk: Desk) -> Standing:
    if not teams.sees(desk.team, teams.of_session(db, session)):
        return Standing(Who.ELSEWHERE, desk)
    place = _place_at_desk(db, session, desk, "supervisor")
    return Standing(Who.SUPERVISOR if place is None else who_is(session, place), desk, place)


def enter(
    db: Session,
    session: CollabSession,
    callers: Sequence[Caller],
    role: str | None,
    *,
    first: str = "user",
    to: May = May.READ_DOCUMENT,
) -> Participant:
    """The place of one of the two sides in which a browser may do `to` now; of both, that of
    `first`.

    Raises Forbidden and Gone.
    """
    mine = standings(db, session, callers)
    places = [one for one in mine if one.place is not None and one.place.role != "supervisor"]
    places = [one for one in places if role is None or cast("Participant", one.place).role == role]
    places.sort(key=lambda one: cast("Participant", one.place).role != first)
    refused: Forbidden | Gone = Forbidden(STRANGER)
    for one in places:
        place = cast("Participant", one.place)
        try:
            check_open(session, place, services().clock())
        except Gone as gone:
            refused = gone
            continue
        if allows(one.who, to):
            return place
    raise refused


def reader(
    db: Session,
    session: CollabSession,
    callers: Sequence[Caller],
    to: May = May.READ_SESSION,
) -> set[Role]:
    """Which join links one who reads the session may see. Raises Forbidden and Gone.

    A client with a key sees both. The agent at the desk sees the user's, to read it out, unless
    the user has yet to agree to them: who opens it is in as the user. Whoever came by a join link
    sees none.
    """
    refused: Forbidden | Gone = Forbidden(STRANGER)
    for one in standings(db, session, callers):
        if not allows(one.who, to):
            continue
        if isinstance(one.caller, Guest) and one.place is not None:
            try:
                check_open(session, one.place, services().clock())
            except Gone as gone:
                refused = gone
                continue
            return set()
        consent = Consent(session.consent)
        links: set[Role] = set()
        if allows_now(one.who, May.SEE_USER_LINK, consent):
            links.add("user")
        if allows_now(one.who, May.SEE_AGENT_LINK, consent):
            links.add("agent")
        return links
    raise refused


def sees_user_link(db: Session, session: CollabSession, callers: Sequence[Caller]) -> bool:
    """Whether one who may invite the user sees the link too (see `reader`)."""
    consent = Consent(session.consent)
    mine = standings(db, session, callers)
    return any(allows_now(one.who, May.SEE_USER_LINK, consent) for one in mine)


def reads_attributes(db: Session, session: CollabSession, callers: Sequence[Caller]) -> bool:
    """Whether the session's attributes, a client's own notes, are for one who reads it."""
    return any(allows(s.who, May.READ_ATTRIBUTES) for s in standings(db, session, callers))


def note_writer(db: Session, session: CollabSession, callers: Sequence[Caller]) -> str:
    """Who writes the session's note: a client, or its agent of now, who stays the last one after
    the end, however long ago that was.

    Gives the name for the history. Raises Forbidden and, for the cookie of an agent who lost the
    session to another, Gone.
    """
    refused: Forbidden | Gone = Forbidden("the note is its agent's", why=Why.NOT_YOURS)
    for one in standings(db, session, callers):
        if allows(one.who, May.WRITE_NOTE):
            return _name(one)
        if one.who is Who.FORMER:
            passed_on = f"the session went to {session.agent_uri}, who writes its note now"
            made = Gone if isinstance(one.caller, Guest) else Forbidden
            refused = made(passed_on, why="revoked")
    raise refused


def acting_agent(
    db: Session,
    session: CollabSession,
    callers: Sequence[Caller],
    to: May = May.INVITE_USER,
) -> str:
    """Who acts as the session's agent, or for it: a client, or its agent of now.

    Gives the name for the history. Raises Forbidden and Gone.
    """
    first = standings(db, session, callers[:1])
    if first and first[0].who is Who.CLIENT and allows(Who.CLIENT, to):
        return _name(first[0])
    place = enter(db, session, callers, "agent", to=to)
    return f"agent {place.uri}"


def supervising(
    db: Session, session: CollabSession, callers: Sequence[Caller], to: May
) -> tuple[Desk, Participant | None]:
    """The supervisor at the desk who may do this, and their place. Raises Forbidden."""
    mine = standings(db, session, callers)
    for one in mine:
        on_floor = one.who in (Who.SUPERVISOR, Who.READING, Who.JOINED)
        if on_floor and isinstance(one.caller, Desk) and allows(one.who, to):
            return one.caller, one.place
    if any(one.who is Who.ELSEWHERE for one in mine):
        raise Forbidden("this session is another team's")
    raise Forbidden("this is for supervisors (tandem-server agent add … --supervisor)")


def _name(standing: Standing) -> str:
    if isinstance(standing.caller, Client):
        return f"API client {standing.caller.name}"
    return f"agent {cast('Participant', standing.place).uri}"
