"""An agent in a call without a telephone: busy from the answer on, and turned into a voice call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collab_server.placed import voice
from tests.server.conftest import LI, WANG, Browser, Server, json_of
from tests.server.placed import Posted, Site

NUMBER = "tel:+4930123456"


@pytest.fixture
def site(server: Server) -> Site:
    made = Site(server)
    made.link()
    return made


@pytest.fixture
def desk(server: Server) -> Browser:
    return server.desk("wang", WANG)


def waiting(site: Site) -> Posted:
    """The user is in the queue."""
    call = site.post()
    call.open()
    site.pump()
    return call


def together(site: Site, desk: Browser) -> Posted:
    """Both are in the session, and the agent counts as busy."""
    call = waiting(site)
    assert site.serve() == call.id
    assert desk.post(f"/v1/sessions/{call.session}/token", {}).status_code == 200
    assert call.now()["state"] == "active"
    return call


def pauses(site: Site) -> list[tuple[str, str, bool]]:
    found = [c for c in site.server.hub.commands if c["kind"] == "pause"]
    return [(c["id"], c["args"]["agent_uri"], c["args"]["paused"]) for c in found]


# Busy


def test_an_agent_who_hangs_up_stays_in_the_session_and_counts_as_busy(
    site: Site, desk: Browser
) -> None:
    call = together(site, desk)
    assert call.view()["placed"]["phone"] is True
    assert pauses(site) == [(f"{call.session}-busy", WANG, True)], "before the hang-up"
    assert site.pbx.paused == {WANG: "collaboration"}
    site.pbx.agent_hangs_up(call.id)
    site.pump()
    assert call.now()["state"] == "active"
    assert call.view()["placed"]["phone"] is False
    assert pauses(site) == [(f"{call.session}-busy", WANG, True)]
    assert site.pbx.paused == {WANG: "collaboration"}
    sent = [c for c in site.server.hub.commands if c["kind"] == "pause"]
    assert all(c["call"] is None and c["args"]["busy"] for c in sent)
    site.pbx._report(site.pbx.calls[call.id])
    site.pump()
    assert len(pauses(site)) == 1
    desk.post(f"/v1/sessions/{call.session}/end", {})
    site.pump()
    assert pauses(site)[1:] == [(f"{call.session}-free", WANG, False)]
    assert (site.pbx.paused, site.pbx.calls) == ({}, {})


def test_nobody_is_unpaused_who_had_paused_themselves(site: Site, desk: Browser) -> None:
    call = waiting(site)
    site.pbx.answer(WANG)
    site.pbx.paused[WANG] = "lunch"
    site.pump()
    desk.post(f"/v1/sessions/{call.session}/end", {})
    site.pump()
    assert site.pbx.paused == {WANG: "lunch"}
    assert "already paused" in call.trace()


@pytest.mark.parametrize("status", ["done", "unknown", "failed"])
def test_a_pause_whose_result_comes_after_the_end_is_ended(
    site: Site, desk: Browser, status: str
) -> None:
    call = waiting(site)
    site.pbx.answer(WANG)
    calls, _ = site.pbx.said()
    site.server.connector.send(*calls)
    desk.post(f"/v1/sessions/{call.session}/end", {})
    assert len(pauses(site)) == 1
    site.server.connector.send(results=[{"id": f"{call.session}-busy", "status": status}])
    assert [name for name, *_ in pauses(site)][1:] == [f"{call.session}-free"]


def test_a_pause_that_was_done_after_its_time_stands_until_the_session_ends(
    site: Site, desk: Browser
) -> None:
    call = waiting(site)
    site.pbx.answer(WANG)
    calls, _ = site.pbx.said()
    site.server.connector.send(*calls)
    site.server.clock.turn(301)
    site.server.housekeeper.round()
    assert [name for name, *_ in pauses(site)][1:] == [f"{call.session}-free"]

    def wanted() -> list[str]:
        return [c["id"] for c in site.server.backend.pending_commands("hq")]

    assert f"{call.session}-free" in wanted()
    site.server.connector.send(results=[{"id": f"{call.session}-busy", "status": "done"}])
    assert f"{call.session}-free" not in wanted()
    desk.post(f"/v1/sessions/{call.session}/end", {})
    assert f"{call.session}-free" in wanted()


def test_an_agent_who_passed_the_session_on_is_free_again(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    site.pbx.agent_hangs_up(call.id)
    site.pump()
    standing = site.pbx.calls[call.id]
    standing.agent_uri, standing.agent_leg = LI, "leg of li"
    site.pbx._report(standing)
    site.pump()
    assert list(site.pbx.paused) == [LI]
    site.pbx.agent_hangs_up(call.id)
    site.pump()
    assert list(site.pbx.paused) == [LI]
    call.leave()
    site.pump()
    assert site.pbx.paused == {}
    assert [name for name, *_ in pauses(site)] == [
        f"{call.session}-busy",
        f"{call.session}-free",
        f"{call.session}-busy-2",
        f"{call.session}-free-2",
    ]


# Voice


def ask(who: Browser, call: Posted, **body: Any) -> Any:
    return who.post(f"/v1/sessions/{call.session}/voice", body)


def wish(call: Posted) -> dict[str, Any]:
    return dict(call.view()["placed"]["voice"])


def calls_placed(site: Site) -> list[tuple[str, str, dict[str, Any]]]:
    found = [c for c in site.server.hub.commands if c["kind"] == "voice"]
    return [(c["id"], c["call"], c["args"]) for c in found]


def test_a_user_is_called_at_the_number_they_give(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    assert call.browser is not None
    answer = ask(call.browser, call, uri=NUMBER)
    assert (answer.status_code, json_of(answer)["state"]) == (200, "calling")
    assert calls_placed(site) == [(f"{call.id}-voice-1", call.id, {"user_uri": NUMBER})]
    site.pump()
    assert wish(call) == {
        "state": "calling",
        "asked_by": "user",
        "number": NUMBER,
        "code": "",
        "detail": "",
    }
    site.pbx.picks_up(call.id, "1795.7")
    site.pump()
    assert wish(call)["state"] == "connected"
    assert call.view()["placed"]["stage"] == "voice"
    assert site.server.session(call.session)["call"]["id"] == "1795.7"
    assert call.now()["state"] == "active"


def test_a_voice_call_goes_on_when_the_page_is_closed_and_ends_the_session_as_any_call(
    site: Site, desk: Browser
) -> None:
    call = together(site, desk)
    assert call.browser is not None
    ask(call.browser, call, uri=NUMBER)
    site.pump()
    site.pbx.picks_up(call.id, "1795.7")
    site.pump()
    call.say_closed()
    call.disconnect()
    site.pass_time(3600)
    assert call.now()["state"] == "active"
    site.pbx.over("1795.7", "hangup")
    site.pump()
    assert call.now()["reason"] == "hangup"
    assert "hangup" not in [c["kind"] for c in site.server.hub.commands]


def test_the_end_of_the_session_leaves_the_voice_call_to_the_two(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    assert call.browser is not None
    ask(call.browser, call, uri=NUMBER)
    site.pump()
    site.pbx.picks_up(call.id, "1795.7")
    site.pump()
    desk.post(f"/v1/sessions/{call.session}/end", {})
    site.pump()
    assert list(site.pbx.calls) == ["1795.7"]


def test_the_end_of_the_session_takes_a_call_that_still_rings_along(
    site: Site, desk: Browser
) -> None:
    call = together(site, desk)
    assert call.browser is not None
    ask(call.browser, call, uri=NUMBER)
    site.pump()
    desk.post(f"/v1/sessions/{call.session}/end", {})
    site.pump()
    assert site.pbx.calls == {}
    assert wish(call)["state"] == "failed"


@pytest.mark.parametrize(
    ("who", "why", "detail"),
    [
        ("user", "no_answer", "the user's telephone did not answer"),
        ("agent", "hung_up", "the agent's telephone has hung up"),
    ],
)
def test_the_page_says_at_once_that_nobody_was_reached_and_another_try_is_free(
    site: Site, desk: Browser, who: str, why: str, detail: str
) -> None:
    call = together(site, desk)
    assert call.browser is not None
    ask(call.browser, call, uri=NUMBER)
    site.pump()
    site.pbx.dials_in_vain(call.id, f"{call.id}-voice-1", who, why)
    site.pump()
    said = [wish(call)[member] for member in ("state", "code", "detail")]
    assert said == ["failed", f"{who}_{why}", detail]
    assert json_of(ask(call.browser, call, uri=NUMBER))["state"] == "calling"
    site.pump()  # what is told again is of the try before
    site.pbx.agent_hangs_up(call.id)
    site.pump()
    assert wish(call)["state"] == "calling"


def test_an_agent_asks_and_the_user_confirms(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    assert call.browser is not None
    assert json_of(ask(desk, call, uri=NUMBER))["state"] == "asked"
    assert calls_placed(site) == []
    assert wish(call) == {
        "state": "asked",
        "asked_by": "agent",
        "number": NUMBER,
        "code": "",
        "detail": "",
    }
    assert json_of(ask(call.browser, call))["state"] == "calling"
    assert calls_placed(site) == [(f"{call.id}-voice-1", call.id, {"user_uri": NUMBER})]


def test_a_user_may_say_another_number_or_no(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    assert call.browser is not None
    ask(desk, call, uri=NUMBER)
    assert call.browser.delete(f"/v1/sessions/{call.session}/voice").status_code == 204
    assert wish(call)["state"] == "declined"
    assert ask(call.browser, call).status_code == 422, "there is no number to confirm any more"
    ask(desk, call)
    assert json_of(ask(call.browser, call, uri="sip:alice@example.org"))["state"] == "calling"
    assert calls_placed(site)[0][2] == {"user_uri": "sip:alice@example.org"}


def test_a_call_that_the_pbx_refuses_says_why_and_may_be_tried_again(
    site: Site, desk: Browser
) -> None:
    call = together(site, desk)
    site.pbx.dials = False
    assert call.browser is not None
    ask(call.browser, call, uri=NUMBER)
    site.pump()
    assert wish(call)["state"] == "failed"
    assert wish(call)["detail"] == "dial_context is not set"
    assert call.now()["state"] == "active"
    site.pbx.dials = True
    ask(call.browser, call, uri=NUMBER)
    site.pump()
    assert wish(call)["state"] == "calling"
    assert [name for name, *_ in calls_placed(site)] == [
        f"{call.id}-voice-1",
        f"{call.id}-voice-2",
    ]


def test_a_call_that_nobody_answers_is_given_up(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    assert call.browser is not None
    ask(call.browser, call, uri=NUMBER)
    site.pump()
    site.pass_time(59)
    assert wish(call)["state"] == "calling"
    assert ask(call.browser, call, uri=NUMBER).status_code == 409
    site.pass_time(2)
    assert wish(call)["state"] == "failed"


def test_nobody_is_called_before_both_are_in_the_session(site: Site, desk: Browser) -> None:
    call = site.post()
    browser = call.open()
    site.pump()
    assert ask(browser, call, uri=NUMBER).status_code == 409
    site.serve()
    assert ask(browser, call, uri=NUMBER).status_code == 409, "the agent has not come in"
    assert calls_placed(site) == []
    desk.post(f"/v1/sessions/{call.session}/token", {})
    desk.post(f"/v1/sessions/{call.session}/end", {})
    assert ask(browser, call, uri=NUMBER).status_code == 409


def test_an_ordinary_session_has_its_telephone_call(site: Site, desk: Browser) -> None:
    session = site.server.establish()
    browser = site.server.browser()
    browser.open(session["user"]["join_url"])
    desk.post(f"/v1/sessions/{session['id']}/token", {})
    answer = browser.post(f"/v1/sessions/{session['id']}/voice", {"uri": NUMBER})
    assert answer.status_code == 409


NO_NUMBERS = (
    "tel:*22", "tel:112#", "tel:", "tel:1", "tel:+49 30", "tel:49,30", "mailto:a@b.example",
    "sip:*29@example.org", "sip:a@b@c", "sip:alice", "sip:a b@example.org", "tel:\uff11\uff12",
    "sip:a@example.org;transport=udp", "tel:+4930\r\nX: y", "PJSIP/1001", "tel:" + "1" * 21,
)  # fmt: skip


def test_what_is_no_number_of_a_person_is_not_called(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    assert call.browser is not None
    for uri in NO_NUMBERS:
        answer = ask(call.browser, call, uri=uri)
        assert (answer.status_code, json_of(answer)["field"]) == (422, "uri"), uri
    assert calls_placed(site) == []


def test_calls_of_one_session_are_bounded(
    site: Site, desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice, "MAX_OF_NUMBER", 99)
    site.pbx.dials = False
    call = together(site, desk)
    assert call.browser is not None
    for _ in range(3):
        assert ask(call.browser, call, uri=NUMBER).status_code == 200
        site.pump()
    refused = ask(call.browser, call, uri=NUMBER)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert len(calls_placed(site)) == 3


def test_one_number_is_not_called_again_and_again_out_of_many_sessions(
    site: Site, desk: Browser
) -> None:
    site.pbx.dials = False
    for _ in range(3):
        call = together(site, desk)
        assert call.browser is not None
        assert ask(call.browser, call, uri=NUMBER).status_code == 200
        site.pump()
        desk.post(f"/v1/sessions/{call.session}/end", {})
        site.pump()
        site.server.clock.turn(600)
    call = together(site, desk)
    assert call.browser is not None
    refused = ask(call.browser, call, uri=NUMBER)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1800")
    assert ask(call.browser, call, uri="tel:+4930999").status_code == 200


def test_one_number_is_one_in_whatever_form_it_is_asked_for(site: Site, desk: Browser) -> None:
    site.pbx.dials = False
    forms = ("tel:+4930123456", "sip:+4930123456@one.example", "sip:+49-30-123456@two.example")
    for n in range(4):
        call = together(site, desk)
        assert call.browser is not None
        status = ask(call.browser, call, uri=forms[n % 3]).status_code
        assert status == (429 if n == 3 else 200)
        desk.post(f"/v1/sessions/{call.session}/end", {})
        site.pump()


def test_an_agent_may_ask_so_often(site: Site, desk: Browser) -> None:
    call = together(site, desk)
    answers = []
    for _ in range(11):
        answers.append(ask(desk, call).status_code)
        desk.delete(f"/v1/sessions/{call.session}/voice")
    assert answers == [200] * 10 + [429]


def test_nobody_is_rung_for_a_session_that_is_over(site: Site, desk: Browser) -> None:
    """The link is down when the user asks to be called, and up again after the end."""
    call = together(site, desk)
    assert call.browser is not None
    site.server.hub.linked_pbxs.clear()
    ask(call.browser, call, uri=NUMBER)
    desk.post(f"/v1/sessions/{call.session}/end", {})
    pending = site.server.backend.pending_commands("hq")
    assert [command["kind"] for command in pending] == ["hangup", "pause"]
    assert pending[1]["args"]["paused"] is False
    late = {"id": f"{call.id}-voice-1", "status": "done", "detail": ""}
    assert site.server.connector.send(results=[late]).status_code == 200
    site.link()
    assert (site.pbx.calls, wish(call)["state"]) == ({}, "failed")


def test_an_agent_of_two_such_calls_is_free_when_both_are_over(site: Site, desk: Browser) -> None:
    first = together(site, desk)
    second = site.post()
    second.open()
    site.pump()
    site.serve()
    for call in (first, second):
        site.pbx.agent_hangs_up(call.id)
        site.pump()
    for call, paused in ((first, {WANG: "collaboration"}), (second, {})):
        call.leave()
        site.pump()
        assert site.pbx.paused == paused


@pytest.mark.parametrize("number", ["112", "911", "110", "000"])
def test_no_page_has_an_emergency_number_called_wherever_the_pbx_is(
    site: Site, desk: Browser, number: str
) -> None:
    call = together(site, desk)
    assert call.browser is not None
    assert ask(call.browser, call, uri=f"sip:{number}@pbx.example.org").status_code == 403
    assert ask(call.browser, call, uri=f"tel:{number}").status_code == 403
    assert ask(call.browser, call, uri="sip:1120@pbx.example.org").status_code == 200


def test_what_the_administrator_denies_no_page_has_called(start: Callable[..., Server]) -> None:
    """By whatever way: the number is typed by whoever came by a web site."""
    server = start(country="DE", invite={"deny": [r"tel:\+49900\d*"]})
    site, desk = Site(server), server.desk("wang", WANG)
    site.link()
    call = together(site, desk)
    assert call.browser is not None
    for premium in (
        "sip:0900123456788888888888888@pbx.example.org",
        "sip:0900x1234567@pbx.example.org",
        "sip:0900_1234567@pbx.example.org",
        "tel:09001234567999999",
        "sip:09001234567999999@pbx.example.org",
        "tel:+499001234567",
        "sip:+499001234567@pbx.example.org",
        "sip:+49-900-1234567@pbx.example.org",
        "sip:-+49.900.1234567-@pbx.example.org",
    ):
        assert ask(call.browser, call, uri=premium).status_code == 403
    assert ask(desk, call, uri="tel:+499001234567").status_code == 200, "it is the user's to say"
    assert ask(call.browser, call).status_code == 403
    assert calls_placed(site) == []
    assert ask(call.browser, call, uri=NUMBER).status_code == 200
