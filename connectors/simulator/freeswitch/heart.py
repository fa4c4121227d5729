"""The heartbeat, and how a switch says how it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pbx import FreeSwitch
    from .wire import Headers

VERSION = "1.11.0-release"


class Heart:
    """Says HEARTBEAT every `interval` seconds, as long as it beats."""

    def __init__(self, pbx: FreeSwitch, interval: float) -> None:
        self._pbx = pbx
        self.interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to beat; a second time is fine."""
        if self._timer is None and self.interval:
            self._next()

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        delay = self._pbx.clock.real(self.interval)
        self._timer = asyncio.get_running_loop().call_later(delay, self._beat)

    def _beat(self) -> None:
        self.beat()
        self._next()

    def beat(self) -> None:
        """HEARTBEAT, and the scheduling of the next."""
        pbx = self._pbx
        standing = str(len(pbx.channels))
        peak = str(pbx.peak)
        headers: Headers = [
            ("Event-Info", "System Ready"),
            ("Up-Time", uptime(pbx)),
            ("FreeSWITCH-Version", f"{VERSION}~64bit"),
            ("Uptime-msec", str(int((pbx.clock() - pbx.started) * 1000))),
            ("Session-Count", standing),
            ("Max-Sessions", str(pbx.max_channels)),
            ("Session-Per-Sec", "500"),
            ("Session-Per-Sec-Last", "0"),
            ("Session-Per-Sec-Max", "2"),
            ("Session-Per-Sec-FiveMin", "2"),
            ("Session-Since-Startup", str(pbx.sessions)),
            ("Session-Peak-Max", peak),
            ("Session-Peak-FiveMin", peak),
            ("Idle-CPU", "62.900000"),
        ]
        pbx.say("HEARTBEAT", after=headers)
        task: Headers = [
            ("Task-ID", "1"),
            ("Task-Desc", "heartbeat"),
            ("Task-Group", "core"),
            ("Task-Runtime", str(int(pbx.clock() + self.interval))),
        ]
        pbx.say("RE_SCHEDULE", after=task)


def uptime(pbx: FreeSwitch) -> str:
    """``0 years, 0 days, 0 hours, 1 minute, 2 seconds, …`` since the start."""
    micro = int((pbx.clock() - pbx.started) * 1e6)
    parts = []
    for name, size in (
        ("year", 365 * 86400 * 10**6), ("day", 86400 * 10**6), ("hour", 3600 * 10**6),
        ("minute", 60 * 10**6), ("second", 10**6), ("millisecond", 1000), ("microsecond", 1),
    ):  # fmt: skip
        number, micro = divmod(micro, size)
        parts.append(f"{number} {name}{'' if number == 1 else 's'}")
    return ", ".join(parts)
