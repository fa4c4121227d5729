"""The seam between uvicorn and picows: one port, Flask's requests left, web sockets right.

Built on uvicorn 0.54 (`protocols/http/httptools_impl.py`) and picows 2.3.1 (`picows.pyx`), both
pinned: it overrides methods that neither calls public. uvicorn's HTTP protocol parses the opening
request; the hub decides; then a picows protocol takes over the transport. picows reads a request of
our own making, for it refuses what Firefox sends (`Connection: keep-alive, Upgrade`) and would log
the token.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

import httptools
from picows import (
    WSAutoPingStrategy,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from collab_server.realtime.backend import Refusal
from collab_server.realtime.bounded import BoundedHttp
from collab_server.realtime.http import REASONS, problem
from collab_server.realtime.upgrade import decode_path, handshake_fault, read_upgrade

if TYPE_CHECKING:
    from collab_server.realtime.connection import Connection, Handler
    from collab_server.realtime.live import LiveHub
    from collab_server.realtime.upgrade import Upgrade

LOGGER = logging.getLogger("tandem.realtime")

# picows logs each connection, and each fault of a peer as an error of ours.
_PICOWS_LOGGER = logging.LoggerAdapter(logging.getLogger("tandem.realtime.picows"), {})
_PICOWS_LOGGER.logger.setLevel(logging.CRITICAL)

_NO_LIMIT = 2**62
_READ_BUFFER = 4096


class Sockets:
    """All picows sockets of the port: who is pinged, who is dead."""

    def __init__(self, hub: LiveHub) -> None:
        self.hub = hub
        self.open: set[PicowsConnection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look after the sockets, on the running event loop."""
        self._every = min(1.0, self.hub.limits.link_ping / 2)
        self._timer = asyncio.get_running_loop().call_later(self._every, self._look)

    async def stop(self) -> None:
        """Give peers a moment to answer the close frames they got, then cut the rest."""
        if self._timer is not None:
            self._timer.cancel()
        ends = [connection.ended for connection in self.open]
        if ends:
            await asyncio.wait(ends, timeout=self.hub.limits.close)
        for connection in list(self.open):
            connection.abort()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self.open):
            connection.look(now)
        self._timer = loop.call_later(self._every, self._look)


class SplicedHttp(BoundedHttp):
    """Hands web sockets to picows. A subclass made by `spliced` knows its sockets."""

    sockets: Sockets

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deciding: asyncio.Task[None] | None = None

    def handle_websocket_upgrade(self) -> None:
        """uvicorn has read the opening request: decide about it, with reading stopped."""
        if self._deciding is not None or (
            self.cycle is not None and not self.cycle.response_complete
        ):
            self.transport.abort()  # more than a client may send before it is answered
            return
        self.transport.pause_reading()
        self._deciding = self.loop.create_task(self._decide())

    async def _decide(self) -> None:
        try:
            await self._answer()
        except Exception:
            LOGGER.exception("a web socket could not be opened")
            self.transport.abort()

    async def _answer(self) -> None:
        headers = self.headers
        fault = handshake_fault(self.scope["method"], headers)
        if fault is not None:
            self._refuse(Refusal(400, fault))
            return
        hub = self.sockets.hub
        try:
            target = httptools.parse_url(self.url)
        except httptools.HttpParserError:
            self._refuse(Refusal(400, "The request target is no path."))
            return
        path = decode_path(target.path or b"")
        upgrade = read_upgrade(path, target.query or b"", headers, hub.limits)
        if upgrade is None:
            self._refuse(Refusal(404, "There is no such web socket."))
            return
        answer = await hub.admit(upgrade)
        if isinstance(answer, Refusal) and upgrade.kind == "link":
            self._refuse(answer)
        elif not self.transport.is_closing():
            key = next(value for name, value in headers if name == b"sec-websocket-key")
            handler = _Refused(answer) if isinstance(answer, Refusal) else answer
            self._hand_over(upgrade, handler, key)
        elif not isinstance(answer, Refusal):
            answer.closed()

    def _hand_over(self, upgrade: Upgrade, handler: Handler, key: bytes) -> None:
        self.connections.discard(self)
        connection = PicowsConnection(handler, self.sockets)
        protocol = _Picows(connection, upgrade.subprotocol)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        request = (
            b"GET / HTTP/1.1\r\nHost: tandem\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
        )
        protocol.get_buffer(-1)[: len(request)] = request
        protocol.buffer_updated(len(request))
        self.transport.resume_reading()

    def _refuse(self, refusal: Refusal) -> None:
        if self.transport.is_closing():
            return
        headers, body = problem(refusal.status, refusal.detail, refusal.type)
        reason = REASONS.get(refusal.status, "Refused")
        lines = [f"HTTP/1.1 {refusal.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in (*headers, ("connection", "close"))]
        head = "\r\n".join((*lines, "", ""))
        self.transport.write(head.encode() + body)
        self.transport.close()


def spliced(sockets: Sockets) -> type[SplicedHttp]:
    """Make the protocol class that hands web sockets to this hub."""
    members = {"sockets": sockets, "limits": sockets.hub.limits}
    return type("SplicedHttp", (SplicedHttp,), members)


class _Picows(WSProtocol):  # type: ignore[misc]
    """picows' protocol, which bounds what comes before a whole frame is there.

    picows itself would answer a large frame with 1009; the contract says 4413.
    """

    def __init__(self, connection: PicowsConnection, subprotocol: str | None) -> None:
        extra = {"Sec-WebSocket-Protocol": subprotocol} if subprotocol else None
        response = WSUpgradeResponse.create_101_response(extra)
        super().__init__(
            None,  # host and port: of a client
            None,  # path: of a client
            False,  # is_client_side
            lambda _: WSUpgradeResponseWithListener(response, connection),
            _PICOWS_LOGGER,
            True,  # disconnect_on_exception
            None,  # handshake timeout: the handshake is there
            False,  # auto ping: `Sockets` does it, without a task for each
            1,
            1,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # auto pong: `PicowsConnection` does it, so that it sees every frame
            _NO_LIMIT,  # see `PicowsConnection.arrived`
            None,  # extra headers: of a client
            _READ_BUFFER,
        )
        self._connection = connection

    def buffer_updated(self, size: int) -> None:
        connection = self._connection
        if connection.arrived(size):
            super().buffer_updated(size)
            connection.check_size()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connection.lost()


class PicowsConnection(WSListener):
    """One open web socket; a `connection.Connection` towards the hub."""

    def __init__(self, handler: Handler, sockets: Sockets) -> None:
        limits = sockets.hub.limits
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handler = handler
        self._sockets = sockets
        self._limits = limits
        self._transport: WSTransport | None = None
        self._unparsed = 0
        self._discarding = False
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._parts_are_text = False
        self._close_by: float | None = None
        now = asyncio.get_running_loop().time()
        self._heard = True
        self._heard_at = now
        self._pinged_at = now
        is_link = handler.is_link
        self._ping_every = limits.link_ping if is_link else limits.page_ping
        self._dead_after = limits.link_dead if is_link else limits.page_dead
        sockets.open.add(self)

    # -- driven by picows -------------------------------------------------------------------------

    def arrived(self, size: int) -> bool:
        """Count bytes that came; False when they are not to be looked at any more."""
        self._heard = True
        self._unparsed += size
        return not self._discarding

    def check_size(self) -> None:
        """Refuse a frame that has grown too large, whatever its header says it will be."""
        if self._unparsed > self._limits.message + 256:
            self._discarding = True
            self.close(4413, "the message is too large")

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._unparsed = 0
        self._handler.opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._unparsed = frame.tail_size
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            if self._close_by is None:
                code = frame.get_payload_as_bytes()[:2]
                self.close(int.from_bytes(code, "big") if code else 1000)
            transport.disconnect()
        elif self._close_by is not None:
            return
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.close(1002, "no extension was agreed on")
        elif kind == WSMsgType.PING:
            if self._may_write(transport):
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind != WSMsgType.PONG:
            self._take(kind, frame)

    def lost(self) -> None:
        """The connection is gone, whether its handshake was done or not."""
        self._sockets.open.discard(self)
        if not self.ended.done():
            self.ended.set_result(None)
            self._handler.closed()

    # -- driven by the hub (connection.Connection) ---------------------------------------------

    def send(self, message: bytes | str) -> None:
        """See `connection.Connection`."""
        transport = self._transport
        if transport is None or self._close_by is not None or not self._may_write(transport):
            return
        if isinstance(message, str):
            transport.send(WSMsgType.TEXT, message.encode())
        else:
            transport.send(WSMsgType.BINARY, message)

    def close(self, code: int, reason: str = "") -> None:
        """See `connection.Connection`."""
        if self._close_by is None and self._transport is not None:
            loop = asyncio.get_running_loop()
            self._close_by = loop.time() + self._limits.close
            # Later, for the hub may be in the middle of telling all its sockets something.
            loop.call_soon(self._handler.closed)
            self._transport.send_close(cast("Any", code), reason.encode()[:123])

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # ---------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Called every second or so: ping, and cut what is dead or answers no close frame."""
        transport = self._transport
        if transport is None:
            return
        if self._heard:
            self._heard = False
            self._heard_at = now
        if self._close_by is not None:
            if now >= self._close_by:
                self.abort()
        elif transport.is_close_frame_sent:  # picows closed it: a fault in its framing
            self._close_by = now + self._limits.close
        elif now - self._heard_at >= self._dead_after:
            self.abort()
        elif now - self._pinged_at >= self._ping_every:
            self._pinged_at = now
            if self._may_write(transport):
                transport.send_ping(b"")

    def _may_write(self, transport: WSTransport) -> bool:
        """Whether the peer reads; one that does not is closed."""
        if transport.underlying_transport.get_write_buffer_size() <= self._limits.send_buffer:
            return True
        self.close(1013, "too slow a reader")
        return False

    def _take(self, kind: WSMsgType, frame: WSFrame) -> None:
        """Put a message together out of its frames and give it to the handler."""
        begins = kind != WSMsgType.CONTINUATION
        if begins == bool(self._parts_size):
            self.close(1002, "fragments are out of order")
            return
        if begins:
            self._parts_are_text = kind == WSMsgType.TEXT
        data = frame.get_payload_as_bytes()
        if not (begins and frame.fin):
            # An empty fragment counts too, for a stream of them would never end.
            self._parts.append(data)
            self._parts_size += len(data) + 1
            if self._parts_size > self._limits.message + 256:
                self._parts.clear()
                self.close(4413, "the message is too large")
                return
            if not frame.fin:
                return
            data = b"".join(self._parts)
            self._parts.clear()
            self._parts_size = 0
        message: bytes | str = data
        if self._parts_are_text:
            try:
                message = data.decode()
            except UnicodeDecodeError:
                self.close(1007, "the text is not UTF-8")
                return
        try:
            self._handler.received(message)
        except Exception:
            LOGGER.exception("a web socket's message could not be handled")
            self.close(1011, "internal error")


class _Refused:
    """Stands for a refused page: opens its socket and says why, for browsers hide the status."""

    is_link = False

    def __init__(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def opened(self, connection: Connection) -> None:
        connection.close(self._refusal.close_code, self._refusal.detail)

    def received(self, message: bytes | str) -> None:
        """Nothing is heard any more."""

    def closed(self) -> None:
        """Nothing was begun."""
