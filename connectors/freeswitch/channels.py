"""Header values to values of the domain: legs, endpoints, agents' contacts, encoded text.

An event about a channel and the answer to ``uuid_dump`` have the same headers, so both are read
here, as plain mappings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from connectors.model import LegRole, LegUp

Headers = Mapping[str, str]

TOOLS = frozenset({"null"})
"""Technologies of channels behind which there never is a person."""

PLACEHOLDER = "null/collab-"
"""How the name of a placeholder begins, which stands for a person."""

PLACED = "collab_call"
"""The variable that says for which call a connector has made a leg."""
_PLACED = f"variable_{PLACED}"

LOOPBACK = "loopback"

_UNKNOWN = frozenset({"_undef_", "unknown", "(null)", "0000000000"})
"""What stands where nothing is known; the zeros are FreeSWITCH's own number as a caller."""

_EXACT = re.compile(r"user/(?a:[\w.+-]{1,64}@[\w.-]{1,253})")

_BRACKETS = {"{": "}", "[": "]", "<": ">"}


class Agent(NamedTuple):
    """A mod_callcenter agent: where it is rung, and for which queues."""

    interface: str
    queues: tuple[str, ...] = ()
    exact: str = ""
    """``user/1001@a.example``: a user of the directory with its domain; '' for all others."""


def leg_up(headers: Headers) -> LegUp:
    """A leg from a channel's own headers."""
    outgoing = headers.get("Call-Direction") == "outbound"
    dialled = headers.get("Caller-Destination-Number", "")
    name = name_of(headers)
    user, domain = user_of(headers, name, outgoing=outgoing)
    gateway = headers.get("variable_sip_gateway_name", "") if outgoing else ""
    return LegUp(
        headers.get("Unique-ID", ""),
        name,
        f"user/{user}" if user else endpoint_of(name, gateway),
        # Of a leg that was dialled the caller's number is who called it.
        known(user_part(dialled) if outgoing else caller_of(headers)),
        role_of(name, outgoing=outgoing),
        f"{headers.get('Caller-Context', '')}/{dialled}",
        f"user/{user}@{domain}" if user and domain else "",
        headers.get(_PLACED, ""),
    )


def caller_of(headers: Headers) -> str:
    """The caller's number on its own channel. Once that has been bridged, FreeSWITCH may have put
    the other end's there (a fifo does), and the number it came with is beside it."""
    number = headers.get("Caller-Caller-ID-Number", "")
    return headers.get("Caller-Orig-Caller-ID-Number") or number if talked(headers) else number


def talked(headers: Headers) -> bool:
    """Whether a channel has had another leg."""
    return "Other-Type" in headers


def other_leg(headers: Headers) -> Headers:
    """What an event says of the channel's other leg, as that channel's own headers."""
    prefix = "Other-Leg-"
    other = {
        f"Caller-{name.removeprefix(prefix)}": value
        for name, value in headers.items()
        if name.startswith(prefix)
    }
    other["Unique-ID"] = headers.get("Other-Leg-Unique-ID", "")
    other["Channel-Name"] = headers.get("Other-Leg-Channel-Name", "")
    other["Call-Direction"] = headers.get("Other-Leg-Direction", "")
    return other


def name_of(headers: Headers) -> str:
    """A channel's name as FreeSWITCH gave it.

    ``X-FS-Channel-Name`` in an INVITE replaces `Channel-Name` by whatever the caller likes, such as
    ``user/1001`` or ``loopback/1-a`` (sofia.c; attacks/channel_name_*.esl). The profile a call came
    in by is FreeSWITCH's own word, and so is the name in the caller's profile.
    """
    name = headers.get("Channel-Name", "")
    profile = headers.get("variable_sofia_profile_name", "")
    genuine = f"sofia/{profile}/"
    if not profile or name.startswith(genuine):
        return name
    first = headers.get("Caller-Channel-Name", "")
    if first.startswith(genuine):
        return first
    return genuine + headers.get("variable_sip_from_user", "")


def endpoint_of(name: str, gateway: str) -> str:
    """Technology and peer of a channel that is no user's: ``internal/+491234567``,
    ``gateway/carrier``. `gateway`: the one it was dialled through.

    `sip_gateway` of an incoming call does not count: anybody can claim it, with ``gw+carrier`` or
    ``;gw=carrier`` in the request URI (sofia.c); its profile says over which door it came.
    """
    technology, _, rest = name.partition("/")
    if technology == LOOPBACK:
        return f"{LOOPBACK}/{_without_half(rest)}"
    if gateway:
        return f"gateway/{gateway}"
    if technology == "sofia":
        profile, _, far_end = rest.partition("/")
        return f"{profile}/{user_part(far_end)}"
    return f"{technology}/{user_part(rest)}"


def user_of(headers: Headers, name: str, *, outgoing: bool) -> tuple[str, str]:
    """The user of the directory at the far end of a channel, and the domain; '' where it is none.

    `dialed_user` counts on a dialled leg only, and while that has dialled nobody: on any other it
    names whom that one called last. `presence_id`, on a dialled leg too, names its own user (it is
    all that says whom ``group/support@domain``, ``group_call`` and ``sofia/internal/1001%domain``
    have rung; mod_dptools.c, mod_sofia.c).
    """
    if name.startswith(f"{LOOPBACK}/"):
        return "", ""
    if not outgoing:
        return headers.get("variable_user_name", ""), headers.get("variable_domain_name", "")
    user = headers.get("variable_dialed_user", "")
    if user and "variable_originated_legs" not in headers:
        return user, headers.get("variable_dialed_domain", "")
    if headers.get("variable_sip_gateway_name"):
        return "", ""
    user, _, domain = headers.get("variable_presence_id", "").partition("@")
    return (user, domain) if domain else ("", "")


def role_of(channel: str, *, outgoing: bool) -> LegRole:
    """Why a channel exists. `outgoing`: FreeSWITCH made it to call somebody."""
    technology = channel.partition("/")[0]
    if channel.startswith(PLACEHOLDER):
        return LegRole.INTERNAL
    if technology in TOOLS:
        return LegRole.TOOL
    if technology == LOOPBACK:
        return LegRole.INTERNAL
    return LegRole.OUTBOUND if outgoing else LegRole.INBOUND


def is_near(channel: str) -> bool:
    """Whether it is the half of a loopback pair that was dialled (``loopback/9100-a``)."""
    return channel.endswith("-a")


def _without_half(name: str) -> str:
    return name[:-2] if name.endswith(("-a", "-b")) else name


def user_part(address: str) -> str:
    """``1001`` of ``sip:1001@127.0.0.1:5071;transport=tcp``, of ``1001@host`` and of ``1001``."""
    for scheme in ("sip:", "sips:"):
        address = address.removeprefix(scheme)
    return address.partition("@")[0].partition(";")[0]


def agent_at(contact: str, queues: tuple[str, ...] = ()) -> Agent:
    """An agent that is rung at a contact."""
    exact = _plain(contact)
    return Agent(interface_of(contact), queues, exact if _EXACT.fullmatch(exact) else "")


def _plain(contact: str) -> str:
    """The first place a contact rings, without its variables."""
    rest = contact.strip()
    while rest[:1] in _BRACKETS:
        rest = rest[_closing(rest) + 1 :].lstrip()
    return rest.partition(",")[0].partition("|")[0]


def interface_of(contact: str) -> str:
    """How a queue names its agent, from the agent's contact: ``[leg_timeout=6]user/1001@default``
    is ``user/1001``.

    It equals the endpoint of the leg this makes, save for a gateway: many people are behind one,
    so its number stays (``gateway/carrier/+4930123``).
    """
    technology, _, peer = _plain(contact).partition("/")
    technology = technology.lower()
    if technology == "sofia":
        profile, _, far_end = peer.partition("/")
        if profile == "gateway":
            gateway, _, number = far_end.partition("/")
            return f"gateway/{gateway}/{user_part(number)}"
        return f"{profile}/{user_part(far_end).partition('%')[0]}"
    if technology == LOOPBACK:
        return f"{LOOPBACK}/{peer.partition('/')[0]}"
    return f"{technology}/{user_part(peer)}"


def interface_of_leg(up: LegUp | None) -> str:
    """The interface a queue has rung, from the leg it made, where no list tells; '' without one."""
    if up is None:
        return ""
    behind = up.role is LegRole.OUTBOUND and up.endpoint.startswith("gateway/")
    return f"{up.endpoint}/{up.number}" if behind else up.endpoint


def _closing(text: str) -> int:
    """Where the bracket that `text` opens with is closed; its end if nowhere."""
    opening, closing, depth = text[0], _BRACKETS[text[0]], 0
    for at, character in enumerate(text):
        depth += (character == opening) - (character == closing)
        if depth == 0:
            return at
    return len(text)


def agent_name(agent: str) -> str:
    """An agent's name without the domain that FreeSWITCH's samples give it (``1003@default``)."""
    return agent.partition("@")[0]


def bridge_of(one: str, two: str) -> str:
    """FreeSWITCH has no bridges, only legs bridged in pairs: a name that both give their bridge."""
    return "~".join(sorted((one, two)))


def dialler_of(headers: Headers) -> str:
    """Whose dialling made a leg; '' for the PBX itself."""
    if headers.get("Call-Direction") != "outbound":
        return ""
    if headers.get("Other-Type") == "originator":
        return headers.get("Other-Leg-Unique-ID", "")
    return headers.get("variable_originating_leg_uuid", "")


def hung_up(headers: Headers) -> bool:
    """Whether a channel is on its way out; it says things even then."""
    return headers.get("Answer-State") == "hangup" or headers.get("Channel-Call-State") == "HANGUP"


def known(value: str) -> str:
    """'' for what FreeSWITCH writes when it knows nothing."""
    return "" if value in _UNKNOWN else value


def decoded(value: str) -> str:
    """URI-decoded, once: the dialplan encodes once. Invalid UTF-8 becomes U+FFFD."""
    return unquote(value, errors="replace")
