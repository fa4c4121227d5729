"""``POST /v1/sessions/{id}/consent``: the user's page says whether the agent may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, jsonify

from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.sessions import access, agreement, schemas
from collab_server.sessions.roles import May
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from collab_server.http.throttle import Throttle

bp = Blueprint("consent", __name__, url_prefix="/v1/sessions")

ANSWERS = "20 per minute"
"""Of one session: each is on record, and told to everybody in it."""
THROTTLE = "tandem.consent-throttle"


@bp.post("/<session_id>/consent")
@operation(
    "Agree, or not, to the agent who serves the session now: its user",
    body=schemas.ConsentBody,
    answers={200: schemas.ConsentShown},
    auth=("participant",),
    problems=(401, 403, 404, 409, 410, 422, 429),
)
def consent(session_id: str) -> Response:
    auth.require_somebody()
    asked = bodies.read(schemas.ConsentBody)
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        access.enter(work.db, session, callers, "user", to=May.CONSENT)
        throttle: Throttle = current_app.extensions[THROTTLE]
        throttle.hit(session_id)
        agreement.answer(work, session, asked.agent, agree=asked.agree)
        work.flush()
        return jsonify(Views(tandem, work.db, [session]).view(session, "user")["consent"])
