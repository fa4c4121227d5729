"""A raw AMI client of the tests' own: sends lines, reads messages, keeps every byte."""

from __future__ import annotations

import asyncio
from types import TracebackType

WITHIN = 5.0


class Message(dict[str, str]):
    """Headers of a response or event (the last of a name counts), and its text."""

    def __init__(self, data: bytes) -> None:
        self.text = data.decode("utf-8", "surrogateescape")
        super().__init__(
            (line.split(": ", 1) if ": " in line else (line.rstrip(":"), ""))
            for line in self.text.split("\r\n")
            if line
        )

    @property
    def names(self) -> list[str]:
        """Header names in order."""
        return [line.partition(":")[0] for line in self.text.split("\r\n") if line]


class Client:
    """One connection; `raw` holds all that came."""

    def __init__(self, host: str, port: int) -> None:
        self.raw = bytearray()
        self._where = (host, port)
        self._read = 0
        self._ids = 0

    async def __aenter__(self) -> Client:
        self._reader, self._writer = await asyncio.wait_for(
            asyncio.open_connection(*self._where), WITHIN
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    async def banner(self) -> bytes:
        """The first line."""
        await self._until(lambda: b"\r\n" in self.raw[self._read :])
        end = self.raw.index(b"\r\n", self._read) + 2
        line = bytes(self.raw[self._read : end])
        self._read = end
        return line

    def send(self, *lines: str) -> None:
        """Lines of one action, and the empty one that ends it."""
        self.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data)

    async def next(self, within: float = WITHIN) -> Message:
        """The next message of any kind."""
        await self._until(lambda: self._end() >= 0, within)
        end = self._end()
        data = bytes(self.raw[self._read : end])
        self._read = end + 4
        return Message(data)

    async def event(self, name: str, within: float = WITHIN, **headers: str) -> Message:
        """The next event of this name with these headers; what comes before is skipped."""
        async with asyncio.timeout(within):
            while True:
                message = await self.next(within)
                if message.get("Event") == name and headers.items() <= message.items():
                    return message

    async def action(self, *lines: str, within: float = WITHIN) -> Message:
        """Send an action and read its response; events before it are skipped."""
        self._ids += 1
        action_id = f"t{self._ids}"
        self.send(*lines, f"ActionID: {action_id}")
        async with asyncio.timeout(within):
            while True:
                message = await self.next(within)
                if "Response" in message and message.get("ActionID") == action_id:
                    return message

    async def listing(self, *lines: str) -> list[Message]:
        """Send a list action: its items, without head and end."""
        head = await self.action(*lines)
        assert head["Response"] == "Success", head.text
        items = []
        while True:
            message = await self.next()
            if message.get("ActionID") == head["ActionID"]:
                if message.get("EventList") == "Complete":
                    assert int(message["ListItems"]) == len(items)
                    return items
                items.append(message)

    async def login(self, username: str = "lab", secret: str = "", *more: str) -> Message:
        """Read the banner and log in."""
        await self.banner()
        return await self.action(
            "Action: Login",
            f"Username: {username}",
            f"Secret: {secret or username + '-secret'}",
            *more,
        )

    async def closed(self, within: float = WITHIN) -> None:
        """Wait until the other side closed."""
        async with asyncio.timeout(within):
            while data := await self._reader.read(65536):
                self.raw += data

    async def drain(self, seconds: float = 0.2) -> bytes:
        """Read whatever comes within some time; all bytes not yet read as messages."""
        try:
            async with asyncio.timeout(seconds):
                while data := await self._reader.read(65536):
                    self.raw += data
        except TimeoutError:
            pass
        data, self._read = bytes(self.raw[self._read :]), len(self.raw)
        return data

    def _end(self) -> int:
        return self.raw.find(b"\r\n\r\n", self._read)

    async def _until(self, ready, within: float = WITHIN) -> None:  # type: ignore[no-untyped-def]
        async with asyncio.timeout(within):
            while not ready():
                data = await self._reader.read(65536)
                if not data:
                    raise ConnectionError("the simulator closed the connection")
                self.raw += data
