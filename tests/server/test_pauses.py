"""Ready and pause: the desk's own state, and the pause in the queues, which is another thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from collab_server.db.people import DeskState, QueuePause
from collab_server.people import agents, pauses
from tests.server.conftest import HOST, LI, WANG, Browser, Server, json_of

Start = Callable[..., Server]


def opened(server: Server) -> Browser:
    """The desk of wang, open in a window."""
    browser = server.desk("wang", WANG)
    server.hub.at_desk[WANG] = set(server.services.watched_logins())
    return browser


def state(browser: Browser) -> dict[str, Any]:
    shown: dict[str, Any] = json_of(browser.get("/v1/desk"))["state"]
    return shown


def pause(browser: Browser) -> dict[str, Any]:
    shown: dict[str, Any] = json_of(browser.get("/v1/desk"))["pause"]
    return shown


def answered(server: Server, *results: tuple[str, str, str]) -> None:
    """The connector of hq reports what became of commands: (id, status, detail)."""
    items = [{"id": i, "status": status, "detail": detail} for i, status, detail in results]
    assert json_of(server.connector.send(results=items))["accepted"] == len(items)


def last_ids(server: Server) -> dict[str, str]:
    """The newest command for each PBX."""
    told = [(pbx, frames[-1]) for pbx, frames in server.hub.links if "id" in frames[-1]]
    return {pbx: command["id"] for pbx, command in told}


def test_an_agent_is_paused_until_they_say_ready_and_every_desk_of_theirs_hears_it(
    server: Server,
) -> None:
    browser = opened(server)
    assert state(browser) == {"state": "paused", "reason": "", "since": None}
    answer = browser.post("/v1/desk/state", {"state": "ready", "reason": "ignored"})
    ready = {"state": "ready", "reason": "", "since": "2026-11-18T11:06:40.000Z"}
    assert json_of(answer) == state(browser) == ready
    assert server.hub.desks == [(WANG, {"kind": "state", "state": ready})]
    server.clock.turn(60)
    lunch = json_of(browser.post("/v1/desk/state", {"state": "paused", "reason": "lunch"}))
    assert lunch == {"state": "paused", "reason": "lunch", "since": "2026-11-18T11:07:40.000Z"}
    server.clock.turn(60)
    again = json_of(browser.post("/v1/desk/state", {"state": "paused", "reason": "lunch"}))
    assert again == lunch, "since when does not move"
    assert server.hub.links == [], "no queue is touched"


def test_ready_outlives_a_restart_and_is_offline_while_no_desk_is_open(start: Start) -> None:
    first = start()
    before = opened(first)
    before.post("/v1/desk/state", {"state": "ready"})
    cookie = before.client.get_cookie("tandem_desk", HOST)
    assert cookie is not None
    second = start()
    browser = second.browser()
    browser.client.set_cookie(cookie.key, cookie.value, domain=HOST)
    assert state(browser) == {"state": "offline", "reason": "", "since": None}
    second.hub.at_desk[WANG] = {"another"}
    assert state(browser)["state"] == "ready"


def test_a_log_out_pauses_unless_another_desk_is_open(server: Server) -> None:
    first = opened(server)
    mine = set(server.services.watched_logins())
    first.post("/v1/desk/state", {"state": "ready"})
    server.hub.at_desk[WANG] = mine | {"elsewhere"}
    second = server.browser()
    second.post("/v1/login", {"username": "wang", "password": "correct horse"})
    first.post("/v1/logout", {})
    assert state(second)["state"] == "ready"
    server.hub.at_desk[WANG] = set()
    second.post("/v1/logout", {})
    third = server.browser()
    third.post("/v1/login", {"username": "wang", "password": "correct horse"})
    server.hub.at_desk[WANG] = {"new"}
    assert state(third)["state"] == "paused"


def test_who_logs_in_the_next_morning_is_not_ready_yet_but_paused_as_before(
    server: Server,
) -> None:
    evening = opened(server)
    for said, shown in (
        ({"state": "ready"}, ("paused", "")),
        ({"state": "paused", "reason": "lunch"}, ("paused", "lunch")),
    ):
        evening.post("/v1/desk/state", said)
        server.hub.at_desk[WANG] = set()
        morning = server.browser()
        morning.post("/v1/login", {"username": "wang", "password": "correct horse"})
        server.hub.at_desk[WANG] = {"new"}
        assert (state(morning)["state"], state(morning)["reason"]) == shown


def test_a_pause_in_the_queues_is_asked_of_every_pbx_and_leaves_the_desk_ready(
    server: Server,
) -> None:
    browser = opened(server)
    server.hub.linked_pbxs = {"hq"}
    browser.post("/v1/desk/state", {"state": "ready"})
    answer = browser.post("/v1/desk/pause", {"paused": True, "reason": "training"})
    assert answer.status_code == 202
    assert sorted(pbx for pbx, _ in server.hub.links) == ["branch", "hq"]
    for command in server.hub.commands:
        assert command["kind"] == "pause"
        assert command["call"] is None
        assert command["args"] == {"agent_uri": WANG, "paused": True, "reason": "training"}
        assert command["id"].startswith("desk-")
    assert len({command["id"] for command in server.hub.commands}) == 2
    shown = pause(browser)
    assert (shown["paused"], shown["reason"]) == (True, "training")
    assert [(p["pbx"], p["status"], p["linked"]) for p in shown["pbxs"]] == [
        ("branch", "open", False),
        ("hq", "open", True),
    ]
    assert state(browser)["state"] == "ready"


def test_what_came_of_a_pause_is_pushed_and_stays(start: Start) -> None:
    server = start()
    browser = opened(server)
    browser.post("/v1/desk/pause", {"paused": True})
    server.hub.desks.clear()
    answered(server, (last_ids(server)["hq"], "done", ""))
    ((uri, message),) = server.hub.desks
    assert (uri, message["kind"]) == (WANG, "pause")
    assert message["pause"] == pause(browser)
    server.clock.turn(pauses.SECONDS + 1)
    server.housekeeper.round()
    restarted = start()
    again = restarted.browser()
    again.post("/v1/login", {"username": "wang", "password": "correct horse"})
    shown = pause(again)
    assert shown["paused"] is True
    assert [(p["pbx"], p["status"]) for p in shown["pbxs"]] == [
        ("branch", "expired"),
        ("hq", "done"),
    ]


@pytest.mark.parametrize(
    ("wanted", "status", "detail", "paused"),
    [
        (True, "done", "", True),
        (True, "failed", "already paused: lunch", True),
        (True, "failed", "no member of a queue", False),
        (True, "failed", "QueuePause: Permission denied", False),
        (True, "unknown", "the link broke off", True),
        (False, "done", "", False),
        (False, "failed", "already", False),
        (False, "failed", "no member of a queue", False),
        (True, "failed", "no_member: no queue has 'sip:wang@example.org' as a member", False),
        (False, "failed", "QueuePause: Permission denied", True),
    ],
)
def test_the_switch_shows_what_the_pbx_said(
    server: Server, wanted: bool, status: str, detail: str, paused: bool
) -> None:
    browser = opened(server)
    browser.post("/v1/desk/pause", {"paused": wanted})
    ids = last_ids(server)
    answered(server, (ids["hq"], status, detail))
    branch = [{"id": ids["branch"], "status": "failed", "detail": "no member"}]
    body = {"epoch": 1, "calls": [], "results": branch}
    key = {"Authorization": "Bearer branch-key"}
    server.app.test_client().post("/v1/pbx/branch/reports", json=body, headers=key)
    shown = pause(browser)
    assert shown["paused"] is paused
    told = {p["pbx"]: p for p in shown["pbxs"]}
    assert told["hq"]["already"] is detail.startswith("already")
    assert told["hq"]["member"] is not detail.startswith(("no ", "no_member"))
    # Where the agent is a member of nothing says nothing, unless it is so everywhere.
    assert ("branch" in told) is detail.startswith(("no ", "no_member"))


def test_a_later_wish_wins_over_the_result_of_the_one_before(server: Server) -> None:
    browser = opened(server)
    browser.post("/v1/desk/pause", {"paused": True})
    first = last_ids(server)["hq"]
    browser.post("/v1/desk/pause", {"paused": False})
    second = last_ids(server)["hq"]
    pending = [command["id"] for command in server.backend.pending_commands("hq")]
    assert pending == [second], "the first is not given again"
    answered(server, (first, "done", ""))
    assert [p["status"] for p in pause(browser)["pbxs"]] == ["open", "open"]
    answered(server, (second, "done", ""))
    shown = pause(browser)
    assert (shown["paused"], shown["reason"]) == (False, "")


def test_whether_the_agent_wants_to_be_paused_is_known_to_those_who_unpause(server: Server) -> None:
    browser = opened(server)

    def wanted() -> bool:
        with server.database.read() as db:
            return pauses.wanted(db, WANG)

    assert wanted() is False
    browser.post("/v1/desk/pause", {"paused": True})
    answered(server, (last_ids(server)["hq"], "failed", "already"))
    assert wanted() is True
    browser.post("/v1/desk/pause", {"paused": False})
    assert wanted() is False


def test_pauses_have_a_limit_and_a_shape(server: Server) -> None:
    browser = opened(server)
    for wrong in ({}, {"paused": 3}, {"paused": True, "reason": "x" * 61}):
        assert browser.post("/v1/desk/pause", wrong).status_code == 422
    injected = {"paused": True, "reason": "lunch\r\nAction: Originate"}
    assert browser.post("/v1/desk/pause", injected).status_code == 422
    for wrong in ({"state": "offline"}, {"state": "paused", "reason": "a\nb"}):
        assert browser.post("/v1/desk/state", wrong).status_code == 422
    assert server.hub.links == []
    done = [browser.post("/v1/desk/pause", {"paused": True}).status_code for _ in range(31)]
    assert done == [202] * 30 + [429]
    assert server.api.post("/v1/desk/pause", {"paused": True}).status_code == 403


def test_nothing_is_kept_of_an_agent_who_is_removed(server: Server) -> None:
    browser = opened(server)
    browser.post("/v1/desk/state", {"state": "ready"})
    browser.post("/v1/desk/pause", {"paused": True})
    server.add_agent("wang's second name", WANG)
    server.add_agent("li", LI)

    def left() -> int:
        with server.database.read() as db:
            return len(db.scalars(select(DeskState)).all() + db.scalars(select(QueuePause)).all())

    for name, rows in (("wang", 3), ("wang's second name", 0)):
        with server.database.write() as work:
            agents.remove(work, name)
        assert left() == rows
