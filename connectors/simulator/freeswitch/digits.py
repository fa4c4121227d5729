"""Keys pressed in a call, and what ``bind_meta_app`` and ``bind_digit_action`` make of them.

Digits that a binding took make no DTMF event.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import hold
from .wire import Headers

if TYPE_CHECKING:
    from .channel import Channel
    from .pbx import FreeSwitch


@dataclass(frozen=True, slots=True)
class DigitBinding:
    """Digits, and the application they run."""

    realm: str
    """Empty: a meta application, heard in every realm."""
    digits: str
    app: str
    data: str
    listens: tuple[str, ...] = ("self",)
    """Whose keys count: the channel's own (``self``), its partner's (``peer``)."""
    runs_on: str = "self"
    """Where it runs: the channel, its partner (``peer``), or who ``pressed``."""
    holds: bool = True
    """Music to the other side meanwhile."""


def meta(text: str) -> DigitBinding:
    """Read ``<key> <a|b|ab> <flags> <app>::<data>``. Raises ValueError."""
    key, legs, flags, command = text.split(" ", 3)
    app, _, data = command.partition("::")
    listens = tuple(who for letter, who in (("a", "self"), ("b", "peer")) if letter in legs)
    runs_on = {"a": "self", "b": "peer"}.get(flags[:1], "pressed")
    return DigitBinding("", f"*{key}", app, data, listens, runs_on)


def action(parts: list[str]) -> DigitBinding:
    """Read the arguments of ``bind_digit_action``. Raises ValueError."""
    realm, pressed, command, data, *legs = (*parts, "", "")[:6]
    match = re.fullmatch(r"exec(?:\[(\w*)\])?:(.+)", command)
    if match is None:
        raise ValueError(f"bind_digit_action: only exec is simulated, not {command!r}")
    hears = legs[0] or "self"
    listens = ("self", "peer") if hears == "both" else (hears,)
    return DigitBinding(
        realm, pressed, match[2], data, listens, legs[1] or "self", "H" not in (match[1] or "")
    )


def press(pbx: FreeSwitch, channel: Channel, keys: str, *, info: bool) -> None:
    """A telephone sends digits: by SIP INFO, which says so itself, or in the media."""
    if info:
        for key in keys:
            _received(pbx, channel, key)
    found = _bound(channel, keys)
    if found is None:
        for key in keys:
            headers: Headers = [
                ("DTMF-Digit", key),
                ("DTMF-Duration", "1280" if info else "2000"),
                ("DTMF-Source", "ENDPOINT" if info else "RTP"),
            ]
            pbx.say("DTMF", channel, after=headers)
        channel.keys.extend(keys)
        pbx.poke(channel)
        return
    binding, owner = found
    if binding.realm:
        owner.set("last_matching_digits", keys)
    target = {"self": owner, "pressed": channel}.get(binding.runs_on, owner.partner)
    if target is not None:
        pbx.spawn(_run(pbx, target, binding), f"{binding.app} on {target.name}")


def _bound(channel: Channel, keys: str) -> tuple[DigitBinding, Channel] | None:
    """What the keys are bound to, and on whom.

    A phone that has the call on hold is not heard, nor is anything that is bound on its channel:
    so FreeSWITCH 1.11 does, told by ``sendonly``.
    """
    for owner, who in ((channel, "self"), (channel.partner, "peer")):
        if owner is None or channel.held or owner.held:
            continue
        realm = owner.realm or next((each.realm for each in owner.bindings if each.realm), "")
        for binding in owner.bindings:
            if who not in binding.listens or binding.realm not in ("", realm):
                continue
            pattern = binding.digits
            if pattern[:1] == "~":
                if re.search(pattern[1:], keys):
                    return binding, owner
            elif pattern == keys:
                return binding, owner
    return None


def _received(pbx: FreeSwitch, channel: Channel, key: str) -> None:
    headers: Headers = [
        ("SIP-Content-Type", "application/dtmf-relay"),
        ("SIP-From-User", channel.profile.number),
        ("SIP-From-Host", "127.0.0.1"),
        ("SIP-To-User", channel.profile.destination),
        ("SIP-To-Host", "127.0.0.1"),
    ]
    body = f"Signal={key}\r\nDuration=160\r\n"
    pbx.say("RECV_INFO", channel, before=headers, body=body, variables=False)


async def _run(pbx: FreeSwitch, channel: Channel, binding: DigitBinding) -> None:
    """Run what digits are bound to, with music to the other side.

    A meta application's music ends with it. That of a digit action begins after it and, as
    recorded, lasts until the call ends.
    """
    from .apps import execute

    other = channel.partner if binding.holds else None
    if other is not None and not binding.realm:
        hold.start_music(pbx, other)
    channel.update({"current_loop": "1", "total_loops": "1"})
    await execute(pbx, channel, binding.app, binding.data)
    channel.unset("current_loop", "total_loops")
    if other is not None and binding.realm:
        hold.start_music(pbx, other)
    elif other is not None:
        hold.stop_music(pbx, other)
    held = [("hold-bleg", "true")] if other is not None else []
    hold.command(pbx, channel, (binding.app, binding.data), *held)
