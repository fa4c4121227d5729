"""A call that a script or a person placed: its legs, and waiting for what becomes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..script import CALLER, Call, Until
from ..world import Phone, Rings
from .channel import RINGING, UP, Channel

if TYPE_CHECKING:
    from .pbx import Pbx


class PlacedCall:
    """What a telephone's call reached. `legs[0]` is the caller's own channel."""

    def __init__(self, pbx: Pbx, script: Call, channel: Channel) -> None:
        self.pbx = pbx
        self.script = script
        self.legs: list[Channel] = [channel]
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def caller(self) -> Channel:
        """The channel of the telephone that placed the call."""
        return self.legs[0]

    @property
    def id(self) -> str:
        """The user leg's id as connectors report it."""
        return self.caller.uniqueid

    def rings(self, phone: Phone) -> Rings:
        """How a telephone behaves when this call rings it."""
        return self.script.phones.get(phone.name, phone.rings)

    def leg(self, phone: str) -> Channel | None:
        """The newest standing channel of a telephone in this call."""
        if phone in (CALLER, self.script.phone) and self.caller.alive:
            return self.caller
        for channel in reversed(self.legs):
            if channel.alive and channel.phone is not None and channel.phone.name == phone:
                return channel
        return None

    def talking_to(self, channel: Channel) -> Channel | None:
        """Who shares the bridge of a channel."""
        if channel.bridge is None:
            return None
        return next(iter(channel.bridge.others(channel)), None)

    def touch(self) -> None:
        """Something changed; whoever waits looks again."""
        if self._waiters:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()

    def _is(self, state: str, phone: str) -> bool:
        leg = self.leg(phone)
        if state == "gone":
            return leg is None
        if leg is None:
            return False
        if state == "queued":
            return any(e.channel is leg for q in self.pbx.queues.values() for e in q.entries)
        if state == "ringing":
            return leg.state == RINGING
        bridge = leg.bridge
        return leg.state == UP and bridge is not None and len(bridge.channels) > 1

    async def until(self, state: str, phone: str = CALLER, within: float = 30.0) -> None:
        """Wait for a state of `script.Until`.

        Raises TimeoutError, also at once when the call ended and the state can no longer come.
        """
        Until(state, phone)  # type: ignore[arg-type]
        async with asyncio.timeout(within):
            while not self._is(state, phone):
                if state != "gone" and not any(leg.alive for leg in self.legs):
                    raise TimeoutError(f"the call ended before {phone} was {state}")
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter
