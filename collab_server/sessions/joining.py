"""``/v1/join``: exchange a join link for a place in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, Response, current_app, jsonify, request

from collab_server.db.calls import Call
from collab_server.db.sessions import CollabSession, Participant
from collab_server.http import auth, bodies, cookies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.http.throttle import Throttle, address_key
from collab_server.invite import attempts
from collab_server.placed import leaving
from collab_server.problems import Gone, LinkInvalid
from collab_server.sessions import invitations, schemas, service
from collab_server.sessions.history import trace
from collab_server.sessions.links import SYNC_SECONDS, LinkError
from collab_server.sessions.views import Views
from collab_server.times import iso

if TYPE_CHECKING:
    from collab_server.http.proxies import Proxies
    from collab_server.sessions.links import Role

bp = Blueprint("join", __name__, url_prefix="/v1/join")

GUESSES = "20 per minute"
"""Links that are none, from one address."""
PROXIES = "tandem.proxies"
THROTTLE = "tandem.join-throttle"


@bp.post("")
@operation(
    "Exchange a join link, once; sets the participant's cookie",
    body=schemas.JoinBody,
    answers={200: schemas.Joined, 202: schemas.Held},
    problems=(401, 403, 410, 413, 415, 422, 429),
)
def join() -> Response | tuple[Response, int]:
    tandem = services()
    token, page = _token()
    try:
        with tandem.write() as work:
            made = invitations.exchange(tandem, work, token, page.agent)
            session, guest = made.session, made.guest
            if guest.role == "user":
                # Who is held may be a stranger, and takes no question away from who is in.
                in_before = made.word is not None and guest.joined is not None
                guest.asks = page.can_ask or (in_before and guest.asks)
            if made.word is None:
                call = work.db.get(Call, session.call) if session.call else None
                trace(work, call, "browser", f"{guest.role} opened the join link")
                service.join(work, session, guest, "join link", page.agent)
                answer, status = jsonify(joined(session, guest)), 200
            else:
                answer, status = jsonify(_held(session, guest, made.word)), 202
    except Gone as gone:
        _help_the_browser_that_used_it(gone, token)
        raise
    held = made.word is not None
    cookies.set_guest(answer, session.id, guest.role, made.cookie, held=held)
    return answer, status


@bp.post("/look")
@operation(
    "See what a join link leads to, without opening it",
    body=schemas.JoinBody,
    answers={200: schemas.Look},
    problems=(401, 403, 410, 413, 415, 422, 429),
)
def look() -> Response:
    tandem = services()
    token, _ = _token()
    try:
        with tandem.database.read() as db:
            link, session, guest, attempt = invitations.look(tandem, db, token)
            view = Views(tandem, db, [session]).view(session, "user")
        if link.role == "user" and guest.invitation in attempts.UNOPENED:
            with tandem.write() as work:
                attempts.looked_at(work, *invitations.look(tandem, work.db, token))
    except Gone as gone:
        _help_the_browser_that_used_it(gone, token)
        raise
    if view["placed"] is not None:
        with tandem.write() as work:
            leaving.looked_at(tandem, work, view["placed"]["id"])
    shown = {key: view[key] for key in ("type", "word", "brand", "agent")}
    if attempt is not None and attempt.confirm:
        shown["word"] = ""
    more = {
        "role": link.role,
        "placed": view["placed"] is not None,
        "disclose": tandem.settings.server.disclose,
    }
    return jsonify(shown | more)


def _held(session: CollabSession, guest: Participant, word: str) -> dict[str, Any]:
    return {
        "session": session.id,
        "role": guest.role,
        "type": session.type,
        "word": word,
        "csrf": cookies.csrf(),
    }


def joined(session: CollabSession, guest: Participant) -> dict[str, Any]:
    """What a browser needs to open the session's document."""
    tandem = services()
    role = cast("Role", guest.role)
    return {
        "session": session.id,
        "role": role,
        "type": session.type,
        "sync": {
            "url": f"ws{tandem.settings.url.removeprefix('http')}/v1/sync",
            "room": session.id,
            "token": tandem.signer.sync_token(session.id, role, guest.id),
            "expires": iso(tandem.clock() + SYNC_SECONDS),
        },
        "csrf": cookies.csrf(),
        "outcomes": list(tandem.settings.server.outcomes) if role == "agent" else [],
    }


def _token() -> tuple[str, schemas.JoinBody]:
    """The join link's token, signed here, and what else came with it.

    Raises CsrfRefused, LinkInvalid and TooMany.

    Only what is no link of ours counts as guessing, and is refused before the database is asked: a
    guesser neither takes the writer's turn nor shuts out others who come from the same address.
    """
    auth.check_origin()
    asked = bodies.read(schemas.JoinBody)
    token = asked.token
    try:
        services().signer.read_join(token)
    except LinkError:
        proxies: Proxies = current_app.extensions[PROXIES]
        throttle: Throttle = current_app.extensions[THROTTLE]
        throttle.hit(address_key(proxies.client(request)))
        raise LinkInvalid("the join link is incomplete or was not made by this server") from None
    return token, asked


def _help_the_browser_that_used_it(gone: Gone, token: str) -> None:
    """Name the session to whoever opens a link again that leads where they may go.

    The token was signed here, so the one who shows it was given it; its session's id tells nothing
    by itself. The page then asks for the session with the cookie it has, or has not.
    """
    if gone.members.get("why") == "used":
        gone.members["session"] = services().signer.read_join(token).session_id
