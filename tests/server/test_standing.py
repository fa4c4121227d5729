"""An agent's standing calls: as they are, pushed as they change, turned into sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.server.conftest import ALICE, LI, WANG, Browser, Server, json_of
from tests.server.placed import Site

Start = Callable[..., Server]


def calls_of(browser: Browser) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json_of(browser.get("/v1/desk"))["calls"]
    return calls


def pushed(server: Server) -> list[tuple[str, list[dict[str, Any]]]]:
    """Whose desks were told of calls since the last look, and what."""
    told = [(uri, m["calls"]) for uri, m in server.hub.desks if m["kind"] == "calls"]
    server.hub.desks.clear()
    return told


def plain(server: Server, call: str = "1.1", **fields: Any) -> None:
    """Report an ordinary call that wang has."""
    known = {"type": None, "agent_uri": WANG, "queue": "support"}
    server.connector.report(call, fields.pop("state", "active"), **known | fields)


def test_an_ordinary_call_shows_at_its_agents_desk_alone(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    plain(server)
    assert calls_of(wang) == [
        {
            "pbx": "hq",
            "id": "1.1",
            "state": "active",
            "user": {"uri": ALICE},
            "since": "2026-11-23T12:00:00.000Z",
            "held": False,
            "queue": "support",
            "type": None,
            "session": None,
        }
    ]
    assert calls_of(li) == []
    assert pushed(server) == [(WANG, calls_of(wang))]


def test_each_change_is_pushed_to_the_agents_concerned_and_what_is_none_is_not(
    server: Server,
) -> None:
    server.desk("wang", WANG)
    server.desk("li", LI)
    plain(server)
    pushed(server)
    plain(server)
    plain(server, position=3)
    assert pushed(server) == [], "nothing that a desk shows has changed"
    plain(server, held=True)
    ((uri, (call,)),) = pushed(server)
    assert (uri, call["held"]) == (WANG, True)
    plain(server, agent_uri=LI)
    told = dict(pushed(server))
    assert (told[WANG], [call["id"] for call in told[LI]]) == ([], ["1.1"])
    plain(server, agent_uri=LI, state="ended", cause="hangup")
    assert pushed(server) == [(LI, [])]


def test_calls_of_agents_without_a_desk_are_pushed_to_nobody(server: Server) -> None:
    server.desk("li", LI)
    plain(server)
    assert pushed(server) == []


def test_calls_are_right_after_the_server_the_connector_and_the_pbx_started_anew(
    start: Start,
) -> None:
    first = start()
    first.desk("wang", WANG)
    plain(first, "1.1")
    plain(first, "1.2", held=True)
    second = start()
    browser = second.browser()
    browser.post("/v1/login", {"username": "wang", "password": "correct horse"})
    assert {call["id"]: call["held"] for call in calls_of(browser)} == {"1.1": False, "1.2": True}
    second.services.watch_login("desk", WANG)
    second.connector.epoch = 2  # the connector was started anew: of the two, one still stands
    call = second.connector.call("1.2", "active", type=None, agent_uri=WANG)
    assert second.connector.send(call, snapshot=True).status_code == 200
    assert [(call["id"], call["held"]) for call in calls_of(browser)] == [("1.2", False)]
    assert pushed(second) == [(WANG, calls_of(browser))]
    second.connector.epoch = 3  # the PBX was started anew: nothing stands
    assert second.connector.send(snapshot=True).status_code == 200
    assert calls_of(browser) == []
    assert pushed(second) == [(WANG, [])]


def test_more_calls_than_anybody_has_are_cut(server: Server) -> None:
    browser = server.desk("wang", WANG)
    many = [server.connector.call(f"2.{n}", "active", agent_uri=WANG) for n in range(25)]
    server.connector.send(*many)
    assert len(calls_of(browser)) == 20


def test_the_button_opens_a_session_as_a_feature_code_does(server: Server) -> None:
    browser = server.desk("wang", WANG)
    plain(server)
    pushed(server)
    answer = browser.post("/v1/desk/calls/hq/1.1/session", {"type": "cobrowse"})
    assert answer.status_code == 201
    view = json_of(answer)
    assert (view["type"], view["initiator"], view["state"]) == ("cobrowse", "agent", "inviting")
    assert (view["user"], view["agent"]) == ({"uri": ALICE}, {"uri": WANG})
    assert view["call"] == {"pbx": "hq", "id": "1.1"}
    (command,) = server.hub.commands
    assert (command["kind"], command["call"], command["args"]["to"]) == ("message", "1.1", ALICE)
    (call,) = calls_of(browser)
    assert (call["type"], call["session"]) == ("cobrowse", view["id"])
    assert pushed(server) == [(WANG, [call])]
    texts = [item["text"] for item in server.trace("1.1")["items"]]
    assert f"cobrowse asked for by agent {WANG} at the desk" in texts
    assert server.trace("1.1")["call"]["ordinary"] is False
    collaboration = json_of(server.api.get("/v1/calls?collaboration=1"))["items"]
    assert [call["id"] for call in collaboration] == ["1.1"]


def test_the_session_follows_its_call_although_no_report_names_a_type(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    plain(server)
    session = json_of(wang.post("/v1/desk/calls/hq/1.1/session", {"type": "chat"}))["id"]
    plain(server, held=True)
    assert json_of(wang.get("/v1/desk"))["current"][0]["held"] is True
    plain(server, agent_uri=LI)
    assert server.session(session)["agent"]["uri"] == LI
    assert [call["session"] for call in calls_of(li)] == [session]
    plain(server, agent_uri=LI, state="ended", cause="hangup")
    ended = server.session(session)
    assert (ended["state"], ended["reason"]) == ("ended", "hangup")
    assert server.trace("1.1")["stopped"] is None


def test_another_type_opens_a_panel_and_the_same_one_twice_nothing(server: Server) -> None:
    browser = server.desk("wang", WANG)
    plain(server)
    path = "/v1/desk/calls/hq/1.1/session"
    first = json_of(browser.post(path, {"type": "form"}))
    for kind, panels in (("form", ["form"]), ("chat", ["form", "chat"])):
        again = browser.post(path, {"type": kind})
        assert again.status_code == 200
        assert json_of(again)["id"] == first["id"]
        assert json_of(again)["panels"] == panels
    assert len(server.hub.commands) == 1, "the caller is not invited again"


def test_after_the_session_ended_the_button_opens_a_new_one(server: Server) -> None:
    browser = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    old = server.session_of("1.1")["id"]
    pushed(server)
    browser.post(f"/v1/sessions/{old}/end", {})
    ((_, (call,)),) = pushed(server)
    assert call["session"] is None
    answer = browser.post("/v1/desk/calls/hq/1.1/session", {"type": "form"})
    assert answer.status_code == 201
    assert json_of(answer)["id"] != old


def test_a_code_pressed_later_opens_a_panel_in_the_desks_session(server: Server) -> None:
    browser = server.desk("wang", WANG)
    plain(server)
    session = json_of(browser.post("/v1/desk/calls/hq/1.1/session", {"type": "form"}))["id"]
    server.connector.report("1.1", "active", type="chat", requests=1, agent_uri=WANG)
    (view,) = json_of(browser.get("/v1/desk"))["current"]
    assert (view["id"], view["panels"]) == (session, ["form", "chat"])


def test_a_call_is_found_by_an_alias_too(server: Server) -> None:
    browser = server.desk("wang", WANG)
    plain(server, aliases=["0.9"])
    answer = browser.post("/v1/desk/calls/hq/0.9/session", {"type": "form"})
    assert json_of(answer)["call"]["id"] == "1.1"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("hq/9.9", 404),
        ("branch/1.1", 404),
        ("nowhere/1.1", 404),
        ("hq/li", 404),
        ("hq/nobody", 404),
        ("hq/over", 409),
        ("hq/alone", 404),
        ("hq/hidden", 409),
    ],
)
def test_a_call_that_is_not_the_agents_or_is_over_opens_nothing(
    server: Server, address: str, status: int
) -> None:
    browser = server.desk("wang", WANG)
    plain(server, "1.1")
    plain(server, "li", agent_uri=LI)
    plain(server, "nobody", state="queued", agent_uri=None)
    plain(server, "over")
    plain(server, "over", state="ended", cause="hangup")
    plain(server, "alone")
    plain(server, "alone", state="suspended", agent_uri=None)
    plain(server, "hidden", user_uri="<script>")
    answer = browser.post(f"/v1/desk/calls/{address}/session", {"type": "form"})
    assert answer.status_code == status
    assert json_of(answer)["detail"]
    assert json_of(server.api.get("/v1/sessions"))["items"] == []


def test_the_button_needs_the_desk_its_token_and_a_type(server: Server) -> None:
    browser = server.desk("wang", WANG)
    plain(server)
    path = "/v1/desk/calls/hq/1.1/session"
    assert server.api.post(path, {"type": "form"}).status_code == 403
    assert server.browser().post(path, {"type": "form"}).status_code == 401
    assert browser.post(path, {"type": "form"}, **{"X-CSRF-Token": "0"}).status_code == 403
    for wrong in ({}, {"type": "fax"}, {"type": "form", "user_uri": "tel:+4917"}):
        assert json_of(browser.post(path, wrong))["status"] == 422
    assert len(calls_of(browser)) == 1
    assert calls_of(browser)[0]["session"] is None


def test_a_call_that_only_a_client_named_is_no_telephone_call(server: Server) -> None:
    browser = server.desk("wang", WANG)
    server.establish(call={"pbx": "hq", "id": "7.7"})
    assert calls_of(browser) == []


def test_desks_are_told_which_pbx_is_not_reached(server: Server) -> None:
    server.hub.linked_pbxs = {"hq", "branch"}
    browser = server.desk("wang", WANG)
    server.housekeeper.round()
    server.hub.desks.clear()
    server.housekeeper.round()
    assert server.hub.desks == [], "nothing has changed"
    server.hub.linked_pbxs = {"branch"}
    assert json_of(browser.get("/v1/desk"))["pbxs"] == {"hq": False, "branch": True}
    server.housekeeper.round()
    told = {"kind": "pbxs", "pbxs": {"hq": False, "branch": True}}
    assert server.hub.desks == [(WANG, told)]


def test_a_call_whose_session_a_client_gave_to_another_agent_stays_theirs(server: Server) -> None:
    browser = server.desk("wang", WANG)
    plain(server)
    other = server.establish(call={"pbx": "hq", "id": "1.1"}, agent_uri=LI)["id"]
    answer = browser.post("/v1/desk/calls/hq/1.1/session", {"type": "chat"})
    assert answer.status_code == 409
    assert LI in json_of(answer)["detail"]
    assert server.session(other)["agent"]["uri"] == LI


def test_a_caller_is_not_sent_one_message_after_the_other(server: Server) -> None:
    browser = server.desk("wang", WANG)
    plain(server)
    statuses = []
    for _ in range(21):
        answer = browser.post("/v1/desk/calls/hq/1.1/session", {"type": "chat"})
        statuses.append(answer.status_code)
        if answer.status_code == 201:
            browser.post(f"/v1/sessions/{json_of(answer)['id']}/end", {})
    assert statuses == [201] * 20 + [429]
    assert len(server.hub.commands) == 20
    assert calls_of(browser)[0]["session"] is None


def test_a_caller_without_a_telephone_stands_there_by_the_name_the_site_gave(
    server: Server,
) -> None:
    site, wang = Site(server), server.desk("wang", WANG)
    site.link()
    call = site.post(name="Ann Lee")
    site.pump()
    server.housekeeper.round()
    site.pump()
    site.serve()
    (standing,) = calls_of(wang)
    assert standing["user"] == {"uri": call.first["user"]["uri"], "name": "Ann Lee"}
