"""Clocks of Yjs clients as ranges: what kind of item stands where, in a few bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_right


class Spans:
    """Half-open ranges by client; those of one client are added in growing order."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: dict[int, array[int]] = {}
        self._ends: dict[int, array[int]] = {}

    def add(self, client: int, start: int, end: int) -> None:
        """Add a range; what is there already counts once."""
        starts = self._starts.get(client)
        if starts is None:
            starts, self._ends[client] = array("Q"), array("Q")
            self._starts[client] = starts
        ends = self._ends[client]
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)

    def update(self, other: Spans) -> None:
        """Add every range of another."""
        for client, starts in other._starts.items():
            for start, end in zip(starts, other._ends[client], strict=True):
                self.add(client, start, end)

    def has(self, client: int, clock: int) -> bool:
        """Whether a clock is in one of the ranges."""
        starts = self._starts.get(client)
        if starts is None:
            return False
        at = bisect_right(starts, clock) - 1
        return at >= 0 and clock < self._ends[client][at]
