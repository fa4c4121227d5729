"""``/v1/pairings``: codes are made, claimed, and the browser that showed one goes in.

Whoever names a session or a call asks as its agent, or with a key, and gets a code to tell, or has
one that was told. Whoever names nothing is a browser that shows a code, or in which one is typed.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy import delete, select

from collab_server.calls.lookup import find
from collab_server.db.calls import Call
from collab_server.db.invitations import Grant
from collab_server.db.pairing import Pairing
from collab_server.db.sessions import CollabSession, Participant
from collab_server.explain import Why
from collab_server.http import auth, bodies, cookies
from collab_server.http.current import services
from collab_server.http.keys import Client
from collab_server.http.openapi import operation
from collab_server.pairing import binding, codes, limits, schemas, typed
from collab_server.pairing.room import place_of
from collab_server.problems import CodeRefused, Conflict, Forbidden, Gone, Invalid, NotFound
from collab_server.sessions import access, service
from collab_server.sessions.joining import PROXIES, joined
from collab_server.sessions.links import hashed
from collab_server.sessions.states import State
from collab_server.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.http.proxies import Proxies
    from collab_server.pairing.room import Place
    from collab_server.sessions.schemas import CallRef

bp = Blueprint("pairings", __name__, url_prefix="/v1/pairings")

MAX_GRANTS = 20
"""Cookies of one user that are good: a page that is loaded again gets another; the oldest goes."""


@bp.post("")
@operation(
    "Make a pairing code: for this browser to show or, to be told in a call, for its session",
    body=schemas.NewPairing,
    answers={201: schemas.PairingMade},
    auth=("api", "desk"),
    problems=(401, 403, 404, 409, 413, 415, 422, 429, 503),
)
def create() -> tuple[Response, int]:
    asked = bodies.read(schemas.NewPairing)
    tandem = services()
    if asked.session is None and asked.call is None:
        return _shown_by_this_browser(asked.type)
    with tandem.write() as work:
        session, call, by = _target(work, asked.session, asked.call)
        budgets = [limits.CODES_OF_AGENT.of(by)]
        limits.check(tandem, work.db, work.now, budgets)
        limits.use(work, budgets)
        made, code = codes.make_for_call(tandem, work, session, call, asked.type)
    return _made(made, code), 201


def _shown_by_this_browser(type: str) -> tuple[Response, int]:  # noqa: A002 - the contract's word
    _be_a_browser()
    tandem = services()
    value = cookies.pairing() or secrets.token_urlsafe(24)
    place = _place()
    budgets = [limits.CODES_OF_ADDRESS.of(place.address)]
    with tandem.write() as work:
        limits.check(tandem, work.db, work.now, budgets)
        limits.use(work, budgets)
        made, code = codes.make_for_page(tandem, work, hashed(value), type, place)
    answer = _made(made, code)
    cookies.set_pairing(answer, value)
    return answer, 201


@bp.get("/<pairing_id>")
@operation(
    "What became of the code that this browser shows",
    answers={200: schemas.PairingShown},
    problems=(404,),
)
def show(pairing_id: str) -> Response:
    tandem = services()
    with tandem.database.read() as db:
        pairing = _mine(db, pairing_id)
        session_id = None
        if pairing.participant is not None:
            session_id = db.get_one(Participant, pairing.participant).session_id
        state = codes.state_of(pairing, tandem.clock())
    return jsonify({"id": pairing.id, "state": state, "session": session_id})


@bp.post("/<pairing_id>/enter")
@operation(
    "Go into the session that the code led to; sets the participant's cookie",
    answers={200: schemas.Paired},
    problems=(403, 404, 409, 410),
)
def enter(pairing_id: str) -> Response:
    _be_a_browser()
    tandem = services()
    with tandem.write() as work:
        pairing = _mine(work.db, pairing_id)
        if pairing.participant is None:
            raise Conflict("nobody has used the code yet", why=Why.CODE_OPEN)
        return _enter(work, work.db.get_one(Participant, pairing.participant), "code shown")


@bp.post("/<code>/claim")
@operation(
    "Use a code: the browser it is typed in goes into the session, or the one that shows it does",
    body=schemas.ClaimBody,
    answers={200: schemas.Paired},
    auth=("api", "desk"),
    problems=(401, 403, 404, 409, 413, 415, 422, 429),
)
def claim(code: str) -> Response:
    asked = bodies.read(schemas.ClaimBody)
    if asked.session is None and asked.call is None:
        return _typed_in_this_browser(code)
    tandem = services()
    with tandem.write() as work:
        session, call, by = _target(work, asked.session, asked.call)
        budgets = [
            limits.GUESSES_OF_AGENT.of(by),
            limits.GUESSES_OF_CALL.of(session.id if session else f"{call.pbx} {call.id}"),  # type: ignore[union-attr]
            limits.GUESSES_OF_AGENTS.of(),
        ]
        limits.check(tandem, work.db, work.now, budgets)
        found = codes.claim(tandem, work, "page", code)
        if found is None:
            limits.use(work, budgets)
        else:
            session, _ = binding.bind(
                tandem, work, found, session, call, "agent", f"code typed by {by}"
            )
    if found is None or session is None:
        raise CodeRefused
    return jsonify({"session": session.id, "word": tandem.signer.word(session.id)})


def _typed_in_this_browser(code: str) -> Response:
    _be_a_browser()
    tandem, place = services(), _place().address
    typed.check(tandem, place)
    with tandem.write() as work:
        guest = typed.claim(tandem, work, place, code)
        if guest is not None:
            return _enter(work, guest, typed.CAUSE)
    raise CodeRefused


def _enter(work: Work, guest: Participant, how: str) -> Response:
    """Let this browser in as the session's user. Raises Gone."""
    session = work.db.get_one(CollabSession, guest.session_id)
    access.check_open(session, guest, work.now)
    if session.state == State.ENDED and guest.joined is None:
        raise Gone("the session has ended", why="ended")
    mine = select(Grant.token).where(Grant.participant == guest.id).order_by(Grant.created.desc())
    if too_many := list(work.db.scalars(mine.offset(MAX_GRANTS - 1))):
        work.db.execute(delete(Grant).where(Grant.token.in_(too_many)))
    cookie = secrets.token_urlsafe(32)
    work.db.add(Grant(token=hashed(cookie), participant=guest.id, created=work.now))
    tandem = services()
    if guest.joined is None:  # a page that is loaded again says nothing of the agent of now
        # The page of the code names nobody, so the next one asks, unless the call is enough.
        named = None if tandem.settings.server.consent == "call" else ""
        service.join(work, session, guest, how, named)
    word = tandem.signer.word(session.id)
    answer = jsonify(joined(session, guest) | {"word": word})
    cookies.set_guest(answer, session.id, "user", cookie)
    return answer


def _target(
    work: Work, session_id: str | None, named: CallRef | None
) -> tuple[CollabSession | None, Call | None, str]:
    """The session or call that is named, for which this agent or client may speak, and who that is.

    Raises Unauthorized, Forbidden, CsrfRefused, NotFound, Gone and Conflict.
    """
    callers = auth.callers(work.db, "")
    if session_id is not None:
        session = access.load(work.db, session_id)
        by = access.acting_agent(work.db, session, callers)
        _check_agreed(work, session, callers)
        call = work.db.get(Call, session.call) if session.call is not None else None
        if session.state == State.ENDED:
            raise Conflict("the session has ended", why=Why.SESSION_OVER)
        return session, call, by
    who = callers[0]
    call = find(work.db, named.pbx, named.id) if named is not None else None
    if call is None:
        raise NotFound("no such call was reported", why=Why.CALL_OVER)
    if not isinstance(who, Client) and call.agent_uri != who.uri:
        raise Forbidden("this call is not yours", why=Why.NOT_YOURS)
    if call.state == "ended":
        raise Conflict("this call has ended", why=Why.CALL_OVER)
    name = who.name if isinstance(who, Client) else who.uri
    by = f"{'API client' if isinstance(who, Client) else 'agent'} {name}"
    standing = binding.standing(work, call.session_id)
    if standing is not None:
        _check_agreed(work, standing, callers)
    return standing, call, by


def _check_agreed(work: Work, session: CollabSession, callers: Sequence[auth.Caller]) -> None:
    """Raise Forbidden for an agent whom the user has yet to agree to: whose browser a code brings
    in is in as the user."""
    if not access.sees_user_link(work.db, session, callers):
        raise Forbidden("the caller has not agreed to you yet", why=Why.NOT_AGREED)


def _mine(db: Session, pairing_id: str) -> Pairing:
    """The code that this browser shows, or showed. Raises NotFound."""
    shown = select(Pairing).where(
        Pairing.id == pairing_id, Pairing.browser == hashed(cookies.pairing())
    )
    pairing = db.scalar(shown)
    if pairing is None:
        raise NotFound("this browser shows no such code")
    return pairing


def _be_a_browser() -> None:
    """Raise Invalid for a client with a key, CsrfRefused for what no page of ours sends."""
    if auth.client() is not None:
        raise Invalid("session: a client with a key names a session or a call", "session")
    auth.check_csrf()


def _place() -> Place:
    proxies: Proxies = current_app.extensions[PROXIES]
    return place_of(proxies.client(request))


def _made(pairing: Pairing, code: str) -> Response:
    return jsonify(
        {
            "id": pairing.id,
            "code": code,
            "expires": iso(pairing.expires),
            "seconds": codes.SECONDS,
        }
    )
