"""``/v1/sessions``: clients establish, read and end sessions; pages enter and write in theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy import and_, or_, select

from collab_server.db.calls import Call, CallAlias
from collab_server.db.sessions import CollabSession, SessionEvent
from collab_server.explain import Why
from collab_server.http import auth, bodies, pace
from collab_server.http.auth import Guest
from collab_server.http.current import services
from collab_server.http.keys import Client
from collab_server.http.openapi import operation
from collab_server.invite import policy
from collab_server.placed import leaving
from collab_server.problems import Conflict, Forbidden, Invalid
from collab_server.sessions import access, invitations, schemas, service
from collab_server.sessions.establish import establish
from collab_server.sessions.history import record, trace
from collab_server.sessions.joining import joined
from collab_server.sessions.roles import May
from collab_server.sessions.states import Reason, State
from collab_server.sessions.views import Views, join_url
from collab_server.times import iso

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.http.throttle import Throttle
    from collab_server.services import Services

bp = Blueprint("sessions", __name__, url_prefix="/v1/sessions")

RESENDS = "20 per 5 minutes"
"""Messages to the terminal of one session's user that may be asked for again."""
THROTTLE = "tandem.resend-throttle"

_KEY = ("api",)
_ANYBODY = ("api", "desk", "participant")


@bp.post("")
@operation(
    "Establish a collaboration; the same call again gives the same session",
    body=schemas.NewSession,
    answers={201: schemas.SessionDocument, 200: schemas.SessionDocument},
    auth=_KEY,
    problems=(401, 403, 409, 413, 415, 422),
    headers=("Idempotency-Key",),
)
def create() -> tuple[Response, int, dict[str, str]]:
    client = auth.require_client("api")
    asked = bodies.read(schemas.NewSession)
    tandem = services()
    with tandem.write() as work:
        session, status = establish(
            tandem, work, client.name, asked, request.headers.get("Idempotency-Key")
        )
        work.flush()
        document = Views(tandem, work.db, [session]).document(session)
    return jsonify(document), status, {"Location": f"/v1/sessions/{session.id}"}


@bp.get("")
@operation(
    "List sessions, newest first",
    query=schemas.SessionQuery,
    answers={200: schemas.SessionList},
    auth=_KEY,
    problems=(401, 403, 422),
)
def index() -> Response:
    auth.require_client("api")
    query = bodies.parse_query(schemas.SessionQuery, request.args)
    tandem = services()
    wanted = select(CollabSession)
    for name in ("state", "agent_uri", "user_uri"):
        value = getattr(query, name)
        if value is not None:
            wanted = wanted.where(getattr(CollabSession, name) == value)
    if query.call_id is not None:
        named = select(Call.id).where(Call.call_id == query.call_id)
        other = select(CallAlias.call).where(CallAlias.alias == query.call_id)
        wanted = wanted.where(CollabSession.call.in_(named.union(other)))
    if query.after is not None:
        created, _, session_id = query.after.rpartition("_")
        at = float(created)
        wanted = wanted.where(
            or_(
                CollabSession.created < at,
                and_(CollabSession.created == at, CollabSession.id < session_id),
            )
        )
    wanted = wanted.order_by(CollabSession.created.desc(), CollabSession.id.desc())
    with tandem.database.read() as db:
        found = list(db.scalars(wanted.limit(query.limit + 1)))
        page = found[: query.limit]
        views = Views(tandem, db, page)
        items = [views.document(session) for session in page]
    following = None
    if len(found) > query.limit:
        after = f"{page[-1].created!r}_{page[-1].id}"
        following = _next("/v1/sessions", query.model_dump(exclude_none=True) | {"after": after})
    return jsonify({"items": items, "next": following})


@bp.get("/<session_id>")
@operation(
    "Read a session",
    answers={200: schemas.SessionDocument},
    auth=_ANYBODY,
    problems=(401, 403, 404, 410),
)
def show(session_id: str) -> Response:
    tandem = services()
    with tandem.database.read() as db:
        callers = auth.callers(db, session_id)
        session = access.load(db, session_id)
        links = access.reader(db, session, callers)
        theirs = access.reads_attributes(db, session, callers)
        views = Views(tandem, db, [session])
        return jsonify(views.document(session, links, attributes=theirs))


@bp.get("/<session_id>/events")
@operation(
    "Read what happened to a session, oldest first",
    query=schemas.EventQuery,
    answers={200: schemas.EventList},
    auth=_ANYBODY,
    problems=(401, 403, 404, 422),
)
def events(session_id: str) -> Response:
    with services().database.read() as db:
        callers = auth.callers(db, session_id)
        query = bodies.parse_query(schemas.EventQuery, request.args)
        session = access.load(db, session_id)
        agents = [caller for caller in callers if not isinstance(caller, Guest)]
        if not agents:
            raise Forbidden("the history is for agents")
        access.reader(db, session, agents, to=May.READ_HISTORY)
        found = list(
            db.scalars(
                select(SessionEvent)
                .where(SessionEvent.session_id == session_id, SessionEvent.n > query.after)
                .order_by(SessionEvent.n)
                .limit(query.limit + 1)
            )
        )
    page = found[: query.limit]
    items = [
        {
            "n": event.n,
            "at": iso(event.at),
            "kind": event.kind,
            "old": event.old,
            "new": event.new,
            "cause": event.cause,
        }
        for event in page
    ]
    following = None
    if len(found) > query.limit:
        values = {"after": page[-1].n, "limit": query.limit}
        following = _next(f"/v1/sessions/{session_id}/events", values)
    return jsonify({"items": items, "next": following})


@bp.post("/<session_id>/end")
@operation(
    "End a session: a client, its agent, or its user",
    body=schemas.EndBody,
    answers={200: schemas.SessionDocument},
    auth=_ANYBODY,
    problems=(401, 403, 404, 410, 422),
)
def end(session_id: str) -> Response:
    auth.require_somebody()
    asked = bodies.read(schemas.EndBody)
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        first = callers[0]
        if isinstance(first, Client):
            reason, cause, links = Reason(asked.reason), f"API client {first.name}", True
        else:
            place = access.enter(work.db, session, callers, None, first=asked.reason, to=May.END)
            reason, cause, links = Reason(place.role), f"{place.role} {place.uri}", False
        service.end(tandem, work, session, _call(work, session), reason, cause)
        work.flush()
        views = Views(tandem, work.db, [session])
        return jsonify(views.document(session, ("user", "agent") if links else ()))


@bp.post("/<session_id>/invitations")
@operation(
    "Make a new join link for one side; the one before is dead",
    body=schemas.InvitationBody,
    answers={201: schemas.InvitationMade},
    auth=("api", "desk"),
    problems=(401, 403, 404, 409, 410, 422, 429),
)
def invite(session_id: str) -> tuple[Response, int]:
    auth.require_somebody()
    asked = bodies.read(schemas.InvitationBody)
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        to = May.INVITE_USER if asked.role == "user" else May.INVITE_AGENT
        by = access.acting_agent(work.db, session, callers, to)
        shown = asked.role == "agent" or access.sees_user_link(work.db, session, callers)
        if not shown and not asked.send:
            unseen = "the user has not agreed to you yet: have the link sent to them"
            raise Forbidden(unseen, why=Why.NOT_AGREED)
        if session.state == State.ENDED:
            raise Conflict("the session has ended", why=Why.SESSION_OVER)
        if session.agent_uri is None:
            nobody = "the session has no agent yet; links are made when it has one"
            raise Conflict(nobody, why=Why.NO_AGENT)
        if asked.send:
            throttle: Throttle = current_app.extensions[THROTTLE]
            throttle.hit(session_id)
        call = _call(work, session)
        names = _ways(tandem, session, call, asked)
        link = invitations.invite(tandem, work, session, call, asked.role, asked_by=by, names=names)
        return jsonify({"join_url": join_url(tandem, link) if shown else None}), 201


@bp.post("/<session_id>/note")
@operation(
    "Write down what came of a session",
    body=schemas.NoteBody,
    answers={200: schemas.WrapUp},
    auth=_ANYBODY,
    problems=(401, 403, 404, 409, 410, 422, 429),
)
def note(session_id: str) -> Response:
    auth.require_somebody()
    asked = bodies.read(schemas.NoteBody)
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        by = access.note_writer(work.db, session, callers)
        pace.step(session_id, "note")
        choice = tandem.settings.server.outcomes
        program = isinstance(callers[0], Client)  # a CRM may have words of its own
        if choice and not program and asked.outcome not in ("", session.outcome, *choice):
            known = ", ".join(choice)
            raise Invalid(f"outcome: {asked.outcome!r} is none of {known}", "outcome")
        session.note, session.outcome = asked.note, asked.outcome
        if asked.done and session.state != State.ENDED:
            stands = "the session stands; its wrap-up is done after its end"
            raise Conflict(stands, why=Why.SESSION_STANDS)
        if asked.done:
            session.done = session.done or work.now
        record(work, session, "note", by, new=asked.outcome or None)
        work.touch(session.id)
    done = session.done is not None
    return jsonify({"note": asked.note, "outcome": asked.outcome, "done": done})


@bp.post("/<session_id>/token")
@operation(
    "Get a new sync token: the browser of a participant, or the agent's desk",
    body=schemas.RoleBody,
    answers={200: schemas.Joined},
    auth=("participant", "desk"),
    problems=(401, 403, 404, 409, 410, 422, 429),
)
def token(session_id: str) -> Response:
    auth.require_somebody()
    asked = bodies.read(schemas.RoleBody)
    tandem = services()
    with tandem.write() as work:
        if asked.role != "agent":
            auth.check_held(work.db, session_id)
        callers = auth.callers(work.db, session_id)
        if isinstance(callers[0], Client):
            raise Forbidden("a key opens no document: exchange a join link")
        session = access.load(work.db, session_id)
        place = access.enter(work.db, session, callers, asked.role)
        pace.step(session_id, place.role)
        at_desk = not any(isinstance(c, Guest) and c.role == place.role for c in callers)
        if place.joined is None:
            if at_desk:
                trace(work, _call(work, session), "browser", f"{place.uri} opened it at the desk")
            service.join(work, session, place, "opened at the desk" if at_desk else "link")
        if place.role == "user":
            leaving.opens(tandem, work, session, _call(work, session))
        return jsonify(joined(session, place))


def _ways(
    tandem: Services, session: CollabSession, call: Call | None, asked: schemas.InvitationBody
) -> tuple[str, ...]:
    """The ways a link is asked to go by; the link of before stays good where one cannot.

    Raises Invalid and Forbidden.
    """
    settings = tandem.settings.server.invite
    if not asked.send or asked.role != "user":
        return ()
    if asked.way is None:
        return invitations.by_itself(tandem, session)
    way = tandem.ways.get(asked.way)
    if way is None:
        gone = f"way: there is no way {asked.way!r} in the settings"
        raise Invalid(gone, "way", why=Why.WAY_GONE)
    unfit = way.unfit(session.user_uri, call)
    if unfit is not None:
        raise Invalid(f"way: {unfit.sentence}", "way", why=unfit.why)
    if way.third_party:
        why = policy.refused(settings, way.destination(session.user_uri))
        if why is not None:
            raise Forbidden(why)
    return (asked.way,)


def _call(work: Work, session: CollabSession) -> Call | None:
    return work.db.get(Call, session.call) if session.call is not None else None


def _next(path: str, values: dict[str, Any]) -> str:
    return f"{path}?{urlencode(values)}"
