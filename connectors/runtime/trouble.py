"""A trouble that lasts is logged once, again when it changes, and now and then while it lasts."""

from __future__ import annotations

import asyncio
import logging

SAID_AGAIN = 600.0
"""Seconds after which a trouble that lasts is logged once more."""


class Trouble:
    """What one part suffers from now."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._reason = ""
        self._said_at = 0.0

    def __bool__(self) -> bool:
        return bool(self._reason)

    def say(self, level: int, reason: object, line: str) -> None:
        """Log `line`, unless the same `reason` was said a short while ago."""
        now = asyncio.get_running_loop().time()
        if str(reason) != self._reason or now - self._said_at > SAID_AGAIN:
            self._log.log(level, "%s", line)
            self._reason, self._said_at = str(reason), now

    def over(self) -> None:
        """All is well again; the next trouble is logged, whichever it is."""
        self._reason = ""
