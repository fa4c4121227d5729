"""What the collaboration server has yet to learn: the latest of each call, and every result.

State, not edges: of a call only its newest state is kept, with the trace lines not yet taken.
The memory is what the reports are built from; the file behind it (`Store`) follows in batches
and lets a new process go on where a killed one stopped. Both are bounded: beyond `CALLS_LIMIT`
the calls that ended first are dropped, and counted in `dropped`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from connectors.model import CallReport, CallState, Result, TraceItem
from connectors.runtime.backoff import gathering
from connectors.runtime.codec import (
    as_reported,
    call_body,
    call_of,
    result_body,
    timestamp,
    trace_body,
)
from connectors.runtime.entries import LINE_SIZE, Batch, Entry, knows_less, names_of
from connectors.runtime.journal import Journal
from connectors.runtime.store import Statement, Store, StoreError

log = logging.getLogger(__name__)

CALLS_LIMIT = 10_000
TRACE_LIMIT = 200
"""Unsent trace lines of one call; the oldest go first."""
BATCH_CALLS = 1000
BATCH_BYTES = 3 * 1024 * 1024
"""The server takes 4 MiB."""
WRITE_PAUSE = 1.0
"""Seconds between attempts while the file cannot be written."""
GATHER_LEAST, GATHER_LIMIT = 0.05, 0.5
"""Seconds between two writes, and under load: what a SIGKILL costs at most, of what the server does
not have yet either."""

_KEEP = "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM calls WHERE id = ?"


class Outbox:
    """All methods run on the event loop; only `attempting` and `flush` wait for the file."""

    def __init__(self, path: Path, now: float) -> None:
        """Open the file and take up what it holds. Raises `StoreError`."""
        self._store = Store(path)
        self._calls: dict[str, Entry] = {}
        self._ended: dict[str, None] = {}
        """The calls that ended, those that ended first before others."""
        self._dirty: dict[str, None] = {}
        """The calls to be sent, those that changed first before others."""
        self._seq = 0
        self.instance: str
        """What the connector calls itself, from its first start on."""
        self.lease: int
        """The epoch of the lease under which it has reported last; 0: never under any."""
        self._unwritten_lease = False
        self.dropped = 0
        """Calls that were dropped unsent."""
        self._told = 0
        """How many there were when the log was told last."""
        self.changed = asyncio.Event()
        """Set while there may be something to report."""
        self._unwritten = asyncio.Event()
        self._unwritten_calls: dict[str, None] = {}
        self._writing = asyncio.Lock()
        try:
            self._load()
            self._journal = Journal(self._store.read("SELECT * FROM commands ORDER BY rowid"))
            meta = dict(self._store.read("SELECT key, value FROM meta"))
            self.epoch = max(int(now * 1000), int(meta.get("epoch", "0")) + 1)
            self.instance = str(meta.get("instance") or uuid4().hex)
            self.lease = int(meta.get("lease", "0"))
            self._store.write_now(
                [
                    ("INSERT OR REPLACE INTO meta VALUES ('epoch', ?)", (str(self.epoch),)),
                    ("INSERT OR REPLACE INTO meta VALUES ('instance', ?)", (self.instance,)),
                ]
            )
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            self._store.close()
            raise StoreError(f"it is damaged ({error}); move it away") from None
        self.changed.set()

    # --- calls

    def restored(self) -> list[CallReport]:
        """Calls that stood when the last process ended, each with its newest trace line."""
        return [
            call_of(entry.body, [entry.last_line] if entry.last_line else ())
            for entry in self._calls.values()
            if not entry.ended
        ]

    def put(self, reports: Iterable[CallReport]) -> None:
        """Take in the newest state of calls and their new trace lines."""
        for report in reports:
            self._seq += 1
            lines = [trace_body(item) for item in report.trace]
            entry = self._calls.get(report.id)
            if entry is None:
                entry = self._calls[report.id] = Entry({}, 0, True, False)
            entry.changed_to(call_body(report), self._seq)
            entry.ended = report.state is CallState.ENDED
            self._dirty[report.id] = None
            if entry.ended:
                self._ended[report.id] = None
            else:
                self._ended.pop(report.id, None)
            entry.trace = (entry.trace + lines)[-TRACE_LIMIT:]
            if lines:
                entry.last_line = lines[-1]
            self._touch(report.id)
            self.changed.set()
        if len(self._calls) > CALLS_LIMIT:
            self._drop(len(self._calls) - CALLS_LIMIT)

    def all_pending(self) -> None:
        """Every call is to be sent again (the server refused a snapshot of them)."""
        for call, entry in self._calls.items():
            if not entry.aside:
                entry.dirty = True
                self._dirty[call] = None
        self.changed.set()

    def set_aside(self, call: str) -> None:
        """Send this call no more until it changes: the server refuses it for good."""
        if (entry := self._calls.get(call)) is not None:
            entry.aside, entry.dirty = True, False
            self._dirty.pop(call, None)
            if entry.ended:
                self._remove(call)

    def let_go(self, before: float) -> None:
        """Forget what was news before a moment (seconds since the epoch) and is on record: another
        connector has reported it."""
        moment = timestamp(before)
        for call, entry in list(self._calls.items()):
            if entry.ended and entry.body["since"] < moment:
                self._remove(call)
            elif entry.trace and entry.trace[0]["at"] < moment:
                entry.trace = [line for line in entry.trace if line["at"] >= moment]
                self._touch(call)

    def held(self, epoch: int | None) -> None:
        """A report was taken under this lease, if there are leases."""
        if epoch is not None and epoch != self.lease:
            self.lease, self._unwritten_lease = epoch, True
            self._unwritten.set()

    def take_up(self, known: Iterable[CallReport], now: float) -> None:
        """Go on with calls as another connector has reported them, unless more was seen here of
        them than it has told: how they went on, and that they ended."""
        mine = {name: call for call, entry in self._calls.items() for name in names_of(entry.body)}
        for report in known:
            entry = self._calls.get(mine.get((report.id, *report.aliases)[-1], ""))
            if entry is not None and (entry.ended or not knows_less(entry.body, report)):
                continue
            for name in {report.id, *report.aliases} & mine.keys():
                self._remove(mine.pop(name))
            text = "a connector that stood by has taken over from another"
            line = TraceItem(int(now * 1000), now, "outbox", text)
            self.put([replace(report, trace=(line,))])

    def _drop(self, count: int) -> None:
        """Ended calls first, those that ended first before others; then the oldest. A full outbox
        does so for every event of a new call: no look at all of them."""
        for _ in range(count):
            self._remove(next(iter(self._ended or self._calls)))
        self.dropped += count
        if self.dropped >= 2 * self._told:  # 1, 2, 4, 8 …: no flood of lines
            self._told = self.dropped
            log.warning("the outbox is full: %d calls dropped so far, unreported", self.dropped)

    def _remove(self, call: str) -> None:
        self._calls.pop(call, None)
        self._ended.pop(call, None)
        self._dirty.pop(call, None)
        self._touch(call)

    def _touch(self, call: str) -> None:
        self._unwritten_calls[call] = None
        self._unwritten.set()

    # --- commands

    def result_of(self, command: str) -> Result | None:
        """What became of a command seen before; None for a new one or one under way."""
        return self._journal.result_of(command)

    def under_way(self, command: str) -> bool:
        """Whether it is being carried out right now."""
        return self._journal.under_way(command)

    async def attempting(self, command: str) -> None:
        """Record, on file, that it is about to be carried out. Raises `sqlite3.Error`: then it
        must not be."""
        self._journal.attempting(command)
        try:
            await self.flush()
        except sqlite3.Error:
            self._journal.forget(command)
            raise

    def forget(self, command: str) -> None:
        """It is not carried out after all."""
        self._journal.forget(command)
        self._unwritten.set()

    def put_result(self, result: Result) -> None:
        """Take in what became of a command; reported until the server has it."""
        self._journal.put(result)
        self._unwritten.set()
        self.changed.set()

    def interrupted(self) -> None:
        """The process ends, and carries nothing out any more: what is under way is unknown."""
        self._journal.interrupted()
        self._unwritten.set()

    # --- reports

    def batch(self, *, snapshot: bool, limit: int = BATCH_CALLS) -> Batch | None:
        """The next report: all that is pending up to `limit` calls, or, as a snapshot, every
        call that stands as well. None when there is nothing to say."""
        calls: list[dict[str, Any]] = []
        sent: dict[str, tuple[int, int]] = {}
        size = 0
        for call in self._calls if snapshot else self._dirty:
            entry = self._calls[call]
            if entry.aside or not (entry.dirty or not entry.ended):
                continue
            size += entry.size() + LINE_SIZE
            if not snapshot and calls and (len(calls) >= limit or size > BATCH_BYTES):
                break
            calls.append({**as_reported(entry.body), "seq": entry.seq, "trace": entry.trace})
            sent[call] = (entry.seq, entry.trace[-1]["n"] if entry.trace else 0)
        batch = self._batch(calls, sent, snapshot=snapshot)
        if not calls and not batch.results and not snapshot:
            self.changed.clear()
            return None
        return batch

    def results_only(self) -> Batch:
        """A report of what became of commands, if anything did, and of no call."""
        return self._batch([], {}, snapshot=False)

    def _batch(
        self, calls: list[dict[str, Any]], sent: dict[str, tuple[int, int]], *, snapshot: bool
    ) -> Batch:
        results = self._journal.open_results(BATCH_CALLS)
        body = {
            "epoch": self.epoch,
            "snapshot": snapshot,
            "connector": self.instance,
            "calls": calls,
            "results": [result_body(result) for result in results],
        }
        return Batch(body, sent, {result.id: result.status for result in results})

    def accepted(self, batch: Batch) -> None:
        """The server has it: forget what has not changed since."""
        for call, (seq, number) in batch.sent.items():
            entry = self._calls.get(call)
            if entry is None:
                continue
            entry.trace = [item for item in entry.trace if item["n"] > number]
            entry.dirty = entry.seq != seq or bool(entry.trace)
            if not entry.dirty:
                self._dirty.pop(call, None)
            if entry.ended and not entry.dirty:
                self._remove(call)
            else:
                self._touch(call)
        self._journal.acked(batch.results)
        self._unwritten.set()

    # --- the file

    async def keep_written(self) -> None:
        """Write what changed, for ever; one transaction for all that came meanwhile."""
        broken = False
        while True:
            await self._unwritten.wait()
            calls = len(self._unwritten_calls)
            try:
                await self.flush()
            except sqlite3.Error as error:
                if not broken:
                    log.error("the outbox cannot be written (%s); kept in memory", error)
                broken = True
                await asyncio.sleep(WRITE_PAUSE)
            else:
                if broken:
                    log.info("the outbox can be written again")
                broken = False
                await asyncio.sleep(gathering(calls, GATHER_LEAST, GATHER_LIMIT))

    async def flush(self) -> None:
        """Write all that is not on file yet. Raises `sqlite3.Error`; nothing is forgotten then."""
        async with self._writing:
            calls, self._unwritten_calls = self._unwritten_calls, {}
            commands, self._journal.unwritten = self._journal.unwritten, {}
            lease, self._unwritten_lease = self._unwritten_lease, False
            self._unwritten.clear()
            statements = [
                *self._statements(calls),
                *self._journal.statements(commands),
                *[("INSERT OR REPLACE INTO meta VALUES ('lease', ?)", (str(self.lease),))] * lease,
            ]
            if not statements:
                return
            try:
                await self._store.write(statements)
            except BaseException:
                self._unwritten_calls = calls | self._unwritten_calls
                self._journal.unwritten = commands | self._journal.unwritten
                self._unwritten_lease = self._unwritten_lease or lease
                self._unwritten.set()
                raise

    def close(self) -> None:
        """Close the file; `flush` first."""
        self._store.close()

    def _statements(self, calls: Iterable[str]) -> list[Statement]:
        """Those of one kind in a row."""
        gone: list[Statement] = []
        kept: list[Statement] = []
        for call in calls:
            entry = self._calls.get(call)
            if entry is None:
                gone.append((_FORGET, (call,)))
            else:
                kept.append((_KEEP, entry.row(call)))
        return gone + kept

    def _load(self) -> None:
        rows = self._store.read("SELECT id, body, dirty, trace, newest FROM calls ORDER BY rowid")
        for call, body, dirty, trace, newest in rows:
            self._seq += 1
            state = json.loads(body)
            call_of(state)
            ended = state["state"] == CallState.ENDED.value
            entry = self._calls[call] = Entry(state, self._seq, bool(dirty), ended)
            entry.trace, entry.last_line = json.loads(trace), json.loads(newest)
            if ended:
                self._ended[call] = None
            if dirty:
                self._dirty[call] = None
