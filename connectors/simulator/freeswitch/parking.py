"""Channels that park: those whose bridge is over and that are to stay (``park_after_bridge``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .channel import PARK, Channel

if TYPE_CHECKING:
    from .pbx import FreeSwitch

CAUSE = "NORMAL_CLEARING"


def parks(pbx: FreeSwitch, channel: Channel) -> bool:
    """Whether a channel that has lost whom it talked to parks, which it then does."""
    if channel.get("park_after_bridge") != "true" or not channel.up:
        return False
    pbx.move(channel, PARK)
    return True


async def park(pbx: FreeSwitch, channel: Channel) -> None:
    """The state CS_PARK, until the channel is moved or hung up, or ``park_timeout`` is over.

    Who has a timeout parks but once: parking uses it up, and ``park_after_bridge`` with it.
    """
    seconds = channel.get("park_timeout")
    ends = pbx.clock() + float(seconds) if seconds.isdigit() else None
    if ends is not None:
        channel.unset("park_timeout", "park_after_bridge")
    pbx.say("CHANNEL_PARK", channel)
    pbx.poke(channel)
    while channel.state == PARK:
        left = None if ends is None else pbx.clock.real(ends - pbx.clock())
        if left is not None and left <= 0:
            pbx.hangup(channel, CAUSE)
            break
        await channel.changed(left)
    pbx.say("CHANNEL_UNPARK", channel)
