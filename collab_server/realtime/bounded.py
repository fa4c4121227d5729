"""uvicorn's HTTP protocol with bounds on what it keeps of a request that is not whole, or not read.

uvicorn 0.54 bounds a body that nobody takes, and nothing else: a head, the trailers behind a
chunked body, and requests that are sent before the ones before them are answered stay in memory
as long as more of them comes. So:

- All bytes count that bring neither the end of a head, nor any of a body, nor the end of a request.
- A head, with its trailers, has so many fields, since each costs more than its bytes.
- So many requests wait for the ones before them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from collab_server.realtime.limits import Limits

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class TooMuchError(Exception):
    """More than is kept; the parser gives up, and uvicorn answers 400 and closes."""


class BoundedHttp(HttpToolsProtocol):
    """A subclass made by `bounded` knows its limits."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_head = 0
        """Bytes of something that is not whole yet and is no body."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered, or was last; uvicorn's `cycle` is the newest."""
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_done()
        self._nobody_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()
        self._in_head += len(data)
        super().data_received(data)
        if self._in_head > self.limits.http_head and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self.limits.http_pipelined:
            raise TooMuchError
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= self.limits.http_fields:
            raise TooMuchError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_is_done()
        self._in_head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._in_head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        cycle = self.cycle
        if self.pipeline or (
            cycle is not None and cycle.response_started and not cycle.response_complete
        ):
            self._nobody_there()
            self.transport.abort()  # nothing may stand in the middle of another answer
        else:
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _nobody_there(self) -> None:
        """Whoever answers need not: a write on what is closed would be an error in the log."""
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()

    def _expect_head(self) -> None:
        self._in_head = 0
        self._head_timer = self.loop.call_later(self.limits.http_head_time, self._too_slow)

    def _head_is_done(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def bounded(limits: Limits) -> type[BoundedHttp]:
    """Make the protocol class that has these limits."""
    return type("BoundedHttp", (BoundedHttp,), {"limits": limits})
