"""One shared document in memory: integrates updates whole or not at all, each under its writer.

Beside the pycrdt document it keeps the updates it came from: they put the document together again
when an update that reads well fails half-way or turns out to be forbidden.

A participant writes as their own Yjs clients only (`writers`), and may change or delete what others
wrote, as shared text and fields need it, but for one root: a line of `CHAT` stays as it was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pycrdt

from collab_server.realtime.connection import BadMessageError, ForeignError, TooLargeError
from collab_server.realtime.update import inspect, state_vector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collab_server.realtime.backend import Person
    from collab_server.realtime.limits import Limits
    from collab_server.realtime.update import Contents
    from collab_server.realtime.writers import Writers

EMPTY_UPDATE = b"\x00\x00"
CHAT = "chat"
"""The root array of the lines of chat."""


@dataclass(frozen=True)
class Applied:
    """What came of an update; it is to be stored in any case."""

    whole: tuple[bytes, ...]
    """What the others can take now, in order: this update and held ones, or none."""
    claimed: tuple[int, ...]
    """Clients that belong to the writer from now on."""


@dataclass(frozen=True)
class _Held:
    """An update that waits for an earlier one."""

    update: bytes
    contents: Contents
    person: Person | None
    """Whose it is; None: it was stored before this document was loaded."""


class Document:
    """A Yjs document. Belongs to the event loop's thread, as pycrdt demands."""

    def __init__(self, limits: Limits, writers: Writers, updates: Iterable[bytes] = ()) -> None:
        """Put a document together out of stored updates; BadMessageError if one is broken."""
        self._limits = limits
        self._writers = writers
        self._log = list(updates)
        self._size = 0
        self._types = 0
        read = [_Held(update, inspect(update, limits.nesting), None) for update in self._log]
        for one in read:
            self._count(one.update, one.contents)
        self._doc = self._rebuilt()
        self._have: dict[int, int] = {}
        """The state vector, read."""
        self._held: list[_Held] = []
        self._sort_out(read)

    @property
    def size(self) -> int:
        """Bytes of the updates it is made of."""
        return self._size

    def state(self) -> bytes:
        """Give the state vector."""
        return self._doc.get_state()

    def apply(self, update: bytes, person: Person) -> Applied | None:
        """Integrate an update that a participant sent; None when it says nothing at all.

        A client that was away sends what it writes now before what it wrote then. An update that
        lacks an earlier one is held back from the others until that has come, so that nobody can
        be asked for what the server lacks.

        Raises BadMessageError, TooLargeError or ForeignError, and the document is as it was.
        """
        if update == EMPTY_UPDATE:
            return None
        contents = inspect(update, self._limits.nesting)
        deletes_others = self._check_owners(contents, person)
        claimed = self._writers.unclaimed(contents.writes, person)
        self._make_room(update, contents)
        self._integrate(update, keep_lines=deletes_others)
        self._log.append(update)
        self._count(update, contents)
        self._writers.claim(claimed, person)
        whole = self._sort_out([_Held(update, contents, person), *self._held])
        return Applied(whole, claimed)

    def diff(self, state: bytes) -> bytes:
        """Give what a client with this state vector lacks; BadMessageError if one is broken."""
        state_vector(state)
        try:
            return self._doc.get_update(state)
        except ValueError as error:
            raise BadMessageError(f"a state vector is broken: {error}") from None

    def compact(self) -> bytes:
        """Put everything into one update, which also replaces the updates kept here."""
        # pycrdt's own encoding leaves out what is held.
        snapshot = pycrdt.merge_updates(*self._log) if self._held else self._doc.get_update()
        self._log = [snapshot]
        self._size = self._types = 0
        self._count(snapshot, inspect(snapshot, self._limits.nesting))
        return snapshot

    def _check_owners(self, contents: Contents, person: Person) -> bool:
        """Whether an update deletes what others wrote; ForeignError when it writes as them.

        What others wrote a client may send again, as far as the server has it.
        """
        have = self._have
        for client, end in contents.writes.items():
            if self._writers.owner(client) not in (None, person) and end > have.get(client, 0):
                raise ForeignError(f"client {client} is another's")
        deletes_others = False
        for client, end in contents.deletes.items():
            owner = self._writers.owner(client)
            if owner == person or (owner is None and client in contents.writes):
                continue
            if end > have.get(client, 0):
                raise ForeignError(f"client {client}, of which it deletes, has not written that")
            deletes_others = True
        return deletes_others

    def _make_room(self, update: bytes, contents: Contents) -> None:
        limits = self._limits
        for last_try in (False, True):
            large = self._size + len(update) > limits.document
            if not large and self._types + contents.types <= limits.types:
                return
            if last_try and large:
                raise TooLargeError(f"the document would exceed {limits.document} bytes")
            if last_try:
                raise TooLargeError(f"the document would exceed {limits.types} shared types")
            self.compact()  # what came twice or was deleted since counts no longer

    def _integrate(self, update: bytes, *, keep_lines: bool) -> None:
        taken = 0

        def see(event: Any) -> None:
            nonlocal taken
            taken += sum(part.get("delete", 0) for part in event.delta)

        if keep_lines:
            chat = self._doc.get(CHAT, type=pycrdt.Array)
            watch = chat.observe(see)
        try:
            self._doc.apply_update(update)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic inside pycrdt is no Exception
            self._doc = self._rebuilt()
            raise BadMessageError(f"an update cannot be integrated: {error}") from None
        if keep_lines:
            chat.unobserve(watch)
        if taken:
            self._doc = self._rebuilt()
            raise ForeignError("a line of chat is not to be taken away")

    def _sort_out(self, updates: list[_Held]) -> tuple[bytes, ...]:
        """Hold what lacks an earlier update; give what does not, in order."""
        have = self._have = state_vector(self._doc.get_state())
        whole: list[bytes] = []
        held: dict[Person | None, list[_Held]] = {}
        for one in updates:
            needs = (*one.contents.writes.items(), *one.contents.deletes.items())
            if all(have.get(client, 0) >= end for client, end in needs):
                whole.append(one.update)
            else:
                held.setdefault(one.person, []).append(one)
        self._held = []
        for person, ones in held.items():
            if len(ones) > self._limits.held:
                merged = pycrdt.merge_updates(*(one.update for one in ones))
                ones = [_Held(merged, inspect(merged, self._limits.nesting), person)]
            self._held += ones
        return tuple(whole)

    def _count(self, update: bytes, contents: Contents) -> None:
        self._size += len(update)
        self._types += contents.types

    def _rebuilt(self) -> pycrdt.Doc[pycrdt.Array[object]]:
        doc: pycrdt.Doc[pycrdt.Array[object]] = pycrdt.Doc()
        for update in self._log:
            try:
                doc.apply_update(update)
            except (ValueError, RuntimeError) as error:
                raise BadMessageError(f"a stored update cannot be integrated: {error}") from None
        return doc
