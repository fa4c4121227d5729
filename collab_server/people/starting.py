"""A session out of a standing call, by the button on the agent's desk (flow 4).

It comes to the same as a feature code that the agent presses: a call without a session gets one, a
session that stands gets one more panel, and where the last one has ended there is a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server import uris
from collab_server.calls.lookup import find
from collab_server.db.sessions import CollabSession
from collab_server.explain import Why
from collab_server.problems import Conflict, NotFound
from collab_server.sessions import service
from collab_server.sessions.history import trace
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services


def start(
    services: Services,
    work: Work,
    agent_uri: str,
    pbx: str,
    call_id: str,
    type: str,  # noqa: A002 - the contract's word
) -> tuple[CollabSession, int]:
    """Make, or find, the session of this agent's call. Gives it with the status 201 or 200.

    Raises NotFound for a call that is not this agent's, whoever has it, and Conflict.
    """
    call = find(work.db, pbx, call_id)
    if call is None or call.agent_uri != agent_uri:
        raise NotFound("you have no such call", why=Why.CALL_OVER)
    if call.state == State.ENDED:
        raise Conflict("this call has ended", why=Why.CALL_OVER)
    if call.state != State.ACTIVE:
        raise Conflict("this call has no agent right now", why=Why.NO_AGENT)
    work.hold(call)
    cause = f"agent {agent_uri} at the desk"
    trace(work, call, "server", f"{type} asked for by {cause}")
    session = work.db.get(CollabSession, call.session_id) if call.session_id else None
    if session is not None and session.state != State.ENDED:
        if session.agent_uri != agent_uri:
            other = f"the session of this call has the agent {session.agent_uri}"
            raise Conflict(other, why=Why.OTHER_AGENT)
        service.open_panel(work, session, type, cause)
        return session, 200
    if call.user_uri is None or not uris.is_user_uri(call.user_uri):
        nowhere = "the other side of this call has no address that could be invited"
        raise Conflict(nowhere, why=Why.NO_ADDRESS)
    session = service.create(
        services, work, type=type, initiator="agent", user_uri=call.user_uri, call=call, cause=cause
    )
    service.follow(services, work, session, call)
    return session, 201
