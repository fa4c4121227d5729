"""Carries out the simulator's call scripts on the real Asterisk, by SIPp and AMI."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.demo.phones import Call, Phone, Phones
from connectors.simulator import Call as Script
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
    Step,
    Until,
    Wait,
)

if TYPE_CHECKING:
    from connectors.demo.ami import Ami
    from connectors.demo.asterisk import Asterisk


@dataclass(slots=True)
class RealCall:
    """One scripted call on the real PBX."""

    script: Script
    placed: Call
    consultations: dict[str, Call] = field(default_factory=dict)
    """Agent -> the second call that agent made."""


class RealBoard:
    """`runner.Board` for a real Asterisk: one script at a time, since telephones are shared."""

    def __init__(self, pbx: Asterisk, phones: Phones, ami: Ami) -> None:
        self._pbx = pbx
        self._phones = phones
        self._ami = ami
        self._start = 0
        self._up: dict[str, Phone] = {}

    async def start(self, script: Script) -> RealCall:
        """Puts the telephones of the script on the line and dials."""
        for name, rings in script.phones.items():
            self._up[name] = await self._phones.listen(
                name, answer=rings.answer_after, reject=486 if rings.busy else None
            )
        self._start = len(self._ami.messages)
        placed = await self._phones.call(
            script.phone,
            script.number,
            headers=script.headers,
            display=f'"{script.display}" '.encode(),
        )
        return RealCall(script, placed)

    async def perform(self, call: RealCall, step: Step) -> None:
        """Does one step; TimeoutError or LabError when what it waits for does not come."""
        match step:
            case Wait(seconds):
                await asyncio.sleep(seconds)  # the script's own time
            case Until(state, phone, within):
                await self._until(call, state, phone, within)
            case Answer(phone):
                await (await self._leg(call, phone)).pick_up()
            case HangUp(phone):
                leg = await self._leg(call, phone)
                await (leg.hangup() if leg.is_up else leg.cancel())
            case BlindTransfer(by, to, "control"):
                await self._ami.action("BlindTransfer", Channel=self._channel(call, by),
                                       Context="from-sip", Exten=to)  # fmt: skip
            case BlindTransfer(by, to):
                await (await self._leg(call, by)).transfer(to)
            case Consult(by, to, "control"):
                await self._ami.action("Atxfer", Channel=self._channel(call, by),
                                       Context="from-sip", Exten=to)  # fmt: skip
            case Consult(by, to):
                call.consultations[by] = await self._phones.call(by, to)
                await call.consultations[by].answered()
            case CompleteTransfer(by) if by in call.consultations:
                await (await self._leg(call, by)).transfer_to(call.consultations[by])
            case CompleteTransfer(by):
                await (await self._leg(call, by)).hangup()
            case MoveCaller(to):
                await self._ami.action("Redirect", Channel=self._channel(call, CALLER),
                                       Context="from-sip", Exten=to, Priority="1")  # fmt: skip
            case Press(phone, digits, how):
                leg = await self._leg(call, phone)
                await (leg.press(digits) if how == "rtp" else leg.press_info(digits))
            case Hold(phone, on):
                await (await self._leg(call, phone)).hold(held=on)

    async def over(self) -> None:
        """Waits until every channel that came up since the start is gone."""
        await self._ami.wait(lambda _: not self._standing(), start=self._start)

    async def _leg(self, call: RealCall, phone: str) -> Call:
        if phone in (CALLER, call.script.phone):
            return call.placed
        answering = self._up[phone]
        if not answering.calls:
            await answering.incoming()
        return answering.calls[-1]

    async def _until(self, call: RealCall, state: str, phone: str, within: float) -> None:
        name = call.script.phone if phone == CALLER else phone
        checks = {
            "queued": lambda: any(
                m.get("Event") == "QueueCallerJoin" and m["Channel"].startswith(f"PJSIP/{name}-")
                for m in self._ami.messages[self._start :]
            ),
            "ringing": lambda: bool(self._up[name].calls),
            "talking": lambda: self._talking(name),
            "gone": lambda: not any(c.startswith(f"PJSIP/{name}-") for c in self._standing()),
        }
        if state == "ringing":
            await self._up[name].heard.wait(lambda m: m.status == 180, "ringing", within)
            return
        await self._ami.wait(lambda _: checks[state](), within, self._start)

    def _standing(self) -> set[str]:
        up: set[str] = set()
        for message in self._ami.messages[self._start :]:
            if message.get("Event") == "Newchannel":
                up.add(message["Channel"])
            elif message.get("Event") == "Hangup":
                up.discard(message["Channel"])
        return up

    def _channel(self, call: RealCall, phone: str) -> str:
        name = call.script.phone if phone == CALLER else phone
        return next(channel for channel in self._standing() if channel.startswith(f"PJSIP/{name}-"))

    def _talking(self, name: str) -> bool:
        inside: dict[str, set[str]] = {}
        for message in self._ami.messages[self._start :]:
            members = inside.setdefault(message.get("BridgeUniqueid", ""), set())
            if message.get("Event") == "BridgeEnter":
                members.add(message["Channel"])
            elif message.get("Event") == "BridgeLeave":
                members.discard(message["Channel"])
        return any(
            len(members) > 1 and any(c.startswith(f"PJSIP/{name}-") for c in members)
            for bridge, members in inside.items()
            if bridge
        )


ANSWERS = Rings(0.3)
SILENT = Rings(None)
