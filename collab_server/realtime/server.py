"""The port: opens it, runs uvicorn on uvloop with the hub beside Flask, stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import resource
import signal
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
import uvloop

from collab_server.realtime.asgi import AsgiPort
from collab_server.realtime.bounded import bounded
from collab_server.realtime.http import HttpSide
from collab_server.realtime.live import LiveHub
from collab_server.realtime.splice import Sockets, spliced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from wsgiref.types import WSGIApplication

    from collab_server.realtime.backend import Backend
    from collab_server.realtime.limits import Limits

LOGGER = logging.getLogger("tandem.realtime")

SocketKind = Literal["picows", "asgi"]

BACKLOG = 2048


def create_hub(limits: Limits | None = None) -> LiveHub:
    """Make the hub that `serve` brings to life; until then it has nobody connected."""
    return LiveHub(limits)


def serve(
    app: WSGIApplication,
    backend: Backend,
    hub: LiveHub,
    listen: str,
    *,
    sockets: SocketKind | None = None,
    threads: int = 16,
    on_listening: Callable[[str, int], None] | None = None,
) -> None:
    """Serve Flask and the web sockets on one port until SIGINT or SIGTERM.

    `listen` is "host:port" (IPv6 in brackets, port 0 for any free one). `sockets` None takes
    `TANDEM_REALTIME` from the environment, "picows" when that is not set; "asgi" is stock uvicorn
    web sockets. `threads` is how many requests Flask works on at once. `on_listening(host, port)`
    is called when the port is open.

    Raises OSError when the port cannot be had, ValueError when `listen` or `sockets` is wrong; the
    message is one line that names it.
    """
    Port(app, backend, hub, listen, sockets=sockets, threads=threads).run(on_listening)


class Port:
    """One port that is served; `run` blocks, `stop` may be called from any thread."""

    def __init__(
        self,
        app: WSGIApplication,
        backend: Backend,
        hub: LiveHub,
        listen: str,
        *,
        sockets: SocketKind | None = None,
        threads: int = 16,
    ) -> None:
        """Open the port. Raises as `serve` does."""
        kind = sockets or os.environ.get("TANDEM_REALTIME", "picows")
        if kind not in ("picows", "asgi"):
            raise ValueError(f"TANDEM_REALTIME: {kind!r} is neither 'picows' nor 'asgi'")
        self._backend = backend
        self._hub = hub
        self._http = HttpSide(app, threads, hub.limits)
        self._sockets = Sockets(hub)
        self._socket = bind(listen)
        self._server = _Server(self._config(kind), self._before_requests_end)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def run(self, on_listening: Callable[[str, int], None] | None = None) -> None:
        """Serve until `stop` or a signal."""
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._run(on_listening))
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Begin the graceful stop; `run` returns when it is done."""
        self._server.end_from_thread()

    async def _run(self, on_listening: Callable[[str, int], None] | None) -> None:
        _allow_many_files()
        self._hub.start(self._backend)
        self._sockets.start()
        self._server.on_started = on_listening and (lambda: on_listening(*self.address))
        await self._server.serve(sockets=[self._socket])
        self._http.stop()

    async def _before_requests_end(self) -> None:
        """Web sockets go first, so that pages look for the next server at once."""
        await self._hub.stop()
        await self._sockets.stop()

    def _config(self, kind: str) -> uvicorn.Config:
        limits = self._hub.limits
        _keep_tokens_out_of_logs()
        config = uvicorn.Config(
            AsgiPort(self._http, self._hub),
            http=spliced(self._sockets) if kind == "picows" else bounded(limits),
            ws="none" if kind == "picows" else "websockets-sansio",
            ws_max_size=4 * limits.message,
            ws_ping_interval=limits.link_ping,
            ws_ping_timeout=limits.link_dead - limits.link_ping,
            ws_per_message_deflate=False,
            interface="asgi3",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=max(1, round(limits.stop)),
        )
        config.load()
        return config


class _Server(uvicorn.Server):
    """uvicorn's server with our way to stop."""

    def __init__(self, config: uvicorn.Config, before_requests_end: Callable[[], Any]) -> None:
        super().__init__(config)
        self.on_started: Callable[[], None] | None = None
        self._before_requests_end = before_requests_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    def end_from_thread(self) -> None:
        """Begin the stop, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            # RuntimeError: it has ended already.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ending.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._ending.set()

    async def main_loop(self) -> None:
        """uvicorn looks ten times a second whether it is to stop; this wakes once a second, for
        the Date header, and at once for the stop."""
        ticks_of_a_second = 10
        while not await self.on_tick(ticks_of_a_second):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.on_started is not None:
            self.on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._before_requests_end()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; unlike uvicorn's own, end as after a normal return."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def bind(listen: str) -> socket.socket:
    """Open a listening socket on "host:port".

    Raises ValueError for no such address, OSError when it cannot be had; both name it.
    """
    host, separator, port = listen.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{listen!r} is not host:port")
    host = host.removeprefix("[").removesuffix("]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise OSError(f"cannot listen on {listen}: {error.strerror}") from None
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise OSError(f"cannot listen on {listen}: {error.strerror}") from None
    opened.setblocking(False)
    return opened


def _allow_many_files() -> None:
    """Raise the soft limit of open files, 1024 on many systems, for each socket is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(16_384, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


_SECRETS = re.compile(
    r"(token=|(?:sec-websocket-protocol|authorization|cookie)\W+(?:tandem\W+)?)[^\s'\"&,;]+",
    re.IGNORECASE,
)


_OFTEN = ("Invalid HTTP request received.", "Unsupported upgrade request.")
"""What any stranger can have uvicorn say, as often as they like."""


class _WithoutTokens(logging.Filter):
    """uvicorn logs the target of a web socket, and at DEBUG each header: tokens stay out. What
    strangers have it say fills no log: the first, second, fourth, eighth … of each."""

    def __init__(self) -> None:
        super().__init__()
        self._said: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return False
        message = record.getMessage()
        if message in _OFTEN:
            count = self._said[message] = self._said[message] + 1
            record.msg, record.args = f"{message} ({count} so far)", None
            return count & (count - 1) == 0
        cleaned = _SECRETS.sub(r"\1…", message)
        if cleaned != message:
            record.msg, record.args = cleaned, None
        return True


def _keep_tokens_out_of_logs() -> None:
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, _WithoutTokens) for known in logger.filters):
            logger.addFilter(_WithoutTokens())
