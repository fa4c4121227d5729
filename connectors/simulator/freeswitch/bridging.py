"""Two channels in conversation: how they come together, and how they part."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import loopback
from .channel import EXCHANGE_MEDIA, EXECUTE, SOFT_EXECUTE, Channel
from .dialling import dial
from .hold import stop_music
from .originate import target
from .parking import parks

if TYPE_CHECKING:
    from .pbx import FreeSwitch
    from .wire import Headers


GONE = ("ATTENDED_TRANSFER", "BLIND_TRANSFER")
"""What a telephone that has handed its call on is done with: its leg ends whatever the dialplan
would do next."""
FRAME = 0.02
"""Seconds until the thread of a bridge sees that the other side was taken away: one of media."""


async def bridge(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    """The application: ring a user, and talk when it answers."""
    wanted = target(data)
    if channel.answer == "answered":
        pbx.set_callstate(channel, "RING_WAIT")
    channel.set("originate_disposition", "failure")
    channel.set("DIALSTATUS", "INVALIDARGS")
    caller = (
        channel.get("effective_caller_id_name") or channel.profile.name,
        channel.get("effective_caller_id_number") or channel.profile.number,
    )
    if wanted.kind == "loopback" and channel.answer == "ringing":
        pbx.pre_answer(channel)
    leg = dial(pbx, wanted, caller=caller, originator=channel, call=channel.call)
    callee = leg.channel
    if callee is not None:
        _dialled(channel, callee)
        if await leg.ring():
            _passed_on(pbx, channel, callee)
        watch = asyncio.ensure_future(_cancelled(pbx, channel, callee))
        try:
            answered = await leg.answered()
        finally:
            watch.cancel()
        if answered and channel.up:
            _answered(pbx, channel, callee)
            leg.settle()
            await run_bridge(pbx, channel, callee)
            return
    cause = leg.cause or "NORMAL_CLEARING"
    channel.set("originate_disposition", cause)
    channel.set("DIALSTATUS", {"USER_BUSY": "BUSY", "NO_ANSWER": "NOANSWER"}.get(cause, cause))
    channel.unset("originate_signal_bond")
    if callee is not None:
        pbx.hangup(callee, "ORIGINATOR_CANCEL")
    if channel.answer == "answered":
        pbx.set_callstate(channel, "ACTIVE")
    if channel.get("continue_on_fail") not in ("true", "yes"):
        pbx.hangup(channel, cause)


def _dialled(channel: Channel, callee: Channel) -> None:
    if callee.get("dialed_user"):
        channel.set("dialed_user", callee.get("dialed_user"))
        channel.set("dialed_domain", callee.get("dialed_domain"))
    channel.set("originate_signal_bond", callee.uuid)
    for _ in range(1 if channel.get("originated_legs") else 2):
        channel.push("originated_legs", _legs(callee))


def _legs(callee: Channel) -> str:
    return f"{callee.uuid};{callee.profile.callee_name};{callee.profile.callee_number}"


def _passed_on(pbx: FreeSwitch, channel: Channel, callee: Channel) -> None:
    """The caller hears that it rings; one that talked before does not."""
    channel.profile.callee_name = callee.profile.callee_name
    channel.profile.callee_number = callee.profile.callee_number
    channel.times.progress = callee.times.progress
    if channel.half is not None:
        loopback.ring(pbx, channel.half)
    if channel.answer == "ringing":
        pbx.say("CHANNEL_PROGRESS", channel)


async def _cancelled(pbx: FreeSwitch, channel: Channel, callee: Channel) -> None:
    """A caller who gives up, or is sent elsewhere, ends the ringing."""
    before = channel.state
    while channel.state == before:
        await channel.changed()
    pbx.hangup(callee, "ORIGINATOR_CANCEL")


def _answered(pbx: FreeSwitch, channel: Channel, callee: Channel) -> None:
    channel.set("switch_m_sdp", callee.get("switch_r_sdp"))
    channel.set("video_media_flow", "inactive")
    channel.set("text_media_flow", "inactive")
    if channel.answer == "answered":
        pbx.set_callstate(channel, "ACTIVE")
    pbx.answer(channel)
    channel.other = ("originatee", callee)
    for _ in range(1 if channel.get("originate_causes") else 2):
        channel.push("originate_causes", f"{callee.uuid};NONE")
    channel.set("originate_disposition", "SUCCESS")
    channel.set("DIALSTATUS", "SUCCESS")
    channel.unset("originate_signal_bond")
    channel.set("signal_bond", callee.uuid)


async def run_bridge(pbx: FreeSwitch, one: Channel, two: Channel) -> None:
    """Both talk, until either hangs up or is sent elsewhere. Runs in the thread of `one`."""
    if not (one.up and two.up):
        pbx.hangup(two, "ORIGINATOR_CANCEL")
        pbx.hangup(one, two.cause or "NORMAL_CLEARING")
        return
    pair: Headers = [("Bridge-A-Unique-ID", one.uuid), ("Bridge-B-Unique-ID", two.uuid)]
    one.times.bridged = two.times.bridged = pbx.now()
    two.call_uuid = one.uuid
    one.partner, two.partner = two, one
    pbx.say("CHANNEL_BRIDGE", one, before=pair)
    state = one.state
    pbx.move(two, EXCHANGE_MEDIA)
    while two.up and two.running != EXCHANGE_MEDIA:
        await two.changed()
    for leg, other in ((one, two), (two, one)):
        leg.set("call_uuid", one.uuid)
        leg.set("bridge_to", other.uuid)
        leg.set("last_bridge_to", other.uuid)
        leg.set("bridge_channel", other.name)
        leg.set("bridge_uuid", other.uuid)
        if leg.get("cc_side"):
            leg.set("cc_agent_bridged", "true")
        _connected_line(pbx, leg, other)
    loopback.talks(pbx, one)
    loopback.talks(pbx, two)
    pbx.poke(one)
    while one.busy or (one.state == state and two.state == EXCHANGE_MEDIA):
        await one.changed()
    if two.up and one.state == state:
        await asyncio.sleep(pbx.clock.real(FRAME))
    _part(pbx, one, two, pair, moved=one.up and one.state != state)


async def talk(pbx: FreeSwitch, one: Channel, two: Channel) -> None:
    """A bridge within a bridge: `one` talks to `two` while its own party waits.

    It ends when either hangs up. Who is left stays up, and `one` has its party back if that waits.
    """
    party = one.partner
    pair: Headers = [("Bridge-A-Unique-ID", one.uuid), ("Bridge-B-Unique-ID", two.uuid)]
    two.times.bridged = pbx.now()
    two.call_uuid = one.uuid
    one.partner, two.partner = two, one
    pbx.say("CHANNEL_BRIDGE", one, before=pair)
    pbx.move(two, EXCHANGE_MEDIA)
    while two.up and two.running != EXCHANGE_MEDIA:
        await two.changed()
    for leg, other in ((one, two), (two, one)):
        leg.set("last_bridge_to", other.uuid)
        leg.set("bridge_uuid", other.uuid)
        _connected_line(pbx, leg, other)
    pbx.poke(one)
    while one.up and two.state == EXCHANGE_MEDIA:
        await one.changed()
    waits = party is not None and party.partner is one
    one.partner, two.partner = party if waits else None, None
    while not two.up and not two.reported:
        await two.changed()
    pbx.say("CHANNEL_UNBRIDGE", one, before=pair)


def _connected_line(pbx: FreeSwitch, leg: Channel, other: Channel) -> None:
    """CALL_UPDATE: what the telephone shows of the other side. A loopback has none to say it."""
    name, number = leg.profile.callee_name, leg.profile.callee_number
    if other.other == ("originatee", leg):
        name, number = leg.profile.name, leg.profile.number
    leg.callee_direction, leg.sent_callee = "SEND", (name, number)
    leg.set("last_sent_callee_id_name", name)
    leg.set("last_sent_callee_id_number", number)
    if leg.half is not None:
        return
    pbx.say(
        "CALL_UPDATE",
        leg,
        before=[
            ("Direction", "SEND"),
            ("Sent-Callee-ID-Name", name),
            ("Sent-Callee-ID-Number", number),
            ("Bridged-To", other.uuid),
        ],
    )


def _part(pbx: FreeSwitch, one: Channel, two: Channel, pair: Headers, *, moved: bool) -> None:
    soft = one.running == SOFT_EXECUTE
    if one.partner is two:
        one.partner = None
    if two.partner is one:
        two.partner = None
    stays = two.up and two.state == EXCHANGE_MEDIA
    if not one.up:
        two.set("sip_hangup_phrase", "OK")
        two.set("last_bridge_hangup_cause", "NORMAL_CLEARING")
        two.set("last_bridge_proto_specific_hangup_cause", "sip:200")
        two.unset("bridge_to")
        if stays:
            stop_music(pbx, two)
            if not parks(pbx, two):
                pbx.hangup(two, "NORMAL_CLEARING")
    elif one.up and not moved:
        stop_music(pbx, one, whole=True)
    one.set("bridge_hangup_cause", two.cause or one.cause or "NORMAL_CLEARING")
    one.unset("bridge_to")
    pbx.say("CHANNEL_UNBRIDGE", one, before=pair)
    two.set("bridge_hangup_cause", "NORMAL_CLEARING")
    two.unset("bridge_to")
    if moved and stays:
        if not parks(pbx, two):
            pbx.hangup(two, "NORMAL_CLEARING")
    elif one.up and not moved:
        one.set("last_bridge_hangup_cause", "NORMAL_CLEARING")
        one.set("last_bridge_role", "originator")
        if parks(pbx, one):
            pass
        elif soft:
            pbx.move(one, EXECUTE)  # with nothing left to do there
        elif one.get("hangup_after_bridge") == "true" or one.get("endpoint_disposition") in GONE:
            pbx.hangup(one, "NORMAL_CLEARING")
    pbx.poke(one)
    pbx.poke(two)


async def softly_execute(pbx: FreeSwitch, channel: Channel) -> None:
    """``uuid_bridge`` once both sides are ready: the originating side runs the bridge."""
    other = channel.bridge_to
    if other is None:
        return
    if not channel.originates:
        return
    while (
        channel.state == SOFT_EXECUTE
        and other.up
        and (other.running != SOFT_EXECUTE or channel.partner or other.partner)
    ):
        await channel.changed()  # both have left whom they talked to
    if channel.state != SOFT_EXECUTE or other.running != SOFT_EXECUTE:
        return
    channel.unset("uuid_bridge")
    for leg, to, at in ((channel, other, "uuid-bridge-a"), (other, channel, "uuid-bridge-b")):
        leg.shown = ("uuid_bridge", to.uuid)
        after: Headers = [("Application", "uuid_bridge"), ("Application-Data", to.uuid)]
        pbx.say("CHANNEL_EXECUTE", leg, after=after, at=at)
    channel.bridge_to = other.bridge_to = None
    await run_bridge(pbx, channel, other)
