"""Who is told of a changed session: its open pages, and the desks of its agents."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from collab_server.db.sessions import CollabSession
from collab_server.floor import board
from collab_server.sessions import agreement
from collab_server.sessions.states import WAITING
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable

    from collab_server.db.engine import Work
    from collab_server.services import Services
    from collab_server.sessions.links import Role

    Shown = dict[Role, dict[str, Any]]


def prepare(services: Services, work: Work) -> None:
    """Build the messages about the sessions a transaction touched; they go out after its commit."""
    for session_id in work.sights:
        seen = work.db.get(CollabSession, session_id)
        if seen is not None:
            sights = agreement.sights_of(work, seen)
            work.after_commit(partial(services.hub.sights_changed, session_id, sights))
    if not work.touched:
        board.prepare(services, work, {})
        return
    found = [work.db.get(CollabSession, session_id) for session_id in work.touched]
    sessions = [session for session in found if session is not None]
    views = Views(services, work.db, sessions, work.places)
    desks = set(services.watched_logins().values()) if any(work.touched.values()) else ()
    on_floor: dict[str, dict[str, Any]] = {}
    for session in sessions:
        agents = views.view(session, "agent")
        shown: Shown = {
            "user": views.view(session, "user"),
            "agent": agents,
            "supervisor": agents,
        }
        messages = dict.fromkeys(desks if work.touched[session.id] else (), _to_others(shown))
        messages |= dict.fromkeys(views.agents(session), _to_its_agents(shown))
        on_floor[session.id] = agents
        work.after_commit(_telling(services, session.id, shown, messages))
    board.prepare(services, work, on_floor)


def _to_its_agents(shown: Shown) -> dict[str, Any]:
    return {"kind": "session", "session": shown["agent"]}


def _to_others(shown: Shown) -> dict[str, Any]:
    """A desk sees who waits; once somebody has the session, it is no longer its business."""
    view = shown["agent"]
    if view["state"] in WAITING:
        return {"kind": "session", "session": view}
    return {"kind": "gone", "id": view["id"]}


def _telling(
    services: Services, session_id: str, shown: Shown, messages: dict[str, dict[str, Any]]
) -> Callable[[], None]:
    def tell() -> None:
        services.hub.session_changed(session_id, shown)
        for uri, message in messages.items():
            services.hub.desk_push(uri, message)

    return tell
