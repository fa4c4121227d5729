"""gevent's hub in the one thread that ever touches it, and the way from there to asyncio."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import gevent

log = logging.getLogger(__name__)

Item = TypeVar("Item")

START_TIMEOUT = 10.0
STOP_TIMEOUT = 2.0
SLICE = 0.02
"""Seconds of the loop's time that one hand-over takes before others have their turn."""
LOOK_EVERY = 8
"""Items between two looks at the time."""


class HubThread:
    """A thread that runs gevent's hub for ever. Nothing is monkey-patched.

    Calls have a queue of their own and wake the hub by an async watcher, the one thing of libev
    that other threads may touch. gevent's ``run_callback_threadsafe`` counts libev's references up
    in the caller's thread while the hub's counts them as well: now and then one is lost, and the
    hub takes itself for idle and ends.
    """

    def __init__(self) -> None:
        self._wake: Any = None
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._running = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="gevent hub", daemon=True)
        self._thread.start()
        if not self._running.wait(START_TIMEOUT):
            raise RuntimeError(f"gevent's hub did not start within {START_TIMEOUT:g} s")

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Run `function` in the hub's thread, soon. It must not block; order is kept."""
        self._calls.append((function, arguments))
        self._wake.send()

    def stop(self) -> None:
        """End the thread; nothing runs in it afterwards.

        An interpreter that ends under a running hub dies of a segmentation fault now and then: its
        daemon threads are ended where they stand, and libev's loop has greenlets' stacks below it.
        """
        self._stopping = True
        self.call(lambda: gevent.get_hub().loop.break_())
        self._thread.join(STOP_TIMEOUT)

    def _run(self) -> None:
        hub = gevent.get_hub()
        # It also keeps the hub running while there is no connection.
        self._wake = hub.loop.async_()
        self._wake.start(self._run_calls)
        hub.loop.run_callback(self._running.set)
        hub.join()
        if not self._stopping:
            log.critical("gevent's hub has ended; no FreeSWITCH can be reached until a restart")

    def _run_calls(self) -> None:
        while self._calls:
            function, arguments = self._calls.popleft()
            try:
                function(*arguments)
            except Exception:
                log.exception("a call into gevent's hub failed")


_hub: HubThread | None = None
_starting = threading.Lock()


def the_hub() -> HubThread:
    """The process's hub thread, started when it is first asked for."""
    global _hub
    with _starting:
        if _hub is None:
            _hub = HubThread()
            atexit.register(_hub.stop)
        return _hub


class Handover(Generic[Item]):
    """Items on their way from the hub's thread to the event loop, in order.

    The hub's thread never waits for the loop, however long that stands still: `put` takes what
    it is given, up to `limit` bytes that wait, and says when that is passed. The loop is called
    once for all that has come since it last looked.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[Item], None], limit: int
    ) -> None:
        self._loop = loop
        self._take = take
        self.limit = limit
        self._batches: deque[tuple[list[Item], int]] = deque()
        self._batch: Iterator[Item] = iter(())
        """What is left of the one that is being taken."""
        # Each is written by one thread only, so neither needs a lock.
        self._put_bytes = 0
        self._taken_bytes = 0
        self._called = False

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return self._put_bytes - self._taken_bytes

    def put(self, items: list[Item], size: int) -> bool:
        """Hand items over that take `size` bytes together. False if more wait than may."""
        if items:
            self._batches.append((items, size))
            self._put_bytes += size
        if not self._called and self._batches:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:  # the loop is closed; nobody waits for any of it
                self._batches.clear()
                return False
        return self.waiting <= self.limit

    def clear(self) -> None:
        """Forget what waits, save for what is being taken right now."""
        self._batches.clear()

    def _drain(self) -> None:
        # First, so that what is put from here on calls again.
        self._called = False
        until = time.monotonic() + SLICE
        take, taken = self._take, 0
        while True:
            for item in self._batch:
                take(item)
                taken += 1
                if not taken % LOOK_EVERY and time.monotonic() > until:
                    self._called = True
                    self._loop.call_soon(self._drain)
                    return
            try:
                batch, size = self._batches.popleft()
            except IndexError:
                return
            self._batch = iter(batch)
            self._taken_bytes += size
