"""The outbox's SQLite file: opened with care, written in batches by one thread."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

VERSION = 2

_SCHEMA = """
CREATE TABLE calls (id TEXT PRIMARY KEY, body TEXT NOT NULL, dirty INTEGER NOT NULL,
                    trace TEXT NOT NULL, newest TEXT NOT NULL) STRICT;
CREATE TABLE commands (id TEXT PRIMARY KEY, status TEXT NOT NULL, detail TEXT NOT NULL,
                       acked INTEGER NOT NULL) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

_FROM_1 = """
ALTER TABLE calls ADD COLUMN trace TEXT NOT NULL DEFAULT '[]';
ALTER TABLE calls ADD COLUMN newest TEXT NOT NULL DEFAULT 'null';
UPDATE calls SET
  trace = (SELECT '[' || coalesce(group_concat(body), '') || ']'
           FROM (SELECT body FROM trace WHERE call = id AND sent = 0 ORDER BY n)),
  newest = coalesce((SELECT body FROM trace WHERE call = id ORDER BY n DESC LIMIT 1), 'null');
DROP TABLE trace;
"""
"""Trace lines had a table of their own."""

Statement = tuple[str, tuple[Any, ...]]


class StoreError(Exception):
    """The file cannot be used; the message is one line without the file's name."""


class Store:
    """Write-ahead log, ``synchronous=NORMAL``: a commit survives SIGKILL without a disk flush
    of its own (a power cut may cost the last ones; the resync then repairs them)."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises `StoreError`."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        try:
            self._database = self._open(path)
        except sqlite3.OperationalError as error:
            self._executor.shutdown()
            if "locked" in str(error):
                raise StoreError("another connector is using it") from None
            if not path.parent.is_dir():
                raise StoreError(f"there is no directory {path.parent}") from None
            raise StoreError(f"it cannot be opened and written ({error})") from None
        except sqlite3.DatabaseError as error:
            self._executor.shutdown()
            raise StoreError(
                f"it is damaged or no outbox ({error}); move it away to start with an empty one"
            ) from None

    def _open(self, path: Path) -> sqlite3.Connection:
        # Who called whom stands in it; SQLite gives the files beside it the same rights.
        with contextlib.suppress(OSError):  # SQLite says what is wrong there
            path.touch(0o600)
        database = sqlite3.connect(path, timeout=1, check_same_thread=False, isolation_level=None)
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA journal_size_limit = 16777216")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                if database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                    raise sqlite3.DatabaseError("it holds other tables")
                database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT")
            elif version == 1:
                database.executescript(f"BEGIN; {_FROM_1} PRAGMA user_version = {VERSION}; COMMIT")
            elif version != VERSION:
                raise sqlite3.DatabaseError(f"its version is {version}, not {VERSION}")
            problem = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise sqlite3.DatabaseError(problem)
            for file in (path, path.with_name(f"{path.name}-wal")):
                with contextlib.suppress(FileNotFoundError):
                    file.chmod(0o600)  # an older version made them readable for all
        except BaseException:
            database.close()
            raise
        return database

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query; only before writing has begun."""
        return self._database.execute(query).fetchall()

    def write_now(self, statements: Sequence[Statement]) -> None:
        """One transaction; the quicker, the more of one kind stand in a row. Raises
        `sqlite3.Error`."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for statement, group in groupby(statements, itemgetter(0)):
                self._database.executemany(statement, [values for _, values in group])
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    async def write(self, statements: Sequence[Statement]) -> None:
        """One transaction, in the store's own thread. Raises `sqlite3.Error`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self.write_now, statements)

    def close(self) -> None:
        """Finish what is being written and close the file."""
        self._executor.shutdown()
        self._database.close()
