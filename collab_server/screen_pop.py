"""The address of a caller's record in a CRM: a template of the settings, filled for a session.

    https://crm.example/?tel={number}&uri={uri}&session={session}

Host and port are the administrator's alone; what a caller can shape stands behind them,
percent-encoded to the last character, so that it can be no more than a value there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from collab_server import uris

if TYPE_CHECKING:
    from collab_server.db.sessions import CollabSession

FIELDS = ("number", "uri", "session")
MAX_TEMPLATE = 1_000
_FIELD = re.compile(r"\{([^{}]*)\}")


def check(template: str) -> str:
    """Give a template back; raise ValueError, with what is wrong, when it is none."""
    parts = urlsplit(template)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('expected an address such as "https://crm.example/?tel={number}"')
    if len(template) > MAX_TEMPLATE or not template.isprintable() or " " in template:
        raise ValueError(f"may have {MAX_TEMPLATE} characters, and no blanks among them")
    if "@" in parts.netloc or "\\" in template:
        raise ValueError("must hold neither a password nor a backslash")
    if "{" in parts.netloc or "}" in parts.netloc:
        raise ValueError("the host must be fixed: fields such as {number} come behind it")
    unknown = [name for name in _FIELD.findall(template) if name not in FIELDS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise ValueError(f"there is no field {{{unknown[0]}}}; there are {known}")
    if re.search(r"[{}]", _FIELD.sub("", template)):
        raise ValueError("a brace is left over; fields are written {number}")
    return template


def fill(template: str, session: CollabSession) -> str | None:
    """The record's address for a session; None when it would name nobody: the template knows
    callers by their number alone, and this one has none."""
    values = {
        "number": session.number or uris.dialled(session.user_uri),
        "uri": session.user_uri,
        "session": session.id,
    }
    asked = set(_FIELD.findall(template))
    if "number" in asked and not values["number"] and "uri" not in asked:
        return None
    return _FIELD.sub(lambda field: quote(values[field[1]], safe=""), template)
