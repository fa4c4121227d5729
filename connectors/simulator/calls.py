"""A call that a script or a person placed: its legs, and waiting for what becomes of it."""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar

from .script import CALLER, Call, Until
from .world import Phone, Rings


class Leg(Protocol):
    """A channel of any switch, as far as scripts know it."""

    alive: bool
    phone: Phone | None


LegT = TypeVar("LegT", bound=Leg)


class ScriptedCall(Generic[LegT]):
    """What a telephone's call reached. `legs[0]` is the caller's own channel.

    A switch says in its own subclass what ``queued``, ``ringing`` and ``talking`` are.
    """

    def __init__(self, script: Call, channel: LegT) -> None:
        self.script = script
        self.legs: list[LegT] = [channel]
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def caller(self) -> LegT:
        """The channel of the telephone that placed the call."""
        return self.legs[0]

    @property
    def id(self) -> str:
        """The user leg's id as connectors report it."""
        raise NotImplementedError

    def rings(self, phone: Phone) -> Rings:
        """How a telephone behaves when this call rings it."""
        return self.script.phones.get(phone.name, phone.rings)

    def leg(self, phone: str) -> LegT | None:
        """The newest standing channel of a telephone in this call."""
        if phone in (CALLER, self.script.phone) and self.caller.alive:
            return self.caller
        for channel in reversed(self.legs):
            if channel.alive and channel.phone is not None and channel.phone.name == phone:
                return channel
        return None

    def standing(self, phone: str) -> LegT:
        """The same, or LookupError when the telephone has no leg in the call."""
        leg = self.leg(phone)
        if leg is None:
            raise LookupError(f"{phone} has no leg in this call")
        return leg

    def touch(self) -> None:
        """Something changed; whoever waits looks again."""
        if self._waiters:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()

    def is_in(self, state: str, leg: LegT) -> bool:
        """Whether a standing leg is in ``queued``, ``ringing`` or ``talking``."""
        raise NotImplementedError

    def _is(self, state: str, phone: str) -> bool:
        leg = self.leg(phone)
        if leg is None:
            return state == "gone"
        return state != "gone" and self.is_in(state, leg)

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
