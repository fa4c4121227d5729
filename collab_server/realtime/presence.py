"""Tell the backend who is there: in order for each session, off the event loop, bounded.

What counts is the latest: a participant who was away for a moment only is not reported at all, so
no more waits than there are participants.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from collab_server.realtime.journal import brief

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from collab_server.realtime.backend import Backend, Role

LOGGER = logging.getLogger("tandem.realtime")

_TRIES = 3
_RETRY = 0.2


class PresenceReporter:
    """Reports connects and disconnects. Only for the event loop's thread."""

    def __init__(self, backend: Backend, threads: Executor) -> None:
        self._backend = backend
        self._threads = threads
        self._reported: dict[str, set[tuple[Role, str]]] = {}
        self._wanted: dict[str, dict[tuple[Role, str], bool]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def set(self, session_id: str, role: Role, uri: str, here: bool) -> None:
        """Note that a participant is here, or is not."""
        self._wanted.setdefault(session_id, {})[role, uri] = here
        if session_id not in self._tasks:
            self._tasks[session_id] = asyncio.get_running_loop().create_task(
                self._report(session_id)
            )

    async def drain(self, seconds: float) -> None:
        """Wait until everything is reported, within a bounded time."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        for task in self._tasks.values():
            task.cancel()

    async def _report(self, session_id: str) -> None:
        try:
            wanted = self._wanted[session_id]
            reported = self._reported.setdefault(session_id, set())
            while wanted:
                (role, uri), here = next(iter(wanted.items()))
                del wanted[role, uri]
                if here == ((role, uri) in reported):
                    continue
                if await self._tell(session_id, role, uri, here):
                    (reported.add if here else reported.discard)((role, uri))
            if not reported:
                del self._reported[session_id]
        finally:
            del self._wanted[session_id]
            del self._tasks[session_id]

    async def _tell(self, session_id: str, role: Role, uri: str, here: bool) -> bool:
        call = self._backend.connected if here else self._backend.disconnected
        loop = asyncio.get_running_loop()
        for attempt in range(_TRIES):
            try:
                await loop.run_in_executor(self._threads, call, session_id, role, uri)
            except Exception as error:
                LOGGER.warning("presence in session %s not reported: %s", session_id, brief(error))
                await asyncio.sleep(_RETRY * (attempt + 1))
            else:
                return True
        return not here  # a disconnect nobody took is not kept for ever
