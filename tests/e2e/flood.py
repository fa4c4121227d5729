"""Events at a chosen rate on a simulated event socket, and what of them waits on the way.

The simulator itself could not make a thousand wanted events a second and be on time, so the
events of one of its calls are taken as they would be sent, and sent again as other calls'.
"""

from __future__ import annotations

import asyncio
import fcntl
import random
import struct
import termios
import uuid
from typing import TYPE_CHECKING

from connectors.freeswitch.events import EVENTS
from connectors.simulator import FreeSwitchSimulator
from connectors.simulator.script import HangUp, Hold, Until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.simulator import Call
    from connectors.simulator.freeswitch.bus import Happened
    from connectors.simulator.freeswitch.session import Session

PAUSE = 0.01
"""Seconds between two writes of the sender."""


class Tape:
    """Takes the events that a connector subscribes to, as bytes."""

    format = "json"

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def wants(self, name: str, subclass: str) -> bool:
        return (f"{name} {subclass}" if subclass else name) in EVENTS

    def accepts(self, _event: Happened) -> bool:
        return True

    def deliver(self, data: bytes) -> None:
        self.frames.append(data)


async def recorded(script: Call) -> tuple[list[bytes], list[str]]:
    """The frames of a call from its first to its last, and the ids of its legs."""
    async with FreeSwitchSimulator() as sim:
        tape = Tape()
        sim.pbx.bus.add(tape)
        call = await sim.run(script)
        await call.until("gone")
        await call.until("gone", "1001")
        return tape.frames, [leg.uuid for leg in call.legs]


def unsent(session: Session) -> int:
    """Bytes that wait on the PBX's side: in its process, and in the kernel's send queue."""
    assert session.transport is not None, "the PBX has lost its connector"
    socket = session.transport.get_extra_info("socket")
    waiting = struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
    return int(waiting) + session.transport.get_write_buffer_size()


class Standing:
    """A call under way: the frames it has yet to send."""

    def __init__(self, frames: Sequence[bytes], legs: Sequence[str]) -> None:
        others = [str(uuid.uuid4()) for _ in legs]
        self.id = others[0]
        self.sent = 0
        self._frames = frames
        self._ids = [(old.encode(), new.encode()) for old, new in zip(legs, others, strict=True)]

    def next(self) -> bytes:
        """The next frame; empty behind the last."""
        if self.sent == len(self._frames):
            return b""
        frame = self._frames[self.sent]
        self.sent += 1
        for old, new in self._ids:
            frame = frame.replace(old, new)
        return frame


class Flood:
    """Calls whose events come at a rate, many calls at a time."""

    def __init__(self, frames: Sequence[bytes], legs: Sequence[str], *, at_once: int) -> None:
        self.calls: list[str] = []
        """Ids of the user legs of all calls so far."""
        self.sent = 0
        """Events."""
        self.most_unsent = 0
        self._frames, self._legs = frames, legs
        self._served = range(
            _first("bridge-agent-start", frames), _first("CHANNEL_UNBRIDGE", frames)
        )
        self._standing = [self._new() for _ in range(at_once)]
        self._chooser = random.Random(1)

    @property
    def served(self) -> set[str]:
        """The calls that are talking."""
        return {call.id for call in self._standing if call.sent - 1 in self._served}

    def _new(self) -> Standing:
        call = Standing(self._frames, self._legs)
        self.calls.append(call.id)
        return call

    def _next(self) -> bytes:
        number = self._chooser.randrange(len(self._standing))
        frame = self._standing[number].next()
        if not frame:
            self._standing[number] = self._new()
            frame = self._standing[number].next()
        return frame

    async def pour(self, session: Session, rate: float, seconds: float) -> None:
        """Send at `rate` events a second, for so long or until the connection is lost; late ones
        are made up for."""
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while session.transport and (past := loop.time() - began) < seconds:
            due = int(past * rate) - sent
            for _ in range(due):
                session.write(self._next())
            sent += due
            self.sent += due
            self.most_unsent = max(self.most_unsent, unsent(session))
            await asyncio.sleep(PAUSE)

    async def finish(self, session: Session) -> None:
        """Bring every call that stands to its end."""
        for call in self._standing:
            while frame := call.next():
                session.write(frame)
                self.sent += 1
        self._standing.clear()
        await asyncio.sleep(0)


def _first(word: str, frames: Sequence[bytes]) -> int:
    """Where among the frames the first one with a word in it is."""
    return next(n for n, frame in enumerate(frames) if f'"{word}"'.encode() in frame)


HELD = (Until("talking"), Hold("1001"), Hold("1001", on=False), HangUp())
"""A call of many events that are wanted."""
