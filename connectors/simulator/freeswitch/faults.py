"""What can go wrong with a FreeSWITCH or the way to it, on command."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..faults import Faults
from . import wire
from .api.core import MODULES

if TYPE_CHECKING:
    from .server import EslServer
    from .wire import Headers


class FreeSwitchFaults(Faults):
    """The faults of every switch, the ACL's refusal, and how FreeSWITCH ends and restarts."""

    def __init__(self, server: EslServer) -> None:
        super().__init__(server)
        self._esl = server
        self.refuse_new = False
        """The ACL does not let new connections in (``apply-inbound-acl``)."""

    def clear(self) -> None:
        """New connections are let in and behave, dripping ends."""
        super().clear()
        self.refuse_new = False

    async def restart(self, down: float = 0.5, *, clean: bool = True) -> None:
        """FreeSWITCH restarts: calls end, the port is away for `down` seconds, Core-UUID is new.

        `clean` is a SIGTERM: SHUTDOWN, every call's end, modules, then a disconnect notice.
        Without it it is a SIGKILL: sockets just close. Telephones and queues come back as they
        were configured.
        """
        server, pbx = self._esl, self._esl.pbx
        pbx.heart.stop()
        legs = [channel for channel in pbx.channels.values() if channel.call is not None]
        if clean:
            await self._shut_down()
        await pbx.halt()
        for channel in legs:
            channel.alive = False
        for session in list(server.sessions):
            if clean:
                session.goodbye(wire.SHUTDOWN_NOTICE)
            elif session.transport is not None:
                session.transport.abort()
        await server.close_port()
        await asyncio.sleep(down)
        pbx.boot()
        for channel in legs:
            if channel.call is not None:
                channel.call.touch()
        await server.open_port()

    async def _shut_down(self) -> None:
        pbx = self._esl.pbx
        pbx.say("SHUTDOWN", after=[("Event-Info", "System Shutting Down")])
        for channel in list(pbx.channels.values()):
            pbx.hangup(channel, "SYSTEM_SHUTDOWN")
        threads = [each.task for each in pbx.channels.values() if each.task is not None]
        if threads:
            await asyncio.wait(threads, timeout=1.0)
        for module in MODULES:
            about: Headers = [
                ("type", "generic"),
                ("name", module),
                ("key", module),
                ("filename", f"/usr/freeswitch/lib/freeswitch/mod/{module}.so"),
            ]
            pbx.say("MODULE_UNLOAD", after=about)
