"""``/v1/desk``: what stands there, and what its agent may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from collab_server.db.base import REASON
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.people import desk, earlier, pauses, starting, states
from collab_server.people.blueprint import AgentShown
from collab_server.sessions import access
from collab_server.sessions.schemas import (
    Answer,
    Body,
    CollabType,
    Named,
    ReasonName,
    StateName,
    View,
    printable,
)
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from collab_server.http.throttle import Throttle

bp = Blueprint("desk", __name__, url_prefix="/v1/desk")

PAUSES = "30 per minute"
"""Pauses in queues one agent may ask for: each is a command to every PBX."""
THROTTLE = "tandem.pause-throttle"

STARTS = "20 per 5 minutes"
"""Sessions one call may be made into: each sends its caller a message."""
STARTS_THROTTLE = "tandem.start-throttle"

Why = Annotated[str, Field(max_length=REASON), AfterValidator(printable)]


class StateBody(Body):
    """Body of ``POST /v1/desk/state``; who is ready has no reason."""

    state: Literal["ready", "paused"]
    reason: Why = ""


class StateShown(Answer):
    """Whether the agent is ready at their desk, and since when."""

    state: Literal["ready", "paused", "offline"]
    reason: str
    since: AwareDatetime | None


class PauseBody(Body):
    """Body of ``POST /v1/desk/pause``."""

    paused: bool
    reason: Why = ""


class PbxPause(Answer):
    """What came of a pause on one PBX."""

    pbx: str
    wanted: bool
    """What was asked for: to be paused, or no longer."""
    status: Literal["open", "done", "failed", "unknown", "expired"]
    already: bool
    """It was as wanted before, by somebody else's doing."""
    member: bool
    """The agent is a member of a queue there."""
    code: str
    """Why it came to nothing (`collab_server.explain.Why`)."""
    detail: str
    linked: bool
    """A connector of this PBX has its link open."""


class PauseShown(Answer):
    """Whether the agent is paused in the queues, as far as was asked for here."""

    paused: bool
    reason: str
    since: AwareDatetime | None
    pbxs: list[PbxPause]


class StandingCall(Answer):
    """A call the agent has; ``type`` and ``session`` null in an ordinary one."""

    pbx: str
    id: str
    state: StateName
    user: Named | None
    since: AwareDatetime
    held: bool
    queue: str | None
    type: str | None
    session: str | None


class DeskShown(Answer):
    """An agent's desk."""

    agent: AgentShown
    current: list[View]
    wrap_up: list[View]
    waiting: list[View]
    recent: list[View]
    calls: list[StandingCall]
    pbxs: dict[str, bool]
    """PBX -> whether a connector of it is linked; calls of one that is not are as last known."""
    state: StateShown
    pause: PauseShown


class StartBody(Body):
    """Body of ``POST /v1/desk/calls/{pbx}/{id}/session``."""

    type: CollabType


class EarlierSession(Answer):
    """What came of an earlier session of the same caller."""

    id: str
    type: CollabType
    state: StateName
    reason: ReasonName | None
    created: AwareDatetime
    ended: AwareDatetime | None
    agent: Named | None
    outcome: str
    note: str
    same: Literal["address", "number"]
    """By what the caller was known again; a number is what they showed, and proves nothing."""


class EarlierList(Answer):
    """The newest of them, newest first; there is no other page."""

    items: list[EarlierSession]
    next: None


class EarlierQuery(BaseModel):
    """Parameters of ``GET /v1/desk/history``."""

    model_config = ConfigDict(extra="ignore")

    session: Annotated[str, Field(min_length=1, max_length=40)]


@bp.get("")
@operation(
    "What stands on the agent's desk", answers={200: DeskShown}, auth=("desk",), problems=(401, 403)
)
def show() -> Response:
    tandem = services()
    with tandem.database.read() as db:
        who = auth.require_desk(db)
        return jsonify({"agent": desk.account(who)} | desk.snapshot(tandem, db, who.uri))


@bp.post("/state")
@operation(
    "Be ready at the desk, or pause there; queues are not touched",
    body=StateBody,
    answers={200: StateShown},
    auth=("desk",),
    problems=(401, 403, 422),
)
def state() -> Response:
    tandem = services()
    with tandem.write() as work:
        who = auth.require_desk(work.db)
        asked = bodies.read(StateBody)
        ready = asked.state == "ready"
        states.enter(tandem, work, who.uri, ready=ready, reason=asked.reason)
        work.flush()
        return jsonify(states.show(tandem, work.db, who.uri))


@bp.post("/pause")
@operation(
    "Be paused in the queues of every PBX where the agent is a member, or no longer",
    body=PauseBody,
    answers={202: PauseShown},
    auth=("desk",),
    problems=(401, 403, 422, 429),
)
def pause() -> tuple[Response, int]:
    tandem = services()
    with tandem.write() as work:
        who = auth.require_desk(work.db)
        asked = bodies.read(PauseBody)
        throttle: Throttle = current_app.extensions[THROTTLE]
        throttle.hit(who.uri)
        pauses.ask(tandem, work, who.uri, paused=asked.paused, reason=asked.reason)
        return jsonify(pauses.show(tandem, work.db, who.uri)), 202


@bp.post("/calls/<pbx>/<path:call_id>/session")
@operation(
    "Open a session in a standing call of the agent's, or one more panel in the one it has",
    body=StartBody,
    answers={201: View, 200: View},
    auth=("desk",),
    problems=(401, 403, 404, 409, 422, 429),
)
def start(pbx: str, call_id: str) -> tuple[Response, int]:
    tandem = services()
    with tandem.write() as work:
        who = auth.require_desk(work.db)
        asked = bodies.read(StartBody)
        session, status = starting.start(tandem, work, who.uri, pbx, call_id, asked.type)
        if status == 201:
            throttle: Throttle = current_app.extensions[STARTS_THROTTLE]
            throttle.hit(str(session.call))
        work.flush()
        return jsonify(Views(tandem, work.db, [session]).view(session, "agent")), status


@bp.get("/history")
@operation(
    "What came before with the caller of a session",
    query=EarlierQuery,
    answers={200: EarlierList},
    auth=("desk",),
    problems=(401, 403, 404, 410, 422),
)
def history() -> Response:
    tandem = services()
    with tandem.database.read() as db:
        who = auth.require_desk(db)
        asked = bodies.parse_query(EarlierQuery, request.args)
        session = access.load(db, asked.session)
        earlier.check(db, session, who, tandem.clock())
        return jsonify({"items": earlier.of_caller(db, session), "next": None})
