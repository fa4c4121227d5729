"""Effects of the core as API commands."""

from __future__ import annotations

from connectors.model import SendMessage
from connectors.runtime.driver import ActionError

TEXT_LIMIT = 1200
"""Bytes of UTF-8 a message's text may have: a SIP MESSAGE fits one packet (RFC 3428, 1,300)."""

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
"""What FreeSWITCH unescapes in an argument (switch_utils.c, cleanup_separated_string)."""


def message(effect: SendMessage, domain: str) -> str:
    """A SIP MESSAGE to the terminal at the far end of a leg, as a command for `Esl.bgapi`.

    To a user of the directory by ``chat``, out of dialog, from ``collab@<domain>``; to anybody
    else on the leg itself, by ``uuid_send_message``. At most once; FreeSWITCH answers when it has
    sent it. Raises `ActionError` for an endpoint or a text it cannot carry.
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
        return f"uuid_send_message {effect.leg} {text}"
    _plain(peer, "the user's name")
    to = peer if "@" in peer else f"{peer}@{domain}"
    text = text.replace("|", "\\|")
    return f"chat sip|collab@{domain}|{to}|{text}|{effect.content_type}"


def said_no(answer: str) -> bool:
    """Whether an answer to `message` means that nothing was sent; ``chat`` has no -ERR."""
    return answer.startswith(("Error", "Invalid"))


def _plain(value: str, what: str) -> None:
    if not value.isprintable() or any(character in value for character in "|/\\'\"?;, "):
        raise ActionError(f"no message can be sent: {what} is not a plain one")
