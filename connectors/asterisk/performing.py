"""Effects of the core, carried out on an Asterisk over one AMI connection.

What is asked for asynchronously counts as done when the events show it: a placeholder when it
stands in its queue, a dialled telephone when its channel is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors import model
from connectors.asterisk.actions import answer, message_send
from connectors.asterisk.connection import Ami
from connectors.asterisk.pausing import Pausing
from connectors.asterisk.placing import dial_both, far_id, hang_up, onward, place_call
from connectors.asterisk.trust import ForgedError, check_complete, last, only
from connectors.asterisk.wire import Frame
from connectors.model import Effect, LegId, PbxEvent, Why
from connectors.runtime.driver import ActionError, Outcome, UnansweredError
from connectors.settings import PbxSettings

MESSAGE_TIMEOUT = 5.0
"""Seconds MessageSend may take; after that nobody knows whether it was sent."""
ARRIVAL_TIMEOUT = 5.0
"""Seconds a leg that was asked for may take to be there; it takes milliseconds."""

NOT_TAKEN = "is there a queue of that name, and does its joinempty let callers in?"
"""What Queue() does not tell apart before it ends."""

LOOK_AGAIN = 0.05
"""Seconds between looks at a channel whose next step no event tells."""

_RESPONSE = frozenset({"ActionID", "Response", "Channel", "Context", "Exten", "Reason", "Uniqueid"})
_PREFIX = "tandem-place-"
"""Of the ActionID of an Originate, before the leg's id."""


class DeniedError(ActionError):
    """The AMI user may not send this action; the message has the line that mends it."""

    def __init__(self, error: ActionError, username: str) -> None:
        mend = f"manager.conf: [{username}](tandem-connector,tandem-connector-calls)"
        super().__init__(f"{error}; {mend}")
        self.action = str(error).partition(":")[0]


@dataclass(slots=True)
class _Awaited:
    future: asyncio.Future[str]
    """Gets '' when it is there, else why it is not."""
    in_queue: bool


class Arrivals:
    """Legs that were asked for, until the events say what became of them."""

    def __init__(self) -> None:
        self._awaited: dict[LegId, _Awaited] = {}

    def expect(self, leg: LegId, *, in_queue: bool) -> asyncio.Future[str]:
        """Wait for a leg to be there or, `in_queue`, to wait in a queue."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._awaited[leg] = _Awaited(future, in_queue)
        return future

    def forget(self, leg: LegId) -> None:
        """Wait no longer."""
        self._awaited.pop(leg, None)

    def take(self, event: PbxEvent) -> None:
        """An event that may be about one of them."""
        match event:
            case model.LegUp(leg=leg):
                if (awaited := self._awaited.get(leg)) and not awaited.in_queue:
                    self._settle(leg, "")
            case model.Queued(leg=leg):
                self._settle(leg, "")
            case model.LegDown(leg=leg, cause=cause):
                self._fail(leg, f"Asterisk ended it at once ({cause})")
            case _:
                pass

    def respond(self, frame: Frame) -> None:
        """An OriginateResponse: one that says Failure ends the waiting."""
        try:
            check_complete(frame, "call,all", _RESPONSE)
            action = only(frame, "ActionID")
        except ForgedError:
            return
        if action.startswith(_PREFIX) and last(frame, "Response") == "Failure":
            self._fail(action.removeprefix(_PREFIX), "Asterisk could not call it")

    def _fail(self, leg: LegId, why: str) -> None:
        """Which of the two words comes first differs; either may be about a queue's name."""
        awaited = self._awaited.get(leg)
        hint = f"; {NOT_TAKEN}" if awaited is not None and awaited.in_queue else ""
        self._settle(leg, why + hint)

    def _settle(self, leg: LegId, why: str) -> None:
        awaited = self._awaited.get(leg)
        if awaited is not None and not awaited.future.done():
            awaited.future.set_result(why)


class Performer:
    """Carries effects out."""

    def __init__(self, settings: PbxSettings, stands: Callable[[LegId], bool]) -> None:
        """`stands`: whether a channel of that id is there now."""
        self._settings = settings
        self._stands = stands
        self.arrivals = Arrivals()
        self._pausing = Pausing()
        self.version = ""
        """Of the Asterisk that is connected."""

    async def perform(self, effect: Effect, ami: Ami) -> Outcome:
        """See `connectors.runtime.driver.Driver.perform`. Raises `DeniedError`."""
        try:
            match effect:
                case model.SendMessage():
                    message = message_send(effect, self._settings.domain)
                    await ami.ask(message, within=MESSAGE_TIMEOUT)
                    return Outcome("done", f"Asterisk sent it to {effect.endpoint}")
                case model.PlaceCall():
                    call = place_call(effect, self._settings.dial_context, self.version)
                    done = f"it waits in queue {effect.queue}"
                    return await self._originate(ami, effect.leg, call, done, in_queue=True)
                case model.DialBoth():
                    done = f"Asterisk rings {effect.endpoint}"
                    return await self._originate(
                        ami, effect.leg, dial_both(effect), done, in_queue=False
                    )
                case model.Onward():
                    await _far_half_waits(ami, effect)
                    for action in onward(effect):
                        await ami.ask(action)
                    return Outcome("done", f"Asterisk dials {effect.number}")
                case model.HangUp():
                    return await _hang_up(ami, effect)
                case model.SetAnswer():
                    await ami.ask(answer(effect))
                    return Outcome("done", "the dialplan was told")
                case model.PauseMember():
                    return await self._pausing.pause(ami, effect)
                case model.HoldMember():
                    return await self._pausing.hold(ami, effect)
        except ActionError as error:
            if "permission denied" in str(error).lower():
                raise DeniedError(error, self._settings.username) from None
            return Outcome("failed", Why.PBX_REFUSED.says(str(error)))
        except UnansweredError as error:
            return Outcome("unknown", Why.PBX_SILENT.says(str(error)))

    async def _originate(
        self,
        ami: Ami,
        leg: LegId,
        action: Mapping[str, str | list[str]],
        done: str,
        *,
        in_queue: bool,
    ) -> Outcome:
        if self._stands(leg):
            return Outcome("done", "it stands already")
        arrival = self.arrivals.expect(leg, in_queue=in_queue)
        try:
            await ami.ask({**action, "ActionID": f"{_PREFIX}{leg}"})
            async with asyncio.timeout(ARRIVAL_TIMEOUT):
                why = await _first(arrival, ami.ended)
        except TimeoutError:
            silent = "Asterisk took it and has not said what became of it"
            return Outcome("unknown", Why.PBX_SILENT.says(silent))
        finally:
            self.arrivals.forget(leg)
        return Outcome("failed", Why.NOT_REACHED.says(why)) if why else Outcome("done", done)


async def _first(arrival: asyncio.Future[str], ended: asyncio.Future[str]) -> str:
    """What became of it. Raises `UnansweredError` if the connection ends before."""
    await asyncio.wait({arrival, ended}, return_when=asyncio.FIRST_COMPLETED)
    if arrival.done():
        return arrival.result()
    raise UnansweredError(ended.result())


async def _far_half_waits(ami: Ami, effect: model.Onward) -> None:
    """Wait until the far half has begun to wait: the agent's answer is told before that, and a
    Redirect that comes in between is lost. Raises `ActionError` if it does not get there."""
    far = far_id(effect.leg)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ARRIVAL_TIMEOUT
    while True:
        items = await ami.ask_list({"Action": "Status", "Channel": far})
        if any(item.get("Application") == "Wait" for item in items[1:]):
            return
        if loop.time() >= deadline:
            raise ActionError("the placeholder's far end does something else")
        await asyncio.sleep(LOOK_AGAIN)


async def _hang_up(ami: Ami, effect: model.HangUp) -> Outcome:
    try:
        await ami.ask(hang_up(effect))
    except ActionError as error:
        if "No such channel" not in str(error):
            raise
        return Outcome("done", "it does not stand")
    return Outcome("done", "Asterisk hangs it up")
