"""The seam to greenswitch: its `InboundESL`, on our own reading of the wire.

greenswitch gives the connection's state, the order of commands and replies, and the log-in. What
it gets wrong (facts: libraries.md) is taken from it here: bytes are read by `wire.FrameReader`,
so that no end of file, no format and no byte stops the reader in silence; every wait has a
timeout; what is sent is sent whole; one object is one connection; nothing is queued without
bound. Everything below runs in the hub's thread and hands over to the loop what it reads.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import gevent
import gevent.event
import gevent.queue
from gevent import socket
from greenswitch import InboundESL

from connectors.freeswitch.hub import Handover
from connectors.freeswitch.wire import EVENT, Frame, FrameReader

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5.0
WRITE_TIMEOUT = 5.0
"""Seconds within which FreeSWITCH must take a command off the socket."""
ACCEPTED = "+OK accepted"
"""The reply to a log-in that is one."""
READ_SIZE = 1024 * 1024
"""Bytes of one read at most."""
GATHER_SPAN = 0.5
"""Seconds of the past that count for how busy a connection is."""
GATHER_RATE = 3e6
"""Bytes a second from which on reads are as far apart as they get; see `Pace`."""
GATHER_LIMIT = 0.1
"""Seconds between two reads at most."""
FRAME_COST = 600
"""Bytes a waiting frame takes besides its body."""


class Opened(NamedTuple):
    """Connected and logged in."""


class Answer(NamedTuple):
    """The reply to a command, with what `EslProtocol.submit` was given to know it by."""

    frame: Frame
    command: object


class Ended(NamedTuple):
    """The connection is gone; nothing comes behind it."""

    why: str
    refused: bool = False
    """Somebody is there and does not let us in."""


Item = Frame | Answer | Opened | Ended


class Pace:
    """How long to let bytes gather before the next read, since to wake two threads, and to find
    nothing of theirs in the processor's caches, costs more than to read an event.

    FreeSWITCH sends an event at a time. At `GATHER_RATE`, below its ceiling, a pause has
    `GATHER_LIMIT`; below that it falls with the third power of the rate, so that an answer among
    twenty calls a second waits for 1 ms and one alone for none; above, no more gathers than half a
    read. Reports pause as well (`connectors.runtime.backoff`), and for less: at the ceiling each
    goes out right behind a read.
    """

    def __init__(self) -> None:
        self._recent = 0.0
        """Bytes of about the last `GATHER_SPAN`."""
        self._last = 0.0

    def pause(self, size: int, now: float, room: int) -> float:
        """Seconds to wait behind a read of `size` bytes (> 0) at `now`. `room`: the bytes of the
        kernel's buffer; it announces less than half of them, so where a quarter was full FreeSWITCH
        may have had to wait, and the kernel makes the buffer larger if it is read at once."""
        self._recent = self._recent * math.exp((self._last - now) / GATHER_SPAN) + size
        self._last = now
        if size * 4 >= min(room, READ_SIZE * 4):
            return 0.0
        rate = self._recent / GATHER_SPAN
        return min(GATHER_LIMIT * min(1.0, rate / GATHER_RATE) ** 3, READ_SIZE / 2 / rate)


class EslProtocol(InboundESL):  # type: ignore[misc]
    """One connection, in the hub's thread."""

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        wanted: Iterable[str],
        handover: Handover[Item],
        user: str = "",
    ) -> None:
        """`user`: a user of the directory, with its domain, that may do less than the password
        of the event socket lets everybody do; '' for that password."""
        super().__init__(host, port, password, timeout=CONNECT_TIMEOUT)
        self._user = user
        self.reader = FrameReader(wanted)
        self.heard = time.monotonic()
        """When the last byte came, by time.monotonic(); read by the loop's thread."""
        self.ended = False
        self._handover = handover
        self._outgoing: gevent.queue.Queue[str] = gevent.queue.Queue()
        self._notice = ""
        self._refusal = ""
        """Why FreeSWITCH does not let us in."""
        self._astray = ""
        """What shows that replies and commands no longer match."""
        self._opening: gevent.Greenlet | None = None
        self._writing: gevent.Greenlet | None = None
        self.sock: Any = None

    def open(self) -> None:
        """Connect and log in, in a greenlet of its own; hands over `Opened` or `Ended`."""
        self._opening = gevent.spawn(self._open)

    def submit(self, command: str, known_by: object) -> None:
        """Send a command; its reply is handed over as an `Answer`."""
        if not self.ended:
            self._commands_sent.append((command.startswith("api "), known_by))
            self._outgoing.put(command)

    def end(self, why: str) -> None:
        """End the connection now and say why. What has been read before goes ahead of it."""
        if self.ended:
            return
        self.ended = True
        self.connected = False
        self._run = False
        if self.sock is not None:
            self.sock.close()
        for greenlet in (self._opening, self._writing):
            if greenlet is not None and greenlet is not gevent.getcurrent():
                greenlet.kill(block=False)
        self._commands_sent.clear()
        self._handover.put([Ended(self._refusal or why, bool(self._refusal))], 0)

    # --- what greenswitch calls ----------------------------------------------------------

    def connect(self) -> None:
        """Connect and log in. Raises `OSError`, `gevent.Timeout` or, refused, `ValueError`."""
        self.sock = socket.create_connection((self.host, self.port), timeout=self.timeout)
        self.sock.settimeout(None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connected = True
        self.start_event_handlers()
        with gevent.Timeout(self.timeout):
            self._auth_request_event.wait()
            self.authenticate()

    def authenticate(self) -> None:
        if not self._user:
            super().authenticate()
        elif self.send(f"userauth {self._user}:{self.password}").get("Reply-Text") != ACCEPTED:
            raise ValueError("Invalid password.")

    def start_event_handlers(self) -> None:
        self._receive_events_greenlet = gevent.spawn(self.receive_events)
        self._writing = gevent.spawn(self._write_commands)

    def send(self, data: str) -> Frame:
        """A command of the log-in, and its reply."""
        result = gevent.event.AsyncResult()
        self.submit(data, result)
        frame: Frame = result.get()
        return frame

    def receive_events(self) -> None:
        """Read until the end, which it reports. The socket is drained whatever happens."""
        why = ""
        pace = Pace()
        # A buffer of its own: bytes of that size malloc would fetch from the kernel each time.
        buffer = memoryview(bytearray(READ_SIZE))
        try:
            while not why:
                size = self.sock.recv_into(buffer)
                if not size:
                    why = self._closed()
                    break
                self.heard = time.monotonic()
                room = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
                why = self._take(bytes(buffer[:size]))
                # Under a flood that never pauses, others have their turn as well.
                gevent.sleep(pace.pause(size, self.heard, room))
        except OSError as error:
            why = f"connection lost: {error.strerror or error}"
        except Exception as error:
            log.exception("the reader of the event socket failed")
            why = f"the reader of the event socket failed: {error!r}"
        self.end(why)

    # --- the rest ------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            with gevent.Timeout(2 * self.timeout):  # looking the host's name up has no other
                self.connect()
        except ValueError:  # greenswitch's word for a refused password
            self.end(self._refusal)
        except gevent.Timeout:
            self.end(self._silent())
        except socket.gaierror as error:
            self.end(f"{self.host} is not known ({error.strerror})")
        except ConnectionRefusedError:
            self.end("nobody listens there (connection refused)")
        except TimeoutError:
            self.end(f"no connection within {self.timeout:g} s")
        except OSError as error:
            self.end(error.strerror or str(error))
        else:
            if not self.ended:
                self._handover.put([Opened()], 0)

    def _silent(self) -> str:
        if self.sock is None:
            return f"no connection within {2 * self.timeout:g} s"
        if self._auth_request_event.is_set():
            return "connected, but the log-in was not answered"
        return f"connected, but nothing was said within {self.timeout:g} s"

    def _take(self, data: bytes) -> str:
        """What one read brought; why the connection has to end, or ''."""
        frames = self.reader.feed(data)
        items: list[Item] = []
        size = FRAME_COST * len(frames)
        for frame in frames:
            size += len(frame.body)
            if frame.kind == EVENT:  # nearly all of them
                items.append(frame)
            elif (item := self._sort(frame)) is not None:
                items.append(item)
        why = ""
        if not self._handover.put(items, size):
            self._handover.clear()
            most = self._handover.limit >> 20
            why = f"the connector fell behind: more than {most} MB of events waited for it"
        elif self._refusal or self._astray or self.reader.broken:
            why = self._refusal or self._astray or self.reader.broken
        elif self._notice:
            why = self._closed()
        elif not self._auth_request_event.is_set():
            said = self.reader.unfinished
            if b"\n" in said and not said.startswith(b"Content-"):
                why = f"what answers there is no event socket; it says {_shown(said)}"
        return why

    def _sort(self, frame: Frame) -> Item | None:
        match frame.kind:
            case "text/event-plain":
                return frame
            case "command/reply" | "api/response":
                return self._match(frame)
            case "auth/request":
                self._auth_request_event.set()
            case "text/rude-rejection":
                self._refusal = (
                    "this machine's address is refused; apply-inbound-acl in"
                    " event_socket.conf.xml says who may connect"
                )
            case "text/disconnect-notice":
                if frame.get("Content-Disposition") != "linger":
                    self._notice = frame.text.strip() or "goodbye"
        return None

    def _match(self, frame: Frame) -> Item | None:
        """The command a reply belongs to. Nothing but their order says which that is."""
        if not self._commands_sent:
            self._astray = f"a reply of type {frame.kind} came, and nothing was asked"
            return None
        is_api, known_by = self._commands_sent.pop(0)
        reply = frame.headers.setdefault("Reply-Text", "")
        if is_api != (frame.kind == "api/response") and not reply.startswith("-ERR"):
            self._astray = f"a reply of type {frame.kind} belongs to none of the commands sent"
            return None
        if not isinstance(known_by, gevent.event.AsyncResult):
            return Answer(frame, known_by)
        if reply != ACCEPTED:
            self._refusal = f"the password is refused ({reply.strip()[:80]})"
        known_by.set(frame)
        return None

    def _closed(self) -> str:
        """The end of the stream in words."""
        if "shut down" in self._notice:
            return "FreeSWITCH is shutting down"
        if self._notice:
            first = self._notice.partition("\n")[0]
            return f"FreeSWITCH closed the connection ({first[:80]})"
        if self.reader.unfinished:
            return "FreeSWITCH closed the connection in the middle of a frame"
        return "FreeSWITCH closed the connection"

    def _write_commands(self) -> None:
        try:
            for command in self._outgoing:
                with gevent.Timeout(WRITE_TIMEOUT):
                    self.sock.sendall(f"{command}\n\n".encode())
        except gevent.Timeout:
            self.end(f"FreeSWITCH took no command off the connection for {WRITE_TIMEOUT:g} s")
        except OSError as error:
            self.end(f"connection lost: {error.strerror or error}")


def _shown(said: bytes) -> str:
    """The first line of something foreign, fit for one line of a log."""
    return repr(said.partition(b"\n")[0].decode("utf-8", "replace").strip()[:80])
