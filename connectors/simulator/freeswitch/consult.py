"""The application ``att_xfer``: ask somebody while the other party waits, then hand it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bridging import talk
from .channel import Channel
from .dialling import dial
from .hold import start_music, stop_music
from .originate import target
from .transfer import join

if TYPE_CHECKING:
    from .pbx import FreeSwitch


async def att_xfer(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    """Ring somebody for a channel that talks to its party already, and let both talk.

    When the channel hangs up, its party is with whom it asked; when that one does, or is not
    there, the channel is with its party again. The channel's own thread stands still meanwhile.
    """
    party = channel.partner
    if party is None:
        return
    channel.busy += 1
    channel.set("soft_holding_uuid", party.uuid)
    start_music(pbx, party)
    try:
        leg = dial(
            pbx, target(data), originator=channel, call=channel.call,
            caller=(channel.get("effective_caller_id_name") or channel.profile.name,
                    channel.get("effective_caller_id_number") or channel.profile.number),
        )  # fmt: skip
        asked = leg.channel
        answered = await leg.ring() and await leg.answered()
        if asked is None or not answered:
            channel.unset("soft_holding_uuid")
            return
        if not channel.up:
            pbx.hangup(asked, "ORIGINATOR_CANCEL")
            return
        leg.settle()
        profile = channel.profile
        profile.callee_name = asked.profile.callee_name
        profile.callee_number = asked.profile.callee_number
        channel.other = ("originatee", asked)
        channel.set("signal_bond", asked.uuid)
        await talk(pbx, channel, asked)
        channel.unset("soft_holding_uuid")
        if party.up and asked.up:
            join(pbx, asked, party)
        elif party.up and channel.up:
            join(pbx, channel, party)
        else:
            pbx.hangup(asked, "NORMAL_CLEARING")
        if not channel.up:
            channel.set("signal_bond", party.uuid)
    finally:
        stop_music(pbx, party)
        channel.busy -= 1
        pbx.poke(channel)
