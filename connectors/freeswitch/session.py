"""One call that FreeSWITCH's application `socket` handed over: greenswitch's `OutboundSession`.

greenswitch gives the commands and their order; what it gets wrong (facts: libraries.md) is taken
from it here, as in `protocol`: bytes are read by `wire.FrameReader`, every wait has a timeout,
what is sent is sent whole, nothing is queued without bound, and no end of file goes unseen.

Nobody logs in on this socket, so whoever reaches the port may pretend to be FreeSWITCH. They have
`ANSWER_TIMEOUT` seconds to show a call and `LIMIT` bytes for all they say, and they hear nothing
but a menu's commands.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable
from typing import Any

import gevent
import gevent.event
from greenswitch.esl import OutboundSession

from connectors.freeswitch.wire import Event, Frame, FrameReader, event_of

ANSWER_TIMEOUT = 3.0
"""Seconds FreeSWITCH has for the reply to a command; its own patience with us is 25."""
WRITE_TIMEOUT = 3.0
LIMIT = 4 * 1024 * 1024
"""Bytes one call may send: it has some ten events of at most 13 kB."""
FRAME_LIMIT = 256 * 1024
READ_SIZE = 64 * 1024
UNANSWERED_LIMIT = 64
"""Commands that may wait for their reply at one time."""
COMPLETE = "CHANNEL_EXECUTE_COMPLETE"


class SessionError(Exception):
    """The call cannot be led any further; the message says why."""


class GoneError(SessionError):
    """FreeSWITCH ended the connection: the caller hung up, or the call went on elsewhere."""


class CallSession(OutboundSession):  # type: ignore[misc]
    """Made, used and ended in the hub's thread. Raises `SessionError` where it fails."""

    def __init__(self, address: object, sock: Any) -> None:
        self._reader = FrameReader([COMPLETE], limit=FRAME_LIMIT)
        self._taken = 0
        self._why: SessionError | None = None
        self.until = math.inf
        """When, by time.monotonic(), the call is to be let alone: FreeSWITCH may have it again."""
        self._completes: dict[str, gevent.event.AsyncResult[Event]] = {}
        super().__init__(address, sock)

    @property
    def over(self) -> bool:
        """Nothing more can be done with it."""
        return self._why is not None

    def take(self) -> dict[str, str]:
        """Take the call: its channel, as header names and values."""
        self.connect()
        data: dict[str, str] = self.session_data
        return data

    def listen(self) -> None:
        """Have FreeSWITCH say when an application that `run` names is done, and nothing else: a
        mark alone is twenty applications, each with two events of 6 kB."""
        self.send("filter Application-UUID none")
        self.send("myevents json")

    def run(self, application: str, argument: str, within: float) -> Event:
        """Have the channel run an application; its end, awaited for seconds."""
        number = str(uuid.uuid4())
        done = self._completes[number] = gevent.event.AsyncResult()
        try:
            self.post([f"filter Application-UUID {number}"])
            # A header more behind greenswitch's own; both are of our making.
            self.call_command(application, f"{argument}\nEvent-UUID: {number}")
            with gevent.Timeout(within, SessionError(f"{application} took more than {within:g} s")):
                event: Event = done.get()
                return event
        finally:
            del self._completes[number]

    def post(self, commands: Iterable[str]) -> None:
        """Send commands in one write, without waiting for their replies."""
        self._write([(command, None) for command in commands])

    def end(self, why: SessionError | None = None) -> None:
        """End the connection, at once; FreeSWITCH goes on with the call in its dialplan. Whoever
        waits for something of this call gets `why`."""
        self._close(why or SessionError("the connector ended it"))

    # --- what greenswitch calls ----------------------------------------------------------

    def start_event_handlers(self) -> None:
        self._receive_events_greenlet = gevent.spawn(self.receive_events)

    def send(self, data: str) -> Frame:
        reply: gevent.event.AsyncResult[Frame] = gevent.event.AsyncResult()
        self._write([(data, reply)])
        verb = data.split()[0]
        late = SessionError(f"FreeSWITCH did not answer {verb} within {ANSWER_TIMEOUT:g} s")
        with gevent.Timeout(ANSWER_TIMEOUT, late):
            frame: Frame = reply.get()
        if frame.get("Reply-Text").startswith("-ERR"):
            raise SessionError(f"{verb}: {frame.get('Reply-Text').strip()[:80]}")
        return frame

    def receive_events(self) -> None:
        """Read until the end; whoever waits is told."""
        why: SessionError = GoneError("FreeSWITCH closed the connection")
        try:
            while not self.over:
                data = self.sock.recv(READ_SIZE)
                if not data:
                    break
                self._taken += len(data)
                if self._taken > LIMIT:
                    raise SessionError(f"it sent more than {LIMIT >> 20} MB")
                for frame in self._reader.feed(data):
                    self._sort(frame)
                if self._reader.broken:
                    raise SessionError(self._reader.broken)
                gevent.sleep(0)  # under a flood, others have their turn as well
        except SessionError as error:
            why = error
        except OSError as error:
            why = GoneError(f"connection lost: {error.strerror or error}")
        self._close(why)

    # --- the rest ------------------------------------------------------------------------

    def _sort(self, frame: Frame) -> None:
        if frame.kind in ("text/event-json", "text/event-plain"):
            event = event_of(frame)
            done = self._completes.get(event.get("Application-UUID")) if event else None
            if done is not None and not done.ready():
                done.set(event)
        elif frame.kind in ("command/reply", "api/response"):
            if not self._commands_sent:
                raise SessionError(f"a reply of type {frame.kind} came, and nothing was asked")
            waiting = self._commands_sent.pop(0)
            if waiting is not None:
                waiting.set(frame)
        elif frame.kind != "text/disconnect-notice":
            raise SessionError(f"it is no FreeSWITCH; it says {frame.kind[:40]!r}")

    def _write(self, commands: list[tuple[str, object]]) -> None:
        if self._why is not None:
            raise self._why
        if time.monotonic() > self.until:
            raise SessionError("the connector stood still; FreeSWITCH has the call again")
        if len(self._commands_sent) + len(commands) > UNANSWERED_LIMIT:
            raise SessionError(f"{UNANSWERED_LIMIT} commands wait for FreeSWITCH")
        self._commands_sent += [waiting for _, waiting in commands]
        text = "".join(f"{command}\n\n" for command, _ in commands)
        late = SessionError(f"FreeSWITCH took no command for {WRITE_TIMEOUT:g} s")
        try:
            with gevent.Timeout(WRITE_TIMEOUT, late):
                self.sock.sendall(text.encode())
        except OSError as error:
            raise GoneError(f"connection lost: {error.strerror or error}") from None

    def _close(self, why: SessionError) -> None:
        if self._why is not None:
            return
        self._why = why
        self.connected = self._run = False
        self.sock_file.close()
        self.sock.close()
        if self._receive_events_greenlet is not gevent.getcurrent():
            self._receive_events_greenlet.kill(block=False)
        for waiting in [*self._commands_sent, *self._completes.values()]:
            if waiting is not None and not waiting.ready():
                waiting.set_exception(why)
        self._commands_sent.clear()
