"""Stock web sockets: the hub behind uvicorn's own, selectable instead of the splice.

Behaves as the splice does, with three differences that uvicorn makes: a message above four times
`Limits.message` is closed with 1009 instead of 4413, every socket is pinged as links are, and what
was written to a peer that stopped reading stays in memory until its connection ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from collab_server.realtime.backend import Refusal
from collab_server.realtime.http import HttpSide, problem
from collab_server.realtime.upgrade import read_upgrade

if TYPE_CHECKING:
    from collab_server.realtime.connection import Handler
    from collab_server.realtime.http import Message, Receive, Send
    from collab_server.realtime.live import LiveHub

LOGGER = logging.getLogger("tandem.realtime")


class AsgiPort:
    """ASGI application: HTTP to Flask, web sockets to the hub."""

    def __init__(self, http: HttpSide, hub: LiveHub) -> None:
        self._http = http
        self._hub = hub

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request or one web socket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)

    async def _socket(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        upgrade = read_upgrade(
            scope["path"], scope["query_string"], scope["headers"], self._hub.limits
        )
        if upgrade is None:
            await _refuse(send, Refusal(404, "There is no such web socket."))
            return
        answer = await self._hub.admit(upgrade)
        if isinstance(answer, Refusal) and upgrade.kind == "link":
            await _refuse(send, answer)
            return
        accept = {"type": "websocket.accept", "subprotocol": upgrade.subprotocol}
        if isinstance(answer, Refusal):
            await send(accept)
            reason = _reason(answer.detail)
            await send({"type": "websocket.close", "code": answer.close_code, "reason": reason})
            return
        try:
            await send(accept)
            await AsgiConnection(answer, self._hub).run(receive, send)
        finally:
            answer.closed()


class AsgiConnection:
    """One open web socket; a `connection.Connection`."""

    def __init__(self, handler: Handler, hub: LiveHub) -> None:
        self._handler = handler
        self._limits = hub.limits
        self._out: deque[bytes | str] = deque()
        self._unsent = 0
        self._closing: tuple[int, str] | None = None
        self._wake = asyncio.Event()
        self._close_wanted = asyncio.Event()

    async def run(self, receive: Receive, send: Send) -> None:
        """Carry messages both ways until either side ends."""
        writer = asyncio.create_task(self._write(send))
        reader = asyncio.create_task(self._read(receive))
        told_to_close = asyncio.create_task(self._close_wanted.wait())
        tasks = (writer, reader, told_to_close)
        try:
            self._handler.opened(self)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                # First the close frame goes out, then the peer may answer it.
                await asyncio.wait((writer,), timeout=self._limits.close)
                await asyncio.wait((reader,), timeout=self._limits.close)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def send(self, message: bytes | str) -> None:
        """See `connection.Connection`."""
        if self._closing is not None:
            return
        if self._unsent > self._limits.send_buffer:
            self._out.clear()
            self.close(1013, "too slow a reader")
            return
        self._out.append(message)
        self._unsent += len(message)
        self._wake.set()

    def close(self, code: int, reason: str = "") -> None:
        """See `connection.Connection`."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()
            self._close_wanted.set()
            # Later, for the hub may be in the middle of telling all its sockets something.
            asyncio.get_running_loop().call_soon(self._handler.closed)

    async def _read(self, receive: Receive) -> None:
        while True:
            message: dict[str, Any] = await receive()
            if message["type"] != "websocket.receive":
                return
            if self._closing is not None:
                continue
            data = message.get("bytes")
            try:
                self._handler.received(message["text"] if data is None else data)
            except Exception:
                LOGGER.exception("a web socket's message could not be handled")
                self.close(1011, "internal error")

    async def _write(self, send: Send) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._out:
                message = self._out.popleft()
                name = "text" if isinstance(message, str) else "bytes"
                await send({"type": "websocket.send", name: message})
                self._unsent -= len(message)
            if self._closing is not None:
                code, reason = self._closing
                await send({"type": "websocket.close", "code": code, "reason": _reason(reason)})
                return


def _reason(text: str) -> str:
    """Fit a reason into a close frame: 123 bytes."""
    return text.encode()[:123].decode(errors="ignore")


async def _refuse(send: Send, refusal: Refusal) -> None:
    said, body = problem(refusal.status, refusal.detail, refusal.type)
    headers = [(name.encode(), value.encode()) for name, value in said]
    start = {"type": "websocket.http.response.start", "status": refusal.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})
