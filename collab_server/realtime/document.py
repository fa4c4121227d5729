"""One shared document in memory: integrates updates whole or not at all, each under its writer.

A participant writes as their own Yjs clients only (`writers`), and may change or delete what others
wrote, as shared text and fields need it, but for one root: a line of `CHAT` stays as it was said.

pycrdt and Yjs read the same update differently in two places, and both are refused: an item beside
one of another kind (yrs takes a map's key from the right neighbour, Yjs does not) and a cut through
a character of two UTF-16 units (yrs then counts other lengths in its snapshots).

Everything integrated stands on what is there: an update that lacks an earlier one of its writer
waits outside, and one that stands on anything else that is not there is refused. So nobody's update
completes, or sets off, what another sent before. What others wrote and a client sends again is cut
away, whatever it says. The updates, thus cut, are kept beside the pycrdt document, to put it
together again when one fails half-way or turns out to be forbidden.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pycrdt

from collab_server.realtime.connection import (
    BadMessageError,
    ForeignError,
    TooLargeError,
    TryAgainError,
)
from collab_server.realtime.spans import Spans
from collab_server.realtime.update import Contents, inspect, state_vector
from collab_server.realtime.wire import write_varuint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from collab_server.realtime.backend import Person
    from collab_server.realtime.limits import Limits
    from collab_server.realtime.writers import Writers

EMPTY_UPDATE = b"\x00\x00"
CHAT = "chat"
"""The root array of the lines of chat."""
WORTH_COMPACTING = 8
"""A document is read anew to make room once it has grown by this part of its limit."""


@dataclass(frozen=True)
class Applied:
    """What came of updates."""

    updates: tuple[bytes, ...] = ()
    """To be handed on, in order: what was sent, and what waited for it; or nothing."""
    claimed: tuple[int, ...] = ()
    """Clients that belong to the writer from now on."""
    steps: tuple[bytes, ...] = ()
    """The same, as it was taken in and is to be stored."""
    failed: Exception | None = None
    """What was wrong with one that had waited, and is dropped with all behind it."""


@dataclass
class _Waiting:
    """An update that lacks earlier ones of its writer."""

    update: bytes
    lacks: list[tuple[int, int]]
    """Client, and the clock it has to reach; what has been reached is dropped."""

    def is_ready(self, have: dict[int, int]) -> bool:
        """Whether nothing is lacking any more; each thing lacking is looked at once when it is
        there, so that an update is read again only to be taken in."""
        while self.lacks and have.get(self.lacks[-1][0], 0) >= self.lacks[-1][1]:
            self.lacks.pop()
        return not self.lacks


class _Copy:
    """A pycrdt document put together out of updates, which tells when its chat loses a line."""

    def __init__(self, updates: Iterable[bytes]) -> None:
        """Raises BadMessageError when an update is broken."""
        self.doc: pycrdt.Doc[pycrdt.Array[object]] = pycrdt.Doc()
        for update in updates:
            with _without_panic():
                self.doc.apply_update(update)
        self._chat = self.doc.get(CHAT, type=pycrdt.Array)
        self._losses: list[bool] = []
        losses = self._losses

        def see(event: Any) -> None:  # holds no reference to us: nothing here needs a collector
            if any("delete" in part for part in event.delta):
                losses.append(True)

        self._watch = self._chat.observe(see)

    def apply(self, update: bytes) -> bool:
        """Integrate an update; whether that took a line of chat away."""
        self._losses.clear()
        with _without_panic():
            self.doc.apply_update(update)
        return bool(self._losses)


@contextmanager
def _without_panic() -> Iterator[None]:
    """A panic inside pycrdt is no Exception; a broken update is a ValueError or RuntimeError."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise BadMessageError(f"an update cannot be integrated: {error}") from None


class Document:
    """A Yjs document. Belongs to the event loop's thread, as pycrdt demands."""

    def __init__(self, limits: Limits, writers: Writers, updates: Iterable[bytes] = ()) -> None:
        """Put a document together out of stored updates; BadMessageError if one is broken."""
        self.broken = False
        """Whether it could not be put together again, and is worth nothing any more."""
        self.rebuilds = 0
        """How often it was put together again, each time at a cost that grows with its size."""
        self._limits = limits
        self._writers = writers
        self._log = list(updates)
        self._size = 0
        self._types = 0
        self._sizes: Counter[int] = Counter()
        """By client: bytes of what was written as it."""
        self._keyed, self._collected, self._halves = Spans(), Spans(), Spans()
        """See `Contents`."""
        self._waiting: dict[Person, list[_Waiting]] = {}
        for update in self._log:
            self._count(update, inspect(update, limits.nesting, ours=True))
        self._compacted = self._size
        self._copy = _Copy(self._log)
        self._have = state_vector(self.state())

    @property
    def size(self) -> int:
        """Bytes of the updates it is made of."""
        return self._size

    def state(self) -> bytes:
        """Give the state vector."""
        return self._copy.doc.get_state()

    def apply(self, update: bytes, person: Person) -> Applied:
        """Integrate an update that a participant sent, and theirs that waited for it.

        A client that was away sends what it writes now before what it wrote then. Nothing of what
        waits is stored, or counts as received by `state`, so it is asked for again if it is lost.

        Raises BadMessageError, TooLargeError, TryAgainError or ForeignError, and the document is
        as it was.
        """
        done = self._apply(update, person)
        if isinstance(done, _Waiting):
            waiting = self._waiting.setdefault(person, [])
            waiting.append(done)
            if len(waiting) > self._limits.waiting or (
                sum(len(one.update) for one in waiting) > self._limits.waiting_bytes
            ):
                del self._waiting[person]
                raise TryAgainError("too much waits for an earlier update")
            return Applied()
        return self._resume(done, person) if done.updates and person in self._waiting else done

    def diff(self, state: bytes) -> bytes:
        """Give what a client with this state vector lacks; BadMessageError if one is broken."""
        state_vector(state)
        with _without_panic():
            return self._copy.doc.get_update(state)

    def compact(self) -> bytes:
        """Put everything into one update, which also replaces the updates kept here."""
        snapshot = self._copy.doc.get_update()
        self._log = [snapshot]
        self._compacted += len(snapshot) - self._size
        self._size = len(snapshot)
        return snapshot

    def forget(self, person: Person) -> None:
        """Drop what waits of a participant who has gone; they send it again when they come back."""
        self._waiting.pop(person, None)

    def _resume(self, done: Applied, person: Person) -> Applied:
        """Take in what waited for an update of this participant, as far as it can go on now."""
        updates, claimed, steps = list(done.updates), list(done.claimed), list(done.steps)
        waiting = self._waiting.pop(person)
        going_on = True
        while waiting and going_on:
            left: list[_Waiting] = []
            for one in waiting:
                if not one.is_ready(self._have):
                    left.append(one)
                    continue
                try:
                    late = self._apply(one.update, person)
                except (BadMessageError, TooLargeError, ForeignError) as error:
                    return Applied(tuple(updates), tuple(claimed), tuple(steps), error)
                if isinstance(late, Applied):  # what was there once stays
                    updates += late.updates
                    claimed += late.claimed
                    steps += late.steps
            going_on = len(left) < len(waiting)
            waiting = left
        if waiting:
            self._waiting[person] = waiting
        return Applied(tuple(updates), tuple(claimed), tuple(steps))

    def _apply(self, update: bytes, person: Person) -> Applied | _Waiting:
        """Integrate one update, unless it lacks an earlier one of its writer."""
        if update == EMPTY_UPDATE:
            return Applied()
        sent, contents = update, inspect(update, self._limits.nesting, self._have)
        if any(begin < self._have.get(client, 0) for client, begin in contents.begins.items()):
            update, contents = self._cut(update, contents)
        claimed = self._writers.unclaimed(contents.writes, person)
        if lacks := self._lacks(contents, person):
            return _Waiting(sent, lacks)
        if update == EMPTY_UPDATE:
            return Applied()
        self._check_shape(contents)
        self._make_room(update, contents, person)
        steps = self._integrate(update, contents, person)
        self._log += steps
        self._count(update, contents)
        self._size += sum(map(len, steps)) - len(update)
        self._writers.claim(claimed, person)
        return Applied((update,), claimed, steps)

    def _cut(self, update: bytes, contents: Contents) -> tuple[bytes, Contents]:
        """Cut away what the document has."""
        with _without_panic():
            cut = pycrdt.get_update(update, self.state())
        rest = inspect(cut, self._limits.nesting)
        if any(contents.writes.get(client) != end for client, end in rest.writes.items()):
            raise BadMessageError("an update is cut in the middle of a character")
        # pycrdt drops the mark of what stands under a key beside something else.
        rest.lefts, rest.rights = contents.lefts, contents.rights
        rest.keyed, rest.collected = contents.keyed, contents.collected
        rest.halves = contents.halves
        return cut, rest

    def _lacks(self, contents: Contents, person: Person) -> list[tuple[int, int]]:
        """What an update lacks of its writer: client, and the clock it has to reach. ForeignError
        where it writes as another, or stands on or deletes what another has not written."""
        lacks = []
        for client, begin in contents.begins.items():
            if self._writers.owner(client) not in (None, person):
                raise ForeignError(f"client {client} is another's")
            if begin > self._have.get(client, 0):
                lacks.append((client, begin))
        for needs in (contents.needs, contents.deletes):
            for client, end in needs.items():
                if end <= max(self._have.get(client, 0), contents.writes.get(client, 0)):
                    continue
                if self._writers.owner(client) not in (None, person):
                    raise ForeignError(f"of client {client} not so much is there")
                lacks.append((client, end))
        return lacks

    def _check_shape(self, contents: Contents) -> None:
        """BadMessageError where pycrdt and Yjs would make different things of an update."""

        def is_in(spans: tuple[Spans, Spans], client: int, clock: int) -> bool:
            return spans[0].has(client, clock) or spans[1].has(client, clock)

        keyed, halves = (self._keyed, contents.keyed), (self._halves, contents.halves)
        collected = (self._collected, contents.collected)
        for client, clock, calls_itself_keyed in contents.lefts:
            if is_in(halves, client, clock + 1):
                raise BadMessageError("an update cuts a character in two")
            if calls_itself_keyed != is_in(keyed, client, clock) and not is_in(
                collected, client, clock
            ):
                raise BadMessageError("an item stands beside one of another kind")
        for client, clock, calls_itself_keyed in contents.rights:
            if is_in(halves, client, clock):
                raise BadMessageError("an update cuts a character in two")
            if calls_itself_keyed or is_in(keyed, client, clock):
                raise BadMessageError("an item stands beside one of another kind")
        for client, start, end in contents.ranges:
            if is_in(halves, client, start) or is_in(halves, client, end):
                raise BadMessageError("an update cuts a character in two")

    def _make_room(self, update: bytes, contents: Contents, person: Person) -> None:
        why = self._full(update, contents, person)
        if why and self._size - self._compacted > self._limits.document // WORTH_COMPACTING:
            snapshot = self.compact()  # what was deleted since counts no longer
            self._size = self._types = 0
            self._sizes.clear()
            self._count(snapshot, inspect(snapshot, self._limits.nesting, ours=True))
            self._compacted = self._size
            why = self._full(update, contents, person)
        if why:
            raise TooLargeError(why)

    def _full(self, update: bytes, contents: Contents, person: Person) -> str:
        """Why an update would be too much; '' when it is not."""
        limits = self._limits
        if self._size + len(update) > limits.document:
            return f"the document would exceed {limits.document} bytes"
        if self._types + contents.types > limits.types:
            return f"the document would exceed {limits.types} shared types"
        if self._size + len(update) > limits.document_of_person:
            theirs = sum(
                size
                for client, size in self._sizes.items()
                if self._writers.owner(client) == person
            )
            if theirs + len(update) > limits.document_of_person:
                return f"one person's part would exceed {limits.document_of_person} bytes"
        return ""

    def _integrate(self, update: bytes, contents: Contents, person: Person) -> tuple[bytes, ...]:
        """Hand an update to pycrdt, and see that it did what was read in it and no more.

        Of what is there, others' is deleted first, then the writer's own, by updates of their own:
        only the second may take lines of chat away. Gives what was handed over, in order, for
        whoever takes it in any other way may get something else.
        """
        steps = [(update, False)]
        if contents.ranges:
            theirs: list[tuple[int, int, int]] = []
            own: list[tuple[int, int, int]] = []
            for client, start, end in contents.ranges:
                known = min(end, self._have.get(client, 0))
                if start < known:
                    mine = self._writers.owner(client) == person
                    (own if mine else theirs).append((client, start, known))
            first = [(theirs, False), (own, True)]
            steps[:0] = [(_deleting(ranges), may_lose) for ranges, may_lose in first if ranges]
        try:
            for step, may_lose in steps:
                if self._copy.apply(step) and not may_lose:
                    raise ForeignError("a line of chat is not to be taken away")
            have = state_vector(self.state())
            if have != self._have | contents.writes:
                raise BadMessageError("an update is not what it was read as")
        except (BadMessageError, ForeignError):
            self.rebuilds += 1
            self.broken = True  # until it is put together again
            self._copy = _Copy(self._log)
            self.broken = False
            raise
        self._have = have
        return tuple(step for step, _ in steps)

    def _count(self, update: bytes, contents: Contents) -> None:
        self._size += len(update)
        self._types += contents.types
        self._sizes.update(contents.sizes)
        self._keyed.update(contents.keyed)
        self._collected.update(contents.collected)
        self._halves.update(contents.halves)


def _deleting(ranges: list[tuple[int, int, int]]) -> bytes:
    """An update that only deletes."""
    by_client: dict[int, list[bytes]] = {}
    for client, start, end in ranges:
        by_client.setdefault(client, []).append(write_varuint(start) + write_varuint(end - start))
    parts = [b"\x00", write_varuint(len(by_client))]
    for client, deleted in by_client.items():
        parts += write_varuint(client), write_varuint(len(deleted)), *deleted
    return b"".join(parts)
