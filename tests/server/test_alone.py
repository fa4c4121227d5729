"""The lock on a PostgreSQL database, by a connection that may break."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from collab_server.db.alone import Lock


class Engine:
    """A database whose lock is one connection's."""

    def __init__(self) -> None:
        self.owner: Any = None
        self.away = False

    def connect(self) -> Connection:
        if self.away:
            raise OperationalError("", {}, Exception("gone"))
        return Connection(self)


class Connection:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.broken = engine, False

    def exec_driver_sql(self, said: str) -> Connection:
        if self.broken or self.engine.away:
            raise OperationalError("", {}, Exception("gone"))
        if "lock" in said and self.engine.owner is None:
            self.engine.owner = self
        return self

    def scalar_one(self) -> bool:
        return self.engine.owner is self

    def commit(self) -> None:
        pass

    def invalidate(self) -> None:
        if self.engine.owner is self:
            self.engine.owner = None

    def close(self) -> None:
        pass

    def breaks(self) -> None:
        """The database has lost it, and with it the lock."""
        self.broken, self.engine.owner = True, None


@pytest.fixture
def engine() -> Engine:
    return Engine()


def test_only_one_has_it_until_it_is_let_go(engine: Any) -> None:
    one, other = Lock(engine), Lock(engine)
    assert one.take()
    assert one.still()
    assert not other.take()
    one.close()
    assert other.take()


def test_it_is_taken_anew_where_the_connection_broke(engine: Any) -> None:
    one, other = Lock(engine), Lock(engine)
    one.take()
    engine.owner.breaks()
    assert one.still()
    assert not other.take()


def test_another_who_took_it_meanwhile_has_it(engine: Any) -> None:
    one, other = Lock(engine), Lock(engine)
    one.take()
    engine.owner.breaks()
    assert other.take()
    assert not one.still()


def test_a_database_that_is_away_is_nobodys(engine: Any) -> None:
    one = Lock(engine)
    one.take()
    engine.owner.breaks()
    engine.away = True
    assert one.still()
    engine.away = False
    assert one.still()
    assert engine.owner is not None
