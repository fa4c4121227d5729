"""Flow 5: an agent invites somebody; the ways, their order, and what the desk is shown of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.server.conftest import WANG, Browser, Server, carries, json_of, token_of
from tests.server.doubles import Gateway, Mailbox, gateway, mail_server

ANN = "mailto:ann@example.org"
PHONE = "tel:+4930123456"
PAGE = "web:a1b2c3d4e5f6"

Start = Callable[..., Server]


@pytest.fixture
def sms() -> Iterator[Gateway]:
    with gateway() as double:
        yield double


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mail_server() as double:
        yield double


def set_up(sms: Gateway | None = None, mail: Mailbox | None = None, **more: Any) -> dict[str, Any]:
    """``[server.invite]`` with these doubles, that allows Germany and example.org."""
    made: dict[str, Any] = {"allow": [r"tel:\+49\d+", r"mailto:.*@example\.org"]}
    if sms is not None:
        body = {"to": "{number}", "text": "{text}"}
        made["http"] = {"sms": {"url": f"{sms.url}/send", "body": body, "timeout": 2}}
    if mail is not None:
        made["smtp"] = {
            "host": "127.0.0.1",
            "port": mail.port,
            "tls": "none",
            "sender": "desk@example.org",
        }
    return {"invite": made | more}


def invite(browser: Browser, uri: str, **more: Any) -> dict[str, Any]:
    answer = browser.post("/v1/desk/invitations", {"user_uri": uri, "type": "form"} | more)
    assert answer.status_code == 201, answer.text
    return json_of(answer)


def test_an_agent_invites_and_the_user_comes_in(start: Start, sms: Gateway, mail: Mailbox) -> None:
    server = start(**set_up(sms, mail))
    desk = server.desk("wang", WANG)
    session = invite(desk, PHONE)
    assert (session["state"], session["initiator"], session["call"]) == ("inviting", "agent", None)
    assert session["agent"] == {"uri": WANG, "join_url": None}
    assert server.ways(session["id"]) == {"sms": ("waiting", "")}
    server.carry()
    (asked,) = sms.asked
    assert asked.json["to"] == "+4930123456"
    assert carries(asked.json["text"], session["user"]["join_url"])
    assert server.ways(session["id"]) == {"sms": ("sent", "")}
    link = asked.json["text"].split()[-1]
    user = server.browser()
    user.post("/v1/join/look", {"token": token_of(link)})
    assert server.invitation(session["id"])["state"] == "opened"
    assert user.open(link)["role"] == "user"
    assert desk.post(f"/v1/sessions/{session['id']}/token", {}).status_code == 200
    assert server.session(session["id"])["state"] == "active"
    assert server.ways(session["id"]) == {"sms": ("joined", "")}
    assert mail.came == []


def test_e_mail_is_one_message_with_headers_of_its_own(start: Start, mail: Mailbox) -> None:
    server = start(**set_up(mail=mail))
    session = invite(server.desk("wang", WANG), ANN)
    server.carry()
    ((to, message),) = mail.came
    assert to == ["ann@example.org"]
    assert (message["To"], message["From"]) == ("ann@example.org", "Tandem <desk@example.org>")
    assert message["Subject"] == "Tandem: your invitation"
    assert carries(message.get_content(), session["user"]["join_url"])
    assert server.ways(session["id"]) == {"mail": ("sent", "")}


NOBODY = (
    "", "ann@example.org", "mailto:", "mailto:a@b", "mailto:a@example.org,b@example.org",
    "mailto:a@example.org?bcc=b@example.org", "mailto:a@example.org\r\nBcc: b@example.org",
    "mailto:a%0d%0a@example.org", "tel:112", "tel:030123456", "tel:+49;ext=1", "tel:+49a1234567",
    "sip:alice", "sip:alice@example.org;x=y", "sip:a,b@example.org", "sip:a@b@c", "https://x",
    "javascript:alert(1)", "mailto:" + "a" * 250 + "@example.org", "web:x", "tel:+4930123456\n1",
)  # fmt: skip


def test_who_cannot_be_invited_is_one_clear_error(server: Server) -> None:
    desk = server.desk("wang", WANG)
    for uri in NOBODY:
        answer = desk.post("/v1/desk/invitations", {"user_uri": uri, "type": "form"})
        assert (answer.status_code, json_of(answer)["field"]) == (422, "user_uri"), uri
    assert "tel:+4930123456" in json_of(answer)["detail"]
    assert json_of(server.api.get("/v1/sessions"))["items"] == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" tel:+49 (30) 123-456 ", PHONE),
        ("MAILTO:Ann@Example.ORG", "mailto:Ann@example.org"),
        ("sip:1002@pbx.example.org", "sip:1002@pbx.example.org"),
    ],
)
def test_an_address_is_kept_in_one_form(server: Server, given: str, kept: str) -> None:
    assert invite(server.desk("wang", WANG), given)["user"]["uri"] == kept


def test_inviting_is_for_agents_at_the_desk(server: Server) -> None:
    body = {"user_uri": ANN, "type": "form"}
    assert server.api.post("/v1/desk/invitations", body).status_code == 403
    assert server.browser().post("/v1/desk/invitations", body).status_code == 401
    desk = server.desk("wang", WANG)
    desk.csrf = ""
    assert desk.post("/v1/desk/invitations", body).status_code == 403


def test_without_a_word_of_the_administrator_nobody_is_reached(
    start: Start, sms: Gateway, mail: Mailbox
) -> None:
    server = start(**set_up(sms, mail, allow=[]))
    desk = server.desk("wang", WANG)
    for uri, way in ((PHONE, "sms"), (ANN, "mail")):
        session = invite(desk, uri)
        server.carry()
        state, why = server.ways(session["id"])[way]
        assert (state, "server.invite.allow" in why) == ("failed", True)
        path = f"/v1/sessions/{session['id']}/invitations"
        assert desk.post(path, {"role": "user", "send": True, "way": way}).status_code == 403
    assert (sms.asked, mail.came) == ([], [])


def test_what_is_denied_wins_over_what_is_allowed(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms, deny=[r"tel:\+49900\d*"]))
    session = invite(server.desk("wang", WANG), "tel:+499001234567")
    server.carry()
    assert "server.invite.deny" in server.ways(session["id"])["sms"][1]
    assert sms.asked == []


def test_the_next_way_is_tried_when_one_failed(start: Start, sms: Gateway) -> None:
    sms.answers = [(400, b"no such number\r\nSet-Cookie: x"), (200, b"")]
    body = {"to": "{number}"}
    both = {name: {"url": f"{sms.url}/{name}", "body": body} for name in ("first", "second")}
    server = start(**set_up(http=both))
    session = invite(server.desk("wang", WANG), PHONE)
    server.carry()
    server.carry()
    assert [asked.path for asked in sms.asked] == ["/first", "/second"]
    assert server.ways(session["id"]) == {
        "first": ("failed", "the gateway answered 400: no such number Set-Cookie: x"),
        "second": ("sent", ""),
    }


def test_the_next_way_is_tried_when_the_link_stays_unopened(start: Start, sms: Gateway) -> None:
    both = {name: {"url": f"{sms.url}/{name}"} for name in ("first", "second")}
    server = start(**set_up(http=both, order=["second", "first"], patience=60))
    session = invite(server.desk("wang", WANG), PHONE)
    server.carry()
    server.clock.turn(59)
    server.carry()
    assert [asked.path for asked in sms.asked] == ["/second"]
    server.clock.turn(1)
    server.carry()
    assert [asked.path for asked in sms.asked] == ["/second", "/first"]
    assert server.invitation(session["id"])["state"] == "sent"


def test_once_the_link_is_looked_at_no_other_way_is_tried(start: Start, sms: Gateway) -> None:
    both = {name: {"url": f"{sms.url}/{name}?link={{link}}"} for name in ("first", "second")}
    server = start(**set_up(http=both))
    session = invite(server.desk("wang", WANG), PHONE)
    server.carry()
    link = sms.asked[0].query["link"]
    server.browser().post("/v1/join/look", {"token": token_of(link)})
    server.clock.turn(3_600)
    server.carry()
    assert len(sms.asked) == 1
    assert server.ways(session["id"]) == {"first": ("opened", ""), "second": ("dropped", "")}


def test_links_of_all_ways_open_one_browser(start: Start, sms: Gateway) -> None:
    both = {name: {"url": f"{sms.url}/?link={{link}}"} for name in ("first", "second")}
    server = start(**set_up(http=both))
    session = invite(server.desk("wang", WANG), PHONE)
    server.carry()
    server.clock.turn(60)
    server.carry()
    first, second = (asked.query["link"] for asked in sms.asked)
    assert first != second
    server.browser().open(second)
    for late in (first, session["user"]["join_url"]):
        answer = server.browser().post("/v1/join", {"token": token_of(late)})
        assert (answer.status_code, json_of(answer)["why"]) == (410, "used")
    assert server.ways(session["id"])["second"][0] == "joined"


def test_asked_again_by_a_way_of_choice_the_old_link_is_dead(start: Start, sms: Gateway) -> None:
    both = {name: {"url": f"{sms.url}/{name}?link={{link}}"} for name in ("first", "second")}
    server = start(**set_up(http=both))
    desk = server.desk("wang", WANG)
    session = invite(desk, PHONE)
    server.carry()
    path = f"/v1/sessions/{session['id']}/invitations"
    answer = desk.post(path, {"role": "user", "send": True, "way": "second"})
    assert answer.status_code == 201
    server.carry()
    assert [asked.path.partition("?")[0] for asked in sms.asked] == ["/first", "/second"]
    old, new = (asked.query["link"] for asked in sms.asked)
    dead = server.browser().post("/v1/join", {"token": token_of(old)})
    assert (dead.status_code, json_of(dead)["why"]) == (410, "revoked")
    assert server.ways(session["id"]) == {"first": ("none", ""), "second": ("sent", "")}
    assert server.browser().open(new)


@pytest.mark.parametrize("way", ["fax", "message", "page", "mail"])
def test_a_way_that_cannot_be_leaves_the_link_as_it_is(
    start: Start, mail: Mailbox, way: str
) -> None:
    server = start(**set_up(mail=mail))
    desk = server.desk("wang", WANG)
    session = invite(desk, PHONE)
    path = f"/v1/sessions/{session['id']}/invitations"
    answer = desk.post(path, {"role": "user", "send": True, "way": way})
    assert (answer.status_code, json_of(answer)["field"]) == (422, "way")
    assert server.browser().open(session["user"]["join_url"])


def test_a_page_that_is_open_is_shown_the_link(start: Start) -> None:
    server = start()
    desk = server.desk("wang", WANG)
    server.hub.pages[PAGE] = []
    session = invite(desk, PAGE)
    (message,) = server.hub.pages[PAGE]
    assert (message["kind"], message["agent"], message["type"]) == (
        "invited",
        {"uri": WANG},
        "form",
    )
    assert server.ways(session["id"]) == {"page": ("sent", "")}
    assert server.browser().open(message["join_url"])["session"] == session["id"]


def test_a_page_that_is_gone_is_said_to_be(server: Server) -> None:
    session = invite(server.desk("wang", WANG), PAGE)
    assert server.ways(session["id"]) == {"page": ("failed", "no page of theirs is open")}
    assert server.invitation(session["id"])["state"] == "failed"


def test_a_client_with_a_key_has_its_users_invited_too(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms))
    session = server.establish(user_uri=PHONE)
    server.carry()
    assert server.ways(session["id"]) == {"sms": ("sent", "")}


def test_an_ended_session_sends_nothing_more(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms))
    session = invite(server.desk("wang", WANG), PHONE)
    server.api.post(f"/v1/sessions/{session['id']}/end", {})
    server.carry()
    assert sms.asked == []
    assert server.ways(session["id"]) == {"sms": ("dropped", "")}


def test_the_links_of_a_session_live_as_long_as_the_settings_say(start: Start) -> None:
    server = start(invite={"link": 600})
    session = invite(server.desk("wang", WANG), ANN)
    server.clock.turn(599)
    browser = server.browser()
    look = {"token": token_of(session["user"]["join_url"])}
    assert browser.post("/v1/join/look", look).status_code == 200
    server.clock.turn(1)
    assert json_of(browser.post("/v1/join/look", look))["why"] == "expired"
