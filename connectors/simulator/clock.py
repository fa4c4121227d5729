"""Time as the simulated switch has it; it may run faster than everybody else's."""

from __future__ import annotations

import time


class Clock:
    """Seconds since the epoch, `speed` times as fast as real ones from its making on."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed is more than 0, not {speed}")
        self.speed = speed
        self._epoch = time.time()
        self._start = time.monotonic()

    def __call__(self) -> float:
        """Now."""
        return self._epoch + (time.monotonic() - self._start) * self.speed

    def real(self, seconds: float) -> float:
        """How many real seconds so many of this clock take."""
        return seconds / self.speed
