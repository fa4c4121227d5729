"""The link: commands from the collaboration server, carried out once, answered by a result."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connectors.application import Application
from connectors.marks import shown
from connectors.model import Command, DialBoth, Effect, Result, SendMessage, Why
from connectors.runtime.backoff import waits
from connectors.runtime.codec import CommandError, command_of, lease_of, withdrawn_of
from connectors.runtime.driver import Driver
from connectors.runtime.http import why
from connectors.runtime.lease import Lease
from connectors.runtime.outbox import Outbox
from connectors.runtime.trouble import Trouble

log = logging.getLogger(__name__)

HEARTBEAT = 5.0
"""Seconds between pings; aiohttp gives up half as long after one without a pong."""
CONNECT_TIMEOUT = 10.0
FRAME_LIMIT = 256 * 1024
CEILING = 5.0
QUEUE_LIMIT = 1000
WORKERS = 8
"""Commands carried out at a time: one that Asterisk sits on does not hold up the others."""
IN_TURN = ("queue", "pause")
"""Kinds of commands of which one is carried out after the other, beside all others: a placeholder
is in line before the next one is made, and an agent is paused and let work as it was asked."""
LASTING = ("hangup", "pause")
"""Kinds of commands that wait for the PBX as long as they are good for anything, beside all others:
whom nobody lets work again is offered no call any more, and what nobody ends stays."""
AT_MOST_ONCE = (SendMessage, DialBoth)
"""Effects of which the PBX cannot tell whether they have happened. All others say by themselves
that there is nothing left to do, so a new process may try them again."""
ATTEMPTS = 3
AGAIN = 1.0
"""Seconds before the next attempt; a connection that has just broken is known to be by then."""
EFFECTS_LIMIT = 1000
"""Effects the core itself wants that wait to be carried out."""
UNSAID = 3.0
"""Seconds the server may take to say who serves the PBX, before what the core wants is done."""
FINISH = 0.5
"""Seconds that what has begun may yet take when the connector stops."""
PATIENCE = 30.0
"""Seconds a command waits for the PBX to be back, if it is not worth less, or is `LASTING`."""


class LinkError(Exception):
    """The link could not be made, or ended; the message is one line."""

    def __init__(self, what: str, *, permanent: bool = False) -> None:
        super().__init__(what)
        self.permanent = permanent


class Commands:
    """Carries commands out, each at most once."""

    def __init__(
        self,
        application: Application,
        driver: Driver,
        outbox: Outbox,
        synced: asyncio.Event,
        lease: Lease,
    ) -> None:
        """`synced` is set once the core knows what stands on the PBX."""
        self._lease = lease
        self._application = application
        self._driver = driver
        self._outbox = outbox
        self._synced = synced
        self._queue: asyncio.Queue[Command] = asyncio.Queue(QUEUE_LIMIT)
        self._apart = {kind: asyncio.Queue[Command](QUEUE_LIMIT) for kind in (*IN_TURN, *LASTING)}
        self._taken: dict[str, int | None] = {}
        """Commands that wait or are under way, each with the epoch of the lease under which it was
        handed down last."""
        self._finishing = False
        self._done = asyncio.Event()
        """Set whenever a command is done with."""
        self._unwanted: set[str] = set()
        """Those of them that the server has withdrawn since."""
        self._own: asyncio.Queue[Effect] = asyncio.Queue(EFFECTS_LIMIT)
        self._unsaid = False
        """The server has not said for long who serves the PBX."""

    def serve(self, application: Application) -> None:
        """Decide by another core from now on."""
        self._application = application

    def want(self, effects: Iterable[Effect]) -> None:
        """What the core wants done beside the server's commands."""
        for effect in effects:
            if self._own.full():
                log.warning("too many effects at once; %s is left out", effect)
                return
            self._own.put_nowait(effect)

    async def finish(self) -> None:
        """Take no more commands, and let those that have begun come to their end; bounded."""
        self._finishing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH):
                while self._taken:
                    self._done.clear()
                    await self._done.wait()
                await self._own.join()

    def take(self, text: str) -> None:
        """One frame of the link."""
        if self._finishing:
            return
        try:
            said = json.loads(text)
            if (unwanted := withdrawn_of(said)) is not None:
                if unwanted in self._taken:
                    self._unwanted.add(unwanted)
                return
            command, epoch = command_of(said, time.time()), lease_of(said)
        except CommandError as error:
            log.warning("a command that cannot be understood: %s", error)
            if error.id is not None:
                self._outbox.put_result(Result(error.id, "failed", Why.MALFORMED.says(str(error))))
            return
        except (ValueError, RecursionError):
            log.warning("the link brought what is not JSON, or no end of lists in lists")
            return
        known = self._outbox.result_of(command.id)
        if known is not None and not (command.kind == "queue" and known.status == "failed"):
            self._outbox.put_result(known)
        elif command.id in self._taken:
            self._taken[command.id] = epoch
            self._unwanted.discard(command.id)  # asked for anew
        elif not self._outbox.under_way(command.id):
            queue = self._apart.get(command.kind, self._queue)
            if queue.full():
                log.warning("too many commands at once; %s waits for the next link", command.id)
                return
            self._taken[command.id] = epoch
            queue.put_nowait(command)

    async def run(self) -> None:
        """Carry out what was taken, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(WORKERS):
                group.create_task(self._work(self._queue), name=f"commands {number}")
            for kind, queue in self._apart.items():
                for number in range(1 if kind in IN_TURN else WORKERS):
                    group.create_task(self._work(queue), name=f"commands {kind} {number}")
            group.create_task(self._clear_up(), name="the core's own effects")

    async def _clear_up(self) -> None:
        while True:
            effect = await self._own.get()
            try:
                if await self._serves():  # else whoever does has seen the same, and more
                    await self._do(effect)
            except Exception:
                log.exception("%s could not be carried out", effect)
            finally:
                self._own.task_done()

    async def _serves(self) -> bool:
        """Whether this connector serves the PBX. One that has stood still hears so within seconds;
        where the server says nothing, it has given the PBX to nobody else."""
        if self._lease.allows(None):
            self._unsaid = False
        elif not self._unsaid:
            try:
                async with asyncio.timeout(UNSAID):
                    return await self._lease.allowed(None)
            except TimeoutError:
                self._unsaid = True
        return self._lease.held

    async def _do(self, effect: Effect) -> None:
        """What the core wants; each such effect may be tried again."""
        for attempt in range(1, ATTEMPTS + 1):
            outcome = await self._driver.perform(effect)
            if outcome.status != "unknown" or attempt == ATTEMPTS:
                break
            await asyncio.sleep(AGAIN)
        if outcome.status != "done":
            detail = shown(outcome.detail, 300)
            log.warning("%s: %s (%s)", effect, outcome.status, detail)

    async def _work(self, queue: asyncio.Queue[Command]) -> None:
        while True:
            command = await queue.get()
            try:
                result = await self._carry_out(command)
            except Exception:
                log.exception("command %s could not be carried out", command.id)
                result = Result(command.id, "unknown", Why.FAULT.says("an error in the connector"))
            finally:
                del self._taken[command.id]
                self._unwanted.discard(command.id)
                self._done.set()
            if result is None:
                log.info("command %s is left to the connector that serves the PBX", command.id)
                continue
            level = logging.DEBUG if result.status == "done" else logging.WARNING
            detail = shown(result.detail, 300)
            log.log(level, "%s %s: %s %s", command.kind, command.id, result.status, detail)
            self._outbox.put_result(result)

    async def _carry_out(self, command: Command) -> Result | None:
        """Its result; None where nothing was done since another connector has the lease.

        An effect of which nobody knows whether it happened is decided and tried again, where that
        is harmless: what stands on the PBX by then says whether there is anything to do.
        """
        result: Result | None = None
        for attempt in range(1, ATTEMPTS + 1):
            while True:
                if not await self._reachable(command):
                    away = Why.PBX_AWAY.says("the PBX cannot be reached")
                    return Result(command.id, "failed", away)
                try:
                    async with asyncio.timeout(_patience(command)):
                        if not await self._may_begin(command.id):
                            return None
                except TimeoutError:
                    why = Why.FAULT.says("the server did not say who serves the PBX")
                    return Result(command.id, "failed", why)
                if self._synced.is_set():
                    break  # else it is being taken over
            if command.id in self._unwanted:
                withdrawn = Why.TOO_LATE.says("withdrawn before it was begun")
                return result or Result(command.id, "failed", withdrawn)
            decided = self._application.command(command, time.time())
            if isinstance(decided, Result):
                return decided
            result = await self._try(command, decided)
            self._application.settled(result or Result(command.id, "failed", "not begun"))
            if result is None or result.status != "unknown" or isinstance(decided, AT_MOST_ONCE):
                return result
            if attempt < ATTEMPTS:
                await asyncio.sleep(AGAIN)
        return result

    async def _reachable(self, command: Command) -> bool:
        if self._synced.is_set():
            return True
        try:
            async with asyncio.timeout(_patience(command)):
                await self._synced.wait()
        except TimeoutError:
            return False
        return True

    async def _try(self, command: Command, effect: Effect) -> Result | None:
        if isinstance(effect, AT_MOST_ONCE):
            try:
                await self._outbox.attempting(command.id)
            except sqlite3.Error as error:
                why = Why.FAULT.says(f"not sent, the outbox cannot be written: {error}")
                return Result(command.id, "failed", why)
        if not self._lease.allows(self._taken[command.id]):
            self._outbox.forget(command.id)
            return None
        outcome = await self._driver.perform(effect)
        return Result(command.id, outcome.status, outcome.detail)

    async def _may_begin(self, command: str) -> bool:
        """Wait until the lease allows it; False: it is another connector's."""
        while True:
            epoch = self._taken[command]
            if await self._lease.allowed(epoch):
                return True
            if self._taken[command] == epoch:  # else it was handed down again under a later one
                return False


def _patience(command: Command) -> float:
    """Seconds a command may yet wait for whatever it needs."""
    if command.expires is None:
        return PATIENCE
    left = max(0.0, command.expires - time.time())
    return left if command.kind in LASTING else min(left, PATIENCE)


class Link:
    """The web socket ``/v1/pbx/{name}/link``, made again whenever it ends."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        server: str,
        pbx: str,
        instance: str,
        on_text: Callable[[str], None],
        on_open: Callable[[], None],
    ) -> None:
        """`instance` is what the connector calls itself."""
        self._headers = {"Tandem-Connector": instance}
        self._http = http
        self._url = f"{server}/v1/pbx/{pbx}/link"
        self._server = server
        self._on_text = on_text
        self._on_open = on_open
        self._trouble = Trouble(log)

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        while True:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(LinkError),
                wait=waits(CEILING, lambda error: getattr(error, "permanent", False)),
                before_sleep=self._say,
            ):
                with attempt:
                    await self._once()

    async def _once(self) -> None:
        """One link. Returns when a link that was up ends; raises `LinkError` otherwise."""
        began = asyncio.get_running_loop().time()
        try:
            async with (
                asyncio.timeout(CONNECT_TIMEOUT) as limit,
                self._http.ws_connect(
                    self._url,
                    heartbeat=HEARTBEAT,
                    max_msg_size=FRAME_LIMIT,
                    headers=self._headers,
                ) as socket,
            ):
                limit.reschedule(None)
                log.info("%s: the link for commands is up", self._server)
                self._trouble.over()
                self._on_open()
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        self._on_text(message.data)
        except aiohttp.WSServerHandshakeError as error:
            permanent = error.status in (401, 403, 404)
            raise LinkError(f"the link is refused: {error.status}", permanent=permanent) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise LinkError(f"no link for commands ({why(error)})") from None
        log.info("%s: the link ended (%s)", self._server, socket.close_code)
        if asyncio.get_running_loop().time() - began < CEILING:
            raise LinkError("the link ends as soon as it is up")

    def _say(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._trouble.say(logging.WARNING, error, f"{self._server}: {error}")
