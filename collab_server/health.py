"""``/healthz``, ``/readyz``, ``/metrics`` and ``/openapi.json``."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from collab_server.calls.standing import STANDINGS, PbxDetail, Standings
from collab_server.db.engine import BusyError
from collab_server.http import auth
from collab_server.http.current import services
from collab_server.http.openapi import document, operation
from collab_server.metrics import METRICS, Metrics
from collab_server.problems import Unavailable

bp = Blueprint("health", __name__)
log = logging.getLogger(__name__)

DESCRIPTION = "tandem.description"
REALTIME_ALIVE = "tandem.realtime-alive"
PATIENCE = 2.0
"""Seconds ``/readyz`` waits for the database: whoever asks has gone away soon after."""


class Health(BaseModel):
    """The server answers."""

    model_config = ConfigDict(extra="forbid")

    status: str


class Readiness(BaseModel):
    """What the server needs is there; the PBXs do not decide about that.

    ``pbx`` says whose connectors have their link open and do not miss their PBX.
    """

    model_config = ConfigDict(extra="forbid")

    status: str
    database: str
    realtime: str
    pbx: dict[str, bool]
    pbx_detail: dict[str, PbxDetail]


@bp.get("/healthz")
@operation("Whether the server answers", answers={200: Health})
def healthz() -> Response:
    return jsonify({"status": "ok"})


@bp.get("/readyz")
@operation("Whether the server can work", answers={200: Readiness}, problems=(503,))
def readyz() -> Response:
    tandem = services()
    try:
        tandem.database.probe(PATIENCE)
    except (SQLAlchemyError, BusyError) as error:
        log.warning("%s", tandem.database.said(error))
        raise Unavailable("the database takes no writes", database="failed") from None
    alive = current_app.extensions.get(REALTIME_ALIVE)
    if alive is not None and not alive():
        raise Unavailable("the web sockets' loop does not answer", realtime="failed")
    with tandem.database.read() as db:
        who = auth.desk(db)
    full = who is not None and who.admin
    standings: Standings = current_app.extensions[STANDINGS]
    detail = {
        name: standings.show(name, linked=tandem.hub.linked(name), full=full, now=tandem.clock())
        for name in tandem.settings.pbx
    }
    well = {name: one["linked"] and one["connected"] is not False for name, one in detail.items()}
    return jsonify(
        {"status": "ok", "database": "ok", "realtime": "ok", "pbx": well, "pbx_detail": detail}
    )


@bp.get("/metrics")
@operation("Numbers for Prometheus", answers={200: None})
def metrics() -> Response:
    counted: Metrics = current_app.extensions[METRICS]
    return Response(counted.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


@bp.get("/openapi.json")
@operation("This description", answers={200: None})
def openapi() -> Response:
    app = current_app
    if DESCRIPTION not in app.extensions:  # some 25 ms of work, and always the same
        app.extensions[DESCRIPTION] = document(app)
    answer = jsonify(app.extensions[DESCRIPTION])
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer
