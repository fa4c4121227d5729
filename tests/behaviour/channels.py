"""What a FreeSWITCH says of the channels of some SIP profiles: whose each is, who talks to whom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.esl_client import Client

EVENTS = "event json CHANNEL_CREATE CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP_COMPLETE"
WITHIN = 10.0
FOR_EVER = 1e9


class Channels:
    """Kept from the events of a connection of its own, while `run` runs."""

    def __init__(self, client: Client, profiles: str) -> None:
        """`profiles`: how the names of the profiles begin."""
        self.standing: dict[str, str] = {}
        """Channel -> the user at its far end, oldest first."""
        self.by_call: dict[str, str] = {}
        """Call-ID of a call that came in -> its channel."""
        self.other: dict[str, str] = {}
        """Channel -> the one it is bridged with."""
        self._client = client
        self._begins = f"sofia/{profiles}"
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Read events until the connection ends."""
        while True:
            frame = await self._client.next(FOR_EVER)
            if frame.kind == "text/event-json":
                self._take(frame.event)
                self._news.set()

    def newest(self, user: str) -> str | None:
        """The newest standing channel of a user."""
        return next((ch for ch, of in reversed(self.standing.items()) if of == user), None)

    async def until(self, wanted: Callable[[], bool], what: str, within: float = WITHIN) -> None:
        """Wait until something is so. Raises TimeoutError."""
        try:
            async with asyncio.timeout(within):
                while not wanted():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"no {what} within {within} s; there are {self.standing}") from None

    def _take(self, event: dict[str, str]) -> None:
        channel, name = event.get("Unique-ID", ""), event.get("Channel-Name", "")
        match event.get("Event-Name"):
            case "CHANNEL_CREATE" if name.startswith(self._begins):
                self.standing[channel] = name.rpartition("/")[2].partition("@")[0]
                self.by_call[event.get("variable_sip_call_id", "")] = channel
            case "CHANNEL_BRIDGE":
                one, two = event["Bridge-A-Unique-ID"], event["Bridge-B-Unique-ID"]
                self.other[one], self.other[two] = two, one
            case "CHANNEL_UNBRIDGE":
                one, two = event.get("Bridge-A-Unique-ID"), event.get("Bridge-B-Unique-ID")
                if self.other.get(channel) in (one, two):  # else it is with another by now
                    self._part(channel)
            case "CHANNEL_HANGUP_COMPLETE":
                self.standing.pop(channel, None)
                self._part(channel)

    def _part(self, channel: str) -> None:
        other = self.other.pop(channel, "")
        if self.other.get(other) == channel:
            del self.other[other]
