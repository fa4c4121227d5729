"""``/v1/setup/people``: who may log in, for administrators; ``/v1/setup/events``: who changed that.

Every write looks at who asks within its own transaction, and transactions come one after the other:
of two administrators who remove each other at once, the second is none any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select

from collab_server.db.people import Agent
from collab_server.db.sessions import CollabSession
from collab_server.floor import watching
from collab_server.floor.board import STANDING
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.people import accounts, agents, listing, signing_out
from collab_server.problems import Invalid, NotFound
from collab_server.sessions.roles import May
from collab_server.setup import schemas

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services

bp = Blueprint("setup_people", __name__, url_prefix="/v1/setup")

_ONE = "/people/<int:person>"


@bp.get("/people")
@operation(
    "Who may log in",
    query=schemas.PersonQuery,
    answers={200: schemas.PersonList},
    auth=("desk",),
    problems=(401, 403, 422),
)
def people() -> Response:
    asked = bodies.parse_query(schemas.PersonQuery, request.args)
    tandem = services()
    with tandem.database.read() as db:
        auth.require_desk(db, to=May.SET_UP)
        items, total = listing.of(
            tandem.settings,
            db,
            search=asked.search,
            order=asked.order,
            descending=asked.descending,
            offset=asked.offset,
            limit=asked.limit,
        )
        return jsonify({"items": items, "total": total, "teams": listing.teams(db)})


@bp.post("/people")
@operation(
    "Add an account",
    body=schemas.PersonBody,
    answers={201: schemas.PersonAnswer},
    auth=("desk",),
    problems=(401, 403, 422, 503),
)
def add() -> tuple[Response, int]:
    tandem = services()
    _check_administrator(tandem)
    asked = bodies.read(schemas.PersonBody)
    password = accounts.chosen(asked.password)
    hashed = agents.hash_password(password)
    wanted = accounts.Wanted(
        asked.name,
        asked.uri,
        admin=asked.admin,
        supervisor=asked.supervisor,
        team=asked.team,
        display_name=asked.display_name,
    )
    with tandem.write() as work:
        who = auth.require_desk(work.db, to=May.SET_UP)
        try:
            made = accounts.add(work, who.name, wanted, hashed)
        except accounts.AgentError as error:
            raise _invalid(error) from None
        work.after_commit(tandem.hub.floor_renew)
        return jsonify(
            _answer(tandem, work, made, password if asked.password is None else None)
        ), 201


@bp.post(_ONE)
@operation(
    "Change an account; who loses or gets something by it logs in anew",
    body=schemas.ChangeBody,
    answers={200: schemas.PersonAnswer},
    auth=("desk",),
    problems=(401, 403, 404, 409, 422),
)
def change(person: int) -> Response:
    asked = bodies.read(schemas.ChangeBody)
    wanted = {field: value for field, value in asked.model_dump().items() if value is not None}
    tandem = services()
    with tandem.write() as work:
        who = auth.require_desk(work.db, to=May.SET_UP)
        agent = _load(work, person)
        before = agent.uri
        for role in listing.given(tandem.settings, agent):
            if wanted.get(role, getattr(agent, role)) != getattr(agent, role):
                raise Invalid(f"{role}: the provider says it at each log-in", role, why="given")
        try:
            changes = accounts.change(work, who.name, agent, wanted, _ways(tandem))
        except accounts.AgentError as error:
            raise _invalid(error) from None
        if accounts.ends_log_ins(agent, changes):
            signing_out.everywhere(tandem, work, agent.id, before)
        if changes:
            uri, team = agent.uri, agent.team
            work.after_commit(lambda: tandem.hub.desk_moved(uri, team))
            _see_anew(tandem, work, {before, agent.uri})
        return jsonify(_answer(tandem, work, agent, None))


@bp.post(f"{_ONE}/password")
@operation(
    "Give an account another password, which ends its log-ins",
    body=schemas.PasswordBody,
    answers={200: schemas.PersonAnswer},
    auth=("desk",),
    problems=(401, 403, 404, 422, 503),
)
def password(person: int) -> Response:
    tandem = services()
    _check_administrator(tandem)
    asked = bodies.read(schemas.PasswordBody)
    new = accounts.chosen(asked.password)
    hashed = agents.hash_password(new)
    with tandem.write() as work:
        who = auth.require_desk(work.db, to=May.SET_UP)
        agent = _load(work, person)
        accounts.set_password(work, who.name, agent, hashed)
        signing_out.everywhere(tandem, work, agent.id, agent.uri)
        return jsonify(_answer(tandem, work, agent, new if asked.password is None else None))


@bp.delete(_ONE)
@operation(
    "Remove an account; what its agent did in sessions stays on record",
    answers={204: None},
    auth=("desk",),
    problems=(401, 403, 404, 409),
)
def remove(person: int) -> Response:
    tandem = services()
    with tandem.write() as work:
        who = auth.require_desk(work.db, to=May.SET_UP)
        agent = _load(work, person)
        accounts.check_stays(work, agent, _ways(tandem))
        signing_out.everywhere(tandem, work, agent.id, agent.uri)
        accounts.remove(work, who.name, agent)
        _see_anew(tandem, work, {agent.uri})
    return Response(status=204)


@bp.get("/events")
@operation(
    "Who changed people and brand, newest first",
    query=schemas.SetUpEventQuery,
    answers={200: schemas.SetUpEventList},
    auth=("desk",),
    problems=(401, 403, 422),
)
def events() -> Response:
    asked = bodies.parse_query(schemas.SetUpEventQuery, request.args)
    with services().database.read() as db:
        auth.require_desk(db, to=May.SET_UP)
        items, further = listing.events(db, asked.before, asked.limit)
        return jsonify({"items": items, "next": further})


def _ways(tandem: Services) -> accounts.Ways:
    """How administrators log in here."""
    oidc = tandem.settings.server.oidc
    return accounts.Ways(oidc.passwords, oidc.issuer)


def _check_administrator(tandem: Services) -> None:
    """Refuse whoever is none before a password is hashed for them."""
    with tandem.database.read() as db:
        auth.require_desk(db, to=May.SET_UP)


def _load(work: Work, person: int) -> Agent:
    agent = work.db.get(Agent, person) if person < 2**63 else None
    if agent is None:
        raise NotFound("there is no such account")
    return agent


def _see_anew(tandem: Services, work: Work, uris: set[str]) -> None:
    """Supervisors see what they now may: floors begin anew, and who may not stay leaves."""
    touched = set(watching.watched_by_any(work.db, uris))
    served = select(CollabSession.id).where(
        CollabSession.agent_uri.in_(uris), CollabSession.state.in_(STANDING)
    )
    touched |= set(work.db.scalars(served.limit(watching.MAX_OPEN)))
    for session_id in touched:
        session = work.db.get(CollabSession, session_id)
        if session is not None:
            watching.leave_unseen(tandem, work, session)
    work.after_commit(tandem.hub.floor_renew)


def _answer(tandem: Services, work: Work, agent: Agent, new: str | None) -> dict[str, Any]:
    work.flush()
    (shown,) = listing.shown(tandem.settings, work.db, [agent])
    return {"person": shown, "password": new}


def _invalid(error: accounts.AgentError) -> Invalid:
    field = error.field or "body"
    return Invalid(f"{field}: {error}", field, why=error.why)
