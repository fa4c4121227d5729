"""Which pages of other origins may use ``/v1/calls``: those of the sites, and nothing else of ours.

The answer to a preflight comes before any key is seen, so it names every site's origins; the key
that is shown then has to be that of the site whose origin it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Response, request

from collab_server.http.current import services
from collab_server.problems import Forbidden

if TYPE_CHECKING:
    from collab_server.settings import SiteSettings

_PATH = re.compile(r"/v1/calls(/[^/]+)?")
PREFLIGHT_SECONDS = 600


def preflight() -> Response | None:
    """Before each request: answer a browser that asks whether a page may use this address."""
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if not asks or not _PATH.fullmatch(request.path):
        return None
    answer = Response(status=204)
    if _is_allowed():
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
        answer.headers["Access-Control-Allow-Headers"] = (
            "Authorization, Content-Type, Idempotency-Key"
        )
        answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return answer


def add_headers(response: Response) -> Response:
    """After each request: let a site's page read the answer."""
    if not _PATH.fullmatch(request.path):
        return response
    response.headers.add("Vary", "Origin")
    if _is_allowed():
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = "Location, Retry-After"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _is_allowed() -> bool:
    origin = request.headers.get("Origin")
    sites = services().settings.server.sites.values()
    return origin is not None and any(origin in site.origins for site in sites)


def check_origin(site: SiteSettings) -> None:
    """Raise Forbidden when a browser says that the request comes from no page of the site."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in site.origins:
        raise Forbidden(f"the origin {origin[:200]} is none of this site's origins")
