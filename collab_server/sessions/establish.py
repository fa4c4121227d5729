"""``POST /v1/sessions``: a client establishes a collaboration, once for each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server.calls.lookup import find
from collab_server.db.calls import Call
from collab_server.db.sessions import CollabSession
from collab_server.explain import Why
from collab_server.problems import Conflict, Invalid
from collab_server.sessions import service
from collab_server.sessions.idempotency import once
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services
    from collab_server.sessions.schemas import NewSession


def establish(
    services: Services, work: Work, client: str, asked: NewSession, key: str | None
) -> tuple[CollabSession, int]:
    """Make, or find, the session asked for. Gives it with the status 201 or 200.

    Raises Invalid, Conflict and IdempotencyKeyReused.
    """
    return once(work, client, key, asked, lambda: _establish(services, work, client, asked))


def _establish(
    services: Services, work: Work, client: str, asked: NewSession
) -> tuple[CollabSession, int]:
    cause = f"API client {client}"
    call = _call(services, work, asked)
    standing = _standing(work, call)
    if standing is not None:
        if standing.agent_uri not in (None, asked.agent_uri):
            raise Conflict(
                f"the session of this call has the agent {standing.agent_uri}",
                why=Why.OTHER_AGENT,
                session=standing.id,
            )
        if standing.agent_uri is None:
            service.serve(services, work, standing, call, asked.agent_uri, cause)
        service.open_panel(work, standing, asked.type, cause)
        return standing, 200
    session = service.create(
        services,
        work,
        type=asked.type,
        initiator=asked.initiator,
        user_uri=asked.user_uri,
        call=call,
        cause=cause,
        attributes=dict(asked.attributes),
        given="client",
    )
    service.serve(services, work, session, call, asked.agent_uri, cause)
    return session, 201


def _call(services: Services, work: Work, asked: NewSession) -> Call | None:
    """The call the client names, taken down if no connector has reported it yet."""
    if asked.call is None:
        return None
    if asked.call.pbx not in services.settings.pbx:
        raise Invalid(f"call.pbx: there is no PBX {asked.call.pbx!r} in the settings", "call.pbx")
    call = find(work.db, asked.call.pbx, asked.call.id)
    if call is None:
        call = Call(
            pbx=asked.call.pbx,
            call_id=asked.call.id,
            state="active",
            type=asked.type,
            initiator=asked.initiator,
            user_uri=asked.user_uri,
            agent_uri=asked.agent_uri,
            since=work.now,
            first_seen=work.now,
            held=False,
            lines=0,
        )
        work.db.add(call)
        work.db.flush()
    elif call.state == "ended" and call.epoch is None:  # only its session was over
        call.state, call.ended, call.since = "active", None, work.now
    elif call.state == "ended":
        raise Conflict("this call has ended", why=Why.CALL_OVER)
    return call


def _standing(work: Work, call: Call | None) -> CollabSession | None:
    if call is None or call.session_id is None:
        return None
    return work.db.scalar(
        select(CollabSession).where(
            CollabSession.id == call.session_id, CollabSession.state != State.ENDED.value
        )
    )
