"""What can go wrong with an Asterisk or the way to it, on command."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..faults import Faults

if TYPE_CHECKING:
    from .server import AmiServer

SHUTTING_DOWN = 4
"""What Asterisk says as the cause to every channel then (AST_SOFTHANGUP_SHUTDOWN)."""


class AsteriskFaults(Faults):
    """The faults of every switch, and how Asterisk restarts."""

    def __init__(self, server: AmiServer) -> None:
        super().__init__(server)
        self._ami = server

    async def restart(self, down: float = 0.5, *, clean: bool = True) -> None:
        """Asterisk restarts: calls end, the port is away for `down` seconds, Uptime is new.

        `clean` says Shutdown to sessions first (``core restart now``); without it it is a
        SIGKILL: sockets just close. Telephones and queues come back as they were configured.
        """
        server, pbx = self._ami, self._ami.pbx
        server.booted = False
        for thread in list(pbx.threads):
            thread.task.cancel()
        await asyncio.gather(*(t.task for t in list(pbx.threads)), return_exceptions=True)
        if clean:
            for channel in list(pbx.channels.values()):
                pbx.soft_hangup(channel, SHUTTING_DOWN)
            for channel in list(pbx.channels.values()):
                channel.other = None
                pbx.hang(channel)
            pbx.bus.emit("Shutdown", "Shutdown: Cleanly\r\nRestart: True\r\n")
        legs = [channel for channel in pbx.channels.values() if channel.call is not None]
        for channel in legs:
            channel.alive = False
        self.close_all(clean=clean)
        await server.close_port()
        await asyncio.sleep(down)
        pbx.boot()
        for channel in legs:
            pbx.touch(channel)
        server.booted = True
        await server.open_port()
