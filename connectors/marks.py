"""What a collaboration call's mark may say: types and URIs, checked before they are believed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.model import COLLAB_TYPES, Marked

MAX_URI = 256
"""Characters a user URI may have; longer ones are refused, not cut."""

ANONYMOUS = "sip:anonymous@anonymous.invalid"
"""A caller without a number (RFC 3323, 4.1.1.3)."""

# RFC 3986's characters without brackets, quotes and spaces: nothing that could end a header,
# a log line or an attribute.
_URI = re.compile(r"(?P<scheme>sips?|tel|mailto|web):(?P<rest>[A-Za-z0-9\-._~!$&'()*+,;=:@/?%#]+)")
_NUMBER = re.compile(r"[A-Za-z0-9\-._~!$&'()*+=%#]{1,64}")


class MarkError(ValueError):
    """A mark's value is not one; the text says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that has been read: what it asks for, and what to say of the rest."""

    type: str | None
    """The collaboration type; None: the call goes on as it was."""
    user_uri: str | None
    """The user's URI as the dialplan or a trusted header gave it; None: take the number."""
    why: str = ""
    """Why `type` is None."""
    notes: tuple[str, ...] = ()
    """Trace lines about what was not believed."""


def read(event: Marked, endpoint: str, *, trusted: bool) -> Mark:
    """Read a mark made on a leg of `endpoint`, whose headers count when `trusted`.

    The dialplan's own words go before a header's. A code pressed in a call names no user.
    """
    raw_type, raw_uri = event.type, event.user_uri
    notes = []
    if trusted:
        raw_type, raw_uri = raw_type or event.header_type, raw_uri or event.header_user_uri
    elif event.header_type or event.header_user_uri:
        notes.append(f"X-Collab headers are ignored: trust_headers does not match {endpoint}")
    user_uri = None
    if raw_uri and not event.feature:
        try:
            user_uri = check_user_uri(raw_uri)
        except MarkError as error:
            notes.append(f"the caller's number stands for the user: {error}")
    try:
        return Mark(check_type(raw_type), user_uri, notes=tuple(notes))
    except MarkError as error:
        return Mark(None, user_uri, str(error), tuple(notes))


def check_type(raw: str) -> str:
    """Return the collaboration type `raw` names; MarkError when it names none."""
    if raw in COLLAB_TYPES:
        return raw
    if not raw:
        raise MarkError("no collaboration type was given")
    raise MarkError(f"{shown(raw)} is not a collaboration type (one of {', '.join(COLLAB_TYPES)})")


def check_user_uri(raw: str) -> str:
    """Return `raw` with its scheme in lower case when it is a user URI; MarkError when not."""
    if len(raw) > MAX_URI:
        raise MarkError(f"a user URI has at most {MAX_URI} characters, not {len(raw)}")
    scheme, colon, rest = raw.partition(":")
    uri = scheme.lower() + colon + rest
    if _URI.fullmatch(uri) is None:
        raise MarkError(f"{shown(raw)} is not a user URI (sip:, tel:, mailto: or web:)")
    return uri


def number_uri(number: str, domain: str) -> str:
    """Return the URI of a caller's number in the PBX's domain; `ANONYMOUS` without one."""
    if number in ("", "anonymous", "<unknown>") or _NUMBER.fullmatch(number) is None:
        return ANONYMOUS
    return f"sip:{number.replace('#', '%23')}@{domain}"


def shown(raw: str, limit: int = 60) -> str:
    """A hostile string as one printable, quoted, short piece of a trace line."""
    cut = raw[:limit] + ("…" if len(raw) > limit else "")
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut) + "'"
