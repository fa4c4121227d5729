"""``Idempotency-Key``: what a client asks for twice with one key happens once."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from collab_server.db.sessions import CollabSession, IdempotencyKey
from collab_server.problems import IdempotencyKeyReused, Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from collab_server.db.engine import Work

MAX_KEY = 255


def once(
    work: Work,
    client: str,
    key: str | None,
    asked: BaseModel,
    make: Callable[[], tuple[CollabSession, int]],
) -> tuple[CollabSession, int]:
    """Make a session, or give the one that the same key of the client has made, with its status.

    Raises Invalid and IdempotencyKeyReused, and what `make` raises.
    """
    if key is None:
        return make()
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
    session, status = make()
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
