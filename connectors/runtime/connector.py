"""``tandem-connector run``: wires PBX, core, outbox and server, and runs them until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import uvloop

from connectors.application import Application, CoreSettings
from connectors.model import CallReport, LinkDown, PbxEvent, Snapshot
from connectors.runtime.attach import Attachment
from connectors.runtime.driver import Driver
from connectors.runtime.lease import Lease
from connectors.runtime.link import Commands, Link
from connectors.runtime.outbox import Outbox
from connectors.runtime.predecessor import AskError, standing
from connectors.runtime.reports import Reporter, ReportError
from connectors.runtime.standing import after
from connectors.runtime.store import StoreError
from connectors.runtime.supervisor import PartFailedError, supervise
from connectors.settings import PbxSettings

log = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between the core's looks at its timers."""
LAST_WRITE = 3.0
"""Seconds the outbox has to be written when the connector stops."""


def run(settings: PbxSettings, *, verbose: bool = False) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status: 0 stopped, 1 failed, 2 settings."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("aiohttp", "asyncio", "panoramisk"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        outbox = Outbox(Path(settings.outbox), time.time())
    except StoreError as error:
        print(f"Error: pbx.{settings.name}.outbox: {settings.outbox}: {error}", file=sys.stderr)
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_stopped(settings, outbox))
    except PartFailedError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    finally:
        outbox.close()
    return 0


def driver_for(settings: PbxSettings) -> Driver:
    """The driver of the PBX's kind. Only that one's libraries are loaded: a connector to an
    Asterisk runs without gevent."""
    if settings.kind == "freeswitch":
        from connectors.freeswitch.driver import FreeSwitchDriver

        return FreeSwitchDriver(settings)
    from connectors.asterisk.driver import AsteriskDriver

    return AsteriskDriver(settings)


def parts_for(settings: PbxSettings) -> dict[str, Callable[[], Awaitable[None]]]:
    """What else runs for the PBX's kind, beside its driver."""
    if settings.outbound:
        from connectors.freeswitch.outbound import Outbound

        return {"the outbound socket": Outbound(settings).run}
    return {}


def core_settings(settings: PbxSettings) -> CoreSettings:
    """The part of the settings that the core goes by."""
    if settings.kind == "freeswitch":
        from connectors.freeswitch.driver import MARKING, PHONE
    else:
        from connectors.asterisk.driver import MARKING, PHONE
    return CoreSettings(
        domain=settings.domain,
        agents=settings.agents,
        agent_endpoints=settings.agent_endpoints,
        trust_headers=settings.trust_headers,
        marking=MARKING,
        dial_context=settings.dial_context,
        max_placeholders=settings.max_placeholders,
        phone=PHONE,
    )


async def _until_stopped(settings: PbxSettings, outbox: Outbox) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    headers = {"Authorization": f"Bearer {settings.key.get_secret_value()}"}
    try:
        async with aiohttp.ClientSession(headers=headers) as http:
            connector = Connector(settings, outbox, http, driver_for(settings))
            running = asyncio.create_task(connector.run(), name="connector")
            stopping = asyncio.create_task(stop.wait(), name="stop")
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not running.done():
                log.info("stopping")
                await connector.finish()
                running.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await running
            finally:
                await connector.leave()
    finally:
        await _last_write(outbox)


async def _last_write(outbox: Outbox) -> None:
    try:
        async with asyncio.timeout(LAST_WRITE):
            await outbox.flush()
    except (sqlite3.Error, TimeoutError) as error:
        log.error("the outbox could not be written at the end: %s", error)


class Connector:
    """One PBX's connector: every event goes through the core into the outbox, at once."""

    def __init__(
        self,
        settings: PbxSettings,
        outbox: Outbox,
        http: aiohttp.ClientSession,
        driver: Driver,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._driver = driver
        self._core = Application(core_settings(settings))
        self._core.restore(outbox.restored())
        self._synced = asyncio.Event()
        self._failures = 0
        server, name = settings.server, settings.name
        self._http = http
        self._taking = False
        """The PBX is being taken over from another connector."""
        self._unseen = False
        """The core does not know yet what stands, and cannot make anything of an event."""
        lease = Lease(former=lambda: outbox.lease)
        taken, take_over = self._taken, self._take_over
        self._reporter = Reporter(outbox, http, server, name, lease, taken, take_over)
        self._commands = Commands(self._core, driver, outbox, self._synced, lease)
        take = self._commands.take
        self._link = Link(http, server, name, outbox.instance, take, self._linked)
        self._attachment = Attachment(driver, self.take, self._ready, self._stands)

    async def run(self) -> None:
        """Run until cancelled. Raises `PartFailedError`."""
        await supervise(
            {
                "the PBX connection": self._attachment.run,
                "the reports": self._reporter.run,
                "the link": self._link.run,
                "the commands": self._commands.run,
                "the outbox": self._outbox.keep_written,
                "the timers": self._tick,
                **parts_for(self._settings),
            }
        )

    async def finish(self) -> None:
        """Bring to an end what has begun, before `run` is cancelled."""
        await self._commands.finish()

    async def leave(self) -> None:
        """Leave the PBX to another connector, once `run` has ended."""
        self._outbox.interrupted()
        await self._reporter.leave()

    def take(self, event: PbxEvent) -> None:
        """What the PBX says, in order. An error in the core costs the one event."""
        self._unseen = self._unseen and not isinstance(event, Snapshot)
        if self._unseen and not isinstance(event, LinkDown):
            return
        try:
            if reports := self._core.handle(event, time.time()):
                self._outbox.put(reports)
        except Exception:
            self._failures += 1
            log.exception("the core could not take in a %s", type(event).__name__)
        self._want()
        if isinstance(event, Snapshot):
            self._stands()
            self._reporter.snapshot()
        elif isinstance(event, LinkDown):
            self._stands(event.why)
            self._synced.clear()

    def _want(self) -> None:
        """Have done what the core itself wants done on the PBX."""
        if effects := self._core.effects():
            self._commands.want(effects)

    def _stands(self, why: str | None = None) -> None:
        """The PBX is connected, or, with `why`, it is not."""
        address = f"{self._settings.host}:{self._settings.port}"
        known, title = self._reporter.standing, self._driver.title
        self._reporter.stands(after(known, time.time(), title, address, why))

    def _linked(self) -> None:
        """The server is back, perhaps without its memory: tell it all that stands."""
        self._reporter.hurry()
        self._reporter.repeat()
        if self._synced.is_set():
            self._reporter.snapshot()

    def _taken(self) -> None:
        """Another connector has served so far: do nothing before its place is taken."""
        self._taking = True
        self._synced.clear()

    async def _take_over(self) -> None:
        """Take the place of the connector that has served so far.

        Who only stood by has seen the PBX, and not what for: that a leg was placed, for which
        call, who serves on without a telephone. So this goes on as a process of that connector
        would that was started anew: from what it has told the server, by a look at all that
        stands. Raises `ReportError` where the server does not say it now.
        """
        try:
            known = await standing(self._http, self._settings.server, self._settings.name)
        except AskError as error:
            if not error.permanent:
                raise ReportError(str(error)) from None
            log.warning("taking over without what was reported before: %s", error)
            known = []
        self._outbox.take_up(known, time.time())
        self._core = Application(core_settings(self._settings))
        self._core.restore(self._outbox.restored())
        self._commands.serve(self._core)
        self._taking, self._unseen = False, True
        self._attachment.again()

    def _ready(self) -> None:
        if self._taking:
            return  # it is looked at once more
        self._synced.set()
        line = f"connected to {self._driver.title}, reporting to {self._settings.server}"
        print(line, flush=True)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            reports: list[CallReport] = self._core.idle(time.time())
            if reports:
                self._outbox.put(reports)
            self._want()
