"""The two simulated PBXs, with the telephones, queues and numbers of `tests.behaviour.pbx`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.simulator import (
    FreeSwitchSimulator,
    MemberSpec,
    PhoneSpec,
    QueueSpec,
    Rings,
    Simulator,
    WorldSpec,
)
from connectors.simulator.asterisk import bridging
from connectors.simulator.asterisk import lab as asterisk_lab
from connectors.simulator.asterisk import transfer as asterisk_transfer
from connectors.simulator.asterisk.dialplan import Dialplan as AsteriskDialplan
from connectors.simulator.freeswitch import lab as freeswitch_lab
from connectors.simulator.freeswitch import transfer as freeswitch_transfer
from connectors.simulator.freeswitch.dialplan import Dialplan as XmlDialplan
from connectors.simulator.freeswitch.simulator import PASSWORD
from connectors.simulator.script import HangUp
from connectors.simulator.simulator import SECRET, USERNAME
from tests.behaviour.pbx import AGENTS, LINES, PATIENCE, PHONES, QUEUES, RING, TELEPHONES, TYPES
from tests.e2e.world import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from connectors.simulator import Call
    from connectors.simulator.script import Step

AGAIN = 0.005
NAMES = dict(zip(AGENTS, ("Agent One", "Agent Two", "Agent Three", "Agent Four"), strict=True))
HERE = Path(__file__).parent


class Simulated:
    """A simulated PBX. Implements `tests.behaviour.pbx.Pbx`."""

    kind: str
    host = "127.0.0.1"
    username = USERNAME
    secret: str
    agent_endpoints: str
    trusted: str

    def __init__(self, simulator: Simulator | FreeSwitchSimulator) -> None:
        self._simulator: Any = simulator
        self._calls: list[Any] = []

    async def __aenter__(self) -> Self:
        await self._simulator.start()
        self.port = self._simulator.port
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._simulator.stop()

    async def start(self, script: Call) -> Any:
        self._calls.append(self._simulator.place(script))
        return self._calls[-1]

    async def perform(self, call: Any, step: Step) -> None:
        leg = call.leg(step.phone) if isinstance(step, HangUp) else None
        await self._simulator.board.perform(call, step)
        if leg is not None:  # who hung up is off the line before the next is done
            await self._ended([leg])

    def texts(self, phone: str) -> list[str]:
        return [message.body for message in self._simulator.phone(phone).messages]

    async def clear(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            for leg in [leg for leg in call.legs if leg.alive and leg.phone is not None]:
                self._simulator.hang_up(call, leg.phone.name)
                await self._ended([leg])
            await self._ended(call.legs)

    def on_ring(self, phone: str, rings: Rings) -> None:
        self._simulator.phone(phone).rings = rings

    async def channels(self) -> list[str]:
        return list(self._simulator.pbx.channels)

    async def _ended(self, legs: Sequence[Any]) -> None:
        async def look() -> tuple[bool, Any]:
            standing = [leg.name for leg in legs if leg.alive]
            return not standing, standing

        await until(look, "the end of channels", again=AGAIN)


class SimulatedAsterisk(Simulated):
    """The simulator that speaks AMI."""

    kind = "asterisk"
    secret = SECRET
    agent_endpoints = r"PJSIP/agent\d+"
    trusted = "PJSIP/caller3"
    placer = (USERNAME, SECRET)
    dial_context = "from-sip"
    support = "support"

    def __init__(self) -> None:
        world = WorldSpec(
            tuple(_phone(name, {"__DYNAMIC_FEATURES": asterisk_lab.FEATURE_NAMES})
                  for name in TELEPHONES),
            tuple(
                QueueSpec(
                    name,
                    tuple(MemberSpec(_interface(name, each), NAMES[each], f"PJSIP/{each}")
                        for each in members),
                    "ringall" if name == "all" else "linear",
                    ring_timeout=RING,
                )
                for name, members in QUEUES.items()
            ),
        )  # fmt: skip
        super().__init__(Simulator(world, _asterisk_dialplan()))

    async def leg(self, call: Any, phone: str) -> str:
        return str(call.standing(phone).uniqueid)

    async def hang_up(self, phone: str) -> None:
        pbx = self._simulator.pbx
        bridging.far_end_gone(pbx, pbx.phone_channels(pbx.phones[phone])[-1])

    async def transfer(self, phone: str, to: str) -> None:
        pbx = self._simulator.pbx
        by = pbx.phone_channels(pbx.phones[phone])[-1]
        context = by.value("TRANSFER_CONTEXT") or pbx.dialplan.entry_context
        asterisk_transfer.blind(pbx, by, context, to, refer_to=f"sip:{to}@{pbx.world.host}")

    async def answer(self, call: Any) -> str:
        return str(call.caller.value("COLLAB_ANSWER"))


class SimulatedFreeSwitch(Simulated):
    """The simulator that speaks ESL."""

    kind = "freeswitch"
    secret = PASSWORD
    agent_endpoints = r"user/agent\d+"
    trusted = "internal/caller3"
    placer = ("tandem", PASSWORD)
    dial_context = "default"
    support = "support@default"

    def __init__(self) -> None:
        world = WorldSpec(
            tuple(_phone(name, {}) for name in TELEPHONES),
            tuple(
                QueueSpec(
                    name,
                    tuple(MemberSpec(*_contact(name, each)) for each in members),
                    "ringall" if name == "all" else "linear",
                    ring_timeout=RING,
                    max_wait=PATIENCE.get(name, 0),
                )
                for name, members in QUEUES.items()
            ),
            tuple(
                QueueSpec(
                    name,
                    tuple(MemberSpec(*_contact(name, each)) for each in members),
                    ring_timeout=RING,
                )
                for name, members in LINES.items()
            ),
        )
        text = (HERE / "freeswitch" / "dialplan.xml").read_text()
        text = text.replace("tandem-behaviour", "default").replace("@@DOMAIN@", "@default")
        dialplan = XmlDialplan().read(freeswitch_lab.COLLAB).read(text)
        super().__init__(FreeSwitchSimulator(world, dialplan))

    async def leg(self, call: Any, phone: str) -> str:
        return str(call.standing(phone).uuid)

    async def hang_up(self, phone: str) -> None:
        pbx = self._simulator.pbx
        pbx.far_end_gone(pbx.phone_channels(phone)[-1])

    async def transfer(self, phone: str, to: str) -> None:
        pbx = self._simulator.pbx
        freeswitch_transfer.blind(pbx, pbx.phone_channels(phone)[-1], to)

    async def answer(self, call: Any) -> str:
        return str(call.caller.get("collab_answer"))


def _interface(queue: str, agent: str) -> str:
    return f"Local/{agent}@from-sip/n" if queue == "local" else f"PJSIP/{agent}"


def _contact(queue: str, agent: str) -> tuple[str, str]:
    """How mod_callcenter rings an agent, and what it calls that one."""
    if queue == "local":
        return f"loopback/{agent}/default", f"{agent}-{queue}"
    return f"user/{agent}", agent


def _phone(name: str, variables: Mapping[str, str]) -> PhoneSpec:
    """Agents are known to the PBX by name, and take one call at a time; callers show their own."""
    if name in AGENTS:
        return PhoneSpec(
            name, name.capitalize(), one_line=True, rings=Rings(None), variables=variables
        )
    return PhoneSpec(name, name.capitalize() if name in PHONES else "", rings=Rings(None))


def _asterisk_dialplan() -> AsteriskDialplan:
    marks = {
        "q": [],
        "odd": ["fax"],
        "header": [""],
        "for": ["form,sip:alice@example.org"],
        "twice": ["form", "form"],
        **{kind: [kind] for kind in TYPES},
    }
    then = {
        name: f"Queue({name},c,,,{PATIENCE[name]})" if name in PATIENCE else f"Queue({name},c)"
        for name in QUEUES
    }
    then |= {name: f"Dial(PJSIP/{name},20)" for name in TELEPHONES}
    lines = [asterisk_lab.COLLAB, "[from-sip]"]
    for name, step in then.items():
        numbers = {f"{prefix}-{name}": [_mark(each) for each in m] for prefix, m in marks.items()}
        numbers[f"pair-{name}"] = ["Gosub(collab,pair,1)"]
        numbers[f"code-{name}"] = ["Gosub(collab,give-code,1)"]
        if name in TELEPHONES:
            numbers[name] = ["Gosub(collab,features,1)"]
        for number, before in numbers.items():
            first, *rest = [*before, step, "Hangup()"]
            lines += [f"exten => {number},1,{first}", *(f" same => n,{each}" for each in rest)]
    return AsteriskDialplan().read("\n".join(lines))


def _mark(arguments: str) -> str:
    return f"Gosub(collab,request,1({arguments}))"
