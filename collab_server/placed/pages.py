"""``/v1/sessions/{id}``: what the pages of a call without a telephone ask for besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request

from collab_server.db.calls import Call
from collab_server.http import auth, bodies, pace
from collab_server.http.current import services
from collab_server.http.keys import Client
from collab_server.http.openapi import operation
from collab_server.placed import leaving, schemas, voice
from collab_server.placed.shown import VoiceShown, voice_call
from collab_server.sessions import access
from collab_server.sessions.schemas import Body

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.sessions import CollabSession

bp = Blueprint("placed_pages", __name__, url_prefix="/v1/sessions")


@bp.post("/<session_id>/voice")
@operation(
    "Have the PBX call the user: the user says where; the agent, or a client, asks the user to",
    body=schemas.VoiceBody,
    answers={200: VoiceShown},
    auth=("api", "desk", "participant"),
    problems=(401, 403, 404, 409, 410, 422, 429),
)
def call_user(session_id: str) -> Response:
    auth.require_somebody()
    asked = bodies.read(schemas.VoiceBody)
    tandem = services()
    with tandem.write() as work:
        role, by, session = _who(work.db, session_id, asked.role)
        call = work.db.get(Call, session.call) if session.call is not None else None
        if role == "user":
            voice.place(tandem, work, session, call, by, asked.uri)
        else:
            voice.ask(work, session, call, by, asked.uri)
        work.flush()
        found = voice.latest(work.db, session.id)
        answer = voice_call(found) if found is not None else {}
    return jsonify(answer)


@bp.delete("/<session_id>/voice")
@operation(
    "Say no to the voice call that the agent asks for, or ask no more",
    query=schemas.RoleQuery,
    answers={204: None},
    auth=("api", "desk", "participant"),
    problems=(401, 403, 404, 410, 422),
)
def no_call(session_id: str) -> tuple[str, int]:
    auth.require_somebody()
    asked = bodies.parse_query(schemas.RoleQuery, request.args)
    tandem = services()
    with tandem.write() as work:
        _, by, session = _who(work.db, session_id, asked.role)
        call = work.db.get(Call, session.call) if session.call is not None else None
        voice.decline(work, session, call, by)
    return "", 204


@bp.post("/<session_id>/closed")
@operation(
    "Say that the user's page closes, as it does; a page that is open again takes it back",
    body=Body,
    answers={204: None},
    auth=("participant",),
    problems=(401, 403, 404, 410, 422, 429),
)
def closed(session_id: str) -> tuple[str, int]:
    auth.require_somebody()
    bodies.read(Body)
    tandem = services()
    with tandem.write() as work:
        role, _, session = _who(work.db, session_id, "user")
        pace.step(session_id, role)
        if role == "user":
            call = work.db.get(Call, session.call) if session.call is not None else None
            leaving.closed(tandem, work, session, call)
    return "", 204


def _who(db: Session, session_id: str, role: str | None) -> tuple[str, str, CollabSession]:
    """Whose word this is, a name for the history, and the session. A client speaks for the agent.

    Raises Unauthorized, Forbidden, NotFound and Gone.
    """
    callers = auth.callers(db, session_id)
    session = access.load(db, session_id)
    first = callers[0]
    if isinstance(first, Client):
        return "agent", f"API client {first.name}", session
    place = access.enter(db, session, callers, role)
    return place.role, f"{place.role} {place.uri}", session
