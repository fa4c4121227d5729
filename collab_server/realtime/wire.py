"""The y-websocket protocol as bytes: variable-length integers, message types, frames.

Source: y-protocols (PROTOCOL.md, sync.js, awareness.js) and lib0/encoding, whose varint is LEB128.
Numbers are bounded by 2^53, the largest a JavaScript client can mean.
"""

from __future__ import annotations

from collab_server.realtime.connection import BadMessageError

SYNC = 0
AWARENESS = 1
QUERY_AWARENESS = 3
STORED = 100
"""Client: tell me what is stored (empty). Server: stored up to this state vector."""
RELAY = 101
"""Relayed to the others who sent an empty 100, and not stored."""
SESSION = 102
"""Server: the session as JSON, as this role sees it."""
WRITERS = 103
"""Server: whose Yjs clients are, as JSON `{"<client>": {"role", "name", "me": bool}}`."""

PAGE = 104
"""Server: something for who has this page open, not for the session, as JSON with a `kind`."""

STEP1 = 0
STEP2 = 1
UPDATE = 2

_MOST = 2**53


def varuint(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint at `at`; gives the number and where the next thing begins."""
    try:
        byte = data[at]
        at += 1
        if byte < 128:
            return byte, at
        number = byte & 127
        shift = 7
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 49:
                raise BadMessageError("a number is longer than 2^53 allows")
    except IndexError:
        raise BadMessageError("the message ends inside a number") from None
    if number >= _MOST:
        raise BadMessageError("a number is larger than 2^53")
    return number, at


def varbytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Read a byte string with its length before it."""
    size, at = varuint(data, at)
    end = at + size
    if end > len(data):
        raise BadMessageError("the message ends inside a byte string")
    return data[at:end], end


def write_varuint(number: int) -> bytes:
    """Write a non-negative number as varint."""
    if number < 128:
        return bytes((number,))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_varbytes(data: bytes) -> bytes:
    """Write a byte string with its length before it."""
    return write_varuint(len(data)) + data


def sync_step1(state: bytes) -> bytes:
    """Frame 'this is my state vector, send me what I lack'."""
    return b"\x00\x00" + write_varbytes(state)


def sync_step2(update: bytes) -> bytes:
    """Frame the answer to a step 1."""
    return b"\x00\x01" + write_varbytes(update)


def sync_update(update: bytes) -> bytes:
    """Frame a change of the document."""
    return b"\x00\x02" + write_varbytes(update)


def awareness(update: bytes) -> bytes:
    """Frame a change of awareness."""
    return b"\x01" + write_varbytes(update)


def stored(state: bytes) -> bytes:
    """Frame 'stored up to this state vector'."""
    return b"\x64" + write_varbytes(state)


def session(view: str) -> bytes:
    """Frame the session's state, a JSON text."""
    return b"\x66" + write_varbytes(view.encode())


def page(message: str) -> bytes:
    """Frame a message for who has the page open, a JSON text."""
    return b"\x68" + write_varbytes(message.encode())


def writers(owners: str) -> bytes:
    """Frame whose Yjs clients are, a JSON text."""
    return b"\x67" + write_varbytes(owners.encode())
