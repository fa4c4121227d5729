"""Flask behind the port: requests read whole, answered by a bounded pool of threads.

A thread never waits for a slow client: the body is read before Flask sees the request, and the
answer is sent after Flask is done with it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import TYPE_CHECKING, Any

from a2wsgi import WSGIMiddleware

from collab_server.problems import BY_STATUS, MEDIA_TYPE, TYPE_PREFIX, CsrfRefused, Problem, TooMany
from collab_server.realtime.upgrade import is_realtime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from collab_server.realtime.limits import Limits

    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    426: "Upgrade Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


BLANK = "about:blank"
_BY_STATUS: dict[int, type[Problem]] = {**BY_STATUS, 429: TooMany}
_KNOWN: tuple[type[Problem], ...] = (*_BY_STATUS.values(), CsrfRefused)
_TITLES = {TYPE_PREFIX + one.id: one.title for one in _KNOWN}
_RETRY_AFTER = {429: 60, 503: 1}


def problem(
    status: int, detail: str = "", kind: str = BLANK
) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and document of a refusal (RFC 9457), as Flask's side words the same."""
    if kind == BLANK and status in _BY_STATUS:
        kind = TYPE_PREFIX + _BY_STATUS[status].id
    title = _TITLES.get(kind, REASONS.get(status, "Refused"))
    document: dict[str, Any] = {"type": kind, "title": title, "status": status}
    if detail:
        document["detail"] = detail
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(body)))]
    if status == 401:
        headers.append(("www-authenticate", 'Bearer realm="tandem"'))
    if status in _RETRY_AFTER:
        headers.append(("retry-after", str(_RETRY_AFTER[status])))
    return headers, body


_REPORTS = re.compile(r"/v1/pbx/[^/]+/reports")
"""Only these bodies may be large."""


class HttpSide:
    """ASGI application for the `http` scope around a WSGI application."""

    def __init__(self, app: WSGIApplication, threads: int, limits: Limits) -> None:
        self._limits = limits
        self._waiting = 0
        self._held = 0

        def with_stderr(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            environ["wsgi.errors"] = sys.stderr
            environ["wsgi.multiprocess"] = False
            return app(environ, start)

        self._wsgi = WSGIMiddleware(with_stderr, workers=threads)  # type: ignore[arg-type]

    def stop(self) -> None:
        """Take no further request."""
        self._wsgi.executor.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if is_realtime(scope["path"]):
            await self._refuse(send, 426, "This is a web socket.")
            return
        # 'X_Forwarded_For' and 'X-Forwarded-For' become one name in WSGI: only the latter counts.
        headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        limit = self._limits.http_body
        if not _REPORTS.fullmatch(scope["path"]):
            limit = min(limit, self._limits.http_small_body)
        declared = next((value for name, value in headers if name == b"content-length"), b"0")
        if not declared.isdigit() or int(declared) > limit:
            await self._refuse(send, 413, f"The body exceeds {limit} bytes.")
            return
        body = bytearray()
        try:
            refused = await self._read(receive, body, limit)
            if refused is None:
                await self._answer({**scope, "headers": headers}, body, send)
            else:
                await self._refuse(send, *refused)
        except _DisconnectedError:
            return
        finally:
            self._held -= len(body)

    async def _answer(self, scope: Message, body: bytearray, send: Send) -> None:
        # Only whole requests are counted: whoever is slow with a body takes nobody's place.
        if self._waiting >= self._limits.http_waiting:
            await self._refuse(send, 503, "The server is busy. Try again in a moment.")
            return
        outgoing = _Outgoing(send, self._limits.http_response_buffer)
        self._waiting += 1
        try:
            await self._wsgi(scope, _Once(bytes(body)), outgoing)  # type: ignore[arg-type]
            async with asyncio.timeout(self._limits.http_send_time):
                await outgoing.flush()
        finally:
            self._waiting -= 1

    async def _read(self, receive: Receive, body: bytearray, limit: int) -> tuple[int, str] | None:
        """Read a whole body into `body`, which counts among those held; or say why not.

        Raises _DisconnectedError: half a body is none.
        """
        try:
            async with asyncio.timeout(self._limits.http_body_time):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _DisconnectedError
                    part = message.get("body", b"")
                    if len(body) + len(part) > limit:
                        return 413, f"The body exceeds {limit} bytes."
                    if self._held + len(part) > self._limits.http_bodies:
                        return 503, "The server is busy. Try again in a moment."
                    body += part
                    self._held += len(part)
                    if not message.get("more_body", False):
                        return None
        except TimeoutError:
            return 408, "The body did not come in time."

    async def _refuse(self, send: Send, status: int, detail: str) -> None:
        said, body = problem(status, detail)
        headers = [(name.encode(), value.encode()) for name, value in said]
        if status == 426:
            headers.append((b"upgrade", b"websocket"))
        else:
            # What is left of the body would be taken for the next request.
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _DisconnectedError(Exception):
    """The client went away before its body was whole."""


class _Once:
    """Gives a body that is already there."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self) -> Message:
        body, self._body = self._body, b""
        return {"type": "http.request", "body": body, "more_body": False}


class _Outgoing:
    """Keeps an answer until Flask is done; a very large one is passed on as it comes."""

    def __init__(self, send: Send, most: int) -> None:
        self._send = send
        self._most = most
        self._size = 0
        self._kept: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self._size += len(message.get("body", b""))
        self._kept.append(message)
        if self._size > self._most:
            await self.flush()

    async def flush(self) -> None:
        kept, self._kept = self._kept, []
        for message in kept:
            await self._send(message)
