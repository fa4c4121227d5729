"""The AMI port: accepts sessions, restarts, and misbehaves on command."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable

from .bus import EventBus
from .faults import AsteriskFaults
from .pbx import Pbx
from .session import Session
from .users import ManagerUser

__all__ = ["AmiServer", "EventBus"]


class AmiServer:
    """Serves one `Pbx` over AMI. Use as ``async with`` or `start` and `stop`."""

    def __init__(
        self,
        pbx: Pbx,
        users: Iterable[ManagerUser],
        *,
        auth_timeout: float = 30.0,
        refusal_delay: float = 1.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.pbx = pbx
        self.users = {user.name: user for user in users}
        self.auth_timeout = auth_timeout
        self.refusal_delay = refusal_delay
        self.faults = AsteriskFaults(self)
        self.sessions: set[Session] = set()
        self.actions: dict[str, int] = {}
        """How often each action was carried out, by lower-case name."""
        self.booted = True
        self.host, self.port = "127.0.0.1", 0
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `port` 0 takes a free one, kept over restarts. Raises OSError when taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Session(self), host, port, reuse_address=True, ssl=self._tls
        )
        self.host = host
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every session."""
        await self.close_port()
        for session in list(self.sessions):
            if session.transport is not None:
                session.transport.abort()
        for thread in list(self.pbx.threads):
            thread.task.cancel()
        await asyncio.gather(*(t.task for t in list(self.pbx.threads)), return_exceptions=True)

    async def close_port(self) -> None:
        """Nobody listens any more; sessions stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await asyncio.sleep(0)

    async def open_port(self) -> None:
        """Listen again where it did."""
        await self.start(self.host, self.port)

    def fully_booted(self) -> bytes:
        """The event each session with the class ``system`` gets at its login."""
        uptime = int(self.pbx.clock() - self.pbx.started)
        return (
            f"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: {uptime}\r\n"
            f"LastReload: {uptime}\r\nStatus: Fully Booted\r\n\r\n"
        ).encode()

    async def __aenter__(self) -> AmiServer:
        if self._server is None:
            await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
