"""Calls that a connector places, recorded on a real FreeSWITCH: the commands are the connector's
own, and the simulator answers them and goes on as the real one did."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from connectors.freeswitch import placing
from connectors.model import DialBoth, Onward, PlaceCall
from connectors.simulator import Rings
from connectors.simulator.freeswitch.channel import EXCHANGE_MEDIA
from connectors.simulator.freeswitch.normalise import differences
from connectors.simulator.freeswitch.simulator import FreeSwitchSimulator

from . import esl_moves as moves
from .esl_client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.simulator.freeswitch.channel import Channel

SPEED = 10.0
PLACED = moves.CAPTURES / "placed"
LEG = "3f2b8c1e-7a54-4d1f-9c3e-5b6a7d8e9f01"
"""As in the recordings."""
PLACE = placing.place(PlaceCall(LEG, "support@default", "form", "web:7f3a", "Ann Doe", 30, 600))
DIAL = placing.dial(
    DialBoth(LEG, "user/1003", "85550", "default", "chat", "tel:85550", LEG), "default"
)
KILL = placing.hang_up(LEG)


class Switch:
    """A simulated FreeSWITCH, and one client for each: what is heard, and what is asked."""

    def __init__(self, *agents: str) -> None:
        self.simulator = FreeSwitchSimulator(moves.world(), moves.DIALPLAN, speed=SPEED)
        self.pbx = self.simulator.pbx
        for agent in self.pbx.callcenter.agents.values():
            if agent.name not in agents:
                agent.status = "On Break"
        for phone in ("1001", "1003"):
            self.pbx.phones[phone].rings = Rings(1.0)
        self.pbx.phones["5550"].rings = Rings(0.5)

    async def api(self, command: str) -> str:
        async with Client(self.simulator.host, self.simulator.port) as control:
            await control.login()
            return await control.api(command)

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not wanted():
                some = next(iter(self.pbx.channels.values()), None)
                await (some.changed(0.01) if some is not None else asyncio.sleep(0))

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(self.pbx.clock.real(seconds))

    def of(self, phone: str) -> Channel:
        return self.pbx.phone_channels(phone)[-1]

    def talks(self, phone: str) -> bool:
        return any(channel.partner is not None for channel in self.pbx.phone_channels(phone))

    async def hangs_up(self, phone: str) -> None:
        self.pbx.far_end_gone(self.of(phone))

    async def placed(self) -> None:
        assert await self.api(PLACE) == f"+OK {LEG}\n"

    async def goes_on(self) -> None:
        onward = Onward(LEG, "85550", "default")
        assert await self.api(placing.onward(onward, self.of("1001").uuid)) == "+OK\n"

    async def killed(self) -> None:
        assert await self.api(KILL) == "+OK\n"

    def free(self) -> bool:
        return self.pbx.callcenter.agents["1001@default"].state == "Waiting"


async def served(switch: Switch) -> None:
    await switch.placed()
    await switch.until(lambda: switch.talks("1001"))
    await switch.passes(1)
    await switch.hangs_up("1001")
    await switch.until(switch.free)
    assert await switch.api(placing.exists(LEG)) == "true"
    await switch.killed()


async def left(switch: Switch) -> None:
    await switch.placed()
    await switch.passes(1.5)
    await switch.killed()


async def out_of_time(switch: Switch) -> None:
    assert (await switch.api(PLACE.replace("+600", "+2"))).startswith("+OK")


async def voice(switch: Switch) -> None:
    await switch.placed()
    await switch.until(lambda: switch.talks("1001"))
    await switch.passes(1)
    await switch.goes_on()
    await switch.until(lambda: switch.talks("5550"))
    await switch.passes(0.3)
    await switch.killed()
    await switch.passes(1)
    await switch.hangs_up("5550")


async def voice_busy(switch: Switch) -> None:
    switch.pbx.phones["5550"].rings = Rings(None)
    await switch.placed()
    await switch.until(lambda: switch.talks("1001"))
    await switch.passes(1)
    await switch.goes_on()
    await switch.until(lambda: bool(switch.pbx.phone_channels("5550")))
    await switch.passes(0.1)
    await switch.hangs_up("5550")  # it is busy
    await switch.until(lambda: switch.pbx.channels[LEG].running == EXCHANGE_MEDIA)  # put back
    await switch.passes(1)
    await switch.hangs_up("1001")
    await switch.until(switch.free)
    await switch.killed()


async def dial(switch: Switch) -> None:
    assert await switch.api(DIAL) == f"+OK {LEG}\n"
    await switch.until(lambda: switch.talks("5550"))
    await switch.passes(1)
    await switch.hangs_up("5550")


COURSES = {
    "served": (served, ("1001@default",)),
    "left": (left, ()),
    "out_of_time": (out_of_time, ()),
    "voice": (voice, ("1001@default",)),
    "voice_busy": (voice_busy, ("1001@default",)),
    "dial": (dial, ()),
}


@pytest.mark.parametrize("name", COURSES)
async def test_a_placed_call_gives_the_events_of_its_recording(name: str) -> None:
    course, agents = COURSES[name]
    notes = (PLACED / f"{name}.txt").read_text()
    subscription = re.search(r"'(event json [^\\']+)", notes)
    assert subscription is not None
    switch = Switch(*agents)
    async with switch.simulator as simulator, Client(simulator.host, simulator.port) as client:
        await client.login(subscription[1])
        await course(switch)
        await switch.until(lambda: not switch.pbx.channels)
        await client.command("filter delete all")
        told = bytes(client.raw)
    recorded = (PLACED / f"{name}.esl").read_bytes()
    assert differences(moves.reduce(recorded), moves.reduce(told)) == []


async def test_who_hangs_up_before_the_bridge_leaves_the_placeholder_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the real one does (``uuid_bridge_park_on_cancel``): mod_callcenter offers it again."""
    switch = Switch("1001@default")
    say, served = switch.pbx.callcenter.say, []

    def say_and_hang_up(action: str, headers: Any, channel: Any = None, **more: Any) -> None:
        say(action, headers, channel, **more)
        if action == "bridge-agent-start":
            served.append(channel)
            if len(served) == 1:
                switch.pbx.far_end_gone(channel)

    monkeypatch.setattr(switch.pbx.callcenter, "say", say_and_hang_up)
    async with switch.simulator:
        await switch.placed()
        await switch.until(lambda: len(served) == 2 and switch.talks("1001"))
        assert switch.pbx.channels[LEG].up
        await switch.killed()
        await switch.until(lambda: not switch.pbx.channels)
