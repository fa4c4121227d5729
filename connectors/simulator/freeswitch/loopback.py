"""mod_loopback: a pair of channels, one that is dialled and one that runs the dialplan for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import variables
from .channel import CONSUME_MEDIA, INIT, NONE, Channel, Profile, Times
from .log import NOTICE
from .transfer import join

if TYPE_CHECKING:
    from .calls import PlacedCall
    from .originate import Target
    from .pbx import FreeSwitch
    from .wire import Headers

L16 = ("L16", "128000")


class LoopbackLeg:
    """An attempt to reach ``loopback/<extension>[/<context>[/<dialplan>]]``; used as
    `originate.Leg` is. Its channel is the near half (``-a``)."""

    def __init__(
        self,
        pbx: FreeSwitch,
        wanted: Target,
        *,
        caller: tuple[str, str],
        originator: Channel | None = None,
        extra: dict[str, str] | None = None,
        call: PlacedCall | None = None,
        identity: str = "",
    ) -> None:
        """The same as of `originate.Leg`."""
        self._pbx = pbx
        self.wanted = wanted
        exten, context, *_ = [*wanted.name.split("/"), "default"]
        name, number = caller
        now = pbx.now()
        callee = wanted.name.rpartition("/")[2]
        halves = []
        for half, direction in (("a", "outbound"), ("b", "inbound")):
            pbx.sessions += 1
            profile = Profile(
                direction, number, name, exten, dialplan="xml", callee_name="Outbound Call",
                callee_number=callee, source="mod_loopback", context=context, created=now,
                orig=(name, number),
            )  # fmt: skip
            channel = Channel(
                (identity if half == "a" else "") or pbx.new_uuid(), f"loopback/{exten}-{half}",
                direction, profile, pbx.sessions,
            )  # fmt: skip
            channel.running, channel.state, channel.profiled = NONE, INIT, True
            channel.times = Times(created=now)
            channel.codec, channel.media = True, L16
            channel.call = call
            halves.append(channel)
        near, far = halves
        self.channel = near
        near.half, far.half = far, near
        far.hit_dialplan = True
        near.update(variables.loopback(near))
        far.update(variables.loopback(far))
        if originator is not None:
            self._inherit(near, far, originator)
        for channel in halves:
            channel.update({**(extra or {}), **wanted.values})
        near.set("originate_early_media", "false" if extra else "true")
        if originator is not None:
            near.set("originating_leg_uuid", originator.uuid)
        near.set("originate_endpoint", "loopback")
        for channel, other, letter in ((near, far, "A"), (far, near, "B")):
            channel.set("other_loopback_leg_uuid", other.uuid)
            channel.set("loopback_leg", letter)
        if call is not None:
            call.legs.append(near)
        pbx.say("CHANNEL_OUTGOING", near, variables=False)
        pbx.start(near)
        pbx.start(far)

    def _inherit(self, near: Channel, far: Channel, originator: Channel) -> None:
        """What a pair has of the leg that bridges to it."""
        theirs = originator.profile
        for mine in (near.profile, far.profile):
            mine.username, mine.dialplan = theirs.username, theirs.dialplan
            mine.network, mine.ani, mine.rdnis = theirs.network, theirs.ani, theirs.rdnis
        near.other = ("originator", originator)
        near.call_uuid = originator.uuid
        near.set("loopback_from_uuid", originator.uuid)
        near.set("max_forwards", str(int(originator.get("max_forwards") or 70) - 1))
        near.set("originator_codec", "PCMA@8000h@20i" if originator.codec else variables.CODEC)
        near.set("originator", originator.uuid)
        near.set("signal_bond", originator.uuid)
        near.set("switch_m_sdp", originator.get("switch_r_sdp"))
        far.set("other_loopback_from_uuid", originator.uuid)

    @property
    def cause(self) -> str:
        """Why nobody answered; empty while it rings or when somebody did."""
        return self.channel.cause

    async def ring(self) -> bool:
        """Wait until it rings behind it, or is answered at once. False when it came to an end."""
        near = self.channel
        while near.up and (near.running != CONSUME_MEDIA or not _heard(near)):
            await near.changed()
        return near.up

    async def answered(self) -> bool:
        """Wait for the answer behind it, or until the time is over."""
        pbx, near = self._pbx, self.channel
        ends = pbx.clock() + self.wanted.timeout
        while near.up and near.answer != "answered":
            left = pbx.clock.real(ends - pbx.clock())
            if left <= 0:
                pbx.hangup(near, "NO_ANSWER")
                break
            await near.changed(left)
        return near.up

    def settle(self) -> None:
        """Whoever dialled takes it."""
        self.channel.set("endpoint_disposition", "ANSWER")
        self.channel.unset("cc_member_pre_answer_uuid")


def _heard(near: Channel) -> bool:
    return bool(near.times.progress) or near.answer == "answered"


def ring(pbx: FreeSwitch, near: Channel) -> None:
    """It rings behind the far half: so does the near one."""
    if near.up and not near.times.progress and near.answer == "ringing":
        near.times.progress = pbx.now()
        pbx.say("CHANNEL_PROGRESS", near)
        pbx.set_callstate(near, "RINGING")


def answer(pbx: FreeSwitch, far: Channel) -> None:
    """The far half is answered: so is the near one, first."""
    for channel in (far.half, far):
        if channel is not None and channel.up and channel.answer != "answered":
            channel.answer = "answered"
            channel.times.answered = pbx.now()
            at = ("mod_dptools.c", "answer_function", 1406)
            if channel is not far:
                at = ("mod_loopback.c", "channel_receive_message", 1021)
            pbx.log.say(NOTICE, f"Channel [{channel.name}] has been answered", at, channel, 0)
            pbx.say("CHANNEL_ANSWER", channel)
            pbx.set_callstate(channel, "ACTIVE")
            pbx.poke(channel)


def talks(pbx: FreeSwitch, channel: Channel) -> None:
    """A half is bridged. Once the other is too, both give way to whom they connect."""
    half = channel.half
    if half is None:
        return
    if channel.direction == "inbound":
        # Who called hears who answered.
        profile = channel.profile
        half.profile.name, half.profile.number = profile.callee_name, profile.callee_number
    near = channel if channel.direction == "outbound" else half
    if near is channel and half.partner is not None:
        _shows(pbx, half.partner, near, half)
    vetoed = any(each.get("loopback_bowout") == "false" for each in (channel, half))
    if half.partner is not None and pbx.bowout and not vetoed:
        pbx.spawn(_bow_out(pbx, near, half if near is channel else channel), "bow out")


def _shows(pbx: FreeSwitch, leg: Channel, near: Channel, far: Channel) -> None:
    """CALL_UPDATE: who is behind a pair is shown what the near half goes by."""
    name, number = near.profile.name, near.profile.number
    leg.sent_callee = (name, number)
    leg.set("last_sent_callee_id_name", name)
    leg.set("last_sent_callee_id_number", number)
    before: Headers = [
        ("Direction", "SEND"),
        ("Sent-Callee-ID-Name", name),
        ("Sent-Callee-ID-Number", number),
        ("Bridged-To", far.uuid),
    ]
    pbx.say("CALL_UPDATE", leg, before=before)


async def _bow_out(pbx: FreeSwitch, near: Channel, far: Channel) -> None:
    """mod_loopback counts the frames of two seconds, then bridges the two real channels."""
    await asyncio.sleep(pbx.clock.real(pbx.bowout))
    one, two = near.partner, far.partner
    if one is None or two is None or one.half is not None or two.half is not None:
        return
    join(pbx, one, two)
    for half, partner in ((near, one), (far, two)):
        half.set("loopback_hangup_cause", "bridge")
        half.set("loopback_bowout_other_uuid", partner.uuid)
    pbx.hangup(near, "NORMAL_CLEARING")


async def behind(channel: Channel) -> Channel:
    """Who talks behind a loopback, once somebody does: mod_callcenter bridges the caller with
    that one, and the pair goes. Of another channel itself."""
    far = channel.half
    if far is None:
        return channel
    while far.up and far.partner is None:
        await far.changed()
    return far.partner or channel
