"""One shared document in memory: integrates updates whole or not at all.

Beside the pycrdt document it keeps the updates it came from. They put the document together again
when an update that reads well still fails half-way, and they hold what pycrdt's own encoding leaves
out: updates that wait for an earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pycrdt

from collab_server.realtime.connection import BadMessageError, TooLargeError
from collab_server.realtime.update import inspect, state_vector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collab_server.realtime.limits import Limits

EMPTY_UPDATE = b"\x00\x00"


class Document:
    """A Yjs document. Belongs to the event loop's thread, as pycrdt demands; has no observers."""

    def __init__(self, limits: Limits, updates: Iterable[bytes] = ()) -> None:
        """Put a document together out of stored updates; BadMessageError if one is broken."""
        self._limits = limits
        self._log = list(updates)
        self._size = 0
        self._types = 0
        self._ends: dict[int, int] = {}
        for update in self._log:
            self._count(update)
        self._doc = self._rebuilt()

    @property
    def size(self) -> int:
        """Bytes of the updates it is made of."""
        return self._size

    def state(self) -> bytes:
        """Give the state vector."""
        return self._doc.get_state()

    def apply(self, update: bytes) -> bool:
        """Integrate an update of a client; False when it says nothing at all.

        Raises BadMessageError or TooLargeError, and the document is then as it was.
        """
        if update == EMPTY_UPDATE:
            return False
        limits = self._limits
        contents = inspect(update, limits.nesting)
        if (
            self._size + len(update) > limits.document
            or self._types + contents.types > limits.types
        ):
            # What came twice or was deleted since counts no longer.
            self.compact()
            if self._size + len(update) > limits.document:
                raise TooLargeError(f"the document would exceed {limits.document} bytes")
            if self._types + contents.types > limits.types:
                raise TooLargeError(f"the document would exceed {limits.types} shared types")
        self._integrate(update)
        self._log.append(update)
        self._size += len(update)
        self._types += contents.types
        self._cover(contents.ends)
        return True

    def diff(self, state: bytes) -> bytes:
        """Give what a client with this state vector lacks; BadMessageError if one is broken."""
        state_vector(state)
        try:
            if self._has_waiting():
                return pycrdt.get_update(pycrdt.merge_updates(*self._log), state)
            return self._doc.get_update(state)
        except ValueError as error:
            raise BadMessageError(f"a state vector is broken: {error}") from None

    def compact(self) -> bytes:
        """Put everything into one update, which also replaces the updates kept here."""
        if self._has_waiting():
            snapshot = pycrdt.merge_updates(*self._log)
        else:
            snapshot = self._doc.get_update()
        self._log = [snapshot]
        self._size = 0
        self._types = 0
        self._count(snapshot)
        return snapshot

    def _count(self, update: bytes) -> None:
        contents = inspect(update, self._limits.nesting)
        self._size += len(update)
        self._types += contents.types
        self._cover(contents.ends)

    def _cover(self, ends: dict[int, int]) -> None:
        for client, end in ends.items():
            if self._ends.get(client, 0) < end:
                self._ends[client] = end

    def _has_waiting(self) -> bool:
        """Whether an update waits for an earlier one: covered, but not in the state vector."""
        have = state_vector(self._doc.get_state())
        return any(have.get(client, 0) < end for client, end in self._ends.items())

    def _integrate(self, update: bytes) -> None:
        try:
            self._doc.apply_update(update)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic inside pycrdt is no Exception
            self._doc = self._rebuilt()
            raise BadMessageError(f"an update cannot be integrated: {error}") from None

    def _rebuilt(self) -> pycrdt.Doc[pycrdt.Array[object]]:
        doc: pycrdt.Doc[pycrdt.Array[object]] = pycrdt.Doc()
        for update in self._log:
            try:
                doc.apply_update(update)
            except (ValueError, RuntimeError) as error:
                raise BadMessageError(f"a stored update cannot be integrated: {error}") from None
        return doc
