"""The rooms of this process: loaded when somebody comes, told what changes, stored at the end."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from collab_server.realtime.asking import LATER
from collab_server.realtime.backend import Refusal
from collab_server.realtime.connection import BadMessageError
from collab_server.realtime.journal import Journal
from collab_server.realtime.presence import PresenceReporter
from collab_server.realtime.room import Room

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collab_server.realtime.asking import Asker
    from collab_server.realtime.backend import Backend, Person, Role, Sight
    from collab_server.realtime.hub import Present
    from collab_server.realtime.limits import Limits
    from collab_server.realtime.participant import SyncSocket

LOGGER = logging.getLogger("tandem.realtime")


class Rooms:
    """What is around each room (`room.Surroundings`).

    Only for the event loop's thread, but `present`, `pages`, `sockets` and `len`.
    """

    loop: asyncio.AbstractEventLoop
    journal: Journal

    def __init__(self, limits: Limits, asker: Asker) -> None:
        self.limits = limits
        self.document_bytes = 0
        self._asker = asker
        self._backend: Backend
        self._reporters: ThreadPoolExecutor
        self._presence: PresenceReporter
        self._rooms: dict[str, Room] = {}
        self._loading: dict[str, asyncio.Task[Room | Refusal]] = {}
        self._present: dict[str, tuple[Present, ...]] = {}
        self._fetching: set[asyncio.Task[None]] = set()

    def start(self, backend: Backend) -> None:
        """Begin, on the running event loop."""
        self.loop = asyncio.get_running_loop()
        self._backend = backend
        self.journal = Journal(backend, self.limits)
        # Threads of their own: people who come must not wait behind the word of who came.
        self._reporters = ThreadPoolExecutor(2, "tandem-presence")
        self._presence = PresenceReporter(backend, self._reporters)

    def close(self, code: int, reason: str) -> None:
        """Close every room's sockets."""
        for room in list(self._rooms.values()):
            room.close(None, None, code, reason)

    async def stop(self) -> None:
        """Store what waits, say who is gone, and forget the rooms; bounded."""
        await self.journal.stop()
        await self._presence.drain(self.limits.stop)
        for task in (*self._fetching, *self._loading.values()):
            task.cancel()
        for room in list(self._rooms.values()):
            self.forget(room)
        self._reporters.shutdown(wait=False, cancel_futures=True)

    # -- from any thread --------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rooms)

    def present(self, session_id: str) -> Sequence[Present]:
        """Who is in a session now, in the order they came."""
        return self._present.get(session_id, ())

    def pages(self, uri: str) -> int:
        """How many sessions this user has open."""
        rooms = tuple(self._present.values())
        return sum(p.role == "user" and p.uri == uri for room in rooms for p in room)

    def sockets(self) -> int:
        """How many sockets all rooms have."""
        return sum(len(room.sockets) for room in tuple(self._rooms.values()))

    # -- what changes -----------------------------------------------------------------------------

    def session_changed(self, session_id: str, views: Mapping[Role, dict[str, Any]]) -> None:
        """Push the session's new state to the sockets of each role in `views`."""
        room = self._rooms.get(session_id)
        if room is not None:
            for socket in list(room.sockets):
                view = views.get(socket.person.role)
                if view is not None:
                    socket.view(view)

    def close_session(self, session_id: str, role: Role | None, uri: str | None, code: int) -> None:
        """Close a session's sockets; None means every role, every URI."""
        room = self._rooms.get(session_id)
        if room is not None:
            room.close(role, uri, code)

    def sights_changed(self, session_id: str, sights: Mapping[tuple[Role, str], Sight]) -> None:
        """Say what these participants see and may say from now on."""
        room = self._rooms.get(session_id)
        if room is not None:
            room.set_sights(sights)

    def page_push(self, uri: str, message: dict[str, Any]) -> None:
        """Send a message to every page of sessions this user has open."""
        for room in list(self._rooms.values()):
            for socket in list(room.sockets):
                if socket.person.role == "user" and socket.person.uri == uri:
                    socket.page(message)

    # -- room.Surroundings ------------------------------------------------------------------------

    def fetch_view(self, socket: SyncSocket) -> None:
        """Push the session's state to a socket that has just asked for it."""
        version = socket.view_version
        grant, role = socket.grant, socket.person.role

        async def fetch() -> None:
            view = await self._asker.ask(lambda: self._backend.sync_view(grant.session_id, role))
            # A change pushed meanwhile is the newer one.
            if not isinstance(view, Refusal) and socket.view_version == version:
                socket.view(view)

        task = self.loop.create_task(fetch())
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    def presence_changed(self, room: Room, person: Person, here: bool) -> None:
        """Keep who is here for `present`, and report it."""
        present = tuple(room.present())
        if present:
            self._present[room.session_id] = present
        else:
            self._present.pop(room.session_id, None)
        self._presence.set(room.session_id, person.role, person.uri, here)

    def forget(self, room: Room) -> None:
        """Drop a room that is empty or has ended."""
        if self._rooms.get(room.session_id) is room:
            del self._rooms[room.session_id]

    # -- loading ----------------------------------------------------------------------------------

    async def find(self, session_id: str) -> Room | Refusal:
        """Find the room, or load it once for all who wait for it."""
        room = self._rooms.get(session_id)
        if room is not None:
            return room
        task = self._loading.get(session_id)
        if task is None:
            if len(self._rooms) + len(self._loading) >= self.limits.rooms or (
                self.document_bytes >= self.limits.documents
            ):
                return LATER
            task = self.loop.create_task(self._load(session_id))
            self._loading[session_id] = task
            task.add_done_callback(lambda _: self._loading.pop(session_id, None))
        return await asyncio.shield(task)

    async def _load(self, session_id: str) -> Room | Refusal:
        stored = await self._asker.ask(lambda: self._backend.load_document(session_id))
        if isinstance(stored, Refusal):
            return stored
        try:
            room = Room(session_id, stored, self)
        except BadMessageError:
            LOGGER.exception("the stored document of session %s cannot be read", session_id)
            return Refusal(500, "The stored document cannot be read.")
        self._rooms[session_id] = room
        return room
