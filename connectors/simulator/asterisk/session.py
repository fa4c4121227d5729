"""One manager connection: lines in, actions answered, events out."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from .actions import ACTIONS, COMMANDS
from .filters import FilterSet
from .users import ALL_CLASSES, ManagerUser, classes

if TYPE_CHECKING:
    from .server import AmiServer

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
LINE_MAX = 1022
"""Bytes an input line may have before its line end; measured on 22.10.1."""
HEADERS_MAX = 128
BACKLOG_MAX = 32 * 1024 * 1024
"""Bytes that may wait for a client that does not read; then it is dropped (``writetimeout``)."""
REFUSAL_DELAY = 1.0
"""Seconds until a bad login is answered."""
TOO_LONG = "Failed to parse message: line too long"


class Request:
    """The headers of one action, in order."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.headers = headers

    def get(self, name: str, default: str = "") -> str:
        """A header's first value; names are case-insensitive."""
        lower = name.lower()
        return next((value for key, value in self.headers if key.lower() == lower), default)


class Session(asyncio.Protocol):
    """A connection. Also a `bus.Listener`."""

    def __init__(self, server: AmiServer) -> None:
        self.server = server
        self.user: ManagerUser | None = None
        self.mask = ALL_CLASSES
        self.filters = FilterSet()
        self.challenge = ""
        self.transport: asyncio.Transport | None = None
        self.stalled = False
        self._buffer = bytearray()
        self._headers: list[tuple[str, str]] = []
        self._line_lost = False
        self._busy = False
        self._out: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    # --- asyncio.Protocol ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there: greet it, and give it some time to log in."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # asyncio's TCP servers
        self.transport = transport
        transport.set_write_buffer_limits(high=BACKLOG_MAX)
        self.server.sessions.add(self)
        self.stalled = self.server.faults.stall_new
        if self.stalled:
            transport.pause_reading()
            return
        self.write(BANNER)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.server.auth_timeout, self._login_overdue)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self.server.sessions.discard(self)
        self.server.pbx.bus.remove(self)
        if self._timer is not None:
            self._timer.cancel()
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Bytes of actions."""
        self._buffer += data
        self._work()

    def _work(self) -> None:
        while not self._busy and self.transport is not None:
            end = self._buffer.find(b"\n")
            if end < 0:
                if len(self._buffer) > LINE_MAX + 1:
                    self._line_lost = True
                    del self._buffer[:-1]
                return
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._line(line[:-1] if line.endswith(b"\r") else line)

    def _line(self, line: bytes) -> None:
        if len(line) > LINE_MAX:
            self._line_lost = True
        elif line:
            key, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
            if colon and len(self._headers) < HEADERS_MAX:
                self._headers.append((key.strip(), value.strip(" ")))
        else:
            request, self._headers = Request(self._headers), []
            lost, self._line_lost = self._line_lost, False
            if lost:
                self.error(request, TOO_LONG)
            else:
                self._act(request)

    # --- actions -------------------------------------------------------------------------

    def _act(self, request: Request) -> None:
        name = request.get("Action").lower()
        if not name:
            self.error(request, "Missing action in request")
        elif name == "logoff":
            self._logoff(request)
        elif name == "challenge":
            self._challenge(request)
        elif self.user is None and name == "login":
            self._login(request)
        elif self.user is None:
            self.error(request, "Permission denied")
        elif name == "login":
            self.reply(request, "Message: Already authenticated\r\n")
        elif name not in COMMANDS:
            self.error(
                request,
                f"Invalid/unknown command: {request.get('Action')}. Use Action: ListCommands to "
                "show available commands.",
            )
        elif not self.may(name):
            self.error(request, "Permission denied")
        elif name in ACTIONS:
            self.server.actions[name] = self.server.actions.get(name, 0) + 1
            ACTIONS[name](self, request)
        else:
            self.error(request, f"{request.get('Action')} is not simulated")

    def may(self, action: str) -> bool:
        """Whether the user's write classes allow an action."""
        needed = COMMANDS[action].classes
        return self.user is not None and (not needed or bool(needed & self.user.write))

    def _challenge(self, request: Request) -> None:
        if request.get("AuthType").upper() != "MD5":
            self.error(request, "Must specify AuthType")
            return
        self.challenge = str(self.server.pbx.random.randrange(10**8, 10**9))
        self.reply(request, f"Challenge: {self.challenge}\r\n")

    def _login(self, request: Request) -> None:
        user = self.server.users.get(request.get("Username"))
        if user is None or not self._proven(user, request):
            self._busy = True
            loop = asyncio.get_running_loop()
            self._set_timer(loop.call_later(self.server.refusal_delay, self._refuse, request))
            return
        self._set_timer(None)
        self.user = user
        events = request.get("Events")
        if events:
            self.mask = _mask(events)
        self.filters = FilterSet(user.filters)
        self.reply(request, "Message: Authentication accepted\r\n")
        if "system" in user.read & self.mask and self.server.booted:
            self.write(self.server.fully_booted())
        self.server.pbx.bus.add(self)

    def _proven(self, user: ManagerUser, request: Request) -> bool:
        if request.get("AuthType").upper() == "MD5":
            if not self.challenge:
                return False
            digest = hashlib.md5(  # noqa: S324  # what AMI's challenge is made of
                (self.challenge + user.secret).encode()
            ).hexdigest()
            return request.get("Key") == digest
        return request.get("Secret") == user.secret

    def _refuse(self, request: Request) -> None:
        self.error(request, "Authentication failed")
        self.close()

    def _login_overdue(self) -> None:
        if self.user is None:
            self.close()

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _logoff(self, request: Request) -> None:
        self.write(
            f"Response: Goodbye\r\n{_action_id(request)}"
            "Message: Thanks for all the fish.\r\n\r\n".encode()
        )
        self.close()

    def set_mask(self, text: str) -> bool:
        """Events action; whether any event comes now."""
        self.mask = _mask(text)
        self.server.pbx.bus.changed()
        return bool(self.mask)

    # --- writing -------------------------------------------------------------------------

    def reply(self, request: Request, body: str = "", *, response: str = "Success") -> None:
        """Answer an action; `body` are whole lines."""
        text = f"Response: {response}\r\n{_action_id(request)}{body}\r\n"
        self.write(text.encode("utf-8", "surrogateescape"))

    def error(self, request: Request, message: str) -> None:
        """Answer that it cannot be done."""
        self.reply(request, f"Message: {message}\r\n", response="Error")

    def list_start(self, request: Request, message: str) -> None:
        """Head of a list answer."""
        self.reply(request, f"EventList: start\r\nMessage: {message}\r\n")

    def list_item(self, request: Request, event: str, body: str, *, id_last: bool = False) -> None:
        """One event of a list; the ActionID stands first, or last in some lists."""
        action_id = _action_id(request)
        head = "" if id_last else action_id
        tail = action_id if id_last else ""
        text = f"Event: {event}\r\n{head}{body}{tail}\r\n"
        self.write(text.encode("utf-8", "surrogateescape"))

    def list_end(self, request: Request, event: str, items: int, extra: str = "") -> None:
        """End of a list answer."""
        self.list_item(request, event, f"EventList: Complete\r\nListItems: {items}\r\n{extra}")

    def wants(self, name: str, cls: str) -> bool:
        """Whether events of this name and class may be for this session."""
        if self.user is None or cls not in self.user.read or cls not in self.mask:
            return False
        return self.filters.may_pass(name)

    def deliver(self, name: str, data: bytes) -> None:
        """Send an event if the filters let it through."""
        if self.filters.passes(name, data):
            self.server.faults.deliver(self, data)

    def write(self, data: bytes) -> None:
        """Send bytes, gathered once per turn of the event loop."""
        if self.transport is None or self.stalled:
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
        self._busy = True
        self._flush()
        if self.transport is not None:
            self.transport.close()


def _mask(text: str) -> frozenset[str]:
    lower = text.strip().lower()
    if lower in ("off", "no", "false", "0"):
        return frozenset()
    return ALL_CLASSES if lower in ("on", "yes", "true", "1") else classes(lower)


def _action_id(request: Request) -> str:
    action_id = request.get("ActionID")
    return f"ActionID: {action_id}\r\n" if action_id else ""
