"""Invitations of calls: labels reach nobody, who came by SIP MESSAGE is confirmed, and dialling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collab_server.db.sessions import CollabSession
from collab_server.sessions import invitations
from collab_server.sessions.views import join_url
from tests.server.conftest import ALICE, LI, WANG, Browser, Server, json_of, token_of
from tests.server.doubles import Gateway, Mailbox, gateway, mail_server
from tests.server.test_invite import ANN, PAGE, PHONE, invite, set_up

Start = Callable[..., Server]

HOSTILE = (
    "mailto:victim@example.org",
    "mailto:victim@example.org,other@example.org",
    "mailto:victim@example.org\r\nBcc: other@example.org",
    "mailto:victim@example.org?cc=other@example.org",
    "tel:+499001234567",
    "tel:+4930123456,tel:+499001234567",
    "sip:+4930123456@pbx.example.org",
    "sip:+499001234567@evil.example;transport=tcp\r\nTo: x",
    PAGE,
)


@pytest.fixture
def sms() -> Iterator[Gateway]:
    with gateway() as double:
        yield double


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mail_server() as double:
        yield double


@pytest.mark.parametrize("uri", HOSTILE)
def test_an_address_that_a_caller_can_shape_reaches_nobody(
    start: Start, sms: Gateway, mail: Mailbox, uri: str
) -> None:
    """X-Collab-User of a trunk, as the connector reports it; everything is set up and allowed."""
    server = start(**set_up(sms, mail, allow=[".*"]))
    server.hub.pages[PAGE] = []
    server.connector.report("1.1", "queued", user_uri=uri)
    server.connector.report("1.1", "active", user_uri=uri, agent_uri=WANG)
    for session in sessions(server):
        path = f"/v1/sessions/{session['id']}/invitations"
        assert server.api.post(path, {"role": "user", "send": True}).status_code == 201
    for _ in range(3):
        server.carry()
        server.clock.turn(3_600)
    assert (sms.asked, mail.came, mail.tries, server.hub.pages[PAGE]) == ([], [], 0, [])
    for command in server.hub.commands:
        assert (command["kind"], command["call"]) == ("message", "1.1"), "the call's own leg alone"
    states = server.ways(items[0]["id"]) if (items := sessions(server)) else {}
    assert {way for way, (state, _) in states.items() if state != "none"} <= {"message"}


def test_an_agent_may_send_it_there_where_it_is_allowed(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms, deny=[r"tel:\+49900\d*"]))
    desk = server.desk("wang", WANG)
    answers = []
    for call, user in (("1.1", "sip:+4930123456@pbx.example.org"), ("1.2", "tel:+499001234567")):
        server.connector.report(call, "active", user_uri=user, agent_uri=WANG)
        path = f"/v1/sessions/{server.session_of(call)['id']}/invitations"
        answers.append(desk.post(path, {"role": "user", "send": True, "way": "sms"}).status_code)
    server.carry()
    assert answers == [201, 403]
    assert [asked.json["to"] for asked in sms.asked] == ["+4930123456"]


def test_an_administrator_may_let_calls_send_by_themselves(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms, automatic=True, order=["sms", "message"]))
    server.connector.report("1.1", "active", user_uri=PHONE, agent_uri=WANG)
    server.connector.report("1.2", "active", user_uri="tel:+33123456789", agent_uri=WANG)
    server.carry()
    assert [asked.json["to"] for asked in sms.asked] == ["+4930123456"]


def sessions(server: Server) -> list[dict[str, Any]]:
    return list(json_of(server.api.get("/v1/sessions"))["items"])


def texted(server: Server) -> str:
    """The link in the last SIP MESSAGE."""
    return str(server.hub.commands[-1]["args"]["text"].split()[-1])


def held(server: Server, desk: Browser) -> tuple[Browser, dict[str, Any], str]:
    """A caller who opened the link of the SIP MESSAGE: browser, what they were told, session."""
    server.connector.report("1.1", "active", agent_uri=WANG)
    result = {"id": server.hub.commands[-1]["id"], "status": "done", "detail": ""}
    server.connector.send(results=[result])
    browser = server.browser()
    answer = browser.post("/v1/join", {"token": token_of(texted(server))})
    assert answer.status_code == 202, answer.text
    told = json_of(answer)
    browser.csrf = told["csrf"]
    return browser, told, told["session"]


def test_who_came_by_sip_message_is_held_until_the_agent_confirms_the_word(server: Server) -> None:
    desk = server.desk("wang", WANG)
    browser, told, session = held(server, desk)
    assert told.keys() == {"session", "role", "type", "word", "csrf"}, "nothing that opens anything"
    (way,) = server.invitation(session)["ways"]
    assert (way["way"], way["state"], way["word"]) == ("message", "confirm", told["word"])
    assert server.invitation(session)["state"] == "confirm"
    path = f"/v1/sessions/{session}"
    waiting = json_of(browser.post(f"{path}/token", {}))
    assert (waiting["status"], waiting["why"], waiting["word"]) == (409, "confirm", told["word"])
    assert browser.get(path).status_code == 401
    assert browser.post(f"{path}/end", {}).status_code == 401
    assert browser.post(f"{path}/confirm", {"yes": True}).status_code == 401
    assert server.backend.sync_view(session, "agent")["presence"]["user"]["joined"] is False
    assert desk.post(f"{path}/confirm", {"yes": True}).status_code == 204
    joined = json_of(browser.post(f"{path}/token", {}))
    grant = server.backend.authorize_sync(session, joined["sync"]["token"])
    assert (grant.person.role, grant.person.uri) == ("user", ALICE)
    assert server.ways(session) == {"message": ("joined", "")}
    assert desk.post(f"{path}/confirm", {"yes": True}).status_code == 409


def test_the_word_is_of_one_browser_and_not_shown_to_who_only_looks(server: Server) -> None:
    desk = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    look = json_of(server.browser().post("/v1/join/look", {"token": token_of(texted(server))}))
    assert look["word"] == ""
    _, told, session = held(server, desk)
    assert told["word"] != server.backend.sync_view(session, "agent")["word"]


def test_a_no_ends_that_link_and_its_browser(server: Server) -> None:
    desk = server.desk("wang", WANG)
    browser, _, session = held(server, desk)
    path = f"/v1/sessions/{session}"
    assert desk.post(f"{path}/confirm", {"yes": False}).status_code == 204
    assert browser.post(f"{path}/token", {}).status_code == 401
    assert server.ways(session) == {"message": ("failed", "the caller did not see the word")}
    late = server.browser().post("/v1/join", {"token": token_of(texted(server))})
    assert (late.status_code, json_of(late)["why"]) == (410, "used")
    assert desk.post(f"{path}/invitations", {"role": "user", "send": True}).status_code == 201
    again = server.browser().post("/v1/join", {"token": token_of(texted(server))})
    assert again.status_code == 202


@pytest.mark.parametrize("how", ["a new link", "the end"])
def test_who_is_held_has_no_way_in_once_the_link_is_dead(server: Server, how: str) -> None:
    desk = server.desk("wang", WANG)
    browser, _, session = held(server, desk)
    path = f"/v1/sessions/{session}"
    if how == "the end":
        server.connector.report("1.1", "ended", cause="hangup")
    else:
        desk.post(f"{path}/invitations", {"role": "user"})
    assert browser.post(f"{path}/token", {}).status_code == 401
    assert desk.post(f"{path}/confirm", {"yes": True}).status_code in (409, 410)


def test_who_is_held_has_no_way_in_once_another_browser_was_paired(server: Server) -> None:
    """Nor does confirming them count as the new user's yes."""
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    browser, _, session = held(server, wang)
    user = server.browser()
    user.csrf = json_of(user.get("/v1/me"))["csrf"]
    shown = json_of(user.post("/v1/pairings", {"type": "form"}))
    typed = wang.post(f"/v1/pairings/{shown['code']}/claim", {"session": session})
    assert typed.status_code == 200
    assert user.post(f"/v1/pairings/{shown['id']}/enter", {}).status_code == 200
    server.connector.report("1.1", "active", agent_uri=LI)
    assert server.backend.sync_view(session, "user")["consent"]["state"] == "asked"
    assert li.post(f"/v1/sessions/{session}/confirm", {"yes": True}).status_code == 409
    assert server.backend.sync_view(session, "user")["consent"]["state"] == "asked"
    assert browser.post(f"/v1/sessions/{session}/token", {}).status_code == 401


def test_a_stranger_who_is_held_takes_no_question_away_from_the_user(server: Server) -> None:
    """Whoever reads the SIP MESSAGE, and says like a program that nobody can be asked."""
    desk = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.browser().open(server.session_of("1.1")["user"]["join_url"])
    session = server.session_of("1.1")["id"]
    path = f"/v1/sessions/{session}"
    assert desk.post(f"{path}/invitations", {"role": "user", "send": True}).status_code == 201
    stranger = server.browser().post("/v1/join", {"token": token_of(texted(server))})
    assert stranger.status_code == 202
    assert desk.post(f"{path}/confirm", {"yes": False}).status_code == 204
    server.connector.report("1.1", "active", agent_uri=LI)
    assert server.backend.sync_view(session, "user")["consent"]["state"] == "asked"


def test_who_is_in_stays_in_when_a_link_that_is_held_is_opened_in_their_browser(
    server: Server,
) -> None:
    """Nobody is pushed out of their session by a link that somebody else had sent to them."""
    desk = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    browser = server.browser()
    browser.open(server.session_of("1.1")["user"]["join_url"])
    path = f"/v1/sessions/{server.session_of('1.1')['id']}"
    assert desk.post(f"{path}/invitations", {"role": "user", "send": True}).status_code == 201
    again = browser.post("/v1/join", {"token": token_of(texted(server))})
    assert again.status_code == 202
    browser.csrf = json_of(again)["csrf"]
    assert browser.post(f"{path}/token", {}).status_code == 200
    assert desk.post(f"{path}/confirm", {"yes": False}).status_code == 204
    assert browser.post(f"{path}/token", {}).status_code == 200


def test_who_was_in_before_and_is_held_comes_in_once_confirmed(server: Server) -> None:
    """The browser's first cookie is of a user whose place another browser has taken."""
    desk = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    browser = server.browser()
    session = browser.open(server.session_of("1.1")["user"]["join_url"])["session"]
    path = f"/v1/sessions/{session}"
    user = server.browser()
    user.csrf = json_of(user.get("/v1/me"))["csrf"]
    shown = json_of(user.post("/v1/pairings", {"type": "form"}))
    typed = desk.post(f"/v1/pairings/{shown['code']}/claim", {"session": session})
    assert typed.status_code == 200
    assert browser.post(f"{path}/token", {}).status_code == 410
    assert desk.post(f"{path}/invitations", {"role": "user", "send": True}).status_code == 201
    answer = browser.post("/v1/join", {"token": token_of(texted(server))})
    assert answer.status_code == 202
    browser.csrf = json_of(answer)["csrf"]
    assert json_of(browser.post(f"{path}/token", {}))["why"] == "confirm"
    assert desk.post(f"{path}/confirm", {"yes": True}).status_code == 204
    assert json_of(browser.post(f"{path}/token", {}))["role"] == "user"


def test_only_the_sessions_agent_confirms(server: Server) -> None:
    _, _, session = held(server, server.desk("wang", WANG))
    other = server.desk("li", LI)
    path = f"/v1/sessions/{session}/confirm"
    assert other.post(path, {"yes": True}).status_code == 403
    assert server.connector.keyed.post(path, {"yes": True}).status_code == 403
    assert server.api.post(path, {"yes": True}).status_code == 204


def test_a_link_in_a_sip_message_lives_for_minutes(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.clock.turn(600)
    late = server.browser().post("/v1/join", {"token": token_of(texted(server))})
    assert (late.status_code, json_of(late)["why"]) == (410, "expired")
    assert server.browser().open(server.session_of("1.1")["user"]["join_url"])


@pytest.mark.parametrize("which", ["no desk", "a log-in that is over", "a link of the API", "off"])
def test_nobody_is_held_where_nobody_can_be_asked(start: Start, which: str) -> None:
    server = start(invite={"confirm": which != "off"})
    if which != "no desk":
        server.desk("wang", WANG)
    if which == "a log-in that is over":
        server.clock.turn(12 * 3600 + 1)
    server.connector.report("1.1", "active", agent_uri=WANG)
    link = texted(server)
    if which == "a link of the API":
        link = server.session_of("1.1")["user"]["join_url"]
    assert server.browser().open(link)["role"] == "user"


def dial(server: Server, uri: str = PHONE) -> tuple[dict[str, Any], dict[str, Any]]:
    """An agent invites and calls; the session, and the command."""
    desk = server.desk("wang", WANG)
    session = invite(desk, uri, call=True, pbx="hq")
    (command,) = [c for c in server.hub.commands if c["kind"] == "dial"]
    return session, command


def test_the_pbx_is_asked_to_call_both_and_the_session_knows_that_call(server: Server) -> None:
    session, command = dial(server)
    assert command["args"] == {"agent_uri": WANG, "user_uri": PHONE, "type": "form"}
    assert command["call"] == command["id"] == session["call"]["id"]
    assert server.ways(session["id"]) == {"dial": ("sending", "")}
    results = [{"id": command["id"], "status": "done", "detail": ""}]
    server.connector.send(results=results)
    assert server.ways(session["id"]) == {"dial": ("sent", "")}
    leg, names = "1.7", [command["id"]]
    server.connector.report(leg, "requested", user_uri=PHONE, initiator="agent", aliases=names)
    assert server.session(session["id"])["state"] == "inviting", "a telephone that rings is no news"
    server.connector.report(leg, "active", user_uri=PHONE, agent_uri=WANG, aliases=names)
    assert server.session_of(leg)["id"] == session["id"]
    assert server.session(session["id"])["call"]["id"] == leg
    ways = server.ways(session["id"])
    assert ways["dial"] == ("joined", "")
    assert ways["message"] == ("sending", ""), "their telephone is there now"
    server.connector.report(leg, "ended", cause="hangup", aliases=names)
    assert server.session(session["id"])["reason"] == "hangup"


@pytest.mark.parametrize("how", ["failed", "unanswered", "expired"])
def test_a_call_that_comes_to_nothing_leaves_the_session(server: Server, how: str) -> None:
    session, command = dial(server)
    if how == "failed":
        detail = "dial_context is not set"
        results = [{"id": command["id"], "status": "failed", "detail": detail}]
        server.connector.send(results=results)
    elif how == "unanswered":
        server.connector.send(results=[{"id": command["id"], "status": "done", "detail": ""}])
        ended = server.connector.call(command["id"], "ended", initiator="agent", cause="hangup")
        for _ in range(2):  # it comes again where the answer to the first was lost
            assert server.connector.send(ended).status_code == 200
    else:
        server.clock.turn(21)
        server.housekeeper.round()
    state, why = server.ways(session["id"])["dial"]
    said = {
        "failed": "dial_context is not set",
        "unanswered": "the call was not answered (hangup)",
        "expired": "the connector did not take it in time",
    }
    assert (state, why) == ("failed", said[how])
    now = server.session(session["id"])
    assert (now["state"], now["call"]) == ("inviting", None)
    assert json_of(server.api.get("/v1/calls"))["items"] == []
    assert server.browser().open(session["user"]["join_url"])


def test_why_nobody_was_reached_is_said(server: Server) -> None:
    session, command = dial(server)
    unreached = {"command": command["id"], "who": "user", "why": "busy"}
    ended = server.connector.call(
        command["id"], "ended", initiator="agent", cause="hangup", unreached=unreached
    )
    server.connector.send(ended, results=[{"id": command["id"], "status": "done", "detail": ""}])
    assert server.ways(session["id"])["dial"] == ("failed", "the user's telephone was busy")
    assert server.session(session["id"])["call"] is None


def hangups(server: Server) -> list[tuple[str, str]]:
    found = [c for c in server.hub.commands if c["kind"] == "hangup"]
    return [(c["id"], c["call"]) for c in found]


@pytest.mark.parametrize("state", ["asked", "rings", "talks"])
def test_the_end_of_a_session_ends_the_ringing_and_no_conversation(
    server: Server, state: str
) -> None:
    session, command = dial(server)
    call = command["id"]
    if state != "asked":
        server.connector.send(results=[{"id": call, "status": "done", "detail": ""}])
        server.connector.report("1.7", "requested", initiator="agent", aliases=[call])
    if state == "talks":
        server.connector.report("1.7", "active", agent_uri=WANG, aliases=[call])
    assert server.api.post(f"/v1/sessions/{session['id']}/end", {}).status_code == 200
    assert (call in server.hub.withdrawn) is (state == "asked")
    assert hangups(server) == ([] if state == "talks" else [(f"{call}-hangup", call)])
    if state != "talks":
        server.connector.send(results=[{"id": f"{call}-hangup", "status": "done", "detail": ""}])
        assert server.ways(session["id"])["dial"][0] != "joined"


def test_a_message_that_nobody_needs_any_more_is_withdrawn(server: Server) -> None:
    """It may wait for its PBX: the link in it would be dead, or of no use to who is in."""
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.2", "active", agent_uri=WANG)
    one, two = (c["id"] for c in server.hub.commands if c["kind"] == "message")
    server.browser().open(server.session_of("1.1")["user"]["join_url"])
    assert server.hub.withdrawn == [one]
    assert server.api.post(f"/v1/sessions/{server.session_of('1.2')['id']}/end", {}).status_code
    assert server.hub.withdrawn == [one, two]
    detail = "withdrawn before it was begun"
    server.connector.send(results=[{"id": two, "status": "failed", "detail": detail}])
    session = next(s for s in sessions(server) if s["state"] == "ended")
    assert server.ways(session["id"])["message"][0] == "dropped"


def test_a_call_that_was_given_up_and_stands_after_all_is_no_end_of_the_session(
    server: Server,
) -> None:
    session, command = dial(server)
    server.clock.turn(21)
    server.housekeeper.round()
    results = [{"id": command["id"], "status": "done", "detail": ""}]
    call = server.connector.call(command["id"], "active", initiator="agent", agent_uri=WANG)
    server.connector.send(call, results=results)
    server.connector.report(command["id"], "ended", initiator="agent", cause="hangup")
    server.connector.send(epoch=2, snapshot=True)
    now = server.session(session["id"])
    assert (now["state"], now["call"]) == ("inviting", None)


def test_dialling_is_denied_and_limited_like_all_that_costs(start: Start) -> None:
    limits = {"destination_hour": 1}
    server = start(invite={"deny": [r"tel:\+49900\d*"], "limits": limits})
    desk = server.desk("wang", WANG)
    body = {"type": "form", "call": True, "pbx": "hq"}
    path = "/v1/desk/invitations"
    for premium in (
        "tel:+499001234567",
        "sip:+499001234567@pbx.example.org",
        "sip:+49.900-1234567@pbx.example.org",
    ):
        assert desk.post(path, body | {"user_uri": premium}).status_code == 403
    assert desk.post(path, body | {"user_uri": PHONE}).status_code == 201
    same = PHONE.replace("tel:", "sip:") + "@pbx.example.org"
    over = desk.post(path, body | {"user_uri": same})
    assert (over.status_code, "destination_hour" in json_of(over)["detail"]) == (429, True)
    assert len(sessions(server)) == 1, "a refusal leaves nothing behind"
    assert len(server.hub.commands) == 1


def test_a_number_is_one_whether_or_not_its_country_is_dialled(start: Start) -> None:
    server = start(country="DE", invite={"deny": [r"tel:\+4930\d*"], "limits": {"call": 1}})
    desk = server.desk("wang", WANG)

    def call(user_uri: str) -> tuple[int, str]:
        body = {"type": "form", "call": True, "pbx": "hq", "user_uri": user_uri}
        answer = desk.post("/v1/desk/invitations", body)
        return answer.status_code, json_of(answer).get("detail", "")

    for user in ("0301234567", "0049301234567", "+49301234567", "030-123.4567", "00-49-301234567"):
        status, why = call(f"sip:{user}@pbx.example.org")
        assert (status, "server.invite.deny" in why) == (403, True), user
    for user, said in (
        ("09001234567", "a premium-rate number"),
        ("+499001234567", "a premium-rate number"),
        ("09001234567890123456", "a premium-rate number"),
        ("00499001234567" + "8", "a premium-rate number"),
        ("009001234567", "a premium-rate number"),
        ("90049900123456799", "a premium-rate number"),
        ("112", "an emergency number"),
        ("09001234567" + "0" * 10, "neither a number nor a name"),
        ("0900a1234567", "neither a number nor a name"),
        ("0900_1234567", "neither a number nor a name"),
        ("09001234567#", "neither a number nor a name"),
        ("*7209001234567", "neither a number nor a name"),
        ("++499001234567", "neither a number nor a name"),
        ("03012345678901", "server.invite.deny"),
    ):
        status, why = call(f"sip:{user}@pbx.example.org")
        assert (status, said in why) == (403, True), (user, why)
    assert call("tel:+4990012345678")[0] == 403, "what is behind the number is passed over"
    assert server.hub.commands == []
    assert call("sip:1120@pbx.example.org")[0] == 201, "an extension"
    assert call("sip:alice-1.2@pbx.example.org")[0] == 201
    assert server.hub.commands[-1]["args"]["user_uri"] == "sip:alice-1.2@pbx.example.org"
    assert call("sip:089-123.4567@pbx.example.org")[0] == 201
    dialled = "sip:0891234567@pbx.example.org"
    assert server.hub.commands[-1]["args"]["user_uri"] == dialled, "as it was checked"


def test_no_gateway_writes_to_a_premium_rate_number(start: Start) -> None:
    invite = {"allow": [r"tel:\+49\d+"], "http": {"sms": {"url": "http://127.0.0.1:9/"}}}
    server = start(invite=invite)
    desk = server.desk("wang", WANG)
    made = desk.post("/v1/desk/invitations", {"type": "form", "user_uri": "tel:+499001234567"})
    session = json_of(made)["id"]
    assert server.ways(session)["sms"][1].endswith(
        "is a premium-rate number, which no machine calls or writes to"
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"user_uri": ANN, "pbx": "hq"}, "call"),
        ({"user_uri": PHONE, "pbx": "paris"}, "pbx"),
        ({"user_uri": PHONE}, "pbx"),
    ],
)
def test_a_call_that_cannot_be_is_refused(server: Server, body: dict[str, str], field: str) -> None:
    desk = server.desk("wang", WANG)
    answer = desk.post("/v1/desk/invitations", {"type": "form", "call": True} | body)
    assert (answer.status_code, json_of(answer)["field"]) == (422, field)
    assert sessions(server) == []


def test_the_one_pbx_that_is_linked_calls(server: Server) -> None:
    server.hub.linked_pbxs = {"branch"}
    desk = server.desk("wang", WANG)
    shown = json_of(desk.get("/v1/desk/invitations"))["pbxs"]
    assert shown == [{"name": "hq", "linked": False}, {"name": "branch", "linked": True}]
    invite(desk, PHONE, call=True)
    assert server.hub.links[-1][0] == "branch"


def test_who_is_in_before_there_is_an_agent_gets_no_word(server: Server) -> None:
    server.connector.report("1.1", "queued")
    with server.services.write() as work:
        session = work.db.get_one(CollabSession, server.session_of("1.1")["id"])
        link = join_url(server.services, invitations.invite(
            server.services, work, session, None, "user"))  # fmt: skip
    server.browser().open(link)
    server.connector.report("1.1", "active", agent_uri=WANG)
    assert server.hub.commands == []
    assert server.ways(session.id) == {}
