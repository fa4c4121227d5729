"""Look through a Yjs update (version 1) before anything integrates it.

pycrdt refuses broken bytes by itself. What it cannot refuse ends the process, or a reader's page:
values nested by the hundred thousand, long chains of nested types, clocks near the end of their
range, texts a browser cannot parse. This reader finds those, and tells what an update writes, needs
and deletes. Content that no current Yjs client makes is refused, for there two readers of the same
bytes differ. Source of the format: yjs `utils/UpdateEncoder.js`, `structs/*.js`, lib0
`encoding.writeAny`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from collab_server.realtime.connection import BadMessageError
from collab_server.realtime.spans import Spans
from collab_server.realtime.wire import varbytes, varuint

_CLOCK_MOST = 2**31
_INTEGER_MOST = 2**53
_ANY_FIXED = {127: 0, 126: 0, 124: 4, 123: 8, 122: 8, 121: 0, 120: 0}
"""Tag of a plain value -> how many bytes follow, where that is fixed."""
_TYPES = frozenset({0, 1, 2, 3, 4, 6})
"""Nested shared types: array, map, text, XML element, fragment and text. Of the seventh, the XML
hook, yrs reads no name where Yjs writes one."""


@dataclass(slots=True)
class Contents:
    """What an update holds, by Yjs client."""

    types: int = 0
    """Nested shared types it makes."""
    begins: dict[int, int] = field(default_factory=dict)
    """The first clock it writes."""
    writes: dict[int, int] = field(default_factory=dict)
    """The first clock after everything it writes."""
    needs: dict[int, int] = field(default_factory=dict)
    """The first clock after everything it stands on."""
    deletes: dict[int, int] = field(default_factory=dict)
    """The first clock after everything it deletes."""
    sizes: dict[int, int] = field(default_factory=dict)
    """Bytes of what it writes."""
    ranges: list[tuple[int, int, int]] = field(default_factory=list)
    """What it deletes: client, first clock, clock after the last."""
    lefts: list[tuple[int, int, bool]] = field(default_factory=list)
    """Left neighbours (client, clock), and whether the item beside it calls itself `keyed`."""
    rights: list[tuple[int, int, bool]] = field(default_factory=list)
    """Right neighbours, likewise."""
    keyed: Spans = field(default_factory=Spans)
    """Items that stand under a key, in a map, not in a list or a text."""
    collected: Spans = field(default_factory=Spans)
    """Items of which nothing is left, not even where they stood."""
    halves: Spans = field(default_factory=Spans)
    """Second halves of characters that take two UTF-16 units."""


def inspect(
    update: bytes, nesting: int, have: Mapping[int, int] | None = None, *, ours: bool = False
) -> Contents:
    """Read a whole update; `nesting` is the deepest plain value allowed.

    `have`: a state vector; how items stand (`lefts`, `rights`, `keyed`, `collected`, `halves`) is
    told of what it lacks only, as it is once the rest is cut away. `ours`: pycrdt wrote it, which
    leaves an empty text where a character of two UTF-16 units was cut in half.

    Raises BadMessageError when it is broken, too deep, or holds what a Tandem page never makes
    (subdocuments, gaps).
    """
    found = Contents()
    writers, at = varuint(update, 0)
    have = have or {}
    for _ in range(_count(writers, update, at)):
        begin = at
        structs, at = varuint(update, at)
        client, at = varuint(update, at)
        clock, at = varuint(update, at)
        if client in found.begins:
            raise BadMessageError("a client is named twice")
        if not _count(structs, update, at):
            continue
        found.begins[client] = clock
        for _ in range(structs):
            length, at = _struct(update, at, nesting, found, client, clock, have.get(client, 0))
            clock += length
            if clock >= _CLOCK_MOST or not (length or ours):
                raise BadMessageError("a clock is out of range")
        found.writes[client] = clock
        found.sizes[client] = at - begin
    deleters, at = varuint(update, at)
    for _ in range(_count(deleters, update, at)):
        client, at = varuint(update, at)
        ranges, at = varuint(update, at)
        for _ in range(_count(ranges, update, at)):
            clock, at = varuint(update, at)
            length, at = varuint(update, at)
            if clock + length >= _CLOCK_MOST:
                raise BadMessageError("a deleted range is out of range")
            found.deletes[client] = max(found.deletes.get(client, 0), clock + length)
            found.ranges.append((client, clock, clock + length))
    if at != len(update):
        raise BadMessageError("bytes follow the update")
    return found


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


def _struct(
    data: bytes, at: int, nesting: int, found: Contents, client: int, clock: int, known: int
) -> tuple[int, int]:
    """Read one struct: its length in clocks, where the next begins."""
    if at >= len(data):
        raise BadMessageError("the update ends before its structs")
    info = data[at]
    at += 1
    kind = info & 31
    keyed = bool(info & 0x20)
    if kind == 0:
        length, at = varuint(data, at)
        if clock + length > known:
            found.collected.add(client, max(clock, known), clock + length)
        return length, at
    left = right = None
    if info & 0x80:
        *left, at = _id(data, at, found)
    if info & 0x40:
        *right, at = _id(data, at, found)
    if not info & 0xC0:
        by_name, at = varuint(data, at)
        at = _text(data, at)[1] if by_name == 1 else _id(data, at, found)[2]
        if keyed:
            at = _text(data, at)[1]
    length, at = _content(data, at, kind, nesting, found, client, clock, known)
    if clock + length > known:
        if clock < known:
            left = [client, known - 1]  # what is cut away
        if left:
            found.lefts.append((left[0], left[1], keyed))
        if right:
            found.rights.append((right[0], right[1], keyed))
        if keyed:
            found.keyed.add(client, max(clock, known), clock + length)
    return length, at


def _id(data: bytes, at: int, found: Contents) -> tuple[int, int, int]:
    """Read the id of another struct, which is needed; gives where the next thing begins too."""
    client, at = varuint(data, at)
    clock, at = varuint(data, at)
    if found.needs.get(client, 0) <= clock:
        found.needs[client] = clock + 1
    return client, clock, at


def _content(
    data: bytes,
    at: int,
    kind: int,
    nesting: int,
    found: Contents,
    client: int,
    clock: int,
    known: int,
) -> tuple[int, int]:
    if kind == 8:  # plain values
        length, at = varuint(data, at)
        return length, _values(data, at, length, nesting)
    if kind == 4:  # text, counted in UTF-16 units
        text, at = _text(data, at)
        if text.isascii():
            return len(text), at
        length = 0
        for character in text:
            length += 1
            if character > "\uffff" and clock + length >= known:
                found.halves.add(client, clock + length, clock + length + 1)
            length += character > "\uffff"
        return length, at
    if kind == 1:  # deleted
        return varuint(data, at)
    if kind == 7:  # a nested type; an XML element has a name
        ref, at = varuint(data, at)
        if ref not in _TYPES:
            raise BadMessageError("a type is unknown")
        found.types += 1
        return 1, _text(data, at)[1] if ref == 3 else at
    if kind == 3:  # bytes
        return 1, varbytes(data, at)[1]
    if kind == 5:  # embedded JSON
        return 1, _json(data, at)
    if kind == 6:  # a format mark
        return 1, _json(data, _text(data, at)[1])
    raise BadMessageError(f"content of kind {kind} is not allowed here")


def _text(data: bytes, at: int) -> tuple[str, int]:
    raw, at = varbytes(data, at)
    try:
        return raw.decode(), at
    except UnicodeDecodeError:
        raise BadMessageError("a text is not UTF-8") from None


def _json(data: bytes, at: int) -> int:
    """Step over a JSON text; what a browser's JSON.parse throws at would cost it the document."""
    text, at = _text(data, at)
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadMessageError("a value is not JSON") from None
    return at


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


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
            _, at = _text(data, at)
        if at >= len(data):
            raise BadMessageError("the update ends inside a value")
        tag = data[at]
        at += 1
        if tag == 119:  # string
            _, at = _text(data, at)
        elif tag == 116:  # bytes
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
    """Step over a signed varint: its first byte holds the sign and six bits, the others seven.

    Above 2^53 a browser throws.
    """
    number = 0
    for end in range(at, min(at + 9, len(data))):
        byte = data[end]
        number |= byte & 63 if end == at else (byte & 127) << (7 * (end - at) - 1)
        if byte < 128:
            if number > _INTEGER_MOST:
                break
            return end + 1
    raise BadMessageError("an integer does not end, or is larger than 2^53")
