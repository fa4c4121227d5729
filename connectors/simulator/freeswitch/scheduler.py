"""What shall be done later: ``sched_api`` and ``sched_del``, as commands and inside ``${…}``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .channel import Channel
    from .pbx import FreeSwitch

TASKS_MAX = 10_000
SYNTAX = "-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n"


class Scheduler:
    """API commands that wait for their time.

    Their seconds are real ones, however fast the switch's clock: they watch over programs outside,
    whose time is not sped up. FreeSWITCH's are whole seconds of the epoch, looked at twice a
    second, so a task comes up to a second early and half of one late.
    """

    def __init__(self, pbx: FreeSwitch) -> None:
        self._pbx = pbx
        self._last = 0
        self._tasks: dict[int, tuple[str, asyncio.TimerHandle]] = {}

    def add(self, text: str) -> str:
        """``+4 <group> <command>``; the answer of ``sched_api``."""
        moment, _, rest = text.strip().partition(" ")
        group, _, command = rest.strip().partition(" ")
        seconds = moment.removeprefix("+")
        if not command or not seconds.isascii() or not seconds.isdigit() or len(seconds) > 6:
            return SYNTAX
        if len(self._tasks) >= TASKS_MAX:
            return "-ERR too many tasks\n"
        self._last += 1
        number = self._last
        loop = asyncio.get_running_loop()
        timer = loop.call_later(int(seconds), self._due, number, command.removesuffix("&"))
        self._tasks[number] = (group, timer)
        return f"+OK Added: {number}\n"

    def hang_up(self, channel: Channel, seconds: float, cause: str) -> None:
        """The application ``sched_hangup``, in seconds of the switch: a call is what it ends."""
        self._last += 1
        number = self._last

        def due() -> None:
            del self._tasks[number]
            self._pbx.hangup(channel, cause or "ALLOTTED_TIMEOUT")

        timer = asyncio.get_running_loop().call_later(self._pbx.clock.real(seconds), due)
        self._tasks[number] = (channel.uuid, timer)

    def delete(self, what: str) -> str:
        """By number or by group; the answer of ``sched_del``."""
        what = what.strip()
        if not what:
            return "-ERR Invalid syntax\n"
        found = [n for n, (group, _) in self._tasks.items() if what in (group, str(n))]
        for number in found:
            self._tasks.pop(number)[1].cancel()
        return f"+OK Deleted: {len(found)}\n"

    def stop(self) -> None:
        """Nothing is due any more."""
        for _, timer in self._tasks.values():
            timer.cancel()
        self._tasks.clear()

    def _due(self, number: int, command: str) -> None:
        del self._tasks[number]
        self._pbx.spawn(self._run(command), f"task {number}")

    async def _run(self, command: str) -> None:
        from .api import run_command

        await run_command(self._pbx, command)
