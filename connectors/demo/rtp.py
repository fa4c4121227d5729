"""A telephone's media socket: takes what comes, and sends keys as RFC 4733 events."""

from __future__ import annotations

import asyncio
import random
import struct

_EVENT_PAYLOAD = 101
_DURATION = 160 * 5
"""Timestamp units a key is held: 100 ms at 8 kHz."""
_KEYS = "0123456789*#ABCD"


class Media(asyncio.DatagramProtocol):
    """One UDP socket on loopback. What arrives is counted and dropped."""

    def __init__(self) -> None:
        self.port = 0
        self.received = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._sequence = random.randrange(1 << 15)  # noqa: S311 - RTP wants it odd, not secret
        self._stamp = random.randrange(1 << 30)  # noqa: S311
        self._source = random.randrange(1 << 32)  # noqa: S311

    @classmethod
    async def open(cls) -> Media:
        """Binds a socket of the kernel's choosing."""
        loop = asyncio.get_running_loop()
        transport, media = await loop.create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        media._transport = transport
        media.port = transport.get_extra_info("sockname")[1]
        return media

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received += 1

    def error_received(self, exc: Exception) -> None:
        """A port that closed while we sent to it; the call's end tells the rest."""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def press(self, address: tuple[str, int], keys: str) -> None:
        """Sends each key as start, middle and three end packets, 20 ms apart (RFC 4733, 2.5)."""
        for key in keys:
            code = _KEYS.index(key.upper())
            marker = 0x80
            for step in (1, 2, 3, 4, 5, 5, 5):
                ended = 0x80 if step == 5 else 0
                self._send(address, marker, struct.pack("!BBH", code, ended | 10, step * 160))
                marker = 0
                await asyncio.sleep(0.02)  # the pace of RTP, not a wait for something
            self._stamp += _DURATION + 800
            await asyncio.sleep(0.08)

    def _send(self, address: tuple[str, int], marker: int, payload: bytes) -> None:
        if self._transport is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        head = struct.pack(
            "!BBHII", 0x80, marker | _EVENT_PAYLOAD, self._sequence, self._stamp, self._source
        )
        self._transport.sendto(head + payload, address)
