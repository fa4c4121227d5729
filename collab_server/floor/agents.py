"""How agents stand: desk, ready or not, paused in the queues, wrapping up; all read in one go."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server.db.people import Agent, DeskState, QueuePause
from collab_server.db.sessions import CollabSession
from collab_server.people import pauses
from collab_server.people.desk import WRAP_UP_SECONDS
from collab_server.times import iso, iso_or_none

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from collab_server.people.teams import Teams
    from collab_server.services import Services

MAX_AGENTS = 1_000
MAX_WRAP_UPS = 5_000
"""Sessions that want a wrap-up looked at, the newest."""


def of_team(services: Services, db: Session, team: str) -> list[dict[str, Any]]:
    """Everybody whom a supervisor of this team sees ("": all), by name."""
    wanted = select(Agent).where(Agent.active).order_by(Agent.name).limit(MAX_AGENTS)
    if team:
        wanted = wanted.where(Agent.team == team)
    people: dict[str, Agent] = {}
    for one in db.scalars(wanted):
        people.setdefault(one.uri, one)
    return [shown for shown, _ in _shown(services, db, people, None)]


def of_uris(
    services: Services, db: Session, uris: Collection[str]
) -> list[tuple[dict[str, Any], Teams]]:
    """The agents with these addresses, each with the teams whose supervisors see them."""
    people: dict[str, Agent] = {}
    teams: dict[str, set[str]] = defaultdict(set)
    wanted = select(Agent).where(Agent.uri.in_(uris), Agent.active).order_by(Agent.name)
    for one in db.scalars(wanted):
        people.setdefault(one.uri, one)
        teams[one.uri].add(one.team)
    return [
        (shown, frozenset(teams[agent.uri]))
        for shown, agent in _shown(services, db, people, people)
    ]


def _shown(
    services: Services, db: Session, people: dict[str, Agent], only: Collection[str] | None
) -> list[tuple[dict[str, Any], Agent]]:
    desks = services.hub.open_desks()
    said = select(DeskState)
    asked = select(QueuePause).where(QueuePause.pbx.in_(services.settings.pbx))
    over = (
        select(CollabSession.agent_uri, CollabSession.ended)
        .where(
            CollabSession.ended > services.clock() - WRAP_UP_SECONDS,
            CollabSession.done.is_(None),
        )
        .order_by(CollabSession.ended.desc())
        .limit(MAX_WRAP_UPS)
    )
    if only is not None:
        said = said.where(DeskState.agent_uri.in_(only))
        asked = asked.where(QueuePause.agent_uri.in_(only))
        over = over.where(CollabSession.agent_uri.in_(only))
    states = {row.agent_uri: row for row in db.scalars(said)}
    paused: dict[str, QueuePause] = {}
    for row in db.scalars(asked):
        if pauses.is_paused(row):
            paused.setdefault(row.agent_uri, row)
    ended: dict[str, list[float]] = defaultdict(list)
    for uri, at in db.execute(over):
        if uri is not None and at is not None:
            ended[uri].append(at)
    found = []
    for uri, agent in people.items():
        state, pause, wrap_ups = states.get(uri), paused.get(uri), ended.get(uri)
        shown = {
            "name": agent.display_name or agent.name,
            "uri": uri,
            "team": agent.team,
            "desk": iso_or_none(desks.get(uri)),
            "ready": state is not None and state.ready,
            "reason": state.reason if state else "",
            "since": iso(state.since) if state else None,
            "pause": {"reason": pause.reason, "since": iso(pause.asked)} if pause else None,
            "wrap_up": (
                {"count": len(wrap_ups), "since": iso(max(wrap_ups))} if wrap_ups else None
            ),
        }
        found.append((shown, agent))
    return found
