"""Waiting on a channel, and asking a caller for digits: ``play_and_get_digits``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .channel import Channel

if TYPE_CHECKING:
    from .pbx import FreeSwitch
    from .wire import Headers

PLAYED = 2.0
"""Seconds that any sound lasts, but for one that is played without end."""
_ARGUMENT = re.compile(r"'([^']*)'|(\S+)")


async def wait(
    pbx: FreeSwitch,
    channel: Channel,
    seconds: float | None,
    until: Callable[[], object] | None = None,
) -> None:
    """Stay until the time is over, the channel is to be elsewhere, or `until` holds."""
    state = channel.state
    ends = None if seconds is None else pbx.clock() + seconds
    while channel.state == state and not (until is not None and until()):
        left = None if ends is None else pbx.clock.real(ends - pbx.clock())
        if left is not None and left <= 0:
            return
        await channel.changed(left)


async def play_and_get_digits(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    """``<min> <max> <tries> <timeout> <terminators> <file> <invalid file> <variable> <regexp>
    [<digit timeout>]``.

    A digit breaks the prompt off.
    """
    words = [quoted or bare for quoted, bare in _ARGUMENT.findall(data)]
    if len(words) < 9 or not words[1].isdigit():
        raise ValueError(f"play_and_get_digits: cannot read {data!r}")
    least, most, tries = map(int, words[:3])
    timeout, ends, sound, wrong, variable, wanted = (int(words[3]) / 1000, *words[4:9])
    later = int(words[9]) / 1000 if len(words) > 9 else timeout
    state = channel.state
    channel.unset(f"{variable}_invalid")
    for _ in range(tries):
        await _play(pbx, channel, sound, until=lambda: channel.keys)
        if channel.state != state:
            break
        digits = await _collect(pbx, channel, most, ends, timeout, later)
        if channel.state != state:
            break
        channel.set("read_result", "success" if len(digits) >= least else "timeout")
        if digits and not (most == 1 and digits in ends):
            channel.set(variable, digits)
            if len(digits) >= least and re.search(wanted, digits):
                return
            channel.unset(variable)
            channel.set(f"{variable}_invalid", digits)
        await _play(pbx, channel, wrong)
    channel.unset(variable)


async def _collect(
    pbx: FreeSwitch, channel: Channel, most: int, ends: str, first: float, later: float
) -> str:
    """Digits, up to `most` or a terminator; `first`, `later`: seconds to wait for the next."""
    digits, state = "", channel.state
    while len(digits) < most and channel.state == state:
        await wait(pbx, channel, later if digits else first, lambda: channel.keys)
        if not channel.keys or channel.state != state:
            break
        key = channel.keys.popleft()
        if key in ends and most > 1:
            break
        digits += key
    return digits


async def _play(
    pbx: FreeSwitch, channel: Channel, sound: str, until: Callable[[], object] | None = None
) -> None:
    kind, _, _rest = sound.partition("://")
    headers: Headers = [("Playback-File-Type", kind), ("Playback-File-Path", sound)]
    pbx.say("PLAYBACK_START", channel, after=headers)
    before, state = pbx.clock(), channel.state
    await wait(pbx, channel, None if sound.endswith("loops=-1") else PLAYED, until)
    whole = pbx.clock() - before >= PLAYED and channel.state == state
    status = "done" if whole else "break"
    pbx.say("PLAYBACK_STOP", channel, after=[*headers, ("Playback-Status", status)])
