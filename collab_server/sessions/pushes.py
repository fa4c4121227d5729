"""Who is told of a changed session: its open pages, and the desks of its agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server.db.models import Agent, CollabSession, Login
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services
    from collab_server.sessions.links import Role


def prepare(services: Services, work: Work) -> None:
    """Build the messages about the sessions a transaction touched; they go out after its commit."""
    if not work.touched:
        return
    found = [work.db.get(CollabSession, session_id) for session_id in work.touched]
    sessions = [session for session in found if session is not None]
    views = Views(services, work.db, sessions, work.places)
    desks = _desks(work) if any(work.touched.values()) else []
    for session in sessions:
        shown: dict[Role, dict[str, Any]] = {
            "user": views.view(session, "user"),
            "agent": views.view(session, "agent"),
        }
        uris = views.agents(session)
        if work.touched[session.id]:
            uris = list(dict.fromkeys([*uris, *desks]))
        work.after_commit(_telling(services, session.id, shown, uris))


def _telling(services: Services, session_id: str, shown: dict[Role, Any], uris: list[str]) -> Any:
    def tell() -> None:
        services.hub.session_changed(session_id, shown)
        for uri in uris:
            services.hub.desk_push(uri, {"kind": "session", "session": shown["agent"]})

    return tell


def _desks(work: Work) -> list[str]:
    """Agents who are logged in somewhere."""
    logged_in = select(Agent.uri).join(Login, Login.agent_id == Agent.id)
    return list(work.db.scalars(logged_in.where(Login.expires > work.now).distinct()))
