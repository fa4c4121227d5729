"""What Asterisk calls a pbx thread: it runs one channel through the dialplan to its end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from .dialplan import substitute

if TYPE_CHECKING:
    from .channel import Channel
    from .pbx import Pbx

_LOG = logging.getLogger(__name__)
Message = tuple[Any, ...]
MAX_STEPS = 10_000
"""Dialplan steps of one call; a loop in a dialplan ends there."""


class CallThread:
    """One running channel, with a mailbox for what happens to it and to those it rings."""

    def __init__(self, pbx: Pbx, channel: Channel) -> None:
        self.pbx = pbx
        self.channel = channel
        self.hungup = False
        """The far end is gone; the running application unwinds."""
        self.goto: tuple[str, str, int] | None = None
        """Somebody sent the channel elsewhere in the dialplan."""
        self.frames: list[GosubFrame] = []
        self.keys: deque[str] = deque(maxlen=100)
        """Pressed, and not read yet."""
        self.jumped = False
        """The application just run set the place itself."""
        self._mail: deque[Message] = deque(maxlen=1000)
        self._wake: asyncio.Future[None] | None = None
        channel.thread = self
        pbx.threads.add(self)
        self.task = asyncio.get_running_loop().create_task(self._run(), name=channel.name)

    def post(self, *message: Any) -> None:
        """Something happened: ``("answer", channel)``, ``("over", channel)`` …"""
        self._mail.append(message)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next(self, within: float | None = None) -> Message | None:
        """The next message, or None when none came in `within` seconds of the switch's clock."""
        if self._mail:
            return self._mail.popleft()
        loop = asyncio.get_running_loop()
        wake = self._wake = loop.create_future()
        timer = None
        if within is not None:
            timer = loop.call_later(self.pbx.clock.real(max(within, 0.0)), _finish, wake)
        try:
            await wake
        finally:
            self._wake = None
            if timer is not None:
                timer.cancel()
        return self._mail.popleft() if self._mail else None

    async def pause(self, seconds: float) -> None:
        """Let time pass, unless the call ends or is sent elsewhere."""
        clock = self.pbx.clock
        end = clock() + seconds
        while (left := end - clock()) > 0 and not self.hungup and self.goto is None:
            await self.next(left)

    def send_to(self, context: str, exten: str, priority: int = 1) -> None:
        """Asynchronous goto: the channel goes on there as soon as its application returns."""
        channel = self.channel
        self.goto = (context, exten, priority)
        channel.context, channel.exten, channel.priority = self.goto
        if channel.bridge is not None:
            self.pbx.new_exten(channel)

    async def _run(self) -> None:
        pbx, channel = self.pbx, self.channel
        try:
            for _ in range(MAX_STEPS):
                if self.goto is not None:
                    channel.context, channel.exten, channel.priority = self.goto
                    self.goto = None
                step = pbx.dialplan.find(*channel.place)
                if step is None or self.hungup:
                    break
                channel.app = step.app
                channel.data = substitute(pbx, channel, step.data)
                pbx.new_exten(channel)
                self.jumped = False
                go_on = await pbx.applications[step.app](self, channel.data)
                if self.goto is not None:
                    continue
                if self.hungup or not go_on:
                    break
                if not self.jumped:
                    channel.priority += 1
            if channel.alive:
                pbx.soft_hangup(channel)
                pbx.hang(channel)
        except Exception:
            # A mistake of the simulator or its dialplan must be seen, not hang one call.
            _LOG.exception("call thread of %s failed at %s", channel.name, channel.place)
            pbx.hang(channel)
        finally:
            pbx.threads.discard(self)


class GosubFrame:
    """Where a Gosub returns to, how many arguments it got, and what its variables hid."""

    __slots__ = ("argc", "back", "hidden")

    def __init__(self, back: tuple[str, str, int], argc: int) -> None:
        self.back = back
        self.argc = argc
        self.hidden: dict[str, tuple[str, str] | None] = {}
        """Variable of this frame to what the channel had by that name before."""


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
