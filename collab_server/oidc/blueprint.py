"""``/v1/login/oidc``: to the provider, back from it, and what the provider tells us by itself.

The first two are addresses that a browser is sent to, so whatever goes wrong ends at a page.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Literal, cast

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError

from collab_server.db.engine import BusyError
from collab_server.http.openapi import operation
from collab_server.http.throttle import Throttle, address_key
from collab_server.oidc.flow import page_or_desk
from collab_server.oidc.signing_in import SignInError, SigningIn, Word, plain
from collab_server.oidc.tokens import TokenError
from collab_server.oidc.web import UnreachableError
from collab_server.people import entering
from collab_server.problems import Forbidden, NotFound, Problem, TooMany, Unavailable
from collab_server.sessions.joining import PROXIES

if TYPE_CHECKING:
    from collab_server.http.proxies import Proxies
    from collab_server.oidc.provider import Provider

bp = Blueprint("oidc", __name__, url_prefix="/v1/login/oidc")
log = logging.getLogger(__name__)

SIGNING_IN = "tandem.oidc"
THROTTLES = "tandem.oidc-throttles"
LANGUAGES = ("en", "zh-CN")


class Throttles:
    """How often one place may come. A call centre is one place, and begins its day in a minute."""

    def __init__(self) -> None:
        self.begun = Throttle("oidc-begun", "300 per minute")
        self.returned = Throttle("oidc-returned", "300 per minute")
        self.refused = Throttle("oidc-refused", "60 per 5 minutes")
        """Answers that the provider, or a token, did not bear out."""
        self.told = Throttle("oidc-told", "600 per minute")
        self.noted = Throttle("oidc-noted", "30 per 5 minutes")
        """Lines of the log about what somebody told us who is not the provider."""


def signing_in() -> SigningIn:
    """Of this application."""
    return cast("SigningIn", current_app.extensions[SIGNING_IN])


class Asked(BaseModel):
    """What a page says when it sends a browser to the provider. What is wrong does not count."""

    next: str = Field("/desk", description="The page to return to, with its query: one of ours.")
    lang: Literal["en", "zh-CN"] | None = Field(None, description="Of the provider's pages.")
    again: Literal["1"] | None = Field(None, description="Have the provider ask who it is.")


@bp.get("")
@operation(
    "Go to the OpenID provider and log in",
    query=Asked,
    answers={303: None},
    problems=(403, 404),
)
def begin() -> Response:
    way, provider, throttles, place = _here()
    _refuse_parts()
    flow = way.flows.begin(request.args.get("next", ""))
    more = {"prompt": "login"} if request.args.get("again") == "1" else {}
    if request.args.get("lang") in LANGUAGES:
        more["ui_locales"] = request.args["lang"]
    try:
        throttles.begun.hit(place)
        answer = _to(way.address(provider, flow, **more))
    except SignInError as error:
        return _refused(flow.page, error)
    except TooMany:
        return _sent_back(flow.page, "busy")
    way.flows.give(answer, flow)
    return answer


@bp.get("/callback")
@operation("Come back from the OpenID provider", answers={303: None}, problems=(403, 404))
def callback() -> Response:
    way, provider, throttles, place = _here()
    _refuse_parts()
    state = request.args.get("state", "")[:200]
    flow = way.flows.take(state)
    page = flow.page if flow is not None else "/desk"
    try:
        throttles.returned.hit(place)
        throttles.refused.check(place)
        if flow is None:
            return _sent_back(page, "expired")
        opened = way.come_back(provider, flow, request.args)
    except SignInError as error:
        if error.word in ("failed", "expired"):
            throttles.refused.count(place)
        answer = _refused(page, error)
    except TooMany:
        return _sent_back(page, "busy")
    except Problem as error:  # the account may not log in, whichever way
        answer = _refused(page, SignInError("account", error.detail or error.title))
    except (BusyError, OperationalError) as error:
        answer = _refused(page, SignInError("busy", f"database: {plain(error)}"))
    else:
        answer = _to(page)
        entering.hand_over(answer, opened)
    way.flows.end(answer, state)
    return answer


@bp.post("/logout")
@operation(
    "The OpenID provider ends log-ins: a form with logout_token (Back-Channel Logout 1.0)",
    answers={200: None, 400: None},
    problems=(404, 413, 429, 503),
)
def back_channel() -> Response:
    way, provider, throttles, place = _here()
    throttles.told.hit(place)
    try:
        ended = way.end_sessions(provider, request.form.get("logout_token"))
    except TokenError as error:
        if throttles.noted.allows(place):
            log.warning("back-channel log-out refused: %s", plain(error))
        answer = jsonify({"error": "invalid_request"})
        answer.status_code = 400
        return answer
    except (UnreachableError, SignInError) as error:
        raise Unavailable(plain(error)) from None
    log.info("the OpenID provider ended %d log-ins", ended)
    return Response(status=200)


def _here() -> tuple[SigningIn, Provider, Throttles, str]:
    way = signing_in()
    if way.provider is None:
        raise NotFound("no OpenID provider is set up here")
    proxies: Proxies = current_app.extensions[PROXIES]
    throttles: Throttles = current_app.extensions[THROTTLES]
    return way, way.provider, throttles, address_key(proxies.client(request))


def _refuse_parts() -> None:
    """Raise Forbidden where no window is on its way here, but a part of somebody's page.

    With images or frames a page anywhere could come so often that its readers' whole office has to
    wait.
    """
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        raise Forbidden("this is an address to go to")


def _refused(page: str, error: SignInError) -> Response:
    """Back to the page, which says what kept them out; the log says more."""
    reference = secrets.token_hex(4)
    log.warning(
        "log-in by OpenID Connect, reference %s: %s: %s", reference, error.word, plain(error)
    )
    return _sent_back(page, error.word, f"&reference={reference}")


def _sent_back(page: str, word: Word, reference: str = "") -> Response:
    """Back to the page. Without a reference where anybody could fill the log."""
    mark = "&" if "?" in page else "?"
    return _to(f"{page_or_desk(page)}{mark}login={word}{reference}")


def _to(address: str) -> Response:
    return Response(status=303, headers={"Location": address})
