"""An OpenID provider of the tests' own, over real HTTP; each of its manners can be made a bad one.

It keeps to the rules by itself: a code is good once, for the client, redirect address and PKCE
verifier it was asked for with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet

CLIENT = "tandem"
SECRET = "the client's secret"
ALICE = {"sub": "u-1", "preferred_username": "wang", "email": "wang@example.org"}

Made = tuple[int, dict[str, str], bytes]


def claims_of(token: str) -> dict[str, Any]:
    """What a token claims; nobody looks at who signed it."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class OpenIdProvider:
    """One realm with one client, and one person at its log-in page."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.clock = clock
        self.person: dict[str, Any] = dict(ALICE)
        self.keys: list[Key] = [new_key("first")]
        self.claims: dict[str, Any] = {}
        """Members of the ID token that are other ones; None: not there."""
        self.userinfo: dict[str, Any] | None = None
        self.metadata: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.odd: dict[str, Callable[[], Made]] = {}
        """Path -> another answer than the right one."""
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        """What the token endpoint was sent."""
        self.logged_out: list[dict[str, str]] = []
        self.sid = "s-1"
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if tls is None else "https"
        self.origin = f"{scheme}://{host}:{self._server.server_port}"
        self.issuer = f"{self.origin}/realms/office"

    def serve(self) -> None:
        """Answer until `close`."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def settings(self, **more: Any) -> dict[str, Any]:
        """``[server.oidc]`` for this provider."""
        mine = {"issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET}
        return mine | {"label": "Office"} | more

    def signed(self, claims: dict[str, Any]) -> str:
        """A token with the newest key."""
        key = self.keys[-1]
        return jwt.encode({"alg": "ES256", "kid": key.kid or ""}, claims, key)

    def agree(self, address: str) -> str:
        """The person agrees at the log-in page; gives where the browser is sent."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def refuse(self, address: str, error: str = "access_denied") -> str:
        """Or does not."""
        asked = dict(parse_qsl(urlsplit(address).query))
        said = {"error": error, "error_description": "no\r\nINJECTED", "state": asked["state"]}
        return f"{asked['redirect_uri']}?{urlencode(said)}"

    def logout_token(self, **changed: Any) -> str:
        """What tells a client that a session here is over."""
        now = int(self.clock())
        event = "http://schemas.openid.net/event/backchannel-logout"
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "j-1",
            "events": {event: {}}, "sub": self.person["sub"], "sid": self.sid,
        }  # fmt: skip
        return self.sign({k: v for k, v in (claims | changed).items() if v is not None})

    def answer(self, method: str, target: str, headers: Any, body: str) -> Made:
        """Answer a request."""
        address = urlsplit(target)
        path = address.path.removeprefix("/realms/office")
        self.asked[path] += 1
        if path in self.odd:
            return self.odd[path]()
        if path == "/.well-known/openid-configuration":
            return as_json(self._discovery())
        if path == "/keys":
            return as_json(dict(KeySet(self.keys).as_dict()))
        if path == "/authorize":
            return self._page(f"{self.origin}{target}")
        if path == "/token" and method == "POST":
            return self._token(headers, dict(parse_qsl(body)))
        if path == "/userinfo":
            return as_json(self.userinfo or {"sub": self.claims.get("sub", self.person["sub"])})
        if path == "/logout":
            said = dict(parse_qsl(address.query))
            self.logged_out.append(said)
            return 302, {"Location": said["post_logout_redirect_uri"]}, b""
        return 404, {}, b"nothing here"

    def _discovery(self) -> dict[str, Any]:
        there = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
        } | self.metadata
        return {k: v for k, v in there.items() if v is not None}

    def _page(self, address: str) -> Made:
        links = "".join(
            f'<p><a href="{html.escape(to)}">{name}</a></p>'
            for name, to in (("Agree", self.agree(address)), ("Refuse", self.refuse(address)))
        )
        page = f"<!doctype html><html lang=en><title>Office</title><h1>Office</h1>{links}"
        return 200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()

    def _token(self, headers: Any, form: dict[str, str]) -> Made:
        self.forms.append(form)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if headers.get("Authorization") != f"Basic {basic}":
            return as_json({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or asked["code_challenge_method"] != "S256"
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
        ):
            return as_json({"error": "invalid_grant"}, 400)
        now = int(self.clock())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "sid": self.sid,
        } | self.person | self.claims  # fmt: skip
        token = self.sign({k: v for k, v in claims.items() if v is not None})
        return as_json({"access_token": "at-1", "token_type": "Bearer", "id_token": token})


def new_key(kid: str) -> ECKey:
    """A key of the provider's."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


def as_json(value: Any, status: int = 200) -> Made:
    """An answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token that no library would make: unsigned, or with a shared secret."""
    parts = [json.dumps(part).encode() for part in (header, claims)]
    said = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    mac = hmac.new(secret, said.encode(), "sha256").digest() if secret is not None else b""
    return f"{said}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def query_of(address: str) -> dict[str, str]:
    """The parameters of an address, each of which stands there once."""
    found = parse_qs(urlsplit(address).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


@contextmanager
def provider(
    clock: Callable[[], float] = time.time,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[OpenIdProvider]:
    """A provider that runs for as long as it is needed.

    `host` may be ``localhost``: to a browser that is another site than the server's 127.0.0.1.
    """
    made = OpenIdProvider(clock, host, tls)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(10)


def _handler(owner: OpenIdProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def do_GET(self) -> None:
            self._do("")

        def do_POST(self) -> None:
            self._do(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def _do(self, body: str) -> None:
            status, headers, content = owner.answer(self.command, self.path, self.headers, body)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, *_arguments: Any) -> None:
            pass

    return Handler
