"""Carries out scripted calls on a `Pbx`: what people do at their telephones."""

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
from . import bridging, consult, feature, transfer
from .calls import PlacedCall
from .channel import RING, UNKNOWN, Channel
from .dial import pick_up
from .pbx import Pbx
from .thread import CallThread


class Switchboard:
    """The telephones of a simulated Asterisk, and the control interface where a script asks."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx

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
        pbx.calls_processed += 1
        channel = pbx.pjsip(phone, state=RING, display=display, exten=number)
        channel.dnid = number
        channel.headers = {name.lower(): value for name, value in headers.items()}
        pbx.set_variable(channel, "SIPDOMAIN", pbx.world.host)
        CallThread(pbx, channel)
        return channel

    async def perform(self, call: PlacedCall, step: Step) -> None:
        """Do one step. Raises TimeoutError when what it waits for does not come, and
        LookupError when the telephone it names has no leg in the call."""
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
            case BlindTransfer(by, to, via):
                refer_to = f"sip:{to}@{pbx.world.host}" if via == "phone" else ""
                context = pbx.dialplan.entry_context
                if via == "phone":
                    context = call.standing(by).value("TRANSFER_CONTEXT") or context
                transfer.blind(pbx, call.standing(by), context, to, refer_to=refer_to)
            case Consult(by, to, "control"):
                context = pbx.dialplan.entry_context
                consult.consult_by_switch(pbx, call.standing(by), context, to)
            case Consult(by, to):
                known = pbx.phones[by].spec.caller_id
                second = self._dial(by, to, pbx.phones[by].display if known else UNKNOWN, {})
                second.call = call
                call.legs.append(second)
            case CompleteTransfer(by):
                self._complete(call, by)
            case MoveCaller(to):
                context = pbx.dialplan.entry_context
                transfer.redirect(pbx, call.standing(CALLER), context, to, 1)
            case Press(phone, digits, how):
                feature.press(pbx, call.standing(phone), digits, rtp=how == "rtp")
            case Hold(phone, on):
                feature.hold(pbx, call.standing(phone), on=on)

    def answer(self, call: PlacedCall, phone: str) -> None:
        """Pick up a telephone that rings for this call."""
        pick_up(self.pbx, call.standing(phone))

    def hang_up(self, call: PlacedCall, phone: str = CALLER) -> None:
        """Hang up, give up or turn down; nothing when the telephone has no leg any more."""
        leg = call.leg(phone)
        if leg is not None:
            bridging.far_end_gone(self.pbx, leg)

    def _complete(self, call: PlacedCall, by: str) -> None:
        legs = [leg for leg in call.legs if leg.alive and leg.phone and leg.phone.name == by]
        if len(legs) == 1:
            bridging.far_end_gone(self.pbx, legs[0])
        elif len(legs) > 1:
            transfer.attended(self.pbx, legs[0], legs[-1])
        else:
            raise LookupError(f"{by} has no leg in this call")
