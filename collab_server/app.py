"""The application factory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flask import Flask, Response
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from collab_server import health
from collab_server.calls import blueprint as calls
from collab_server.calls import pbx
from collab_server.calls.standing import STANDINGS, Standings
from collab_server.db.engine import BusyError, Database
from collab_server.floor import blueprint as floor
from collab_server.http import auth, bodies, cookies, security
from collab_server.http.current import EXTENSION, services
from collab_server.http.keys import Keys
from collab_server.http.pace import PACE, pace
from collab_server.http.proxies import Proxies
from collab_server.http.throttle import Throttle
from collab_server.invite import blueprint as invite
from collab_server.metrics import METRICS, Metrics
from collab_server.oidc import blueprint as oidc
from collab_server.oidc.signing_in import SigningIn
from collab_server.pages import blueprint as pages
from collab_server.pairing import blueprint as pairing
from collab_server.people import blueprint as people
from collab_server.people import desk_blueprint as desk
from collab_server.people.logins import LoginThrottles
from collab_server.placed import blueprint as placed
from collab_server.placed import cors
from collab_server.placed import pages as placed_pages
from collab_server.placed.limits import LIMITS, Limits
from collab_server.problems import BY_STATUS, Problem, ServerFault, TooMany, Unavailable
from collab_server.services import Services
from collab_server.sessions import agreeing, joining
from collab_server.sessions import blueprint as sessions
from collab_server.setup import brand as setup_brand
from collab_server.setup import people as setup_people
from collab_server.times import Clock, system_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from collab_server.realtime.hub import Hub
    from collab_server.settings import Settings

log = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    *,
    hub: Hub,
    database: Database | None = None,
    clock: Clock = system_clock,
    realtime_alive: Callable[[], bool] | None = None,
) -> Flask:
    """Make the WSGI application.

    `hub` is what the application pushes through; `database` (made from the settings when not given)
    must hold this version's tables already (`collab_server.db.migrate`); `realtime_alive` tells
    ``/readyz`` whether the web sockets' loop answers.
    """
    tandem = Services(settings, database or Database(settings.server.database, clock), hub, clock)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = bodies.MAX_BODY
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    metrics = Metrics(tandem)
    app.extensions[EXTENSION] = tandem
    app.extensions[auth.KEYS] = Keys(settings)
    proxies = Proxies(settings.server.trusted_proxies)
    app.extensions[joining.PROXIES] = proxies
    app.extensions[LIMITS] = Limits(settings, proxies)
    app.extensions[joining.THROTTLE] = Throttle("join", joining.GUESSES)
    app.extensions[sessions.THROTTLE] = Throttle("resend", sessions.RESENDS)
    app.extensions[agreeing.THROTTLE] = Throttle("consent", agreeing.ANSWERS)
    app.extensions[PACE] = pace()
    app.extensions[people.THROTTLES] = LoginThrottles()
    app.extensions[oidc.SIGNING_IN] = SigningIn(tandem)
    app.extensions[oidc.THROTTLES] = oidc.Throttles()
    app.extensions[desk.THROTTLE] = Throttle("pause", desk.PAUSES)
    app.extensions[desk.STARTS_THROTTLE] = Throttle("start", desk.STARTS)
    app.extensions[STANDINGS] = Standings()
    app.extensions[METRICS] = metrics
    app.extensions[health.REALTIME_ALIVE] = realtime_alive

    app.url_map.merge_slashes = False  # an address with two slashes is another one: 404, not 308
    for part in (
        sessions, joining, agreeing, pairing, invite, calls, placed, placed_pages, pbx, people,
        oidc, desk, floor, setup_people, setup_brand, health, pages,
    ):  # fmt: skip
        app.register_blueprint(part.bp)
    app.before_request(metrics.started)
    app.before_request(bodies.refuse_nul)
    app.before_request(cors.preflight)
    app.after_request(metrics.finished)
    app.after_request(cookies.add_browser)
    app.after_request(security.add_headers)
    app.after_request(cors.add_headers)
    _handle_errors(app)
    app.wsgi_app = _BodyEnds(app.wsgi_app)  # type: ignore[method-assign]
    return app


class _BodyEnds:
    """Tells Werkzeug that the body has an end even where no Content-Length says so.

    a2wsgi's input ends by itself; without this a chunked body would silently read as empty.
    """

    def __init__(self, wsgi: Any) -> None:
        self._wsgi = wsgi

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "asgi.scope" in environ:
            environ["wsgi.input_terminated"] = True
        result: Iterable[bytes] = self._wsgi(environ, start_response)
        return result


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(Problem)
    def _problem(problem: Problem) -> Response:
        return problem.response()

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response | HTTPException:
        status = error.code or 500
        if status < 400:
            return error
        if status == 429:
            return TooMany(60).response()
        made = BY_STATUS.get(status)
        response = made().response() if made is not None else _Other(error).response()
        allow = error.get_response().headers.get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response

    @app.errorhandler(BusyError)
    def _busy(error: BusyError) -> Response:
        log.error("%s", services().database.said(error))
        return Unavailable("the database does not answer in time").response()

    @app.errorhandler(OperationalError)
    def _failed(error: OperationalError) -> Response:
        log.error("%s", services().database.said(error))
        return Unavailable("the database cannot be used; the server's log says why").response()

    @app.errorhandler(Exception)
    def _fault(error: Exception) -> Response:
        log.exception("request failed: %s", error)
        return ServerFault("the server's log has the reason").response()


class _Other(Problem):
    """An HTTP error of the framework that has no class of its own here."""

    def __init__(self, error: HTTPException) -> None:
        super().__init__()
        self._error = error

    def document(self) -> dict[str, Any]:
        return {
            "type": "about:blank",
            "title": self._error.name,
            "status": self._error.code or 500,
        }

    def response(self) -> Response:
        response = super().response()
        response.status_code = self._error.code or 500
        return response
