"""The Asterisk driver: a session on AMI, and effects carried out on it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from connectors.asterisk.connection import Ami
from connectors.asterisk.events import Decoder
from connectors.asterisk.performing import DeniedError, Performer
from connectors.asterisk.resync import Window, resync
from connectors.asterisk.wire import Frame
from connectors.model import Effect, Why
from connectors.runtime.driver import (
    ActionError,
    EventSink,
    Outcome,
    PbxError,
    UnansweredError,
    UnreachableError,
)
from connectors.settings import PbxSettings

log = logging.getLogger(__name__)

MARKING = "Gosub(collab,request,1(TYPE))"
"""The dialplan's line that marks a call."""

PHONE = "PJSIP/{name}"
"""A telephone's endpoint."""

BOOTED_WAIT = 0.3
"""Seconds to wait for FullyBooted behind the login; a booted Asterisk sends both at once, and
a user without the system class never sees it."""

GOODBYE_COUNTS = 20.0
"""Seconds within which the end of the connection is put down to a Shutdown before it."""

RIGHTS_EVERY = 10.0
"""Seconds between looks whether the user may do what it was denied."""

_BOOTED = frozenset({"Status", "Uptime", "LastReload"})
"""Headers every FullyBooted has; Asterisk keeps 80 bytes of a number, they need more."""


class AsteriskDriver:
    """One Asterisk, as `connectors.runtime.driver.Driver` wants it."""

    def __init__(self, settings: PbxSettings) -> None:
        self._settings = settings
        self._decoder = Decoder()
        self._performer = Performer(settings, self._decoder.stands)
        self._window: Window | None = None
        """Set while a resync is under way."""
        self._on_event: EventSink | None = None
        self._ami: Ami | None = None
        self._booted = asyncio.Event()
        self._look_again = asyncio.Event()
        self._looked = False
        """A look at what stands has begun in this session."""
        self._ask_again = 0.0
        """When to look whether we may more by now (loop's clock)."""
        self._goodbye = (0.0, "")
        """When it said that it shuts down (loop's clock), and how that is told."""
        self._started = ""
        """When Asterisk started, by its own words."""
        self._version = ""
        self._refused = 0

    @property
    def title(self) -> str:
        return f"Asterisk {self._version}".rstrip() + (
            f" at {self._settings.host}:{self._settings.port}"
        )

    @property
    def refused(self) -> int:
        """Events taken for forged so far."""
        return self._decoder.refused.total()

    async def session(self, on_event: EventSink, on_ready: Callable[[], None]) -> str:
        """See `connectors.runtime.driver.Driver.session`."""
        self._on_event = on_event
        self._window = Window()
        self._booted.clear()
        self._look_again.clear()
        self._looked = False
        self._goodbye = (0.0, "")
        ami = await Ami.connect(self._settings, self._take)
        self._ami = ami
        ready = False
        try:
            await _either(self._booted, ami.ended, BOOTED_WAIT)
            await self._resync(ami)
            ready = True
            on_ready()
            while not ami.ended.done():
                await _either(self._look_again, ami.ended)
                if self._look_again.is_set() and not ami.ended.done():
                    self._look_again.clear()
                    self._window = Window()
                    await self._resync(ami)
            why = self._why(ami.ended.result())
        except UnansweredError as error:
            why = self._why(ami.ended.result()) if ami.ended.done() else str(error)
            if not ready:
                raise UnreachableError(f"{self.title}: {why}") from None
        finally:
            self._ami = None
            self._window = None
            await ami.close()
        return why

    async def perform(self, effect: Effect) -> Outcome:
        """See `connectors.runtime.driver.Driver.perform`."""
        ami = self._ami
        if ami is None:
            return Outcome(
                "failed", Why.PBX_AWAY.says("the connector is not connected to Asterisk")
            )
        self._performer.version = self._version
        try:
            return await self._performer.perform(effect, ami)
        except DeniedError as denied:
            fresh = await self._allowed_by_now(denied)
            if fresh is None:
                return Outcome("failed", Why.PBX_REFUSED.says(str(denied)))
        try:
            return await self._performer.perform(effect, fresh)
        except DeniedError as denied:
            return Outcome("failed", Why.PBX_REFUSED.says(str(denied)))
        finally:
            await fresh.close()
            ami.drop("manager.conf allows more by now: logging in again")

    async def _allowed_by_now(self, denied: DeniedError) -> Ami | None:
        """A log-in of its own that may do what ours was denied, if there is such a one.

        Asterisk gives a user its rights at the log-in: `manager reload` gives none to a connection
        that stands.
        """
        now = asyncio.get_running_loop().time()
        if now < self._ask_again:
            return None
        self._ask_again = now + RIGHTS_EVERY
        try:
            ami = await Ami.connect(self._settings, _ignore)
        except PbxError as error:
            log.warning("%s", error)
            return None
        with contextlib.suppress(PbxError):
            if denied.action in await ami.allowed():
                return ami
        await ami.close()
        log.warning("%s: %s", self.title, denied)
        return None

    async def _resync(self, ami: Ami) -> None:
        """Deliver a snapshot, then what came meanwhile; from then on frames go straight on."""
        self._looked = True
        restarted = await self._ask_when_started(ami)
        window = self._window
        if window is None or self._on_event is None:
            raise PbxError("a resync outside a session")
        result = await resync(ami, window, restarted=restarted)
        self._decoder.adopt(listed.up for listed in result.snapshot.legs)
        log.info(
            "resync: %d channels, %d queue members, %d looks%s",
            len(result.snapshot.legs),
            len(result.snapshot.members),
            result.looks,
            "" if result.settled else ", not settled",
        )
        self._on_event(result.snapshot)
        self._window = None
        for frame in [*result.after, *window.frames]:
            self._deliver(frame)

    async def _ask_when_started(self, ami: Ami) -> bool:
        """Whether Asterisk was started anew since the last session; False if unknown."""
        try:
            status = await ami.ask({"Action": "CoreStatus"})
            core = await ami.ask({"Action": "CoreSettings"})
        except ActionError:
            return False
        except UnansweredError as error:
            if ami.ended.done():
                raise
            log.warning("%s; a restart will not be told from a lost connection", error)
            return False
        started = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        restarted = self._started not in ("", started)
        self._started = started
        self._version = core.get("AsteriskVersion")
        return restarted

    def _why(self, ended: str) -> str:
        """Why the connection ended: what Asterisk said just before, if anything."""
        said_at, goodbye = self._goodbye
        recent = asyncio.get_running_loop().time() - said_at < GOODBYE_COUNTS
        return goodbye if goodbye and recent else ended

    def _take(self, frame: Frame) -> None:
        if frame.event == "FullyBooted":
            if not frame.headers.keys() >= _BOOTED:
                return  # a piece of a caller's number; the whole of it does not fit there
            self._booted.set()
            if self._looked:
                self._look_again.set()  # it had not booted yet when we read what stands
        elif frame.event == "Shutdown":
            again = " and will restart" if frame.get("Restart") == "True" else ""
            # Not the end yet: Asterisk closes the connection itself, and a caller's number can
            # put this event on the wire.
            now = asyncio.get_running_loop().time()
            self._goodbye = (now, f"Asterisk is shutting down{again}")
        elif frame.event == "OriginateResponse":
            self._performer.arrivals.respond(frame)
        elif self._window is not None:
            self._window.add(frame)
        else:
            self._deliver(frame)

    def _deliver(self, frame: Frame) -> None:
        if self._on_event is None:
            return
        for event in self._decoder.decode(frame):
            self._on_event(event)
            self._performer.arrivals.take(event)
        if self._decoder.refused.total() > self._refused:
            self._refused = self._decoder.refused.total()
            if self._refused & (self._refused - 1) == 0:  # 1, 2, 4, 8 …: no flood of lines
                log.warning(
                    "refused %d events as forged; the last: %s",
                    self._refused,
                    self._decoder.last_refusal,
                )


def _ignore(_: Frame) -> None:
    """What comes on a connection that is there for one effect."""


async def _either(
    event: asyncio.Event, ended: asyncio.Future[str], within: float | None = None
) -> None:
    """Wait for the event, the end of the connection, or until `within` s are over."""
    waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(event.wait()), ended}
    try:
        await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in waiting - {ended}:
            future.cancel()
