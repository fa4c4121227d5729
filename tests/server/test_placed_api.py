"""`POST /v1/calls` and what follows it: contract, keys, origins, limits."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from collab_server.placed import limits
from collab_server.settings import Settings
from tests.server.conftest import (
    API,
    HQ,
    ORIGIN,
    SITE,
    URL,
    WANG,
    Server,
    json_of,
    make_settings,
    token_of,
)
from tests.server.placed import Site

BODY = {"type": "chat", "queue": "support", "pbx": "hq"}


def post(server: Server, body: Any = BODY, **headers: str) -> TestResponse:
    return server.site.post("/v1/calls", body, **headers)


def test_a_posted_call_has_a_session_a_page_and_a_place_at_once(server: Server) -> None:
    answer = post(server, BODY | {"name": "Ann", "attributes": {"cart": 7}})
    assert answer.status_code == 201
    call = json_of(answer)
    assert str(uuid.UUID(call["id"], version=4)) == call["id"]
    assert answer.headers["Location"] == f"/v1/calls/{call['id']}"
    assert (call["state"], call["position"], call["agent"]) == ("requested", 1, None)
    assert call["user"]["uri"].startswith("web:")
    session = server.session(call["session"])
    assert (session["initiator"], session["type"]) == ("user", "chat")
    assert session["call"] == {"pbx": "hq", "id": call["id"], "aliases": []}
    assert session["attributes"] == {"cart": 7}
    browser = server.browser()
    look = json_of(browser.post("/v1/join/look", {"token": token_of(call["user"]["join_url"])}))
    assert look["placed"] is True
    browser.open(call["user"]["join_url"])
    assert json_of(server.site.get(f"/v1/calls/{call['id']}"))["user"]["join_url"] is None


def test_the_pbx_is_asked_for_a_placeholder_by_the_calls_own_id(server: Server) -> None:
    call = json_of(post(server, BODY | {"name": "Ann", "user_uri": "mailto:ann@example.org"}))
    (command,) = server.hub.commands
    assert command["id"] == command["call"] == call["id"]
    assert (command["kind"], server.hub.links[0][0]) == ("queue", "hq")
    assert command["args"] == {
        "queue": "support",
        "type": "chat",
        "user_uri": "mailto:ann@example.org",
        "name": "Ann",
        "waited": 0.0,
        "wait": 3600.0,
    }


def test_the_call_is_followed_by_its_site(server: Server) -> None:
    site = Site(server)
    site.link()
    first, second = site.post(), site.post()
    site.pump()
    assert (second.now()["state"], second.now()["position"]) == ("queued", 2)
    site.serve()
    assert (second.now()["state"], second.now()["position"]) == ("queued", 1)
    served = first.now()
    assert (served["state"], served["agent"]) == ("inviting", {"uri": WANG})
    first.open()
    server.desk("wang", WANG).post(f"/v1/sessions/{first.session}/token", {})
    assert first.now()["state"] == "active"


def test_nothing_is_sent_to_the_address_that_a_site_names(server: Server) -> None:
    site = Site(server)
    site.link()
    call = site.post(user_uri="sip:victim@example.org")
    site.pump()
    site.serve()
    desk = server.desk("wang", WANG)
    asked = {"role": "user", "send": True}
    assert desk.post(f"/v1/sessions/{call.session}/invitations", asked).status_code == 201
    assert {command["kind"] for command in server.hub.commands} == {"queue", "pause"}


def test_a_user_who_is_in_keeps_their_page_when_an_agent_comes(server: Server) -> None:
    site = Site(server)
    site.link()
    call = site.post()
    browser = call.open()
    site.pump()
    site.serve()
    assert call.view("agent")["invitation"]["user"]["state"] == "joined"
    assert browser.post(f"/v1/sessions/{call.session}/token", {}).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "telepathy"}, "type"),
        ({"queue": "support,n,Dial"}, "queue"),
        ({"queue": ""}, "queue"),
        ({"queue": "q" * 81}, "queue"),
        ({"queue": "a b"}, "queue"),
        ({"queue": "support\n"}, "queue"),
        ({"pbx": "elsewhere"}, "pbx"),
        ({"pbx": None}, "pbx"),
        ({"user_uri": "javascript:alert(1)"}, "user_uri"),
        ({"user_uri": "sip:a@b\r\nX: y"}, "user_uri"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\r\nb"}, "name"),
        ({"number": "1"}, "number"),
        ({"attributes": {"x": "y" * 20_000}}, "attributes"),
    ],
)
def test_a_wrong_body_names_the_field_and_makes_nothing(
    server: Server, change: dict[str, Any], field: str
) -> None:
    answer = post(server, BODY | change)
    assert (answer.status_code, json_of(answer)["field"]) == (422, field)
    assert json_of(server.api.get("/v1/sessions"))["items"] == []
    assert server.hub.commands == []


def settings_of(folder: Path, pbx: tuple[str, ...], **sites: Any) -> Settings:
    given = make_settings(folder).model_dump()
    given["server"]["sites"] = sites
    given["pbx"] = {name: {"key": f"{name}-key"} for name in pbx}
    return Settings(**given)


@pytest.fixture
def with_settings(tmp_path: Path) -> Any:
    started = []

    def make(*pbx: str, **sites: Any) -> Server:
        started.append(Server(settings_of(tmp_path, pbx, **sites)))
        return started[-1]

    yield make
    for one in started:
        one.database.close()


def test_the_only_pbx_need_not_be_named(with_settings: Callable[..., Server]) -> None:
    server = with_settings("hq", main={"key": "site-key"})
    call = json_of(post(server, {"type": "chat", "queue": "support"}))
    assert call["pbx"] == "hq"


def test_a_site_posts_into_its_queues_only(with_settings: Callable[..., Server]) -> None:
    server = with_settings("hq", "branch", main={"key": "site-key", "queues": ["hq/support"]})
    assert json_of(post(server, {"type": "chat", "queue": "support"}))["pbx"] == "hq"
    for other in ({"queue": "sales"}, {"pbx": "branch"}):
        assert post(server, BODY | other).status_code == 403


def test_other_keys_post_no_calls_and_the_sites_key_does_nothing_else(server: Server) -> None:
    for key in (API, HQ):
        answer = server.site.client.post("/v1/calls", json=BODY, headers=key)
        assert answer.status_code == 403
    assert server.site.client.post("/v1/calls", json=BODY).status_code == 401
    for path in ("/v1/sessions", "/v1/calls", "/v1/calls/hq/x/trace"):
        assert server.site.get(path).status_code == 403


def test_a_call_is_its_own_sites_business(with_settings: Callable[..., Server]) -> None:
    server = with_settings("hq", main={"key": "site-key"}, other={"key": "other-key"})
    call = Site(server).post()
    other = {"Authorization": "Bearer other-key"}
    path = f"/v1/calls/{call.id}"
    for method in (server.site.client.get, server.site.client.delete):
        assert method(path, headers=other).status_code == 404
    assert call.now()["state"] == "requested"


def test_the_same_key_posts_one_call(server: Server) -> None:
    first = post(server, **{"Idempotency-Key": "k"})
    again = post(server, **{"Idempotency-Key": "k"})
    assert (again.status_code, json_of(again)) == (201, json_of(first))
    assert len(server.hub.commands) == 1
    other = post(server, BODY | {"type": "form"}, **{"Idempotency-Key": "k"})
    assert (other.status_code, json_of(other)["field"]) == (422, "Idempotency-Key")


def test_a_visitor_gets_no_others_call_by_the_same_key(server: Server) -> None:
    key = {"Idempotency-Key": "1"}
    posts = [
        json_of(from_address(server, address, **key))["session"]
        for address in ("192.0.2.1", "192.0.2.1", "198.51.100.9", "2001:db8::1", "2001:db8::2")
    ]
    assert posts[0] == posts[1] != posts[2]
    assert posts[3] == posts[4], "the two are of one customer's network"
    assert len(set(posts)) == 3


def test_a_clients_key_of_the_same_name_is_another_one(with_settings: Any) -> None:
    server = with_settings("hq", crm={"key": "site-key"})
    posted = json_of(post(server, **{"Idempotency-Key": "k"}))
    body = {"type": "chat", "user_uri": "sip:a@b", "agent_uri": WANG}
    made = server.api.post("/v1/sessions", body, **{"Idempotency-Key": "k"})
    assert made.status_code == 201
    assert json_of(made)["id"] != posted["session"]


def test_taking_a_call_back_twice_does_no_harm(server: Server) -> None:
    call = Site(server).post()
    call.leave()
    call.leave()
    assert (call.now()["state"], call.now()["reason"]) == ("ended", "user")
    assert server.site.delete("/v1/calls/none").status_code == 404


# Browsers


def test_a_sites_page_may_post_and_read_the_answer(server: Server) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    for path in ("/v1/calls", "/v1/calls/some-id"):
        allowed = server.site.client.options(path, headers=asked)
        assert allowed.status_code == 204
        assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
        assert "DELETE" in allowed.headers["Access-Control-Allow-Methods"]
        assert "Origin" in allowed.headers["Vary"]
    for body, status in ((BODY, 201), ({}, 422)):
        answer = post(server, body, Origin=ORIGIN)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", URL, f"{ORIGIN}.evil.example"])
def test_no_other_page_may(server: Server, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    refused = server.site.client.options("/v1/calls", headers=asked)
    assert "Access-Control-Allow-Origin" not in refused.headers
    answer = post(server, Origin=origin)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert server.hub.commands == []


def test_an_origin_counts_for_its_own_site(with_settings: Callable[..., Server]) -> None:
    other = {"key": "other-key", "origins": ["https://other.example"]}
    server = with_settings("hq", main={"key": "site-key", "origins": [ORIGIN]}, other=other)
    assert post(server, Origin="https://other.example").status_code == 403
    assert post(server, Origin=ORIGIN).status_code == 201


def test_nothing_else_is_open_to_a_sites_page(server: Server) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    for path in ("/v1/sessions", "/v1/join", "/v1/calls/hq/x/trace", "/healthz"):
        answer = server.site.client.options(path, headers=asked)
        assert "Access-Control-Allow-Origin" not in answer.headers, path
        got = server.site.client.get(path, headers=SITE | {"Origin": ORIGIN})
        assert "Access-Control-Allow-Origin" not in got.headers, path


# Limits


def from_address(server: Server, address: str, **headers: str) -> TestResponse:
    return server.site.client.post(
        "/v1/calls", json=BODY, headers=SITE | headers, environ_base={"REMOTE_ADDR": address}
    )


def test_one_address_may_have_so_many_calls_waiting(server: Server) -> None:
    answers = [from_address(server, "203.0.113.7") for _ in range(limits.WAITING_OF_ADDRESS)]
    assert [answer.status_code for answer in answers] == [201] * len(answers)
    refused = from_address(server, "203.0.113.7")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert from_address(server, "203.0.113.8").status_code == 201
    gone = json_of(answers[0])["id"]
    answer = server.site.delete(f"/v1/calls/{gone}")
    assert (answer.status_code, answer.headers.get("Content-Type")) == (204, None)
    server.connector.send(results=[{"id": f"{gone}-hangup", "status": "done"}])
    assert from_address(server, "203.0.113.7").status_code == 201


def test_one_address_may_post_so_often(server: Server) -> None:
    answers = []
    for _ in range(31):
        answers.append(from_address(server, "2001:db8::1"))
        if answers[-1].status_code == 201:
            server.site.delete(answers[-1].headers["Location"])
            call = answers[-1].headers["Location"].rpartition("/")[2]
            server.connector.send(results=[{"id": f"{call}-hangup", "status": "done"}])
    assert [answer.status_code for answer in answers] == [201] * 30 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert from_address(server, "2001:db8::2").status_code == 429, "one customer owns the /64"
    assert from_address(server, "2001:db8:1::1").status_code == 201


def test_a_site_may_have_so_many_calls_waiting(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAITING_OF_SITE", 3)
    for n in range(3):
        assert from_address(server, f"203.0.113.{n}").status_code == 201
    assert from_address(server, "203.0.113.9").status_code == 429


def test_the_servers_own_machine_counts_among_the_site_alone_unless_it_is_a_proxy(
    server: Server,
) -> None:
    for _ in range(limits.WAITING_OF_ADDRESS + 1):
        assert post(server).status_code == 201
    for _ in range(limits.WAITING_OF_ADDRESS):
        answer = from_address(server, "127.0.0.1", **{"X-Forwarded-For": "203.0.113.7"})
        assert answer.status_code == 201
    answer = from_address(server, "127.0.0.1", **{"X-Forwarded-For": "203.0.113.8"})
    assert answer.status_code == 429, "who is no trusted proxy speaks for one address"


def test_a_trusted_proxy_says_who_posts(start: Callable[..., Server]) -> None:
    server = start(trusted_proxies=["127.0.0.1"])
    for n in range(limits.WAITING_OF_ADDRESS + 1):
        answer = from_address(server, "127.0.0.1", **{"X-Forwarded-For": f"203.0.113.{n}"})
        assert answer.status_code == 201


def test_a_pbx_that_takes_none_says_so_at_once(start: Callable[..., Server]) -> None:
    answer = post(start(max_placeholders=0))
    assert answer.status_code == 409
    assert "max_placeholders" in answer.text
