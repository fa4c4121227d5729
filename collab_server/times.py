"""Times: seconds since the Unix epoch inside, UTC ISO 8601 outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Gives the time now, in seconds since the Unix epoch."""

system_clock: Clock = time.time

HOUR = 3_600
DAY = 24 * HOUR


def utc(at: float) -> datetime:
    """A time as the library has it."""
    return datetime.fromtimestamp(at, UTC)


def iso(at: float) -> str:
    """Write a time as the API does: ``2026-11-23T12:00:00.123Z``."""
    return utc(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(at: float | None) -> str | None:
    """`iso`, and None for None."""
    return None if at is None else iso(at)


class Alarm:
    """Wakes one thread at the earliest of the times that others have set."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next: float | None = None
        self._closed = False

    def set(self, at: float) -> None:
        """Ask to be woken at `at`, or earlier."""
        with self._changed:
            if self._next is None or at < self._next:
                self._next = at
                self._changed.notify_all()

    def close(self) -> None:
        """Wake whoever waits, for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, clock: Clock, longest: float) -> bool:
        """Sleep until a set time, at most `longest` seconds. False: the alarm is closed."""
        until = time.monotonic() + longest
        with self._changed:
            while not self._closed:
                left = until - time.monotonic()
                if self._next is not None:
                    left = min(left, self._next - clock())
                if left <= 0:
                    self._next = None
                    return True
                self._changed.wait(left)
            return False
