"""Between the port and the hub: what each may ask of the other about one open web socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from collab_server.realtime.limits import Rate


class BadMessageError(Exception):
    """The peer sent what the protocol does not allow; its socket is closed with 1003."""


class TooLargeError(Exception):
    """The peer sent more than a bound allows; its socket is closed with 4413."""


class TryAgainError(Exception):
    """The peer is to come back and begin anew; its socket is closed with 1013."""


class ForeignError(Exception):
    """The peer wrote as another, or took away what another said; its socket is closed with 4403."""


class Connection(Protocol):
    """One open web socket, as the hub uses it. Only for the event loop's thread."""

    def send(self, message: bytes | str) -> None:
        """Send a binary or a text message; never waits. A peer that does not read is closed."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, then end the connection; a second call does nothing."""
        ...


class Handler(Protocol):
    """One admitted web socket, as the port drives it.

    The port calls `opened` at most once, then `received` for each message, and in every case
    `closed` at the end, once or more, also when the socket never opened.
    """

    is_link: bool
    """Whether the peer is a connector, which is pinged more often than a page."""

    def opened(self, connection: Connection) -> None:
        """The handshake is answered; messages may be sent."""
        ...

    def received(self, message: bytes | str) -> None:
        """A whole message has come."""
        ...

    def closed(self) -> None:
        """The connection is gone, or about to go."""
        ...


class Pace:
    """Two token buckets: how many messages, and how many bytes, a peer may send."""

    __slots__ = ("_at", "_bytes", "_clock", "_messages", "_rate")

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._at = clock()
        self._messages = rate.message_burst
        self._bytes = rate.byte_burst

    def take(self, messages: int, size: int) -> bool:
        """Whether so much more is within the pace; if so it is counted."""
        rate = self._rate
        now = self._clock()
        passed = now - self._at
        self._at = now
        self._messages = min(rate.message_burst, self._messages + passed * rate.messages_per_second)
        self._bytes = min(rate.byte_burst, self._bytes + passed * rate.bytes_per_second)
        if self._messages < messages or self._bytes < size:
            return False
        self._messages -= messages
        self._bytes -= size
        return True

    def charge(self, size: int) -> None:
        """Count work that is done already; above the pace it is a debt."""
        self._bytes -= size
