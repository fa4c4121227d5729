"""The addresses of people: which strings count as the URI of a user or an agent."""

from __future__ import annotations

import re

MAX_URI = 255
"""Characters a URI may have."""

_USER = re.compile(r"(?:sips?|tel|mailto|web):[^\s<>\"\\^`{|}\x00-\x20\x7f-\x9f]+")
_AGENT = re.compile(
    r"sips?:[^\s<>\"\\^`{|}@\x00-\x20\x7f-\x9f]+@[^\s<>\"\\^`{|}@\x00-\x20\x7f-\x9f]+"
)


def is_user_uri(text: str) -> bool:
    """Whether `text` is ``sip:``, ``sips:``, ``tel:``, ``mailto:`` or ``web:`` and something that
    can be seen: no mark that turns the direction of writing, and so makes it read as another."""
    return len(text) <= MAX_URI and text.isprintable() and _USER.fullmatch(text) is not None


def is_agent_uri(text: str) -> bool:
    """Whether `text` is ``sip:<agent>@<domain>``, all of it to be seen."""
    return len(text) <= MAX_URI and text.isprintable() and _AGENT.fullmatch(text) is not None


def user_uri(text: str) -> str:
    """Give `text` back when it is a user URI; raise ValueError otherwise."""
    if not is_user_uri(text):
        raise ValueError(
            "expected a URI such as sip:alice@example.org, tel:+861012345678 or mailto:"
        )
    return text


def agent_uri(text: str) -> str:
    """Give `text` back when it is an agent URI; raise ValueError otherwise."""
    if not is_agent_uri(text):
        raise ValueError("expected a URI such as sip:wang@example.org")
    return text


def short(uri: str) -> str:
    """The part of a URI a person reads: ``sip:wang@example.org`` -> ``wang``.

    Of a browser's, which is random, as much as tells it from its neighbours.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "web":
        return rest[:6]
    return (rest or uri).partition("@")[0] or rest


_SUBSCRIBER = re.compile(r"\+?[0-9]{7,15}")
_DIALLED = re.compile(r"\+?[0-9]{1,20}")


def number(uri: str | None) -> str | None:
    """The telephone number by which a person may be known again: ``+`` and 7 to 15 digits (E.164).

    None for an extension, which is somebody else's on another PBX, and for what is no number.
    """
    found = dialled(uri)
    return found if _SUBSCRIBER.fullmatch(found) else None


def dialled(uri: str | None) -> str:
    """The digits of a ``tel:`` or ``sip:`` URI as one would dial them; "": it has none."""
    scheme, _, rest = (uri or "").partition(":")
    if scheme not in ("tel", "sip", "sips"):
        return ""
    user = rest.partition("@")[0].partition(";")[0]
    if scheme == "tel":
        user = re.sub(r"[-.()]", "", user)  # RFC 3966: visual separators
    return user if _DIALLED.fullmatch(user) else ""


_NAME = re.compile(r"[A-Za-z][0-9A-Za-z_.+-]{1,63}")


def is_dialled(uri: str) -> bool:
    """Whether a PBX may be asked to call this: a number that `dialled` gives, or a name.

    A name begins with a letter. What begins as a number does and is none that can be looked up
    (``0900x1234567``, ``09001234567#``, ``%30900…``, one far too long) may be one all the same to a
    dialplan or to a carrier.
    """
    scheme, _, rest = uri.partition(":")
    name = rest.partition("@")[0] if scheme in ("sip", "sips") else ""
    return dialled(uri) != "" or _NAME.fullmatch(name) is not None


_NUMERIC = re.compile(r"(sips?:)([-+.0-9]*[0-9][-+.0-9]*)(@.*)")


def unseparated(uri: str) -> str:
    """A ``sip:`` URI whose user is a number, without visual separators; any other as it is.

    Asterisk passes over the dashes of what it dials, and carriers do: with them a number would be
    called that no pattern and no limit knows.
    """
    found = _NUMERIC.fullmatch(uri)
    if found is None:
        return uri
    return found[1] + re.sub(r"[-.]", "", found[2]) + found[3]


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_MAIL = re.compile(
    rf"[A-Za-z0-9!#$&'*+/=_~-]+(?:\.[A-Za-z0-9!#$&'*+/=_~-]+)*@{_LABEL}(?:\.{_LABEL})+"
)
_INVITED = {
    "sip": re.compile(rf"[A-Za-z0-9_.+*#~!-]{{1,64}}@{_HOST}(?::[0-9]{{1,5}})?"),
    "tel": re.compile(r"\+[1-9][0-9]{6,14}"),
    "mailto": _MAIL,
    "web": re.compile(r"[A-Za-z0-9_.~-]{8,100}"),
}
_INVITED["sips"] = _INVITED["sip"]
_SEPARATORS = re.compile(r"[-.() ]")


def is_mail_address(text: str) -> bool:
    """Whether `text` is one plain e-mail address (the part of RFC 5322 that mail servers take)."""
    local = text.partition("@")[0]
    return len(text) <= 254 and len(local) <= 64 and _MAIL.fullmatch(text) is not None


def invited(text: str) -> str:
    """The URI of somebody whom an agent invites, in its one form; raise ValueError otherwise.

    One terminal, without parameters or headers: ``sip:`` user and host, ``tel:`` an E.164 number
    (of either, a number's visual separators go), ``mailto:`` one address, ``web:`` a browser page.
    """
    scheme, _, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if scheme == "tel":
        rest = _SEPARATORS.sub("", rest)
    known = _INVITED.get(scheme)
    if known is None or known.fullmatch(rest) is None or len(text) > MAX_URI:
        raise ValueError(
            "expected sip:alice@example.org, tel:+4930123456 (with the country) or "
            "mailto:ann@example.org"
        )
    if scheme == "mailto":
        if not is_mail_address(rest):
            raise ValueError("the e-mail address is too long")
        local, _, domain = rest.rpartition("@")
        rest = f"{local}@{domain.lower()}"
    return unseparated(f"{scheme}:{rest}")
