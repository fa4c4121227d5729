"""Runs the parts of a process: none ends unseen, one that keeps crashing ends them all."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger(__name__)

CRASHES = 5
"""Crashes of one part within `SPAN` after which the process ends."""
SPAN = 60.0
PAUSE = 0.5


class PartFailedError(Exception):
    """A part crashed too often; the message is one line."""


async def supervise(parts: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
    """Run all parts, each for ever, until cancelled. Raises `PartFailedError`."""
    try:
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(_keep_running(name, part), name=name)
    except* PartFailedError as failed:
        raise PartFailedError(str(failed.exceptions[0])) from None


async def _keep_running(name: str, part: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    crashes: deque[float] = deque(maxlen=CRASHES)
    while True:
        try:
            await part()
            what = "it ended"
        except Exception as error:
            log.exception("%s crashed", name)
            what = f"{type(error).__name__}: {error}"
        now = loop.time()
        crashes.append(now)
        if len(crashes) == CRASHES and now - crashes[0] < SPAN:
            raise PartFailedError(f"{name} crashed {CRASHES} times within {SPAN:g} s ({what})")
        log.error("%s is started again", name)
        await asyncio.sleep(PAUSE)
