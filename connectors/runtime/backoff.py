"""How long to wait before the next attempt: jittered, and slowly for what will not mend itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tenacity import RetryCallState, wait_random_exponential

SLOW = 30.0
"""Seconds, give or take a fifth, between attempts that need an administrator first."""
GATHER_EACH = 0.002
"""Seconds a call; see `gathering`."""


def waits(
    ceiling: float, slow: Callable[[BaseException], bool]
) -> Callable[[RetryCallState], float]:
    """A tenacity wait: random up to an exponentially growing limit, at most `ceiling` s.

    An error that `slow` recognises is retried every `SLOW` s; one with a positive attribute
    ``retry_after`` (s) not before that.
    """
    quick = wait_random_exponential(multiplier=0.25, max=ceiling)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if error is not None and slow(error):
            return random.uniform(0.8, 1.2) * SLOW  # noqa: S311 - jitter
        after: float = getattr(error, "retry_after", 0.0)
        return max(after, 0.05, quick(state))

    return wait


class Pause:
    """A sleep that can be cut short."""

    def __init__(self) -> None:
        self._now = asyncio.Event()

    def cut_short(self) -> None:
        """Whoever sleeps, and the next to sleep, goes on at once."""
        self._now.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` or until `cut_short`."""
        try:
            async with asyncio.timeout(seconds):
                await self._now.wait()
        except TimeoutError:
            return
        finally:
            self._now.clear()


def gathering(calls: int, least: float, limit: float) -> float:
    """Seconds to pause behind a report or a write that carried so many calls. Each costs more than
    the calls in it, so there are fewer and fuller ones; who comes alone waits for none."""
    return min(least + calls * GATHER_EACH, limit) if calls else 0.0
