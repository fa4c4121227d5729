"""What agents and callers are called where others read it."""

from __future__ import annotations

from typing import Any

import pytest

from collab_server.people import agents, names
from collab_server.realtime.backend import SyncGrant
from tests.server.conftest import LI, WANG, Browser, Server, json_of
from tests.server.placed import Site

BOSS = "sip:boss@pbx.example.org"


def add(server: Server, name: str, uri: str, display_name: str) -> None:
    with server.database.write() as work:
        agents.add(
            work, name, uri, "correct horse", admin=False, supervisor=True,
            display_name=display_name,
        )  # fmt: skip


def log_in(server: Server, name: str) -> Browser:
    browser = server.browser()
    answer = browser.post("/v1/login", {"username": name, "password": "correct horse"})
    assert answer.status_code == 200, answer.text
    return browser


def called(server: Server, browser: Browser, session: str) -> str:
    """The name under which somebody writes."""
    answer = browser.post(f"/v1/sessions/{session}/token", {})
    assert answer.status_code == 200, answer.text
    grant = server.backend.authorize_sync(session, json_of(answer)["sync"]["token"])
    assert isinstance(grant, SyncGrant)
    return grant.person.name


def test_the_caller_reads_who_serves_them_and_who_did_before(server: Server) -> None:
    add(server, "wang", WANG, "Wang Xiu")
    add(server, "li", LI, "")
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    user = server.browser()
    user.open(session["user"]["join_url"])
    view = server.backend.sync_view(session["id"], "user")
    assert view["agent"] == {"uri": WANG, "name": "Wang Xiu"}
    assert called(server, log_in(server, "wang"), session["id"]) == "Wang Xiu"
    server.connector.report("1.1", "active", agent_uri=LI)
    view = server.backend.sync_view(session["id"], "user")
    assert view["agent"] == {"uri": LI}
    assert view["consent"]["before"] == {"uri": WANG, "name": "Wang Xiu"}
    assert called(server, log_in(server, "li"), session["id"]) == "li"


def test_the_join_page_names_the_agent(server: Server) -> None:
    add(server, "wang", WANG, "Wang Xiu")
    server.connector.report("1.1", "active", agent_uri=WANG)
    link = server.session_of("1.1")["user"]["join_url"]
    look = json_of(server.browser().post("/v1/join/look", {"token": link.partition("#")[2]}))
    assert look["agent"] == {"uri": WANG, "name": "Wang Xiu"}


def test_earlier_agents_and_who_whispers_have_their_names(server: Server) -> None:
    add(server, "wang", WANG, "Wang Xiu")
    add(server, "li", LI, "Li Na")
    add(server, "boss", BOSS, "Zhao Min")
    caller = "sip:+31205550001@pbx.example.org"
    first = server.establish(user_uri=caller, agent_uri=LI)["id"]
    server.api.post(f"/v1/sessions/{first}/end", {})
    session = server.establish(user_uri=caller, agent_uri=WANG)["id"]
    wang, boss = log_in(server, "wang"), log_in(server, "boss")
    (earlier,) = json_of(wang.get(f"/v1/desk/history?session={session}"))["items"]
    assert earlier["agent"] == {"uri": LI, "name": "Li Na"}
    made = json_of(boss.post(f"/v1/sessions/{session}/whispers", {"text": "ask for the policy"}))
    assert made["by"] == {"uri": BOSS, "name": "Zhao Min"}
    assert made["to"] == {"uri": WANG, "name": "Wang Xiu"}
    (heard,) = json_of(wang.get(f"/v1/sessions/{session}/whispers"))["items"]
    assert heard == made


def test_of_two_accounts_at_one_address_nobody_knows_who_is_there(server: Server) -> None:
    add(server, "wang", WANG, "Wang Xiu")
    add(server, "early", WANG, "Wang Xiu")
    with server.database.read() as db:
        assert names.of_agents(db, [WANG, None]) == {WANG: "Wang Xiu"}
    add(server, "late", WANG, "Li Na")
    with server.database.read() as db:
        assert names.of_agents(db, [WANG]) == {}
        assert names.of_agents(db, [None]) == {}


@pytest.mark.parametrize(
    "text", [" Wang", "Wa\nng", "x" * 61, "abc\u202egnaW", "a\u200bb", "\x1b[2J"]
)
def test_a_name_that_controls_anything_is_refused(server: Server, text: str) -> None:
    boss = server.desk("root", BOSS, admin=True)
    body: dict[str, Any] = {"name": "wang", "uri": WANG, "display_name": text}
    refused = boss.post("/v1/setup/people", body)
    assert (refused.status_code, json_of(refused)["field"]) == (422, "display_name")
    assert json_of(boss.get("/v1/setup/people"))["total"] == 1


def test_an_administrator_names_an_agent_who_goes_on_as_they_are(server: Server) -> None:
    boss, wang = server.desk("root", BOSS, admin=True), server.desk("wang", WANG)
    (person,) = json_of(boss.get("/v1/setup/people?search=wang"))["items"]
    assert person["display_name"] == ""
    answer = boss.post(f"/v1/setup/people/{person['id']}", {"display_name": "王秀"})
    assert json_of(answer)["person"]["display_name"] == "王秀"
    assert json_of(boss.get("/v1/setup/people?search=王"))["total"] == 1
    assert json_of(wang.get("/v1/me"))["agent"]["display_name"] == "王秀"
    (event, *_) = json_of(boss.get("/v1/setup/events"))["items"]
    assert event["changes"] == {"display_name": ["", "王秀"]}


def test_a_caller_without_a_telephone_writes_under_the_name_the_site_gave(
    server: Server,
) -> None:
    named, nameless = Site(server).post(name="Ann Lee"), Site(server).post()
    assert called(server, named.open(), named.session) == "Ann Lee"
    uri = nameless.first["user"]["uri"]
    assert called(server, nameless.open(), nameless.session) == uri.removeprefix("web:")[:6]
