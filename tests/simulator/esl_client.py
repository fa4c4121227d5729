"""A raw ESL client of the tests' own: sends commands, reads frames, keeps every byte."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from types import TracebackType

WITHIN = 5.0


class Frame:
    """Outer headers, and the body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.text = head.decode("utf-8", "surrogateescape")
        self.body = body.decode("utf-8", "surrogateescape")
        self.headers = dict(line.split(": ", 1) for line in self.text.split("\n") if ": " in line)

    @property
    def kind(self) -> str:
        """Its Content-Type."""
        return self.headers.get("Content-Type", "")

    @property
    def reply(self) -> str:
        """What a command was answered."""
        return self.headers.get("Reply-Text", "")

    @property
    def event(self) -> dict[str, str]:
        """Headers of an event."""
        if self.kind == "text/event-json":
            return dict(json.loads(self.body))
        lines = self.body.partition("\n\n")[0].split("\n")
        pairs = (line.split(": ", 1) for line in lines if ": " in line)
        return {name: urllib.parse.unquote(value) for name, value in pairs}


class Client:
    """One connection; `raw` holds all that came."""

    def __init__(self, host: str, port: int) -> None:
        self.raw = bytearray()
        self._where = (host, port)
        self._read = 0

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

    def send(self, command: str) -> None:
        """A command as it is, and the empty line that ends it."""
        self._writer.write(command.encode("utf-8", "surrogateescape") + b"\n\n")

    async def next(self, within: float = WITHIN) -> Frame:
        """The next frame of any kind."""
        async with asyncio.timeout(within):
            while True:
                end = self.raw.find(b"\n\n", self._read)
                if end >= 0:
                    head = bytes(self.raw[self._read : end])
                    length = 0
                    for line in head.split(b"\n"):
                        if line.startswith(b"Content-Length: "):
                            length = int(line[16:])
                    if len(self.raw) >= end + 2 + length:
                        self._read = end + 2 + length
                        return Frame(head, bytes(self.raw[end + 2 : self._read]))
                await self._more()

    async def _more(self) -> None:
        data = await self._reader.read(65536)
        if not data:
            raise ConnectionError("the simulator closed the connection")
        self.raw += data

    async def login(self, *commands: str) -> None:
        """Read the auth/request, log in, and send commands that are answered +OK."""
        assert (await self.next()).kind == "auth/request"
        for command in ("auth ClueCon", *commands):
            assert (await self.command(command)).startswith("+OK")

    async def command(self, command: str) -> str:
        """Send a command and read its reply; events before it are skipped."""
        self.send(command)
        while (frame := await self.next()).kind != "command/reply":
            pass
        return frame.reply

    async def api(self, command: str) -> str:
        """Send ``api`` and read the answer; events before it are skipped."""
        self.send(f"api {command}")
        while (frame := await self.next()).kind != "api/response":
            pass
        return frame.body

    async def event(self, name: str, within: float = WITHIN, **headers: str) -> dict[str, str]:
        """The next event of this name with these headers (``_`` for ``-``)."""
        wanted = {key.replace("_", "-"): value for key, value in headers.items()}
        async with asyncio.timeout(within):
            while True:
                frame = await self.next(within)
                if frame.kind.startswith("text/event-"):
                    event = frame.event
                    if event.get("Event-Name") == name and wanted.items() <= event.items():
                        return event

    async def closed(self, within: float = WITHIN) -> None:
        """Wait until the other side closed."""
        async with asyncio.timeout(within):
            while data := await self._reader.read(65536):
                self.raw += data

    async def drain(self, seconds: float = 0.2) -> bytes:
        """Read whatever comes within some time; all bytes not yet read as frames."""
        try:
            async with asyncio.timeout(seconds):
                await self.closed(seconds + 1)
        except TimeoutError:
            pass
        data, self._read = bytes(self.raw[self._read :]), len(self.raw)
        return data
