"""Reports to the collaboration server: one request in flight, carrying all that is pending."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connectors.runtime.backoff import Pause, gathering, waits
from connectors.runtime.codec import encoded
from connectors.runtime.entries import Batch
from connectors.runtime.http import read, why
from connectors.runtime.lease import KNOWN, Lease
from connectors.runtime.outbox import BATCH_CALLS, Outbox
from connectors.runtime.standing import Standing
from connectors.runtime.trouble import Trouble

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
CEILING = 5.0
"""Longest pause, in seconds, before a server that was down is tried again."""
GATHER_LEAST, GATHER_LIMIT = 0.01, 0.08
"""Seconds between two reports, and under load."""
RETRY_AFTER_LIMIT = 300.0
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer."""
LEAVE_TIMEOUT = 2.0
"""Seconds the last report may take; without it the lease lapses by itself."""


class ReportError(Exception):
    """A report that did not get through; the message is one line."""

    def __init__(self, what: str, *, permanent: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(what)
        self.permanent = permanent
        self.retry_after = retry_after


class Reporter:
    """Posts the outbox to ``/v1/pbx/{name}/reports`` for ever."""

    def __init__(
        self,
        outbox: Outbox,
        http: aiohttp.ClientSession,
        server: str,
        pbx: str,
        lease: Lease,
        on_taken: Callable[[], None],
        take_over: Callable[[], Awaitable[None]],
    ) -> None:
        """`http` carries the PBX key in its headers. When the lease has come from another connector
        `on_taken` is called at once, and `take_over` before the next report, until it does not
        raise `ReportError`."""
        self._outbox = outbox
        self._lease = lease
        self._on_taken = on_taken
        self._take_over_from = take_over
        self._taken = False
        """The lease has come from another connector, whose place is yet to be taken."""
        self._due = False
        """A report is due even with nothing to say."""
        self._http = http
        self._url = f"{server}/v1/pbx/{pbx}/reports"
        self._server, self._pbx = server, pbx
        self._snapshot_due = False
        self._probing = False
        """The server refused a snapshot's body: find the call it refuses, bit by bit."""
        self._probed = False
        """That was done since the last snapshot that got through."""
        self.standing: Standing | None = None
        """With the PBX; None until the first attempt to connect has come to something."""
        self._told: Standing | None = None
        """What the server knows of it."""
        self._limit = BATCH_CALLS
        self._pause = Pause()
        self._trouble = Trouble(log)
        self._greeted = False
        self.asked = False
        """The server has said whose the lease is and was; nothing is reported before."""

    def snapshot(self) -> None:
        """The next report is to list every call that stands."""
        self._snapshot_due = True
        self._outbox.changed.set()

    def stands(self, standing: Standing) -> None:
        """How the connector stands with its PBX: in every report, and in one of its own when it
        is news."""
        self.standing = standing
        if standing != self._told:
            self._outbox.changed.set()

    def repeat(self) -> None:
        """The server may have forgotten how the connector stands with its PBX."""
        self._told = None
        self._outbox.changed.set()

    def hurry(self) -> None:
        """The server is reachable again: do not wait for the next attempt."""
        if self._trouble:
            self._pause.cut_short()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._something_due()
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(ReportError),
                wait=waits(CEILING, lambda error: getattr(error, "permanent", False)),
                sleep=self._pause.sleep,
                before_sleep=self._say,
            ):
                with attempt:
                    calls = await self._report()
                    await asyncio.sleep(gathering(calls, GATHER_LEAST, GATHER_LIMIT))

    async def leave(self) -> None:
        """Say what is left to say, and leave the PBX to the connector that stands by; bounded.

        Only once nothing is carried out any more, and `Outbox.interrupted` was called: the server
        hands what it has no result of to the other one.
        """
        if self._lease.epoch is None or not self._lease.held:
            return
        batch = self._outbox.batch(snapshot=False) or self._outbox.results_only()
        batch.body["leaving"] = True
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await self._post(batch)
        except (ReportError, TimeoutError) as error:
            what = str(error) or "no answer in time"
            log.warning("%s was not told that this connector leaves (%s)", self._server, what)
            return
        self._outbox.accepted(batch)

    async def _something_due(self) -> None:
        """Until there is something to say, or the lease is to be renewed or asked for."""
        pause = self._lease.pause
        if not self._lease.held:
            await asyncio.sleep(pause or 0.0)  # whatever there is to say, nobody listens
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._outbox.changed.wait()
                return
        self._due = True

    async def _report(self) -> int:
        """One report, if there is anything to say: the newest of what is pending right now.
        Returns how many calls it carried."""
        if not self._lease.held or not self.asked:
            return await self._ask()
        if self._taken:
            await self._take_over()
        snapshot = self._snapshot_due and not self._probing
        batch = self._outbox.batch(snapshot=snapshot, limit=self._limit)
        standing = self.standing
        if batch is None:
            self._probing = False
            if self._snapshot_due:
                self._outbox.changed.set()
                return 0
            if standing == self._told and not self._due:
                return 0
            batch = self._outbox.results_only()
        if standing is not None:
            batch.body["pbx"] = standing.body()
        if snapshot:
            self._snapshot_due = False
        self._told = standing
        try:
            await self._post(batch)
        except BaseException:
            self._snapshot_due = self._snapshot_due or snapshot
            self._told = None
            raise
        self._due = False
        if not self._lease.held:
            return 0
        self._outbox.accepted(batch)
        self._outbox.held(self._lease.epoch)
        self._probed = self._probed and not snapshot
        self._limit = BATCH_CALLS if not self._probing else min(BATCH_CALLS, self._limit * 2)
        self._well()
        return len(batch.sent)

    async def _ask(self) -> int:
        """Stand by, as everybody does first: say what became of commands, and see whether the
        lease is to be had, and whose it was."""
        batch = self._outbox.results_only()
        if self.standing is not None:
            batch.body["pbx"] = self.standing.body()
        await self._post(batch)
        self._outbox.accepted(batch)
        self._well()
        self.asked = True
        if not self._lease.held:
            self._outbox.let_go(time.time() - KNOWN)
        return 0

    async def _take_over(self) -> None:
        """Say all there is: what another reported under an earlier lease counts as older."""
        self._snapshot_due = False  # it is due behind the next look at what stands
        await self._take_over_from()
        self._taken = False
        self._told = None
        self._outbox.all_pending()

    async def _post(self, batch: Batch) -> None:
        """Post a report, and take in what its answer says of the lease."""
        asked = self._lease.clock()
        body = encoded(batch.body)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._http.post(
                self._url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                if response.status == 200:
                    answer = await read(response, ANSWER_LIMIT)
                    log.debug("reported %d calls, %d bytes", len(batch.sent), len(body))
                    if self._lease.answered(_lease_in(answer), asked):
                        self._taken = True
                        self._outbox.changed.set()
                        self._on_taken()
                    return
                problem = await _problem(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReportError(f"the server cannot be reached ({why(error)})") from None
        except ValueError as error:
            raise ReportError(f"the server cannot be understood: {error}") from None
        status = response.status
        if status in (413, 422):
            self._refused(batch, problem)
        if status == 429 or status >= 500:
            raise ReportError(f"the server answers {problem}", retry_after=_after(response))
        mend = f" (pbx.{self._pbx}.key, here and at the server)" if status in (401, 403) else ""
        raise ReportError(f"the server refuses reports: {problem}{mend}", permanent=True)

    def _refused(self, batch: Batch, problem: str) -> None:
        """The server does not take this body, whoever sends it: narrow it down to one call and
        go on without that one. Raises `ReportError` to have the rest tried at once."""
        if batch.body["snapshot"]:
            if self._probed or not batch.sent:
                return
            self._probing = self._probed = True
            self._outbox.all_pending()
        elif len(batch.sent) == 1:
            (call,) = batch.sent
            self._outbox.set_aside(call)
            log.error("the server refuses call %s for good: %s", call, problem)
            self._limit = BATCH_CALLS
        elif batch.sent:
            self._limit = max(1, min(self._limit, len(batch.sent)) // 2)
        else:
            return
        raise ReportError(f"the server refuses part of a report: {problem}")

    def _say(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        level = logging.ERROR if getattr(error, "permanent", False) else logging.WARNING
        self._trouble.say(level, error, f"{self._server}: {error}; {self._kept()}")

    def _kept(self) -> str:
        dropped = self._outbox.dropped
        return "calls are kept" + (f", {dropped} dropped so far" if dropped else "")

    def _well(self) -> None:
        if self._trouble or not self._greeted:
            log.info("%s takes reports", self._server)
        self._trouble.over()
        self._greeted = True


def _lease_in(answer: bytes) -> object:
    """`lease` of an answer; None where there is none."""
    try:
        said = orjson.loads(answer)
    except ValueError:
        return None
    return said.get("lease") if isinstance(said, dict) else None


async def _problem(response: aiohttp.ClientResponse) -> str:
    """``401 title: detail`` of a problem+json answer, or the bare status."""
    said: Any = {}
    with contextlib.suppress(aiohttp.ClientError, ValueError):
        said = orjson.loads(await response.content.read(8192))
    parts = [said.get("title"), said.get("detail")] if isinstance(said, dict) else []
    text = ": ".join(part for part in parts if isinstance(part, str))
    text = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text))[:300]
    return f"{response.status} {text or response.reason or ''}".strip()


def _after(response: aiohttp.ClientResponse) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), RETRY_AFTER_LIMIT) if value.isascii() and value.isdigit() else 0.0
