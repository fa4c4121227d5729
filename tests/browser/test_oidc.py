"""Signing in at an OpenID provider, which is another site to the browser than the server is."""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from collab_server.db.engine import Database
from collab_server.oidc import accounts
from collab_server.people import agents
from tests.browser.conftest import People
from tests.browser.test_looks import faults, fits
from tests.browser.world import Server, running
from tests.openid import OpenIdProvider, claims_of, provider

DRAFT = "tandem.draft.of-a-session"


@pytest.fixture(scope="module")
def openid() -> Iterator[OpenIdProvider]:
    with provider(host="localhost") as made:
        yield made


@pytest.fixture(scope="module")
def office(
    web_built: None, tmp_path_factory: pytest.TempPathFactory, openid: OpenIdProvider
) -> Iterator[Server]:
    """A server with an account for whoever signs in as wang."""
    settings = {f"oidc.{name}": value for name, value in openid.settings().items()}
    with running(tmp_path_factory.mktemp("office"), **settings) as server:
        server.database = Database(server.database_url)
        with server.database.write() as work:
            uri = "sip:wang@example.org"
            agents.add(work, "Wang Li", uri, None, admin=False, passwordless=True)
            work.flush()
            agent = agents.named(work.db, "Wang Li")
            assert agent is not None
            accounts.link(work, agent, openid.issuer, name="wang")
        yield server


@pytest.fixture
def visitors(browser: Browser, office: Server) -> Iterator[People]:
    people = People(browser, office)
    yield people
    people.close()
    assert people.complaints == []


def agree(page: Page) -> None:
    """At the provider's page."""
    page.get_by_role("link", name="Agree").click()


def test_an_agent_signs_in_at_the_provider_and_out_again(
    visitors: People, office: Server, openid: OpenIdProvider
) -> None:
    page = visitors.page("/desk?dock")
    button = page.get_by_role("link", name="Sign in with Office")
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Refuse").click()
    expect(page.get_by_role("alert")).to_contain_text("Office did not let you in")
    expect(page.get_by_role("alert")).to_contain_text("Reference ")
    assert page.url == f"{office.url}/desk?dock"
    page.get_by_label("Language").select_option("zh-CN")
    expect(page.get_by_role("alert")).to_contain_text("Office 未允许登录")
    assert faults(page) == []
    page.set_viewport_size({"width": 320, "height": 568})
    assert fits(page, 320)
    page.get_by_label("语言").select_option("en")

    button.click()
    agree(page)
    page.locator(".desk-dock header.desk-top").wait_for()
    page.evaluate("([key, text]) => sessionStorage.setItem(key, text)", [DRAFT, "half a li"])

    form = urllib.parse.urlencode({"logout_token": openid.logout_token()}).encode()
    urllib.request.urlopen(f"{office.url}/v1/login/oidc/logout", form, timeout=10)  # noqa: S310
    expect(page.get_by_role("status")).to_contain_text("You have been logged out.")
    page.get_by_role("link", name="Sign in with Office").click()
    agree(page)
    page.locator(".desk-dock header.desk-top").wait_for()
    assert page.evaluate("(key) => sessionStorage.getItem(key)", DRAFT) == "half a li"

    page.get_by_role("button", name="Menu of Wang Li").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Sign in with Office").wait_for()
    assert page.url == f"{office.url}/desk"
    (said,) = openid.logged_out
    assert claims_of(said["id_token_hint"])["preferred_username"] == "wang"


def test_who_signs_in_in_one_window_is_in_in_the_other(
    visitors: People, openid: OpenIdProvider
) -> None:
    first = visitors.page("/desk")
    first.get_by_role("link", name="Sign in with Office").wait_for()
    second = first.context.new_page()
    second.goto("/setup")
    second.get_by_role("link", name="Sign in with Office").click()
    agree(second)
    second.get_by_role("heading", name="Set-up").wait_for()
    first.bring_to_front()
    first.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    first.locator("header.desk-top").wait_for()
    openid.person = {"sub": "u-2", "preferred_username": "li"}
    stranger = visitors.page("/floor")
    stranger.get_by_role("link", name="Sign in with Office").click()
    agree(stranger)
    expect(stranger.get_by_role("alert")).to_contain_text("no account here is yours")
    again = stranger.get_by_role("link", name="Sign in with Office")
    assert "again=1" in (again.get_attribute("href") or "")
