"""Effects of the core, carried out on one connection to FreeSWITCH.

A second originate with the same ``origination_uuid`` makes a second channel under another id and
says +OK (facts): so ``uuid_exists`` is asked first, the id that comes back is compared, and a leg
that is not the one asked for is ended. Whatever may take long is a background job. What was sent
and not answered is looked for once more, and else said to be unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from connectors import model
from connectors.freeswitch import placing
from connectors.freeswitch.actions import answer, message, said_no
from connectors.freeswitch.channels import bridge_of
from connectors.freeswitch.events import Decoder
from connectors.freeswitch.farend import far_end
from connectors.freeswitch.lines import Queues
from connectors.freeswitch.pausing import Pausing
from connectors.freeswitch.resync import Api
from connectors.model import LegId, PbxEvent, Why
from connectors.runtime.driver import ActionError, Outcome, UnansweredError

log = logging.getLogger(__name__)

MESSAGE_TIMEOUT = 10.0
"""Seconds a message may take; after that nobody knows whether it was sent."""
ORIGINATE_TIMEOUT = 10.0
"""Seconds until a placeholder stands; it is made within milliseconds."""
QUEUE_TIMEOUT = 3.0
"""Seconds until a placeholder is in its queue, or gone because there is none of that name."""
RINGS_TIMEOUT = 10.0
"""Seconds until an agent's telephone is rung."""
ANSWER_TIMEOUT = placing.AGENT_RINGS + 15.0
"""Seconds until it has answered or FreeSWITCH has given up."""

BRIDGE_TIMEOUT = 2.0
"""Seconds until who has answered for a placeholder is in its bridge."""
CLOSE_TIMEOUT = 2.0
NEWS_LIMIT = 100
"""Events of one leg that are kept for whoever waits for it."""

_NEWS = (model.LegUp, model.LegDown, model.Queued, model.BridgeEntered)

NO_SILENCE = (
    "mod_tone_stream is not loaded: a placeholder would have FreeSWITCH look for silence without"
    " end; load mod_tone_stream"
)


class Performer:
    """Carries effects out on one connection; what it says itself goes to `say`. `context` is the
    one that calls may go to, if any."""

    def __init__(
        self,
        esl: Api,
        domain: str,
        context: str,
        decoder: Decoder,
        pausing: Pausing,
        say: Callable[[PbxEvent], None],
    ) -> None:
        self._pausing = pausing
        self._esl = esl
        self._queues = Queues(esl)
        self._domain = domain
        self._context = context
        self._decoder = decoder
        self._say = say
        self._watched: dict[LegId, asyncio.Queue[PbxEvent]] = {}
        """News of the legs that somebody waits for."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._silence: bool | None = None
        """Whether FreeSWITCH has silence to play; None: not asked yet."""

    async def perform(self, effect: model.Effect) -> Outcome:
        """See `connectors.runtime.driver.Driver.perform`."""
        try:
            match effect:
                case model.SendMessage():
                    return await self._send(effect)
                case model.PlaceCall():
                    return await self._place(effect)
                case model.DialBoth():
                    return await self._dial(effect)
                case model.Onward():
                    return await self._onward(effect)
                case model.HangUp(leg=leg):
                    return await self._hang_up(leg)
                case model.PauseMember():
                    agents = self._agents(effect.interfaces)
                    return await self._pausing.pause(self._esl, effect, agents)
                case model.HoldMember():
                    return await self._hold(effect)
                case model.SetAnswer():
                    await self._esl.api(answer(effect))
                    return Outcome("done")
        except ActionError as error:
            return Outcome("failed", Why.PBX_REFUSED.says(str(error)))
        except UnansweredError as error:
            return Outcome("unknown", Why.PBX_SILENT.says(str(error)))
        return Outcome("failed", Why.MALFORMED.says(f"no effect: {type(effect).__name__}"))

    def heard(self, event: PbxEvent) -> None:
        """What the decoder has said, for those who wait for it."""
        if self._watched and isinstance(event, _NEWS):
            news = self._watched.get(event.leg)
            if news is not None and not news.full():
                news.put_nowait(event)

    async def close(self) -> None:
        """The connection is over, so whatever was asked on it is not answered any more."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT)
        for task in late:
            task.cancel()

    # --- the effects

    async def _send(self, effect: model.SendMessage) -> Outcome:
        """A user of the directory is written to wherever registered, or else where the call is."""
        said = ""
        if effect.endpoint.startswith("user/"):
            said = await self._write(effect, "")
            if not said_no(said):
                return Outcome("done", f"FreeSWITCH sent it to {effect.endpoint}")
        try:
            to = await far_end(self._esl, effect.leg)
            if to or not said:
                said = await self._write(effect, to)
        except ActionError:
            if not said:  # what was refused first says more
                raise
        if said_no(said):
            refused = f"FreeSWITCH: {' '.join(said.split())[:200]}"
            return Outcome("failed", Why.PBX_REFUSED.says(refused))
        return Outcome("done", f"FreeSWITCH sent it to {effect.endpoint}")

    async def _write(self, effect: model.SendMessage, to: str) -> str:
        """What FreeSWITCH says; as a job, since it waits for the telephone's answer."""
        return await self._esl.bgapi(message(effect, self._domain, to), MESSAGE_TIMEOUT)

    async def _place(self, effect: model.PlaceCall) -> Outcome:
        placing.place(
            effect, context=self._context
        )  # what cannot be carried is not asked about either
        if await self._exists(effect.leg):
            return Outcome("done", "it stands already")
        fifo = await self._queues.is_fifo(effect.queue)
        command = placing.place(effect, fifo=fifo, context=self._context)
        if not await self._has_silence():
            return Outcome("failed", Why.PBX_REFUSED.says(NO_SILENCE))
        with self._watch(effect.leg) as news:
            try:
                await self._originate(effect.leg, command, ORIGINATE_TIMEOUT)
            except UnansweredError as error:
                return await self._looked_for(effect.leg, error)
            try:
                async with asyncio.timeout(QUEUE_TIMEOUT):
                    said = await _first(news, model.Queued, model.LegDown)
            except TimeoutError:
                late = UnansweredError("the placeholder is in no queue yet")
                return await self._looked_for(effect.leg, late)
        if isinstance(said, model.LegDown):
            why = f"the placeholder ended at once ({said.cause})"
            why = f"{why}: is there a queue {effect.queue}?"
            return Outcome("failed", Why.PBX_REFUSED.says(why))
        return Outcome("done", f"it waits in {effect.queue}")

    async def _dial(self, effect: model.DialBoth) -> Outcome:
        command = placing.dial(effect, self._domain)
        if await self._exists(effect.leg):
            return Outcome("done", "it stands already")
        with self._watch(effect.leg) as news:
            # The job ends when the agent has answered, or has not: what becomes of the leg is
            # seen from its events, but one that is not the leg asked for is ended even then.
            job = self._keep(self._originate(effect.leg, command, ANSWER_TIMEOUT))
            rings = self._keep(_first(news, model.LegUp))
            await asyncio.wait(
                {job, rings}, timeout=RINGS_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
            )
            rings.cancel()
        if job.done():
            await job
        elif not self._decoder.stands(effect.leg):
            silent = f"FreeSWITCH has not rung {effect.endpoint} yet"
            return Outcome("unknown", Why.PBX_SILENT.says(silent))
        return Outcome("done", f"{effect.endpoint} rings")

    async def _onward(self, effect: model.Onward) -> Outcome:
        agent = await self._agent_in(effect.leg)
        if agent is None:
            return Outcome("failed", Why.NO_AGENT.says("no telephone of an agent is in the call"))
        command = placing.onward(effect, agent)
        # Said first, since a user who is busy may have sent the agent back before the answer.
        self._say(model.Transferred(by=effect.leg, leg=agent))
        try:
            await self._esl.api(command)
        except ActionError:
            if self._decoder.partner(effect.leg) == agent:  # nothing has happened
                for leg in (effect.leg, agent):
                    self._say(model.BridgeEntered(bridge_of(effect.leg, agent), leg))
            raise
        return Outcome("done", f"the agent's telephone dials {effect.number}")

    async def _agent_in(self, leg: LegId) -> LegId | None:
        """Who talks to a leg. mod_callcenter says who answered a moment before they do."""
        with self._watch(leg) as news:
            if (agent := self._decoder.partner(leg)) is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BRIDGE_TIMEOUT):
                        await _first(news, model.BridgeEntered, model.LegDown)
                agent = self._decoder.partner(leg)
        return agent

    async def _hold(self, effect: model.HoldMember) -> Outcome:
        agents = self._agents((effect.interface,))
        outcome = await self._pausing.hold(self._esl, effect, agents)
        if effect.held:
            # The agent's telephone does it when it answers, but one that is called only once
            # (uuid-standby) does not answer again. Where that is done already, nothing is there.
            with contextlib.suppress(ActionError):
                await self._esl.api(placing.served(effect.leg))
        return outcome

    async def _hang_up(self, leg: LegId) -> Outcome:
        try:
            await self._esl.api(placing.hang_up(leg))
        except ActionError as error:
            if "No such channel" not in str(error):
                raise
            return Outcome("done", "it does not stand")
        return Outcome("done", "it was ended")

    # --- what they have in common

    async def _originate(self, leg: LegId, command: str, within: float) -> None:
        """Have a leg made. Raises `ActionError` if it was not, or not under its id."""
        other = placing.made(await self._esl.bgapi(command, within))
        if other == leg:
            return
        if other:
            await self._hang_up(other)
        raise ActionError(
            f"FreeSWITCH made {other or 'no leg'} and not {leg}"
            + ("; that was ended" if other else "")
        )

    async def _exists(self, leg: LegId) -> bool:
        return (await self._esl.api(placing.exists(leg))).strip() == "true"

    async def _looked_for(self, leg: LegId, error: UnansweredError) -> Outcome:
        """What is known of a leg after all of which nothing was heard in time."""
        with contextlib.suppress(ActionError, UnansweredError):
            if await self._exists(leg):
                return Outcome("done", "it stands")
        return Outcome("unknown", Why.PBX_SILENT.says(str(error)))

    async def _has_silence(self) -> bool:
        if self._silence is None:
            try:
                answer = await self._esl.api("module_exists mod_tone_stream")
            except ActionError:
                answer = ""  # it is not for this log-in to know
            self._silence = answer.strip() != "false"
        return self._silence

    def _agents(self, interfaces: tuple[str, ...]) -> list[str]:
        named = (self._decoder.agents_at(each, self._domain) for each in interfaces)
        return list(dict.fromkeys(name for names in named for name in names))

    @contextlib.contextmanager
    def _watch(self, leg: LegId) -> Iterator[asyncio.Queue[PbxEvent]]:
        """News of a leg from here on."""
        news = self._watched[leg] = asyncio.Queue[PbxEvent](NEWS_LIMIT)
        try:
            yield news
        finally:
            if self._watched.get(leg) is news:
                del self._watched[leg]

    def _keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the rest, until the connection is over. How it went wrong, if it
        did, is for whoever waits for it; where nobody does any more, it is a line for debugging."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.debug("%s", error)


async def _first(news: asyncio.Queue[PbxEvent], *kinds: type) -> PbxEvent:
    while not isinstance(event := await news.get(), kinds):
        pass
    return event
