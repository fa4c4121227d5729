"""SIPp's message trace, read as it is written: one `Sip` value for each message on the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(rb"(?:UDP|TCP|TLS) message (sent|received)[^\d]*(\d+)[^\n]*bytes[^\n]*:\n\n")
_LONGEST_HEAD = 512


@dataclass(frozen=True, slots=True)
class Sip:
    """One SIP message as a telephone sent or received it."""

    sent: bool
    raw: bytes

    @property
    def first(self) -> str:
        """The request or status line."""
        return self.raw.split(b"\r\n", 1)[0].decode(errors="replace")

    @property
    def method(self) -> str:
        """``INVITE`` …; empty for a response."""
        word = self.first.split(" ", 1)[0]
        return "" if word.startswith("SIP/") else word

    @property
    def status(self) -> int:
        """The status of a response; 0 for a request."""
        words = self.first.split(" ", 2)
        return int(words[1]) if words[0].startswith("SIP/") and words[1].isdigit() else 0

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def header(self, name: str) -> str:
        """The first header of that name, empty when there is none (no folding, no short forms)."""
        found = re.search(
            rb"(?im)^" + re.escape(name.encode()) + rb"[ \t]*:[ \t]*([^\r\n]*)",
            self.raw.partition(b"\r\n\r\n")[0],
        )
        return found[1].decode(errors="replace") if found else ""

    @property
    def call_id(self) -> str:
        return self.header("Call-ID")


class TraceReader:
    """Bytes of a trace file in, messages out. Holds back at most one message and its head."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[Sip]:
        self._pending += data
        found: list[Sip] = []
        while head := _HEAD.search(self._pending):
            end = head.end() + int(head[2])
            if len(self._pending) < end:
                return found
            found.append(Sip(head[1] == b"sent", self._pending[head.end() : end]))
            self._pending = self._pending[end:]
        self._pending = self._pending[-_LONGEST_HEAD:]
        return found
