"""Effects of the core as API commands."""

from __future__ import annotations

import re

from connectors.model import SendMessage
from connectors.runtime.driver import ActionError

TEXT_LIMIT = 1200
"""Bytes of UTF-8 a message's text may have: a SIP MESSAGE fits one packet (RFC 3428, 1,300)."""

ON_THE_LEG = "uuid_send_message "
"""How a command starts that sends on the leg itself."""

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
"""What FreeSWITCH unescapes in an argument (switch_utils.c, cleanup_separated_string)."""

_TRUE = re.compile(r"(?ai:yes|on|true|t|enabled|active|allow|0*[1-9]\d{0,8})")
"""What a variable may hold to be true (switch_utils.h, switch_true)."""


def message(effect: SendMessage, domain: str) -> str:
    """A SIP MESSAGE to the terminal at the far end of a leg, as a command for `Esl.bgapi`.

    To a user of the directory by ``chat``, out of dialog, from ``collab@<domain>``, in the domain
    the endpoint names or else in that of the settings; to anybody else on the leg itself, by
    ``uuid_send_message``. At most once; FreeSWITCH answers when it has sent it. Raises
    `ActionError` for an endpoint or a text it cannot carry.
    """
    technology, _, peer = effect.endpoint.partition("/")
    if technology == "loopback" or not peer:
        raise ActionError(f"no message can be sent to {effect.endpoint}: there is no telephone")
    if effect.content_type != "text/plain":
        raise ActionError(f"a message of type {effect.content_type[:60]!r} cannot be sent")
    try:
        size = len(effect.text.encode())
    except UnicodeEncodeError:
        raise ActionError("the text is not valid Unicode") from None
    if size > TEXT_LIMIT:
        raise ActionError(f"the text has {size} bytes; a SIP MESSAGE takes {TEXT_LIMIT}")
    if "\0" in effect.text or not effect.text.strip():
        raise ActionError("the text is empty, or no text")
    text = "".join(_ESCAPES.get(character, character) for character in effect.text.strip())
    if technology != "user":
        _plain(effect.leg, "the leg's id")
        return f"{ON_THE_LEG}{effect.leg} {text}"
    _plain(peer, "the user's name")
    to = peer if "@" in peer else f"{peer}@{domain}"
    text = text.replace("|", "\\|")
    return f"chat sip|collab@{domain}|{to}|{text}|{effect.content_type}"


def unheard(direction: str, allowed: str) -> str:
    """Why ``uuid_send_message`` would send nothing on a leg although it answers ``+OK``; '' if it
    would.

    mod_sofia sends if the leg's variable ``fs_send_unsupported_message`` is `allowed` to be true,
    as FreeSWITCH reads it. Or if the far end's X-FS-Support names send_message: but that it keeps
    to itself, and a variable ``sip_h_X-FS-Support`` is what we send, so it does not count here.
    `direction` is the leg's Call-Direction.
    """
    if _TRUE.fullmatch(allowed):
        return ""
    outbound = direction == "outbound"
    line = (
        f'<action application="{"export" if outbound else "set"}"'
        ' data="fs_send_unsupported_message=true"/>'
    )
    where = "before the bridge that calls it" if outbound else "in collab.xml, collab_features"
    return (
        "FreeSWITCH would send nothing: fs_send_unsupported_message is not true on the leg;"
        f" {where}: {line}"
    )


def said_no(answer: str) -> bool:
    """Whether an answer to `message` means that nothing was sent; ``chat`` has no -ERR."""
    return answer.startswith(("Error", "Invalid"))


def _plain(value: str, what: str) -> None:
    if not value.isprintable() or any(character in value for character in "|/\\'\"?;, "):
        raise ActionError(f"no message can be sent: {what} is not a plain one")
