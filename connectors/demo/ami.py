"""A small AMI client for the laboratory: actions, waiting for events, and every raw byte kept.

Not the connector's: it trusts its own Asterisk, and it exists so that tests can see the wire
without the code they test.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Callable, Mapping
from types import TracebackType

from connectors.demo import LabError

Event = Mapping[str, str]
"""Headers of one message; the last of a repeated name counts."""

MAX_KEPT = 64 * 1024 * 1024
"""Bytes of the wire that are kept at most; what comes later is read and dropped."""


class Ami:
    """One AMI connection. Use as an async context manager or `connect` and `close`."""

    def __init__(self, port: int, username: str, secret: str, host: str = "127.0.0.1") -> None:
        self.raw = bytearray()
        """Every byte received, from the banner on."""
        self.messages: list[dict[str, str]] = []
        """Responses and events in the order of receipt."""
        self.closed = asyncio.Event()
        self._where = (host, port)
        self._user, self._secret = username, secret
        self._news = asyncio.Condition()
        self._ids = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self, within: float = 10.0) -> Ami:
        """Connects and logs in; LabError when refused, OSError when nobody listens."""
        async with asyncio.timeout(within):
            reader, self._writer = await asyncio.open_connection(*self._where)
            self._task = asyncio.create_task(self._read(reader))
            answer = await self.action("Login", Username=self._user, Secret=self._secret)
        if answer.get("Response") != "Success":
            await self.close()
            raise LabError(f"AMI refuses {self._user}: {answer.get('Message')}")
        return self

    async def close(self) -> None:
        """Closes the connection; a second call does nothing."""
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def __aenter__(self) -> Ami:
        return await self.connect()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def action(self, name: str, within: float = 10.0, **headers: str) -> dict[str, str]:
        """Sends an action (`Base64Body=` … as keywords) and gives its response."""
        ident = f"lab-{next(self._ids)}"
        await self.send(name, ActionID=ident, **headers)
        return await self.wait(
            lambda message: message.get("ActionID") == ident and "Response" in message, within
        )

    async def list(self, name: str, done: str, within: float = 10.0) -> list[dict[str, str]]:
        """Sends a list action and gives its items, up to the event `done`."""
        start = len(self.messages)
        ident = f"lab-{next(self._ids)}"
        await self.send(name, ActionID=ident)
        await self.wait(
            lambda message: (
                message.get("ActionID") == ident
                and (message.get("Event") == done or message.get("Response") == "Error")
            ),
            within,
            start,
        )
        return [
            message
            for message in self.messages[start:]
            if message.get("ActionID") == ident and message.get("Event") not in (None, done)
        ]

    async def send(self, name: str, **headers: str) -> None:
        """Sends an action without waiting for anything."""
        if self._writer is None:
            raise LabError("AMI is not connected")
        lines = [f"Action: {name}", *(f"{key}: {value}" for key, value in headers.items())]
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
        await self._writer.drain()

    async def event(self, name: str, within: float = 10.0, start: int = 0, **headers: str) -> Event:
        """Waits for an event with these headers; those from index `start` of `messages` count."""
        return await self.wait(
            lambda message: (
                message.get("Event") == name
                and all(message.get(key) == value for key, value in headers.items())
            ),
            within,
            start,
        )

    async def wait(
        self, wanted: Callable[[dict[str, str]], bool], within: float = 10.0, start: int = 0
    ) -> dict[str, str]:
        """Waits for the first message `wanted` likes; LabError after `within` seconds."""
        seen = start
        try:
            async with asyncio.timeout(within), self._news:
                while True:
                    while seen < len(self.messages):
                        seen += 1
                        if wanted(self.messages[seen - 1]):
                            return self.messages[seen - 1]
                    if self.closed.is_set():
                        raise LabError("AMI closed the connection")
                    await self._news.wait()
        except TimeoutError:
            names = [message.get("Event", "Response") for message in self.messages[-15:]]
            raise LabError(f"not seen on AMI within {within} s; last came {names}") from None

    async def quiet(self, seconds: float = 0.2, within: float = 10.0) -> None:
        """Waits until nothing has come for `seconds`: many threads tell of one moment."""
        async with asyncio.timeout(within):
            seen = -1
            while seen != len(self.messages):
                seen = len(self.messages)
                await asyncio.sleep(seconds)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        pending = b""
        try:
            while data := await reader.read(65536):
                if len(self.raw) < MAX_KEPT:
                    self.raw += data
                *blocks, pending = (pending + data).split(b"\r\n\r\n")
                self.messages += [message for block in blocks if (message := _parse(block))]
                async with self._news:
                    self._news.notify_all()
        except OSError:
            pass  # a reset is an end like any other: `closed` says so
        finally:
            self.closed.set()
            async with self._news:
                self._news.notify_all()


def _parse(block: bytes) -> dict[str, str]:
    # Only CR LF ends a line: a bare CR, VT or U+2028 is part of a value.
    found = {}
    for line in block.split(b"\r\n"):
        if match := re.match(rb"([A-Za-z0-9_()-]+): ?(.*)\Z", line, re.DOTALL):
            found[match[1].decode()] = match[2].decode(errors="replace")
    return found
