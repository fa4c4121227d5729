"""Header values to values of the domain: channels, bridges, queue members, encoded text."""

from __future__ import annotations

import re
from urllib.parse import unquote

from connectors.model import BridgeKind, LegRole, LegUp, MemberKnown

TOOLS = frozenset(
    {
        "Announcer",
        "AudioSocket",
        "CBAnn",
        "CBRec",
        "Message",
        "MulticastRTP",
        "Parking",
        "Recorder",
        "Snoop",
        "UnicastRTP",
        "WebSocket",
    }
)
"""Technologies of channels that spy, record, announce or carry messages (channel drivers of
Asterisk 16 to 22); a person is never behind one."""

_HOLDING_TYPES = frozenset({"holding", "parking"})
_PLACEHOLDER = re.compile(r"Local/[^@/;]+@collab-wait-[0-9a-f]+;2")
"""The half of a placeholder that waits; no telephone can make a channel of that name."""
_UNKNOWN = frozenset({"<unknown>", "unknown", "(null)"})


def technology_of(channel: str) -> str:
    """``PJSIP`` of ``PJSIP/1001-0000000a``."""
    return channel.partition("/")[0]


def endpoint_of(channel: str) -> str:
    """Technology and peer: ``PJSIP/1001``, ``Local/1001@from-queue``.

    The serial number behind the last hyphen goes, and ``;1``/``;2`` of a Local pair, and what
    Asterisk wraps around a name while it moves the channel.
    """
    name = channel.removeprefix("AsyncGoto/").partition("<")[0]
    name = name.partition(";")[0]
    endpoint, hyphen, _serial = name.rpartition("-")
    return endpoint if hyphen else name


def partner_of(channel: str) -> str | None:
    """The name of the other half of a Local pair; None for any other channel."""
    if channel.endswith(";1"):
        return channel[:-1] + "2"
    if channel.endswith(";2"):
        return channel[:-1] + "1"
    return None


def role_of(channel: str, *, outgoing: bool) -> LegRole:
    """Why a channel exists. `outgoing`: Asterisk made it to call somebody."""
    technology = technology_of(channel)
    if technology in TOOLS or channel.endswith("<ZOMBIE>"):
        return LegRole.TOOL
    if technology == "Local":
        return LegRole.INTERNAL
    return LegRole.OUTBOUND if outgoing else LegRole.INBOUND


def bridge_kind(headers: dict[str, str]) -> BridgeKind:
    """From ``BridgeTechnology`` and ``BridgeType`` (parking lots are ``holding_bridge`` too)."""
    if (
        headers.get("BridgeTechnology") == "holding_bridge"
        or headers.get("BridgeType") in _HOLDING_TYPES
    ):
        return BridgeKind.HOLDING
    return BridgeKind.TALK


def known(value: str) -> str:
    """'' for what Asterisk writes when it knows nothing."""
    return "" if value in _UNKNOWN else value


def leg_up(leg: str, name: str, headers: dict[str, str], *, outgoing: bool) -> LegUp:
    """A leg from a channel's own headers."""
    return LegUp(
        leg=leg,
        name=name,
        endpoint=endpoint_of(name),
        number=known(headers.get("CallerIDNum", "")),
        role=role_of(name, outgoing=outgoing),
        placed=leg if _PLACEHOLDER.fullmatch(name) else "",
        context=f"{headers.get('Context', '')}/{headers.get('Exten', '')}",
    )


def member(headers: dict[str, str], *, interface: str, name: str) -> MemberKnown:
    """A queue member; lists and events name its interface and its name differently."""
    return MemberKnown(
        queue=headers.get("Queue", ""),
        interface=headers.get(interface, ""),
        name=headers.get(name, ""),
        state_interface=headers.get("StateInterface", ""),
    )


def position(value: str) -> int | None:
    """A place in line, from 1; None if it is not one."""
    return int(value) if value.isascii() and value.isdigit() and int(value) > 0 else None


def decoded(value: str) -> str:
    """URI-decoded, once: the dialplan encodes once. Invalid UTF-8 becomes U+FFFD."""
    return unquote(value, errors="replace")
