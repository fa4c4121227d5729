"""Carries out scripted calls on a `FreeSwitch`: what people do at their telephones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ..script import (
    CALLER,
    Answer,
    BlindTransfer,
    Call,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Press,
    Step,
    Until,
    Wait,
)
from . import digits, hold, transfer
from .api import run_command
from .calls import PlacedCall
from .channel import Channel
from .pbx import FreeSwitch


class Switchboard:
    """The telephones of a simulated FreeSWITCH, and the event socket where a script asks."""

    def __init__(self, pbx: FreeSwitch) -> None:
        self.pbx = pbx
        self._consulted: dict[str, tuple[Channel, str]] = {}
        """Who asked whom: UUID of the asking leg to who waits meanwhile and the new leg's UUID."""

    def place(self, script: Call) -> PlacedCall:
        """Dial. Raises ValueError without such a telephone, RuntimeError when all is full."""
        channel = self._dial(script.phone, script.number, script.display, script.headers)
        call = PlacedCall(self.pbx, script, channel)
        channel.call = call
        return call

    async def start(self, script: Call) -> PlacedCall:
        """`place`, as `runner.Board` has it."""
        return self.place(script)

    def _dial(
        self, phone_name: str, number: str, display: str, headers: Mapping[str, str]
    ) -> Channel:
        pbx = self.pbx
        phone = pbx.phones.get(phone_name)
        if phone is None:
            raise ValueError(f"no telephone is called {phone_name!r}")
        if len(pbx.channels) >= pbx.max_channels:
            raise RuntimeError(f"{pbx.max_channels} channels stand already")
        return pbx.incoming(phone, number, display, headers)

    async def perform(self, call: PlacedCall, step: Step) -> None:
        """Do one step.

        Raises TimeoutError when what it waits for does not come, and LookupError when the
        telephone it names has no leg in the call or talks to nobody.
        """
        pbx = self.pbx
        match step:
            case Wait(seconds):
                await asyncio.sleep(pbx.clock.real(seconds))
            case Until(state, phone, within):
                await call.until(state, phone, within)
            case Answer(phone):
                self.answer(call, phone)
            case HangUp(phone):
                self.hang_up(call, phone)
            case BlindTransfer(by, to, "control"):
                other = self._talking_to(call, by)
                await self._api(f"uuid_transfer {other.uuid} {to} XML default")
            case BlindTransfer(by, to):
                transfer.blind(pbx, call.standing(by), to)
            case Consult(by, to, "control"):
                await self._consult(call, by, to)
            case Consult(by, to):
                second = self._dial(by, to, "", {})
                second.call = call
                call.legs.append(second)
            case CompleteTransfer(by):
                await self._complete(call, by)
            case MoveCaller(to):
                uuid = call.standing(CALLER).uuid
                await self._api(f"uuid_transfer {uuid} {to} XML default")
            case Press(phone, keys, how):
                digits.press(pbx, call.standing(phone), keys, info=how == "info")
            case Hold(phone, on):
                hold.by_telephone(pbx, call.standing(phone), on=on)

    def answer(self, call: PlacedCall, phone: str) -> None:
        """Pick up a telephone that rings for this call."""
        leg = call.standing(phone)
        leg.picked_up = True
        leg.poke()

    def hang_up(self, call: PlacedCall, phone: str = CALLER) -> None:
        """Hang up, give up or turn down; nothing when the telephone has no leg any more."""
        leg = call.leg(phone)
        if leg is not None:
            self.pbx.far_end_gone(leg)

    async def _api(self, command: str) -> str:
        """What somebody on another event socket asks. Raises LookupError when it is refused."""
        answer = await run_command(self.pbx, command)
        if answer.startswith("-"):
            raise LookupError(f"{command}: {answer.strip()}")
        return answer

    def _talking_to(self, call: PlacedCall, by: str) -> Channel:
        other = call.standing(by).partner
        if other is None:
            raise LookupError(f"{by} talks to nobody in this call")
        return other

    async def _consult(self, call: PlacedCall, by: str, to: str) -> None:
        """A leg to whom is asked, made by the event socket and parked."""
        pbx, asking = self.pbx, call.standing(by)
        other = self._talking_to(call, by)
        uuid = pbx.new_uuid()
        name = (asking.phone.display if asking.phone is not None else by).replace(" ", "_")
        variables = (
            f"origination_uuid={uuid},origination_caller_id_number={by},"
            f"origination_caller_id_name={name}"
        )
        for gone in self._consulted.keys() - pbx.channels.keys():
            del self._consulted[gone]
        self._consulted[asking.uuid] = (other, uuid)
        command = f"originate {{{variables}}}user/{to}@{pbx.domain} &park()"
        pbx.spawn(self._originate(call, command), f"consultation of {by}")
        await asyncio.sleep(0)

    async def _originate(self, call: PlacedCall, command: str) -> None:
        await run_command(self.pbx, command, job=self.pbx.new_uuid(), call=call)

    async def _complete(self, call: PlacedCall, by: str) -> None:
        legs = [leg for leg in call.legs if leg.alive and leg.phone and leg.phone.name == by]
        if len(legs) > 1:
            transfer.attended(self.pbx, legs[0], legs[-1])
            return
        asking = call.standing(by)
        consulted = self._consulted.pop(asking.uuid, None)
        if consulted is None:
            raise LookupError(f"{by} asked nobody in this call")
        other, uuid = consulted
        await self._api(f"uuid_bridge {other.uuid} {uuid}")
