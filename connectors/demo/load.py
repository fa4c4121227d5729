"""Many calls by one SIPp, counted as they go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from connectors.demo import LabError
from connectors.demo.sipcall import is_of
from connectors.demo.sipp import Sipp
from connectors.demo.siptrace import Sip


@dataclass(frozen=True, slots=True)
class LoadCall:
    """One of many calls; the caller hangs up."""

    extension: str
    caller: str
    """The caller's number, as a trusted trunk says it (P-Asserted-Identity)."""
    talk: float
    """Seconds from the answer to the hang-up."""


class Load:
    """Many calls by one SIPp."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.placed = 0
        self.answered = 0
        self.ended = 0
        self.sipp: Sipp | None = None

    def hear(self, message: Sip) -> None:
        """Counts one message of the trace."""
        self.placed += message.sent and message.method == "INVITE"
        self.answered += message.status == 200 and is_of(message, "INVITE")
        self.ended += message.status == 200 and is_of(message, "BYE")

    async def done(self, within: float) -> None:
        """Waits until every call is over; LabError when one failed or time is up."""
        if self.sipp is None:
            raise LabError("the load was not started")
        try:
            await asyncio.wait_for(self.sipp.ended.wait(), within)
        except TimeoutError:
            raise LabError(f"after {within} s: {self}") from None
        if self.ended != self.calls:
            raise LabError(f"{self}: {self.sipp.errors()}")

    def __str__(self) -> str:
        return (
            f"{self.placed} of {self.calls} calls placed, {self.answered} answered, "
            f"{self.ended} ended well"
        )
