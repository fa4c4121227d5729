"""The event socket: accepts sessions, restarts, and misbehaves on command."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from functools import partial

from .faults import FreeSwitchFaults
from .outbound import hand_over
from .pbx import FreeSwitch
from .rights import DirectoryUser
from .session import Session


class EslServer:
    """Serves one `FreeSwitch` over ESL. Use as ``async with`` or `start` and `stop`."""

    def __init__(
        self, pbx: FreeSwitch, password: str, users: Mapping[str, DirectoryUser] | None = None
    ) -> None:
        self.pbx = pbx
        self.password = password
        self.users = dict(users or {})
        """Who may come by ``userauth``, by ``user@domain``."""
        self.faults = FreeSwitchFaults(self)
        self.sessions: set[Session] = set()
        self.commands: Counter[str] = Counter()
        """How often each command of the socket was sent."""
        self.host, self.port = "127.0.0.1", 0
        self._server: asyncio.Server | None = None
        pbx.hand_over = partial(hand_over, self)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `port` 0 takes a free one, kept over restarts. Raises OSError when taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Session(self), host, port, reuse_address=True
        )
        self.host = host
        self.port = self._server.sockets[0].getsockname()[1]
        self.pbx.heart.start()

    async def stop(self) -> None:
        """Close the port, every session and every call."""
        self.pbx.heart.stop()
        await self.close_port()
        for session in list(self.sessions):
            if session.transport is not None:
                session.transport.abort()
        await self.pbx.halt()

    async def close_port(self) -> None:
        """Nobody listens any more; sessions stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await asyncio.sleep(0)

    async def open_port(self) -> None:
        """Listen again where it did."""
        await self.start(self.host, self.port)

    async def __aenter__(self) -> EslServer:
        if self._server is None:
            await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
