"""Store the changes of all rooms in groups, and say what is stored only when it is.

One task, one thread: changes gather for a few milliseconds, go to the backend in one transaction,
and only its success moves a room's stored state. While storage fails nobody is told anything; after
a bounded time the rooms are closed and their pages try again with what they hold.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from collab_server.realtime.backend import Backend, Change, Person
    from collab_server.realtime.limits import Limits

LOGGER = logging.getLogger("tandem.realtime")

T = TypeVar("T")


def brief(error: Exception) -> str:
    """Say an error in one line; a database's own words may hold what was to be stored."""
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__


class Journalled(Protocol):
    """A room, as far as storing goes."""

    session_id: str

    def state(self) -> bytes:
        """Give the state vector of everything applied so far."""
        ...

    def stored(self, state: bytes, upto: int, count: int) -> None:
        """Note that everything up to `state` is stored, the next `count` changes.

        `upto` is the number of the last update.
        """
        ...

    def lost(self, code: int, reason: str) -> None:
        """Note that changes cannot be stored: the room ends with this close code."""
        ...

    def compaction(self) -> tuple[bytes, int, dict[int, Person]] | None:
        """Give snapshot, number to compact to and writers not stored yet, when it is time."""
        ...

    def emptied(self) -> bool:
        """Forget the room if nobody is in it; False when someone is."""
        ...


def _size(changes: Iterable[Change]) -> int:
    return sum(len(change.update) for change in changes)


class Journal:
    """The queue between rooms and storage. Only for the event loop's thread."""

    def __init__(self, backend: Backend, limits: Limits) -> None:
        self._backend = backend
        self._limits = limits
        self._pending: dict[Journalled, list[Change]] = {}
        self._committing: dict[Journalled, list[Change]] = {}
        self._idle: set[Journalled] = set()
        self._size = 0
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "tandem-store")
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def running(self) -> bool:
        """Whether updates are being stored."""
        return not self._task.done()

    @property
    def unstored(self) -> int:
        """Changes that wait for storage."""
        return sum(map(len, self._pending.values())) + sum(map(len, self._committing.values()))

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may wait for storage."""
        return self._size + size <= self._limits.unstored

    def append(self, room: Journalled, change: Change) -> None:
        """Take a change for storing."""
        self._pending.setdefault(room, []).append(change)
        self._size += len(change.update)
        self._wake.set()

    def retire(self, room: Journalled) -> None:
        """Compact and forget an empty room, once everything of it is stored."""
        self._idle.add(room)
        self._wake.set()

    def drop(self, room: Journalled) -> None:
        """Forget what waits for a room that has ended with a failure."""
        self._size -= _size(self._pending.pop(room, ()))
        self._idle.discard(room)

    async def stop(self) -> None:
        """Store what waits, within a bounded time, and end."""
        self._stopping.set()
        self._wake.set()
        await asyncio.wait((self._task,), timeout=self._limits.stop)
        if not self._task.done():
            LOGGER.error("%d changes could not be stored before the stop", self.unstored)
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=self._limits.stop)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while True:
            if not self._pending and self._stopping.is_set():
                return
            await self._wake.wait()
            if self._pending:
                await self._pause(self._limits.commit_window)
            self._wake.clear()
            await self._store()

    async def _store(self) -> None:
        """Store what waits now. Apart from `_run`, whose variables would keep the rooms alive."""
        batch, self._pending = self._pending, {}
        self._committing = batch
        try:
            await self._commit(batch)
            for room in batch:
                await self._compact(room)
            await self._forget_idle()
        except Exception:
            # Storing must go on for the other rooms; these are told nothing false.
            LOGGER.exception("the journal of %d documents failed", len(batch))
        finally:
            self._size -= sum(map(_size, batch.values()))
            self._committing = {}

    async def _commit(self, batch: dict[Journalled, list[Change]]) -> None:
        """Store a batch, trying again; after two failures each room for itself, and with those
        that have come meanwhile. One that cannot be stored while another can is given up at once:
        it would hold up everybody."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._limits.storage_patience
        left = dict(batch)
        states = {room: room.state() for room in left}
        retry = self._limits.storage_retry
        failures = 0
        while left:
            alone = failures >= 2
            if alone:
                for room in [room for room in self._pending if room not in batch]:
                    left[room] = batch[room] = self._pending.pop(room)
                    states[room] = room.state()
            some_stored = False
            for group in [{r: c} for r, c in left.items()] if alone else [left.copy()]:
                work = {room.session_id: changes for room, changes in group.items()}
                try:
                    answer = await self._in_thread(
                        partial(self._backend.append, work), give_up - loop.time()
                    )
                except Exception as error:
                    LOGGER.warning("storing %d documents failed: %s", len(group), brief(error))
                    continue
                some_stored = True
                for room, changes in group.items():
                    del left[room]
                    if room.session_id in answer:
                        room.stored(states[room], answer[room.session_id], len(changes))
                    else:
                        self.drop(room)
                        room.lost(4410, "the session is gone")
            if not left:
                return
            failures += 1
            if some_stored or loop.time() >= give_up or self._stopping.is_set():
                break
            await self._pause(min(retry, max(0.0, give_up - loop.time())))
            retry = min(retry * 2, self._limits.storage_retry_most)
        for room in left:
            LOGGER.error("the document of session %s could not be stored", room.session_id)
            self.drop(room)
            room.lost(1013, "the document cannot be stored now")

    async def _compact(self, room: Journalled) -> None:
        try:
            work = room.compaction()
            if work is None:
                return
            await self._in_thread(
                partial(self._backend.compact, room.session_id, *work),
                self._limits.storage_patience,
            )
        except Exception as error:
            LOGGER.warning("compacting session %s failed: %s", room.session_id, brief(error))

    async def _forget_idle(self) -> None:
        for room in list(self._idle):
            if room in self._pending:
                continue
            await self._compact(room)
            if room in self._pending:
                continue
            self._idle.discard(room)
            room.emptied()

    async def _in_thread(self, work: Callable[[], T], seconds: float) -> T:
        future = self._thread.submit(work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), max(seconds, 0.01))
        finally:
            future.cancel()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until the stop."""
        if not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), seconds)
            except TimeoutError:
                return
