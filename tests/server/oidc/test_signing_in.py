"""Log-in by OpenID Connect as it should go: there, back, in and out again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from joserfc.jwk import Key, KeySet

from collab_server import cli
from collab_server.oidc.blueprint import SIGNING_IN
from collab_server.oidc.signing_in import AT_ONCE, SigningIn
from tests.openid import (
    CLIENT,
    Made,
    OpenIdProvider,
    as_json,
    claims_of,
    new_key,
    provider,
    query_of,
)
from tests.runtime.tls import certificate, server_context
from tests.server.conftest import URL, WANG, Server, json_of
from tests.server.oidc.office import Office, refused

FLOW = "tandem_oidc_"


def flow_cookies(office: Office) -> list[str]:
    cookies = office.browser.client._cookies or {}
    return [key[2] for key in cookies if key[2].startswith(FLOW)]


def test_there_is_no_such_log_in_before_it_is_set_up(server: Server) -> None:
    assert json_of(server.browser().get("/v1/login")) == {"password": True, "oidc": None}
    for path in ("/v1/login/oidc", "/v1/login/oidc/callback?code=c&state=s"):
        assert server.browser().get(path).status_code == 404
    assert server.browser().post("/v1/login/oidc/logout", {}).status_code == 404


def test_an_agent_signs_in_and_out(office: Office) -> None:
    office.mark("Wang Li")
    assert json_of(office.browser.get("/v1/login")) == {
        "password": True,
        "oidc": {"label": "Office", "url": "/v1/login/oidc"},
    }
    answer = office.sign_in("/desk?dock")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk?dock")
    me = office.me()
    assert me is not None
    assert (me["name"], me["uri"], me["admin"], me["supervisor"]) == ("Wang Li", WANG, False, False)
    office.browser.csrf = json_of(office.browser.get("/v1/me"))["csrf"]
    assert office.browser.get("/v1/desk").status_code == 200

    out = office.browser.post("/v1/logout", {})
    address = json_of(out)["url"]
    assert (out.status_code, address.partition("?")[0]) == (200, f"{office.provider.issuer}/logout")
    said = query_of(address)
    assert (said["client_id"], said["post_logout_redirect_uri"]) == (CLIENT, f"{URL}/desk")
    assert claims_of(said["id_token_hint"])["sid"] == "s-1"
    assert office.me() is None


def test_what_the_provider_is_asked_is_bound_to_this_log_in(office: Office) -> None:
    first, second = query_of(office.go()), query_of(office.go())
    assert first["response_type"] == "code"
    assert (first["client_id"], first["scope"]) == (CLIENT, "openid profile email")
    assert first["redirect_uri"] == f"{URL}/v1/login/oidc/callback"
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 32
        assert first[name] != second[name]
    assert "prompt" not in first
    again = office.browser.get("/v1/login/oidc?again=1&lang=zh-CN").headers["Location"]
    assert (query_of(again)["prompt"], query_of(again)["ui_locales"]) == ("login", "zh-CN")


def test_the_cookies_are_what_they_should_be_behind_https(
    start: Callable[..., Server], openid: OpenIdProvider
) -> None:
    server = start(oidc=openid.settings(), url="https://tandem.example.org")
    openid.clock = server.clock
    there = {"base_url": "https://tandem.example.org"}
    client = server.app.test_client()
    begun = client.get("/v1/login/oidc", **there)
    (cookie,) = begun.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-tandem_oidc_")
    wanted = {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600"}
    assert wanted <= {part.strip() for part in cookie.split(";")}
    asked = query_of(begun.headers["Location"])
    assert asked["redirect_uri"] == "https://tandem.example.org/v1/login/oidc/callback"
    Office(server, openid).mark("wang")
    back = urlsplit(openid.agree(begun.headers["Location"]))
    answer = client.get(f"{back.path}?{back.query}", **there)
    desk = next(h for h in answer.headers.getlist("Set-Cookie") if h.startswith("__Host-tandem_d"))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(desk.split("; "))


def test_the_way_back_leads_to_own_pages_only(office: Office) -> None:
    office.mark("wang")
    for page in (
        "https://evil.example/desk", "//evil.example/desk", "/\\evil.example", "/desk@evil.example",
        "/desk\r\nX: y", "/v1/logout", "/join", "/desk#x", "/desk?a=<b>", "/desk?" + "a" * 500, "",
    ):  # fmt: skip
        assert office.sign_in(page).headers["Location"] == "/desk", page
    for page in ("/desk", "/desk?dock", "/setup?call=hq/1.1", "/floor"):
        assert office.sign_in(page).headers["Location"] == page


def test_the_answer_counts_in_the_browser_that_asked_and_once(office: Office) -> None:
    office.mark("wang")
    address = office.provider.agree(office.go())
    other = office.server.browser()
    assert refused(office.back(address, other)) == "expired"
    assert office.provider.forms == [], "the code of a stranger's log-in is not even shown"
    assert office.back(address).headers["Location"] == "/desk"
    assert flow_cookies(office) == []
    assert refused(office.back(address)) == "expired"


def test_the_answer_counts_for_the_log_in_it_was_asked_for(office: Office) -> None:
    office.mark("wang")
    first, second = office.go("/floor"), office.go("/setup")
    mixed = query_of(office.provider.agree(first)) | {"state": query_of(second)["state"]}
    path = "/v1/login/oidc/callback"
    answer = office.browser.client.get(path, query_string=mixed, base_url=URL)
    assert refused(answer, "/setup") == "expired", "PKCE: the code is another verifier's"
    assert office.back(office.provider.agree(first)).headers["Location"] == "/floor"


def test_a_code_used_before_is_said_to_be_used(office: Office) -> None:
    office.mark("wang")
    first = query_of(office.provider.agree(office.go()))
    office.provider._codes.clear()
    answer = office.browser.client.get("/v1/login/oidc/callback", query_string=first, base_url=URL)
    assert refused(answer) == "expired"


def test_a_log_in_must_be_over_in_ten_minutes(office: Office) -> None:
    office.mark("wang")
    address = office.provider.agree(office.go())
    office.server.clock.turn(601)
    assert refused(office.back(address)) == "expired"


def test_log_ins_that_are_never_finished_do_not_pile_up(office: Office) -> None:
    office.mark("wang")
    for _ in range(7):
        office.server.clock.turn(1)
        address = office.go()
    assert len(flow_cookies(office)) == 4
    assert office.back(office.provider.agree(address)).headers["Location"] == "/desk"
    assert len(flow_cookies(office)) == 3


def test_another_process_of_the_server_takes_the_answer(
    office: Office, start: Callable[..., Server]
) -> None:
    office.mark("wang")
    address = office.provider.agree(office.go())
    second = start(oidc=office.provider.settings())
    browser = second.browser()
    (name,) = flow_cookies(office)
    cookie = office.browser.client.get_cookie(name, "127.0.0.1")
    assert cookie is not None
    browser.client.set_cookie(name, cookie.value, domain="127.0.0.1")
    assert office.back(address, browser).headers["Location"] == "/desk"


def test_whom_the_provider_does_not_let_in_is_told_so(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    for error, word in (
        ("access_denied", "denied"), ("login_required", "denied"), ("server_error", "down"),
        ("invalid_scope", "failed"), ("x\r\nFORGED", "failed"),
    ):  # fmt: skip
        address = office.provider.refuse(office.go("/floor"), error)
        assert refused(office.back(address), "/floor") == word
    said = [r.getMessage() for r in caplog.records if r.name.endswith("oidc.blueprint")]
    assert len(said) == 5
    assert not [line for line in said if "\n" in line or "\r" in line]


def test_an_answer_of_another_issuer_does_not_count(office: Office) -> None:
    office.mark("wang")
    address = office.provider.agree(office.go()) + "&iss=https%3A%2F%2Fevil.example"
    assert refused(office.back(address)) == "failed"
    assert office.provider.forms == []


def test_a_provider_that_names_itself_must_do_so(office: Office) -> None:
    office.mark("wang")
    office.provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert office.kept_out() == "failed"
    address = office.provider.agree(office.go()) + f"&iss={office.provider.issuer}"
    assert office.back(address).headers["Location"] == "/desk"


def test_nothing_that_opens_anything_stands_in_the_log(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "collab_server")
    for claims in ({"nonce": "another"}, {}):
        office.provider.claims = claims
        address = office.provider.agree(office.go())
        code = query_of(address)["code"]
        office.back(address)
        text = "\n".join(record.getMessage() for record in caplog.records)
        assert "reference" in text
        for secret in (code, "at-1", office.provider.forms[-1]["code_verifier"], "eyJ"):
            assert secret not in text


def test_new_keys_are_found_and_strangers_do_not_make_us_ask(office: Office) -> None:
    office.mark("wang")
    asked = office.provider.asked
    assert office.sign_in().headers["Location"] == "/desk"
    assert (asked["/keys"], asked["/.well-known/openid-configuration"]) == (1, 1)
    office.provider.keys = [new_key("second")]
    assert office.kept_out() == "failed", "the keys are as new as a moment ago"
    office.server.clock.turn(31)
    assert office.sign_in().headers["Location"] == "/desk"
    assert (asked["/keys"], asked["/.well-known/openid-configuration"]) == (2, 1)
    foreign = new_key("foreign")
    honest, office.provider.keys = office.provider.keys, [foreign]
    office.provider.odd["/keys"] = lambda: keys_of(honest)
    for _ in range(5):
        assert office.kept_out() == "failed"
    assert asked["/keys"] == 2
    office.server.clock.turn(3601)
    office.provider.keys = honest
    assert office.sign_in().headers["Location"] == "/desk"
    assert (asked["/keys"], asked["/.well-known/openid-configuration"]) == (3, 2)


def keys_of(keys: list[Key]) -> Made:
    return as_json(dict(KeySet(keys).as_dict()))


def test_no_page_of_somebody_else_uses_up_what_an_office_may_try(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.mark("wang")
    for path in ("/v1/login/oidc", "/v1/login/oidc/callback?code=c&state=s"):
        for number in range(301):
            kind = {"Sec-Fetch-Dest": ("image", "iframe", "empty")[number % 3]}
            part = office.browser.client.get(path, base_url=URL, headers=kind)
            assert (part.status_code, part.headers.getlist("Set-Cookie")) == (403, [])
    window = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    begun = office.browser.client.get("/v1/login/oidc", base_url=URL, headers=window)
    assert begun.status_code == 303
    for _ in range(62):
        assert refused(office.browser.get("/v1/login/oidc/callback?code=c&state=s")) == "expired"
    assert office.sign_in().headers["Location"] == "/desk"
    assert not caplog.records, "nor fills the log"


def test_a_provider_that_keeps_us_waiting_does_not_take_every_thread(office: Office) -> None:
    office.mark("wang")
    way: SigningIn = office.server.app.extensions[SIGNING_IN]
    address = office.provider.agree(office.go())
    for _ in range(AT_ONCE):
        assert way._places.acquire(blocking=False)
    assert refused(office.back(address)) == "busy"
    for _ in range(AT_ONCE):
        way._places.release()
    assert office.sign_in().headers["Location"] == "/desk"


def test_the_certificate_of_the_provider_is_looked_at(
    start: Callable[..., Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ca = certificate(tmp_path)
    with provider(tls=server_context(tmp_path)) as openid:
        for more, word in (({}, "down"), ({"ca": str(ca)}, None)):
            server = start(oidc=openid.settings(**more))
            answer = server.browser().get("/v1/login/oidc")
            if word is not None:
                assert refused(answer) == word
                assert "certificate" in caplog.text
            else:
                assert answer.headers["Location"].startswith(f"{openid.issuer}/authorize?")


def test_the_command_says_what_to_register_and_whether_the_provider_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, openid: OpenIdProvider
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = f'[server]\nsecret = "{"x" * 32}"\n'
    (tmp_path / "tandem.toml").write_text(settings)
    assert CliRunner().invoke(cli.main, ["oidc"]).exit_code == 1
    settings += f'[server.oidc]\nissuer = "{openid.issuer}"\nclient_id = "tandem"\n'
    (tmp_path / "tandem.toml").write_text(settings)
    done = CliRunner().invoke(cli.main, ["oidc"])
    assert done.exit_code == 0, done.output
    for line in (
        f"redirect URI: {URL}/v1/login/oidc/callback",
        f"post-logout redirect URI: {URL}/desk",
        f"back-channel logout URI: {URL}/v1/login/oidc/logout",
        f"{openid.issuer} answers: 1 keys, ES256, RS256",
    ):
        assert line in done.output.splitlines()
    openid.odd["/keys"] = lambda: as_json({"keys": []})
    done = CliRunner().invoke(cli.main, ["oidc"])
    assert done.exit_code == 1
    assert "server.oidc: the provider publishes no key that may sign" in done.output


def test_nobody_is_logged_out_at_the_provider_where_that_is_not_wanted_or_cannot_be(
    start: Callable[..., Server], openid: OpenIdProvider
) -> None:
    marked = False
    for more, metadata in (({"logout": False}, {}), ({}, {"end_session_endpoint": None})):
        openid.metadata = metadata
        server = start(oidc=openid.settings(**more))
        openid.clock = server.clock
        office = Office(server, openid)
        if not marked:
            office.mark("wang")
        marked = True
        assert office.sign_in().headers["Location"] == "/desk"
        office.browser.csrf = json_of(office.browser.get("/v1/me"))["csrf"]
        assert office.browser.post("/v1/logout", {}).status_code == 204


def test_who_came_by_password_is_not_sent_to_the_provider(office: Office) -> None:
    browser = office.server.desk("li", "sip:li@example.org")
    assert browser.post("/v1/logout", {}).status_code == 204


def test_passwords_may_be_turned_off(start: Callable[..., Server], openid: OpenIdProvider) -> None:
    server = start(oidc=openid.settings(passwords=False))
    server.add_agent("wang", WANG)
    assert json_of(server.browser().get("/v1/login"))["password"] is False
    answer = server.browser().post("/v1/login", {"username": "wang", "password": "correct horse"})
    assert answer.status_code == 403


def test_an_account_without_a_password_is_not_entered_by_one(office: Office) -> None:
    office.mark("wang")
    for password in ("x", "correct horse"):
        answer = office.server.browser().post(
            "/v1/login", {"username": "wang", "password": password}
        )
        assert json_of(answer)["type"].endswith(":wrong-password")
