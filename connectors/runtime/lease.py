"""Whether this connector is the one of its PBX's that reports and carries out commands.

The collaboration server decides (`lease` in its answers to reports): the epoch of the lease counts
up with each change of the holder, and a command says under which it is to be carried out. A
process that was stopped, or cut off, finds out by its own clock: it begins nothing when no report
has been answered of late, since another may hold the lease by now. A server that says nothing of
leases leaves everything as it is with one connector.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

RENEW = 2.0
"""Seconds between a holder's reports at most."""
ASK = 1.0
"""Seconds between the questions of one that stands by."""
MARGIN = 3.0
"""Seconds before its lease lapses in which a holder begins nothing (the server relies on it)."""
KNOWN = 15.0
"""Seconds; what is older than that was reported by the holder, who was alive then."""


def uptime() -> float:
    """A clock that goes on while the process, or the machine, stands still."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Lease:
    """What the server said last, and until when that is good for."""

    def __init__(
        self, clock: Callable[[], float] = uptime, former: Callable[[], int] = lambda: 0
    ) -> None:
        """`former`: the epoch under which this connector, or a process of it before, has reported
        last; 0 where it never has."""
        self.clock = clock
        self._former = former
        self.epoch: int | None = None
        """None: the server has said nothing of leases."""
        self.held = True
        self._until = 0.0
        """When to begin nothing any more."""
        self._news = asyncio.Event()

    @property
    def pause(self) -> float | None:
        """Seconds within which to report again, if there is nothing to say; None: for ever."""
        if self.epoch is None:
            return None
        return RENEW if self.held else ASK

    def answered(self, said: object, asked: float) -> bool:
        """Take in `lease` of an answer to a report that was sent at `asked`. True: the connector
        holds a lease that it has not held before, and somebody else may have."""
        self._news.set()  # whoever waits looks again, once this is done
        self._news = asyncio.Event()
        if said is None:  # perhaps an older server, in the place of one that knew
            stood_by, self.epoch, self.held = not self.held, None, True
            return stood_by
        read = _read(said)
        if read is None:
            return False
        before = self.epoch, self.held
        self.held, self.epoch, seconds = read
        self._until = asked + seconds - MARGIN
        if not self.held and before[1]:
            log.info("another connector serves this PBX (lease %d); this one stands by", self.epoch)
        if before[0] is None:
            # The first lease of all came from nobody.
            before = (self._former() or min(self.epoch, 1), True)
        taken = self.held and before != (self.epoch, True)
        if taken:
            log.info("this connector serves the PBX from now on (lease %d)", self.epoch)
        return taken

    def allows(self, epoch: int | None) -> bool:
        """Whether a command that was handed down under `epoch` may begin right now; None: it
        names no lease."""
        if self.epoch is None:
            return epoch is None
        return self.held and epoch in (None, self.epoch) and self.clock() < self._until

    async def allowed(self, epoch: int | None) -> bool:
        """Wait until a command may begin; False when it is another connector's."""
        while not self.allows(epoch):
            if self._is_anothers(epoch):
                return False
            await self._news.wait()
        return True

    def _is_anothers(self, epoch: int | None) -> bool:
        if self.epoch is None:
            return False
        named = self.epoch if epoch is None else epoch
        return named < self.epoch or (named == self.epoch and not self.held)


def _read(said: object) -> tuple[bool, int, float] | None:
    """`held`, `epoch` and `seconds`; None if they are not there."""
    if not isinstance(said, dict):
        said = {}
    held, epoch, seconds = said.get("held"), said.get("epoch"), said.get("seconds")
    match held, epoch, seconds:
        case bool(), int(), int() | float():
            return held, epoch, float(seconds)
    log.warning("the server's word of the lease cannot be understood")
    return None
