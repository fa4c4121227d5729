"""Tokens and answers that must not count, each sent by the provider or by whoever plays it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.openid import CLIENT, SECRET, OpenIdProvider, as_json, by_hand, new_key
from tests.server.conftest import Server, json_of
from tests.server.oidc.office import Office


def test_claims_that_do_not_fit_keep_everybody_out(office: Office) -> None:
    office.mark("wang")
    now = int(office.server.clock())
    wrong: dict[str, list[Any]] = {
        "iss": ["https://evil.example", f"{office.provider.issuer}/", None, 7],
        "aud": ["another", ["another", "third"], [], None, {"tandem": True}],
        "azp": ["another", 7],
        "exp": [now - 61, None, "soon", True, float("nan")],
        "iat": [now + 61, None, "now"],
        "nbf": [now + 61],
        "nonce": ["another", None, "", ["x"]],
        "sub": [None, "", "x" * 256, "\u674e", "a\nb", 7],
        "at_hash": ["AAAAAAAAAAAAAAAAAAAAAA", 7, ["x"], {"x": 1}],
        "amr": ["otp"],
        "auth_time": ["now"],
    }
    for name, values in wrong.items():
        for value in values:
            office.provider.claims = {name: value}
            assert office.kept_out() == "failed", (name, value)
    office.provider.claims = {"aud": [CLIENT, "another"]}
    assert office.kept_out() == "failed", "of several, one must be named as azp"
    office.provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert office.sign_in().headers["Location"] == "/desk"
    assert office.me() is not None


def test_signatures_that_do_not_count_keep_everybody_out(office: Office) -> None:
    office.mark("wang")
    provider = office.provider
    key = provider.keys[0]
    kid = key.kid or ""
    public = key.as_pem(private=False)
    foreign, rsa = new_key("first"), RSAKey.generate_key(2048, {"kid": "rsa"})

    def cut(claims: dict[str, Any]) -> str:
        return provider.signed(claims).rpartition(".")[0] + "."

    def changed(claims: dict[str, Any]) -> str:
        head, _, mac = provider.signed(claims).split(".")
        other = by_hand({}, claims | {"sub": "u-2"}).split(".")[1]
        return f"{head}.{other}.{mac}"

    def with_key_inside(claims: dict[str, Any]) -> str:
        header = {"alg": "ES256", "jwk": foreign.as_dict(private=False)}
        return jwt.encode(header, claims, foreign)

    makers: list[Callable[[dict[str, Any]], str]] = [
        lambda claims: by_hand({"alg": "none", "kid": kid}, claims),
        lambda claims: by_hand({"alg": "NONE"}, claims),
        lambda claims: by_hand({"alg": "HS256", "kid": kid}, claims, public),
        lambda claims: by_hand({"alg": "HS256"}, claims, SECRET.encode()),
        lambda claims: by_hand({"alg": ["ES256"]}, claims),
        lambda claims: by_hand({"alg": "ES256", "kid": ["first"]}, claims),
        lambda claims: by_hand({"alg": "ES256", "kid": kid, "crit": ["x"], "x": 1}, claims),
        lambda claims: jwt.encode({"alg": "ES256", "kid": kid}, claims, foreign),
        lambda claims: jwt.encode({"alg": "ES256", "kid": "unknown"}, claims, foreign),
        lambda claims: jwt.encode({"alg": "RS256", "kid": kid}, claims, rsa),
        cut, changed, with_key_inside,
        lambda claims: "", lambda claims: "no token", lambda claims: "a.b.c",
        lambda claims: "[" * 3000 + ".e30.", lambda claims: provider.signed(claims) + "A" * 70_000,
    ]  # fmt: skip
    for number, sign in enumerate(makers):
        provider.sign = sign
        assert office.kept_out() == "failed", number
    provider.sign = provider.signed
    assert office.sign_in().headers["Location"] == "/desk"


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_rsa_signs_too_but_not_with_a_short_key(office: Office) -> None:
    office.mark("wang")
    provider = office.provider
    long = RSAKey.generate_key(2048, {"kid": "long"})
    with pytest.warns(Warning, match="2048"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    both = {"keys": [key.as_dict(private=False) for key in (short, long)]}
    shared = OctKey.import_key(SECRET, {"kid": "shared"}).as_dict(private=True)
    twin = ECKey.generate_key("P-256", {"kid": "sealing"})
    sealing = twin.as_dict(private=False) | {"use": "enc"}
    both["keys"] += [shared, {"kty": "new"}, {"kty": "RSA", "n": "?"}, sealing, "x"]
    provider.odd["/keys"] = lambda: as_json(both)
    for key, alg in ((short, "RS256"), (twin, "ES256")):
        provider.sign = lambda claims, key=key, alg=alg: jwt.encode(  # type: ignore[misc]
            {"alg": alg, "kid": key.kid or ""}, claims, key
        )
        assert office.kept_out() == "failed"
    provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "long"}, claims, long)
    assert office.sign_in().headers["Location"] == "/desk"


def test_a_provider_that_does_not_answer_as_one_is_said_to_be_down(
    start: Callable[..., Server], openid: OpenIdProvider
) -> None:
    server = start(oidc=openid.settings(timeout=0.3))
    openid.clock = server.clock
    office = Office(server, openid)
    office.mark("wang")
    released = threading.Event()
    elsewhere = {"Location": f"{openid.issuer}/elsewhere"}

    def slow() -> Any:
        released.wait(10)
        return as_json({})

    bad: dict[str, Callable[[], Any]] = {
        "slow": slow,
        "huge": lambda: (200, {"Content-Type": "application/json"}, b"[" * 300_000),
        "moved": lambda: (302, elsewhere, b""),
        "broken": lambda: (200, {}, b"{"),
        "deep": lambda: (200, {}, b"[" * 200_000),
        "no object": lambda: as_json([]),
        "failing": lambda: as_json({}, 500),
        "nothing": lambda: as_json({}),
    }
    for path in ("/.well-known/openid-configuration", "/keys", "/token"):
        for name, answer in bad.items():
            server.clock.turn(4000)  # what is known is old, and a failure a while ago
            openid.odd = {path: answer}
            if path == "/token" and name in ("moved", "broken", "deep", "no object", "nothing"):
                assert office.kept_out() == "failed", (path, name)
            elif path.startswith("/."):
                sent = office.browser.get("/v1/login/oidc").headers["Location"]
                assert "login=down" in sent, (path, name)
            else:
                assert office.kept_out() == "down", (path, name)
    released.set()
    assert openid.asked["/elsewhere"] == 0
    server.clock.turn(4000)
    openid.odd = {"/.well-known/openid-configuration": bad["failing"]}
    asked = openid.asked.total()
    for _ in range(3):
        assert "login=down" in office.browser.get("/v1/login/oidc").headers["Location"]
    assert openid.asked.total() == asked + 1, "who fails is left alone for a moment"
    openid.odd = {}
    server.clock.turn(4)
    assert office.sign_in().headers["Location"] == "/desk"


def test_nonsense_of_the_provider_is_no_fault_of_ours(office: Office) -> None:
    office.mark("wang")
    provider = office.provider
    for tokens in (
        {"id_token": 7}, {"id_token": None, "access_token": {}}, {"error": ["x"]}, {"error": None},
        {"error": {"a": 1}, "error_description": 7},
        {"id_token": "a.b.c", "access_token": "\u674e"},
        {"access_token": "x", "expires_in": "soon"}, {"access_token": "x", "expires_in": [1]},
        {"access_token": "x", "expires_in": float("inf")},
        {"access_token": "x", "expires_in": "9" * 5000},
        {"access_token": "x", "expires_at": float("nan"), "token_type": 7},
    ):  # fmt: skip
        provider.odd = {"/token": lambda tokens=tokens: as_json(tokens)}
        assert office.kept_out() == "failed", tokens
    keys: list[Any] = [
        None, 7, {"kty": ["RSA"]}, {"kty": "EC", "crv": 7, "x": "a", "y": "b"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": 7}, {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "OKP", "crv": "X25519", "x": "AAAA"}, {"kty": "EC", "crv": "P-256", "x": 1, "y": 2},
    ]  # fmt: skip
    for published in ({"keys": {}}, {"keys": keys}, {"keys": keys * 20}, []):
        office.server.clock.turn(4000)
        provider.odd = {"/keys": lambda published=published: as_json(published)}
        assert office.kept_out() == "down", published
    provider.odd = {"/keys": lambda: as_json({"keys": [*keys, provider.keys[0].as_dict()]})}
    office.server.clock.turn(4)
    for person in ({"preferred_username": {"a": 1}}, {"preferred_username": ["wang"]}):
        provider.claims = person
        assert office.kept_out() == "account", person
    for sid in (["x"], "x" * 256, 7, "\u674e"):
        provider.claims = {"sid": sid, "email": 7}
        assert office.sign_in().headers["Location"] == "/desk", sid
    for wrong in (
        {"id_token_signing_alg_values_supported": 7},
        {"id_token_signing_alg_values_supported": [["RS256"]]},
        {"token_endpoint_auth_methods_supported": {}}, {"jwks_uri": ["x"]}, {"issuer": None},
    ):  # fmt: skip
        provider.metadata = wrong
        office.server.clock.turn(4000)
        sent = office.browser.get("/v1/login/oidc").headers["Location"]
        assert "login=down" in sent, wrong
    provider.metadata = {"end_session_endpoint": 7, "userinfo_endpoint": {}}
    office.server.clock.turn(4000)
    assert office.sign_in().headers["Location"] == "/desk"


def test_what_the_provider_says_of_itself_is_checked(office: Office) -> None:
    for wrong in (
        {"issuer": "https://evil.example"}, {"issuer": f"{office.provider.issuer}/"},
        {"authorization_endpoint": "http://evil.example/a"}, {"token_endpoint": "file:///etc/x"},
        {"authorization_endpoint": "javascript:alert(1)"}, {"jwks_uri": None},
        {"token_endpoint": "https://a@evil.example/t"}, {"authorization_endpoint": "https://[x"},
        {"id_token_signing_alg_values_supported": ["HS256", "none"]},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
    ):  # fmt: skip
        office.provider.metadata = wrong
        office.server.clock.turn(4)
        sent = office.browser.get("/v1/login/oidc").headers["Location"]
        assert sent.startswith("/desk?login=down&"), wrong


def test_the_client_shows_its_secret_as_the_provider_wants_it(
    office: Office, start: Callable[..., Server]
) -> None:
    office.mark("wang")
    form = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    office.provider.metadata = form
    assert office.kept_out() == "failed", "this provider of the tests takes it in the header only"
    assert office.provider.forms[-1]["client_secret"] == SECRET
    assert office.provider.forms[-1]["client_id"] == CLIENT
    public = Office(start(oidc=office.provider.settings(client_secret="")), office.provider)
    assert public.kept_out() == "failed"
    assert office.provider.forms[-1]["client_id"] == CLIENT
    assert "client_secret" not in office.provider.forms[-1]


def test_too_many_answers_that_are_not_borne_out_wait(office: Office) -> None:
    office.mark("wang")
    office.provider.claims = {"nonce": "another"}
    words = [office.kept_out() for _ in range(62)]
    assert words == ["failed"] * 60 + ["busy"] * 2
    assert len(office.provider.forms) == 60


def test_the_provider_ends_log_ins_by_itself(office: Office) -> None:
    office.mark("wang")
    provider, server = office.provider, office.server
    desks = []
    for sid in ("s-1", "s-2", "s-1"):
        provider.sid = sid
        office.browser = server.browser()
        office.sign_in()
        desks.append(office.browser)
    local = server.desk("li", "sip:li@example.org")

    def told(token: Any) -> int:
        client = server.app.test_client()
        return client.post("/v1/login/oidc/logout", data={"logout_token": token}).status_code

    def there() -> list[bool]:
        return [json_of(b.get("/v1/me"))["agent"] is not None for b in (*desks, local)]

    now = int(server.clock())
    for wrong in (
        {"iss": "https://evil.example"}, {"aud": "another"}, {"exp": now - 61}, {"exp": None},
        {"iat": now + 61}, {"jti": None}, {"events": {}}, {"events": None}, {"nonce": "n"},
        {"sub": None, "sid": None}, {"events": {"x": {}}},
    ):  # fmt: skip
        assert told(provider.logout_token(**wrong)) == 400, wrong
    for token in ("", "x", by_hand({"alg": "none"}, {"sub": "u-1"}), "a" * 70_000):
        assert told(token) in (400, 413)
    assert there() == [True, True, True, True]
    assert told(provider.logout_token(sid="s-1", sub="u-2")) == 200, "nobody's"
    assert told(provider.logout_token(sid="s-9")) == 200
    assert there() == [True, True, True, True]
    assert told(provider.logout_token(sid="s-1", sub=None)) == 200
    assert there() == [False, True, False, True]
    assert len(server.hub.signed_out) == 2
    late = provider.logout_token(sid=None, exp=now + 3600)
    server.clock.turn(61)
    provider.sid = "s-3"
    desks[0] = office.browser = server.browser()
    office.sign_in()
    assert told(late) == 200
    assert there() == [True, False, False, True], "a log-in that was made since is not meant"
    assert told(provider.logout_token(sid=None)) == 200
    assert there() == [False, False, False, True]


def test_what_strangers_tell_us_does_not_fill_the_log(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    client = office.server.app.test_client()
    statuses = {
        client.post("/v1/login/oidc/logout", data={"logout_token": "x"}).status_code
        for _ in range(40)
    }
    assert statuses == {400}
    assert len([r for r in caplog.records if "back-channel" in r.getMessage()]) == 30


def test_an_id_token_is_no_logout_token_and_the_other_way_round(office: Office) -> None:
    office.mark("wang")
    office.sign_in()
    provider = office.provider
    made: list[str] = []

    def kept(claims: dict[str, Any]) -> str:
        made.append(provider.signed(claims))
        return made[-1]

    provider.sign = kept
    office.sign_in()
    client = office.server.app.test_client()
    assert client.post("/v1/login/oidc/logout", data={"logout_token": made[0]}).status_code == 400
    assert office.me() is not None
    logout = provider.logout_token()
    provider.sign = lambda _claims: logout
    office.browser = office.server.browser()
    assert office.kept_out() == "failed"
