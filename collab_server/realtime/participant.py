"""One participant's socket: the y-websocket protocol, told to and by a `room.Room`.

A socket whose message cannot be read is closed and has changed nothing; every close code that is a
participant's own doing is chosen here.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

from collab_server.realtime import wire
from collab_server.realtime.connection import (
    BadMessageError,
    ForeignError,
    Pace,
    TooLargeError,
    TryAgainError,
)

if TYPE_CHECKING:
    from collab_server.realtime.backend import Sight, SyncGrant
    from collab_server.realtime.connection import Connection
    from collab_server.realtime.room import Room, Surroundings

LOGGER = logging.getLogger("tandem.realtime")


class SyncSocket:
    """One participant's socket; a `connection.Handler`."""

    is_link = False

    def __init__(self, room: Room, grant: SyncGrant, around: Surroundings) -> None:
        self.grant = grant
        self.person = grant.person
        self.sight: Sight = grant.sight
        self.knows_ours = False
        """Whether it has sent an empty 100."""
        self.since: float | None = None
        """When it opened, seconds since the Unix epoch."""
        self.view_version = 0
        """Counts the views pushed, so that an older one that was being fetched is dropped."""
        self._room: Room | None = room
        self._around = around
        self._connection: Connection | None = None
        self._refused: tuple[int, str] | None = None
        self._heard_awareness = False
        self._held: dict[int, bytes] = {}
        """The newest question for the document and awareness that came while there was nothing to
        see, or say, by type of message: they count as soon as there is."""
        self._pace = Pace(around.limits.rate, around.loop.time)
        room.enter(self)

    # -- driven by the port -----------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Greet, unless access was taken away during the handshake."""
        if self._refused is not None or self._room is None:
            connection.close(*(self._refused or (1013, "")))
            return
        self._connection = connection
        room = self._room
        is_first = not room.is_here(self.person)
        self.since = time.time()
        if is_first:
            self._around.presence_changed(room, self.person, True)
        room.greet(self)

    def received(self, message: bytes | str) -> None:
        """Take one message of the client."""
        room = self._room
        if room is None:
            return
        size = len(message)
        if isinstance(message, str):
            self.close(1003, "text is not spoken here")
        elif size > self._around.limits.message:
            self.close(4413, "the message is too large")
        elif not self._pace.take(1, size):
            self.close(4429, "too many messages")
        else:
            try:
                self._take(room, message)
            except BadMessageError as error:
                LOGGER.info("session %s: %s", room.session_id, error)
                self.close(1003, "the message cannot be read")
            except TooLargeError as error:
                LOGGER.info("session %s: %s", room.session_id, error)
                self.close(4413, "the session would become too large")
            except TryAgainError as error:
                LOGGER.info("session %s: %s", room.session_id, error)
                self.close(1013, str(error))
            except ForeignError as error:
                LOGGER.warning(
                    "session %s: %s %s: %s",
                    room.session_id,
                    self.person.role,
                    self.person.uri,
                    error,
                )
                self.close(4403, "what others wrote is theirs")

    def closed(self) -> None:
        """Leave the room."""
        self._connection = None
        self._leave()

    # -- used by the room -------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Send what is of the document, if this participant may see it, the handshake is done and
        the socket still open. All that leaves a room goes through here."""
        if self.sight != "none":
            self._send(message)

    def see(self, sight: Sight) -> None:
        """Change what this participant sees and may say, at once."""
        before, self.sight = self.sight, sight
        room = self._room
        if sight == before or room is None or self._connection is None:
            return
        if before == "all":
            room.hush(self)
        if sight == "none":
            # Of what was on its way nobody knows what came: later it gets everything.
            self._held[wire.SYNC] = wire.sync_step1(b"\x00")
            return
        room.greet(self)
        if before == "none" and self.knows_ours:
            room.tell_writers(self)
            room.tell_stored(self)
        held, self._held = self._held, {}
        for message in held.values():
            self.received(message)

    def close(self, code: int, reason: str = "") -> None:
        """Close and leave; during the handshake, as soon as it is done."""
        self._refused = (code, reason)
        connection, self._connection = self._connection, None
        self._leave()
        if connection is not None:
            connection.close(code, reason)

    def view(self, view: dict[str, Any]) -> None:
        """Push the session's state."""
        self.view_version += 1
        if self.knows_ours:
            self._send(wire.session(json.dumps(view, ensure_ascii=False, separators=(",", ":"))))

    def page(self, message: dict[str, Any]) -> None:
        """Tell who has this page open something that is not the session's."""
        if self.knows_ours:
            self.send(wire.page(json.dumps(message, ensure_ascii=False, separators=(",", ":"))))

    # ---------------------------------------------------------------------------------------------

    def _send(self, message: bytes) -> None:
        if self._connection is not None:
            self._connection.send(message)

    def _leave(self) -> None:
        room, self._room = self._room, None
        if room is None:
            return
        room.leave(self)
        was_here = self.since is not None
        self.since = None
        if was_here and not room.is_here(self.person):
            self._around.presence_changed(room, self.person, False)

    def _take(self, room: Room, message: bytes) -> None:
        kind, at = wire.varuint(message, 0)
        if self.sight == "none" and kind != wire.STORED:
            self._hold(kind, message)
        elif kind == wire.SYNC:
            step, at = wire.varuint(message, at)
            body = _rest_of(message, at)
            if step in (wire.UPDATE, wire.STEP2):
                # What a reader writes is dropped; asked for when they may write, it comes again.
                if self.sight == "all":
                    room.update(self, body)
            elif step == wire.STEP1:
                answer = room.step2(body)
                if self._pace.take(0, len(answer)):
                    room.answer_step1(self, answer)
                else:
                    self.close(4429, "too many requests for the document")
            else:
                raise BadMessageError(f"sync step {step} is unknown")
        elif kind == wire.AWARENESS and self.sight == "read":
            self._hold(kind, message)
        elif kind == wire.AWARENESS:
            first = not self._heard_awareness
            self._heard_awareness = True
            room.awareness(self, _rest_of(message, at), first=first)
        elif kind == wire.QUERY_AWARENESS:
            room.answer_query(self)
        elif kind == wire.STORED:
            if not self.knows_ours:
                self.knows_ours = True
                self._around.fetch_view(self)
                room.tell_writers(self)
            room.tell_stored(self)
        elif kind == wire.RELAY and self.sight == "all":
            room.relay(self, message)
        # A type that is not known is ignored, as y-websocket's server does.

    def _hold(self, kind: int, message: bytes) -> None:
        """Keep what a page begins with until it counts. Its own awareness is echoed to it, as a
        room does: a stock client takes a connection for dead on which nothing comes for 30 s."""
        if len(message) > self._around.limits.awareness_message:
            return
        if kind == wire.AWARENESS:
            self._held[kind] = message
            self._send(message)
        elif message[:2] == b"\x00\x00":  # sync, step 1
            self._held[kind] = message


def _rest_of(message: bytes, at: int) -> bytes:
    body, end = wire.varbytes(message, at)
    if end != len(message):
        raise BadMessageError("bytes follow the message")
    return body
