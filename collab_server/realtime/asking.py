"""Questions to the backend, which blocks: each in a thread, so many at a time, with a bound."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from collab_server.realtime.backend import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from collab_server.realtime.limits import Limits

LOGGER = logging.getLogger("tandem.realtime")

T = TypeVar("T")

LATER = Refusal(503, "The server is busy. Try again in a moment.")


class Asker:
    """Only for the event loop's thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads: ThreadPoolExecutor
        self._asking = 0

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._threads = ThreadPoolExecutor(8, "tandem-realtime")

    def stop(self) -> None:
        """Ask nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, work: Callable[[], T]) -> T | Refusal:
        """Ask the backend in a thread; a fault, too many questions or no answer is a 503."""
        if self._asking >= self._limits.admissions:
            return LATER
        self._asking += 1
        try:
            return await asyncio.wait_for(self._in_thread(work), self._limits.backend)
        except TimeoutError:
            LOGGER.warning("the backend gave no answer within %s s", self._limits.backend)
        except Exception:
            LOGGER.exception("the backend failed")
        finally:
            self._asking -= 1
        return LATER

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
