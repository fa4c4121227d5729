"""The pages: one HTML shell for every address, its assets, and what to say without them."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.pages import encoded
from collab_server.problems import NotFound

DIST = Path(__file__).parents[1] / "static" / "dist"

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
    if not (DIST / "index.html").is_file():
        return Response(_NOT_BUILT, 503, mimetype="text/html", headers={"Retry-After": "60"})
    answer = send_from_directory(DIST, "index.html", conditional=True, etag=True)
    answer.headers["Cache-Control"] = "no-cache"  # it names the assets of this version
    return answer


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


@bp.get("/assets/<path:name>")
@operation("A part of the pages; its name changes with its content", answers={200: None})
def asset(name: str) -> Response:
    folder = DIST / "assets"
    if not folder.is_dir():
        raise NotFound("the pages are not built")
    answer = encoded.send(folder, name)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
