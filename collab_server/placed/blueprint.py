"""``/v1/calls``: a site posts calls without a telephone, asks for them and takes them back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy import select

from collab_server.db.calls import Call
from collab_server.db.placed import PlacedCall
from collab_server.db.sessions import CollabSession, Participant
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.placed import cors, leaving, schemas, shown
from collab_server.placed.limits import LIMITS, Limits
from collab_server.placed.post import post
from collab_server.placed.stages import OPEN
from collab_server.problems import NotFound
from collab_server.sessions import service
from collab_server.sessions.idempotency import once
from collab_server.sessions.states import Reason
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

bp = Blueprint("placed", __name__, url_prefix="/v1/calls")

_SITE = ("site",)


@bp.post("")
@operation(
    "Post a call without a telephone, from a site's page or app; it waits in the PBX's queue",
    body=schemas.NewCall,
    answers={201: schemas.PlacedDocument},
    auth=_SITE,
    problems=(401, 403, 409, 413, 415, 422, 429),
    headers=("Idempotency-Key",),
)
def create() -> tuple[Response, int, dict[str, str]]:
    site = _site()
    limits: Limits = current_app.extensions[LIMITS]
    address = limits.hit(request, site)
    asked = bodies.read(schemas.NewCall)
    tandem = services()
    key = request.headers.get("Idempotency-Key")
    with tandem.write() as work:
        session, status = once(
            work,
            _poster(site, address),
            key,
            asked,
            lambda: post(tandem, work, site, address, asked),
        )
        work.flush()
        placed = work.db.scalars(
            select(PlacedCall).where(PlacedCall.session_id == session.id)
        ).one()
        answer = _document(work.db, placed, session)
    return jsonify(answer), status, {"Location": f"/v1/calls/{placed.id}"}


@bp.get("/<call_id>")
@operation(
    "See how a call without a telephone stands; who polls it keeps it in line until a page is open",
    answers={200: schemas.PlacedDocument},
    auth=_SITE,
    problems=(401, 403, 404),
)
def show(call_id: str) -> Response:
    site = _site()
    tandem = services()
    with tandem.database.read() as db:
        placed, session = _load(db, site, call_id)
        answer = _document(db, placed, session)
        waited_for = placed.stage in OPEN and tandem.clock() - placed.seen >= leaving.POLL_SECONDS
        opened = select(Participant.id).where(
            Participant.session_id == session.id,
            Participant.role == "user",
            Participant.joined.is_not(None),
        )
        unopened = waited_for and db.scalar(opened.limit(1)) is None
    if unopened:
        with tandem.write() as work:
            placed, session = _load(work.db, site, call_id)
            leaving.seen(tandem, work, placed, session)
    return jsonify(answer)


@bp.delete("/<call_id>")
@operation(
    "Take a call without a telephone back; again does no harm",
    answers={204: None},
    auth=_SITE,
    problems=(401, 403, 404),
)
def delete(call_id: str) -> tuple[str, int]:
    site = _site()
    tandem = services()
    with tandem.write() as work:
        placed, session = _load(work.db, site, call_id)
        call = work.db.get_one(Call, placed.call)
        service.end(tandem, work, session, call, Reason.USER, f"site {site}")
    return "", 204


def _poster(site: str, address: str) -> str:
    """Whose an Idempotency-Key is: a site's visitor at an address cannot have another's call by it.
    A program that posts for its users has them all to itself."""
    if not address:
        return f"site:{site}"
    return f"site:{hashlib.sha256(f'{site} {address}'.encode()).hexdigest()}"


def _site() -> str:
    """The site whose key is shown, from a page of its own. Raises Unauthorized and Forbidden."""
    site = auth.require_client("site").name
    cors.check_origin(services().settings.server.sites[site])
    return site


def _load(db: Session, site: str, call_id: str) -> tuple[PlacedCall, CollabSession]:
    placed = db.get(PlacedCall, call_id)
    if placed is None or placed.site != site:
        raise NotFound("this site has posted no call of this id")
    return placed, db.get_one(CollabSession, placed.session_id)


def _document(db: Session, placed: PlacedCall, session: CollabSession) -> dict[str, Any]:
    views = Views(services(), db, [session])
    return shown.document(placed, session, views.document(session, ("user",)))
