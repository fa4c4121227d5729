"""The FreeSWITCH that somebody names, with a queue of ten agents in it while this runs.

TANDEM_BENCH_FREESWITCH_START names the command that starts it again; only then is it killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.behaviour.freeswitch_setup import DOMAIN, Plan
from tests.behaviour.pbx import CALLERS
from tests.behaviour.real_freeswitch import RealFreeSwitch
from tests.behaviour.world import ANSWERS
from tests.bench.linepbx import Entry
from tests.simulator.esl_client import Client

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Any, Self

    from tests.behaviour.dialog import Leg

START = "TANDEM_BENCH_FREESWITCH_START"
QUEUE = "support"
AGENTS = tuple(f"agent{n}" for n in range(10))
PLAN = Plan(AGENTS, ("phone1",), {QUEUE: AGENTS, "nobody": ()}, {}, "longest-idle-agent")
HEARD = "event json CHANNEL_HANGUP_COMPLETE CUSTOM callcenter::info"
UP_WITHIN = 60.0


class FreeSwitchLine:
    """Implements `tests.bench.linepbx.LinePbx`."""

    name = "FreeSWITCH"
    kind = "freeswitch"
    agent_endpoints = r"user/agent\d"
    queue = f"{QUEUE}@{DOMAIN}"
    channels_each = 1

    def __init__(self, named: str) -> None:
        self._pbx = RealFreeSwitch.named(named, PLAN)
        self.port = self._pbx.port
        self.placer = self._pbx.placer
        self.pid = 0
        self.entered: list[Entry] = []
        self.answered: list[Entry] = []
        self.gone: dict[str, float] = {}
        self._legs: dict[str, Leg] = {}
        """Of the telephones that called, by the PBX's id."""
        self._talk = 0.0
        self._stack = contextlib.AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._pbx)
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
        await self._stack.aclose()

    async def _listen(self) -> None:
        client = await self._stack.enter_async_context(Client(self._pbx.host, self.port))
        await client.command(f"auth {self._pbx.secret}")
        await client.command(HEARD)
        self._keep(self._hear(client))
        run = (await self._pbx.api("global_getvar run_dir")).strip()
        self.pid = int((Path(run) / "freeswitch.pid").read_text())
        version = (await self._pbx.api("version")).split()
        self.name = " ".join(version[:3])

    async def _hear(self, client: Client) -> None:
        with contextlib.suppress(ConnectionError):  # the PBX was killed
            while (frame := await client.next(1e9)) is not None:
                if frame.kind == "text/event-json":
                    self._take(frame.event)

    def _take(self, event: dict[str, str]) -> None:
        at = int(event.get("Event-Date-Timestamp", "0")) / 1e6
        call = event.get("CC-Member-Session-UUID", "")
        match event.get("CC-Action"):
            case None if event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE":
                self.gone.setdefault(event["Unique-ID"], at)
            case "member-queue-start":
                self.entered.append(Entry(call, at))
            case "bridge-agent-start":
                phone = event["CC-Agent"].partition("@")[0]
                self.answered.append(Entry(call, at, phone))
                if (leg := self._legs.get(call)) is not None:
                    self._keep(self._talks(leg))

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
            await self._status(agent, "Logged Out")
        self.entered, self.answered, self.gone, self._legs = [], [], {}, {}

    async def dial(self) -> str:
        phone = CALLERS[len(self._legs) % len(CALLERS)]
        leg = self._pbx.phones[phone].dial(f"q-{QUEUE}", self._pbx.door(phone))
        channel = await self._pbx.channel(leg, f"q-{QUEUE}", 0)
        self._legs[channel] = leg
        return channel

    async def serve(self, agents: int, talk: float) -> None:
        self._talk = talk
        for agent in AGENTS[:agents]:
            self._pbx.on_ring(agent, ANSWERS)
            await self._status(agent, "Available")

    async def _status(self, agent: str, status: str) -> None:
        said = await self._pbx.api(
            f"callcenter_config agent set status {agent}@{DOMAIN} '{status}'"
        )
        assert said.startswith("+OK"), said

    async def hang_up_agent(self, call: str) -> None:
        phone = next(each.phone for each in self.answered if each.call == call)
        await self._pbx.hang_up(phone)

    async def channels(self) -> int:
        return len(await self._pbx.channels())

    async def restart(self) -> bool:
        command = os.environ.get(START, "")
        if not command:
            return False
        process = psutil.Process(self.pid)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait, 20)
        starts = await asyncio.create_subprocess_shell(command)
        await asyncio.wait_for(starts.wait(), UP_WITHIN)
        await self._pbx.again()
        await self._listen()
        return True
