"""Transactions: short, one writer at a time, and what is to happen after the commit.

SQLite runs in WAL with ``synchronous = FULL``: a commit waits for the disk, since 'saved' on a page
has to be true when the power goes as well (0.3 ms a commit on a solid-state disk, and what people
write at the same time is committed together).
Writers queue on a lock of this process instead of SQLite's busy handler, which sleeps in growing
steps and is unfair; on PostgreSQL an advisory lock gives the same order.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    insert,
    make_url,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from collab_server.times import Clock, system_clock

log = logging.getLogger(__name__)

PROBE_SECONDS = 1.0
"""Seconds for which it is known that the database takes writes."""
BUSY_TIMEOUT = 5_000
"""Milliseconds a statement waits for another process's lock (``tandem-server agent add``)."""
WRITER_TIMEOUT = 10.0
"""Seconds a writer waits for its turn."""
LOCK_TIMEOUT = 5_000
"""Milliseconds a statement waits for another process's lock on PostgreSQL."""
_POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""How libpq notices a database that is out of reach: seconds, tries, and milliseconds that what was
sent stays unacknowledged. By itself it waits for minutes, or for ever."""
_KEEPALIVES = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""How the database notices that we are out of its reach, and lets our locks go: seconds, tries. By
itself it waits for hours."""
POOL = 20
_ADVISORY_LOCK = 0x74616E64656D
SERVER_LOCK = _ADVISORY_LOCK + 1
"""Of the one server that a database has."""
_BEGIN = "tandem_begin"


class DatabaseError(Exception):
    """The database cannot be used; the text is one line for the administrator."""


class NoDatabaseError(DatabaseError):
    """The setting names a file that cannot be a database."""


class BusyError(Exception):
    """No turn to write in time."""


@dataclass
class Work:
    """One transaction: the ORM session, the time it happens at, and what follows its commit."""

    db: Session
    now: float
    sqlite: bool
    touched: dict[str, bool] = field(default_factory=dict)
    """Sessions that changed; True: every desk must hear of it, not only those of its agents."""
    callers: set[str] = field(default_factory=set)
    """Agents whose standing calls changed: their desks are told after the commit."""
    agents: set[str] = field(default_factory=set)
    """Agents who stand on the floor otherwise than before."""
    sights: set[str] = field(default_factory=set)
    """Sessions in which somebody may see more, or less, of the document than before."""
    places: dict[str, Any] = field(default_factory=dict)
    """Participants read so far, by session (`collab_server.sessions.places`)."""
    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _rows: dict[type[Any], list[dict[str, Any]]] = field(default_factory=dict)
    _held: list[Any] = field(default_factory=list)
    _after: list[Callable[[], None]] = field(default_factory=list)

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Have `effect` called once this is committed, before the next writer's turn.

        It must not block, and must not touch the database.
        """
        self._after.append(effect)

    def count(self, counter: str, *labels: str) -> None:
        """Count something for ``/metrics``, once it is committed (`collab_server.counted`)."""
        self.counts[counter, *labels] += 1

    def add_row(self, model: type[Any], row: dict[str, Any]) -> None:
        """Insert a row at the end of the transaction, together with others of its table."""
        self._rows.setdefault(model, []).append(row)

    def flush(self) -> None:
        """Send everything there is to the database."""
        self.db.flush()
        for model, rows in self._rows.items():
            self.db.connection().execute(insert(model), rows)
        self._rows.clear()

    def hold(self, *rows: Any) -> None:
        """Keep rows in the ORM session's memory, which forgets what nobody holds."""
        self._held.extend(rows)

    def touch(self, session_id: str, *, everyone: bool = False) -> None:
        """Note that a session changed, so that who watches it is told after the commit."""
        self.touched[session_id] = everyone or self.touched.get(session_id, False)


class Database:
    """The engine and its two kinds of transaction."""

    def __init__(self, url: str, clock: Clock = system_clock) -> None:
        self.url = make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.clock = clock
        # Rows hold join links and people's addresses, and an error's text goes into the log.
        options: dict[str, Any] = {"pool_size": POOL, "max_overflow": 4, "hide_parameters": True}
        if self.sqlite:
            options["connect_args"] = {"check_same_thread": False, "timeout": BUSY_TIMEOUT / 1_000}
        else:
            options["pool_pre_ping"] = True
            options["connect_args"] = _bounded(self.url)
        self.engine = create_engine(self.url, **options)
        if self.sqlite:
            _tame_sqlite(self.engine)
        else:
            event.listen(self.engine, "handle_error", _leave_out_the_row)
        self._writing = self.engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        # SQLite's readers have that by themselves.
        one_state = {} if self.sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading = self.engine.execution_options(**one_state)
        self._turn = threading.Lock()
        self._probed = -PROBE_SECONDS
        """When it last took a probe, by time.monotonic()."""

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and changes nothing."""
        with Session(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Work]:
        """A transaction that changes something. Commits at the end, or not at all.

        Raises BusyError when it does not get its turn.
        """
        with self._my_turn():
            # Without autoflush a transaction writes each row once, at its end; what must be there
            # earlier is flushed by hand.
            with Session(self._writing, expire_on_commit=False, autoflush=False) as session:
                if not self.sqlite:
                    session.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
                work = Work(session, self.clock(), self.sqlite)
                yield work
                work.flush()
                session.commit()
            for effect in work._after:
                effect()

    @contextmanager
    def _my_turn(self, within: float = WRITER_TIMEOUT) -> Iterator[None]:
        if not self._turn.acquire(timeout=within):
            raise BusyError(f"no turn to write within {within:g} s")
        try:
            yield
        finally:
            self._turn.release()

    def probe(self, within: float = BUSY_TIMEOUT / 1_000) -> None:
        """Raise unless the database takes a write, which leaves it as it was.

        Waits so many seconds for its turn among this server's writers (then BusyError), and as many
        for another process's lock. That it took one is good for `PROBE_SECONDS`: strangers may ask
        as often as they like, and each probe takes a turn of who has something to write.
        """
        if time.monotonic() < self._probed + PROBE_SECONDS:
            return
        with self._my_turn(within), self._writing.connect() as connection:
            if self.sqlite:
                with _patience(connection, within):
                    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                    connection.exec_driver_sql(f"PRAGMA user_version = {int(version)}")
                    connection.commit()  # nothing reaches the disk before, which may be full
            else:
                connection.exec_driver_sql("CREATE TEMPORARY TABLE tandem_probe (n integer)")
                connection.rollback()
        self._probed = time.monotonic()

    def check(self) -> None:
        """Raise DatabaseError, with one line that says why, when the database cannot be used."""
        if self.sqlite:
            _check_file(Path(self.url.database or ""))
        try:
            self.probe()
        except SQLAlchemyError as error:
            raise DatabaseError(self.said(error)) from None

    def said(self, error: Exception) -> str:
        """An error of the database as one line that names it."""
        cause = getattr(error, "orig", None) or error
        return f"server.database: {self.name}: {' '.join(str(cause).split())[:500]}"

    @property
    def name(self) -> str:
        """The database as messages name it, without a password."""
        return self.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def _bounded(url: URL) -> dict[str, Any]:
    """Arguments with which no connection to PostgreSQL waits for ever; the URL's own come first."""
    given = " ".join(_texts(url.query.get("options", "")))
    limits = {name: value for name, value in _POSTGRESQL.items() if name not in url.query}
    ours = {"lock_timeout": LOCK_TIMEOUT, **_KEEPALIVES}
    options = " ".join(f"-c {name}={value}" for name, value in ours.items())
    return limits | {"options": f"{options} {given}".strip()}


def _texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _check_file(path: Path) -> None:
    folder = path.absolute().parent
    if not folder.is_dir():
        raise NoDatabaseError(f"server.database: the folder {folder} does not exist")
    if path.is_dir():
        raise NoDatabaseError(f"server.database: {path} is a folder")
    if path.exists():
        with path.open("rb") as file:
            head = file.read(16)
        if head and head != b"SQLite format 3\0":
            raise NoDatabaseError(f"server.database: {path} is not an SQLite database")
        return
    with contextlib.suppress(OSError):  # the probe that follows says what is wrong
        # Conversations are nobody's business but the server's; SQLite gives its other files the
        # same rights.
        path.touch(0o600)


def _leave_out_the_row(context: ExceptionContext) -> None:
    """Cut an error of PostgreSQL down to its first line; the DETAIL behind it shows the row."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


@contextmanager
def _patience(connection: Connection, seconds: float) -> Iterator[None]:
    """Let a connection to SQLite wait no longer for another process's lock.

    Told to the driver's connection: on SQLAlchemy's the transaction would begin first, and wait.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {seconds * 1_000:.0f}")
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        cursor.close()


def _tame_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, IMMEDIATE where we write
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))
