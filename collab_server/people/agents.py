"""Log-ins of agents: passwords checked without telling names, log-ins opened and ended."""

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

from collab_server.db.invitations import Grant
from collab_server.db.people import Agent, Login
from collab_server.db.sessions import CollabSession, Participant
from collab_server.http.cookies import DESK_SECONDS
from collab_server.people import accounts
from collab_server.people.accounts import AgentError
from collab_server.problems import AccountOff, Unavailable, WrongPassword
from collab_server.sessions.links import hashed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work

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
    team: str = "",
    display_name: str = "",
    passwordless: bool = False,
) -> str:
    """Add an agent on the command line; a password is made when none is given. Gives the password.

    `passwordless`: there is none, and "" is given; they log in by another way. Raises AgentError.
    """
    chosen = "" if passwordless else accounts.chosen(password)
    wanted = accounts.Wanted(
        name, uri, admin=admin, supervisor=supervisor, team=team, display_name=display_name
    )
    accounts.add(work, accounts.COMMAND_LINE, wanted, hash_password(chosen) if chosen else "")
    return chosen


def remove(work: Work, name: str) -> None:
    """Remove an agent on the command line, who is logged out everywhere. Raises AgentError."""
    agent = named(work.db, name)
    if agent is None:
        raise AgentError(f"there is no agent {name}")
    accounts.remove(work, accounts.COMMAND_LINE, agent)


def hash_password(password: str) -> str:
    """As the database keeps it. Raises Unavailable when too many are being hashed."""
    with _taken(_hashing, WAIT_TO_HASH):
        return _hasher.hash(password)


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
    """Give an agent another password on the command line; one is made when none is given. Gives it.

    They are logged out everywhere. Raises AgentError.
    """
    agent = named(work.db, name)
    if agent is None:
        raise accounts.AgentError(f"there is no agent {name}")
    chosen = accounts.chosen(password)
    accounts.set_password(work, accounts.COMMAND_LINE, agent, hash_password(chosen))
    work.db.execute(delete(Login).where(Login.agent_id == agent.id))
    return chosen


def log_in(
    work: Work, agent: Agent, *, sid: str | None = None, id_token: str | None = None
) -> LoggedIn:
    """Open a log-in for an agent who has shown who they are, as the account stands by now.

    The one way to a log-in. `sid` and `id_token` are the OpenID provider's, where they did so
    there. Raises AccountOff, and WrongPassword when the account has gone, or got another password,
    since that was checked.
    """
    now = work.db.get(Agent, agent.id)
    if now is None or now.password != agent.password:
        raise WrongPassword
    if not now.active:
        raise AccountOff("this account is switched off; ask your administrator")
    agent = now
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


def may_serve(db: Session, place: Participant) -> bool:
    """Whether an agent with a place in a session may come in: by an account, or by a join link."""
    account = select(Agent.id).where(Agent.uri == place.uri, Agent.active).limit(1)
    link = select(Grant.token).where(Grant.participant == place.id).limit(1)
    return db.scalar(account) is not None or db.scalar(link) is not None
