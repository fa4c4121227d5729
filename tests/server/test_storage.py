"""What the database keeps: documents, migrations, settings of SQLite, and what is too old."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    MetaData,
    Row,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from collab_server import housekeeping
from collab_server.db.base import Base
from collab_server.db.calls import Call
from collab_server.db.documents import DocumentUpdate, DocumentWriter
from collab_server.db.engine import (
    BUSY_TIMEOUT,
    LOCK_TIMEOUT,
    Database,
    _bounded,
    _leave_out_the_row,
)
from collab_server.db.migrate import config, migrate
from collab_server.db.sessions import CollabSession, IdempotencyKey
from collab_server.realtime.backend import Change, Person
from tests.server.conftest import ALICE, POSTGRES, WANG, Server, empty, json_of

DAY = 24 * 3600


def test_the_migrations_make_the_tables_of_the_models(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/tandem.db")
    migrate(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    migrate(database)
    database.close()


def test_what_version_0_1_kept_is_kept_on_the_way_up_and_back(tmp_path: Path) -> None:
    """A table that is made anew takes along all that hangs on its rows: no migration does that."""
    if POSTGRES:
        empty(POSTGRES)
    database = Database(POSTGRES or f"sqlite:///{tmp_path}/tandem.db")
    with database.engine.begin() as connection:
        command.upgrade(config(connection), "0001")
        old = MetaData()
        old.reflect(connection)
        tables = [table for table in old.sorted_tables if table.name != "alembic_version"]
        for table in tables:
            row = {c.name: ONE[c.type.python_type] for c in table.columns}
            connection.execute(insert(table).values(row))

    def kept() -> dict[str, list[Row[Any]]]:
        with database.engine.connect() as connection:
            return {table.name: list(connection.execute(select(table))) for table in tables}

    before = kept()
    assert len(before) == len(tables) > 10
    migrate(database)
    assert kept() == before
    with database.engine.begin() as connection:
        command.downgrade(config(connection), "0001")
    assert kept() == before
    database.close()


ONE = {int: 1, float: 1.0, str: "1", bool: False, bytes: b"1", dict: {}, object: {}}
"""A value of each kind; they are keys of each other, too."""


def test_an_older_database_knows_callers_by_number_and_wants_no_old_wrap_up(
    tmp_path: Path,
) -> None:
    if POSTGRES:
        empty(POSTGRES)
    database = Database(POSTGRES or f"sqlite:///{tmp_path}/tandem.db")
    with database.engine.begin() as connection:
        command.upgrade(config(connection), "0001")
        for name, user, ended in (
            ("a", "sip:+31205550001@pbx.example.org", 9.0),
            ("b", "mailto:ann@example.org", None),
        ):
            connection.execute(
                text(
                    "INSERT INTO sessions (id, state, type, panels, initiator, user_uri, held,"
                    " both_in, attributes, created, since, ended, events) VALUES"
                    " (:name, 'active', 'form', '[]', 'user', :user, false,"
                    " false, '{}', 1, 1, :ended, 0)"
                ),
                {"name": name, "user": user, "ended": ended},
            )
    migrate(database)
    with database.read() as db:
        found = {s.id: (s.number, s.done) for s in db.scalars(select(CollabSession))}
    assert found == {"a": ("+31205550001", 9.0), "b": (None, None)}
    database.close()


@pytest.mark.skipif(bool(POSTGRES), reason="SQLite's own settings")
def test_sqlite_runs_in_wal_and_has_what_was_committed_on_the_disk(server: Server) -> None:
    with server.database.engine.connect() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() >= 1_000


@pytest.mark.parametrize(
    ("said", "kept"),
    [(("not unique\nDETAIL:  Key (uri)=(sip:alice@example.org)",), "not unique"), ((), "")],
)
def test_an_error_of_postgresql_shows_no_row(said: tuple[str, ...], kept: str) -> None:
    engine = create_engine("sqlite://")
    event.listen(engine, "handle_error", _leave_out_the_row)

    @event.listens_for(engine, "before_cursor_execute")
    def _fail(connection, *_rest):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt(*said)

    with engine.connect() as connection, pytest.raises(KeyboardInterrupt) as caught:
        connection.execute(select(1))
    assert str(caught.value) == kept


def test_a_failed_transaction_leaves_nothing_and_tells_nobody(server: Server) -> None:
    session = server.establish()
    told = len(server.hub.views)

    def fail_midway() -> None:
        with server.services.write() as work:
            work.touch(session["id"])
            work.db.get_one(CollabSession, session["id"]).type = "chat"
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert server.session(session["id"])["type"] == "form"
    assert len(server.hub.views) == told
    with server.services.write():
        pass  # the next writer gets its turn


def written(*updates: bytes) -> list[Change]:
    return [Change(update) for update in updates]


def test_a_document_is_stored_numbered_and_survives_a_restart(
    start: Callable[..., Server],
) -> None:
    server = start()
    one, two = server.establish()["id"], server.establish()["id"]
    assert server.backend.load_document(one).upto == 0
    taken = server.backend.append(
        {one: written(b"a", b"\x00b"), two: written(b"c"), "gone": written(b"x")}
    )
    assert taken == {one: 2, two: 1}
    assert server.backend.append({one: written(b"d")}) == {one: 3}
    after = start().backend.load_document(one)
    assert (list(after.updates), after.upto) == ([b"a", b"\x00b", b"d"], 3)


def test_whose_clients_are_is_stored_with_what_they_write(start: Callable[..., Server]) -> None:
    server = start()
    session = server.establish(user_uri=ALICE, agent_uri=WANG)["id"]
    alice, wang = Person("user", ALICE), Person("agent", WANG)
    server.backend.append({session: [Change(b"a", {2**53 - 1: alice}), Change(b"", {7: wang})]})
    server.backend.compact(session, b"A", 1, {7: alice, 8: wang})
    found = start().backend.load_document(session)
    assert found.writers == {2**53 - 1: alice, 7: wang, 8: wang}
    assert {person.name for person in found.writers.values()} == {"alice", "wang"}
    assert (list(found.updates), found.upto) == ([b"A"], 1)


def test_compacting_keeps_later_updates(server: Server) -> None:
    session = server.establish()["id"]
    server.backend.append({session: written(b"a", b"b", b"c")})
    server.backend.compact(session, b"AB", 2, {})
    document = server.backend.load_document(session)
    assert (list(document.updates), document.upto) == ([b"AB", b"c"], 3)
    server.backend.compact(session, b"ABC", 3, {})
    assert server.backend.append({session: written(b"d")}) == {session: 4}
    server.backend.compact("gone", b"x", 1, {})


def test_what_is_older_than_the_retention_goes_with_all_its_parts(
    start: Callable[..., Server],
) -> None:
    server = start(retention=2)
    server.connector.report("1.1", "active", agent_uri=WANG)
    old = server.session_of("1.1")["id"]
    server.backend.append({old: [Change(b"a", {1: Person("agent", WANG)})]})
    server.connector.report("1.1", "ended", cause="hangup")
    server.clock.turn(DAY)
    young = server.establish()["id"]
    server.api.post(f"/v1/sessions/{young}/end", {})
    server.clock.turn(DAY + 60)
    server.housekeeper.round()
    assert server.api.get(f"/v1/sessions/{old}").status_code == 404
    assert server.api.get("/v1/calls/hq/1.1/trace").status_code == 404
    assert server.api.get(f"/v1/sessions/{young}").status_code == 200
    with server.database.read() as db:
        assert db.scalar(select(func.count()).select_from(DocumentUpdate)) == 0
        assert db.scalar(select(func.count()).select_from(DocumentWriter)) == 0


def test_keys_of_repeated_requests_are_forgotten_after_a_day(server: Server) -> None:
    body = {"type": "form", "user_uri": "sip:a@b", "agent_uri": WANG}
    first = server.api.post("/v1/sessions", body, **{"Idempotency-Key": "k"})
    server.clock.turn(DAY + 60)
    server.housekeeper.round()
    with server.database.read() as db:
        assert db.scalar(select(func.count()).select_from(IdempotencyKey)) == 0
    again = server.api.post("/v1/sessions", body, **{"Idempotency-Key": "k"})
    assert json_of(again)["id"] != json_of(first)["id"]


def test_a_session_without_a_call_that_nobody_opens_expires(server: Server) -> None:
    unopened, opened = server.establish(), server.establish()
    server.browser().open(opened["user"]["join_url"])
    server.clock.turn(DAY + 60)
    server.housekeeper.round()
    assert server.session(unopened["id"])["reason"] == "expired"
    assert server.session(opened["id"])["state"] == "inviting"


def test_the_number_of_calls_kept_is_bounded(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "MAX_CALLS", 5)
    for n in range(12):
        server.connector.report(f"1.{n}", "ended" if n else "active", type=None)
    server.housekeeper.round()
    with server.database.read() as db:
        assert sorted(db.scalars(select(Call.call_id))) == sorted(
            ["1.0", *(f"1.{n}" for n in range(7, 12))]
        )


def test_a_session_that_stands_for_ever_is_given_up(start: Callable[..., Server]) -> None:
    server = start(retention=1)
    server.connector.report("1.1", "queued")
    server.clock.turn(DAY + 60)
    server.housekeeper.round()
    assert server.session_of("1.1")["reason"] == "expired"


def test_the_housekeeper_wakes_when_grace_ends(start: Callable[..., Server]) -> None:
    server = start(grace=1)
    closed = threading.Event()
    server.hub.close_session = lambda *_: closed.set()  # type: ignore[method-assign]
    server.housekeeper.start()
    try:
        session = server.establish()
        server.api.post(f"/v1/sessions/{session['id']}/end", {})
        assert not closed.wait(0.05)
        server.clock.turn(2)
        server.services.alarm.set(server.clock())
        assert closed.wait(10)
    finally:
        server.housekeeper.stop()


def test_a_mistake_of_ours_does_not_end_the_housekeeping(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[threading.Event] = [threading.Event(), threading.Event()]
    left = iter(rounds)

    def fail() -> None:
        next(left).set()
        server.services.alarm.set(server.clock())
        raise ZeroDivisionError

    monkeypatch.setattr(server.housekeeper, "round", fail)
    server.housekeeper.start()
    try:
        assert all(one.wait(10) for one in rounds)
    finally:
        server.housekeeper.stop()


@pytest.mark.skipif(bool(POSTGRES), reason="SQLite's file")
def test_a_new_database_is_for_the_servers_user_only(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/tandem.db")
    database.check()
    migrate(database)
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}
    database.close()


def test_a_failed_statement_tells_no_link_and_no_name(server: Server) -> None:
    with pytest.raises(SQLAlchemyError) as failed, server.database.write() as work:
        work.db.execute(insert(CollabSession).values(id="x", user_uri="sip:secret@example.org"))
    assert "secret" not in str(failed.value)


@pytest.mark.skipif(bool(POSTGRES), reason="SQLite has one writer")
def test_a_look_at_readiness_waits_for_its_turn_like_every_writer(server: Server) -> None:
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(server.api.get("/readyz").status_code))
    with server.database.write():
        asking.start()
        asking.join(0.2)
        assert answers == []
    asking.join(10)
    assert answers == [200]
    with server.database.write():  # strangers who ask on and on take no turn each
        assert server.api.get("/readyz").status_code == 200


@pytest.mark.skipif(bool(POSTGRES), reason="SQLite's lock is the file's")
def test_readiness_does_not_outwait_who_asks(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab_server.health.PATIENCE", 0.1)
    with contextlib.closing(sqlite3.connect(server.database.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert server.api.get("/readyz").status_code == 503
        assert time.monotonic() - began < BUSY_TIMEOUT / 1_000
    assert server.api.get("/readyz").status_code == 200
    with server.database.write() as work:  # which waits as long as ever, on any connection
        assert work.db.scalar(text("PRAGMA busy_timeout")) == BUSY_TIMEOUT


def test_a_writer_whom_another_process_keeps_waiting_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for timeout in ("BUSY_TIMEOUT", "LOCK_TIMEOUT"):
        monkeypatch.setattr(f"collab_server.db.engine.{timeout}", 100)
    url = POSTGRES or f"sqlite:///{tmp_path}/tandem.db"
    here, there = Database(url), Database(url)
    with there.write() as work:
        work.db.connection()  # on SQLite the transaction begins with this
        with pytest.raises(OperationalError), here.write() as late:
            late.db.connection()
    with here.write() as work:
        work.db.connection()
    here.close()
    there.close()


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(server: Server) -> None:
    with server.database.read() as db:
        before = db.scalar(select(func.count()).select_from(CollabSession))
        server.establish()
        assert db.scalar(select(func.count()).select_from(CollabSession)) == before == 0
    with server.database.read() as db:
        assert db.scalar(select(func.count()).select_from(CollabSession)) == 1


def test_no_connection_to_postgresql_waits_for_ever() -> None:
    url = "postgresql+psycopg://tandem@db/tandem?connect_timeout=2&options=-c%20search_path%3Dhelp"
    arguments = _bounded(make_url(url))
    assert arguments["options"].startswith(f"-c lock_timeout={LOCK_TIMEOUT} -c tcp_keepalives_idle")
    assert arguments["options"].endswith(" -c search_path=help")
    assert "connect_timeout" not in arguments, "the administrator's own counts"
    assert arguments["tcp_user_timeout"] > 0
    assert _bounded(make_url("postgresql+psycopg://tandem@db/tandem"))["connect_timeout"] > 0


def test_without_grace_the_agents_sockets_close_at_the_end(start: Callable[..., Server]) -> None:
    server = start(grace=0)
    closed = threading.Event()
    server.hub.close_session = lambda *_: closed.set()  # type: ignore[method-assign]
    server.housekeeper.start()
    try:
        session = server.establish()
        server.api.post(f"/v1/sessions/{session['id']}/end", {})
        assert closed.wait(2), "not only at the next round"
    finally:
        server.housekeeper.stop()
