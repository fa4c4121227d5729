"""``POST /v1/sessions``: a client establishes a collaboration, once for each call."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server.calls.lookup import find
from collab_server.db.models import Call, CollabSession, IdempotencyKey
from collab_server.problems import Conflict, IdempotencyKeyReused, Invalid
from collab_server.sessions import service
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services
    from collab_server.sessions.schemas import NewSession

MAX_KEY = 255


def establish(
    services: Services, work: Work, client: str, asked: NewSession, key: str | None
) -> tuple[CollabSession, int]:
    """Make, or find, the session asked for. Gives it with the status 201 or 200.

    Raises Invalid, Conflict and IdempotencyKeyReused.
    """
    if key is None:
        return _establish(services, work, client, asked)
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise Invalid(f"Idempotency-Key: 1 to {MAX_KEY} printable characters", "Idempotency-Key")
    shape = json.dumps(asked.model_dump(mode="json"), sort_keys=True)
    body = hashlib.sha256(shape.encode()).hexdigest()
    before = work.db.get(IdempotencyKey, (client, key))
    if before is not None:
        if before.body != body:
            raise IdempotencyKeyReused(field="Idempotency-Key")
        session = work.db.get(CollabSession, before.session_id)
        if session is not None:
            return session, before.status
        work.db.delete(before)
        work.db.flush()
    session, status = _establish(services, work, client, asked)
    work.db.add(
        IdempotencyKey(
            client=client,
            key=key,
            body=body,
            status=status,
            session_id=session.id,
            created=work.now,
        )
    )
    return session, status


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
                session=standing.id,
            )
        if standing.agent_uri is None:
            service.serve(services, work, standing, call, asked.agent_uri, cause)
        service.open_panel(work, standing, asked.type, cause)
        return standing, 200
    session = service.create(
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
        raise Conflict("this call has ended")
    return call


def _standing(work: Work, call: Call | None) -> CollabSession | None:
    if call is None or call.session_id is None:
        return None
    return work.db.scalar(
        select(CollabSession).where(
            CollabSession.id == call.session_id, CollabSession.state != State.ENDED.value
        )
    )
