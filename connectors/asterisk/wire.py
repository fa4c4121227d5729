"""AMI bytes to frames, without a socket: what is not wanted is never parsed.

Goals, in this order: never raise, whatever comes; bounded memory (one unfinished frame of at
most `FRAME_LIMIT` bytes); time linear in the bytes for any chunking; as little work as possible
for the nine frames in ten that nobody asked for.

Framing. A frame ends with CR LF CR LF and its lines with CR LF, nothing else: a caller can get
a bare CR, VT, U+0085 or U+2028 into a value by SIP alone (facts: inject_name_raw_cr,
inject_name_nel_u2028), so ``str.splitlines`` would cut where Asterisk did not. Stray blank
lines between frames are tolerated.

Repeated headers. The channel's own headers come first in an event and what the dialplan adds
comes last, but values a caller shapes (``CallerIDNum``, ``Exten``) stand in between. So neither
'first wins' nor 'last wins' is right for every header; `Frame.repeated` keeps all values of a
header that occurs twice, and `asterisk.events` decides header by header.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

FRAME_LIMIT = 256 * 1024
"""Bytes of one frame; Asterisk's longest seen, a ``ListCommands`` answer, has 8 kB."""

BANNER_LIMIT = 256
"""Bytes within which the first line must end."""

_END = b"\r\n\r\n"
_BANNER = b"Asterisk Call Manager/"
_RESPONSE = b"Response: "
_EVENT = b"Event: "


class Frame(NamedTuple):
    """One parsed frame."""

    event: str
    """The event's name; empty for a response."""
    headers: dict[str, str]
    """Header to value; of a header that occurs twice the last value."""
    repeated: dict[str, tuple[str, ...]]
    """Headers that occur more than once, with all their values in order; mostly empty."""

    def get(self, name: str) -> str:
        """The value of a header, '' if it is not there."""
        return self.headers.get(name, "")


class FrameReader:
    """Feed it bytes as they come, get the wanted frames.

    `wanted` names the events to parse; responses are always parsed. Counters: `seen` complete
    frames, `skipped` frames above the limit.
    """

    def __init__(self, wanted: Iterable[str], limit: int = FRAME_LIMIT) -> None:
        self.banner: str | None = None
        """First line of the stream once it is there; an AMI server names itself in it."""
        self.seen = 0
        self.skipped = 0
        self._limit = limit
        self._wanted = {_EVENT + name.encode(): name for name in wanted}
        self._tail = bytearray()
        self._skipping = False

    @property
    def is_ami(self) -> bool | None:
        """Whether the other side introduced itself as AMI; None until it said anything."""
        if self.banner is None:
            return None
        return self.banner.encode().startswith(_BANNER)

    def feed(self, data: bytes) -> list[Frame]:
        """All wanted frames that `data` completes, in order."""
        if self.banner is None:
            data = self._read_banner(data)
        if self._skipping:
            data = self._skip(data)
        tail = self._tail
        # An end of frame can lie across the seam; look there without copying the tail.
        if _END not in data and _END not in bytes(tail[-3:]) + data[:3]:
            tail += data
            if len(tail) > self._limit + 3:
                self._start_skipping()
            return []
        if tail:
            data = bytes(tail) + data
        parts = data.split(_END)
        self._tail = bytearray(parts.pop())
        if len(self._tail) > self._limit + 3:
            self._start_skipping()
        return self._pick(parts)

    def _pick(self, parts: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        wanted = self._wanted.get
        limit = self._limit
        self.seen += len(parts)
        for part in parts:
            if len(part) > limit:
                self.skipped += 1
                continue
            end = part.find(b"\r\n")
            if end == 0:  # a stray blank line before the frame
                part = part[2:]
                end = part.find(b"\r\n")
            head = part[:end] if end >= 0 else part
            name = wanted(head)
            if name is None and not head.startswith(_RESPONSE):
                if not head:
                    self.seen -= 1
                continue
            frames.append(parse(part, name or ""))
        return frames

    def _start_skipping(self) -> None:
        self.skipped += 1
        self._skipping = True
        self._tail = self._tail[-3:]

    def _skip(self, data: bytes) -> bytes:
        """Drop the rest of an oversized frame; what follows it, or nothing yet."""
        data = bytes(self._tail) + data
        end = data.find(_END)
        if end < 0:
            self._tail = bytearray(data[-3:])
            return b""
        self._tail = bytearray()
        self._skipping = False
        self.seen += 1
        return data[end + len(_END) :]

    def _read_banner(self, data: bytes) -> bytes:
        """Take the first line off the stream if it is a banner; '' while it is not complete."""
        data = bytes(self._tail) + data
        end = data.find(b"\n", 0, BANNER_LIMIT)
        if end < 0 and len(data) < BANNER_LIMIT:
            self._tail = bytearray(data)
            return b""
        self._tail = bytearray()
        line = data[: end if end >= 0 else BANNER_LIMIT]
        self.banner = line.decode("utf-8", "replace").strip()
        return data[end + 1 :] if self.is_ami and end >= 0 else data


def parse(part: bytes, event: str) -> Frame:
    """One frame's lines as headers. Invalid UTF-8 becomes U+FFFD, so that it can go anywhere."""
    lines = part.decode("utf-8", "replace").split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    headers = {name: value for name, _, value in pairs}
    if len(headers) == len(lines):
        return Frame(event, headers, {})
    values: dict[str, list[str]] = {}
    for name, _, value in pairs:
        values.setdefault(name, []).append(value)
    repeated = {name: tuple(found) for name, found in values.items() if len(found) > 1}
    return Frame(event, headers, repeated)
