"""The queues' lines as far as calls stand in them: who is before whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.calls import Call


class Lines:
    """Keeps each call's place while others join and leave. A place is None where unknown."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, Call]] = {}

    def join(self, call: Call, queue: str, position: int | None) -> list[Call]:
        """Put a call into line at `position` (from 1); return the calls it moved back."""
        moved = self.leave(call)
        line = self._lines.setdefault(queue, {})
        if position is not None:
            moved += _shift(line, position, 1)
        line[call.id] = call
        call.waiting, call.queue, call.position = True, queue, position
        return moved

    def place(self, call: Call, queue: str, position: int | None) -> None:
        """Note where a call stands in a list that names every place: it moves nobody, since the
        others of its line are named before or after it."""
        self._remove(call)
        self._lines.setdefault(queue, {})[call.id] = call
        call.waiting, call.queue, call.position = True, queue, position

    def leave(self, call: Call) -> list[Call]:
        """Take a call out of line; return the calls that moved up. Its queue stays named."""
        line = self._remove(call)
        if line is None:
            return []
        position, call.waiting, call.position = call.position, False, None
        return _shift(line, position + 1, -1) if position is not None else []

    def _remove(self, call: Call) -> dict[str, Call] | None:
        """Take a call out of its line, which is returned; None where it was in none."""
        queue = call.queue or ""
        line = self._lines.get(queue)
        if line is None or line.pop(call.id, None) is None:
            return None
        if not line:
            del self._lines[queue]
        return line


def _shift(line: dict[str, Call], first: int, by: int) -> list[Call]:
    moved = []
    for call in line.values():
        if call.position is not None and call.position >= first:
            call.position += by
            moved.append(call)
    return moved
