"""What the server remembers of its lines beside the database; a restart may forget all of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

FULL_SECONDS = 10.0
"""How long a PBX that said it is full is believed, if no call of it ends before."""
RELOAD_SECONDS = 10.0
"""A page that is asked for so long before or after another one closed is that page, reloaded."""
MAX_PAGES = 10_000


@dataclass
class Lines:
    """Safe from any thread."""

    _full: dict[str, tuple[int, float]] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _shown: dict[str, tuple[float, float]] = field(default_factory=dict)
    _pages: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def full(self, pbx: str, stand: int) -> None:
        """Note that a PBX took no more while so many calls stood on it."""
        with self._lock:
            self._full[pbx] = (stand, time.monotonic() + FULL_SECONDS)

    def room(self, pbx: str, cap: int) -> int:
        """How many calls may stand on a PBX, as far as it is known."""
        with self._lock:
            stand, until = self._full.get(pbx, (cap, 0.0))
        return min(cap, stand) if time.monotonic() < until else cap

    def set_waiting(self, pbx: str, waiting: bool) -> None:
        """Note whether calls wait in the server for this PBX."""
        with self._lock:
            (self._waiting.add if waiting else self._waiting.discard)(pbx)

    def waiting(self) -> tuple[str, ...]:
        """The PBXs that calls wait for in the server."""
        with self._lock:
            return tuple(self._waiting)

    def shows(self, pbx: str, now: float) -> bool:
        """Whether it is time to count the places of a PBX's line anew."""
        with self._lock:
            at, until = self._shown.get(pbx, (now, now))
        return not at <= now < until  # before `at`: the clock was set back

    def shown(self, pbx: str, at: float, seconds: float) -> None:
        """They were counted at this time; not again for so long."""
        with self._lock:
            self._shown[pbx] = at, at + seconds

    def page_asked(self, session_id: str) -> None:
        """Note that a browser asks for the page of a session, as a reload does first of all."""
        with self._lock:
            self._pages.pop(session_id, None)
            self._pages[session_id] = time.monotonic()
            while len(self._pages) > MAX_PAGES:
                del self._pages[next(iter(self._pages))]

    def page_opened(self, session_id: str) -> None:
        """The page that was asked for is there."""
        with self._lock:
            self._pages.pop(session_id, None)

    def reloads(self, session_id: str, since: float) -> bool:
        """Whether the page was asked for around the time it closed, `since` seconds ago."""
        with self._lock:
            asked = self._pages.get(session_id)
        return asked is not None and time.monotonic() - asked <= since + RELOAD_SECONDS
