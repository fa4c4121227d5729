"""Which of FreeSWITCH's two modules a queue is of: mod_callcenter, or mod_fifo.

They have names of their own, and a name may be in both: then mod_callcenter's counts. A line of
mod_fifo is there when fifo.conf.xml names it, or somebody is a member of it or waits in it.
"""

from __future__ import annotations

import re

from connectors.freeswitch.placing import named
from connectors.freeswitch.resync import Api, table
from connectors.runtime.driver import ActionError

LIMIT = 2_000
"""Queues that are remembered."""

_LINE = re.compile(r'<fifo name="([^"]{1,200})"')


class Queues:
    """What is known of the queues on one connection."""

    def __init__(self, esl: Api) -> None:
        self._esl = esl
        self._callcenter: set[str] = set()

    async def is_fifo(self, queue: str) -> bool:
        """Whether a queue is a line of mod_fifo. Raises `ActionError` for a name that cannot be
        carried, and `UnansweredError`."""
        name = named(queue)
        if name in self._callcenter:
            return False
        rows = table(await self._or_nothing("callcenter_config queue list"))
        self._callcenter = {row.get("name", "") for _, row in zip(range(LIMIT), rows, strict=False)}
        if name in self._callcenter:
            return False
        listed = await self._or_nothing(f"fifo list {name}")
        return name in _LINE.findall(listed)

    async def _or_nothing(self, command: str) -> str:
        """An answer; '' where the module is not there, or is not for this log-in."""
        try:
            return await self._esl.api(command)
        except ActionError:
            return ""
