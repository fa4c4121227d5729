"""What stands on the floor: every agent, every session, and what is out of the ordinary there.

A session shows *signs*: something that is as it is since a moment, and out of the ordinary once
that lasts. So a page need not ask again to see a sign come due.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server.db.people import Agent
from collab_server.db.sessions import CollabSession
from collab_server.sessions.consent import Consent
from collab_server.sessions.states import WAITING, State
from collab_server.sessions.views import Views
from collab_server.times import iso_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from collab_server.services import Services

MAX_AGENTS = 1_000
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


def snapshot(services: Services, db: Session) -> dict[str, Any]:
    """The floor: ``{"agents": […], "sessions": […]}``, the sessions by what is out of the
    ordinary longest, then by age."""
    people = db.scalars(select(Agent).order_by(Agent.name).limit(MAX_AGENTS))
    desks = services.hub.open_desks()
    agents: dict[str, dict[str, Any]] = {}
    for one in people:
        shown = {"name": one.name, "uri": one.uri, "desk": iso_or_none(desks.get(one.uri))}
        agents.setdefault(one.uri, shown)
    standing = list(
        db.scalars(
            select(CollabSession)
            .where(CollabSession.state.in_(STANDING))
            .order_by(CollabSession.created)
            .limit(MAX_SESSIONS)
        )
    )
    views = Views(services, db, standing)
    sessions = [entry(views.view(session, "agent")) for session in standing]
    now = services.clock()
    sessions.sort(key=lambda shown: (due(shown, now), shown["created"]))
    return {"agents": list(agents.values()), "sessions": sessions}


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
