"""One connection of the event socket: commands in, answers and events out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import wire
from .api import run_command
from .commands import COMMANDS, Message
from .rights import DirectoryUser, Rights
from .subscription import Subscription

if TYPE_CHECKING:
    from .bus import Happened
    from .server import EslServer

LINE_MAX = 64 * 1024
"""Bytes a command may have before its empty line; FreeSWITCH drops a client that sends more."""
BODY_MAX = 4 * 1024 * 1024
BACKLOG_MAX = 32 * 1024 * 1024
"""Bytes that may wait for a client that does not read; then it is dropped."""


class Session(asyncio.Protocol):
    """A connection. Also a `bus.Listener`."""

    def __init__(self, server: EslServer) -> None:
        self.server = server
        self.pbx = server.pbx
        self.authenticated = False
        self.rights = Rights()
        self.log_level = 0
        self.listening = False
        self.format = "plain"
        self.subscription = Subscription()
        self.transport: asyncio.Transport | None = None
        self.stalled = False
        self._buffer = bytearray()
        self._closing = False
        self._busy = False
        """An ``api`` command runs: neither commands nor events pass it."""
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._out: list[bytes] = []

    # --- asyncio.Protocol ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there: ask for the password, or turn it away."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # asyncio's TCP servers
        self.transport = transport
        transport.set_write_buffer_limits(high=BACKLOG_MAX)
        self.server.sessions.add(self)
        self.stalled = self.server.faults.stall_new
        if self.stalled:
            transport.pause_reading()
        elif self.server.faults.refuse_new:
            self.write(wire.REJECTION)
            self.goodbye()
        else:
            self.greet()

    def greet(self) -> None:
        """Ask who it is."""
        self.write(wire.AUTH_REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self.server.sessions.discard(self)
        self.pbx.bus.remove(self)
        self.pbx.log.remove(self)
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Bytes of commands."""
        if self._closing:
            return
        self._buffer += data
        self._work()

    def _work(self) -> None:
        while not self._busy and not self._closing and self.transport is not None:
            while self._buffer.startswith((b"\n", b"\r")):
                del self._buffer[:1]
            text = bytes(self._buffer)
            ends = [(text.find(mark), len(mark)) for mark in (b"\n\n", b"\r\n\r\n", b"\n\r\n")]
            found = [end for end in ends if end[0] >= 0]
            if not found:
                if len(text) > LINE_MAX:
                    self.transport.abort()
                return
            end, size = min(found)
            message = Message(text[:end].decode("utf-8", "surrogateescape"))
            length = message.length
            if length > BODY_MAX:
                self.transport.abort()
                return
            if len(text) < end + size + length:
                return
            body = text[end + size : end + size + length]
            message.body = body.decode("utf-8", "surrogateescape")
            del self._buffer[: end + size + length]
            self.act(message)

    def act(self, message: Message) -> None:
        """Do what a command says."""
        self.server.commands[message.verb] += 1
        if message.verb == "exit":
            self.reply("+OK bye")
            self.goodbye()
        elif not self.authenticated:
            self._authenticate(message)
        elif (
            message.verb in ("api", "bgapi")
            and message.argument
            and not self.rights.may_run(message.argument)
        ):
            self.reply("-ERR permission denied")
        elif message.verb == "api" and message.argument:
            self._busy = True
            self.pbx.spawn(self._api(message.argument), "api")
        elif message.verb == "bgapi" and message.argument:
            job = message.headers.get("job-uuid") or self.pbx.new_uuid()
            self.reply(f"+OK Job-UUID: {job}", [("Job-UUID", job)])
            self.pbx.spawn(self._background(message.argument, job), "bgapi")
        else:
            command = COMMANDS.get(message.verb)
            if command is None:
                self.reply("-ERR command not found")
            else:
                command(self, message)

    def _authenticate(self, message: Message) -> None:
        if message.verb == "auth" and message.argument == self.server.password:
            self.authenticated = True
            self.reply("+OK accepted")
        elif message.verb == "userauth" and (user := self._user(message.argument)) is not None:
            self.authenticated = True
            self.rights = Rights(user)
            self.reply("+OK accepted", user.headers())
        elif message.verb in ("auth", "userauth"):
            self.reply("-ERR invalid")
            self.goodbye()
        else:
            self.reply("-ERR command not found")

    def _user(self, text: str) -> DirectoryUser | None:
        name, _, password = text.partition(":")
        user = self.server.users.get(name)
        return user if user is not None and user.password == password else None

    async def _api(self, command: str) -> None:
        try:
            answer = await run_command(self.pbx, command)
        except asyncio.CancelledError:
            self._busy = False
            raise
        self.write(wire.content("api/response", answer))
        self.release()

    def release(self) -> None:
        """What it was busy with is done: what waited goes out, and commands go on."""
        self._busy = False
        held, self._held, self._held_bytes = self._held, [], 0
        for data in held:
            self.server.faults.deliver(self, data)
        self._work()

    async def _background(self, command: str, job: str) -> None:
        await asyncio.sleep(0)
        await run_command(self.pbx, command, job=job)

    # --- bus.Listener --------------------------------------------------------------------

    def subscribe(self, kind: str = "") -> None:
        """The subscription changed, or the format."""
        self.format = kind or self.format
        self.listening = True
        self.pbx.bus.add(self)

    def unsubscribe(self) -> None:
        """It wants no events any more."""
        self.listening = False
        self.pbx.bus.remove(self)

    def wants(self, name: str, subclass: str) -> bool:
        """Whether events of this name may be for it."""
        return self.subscription.wants(name, subclass)

    def accepts(self, event: Happened) -> bool:
        """Whether its filters let an event through."""
        return self.subscription.accepts(event)

    def deliver(self, data: bytes) -> None:
        """Send an event; behind the answer of an ``api`` that runs."""
        if not self._busy:
            self.server.faults.deliver(self, data)
            return
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > BACKLOG_MAX and self.transport is not None:
            self.transport.abort()

    # --- writing -------------------------------------------------------------------------

    def reply(self, text: str, more: list[tuple[str, str]] | None = None) -> None:
        """Answer a command."""
        self.write(wire.reply(text, more or []))

    def goodbye(self, notice: bytes = wire.NOTICE) -> None:
        """The disconnect notice, then the end."""
        self.write(notice)
        self.close()

    def write(self, data: bytes) -> None:
        """Send bytes, gathered once per turn of the event loop."""
        if self.transport is None or self.stalled or self._closing:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        data, self._out = b"".join(self._out), []
        if not data or self.transport is None:
            return
        self.server.faults.send(self, self.transport, data)
        if self.transport.get_write_buffer_size() > BACKLOG_MAX:
            self.transport.abort()

    def close(self) -> None:
        """Send what waits, then close."""
        self._flush()
        self._closing = True
        if self.transport is not None:
            self.transport.close()
