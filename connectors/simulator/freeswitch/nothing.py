"""mod_loopback's endpoint ``null``: a channel with nobody behind it that answers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import variables
from .channel import CONSUME_MEDIA, INIT, NONE, Channel, Profile, Times
from .loopback import L16

if TYPE_CHECKING:
    from .calls import PlacedCall
    from .originate import Target
    from .pbx import FreeSwitch


class NullLeg:
    """An attempt to reach ``null/<anything>``; used as `originate.Leg` is."""

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
        name, number = caller
        pbx.sessions += 1
        now = pbx.now()
        profile = Profile(
            "outbound", number, name, wanted.name,
            callee_name=wanted.values.get("origination_callee_id_name", "Outbound Call"),
            callee_number=wanted.name, source="mod_loopback", created=now, orig=(name, number),
        )  # fmt: skip
        channel = self.channel = Channel(
            identity or pbx.new_uuid(), f"null/{wanted.name}", "outbound", profile, pbx.sessions
        )
        channel.running, channel.state, channel.profiled = NONE, INIT, True
        channel.times = Times(created=now)
        channel.codec, channel.media = True, L16
        channel.update(variables.loopback(channel))
        channel.update({**(extra or {}), **wanted.values})
        channel.set("originate_early_media", "true")
        channel.set("originate_endpoint", "null")
        if originator is not None:
            channel.other = ("originator", originator)
            channel.set("originator", originator.uuid)
        if call is not None:
            channel.call = call
            call.legs.append(channel)
        pbx.say("CHANNEL_OUTGOING", channel, variables=False)
        pbx.start(channel)

    @property
    def cause(self) -> str:
        """Why nobody answered; empty while it rings or when somebody did."""
        return self.channel.cause

    async def ring(self) -> bool:
        """Wait until its thread is at it. False when it came to an end."""
        channel = self.channel
        while channel.up and channel.running != CONSUME_MEDIA:
            await channel.changed()
        return channel.up

    async def answered(self) -> bool:
        """It answers at once."""
        pbx, channel = self._pbx, self.channel
        if not channel.up:
            return False
        channel.answer = "answered"
        channel.times.answered = pbx.now()
        pbx.say("CHANNEL_ANSWER", channel)
        pbx.set_callstate(channel, "ACTIVE")
        return True

    def settle(self) -> None:
        """Whoever dialled takes it."""
        self.channel.set("endpoint_disposition", "ANSWER")
