"""Who asks: a client with a key, an agent at the desk, or a participant with a session's cookie.

A key that is shown counts alone, also when cookies come with it. A write that a cookie stands for
must carry the browser's CSRF token and, if a browser says where it comes from, come from here.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app, request
from sqlalchemy import select

from collab_server.db.invitations import Grant
from collab_server.db.people import Agent, Login
from collab_server.db.sessions import Participant
from collab_server.http import cookies
from collab_server.http.current import services
from collab_server.http.keys import Client, Keys
from collab_server.invite.holding import word_of
from collab_server.problems import Conflict, CsrfRefused, Forbidden, Unauthorized
from collab_server.sessions.links import hashed
from collab_server.sessions.roles import May, Who, allows

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.http.keys import Kind
    from collab_server.services import Services

KEYS = "tandem.keys"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Desk:
    """An agent who is logged in."""

    login_id: str
    agent_id: int
    name: str
    uri: str
    admin: bool
    supervisor: bool
    team: str = ""
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """A browser that exchanged a join link of one session."""

    participant: int
    session_id: str
    role: str
    uri: str


Caller = Client | Desk | Guest


def client() -> Client | None:
    """The client whose key is shown; None: no key is. Raises Unauthorized for a wrong one."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    keys: Keys = current_app.extensions[KEYS]
    known = keys.of_header(header)
    if known is None:
        raise Unauthorized("the key is not known here")
    return known


def require_client(kind: Kind, name: str | None = None) -> Client:
    """The client, who must be of this kind (and name). Raises Unauthorized and Forbidden."""
    known = client()
    if known is None:
        raise Unauthorized("show a key: Authorization: Bearer …")
    if known.kind != kind or (name is not None and known.name != name):
        raise Forbidden("this key is not for this address")
    return known


def desk(db: Session) -> Desk | None:
    """The agent whose desk cookie this is, if it is still good."""
    value = request.cookies.get(cookies.desk_name(services().settings))
    return desk_of(services(), db, value) if value else None


def desk_of(tandem: Services, db: Session, cookie: str) -> Desk | None:
    """The agent logged in with this cookie value."""
    row = db.execute(
        select(Login.id, Agent)
        .join(Agent, Agent.id == Login.agent_id)
        .where(Login.token == hashed(cookie), Login.expires > tandem.clock(), Agent.active)
    ).one_or_none()
    if row is None:
        return None
    login_id, agent = row
    return Desk(
        login_id,
        agent.id,
        agent.name,
        agent.uri,
        agent.admin,
        agent.supervisor,
        agent.team,
        agent.display_name,
    )


def require_desk(db: Session, *, to: May | None = None) -> Desk:
    """Somebody at the desk, who may do `to`. Raises Unauthorized, Forbidden and CsrfRefused."""
    if client() is not None:
        raise Forbidden("a key is not for this address")
    known = desk(db)
    if known is None:
        raise Unauthorized("log in first")
    check_csrf()
    if to is not None and not at_desk_may(known, to):
        raise Forbidden(_WHOSE[to])
    return known


def at_desk_may(known: Desk, action: May) -> bool:
    """Whether somebody at the desk may do what concerns no session of theirs."""
    return (known.admin and allows(Who.ADMIN, action)) or (
        known.supervisor and allows(Who.SUPERVISOR, action)
    )


_ADMINISTRATORS = "this is for administrators (tandem-server agent add … --admin)"
_WHOSE = {
    May.READ_TRACE: _ADMINISTRATORS,
    May.SET_UP: _ADMINISTRATORS,
    May.SEE_FLOOR: "this is for supervisors (tandem-server agent add … --supervisor)",
}


def require_api_or_admin(db: Session) -> Client | Desk:
    """A client with an API key, or an administrator at the desk: who may read traces."""
    if request.headers.get("Authorization") is not None:
        return require_client("api")
    return require_desk(db, to=May.READ_TRACE)


def require_reader_of_calls(db: Session, pbx: str | None) -> Client | Desk:
    """The same, or a connector of the PBX whose calls are asked for."""
    known = client()
    if known is not None and known.kind == "pbx" and known.name == pbx:
        return known
    return require_api_or_admin(db)


def guests(db: Session, session_id: str) -> list[Guest]:
    """The places in this session that the browser's cookies stand for, the user's first."""
    settings = services().settings
    found = []
    for name, role in cookies.guest_names(settings).items():
        value = request.cookies.get(name)
        if not value:
            continue
        person = db.scalar(
            select(Participant)
            .join(Grant, Grant.participant == Participant.id)
            .where(Grant.token == hashed(value), Grant.held.is_(None))
        )
        if person is not None and person.session_id == session_id and person.role == role:
            found.append(Guest(person.id, session_id, role, person.uri))
    return found


def check_held(db: Session, session_id: str) -> None:
    """Raise Conflict for a browser that waits until the agent has confirmed who it is, and is not
    in as somebody already."""
    tandem = services()
    value = request.cookies.get(cookies.held_name(tandem.settings))
    if not value or request.headers.get("Authorization") is not None:
        return
    places = [db.get(Participant, guest.participant) for guest in guests(db, session_id)]
    if any(p is not None and p.role == "user" and p.revoked is None for p in places):
        return
    grant = db.scalar(
        select(Grant)
        .join(Participant, Participant.id == Grant.participant)
        .where(
            Grant.token == hashed(value),
            Grant.held.is_not(None),
            Participant.session_id == session_id,
        )
    )
    if grant is not None:
        raise Conflict(
            "the agent is asked whether this is the caller",
            why="confirm",
            word=word_of(tandem, session_id, grant),
        )


def require_somebody() -> None:
    """Refuse, before anything is read, who shows neither an API key nor any cookie of ours.

    Raises Unauthorized and Forbidden; `callers` says later whether a cookie is worth something.
    """
    if client() is not None:
        require_client("api")
        return
    settings = services().settings
    names = [cookies.desk_name(settings), *cookies.guest_names(settings)]
    if not any(request.cookies.get(name) for name in names):
        raise Unauthorized("show a key, open the join link again, or log in")


def callers(db: Session, session_id: str) -> list[Caller]:
    """Everybody this request may speak for at a session's address; a key speaks alone.

    Raises Unauthorized when there is nobody, CsrfRefused.
    """
    known = client()
    if known is not None:
        return [require_client("api")]
    found: list[Caller] = [*guests(db, session_id)]
    at_desk = desk(db)
    if at_desk is not None:
        found.append(at_desk)
    if not found:
        raise Unauthorized("open the join link again, or log in")
    check_csrf()
    return found


def check_origin() -> None:
    """Raise CsrfRefused when a browser says that another place's page sent this."""
    origin = request.headers.get("Origin")
    own = services().settings.url
    if origin is not None and origin != own:
        raise CsrfRefused(f"this server is reached as {own}, the page came from {origin[:200]}")


def check_csrf() -> None:
    """Raise CsrfRefused when a write from a browser may not be the page's own."""
    if request.method in _SAFE:
        return
    check_origin()
    tandem = services()
    browser = request.cookies.get(cookies.browser_name(tandem.settings), "")
    shown = request.headers.get("X-CSRF-Token", "")
    if not browser or not hmac.compare_digest(shown.encode(), tandem.signer.csrf(browser).encode()):
        raise CsrfRefused("the header X-CSRF-Token is missing or wrong; GET /v1/me gives it")
