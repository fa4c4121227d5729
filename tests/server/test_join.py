"""Join links: exchanged once, for one session, one role, one URI; and the browser that did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.server.conftest import ALICE, HOST, LI, URL, WANG, Server, json_of, token_of


def test_a_link_is_exchanged_for_a_way_into_the_document(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    answer = browser.post("/v1/join", {"token": token_of(session["user"]["join_url"])})
    joined = json_of(answer)
    assert answer.status_code == 200
    assert (joined["session"], joined["role"], joined["type"]) == (session["id"], "user", "form")
    assert joined["sync"]["url"] == "ws://127.0.0.1:8080/v1/sync"
    assert joined["sync"]["room"] == session["id"]
    grant = server.backend.authorize_sync(session["id"], joined["sync"]["token"])
    assert (grant.person.role, grant.person.uri, grant.person.name) == ("user", ALICE, "alice")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    start: Callable[..., Server],
) -> None:
    server = start(url="https://tandem.example.org")
    session = server.establish()
    token = session["user"]["join_url"].partition("#")[2]
    answer = server.app.test_client().post(
        "/v1/join", json={"token": token}, base_url="https://tandem.example.org"
    )
    cookies = answer.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert any(f"Path=/v1/sessions/{session['id']}" in cookie for cookie in cookies)


def test_a_link_opens_once(server: Server) -> None:
    link = server.establish()["user"]["join_url"]
    server.browser().open(link)
    again = server.browser().post("/v1/join", {"token": token_of(link)})
    assert (again.status_code, json_of(again)["why"]) == (410, "used")


def test_a_link_that_was_used_names_the_session_so_that_its_browser_finds_back(
    server: Server,
) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["user"]["join_url"])
    again = browser.post("/v1/join", {"token": token_of(session["user"]["join_url"])})
    assert json_of(again)["session"] == session["id"]
    assert browser.post(f"/v1/sessions/{session['id']}/token", {}).status_code == 200


def test_a_clients_attributes_are_not_for_the_users_browser(server: Server) -> None:
    session = server.establish(attributes={"credit": "poor"})
    user, agent = server.browser(), server.browser()
    user.open(session["user"]["join_url"])
    agent.open(session["agent"]["join_url"])
    path = f"/v1/sessions/{session['id']}"
    assert json_of(user.get(path))["attributes"] == {}
    assert json_of(agent.get(path))["attributes"] == {"credit": "poor"}


def test_looking_at_a_link_does_not_use_it(server: Server) -> None:
    link = server.establish()["user"]["join_url"]
    browser = server.browser()
    for _ in range(2):
        seen = browser.post("/v1/join/look", {"token": token_of(link)})
        assert seen.status_code == 200
    shown = json_of(seen)
    assert (shown["role"], shown["type"], shown["agent"]) == ("user", "form", {"uri": WANG})
    assert shown["word"]
    joined = browser.open(link)
    view = server.backend.sync_view(joined["session"], "user")
    assert view["word"] == shown["word"], "both sides compare it"


def test_a_link_that_is_none_is_refused(server: Server) -> None:
    good = token_of(server.establish()["user"]["join_url"])
    for token in ("x", good[:-1], good[1:], good.swapcase(), good.replace(".", "..", 1)):
        assert server.browser().post("/v1/join", {"token": token}).status_code == 401
    assert server.browser().post("/v1/join", {"token": good}).status_code == 200


def test_a_link_signed_with_another_secret_is_refused(start: Callable[..., Server]) -> None:
    one = start()
    token = token_of(one.establish()["user"]["join_url"])
    other = start(secret="another secret, just as long")
    assert other.browser().post("/v1/join", {"token": token}).status_code == 401


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": 1}, {"token": "x" * 2_000}])
def test_a_body_without_a_token_is_refused(server: Server, body: dict[str, object]) -> None:
    answer = server.browser().post("/v1/join", body)
    assert (answer.status_code, json_of(answer)["field"]) == (422, "token")


def test_a_link_grows_too_old(server: Server) -> None:
    link = server.establish()["user"]["join_url"]
    server.clock.turn(24 * 3600 + 1)
    answer = server.browser().post("/v1/join", {"token": token_of(link)})
    assert (answer.status_code, json_of(answer)["why"]) == (410, "expired")


def test_guessing_is_slowed_down_and_shuts_nobody_out(server: Server) -> None:
    link = server.establish()["user"]["join_url"]
    browser = server.browser()
    statuses = [browser.post("/v1/join", {"token": f"guess{n}"}).status_code for n in range(21)]
    assert statuses == [401] * 20 + [429]
    refused = browser.post("/v1/join/look", {"token": "guess"})
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert server.browser().open(link), "who has a link comes in from the same address"


def test_a_guess_does_not_take_the_writers_turn(server: Server) -> None:
    with server.services.write():
        assert server.browser().post("/v1/join", {"token": "guess"}).status_code == 401


def test_behind_a_trusted_proxy_one_guesser_does_not_stop_the_others(
    start: Callable[..., Server],
) -> None:
    server = start(trusted_proxies=["127.0.0.1"])
    browser = server.browser()
    for n in range(25):
        last = browser.post("/v1/join", {"token": f"g{n}"}, **{"X-Forwarded-For": "192.0.2.1"})
    assert last.status_code == 429
    other = browser.post("/v1/join", {"token": "g"}, **{"X-Forwarded-For": "192.0.2.2"})
    assert other.status_code == 401


@pytest.mark.parametrize(
    ("guesser", "same", "other"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("192.0.2.1:40001", "192.0.2.1:40002", "192.0.2.2:40001"),
        ("[2001:db8:1::1]:40001", "2001:db8:1::2", "[2001:db8:2::1]:40001"),
    ],
)
def test_an_address_is_one_place_however_the_proxy_writes_it(
    start: Callable[..., Server], guesser: str, same: str, other: str
) -> None:
    server = start(trusted_proxies=["127.0.0.1"])
    browser = server.browser()
    for n in range(20):
        browser.post("/v1/join", {"token": f"g{n}"}, **{"X-Forwarded-For": guesser})
    status = {
        place: browser.post("/v1/join", {"token": "g"}, **{"X-Forwarded-For": place}).status_code
        for place in (same, other)
    }
    assert status == {same: 429, other: 401}


def test_without_a_trusted_proxy_the_header_changes_nothing_and_that_is_said_once(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    browser = server.browser()
    for n in range(25):
        last = browser.post("/v1/join", {"token": f"g{n}"}, **{"X-Forwarded-For": f"192.0.2.{n}"})
    assert last.status_code == 429
    assert caplog.text.count('set server.trusted_proxies = ["127.0.0.1"]') == 1


def test_a_page_of_another_site_cannot_exchange_a_link(server: Server) -> None:
    link = server.establish()["user"]["join_url"]
    answer = server.browser().post(
        "/v1/join", {"token": token_of(link)}, Origin="https://evil.example"
    )
    assert (answer.status_code, json_of(answer)["type"]) == (403, "urn:tandem:problem:csrf")
    assert server.browser().open(link)


def test_with_both_sides_in_the_session_is_active(server: Server) -> None:
    session = server.establish()
    server.browser().open(session["user"]["join_url"])
    assert server.session(session["id"])["state"] == "inviting"
    server.browser().open(session["agent"]["join_url"])
    assert server.session(session["id"])["state"] == "active"
    view = server.hub.views[-1][1]["agent"]
    assert view["invitation"]["user"]["state"] == "joined"
    assert view["presence"]["user"]["joined"] is True


def test_a_reload_gets_a_new_token_with_the_cookie(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    first = browser.open(session["user"]["join_url"])
    server.clock.turn(600)
    again = json_of(browser.post(f"/v1/sessions/{session['id']}/token", {}))
    assert again["sync"]["token"] != first["sync"]["token"]
    assert server.backend.authorize_sync(session["id"], first["sync"]["token"]).status == 401
    grant = server.backend.authorize_sync(session["id"], again["sync"]["token"])
    assert grant.person.role == "user"


def test_one_browser_may_hold_both_sides(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["user"]["join_url"])
    browser.open(session["agent"]["join_url"])
    path = f"/v1/sessions/{session['id']}/token"
    for role in ("user", "agent"):
        assert json_of(browser.post(path, {"role": role}))["role"] == role
    assert json_of(browser.post(path, {}))["role"] == "user"


def test_a_participant_reads_their_session_without_anybodys_link(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["user"]["join_url"])
    shown = json_of(browser.get(f"/v1/sessions/{session['id']}"))
    assert shown["user"] == {"uri": ALICE, "join_url": None}
    assert shown["agent"] == {"uri": WANG, "join_url": None}


def test_a_cookie_is_good_for_its_own_session_only(server: Server) -> None:
    mine, other = server.establish(), server.establish(agent_uri=LI)
    browser = server.browser()
    browser.open(mine["user"]["join_url"])
    value = browser.client.get_cookie("tandem_user", HOST, f"/v1/sessions/{mine['id']}")
    assert value is not None
    browser.client.set_cookie("tandem_user", value.value, domain=HOST)
    assert browser.get(f"/v1/sessions/{other['id']}").status_code == 401


def test_the_user_may_end_it_but_not_write_the_agents_note(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["user"]["join_url"])
    path = f"/v1/sessions/{session['id']}"
    assert browser.post(f"{path}/note", {"note": "x"}).status_code == 403
    assert browser.post(f"{path}/invitations", {"role": "user"}).status_code == 403
    assert browser.get(f"{path}/events").status_code == 403
    ended = json_of(browser.post(f"{path}/end", {}))
    assert (ended["state"], ended["reason"]) == ("ended", "user")


def test_an_agent_who_came_by_a_link_wraps_up(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["agent"]["join_url"])
    answer = browser.post(f"/v1/sessions/{session['id']}/note", {"note": "x", "outcome": "solved"})
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}])
def test_a_cookies_write_needs_the_token(server: Server, headers: dict[str, str]) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["user"]["join_url"])
    answer = browser.post(f"/v1/sessions/{session['id']}/end", {}, **headers)
    assert (answer.status_code, json_of(answer)["type"]) == (403, "urn:tandem:problem:csrf")
    assert server.session(session["id"])["state"] == "inviting"


def test_a_cookies_write_from_elsewhere_is_refused(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["user"]["join_url"])
    answer = browser.post(f"/v1/sessions/{session['id']}/end", {}, Origin="http://localhost:8080")
    assert answer.status_code == 403
    assert URL in json_of(answer)["detail"], "the message says how the server is reached"


def test_after_the_end_the_user_goes_on_alone_and_the_agent_until_grace(server: Server) -> None:
    session = server.establish()
    user, agent = server.browser(), server.browser()
    user.open(session["user"]["join_url"])
    agent.open(session["agent"]["join_url"])
    server.api.post(f"/v1/sessions/{session['id']}/end", {})
    path = f"/v1/sessions/{session['id']}/token"
    assert agent.post(path, {}).status_code == 200
    token = json_of(agent.post(path, {}))["sync"]["token"]
    server.clock.turn(29)
    server.housekeeper.round()
    assert server.hub.closed == []
    server.clock.turn(2)
    server.housekeeper.round()
    gone = [(session["id"], role, None, 4410) for role in ("agent", "supervisor")]
    assert server.hub.closed == gone
    refused = agent.post(path, {})
    assert (refused.status_code, json_of(refused)["why"]) == (410, "ended")
    assert server.backend.authorize_sync(session["id"], token).status == 410
    assert user.post(path, {}).status_code == 200


def test_grace_survives_a_restart(start: Callable[..., Server]) -> None:
    before = start()
    session = before.establish()
    before.api.post(f"/v1/sessions/{session['id']}/end", {})
    after = start()
    after.clock.turn(31)
    after.housekeeper.round()
    gone = [(session["id"], role, None, 4410) for role in ("agent", "supervisor")]
    assert after.hub.closed == gone
    after.housekeeper.round()
    assert after.hub.closed == gone


def test_an_agent_who_came_by_a_link_loses_the_note_with_the_session(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    browser = server.browser()
    browser.open(session["agent"]["join_url"])
    server.connector.report("1.1", "active", agent_uri=LI)
    answer = browser.post(f"/v1/sessions/{session['id']}/note", {"note": "x"})
    assert (answer.status_code, json_of(answer)["why"]) == (410, "revoked")


def test_grace_ends_on_time_whatever_becomes_of_the_housekeeper(
    start: Callable[..., Server],
) -> None:
    server = start(grace=30)
    session = server.establish()
    browser = server.browser()
    token = browser.open(session["agent"]["join_url"])["sync"]["token"]
    path = f"/v1/sessions/{session['id']}"
    server.api.post(f"{path}/end", {})
    server.clock.turn(29)
    assert browser.post(f"{path}/token", {}).status_code == 200
    server.clock.turn(1)
    assert browser.post(f"{path}/token", {}).status_code == 410
    assert browser.get(path).status_code == 410
    assert server.backend.authorize_sync(session["id"], token).status == 410


def test_a_browser_that_holds_both_sides_ends_as_the_agent(server: Server) -> None:
    for asked, reason in (({}, "agent"), ({"reason": "user"}, "user")):
        session = server.establish()
        browser = server.browser()
        browser.open(session["user"]["join_url"])
        browser.open(session["agent"]["join_url"])
        ended = json_of(browser.post(f"/v1/sessions/{session['id']}/end", asked))
        assert (ended["state"], ended["reason"]) == ("ended", reason)
