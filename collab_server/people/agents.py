"""Agents and their log-ins: added by the administrator, checked without telling names."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, or_, select

from collab_server import uris
from collab_server.db.people import Agent, DeskState, Login, QueuePause
from collab_server.db.sessions import CollabSession
from collab_server.http.cookies import DESK_SECONDS
from collab_server.problems import Unavailable, WrongPassword
from collab_server.sessions.links import hashed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work

MIN_PASSWORD = 8
MAX_PASSWORD = 1_024
MAX_NAME = 80
MAX_LOGINS = 20
"""Browsers an agent may be logged in with; the oldest goes."""
MAX_OPEN = 200
"""Sessions looked at when an agent logs out; nobody has more pages open."""
HASHING_AT_ONCE = 2
"""Argon2 takes 64 MiB and a core for some 50 ms each time."""
WAIT_TO_HASH = 5.0
LOGINS_AT_ONCE = 8
"""Log-ins under way, hashing or waiting for it: they must never take every thread there is. Known
browsers have as many places of their own, which strangers cannot fill."""

_hasher = PasswordHasher()
_hashing = threading.BoundedSemaphore(HASHING_AT_ONCE)
_under_way = threading.BoundedSemaphore(LOGINS_AT_ONCE)
_under_way_known = threading.BoundedSemaphore(LOGINS_AT_ONCE)
_decoy: list[str] = []


class AgentError(Exception):
    """The administrator asked for something impossible; the text is one line."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new log-in; `cookie` is what the browser keeps."""

    login_id: str
    cookie: str
    agent: Agent


def add(
    work: Work,
    name: str,
    uri: str,
    password: str | None,
    *,
    admin: bool,
    supervisor: bool = False,
    passwordless: bool = False,
) -> str:
    """Add an agent; a password is made when none is given. Gives the password.

    `passwordless`: there is none, and "" is given; they sign in at the OpenID provider.
    Raises AgentError.
    """
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise AgentError(f"NAME: 1 to {MAX_NAME} printable characters, no blanks around them")
    try:
        uris.agent_uri(uri)
    except ValueError as error:
        raise AgentError(f"--uri: {error}") from None
    _check_length(password)
    if named(work.db, name) is not None:
        raise AgentError(f"there is an agent {name} already; remove it first")
    chosen = "" if passwordless else password or secrets.token_urlsafe(12)
    work.db.add(
        Agent(
            name=name,
            uri=uri,
            password=_hasher.hash(chosen) if chosen else "",
            admin=admin,
            supervisor=supervisor,
            created=work.now,
        )
    )
    return chosen


def remove(work: Work, name: str) -> None:
    """Remove an agent, who is logged out everywhere. Raises AgentError."""
    agent = named(work.db, name)
    if agent is None:
        raise AgentError(f"there is no agent {name}")
    work.db.execute(delete(Login).where(Login.agent_id == agent.id))
    work.db.delete(agent)
    work.db.flush()
    if work.db.scalar(select(Agent.id).where(Agent.uri == agent.uri).limit(1)) is None:
        for kept in (DeskState, QueuePause):
            work.db.execute(delete(kept).where(kept.agent_uri == agent.uri))


def everybody(db: Session) -> Sequence[Agent]:
    """All agents, by name."""
    return db.scalars(select(Agent).order_by(Agent.name)).all()


def named(db: Session, name: str) -> Agent | None:
    """The agent of this name."""
    return db.scalar(select(Agent).where(Agent.name == name))


def check_password(agent: Agent | None, password: str, *, known: bool) -> Agent:
    """The agent, if this is the password; nobody (None), and somebody who has no password, takes as
    long as a wrong one.

    `known`: it comes from a browser in which the agent has logged in before. Raises WrongPassword,
    and Unavailable when too many try at once.
    """
    under_way = _under_way_known if known else _under_way
    with _taken(under_way, 0), _taken(_hashing, WAIT_TO_HASH):
        if not _decoy:
            _decoy.append(_hasher.hash(secrets.token_hex(16)))
        try:
            _hasher.verify((agent and agent.password) or _decoy[0], password)
        except (VerificationError, InvalidHashError):
            raise WrongPassword from None
    if agent is None or not agent.password:
        raise WrongPassword
    return agent


@contextmanager
def _taken(places: threading.BoundedSemaphore, wait: float) -> Iterator[None]:
    """Hold one of the places. Raises Unavailable when none is free within `wait` seconds."""
    if not places.acquire(blocking=wait > 0, timeout=wait or None):
        raise Unavailable("too many log-ins at once", retry_after=1)
    try:
        yield
    finally:
        places.release()


def set_password(work: Work, name: str, password: str | None) -> str:
    """Give an agent another password; one is made when none is given. Gives the password.

    Browsers that are logged in stay so. Raises AgentError.
    """
    agent = named(work.db, name)
    if agent is None:
        raise AgentError(f"there is no agent {name}")
    _check_length(password)
    chosen = password or secrets.token_urlsafe(12)
    agent.password = _hasher.hash(chosen)
    return chosen


def _check_length(password: str | None) -> None:
    if password is not None and not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AgentError(f"the password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")


def log_in(
    work: Work, agent: Agent, *, sid: str | None = None, id_token: str | None = None
) -> LoggedIn:
    """Open a log-in for an agent who has shown who they are, here or at the OpenID provider.

    `sid` and `id_token` are the provider's, where it was there.
    """
    opened = select(Login.id).where(Login.agent_id == agent.id).order_by(Login.created.desc())
    too_many = list(work.db.scalars(opened.offset(MAX_LOGINS - 1)))
    if too_many:
        work.db.execute(delete(Login).where(Login.id.in_(too_many)))
    cookie = secrets.token_urlsafe(32)
    login = Login(
        id=secrets.token_hex(8),
        agent_id=agent.id,
        token=hashed(cookie),
        created=work.now,
        expires=work.now + DESK_SECONDS,
        sid=sid,
        id_token=id_token,
    )
    work.db.add(login)
    return LoggedIn(login.id, cookie, agent)


def sessions_of(db: Session, uri: str) -> list[str]:
    """Ids of the sessions an agent may still have open, the newest `MAX_OPEN` of them."""
    mine = select(CollabSession.id).where(
        CollabSession.agent_uri == uri,
        or_(CollabSession.state != "ended", CollabSession.grace_until.is_not(None)),
    )
    return list(db.scalars(mine.order_by(CollabSession.created.desc()).limit(MAX_OPEN)))


def is_supervisor(db: Session, uri: str) -> bool:
    """Whether somebody may log in as a supervisor with this address."""
    return (
        db.scalar(select(Agent.id).where(Agent.uri == uri, Agent.supervisor).limit(1)) is not None
    )


def log_out(work: Work, login_id: str) -> None:
    """End a log-in."""
    work.db.execute(delete(Login).where(Login.id == login_id))
