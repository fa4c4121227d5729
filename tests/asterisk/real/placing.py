"""A driver with a core behind it on a real Asterisk, which carries commands out."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.demo.asterisk import Asterisk
from connectors.model import CallReport, Command, Result
from connectors.runtime.attach import Attachment
from tests.asterisk.real.test_driver import Watcher, settings


def new_id() -> str:
    return str(uuid.uuid4())


class Connector(Watcher):
    """Like `Watcher`; and `do` carries a command out as the link does."""

    def __init__(self, pbx: Asterisk, user: str = "placing", **values: Any) -> None:
        given = {"agent_endpoints": (r"PJSIP/agent\d+",), "dial_context": "from-sip", **values}
        self.settings = settings(pbx, user, **given)
        super().__init__(self.settings)
        self._own: set[asyncio.Task[Any]] = set()

    def take(self, event: Any) -> None:
        super().take(event)
        for effect in self.core.effects():
            task = asyncio.ensure_future(self.driver.perform(effect))
            self._own.add(task)
            task.add_done_callback(self._own.discard)

    async def do(self, command: Command) -> Result:
        decided = self.core.command(command, time.time())
        if isinstance(decided, Result):
            return decided
        outcome = await self.driver.perform(decided)
        result = Result(command.id, outcome.status, outcome.detail)
        self.core.settled(result)
        return result

    async def queue(self, queue: str = "support", call: str = "", **args: Any) -> str:
        """Place a placeholder and give its id."""
        call = call or new_id()
        given = {"queue": queue, "type": "form", "user_uri": "web:7f3a", "name": "Ann Lee"}
        command = Command(call, "queue", call, {**given, "waited": 0, "wait": 60, **args})
        result = await self.do(command)
        assert result.status == "done", result
        return call

    async def hang_up(self, call: str) -> Result:
        return await self.do(Command(f"{call}-hangup", "hangup", call))

    async def reached(self, call: str, state: str, within: float = 15, **fields: Any) -> CallReport:
        """Wait until a call is reported so."""

        def is_so() -> bool:
            report = self.latest.get(call)
            return (
                report is not None
                and report.state.value == state
                and all(getattr(report, name) == value for name, value in fields.items())
            )

        try:
            await self.until(is_so, within)
        except TimeoutError:
            raise AssertionError(f"{self.latest.get(call)}") from None
        return self.latest[call]


@asynccontextmanager
async def attached(connector: Connector) -> AsyncIterator[Connector]:
    """It runs; at the end it is gone without a word, as a killed one is."""
    attachment = Attachment(connector.driver, connector.take, connector.ready.set)
    task = asyncio.create_task(attachment.run())
    ticking = asyncio.create_task(_tick(connector))
    try:
        async with asyncio.timeout(20):
            await connector.ready.wait()
        yield connector
    finally:
        for each in (task, ticking):
            each.cancel()
        await asyncio.wait({task, ticking})


async def _tick(connector: Connector) -> None:
    while True:
        await asyncio.sleep(0.1)
        reports = connector.core.idle(time.time())
        for report in reports:
            connector.latest[report.id] = report
        if reports:
            connector.news()
