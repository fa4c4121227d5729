"""The seam to panoramisk: its `Manager` and `Action`, on our own reading of the wire.

panoramisk gives ActionIDs, the matching of answers and lists to actions, and the login. What it
gets wrong (facts: libraries.md) is taken from it here: bytes are read by `wire.FrameReader`, an
error in one frame costs that frame alone, nothing is sent again after a reconnect (one `Manager`
is one connection, its actions fail with it), nothing with a line end in it is ever sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from panoramisk import Manager
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from connectors.asterisk.events import EVENTS
from connectors.asterisk.wire import Frame, FrameReader
from connectors.runtime.driver import ActionError, UnansweredError

log = logging.getLogger(__name__)

LINE_LIMIT = 1022
"""Bytes of one line an action may have (facts: inject_ami_actions.ami); a longer one is refused
by Asterisk with 'line too long'."""

LIST_LIMIT = 50_000
"""Items of one list that are kept."""

LIST_ITEMS = frozenset(
    {
        "Status",
        "StatusComplete",
        "BridgeListItem",
        "BridgeListComplete",
        "QueueParams",
        "QueueMember",
        "QueueEntry",
        "QueueStatusComplete",
        "ListDialplan",
        "ShowDialPlanComplete",
    }
)
"""Events that only ever answer a list action of ours. One without our ActionID is forged."""

LINK_EVENTS = frozenset({"FullyBooted", "Shutdown", "OriginateResponse"})


class Answer(Message):  # type: ignore[misc]
    """panoramisk's message that keeps the frame it came from, repeated headers and all."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame.headers)
        self.frame = frame


class AmiProtocol(AMIProtocol):  # type: ignore[misc]
    """One connection's bytes. `on_event` gets wanted events, `on_lost` the reason it ended.

    `items` names more events that answer a list action, for a connection that asks for such.
    """

    def __init__(
        self,
        on_event: Callable[[Frame], None],
        on_lost: Callable[[str], None],
        items: frozenset[str] = frozenset(),
    ) -> None:
        self._items = LIST_ITEMS | items
        self.reader = FrameReader([*EVENTS, *self._items, *LINK_EVENTS])
        self.heard = 0.0
        """Loop time of the last byte."""
        self.broken_frames = 0
        self.responses: dict[str, Action] = {}
        self.closed = False
        self._on_event = on_event
        self._on_lost = on_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.heard = asyncio.get_running_loop().time()

    def send(self, data: Mapping[str, Any], as_list: bool | None = None) -> asyncio.Future[Any]:
        """Send an action. Raises `ActionError` before anything is sent if it cannot be a valid
        one, `UnansweredError` if the connection is gone."""
        for name, value in data.items():
            for item in value if isinstance(value, list | tuple) else (value,):
                check_line(name, str(item))
        if self.closed:
            raise UnansweredError("the connection to Asterisk is gone")
        future: asyncio.Future[Any] = super().send(data, as_list=as_list)
        return future

    def forget(self, action: Action) -> None:
        """Wait no longer for an answer; a late one is ignored."""
        self.responses.pop(action.id, None)

    def data_received(self, data: bytes) -> None:
        self.heard = asyncio.get_running_loop().time()
        for frame in self.reader.feed(data):
            try:
                self._take(frame)
            except Exception:
                self.broken_frames += 1
                log.exception("an AMI frame could not be handled: %s", frame.event or "Response")
        if self.reader.is_ami is False:
            self.drop(f"what answers there is not AMI; it says {self.reader.banner!r:.80}")

    def _take(self, frame: Frame) -> None:
        if frame.event and frame.event not in self._items:
            self._on_event(frame)
            return
        action = self.responses.get(frame.get("ActionID"))
        if action is None:
            return
        if len(action.responses) >= LIST_LIMIT:
            self.forget(action)
            if not action.future.done():
                action.future.set_exception(
                    ActionError(f"{action['action']} lists more than {LIST_LIMIT} items")
                )
        elif action.add_message(Answer(frame)):
            self.forget(action)

    def drop(self, why: str) -> None:
        """End the connection now and say why."""
        if not self.closed:
            self.closed = True
            self.transport.abort()
            self._end(why)

    def close(self) -> None:
        self.drop("closed by the connector")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed:
            self.closed = True
            self._end(f"connection lost: {exc}" if exc else "Asterisk closed the connection")

    def _end(self, why: str) -> None:
        actions, self.responses = list(self.responses.values()), {}
        for action in actions:
            if not action.future.done():
                action.future.set_exception(UnansweredError(why))
                action.future.exception()  # seen: whoever waits gets it, nobody need
        self._on_lost(why)


class AmiManager(Manager):  # type: ignore[misc]
    """panoramisk's manager for exactly one connection: no ping, no reconnect, no replay."""

    def login(self, future: asyncio.Future[Any]) -> bool:
        """Its caller awaits the login; panoramisk would start its own ping here."""
        return not future.cancelled() and future.exception() is None

    def ping(self) -> None:
        """Keepalive is `connection.Ami`'s, which looks at the answers."""

    def connection_lost(self, exc: object) -> None:
        """A lost connection is not taken up again: `connection.Ami` is told by the protocol."""


def check_line(name: str, value: str) -> None:
    """Raise `ActionError` for a header that would be more, or other, than one line."""
    if any(character in name + value for character in "\r\n\0"):
        raise ActionError(f"{name} holds a line end; it is not sent")
    try:
        length = len(f"{name}: {value}".encode())
    except UnicodeEncodeError:
        raise ActionError(f"{name} is not valid Unicode; it is not sent") from None
    if length > LINE_LIMIT:
        raise ActionError(f"{name} makes a line of {length} bytes; Asterisk takes {LINE_LIMIT}")


def frames_of(answer: Iterable[Answer] | Answer) -> list[Frame]:
    """The frames of an answer: the response first, then a list's items."""
    return [answer.frame] if isinstance(answer, Answer) else [item.frame for item in answer]
