"""The calls an agent has right now, ordinary ones too, as the connectors last reported them.

Calls change often, so only the desks of the agents concerned are told, and only while one is open.
What is pushed is the whole list: a desk that missed one push is right again with the next.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server.db.calls import Call
from collab_server.db.placed import PlacedCall
from collab_server.db.sessions import CollabSession
from collab_server.sessions.states import State
from collab_server.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services

MAX_CALLS = 20
"""Calls shown of one agent, the newest; nobody is in more."""


def of_agents(db: Session, uris: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """The standing calls of each of these agents, newest first. A call that only a client of the
    API has named, and no connector has reported, is nobody's telephone call."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    rows = db.execute(
        select(Call, CollabSession, PlacedCall.name)
        .outerjoin(
            CollabSession,
            (CollabSession.id == Call.session_id) & (CollabSession.state != State.ENDED.value),
        )
        .outerjoin(PlacedCall, PlacedCall.call == Call.id)
        .where(Call.agent_uri.in_(uris), Call.ended.is_(None), Call.epoch.is_not(None))
        .order_by(Call.since.desc(), Call.id.desc())
        .limit(MAX_CALLS * len(uris))
    )
    for call, session, name in rows:
        mine = found[call.agent_uri or ""]
        if len(mine) < MAX_CALLS:
            mine.append(_shown(call, session, name))
    return found


def of_agent(db: Session, agent_uri: str) -> list[dict[str, Any]]:
    """The standing calls of one agent."""
    return of_agents(db, [agent_uri])[agent_uri]


def noted(call: Call) -> tuple[Any, ...]:
    """What a desk shows of a call, to tell whether a report has changed any of it."""
    return (
        call.call_id,
        call.agent_uri,
        call.state,
        call.type,
        call.user_uri,
        call.queue,
        call.held,
        call.since,
        call.session_id,
    )


def changed(work: Work, call: Call, before: tuple[Any, ...]) -> None:
    """Have the agent of a call told, the one before too, if it is not as it was (`noted`)."""
    if noted(call) != before:
        work.callers.update(uri for uri in (before[1], call.agent_uri) if uri)


def prepare(services: Services, work: Work) -> None:
    """Build what goes to the desks after the commit."""
    if not work.callers:
        return
    there = work.callers & set(services.watched_logins().values())
    if not there:
        return
    calls = of_agents(work.db, there)
    for uri in there:
        work.after_commit(_telling(services, uri, calls[uri]))


def _telling(services: Services, uri: str, calls: list[dict[str, Any]]) -> Callable[[], None]:
    return lambda: services.hub.desk_push(uri, {"kind": "calls", "calls": calls})


def _shown(call: Call, session: CollabSession | None, name: str | None) -> dict[str, Any]:
    user = {"uri": call.user_uri} | ({"name": name} if name else {}) if call.user_uri else None
    return {
        "pbx": call.pbx,
        "id": call.call_id,
        "state": call.state,
        "user": user,
        "since": iso(call.since),
        "held": call.held,
        "queue": call.queue,
        "type": session.type if session else call.type,
        "session": session.id if session else None,
    }
