"""Keys that a routine of the dialplan waits for, before a call stands or in it: ``Read``."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from . import apps
from .dialplan import substitute
from .thread import CallThread

if TYPE_CHECKING:
    from .channel import Channel
    from .dialplan import Feature
    from .pbx import Pbx

_LOG = logging.getLogger(__name__)
PLAYED = 2.0
"""Seconds any sound lasts; a key breaks it off."""
MAX_STEPS = 200


async def read(thread: CallThread, data: str) -> bool:
    """Read(variable,sounds,digits,options,attempts,timeout): ``#`` ends it."""
    given = (*data.split(","), "", "", "", "", "")[:6]
    variable, most, attempts = given[0], int(given[2] or 255), int(given[4] or 1)
    seconds, clock, digits = float(given[5] or 10), thread.pbx.clock, ""
    for _ in range(attempts):
        end = clock() + (PLAYED if given[1] else 0.0) + seconds
        while len(digits) < most and not thread.hungup and thread.goto is None:
            if thread.keys:
                key, end = thread.keys.popleft(), clock() + seconds
                if key == "#":
                    break
                digits += key
            elif (left := end - clock()) > 0:
                await thread.next(left)
            else:
                break
        if digits:
            break
    thread.pbx.set_variable(thread.channel, variable, digits)
    thread.pbx.set_variable(thread.channel, "READSTATUS", "OK" if digits else "TIMEOUT")
    return not thread.hungup


async def say(thread: CallThread, _data: str) -> bool:
    """Playback, SayDigits: it takes its time."""
    await thread.pause(PLAYED)
    return not thread.hungup


class Routine(CallThread):
    """A routine of an in-call feature that takes time; what is pressed meanwhile is its."""

    def __init__(self, pbx: Pbx, channel: Channel, feature: Feature) -> None:
        self.pbx, self.channel, self._feature = pbx, channel, feature
        self.hungup = self.jumped = False
        self.goto = None
        self.frames = []
        self.keys = deque()
        self._mail, self._wake = deque(), None
        channel.routine = self
        pbx.threads.add(self)
        self.task = asyncio.get_running_loop().create_task(self._run(), name=channel.name)

    async def _run(self) -> None:
        pbx, channel, feature = self.pbx, self.channel, self._feature
        before = (*channel.place, channel.app, channel.data)
        apps.enter_gosub(pbx, channel, self.frames, channel.place, feature.args)
        channel.context, channel.exten = feature.context, feature.exten
        channel.priority = feature.priority
        try:
            for _ in range(MAX_STEPS):
                step = pbx.dialplan.find(*channel.place)
                if step is None or self.hungup or (step.app == "Return" and len(self.frames) == 1):
                    break
                channel.app, channel.data = step.app, substitute(pbx, channel, step.data)
                pbx.new_exten(channel)
                self.jumped = False
                if not await pbx.applications[step.app](self, channel.data):
                    break
                if not self.jumped:
                    channel.priority += 1
            while self.frames:
                apps.leave_gosub(pbx, channel, self.frames, "")
            channel.context, channel.exten, channel.priority, channel.app, channel.data = before
            if channel.alive:
                pbx.new_exten(channel)
        except Exception:
            _LOG.exception("a routine of %s failed at %s", channel.name, channel.place)
        finally:
            channel.routine = None
            pbx.threads.discard(self)


APPLICATIONS = apps.APPLICATIONS | {"Playback": say, "Read": read, "SayDigits": say}
