"""What can go wrong with a switch or the way to it, on command."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from typing import Protocol

GARBAGE = b"\x00\xff\xfe HTTP/1.1 400\r\r\nEvent Newchannel\r\n: \r\n\xc3\x28: \x85\r\n\r\n"
DRIP_QUEUE_MAX = 16 * 1024 * 1024
BEHIND_MAX = 64 * 1024 * 1024


class Session(Protocol):
    """A connection of the control port."""

    transport: asyncio.Transport | None
    stalled: bool

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """Send what waits, then close."""


class Server(Protocol):
    """The control port of a simulated switch."""

    @property
    def sessions(self) -> Collection[Session]:
        """What is connected."""

    async def close_port(self) -> None:
        """Nobody listens any more; sessions stay."""

    async def open_port(self) -> None:
        """Listen again where it did."""


class Faults:
    """Each method is one fault; `clear` ends those that last."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.stall_new = False
        """New connections are accepted and then neither read nor answered."""
        self._lag = 0.0
        self._behind = 0
        """Bytes of events that are held back now."""
        self._late: deque[tuple[float, Session, bytes]] = deque()
        """What is held back and until when; bounded by `BEHIND_MAX` bytes."""
        self._cut: dict[Session, int] = {}
        self._drip: tuple[int, float] | None = None
        self._dripping: dict[Session, bytearray] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def clear(self) -> None:
        """New connections behave, dripping ends (what waits is sent at once)."""
        self.stall_new = False
        self._lag = 0.0
        self._cut.clear()
        self._drip = None

    async def restart(self, down: float = 0.5, *, clean: bool = True) -> None:
        """The switch restarts; each kind has its own way to say so."""
        raise NotImplementedError

    def close_all(self, *, clean: bool = False) -> None:
        """Every session's socket closes now; calls go on."""
        for session in list(self._server.sessions):
            if clean:
                session.close()
            elif session.transport is not None:
                session.transport.abort()

    async def port_down(self, seconds: float) -> None:
        """The network is gone for a while: sockets close, nobody listens; calls go on."""
        self.close_all()
        await self._server.close_port()
        await asyncio.sleep(seconds)
        await self._server.open_port()

    def cut_mid_frame(self, after: int = 40) -> None:
        """The next write of each standing session stops `after` bytes in; its socket closes."""
        self._cut = dict.fromkeys(self._server.sessions, after)

    def stall(self) -> None:
        """Standing sessions are neither read nor answered any more, but stay open."""
        for session in self._server.sessions:
            session.stalled = True
            if session.transport is not None:
                session.transport.pause_reading()

    def unstall(self) -> None:
        """Standing sessions live again. What happened meanwhile is lost to them."""
        self.stall_new = False
        for session in self._server.sessions:
            session.stalled = False
            if session.transport is not None:
                session.transport.resume_reading()

    def slow_drip(self, size: int = 7, pause: float = 0.001) -> None:
        """From now on bytes leave in pieces of `size`, `pause` seconds apart."""
        self._drip = (size, pause)

    def lag(self, seconds: float) -> None:
        """Events come this much later than they happen, while actions are answered at once.

        A list then tells of channels before the events of their making, as a busy switch does.
        """
        self._lag = seconds

    def deliver(self, session: Session, data: bytes) -> None:
        """Send an event, late if `lag` says so."""
        if not self._lag and not self._behind:
            session.write(data)
            return
        loop = asyncio.get_running_loop()
        self._behind += len(data)
        if self._behind > BEHIND_MAX and session.transport is not None:
            session.transport.abort()
        if not self._late:
            loop.call_later(self._lag, self._catch_up)
        self._late.append((loop.time() + self._lag, session, data))

    def _catch_up(self) -> None:
        loop = asyncio.get_running_loop()
        while self._late and self._late[0][0] <= loop.time():
            _due, session, data = self._late.popleft()
            self._behind -= len(data)
            session.write(data)
        if self._late:
            loop.call_at(self._late[0][0], self._catch_up)

    def garbage(self, data: bytes = GARBAGE) -> None:
        """Every session gets bytes that are no protocol."""
        for session in self._server.sessions:
            session.write(data)

    def send(self, session: Session, transport: asyncio.Transport, data: bytes) -> None:
        """Write on behalf of a session, with whatever fault is on."""
        if session in self._cut:
            transport.write(data[: self._cut.pop(session)])
            transport.close()
        elif session in self._dripping:
            self._dripping[session] += data
        elif self._drip is not None:
            self._dripping[session] = bytearray(data)
            task = asyncio.get_running_loop().create_task(self._drip_out(session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            transport.write(data)

    async def _drip_out(self, session: Session) -> None:
        waiting = self._dripping[session]
        try:
            while waiting and session.transport is not None:
                if len(waiting) > DRIP_QUEUE_MAX:
                    session.transport.abort()
                    return
                size, pause = self._drip or (len(waiting), 0.0)
                session.transport.write(bytes(waiting[:size]))
                del waiting[:size]
                await asyncio.sleep(pause)
        finally:
            del self._dripping[session]
