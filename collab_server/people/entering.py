"""How somebody comes in, by whichever way they have shown who they are, and how they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.floor.watching import watched_by
from collab_server.http import cookies
from collab_server.people import agents, states

if TYPE_CHECKING:
    from flask import Response

    from collab_server.db.engine import Work
    from collab_server.db.people import Agent
    from collab_server.http.auth import Desk
    from collab_server.services import Services


def enter(
    services: Services,
    work: Work,
    agent: Agent,
    *,
    sid: str | None = None,
    id_token: str | None = None,
) -> agents.LoggedIn:
    """Make the log-in of an agent; they are not ready before they say so."""
    opened = agents.log_in(work, agent, sid=sid, id_token=id_token)
    states.unready(services, work, agent.uri, opened.login_id)
    return opened


def hand_over(response: Response, opened: agents.LoggedIn) -> None:
    """Give the browser its log-in; what its writes carry is another from now on."""
    cookies.csrf(anew=True)
    cookies.set_desk(response, opened.cookie)
    if opened.agent.password:
        cookies.set_device(response, opened.agent)


def leave(services: Services, work: Work, who: Desk) -> None:
    """End a log-in, and close what its pages have open."""
    agents.log_out(work, who.login_id)
    states.unready(services, work, who.uri, who.login_id)
    open_here = agents.sessions_of(work.db, who.uri)
    watched = watched_by(work.db, who.uri) if who.supervisor else []

    def close() -> None:
        services.hub.desk_close(who.login_id)
        # Whoever else has this agent's sessions open, on another log-in, comes back by itself.
        for session_id in open_here:
            services.hub.close_session(session_id, "agent", who.uri, 4401)
        for session_id in watched:
            services.hub.close_session(session_id, "supervisor", who.uri, 4401)

    work.after_commit(close)
