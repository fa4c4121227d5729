"""The log of a switch, as far as event sockets ask for it (``log info``): what becomes of channels.

Only levels notice and info are simulated: what FreeSWITCH logs of a channel's life at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from . import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel

NOTICE, INFO = 5, 6
NAMES = {NOTICE: "NOTICE", INFO: "INFO"}
PLAIN = 1
"""Text-Channel of lines that stand as they are, without time and place."""


class Reader(Protocol):
    """A session that may read the log."""

    log_level: int

    def deliver(self, data: bytes) -> None:
        """Take one whole frame."""


class Log:
    """Hands each line to the sessions that asked for its level."""

    def __init__(self, stamp: Callable[[], str]) -> None:
        self._stamp = stamp
        self._readers: list[Reader] = []

    def add(self, reader: Reader) -> None:
        """Start handing lines to a session."""
        if reader not in self._readers:
            self._readers.append(reader)

    def remove(self, reader: Reader) -> bool:
        """Stop; False when it was not reading."""
        reads = reader in self._readers
        if reads:
            self._readers.remove(reader)
        return reads

    def say(
        self, level: int, text: str, at: tuple[str, str, int], channel: Channel, kind: int = 3
    ) -> None:
        """A line about a channel; `at`: file, function and line of FreeSWITCH, `kind` its
        Text-Channel."""
        if not self._readers:
            return
        file, _, number = at
        line = f"{text}\n"
        if kind != PLAIN:
            line = f"{self._stamp()} 97.50% [{NAMES[level]}] {file}:{number} {text}\n"
        frame = wire.log(line, level, kind, at, channel.uuid)
        for reader in list(self._readers):
            if level <= reader.log_level:
                reader.deliver(frame)
