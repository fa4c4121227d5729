"""The outbound event socket: the application `socket`, and the session it opens.

As recorded (06, 06b, 06c, and 06d and 06e with this project's menu) and as mod_event_socket.c has
it. With ``async`` the channel parks and runs what the client sends one after the other; without,
its thread waits for the client, and a command's reply comes when it is carried out. Here too what
is sent while an application runs waits for its end, as ``event-lock`` would have it; FreeSWITCH
runs it in the middle.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from . import wire
from .apps import execute
from .channel import EXECUTE, RESET, Channel
from .commands import Message
from .session import Session

if TYPE_CHECKING:
    from .server import EslServer

_LOG = logging.getLogger(__name__)
FIRST_WAIT = 25.0
"""Real seconds a client has for its first command (read_packet in listener_run)."""
QUEUE_MAX = 1000
"""Commands that may wait for the channel; SWITCH_EVENT_QUEUE_LEN is no less."""


class OutboundSession(Session):
    """A connection that FreeSWITCH made for a channel."""

    def __init__(
        self, server: EslServer, channel: Channel, *, full: bool, asynchronous: bool
    ) -> None:
        super().__init__(server)
        self.authenticated = True
        self.channel = channel
        self.full = full
        self.asynchronous = asynchronous
        self.connected = False
        """The client sent its first command."""
        self.finished = False
        self.waiting: deque[Message] = deque()
        """Commands for the channel."""
        self._parked = False
        self._linger: int | None = None
        """Seconds; -1 without end; None: not at all."""
        self._told = False
        self._mine = False
        self._first: asyncio.TimerHandle | None = None
        channel.locks += 1
        channel.controller = self

    # --- the connection ------------------------------------------------------------------

    def greet(self) -> None:
        """The client speaks first."""
        loop = asyncio.get_running_loop()
        self._first = loop.call_later(FIRST_WAIT, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.finish()

    def _too_late(self) -> None:
        if not self.connected:
            self.goodbye()

    def goodbye(self, notice: bytes = b"") -> None:
        """The disconnect notice, then the end."""
        uuid = self.channel.uuid
        more = f"Controlled-Session-UUID: {uuid}\nContent-Disposition: disconnect\n"
        self.write(notice or wire.content("text/disconnect-notice", wire.BYE, more))
        self.close()
        self.finish()

    def finish(self) -> None:
        """The listener's thread ends: what runs on the channel is broken off if it is to resume."""
        if self.finished:
            return
        self.finished = True
        if self._first is not None:
            self._first.cancel()
        channel = self.channel
        if channel.controller is self:
            channel.controller = None
        if channel.get("socket_resume") == "true" and channel.state == EXECUTE:
            channel.state = RESET
        channel.locks -= 1
        self.pbx.poke(channel)

    def down(self) -> None:
        """The channel was hung up."""
        if self._told or self.finished:
            return
        self._told = True
        if self._linger is None:
            self.goodbye()
        elif not self._busy:
            self._say_lingers()

    def _say_lingers(self) -> None:
        channel = self.channel
        more = (
            f"Controlled-Session-UUID: {channel.uuid}\nContent-Disposition: linger\n"
            f"Channel-Name: {channel.name}\nLinger-Time: {self._linger}\n"
        )
        self.write(wire.content("text/disconnect-notice", "", more))
        if self._linger is not None and self._linger >= 0:
            delay = self.pbx.clock.real(self._linger)
            asyncio.get_running_loop().call_later(delay, self._lingered)

    def _lingered(self) -> None:
        if not self.finished:
            self.goodbye()

    # --- commands ------------------------------------------------------------------------

    def act(self, message: Message) -> None:
        self.connected = True
        own = _COMMANDS.get(message.verb)
        if message.verb == "sendmsg" and message.argument not in ("", self.channel.uuid):
            own = None
        if own is not None:
            self.server.commands[message.verb] += 1
            own(self, message)
        elif message.verb in _ALWAYS or self.full:
            super().act(message)
        else:
            self.reply("-ERR command not found")
        self.pbx.poke(self.channel)

    def connect(self, _message: Message) -> None:
        """The whole channel, as headers of the reply; what is the reply's own comes last."""
        headers = [
            *self.pbx.bus.heading("CHANNEL_DATA"),
            *self.channel.profile_headers("Channel"),
            *self.channel.headers(),
            ("Content-Type", "command/reply"),
            ("Reply-Text", "+OK\n"),
            ("Socket-Mode", "async" if self.asynchronous else "static"),
            ("Control", "full" if self.full else "single-channel"),
        ]
        self.write(wire.plain(headers))

    def myevents(self, message: Message) -> None:
        """The events of this channel and of no other."""
        if self._mine:
            self.reply("-ERR aready enabled.")
            return
        self._mine = True
        kinds = [word.lower() for word in message.words if word.lower() in wire.FORMATS]
        self.subscription.mine(self.channel.uuid)
        self.subscribe(kinds[0] if kinds else "")
        self.reply("+OK Events Enabled")

    def linger(self, message: Message) -> None:
        """Events go on after the hang-up, for so many seconds."""
        word = message.argument
        if word:
            self._linger = int(word) if word.isascii() and word.isdigit() and len(word) < 7 else 0
            self.reply(f"+OK will linger {self._linger} seconds")
        else:
            self._linger = -1
            self.reply("+OK will linger")

    def nolinger(self, _message: Message) -> None:
        """No events after the hang-up."""
        self._linger = None
        self.reply("+OK will not linger")

    def getvar(self, message: Message) -> None:
        """A variable's value, bare."""
        value = self.channel.variables.get(message.argument, "")
        self.reply(wire.array(value) or "-ERR command not found")

    def resume(self, _message: Message) -> None:
        """The dialplan goes on when this connection ends."""
        self.channel.set("socket_resume", "true")
        self.reply("+OK")

    def sendmsg(self, message: Message) -> None:
        """For the channel: run something, or hang up."""
        if len(self.waiting) >= QUEUE_MAX:
            self.reply("-ERR memory error")
            return
        self.waiting.append(message)
        if self.asynchronous:
            self.reply("+OK")
            if not self._parked and self.channel.state != EXECUTE:
                # It is elsewhere; whatever runs there takes the command.
                self.pbx.spawn(self.run_next(), "private event")
        else:
            self._busy = True  # events and further commands wait for its end

    async def park(self, state: int) -> None:
        """The channel's thread, with ``async``: run what comes, until the client or the caller is
        gone, or the channel is sent elsewhere."""
        pbx, channel = self.pbx, self.channel
        pbx.say("CHANNEL_PARK", channel)
        self._parked = True
        while channel.state == state and not self.finished:
            if self.waiting:
                await self.run_next()
            else:
                await channel.changed()
        self._parked = False
        pbx.say("CHANNEL_UNPARK", channel)
        while channel.state == state and self.waiting:
            await self.run_next()

    async def listen(self) -> None:
        """The channel's thread without it: nothing but the client ends this, a hang-up neither."""
        while not self.finished:
            if self.waiting:
                await self.run_next()
            else:
                await self.channel.changed()

    async def run_next(self) -> None:
        """Carry out the command that waits longest."""
        message = self.waiting.popleft()
        pbx, channel, headers = self.pbx, self.channel, message.headers
        command = headers.get("call-command", "")
        if command == "hangup":
            pbx.hangup(channel, headers.get("hangup-cause", "NORMAL_CLEARING"))
        elif command == "execute":
            data = headers.get("execute-app-arg", "") or message.body
            channel.update({"current_loop": "1", "total_loops": "1"})
            app, number = headers.get("execute-app-name", ""), headers.get("event-uuid", "")
            await execute(pbx, channel, app, data, number=number)
            channel.unset("current_loop", "total_loops")
        if not self.asynchronous:
            self.reply("+OK")
            if self._told and not self.finished:
                self._say_lingers()
            self.release()


_COMMANDS = {
    "connect": OutboundSession.connect,
    "getvar": OutboundSession.getvar,
    "linger": OutboundSession.linger,
    "myevents": OutboundSession.myevents,
    "nolinger": OutboundSession.nolinger,
    "resume": OutboundSession.resume,
    "sendmsg": OutboundSession.sendmsg,
}
_ALWAYS = ("exit", "filter", "...")
"""What a client without ``full`` may ask besides."""


async def hand_over(server: EslServer, channel: Channel, data: str) -> None:
    """The application: connect, and let the client lead the channel."""
    where, *flags = data.split() or [""]
    host, _, port = where.rpartition(":")
    channel.set("socket_host", host)
    flags = [flag.lower() for flag in flags]
    session = OutboundSession(server, channel, full="full" in flags, asynchronous="async" in flags)
    state = channel.state
    try:
        await asyncio.get_running_loop().create_connection(lambda: session, host, int(port or 8084))
    except (OSError, ValueError) as error:
        _LOG.info("socket %s: %s", where, error)
        session.finished = True
        channel.controller = None
        channel.locks -= 1
        return
    if session.asynchronous:
        while channel.state == state and not session.finished and not session.connected:
            await channel.changed()
        await session.park(state)
    else:
        await session.listen()
    if channel.state == RESET:
        # As the application does on its way out, for a client that resumed.
        channel.state = EXECUTE
