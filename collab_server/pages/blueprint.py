"""The pages: one HTML shell for every address, its assets, and what to say without them.

The shell carries the brand in it, so that no page shows the product's for a moment before it shows
the business's.
"""

from __future__ import annotations

import json
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.pages import encoded
from collab_server.problems import NotFound

if TYPE_CHECKING:
    from collab_server.brand.kept import Brand

DIST = Path(__file__).parents[1] / "static" / "dist"

_TITLE = "<title>Tandem</title>"

bp = Blueprint("pages", __name__)

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tandem</title>
<h1>The pages are not built</h1>
<p>The server works, but its web pages are missing from this installation. Install the wheel, or in
a checkout run: <code>python collab_server/web/build.py</code></p>
"""


def _shell(session_id: str | None = None) -> Response:
    if session_id is not None:
        services().lines.page_asked(session_id[:80])
    answer = _document()
    if answer.status_code == 200:
        answer.add_etag()
        answer.make_conditional(request)
    return answer


def _document() -> Response:
    if not (DIST / "index.html").is_file():
        return Response(_NOT_BUILT, 503, mimetype="text/html", headers={"Retry-After": "60"})
    index = DIST / "index.html"
    answer = Response(
        _branded(index, index.stat().st_mtime_ns, services().brands.now()), mimetype="text/html"
    )
    answer.headers["Cache-Control"] = "no-cache"  # it names the assets of this version
    return answer


@lru_cache(maxsize=4)
def _branded(index: Path, _changed: int, brand: Brand) -> str:
    """The shell with the brand in it; its place is the title, as the sources have it."""
    carried = escape(json.dumps(brand.document(), ensure_ascii=False), quote=True)
    head = f'<title>{escape(brand.name)}</title>\n<meta name="tandem-brand" content="{carried}" />'
    return index.read_text().replace(_TITLE, head, 1)


_page = operation("A page", answers={200: None})(_shell)

for _name, _path in {
    "entry": "/",
    "join": "/join",
    "session": "/s/<session_id>",
    "desk": "/desk",
    "floor": "/floor",
    "setup": "/setup",
}.items():
    bp.add_url_rule(_path, _name, _page)


@bp.app_errorhandler(404)
def nowhere(_error: object) -> Response:
    """An address that leads nowhere: a page for who follows a link, a problem for programs."""
    takes = request.accept_mimetypes
    if (
        request.method not in ("GET", "HEAD")
        or request.path.startswith(("/v1/", "/assets/"))
        or takes["text/html"] <= takes["application/json"]
    ):
        answer = NotFound().response()
    else:
        answer = _document()
        answer.status_code = max(answer.status_code, 404)
    answer.vary.add("Accept")
    return answer


@bp.get("/assets/<path:name>")
@operation("A part of the pages; its name changes with its content", answers={200: None})
def asset(name: str) -> Response:
    folder = DIST / "assets"
    if not folder.is_dir():
        raise NotFound("the pages are not built")
    answer = encoded.send(folder, name)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
