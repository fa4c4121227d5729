"""Pairing codes: who may make them, use them, and what a browser becomes by one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from collab_server.db.calls import Command
from collab_server.db.invitations import Grant
from collab_server.db.pairing import Pairing
from collab_server.pairing import codes, limits
from collab_server.pairing.blueprint import MAX_GRANTS
from collab_server.realtime.limits import Limits
from tests.server.conftest import ALICE, API, HOST, HQ, LI, URL, WANG, Browser, Server, json_of

REFUSED = "urn:tandem:problem:code-refused"


def page(server: Server) -> Browser:
    """A browser on ``/``: it has asked who it is, as the page does."""
    browser = server.browser()
    browser.csrf = json_of(browser.get("/v1/me"))["csrf"]
    return browser


def show(browser: Browser, **body: Any) -> dict[str, Any]:
    answer = browser.post("/v1/pairings", body)
    assert answer.status_code == 201, answer.text
    return json_of(answer)


def keyed(server: Server, call: str, n: int, code: str | None, **fields: Any) -> str:
    """Report that a code was keyed in; gives what the dialplan is answered."""
    state = fields.pop("state", "requested")
    server.connector.report(
        call, state, **({"type": None} | fields), pairing={"n": n, "code": code}
    )
    commands = [c for c in server.hub.commands if c["kind"] == "answer" and c["call"] == call]
    return str(commands[-1]["args"]["value"]) if commands else ""


def user_of(server: Server, session: str) -> str:
    return str(server.session(session)["user"]["uri"])


# --- a page shows the code ---------------------------------------------------------------


def test_a_page_that_goes_in_again_and_again_has_a_bounded_number_of_cookies(
    server: Server,
) -> None:
    browser = page(server)
    made = show(browser)
    keyed(server, "1.1", 1, made["code"])
    for _ in range(MAX_GRANTS + 3):
        server.clock.turn(1)
        joined = json_of(browser.post(f"/v1/pairings/{made['id']}/enter", {}))
    with server.services.database.read() as db:
        assert len(db.scalars(select(Grant)).all()) == MAX_GRANTS
    assert browser.post(f"/v1/sessions/{joined['session']}/token", {}).status_code == 200


def test_a_code_keyed_in_makes_the_browser_the_user_of_the_call(server: Server) -> None:
    browser = page(server)
    made = show(browser, type="chat")
    assert len(made["code"]) == 6
    assert made["seconds"] == 120
    assert json_of(browser.get(f"/v1/pairings/{made['id']}"))["state"] == "open"

    assert keyed(server, "1.1", 1, made["code"], user_uri="sip:+49301@pbx.example") == "right"
    assert made["id"] in server.hub.used, "its socket is told"
    shown = json_of(browser.get(f"/v1/pairings/{made['id']}"))
    assert shown["state"] == server.backend.code_state(made["id"])["state"] == "bound"
    joined = json_of(browser.post(f"/v1/pairings/{made['id']}/enter", {}))
    assert (joined["session"], joined["role"], joined["type"]) == (shown["session"], "user", "chat")
    assert user_of(server, joined["session"]).startswith("web:")
    grant = server.backend.authorize_sync(joined["session"], joined["sync"]["token"])
    assert grant.person.uri == user_of(server, joined["session"])
    assert browser.post(f"/v1/sessions/{joined['session']}/token", {}).status_code == 200

    # It follows the call from here as any session: the agent is invited, the user is in already.
    server.connector.report("1.1", "active", type=None, agent_uri=WANG)
    document = server.session(joined["session"])
    assert (document["state"], document["agent"]["uri"]) == ("inviting", WANG)
    assert document["user"]["join_url"] is None
    assert not [c for c in server.hub.commands if c["kind"] == "message"]
    server.browser().open(document["agent"]["join_url"])
    assert server.session(joined["session"])["state"] == "active"
    assert server.trace("1.1")["call"]["ordinary"] is False


def test_the_agent_types_what_the_caller_says_and_sees_what_the_call_said(server: Server) -> None:
    wang = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    old = server.browser()
    old.open(session["user"]["join_url"])
    browser = page(server)
    made = show(browser)

    answer = wang.post(f"/v1/pairings/{made['code']}/claim", {"session": session["id"]})
    assert answer.status_code == 200
    word = server.backend.sync_view(session["id"], "user")["word"]
    assert json_of(answer) == {"session": session["id"], "word": word}
    assert json_of(browser.post(f"/v1/pairings/{made['id']}/enter", {}))["session"] == session["id"]
    (view,) = json_of(wang.get("/v1/desk"))["current"]
    assert view["user"] == {"uri": user_of(server, session["id"]), "label": ALICE}
    assert "label" not in server.backend.sync_view(session["id"], "user")["user"]

    # The browser that was the user's before is out of it.
    assert (session["id"], "user", ALICE, 4409) in server.hub.closed
    gone = old.post(f"/v1/sessions/{session['id']}/token", {})
    assert (gone.status_code, json_of(gone)["why"]) == (410, "revoked")


def test_an_ordinary_call_that_is_paired_becomes_a_collaboration(server: Server) -> None:
    wang = server.desk("wang", WANG)
    server.connector.report("1.1", "active", type=None, agent_uri=WANG)
    made = show(page(server), type="screen")
    answer = wang.post(f"/v1/pairings/{made['code']}/claim", {"call": {"pbx": "hq", "id": "1.1"}})
    session = server.session(json_of(answer)["session"])
    assert (session["type"], session["initiator"], session["state"]) == (
        "screen",
        "agent",
        "inviting",
    )
    assert session["call"]["id"] == "1.1"
    text = "never marked: the dialplan did not run it and nobody pressed a code"
    line = {"n": 9, "at": "2026-11-23T12:00:00Z", "stage": "mark", "text": text, "stopped": True}
    server.connector.report("1.1", "ended", type=None, agent_uri=WANG, cause="hangup", trace=[line])
    assert server.session(session["id"])["state"] == "ended"
    assert server.trace("1.1")["stopped"] is None
    assert "never marked" not in str(server.trace("1.1"))


def test_a_page_that_reloads_finds_back_and_another_browser_does_not(server: Server) -> None:
    browser, other = page(server), page(server)
    made = show(browser)
    show(other)
    keyed(server, "1.1", 1, made["code"])
    assert other.get(f"/v1/pairings/{made['id']}").status_code == 404
    assert other.post(f"/v1/pairings/{made['id']}/enter", {}).status_code == 404
    for _ in range(2):
        assert browser.post(f"/v1/pairings/{made['id']}/enter", {}).status_code == 200


def test_only_the_browser_that_shows_a_code_hears_of_it(server: Server) -> None:
    browser, other = page(server), page(server)
    made = show(browser)
    show(other)

    def asks(who: Browser, origin: str | None = URL, code: str = made["id"]) -> int | None:
        value = who.client.get_cookie("tandem_pairing", domain=HOST, path="/v1/pairings")
        assert value is not None
        refused = server.backend.authorize_code(code, f"tandem_pairing={value.value}", origin)
        return refused.status if refused is not None else None

    assert asks(browser) is None
    server.clock.turn(20)
    assert server.backend.code_state(made["id"]) == {"state": "open", "seconds": 100}
    assert asks(browser, "https://elsewhere.example") == 403
    assert asks(browser, None) == 403
    assert asks(other) == 404
    assert asks(browser, code="0" * 16) == 404
    refused = server.backend.authorize_code(made["id"], "", URL)
    assert refused is not None
    assert refused.status == 404
    server.clock.turn(codes.SECONDS)
    assert server.backend.code_state(made["id"]) == {"state": "over"}


def test_a_page_cannot_go_in_before_its_code_is_used(server: Server) -> None:
    browser = page(server)
    made = show(browser)
    assert browser.post(f"/v1/pairings/{made['id']}/enter", {}).status_code == 409


# --- the call tells the code -------------------------------------------------------------


def test_the_user_types_the_code_that_the_agent_told(server: Server) -> None:
    wang = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    code = show(wang, session=session["id"])["code"]
    browser = page(server)
    answer = browser.post(f"/v1/pairings/{code}/claim", {})
    assert answer.status_code == 200
    assert (json_of(answer)["session"], json_of(answer)["role"]) == (session["id"], "user")
    assert browser.post(f"/v1/sessions/{session['id']}/token", {}).status_code == 200
    assert user_of(server, session["id"]).startswith("web:")


def test_the_user_types_the_code_that_the_pbx_said(server: Server) -> None:
    code = keyed(server, "1.1", 1, None, user_uri=ALICE)
    assert code.isdecimal()
    answer = page(server).post(f"/v1/pairings/{code}/claim", {})
    session = server.session(json_of(answer)["session"])
    assert (session["state"], session["type"], session["call"]["id"]) == (
        "requested",
        "form",
        "1.1",
    )


def test_a_code_of_a_marked_call_leads_into_its_session(server: Server) -> None:
    server.connector.report("1.1", "queued", type="chat", queue="support", position=2)
    code = keyed(server, "1.1", 1, None, state="queued", type="chat", queue="support")
    answer = page(server).post(f"/v1/pairings/{code}/claim", {})
    assert json_of(answer)["session"] == server.session_of("1.1")["id"]


def test_a_client_with_a_key_makes_and_uses_codes(server: Server) -> None:
    session = server.establish()
    code = json_of(server.api.post("/v1/pairings", {"session": session["id"]}))["code"]
    assert page(server).post(f"/v1/pairings/{code}/claim", {}).status_code == 200
    made = show(page(server))
    answer = server.api.post(f"/v1/pairings/{made['code']}/claim", {"session": session["id"]})
    assert answer.status_code == 200


# --- once, for two minutes, for nothing else ----------------------------------------------


def refusals(server: Server, kind: str) -> list[tuple[str, str]]:
    """Codes that are good for nothing, and why: wrong, malformed, too old, used, the other way."""
    session = server.establish()
    told = [json_of(server.api.post("/v1/pairings", {"session": session["id"]}))["code"]]
    shown = show(page(server))["code"]
    server.clock.turn(codes.SECONDS)
    old = told[0] if kind == "call" else shown
    used = json_of(server.api.post("/v1/pairings", {"session": session["id"]}))["code"]
    if kind == "call":
        assert page(server).post(f"/v1/pairings/{used}/claim", {}).status_code == 200
        other = show(page(server))["code"]
    else:
        used, other = show(page(server))["code"], used
        body = {"session": session["id"]}
        assert server.api.post(f"/v1/pairings/{used}/claim", body).status_code == 200
    taken = {old, used, other}
    wrong = next(c for c in ("000000", "111111", "222222", "333333") if c not in taken)
    return [
        ("wrong", wrong),
        ("no code", "12345"),
        ("full width", "１２３４５６"),
        ("too old", old),
        ("used", used),
        ("of the other kind", other),
    ]


def test_a_code_that_is_no_good_says_nothing_of_why(server: Server) -> None:
    said = set()
    for _why, code in refusals(server, "call"):
        answer = page(server).post(f"/v1/pairings/{code}/claim", {})
        said.add((answer.status_code, answer.text))
    assert {status for status, _ in said} == {404}
    assert len(said) == 1
    assert REFUSED in next(iter(said))[1]


def test_nor_does_it_to_an_agent(server: Server) -> None:
    bad = refusals(server, "page")
    said = set()
    for _why, code in bad:
        target = server.establish()
        answer = server.api.post(f"/v1/pairings/{code}/claim", {"session": target["id"]})
        said.add((answer.status_code, answer.text))
    assert {status for status, _ in said} == {404}
    assert len(said) == 1


def test_nor_to_a_caller_and_each_is_answered_wrong(server: Server) -> None:
    for number, (_why, code) in enumerate(refusals(server, "page")):
        assert keyed(server, f"2.{number}", 1, code) == "wrong"


def test_a_newer_code_takes_the_place_of_the_one_before(server: Server) -> None:
    browser = page(server)
    first, second = show(browser), show(browser)
    assert json_of(browser.get(f"/v1/pairings/{first['id']}"))["state"] == "over"
    assert server.hub.over == [first["id"]], "its socket is told"
    assert keyed(server, "1.1", 1, first["code"]) == "wrong"
    assert keyed(server, "1.1", 2, second["code"]) == "right"


def test_no_code_is_good_twice_at_a_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([7, 7, 7, 8, 7])
    monkeypatch.setattr(codes.secrets, "randbelow", lambda _most: next(numbers))
    session = server.establish()
    assert show(page(server))["code"] == "000007"
    told = server.api.post("/v1/pairings", {"session": session["id"]})
    assert json_of(told)["code"] == "000008", "of another kind, and yet not the same"
    server.clock.turn(codes.SECONDS)
    assert show(page(server))["code"] == "000007"


def test_a_code_leads_nowhere_once_its_call_is_over(server: Server) -> None:
    code = keyed(server, "1.1", 1, None)
    server.connector.report("1.1", "ended", type=None, cause="hangup")
    answer = page(server).post(f"/v1/pairings/{code}/claim", {})
    assert (answer.status_code, json_of(answer)["type"]) == (404, REFUSED)


def test_the_database_and_the_trace_hold_no_code(server: Server) -> None:
    made = show(page(server))
    told = keyed(server, "1.1", 1, None)
    keyed(server, "1.1", 2, made["code"])
    answers = [c for c in server.hub.commands if c["kind"] == "answer"]
    results = [{"id": c["id"], "status": "done", "detail": ""} for c in answers]
    server.connector.send(results=results)
    with server.database.read() as db:
        kept = [str(vars(row)) for row in db.scalars(select(Pairing))]
        kept += [str(vars(row)) for row in db.scalars(select(Command))]
    kept.append(str(server.trace("1.1")))
    for code in (told, made["code"]):
        assert not [text for text in kept if f"'{code}'" in text or f" {code}" in text]


# --- reports tell state, not edges ------------------------------------------------------------


def test_a_report_that_comes_again_does_nothing_again(server: Server) -> None:
    made = show(page(server))
    report = server.connector.call(
        "1.1", "requested", type=None, pairing={"n": 1, "code": made["code"]}
    )
    for _ in range(3):
        assert server.connector.send(report).status_code == 200
    assert keyed(server, "1.1", 1, made["code"]) == "right"
    assert len([c for c in server.hub.commands if c["kind"] == "answer"]) == 1


def test_a_count_that_starts_anew_tells_nothing_and_the_next_does(server: Server) -> None:
    assert keyed(server, "1.1", 5, "000000") == "wrong"
    made = show(page(server))
    keyed(server, "1.1", 2, made["code"])
    assert len(server.hub.commands) == 1
    assert keyed(server, "1.1", 3, made["code"]) == "right"


def test_the_answer_waits_no_longer_than_the_dialplan(server: Server) -> None:
    keyed(server, "1.1", 1, "000000")
    server.clock.turn(7)
    server.housekeeper.round()
    assert list(server.backend.pending_commands("hq")) == []
    assert "did not take it in time" in str(server.trace("1.1"))


# --- who may -------------------------------------------------------------------------------------


def test_only_its_agent_makes_codes_for_a_session_or_call(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")["id"]
    for body in ({"session": session}, {"call": {"pbx": "hq", "id": "1.1"}}):
        assert li.post("/v1/pairings", body).status_code == 403
        assert page(server).post("/v1/pairings", body).status_code == 401
        assert wang.post("/v1/pairings", body).status_code == 201
        assert li.post("/v1/pairings/000000/claim", body).status_code == 403
    assert wang.post("/v1/pairings", {"session": "0" * 20}).status_code == 404
    assert wang.post("/v1/pairings", {"call": {"pbx": "hq", "id": "9"}}).status_code == 404
    both = {"session": session, "call": {"pbx": "hq", "id": "1.1"}}
    assert wang.post("/v1/pairings", both).status_code == 422
    server.connector.report("1.1", "ended", agent_uri=WANG, cause="hangup")
    for body in ({"session": session}, {"call": {"pbx": "hq", "id": "1.1"}}):
        assert wang.post("/v1/pairings", body).status_code == 409


def test_a_key_is_no_browser_and_a_page_carries_its_token(server: Server) -> None:
    assert server.api.post("/v1/pairings", {}).status_code == 422
    assert server.api.post("/v1/pairings/000000/claim", {}).status_code == 422
    for headers in (HQ, {"Authorization": "Bearer site-key"}):
        answer = server.api.client.post("/v1/pairings", json={"session": "00"}, headers=headers)
        assert answer.status_code == 403
    assert API
    stranger = server.browser()  # no CSRF token
    assert stranger.post("/v1/pairings", {}).status_code == 403
    assert stranger.post("/v1/pairings/000000/claim", {}).status_code == 403


# --- limits --------------------------------------------------------------------------------------


def test_an_address_may_guess_so_often_and_then_not_even_rightly(server: Server) -> None:
    session = server.establish()
    browser = page(server)
    most = limits.GUESSES_OF_ADDRESS.most
    for _ in range(most):
        assert browser.post("/v1/pairings/12345/claim", {}).status_code == 404
    code = json_of(server.api.post("/v1/pairings", {"session": session["id"]}))["code"]
    answer = browser.post(f"/v1/pairings/{code}/claim", {})
    assert answer.status_code == 429
    period = limits.GUESSES_OF_ADDRESS.seconds / most
    assert int(answer.headers["Retry-After"]) == period
    server.clock.turn(period)
    code = json_of(server.api.post("/v1/pairings", {"session": session["id"]}))["code"]
    assert browser.post(f"/v1/pairings/{code}/claim", {}).status_code == 200


def test_a_call_may_guess_so_often_and_another_is_not_hindered(server: Server) -> None:
    for n in range(1, limits.GUESSES_OF_CALL.most + 1):
        assert keyed(server, "1.1", n, "12345") == "wrong"
    made = show(page(server))
    assert keyed(server, "1.1", 90, made["code"]) == "wrong"
    assert keyed(server, "1.2", 1, made["code"]) == "right"


def test_an_agent_may_guess_so_often(server: Server) -> None:
    wang = server.desk("wang", WANG)
    for guess in range(limits.GUESSES_OF_AGENT.most + 1):
        if guess % limits.GUESSES_OF_CALL.most == 0:
            session = server.establish()
        answer = wang.post("/v1/pairings/12345/claim", {"session": session["id"]})
        refused = guess == limits.GUESSES_OF_AGENT.most
        assert answer.status_code == (429 if refused else 404)


def test_right_codes_use_nothing_up(server: Server) -> None:
    browser = page(server)
    for _ in range(limits.GUESSES_OF_ADDRESS.most + 2):
        session = server.establish()
        code = json_of(server.api.post("/v1/pairings", {"session": session["id"]}))["code"]
        assert browser.post(f"/v1/pairings/{code}/claim", {}).status_code == 200


def test_codes_are_made_within_limits_too(server: Server) -> None:
    browser = page(server)
    for _ in range(limits.CODES_OF_ADDRESS.most):
        show(browser)
    assert browser.post("/v1/pairings", {}).status_code == 429
    said = [keyed(server, "1.1", n, None) for n in range(1, limits.CODES_OF_CALL.most + 2)]
    assert [answer == "wrong" for answer in said] == [False] * limits.CODES_OF_CALL.most + [True]


def test_what_is_over_is_swept_away(server: Server) -> None:
    from collab_server.db.pairing import PairingLimit
    from collab_server.housekeeping import sweep

    browser = page(server)
    show(browser)
    browser.post("/v1/pairings/12345/claim", {})
    server.clock.turn(codes.SECONDS + 600)
    sweep(server.services)
    with server.database.read() as db:
        assert db.scalars(select(Pairing)).all() == []
        assert db.scalars(select(PairingLimit)).all() == []


def test_a_clock_that_was_set_back_shuts_nobody_out(server: Server) -> None:
    browser = page(server)
    browser.post("/v1/pairings/12345/claim", {})
    server.clock.turn(-30 * 24 * 3600)
    for _ in range(limits.GUESSES_OF_ADDRESS.most):
        assert browser.post("/v1/pairings/12345/claim", {}).status_code == 404
    assert browser.post("/v1/pairings/12345/claim", {}).status_code == 429


# --- codes are few, and shared ---------------------------------------------------------------


def ask_from(server: Server, address: str) -> str | None:
    """The id of a code that a new browser there is shown; None: there is none to be had."""
    server.app.extensions["tandem.proxies"].__init__(["127.0.0.1"])
    browser = page(server)
    answer = browser.post("/v1/pairings", {}, **{"X-Forwarded-For": address})
    server.clock.turn(0.01)
    if answer.status_code == 503:
        assert "Retry-After" in answer.headers
        return None
    assert answer.status_code == 201, answer.text
    return str(json_of(answer)["id"])


def is_good(server: Server, made: str | None) -> bool:
    return made is not None and server.backend.code_state(made)["state"] == "open"


def test_nine_greedy_addresses_keep_nobody_else_from_a_code(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "MAX_LIVE", 36)
    greedy = [ask_from(server, f"198.51.100.{n % 9}") for n in range(36)]
    mine = [ask_from(server, f"203.0.113.{n}") for n in range(9)]
    assert all(is_good(server, one) for one in mine)
    gone = [one for one in greedy if not is_good(server, one)]
    assert gone == greedy[:9], "the oldest, and one of each address"
    assert server.hub.over == gone, "their pages are told"


@pytest.mark.parametrize(
    ("theirs", "other"),
    [("198.51.100.{}", "198.51.101.1"), ("2001:db8:1:{}::1", "2001:db8:2:1::1")],
)
def test_a_network_is_one_however_many_addresses_it_has(
    server: Server, monkeypatch: pytest.MonkeyPatch, theirs: str, other: str
) -> None:
    monkeypatch.setattr(codes, "MAX_LIVE", 5)
    alone = ask_from(server, "192.0.2.1")
    greedy = [ask_from(server, theirs.format(n)) for n in range(20)]
    assert [is_good(server, one) for one in greedy] == [False] * 16 + [True] * 4
    assert is_good(server, ask_from(server, other))
    assert is_good(server, alone), "who has one keeps it"


def test_nobody_loses_a_code_to_one_who_has_as_many(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "MAX_LIVE", 5)
    all_over = [ask_from(server, f"10.0.{n}.1") for n in range(5)]
    assert ask_from(server, "10.0.9.1") is None
    assert all(is_good(server, one) for one in all_over)
    server.clock.turn(codes.SECONDS)
    assert is_good(server, ask_from(server, "10.0.9.1"))


def test_sockets_of_codes_have_room_for_each_code_that_is_good() -> None:
    most = Limits()
    assert codes.MAX_LIVE * most.code_sockets_of_code <= most.code_sockets
