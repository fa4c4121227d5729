"""Teams: a supervisor who has one sees, reads and joins its sessions and those that wait."""

from __future__ import annotations

from typing import Any

import pytest

from collab_server.people.teams import sees
from collab_server.realtime.backend import DeskGrant, SyncGrant
from tests.server.conftest import HOST, LI, URL, WANG, Browser, Server, json_of

DAY = "sip:chen@example.org"
NIGHT = "sip:zhou@example.org"


@pytest.fixture
def day(server: Server) -> Browser:
    """The supervisor of team day, where Wang is; Li is of team night."""
    server.add_agent("wang", WANG, team="day")
    server.add_agent("li", LI, team="night")
    return server.desk("chen", DAY, supervisor=True, team="day")


def floor(server: Server, boss: Browser) -> tuple[list[str], list[str]]:
    """Names of the agents, and calls of the sessions."""
    shown = json_of(boss.get("/v1/floor"))
    names = [one["name"] for one in shown["agents"]]
    return names, sorted(one["call"]["id"] for one in shown["sessions"])


def stand(server: Server) -> dict[str, str]:
    """A session of each team, one of somebody without an account, one that waits."""
    server.connector.report("day", "active", agent_uri=WANG)
    server.connector.report("night", "active", agent_uri=LI)
    server.connector.report("other", "active", agent_uri="sip:nobody@example.org")
    server.connector.report("waits", "queued", queue="support", position=1)
    return {call: server.session_of(call)["id"] for call in ("day", "night", "other", "waits")}


@pytest.mark.parametrize(
    ("team", "teams", "yes"),
    [
        ("", None, True),
        ("", {"day"}, True),
        ("", {""}, True),
        ("day", None, True),
        ("day", {"day"}, True),
        ("day", {"day", "night"}, True),
        ("day", {"night"}, False),
        ("day", {""}, False),
    ],
)
def test_who_sees_what(team: str, teams: set[str] | None, yes: bool) -> None:
    assert sees(team, None if teams is None else frozenset(teams)) is yes


def test_a_team_sees_its_own_and_who_waits(server: Server, day: Browser) -> None:
    stand(server)
    everybody = server.desk("root", "sip:root@example.org", supervisor=True)
    assert floor(server, day) == (["chen", "wang"], ["day", "waits"])
    assert floor(server, everybody) == (
        ["chen", "li", "root", "wang"],
        ["day", "night", "other", "waits"],
    )
    cookie = day.client.get_cookie("tandem_desk", HOST)
    assert cookie is not None
    grant = server.backend.authorize_floor(f"tandem_desk={cookie.value}", URL)
    assert isinstance(grant, DeskGrant)
    assert grant.team == "day"
    assert server.backend.floor_snapshot("day") == json_of(day.get("/v1/floor"))


def test_another_teams_session_is_closed_to_every_read_and_write(
    server: Server, day: Browser
) -> None:
    ids = stand(server)
    for call, status in {"day": 200, "waits": 200, "night": 403, "other": 403}.items():
        path = f"/v1/sessions/{ids[call]}"
        for read in (path, f"{path}/events", f"{path}/whispers"):
            assert day.get(read).status_code == status, (call, read)
        for mode in ("read", "join"):
            answer = day.post(f"{path}/supervision", {"mode": mode})
            assert answer.status_code == status, (call, mode)
        said = day.post(f"{path}/whispers", {"text": "offer 10 %"}).status_code
        assert said == {"day": 201, "waits": 409}.get(call, 403), "who waits has no agent to tell"
        assert day.post(f"{path}/note", {"note": "x"}).status_code == 403
        assert day.delete(f"{path}/supervision").status_code == (204 if status == 200 else 403)


def pushed(server: Server, kind: str) -> list[tuple[Any, ...]]:
    return [(m, teams, other) for m, teams, other in server.hub.floor_teams if m["kind"] == kind]


def test_open_floors_hear_of_their_teams_sessions_only(server: Server, day: Browser) -> None:
    server.connector.report("1.1", "queued", queue="support", position=1)
    assert pushed(server, "session")[-1][1] is None, "it waits for whichever team"
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")["id"]
    message, teams, otherwise = pushed(server, "session")[-1]
    assert (message["session"]["id"], teams) == (session, {"day"})
    assert otherwise == {"kind": "gone", "id": session}
    server.connector.report("1.1", "active", agent_uri=LI)
    assert pushed(server, "session")[-1][1] == {"night"}


def test_a_transfer_to_another_team_takes_the_supervisor_out(server: Server, day: Browser) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")["id"]
    path = f"/v1/sessions/{session}/supervision"
    token = json_of(day.post(path, {"mode": "join"}))["sync"]["token"]
    assert isinstance(server.backend.authorize_sync(session, token), SyncGrant)
    server.connector.report("1.1", "active", agent_uri=LI)
    assert (session, "supervisor", DAY, 4403) in server.hub.closed
    assert server.backend.authorize_sync(session, token).close_code == 4403  # type: ignore[union-attr]
    assert day.post(path, {"mode": "read"}).status_code == 403
    items = json_of(server.api.get(f"/v1/sessions/{session}/events"))["items"]
    assert [e["new"] for e in items if e["kind"] == "supervisor"] == ["joined", "left"]
    server.connector.report("1.1", "active", agent_uri=WANG)
    assert day.post(path, {"mode": "read"}).status_code == 200, "it is their team's again"


def test_an_agent_who_changes_the_team_takes_their_sessions_along(
    server: Server, day: Browser
) -> None:
    boss = server.desk("root", "sip:root@example.org", admin=True)
    night = server.desk("zhou", NIGHT, supervisor=True, team="night")
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")["id"]
    path = f"/v1/sessions/{session}/supervision"
    token = json_of(day.post(path, {"mode": "read"}))["sync"]["token"]
    wang = next(
        one
        for one in json_of(boss.get("/v1/setup/people?search=wang"))["items"]
        if one["name"] == "wang"
    )
    before = server.hub.renewed
    assert boss.post(f"/v1/setup/people/{wang['id']}", {"team": "night"}).status_code == 200
    assert (session, "supervisor", DAY, 4403) in server.hub.closed
    assert server.hub.renewed == before + 1, "every floor begins with what it may show now"
    assert server.backend.authorize_sync(session, token).close_code == 4403  # type: ignore[union-attr]
    assert floor(server, day) == (["chen"], [])
    assert floor(server, night) == (["li", "wang", "zhou"], ["1.1"])
    assert night.post(path, {"mode": "read"}).status_code == 200


def test_the_floor_knows_who_is_ready_paused_and_wrapping_up(server: Server, day: Browser) -> None:
    wang = server.browser()
    wang.post("/v1/login", {"username": "wang", "password": "correct horse"})
    server.hub.at_desk = {WANG: {"x"}}

    def shown() -> dict[str, Any]:
        agents = json_of(day.get("/v1/floor"))["agents"]
        one: dict[str, Any] = next(agent for agent in agents if agent["name"] == "wang")
        last, teams, _ = pushed(server, "agent")[-1]
        assert (last, teams) == ({"kind": "agent", **one}, {"day"}), "open floors hear the same"
        return one

    wang.post("/v1/desk/state", {"state": "ready"})
    assert (shown()["ready"], shown()["pause"], shown()["wrap_up"]) == (True, None, None)
    wang.post("/v1/desk/state", {"state": "paused", "reason": "lunch"})
    assert (shown()["ready"], shown()["reason"]) == (False, "lunch")
    wang.post("/v1/desk/pause", {"paused": True, "reason": "meeting"})
    now = "2026-11-18T11:06:40.000Z"
    assert shown()["pause"] == {"reason": "meeting", "since": now}
    for command in server.hub.commands:
        result = {"id": command["id"], "status": "failed", "detail": "no member of a queue"}
        server.connector.send(results=[result])
    assert shown()["pause"]["reason"] == "meeting", "the other PBX has not answered yet"
    wang.post("/v1/desk/pause", {"paused": False})
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.1", "ended", cause="hangup")
    assert shown()["wrap_up"] == {"count": 1, "since": now}
    session = server.session_of("1.1")["id"]
    server.clock.turn(60)
    server.housekeeper.round()
    done = wang.post(f"/v1/sessions/{session}/note", {"outcome": "solved", "done": True})
    assert done.status_code == 200
    assert shown()["wrap_up"] is None
