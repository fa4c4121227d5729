"""A server beside a provider, and a browser that signs in there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from collab_server.oidc import accounts
from collab_server.people import agents
from tests.openid import query_of
from tests.server.conftest import URL, WANG, Browser, Server, json_of

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.openid import OpenIdProvider


@dataclass
class Office:
    """Both, and who may log in."""

    server: Server
    provider: OpenIdProvider
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.browser = self.server.browser()

    def mark(self, name: str, uri: str = WANG, as_: str = "wang", **roles: bool) -> None:
        """An administrator adds an account for whoever signs in under a name."""
        with self.server.database.write() as work:
            agents.add(
                work, name, uri, None, admin=roles.get("admin", False),
                supervisor=roles.get("supervisor", False), passwordless=True,
            )  # fmt: skip
            work.flush()
            agent = agents.named(work.db, name)
            assert agent is not None
            accounts.link(work, agent, self.provider.issuer, name=as_)

    def go(self, page: str = "/desk", browser: Browser | None = None) -> str:
        """Press the button; gives where the provider's page is."""
        answer = (browser or self.browser).client.get(
            "/v1/login/oidc", query_string={"next": page}, base_url=URL
        )
        assert answer.status_code == 303, answer.text
        location = answer.headers["Location"]
        assert location.startswith(f"{self.provider.issuer}/authorize?"), location
        return location

    def back(self, address: str, browser: Browser | None = None) -> TestResponse:
        """The browser comes back with what the provider sent it with."""
        parts = urlsplit(address)
        return (browser or self.browser).get(f"{parts.path}?{parts.query}")

    def sign_in(self, page: str = "/desk") -> TestResponse:
        """All of it."""
        return self.back(self.provider.agree(self.go(page)))

    def kept_out(self) -> str:
        """Why somebody does not come in, by the page's word."""
        return refused(self.sign_in())

    def me(self) -> dict[str, Any] | None:
        """Who this browser is."""
        agent: dict[str, Any] | None = json_of(self.browser.get("/v1/me"))["agent"]
        return agent


def refused(answer: TestResponse, page: str = "/desk") -> str:
    """The word with which somebody is sent back to the page; nobody is logged in."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["Location"]
    assert urlsplit(location).path == page
    said = {"reference": ""} | query_of(location)
    assert said["reference"] or said["login"] in ("expired", "busy")
    assert len(said["reference"]) == 8 or not said["reference"]
    assert not [h for h in answer.headers.getlist("Set-Cookie") if h.startswith("tandem_desk=")]
    return said["login"]
