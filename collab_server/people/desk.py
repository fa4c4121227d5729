"""What stands on an agent's desk: current sessions, those that wait, recent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from collab_server.db.models import Agent, CollabSession, Participant
from collab_server.sessions.states import SERVED, WAITING
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.http.auth import Desk
    from collab_server.services import Services

MAX_CURRENT = 50
MAX_WAITING = 50
MAX_RECENT = 20


def snapshot(services: Services, db: Session, uri: str) -> dict[str, Any]:
    """The desk of the agent with this URI: ``{"current": […], "waiting": […], "recent": […]}``.

    Current is what the agent serves, and what ended within its grace. Recent is what the agent
    had: ended, or gone to another agent. Waiting is everybody who has no agent yet.
    """
    mine = CollabSession.agent_uri == uri
    stands = or_(
        CollabSession.state.in_([state.value for state in SERVED]),
        CollabSession.grace_until.is_not(None),
    )
    newest = CollabSession.created.desc()
    current = list(
        db.scalars(
            select(CollabSession).where(and_(mine, stands)).order_by(newest).limit(MAX_CURRENT)
        )
    )
    waiting = list(
        db.scalars(
            select(CollabSession)
            .where(CollabSession.state.in_([state.value for state in WAITING]))
            .order_by(CollabSession.created)
            .limit(MAX_WAITING)
        )
    )
    had = select(Participant.session_id).where(Participant.role == "agent", Participant.uri == uri)
    recent = list(
        db.scalars(
            select(CollabSession)
            .where(CollabSession.id.in_(had), CollabSession.id.not_in([s.id for s in current]))
            .order_by(newest)
            .limit(MAX_RECENT)
        )
    )
    views = Views(services, db, [*current, *waiting, *recent])
    return {
        "current": [views.view(session, "agent") for session in current],
        "waiting": [views.view(session, "agent") for session in waiting],
        "recent": [views.view(session, "agent") for session in recent],
    }


def of_uri(services: Services, db: Session, uri: str) -> dict[str, Any]:
    """The desk with its agent in front, as the page and its web socket get it."""
    agent = db.scalar(select(Agent).where(Agent.uri == uri).order_by(Agent.id).limit(1))
    return {"agent": account(agent) if agent else None} | snapshot(services, db, uri)


def account(who: Agent | Desk) -> dict[str, Any]:
    """Somebody who may log in, as the pages see them."""
    return {
        "name": who.name,
        "uri": who.uri,
        "admin": who.admin,
        "supervisor": who.supervisor,
    }
