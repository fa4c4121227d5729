"""``/v1/pbx/{name}``: where the connectors of a PBX report."""

from __future__ import annotations

import logging
from dataclasses import asdict

from flask import Blueprint, Response, current_app, jsonify

from collab_server.calls import reports, schemas
from collab_server.calls.standing import STANDINGS, Standings
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.metrics import METRICS, Metrics
from collab_server.problems import TooLarge

bp = Blueprint("pbx", __name__, url_prefix="/v1/pbx")
log = logging.getLogger(__name__)


@bp.post("/<name>/reports")
@operation(
    "Report the latest state of calls, and results of commands",
    body=schemas.Report,
    answers={200: schemas.ReportAnswer},
    auth=("pbx",),
    problems=(401, 403, 413, 415, 422),
)
def report(name: str) -> Response:
    auth.require_client("pbx", name)
    body = bodies.read(schemas.Report, schemas.MAX_BODY)
    if not body.snapshot and len(body.calls) > schemas.MAX_CALLS:
        raise TooLarge(
            f"a report may hold {schemas.MAX_CALLS} calls, this one holds {len(body.calls)}",
            limit=schemas.MAX_CALLS,
        )
    tandem = services()
    with tandem.write() as work:
        outcome = reports.apply(tandem, work, name, body)
    standings: Standings = current_app.extensions[STANDINGS]
    standings.take(name, body, tandem.clock(), outcome.lease)
    metrics: Metrics = current_app.extensions[METRICS]
    metrics.reported(name, outcome)
    answer: dict[str, object] = {"accepted": outcome.accepted, "ignored": outcome.ignored}
    if body.connector is not None:
        answer["lease"] = asdict(outcome.lease)
    return jsonify(answer)
