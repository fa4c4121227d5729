"""What an event socket sends, byte for byte as FreeSWITCH 1.11 does: events, replies, notices."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

Value = str | list[str]
Headers = list[tuple[str, Value]]
"""Headers of an event in their order; a name may come twice, a list is an array of values."""

_UNSAFE = frozenset(b'\r\n "#%&+:;<=>?@[\\]^`{|}')
"""What FreeSWITCH percent-encodes besides all that is not printable ASCII; ``,`` and ``/`` stay."""
_TABLE = [
    f"%{byte:02X}" if byte in _UNSAFE or not 0x20 <= byte <= 0x7E else chr(byte)
    for byte in range(256)
]
BYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
SHUTDOWN = "The system is being shut down.\n"


@lru_cache(maxsize=8192)
def quote(value: str) -> str:
    """Percent-encode a header's value."""
    if value.isalnum() and value.isascii():
        return value
    return "".join(_TABLE[byte] for byte in value.encode("utf-8", "surrogateescape"))


def array(value: Value) -> str:
    """A value as text: several become ``ARRAY::one|:two``."""
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)


def plain(headers: Headers, body: str = "") -> bytes:
    """An event's lines, percent-encoded; a body follows as it is."""
    lines = [f"{name}: {quote(array(value))}\n" for name, value in headers]
    return _with_body(lines, body)


def dump(headers: Headers) -> str:
    """The same lines as text, as ``uuid_dump`` answers."""
    return "".join(f"{name}: {quote(array(value))}\n" for name, value in headers) + "\n"


def _with_body(lines: list[str], body: str) -> bytes:
    data = body.encode("utf-8", "surrogateescape")
    if not data:
        return ("".join(lines) + "\n").encode()
    return f"{''.join(lines)}Content-Length: {len(data)}\n\n".encode() + data


def as_json(headers: Headers, body: str = "") -> bytes:
    """One JSON object on one line; a header that comes twice is a key that comes twice."""
    pairs: Headers = list(headers)
    if body:
        pairs.append(("Content-Length", str(len(body.encode("utf-8", "surrogateescape")))))
        pairs.append(("_body", body))
    inner = ",".join(f"{_json(name)}:{_json(value)}" for name, value in pairs)
    return f"{{{inner}}}".encode("utf-8", "surrogateescape")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def xml(headers: Headers, body: str = "") -> bytes:
    """XML whose values are percent-encoded still; an array is the element several times."""
    lines = ["<event>\n  <headers>\n"]
    for name, value in headers:
        values = [value] if isinstance(value, str) else value
        lines += [f"    <{name}>{quote(one)}</{name}>\n" for one in values]
    lines.append("  </headers>\n")
    if body:
        size = len(body.encode("utf-8", "surrogateescape"))
        lines.append(f"  <Content-Length>{size}</Content-Length>\n  <body>{_escape(body)}</body>\n")
    lines.append("</event>\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


FORMATS = {"plain": plain, "json": as_json, "xml": xml}


def event(kind: str, headers: Headers, body: str = "") -> bytes:
    """A whole event frame in one of `FORMATS`: its length comes before its type."""
    data = FORMATS[kind](headers, body)
    return f"Content-Length: {len(data)}\nContent-Type: text/event-{kind}\n\n".encode() + data


def reply(text: str, more: Iterable[tuple[str, str]] = ()) -> bytes:
    """The answer to a command."""
    lines = "".join(f"{name}: {value}\n" for name, value in more)
    head = f"Content-Type: command/reply\nReply-Text: {text}\n{lines}\n"
    return head.encode("utf-8", "surrogateescape")


def content(kind: str, body: str, more: str = "") -> bytes:
    """A frame with a body: ``api/response``, ``text/disconnect-notice`` …"""
    data = body.encode("utf-8", "surrogateescape")
    return f"Content-Type: {kind}\n{more}Content-Length: {len(data)}\n\n".encode() + data


def log(line: str, level: int, kind: int, at: tuple[str, str, int], uuid: str) -> bytes:
    """A line of the log, with where it comes from and what channel it is about."""
    file, function, number = at
    data = line.encode("utf-8", "surrogateescape")
    head = (
        f"Content-Type: log/data\nContent-Length: {len(data)}\nLog-Level: {level}\n"
        f"Text-Channel: {kind}\nLog-File: {file}\nLog-Func: {function}\nLog-Line: {number}\n"
        f"User-Data: {uuid}\n\n"
    )
    return head.encode() + data


AUTH_REQUEST = b"Content-Type: auth/request\n\n"
REJECTION = content("text/rude-rejection", "Access Denied, go away.\n")
NOTICE = content("text/disconnect-notice", BYE)
SHUTDOWN_NOTICE = content("text/disconnect-notice", SHUTDOWN)
