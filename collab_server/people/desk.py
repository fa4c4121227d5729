"""What stands on an agent's desk: sessions, calls, and whether the agent is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from collab_server.db.people import Agent
from collab_server.db.sessions import CollabSession, Participant
from collab_server.people import links, pauses, standing, states
from collab_server.sessions.states import SERVED, WAITING
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.http.auth import Desk
    from collab_server.services import Services

MAX_CURRENT = 50
MAX_WAITING = 50
MAX_WRAP_UP = 20
MAX_RECENT = 20
WRAP_UP_SECONDS = 12 * 3600
"""How long after its end a session is held out to its agent to be wrapped up: a working day."""


def snapshot(services: Services, db: Session, uri: str) -> dict[str, Any]:
    """The desk of the agent with this URI: lists of sessions (``current``, ``wrap_up``,
    ``waiting``, ``recent``), ``calls``, ``pbxs``, ``state`` and ``pause``.

    Current is what the agent serves, and what ended within its grace. Wrap-up is what ended and the
    agent has not said to be done with. Recent is what the agent had: ended, or gone to another
    agent. Waiting is everybody who has no agent yet.
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
    wrap_up = list(
        db.scalars(
            select(CollabSession)
            .where(
                mine,
                CollabSession.done.is_(None),
                CollabSession.ended > services.clock() - WRAP_UP_SECONDS,
                CollabSession.id.not_in([s.id for s in current]),
            )
            .order_by(newest)
            .limit(MAX_WRAP_UP)
        )
    )
    had = select(Participant.session_id).where(Participant.role == "agent", Participant.uri == uri)
    recent = list(
        db.scalars(
            select(CollabSession)
            .where(
                CollabSession.id.in_(had),
                CollabSession.id.not_in([s.id for s in (*current, *wrap_up)]),
            )
            .order_by(newest)
            .limit(MAX_RECENT)
        )
    )
    lists = {"current": current, "wrap_up": wrap_up, "waiting": waiting, "recent": recent}
    views = Views(services, db, [session for sessions in lists.values() for session in sessions])
    shown: dict[str, Any] = {
        name: [views.view(session, "agent") for session in sessions]
        for name, sessions in lists.items()
    }
    return shown | {
        "calls": standing.of_agent(db, uri),
        "pbxs": links.show(services),
        "state": states.show(services, db, uri),
        "pause": pauses.show(services, db, uri),
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
        "display_name": who.display_name,
        "admin": who.admin,
        "supervisor": who.supervisor,
        "team": who.team,
    }
