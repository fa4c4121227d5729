"""Web sockets by hand, for what no client library would send."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .fake import RunningPort

WAIT = 10.0

HANDSHAKE = {
    "Host": "tandem.test",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def connect(port: RunningPort, receive_buffer: int | None = None) -> socket.socket:
    """Open a plain connection."""
    opened = socket.socket()
    if receive_buffer is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    opened.settimeout(WAIT)
    opened.connect(port.port.address)
    return opened


def request(path: str, headers: dict[str, str], method: str = "GET") -> bytes:
    """Write the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def read_head(connection: socket.socket) -> str:
    """Read up to the blank line."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(1)
        if not data:
            break
        head += data
    return head.decode()


def read_all(connection: socket.socket) -> bytes:
    """Read up to the end of the connection."""
    parts = []
    while data := _recv(connection):
        parts.append(data)
    return b"".join(parts)


def _recv(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def open_raw(
    port: RunningPort, path: str, *, receive_buffer: int | None = None, **headers: str
) -> socket.socket:
    """Open a web socket; the connection is behind its 101."""
    connection = connect(port, receive_buffer)
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.sendall(request(path, HANDSHAKE | more))
    head = read_head(connection)
    assert head.startswith("HTTP/1.1 101"), head
    return connection


def frame(
    payload: bytes, opcode: int = 2, *, fin: bool = True, masked: bool = True, rsv: int = 0
) -> bytes:
    """Write one frame as a client does (RFC 6455, section 5.2)."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    flag = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, flag | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def close_code(connection: socket.socket) -> int | None:
    """Read up to the close frame; gives its code, 1005 for none in it, None for no such frame."""
    data = b""
    while True:
        while len(data) >= 2:
            size, at = data[1] & 127, 2
            if size == 126:
                size, at = struct.unpack("!H", data[2:4])[0], 4
            elif size == 127:
                size, at = struct.unpack("!Q", data[2:10])[0], 10
            if len(data) < at + size:
                break
            if data[0] & 15 == 8:
                return int.from_bytes(data[at : at + 2], "big") if size else 1005
            data = data[at + size :]
        more = _recv(connection)
        if not more:
            return None
        data += more
