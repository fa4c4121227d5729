"""Teams: which sessions a supervisor sees.

    the supervisor    the session's agent      sees, reads and joins it
    has no team       whoever                  yes
    has a team        of that team             yes
    has a team        of another, or of none   no
    has a team        there is none yet        yes: it waits, for whichever team

A team is a word that an administrator gave an account. Where several accounts have one address,
the agent is of all their teams, and a supervisor sees what any of theirs does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server.db.people import Agent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.orm import Session

    from collab_server.db.sessions import CollabSession

Teams = frozenset[str]
"""Of one agent; "" is the word of those who have none."""
NO_TEAM: Teams = frozenset({""})


def of_agents(db: Session, uris: Collection[str]) -> dict[str, Teams]:
    """The teams of the agents with these addresses; nobody's address has none."""
    found: dict[str, Teams] = dict.fromkeys(uris, NO_TEAM)
    if not found:
        return found
    rows = db.execute(select(Agent.uri, Agent.team).where(Agent.uri.in_(found), Agent.active))
    known: dict[str, set[str]] = {}
    for uri, team in rows:
        known.setdefault(uri, set()).add(team)
    return found | {uri: frozenset(teams) for uri, teams in known.items()}


def of_session(db: Session, session: CollabSession) -> Teams | None:
    """The teams of a session's agent; None: it has had no agent yet."""
    if session.agent_uri is None:
        return None
    return of_agents(db, [session.agent_uri])[session.agent_uri]


def sees(team: str, teams: Teams | None) -> bool:
    """Whether a supervisor of `team` sees what is of these teams (None: of nobody yet)."""
    return team == "" or teams is None or team in teams


def may_supervise(db: Session, uri: str, session: CollabSession) -> bool:
    """Whether somebody may log in as a supervisor with this address who sees the session."""
    teams = of_session(db, session)
    return any(sees(team, teams) for team in _of_supervisors(db, uri))


def is_supervisor(db: Session, uri: str) -> bool:
    """Whether somebody may log in as a supervisor with this address."""
    return next(iter(_of_supervisors(db, uri)), None) is not None


def _of_supervisors(db: Session, uri: str) -> Iterable[str]:
    wanted = select(Agent.team).where(Agent.uri == uri, Agent.supervisor, Agent.active)
    return db.scalars(wanted)
