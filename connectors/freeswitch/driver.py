"""The FreeSWITCH driver: a session on ESL, and effects carried out on it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from connectors.freeswitch.actions import answer, far_end_of, in_dialog, message, said_no
from connectors.freeswitch.connection import Esl
from connectors.freeswitch.events import Decoder
from connectors.freeswitch.resync import Window, read_dump, resync
from connectors.freeswitch.wire import Event
from connectors.model import Effect, SendMessage, SetAnswer
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

PHONE = "user/{name}@{domain}"
"""A telephone's endpoint."""

_VERSION = re.compile(r"\(Version (\d[\w.]*)")

ALLOWED = "variable_fs_send_unsupported_message"
"""Lets mod_sofia send text in a dialog to telephones that did not say they take it."""

MESSAGE_TIMEOUT = 10.0
"""Seconds a message may take; after that nobody knows whether it was sent."""


class FreeSwitchDriver:
    """One FreeSWITCH, as `connectors.runtime.driver.Driver` wants it."""

    def __init__(self, settings: PbxSettings) -> None:
        self._settings = settings
        self._decoder = Decoder()
        self._window: Window | None = None
        """Set while a resync is under way."""
        self._on_event: EventSink | None = None
        self._esl: Esl | None = None
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
        return self._decoder.refused.total()

    async def session(self, on_event: EventSink, on_ready: Callable[[], None]) -> str:
        """See `connectors.runtime.driver.Driver.session`."""
        self._on_event = on_event
        self._window = Window()
        esl = await Esl.connect(self._settings, self._take)
        self._esl = esl
        ready = False
        try:
            await self._resync(esl)
            ready = True
            on_ready()
            why = await esl.ended
        except UnansweredError as error:
            why = esl.ended.result() if esl.ended.done() else str(error)
            if not ready:
                raise UnreachableError(f"{self.title}: {why}") from None
        finally:
            self._esl = None
            self._window = None
            await esl.close()
        return why

    async def perform(self, effect: Effect) -> Outcome:
        """See `connectors.runtime.driver.Driver.perform`."""
        esl = self._esl
        if esl is None:
            return Outcome("failed", "the connector is not connected to FreeSWITCH")
        if isinstance(effect, SetAnswer):
            return await _answer(esl, effect)
        if not isinstance(effect, SendMessage):
            return Outcome("failed", "this PBX's connector cannot do that yet")
        try:
            far_end = "" if effect.endpoint.startswith("user/") else await _far_end(esl, effect.leg)
            command = message(effect, self._settings.domain, far_end)
            # As a job, since FreeSWITCH waits for the telephone's answer.
            answer = await esl.bgapi(command, MESSAGE_TIMEOUT)
        except ActionError as error:
            return Outcome("failed", str(error))
        except UnansweredError as error:
            return Outcome("unknown", str(error))
        if said_no(answer):
            return Outcome("failed", f"FreeSWITCH: {' '.join(answer.split())[:200]}")
        return Outcome("done", f"FreeSWITCH sent it to {effect.endpoint}")

    async def _resync(self, esl: Esl) -> None:
        """Deliver a snapshot, then what came meanwhile; from then on events go straight on."""
        restarted = await self._ask_who_it_is(esl)
        window = self._window
        if window is None or self._on_event is None:
            raise PbxError("a resync outside a session")
        result = await resync(esl, window, restarted=restarted)
        self._decoder.adopt(result.snapshot, result.agents)
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

    def _take(self, event: Event) -> None:
        if self._window is not None:
            self._window.add(event)
        else:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        if self._on_event is None:
            return
        for said in self._decoder.decode(event):
            self._on_event(said)
        if self._decoder.refused.total() > self._refused:
            self._refused = self._decoder.refused.total()
            if self._refused & (self._refused - 1) == 0:  # 1, 2, 4, 8 …: no flood of lines
                log.warning(
                    "refused %d events as forged; the last: %s",
                    self._refused,
                    self._decoder.last_refusal,
                )


async def _answer(esl: Esl, effect: SetAnswer) -> Outcome:
    try:
        await esl.api(answer(effect))
    except ActionError as error:
        return Outcome("failed", str(error))
    except UnansweredError as error:
        return Outcome("unknown", str(error))
    return Outcome("done")


async def _far_end(esl: Esl, leg: str) -> str:
    """Where a leg's telephone is; '' where text is to be sent on the leg. Raises `ActionError`."""
    try:
        dump = read_dump(leg, await esl.api(f"uuid_dump {leg} json"))
        if dump is None:
            raise ActionError("nothing was sent: uuid_dump does not say what the leg is")
        allowed = dump.headers.get(ALLOWED)
        if allowed is None:  # as FreeSWITCH does: a leg without the variable has the global one
            allowed = await _global(esl, ALLOWED.removeprefix("variable_"))
    except UnansweredError as error:
        raise ActionError(f"nothing was sent: {error}") from None
    except ActionError as error:
        if "No such channel" in str(error):
            raise ActionError("nothing was sent: the call is over") from None
        raise
    return "" if in_dialog(allowed) else far_end_of(dump.headers)


async def _global(esl: Esl, name: str) -> str:
    """A global variable; '' where it is not set or not to be seen."""
    try:
        return (await esl.api(f"global_getvar {name}")).strip()
    except ActionError:
        return ""
