"""One server and one Chromium for these tests; every test has a call and people of its own."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.world import PASSWORD, Agent, PhoneCall, Server, chromium, new_call, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WEB = Path(__file__).parents[2] / "collab_server" / "web"
TIMEOUT_MS = 8_000
_names = itertools.count(1)

WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""

EXPECTED = ("Failed to load resource", "WebSocket connection to")
"""What Chromium itself writes about refused requests and servers that are down."""


@pytest.fixture(scope="package")
def web_built() -> None:
    """The pages as the sources are now, and what their tests need."""
    sys.path.insert(0, str(WEB))
    try:
        import build  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(WEB))
    build.build(tests=True)


@pytest.fixture(scope="package")
def server(web_built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        expect.set_options(timeout=TIMEOUT_MS)
        yield browser
        browser.close()


class People:
    """Browsers, each with a profile of its own, that must not complain until the test ends."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self._browser = browser
        self._server = server
        self._contexts: list[BrowserContext] = []
        self._pages: list[Page] = []
        self.complaints: list[str] = []

    def page(self, path: str = "", **options: Any) -> Page:
        """A new browser at a path of the server, or at a whole address."""
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | options
        context = self._browser.new_context(base_url=self._server.url, **options)
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(WATCH)
        self._contexts.append(context)
        page = context.new_page()
        self._pages.append(page)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._heard(page, message.type, message.text))
        if path:
            page.goto(path)
        return page

    def phone(self, path: str = "", **options: Any) -> Page:
        """A new phone."""
        size = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
        return self.page(path, **(size | options))

    def desk(self, agent: Agent, path: str = "/desk", **options: Any) -> Page:
        """A browser in which an agent has logged in at the desk."""
        page = self.page(path, **options)
        page.locator("[name=username]").fill(agent.name)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.locator("header.desk-top").wait_for()
        return page

    def caller(self, call: PhoneCall, **options: Any) -> Page:
        """A phone on which the caller has opened the link and joined."""
        page = self.phone(call.join_url(), **options)
        page.locator("button.primary").click()
        page.locator("#message").wait_for()
        return page

    def close(self) -> None:
        for page in self._pages:
            if not page.is_closed():
                found = page.evaluate("window.violations ?? []")
                self.complaints += [f"{page.url}: CSP {line}" for line in found]
        for context in self._contexts:
            context.close()

    def _heard(self, page: Page, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(EXPECTED):
            self.complaints.append(f"{page.url}: {kind}: {text}")


@pytest.fixture
def people(browser: Browser, server: Server) -> Iterator[People]:
    people = People(browser, server)
    yield people
    people.close()
    assert people.complaints == []


@pytest.fixture
def call(server: Server) -> PhoneCall:
    return new_call(server)


@pytest.fixture
def agent(new_agent: Callable[..., Agent]) -> Agent:
    return new_agent()


@pytest.fixture(scope="package")
def new_agent(server: Server) -> Callable[..., Agent]:
    """Adds agents, each with a name of its own that begins as asked."""

    def add(name: str = "wang", *, admin: bool = False, supervisor: bool = False) -> Agent:
        mine = f"{name}{next(_names)}"
        added = Agent(mine, f"sip:{mine}@example.org")
        server.add_agent(added.name, added.uri, admin=admin, supervisor=supervisor)
        return added

    return add
