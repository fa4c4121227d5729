"""The members of a mod_fifo line: all who are free are rung for the caller who waits longest."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .channel import EXECUTE, Channel
from .dialling import dial
from .dialplan import Action
from .originate import target
from .transfer import flip

if TYPE_CHECKING:
    from .originate import Attempt
    from .pbx import FreeSwitch
    from .wire import Headers

LOOKS = 1.0
"""Seconds between two looks of that thread."""
MANUAL = "manual_calls"
"""The line that calls of members are counted in when they are of no other."""


@dataclass(eq=False, slots=True)
class Outbound:
    """A member that is rung."""

    string: str
    timeout: float
    ready: float = 0.0
    uses: int = 0

    @property
    def id(self) -> str:
        """What mod_fifo calls it: the MD5 of its dial string."""
        return hashlib.md5(self.string.encode(), usedforsecurity=False).hexdigest()


@dataclass(eq=False, slots=True)
class Line:
    """A fifo."""

    name: str
    members: list[Outbound] = field(default_factory=list)
    retry: float = 1.0
    callers: list[Channel] = field(default_factory=list)
    rings: bool = False
    """Members are being rung."""
    waits: bool = False
    """Nobody was free when the thread of the lines looked; it looks again."""


def say(
    pbx: FreeSwitch, channel: Channel | None, line: str, action: str, *more: tuple[str, str]
) -> None:
    """A ``fifo::info``; of no channel, or with all of one before it."""
    headers: Headers = [("FIFO-Name", line), ("FIFO-Action", action), *more]
    at = f"fifo {action}"
    if line == MANUAL:
        at = f"fifo manual {action.rpartition('-')[2]}"
    pbx.say("CUSTOM", channel, after=headers, subclass="fifo::info", at=at)


def look_later(pbx: FreeSwitch, line: Line, seconds: float) -> None:
    """The thread of the lines looks at one in so many seconds."""
    pbx.spawn(_look(pbx, line, seconds), f"fifo {line.name}")


async def _look(pbx: FreeSwitch, line: Line, seconds: float) -> None:
    await asyncio.sleep(pbx.clock.real(seconds))
    free = [each for each in line.members if each.ready <= pbx.clock() and not each.uses]
    if line.rings or line.waits or not line.callers:
        return
    if not free:
        if line.members:
            line.waits = True
            pbx.spawn(_wait(pbx, line), f"fifo {line.name}")
        return
    line.rings = True
    try:
        await _ring(pbx, line, line.callers[0], free)
    finally:
        line.rings = False
    if line.callers and line.members:
        look_later(pbx, line, line.retry + 1)


async def _wait(pbx: FreeSwitch, line: Line) -> None:
    await asyncio.sleep(pbx.clock.real(LOOKS))
    line.waits = False
    look_later(pbx, line, 0.0)


async def _ring(pbx: FreeSwitch, line: Line, caller: Channel, members: list[Outbound]) -> None:
    """All free members are rung for one caller; who answers first takes the next."""
    number = pbx.new_uuid()
    strings = [
        f"{{ignore_early_media=true,outbound_redirect_fatal=true,leg_timeout={each.timeout:g},"
        f"fifo_outbound_uuid={each.id},fifo_name={line.name}}}{each.string}"
        for each in members
    ]
    shown = (("originate_string", ":_:".join(strings)),
             ("FIFO-Outbound-UUID-List", ",".join(each.id for each in members)))  # fmt: skip
    common = (("outbound-strategy", "ringall"), ("caller-uuid", caller.uuid))
    caller.set("fifo_originate_uuid", number)
    say(pbx, caller, line.name, "pre-dial", *common, *shown)
    name, callers_number = caller.profile.name, caller.profile.number
    # FreeSWITCH passes an event's headers on as variables, its own among them.
    asked = {key: str(value) for key, value in pbx.bus.heading("REQUEST_PARAMS")}
    variables = {
        **asked,
        "Event-Calling-File": "mod_fifo.c",
        "Event-Calling-Function": "outbound_ringall_thread_run",
        "Event-Calling-Line-Number": "1480",
        "origination_caller_id_name": name,
        "origination_caller_id_number": callers_number,
        "fifo_bridge_uuid": caller.uuid,
        "fifo_originate_uuid": number,
    }
    attempts = [
        dial(pbx, target(string), caller=(name, callers_number), extra=variables,
             call=caller.call)
        for string in strings
    ]  # fmt: skip
    for each in attempts:
        if each.channel is not None:
            each.channel.unset("fifo_pop_order")
    watch = asyncio.ensure_future(_gone(pbx, line, caller, attempts))
    try:
        won = await _first(pbx, attempts)
    finally:
        watch.cancel()
    if won is None or won.channel is None:
        cause = attempts[0].cause
        acceptable = "true" if cause == "ORIGINATOR_CANCEL" else "false"
        for member in members:
            if acceptable == "false":
                member.ready = pbx.clock() + line.retry
        say(pbx, None, line.name, "post-dial", *common, ("result", "failure"),
                  ("acceptable", acceptable), ("cause", cause), *shown)  # fmt: skip
        return
    won.settle()
    channel = won.channel
    outbound = channel.get("fifo_outbound_uuid")
    say(pbx, channel, line.name, "post-dial", *common, ("FIFO-Outbound-UUID", outbound),
              shown[1], ("result", "success"), shown[0])  # fmt: skip
    flip(pbx, channel)
    channel.actions.clear()
    channel.actions.append(Action("fifo", f"{line.name} out nowait"))
    pbx.move(channel, EXECUTE)


async def _gone(pbx: FreeSwitch, line: Line, caller: Channel, attempts: list[Attempt]) -> None:
    """A caller who leaves the line, or is taken by another, is rung for no more."""
    while caller in line.callers:
        await caller.changed()
    for each in attempts:
        if each.channel is not None and each.channel.answer != "answered":
            pbx.hangup(each.channel, "ORIGINATOR_CANCEL")


async def _first(pbx: FreeSwitch, attempts: list[Attempt]) -> Attempt | None:
    """Who answers first; the others are hung up. None when nobody does."""

    async def one(attempt: Attempt) -> Attempt | None:
        return attempt if await attempt.ring() and await attempt.answered() else None

    pending = {asyncio.ensure_future(one(attempt)) for attempt in attempts}
    won: Attempt | None = None
    try:
        while pending and won is None:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            won = next((each for task in done if (each := task.result()) is not None), None)
    finally:
        for task in pending:
            task.cancel()
    for attempt in attempts if won is not None else []:
        if attempt is not won and attempt.channel is not None:
            pbx.hangup(attempt.channel, "LOSE_RACE")
    return won
