"""Calls looked up and shown: by id or alias, as a list, with their trace."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from collab_server.db.calls import Call, CallAlias, TraceLine
from collab_server.times import iso, iso_or_none

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

UNMARKED = ("never marked", "the call carried no mark")
"""How the reason of a call begins that nobody wanted to collaborate in: the connector's own words,
and ours for a connector that gives none. A mark that was wrong has another reason."""


def find(db: Session, pbx: str, call_id: str) -> Call | None:
    """The call that an id or an alias means on a PBX."""
    call = db.scalar(select(Call).where(Call.pbx == pbx, Call.call_id == call_id))
    if call is not None:
        return call
    return db.scalar(
        select(Call)
        .join(CallAlias, CallAlias.call == Call.id)
        .where(CallAlias.pbx == pbx, CallAlias.alias == call_id)
    )


def show(db: Session, calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Calls as the API lists them."""
    names: dict[int, list[str]] = defaultdict(list)
    if calls:
        ids = [call.id for call in calls]
        for alias in db.scalars(
            select(CallAlias).where(CallAlias.call.in_(ids)).order_by(CallAlias.n, CallAlias.alias)
        ):
            names[alias.call].append(alias.alias)
    return [_shown(call, names[call.id]) for call in calls]


def _shown(call: Call, aliases: list[str]) -> dict[str, Any]:
    return {
        "pbx": call.pbx,
        "id": call.call_id,
        "aliases": aliases,
        "state": call.state,
        "type": call.type,
        "initiator": call.initiator,
        "requests": call.requests,
        "user_uri": call.user_uri,
        "agent_uri": call.agent_uri,
        "agent_leg": call.agent_leg,
        "queue": call.queue,
        "position": call.position,
        "held": call.held,
        "cause": call.cause,
        "since": iso(call.since),
        "session": call.session_id,
        "ordinary": ordinary(call),
        "stopped": stopped(call),
        "first_seen": iso(call.first_seen),
        "ended": iso_or_none(call.ended),
    }


def stopped(call: Call) -> dict[str, str] | None:
    """Where, and why, the call got no session or its session no agent."""
    if call.stopped_stage is None:
        return None
    return {"stage": call.stopped_stage, "reason": call.stopped_reason or ""}


def ordinary(call: Call) -> bool:
    """Whether nobody asked for a collaboration, not even wrongly."""
    reason = call.stopped_reason or ""
    unasked = call.type is None and call.session_id is None
    return unasked and (call.stopped_stage is None or reason.startswith(UNMARKED))


def is_collaboration() -> ColumnElement[bool]:
    """The opposite of `ordinary`, for a query."""
    unmarked = or_(*(Call.stopped_reason.startswith(begin) for begin in UNMARKED))
    asked = or_(Call.type.is_not(None), Call.session_id.is_not(None))
    return or_(asked, and_(Call.stopped_stage.is_not(None), ~unmarked))


def trace_of(db: Session, call: Call) -> dict[str, Any]:
    """The whole trace of a call, in the order of its times."""
    lines = db.scalars(
        select(TraceLine).where(TraceLine.call == call.id).order_by(TraceLine.at, TraceLine.id)
    )
    return {
        "call": show(db, [call])[0],
        "session": call.session_id,
        "stopped": stopped(call),
        "items": [
            {"at": iso(line.at), "stage": line.stage, "text": line.text, "stopped": line.stopped}
            for line in lines
        ],
    }
