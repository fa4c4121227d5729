"""An Asterisk driver attached to a double, its events recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from connectors.asterisk.driver import AsteriskDriver
from connectors.runtime.attach import Attachment
from tests.runtime.ami_double import AmiDouble
from tests.runtime.settings_for import settings_for


@asynccontextmanager
async def attached(
    pbx: AmiDouble, **values: Any
) -> AsyncIterator[tuple[list[Any], Callable[[], Awaitable[None]]]]:
    """Events so far, and a wait for the next snapshot or live event behind what is there now."""
    events: list[Any] = []
    arrived = asyncio.Event()
    ready = asyncio.Event()

    def take(event: Any) -> None:
        events.append(event)
        arrived.set()

    async def again() -> None:
        """Until another event has come that is not the end of the link."""
        seen = len(events)
        async with asyncio.timeout(15):
            while not any(type(e).__name__ != "LinkDown" for e in events[seen:]):
                arrived.clear()
                await arrived.wait()

    attachment = Attachment(AsteriskDriver(settings_for(pbx.port, **values)), take, ready.set)
    task = asyncio.create_task(attachment.run())
    try:
        async with asyncio.timeout(15):
            await ready.wait()
        yield events, again
    finally:
        task.cancel()
        await asyncio.wait({task})
