"""What is asked often is found by an index: rows are kept for weeks, no round reads them all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from tests.server.conftest import POSTGRES, WANG, Server
from tests.server.placed import Site


@pytest.mark.skipif(bool(POSTGRES), reason="how SQLite finds rows; PostgreSQL has the same indexes")
def test_neither_rounds_nor_posts_nor_desks_read_all_there_is(server: Server) -> None:
    site, desk = Site(server), server.desk("wang", WANG, supervisor=True)
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked = connection.connection.dbapi_connection
            rows = asked.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            plans.extend(row[-1] for row in rows)

    event.listen(server.database.engine, "before_cursor_execute", explain)
    site.post().leave()
    server.clock.turn(3_000)
    server.housekeeper._swept = server.clock()  # it looks at everything, now and then
    server.housekeeper.round()
    for path in ("/v1/desk", "/v1/floor"):
        assert desk.get(path).status_code == 200
    assert any("(site=? AND stage=?)" in plan for plan in plans)
    ended = [plan for plan in plans if plan.startswith("SCAN ") and plan.split()[1] in GROWING]
    assert ended == []
    # What ended in this agent's sessions is looked for among theirs.
    assert any("ix_sessions_agent_uri_created (agent_uri=?)" in plan for plan in plans)


GROWING = ("calls", "commands", "sessions", "placed_calls", "voice_calls", "participants")
