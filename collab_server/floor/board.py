"""What stands on the floor: every agent, every session, and what is out of the ordinary there.

A session shows *signs*: something that is as it is since a moment, and out of the ordinary once
that lasts. So a page need not ask again to see a sign come due.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from collab_server.db.people import Agent
from collab_server.db.sessions import CollabSession
from collab_server.floor import agents
from collab_server.people import teams
from collab_server.sessions.consent import Consent
from collab_server.sessions.states import WAITING, State
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services

MAX_SESSIONS = 1_000
"""Standing sessions looked at, the oldest first: those that wait longest are among them."""

STANDING = [state.value for state in State if state is not State.ENDED]
"""Named one by one: what is not `ended` no index finds, among all that has ended."""

LASTS = {
    "waiting": 60,
    "no_agent": 20,
    "invitation_failed": 0,
    "caller_away": 20,
    "held": 60,
    "no_consent": 15,
    "refused": 0,
}
"""Kind of sign -> seconds from which on it is out of the ordinary."""


def snapshot(services: Services, db: Session, team: str) -> dict[str, Any]:
    """The floor of a supervisor of this team ("": of none, who sees all): ``{"agents": […],
    "sessions": […]}``, the sessions by what is out of the ordinary longest, then by age."""
    wanted = select(CollabSession).where(CollabSession.state.in_(STANDING))
    if team:
        mine = select(Agent.uri).where(Agent.team == team, Agent.active)
        wanted = wanted.where(
            or_(CollabSession.agent_uri.is_(None), CollabSession.agent_uri.in_(mine))
        )
    standing = list(db.scalars(wanted.order_by(CollabSession.created).limit(MAX_SESSIONS)))
    views = Views(services, db, standing)
    sessions = [entry(views.view(session, "agent")) for session in standing]
    now = services.clock()
    sessions.sort(key=lambda shown: (due(shown, now), shown["created"]))
    return {"agents": agents.of_team(services, db, team), "sessions": sessions}


def prepare(services: Services, work: Work, views: Mapping[str, dict[str, Any]]) -> None:
    """Tell the open floors, after the commit, of what changed: sessions (`views`: those that did,
    as their agents see them), and how agents stand."""
    if not services.hub.floor_watched():
        return
    changed = work.agents | {
        view["agent"]["uri"] for view in views.values() if view["agent"] and _is_over(view)
    }
    if changed:
        for shown, whose in agents.of_uris(services, work.db, changed):
            message = {"kind": "agent", **shown}
            work.after_commit(partial(services.hub.floor_push, message, whose))
    serving = {view["agent"]["uri"] for view in views.values() if view["agent"]}
    known = teams.of_agents(work.db, serving)
    for session_id, view in views.items():
        message = {"kind": "session", "session": entry(view)}
        whose_session = known[view["agent"]["uri"]] if view["agent"] else None
        # Whose team it is no longer has it no longer; who never had it hears nothing new.
        gone = {"kind": "gone", "id": session_id}
        work.after_commit(partial(services.hub.floor_push, message, whose_session, gone))


def _is_over(view: Mapping[str, Any]) -> bool:
    return State(view["state"]) is State.ENDED


def entry(view: Mapping[str, Any]) -> dict[str, Any]:
    """A session as the floor shows it: the agent's view of it, and its signs."""
    signs = [{"kind": kind, "since": at, "after": LASTS[kind]} for kind, at in _signs(view)]
    return dict(view) | {"signs": signs}


def due(shown: Mapping[str, Any], now: float) -> float:
    """When a session's first sign became out of the ordinary; infinity: none has, by `now`."""
    ends = [_seconds(sign["since"]) + sign["after"] for sign in shown["signs"]]
    return min((end for end in ends if end <= now), default=float("inf"))


def _signs(view: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    state = State(view["state"])
    user, consent = view["presence"]["user"], view["consent"]
    if state in WAITING:
        yield "waiting", view["created"]
    elif state is State.SUSPENDED:
        yield "no_agent", view["since"]
    if state in (State.INVITING, State.ACTIVE):
        if user["joined"] and not user["connected"] and user["since"]:
            yield "caller_away", user["since"]
        elif not user["joined"] and view["invitation"]["user"]["state"] == "failed":
            yield "invitation_failed", view["since"]
        if consent["state"] == Consent.ASKED:
            yield "no_consent", consent["since"]
        elif consent["state"] == Consent.REFUSED:
            yield "refused", consent["since"]
    if view["held"] and view["held_since"]:
        yield "held", view["held_since"]


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
