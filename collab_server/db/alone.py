"""One server for one database.

Two would answer from it alike, but each tells only its own browsers and connectors what changed.
SQLite: a lock on a file, which goes with the process, however that ends. PostgreSQL: a lock that is
a connection's, and goes with that; so it is looked after, and taken anew where that broke.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from collab_server.db.engine import SERVER_LOCK, DatabaseError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from collab_server.db.engine import Database

log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between looks whether the lock is still ours."""


@contextmanager
def served_alone(database: Database, lost: Callable[[], None]) -> Iterator[None]:
    """Be the one server of a database; DatabaseError when another one is. `lost` is called, from
    another thread, should another one be it later."""
    taken = f"server.database: another tandem-server already serves {database.name}"
    if database.sqlite:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(Path(f"{database.url.database}.lock").open("w"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatabaseError(taken) from None
            except OSError as error:
                raise DatabaseError(f"server.database: {error}") from None
            yield
        return
    lock = Lock(database.engine)
    if not lock.take():
        raise DatabaseError(taken)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            if not lock.still():
                log.error("%s", taken)
                lost()
                return

    watching = threading.Thread(target=watch, name="tandem-alone", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join(timeout=LOOK)
        lock.close()


class Lock:
    """PostgreSQL's lock, by one connection that has nothing else to do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Whether it is ours now. Raises SQLAlchemyError when the database cannot be asked."""
        connection = self._engine.connect()
        held = f"SELECT pg_try_advisory_lock({SERVER_LOCK})"
        try:
            ours = bool(connection.exec_driver_sql(held).scalar_one())
            connection.commit()  # the lock is the connection's, not the transaction's
        except BaseException:
            connection.close()
            raise
        if ours:
            self._connection = connection
        else:
            connection.close()
        return ours

    def still(self) -> bool:
        """Whether it is ours as far as is known; where the connection broke it is taken anew."""
        if self._connection is not None:
            try:
                self._connection.exec_driver_sql("SELECT 1")
                self._connection.commit()
            except SQLAlchemyError:
                log.warning("the connection that keeps other servers from this database broke")
                self.close()
            else:
                return True
        try:
            return self.take()
        except SQLAlchemyError:
            return True  # the database is away: nobody else can have taken it, and we look again

    def close(self) -> None:
        """Let go of it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()  # back in the pool it would keep the lock
            with suppress(SQLAlchemyError):
                connection.close()
