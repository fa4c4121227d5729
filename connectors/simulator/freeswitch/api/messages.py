"""Text messages to telephones: ``chat`` and ``uuid_send_message``."""

from __future__ import annotations

import re

from ...world import Phone, TextMessage
from ..pbx import FreeSwitch
from .command import Command, Request

SENT = "Sent"
NOT_SENT = "Error! Message Not Sent"
INVALID = "Invalid"
USAGE = "-USAGE: <uuid> <message>\n"
NO_SESSION = "-ERR Unable to find session for UUID\n"
_TRUE = ("yes", "on", "true", "t", "enabled", "active", "allow")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " "}


def separate(text: str, delimiter: str = "") -> list[str]:
    """Arguments as FreeSWITCH separates and unescapes them (``switch_separate_string``)."""
    parts, part, index = [], "", 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text):
            index += 1
            part += _ESCAPES.get(text[index], text[index])
        elif char == delimiter:
            parts.append(part)
            part = ""
        else:
            part += char
        index += 1
    return [*parts, part]


def user_of(address: str) -> str:
    """The user part of ``internal/sip:1001@host``, ``sip:+49…@host`` or ``1001@host``."""
    plain = re.sub(r"^(?:[\w.-]+/)?(?:sips?:)?", "", address.strip())
    return plain.partition("@")[0]


def deliver(pbx: FreeSwitch, user: str, sender: str, body: str, kind: str) -> bool:
    """SIP MESSAGE to a telephone; False when it cannot be reached."""
    phone: Phone | None = pbx.phones.get(user)
    if phone is None or not phone.registered:
        return False
    phone.deliver(TextMessage(user, sender, body, kind or "text/plain"))
    return True


async def _chat(request: Request) -> str:
    """``chat <proto>|<from>|<to>|<message>|<content-type>``."""
    parts = separate(request.text, "|")
    if len(parts) < 4:
        return INVALID
    proto, sender, to, body, *kind = parts
    if proto != "sip" or not deliver(
        request.pbx, user_of(to), sender, body, kind[0] if kind else ""
    ):
        return NOT_SENT
    return SENT


async def _uuid_send_message(request: Request) -> str:
    """``uuid_send_message <uuid> <message>``: to the leg's own telephone.

    As mod_sofia has it: ``+OK`` says only that there is such a leg. Nothing is sent unless its
    variable ``fs_send_unsupported_message`` is true; no telephone here says that it takes text.
    """
    uuid, _, body = request.text.partition(" ")
    if not body:
        return USAGE
    channel = request.channel(uuid)
    if channel is None:
        return NO_SESSION
    allowed = channel.get("fs_send_unsupported_message").lower()
    if channel.phone is not None and (allowed in _TRUE or allowed.strip("0").isdecimal()):
        (text,) = separate(body)
        sender = channel.profile.destination
        channel.phone.deliver(TextMessage(channel.phone.name, sender, text))
    return "+OK Success\n"


COMMANDS: dict[str, Command] = {"chat": _chat, "uuid_send_message": _uuid_send_message}
