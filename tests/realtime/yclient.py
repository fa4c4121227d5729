"""A small y-websocket client on pycrdt, for tests: what a page does, without a page."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

import pycrdt
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")

WAIT = 10.0


def varuint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def varbytes(data: bytes) -> bytes:
    return varuint(len(data)) + data


def read_varuint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


def read_varbytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = read_varuint(data, at)
    return data[at : at + size], at + size


def clocks(state: bytes | None) -> dict[int, int]:
    """Read a state vector (None: nothing); its clients come in any order."""
    if state is None:
        return {}
    count, at = read_varuint(state, 0)
    found = {}
    for _ in range(count):
        client, at = read_varuint(state, at)
        found[client], at = read_varuint(state, at)
    return found


class YClient:
    """One participant's socket and document; use it as an async context manager.

    `url` is the sync address without the session (`ws://127.0.0.1:8080/v1/sync`), `session` the
    room, `token` the sync token, shown as sub-protocol (or in the query, `by_query=True`).
    """

    def __init__(
        self,
        url: str,
        session: str,
        token: str,
        *,
        doc: pycrdt.Doc[Any] | None = None,
        ours: bool = True,
        by_query: bool = False,
        client_id: int | None = None,
    ) -> None:
        self._opened_as = (url, session, token)
        self._address = f"{url}/{session}" + (f"?token={token}" if by_query else "")
        self._subprotocols = None if by_query else ["tandem", token]
        self._ours = ours
        self.doc: pycrdt.Doc[Any] = doc or pycrdt.Doc()
        self.chat = self.doc.get("chat", type=pycrdt.Array)
        self.client_id = client_id or self.doc.client_id & 0x7FFFFFFF
        self.clock = 0
        self.synced = False
        self.stored: bytes | None = None
        """Last state vector the server said is stored."""
        self.views: list[dict[str, Any]] = []
        """Session states (102), oldest first."""
        self.pages: list[dict[str, Any]] = []
        """What came for who has the page open (104), oldest first."""
        self.writers: dict[int, dict[str, Any]] = {}
        """Whose each client is (103)."""
        self.relayed: list[bytes] = []
        """Messages 101 of the others."""
        self.others: dict[int, Any] = {}
        """Awareness: client -> state; gone clients are left out."""
        self.received: list[bytes] = []
        """Every message as it came."""
        self.close_code: int | None = None
        self.close_reason = ""
        self.subprotocol: str | None = None
        self._socket: ClientConnection
        self._news = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._sending = False
        self._sent_state = b"\x00"

    async def __aenter__(self) -> YClient:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect and begin, or begin again; does not wait for the first sync."""
        self.synced, self.close_code, self.close_reason = False, None, ""
        self._socket = await connect(
            self._address,
            subprotocols=self._subprotocols,  # type: ignore[arg-type]
            max_size=None,
            open_timeout=WAIT,
            close_timeout=1,
            ping_interval=None,
            compression=None,
        )
        self.subprotocol = self._socket.subprotocol
        self._reader = asyncio.create_task(self._read())
        await self.send(b"\x00\x00" + varbytes(self.doc.get_state()))
        if self._ours:
            await self.send(b"\x64")

    def sibling(self) -> YClient:
        """Another window of the same participant, with an empty document."""
        return YClient(*self._opened_as)

    async def close(self) -> None:
        """Leave, as a page does."""
        await self._socket.close()
        if self._reader is not None:
            await asyncio.wait_for(self._reader, WAIT)

    async def drop(self) -> None:
        """Vanish without a word."""
        self._socket.transport.abort()
        if self._reader is not None:
            await asyncio.wait_for(self._reader, WAIT)

    async def send(self, message: bytes | str) -> None:
        """Send a raw message; a socket that is closed already is no error."""
        try:
            await self._socket.send(message)
        except ConnectionClosed:
            return

    async def say(self, text: str, **more: Any) -> None:
        """Add a chat line."""
        before = self.doc.get_state()
        self.chat.append({"text": text, **more})
        await self.send(b"\x00\x02" + varbytes(self.doc.get_update(before)))

    async def be(self, state: Any) -> None:
        """Set the own awareness state; None leaves."""
        self.clock += 1
        await self.send(self.awareness_message([(self.client_id, self.clock, state)]))

    @staticmethod
    def awareness_message(entries: list[tuple[int, int, Any]]) -> bytes:
        body = varuint(len(entries)) + b"".join(
            varuint(client) + varuint(clock) + varbytes(json.dumps(state).encode())
            for client, clock, state in entries
        )
        return b"\x01" + varbytes(body)

    @property
    def lines(self) -> list[str]:
        """The chat's texts."""
        return [item["text"] for item in self.chat.to_py() or ()]

    async def until(self, condition: Callable[[], T], what: str = "") -> T:
        """Wait until a condition over this client holds; gives its value."""
        async with self._news:
            try:
                async with asyncio.timeout(WAIT):
                    while not (value := condition()):
                        await self._news.wait()
                    return value
            except TimeoutError:
                raise AssertionError(
                    f"not within {WAIT} s: {what or condition}; close code {self.close_code}, "
                    f"last lines {[line[:40] for line in self.lines[-5:]]}, others {self.others}"
                ) from None

    async def until_synced(self) -> YClient:
        await self.until(lambda: self.synced, "synced")
        return self

    async def until_stored(self) -> None:
        """Wait until everything in the document is acknowledged as stored."""
        await self.until(
            lambda: self.stored is not None and clocks(self.stored) == clocks(self.doc.get_state()),
            "stored",
        )

    async def until_closed(self) -> int:
        await self.until(lambda: self.close_code is not None, "closed")
        assert self.close_code is not None
        return self.close_code

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                assert isinstance(message, bytes)
                await self._take(message)
        except ConnectionClosed:
            pass  # how it ended is noted below
        async with self._news:
            code = self._socket.close_code
            self.close_code = 1006 if code is None else code
            self.close_reason = self._socket.close_reason or ""
            self._news.notify_all()

    async def _take(self, message: bytes) -> None:
        self.received.append(message)
        kind, at = read_varuint(message, 0)
        if kind == 0:
            step, at = read_varuint(message, at)
            body, _ = read_varbytes(message, at)
            if step == 0:
                await self.send(b"\x00\x01" + varbytes(self.doc.get_update(body)))
            else:
                self.doc.apply_update(body)
                self.synced = self.synced or step == 1
        elif kind == 1:
            body, _ = read_varbytes(message, at)
            self._take_awareness(body)
        elif kind == 100:
            self.stored, _ = read_varbytes(message, at)
        elif kind == 101:
            self.relayed.append(message[at:])
        elif kind == 102:
            body, _ = read_varbytes(message, at)
            self.views.append(json.loads(body))
        elif kind == 104:
            body, _ = read_varbytes(message, at)
            self.pages.append(json.loads(body))
        elif kind == 103:
            body, _ = read_varbytes(message, at)
            self.writers |= {int(client): owner for client, owner in json.loads(body).items()}
        async with self._news:
            self._news.notify_all()

    def _take_awareness(self, body: bytes) -> None:
        count, at = read_varuint(body, 0)
        for _ in range(count):
            client, at = read_varuint(body, at)
            _, at = read_varuint(body, at)
            state, at = read_varbytes(body, at)
            value = json.loads(state)
            if value is None:
                self.others.pop(client, None)
            elif client != self.client_id:
                self.others[client] = value
