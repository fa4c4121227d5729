"""A connector's driver and core beside a PBX, given commands as the link gives them."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from connectors.application import Application
from connectors.model import Command, LegDown, LegUp, Result
from connectors.runtime.attach import Attachment
from connectors.runtime.connector import core_settings, driver_for
from connectors.simulator import Rings
from tests.behaviour.pbx import TELEPHONES
from tests.e2e.world import DOMAIN, until
from tests.runtime.settings_for import settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from connectors.model import CallReport, LegId, PbxEvent
    from tests.behaviour.pbx import Places

LOOK = 0.02
RINGS_ON = Rings(answer_after=None)


class Placing:
    """A connector without a server. `latest` is what it has reported last of each call."""

    def __init__(self, pbx: Places, known: Iterable[CallReport] = (), **values: Any) -> None:
        """`known`: what an earlier one had written down; `values`: more of its settings."""
        user, secret = pbx.placer
        self.pbx: Any = pbx
        given = {
            "kind": pbx.kind,
            "username": user,
            "secret": secret,
            "domain": DOMAIN,
            "agent_endpoints": (pbx.agent_endpoints,),
            "dial_context": pbx.dial_context,
            "max_placeholders": 3,
        }
        settings = settings_for(pbx.port, **{**given, **values})
        self.driver = driver_for(settings)
        self.core = Application(core_settings(settings))
        self.core.restore(known)
        self.latest: dict[str, CallReport] = {}
        self.ready = asyncio.Event()
        self._up: set[LegId] = set()
        self._own: set[asyncio.Task[Any]] = set()

    def take(self, event: PbxEvent) -> None:
        """What the PBX says."""
        if isinstance(event, LegUp):
            self._up.add(event.leg)
        elif isinstance(event, LegDown):
            self._up.discard(event.leg)
        self._report(self.core.handle(event, time.time()))

    def tick(self) -> None:
        """Some time has passed."""
        self._report(self.core.idle(time.time()))

    def _report(self, reports: Iterable[CallReport]) -> None:
        for report in reports:
            self.latest[report.id] = report
        for effect in self.core.effects():
            task = asyncio.ensure_future(self.driver.perform(effect))
            self._own.add(task)
            task.add_done_callback(self._own.discard)

    async def do(self, kind: str, call: str, **args: Any) -> Result:
        """A command; the id of those that place a call is the call's."""
        command_id = call if kind in ("queue", "dial") else f"{call}-{kind}"
        decided = self.core.command(Command(command_id, kind, call, args), time.time())
        if isinstance(decided, Result):
            return decided
        outcome = await self.driver.perform(decided)
        result = Result(command_id, outcome.status, outcome.detail)
        self.core.settled(result)
        return result

    async def queue(self, queue: str = "support", **args: Any) -> str:
        """A placeholder stands in a queue; its id."""
        call = str(uuid.uuid4())
        given = {"type": "form", "user_uri": "web:7f3a", "name": "Ann Lee", "waited": 0, "wait": 60}
        name = self.pbx.support.replace("support", queue)
        result = await self.do("queue", call, **{**given, "queue": name, **args})
        assert result.status == "done", result
        return call

    async def call(self, call: str, **fields: Any) -> CallReport:
        """What is reported of a call, once its members are as `fields`."""

        async def look() -> tuple[bool, Any]:
            report = self.latest.get(call)
            fits = report is not None and all(
                (getattr(report, name).value if name == "state" else getattr(report, name)) == value
                for name, value in fields.items()
            )
            return fits, report

        await until(look, f"{fields} of {call}", again=LOOK)
        return self.latest[call]

    async def bridged(self, call: str) -> None:
        """Wait until the agent who answered is in one bridge with the placeholder. A queue says
        who has answered a moment before that, in which nobody hangs up yet."""

        async def look() -> tuple[bool, Any]:
            bridge = self.core.cti.legs[call].bridge
            return bridge is not None, bridge

        await until(look, f"the bridge of {call}", again=LOOK)

    async def settled(self) -> None:
        """Wait until what the core wanted is done."""
        while self._own:
            await asyncio.wait(self._own)

    async def re_anchored(self, call: str) -> CallReport:
        """The same, once the user's own telephone stands for the user."""

        async def look() -> tuple[bool, Any]:
            return bool(self.latest[call].aliases), self.latest[call]

        await until(look, f"the user's telephone of {call}", again=LOOK)
        return self.latest[call]

    async def nothing_stands(self) -> None:
        """Wait until no channel is left on the PBX, and the connector has heard of it and done
        what follows."""

        async def look() -> tuple[bool, Any]:
            left = await self.pbx.channels() or self._up
            return not left, left

        await until(look, "the end of all channels", again=LOOK)
        await self.settled()


@asynccontextmanager
async def placing(
    pbx: Places, known: Iterable[CallReport] = (), **values: Any
) -> AsyncIterator[Placing]:
    """It runs; at the end it is gone without a word, as a killed one is."""
    connector = Placing(pbx, known, **values)
    for phone in TELEPHONES:
        pbx.on_ring(phone, RINGS_ON)
    attachment = Attachment(connector.driver, connector.take, connector.ready.set)
    tasks = {asyncio.create_task(attachment.run()), asyncio.create_task(_tick(connector))}
    try:
        async with asyncio.timeout(20):
            await connector.ready.wait()
        yield connector
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _tick(connector: Placing) -> None:
    while True:
        await asyncio.sleep(0.1)
        connector.tick()
