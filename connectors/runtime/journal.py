"""Commands and what became of them, so that none is carried out twice and each is answered.

A command is ``attempting`` on file before its effect is tried. If the process ends in between,
nobody knows whether it happened: the next process reports it as ``unknown``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from connectors.model import Result, Why
from connectors.runtime.store import Statement

COMMANDS_LIMIT = 10_000
"""Commands remembered; the oldest are forgotten first."""

_ENDED = Why.FAULT.says("the connector ended while it was being sent")

Status = Literal["attempting", "done", "failed", "unknown"]


@dataclass(slots=True)
class _Command:
    status: Status
    detail: str
    acked: bool
    """The server has the result."""


class Journal:
    """The commands of one PBX, in the order of their results."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """`rows` are those of table ``commands``, oldest first."""
        self._commands: dict[str, _Command] = {}
        self._open: dict[str, None] = {}
        """Commands whose result the server does not have."""
        self.unwritten: dict[str, None] = {}
        """Commands the file does not have in this state."""
        for id_, status, detail, acked in rows:
            self._commands[id_] = _Command(status, detail, bool(acked))
            if status == "attempting":
                self._commands[id_] = _Command("unknown", _ENDED, acked=False)
            if not self._commands[id_].acked:
                self._open[id_] = None

    def result_of(self, id_: str) -> Result | None:
        """What became of a command; None for one not seen yet, or under way."""
        known = self._commands.get(id_)
        if known is None or known.status == "attempting":
            return None
        return Result(id_, known.status, known.detail)

    def under_way(self, id_: str) -> bool:
        """Whether it is being carried out right now."""
        known = self._commands.get(id_)
        return known is not None and known.status == "attempting"

    def attempting(self, id_: str) -> None:
        """It is about to be carried out."""
        self._commands[id_] = _Command("attempting", "", acked=True)
        self.unwritten[id_] = None

    def forget(self, id_: str) -> None:
        """It will not be carried out after all."""
        self._commands.pop(id_, None)
        self._open.pop(id_, None)
        self.unwritten[id_] = None

    def interrupted(self) -> None:
        """The process ends: nobody will know of those under way whether they happened."""
        for id_ in [id_ for id_, known in self._commands.items() if known.status == "attempting"]:
            self.put(Result(id_, "unknown", _ENDED))

    def put(self, result: Result) -> None:
        """What became of it, to be reported."""
        self._commands.pop(result.id, None)
        self._commands[result.id] = _Command(result.status, result.detail, acked=False)
        self._open[result.id] = None
        self.unwritten[result.id] = None
        while len(self._commands) > COMMANDS_LIMIT:
            self.forget(next(iter(self._commands)))

    def open_results(self, limit: int) -> list[Result]:
        """Results the server does not have, the oldest `limit`."""
        found = (self.result_of(id_) for id_ in islice(self._open, limit))
        return [result for result in found if result is not None]

    def acked(self, results: Mapping[str, str]) -> None:
        """The server has these (id -> status)."""
        for id_, status in results.items():
            known = self._commands.get(id_)
            if known is not None and known.status == status:
                known.acked = True
                self._open.pop(id_, None)
                self.unwritten[id_] = None

    def statements(self, ids: Iterable[str]) -> list[Statement]:
        """What brings the file up to date for these commands."""
        statements: list[Statement] = []
        for id_ in ids:
            known = self._commands.get(id_)
            if known is None:
                statements.append(("DELETE FROM commands WHERE id = ?", (id_,)))
            else:
                values = (id_, known.status, known.detail, known.acked)
                statements.append(("INSERT OR REPLACE INTO commands VALUES (?, ?, ?, ?)", values))
        return statements
