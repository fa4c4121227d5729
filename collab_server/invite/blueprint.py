"""``/v1/desk/invitations``: an agent invites somebody; ``…/confirm``: who came is the caller."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import AfterValidator, Field

from collab_server import uris
from collab_server.explain import Explained, Why
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.invite import confirming, dialling
from collab_server.problems import Invalid
from collab_server.sessions import access, schemas, service
from collab_server.sessions.places import take
from collab_server.sessions.schemas import Answer, Body
from collab_server.sessions.views import Views

bp = Blueprint("invite", __name__, url_prefix="/v1")

CALLED = ("sip:", "tel:")
"""Whom a PBX can call."""


class NewInvitation(Body):
    """Body of ``POST /v1/desk/invitations``."""

    user_uri: Annotated[
        str, Field(min_length=1, max_length=uris.MAX_URI), AfterValidator(uris.invited)
    ]
    type: schemas.CollabType
    call: bool = False
    """The PBX also calls the agent, then the user."""
    pbx: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Which one; needed where there are several."""


class Caller(Answer):
    """A PBX that could place the call."""

    name: str
    linked: bool


class Inviting(Answer):
    """What an agent who invites may choose from."""

    pbxs: list[Caller]


@bp.get("/desk/invitations")
@operation(
    "What an agent who invites may choose from",
    answers={200: Inviting},
    auth=("desk",),
    problems=(401, 403),
)
def choices() -> Response:
    tandem = services()
    with tandem.database.read() as db:
        auth.require_desk(db)
    names = tandem.settings.pbx
    return jsonify({"pbxs": [{"name": n, "linked": tandem.hub.linked(n)} for n in names]})


@bp.post("/desk/invitations")
@operation(
    "Invite somebody with whom there is no call, and call them too on wish",
    body=NewInvitation,
    answers={201: schemas.SessionDocument},
    auth=("desk",),
    problems=(401, 403, 413, 415, 422, 429),
)
def invite() -> tuple[Response, int, dict[str, str]]:
    tandem = services()
    with tandem.database.read() as db:
        auth.require_desk(db)
    asked = bodies.read(NewInvitation)
    if asked.call and not asked.user_uri.startswith(CALLED):
        only = Explained(Why.NOT_CALLED, "call: only a sip: or tel: address can be called")
        raise Invalid(only, "call")
    with tandem.write() as work:
        who = auth.require_desk(work.db)
        by = f"agent {who.uri}"
        call = None
        if asked.call:
            call = dialling.new_call(
                work,
                pbx=dialling.pbx_of(tandem, asked.pbx),
                type=asked.type,
                user_uri=asked.user_uri,
                agent_uri=who.uri,
            )
        session = service.create(
            tandem,
            work,
            type=asked.type,
            initiator="agent",
            user_uri=asked.user_uri,
            call=call,
            cause=by,
            given="agent",
        )
        service.serve(tandem, work, session, call, who.uri, by)
        if call is not None:
            guest = take(work, session, "user", session.user_uri)
            dialling.dial(tandem, work, session, call, guest, by)
        work.flush()
        document = Views(tandem, work.db, [session]).document(session, ("user",))
    return jsonify(document), 201, {"Location": f"/v1/sessions/{session.id}"}


@bp.post("/sessions/<session_id>/confirm")
@operation(
    "Say whether the caller sees the word of who opened their link: its agent, or a client",
    body=schemas.ConfirmBody,
    answers={204: None},
    auth=("api", "desk", "participant"),
    problems=(401, 403, 404, 409, 410, 422),
)
def confirm(session_id: str) -> Response:
    auth.require_somebody()
    asked = bodies.read(schemas.ConfirmBody)
    tandem = services()
    with tandem.write() as work:
        callers = auth.callers(work.db, session_id)
        session = access.load(work.db, session_id)
        by = access.acting_agent(work.db, session, callers)
        confirming.answer(tandem, work, session, by, yes=asked.yes)
    return Response(status=204)
