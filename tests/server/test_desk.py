"""The agent's log-in and desk."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from werkzeug.test import Cookie, TestResponse

from collab_server.http import cookies
from collab_server.people import agents
from collab_server.realtime.hub import Present
from collab_server.sessions import history
from tests.server.conftest import ALICE, HOST, LI, START, URL, WANG, Browser, Server, json_of


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that try many passwords."""
    monkeypatch.setattr(agents, "_hasher", PasswordHasher(1, 8, 1))
    monkeypatch.setattr(agents, "_decoy", [])


def test_an_agent_logs_in_and_out(server: Server) -> None:
    browser = server.desk("wang", WANG)
    me = json_of(browser.get("/v1/me"))
    roles = {"admin": False, "supervisor": False, "team": ""}
    assert me["agent"] == {"name": "wang", "uri": WANG, "display_name": ""} | roles
    assert browser.get("/v1/desk").status_code == 200
    assert browser.post("/v1/logout", {}).status_code == 204
    assert json_of(browser.get("/v1/me"))["agent"] is None
    assert browser.get("/v1/desk").status_code == 401
    assert len(server.hub.signed_out) == 1


def test_a_log_out_closes_the_documents_that_were_open_too(server: Server) -> None:
    browser = server.desk("wang", WANG)
    mine = server.establish(agent_uri=WANG)["id"]
    server.establish(agent_uri=LI)
    browser.post("/v1/logout", {})
    assert server.hub.closed == [(mine, "agent", WANG, 4401)]


def test_nobody_is_told_which_of_name_and_password_was_wrong(server: Server) -> None:
    server.add_agent("wang", WANG)
    browser = server.browser()
    wrong = browser.post("/v1/login", {"username": "wang", "password": "wrong horse"})
    unknown = browser.post("/v1/login", {"username": "zhang", "password": "wrong horse"})
    assert (wrong.status_code, wrong.text) == (unknown.status_code, unknown.text)
    assert wrong.status_code == 401


def test_an_unknown_name_costs_as_much_work_as_a_wrong_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_agent("wang", WANG)
    hasher = agents._hasher
    parameters: list[str] = []

    class Recording:
        hash = staticmethod(hasher.hash)

        def verify(self, stored: str, password: str) -> bool:
            parameters.append(stored.rpartition("$")[0].rpartition("$")[0])
            return hasher.verify(stored, password)

    monkeypatch.setattr(agents, "_hasher", Recording())
    for name in ("wang", "zhang"):
        server.browser().post("/v1/login", {"username": name, "password": "wrong horse"})
    assert len(parameters) == 2
    assert parameters[0] == parameters[1] != ""


def test_wrong_passwords_are_slowed_down_for_the_name_where_they_come_from(
    start: Callable[..., Server],
) -> None:
    server = start(trusted_proxies=["127.0.0.1"])
    server.add_agent("wang", WANG)
    browser = server.browser()

    def log_in(password: str, address: str) -> int:
        body = {"username": "wang", "password": password}
        answer = browser.post("/v1/login", body, **{"X-Forwarded-For": address})
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) >= 1
        return answer.status_code

    assert [log_in("wrong horse", "192.0.2.1") for _ in range(9)] == [401] * 8 + [429]
    assert log_in("correct horse", "192.0.2.1") == 429
    assert log_in("correct horse", "192.0.2.2") == 200


@pytest.mark.usefixtures("cheap_hashes")
def test_strangers_cannot_lock_an_agent_out_of_a_browser_they_know(
    start: Callable[..., Server],
) -> None:
    server = start(trusted_proxies=["127.0.0.1"])
    for name, uri in (("wang", WANG), ("li", LI)):
        server.add_agent(name, uri)
    known, new = server.browser(), server.browser()

    def log_in(browser: Browser, password: str, address: str, name: str = "wang") -> TestResponse:
        body = {"username": name, "password": password}
        return browser.post("/v1/login", body, **{"X-Forwarded-For": address})

    assert log_in(known, "correct horse", "192.0.2.1").status_code == 200
    assert log_in(known, "correct horse", "192.0.2.1", "li").status_code == 200
    for name in ("wang", "nobody"):  # 30 addresses guess: after 50 wrong passwords none may go on
        guesses = [
            log_in(server.browser(), "wrong horse", f"198.51.100.{place}", name)
            for place in range(30)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in guesses] == [401] * 50 + [429] * 10
    refused = log_in(new, "correct horse", "192.0.2.1")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 15 * 60
    assert "for this name" in json_of(refused)["detail"]
    assert log_in(known, "correct horse", "198.51.100.1").status_code == 200, "wherever it is"
    assert log_in(new, "correct horse", "192.0.2.1", "li").status_code == 200, "another name"
    # Who has logged in as one agent is a stranger to the other's name.
    assert log_in(new, "correct horse", "192.0.2.1").status_code == 429


@pytest.mark.usefixtures("cheap_hashes")
def test_a_known_browser_has_a_limit_of_its_own(start: Callable[..., Server]) -> None:
    server = start(trusted_proxies=["127.0.0.1"])
    server.add_agent("wang", WANG)
    known, other, new = server.browser(), server.browser(), server.browser()

    def log_in(browser: Browser, password: str, address: str) -> int:
        body = {"username": "wang", "password": password}
        return browser.post("/v1/login", body, **{"X-Forwarded-For": address}).status_code

    for browser in (known, other):
        assert log_in(browser, "correct horse", "192.0.2.1") == 200
    tries = [log_in(known, "wrong horse", f"192.0.2.{n}") for n in range(9)]
    assert tries == [401] * 8 + [429]
    assert log_in(known, "correct horse", "192.0.2.1") == 429
    assert log_in(other, "correct horse", "192.0.2.1") == 200
    assert log_in(new, "correct horse", "192.0.2.1") == 200


@pytest.mark.usefixtures("cheap_hashes")
def test_one_address_has_a_limit_over_all_names(server: Server) -> None:
    bodies = [{"username": f"agent{n}", "password": "wrong horse"} for n in range(31)]
    statuses = [server.browser().post("/v1/login", body).status_code for body in bodies]
    assert statuses == [401] * 30 + [429]


@pytest.mark.usefixtures("cheap_hashes")
@pytest.mark.parametrize("how", ["forged", "of another agent", "too old", "of an old password"])
def test_a_browser_without_a_good_device_cookie_is_a_stranger(server: Server, how: str) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    good = _device(server, wang, "wang")
    shown = {
        "forged": good.value[:-3] + "abc",
        "of another agent": _device(server, li, "li").value,
    }.get(how, good.value)
    if how == "too old":
        server.clock.turn(180 * 24 * 3600 + 1)
    if how == "of an old password":
        with server.database.write() as work:
            agents.remove(work, "wang")
        server.add_agent("wang", WANG)
    body = {"username": "wang", "password": "wrong horse"}
    guesser, rightful = server.browser(), server.browser()
    guesser.client.set_cookie(good.key, shown, domain=HOST, path="/v1/login")
    assert [guesser.post("/v1/login", body).status_code for _ in range(9)] == [401] * 8 + [429]
    # What it got wrong has counted for the name at this address, as a stranger's does.
    answer = rightful.post("/v1/login", body | {"password": "correct horse"})
    assert answer.status_code == 429


def test_the_device_cookie_goes_to_the_log_in_alone_and_outlives_it(
    start: Callable[..., Server],
) -> None:
    server = start(url="https://tandem.example.org")
    server.add_agent("wang", WANG)
    answer = server.app.test_client().post(
        "/v1/login",
        json={"username": "wang", "password": "correct horse"},
        base_url="https://tandem.example.org",
    )
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if "device" in c)
    assert cookie.startswith("__Secure-tandem_device_")
    wanted = {"Secure", "HttpOnly", "SameSite=Strict", "Path=/v1/login", "Max-Age=15552000"}
    assert wanted <= set(cookie.split("; "))
    assert "wang" not in cookie


def test_a_log_out_forgets_no_device(server: Server) -> None:
    browser = server.desk("wang", WANG)
    before = _device(server, browser, "wang").value
    browser.post("/v1/logout", {})
    assert _device(server, browser, "wang").value == before


def _device(server: Server, browser: Browser, name: str) -> Cookie:
    """The cookie that marks the browser as one this agent has used."""
    key = cookies.device_name(server.services.settings, name)
    cookie = browser.client.get_cookie(key, HOST, "/v1/login")
    assert cookie is not None
    return cookie


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "username"),
        ({"username": "wang"}, "password"),
        ({"username": "", "password": "x"}, "username"),
        ({"username": "wang", "password": "x" * 2_000}, "password"),
        ({"username": ["wang"], "password": "x"}, "username"),
    ],
)
def test_a_log_in_out_of_shape_names_the_field(
    server: Server, body: dict[str, object], field: str
) -> None:
    answer = server.browser().post("/v1/login", body)
    assert (answer.status_code, json_of(answer)["field"]) == (422, field)


def test_a_log_in_from_another_sites_page_is_refused(server: Server) -> None:
    server.add_agent("wang", WANG)
    answer = server.browser().post(
        "/v1/login",
        {"username": "wang", "password": "correct horse"},
        Origin="https://evil.example",
    )
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_the_desks_cookie_is_strict_and_carries_no_name(start: Callable[..., Server]) -> None:
    server = start(url="https://tandem.example.org")
    server.add_agent("wang", WANG)
    answer = server.app.test_client().post(
        "/v1/login",
        json={"username": "wang", "password": "correct horse"},
        base_url="https://tandem.example.org",
    )
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if "desk" in c)
    assert cookie.startswith("__Host-tandem_desk=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "wang" not in cookie


def test_a_log_in_ends_after_a_working_day(server: Server) -> None:
    browser = server.desk("wang", WANG)
    server.clock.turn(12 * 3600 + 1)
    assert browser.get("/v1/desk").status_code == 401


def test_a_removed_agent_is_signed_out_and_out_of_the_document(server: Server) -> None:
    browser = server.desk("wang", WANG)
    session = server.establish()
    cookie = browser.client.get_cookie("tandem_desk", "127.0.0.1")
    assert cookie is not None
    grant = server.backend.authorize_desk(f"a=b; tandem_desk={cookie.value}", URL)
    assert grant.agent_uri == WANG
    server.housekeeper.round()
    assert server.hub.signed_out == []
    with server.database.write() as work:
        agents.remove(work, "wang")
    assert browser.get("/v1/desk").status_code == 401
    server.housekeeper.round()
    assert server.hub.signed_out == [grant.login_id]
    assert server.hub.closed == [(session["id"], "agent", WANG, 4401)]
    server.housekeeper.round()
    assert len(server.hub.signed_out) == 1


def test_the_desks_socket_wants_cookie_and_origin(server: Server) -> None:
    browser = server.desk("wang", WANG)
    cookie = browser.client.get_cookie("tandem_desk", "127.0.0.1")
    assert cookie is not None
    header = f"tandem_desk={cookie.value}"
    authorize = server.backend.authorize_desk
    assert authorize(header, None).status == 403
    assert authorize(header, "https://evil.example").status == 403
    assert authorize("", URL).status == 401
    assert authorize("tandem_desk=x", URL).status == 401
    assert authorize('broken="; \x00', URL).status == 401
    assert authorize(header, URL).agent_uri == WANG


def test_a_session_stands_on_the_desk_of_its_agent(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    server.connector.report("1.1", "active", agent_uri=WANG)
    desk = json_of(wang.get("/v1/desk"))
    assert desk["agent"]["uri"] == WANG
    (view,) = desk["current"]
    assert view["user"] == {"uri": ALICE}
    assert view["call"] == {"pbx": "hq", "id": "1.1"}
    assert view["invitation"]["user"]["state"] == "pending"
    assert (desk["waiting"], desk["recent"]) == ([], [])
    assert json_of(li.get("/v1/desk"))["current"] == []
    assert server.backend.desk_snapshot(WANG) == desk


def test_who_waits_is_seen_by_all_desks_as_it_comes_and_goes(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    server.connector.report("1.1", "queued", queue="support", position=1)
    for browser in (wang, li):
        (view,) = json_of(browser.get("/v1/desk"))["waiting"]
        assert (view["state"], view["queue"], view["position"]) == ("queued", "support", 1)
    assert {uri for uri, _ in server.hub.desks} == {WANG, LI}
    server.hub.desks.clear()
    server.connector.report("1.1", "active", agent_uri=WANG)
    told = {uri: message for uri, message in server.hub.desks if message["kind"] != "calls"}
    assert told[WANG]["session"]["state"] == "inviting"
    assert told[LI] == {"kind": "gone", "id": server.session_of("1.1")["id"]}
    server.hub.desks.clear()
    server.connector.report("1.1", "active", agent_uri=WANG, held=True)
    assert {uri for uri, _ in server.hub.desks} == {WANG}


def test_the_desk_opens_a_session_and_the_agent_is_in(server: Server) -> None:
    browser = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    joined = json_of(browser.post(f"/v1/sessions/{session['id']}/token", {}))
    assert joined["role"] == "agent"
    server.browser().open(session["user"]["join_url"])
    assert server.session(session["id"])["state"] == "active"
    assert any("opened it at the desk" in item["text"] for item in server.trace("1.1")["items"])


def test_another_agents_session_is_closed_to_the_desk(server: Server) -> None:
    li = server.desk("li", LI)
    path = f"/v1/sessions/{server.establish()['id']}"
    assert li.get(path).status_code == 403
    for action in ("token", "end", "note"):
        assert li.post(f"{path}/{action}", {}).status_code == 403
    assert li.post(f"{path}/invitations", {"role": "user"}).status_code == 403


def test_the_agent_reads_out_the_users_link_but_never_sees_the_own(server: Server) -> None:
    browser = server.desk("wang", WANG)
    session = server.establish()
    path = f"/v1/sessions/{session['id']}"
    shown = json_of(browser.get(path))
    assert shown["user"]["join_url"] == session["user"]["join_url"]
    assert shown["agent"]["join_url"] is None
    made = browser.post(f"{path}/invitations", {"role": "user"})
    assert made.status_code == 201
    assert json_of(made)["join_url"] != session["user"]["join_url"]
    assert browser.post(f"{path}/invitations", {"role": "agent"}).status_code == 403


def test_after_a_transfer_the_old_agent_reads_and_does_nothing_else(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    path = f"/v1/sessions/{session['id']}"
    token = json_of(wang.post(f"{path}/token", {}))["sync"]["token"]
    server.connector.report("1.1", "active", agent_uri=LI)
    assert server.backend.authorize_sync(session["id"], token).status == 409
    refused = wang.post(f"{path}/token", {})
    assert (refused.status_code, json_of(refused)["why"]) == (410, "revoked")
    assert wang.post(f"{path}/end", {}).status_code == 410
    assert json_of(wang.get(path))["user"]["join_url"] is None
    assert wang.post(f"{path}/invitations", {"role": "user"}).status_code == 410
    assert [view["id"] for view in json_of(wang.get("/v1/desk"))["recent"]] == [session["id"]]
    assert [view["id"] for view in json_of(li.get("/v1/desk"))["current"]] == [session["id"]]
    assert li.post(f"{path}/token", {}).status_code == 200
    assert {uri for uri, _ in server.hub.desks} >= {WANG, LI}


def test_the_note_is_of_the_agent_of_now_and_of_the_last_one_after_the_end(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")["id"]
    path = f"/v1/sessions/{session}/note"

    def shown(browser: Browser) -> dict[str, object]:
        desk = json_of(browser.get("/v1/desk"))
        lists = desk["current"] + desk["wrap_up"] + desk["recent"]
        views = {view["id"]: view for view in lists}
        wrap_up: dict[str, object] = views[session]["wrap_up"]
        return wrap_up

    first: dict[str, object] = {"note": "wants Li", "outcome": "", "done": False}
    assert json_of(wang.post(path, first)) == first
    server.connector.report("1.1", "active", agent_uri=LI)
    refused = wang.post(path, {"note": "mine again", "outcome": "other"})
    assert refused.status_code == 403
    assert (json_of(refused)["type"], json_of(refused)["why"]) == (
        "urn:tandem:problem:forbidden",
        "revoked",
    )
    assert LI in json_of(refused)["detail"]
    assert shown(wang) == shown(li) == first, "the one before reads it"
    second: dict[str, object] = first | {"note": "wants Li: policy sent", "outcome": "solved"}
    assert json_of(li.post(path, second)) == second
    server.connector.report("1.1", "ended", cause="hangup")
    server.clock.turn(3600)
    server.housekeeper.round()
    assert wang.post(path, {"note": "after all"}).status_code == 403
    third = second | {"outcome": "follow_up"}
    assert json_of(li.post(path, third)) == third
    assert shown(wang) == shown(li) == third


def test_who_gets_the_session_back_gets_its_note_back(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    for agent in (WANG, LI, WANG):
        server.connector.report("1.1", "active", agent_uri=agent)
    server.connector.report("1.1", "suspended")
    path = f"/v1/sessions/{server.session_of('1.1')['id']}/note"
    assert wang.post(path, {"note": "x"}).status_code == 200
    assert li.post(path, {"note": "y"}).status_code == 403


def test_an_ended_session_is_held_out_until_its_wrap_up_is_done(server: Server) -> None:
    browser = server.desk("wang", WANG)
    session = server.establish()
    ended = json_of(browser.post(f"/v1/sessions/{session['id']}/end", {}))
    assert (ended["state"], ended["reason"]) == ("ended", "agent")
    assert len(json_of(browser.get("/v1/desk"))["current"]) == 1, "until grace is over"
    server.clock.turn(31)
    server.housekeeper.round()
    desk = json_of(browser.get("/v1/desk"))
    assert (desk["current"], len(desk["wrap_up"]), desk["recent"]) == ([], 1, [])
    path = f"/v1/sessions/{session['id']}/note"
    assert json_of(browser.post(path, {"note": "x"}))["done"] is False
    assert len(json_of(browser.get("/v1/desk"))["wrap_up"]) == 1
    assert json_of(browser.post(path, {"note": "x", "done": True}))["done"] is True
    desk = json_of(browser.get("/v1/desk"))
    assert (desk["wrap_up"], len(desk["recent"])) == ([], 1)
    assert json_of(browser.post(path, {"note": "more"}))["done"] is True, "it stays done"


def test_a_wrap_up_is_not_done_before_the_end_and_not_held_out_for_ever(server: Server) -> None:
    browser = server.desk("wang", WANG)
    session = server.establish()
    path = f"/v1/sessions/{session['id']}"
    assert browser.post(f"{path}/note", {"note": "x", "done": True}).status_code == 409
    assert server.session(session["id"])["state"] == "inviting"
    browser.post(f"{path}/end", {})
    server.clock.turn(11 * 3600)
    server.housekeeper.round()
    assert len(json_of(browser.get("/v1/desk"))["wrap_up"]) == 1
    server.clock.turn(3600)
    again = server.browser()
    again.post("/v1/login", {"username": "wang", "password": "correct horse"})
    desk = json_of(again.get("/v1/desk"))
    assert (desk["wrap_up"], len(desk["recent"])) == ([], 1)


def test_an_agent_without_a_log_in_is_said_so_in_the_trace(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    texts = [item["text"] for item in server.trace("1.1")["items"]]
    assert any(f"nobody may log in at the desk as {WANG}" in text for text in texts)


def test_calls_and_traces_are_for_administrators(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    wang, admin = server.desk("wang", WANG), server.desk("boss", LI, admin=True)
    for path in ("/v1/calls", "/v1/calls/hq/1.1/trace"):
        assert wang.get(path).status_code == 403
        assert admin.get(path).status_code == 200


def test_presence_says_since_when(server: Server) -> None:
    session = server.establish()
    server.browser().open(session["user"]["join_url"])
    server.hub.present = [Present("user", ALICE, "alice", START + 5)]
    server.backend.connected(session["id"], "user", ALICE)
    shown = server.hub.views[-1][1]["agent"]["presence"]["user"]
    assert shown == {"connected": True, "since": "2026-11-18T11:06:45.000Z", "joined": True}
    server.hub.present = []
    server.clock.turn(40)
    server.backend.disconnected(session["id"], "user", ALICE)
    shown = server.hub.views[-1][1]["agent"]["presence"]["user"]
    assert (shown["connected"], shown["since"]) == (False, "2026-11-18T11:07:20.000Z")


def test_the_users_view_holds_nothing_of_the_agents(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    views = server.hub.views[-1][1]
    assert views["agent"].keys() - views["user"].keys() == {
        "call",
        "held_since",
        "invitation",
        "screen_pop",
        "whispers",
        "wrap_up",
    }


def test_an_agent_has_a_bounded_number_of_log_ins(server: Server) -> None:
    first = server.desk("wang", WANG)
    with server.database.read() as db:
        agent = agents.everybody(db)[0]
    for _ in range(agents.MAX_LOGINS):
        server.clock.turn(1)
        with server.database.write() as work:
            agents.log_in(work, agent)
    assert first.get("/v1/desk").status_code == 401


def test_many_log_ins_at_once_leave_threads_for_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = server.desk("wang", WANG)
    monkeypatch.setattr(agents, "_under_way", threading.BoundedSemaphore(1))
    with agents._taken(agents._under_way, 0):
        answer = server.browser().post("/v1/login", {"username": "wang", "password": "x"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        body = {"username": "wang", "password": "correct horse"}
        assert known.post("/v1/login", body).status_code == 200, "strangers take no place of theirs"
    assert server.browser().post("/v1/login", body).status_code == 200


def test_the_history_is_not_for_another_agent_who_holds_the_users_link(server: Server) -> None:
    server.desk("wang", WANG)
    session = server.establish()
    li = server.desk("li", LI)
    li.open(session["user"]["join_url"])
    path = f"/v1/sessions/{session['id']}"
    assert li.get(path).status_code == 200
    assert li.get(f"{path}/events").status_code == 403


def test_a_page_that_comes_and_goes_does_not_use_up_the_trace(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")["id"]
    for _ in range(history.MAX_LINES // 2):
        server.backend.connected(session, "user", ALICE)
        server.backend.disconnected(session, "user", ALICE)
    server.connector.report("1.1", "ended", cause="hangup")
    items = server.trace("1.1")["items"]
    assert items[-1]["text"] == "session ended: hangup"
    assert len(items) < history.MAX_LINES
