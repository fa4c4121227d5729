"""What an uploaded logo is, by its bytes: PNG, JPEG or WebP, and how large. Pure.

Nothing is decoded here: browsers do that, as they do with any picture. So what a file calls itself
counts for nothing, and its first bytes say its kind and its size:

    PNG    8 bytes of signature, then the chunk IHDR: width and height, 32 bits each (RFC 2083)
    JPEG   FF D8, then segments FF xx with a length; SOFn has height and width (ITU-T T.81)
    WebP   RIFF .... WEBP, then VP8, VP8L or VP8X with 14 or 24 bits each (RFC 9649)

An SVG may carry scripts and addresses of other servers, so none is taken.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 256 * 1024
MIN_SIDE = 16
MAX_SIDE = 2_048
"""Pixels."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's SOFn: a frame's head; the three others of that range are tables."""
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""JPEG markers without a length."""


class LogoError(ValueError):
    """It cannot be the logo; one sentence for the administrator, `why` a word for the page."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text)
        self.why = why


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture that browsers can show."""

    data: bytes
    media_type: str
    width: int
    height: int


def look(data: bytes) -> Logo:
    """The logo these bytes are. Raises LogoError."""
    if len(data) > MAX_BYTES:
        text = f"the logo may have {MAX_BYTES // 1024} KiB, this has {len(data) // 1024}"
        raise LogoError(text, "bytes")
    found = next((kind for kind in _KINDS if kind[1](data)), None)
    if found is None:
        if b"<svg" in data[:4_096].lower():
            raise LogoError(
                "SVG is not taken, because such a file may carry scripts; save the logo as PNG,"
                " JPEG or WebP",
                "svg",
            )
        raise LogoError("this is no PNG, JPEG or WebP picture", "kind")
    media_type, _, measure = found
    try:
        width, height = measure(data)
    except (IndexError, ValueError):
        raise LogoError("the picture is damaged: its size cannot be read", "damaged") from None
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise LogoError(
            f"the logo must be {MIN_SIDE} to {MAX_SIDE} pixels wide and high, this is"
            f" {width} x {height}",
            "pixels",
        )
    return Logo(data, media_type, width, height)


def _png(data: bytes) -> tuple[int, int]:
    head = data[12:29]  # name and content of the first chunk
    if data[8:12] != b"\0\0\0\x0d" or head[:4] != b"IHDR":
        raise ValueError("IHDR does not come first")
    if zlib.crc32(head) != _big(data, 29, 4):
        raise ValueError("IHDR is damaged")
    return _big(data, 16, 4), _big(data, 20, 4)


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker where one must be")
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _BARE:
            continue
        length = _big(data, at, 2)
        if length < 2:
            raise ValueError("a segment without a length")
        if marker in _FRAMES:
            return _big(data, at + 5, 2), _big(data, at + 3, 2)
        if marker in (0xD9, 0xDA):
            raise ValueError("the picture begins without a frame's head")
        at += length


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if kind == b"VP8L":
        if data[20] != 0x2F:
            raise ValueError("no lossless picture")
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise ValueError("no key frame")
        return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
    raise ValueError("no picture in it")


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_exactly(data, at, size), "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_exactly(data, at, size), "little")


def _exactly(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) < size:
        raise ValueError("it ends too early")
    return part


_KINDS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], tuple[int, int]]], ...] = (
    ("image/png", lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    ("image/jpeg", lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    ("image/webp", lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
)
