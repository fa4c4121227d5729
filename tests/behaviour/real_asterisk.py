"""The laboratory's Asterisk, with telephones of this process."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from connectors.demo.asterisk import Asterisk
from tests.behaviour.pbx import TELEPHONES
from tests.behaviour.real import Board
from tests.behaviour.telephone import Telephone
from tests.lab.fixtures import clear

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from connectors.demo.ami import Ami, Event
    from connectors.demo.debian import Prefix
    from connectors.simulator import Call, Rings
    from connectors.simulator.script import Step
    from tests.behaviour.dialog import Leg
    from tests.behaviour.real import RealCall


MORE = """
[from-sip](+)
exten => form-short,1,Gosub(collab,request,1(form))
 same => n,Queue(nobody,c,,,2)
 same => n,Hangup()
exten => twice-support,1,Gosub(collab,request,1(form))
 same => n,Gosub(collab,request,1(form))
 same => n,Queue(support,c)
 same => n,Hangup()
"""
"""What `tests.behaviour.pbx` says is dialled, as far as the laboratory has no such number."""


class Bridges:
    """Which channels share a bridge, by AMI's word, and the newest channel of one telephone."""

    def __init__(self, phone: str) -> None:
        self.taken = 0
        self._prefix = f"PJSIP/{phone}-"
        self._newest = ""
        self._bridges: dict[str, set[str]] = {}

    def take(self, message: Event) -> bool:
        """Read a message; gives `has_newest`."""
        self.taken += 1
        channel = message.get("Channel", "")
        if message.get("Event") == "Newchannel" and channel.startswith(self._prefix):
            self._newest = channel
        elif message.get("Event") == "BridgeEnter":
            self._bridges.setdefault(message["BridgeUniqueid"], set()).add(channel)
        elif message.get("Event") == "BridgeLeave":
            self._bridges.get(message["BridgeUniqueid"], set()).discard(channel)
        return self.has_newest()

    def has_newest(self) -> bool:
        """Whether that channel is in a bridge, and not alone."""
        return any(self._newest in inside and len(inside) > 1 for inside in self._bridges.values())


class RealAsterisk:
    """A real Asterisk. Implements `tests.behaviour.pbx.Pbx`."""

    kind: str = "asterisk"
    host = "127.0.0.1"
    username = "placing"
    agent_endpoints = r"PJSIP/agent\d+"
    trusted = "PJSIP/caller3"
    dial_context = "from-sip"
    support = "support"

    def __init__(self, prefix: Prefix) -> None:
        self._asterisk = Asterisk(prefix, extensions=MORE)
        self._stack = AsyncExitStack()
        self.phones: dict[str, Telephone] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._stack.enter_async_context(self._asterisk)
            self.port = self._asterisk.ami_port
            self.secret = self._asterisk.secrets[self.username]
            self.placer = (self.username, self.secret)
            self._ami: Ami = await self._stack.enter_async_context(self._asterisk.ami())
            await self._ami.event("FullyBooted")
            for name in TELEPHONES:
                phone = await Telephone(name, self._asterisk.contacts[name]).open()
                self._stack.callback(phone.close)
                self.phones[name] = phone
        except BaseException:
            await self._stack.aclose()
            raise
        self._board = Board(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def start(self, script: Call) -> RealCall:
        return await self._board.start(script)

    async def perform(self, call: RealCall, step: Step) -> None:
        await self._board.perform(call, step)

    async def leg(self, call: RealCall, phone: str) -> str:
        if call.placed.phone.name == phone:
            return call.id

        def of_phone(message: Event) -> bool:
            name = message.get("Channel", "")
            return message.get("Event") == "Newchannel" and name.startswith(f"PJSIP/{phone}-")

        await self._ami.wait(of_phone, start=call.since)
        return [m["Uniqueid"] for m in self._ami.messages[call.since :] if of_phone(m)][-1]

    async def answer(self, call: RealCall) -> str:
        got = await self._ami.action("Getvar", Channel=call.id, Variable="COLLAB_ANSWER")
        return got.get("Value", "")

    def texts(self, phone: str) -> list[str]:
        return list(self.phones[phone].texts)

    async def clear(self) -> None:
        await self._board.over()
        await clear(self._ami)

    # --- for placed calls

    def on_ring(self, phone: str, rings: Rings) -> None:
        self.phones[phone].behaves = lambda _leg: rings

    async def hang_up(self, phone: str) -> None:
        leg = next(leg for leg in reversed(self.phones[phone].legs) if not leg.has("over"))
        await leg.hang_up()

    async def transfer(self, phone: str, to: str) -> None:
        leg = next(leg for leg in reversed(self.phones[phone].legs) if not leg.has("over"))
        await leg.transfer(to)

    async def channels(self) -> list[str]:
        listed = await self._ami.list("CoreShowChannels", "CoreShowChannelsComplete")
        return [each["Channel"] for each in listed]

    # --- for the board

    def door(self, phone: str) -> int:
        return self._asterisk.sip_port

    def now(self) -> int:
        return len(self._ami.messages)

    async def channel(self, leg: Leg, number: str, since: int) -> str:
        up = await self._ami.wait(
            lambda m: (
                m.get("Event") == "Newchannel"
                and m["Channel"].startswith(f"PJSIP/{leg.phone.name}-")
                and m["Exten"] == number
            ),
            start=since,
        )
        return up["Uniqueid"]

    async def bridged(self, phone: str, within: float) -> None:
        bridges = Bridges(phone)
        for message in self._ami.messages:
            bridges.take(message)
        if not bridges.has_newest():
            await self._ami.wait(bridges.take, within, start=bridges.taken)

    async def move(self, channel: str, number: str) -> None:
        up = await self._ami.event("Newchannel", Uniqueid=channel)
        answer = await self._ami.action(
            "Redirect", Channel=up["Channel"], Context="from-sip", Exten=number, Priority="1"
        )
        assert answer["Response"] == "Success", answer
