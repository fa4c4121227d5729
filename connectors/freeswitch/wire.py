"""ESL bytes to frames and events, without a socket: what is not wanted is never parsed.

Goals, in this order: never raise, whatever comes; bounded memory (one unfinished frame of at
most `FRAME_LIMIT` bytes, its head of at most `HEAD_LIMIT`); time linear in the bytes for any
chunking; as little work as possible for the events that nobody asked for.

Framing. A head of ``Name: value`` lines ends with an empty line; its ``Content-Length`` bytes of
body follow at once, the next head right behind them. A length that is no number, negative or
above the limit leaves nobody to say where the next frame begins: `FrameReader.broken` then says
why, and the connection is to be given up.

Events. Headers come in any order (facts: freeswitch.md), so an event's name is looked for, on
bytes. In JSON a quote inside a value is escaped, in plain a line end is percent-encoded, so no
value can imitate a header there; an event's own body has no such protection and is kept apart.
Headers are split before they are unquoted. FreeSWITCH writes an event's name before whatever the
event repeats (``COMMAND`` carries all of another event's headers), so of two names the first
counts; of other headers `Event.repeated` keeps all values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

from connectors.freeswitch.flatjson import headers_of, repeated_of

FRAME_LIMIT = 8 * 1024 * 1024
"""Bytes of one body: events reach 13 kB, ``show channels as json`` has 0.7 kB a channel."""

HEAD_LIMIT = 256 * 1024
"""Bytes of one head; the longest, the reply to an outbound ``connect``, has 6 kB."""

ALL = "ALL"
"""In `wanted`: every event."""

_END = b"\n\n"
_EVENT_REST = b"\nContent-Type: text/event-json\n\n"
_EVENT_HEAD = re.compile(
    rb"Content-Length: (\d{1,9})%b" % _EVENT_REST
    + rb'(?:\{(?:"Event-Subclass":"([^"\\]*)",)?"Event-Name":"([^"\\]*)")?'
)
"""The head of nearly every frame, found and read in one step, and with it the event's name where
the body begins with it."""
_JSON_NAME = re.compile(rb'"Event-Name"\s*:\s*"([^"\\]*)"')
_JSON_SUBCLASS = re.compile(rb'"Event-Subclass"\s*:\s*"([^"\\]*)"')
EVENT = "text/event-json"
"""The `Frame.kind` of the events that the connector asks for."""
_PLAIN = "text/event-plain"
_NO_HEADERS: dict[str, str] = {}
_UNQUOTED = frozenset({_PLAIN, "command/reply"})


class Frame(NamedTuple):
    """One frame of the stream."""

    kind: str
    """Its Content-Type; empty if it has none."""
    headers: dict[str, str]
    """Of its head; an event's own headers are in the body, and nobody reads its frame's."""
    body: bytes

    def get(self, name: str) -> str:
        """The value of a header, '' if it is not there."""
        return self.headers.get(name, "")

    @property
    def text(self) -> str:
        """The body; invalid UTF-8 becomes U+FFFD, so that it can go anywhere."""
        return self.body.decode("utf-8", "replace")


class Event(NamedTuple):
    """One event, unquoted."""

    name: str
    """``Event-Name``; empty if it has none."""
    subclass: str
    """``Event-Subclass`` of a CUSTOM event."""
    headers: dict[str, str]
    """Of a header that occurs twice the last value; a list as ``ARRAY::one|:two``."""
    repeated: dict[str, tuple[str, ...]]
    """Headers that occur more than once, with all their values in order; mostly empty."""
    body: str

    def get(self, name: str) -> str:
        """The value of a header, '' if it is not there."""
        return self.headers.get(name, "")


class FrameReader:
    """Feed it bytes as they come, get whatever is no event, and the wanted events.

    `wanted` names events as ``event json`` does: ``CHANNEL_CREATE``, ``CUSTOM
    callcenter::info``, or `ALL`. `seen` counts complete frames.
    """

    def __init__(self, wanted: Iterable[str], limit: int = FRAME_LIMIT) -> None:
        self.broken = ""
        """Why the stream cannot be followed any further; empty as long as it can."""
        self.seen = 0
        self._limit = limit
        self._tail = bytearray()
        self._need = 0
        """Bytes of the tail that make its frame complete; 0: its head is not complete yet."""
        self._searched = 0
        """Where in the tail the search for the end of the head goes on."""
        self._names: set[bytes] = set()
        self._subclasses: set[bytes] = set()
        self._all = False
        for name in wanted:
            plain, _, subclass = name.partition(" ")
            if name == ALL:
                self._all = True
            elif plain == "CUSTOM" and subclass:
                self._subclasses |= {subclass.encode(), quote(subclass).encode()}
            else:
                self._names.add(name.encode())

    @property
    def unfinished(self) -> bytes:
        """The first bytes of a frame that is not complete."""
        return bytes(self._tail[:200])

    def feed(self, data: bytes) -> list[Frame]:
        """All wanted frames that `data` completes, in order."""
        if self.broken:
            return []
        tail = self._tail
        if tail:
            tail += data
            if len(tail) < self._need:
                return []
            if not self._need and tail.find(_END, self._searched) < 0:
                self._wait_for_head(tail)
                return []
            data = bytes(tail)
        return self._read(data)

    def _read(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        size = len(data)
        at = 0
        self._need = 0
        while True:
            head = _EVENT_HEAD.match(data, at)
            headers = _NO_HEADERS
            if head is not None:
                digits, subclass, name = head.groups()
                kind, start, length = EVENT, head.end(1) + len(_EVENT_REST), int(digits)
            else:
                while at < size and data[at] == 10:  # a stray blank line before the head
                    at += 1
                end = data.find(_END, at)
                if end < 0 or end - at > HEAD_LIMIT:
                    break
                start, subclass, name = end + 2, None, None
                headers, kind = _head(data[at:end])
                length = self._length(headers)
            if length > self._limit:
                self._give_up(f"a body of {length} bytes is announced, {self._limit} are taken")
            if self.broken:
                break
            stop = start + length
            if stop > size:
                self._need = stop - at
                break
            self.seen += 1
            if kind == EVENT:
                if head is not None and head.end() > stop:
                    subclass = name = None  # read from what follows the body
                wanted = self._all or self._wants_json(data, start, stop, name, subclass)
            elif kind == _PLAIN:
                wanted = self._all or self._wants_plain(data, start, stop)
            else:
                wanted = True
            if wanted:
                frames.append(Frame(kind, headers, data[start:stop]))
            at = stop
        if not self.broken:
            self._tail = bytearray(data[at:])
            if not self._need:
                self._wait_for_head(self._tail)
        return frames

    def _wait_for_head(self, tail: bytearray) -> None:
        self._searched = max(0, len(tail) - 1)
        if len(tail) - 1 > HEAD_LIMIT:
            self._give_up(f"a head of more than {HEAD_LIMIT} bytes")

    def _length(self, headers: dict[str, str]) -> int:
        value = headers.get("Content-Length", "0").strip()
        if not value.isascii() or not value.isdigit():
            self._give_up(f"its Content-Length is {value[:40]!r}")
            return 0
        return int(value[:20])

    def _give_up(self, why: str) -> None:
        self.broken = f"the stream cannot be followed: {why}"
        self._tail = bytearray()

    def _wants_json(
        self, data: bytes, start: int, stop: int, name: bytes | None, subclass: bytes | None
    ) -> bool:
        """`name` and `subclass`: where the body begins with them."""
        if name is None:
            found = _JSON_NAME.search(data, start, stop)
            name = found[1] if found else b""
        if name != b"CUSTOM" or not self._subclasses:
            return name in self._names
        if subclass is None:
            found = _JSON_SUBCLASS.search(data, start, stop)
            subclass = found[1] if found else b""
        return subclass in self._subclasses

    def _wants_plain(self, data: bytes, start: int, stop: int) -> bool:
        end = data.find(_END, start, stop)
        end = stop if end < 0 else end
        name = _plain(data, b"Event-Name: ", start, end)
        if name != b"CUSTOM" or not self._subclasses:
            return name in self._names
        return _plain(data, b"Event-Subclass: ", start, end) in self._subclasses


def _plain(data: bytes, header: bytes, start: int, end: int) -> bytes:
    """The first value of a header between `start` and `end`; b'' if it is not there."""
    if not data.startswith(header, start):
        start = data.find(b"\n" + header, start, end) + 1
        if start == 0:
            return b""
    start += len(header)
    stop = data.find(b"\n", start, end)
    return data[start : end if stop < 0 else stop]


def _head(head: bytes) -> tuple[dict[str, str], str]:
    """A frame's headers and its Content-Type."""
    pairs = [line.partition(": ") for line in head.decode("utf-8", "replace").split("\n")]
    headers = {name: value for name, _, value in pairs}
    kind = headers.get("Content-Type", "").strip()
    if kind in _UNQUOTED:
        headers = {unquote(name): unquote(value) for name, value in headers.items()}
    return headers, kind


def event_of(frame: Frame) -> Event | None:
    """The event in a frame; None if there is none, or none that can be read."""
    if frame.kind == EVENT:
        try:
            read = headers_of(frame.body)
        except (ValueError, RecursionError):
            return None
        return None if read is None else _event(*read, read[0].pop("_body", ""))
    if frame.kind == _PLAIN:
        return _from_plain(frame.body)
    return None


def _from_plain(body: bytes) -> Event:
    head, _, rest = body.partition(_END)
    lines = head.decode("utf-8", "replace").removesuffix("\n").split("\n")
    parts = [line.partition(": ") for line in lines]
    pairs = [(name, unquote(value) if "%" in value else value) for name, _, value in parts if name]
    headers = dict(pairs)
    length = headers.get("Content-Length", "")
    if length.isascii() and length.isdigit():
        rest = rest[: int(length[:20])]
    return _event(headers, repeated_of(headers, pairs), rest.decode("utf-8", "replace"))


def _event(headers: dict[str, str], repeated: dict[str, tuple[str, ...]], body: str) -> Event:
    name, subclass = headers.get("Event-Name", ""), headers.get("Event-Subclass", "")
    if repeated:
        name = repeated.get("Event-Name", (name,))[0]
        subclass = repeated.get("Event-Subclass", (subclass,))[0]
    return Event(name, subclass, headers, repeated, body)
