"""A session's room: its document, its awareness, its sockets (`participant`), and what all hear.

Updates are integrated and handed on as the bytes that came, once they are stored: nobody has seen
what the server could still lose, so what a page sends again of another's is known or forged.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Protocol

from collab_server.realtime import wire
from collab_server.realtime.awareness import Awareness
from collab_server.realtime.backend import Change
from collab_server.realtime.connection import Pace
from collab_server.realtime.document import Document
from collab_server.realtime.hub import Present
from collab_server.realtime.writers import Writers

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from collab_server.realtime.backend import Person, Role, Sight, StoredDocument
    from collab_server.realtime.journal import Journal
    from collab_server.realtime.limits import Limits
    from collab_server.realtime.participant import SyncSocket

LOGGER = logging.getLogger("tandem.realtime")


class Surroundings(Protocol):
    """What a room needs from the server around it."""

    limits: Limits
    loop: asyncio.AbstractEventLoop
    journal: Journal
    document_bytes: int
    """Of the documents of all rooms."""

    def fetch_view(self, socket: SyncSocket) -> None:
        """Get the session as this socket's role sees it, and give it to `SyncSocket.view`."""
        ...

    def presence_changed(self, room: Room, person: Person, here: bool) -> None:
        """Note that a participant's first socket has opened or their last has closed."""
        ...

    def forget(self, room: Room) -> None:
        """Drop the room from memory."""
        ...


class Room:
    """The live side of one session. Only for the event loop's thread."""

    def __init__(self, session_id: str, stored: StoredDocument, around: Surroundings) -> None:
        """Raises BadMessageError when the stored document cannot be read."""
        self.session_id = session_id
        self.sockets: list[SyncSocket] = []
        """Everybody admitted, in the order they came; few, see `Limits.sockets_in_room`."""
        self.ended = False
        """Whether it was given up; a new one is loaded for whoever comes next."""
        self._around = around
        self._writers = Writers(around.limits.writers_of_person, stored.writers)
        self._document = Document(around.limits, self._writers, stored.updates)
        self._awareness = Awareness(around.limits, self._writers)
        self._new_writers: dict[int, Person] = {}
        """Owners that are not stored yet."""
        self._handed = 0
        self._safe = 0
        """Changes given to the journal, and those of them that are stored."""
        self._behind: deque[tuple[int, int, Callable[[], None]]] = deque()
        """What is said once so many changes are stored: their number, its size, how to say it."""
        self._behind_size = 0
        self._paces: dict[Person, Pace] = {}
        """How fast each participant may change the document, whatever socket they come by."""
        self._stored_state = self._document.state()
        self._upto = stored.upto
        self._uncompacted = max(0, len(stored.updates) - 1)
        self._idle: asyncio.TimerHandle | None = None
        self._counted = 0
        self._count()
        self._rest()

    # -- who is here --------------------------------------------------------------------------

    def enter(self, socket: SyncSocket) -> None:
        """Admit a socket, before its handshake is answered."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self.sockets.append(socket)

    def leave(self, socket: SyncSocket) -> None:
        """Let a socket go; says so to the others."""
        self.sockets.remove(socket)
        if not any(other.person == socket.person for other in self.sockets):
            self._document.forget(socket.person)
        self.hush(socket)
        if not self.sockets and not self.ended:
            self._rest()

    def hush(self, socket: SyncSocket) -> None:
        """Let the others see no more of a socket."""
        gone = self._awareness.drop(socket)
        if gone:
            self._show(self.tell_all, gone)

    def set_sights(self, sights: Mapping[tuple[Role, str], Sight]) -> None:
        """Change what participants, by role and URI, see and may say; the others' stays."""
        for socket in list(self.sockets):
            person = socket.person
            socket.see(sights.get((person.role, person.uri), socket.sight))

    def present(self) -> Sequence[Present]:
        """Participants with an open socket, in the order they came."""
        people: dict[Person, Present] = {}
        for socket in self.sockets:
            if socket.since is not None:
                person = socket.person
                people.setdefault(
                    person, Present(person.role, person.uri, person.name, socket.since)
                )
        return tuple(people.values())

    def is_here(self, person: Person) -> bool:
        """Whether a participant has an open socket."""
        return any(socket.since is not None and socket.person == person for socket in self.sockets)

    def close(self, role: Role | None, uri: str | None, code: int, reason: str = "") -> None:
        """Close the sockets of a role and a URI; None means every one."""
        for socket in list(self.sockets):
            if role in (None, socket.person.role) and uri in (None, socket.person.uri):
                socket.close(code, reason)

    # -- what is said -------------------------------------------------------------------------

    def greet(self, socket: SyncSocket) -> None:
        """Open the talk with a new socket, as y-websocket's server does."""
        # Not of what is in memory: it names clients whose owners may not be stored yet.
        socket.send(wire.sync_step1(self._stored_state))
        self.answer_query(socket)

    def step2(self, state: bytes) -> bytes:
        """What a client with this state vector lacks, framed."""
        return wire.sync_step2(self._document.diff(state))

    def answer_step1(self, socket: SyncSocket, message: bytes) -> None:
        """Send what a client lacks, once the server cannot lose it any more."""
        if self._has_room(len(message)):
            self._once_stored(partial(socket.send, message), len(message))
        else:
            socket.close(1013, "too much waits to be stored")

    def update(self, socket: SyncSocket, update: bytes) -> None:
        """Take a change of the document, have it stored, then hand it on."""
        around, person = self._around, socket.person
        pace = self._paces.get(person)
        if pace is None:
            pace = self._paces[person] = Pace(around.limits.updates, around.loop.time)
        if not pace.take(1, len(update)):
            socket.close(4429, "too many changes")
            return
        if around.document_bytes + len(update) > around.limits.documents:
            socket.close(1013, "the server is full")
            return
        if not self._has_room(len(update)):
            socket.close(1013, "too much waits to be stored")
            return
        rebuilds = self._document.rebuilds
        try:
            applied = self._document.apply(update, person)
        finally:
            self._count()
            pace.charge((self._document.rebuilds - rebuilds) * self._document.size)
            if self._document.broken:
                LOGGER.error("the document of session %s is broken", self.session_id)
                self.lost(1013, "the document has to be loaded again")
        claimed = applied.claimed
        for step in applied.steps:
            self._store(step, claimed, person)
            claimed = ()
        for whole in applied.updates:
            message = wire.sync_update(whole)
            self._once_stored(partial(self._tell_others, socket, message), len(message))
        if applied.failed is not None:
            raise applied.failed

    def awareness(self, socket: SyncSocket, update: bytes, *, first: bool) -> None:
        """Take a change of awareness. The sender hears it too: stock clients need some message
        every 30 s or they take the connection for dead."""
        everyone, sender, claimed = self._awareness.apply(
            update, socket.person, socket, first=first
        )
        if claimed:
            self._store(b"", claimed, socket.person)
        if not self._has_room(0):
            socket.close(1013, "too much waits to be stored")
        if everyone:
            self._show(self.tell_all, everyone)
        if sender:
            socket.send(wire.awareness(sender))

    def answer_query(self, socket: SyncSocket) -> None:
        """Send the awareness of everyone."""
        everyone = self._awareness.everyone()
        if everyone:
            self._show(socket.send, everyone)

    def relay(self, socket: SyncSocket, message: bytes) -> None:
        """Hand a message on to the others who know our message types, unstored."""
        for other in self.sockets:
            if other is not socket and other.knows_ours:
                other.send(message)

    def tell_writers(self, socket: SyncSocket) -> None:
        """Say whose each client is, as far as that is stored."""
        known = [(c, person) for c, person in self._writers if c not in self._new_writers]
        if known:
            socket.send(wire.writers(_owners(known, socket.person)))

    def tell_stored(self, socket: SyncSocket) -> None:
        """Say up to where the document is stored."""
        socket.send(wire.stored(self._stored_state))

    def tell_all(self, message: bytes) -> None:
        """Send to every socket."""
        for socket in self.sockets:
            socket.send(message)

    def _show(self, send: Callable[[bytes], None], awareness: bytes) -> None:
        """Say who is there; while an owner is not stored, in line behind that."""
        message = wire.awareness(awareness)
        if self._new_writers:
            self._once_stored(partial(send, message), len(message))
        else:
            send(message)

    def _tell_others(self, socket: SyncSocket, message: bytes) -> None:
        for other in self.sockets:
            if other is not socket:
                other.send(message)

    def _tell_new_writers(self, clients: Iterable[int]) -> None:
        new = [(client, self._new_writers.pop(client)) for client in clients]
        for socket in self.sockets:
            if socket.knows_ours:
                socket.send(wire.writers(_owners(new, socket.person)))

    def _has_room(self, size: int) -> bool:
        """Whether so much more may wait until it is stored, and be said then."""
        return self._around.journal.has_room(size) and (
            self._behind_size + size <= self._around.limits.behind
        )

    def _store(self, update: bytes, claimed: Sequence[int], person: Person) -> None:
        """Give a change to the journal."""
        new = dict.fromkeys(claimed, person)
        self._around.journal.append(self, Change(update, new))
        self._handed += 1
        self._uncompacted += bool(update)
        if new:
            self._new_writers.update(new)
            self._once_stored(partial(self._tell_new_writers, claimed), 0)

    def _once_stored(self, tell: Callable[[], None], size: int) -> None:
        """Say something when everything up to now is stored."""
        if self._safe == self._handed:
            tell()
            return
        self._behind.append((self._handed, size, tell))
        self._behind_size += size

    # -- storing (see `journal.Journalled`) -----------------------------------------------------

    def state(self) -> bytes:
        """Give the state vector of everything applied so far."""
        return self._document.state()

    def stored(self, state: bytes, upto: int, count: int) -> None:
        """Say what waited for the next `count` changes, and to who asked what is stored now."""
        self._stored_state = state
        self._upto = upto
        self._safe += count
        while self._behind and self._behind[0][0] <= self._safe:
            _, size, tell = self._behind.popleft()
            self._behind_size -= size
            tell()
        message = wire.stored(state)
        for socket in self.sockets:
            if socket.knows_ours:
                socket.send(message)

    def lost(self, code: int, reason: str) -> None:
        """End the room: what it holds cannot be stored. Pages keep theirs and come back."""
        self.ended = True
        self._behind.clear()
        self._behind_size = 0
        self._around.journal.drop(self)
        self._forget()
        self.close(None, None, code, reason)

    def compaction(self) -> tuple[bytes, int, dict[int, Person]] | None:
        """Give snapshot, number to compact to and new writers: after many updates, or when nobody
        is here."""
        enough = 0 if not self.sockets else self._around.limits.compact_after
        if self.ended or self._uncompacted <= enough:
            return None
        self._uncompacted = 0
        snapshot = self._document.compact()
        self._count()
        return snapshot, self._upto, dict(self._new_writers)

    def emptied(self) -> bool:
        """Forget the room if nobody is in it."""
        if self.sockets or self._idle is not None:
            return False
        self.ended = True
        self._forget()
        return True

    def _forget(self) -> None:
        self._around.document_bytes -= self._counted
        self._counted = 0
        self._around.forget(self)

    def _count(self) -> None:
        """Keep the sum over all rooms true."""
        if not self.ended:
            self._around.document_bytes += self._document.size - self._counted
            self._counted = self._document.size

    def _rest(self) -> None:
        self._idle = self._around.loop.call_later(self._around.limits.room_idle, self._retire)

    def _retire(self) -> None:
        self._idle = None
        self._around.journal.retire(self)


def _owners(writers: Iterable[tuple[int, Person]], reader: Person) -> str:
    """The JSON text of message 103 for one participant."""
    owners = {
        str(client): {"role": person.role, "name": person.name, "me": person == reader}
        for client, person in writers
    }
    return json.dumps(owners, ensure_ascii=False, separators=(",", ":"))
