"""``/v1/floor``, and what supervisors do in a session: read along, join, whisper."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from collab_server.explain import Why
from collab_server.floor import board, schemas, watching, whispers
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.problems import Forbidden
from collab_server.sessions import access
from collab_server.sessions.joining import joined
from collab_server.sessions.roles import May, Who, allows
from collab_server.sessions.schemas import Joined

bp = Blueprint("floor", __name__, url_prefix="/v1")

_SESSION = "/sessions/<session_id>"


@bp.get("/floor")
@operation(
    "What stands on the floor, for supervisors",
    answers={200: schemas.Floor},
    auth=("desk",),
    problems=(401, 403),
)
def floor() -> Response:
    tandem = services()
    with tandem.database.read() as db:
        who = auth.require_desk(db, to=May.SEE_FLOOR)
        return jsonify(board.snapshot(tandem, db, who.team))


@bp.post(f"{_SESSION}/supervision")
@operation(
    "Read along with a session, or join it; asked again, a new sync token",
    body=schemas.SupervisionBody,
    answers={200: Joined},
    auth=("desk",),
    problems=(401, 403, 404, 409, 410, 422),
)
def supervise(session_id: str) -> Response:
    auth.require_somebody()
    asked = bodies.read(schemas.SupervisionBody)
    join = asked.mode == "join"
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        action = May.JOIN_IN if join else May.READ_ALONG
        who, _ = access.supervising(work.db, session, callers, action)
        place = watching.enter(work, session, who.uri, join=join)
        return jsonify(joined(session, place))


@bp.delete(f"{_SESSION}/supervision")
@operation(
    "Leave a session that one supervises",
    answers={204: None},
    auth=("desk",),
    problems=(401, 403, 404),
)
def leave(session_id: str) -> Response:
    auth.require_somebody()
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        _, place = access.supervising(work.db, session, callers, May.READ_ALONG)
        watching.leave(tandem, work, session, place)
    return Response(status=204)


@bp.post(f"{_SESSION}/whispers")
@operation(
    "Whisper to the session's agent",
    body=schemas.WhisperBody,
    answers={201: schemas.WhisperShown},
    auth=("desk",),
    problems=(401, 403, 404, 409, 410, 422),
)
def whisper(session_id: str) -> tuple[Response, int]:
    auth.require_somebody()
    asked = bodies.read(schemas.WhisperBody)
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        who, _ = access.supervising(work.db, session, callers, May.WHISPER)
        watching.check_standing(session, work.now)
        return jsonify(whispers.add(work, session, who.uri, asked.text)), 201


@bp.get(f"{_SESSION}/whispers")
@operation(
    "Read what supervisors whispered: an agent what was said to them, supervisors all",
    query=schemas.WhisperQuery,
    answers={200: schemas.WhisperList},
    auth=("participant", "desk"),
    problems=(401, 403, 404, 410, 422),
)
def read_whispers(session_id: str) -> Response:
    query = bodies.parse_query(schemas.WhisperQuery, request.args)
    with services().database.read() as db:
        callers = auth.callers(db, session_id)
        session = access.load(db, session_id)
        may = [
            one
            for one in access.standings(db, session, callers)
            if allows(one.who, May.READ_WHISPERS)
        ]
        if not may:
            theirs = "whispers are for the agent they are meant for, and supervisors"
            raise Forbidden(theirs, why=Why.NOT_YOURS)
        to = session.agent_uri if all(one.who is Who.AGENT for one in may) else None
        return jsonify({"items": whispers.read(db, session_id, to, query.after)})
