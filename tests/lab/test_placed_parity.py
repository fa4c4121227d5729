"""Calls placed by AMI give the same events on the real Asterisk and on the simulator."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from connectors.asterisk.placing import dial_both, onward, place_call
from connectors.demo.ami import Ami
from connectors.model import DialBoth, Onward, PlaceCall
from connectors.simulator import Simulator
from connectors.simulator.asterisk.normalise import differences
from connectors.simulator.simulator import LAB
from connectors.simulator.world import Rings
from tests.lab.test_parity import ATTEMPTS, dialplan, told, world

if TYPE_CHECKING:
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Phones

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Script:
    """What is done by AMI, and how each of the telephones answers there."""

    def __init__(self, ami: Ami, name: str) -> None:
        self._ami = ami
        self.id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))

    async def act(self, action: Mapping[str, str | list[str]], expect: str = "Success") -> None:
        """Send an action of the connector's."""
        fields = {
            name: ",".join(value) if isinstance(value, list) else value
            for name, value in action.items()
        }
        answer = await self._ami.action(fields.pop("Action"), **fields)
        assert answer["Response"] == expect, answer

    async def place(self, queue: str) -> None:
        effect = PlaceCall(self.id, queue, "form", "web:7f3a", "Ann Lee", 0.0, 30.0)
        await self.act(place_call(effect, "from-sip", "22.0"))

    async def dial(self, phone: str = "PJSIP/agent1") -> None:
        effect = DialBoth(self.id, phone, "phone1", "from-sip", "chat", "sip:phone1@x", self.id)
        await self.act(dial_both(effect))

    async def talks(self, channels: int = 2) -> None:
        """Until that many channels are in bridges, and nothing more is said."""

        def inside() -> bool:
            names = [m.get("Event") for m in self._ami.messages]
            return names.count("BridgeEnter") - names.count("BridgeLeave") >= channels

        await self._ami.wait(lambda _: inside())
        await self._ami.quiet()

    async def hang_up(self, leg: str) -> None:
        await self.act({"Action": "Hangup", "Channel": leg, "Cause": "16"})
        await self._ami.quiet()

    async def agent_hangs_up(self) -> None:
        """As if the telephone did; AMI ends its channel."""
        names = [m["Channel"] for m in self._ami.messages if m.get("Event") == "Newchannel"]
        await self.hang_up(next(name for name in reversed(names) if "PJSIP/agent1-" in name))

    async def voice(self) -> None:
        for action in onward(Onward(self.id, "phone1", "from-sip")):
            await self.act(action)

    async def over(self) -> None:
        """Until as many channels are gone as came."""

        def standing() -> int:
            names = [m.get("Event") for m in self._ami.messages]
            return names.count("Newchannel") - names.count("Hangup")

        await self._ami.wait(lambda _: standing() == 0)
        await self._ami.quiet()


async def leaves(script: Script) -> None:
    await script.place("nobody")
    await script.talks(0)
    await script.hang_up(script.id)


async def is_served_and_ended(script: Script) -> None:
    await script.place("solo")
    await script.talks()
    await script.hang_up(script.id)


async def outlives_the_agents_phone(script: Script) -> None:
    await script.place("solo")
    await script.talks()
    await script.agent_hangs_up()
    await script.hang_up(script.id)


async def is_given_up(script: Script) -> None:
    effect = PlaceCall(script.id, "nobody", "form", "web:7f3a", "Ann Lee", 0.0, 1.0)
    await script.act(place_call(effect, "", "22.0"))
    await script.talks(0)


async def no_such_queue(script: Script) -> None:
    await script.place("nosuch")


async def twice(script: Script) -> None:
    await script.place("nobody")
    await script.talks(0)
    await script.place("nobody")
    await script.talks(0)
    await script.hang_up(script.id)


async def becomes_a_voice_call(script: Script) -> None:
    await script.place("solo")
    await script.talks()
    await script.voice()
    await script.talks(6)
    await script.hang_up(script.id)


async def dials(script: Script) -> None:
    await script.dial()
    await script.talks()
    await script.hang_up(script.id)


async def dials_who_is_busy(script: Script) -> None:
    await script.dial("PJSIP/agent2")


async def dials_who_is_not_there(script: Script) -> None:
    await script.dial("PJSIP/nosuch")
    await script.talks(0)


SCRIPTS: dict[str, Callable[[Script], Awaitable[None]]] = {
    run.__name__: run
    for run in (
        leaves, is_served_and_ended, outlives_the_agents_phone, is_given_up, no_such_queue, twice,
        becomes_a_voice_call, dials, dials_who_is_busy, dials_who_is_not_there,
    )
}  # fmt: skip
ANSWER = 0.2


async def run(ami: Ami, script: str) -> bytes:
    await ami.event("FullyBooted")
    start = len(ami.raw)
    playing = Script(ami, script)
    await SCRIPTS[script](playing)
    await playing.over()
    # app_queue learns of an end that AMI made beside the threads of the channels: AgentComplete
    # comes with or without them.
    frames = bytes(ami.raw[start:]).split(b"\r\n\r\n")
    return b"\r\n\r\n".join(f for f in frames if not f.startswith(b"Event: AgentComplete"))


async def on_the_simulator(script: str) -> bytes:
    simulator = Simulator(world(), dialplan(), answer_delay=0.01)
    for name in ("agent1", "phone1"):
        simulator.pbx.phones[name].rings = Rings(ANSWER)
    simulator.pbx.phones["agent2"].rings = Rings(None, busy=True)
    async with simulator, Ami(simulator.port, LAB.name, LAB.secret) as ami:
        return await run(ami, script)


async def on_asterisk(script: str, pbx: Asterisk, phones: Phones) -> bytes:
    await phones.listen("agent1", answer=ANSWER)
    await phones.listen("phone1", answer=ANSWER)
    await phones.listen("agent2", reject=486)
    async with pbx.ami("lab") as ami:
        return await run(ami, script)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_placed_call_gives_the_same_events_on_both(
    script: str, pbx: Asterisk, phones: Phones
) -> None:
    simulated = told(await on_the_simulator(script))
    found = []
    for _ in range(ATTEMPTS):  # as for calls of telephones: threads race
        found = differences(told(await on_asterisk(script, pbx, phones)), simulated)
        if not found:
            return
        await phones.hang_up_all()
    assert found == []
