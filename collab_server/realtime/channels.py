"""The sockets that carry JSON one way: an agent's desk, and the link to a connector.

Both begin with what stands (the desk's view, the commands without a result), read from the backend
while later pushes wait behind it.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from collab_server.realtime.connection import Pace

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from collab_server.realtime.connection import Connection
    from collab_server.realtime.limits import Limits

LOGGER = logging.getLogger("tandem.realtime")

_INCOMING_MOST = 4096


class PushSocket:
    """One desk or link socket; a `connection.Handler`. Only for the event loop's thread."""

    def __init__(
        self,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        first: Callable[[], Awaitable[Sequence[dict[str, Any]] | None]],
        gone: Callable[[PushSocket], None],
        *,
        is_link: bool = False,
    ) -> None:
        """`first` fetches the first messages (None: it cannot now); `gone` is called at the end."""
        self.is_link = is_link
        self._limits = limits
        self._loop = loop
        self._first = first
        self._gone = gone
        self._connection: Connection | None = None
        self._refused: tuple[int, str] | None = None
        self._waiting: list[dict[str, Any]] | None = []
        self._task: asyncio.Task[None] | None = None
        self._left = False
        self._pace = Pace(limits.rate, loop.time)

    def opened(self, connection: Connection) -> None:
        """Fetch and send what stands."""
        if self._refused is not None:
            connection.close(*self._refused)
            return
        self._connection = connection
        self._task = self._loop.create_task(self._begin())

    def received(self, message: bytes | str) -> None:
        """Ignore what comes, within bounds: nothing is asked of the other side but pongs."""
        if len(message) > _INCOMING_MOST:
            self.close(4413, "the message is too large")
        elif not self._pace.take(1, len(message)):
            self.close(4429, "too many messages")

    def closed(self) -> None:
        """Leave."""
        self._connection = None
        self._leave()

    def push(self, message: dict[str, Any]) -> None:
        """Send a message, behind the first ones."""
        if self._waiting is None:
            self._send(message)
        elif len(self._waiting) < self._limits.queued_pushes:
            self._waiting.append(message)
        else:
            self.close(1013, "too much waits")

    def close(self, code: int, reason: str = "") -> None:
        """Close and leave; during the handshake, as soon as it is done."""
        self._refused = (code, reason)
        connection, self._connection = self._connection, None
        self._leave()
        if connection is not None:
            connection.close(code, reason)

    def begin_again(self) -> None:
        """Fetch and send what stands once more; before the socket has opened it will anyway."""
        if self._connection is not None:
            if self._task is not None:
                self._task.cancel()
            self._waiting = self._waiting or []
            self._task = self._loop.create_task(self._begin())

    async def _begin(self) -> None:
        first = await self._first()
        if first is None:
            self.close(1013, "try again later")
            return
        waiting, self._waiting = self._waiting or [], None
        sent = {message.get("id") for message in first if "id" in message}
        for message in first:
            self._send(message)
        for message in waiting:
            if message.get("id") not in sent or "id" not in message:
                self._send(message)

    def _send(self, message: dict[str, Any]) -> None:
        if self._connection is not None:
            self._connection.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            self._waiting = []
            if self._task is not None and not self._task.done():
                self._task.cancel()
            self._gone(self)


class LinkSocket(PushSocket):
    """A connector's link: carries commands while the connector holds its PBX's lease."""

    def __init__(
        self,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        connector: str,
        pending: Callable[[], Awaitable[tuple[int | None, Sequence[dict[str, Any]]] | None]],
        gone: Callable[[PushSocket], None],
    ) -> None:
        """`connector` is what it calls itself, or ''; `pending` fetches the epoch of the lease, if
        it holds that, and what it is to do (None: it cannot now)."""
        super().__init__(limits, loop, self._first_commands, gone, is_link=True)
        self.connector = connector
        self._pending = pending
        self._lease: int | None = None

    def leased(self, epoch: int | None) -> None:
        """The connector holds the lease from now on, with this epoch; None: it stands by."""
        changed = (self._lease is None) is not (epoch is None)
        self._lease = epoch
        if changed or self._waiting is not None:  # what is being fetched may be of before
            self.begin_again()

    async def _first_commands(self) -> Sequence[dict[str, Any]] | None:
        pending = await self._pending()
        if pending is None:
            return None
        self._lease, commands = pending
        return commands

    def _send(self, message: dict[str, Any]) -> None:
        # Whoever gives no name may not know the word.
        if self._lease is not None:
            super()._send({**message, "lease": self._lease} if self.connector else message)
