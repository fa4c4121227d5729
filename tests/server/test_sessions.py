"""`/v1/sessions` from a client's side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from tests.server.conftest import ALICE, API, LI, WANG, Keyed, Server, carries, json_of

BODY = {"type": "form", "user_uri": ALICE, "agent_uri": WANG, "initiator": "user"}


def test_a_new_session_is_as_the_contract_has_it(server: Server) -> None:
    body = BODY | {"call": {"pbx": "hq", "id": "1.1"}, "attributes": {"ticket": 7}}
    answer = server.api.post("/v1/sessions", body)
    assert answer.status_code == 201
    session = json_of(answer)
    assert answer.headers["Location"] == f"/v1/sessions/{session['id']}"
    assert session.keys() == {
        "id", "state", "reason", "type", "initiator", "user", "agent", "call", "created",
        "attributes",
    }  # fmt: skip
    assert (session["state"], session["reason"]) == ("inviting", None)
    assert session["user"]["uri"] == ALICE
    assert session["agent"]["uri"] == WANG
    assert session["call"] == {"pbx": "hq", "id": "1.1", "aliases": []}
    assert session["attributes"] == {"ticket": 7}
    assert session["created"].endswith("Z")
    assert "/join#" in session["user"]["join_url"]
    assert server.session(session["id"]) == session


def test_without_a_call_there_is_nothing_to_send_the_link_through(server: Server) -> None:
    session = server.establish()
    assert session["call"] is None
    assert server.hub.commands == []
    assert session["user"]["join_url"]


def test_the_same_call_again_is_the_same_session(server: Server) -> None:
    call = {"pbx": "hq", "id": "1.1"}
    first = server.establish(call=call)
    answer = server.api.post("/v1/sessions", BODY | {"call": call, "type": "chat"})
    assert answer.status_code == 200
    assert json_of(answer)["id"] == first["id"]
    assert server.hub.views[-1][1]["user"]["panels"] == ["form", "chat"]


def test_the_same_call_with_another_agent_is_a_conflict(server: Server) -> None:
    call = {"pbx": "hq", "id": "1.1"}
    first = server.establish(call=call)
    answer = server.api.post("/v1/sessions", BODY | {"call": call, "agent_uri": LI})
    assert answer.status_code == 409
    assert json_of(answer)["session"] == first["id"]
    assert server.session(first["id"])["agent"]["uri"] == WANG


def test_a_reported_call_without_an_agent_gets_the_one_a_client_names(server: Server) -> None:
    server.connector.report("1.1", "queued", queue="support", aliases=["1.2"])
    answer = server.api.post("/v1/sessions", BODY | {"call": {"pbx": "hq", "id": "1.2"}})
    assert answer.status_code == 200
    assert json_of(answer)["state"] == "inviting"
    assert json_of(answer)["id"] == server.session_of("1.1")["id"]


def test_a_call_that_has_ended_takes_no_session(server: Server) -> None:
    server.connector.report("1.1", "ended", type=None)
    answer = server.api.post("/v1/sessions", BODY | {"call": {"pbx": "hq", "id": "1.1"}})
    assert answer.status_code == 409


def test_a_standing_call_whose_session_ended_may_have_another(server: Server) -> None:
    call = {"pbx": "hq", "id": "1.1"}
    first = server.establish(call=call)
    server.api.post(f"/v1/sessions/{first['id']}/end", {})
    answer = server.api.post("/v1/sessions", BODY | {"call": call})
    assert answer.status_code == 201
    assert json_of(answer)["id"] != first["id"]


def test_a_reported_hangup_ends_what_a_client_established(server: Server) -> None:
    session = server.establish(call={"pbx": "hq", "id": "1.1"})
    server.connector.report("1.1", "ended", type=None, cause="hangup")
    assert server.session(session["id"])["reason"] == "hangup"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "telepathy"}, "type"),
        ({"type": None}, "type"),
        ({"user_uri": "alice"}, "user_uri"),
        ({"user_uri": "sip:a\x00b"}, "user_uri"),
        ({"user_uri": "mailto:ann\u202emoc.live@example.org"}, "user_uri"),
        ({"agent_uri": "sip:li\u2066x@pbx.example.org"}, "agent_uri"),
        ({"user_uri": ["sip:a"]}, "user_uri"),
        ({"user_uri": "sip:" + "a" * 300}, "user_uri"),
        ({"agent_uri": "tel:1"}, "agent_uri"),
        ({"agent_uri": None}, "agent_uri"),
        ({"initiator": "nobody"}, "initiator"),
        ({"call": {"pbx": "hq"}}, "call.id"),
        ({"call": {"pbx": "hq", "id": "a\nb"}}, "call.id"),
        ({"call": {"pbx": "nowhere", "id": "1"}}, "call.pbx"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"a": "x" * 20_000}}, "attributes"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(
    server: Server, change: dict[str, Any], field: str
) -> None:
    answer = server.api.post("/v1/sessions", BODY | change)
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert json_of(answer)["field"] == field
    assert json_of(server.api.get("/v1/sessions"))["items"] == []


@pytest.mark.parametrize("name", sorted(BODY.keys() - {"initiator"}))
def test_a_missing_field_is_named(server: Server, name: str) -> None:
    answer = server.api.post("/v1/sessions", {k: v for k, v in BODY.items() if k != name})
    assert (answer.status_code, json_of(answer)["field"]) == (422, name)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"type": "form", "type": NaN}',
        b"[" * 30_000,
        b'{"attributes":' * 4_000,
        b'{"user_uri":"\\ud800"}',
    ],
    ids=["nothing", "half", "list", "null", "no utf-8", "nan", "deep list", "deep", "surrogate"],
)
def test_what_is_no_object_is_refused(server: Server, body: bytes) -> None:
    answer = server.api.client.post(
        "/v1/sessions", data=body, headers=API | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


def test_a_huge_body_is_refused(server: Server) -> None:
    answer = server.api.post("/v1/sessions", BODY | {"attributes": {"a": "x" * 70_000}})
    assert answer.status_code == 413


def test_a_form_is_no_json(server: Server) -> None:
    answer = server.api.client.post("/v1/sessions", data={"type": "form"}, headers=API)
    assert answer.status_code == 415


def test_attributes_hold_any_unicode(server: Server) -> None:
    attributes = {"名前": "王 \U0001f600", "nested": {"a": [1, None, True]}}
    session = server.establish(attributes=attributes)
    assert server.session(session["id"])["attributes"] == attributes


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_has_not_is_refused(server: Server, number: str) -> None:
    body = (
        f'{{"type":"form","user_uri":"{ALICE}","agent_uri":"{WANG}","attributes":{{"x":{number}}}}}'
    )
    headers = API | {"Content-Type": "application/json"}
    answer = server.api.client.post("/v1/sessions", data=body, headers=headers)
    assert (answer.status_code, json_of(answer)["field"]) == (422, "attributes")


def test_the_same_idempotency_key_gives_the_same_answer(server: Server) -> None:
    first = server.api.post("/v1/sessions", BODY, **{"Idempotency-Key": "k-1"})
    again = server.api.post("/v1/sessions", BODY, **{"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert json_of(first) == json_of(again)
    assert len(json_of(server.api.get("/v1/sessions"))["items"]) == 1


def test_the_order_of_a_bodys_members_makes_no_other_body(server: Server) -> None:
    body = {"type": "form", "user_uri": ALICE, "agent_uri": WANG}
    key = {"Idempotency-Key": "k"}
    first = server.api.post("/v1/sessions", body | {"attributes": {"a": 1, "b": [2]}}, **key)
    again = server.api.post("/v1/sessions", body | {"attributes": {"b": [2], "a": 1}}, **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert json_of(first)["id"] == json_of(again)["id"]


def test_an_idempotency_key_with_another_body_is_refused(server: Server) -> None:
    server.api.post("/v1/sessions", BODY, **{"Idempotency-Key": "k-1"})
    answer = server.api.post("/v1/sessions", BODY | {"type": "chat"}, **{"Idempotency-Key": "k-1"})
    assert answer.status_code == 422
    assert json_of(answer)["type"] == "urn:tandem:problem:idempotency-key-reused"


def test_an_idempotency_key_belongs_to_its_client(start: Callable[..., Server]) -> None:
    server = start(api_keys={"crm": "crm-key", "erp": "erp-key"})
    server.api.post("/v1/sessions", BODY, **{"Idempotency-Key": "k-1"})
    erp = Keyed(server.api.client, {"Authorization": "Bearer erp-key"})
    other = erp.post("/v1/sessions", BODY | {"type": "chat"}, **{"Idempotency-Key": "k-1"})
    assert other.status_code == 201


def test_the_same_idempotency_key_at_once_makes_one_session(server: Server) -> None:
    count = 8
    barrier = threading.Barrier(count)
    ids: list[str] = []

    def post() -> None:
        client = Keyed(server.app.test_client(use_cookies=False), API)
        barrier.wait(10)
        answer = client.post("/v1/sessions", BODY, **{"Idempotency-Key": "k-1"})
        ids.append(json_of(answer)["id"])

    threads = [threading.Thread(target=post) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ids) == count
    assert len(set(ids)) == 1


def test_sessions_are_found_by_what_they_are(server: Server) -> None:
    one = server.establish()
    two = server.establish(agent_uri=LI, call={"pbx": "hq", "id": "1.1"})
    server.api.post(f"/v1/sessions/{one['id']}/end", {})

    def ids(query: str) -> list[str]:
        return [item["id"] for item in json_of(server.api.get(f"/v1/sessions?{query}"))["items"]]

    assert ids("state=ended") == [one["id"]]
    assert ids("state=inviting") == [two["id"]]
    assert ids(f"agent_uri={LI}") == [two["id"]]
    assert set(ids(f"user_uri={ALICE}")) == {one["id"], two["id"]}
    assert ids("call_id=1.1") == [two["id"]]
    assert ids("call_id=9.9") == []
    assert ids(f"agent_uri={LI}&state=ended") == []


def test_a_long_list_comes_in_pages_newest_first(server: Server) -> None:
    made = []
    for _ in range(7):
        made.append(server.establish()["id"])
        server.clock.turn(0.25)
    seen: list[str] = []
    path: str | None = "/v1/sessions?limit=3&state=inviting"
    while path:
        page = json_of(server.api.get(path))
        assert len(page["items"]) <= 3
        seen += [item["id"] for item in page["items"]]
        path = page["next"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [("state=flying", "state"), ("limit=0", "limit"), ("limit=x", "limit"), ("after=x", "after")],
)
def test_a_wrong_parameter_is_named(server: Server, query: str, field: str) -> None:
    answer = server.api.get(f"/v1/sessions?{query}")
    assert (answer.status_code, json_of(answer)["field"]) == (422, field)


def test_a_session_that_is_none_is_not_found(server: Server) -> None:
    for path in ("", "/events"):
        assert server.api.get(f"/v1/sessions/none{path}").status_code == 404
    assert server.api.post("/v1/sessions/none/end", {}).status_code == 404


def test_a_client_ends_a_session_for_the_agent_or_the_user(server: Server) -> None:
    one, two = server.establish(), server.establish()
    ended = server.api.post(f"/v1/sessions/{one['id']}/end", {})
    assert (json_of(ended)["state"], json_of(ended)["reason"]) == ("ended", "agent")
    ended = server.api.post(f"/v1/sessions/{two['id']}/end", {"reason": "user"})
    assert json_of(ended)["reason"] == "user"
    again = server.api.post(f"/v1/sessions/{two['id']}/end", {})
    assert json_of(again)["reason"] == "user", "ending twice changes nothing"
    wrong = server.api.post(f"/v1/sessions/{two['id']}/end", {"reason": "lost"})
    assert (wrong.status_code, json_of(wrong)["field"]) == (422, "reason")


def test_links_of_an_ended_session_are_gone(server: Server) -> None:
    session = server.establish()
    server.api.post(f"/v1/sessions/{session['id']}/end", {})
    for side in ("user", "agent"):
        token = session[side]["join_url"].partition("#")[2]
        answer = server.browser().post("/v1/join", {"token": token})
        assert (answer.status_code, json_of(answer)["why"]) == (410, "ended")
    assert server.session(session["id"])["user"]["join_url"] is None


def test_every_change_is_in_the_history_with_time_and_cause(server: Server) -> None:
    server.connector.report("1.1", "queued", queue="support")
    server.clock.turn(5)
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.1", "active", agent_uri=LI)
    server.connector.report("1.1", "ended", cause="hangup")
    session = server.session_of("1.1")
    items = json_of(server.api.get(f"/v1/sessions/{session['id']}/events"))["items"]
    states = [(item["old"], item["new"]) for item in items if item["kind"] == "state"]
    assert states == [
        (None, "requested"),
        ("requested", "queued"),
        ("queued", "inviting"),
        ("inviting", "ended"),
    ]
    agents = [(item["old"], item["new"]) for item in items if item["kind"] == "agent"]
    assert agents == [(None, WANG), (WANG, LI)]
    assert all(item["cause"] and item["at"].endswith("Z") for item in items)
    assert [item["n"] for item in items] == list(range(1, len(items) + 1))
    page = json_of(server.api.get(f"/v1/sessions/{session['id']}/events?limit=2"))
    assert len(page["items"]) == 2
    assert json_of(server.api.get(page["next"]))["items"][0]["n"] == 3


def test_a_new_invitation_ends_the_link_before(server: Server) -> None:
    session = server.establish(call={"pbx": "hq", "id": "1.1"})
    path = f"/v1/sessions/{session['id']}/invitations"
    made = server.api.post(path, {"role": "user", "send": True})
    assert made.status_code == 201
    link = json_of(made)["join_url"]
    assert carries(server.hub.commands[-1]["args"]["text"], link)
    assert len(server.backend.pending_commands("hq")) == 1, "the message of before is dropped"
    old = server.browser().post(
        "/v1/join", {"token": session["user"]["join_url"].partition("#")[2]}
    )
    assert (old.status_code, json_of(old)["why"]) == (410, "revoked")
    assert server.browser().open(link)["role"] == "user"


def test_a_session_without_an_agent_or_ended_makes_no_links(server: Server) -> None:
    server.connector.report("1.1", "queued")
    path = f"/v1/sessions/{server.session_of('1.1')['id']}/invitations"
    assert server.api.post(path, {"role": "user"}).status_code == 409
    server.connector.report("1.1", "ended")
    assert server.api.post(path, {"role": "user"}).status_code == 409


def test_a_note_is_kept_with_the_session(server: Server) -> None:
    session = server.establish()
    path = f"/v1/sessions/{session['id']}/note"
    answer = server.api.post(path, {"note": "called back\nfine", "outcome": "solved"})
    assert json_of(answer) == {"note": "called back\nfine", "outcome": "solved", "done": False}
    assert server.hub.views[-1][1]["agent"]["wrap_up"] == json_of(answer)
    assert "wrap_up" not in server.hub.views[-1][1]["user"]
    assert server.api.post(path, {"note": "x" * 10_001}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/sessions"),
        ("GET", "/v1/sessions"),
        ("GET", "/v1/sessions/x"),
        ("POST", "/v1/sessions/x/end"),
        ("GET", "/v1/sessions/x/events"),
        ("POST", "/v1/sessions/x/invitations"),
        ("POST", "/v1/sessions/x/note"),
        ("POST", "/v1/sessions/x/token"),
        ("GET", "/v1/calls"),
        ("GET", "/v1/calls/hq/1.1/trace"),
        ("POST", "/v1/pbx/hq/reports"),
        ("GET", "/v1/desk"),
        ("POST", "/v1/logout"),
    ],
)
def test_without_a_key_or_with_a_wrong_one_nobody_comes_in(
    server: Server, method: str, path: str
) -> None:
    client = server.app.test_client()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic Y3JtOmNybQ=="}):
        answer = client.open(path, method=method, json={}, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.mimetype == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("key", "method", "path"),
    [
        ("hq-key", "POST", "/v1/sessions"),
        ("hq-key", "GET", "/v1/sessions"),
        ("hq-key", "GET", "/v1/sessions/x"),
        ("hq-key", "GET", "/v1/calls"),
        ("hq-key", "GET", "/v1/calls/hq/1.1/trace"),
        ("hq-key", "POST", "/v1/pbx/branch/reports"),
        ("hq-key", "POST", "/v1/pbx/nowhere/reports"),
        ("hq-key", "GET", "/v1/desk"),
        ("site-key", "POST", "/v1/sessions"),
        ("site-key", "GET", "/v1/calls"),
        ("crm-key", "POST", "/v1/pbx/hq/reports"),
        ("crm-key", "GET", "/v1/desk"),
        ("crm-key", "POST", "/v1/sessions/x/token"),
    ],
)
def test_a_key_opens_its_own_addresses_only(
    server: Server, key: str, method: str, path: str
) -> None:
    answer = server.app.test_client().open(
        path, method=method, json={}, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 403
    assert json_of(answer)["type"] == "urn:tandem:problem:forbidden"


def test_a_parameter_without_a_value_asks_for_nothing(server: Server) -> None:
    session = server.establish()
    found = json_of(server.api.get("/v1/sessions?state=&agent_uri=&user_uri=&call_id="))
    assert [one["id"] for one in found["items"]] == [session["id"]]
    assert json_of(server.api.get("/v1/calls?pbx=")) == {"items": [], "next": None}


@pytest.mark.parametrize("path", ["/v1/calls?limit=x", "/v1/sessions/x/events?limit=x"])
def test_nobody_learns_of_parameters_without_a_key(server: Server, path: str) -> None:
    assert server.api.client.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/calls"])
def test_a_misspelled_parameter_is_named_and_lists_nothing(server: Server, path: str) -> None:
    answer = server.api.get(f"{path}?stat=active")
    assert answer.status_code == 422
    assert json_of(answer)["field"] == "stat"


def test_a_long_list_takes_no_more_statements_than_a_short_one(server: Server) -> None:
    statements: list[str] = []

    @event.listens_for(server.database.engine, "before_cursor_execute")
    def _count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    def asked(number: int) -> int:
        for n in range(number):
            server.connector.report(f"{number}.{n}", "active", agent_uri=WANG, aliases=[f"a{n}"])
        statements.clear()
        items = json_of(server.api.get("/v1/sessions?limit=100"))["items"]
        assert all(item["user"]["join_url"] and item["agent"]["join_url"] for item in items)
        return len(statements)

    assert asked(2) == asked(20)


def test_a_call_that_only_a_client_named_ends_with_its_session(server: Server) -> None:
    call = {"pbx": "hq", "id": "9.9"}
    session = server.establish(call=call)
    server.api.post(f"/v1/sessions/{session['id']}/end", {})
    assert json_of(server.api.get("/v1/calls"))["items"] == []
    again = server.establish(call=call)
    assert again["id"] != session["id"]
    [item] = json_of(server.api.get("/v1/calls"))["items"]
    assert (item["id"], item["state"], item["session"]) == ("9.9", "active", again["id"])
    server.clock.turn(25 * 3600)
    server.housekeeper.round()
    assert server.session(again["id"])["reason"] == "expired"
    assert json_of(server.api.get("/v1/calls"))["items"] == []


def test_a_users_terminal_cannot_be_flooded_with_invitations(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    path = f"/v1/sessions/{server.session_of('1.1')['id']}/invitations"
    again = [server.api.post(path, {"role": "user", "send": True}) for _ in range(21)]
    assert [answer.status_code for answer in again] == [201] * 20 + [429]
    assert int(again[-1].headers["Retry-After"]) >= 1
    assert len(server.hub.commands) == 21
    assert server.api.post(path, {"role": "user"}).status_code == 201


def test_a_browser_that_is_in_asks_and_writes_so_often_and_keeps_nobody_else_from_it(
    server: Server,
) -> None:
    session = server.establish()
    path = f"/v1/sessions/{session['id']}"
    user, desk = server.browser(), server.desk("wang", WANG)
    user.open(session["user"]["join_url"])
    statuses = [user.post(f"{path}/token", {}).status_code for _ in range(121)]
    assert (statuses.count(200), statuses[-1]) == (120, 429)
    assert user.post(f"{path}/closed", {}).status_code == 429
    assert desk.post(f"{path}/token", {}).status_code == 200
    notes = [desk.post(f"{path}/note", {"note": "x"}).status_code for _ in range(121)]
    assert (notes.count(200), notes[-1]) == (120, 429)
