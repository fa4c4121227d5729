"""Keeps one PBX attached: a session, and after it the next, with a pause that fits the reason."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connectors.model import LinkDown, PbxEvent
from connectors.runtime.backoff import waits
from connectors.runtime.driver import Driver, PbxError, RefusedError
from connectors.runtime.trouble import Trouble

log = logging.getLogger(__name__)

CEILING = 10.0
AT_ONCE = 0.5
"""Seconds at most before a session that was lost is taken up again."""


class Attachment:
    """Runs a driver's sessions for ever."""

    def __init__(
        self,
        driver: Driver,
        on_event: Callable[[PbxEvent], None],
        on_ready: Callable[[], None],
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """`on_ready` is called behind the first snapshot of each session, `on_trouble` with the
        reason after each attempt that did not get as far."""
        self._driver = driver
        self._on_event = on_event
        self._on_ready = on_ready
        self._on_trouble = on_trouble
        self._trouble = Trouble(log)
        self._session: asyncio.Task[str] | None = None
        self._anew = False
        """The session that is under way was to end for the next."""

    def again(self) -> None:
        """Begin the session anew, for a fresh look at all that stands."""
        if self._session is not None and not self._session.done():
            self._anew = True
            self._session.cancel()

    async def run(self) -> None:
        """Keep attached until cancelled."""
        while True:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(PbxError),
                wait=waits(CEILING, lambda error: isinstance(error, RefusedError)),
                before_sleep=self._say,
            ):
                with attempt:
                    why = await self._one()
            if why is None:
                continue
            log.warning("%s: %s; connecting again", self._driver.title, why)
            self._on_event(LinkDown(why))
            await asyncio.sleep(random.uniform(0, AT_ONCE))  # noqa: S311 - jitter

    async def _one(self) -> str | None:
        """One session; why it ended, None: it was to."""
        self._session = asyncio.ensure_future(self._driver.session(self._on_event, self._ready))
        task = asyncio.current_task()
        try:
            return await self._session
        except asyncio.CancelledError:
            if not self._anew or (task is not None and task.cancelling()):
                raise
            return None
        finally:
            self._anew = False

    def _ready(self) -> None:
        self._trouble.over()
        self._on_ready()

    def _say(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0
        line = f"{error} (trying again, now after {pause:.0f} s)"
        self._trouble.say(logging.ERROR, error, line)
        if self._on_trouble is not None:
            self._on_trouble(str(error))
