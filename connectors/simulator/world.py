"""What stands around a simulated switch, whatever its dialect: telephones, queues, members."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

MESSAGES_KEPT = 200
"""Text messages a telephone keeps; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Rings:
    """What a telephone does when it is rung."""

    answer_after: float | None = 0.3
    """Seconds from ringing to the answer; None: it rings on until somebody acts."""
    busy: bool = False
    """It turns the call down at once."""


@dataclass(frozen=True, slots=True)
class PhoneSpec:
    """A telephone known to the switch by name (``1001`` is ``PJSIP/1001``)."""

    name: str
    display: str = ""
    """Name it is configured to show, whatever it sends; empty: what it sends, and its own name
    with a capital when it is called."""
    registered: bool = True
    """Reachable. One that is not can place calls and be told nothing."""
    one_line: bool = False
    """Counts as busy from its first call on (Asterisk's ``device_state_busy_at = 1``)."""
    caller_id: bool = True
    """Configured with number and name; else it shows what was dialled to reach it."""
    hint: bool = False
    """The switch announces its state as that of an extension too."""
    rings: Rings = Rings()
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables every channel of it gets (``set_var`` in pjsip.conf)."""


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """A member of a queue: how the queue rings it."""

    interface: str
    name: str = ""
    state_interface: str = ""
    """Device whose state counts; empty: the interface."""
    penalty: int = 0


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A waiting line and who serves it."""

    name: str
    members: tuple[MemberSpec, ...] = ()
    strategy: str = "linear"
    """``linear`` (in order), ``rrmemory`` (round robin) or ``ringall``."""
    ring_timeout: float = 15.0
    """Seconds one member is rung."""
    retry: float = 1.0
    """Seconds before the queue tries again."""
    ring_in_use: bool = False
    tells: bool = True
    """Sets variables about itself, the member and the caller's wait on both channels
    (``setqueuevar``, ``setinterfacevar``, ``setqueueentryvar``)."""
    max_wait: float = 0.0
    """Seconds a caller waits at most, 0: for ever (FreeSWITCH's ``max-wait-time``; on Asterisk the
    dialplan says it)."""


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """The telephones and queues a switch starts with."""

    phones: tuple[PhoneSpec, ...]
    queues: tuple[QueueSpec, ...]
    fifos: tuple[QueueSpec, ...] = ()
    """Lines of FreeSWITCH's mod_fifo; of a spec, name, members, ring_timeout and retry count."""
    host: str = "127.0.0.1"
    """What the switch calls itself in SIP addresses."""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text that reached a telephone."""

    to: str
    sender: str
    body: str
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


class Phone:
    """A telephone: what it shows, how it answers, which texts it got."""

    def __init__(self, spec: PhoneSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.display = spec.display or spec.name.capitalize()
        self.registered = spec.registered
        self.rings = spec.rings
        self.reserved = 0
        """Queue attempts on their way to it that do not ring yet."""
        self.messages: deque[TextMessage] = deque(maxlen=MESSAGES_KEPT)
        self._waiting: list[asyncio.Future[None]] = []

    def deliver(self, message: TextMessage) -> None:
        """Take in a text message."""
        self.messages.append(message)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def next_message(self, within: float = 5.0, *, containing: str = "") -> TextMessage:
        """The oldest unread text with `containing` in it; it counts as read then.

        Raises TimeoutError when none came in `within` seconds.
        """
        async with asyncio.timeout(within):
            while True:
                for message in self.messages:
                    if containing in message.body:
                        self.messages.remove(message)
                        return message
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(waiter)
                await waiter
