"""Calls of a real PBX, carried out at telephones of this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from connectors.simulator import Rings
from connectors.simulator.script import (
    CALLER,
    Answer,
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Press,
    Until,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.simulator import Call
    from connectors.simulator.script import Step
    from tests.behaviour.dialog import Leg
    from tests.behaviour.telephone import Telephone

WITHIN = 10.0


class Switch(Protocol):
    """What a `Board` needs of the PBX its telephones belong to."""

    @property
    def phones(self) -> Mapping[str, Telephone]:
        """By name."""

    def door(self, phone: str) -> int:
        """The UDP port at which a telephone's calls come in."""

    def now(self) -> int:
        """Where the PBX's word of what happens from here on begins."""

    async def channel(self, leg: Leg, number: str, since: int) -> str:
        """What the PBX calls the channel of a leg that dialled a number since then."""

    async def bridged(self, phone: str, within: float) -> None:
        """Wait until a telephone's newest channel is in a bridge with another."""

    async def move(self, channel: str, number: str) -> None:
        """Send a channel to a number, as the PBX's own command does."""


@dataclass(slots=True, eq=False)
class RealCall:
    """One scripted call, and whoever has joined it."""

    script: Call
    placed: Leg
    id: str = ""
    since: int = 0
    """`Switch.now` when it was placed."""
    legs: list[Leg] = field(default_factory=list)
    """Of the telephones it rang, and those they placed to ask somebody, oldest first."""
    consultations: dict[str, Leg] = field(default_factory=dict)
    """Who asks, and the call they ask by."""


class Board:
    """`connectors.simulator.runner.Board` for a real PBX.

    A telephone that is rung knows whose call it is by the number shown: that of the caller, or of
    who is in it and calls on. So calls that stand at one time come from telephones of their own.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._calls: list[RealCall] = []
        self._placing = asyncio.Lock()
        self._rang = asyncio.Event()
        for phone in switch.phones.values():
            phone.behaves = self._rings(phone)
            phone.came = self._rang.set

    async def start(self, script: Call) -> RealCall:
        """Dial."""
        phone = self._switch.phones[script.phone]
        for name in script.phones:  # whatever `on_ring` told it before
            rung = self._switch.phones[name]
            rung.behaves = self._rings(rung)
        async with self._placing:
            since = self._switch.now()  # before the first word of it
            leg = phone.dial(script.number, self._switch.door(script.phone), headers=script.headers)
            call = RealCall(script, leg, since=since)
            self._calls = [each for each in self._calls if not each.placed.has("over")] + [call]
            call.id = await self._switch.channel(leg, script.number, since)
        return call

    async def perform(self, call: RealCall, step: Step) -> None:
        """Do one step. Raises TimeoutError when what it waits for does not come, and LookupError
        when the telephone it names has no leg in the call."""
        match step:
            case Wait(seconds):
                await asyncio.sleep(seconds)  # the script's own time
            case Until("ringing", phone, within):
                await (await self._joined(call, phone, within)).until("rings", within)
            case Until("up", phone, within):
                await (await self._joined(call, phone, within)).until("up", within)
            case Until("talking", phone, within):
                await (await self._joined(call, phone, within)).until("up", within)
                await self._switch.bridged(_who(call, phone), within)
            case Until("gone", phone, within):
                for leg in [leg for leg in self._all(call) if leg.phone.name == _who(call, phone)]:
                    await leg.until("over", within)
            case Answer(phone):
                self._standing(call, phone).pick_up()
            case HangUp(phone):
                await self._standing(call, phone).hang_up()
            case BlindTransfer(by, to, "phone"):
                await self._standing(call, by).transfer(to)
            case Consult(by, to, "phone"):
                await self._consult(call, by, to)
            case CompleteTransfer(by) if by in call.consultations:
                consultation = call.consultations.pop(by)
                legs = [leg for leg in self._all(call) if leg.phone.name == by]
                first = next(leg for leg in legs if leg is not consultation and not leg.has("over"))
                await first.transfer_to(consultation)
            case MoveCaller(to):
                await self._switch.move(call.id, to)
            case Press(phone, digits, "info"):
                await self._standing(call, phone).press(digits)
            case Hold(phone, on):
                await self._standing(call, phone).hold(on=on)
            case _:
                raise ValueError(f"telephones of a real PBX do not do {step}")

    async def over(self) -> None:
        """Hang up whatever stands and forget it."""
        for call in self._calls:
            for leg in self._all(call):
                await leg.hang_up()
        self._calls = []

    # --- whose leg is whose

    def _rings(self, phone: Telephone) -> Callable[[Leg], Rings]:
        def rings(leg: Leg) -> Rings:
            call = self._whose(leg.number)
            if call is None:
                return Rings(busy=True)
            call.legs.append(leg)
            return call.script.phones.get(phone.name, Rings(answer_after=None))

        return rings

    def _whose(self, number: str) -> RealCall | None:
        """The newest call that a telephone of this number has placed, or is in."""
        for legs in (lambda call: [call.placed], self._all):
            for call in reversed(self._calls):
                if any(leg.phone.name == number and not leg.has("over") for leg in legs(call)):
                    return call
        return None

    @staticmethod
    def _all(call: RealCall) -> list[Leg]:
        return [call.placed, *call.legs]

    def _leg(self, call: RealCall, phone: str) -> Leg | None:
        """The newest standing leg of a telephone in a call."""
        name = _who(call, phone)
        legs = (leg for leg in reversed(self._all(call)) if leg.phone.name == name)
        return next((leg for leg in legs if not leg.has("over")), None)

    def _standing(self, call: RealCall, phone: str) -> Leg:
        """The same, or LookupError when it has none."""
        leg = self._leg(call, phone)
        if leg is None:
            raise LookupError(f"{phone} has no leg in this call")
        return leg

    async def _joined(self, call: RealCall, phone: str, within: float) -> Leg:
        """A telephone's leg in a call, once it is rung."""
        try:
            async with asyncio.timeout(within):
                while (leg := self._leg(call, phone)) is None:
                    if call.placed.refusal:
                        why = f"the call of {call.placed.phone.name} was refused"
                        raise LookupError(f"{why}: {call.placed.refusal}")
                    self._rang.clear()
                    await self._rang.wait()
        except TimeoutError:
            raise TimeoutError(f"{phone} was not rung within {within} s") from None
        return leg

    async def _consult(self, call: RealCall, by: str, to: str) -> None:
        phone = self._switch.phones[by]
        async with self._placing:
            call.consultations[by] = leg = phone.dial(to, self._switch.door(by))
            call.legs.append(leg)
        await leg.until("up")


def _who(call: RealCall, phone: str) -> str:
    return call.placed.phone.name if phone == CALLER else phone
