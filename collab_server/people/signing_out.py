"""Log-ins that end: their rows go, and after the commit everything open by them is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from collab_server.db.people import Login
from collab_server.floor.watching import watched_by
from collab_server.people import agents, states

if TYPE_CHECKING:
    from collections.abc import Collection

    from collab_server.db.engine import Work
    from collab_server.services import Services


def everywhere(services: Services, work: Work, agent_id: int, uri: str) -> None:
    """End every log-in of an account that has had this address until now."""
    mine = list(work.db.scalars(select(Login.id).where(Login.agent_id == agent_id)))
    end(services, work, uri, mine)


def end(services: Services, work: Work, uri: str, logins: Collection[str]) -> None:
    """End these log-ins of whoever has this address.

    Their desks and floors are told (`signed_out`) and closed with 4401, and so are their sessions'
    documents. Whoever else has those open, by another log-in, comes back by itself.
    """
    work.db.execute(delete(Login).where(Login.id.in_(logins)))
    states.unready(services, work, uri, *logins)
    served = agents.sessions_of(work.db, uri)
    watched = watched_by(work.db, uri)

    def close() -> None:
        for login in logins:
            services.hub.desk_close(login)
            services.forget_login(login)
        for session in served:
            services.hub.close_session(session, "agent", uri, 4401)
        for session in watched:
            services.hub.close_session(session, "supervisor", uri, 4401)

    work.after_commit(close)
