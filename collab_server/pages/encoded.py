"""Assets as the browser takes them: compressed when the pages were built, chosen for each request.

Only what everybody may read is sent compressed. An answer of the API carries secrets (a CSRF token,
join links) beside what others shape, and its compressed length would tell one by the other (the
BREACH attack), so those go out as they are.
"""

from __future__ import annotations

from mimetypes import guess_type
from typing import TYPE_CHECKING

from flask import request, send_from_directory

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Response
    from werkzeug.datastructures import Accept

SUFFIXES = {"br": ".br", "gzip": ".gz"}
"""Content codings, the smaller one first, and what a file's name has behind it then."""


def send(folder: Path, name: str) -> Response:
    """A file of the folder, or 404; of several that the browser takes, the one it likes best."""
    coding = _choose(folder, name, request.accept_encodings)
    answer = send_from_directory(
        folder,
        name + SUFFIXES.get(coding, ""),
        mimetype=guess_type(name)[0] or "application/octet-stream",
        conditional=True,
        etag=True,
    )
    if coding:
        answer.headers["Content-Encoding"] = coding
    answer.vary.add("Accept-Encoding")
    return answer


def _choose(folder: Path, name: str, accepts: Accept) -> str:
    """The coding to send; '': none. RFC 9110, 12.5.3: one with quality 0 is not acceptable."""
    wanted = [(accepts.quality(coding), coding) for coding in SUFFIXES]
    plain = accepts.quality("identity")
    for quality, coding in sorted(wanted, key=lambda each: -each[0]):
        if quality > 0 and quality >= plain and (folder / (name + SUFFIXES[coding])).is_file():
            return coding
    return ""
