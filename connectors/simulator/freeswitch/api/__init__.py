"""The API commands, by name: what ``api`` and ``bgapi`` can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .callcenter import COMMANDS as _CALLCENTER
from .calls import COMMANDS as _CALLS
from .command import Command, Request
from .core import COMMANDS as _CORE
from .fifo import COMMANDS as _FIFO
from .hash import COMMANDS as _HASH
from .lists import COMMANDS as _LISTS
from .messages import COMMANDS as _MESSAGES
from .schedule import COMMANDS as _SCHEDULE

if TYPE_CHECKING:
    from ..calls import PlacedCall
    from ..pbx import FreeSwitch
    from ..wire import Headers

__all__ = ["COMMANDS", "run_command"]

COMMANDS: dict[str, Command] = {
    **_CORE, **_LISTS, **_CALLS, **_CALLCENTER, **_MESSAGES, **_SCHEDULE, **_HASH, **_FIFO,
}  # fmt: skip


async def run_command(
    pbx: FreeSwitch, text: str, *, job: str = "", call: PlacedCall | None = None
) -> str:
    """Carry out a command line; API is said, and with a `job` BACKGROUND_JOB with its result.

    `call`: the scripted call that legs it makes belong to.
    """
    name, _, argument = text.strip().partition(" ")
    argument = argument.strip()
    command = COMMANDS.get(name)
    if command is None:
        answer = f"-ERR {name} Command not found!\n"
    else:
        answer = await command(Request(pbx, argument, call))
        pbx.api_said(name, argument)
    if job:
        after: Headers = [("Job-UUID", job), ("Job-Command", name)]
        if argument:
            after.append(("Job-Command-Arg", argument))
        pbx.say("BACKGROUND_JOB", after=after, body=answer)
    return answer
