"""The FreeSWITCH driver: a session on ESL, and effects carried out on it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from connectors.freeswitch.connection import Esl
from connectors.freeswitch.events import Decoder
from connectors.freeswitch.pausing import Pausing
from connectors.freeswitch.performing import Performer
from connectors.freeswitch.resync import Window, resync
from connectors.freeswitch.wire import Event
from connectors.model import Effect, PbxEvent, Why
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

MARKING = "execute_extension collab_request_TYPE XML collab"
"""The dialplan's line that marks a call."""

PHONE = "user/{name}"
"""A telephone's endpoint; a user of the directory in the domain of the settings."""

_VERSION = re.compile(r"\(Version (\d[\w.]*)")


class FreeSwitchDriver:
    """One FreeSWITCH, as `connectors.runtime.driver.Driver` wants it."""

    def __init__(self, settings: PbxSettings) -> None:
        self._settings = settings
        self._decoder = Decoder()
        self._window: Window | None = None
        """Set while a resync is under way."""
        self._on_event: EventSink | None = None
        self._pausing = Pausing()
        self._performer: Performer | None = None
        """Set from the first resync of a session to its end."""
        self._core = ""
        """``Core-UUID``: another one is another run of FreeSWITCH."""
        self._version = ""
        self._refused = 0

    @property
    def title(self) -> str:
        return f"FreeSWITCH {self._version}".rstrip() + (
            f" at {self._settings.host}:{self._settings.port}"
        )

    @property
    def refused(self) -> int:
        """Events taken for forged so far."""
        return self._decoder.refusals

    async def session(self, on_event: EventSink, on_ready: Callable[[], None]) -> str:
        """See `connectors.runtime.driver.Driver.session`."""
        self._on_event = on_event
        self._window = Window()
        esl = await Esl.connect(self._settings, self._take)
        domain, context = self._settings.domain, self._settings.dial_context
        performer = Performer(esl, domain, context, self._decoder, self._pausing, self._say)
        ready = False
        try:
            await self._resync(esl)
            self._performer = performer
            ready = True
            on_ready()
            why = await esl.ended
        except UnansweredError as error:
            why = esl.ended.result() if esl.ended.done() else str(error)
            if not ready:
                raise UnreachableError(f"{self.title}: {why}") from None
        finally:
            self._performer = None
            self._window = None
            await esl.close()
            await performer.close()
        return why

    async def perform(self, effect: Effect) -> Outcome:
        """See `connectors.runtime.driver.Driver.perform`."""
        if self._performer is None:
            return Outcome(
                "failed", Why.PBX_AWAY.says("the connector is not connected to FreeSWITCH")
            )
        return await self._performer.perform(effect)

    async def _resync(self, esl: Esl) -> None:
        """Deliver a snapshot, then what came meanwhile; from then on events go straight on."""
        restarted = await self._ask_who_it_is(esl)
        window = self._window
        if window is None or self._on_event is None:
            raise PbxError("a resync outside a session")
        result = await resync(esl, window, restarted=restarted)
        self._decoder.adopt(result.snapshot, result.agents, result.since)
        log.info(
            "resync: %d channels, %d queue members, %d looks%s",
            len(result.snapshot.legs),
            len(result.snapshot.members),
            result.looks,
            "" if result.settled else ", not settled",
        )
        self._on_event(result.snapshot)
        for event in result.beside:
            self._on_event(event)
        self._window = None
        for news in [*result.after, *window.events]:
            self._deliver(news)

    async def _ask_who_it_is(self, esl: Esl) -> bool:
        """Whether FreeSWITCH was started anew since the last session; False if unknown."""
        try:
            status = await esl.bgapi("status")
        except ActionError:
            status = ""
        except UnansweredError as error:
            if esl.ended.done():
                raise
            log.warning("%s; a restart will not be told from a lost connection", error)
            return False
        restarted = bool(esl.core) and self._core not in ("", esl.core)
        self._core = esl.core or self._core
        version = _VERSION.search(status)
        self._version = version[1] if version else ""
        return restarted

    def _say(self, event: PbxEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def _take(self, event: Event) -> None:
        if self._window is not None:
            self._window.add(event)
        else:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        on_event, performer = self._on_event, self._performer
        if on_event is None:
            return
        for said in self._decoder.decode(event):
            on_event(said)
            if performer is not None:
                performer.heard(said)
        if self._decoder.refusals > self._refused:
            self._refused = self._decoder.refusals
            if self._refused & (self._refused - 1) == 0:  # 1, 2, 4, 8 …: no flood of lines
                log.warning(
                    "refused %d events as forged; the last: %s",
                    self._refused,
                    self._decoder.last_refusal,
                )
