"""Waiting on a channel, and asking a caller for digits: ``play_and_get_digits``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .channel import EXECUTE, Channel

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
    """``<min> <max> <tries> <timeout> <terminators> <file> <invalid file> <variable> <regexp>``.

    A digit breaks the prompt off. Only one digit is asked for here.
    """
    words = [quoted or bare for quoted, bare in _ARGUMENT.findall(data)]
    if len(words) < 9 or words[:2] != ["1", "1"]:
        raise ValueError(f"play_and_get_digits: only one digit is simulated, not {data!r}")
    tries, timeout, ends, sound, wrong, variable, wanted = (
        int(words[2]), int(words[3]) / 1000, *words[4:9],
    )  # fmt: skip
    channel.unset(f"{variable}_invalid")
    for _ in range(tries):
        digit = await _ask(pbx, channel, sound, timeout)
        if channel.state != EXECUTE:
            break
        channel.set("read_result", "success" if digit else "timeout")
        if digit and digit not in ends:
            channel.set(variable, digit)
            if re.search(wanted, digit):
                return
            channel.unset(variable)
            channel.set(f"{variable}_invalid", digit)
        await _play(pbx, channel, wrong)
    channel.unset(variable)


async def _ask(pbx: FreeSwitch, channel: Channel, sound: str, seconds: float) -> str:
    await _play(pbx, channel, sound, until=lambda: channel.keys)
    if channel.state == EXECUTE:
        await wait(pbx, channel, seconds, lambda: channel.keys)
    return channel.keys.popleft() if channel.keys and channel.state == EXECUTE else ""


async def _play(
    pbx: FreeSwitch, channel: Channel, sound: str, until: Callable[[], object] | None = None
) -> None:
    kind, _, _rest = sound.partition("://")
    headers: Headers = [("Playback-File-Type", kind), ("Playback-File-Path", sound)]
    pbx.say("PLAYBACK_START", channel, after=headers)
    before = pbx.clock()
    await wait(pbx, channel, None if sound.endswith("loops=-1") else PLAYED, until)
    whole = pbx.clock() - before >= PLAYED and channel.state == EXECUTE
    status = "done" if whole else "break"
    pbx.say("PLAYBACK_STOP", channel, after=[*headers, ("Playback-Status", status)])
