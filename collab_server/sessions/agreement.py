"""The user's yes of a session as it is kept: what changes it, who hears of it, what they then see.

The states are in `collab_server.sessions.consent`. Every change is on record with its time and
cause, and takes effect on the open web sockets with the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from collab_server.explain import Why
from collab_server.floor import watching
from collab_server.problems import Conflict, Gone
from collab_server.sessions.access import who_is
from collab_server.sessions.consent import Agreement, Consent
from collab_server.sessions.history import record
from collab_server.sessions.places import place, places
from collab_server.sessions.roles import sight
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession, Participant
    from collab_server.realtime.backend import Role, Sight
    from collab_server.services import Services


def served(services: Services, work: Work, session: CollabSession, agent_uri: str) -> None:
    """The session has another agent."""
    new = _of(session).served(agent_uri)
    _keep(work, session, new, "served", anew=new.state is Consent.ASKED)
    user = place(work, session, "user", session.user_uri)
    if services.settings.server.consent == "call":
        new = _of(session).answered(agree=True)
        _keep(work, session, new, "the call itself, by server.consent")
    elif user is not None and user.joined is not None and not user.asks:
        new = _of(session).answered(agree=True)
        _keep(work, session, new, "the call itself: no page of the user's can ask")
    watching.leave_unseen(services, work, session)


def came_in(work: Work, session: CollabSession, seen: str | None = None) -> None:
    """The user pressed the button of a join page; `seen` is the agent it named, if it says."""
    if session.state != State.ENDED:
        _keep(work, session, _of(session).came_in(seen), "join page")


def answer(work: Work, session: CollabSession, agent_uri: str, *, agree: bool) -> None:
    """The user's page has asked; the answer is about one agent. Raises Conflict and Gone."""
    if session.state == State.ENDED:
        raise Gone("the session has ended", why="ended")
    if session.agent_uri != agent_uri:
        raise Conflict(
            "another agent has the session now", why=Why.OTHER_AGENT, agent=session.agent_uri
        )
    _keep(work, session, _of(session).answered(agree=agree), "the user's page")


def sight_of(session: CollabSession, place: Participant) -> Sight:
    """What somebody with a place in the session sees of its document now."""
    return sight(who_is(session, place), Consent(session.consent))


def sights_of(work: Work, session: CollabSession) -> dict[tuple[Role, str], Sight]:
    """What everybody in the session sees now, by role and URI; whoever was revoked is not in it."""
    return {
        (cast("Role", place.role), place.uri): sight_of(session, place)
        for place in places(work, session)
        if place.revoked is None
    }


def _of(session: CollabSession) -> Agreement:
    return Agreement(Consent(session.consent), session.agent_uri, session.agreed)


def _keep(
    work: Work,
    session: CollabSession,
    new: Agreement,
    cause: str,
    *,
    anew: bool = False,
) -> None:
    """Keep what came of it; `anew`: also the same question, about somebody else, is news."""
    old = session.consent
    session.consent, session.agent_uri, session.agreed = new.state.value, new.agent, new.agreed
    if new.state.value == old and not anew:
        return
    session.consent_since = work.now
    cause += f": {new.agent}" if new.agent else ""
    record(work, session, "consent", cause, old=old, new=new.state.value)
    work.touch(session.id)
    work.sights.add(session.id)
