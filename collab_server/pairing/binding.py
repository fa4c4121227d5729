"""What pairing does: the browser becomes the user of the call's session."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from collab_server import uris
from collab_server.db.calls import Call
from collab_server.db.sessions import CollabSession
from collab_server.sessions import invitations, service
from collab_server.sessions.history import record
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.db.pairing import Pairing
    from collab_server.db.sessions import Participant
    from collab_server.services import Services
    from collab_server.sessions.links import Role


def standing(work: Work, session_id: str | None) -> CollabSession | None:
    """The session of this id, if it has not ended."""
    session = work.db.get(CollabSession, session_id) if session_id is not None else None
    return session if session is not None and session.state != State.ENDED else None


def target_of(work: Work, pairing: Pairing) -> tuple[CollabSession | None, Call | None]:
    """The session and the call that a code was made for, as far as they still stand."""
    call = work.db.get(Call, pairing.call) if pairing.call is not None else None
    if call is not None and call.state == "ended":
        call = None
    session = standing(work, pairing.session_id)
    if session is None and call is not None:
        session = standing(work, call.session_id)
    return session, call


def bind(
    services: Services,
    work: Work,
    pairing: Pairing,
    session: CollabSession | None,
    call: Call | None,
    initiator: Role,
    cause: str,
) -> tuple[CollabSession, Participant]:
    """Make a browser the user of a session, or of an ordinary call, which gets one by it.

    `session` or `call` must stand. What the call said of its user stays on record as a label.
    Gives the session and the user's place in it, which the browser has still to take.
    """
    label = None
    if call is not None and call.user_uri and uris.is_user_uri(call.user_uri):
        label = call.user_uri
    uri = f"web:{secrets.token_hex(8)}"
    made = session is None
    if session is None:
        session = service.create(
            services,
            work,
            type=pairing.type,
            initiator=initiator,
            user_uri=label or uri,
            call=call,
            cause=cause,
        )
    old = session.user_uri
    if session.label is None and old != uri:
        session.label = old
    if call is None and session.call is not None:
        call = work.db.get(Call, session.call)
    guest = invitations.replace_user(services, work, session, call, uri)
    pairing.participant = guest.id
    shown = pairing.id
    work.after_commit(lambda: services.hub.code_used(shown))
    record(work, session, "paired", cause, old=old, new=uri)
    if made and call is not None:
        service.follow(services, work, session, call)
    return session, guest
