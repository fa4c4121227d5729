"""Supervisors: what stands on their floor, how they come into a session, what they whisper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collab_server.floor import board, whispers
from collab_server.housekeeping import Housekeeper
from collab_server.people import agents
from collab_server.realtime.backend import DeskGrant, SyncGrant
from collab_server.realtime.hub import Present
from tests.server.conftest import ALICE, HOST, LI, START, URL, WANG, Browser, Server, json_of

CHEN = "sip:chen@example.org"


def chen(server: Server) -> Browser:
    return server.desk("chen", CHEN, supervisor=True)


def floor(server: Server, boss: Browser) -> dict[str, Any]:
    answer = boss.get("/v1/floor")
    assert answer.status_code == 200, answer.text
    assert server.backend.floor_snapshot("") == json_of(answer)
    return json_of(answer)


def signs(shown: dict[str, Any]) -> list[str]:
    return [sign["kind"] for sign in shown["signs"]]


def supervise(boss: Browser, session: str, mode: str) -> SyncGrant | Any:
    return boss.post(f"/v1/sessions/{session}/supervision", {"mode": mode})


def events(server: Server, session: str, kind: str) -> list[str]:
    items = json_of(server.api.get(f"/v1/sessions/{session}/events"))["items"]
    return [event["new"] for event in items if event["kind"] == kind]


def supervisors(server: Server, session: str, role: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.backend.sync_view(session, role)["supervisors"]
    return found


# -- the floor ------------------------------------------------------------------------------------


def test_the_floor_shows_everybody_and_what_stands(server: Server) -> None:
    boss = chen(server)
    server.add_agent("wang", WANG)
    server.hub.desks_since = {WANG: START}
    server.connector.report("1.1", "queued", queue="support", position=1)
    server.clock.turn(1)
    server.connector.report("1.2", "active", agent_uri=WANG)
    server.connector.report("1.3", "active", agent_uri=LI)
    server.connector.report("1.3", "ended", cause="hangup")
    shown = floor(server, boss)
    assert [(one["name"], one["uri"], one["desk"]) for one in shown["agents"]] == [
        ("chen", CHEN, None),
        ("wang", WANG, "2026-11-18T11:06:40.000Z"),
    ]
    assert [s["state"] for s in shown["sessions"]] == ["queued", "inviting"]


def test_an_open_floor_hears_of_each_session_that_changes(server: Server) -> None:
    server.connector.report("1.1", "queued", queue="support", position=1)
    (told,) = [m for m in server.hub.floor if m["kind"] == "session"][-1:]
    assert (told["session"]["state"], signs(told["session"])) == ("queued", ["waiting"])


def view(**changes: Any) -> dict[str, Any]:
    at = "2026-11-18T11:06:40.000Z"
    away = {"connected": False, "since": at, "joined": True}
    whole = {
        "state": "active",
        "created": at,
        "since": at,
        "held": False,
        "held_since": None,
        "presence": {"user": {"connected": True, "since": at, "joined": True}},
        "invitation": {"user": {"state": "joined"}},
        "consent": {"state": "given", "since": at},
    }
    if changes.pop("away", False):
        whole["presence"] = {"user": away}
    if changes.pop("failed", False):
        whole["presence"] = {"user": away | {"joined": False, "since": None}}
        whole["invitation"] = {"user": {"state": "failed"}}
    return whole | changes


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, []),
        ({"state": "requested"}, ["waiting"]),
        ({"state": "queued"}, ["waiting"]),
        ({"state": "suspended"}, ["no_agent"]),
        ({"away": True}, ["caller_away"]),
        ({"failed": True, "state": "inviting"}, ["invitation_failed"]),
        ({"held": True, "held_since": "2026-11-18T11:06:40.000Z"}, ["held"]),
        ({"consent": {"state": "asked", "since": "2026-11-18T11:06:40.000Z"}}, ["no_consent"]),
        ({"consent": {"state": "refused", "since": "2026-11-18T11:06:40.000Z"}}, ["refused"]),
    ],
)
def test_what_is_out_of_the_ordinary(changes: dict[str, Any], kinds: list[str]) -> None:
    shown = board.entry(view(**changes))
    assert signs(shown) == kinds
    for sign in shown["signs"]:
        ends = START + board.LASTS[sign["kind"]]
        assert board.due(shown, ends) == ends
        assert board.due(shown, ends - 1) == float("inf")


def test_what_is_out_of_the_ordinary_longest_comes_first(server: Server) -> None:
    boss = chen(server)
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.2", "queued", queue="support", position=1)
    server.clock.turn(30)
    server.connector.report("1.3", "active", agent_uri=LI, held=True)
    order = [server.session_of(call)["id"] for call in ("1.1", "1.2", "1.3")]
    assert [s["id"] for s in floor(server, boss)["sessions"]] == order, "nothing is, yet: by age"
    server.clock.turn(31)
    first, *_ = floor(server, boss)["sessions"]
    assert (first["id"], signs(first)) == (order[1], ["waiting"])
    server.clock.turn(60)
    assert [signs(s) for s in floor(server, boss)["sessions"]] == [["waiting"], ["held"], []]


def test_the_floors_socket_wants_a_supervisor(server: Server) -> None:
    for name, uri, supervisor in (("wang", WANG, False), ("chen", CHEN, True)):
        browser = server.desk(name, uri, supervisor=supervisor)
        cookie = browser.client.get_cookie("tandem_desk", HOST)
        assert cookie is not None
        answer = server.backend.authorize_floor(f"tandem_desk={cookie.value}", URL)
        if supervisor:
            assert isinstance(answer, DeskGrant)
        else:
            assert not isinstance(answer, DeskGrant)
            assert answer.close_code == 4403
    assert server.backend.authorize_floor("", URL).status == 401  # type: ignore[union-attr]


# -- in a session ---------------------------------------------------------------------------------


def test_a_supervisor_reads_joins_and_leaves_on_record(server: Server) -> None:
    boss = chen(server)
    session = server.establish()["id"]
    joined = json_of(supervise(boss, session, "read"))
    token = joined["sync"]["token"]
    assert joined["role"] == "supervisor"
    grant = server.backend.authorize_sync(session, token)
    assert isinstance(grant, SyncGrant)
    assert (grant.person.role, grant.person.uri, grant.sight) == ("supervisor", CHEN, "read")
    supervise(boss, session, "read")
    supervise(boss, session, "join")
    assert server.hub.sights[-1][1]["supervisor", CHEN] == "all"
    assert server.session(session)["state"] == "inviting", "a supervisor is neither side"
    assert boss.delete(f"/v1/sessions/{session}/supervision").status_code == 204
    assert boss.delete(f"/v1/sessions/{session}/supervision").status_code == 204
    assert server.hub.closed == [(session, "supervisor", CHEN, 4403)]
    assert server.backend.authorize_sync(session, token).close_code == 4403  # type: ignore[union-attr]
    assert events(server, session, "supervisor") == ["reading", "joined", "left"]
    supervise(boss, session, "read")
    again = server.backend.authorize_sync(session, token)
    assert isinstance(again, SyncGrant)
    assert again.sight == "read", "who comes back begins by reading"


def test_a_supervisor_sees_no_more_than_the_user_agreed_to(server: Server) -> None:
    boss = chen(server)
    session = server.establish(call={"pbx": "hq", "id": "1.1"})
    server.browser().open(session["user"]["join_url"])
    supervise(boss, session["id"], "join")
    server.connector.report("1.1", "active", agent_uri=LI)
    assert server.hub.sights[-1][1]["supervisor", CHEN] == "none"


def test_the_user_is_told_who_is_there_as_configured(start: Callable[..., Server]) -> None:
    for disclose, reading in (("always", [{"uri": CHEN, "joined": False}]), ("joined", [])):
        server = start(disclose=disclose)
        boss = server.browser()
        if disclose == "always":
            boss = chen(server)
        else:
            boss.post("/v1/login", {"username": "chen", "password": "correct horse"})
        session = server.establish()["id"]
        supervise(boss, session, "read")
        assert supervisors(server, session, "user") == [], "they have not opened it yet"
        server.hub.present = [Present("supervisor", CHEN, "chen", START)]
        assert supervisors(server, session, "user") == reading
        assert supervisors(server, session, "agent") == [{"uri": CHEN, "joined": False}]
        supervise(boss, session, "join")
        assert supervisors(server, session, "user") == [{"uri": CHEN, "joined": True}]


def test_the_join_page_can_say_how_supervisors_are_disclosed(server: Server) -> None:
    token = server.establish()["user"]["join_url"].partition("#")[2]
    look = json_of(server.browser().post("/v1/join/look", {"token": token}))
    assert look["disclose"] == "always"


def test_nobody_supervises_what_they_serve_or_what_is_over(server: Server) -> None:
    boss = chen(server)
    own = server.establish(agent_uri=CHEN)["id"]
    assert supervise(boss, own, "read").status_code == 409
    other = server.establish()["id"]
    server.api.post(f"/v1/sessions/{other}/end", {})
    assert supervise(boss, other, "read").status_code == 200, "within the grace"
    server.clock.turn(31)
    for answer in (
        supervise(boss, other, "read"),
        boss.post(f"/v1/sessions/{other}/whispers", {"text": "x"}),
    ):
        assert (answer.status_code, json_of(answer)["why"]) == (410, "ended")
    assert supervise(boss, "nothing", "read").status_code == 404
    assert supervise(boss, other, "shout").status_code == 422


def test_a_supervisor_who_logs_out_or_is_removed_is_out(server: Server) -> None:
    boss = chen(server)
    session = server.establish()["id"]
    token = json_of(supervise(boss, session, "join"))["sync"]["token"]
    boss.post("/v1/logout", {})
    assert server.hub.closed == [(session, "supervisor", CHEN, 4401)]
    boss.post("/v1/login", {"username": "chen", "password": "correct horse"})
    cookie = boss.client.get_cookie("tandem_desk", HOST)
    assert cookie is not None
    server.backend.authorize_desk(f"tandem_desk={cookie.value}", URL)
    server.hub.closed.clear()
    with server.database.write() as work:
        agents.remove(work, "chen")
    Housekeeper(server.services).round()
    assert (session, "supervisor", CHEN, 4401) in server.hub.closed
    assert server.backend.authorize_sync(session, token).close_code == 4403  # type: ignore[union-attr]


# -- whispers -------------------------------------------------------------------------------------


def test_a_whisper_reaches_the_agent_alone(server: Server) -> None:
    boss, wang = chen(server), server.desk("wang", WANG)
    li = server.desk("li", LI)
    session = server.establish(call={"pbx": "hq", "id": "1.1"})
    user = server.browser()
    user.open(session["user"]["join_url"])
    path = f"/v1/sessions/{session['id']}/whispers"
    said = boss.post(path, {"text": "offer 10 %"})
    assert said.status_code == 201
    assert server.hub.views[-1][1]["agent"]["whispers"] == 1
    assert "whispers" not in server.hub.views[-1][1]["user"]
    whisper = {
        "n": 1,
        "at": "2026-11-18T11:06:40.000Z",
        "by": {"uri": CHEN},
        "to": {"uri": WANG},
        "text": "offer 10 %",
    }
    assert json_of(said) == whisper
    assert json_of(wang.get(path))["items"] == json_of(boss.get(path))["items"] == [whisper]
    assert json_of(wang.get(f"{path}?after=1"))["items"] == []
    assert [user.get(path).status_code, li.get(path).status_code] == [403, 403]
    server.connector.report("1.1", "active", agent_uri=LI)
    assert json_of(li.get(path))["items"] == [], "it was for the agent before"
    assert wang.get(path).status_code == 403
    assert ALICE not in str(json_of(boss.get(path)))


def test_whispers_are_bounded_and_need_an_agent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = chen(server)
    monkeypatch.setattr(whispers, "MAX_WHISPERS", 2)
    path = f"/v1/sessions/{server.establish()['id']}/whispers"
    for bad in ("", "x" * (whispers.MAX_TEXT + 1), "a\x07b"):
        assert boss.post(path, {"text": bad}).status_code == 422
    assert [boss.post(path, {"text": "x"}).status_code for _ in range(3)] == [201, 201, 409]
    server.connector.report("2.1", "queued", queue="support", position=1)
    path = f"/v1/sessions/{server.session_of('2.1')['id']}/whispers"
    assert boss.post(path, {"text": "x"}).status_code == 409
