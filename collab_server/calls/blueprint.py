"""``/v1/calls``: what stands on a PBX, and the trace of each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import and_, or_, select

from collab_server.calls import lookup, schemas
from collab_server.db.calls import Call
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.problems import NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

bp = Blueprint("calls", __name__, url_prefix="/v1/calls")


class CallQuery(BaseModel):
    """Parameters of ``GET /v1/calls``."""

    model_config = ConfigDict(extra="forbid")

    pbx: str | None = None
    all: bool = False
    """Also those that have ended."""
    collaboration: bool = False
    """Only those that were to collaborate, those that were marked wrongly among them."""
    limit: Annotated[int, Field(ge=1, le=200)] = 100
    after: Annotated[str, Field(pattern=r"^[0-9]{1,12}\.[0-9]{1,9}_[0-9]{1,18}$")] | None = None


@bp.get("")
@operation(
    "List calls, newest first: those that stand, or all",
    query=CallQuery,
    answers={200: schemas.CallList},
    auth=("api", "desk", "pbx"),
    problems=(401, 403, 422),
)
def index() -> Response:
    with services().database.read() as db:
        auth.require_reader_of_calls(db, request.args.get("pbx"))
        return jsonify(_page(db, bodies.parse_query(CallQuery, request.args)))


def _page(db: Session, query: CallQuery) -> dict[str, Any]:
    wanted = select(Call)
    if query.pbx is not None:
        wanted = wanted.where(Call.pbx == query.pbx)
    if not query.all:
        wanted = wanted.where(Call.ended.is_(None))
    if query.collaboration:
        wanted = wanted.where(lookup.is_collaboration())
    if query.after is not None:
        seen, _, number = query.after.rpartition("_")
        at = float(seen)
        wanted = wanted.where(
            or_(Call.first_seen < at, and_(Call.first_seen == at, Call.id < int(number)))
        )
    wanted = wanted.order_by(Call.first_seen.desc(), Call.id.desc()).limit(query.limit + 1)
    found = list(db.scalars(wanted))
    page = found[: query.limit]
    items = lookup.show(db, page)
    following = None
    if len(found) > query.limit:
        values: dict[str, Any] = query.model_dump(
            exclude_none=True, exclude={"all", "collaboration"}
        )
        values["after"] = f"{page[-1].first_seen!r}_{page[-1].id}"
        if query.all:
            values["all"] = 1
        if query.collaboration:
            values["collaboration"] = 1
        following = f"/v1/calls?{urlencode(values)}"
    return {"items": items, "next": following}


@bp.get("/<pbx>/<path:call_id>/trace")
@operation(
    "Read what happened to a call, from the wire to the browser",
    answers={200: schemas.Trace},
    auth=("api", "desk"),
    problems=(401, 403, 404),
)
def trace(pbx: str, call_id: str) -> Response:
    with services().database.read() as db:
        auth.require_api_or_admin(db)
        call = lookup.find(db, pbx, call_id)
        if call is None:
            raise NotFound("no such call was reported; has its connector a connection?")
        return jsonify(lookup.trace_of(db, call))
