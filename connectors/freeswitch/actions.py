"""Effects of the core as API commands."""

from __future__ import annotations

import re

from connectors.freeswitch.channels import Headers
from connectors.model import SendMessage, SetAnswer
from connectors.runtime.driver import ActionError

TEXT_LIMIT = 1200
"""Bytes of UTF-8 a message's text may have: a SIP MESSAGE fits one packet (RFC 3428, 1,300)."""


_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
"""What FreeSWITCH unescapes in an argument (switch_utils.c, cleanup_separated_string)."""

_TRUE = re.compile(r"(?ai:yes|on|true|t|enabled|active|allow|0*[1-9]\d{0,8})")
"""What a variable may hold to be true (switch_utils.h, switch_true)."""


_ADDRESS = re.compile(
    r"(?a:[\w.~+%!*()-]{1,64}@)?(?:\[[0-9A-Fa-f:.]{2,45}\]|(?a:[\w.-]{1,253}))(?::\d{1,5})?"
    r"(?:;transport=[a-z]{2,4})?"
)
_PROFILE = re.compile(r"(?a:[\w.-]{1,64})")


def message(effect: SendMessage, domain: str, far_end: str = "") -> str:
    """A SIP MESSAGE to the terminal at the far end of a leg, as a command for `Esl.bgapi`.

    By ``chat``, out of dialog, from ``collab@<domain>``: a telephone or a trunk that has no use for
    it refuses the message, and the call goes on. To a user of the directory in the domain the
    endpoint names, or else in that of the settings; to anybody else at `far_end`, or on the leg
    itself (``uuid_send_message``) where it is empty. At most once; FreeSWITCH answers when it has
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
    if technology != "user" and not far_end:
        _plain(effect.leg, "the leg's id")
        return f"uuid_send_message {effect.leg} {text}"
    if technology == "user":
        _plain(peer, "the user's name")
    to = far_end or (peer if "@" in peer else f"{peer}@{domain}")
    text = text.replace("|", "\\|")
    return f"chat sip|collab@{domain}|{to}|{text}|{effect.content_type}"


def answer(effect: SetAnswer) -> str:
    """Tell the dialplan of a channel of a pairing code (collab.xml waits for the variable)."""
    _plain(effect.leg, "the leg's id", "nothing can be answered")
    return f"uuid_setvar {effect.leg} collab_answer {effect.value}"


def far_end_of(headers: Headers) -> str:
    """Where `message` reaches the telephone at a leg's far end: ``external/sip:+4930@192.0.2.7``.

    Who called is where the call came from, since the contact of a telephone behind NAT is nowhere;
    who was called is where the call went. Raises `ActionError` where that is not to be known.
    """
    profile = headers.get("variable_sofia_profile_name", "")
    if headers.get("Call-Direction") == "outbound":
        address = headers.get("variable_sip_req_uri", "")
    elif (transport := headers.get("variable_sip_via_protocol", "udp")) == "udp":
        host = headers.get("variable_sip_received_ip", "")
        host = f"[{host}]" if ":" in host else host
        address = f"{host}:{headers.get('variable_sip_received_port') or 5060}" if host else ""
        if user := headers.get("variable_sip_contact_user", ""):
            address = f"{user}@{address}"
    else:
        address = f"{headers.get('variable_sip_contact_uri', '')};transport={transport}"
    if _PROFILE.fullmatch(profile) is None or _ADDRESS.fullmatch(address) is None:
        raise ActionError("no message can be sent: the leg has no plain SIP address at its far end")
    return f"{profile}/sip:{address}"


def in_dialog(allowed: str) -> bool:
    """Whether the administrator wants text sent on the leg itself.

    mod_sofia does so if the leg's variable ``fs_send_unsupported_message`` is `allowed` to be true,
    as FreeSWITCH reads it, and else answers ``+OK`` and sends nothing. (Or if the far end's
    X-FS-Support names send_message: but that it keeps to itself, and a variable
    ``sip_h_X-FS-Support`` is what we send, so it does not count here.)
    """
    return _TRUE.fullmatch(allowed) is not None


def said_no(answer: str) -> bool:
    """Whether an answer to `message` means that nothing was sent; ``chat`` has no -ERR."""
    return answer.startswith(("Error", "Invalid"))


def _plain(value: str, what: str, so: str = "no message can be sent") -> None:
    if not value.isprintable() or any(character in value for character in "|/\\'\"?;, "):
        raise ActionError(f"{so}: {what} is not a plain one")
