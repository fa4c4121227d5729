"""An Asterisk of one's own, unpacked as for the tests, with a queue of ten agents."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

from connectors.demo import LabError
from connectors.demo.asterisk import Asterisk
from connectors.demo.debian import unpack
from tests.behaviour.pbx import CALLERS
from tests.behaviour.telephone import Telephone
from tests.behaviour.world import ANSWERS
from tests.bench.linepbx import Entry

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Any, Self

    from connectors.demo.ami import Ami, Event
    from tests.behaviour.dialog import Leg

QUEUE = "dynamic"
"""Of the laboratory's: it has the members it is given."""
NUMBER = f"q-{QUEUE}"
AGENTS = tuple(f"agent{n}" for n in range(1, 11))
DATED = "[general](+)\ntimestampevents = yes\n"


class AsteriskLine:
    """Implements `tests.bench.linepbx.LinePbx`."""

    name = "Asterisk"
    kind = "asterisk"
    agent_endpoints = r"PJSIP/agent\d+"
    queue = QUEUE
    channels_each = 2

    def __init__(self) -> None:
        self._asterisk = Asterisk(unpack(progress=print), manager=DATED)
        self.port = 0
        self.placer = ("placing", "")
        self.pid = 0
        self.entered: list[Entry] = []
        self.answered: list[Entry] = []
        self.gone: dict[str, float] = {}
        self._phones: dict[str, Telephone] = {}
        self._legs: dict[str, Leg] = {}
        """Of the telephones that called, by the PBX's id."""
        self._talk = 0.0
        self._stack = contextlib.AsyncExitStack()
        self._link = contextlib.AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._asterisk)
        self.port = self._asterisk.ami_port
        self.placer = ("placing", self._asterisk.secrets["placing"])
        for name in (*AGENTS, *CALLERS):
            phone = await Telephone(name, self._asterisk.contacts[name]).open()
            self._stack.callback(phone.close)
            self._phones[name] = phone
        await self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._link.aclose()
        await self._stack.aclose()

    async def _listen(self) -> None:
        assert self._asterisk.process is not None
        self.pid = self._asterisk.process.pid
        self._ami: Ami = await self._link.enter_async_context(self._asterisk.ami())
        version = (await self._asterisk.cli("core show version")).split()
        self.name = " ".join(version[:2])
        self._keep(self._hear(self._ami))

    async def _hear(self, ami: Ami) -> None:
        with contextlib.suppress(LabError):  # the PBX was killed
            await ami.wait(self._take, 1e9)

    def _take(self, event: Event) -> bool:
        at, call = float(event.get("Timestamp", "0")), event.get("Uniqueid", "")
        match event.get("Event"):
            case "Hangup":
                self.gone.setdefault(call, at)
            case "QueueCallerJoin" if event["Queue"] == QUEUE:
                self.entered.append(Entry(call, at))
            case "AgentConnect":
                self.answered.append(Entry(call, at, event["Interface"].partition("/")[2]))
                if (leg := self._legs.get(call)) is not None:
                    self._keep(self._talks(leg))
        return False

    async def _talks(self, leg: Leg) -> None:
        await asyncio.sleep(self._talk)  # the length of the call
        await leg.hang_up()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def begin(self) -> None:
        """See `tests.bench.linepbx.LinePbx`, as all that follow."""
        for agent in AGENTS:
            await self._ami.action("QueueRemove", Queue=QUEUE, Interface=f"PJSIP/{agent}")
        self.entered, self.answered, self.gone, self._legs = [], [], {}, {}

    async def dial(self) -> str:
        phone = CALLERS[len(self._legs) % len(CALLERS)]
        since = len(self._ami.messages)
        leg = self._phones[phone].dial(NUMBER, self._asterisk.sip_port)
        channel = re.compile(rf"PJSIP/{phone}-[0-9a-f]+")
        up = await self._ami.wait(
            lambda m: (
                m.get("Event") == "Newchannel"
                and channel.fullmatch(m["Channel"]) is not None
                and m["Exten"] == NUMBER
            ),
            start=since,
        )
        self._legs[up["Uniqueid"]] = leg
        return up["Uniqueid"]

    async def serve(self, agents: int, talk: float) -> None:
        self._talk = talk
        for agent in AGENTS[:agents]:
            self._phones[agent].behaves = lambda _leg: ANSWERS
            interface = f"PJSIP/{agent}"
            await self._ami.action(
                "QueueAdd", Queue=QUEUE, Interface=interface, StateInterface=interface
            )

    async def hang_up_agent(self, call: str) -> None:
        phone = next(each.phone for each in self.answered if each.call == call)
        legs = reversed(self._phones[phone].legs)
        await next(leg for leg in legs if not leg.has("over")).hang_up()

    async def channels(self) -> int:
        return len(await self._ami.list("CoreShowChannels", "CoreShowChannelsComplete"))

    async def restart(self) -> bool:
        await self._asterisk.kill()
        await self._link.aclose()
        await self._asterisk.start()
        await self._listen()
        return True
