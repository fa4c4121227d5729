"""Agents who are to be given no calls: on a break (status ``On Break``), or busy (``ready_time``).

Busy with a call without a telephone is who has answered it, until its session ends. An agent whose
``ready_time`` lies ahead is offered no call, whatever their status is, and the end of a call does
not touch it: so it is set at the answer, for half a minute (`HoldMember`), and there is no moment
after the hang-up in which the queue might offer them the next one. It needs no note, survives what
the agents' database survives, and by itself it passes.

Of a break mod_callcenter keeps no reason. So that an agent is not let work again who went on one by
themselves, and so that one that is asked for again (a new process, an answer that got lost) is
known as ours, the reason and the status before it are noted: here, and for another process in
``hash`` (mod_hash). Where that may not be used, a new process takes every break for another's.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import NamedTuple
from urllib.parse import quote, unquote

from connectors.freeswitch.resync import Api, table
from connectors.model import HoldMember, PauseMember
from connectors.runtime.driver import ActionError, Outcome

ON_BREAK = "On Break"
AVAILABLE = "Available"
_WORKS = frozenset({AVAILABLE, "Available (On Demand)"})

BUSY = 12 * 3600
"""Seconds after which a busy agent is offered calls again, should nobody ever say that it is over.
"""
HOLD = 30
"""Seconds for which an agent who has answered is held before the server has asked for it."""
OURS = 3600
"""A ``ready_time`` further ahead than this was set here: mod_callcenter's own delays, after a
telephone that did not answer, are seconds."""

_AGENT = re.compile(r"(?a:[\w.@+-]{1,128})")
_NOTE = re.compile(r"(?a:[\w.~%-]*):(?a:[\w.~%-]+)")
_REALM = "tandem_pause"


class Note(NamedTuple):
    """Why an agent is on a break, and the status before it."""

    reason: str
    before: str


class Pausing:
    """Pauses agents of one FreeSWITCH; lives as long as the driver."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}
        """By agent, of those whom this process has paused."""
        self._turn = asyncio.Lock()
        """One change at a time: each looks first how an agent stands."""

    async def hold(self, esl: Api, effect: HoldMember, agents: list[str]) -> Outcome:
        """See `connectors.model.HoldMember`; `agents`: mod_callcenter's names of its members."""
        changed = 0
        async with self._turn:
            for agent in filter(_AGENT.fullmatch, agents):
                left = await _ready_within(esl, agent)
                if left is not None and left <= HOLD and (effect.held or left > 0):
                    await esl.api(_ready_in(agent, HOLD if effect.held else 0))
                    changed += 1
        word = "held" if effect.held else "let go"
        return Outcome("done", f"{changed} of {len(agents)} members are {word}")

    async def pause(self, esl: Api, effect: PauseMember, agents: list[str]) -> Outcome:
        """See `connectors.model.PauseMember`; `agents`: likewise."""
        async with self._turn:
            return await self._pause(esl, effect, agents)

    async def _pause(self, esl: Api, effect: PauseMember, agents: list[str]) -> Outcome:
        if not agents:
            return Outcome("failed", "no member: mod_callcenter has no agent at these contacts")
        if odd := next((name for name in agents if _AGENT.fullmatch(name) is None), ""):
            return Outcome("failed", f"the agent {odd[:60]!r} has a name that cannot be carried")
        if effect.busy:
            for agent in agents:
                if effect.paused:
                    await esl.api(_ready_in(agent, BUSY))
                else:
                    await _ready(esl, agent)
            word = "busy" if effect.paused else "ready"
            return Outcome("done", f"{len(agents)} of {len(agents)} members are {word}")
        if not effect.paused:
            back = [await self._back(esl, agent, effect.reason) for agent in agents]
            return Outcome("done", f"{sum(back)} of {len(agents)} members work again")
        states = [await self._break(esl, agent, effect.reason) for agent in agents]
        if "" not in states:
            return Outcome("failed", f"already {states[0]}")
        return Outcome("done", f"{states.count('')} of {len(agents)} members are on a break")

    async def _break(self, esl: Api, agent: str, reason: str) -> str:
        """'' if the agent is on a break of this reason then, else how things stand."""
        status = await _status(esl, agent)
        if status == ON_BREAK:
            note = await self._noted(esl, agent)
            return "" if note is not None and note.reason == reason else "on a break"
        if status not in _WORKS:
            return status.lower()
        # The note first: a status without one would be taken for somebody else's.
        self._notes[agent] = Note(reason, status)
        value = f"{quote(reason, safe='')}:{quote(status, safe='')}"
        await _or_nothing(esl, f"hash insert/{_REALM}/{agent}/{value}")
        await _set(esl, agent, ON_BREAK)
        return ""

    async def _back(self, esl: Api, agent: str, reason: str) -> bool:
        """Whether the agent was on a break of this reason, or of any where it is '', and works
        again."""
        rests = await _status(esl, agent) == ON_BREAK
        note = await self._noted(esl, agent)
        if rests and reason and (note is None or note.reason != reason):
            return False
        if rests:
            await _set(esl, agent, note.before if note else AVAILABLE)
        if not reason:  # they want calls now, whatever they were busy with
            await _ready(esl, agent)
        if note is not None:  # of one who has gone back to work without us, it is out of date
            self._notes.pop(agent, None)
            await _or_nothing(esl, f"hash delete/{_REALM}/{agent}")
        return rests

    async def _noted(self, esl: Api, agent: str) -> Note | None:
        """What FreeSWITCH has noted counts before what is noted here: another process may have
        let the agent work again, and paused it, meanwhile."""
        value = (await _or_nothing(esl, f"hash select/{_REALM}/{agent}")).strip()
        if _NOTE.fullmatch(value) is None:
            return self._notes.get(agent)
        reason, _, before = value.partition(":")
        status = unquote(before)
        return Note(unquote(reason), status if status in _WORKS else AVAILABLE)


def _ready_in(agent: str, seconds: int) -> str:
    """An agent is offered no call for so many seconds; 0: is offered calls."""
    until = int(time.time()) + seconds if seconds else 0
    return f"callcenter_config agent set ready_time {agent} {until}"


async def _ready(esl: Api, agent: str) -> None:
    left = await _ready_within(esl, agent)
    if left is not None and left > OURS:
        await esl.api(_ready_in(agent, 0))


async def _ready_within(esl: Api, agent: str) -> float | None:
    """Seconds until an agent may be offered calls, 0 or less: now; None: not known."""
    for row in table(await esl.api(f"callcenter_config agent list {agent}")):
        until = row.get("ready_time", "")
        if until.isascii() and until.isdecimal():
            return int(until) - time.time()
    return None


async def _status(esl: Api, agent: str) -> str:
    return (await esl.api(f"callcenter_config agent get status {agent}")).strip()


async def _set(esl: Api, agent: str, status: str) -> None:
    await esl.api(f"callcenter_config agent set status {agent} '{status}'")


async def _or_nothing(esl: Api, command: str) -> str:
    try:
        return await esl.api(command)
    except ActionError:
        return ""
