"""Effects of the core as AMI actions."""

from __future__ import annotations

import base64
import re

from connectors.asterisk.protocol import LINE_LIMIT
from connectors.model import SendMessage, SetAnswer
from connectors.runtime.driver import ActionError

_BODY = "Base64Body: "
_ID = re.compile(r"[A-Za-z0-9._-]{1,150}")
TEXT_LIMIT = (LINE_LIMIT - len(_BODY)) // 4 * 3
"""Bytes of UTF-8 a message's text may have: its base64 must fit one line of an action."""


def message_send(effect: SendMessage, domain: str) -> dict[str, str]:
    """A SIP MESSAGE to the terminal behind a leg's endpoint.

    Out of dialog and at most once; Asterisk says Success when it took it, not when the terminal
    did (facts: message_send.ami). Raises `ActionError` for an endpoint or a text it cannot carry.
    """
    technology, _, peer = effect.endpoint.partition("/")
    if technology != "PJSIP" or not peer:
        raise ActionError(f"no message can be sent to {effect.endpoint}: it is no PJSIP endpoint")
    if not peer.isprintable() or any(character in peer for character in "/@?;, "):
        raise ActionError("no message can be sent: the endpoint's name is not a plain one")
    try:
        body = effect.text.encode()
    except UnicodeEncodeError:
        raise ActionError("the text is not valid Unicode") from None
    if len(body) > TEXT_LIMIT:
        raise ActionError(
            f"the text has {len(body)} bytes; Asterisk takes {TEXT_LIMIT} in one action"
        )
    if effect.content_type != "text/plain":
        raise ActionError(f"a message of type {effect.content_type[:60]!r} cannot be sent")
    return {
        "Action": "MessageSend",
        "To": f"pjsip:{peer}",
        "From": f"sip:collab@{domain}",
        "Base64Body": base64.b64encode(body).decode(),
    }


ANSWER = "COLLAB_ANSWER"
"""The variable that a dialplan which waits to hear of a pairing code reads (collab.conf)."""


def answer(effect: SetAnswer) -> dict[str, str]:
    """Tell the dialplan that runs on a leg of a pairing code.

    Asterisk finds a channel by its id where none has that name (channel.c,
    ast_channel_get_by_name). Raises `ActionError` for an id that is none.
    """
    if _ID.fullmatch(effect.leg) is None:
        raise ActionError("nothing can be answered: the leg's id is not a plain one")
    return {"Action": "Setvar", "Channel": effect.leg, "Variable": ANSWER, "Value": effect.value}
