"""Legs to telephones: making one, ringing it, and what it does then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from . import variables
from .channel import CONSUME_MEDIA, INIT, NONE, Channel, Profile, Times

if TYPE_CHECKING:
    from ..world import Rings
    from .calls import PlacedCall
    from .pbx import FreeSwitch

_LEADING = re.compile(r"^\s*(\{[^}]*\}|\[[^\]]*\]|<[^>]*>)")
RING_TIMEOUT = 60.0
"""Seconds a leg rings without ``leg_timeout``."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a dial string asks for: ``[leg_timeout=6]user/1001@default``."""

    kind: str
    name: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def timeout(self) -> float:
        """Seconds it rings."""
        for name in ("leg_timeout", "call_timeout", "originate_timeout"):
            text = self.values.get(name, "")
            if text.replace(".", "", 1).isdigit():
                return float(text)
        return RING_TIMEOUT


def target(text: str) -> Target:
    """Read a dial string of one destination."""
    values: dict[str, str] = {}
    while (match := _LEADING.match(text)) is not None:
        for pair in match[1][1:-1].split(","):
            name, _, value = pair.partition("=")
            if name.strip():
                values[name.strip()] = value.strip("'")
        text = text[match.end() :]
    kind, _, rest = text.strip().partition("/")
    return Target(kind, rest.partition("@")[0] if kind == "user" else rest, values)


class Attempt(Protocol):
    """A leg on its way to whom it shall reach."""

    @property
    def channel(self) -> Channel | None:
        """The leg; None when there is nobody to reach."""

    @property
    def cause(self) -> str:
        """Why nobody answered; empty while it rings or when somebody did."""

    async def ring(self) -> bool:
        """Wait until it rings. False when it was hung up before."""

    async def answered(self) -> bool:
        """Wait until somebody answers or refuses, or the time is over."""

    def settle(self) -> None:
        """Whoever dialled takes it."""


class Leg:
    """An attempt to reach a telephone: a directory user's, or one behind a gateway
    (``sofia/gateway/carrier/5551``)."""

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
        """`caller`: name and number it shows. `extra`: variables that stand before the dial
        string's. `identity`: the UUID it gets."""
        self._pbx = pbx
        self.wanted = wanted
        self.call = call
        user, self._gateway = wanted.name, ""
        if wanted.kind == "user":
            pbx.api_said("user_data", f"{user}@{pbx.domain} var sipp_port")
        elif wanted.kind == "sofia" and user.startswith("gateway/"):
            _, self._gateway, user = f"{user}/".rstrip("/").split("/", 2)
        self._user = user
        phone = pbx.phones.get(user)
        self.channel: Channel | None = None
        if wanted.kind not in ("user", "sofia") or phone is None or not phone.registered:
            return
        pbx.sessions += 1
        port = self._port = pbx.ports[user]
        now = pbx.now()
        name, number = caller
        source = "src/switch_ivr_originate.c"
        if originator is not None:
            source = originator.profile.source
        profile = Profile(
            "outbound", number, name, user, callee_name="Outbound Call", callee_number=user,
            source=source, created=now, orig=(name, number),
        )  # fmt: skip
        channel = self.channel = Channel(
            identity or pbx.new_uuid(),
            f"sofia/external/{user}"
            if self._gateway
            else f"sofia/internal/{user}@{variables.HOST}:{port}",
            "outbound",
            profile,
            pbx.sessions,
            phone,
        )
        channel.running, channel.state, channel.profiled = NONE, INIT, True
        channel.times = Times(created=now)
        self.local = pbx.random.randrange(16384, 32768, 2)
        channel.update(variables.outgoing(channel, user=user, port=port))
        if self._gateway:
            channel.update(variables.by_gateway(self._gateway))
        if originator is not None:
            self._inherit(channel, originator)
        channel.update(extra or {})
        channel.update(wanted.values)
        if not self._gateway:
            channel.update(variables.dialled(user=user, domain=pbx.domain))
        early = not (extra or self._gateway)
        channel.set("originate_early_media", "true" if early else "false")
        if originator is not None:
            channel.set("originating_leg_uuid", originator.uuid)
        invited = variables.invited(
            channel, user=user, port=port, local=self.local, domain=pbx.domain
        )
        channel.update(invited)
        if self._gateway:
            channel.update(variables.invited_by_gateway(self._gateway))
        if originator is not None:
            channel.set("video_media_flow", "sendrecv")
        if call is not None:
            channel.call = call
            call.legs.append(channel)
        pbx.say("CHANNEL_OUTGOING", channel, variables=False)
        if not self._gateway:
            channel.presence_id = f"{user}@{pbx.domain}"
        if originator is not None:
            channel.call_uuid = originator.uuid
        pbx.start(channel)

    def _inherit(self, channel: Channel, originator: Channel) -> None:
        """What a bridged-to leg has of the leg that bridges."""
        mine, theirs = channel.profile, originator.profile
        mine.username, mine.dialplan = theirs.username, theirs.dialplan
        mine.network, mine.ani, mine.rdnis = theirs.network, theirs.ani, theirs.rdnis
        channel.other = ("originator", originator)
        channel.unset("call_uuid", "video_media_flow")
        for name, value in originator.variables.items():
            if name.startswith(("sip_h_X-", "sip_h_Referred-By")):
                channel.set(name, value)
        channel.set("max_forwards", str(int(originator.get("max_forwards") or 70) - 1))
        codec = "PCMA@8000h@20i" if originator.codec else variables.CODEC
        channel.set("originator_codec", codec)
        channel.set("originator", originator.uuid)
        channel.set("signal_bond", originator.uuid)
        channel.set("switch_m_sdp", originator.get("switch_r_sdp"))
        channel.set("call_uuid", originator.uuid)

    @property
    def cause(self) -> str:
        """Why nobody answered; empty while it rings or when somebody did."""
        if self.channel is not None:
            return self.channel.cause
        return "UNALLOCATED_NUMBER" if self._gateway else "SUBSCRIBER_ABSENT"

    def _behaviour(self, channel: Channel) -> Rings:
        assert channel.phone is not None  # noqa: S101  # a leg to a telephone
        return self.call.rings(channel.phone) if self.call is not None else channel.phone.rings

    async def ring(self) -> bool:
        """``180 Ringing``: CHANNEL_PROGRESS. False when it was hung up before."""
        pbx, channel = self._pbx, self.channel
        if channel is None:
            return False
        while channel.up and channel.running != CONSUME_MEDIA:
            await channel.changed()
        if not channel.up:
            return False
        if self._behaviour(channel).busy:
            pbx.far_end_gone(channel)
            return False
        channel.profile.network = variables.HOST
        channel.times.progress = pbx.now()
        rings = variables.rings(
            channel, user=self._user, port=self._port, tag=pbx.token(), domain=pbx.domain
        )
        channel.update(rings)
        pbx.say("CHANNEL_PROGRESS", channel)
        pbx.set_callstate(channel, "RINGING")
        return True

    async def answered(self) -> bool:
        """Ring on until the telephone answers, refuses, or the time is over."""
        pbx, channel = self._pbx, self.channel
        if channel is None or not channel.up:
            return False
        behaviour = self._behaviour(channel)
        ends = pbx.clock() + self.wanted.timeout
        answers = None
        if behaviour.answer_after is not None:
            answers = pbx.clock() + behaviour.answer_after
        while channel.up and not channel.picked_up:
            now = pbx.clock()
            if answers is not None and now >= answers:
                break
            if now >= ends:
                pbx.hangup(channel, "NO_ANSWER")
                break
            until = ends if answers is None else min(ends, answers)
            await channel.changed(pbx.clock.real(until - now))
        if not channel.up:
            return False
        self._answer(channel)
        return True

    def _answer(self, channel: Channel) -> None:
        pbx = self._pbx
        pbx.codecs(channel)
        channel.answer = "answered"
        channel.times.answered = pbx.now()
        channel.update(variables.accepted(self._port))
        media = variables.media(channel, local=self.local, remote=self._port + 1049)
        channel.update(media)
        pbx.say("CHANNEL_ANSWER", channel)
        command, _, argument = channel.get("api_on_answer").partition(" ")
        if command == "sched_del":
            pbx.scheduler.delete(argument)
        pbx.presence(channel, "answered", "active")
        pbx.set_callstate(channel, "ACTIVE")

    def settle(self) -> None:
        """Whoever dialled takes it: of a directory user the second CHANNEL_OUTGOING, and what the
        directory says."""
        pbx, channel = self._pbx, self.channel
        assert channel is not None and channel.phone is not None  # noqa: S101, PT018  # it answered
        channel.set("endpoint_disposition", "ANSWER")
        channel.unset("cc_member_pre_answer_uuid")
        if self._gateway:
            return
        pbx.say("CHANNEL_OUTGOING", channel, variables=False)
        channel.set("sipp_port", str(self._port))
        spec = channel.phone.spec
        channel.update({**variables.directory(spec.name, spec.display), **spec.variables})
        channel.set("originate_endpoint", "user")
