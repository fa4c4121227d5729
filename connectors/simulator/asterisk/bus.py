"""Events to those who want them: nothing is rendered that no session asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

CLASSES: dict[str, str] = {
    **dict.fromkeys(("FullyBooted", "Shutdown"), "system"),
    **dict.fromkeys(("VarSet", "Newexten"), "dialplan"),
    **dict.fromkeys(("DTMFBegin", "DTMFEnd"), "dtmf"),
    **dict.fromkeys(("UserEvent",), "user"),
    **dict.fromkeys(("RequestBadFormat", "SuccessfulAuth"), "security"),
    **dict.fromkeys(
        (
            "AgentCalled",
            "AgentComplete",
            "AgentConnect",
            "AgentRingNoAnswer",
            "QueueCallerAbandon",
            "QueueCallerJoin",
            "QueueCallerLeave",
            "QueueMemberAdded",
            "QueueMemberPause",
            "QueueMemberRemoved",
            "QueueMemberStatus",
        ),
        "agent",
    ),
}
"""Privilege class of each event; all others are ``call``."""


class Renders(Protocol):
    """A part of an event: a channel or a bridge."""

    def render(self, prefix: str = "") -> str:
        """Header lines, each ending in CR LF."""


Part = str | Renders | tuple[str, Renders]
"""Header lines as text, or what renders them, or that with a prefix."""


class Listener(Protocol):
    """A session that may want events."""

    def wants(self, name: str, cls: str) -> bool:
        """Whether any event of this name could be for it."""

    def deliver(self, name: str, data: bytes) -> None:
        """Take one whole event; the listener may still drop it by its content."""


class EventBus:
    """Hands each event to the sessions whose classes and filters let it through."""

    def __init__(self, clock: Callable[[], float] = time.time, *, timestamps: bool = True) -> None:
        self.clock = clock
        self.timestamps = timestamps
        self.emitted: dict[str, int] = {}
        """Events that happened, by name, wanted or not."""
        self._listeners: list[Listener] = []
        self._takers: dict[str, list[Listener]] = {}

    def add(self, listener: Listener) -> None:
        """Start asking this listener."""
        self._listeners.append(listener)
        self.changed()

    def remove(self, listener: Listener) -> None:
        """Forget a listener; one never added is fine."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.changed()

    def changed(self) -> None:
        """A listener wants something else from now on."""
        self._takers.clear()

    def emit(self, name: str, *parts: Part) -> None:
        """An event happened. `parts` are its headers after Privilege and Timestamp."""
        self.emitted[name] = self.emitted.get(name, 0) + 1
        takers = self._takers.get(name)
        if takers is None:
            cls = CLASSES.get(name, "call")
            takers = [each for each in self._listeners if each.wants(name, cls)]
            self._takers[name] = takers
        if not takers:
            return
        data = self.render(name, *parts)
        for taker in takers:
            taker.deliver(name, data)

    def render(self, name: str, *parts: Part) -> bytes:
        """The event's bytes. Text that is no UTF-8 (surrogates) goes out as the bytes it was."""
        out = [f"Event: {name}\r\nPrivilege: {CLASSES.get(name, 'call')},all\r\n"]
        if self.timestamps:
            out.append(f"Timestamp: {self.clock():.6f}\r\n")
        for part in parts:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, tuple):
                out.append(part[1].render(part[0]))
            else:
                out.append(part.render())
        out.append("\r\n")
        return "".join(out).encode("utf-8", "surrogateescape")
