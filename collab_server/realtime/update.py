"""Look through a Yjs update (version 1) before anything integrates it.

pycrdt refuses broken bytes by itself. What it cannot refuse ends the process, or a reader's page,
by deep recursion: values nested by the hundred thousand, long chains of nested types, clocks near
the end of their range. This reader finds those, and what an update covers. Source of the format:
yjs `utils/UpdateEncoder.js`, `structs/*.js`, lib0 `encoding.writeAny`.
"""

from __future__ import annotations

from dataclasses import dataclass

from collab_server.realtime.connection import BadMessageError
from collab_server.realtime.wire import varbytes, varuint

_CLOCK_MOST = 2**31
_ANY_FIXED = {127: 0, 126: 0, 124: 4, 123: 8, 122: 8, 121: 0, 120: 0}
"""Tag of a plain value -> how many bytes follow, where that is fixed."""


@dataclass(frozen=True)
class Contents:
    """What an update holds."""

    types: int
    """Nested shared types it makes."""
    writes: dict[int, int]
    """Client -> the first clock after everything the update writes as it."""
    deletes: dict[int, int]
    """Client -> the first clock after everything of it the update deletes."""


def inspect(update: bytes, nesting: int) -> Contents:
    """Read a whole update; `nesting` is the deepest plain value allowed.

    Raises BadMessageError when it is broken, too deep, or holds what a Tandem page never makes
    (subdocuments).
    """
    types = 0
    writes: dict[int, int] = {}
    deletes: dict[int, int] = {}
    writers, at = varuint(update, 0)
    for _ in range(_count(writers, update, at)):
        structs, at = varuint(update, at)
        client, at = varuint(update, at)
        clock, at = varuint(update, at)
        for _ in range(_count(structs, update, at)):
            length, is_type, at = _struct(update, at, nesting)
            clock += length
            if not length or clock >= _CLOCK_MOST:
                raise BadMessageError("a clock is out of range")
            types += is_type
        if structs:
            writes[client] = max(writes.get(client, 0), clock)
    deleters, at = varuint(update, at)
    for _ in range(_count(deleters, update, at)):
        client, at = varuint(update, at)
        ranges, at = varuint(update, at)
        for _ in range(_count(ranges, update, at)):
            clock, at = varuint(update, at)
            length, at = varuint(update, at)
            if clock + length >= _CLOCK_MOST:
                raise BadMessageError("a deleted range is out of range")
            deletes[client] = max(deletes.get(client, 0), clock + length)
    if at != len(update):
        raise BadMessageError("bytes follow the update")
    return Contents(types, writes, deletes)


def state_vector(state: bytes) -> dict[int, int]:
    """Read a state vector: client -> clock."""
    count, at = varuint(state, 0)
    clocks: dict[int, int] = {}
    for _ in range(_count(count, state, at)):
        client, at = varuint(state, at)
        clocks[client], at = varuint(state, at)
    return clocks


def _count(number: int, data: bytes, at: int) -> int:
    """A count of things of at least one byte each cannot exceed the bytes left."""
    if number > len(data) - at:
        raise BadMessageError("a count is larger than the message")
    return number


def _struct(data: bytes, at: int, nesting: int) -> tuple[int, int, int]:
    """Read one struct: its length in clocks, 1 if it makes a type, where the next begins."""
    if at >= len(data):
        raise BadMessageError("the update ends before its structs")
    info = data[at]
    at += 1
    kind = info & 31
    if kind in (0, 10):  # collected, skipped
        length, at = varuint(data, at)
        return length, 0, at
    if info & 0x80:
        _, at = varuint(data, at)
        _, at = varuint(data, at)
    if info & 0x40:
        _, at = varuint(data, at)
        _, at = varuint(data, at)
    if not info & 0xC0:
        by_name, at = varuint(data, at)
        if by_name == 1:
            _, at = varbytes(data, at)
        else:
            _, at = varuint(data, at)
            _, at = varuint(data, at)
        if info & 0x20:
            _, at = varbytes(data, at)
    return _content(data, at, kind, nesting)


def _content(data: bytes, at: int, kind: int, nesting: int) -> tuple[int, int, int]:
    if kind == 8:  # plain values
        length, at = varuint(data, at)
        return length, 0, _values(data, at, length, nesting)
    if kind == 4:  # text, counted in UTF-16 units
        raw, at = varbytes(data, at)
        if raw.isascii():
            return len(raw), 0, at
        try:
            return len(raw.decode().encode("utf-16-le")) // 2, 0, at
        except UnicodeDecodeError:
            raise BadMessageError("a text is not UTF-8") from None
    if kind == 1:  # deleted
        length, at = varuint(data, at)
        return length, 0, at
    if kind == 7:  # a nested type; an XML element or hook has a name
        ref, at = varuint(data, at)
        if ref > 6:
            raise BadMessageError("a type is unknown")
        if ref in (3, 5):
            _, at = varbytes(data, at)
        return 1, 1, at
    if kind in (3, 5):  # bytes; embedded JSON
        _, at = varbytes(data, at)
        return 1, 0, at
    if kind == 6:  # a format mark
        _, at = varbytes(data, at)
        _, at = varbytes(data, at)
        return 1, 0, at
    if kind == 2:  # old JSON values
        length, at = varuint(data, at)
        for _ in range(_count(length, data, at)):
            _, at = varbytes(data, at)
        return length, 0, at
    raise BadMessageError(f"content of kind {kind} is not allowed here")


def _values(data: bytes, at: int, count: int, nesting: int) -> int:
    """Step over `count` plain values without recursion; gives where the next thing begins."""
    open_counts = [_count(count, data, at)]
    in_object = [False]
    while open_counts:
        if open_counts[-1] == 0:
            open_counts.pop()
            in_object.pop()
            continue
        open_counts[-1] -= 1
        if in_object[-1]:
            _, at = varbytes(data, at)
        if at >= len(data):
            raise BadMessageError("the update ends inside a value")
        tag = data[at]
        at += 1
        if tag in (119, 116):  # string, bytes
            _, at = varbytes(data, at)
        elif tag == 125:  # integer
            at = _after_varint(data, at)
        elif tag in (118, 117):  # object, array
            inner, at = varuint(data, at)
            if len(open_counts) > nesting:
                raise BadMessageError("a value is nested too deep")
            open_counts.append(_count(inner, data, at))
            in_object.append(tag == 118)
        elif tag in _ANY_FIXED:
            at += _ANY_FIXED[tag]
        else:
            raise BadMessageError("a value is of an unknown kind")
    if at > len(data):
        raise BadMessageError("the update ends inside a value")
    return at


def _after_varint(data: bytes, at: int) -> int:
    """Step over a signed varint: like a varint, but its first byte holds the sign too."""
    for end in range(at, min(at + 10, len(data))):
        if data[end] < 128:
            return end + 1
    raise BadMessageError("an integer does not end")
