"""The caller's earlier sessions, and the address of their record elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collab_server import numbers, screen_pop, uris
from collab_server.db.sessions import CollabSession
from collab_server.settings import SettingsError, load
from tests.server.conftest import LI, WANG, Browser, Server, json_of

NUMBER = "sip:+31205550001@pbx.example.org"


def past(server: Server, user_uri: str, agent: str = LI, **note: str) -> str:
    """A session that is over."""
    made = server.establish(user_uri=user_uri, agent_uri=agent)["id"]
    if note:
        server.api.post(f"/v1/sessions/{made}/note", note)
    server.api.post(f"/v1/sessions/{made}/end", {})
    server.clock.turn(60)
    return str(made)


def history(browser: Browser, session: str) -> list[dict[str, Any]]:
    answer = browser.get(f"/v1/desk/history?session={session}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = json_of(answer)["items"]
    return items


def test_the_agent_who_serves_the_caller_reads_what_came_before(server: Server) -> None:
    browser = server.desk("wang", WANG)
    old = past(server, NUMBER, note="wants a new policy", outcome="follow_up")
    past(server, "sip:+31205550002@pbx.example.org", note="another caller")
    mine = server.establish(user_uri=NUMBER, agent_uri=WANG)["id"]
    assert history(browser, mine) == [
        {
            "id": old,
            "type": "form",
            "state": "ended",
            "reason": "agent",
            "created": "2026-11-18T11:06:40.000Z",
            "ended": "2026-11-18T11:06:40.000Z",
            "agent": {"uri": LI},
            "outcome": "follow_up",
            "note": "wants a new policy",
            "same": "address",
        }
    ]


def test_a_caller_is_known_again_by_the_number_on_another_pbx(server: Server) -> None:
    browser = server.desk("wang", WANG)
    by_tel = past(server, "tel:+31-20-555-0001")
    by_branch = past(server, "sip:+31205550001@branch.example.org")
    mine = server.establish(user_uri=NUMBER, agent_uri=WANG)["id"]
    assert [(item["id"], item["same"]) for item in history(browser, mine)] == [
        (by_branch, "number"),
        (by_tel, "number"),
    ]


def rings(server: Server, call: str, user_uri: str) -> str:
    """A call of the PBX that Wang has answered."""
    server.connector.report(call, "active", user_uri=user_uri, agent_uri=WANG)
    server.clock.turn(1)
    return str(server.session_of(call)["id"])


def test_a_national_number_is_the_same_as_the_one_with_its_country(
    start: Callable[..., Server],
) -> None:
    crm = "https://crm.example/?tel={number}"
    server = start(country="DE", screen_pop=crm)
    browser = server.desk("wang", WANG)
    forms = ("tel:+49-30-1234567", "sip:00493012345 67@pbx.example.org".replace(" ", ""))
    old = [past(server, forms[0]), rings(server, "1.1", forms[1])]
    mine = rings(server, "1.2", "sip:0301234567@pbx.example.org")
    assert [item["id"] for item in history(browser, mine)] == [old[1], old[0]]
    (shown,) = [v for v in json_of(browser.get("/v1/desk"))["current"] if v["id"] == mine]
    assert shown["user"]["uri"] == "sip:0301234567@pbx.example.org", "it is shown as it came"
    assert shown["screen_pop"] == "https://crm.example/?tel=0301234567"


def test_without_a_country_digits_are_digits(start: Callable[..., Server]) -> None:
    server = start()
    browser = server.desk("wang", WANG)
    past(server, "tel:+49301234567")
    assert history(browser, rings(server, "1.1", "sip:0301234567@pbx.example.org")) == []


@pytest.mark.parametrize(
    ("uri", "country", "known_as"),
    [
        ("sip:0301234567@pbx", "DE", "+49301234567"),
        ("sip:0301234567@pbx", "IT", "+390301234567"),
        ("sip:01012345678@pbx", "CN", "+861012345678"),
        ("sip:0049301234567@pbx", "FR", "+49301234567"),
        ("tel:+49301234567", "", "+49301234567"),
        ("sip:1001@pbx", "DE", None),
        ("sip:99999999999@pbx", "DE", "99999999999"),
        ("sip:alice@pbx", "DE", None),
        ("mailto:0301234567@example.org", "DE", None),
        (None, "DE", None),
    ],
)
def test_which_number_a_number_is(uri: str | None, country: str, known_as: str | None) -> None:
    assert numbers.known_as(uri, country) == known_as


def test_one_extension_on_two_pbxs_is_two_people(server: Server) -> None:
    browser = server.desk("wang", WANG)
    past(server, "sip:1001@branch.example.org")
    same = past(server, "sip:1001@pbx.example.org")
    mine = server.establish(user_uri="sip:1001@pbx.example.org", agent_uri=WANG)["id"]
    assert [item["id"] for item in history(browser, mine)] == [same]


def test_the_list_is_bounded_and_newest_first(server: Server) -> None:
    browser = server.desk("wang", WANG)
    ids = [past(server, NUMBER) for _ in range(22)]
    mine = server.establish(user_uri=NUMBER, agent_uri=WANG)["id"]
    server.clock.turn(1)
    past(server, NUMBER)  # came after it
    assert [item["id"] for item in history(browser, mine)] == ids[:1:-1]


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("its agent", 200),
        ("its agent, in the grace", 200),
        ("its agent, after the grace", 410),
        ("an agent who lost it", 403),
        ("an agent of another session", 403),
        ("any agent, while it waits", 403),
        ("an administrator", 403),
        ("a client", 403),
        ("the caller", 401),
    ],
)
def test_who_may_read_it(server: Server, who: str, status: int) -> None:
    wang = server.desk("wang", WANG)
    li = server.desk("li", LI)
    boss = server.desk("boss", "sip:boss@example.org", admin=True)
    past(server, NUMBER)
    queued = who == "any agent, while it waits"
    server.connector.report("1.1", "queued", user_uri=NUMBER)
    session = server.session_of("1.1")["id"]
    if who == "an agent who lost it":
        server.connector.report("1.1", "active", user_uri=NUMBER, agent_uri=LI)
    if not queued:
        server.connector.report("1.1", "active", user_uri=NUMBER, agent_uri=WANG)
    server.establish(user_uri=NUMBER, agent_uri=LI)
    if who.startswith("its agent,"):
        server.connector.report("1.1", "ended", user_uri=NUMBER, cause="hangup")
        server.clock.turn(29 if who.endswith("in the grace") else 31)
    path = f"/v1/desk/history?session={session}"
    if who == "a client":
        answer = server.api.get(path)
    elif who == "the caller":
        caller = server.browser()
        caller.open(server.session(session)["user"]["join_url"])
        answer = caller.get(path)
    else:
        asks = wang if who.startswith("its agent") else boss if "admin" in who else li
        answer = asks.get(path)
    assert answer.status_code == status, answer.text
    assert (status == 200) == ("items" in json_of(answer))


def test_no_session_and_no_such_session_are_clear_errors(server: Server) -> None:
    browser = server.desk("wang", WANG)
    assert json_of(browser.get("/v1/desk/history"))["field"] == "session"
    assert browser.get("/v1/desk/history?session=none").status_code == 404


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("tel:+49-30-123 45", None),
        ("tel:+49-30-(12)345", "+493012345"),
        ("sip:+31205550001@pbx.example.org;user=phone", "+31205550001"),
        ("sips:0205550001@pbx", "0205550001"),
        ("sip:1001@pbx", None),
        ("sip:alice@pbx", None),
        ("mailto:5550001@example.org", None),
        ("tel:+1234567890123456", None),
        ("web:12345678", None),
        (None, None),
    ],
)
def test_a_number_is_one_that_may_be_somebodys_in_the_world(
    uri: str | None, number: str | None
) -> None:
    assert uris.number(uri) == number


def popped(start: Callable[..., Server], template: str, user_uri: str) -> str | None:
    server = start(screen_pop=template)
    browser = server.desk("wang", WANG)
    session = server.establish(user_uri=user_uri, agent_uri=WANG)["id"]
    (view,) = json_of(browser.get("/v1/desk"))["current"]
    assert "screen_pop" not in server.hub.views[-1][1]["user"]
    found: str | None = view["screen_pop"]
    return found.replace(session, "SESSION") if found else found


@pytest.mark.parametrize(
    ("template", "user_uri", "address"),
    [
        ("https://crm/?t={number}&s={session}", NUMBER, "https://crm/?t=%2B31205550001&s=SESSION"),
        ("https://crm/?u={uri}", NUMBER, "https://crm/?u=sip%3A%2B31205550001%40pbx.example.org"),
        ("http://crm/{number}", "sip:1001@pbx", "http://crm/1001"),
        ("http://crm/?q={number}", "mailto:ann@example.org", None),
        ("http://crm/{uri}", "mailto:a/../b&x?y#z'(%", "http://crm/mailto%3Aa%2F..%2Fb%26x%3Fy%23z%27%28%25"),
    ],
)  # fmt: skip
def test_the_record_is_found_by_values_that_are_no_more_than_values(
    start: Callable[..., Server], template: str, user_uri: str, address: str | None
) -> None:
    assert popped(start, template, user_uri) == address


def test_a_value_that_looks_like_a_field_is_not_filled_again() -> None:
    session = CollabSession(id="SESSION", user_uri="sip:a{session}@b", number=None)
    filled = screen_pop.fill("http://crm/?q={uri}", session)
    assert filled == "http://crm/?q=sip%3Aa%7Bsession%7D%40b"


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ("javascript:alert({number})", "https://"),
        ("//crm.example/{number}", "https://"),
        ("ftp://crm.example/{number}", "https://"),
        ("https://{number}.crm.example/", "host must be fixed"),
        ("https://crm.example:{number}/", "host must be fixed"),
        ("https://crm.example@{uri}/", "password"),
        ("https://user:pass@crm.example/?{uri}", "password"),
        ("https://crm.example/?a={phone}", "no field {phone}"),
        ("https://crm.example/?a={", "brace"),
        ("https://crm.example/?a={{uri}}", "brace"),
        ("https://crm.example/?a={number} b", "blanks"),
        ("https://crm.example/?a={number}" + "x" * 1000, "1000"),
    ],
)
def test_a_template_that_could_lead_elsewhere_is_refused_at_the_start(
    tmp_path: Path, template: str, word: str
) -> None:
    file = tmp_path / "tandem.toml"
    file.write_text(f'[server]\nsecret = "0123456789abcdef"\nscreen_pop = "{template}"\n')
    with pytest.raises(SettingsError) as error:
        load(file, {})
    assert str(error.value).startswith("server.screen_pop: ")
    assert word in str(error.value)


def test_outcomes_are_the_administrators(start: Callable[..., Server]) -> None:
    server = start(outcomes=["Sold", "Not sold"])
    browser = server.desk("wang", WANG)
    assert json_of(browser.get("/v1/me"))["outcomes"] == ["Sold", "Not sold"]
    assert json_of(server.browser().get("/v1/me"))["outcomes"] == [], "not for everybody"
    session = server.establish()["id"]
    path = f"/v1/sessions/{session}/note"
    assert json_of(browser.post(f"/v1/sessions/{session}/token", {}))["outcomes"] == [
        "Sold",
        "Not sold",
    ]
    refused = browser.post(path, {"outcome": "solved"})
    assert (refused.status_code, json_of(refused)["field"]) == (422, "outcome")
    assert browser.post(path, {"outcome": "Sold"}).status_code == 200
    assert server.api.post(path, {"outcome": "CRM 17"}).status_code == 200
    assert browser.post(path, {"outcome": "CRM 17", "note": "x"}).status_code == 200


def test_without_a_list_an_outcome_is_free_text(start: Callable[..., Server]) -> None:
    server = start(outcomes=[])
    browser = server.desk("wang", WANG)
    session = server.establish()["id"]
    answer = browser.post(f"/v1/sessions/{session}/note", {"outcome": "rings back on Monday"})
    assert json_of(answer)["outcome"] == "rings back on Monday"


@pytest.mark.parametrize(
    ("value", "word"),
    [('["a", "a"]', "once"), ('[""]', "at least 1"), (str(["x" * 81]).replace("'", '"'), "80")],
)
def test_a_wrong_list_of_outcomes_is_named(tmp_path: Path, value: str, word: str) -> None:
    file = tmp_path / "tandem.toml"
    file.write_text(f'[server]\nsecret = "0123456789abcdef"\noutcomes = {value}\n')
    with pytest.raises(SettingsError, match=r"server\.outcomes") as error:
        load(file, {})
    assert word in str(error.value)
