"""``/v1/login``, ``/v1/logout`` and ``/v1/me``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import AfterValidator, Field

from collab_server.db.people import NAME, Login
from collab_server.http import auth, bodies, cookies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.http.throttle import address_key
from collab_server.oidc.blueprint import signing_in
from collab_server.people import accounts, agents, desk, entering, signing_out
from collab_server.people.logins import LoginThrottles
from collab_server.problems import Forbidden, WrongPassword
from collab_server.sessions import schemas
from collab_server.sessions.joining import PROXIES
from collab_server.sessions.schemas import Answer, Body, Brand

if TYPE_CHECKING:
    from collab_server.db.people import Agent
    from collab_server.http.auth import Desk
    from collab_server.http.proxies import Proxies

bp = Blueprint("people", __name__, url_prefix="/v1")

THROTTLES = "tandem.login-throttles"


class LoginBody(Body):
    """Body of ``POST /v1/login``."""

    username: Annotated[
        str, Field(min_length=1, max_length=NAME), AfterValidator(schemas.printable)
    ]
    password: Annotated[str, Field(min_length=1, max_length=accounts.MAX_PASSWORD)]


class Provider(Answer):
    """Where agents may sign in instead: a name for the button, and where it leads.

    Behind the address come ``next``, the page to return to, ``lang``, and ``again=1`` to be asked
    who one is even where the provider knows.
    """

    label: str
    url: str


class LoginWays(Answer):
    """How agents log in here."""

    password: bool
    oidc: Provider | None


class LoggedOut(Answer):
    """Where the browser goes to be logged out at the provider too."""

    url: str


class AgentShown(Answer):
    """Who is logged in."""

    name: str
    uri: str
    display_name: str
    admin: bool
    supervisor: bool
    team: str


class Me(Answer):
    """Who this browser is, and what its writes must carry."""

    agent: AgentShown | None
    csrf: str
    brand: Brand
    outcomes: list[str]
    """What may come of a session, for an agent to choose from; none: free text."""


@bp.get("/login")
@operation("How agents log in", answers={200: LoginWays})
def ways() -> Response:
    theirs = services().settings.server.oidc
    provider = {"label": theirs.shown, "url": "/v1/login/oidc"} if theirs.issuer else None
    return jsonify({"password": theirs.passwords, "oidc": provider})


@bp.post("/login")
@operation(
    "Log in at the desk; sets the desk's cookie",
    body=LoginBody,
    answers={200: Me},
    problems=(401, 403, 413, 415, 422, 429, 503),
)
def login() -> Response:
    auth.check_origin()
    asked = bodies.read(LoginBody)
    tandem = services()
    if not tandem.settings.server.oidc.passwords:
        raise Forbidden("passwords do not count here: sign in at the OpenID provider")
    proxies: Proxies = current_app.extensions[PROXIES]
    throttles: LoginThrottles = current_app.extensions[THROTTLES]
    place = address_key(proxies.client(request))
    with tandem.database.read() as db:
        found = agents.named(db, asked.username)
    device = cookies.device(found)
    throttles.check(place, asked.username, device)
    try:
        agent = agents.check_password(found, asked.password, known=device is not None)
    except WrongPassword:
        throttles.count(place, asked.username, device)
        raise
    with tandem.write() as work:
        opened = entering.enter(tandem, work, agent)
    answer = jsonify(_me(agent, cookies.csrf(anew=True)))
    entering.hand_over(answer, opened)
    return answer


@bp.post("/logout")
@operation("Log out", answers={200: LoggedOut, 204: None}, auth=("desk",), problems=(401, 403))
def logout() -> Response:
    tandem = services()
    with tandem.write() as work:
        who = auth.require_desk(work.db)
        login = work.db.get(Login, who.login_id)
        id_token = login.id_token if login is not None else None
        signing_out.end(tandem, work, who.uri, [who.login_id])
    address = signing_in().log_out_address(id_token)
    answer = Response(status=204) if address is None else jsonify({"url": address})
    cookies.clear_desk(answer)
    return answer


@bp.get("/me")
@operation("Who this browser is", answers={200: Me}, problems=(401,))
def me() -> Response:
    with services().database.read() as db:
        who = auth.desk(db)
    return jsonify(_me(who, cookies.csrf()))


def _me(who: Desk | Agent | None, csrf: str) -> dict[str, object]:
    brand = {"name": services().brand}
    outcomes = list(services().settings.server.outcomes) if who else []
    shown = desk.account(who) if who else None
    return {"agent": shown, "csrf": csrf, "brand": brand, "outcomes": outcomes}
