"""One ESL connection: connect, log in, subscribe, ask, notice that the other side is dead."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, Self

from connectors.freeswitch import events
from connectors.freeswitch.hub import Handover, the_hub
from connectors.freeswitch.protocol import Answer, Ended, EslProtocol, Item
from connectors.freeswitch.wire import Event, Frame, event_of
from connectors.runtime.driver import (
    ActionError,
    PbxError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from connectors.settings import PbxSettings

log = logging.getLogger(__name__)

OPEN_TIMEOUT = 15.0
"""Seconds for connecting and the log-in; the hub's thread, if it lives, gives up before."""
ACTION_TIMEOUT = 5.0
JOB_TIMEOUT = 15.0
CLOSE_TIMEOUT = 2.0
PING = "uuid_exists 00000000-0000-0000-0000-000000000000"
"""What FreeSWITCH answers at least cost: one look into a table."""
PING_EVERY = 4.0
SILENCE_LIMIT = 9.0
"""Seconds without a byte, pings included, after which the peer is dead."""
PINGS_LOST = 4
"""Pings in a row, during which nothing at all is answered, after which a peer that still sends
events is dead too. One that is slow still answers what was asked ahead of the ping."""
UNANSWERED_LIMIT = 1000
"""Commands that may wait for their reply at one time."""
HANDOVER_LIMIT = 32 * 1024 * 1024
"""Bytes of events that wait while the loop stands still; past it the connection is given up."""

OWN_EVENTS = ("BACKGROUND_JOB", "HEARTBEAT")
"""What the connection itself lives on."""


class Esl:
    """A logged-in connection. Ends by itself when the peer does; `ended` then says why."""

    def __init__(self, settings: PbxSettings, on_event: Callable[[Event], None]) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.core = ""
        """FreeSWITCH's ``Core-UUID``, as the last result of a `bgapi` had it; '' until then."""
        self.broken_events = 0
        """Events that could not be read or handled."""
        self._settings = settings
        self._on_event = on_event
        self._opened: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        """Set when the socket is closed."""
        self._waiting: set[asyncio.Future[Frame]] = set()
        self._unanswered = 0
        self._answers = 0
        self._jobs: dict[str, asyncio.Future[str]] = {}
        self._handover: Handover[Item] = Handover(loop, self._take, HANDOVER_LIMIT)
        self._hub = the_hub()
        self._protocol: EslProtocol | None = None
        """Made and used in the hub's thread; only `heard` is read from here."""
        self._keepalive: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, settings: PbxSettings, on_event: Callable[[Event], None]) -> Self:
        """Connect, log in, subscribe. Raises `UnreachableError` or `RefusedError`."""
        if settings.tls:
            raise RefusedError(
                f"pbx.{settings.name}.tls: FreeSWITCH's event socket has no TLS; run the connector"
                " on the same machine, or reach it through a tunnel"
            )
        esl = cls(settings, on_event)
        esl._hub.call(esl._start, [*OWN_EVENTS, *events.EVENTS])
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                await esl._opened
            await esl._ask(events.subscription(*OWN_EVENTS))
            await esl._narrow()
        except ActionError as error:
            await esl.close()
            raise RefusedError(f"{_where(settings)}: events are refused ({error})") from None
        except UnansweredError as error:
            await esl.close()
            raise UnreachableError(f"{_where(settings)}: {error}") from None
        except TimeoutError:
            await esl.close()
            raise UnreachableError(
                f"{_where(settings)}: the connector's own thread hangs"
            ) from None
        except BaseException:
            await esl.close()
            raise
        esl._keepalive = asyncio.create_task(esl._keep_alive(), name="ESL keepalive")
        return esl

    async def api(self, command: str, within: float = ACTION_TIMEOUT) -> str:
        """What an API command answers, within seconds. FreeSWITCH runs it at once and sends this
        connection nothing else meanwhile: for whatever may take long there is `bgapi`.

        Raises `ActionError` before anything is sent if it is not one line, or for an answer that
        starts with ``-ERR`` or ``-USAGE``; `UnansweredError` if none comes in time.
        """
        _check(command)
        return _good(command, (await self._ask(f"api {command}", within)).text)

    async def bgapi(self, command: str, within: float = JOB_TIMEOUT) -> str:
        """What an API command answers that FreeSWITCH runs beside the rest; raises like `api`."""
        _check(command)
        job = str(uuid.uuid4())
        result: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._jobs[job] = result
        try:
            async with asyncio.timeout(within):
                await self._ask(f"bgapi {command}", within, f"\nJob-UUID: {job}")
                return _good(command, await result)
        except TimeoutError:
            raise _unanswered(command, within) from None
        finally:
            del self._jobs[job]

    def drop(self, why: str) -> None:
        """End the connection; `ended` gets `why`. Nothing that comes behind it is delivered."""
        if not self.ended.done():
            self._finish(why)
        self._hub.call(self._stop, why)

    async def close(self) -> None:
        """End the connection and its keepalive."""
        if self._keepalive is not None:
            self._keepalive.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keepalive
        self.drop("closed by the connector")
        await asyncio.wait({self._gone}, timeout=CLOSE_TIMEOUT)

    # --- in the hub's thread -------------------------------------------------------------

    def _start(self, wanted: list[str]) -> None:
        settings = self._settings
        password = settings.secret.get_secret_value()
        user = settings.username if "@" in settings.username else ""
        self._protocol = EslProtocol(
            settings.host, settings.port, password, wanted, self._handover, user
        )
        self._protocol.open()

    def _submit(self, command: str, future: asyncio.Future[Frame]) -> None:
        if self._protocol is not None:
            self._protocol.submit(command, future)

    def _stop(self, why: str) -> None:
        if self._protocol is not None:
            self._protocol.end(why)

    # --- in the loop ---------------------------------------------------------------------

    async def _narrow(self) -> None:
        """Have FreeSWITCH keep back what is of no use. Where it does not, that is read for nothing;
        none is asked for behind one that is refused."""
        try:
            await self._ask(events.FILTERS[0])
            await asyncio.gather(*map(self._ask, events.FILTERS[1:]))
        except ActionError as error:
            log.debug("events are not filtered: %s", error)

    async def _ask(self, command: str, within: float = ACTION_TIMEOUT, more: str = "") -> Frame:
        """One command, one reply. `more` are further lines, of our own making."""
        verb = command.removeprefix("api ").removeprefix("bgapi ")
        if self.ended.done():
            raise UnansweredError(self.ended.result())
        if self._unanswered >= UNANSWERED_LIMIT:
            raise ActionError(f"{_verb(verb)}: {UNANSWERED_LIMIT} commands wait for FreeSWITCH")
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        self._unanswered += 1
        self._hub.call(self._submit, command + more, future)
        try:
            async with asyncio.timeout(within):
                frame = await future
        except TimeoutError:
            raise _unanswered(verb, within) from None
        finally:
            self._waiting.discard(future)
        _good(verb, frame.get("Reply-Text"))
        return frame

    def _take(self, item: Item) -> None:
        if isinstance(item, Frame):  # first: there are many of them
            if not self.ended.done():
                self._take_event(item)
        elif isinstance(item, Ended):
            self._end(item)
        elif self.ended.done():
            return
        elif isinstance(item, Answer):
            self._unanswered -= 1
            self._answers += 1
            future = item.command
            if isinstance(future, asyncio.Future) and not future.done():
                future.set_result(item.frame)
        elif not self._opened.done():
            self._opened.set_result(None)

    def _take_event(self, frame: Frame) -> None:
        if not self._opened.done():
            return  # before the log-in nobody can send events
        try:
            event = event_of(frame)
            if event is None:
                self._broken(f"cannot be read: {frame.body[:80]!r}")
            elif event.name == "BACKGROUND_JOB":
                self._take_result(event)
            elif event.name != "HEARTBEAT":
                self._on_event(event)
        except Exception as error:
            self._broken(f"could not be handled: {error!r}", bug=True)

    def _broken(self, what: str, *, bug: bool = False) -> None:
        self.broken_events += 1
        if self.broken_events & (self.broken_events - 1) == 0:  # 1, 2, 4, 8 …: no flood of lines
            log.error(
                "an event of FreeSWITCH %s (%d so far)", what, self.broken_events, exc_info=bug
            )

    def _take_result(self, event: Event) -> None:
        result = self._jobs.get(event.get("Job-UUID"))
        if result is not None and not result.done():
            self.core = event.get("Core-UUID")
            result.set_result(event.body)

    def _end(self, ended: Ended) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        if self.ended.done():
            return
        if not self._opened.done():
            kind = RefusedError if ended.refused else UnreachableError
            self._opened.set_exception(kind(f"{_where(self._settings)}: {ended.why}"))
            self._opened.exception()  # seen: whoever waits gets it, nobody need
        self._finish(ended.why)

    def _finish(self, why: str) -> None:
        self.ended.set_result(why)
        if not self._opened.done():
            self._opened.set_exception(UnreachableError(f"{_where(self._settings)}: {why}"))
            self._opened.exception()
        pending: list[asyncio.Future[Any]] = [*self._waiting, *self._jobs.values()]
        for future in pending:
            if not future.done():
                future.set_exception(UnansweredError(why))
                future.exception()

    async def _keep_alive(self) -> None:
        """Ping; any byte that comes back counts, silence ends the connection."""
        assert self._protocol is not None  # noqa: S101 - it is open
        unanswered = 0
        while not self.ended.done():
            before = self._answers
            try:
                await self.api(PING, within=PING_EVERY)
                unanswered = 0
            except UnansweredError:
                unanswered = unanswered + 1 if self._answers == before else 0
            except PbxError:  # an answer, if an error
                unanswered = 0
            silent = time.monotonic() - self._protocol.heard
            if silent > SILENCE_LIMIT - PING_EVERY:
                self.drop(f"FreeSWITCH has said nothing for {silent:.0f} s")
            elif unanswered >= PINGS_LOST:
                self.drop(f"FreeSWITCH sends events but answered none of {unanswered} pings")
            else:
                await asyncio.sleep(PING_EVERY - min(silent, PING_EVERY))


def _check(command: str) -> None:
    """Raise `ActionError` for a command that would be more, or other, than one line."""
    if any(character in command for character in "\r\n\0"):
        raise ActionError(f"{_verb(command)}: the command holds a line end; it is not sent")
    try:
        command.encode()
    except UnicodeEncodeError:
        raise ActionError(f"{_verb(command)}: it is not valid Unicode; it is not sent") from None


def _good(command: str, text: str) -> str:
    """An answer that is no error."""
    if text.startswith(("-ERR", "-USAGE")):
        raise ActionError(f"{_verb(command)}: {' '.join(text.split())[:200]}")
    return text


def _unanswered(command: str, within: float) -> UnansweredError:
    return UnansweredError(f"FreeSWITCH did not answer {_verb(command)} within {within:g} s")


def _verb(command: str) -> str:
    """What a command is called in an error; its arguments may hold anything."""
    return next(iter(command.split()), "")[:60]


def _where(settings: PbxSettings) -> str:
    return f"FreeSWITCH at {settings.host}:{settings.port}"
