"""Accounts: who may log in, as administrators add, change and remove them. Each step is on record.

Both the set-up page and the command line come here, and only the page is held to one rule more:
an administrator who can log in stays (`check_stays`). Whoever has the command line can make a new
one at any time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, false, or_, select, true

from collab_server import uris
from collab_server.db.invitations import Grant
from collab_server.db.people import (
    DISPLAY_NAME,
    NAME,
    TEAM,
    Agent,
    DeskState,
    Login,
    QueuePause,
    SetUpEvent,
)
from collab_server.db.sessions import Participant
from collab_server.problems import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from collab_server.db.engine import Work

MIN_PASSWORD = 8
MAX_PASSWORD = 1_024
MAX_ACCOUNTS = 10_000
MAX_EVENTS = 5_000
"""Changes kept on record; the oldest go."""

Changes = dict[str, Any]
"""Field -> its value before and after, in a list."""

COMMAND_LINE = ""
"""Who changed something, where no administrator's name is known."""

FIELDS = ("uri", "display_name", "admin", "supervisor", "team", "active")
"""What may be changed of an account; its name stays, as the history has it."""


class AgentError(Exception):
    """Somebody asked for something impossible; the text is one line, `field` what it is about,
    `why` a word for pages that say it in their own."""

    def __init__(self, text: str, field: str = "", why: str = "") -> None:
        super().__init__(text)
        self.field = field
        self.why = why


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new account."""

    name: str
    uri: str
    admin: bool = False
    supervisor: bool = False
    team: str = ""
    display_name: str = ""


def chosen(password: str | None) -> str:
    """The password, or one that is made. Raises AgentError."""
    if password is not None and not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AgentError(
            f"the password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters", "password"
        )
    return password or secrets.token_urlsafe(12)


def add(work: Work, by: str, wanted: Wanted, hashed: str) -> Agent:
    """Add an account with this hash of its password. Raises AgentError."""
    name = wanted.name
    if not 1 <= len(name) <= NAME or not name.isprintable() or name != name.strip():
        raise AgentError(f"1 to {NAME} printable characters, no blanks around them", "name")
    _check({"uri": wanted.uri, "team": wanted.team, "display_name": wanted.display_name})
    if work.db.scalar(select(Agent.id).where(Agent.name == name)) is not None:
        raise AgentError(f"there is an agent {name} already; remove it first", "name", "taken")
    if work.db.scalar(select(Agent.id).offset(MAX_ACCOUNTS - 1).limit(1)) is not None:
        raise AgentError(f"{MAX_ACCOUNTS} accounts are the most there may be")
    made = Agent(
        name=name,
        uri=wanted.uri,
        display_name=wanted.display_name,
        password=hashed,
        admin=wanted.admin,
        supervisor=wanted.supervisor,
        team=wanted.team,
        active=True,
        created=work.now,
    )
    work.db.add(made)
    work.db.flush()
    given = {field: getattr(wanted, field) for field in FIELDS if field != "active"}
    note(work, by, "added", name, {field: [None, value] for field, value in given.items() if value})
    return made


def change(work: Work, by: str, agent: Agent, wanted: Mapping[str, Any], ways: Ways) -> Changes:
    """Change an account. Gives the fields that are not as they were.

    Raises AgentError, and Conflict when no administrator would be left.
    """
    _check(wanted)
    changes = {
        field: [getattr(agent, field), wanted[field]]
        for field in FIELDS
        if field in wanted and getattr(agent, field) != wanted[field]
    }
    if not changes:
        return {}
    if not changes.get("active", [0, True])[1] or not changes.get("admin", [0, True])[1]:
        check_stays(work, agent, ways)
    before = agent.uri
    for field, (_, new) in changes.items():
        setattr(agent, field, new)
    work.db.flush()
    if "uri" in changes or "active" in changes:
        _leave_address(work, before)
    note(work, by, "changed", agent.name, changes)
    return changes


def ends_log_ins(agent: Agent, changes: Changes) -> bool:
    """Whether whoever is logged in must do so anew: what they have open is of before.

    Who only gets something more, or an agent of another team, goes on as they are.
    """
    lost = any(changes.get(role) == [True, False] for role in ("admin", "supervisor"))
    seen = changes.get("supervisor", [agent.supervisor])[0] and "team" in changes
    return bool(lost or seen or "uri" in changes or "active" in changes)


def set_password(work: Work, by: str, agent: Agent, hashed: str) -> None:
    """Give an account another password; the browsers it was used in are strangers again."""
    agent.password = hashed
    note(work, by, "password", agent.name, {})


def remove(work: Work, by: str, agent: Agent) -> None:
    """Remove an account with its log-ins. What its agent did in sessions stays on record."""
    work.db.execute(delete(Login).where(Login.agent_id == agent.id))
    work.db.delete(agent)
    work.db.flush()
    _leave_address(work, agent.uri)
    note(work, by, "removed", agent.name, {"uri": [agent.uri, None]})


@dataclass(frozen=True, slots=True)
class Ways:
    """By which ways people log in here."""

    passwords: bool = True
    issuer: str = ""
    """Of the OpenID provider; "": there is none."""

    def open_to(self) -> ColumnElement[bool]:
        """Whether an account is not switched off and has one of them, for a query."""
        by_password = and_(Agent.password != "", true() if self.passwords else false())
        by_provider = and_(Agent.issuer == self.issuer, Agent.issuer != "")
        return and_(Agent.active, or_(by_password, by_provider))


def check_stays(work: Work, agent: Agent, ways: Ways) -> None:
    """Raise Conflict when without this account no administrator could log in."""
    if not (agent.admin and agent.active):
        return
    others = select(Agent.id).where(Agent.admin, Agent.id != agent.id, ways.open_to()).limit(1)
    if work.db.scalar(others) is None:
        raise Conflict(
            f"{agent.name} is the last administrator who can log in; make another one first",
            why="last-administrator",
        )


def note(work: Work, by: str, what: str, whom: str, changes: Changes) -> None:
    """Keep who changed what."""
    event = SetUpEvent(at=work.now, by=by, what=what, whom=whom, changes=changes)
    work.db.add(event)
    work.db.flush()
    work.db.execute(delete(SetUpEvent).where(SetUpEvent.id <= event.id - MAX_EVENTS))


def _check(wanted: Mapping[str, Any]) -> None:
    if "uri" in wanted:
        try:
            uris.agent_uri(wanted["uri"])
        except ValueError as error:
            raise AgentError(str(error), "uri") from None
    for field, most in (("team", TEAM), ("display_name", DISPLAY_NAME)):
        if not is_label(wanted.get(field, ""), most):
            raise AgentError(f"at most {most} printable characters, no blanks around them", field)


def is_label(text: str, most: int) -> bool:
    """Whether people may be shown it: nothing that controls, or turns the direction of writing."""
    return len(text) <= most and text.isprintable() and text == text.strip()


def _leave_address(work: Work, uri: str) -> None:
    """Forget what hangs on an address that is no account's any more.

    Join links that its agent has opened are worth nothing then, either.
    """
    has_it = select(Agent.id).where(Agent.uri == uri).limit(1)
    if work.db.scalar(has_it.where(Agent.active)) is None:
        places = select(Participant.id).where(Participant.role == "agent", Participant.uri == uri)
        work.db.execute(delete(Grant).where(Grant.participant.in_(places)))
    if work.db.scalar(has_it) is None:
        for kept in (DeskState, QueuePause):
            work.db.execute(delete(kept).where(kept.agent_uri == uri))
