"""Join links, from the first look to the ones that no longer open, and the entry page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.world import new_call

if TYPE_CHECKING:
    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall, Server


def test_the_link_shows_who_asks_and_what_is_shared_before_anything_happens(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk = people.desk(agent)
    phone = people.phone(call.join_url())
    main = phone.get_by_role("main")
    expect(main).to_contain_text("Tandem")
    expect(main).to_contain_text(agent.name)
    expect(main).to_contain_text("What is shared")
    word = phone.locator(".word-big").inner_text()
    expect(desk.locator(".side dl").first).to_contain_text(word)
    expect(desk.locator(".strip")).to_contain_text("The caller has looked at the link")
    phone.get_by_role("button", name="Join").click()
    expect(phone.locator(".word strong")).to_have_text(word)
    expect(desk.locator(".strip")).to_contain_text("Connected")


def test_the_token_leaves_the_address_bar_and_the_history(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    phone = people.phone(call.join_url())
    phone.locator(".facts").wait_for()
    assert phone.evaluate("location.href") == f"{call.server.url}/join"
    phone.get_by_role("button", name="Join").click()
    phone.wait_for_url("**/s/*")
    assert phone.evaluate("history.length") <= 2  # the blank first page and this one


def test_a_used_link_is_refused_elsewhere_but_leads_its_own_browser_back(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    url = call.join_url()
    own = people.phone(url)
    own.get_by_role("button", name="Join").click()
    own.wait_for_url("**/s/*")
    other = people.phone(url)
    expect(other.get_by_role("heading", name="This link has been used")).to_be_visible()
    expect(other.get_by_role("button", name="Join")).to_have_count(0)
    own.goto("about:blank")
    own.goto(url)
    own.wait_for_url("**/s/*")
    expect(own.locator("#message")).to_be_visible()


def test_a_newer_link_ends_the_one_before(people: People, agent: Agent, call: PhoneCall) -> None:
    call.answer(agent)
    old = call.join_url()
    desk = people.desk(agent, permissions=["clipboard-read", "clipboard-write"])
    desk.get_by_role("button", name="Copy a new link").click()
    expect(desk.get_by_text("Link copied.")).to_be_visible()
    new = desk.evaluate("navigator.clipboard.readText()")
    phone = people.phone(old)
    expect(phone.get_by_role("heading", name="no longer valid")).to_be_visible()
    phone.goto(new)
    phone.get_by_role("button", name="Join").click()
    expect(desk.locator(".strip")).to_contain_text("Connected")


def test_a_link_of_an_ended_session_says_so(people: People, agent: Agent, call: PhoneCall) -> None:
    call.answer(agent)
    url = call.join_url()
    call.end()
    phone = people.phone(url)
    expect(phone.get_by_role("heading", name="This session has ended")).to_be_visible()


def test_a_mangled_link_says_what_to_do(people: People) -> None:
    phone = people.phone("/join#not-a-token")
    expect(phone.get_by_role("heading", name="This link is not complete")).to_be_visible()
    expect(phone.get_by_text("Open the whole link from your message.")).to_be_visible()
    phone.get_by_role("link", name="Use a code instead").click()
    expect(phone.get_by_label("Your code")).to_be_visible()


def test_an_address_that_leads_nowhere_leads_to_the_start(people: People) -> None:
    phone = people.phone("/desk/old")
    expect(phone.get_by_role("heading", name="There is no page here.")).to_be_visible()
    phone.get_by_role("link", name="To the start page").click()
    expect(phone.get_by_label("Your code")).to_be_visible()


def test_a_session_that_is_not_this_browsers_is_not_shown(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    stranger = people.phone(f"/s/{call.session['id']}")
    expect(stranger.get_by_role("heading", name="not open here")).to_be_visible()


def test_an_agents_link_opens_the_workspace_without_a_log_in(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    page = people.page(call.join_url("agent"))
    page.get_by_role("button", name="Join").click()
    caller = people.caller(call)
    expect(page.locator(".strip")).to_contain_text("Connected")
    page.locator("#message").fill("hello")
    page.locator("#message").press("Enter")
    expect(caller.locator(".line-theirs .line-text")).to_have_text("hello")
    page.get_by_label("Note").fill("came by a link")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".wrap-up [role=status]")).to_have_text("Saved")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("came by a link")


def test_the_entry_page_asks_for_the_code_and_nothing_else(people: People) -> None:
    phone = people.phone("/")
    expect(phone.get_by_role("main")).to_contain_text("open the link that came to your phone.")
    field = phone.get_by_label("Your code")
    assert field.get_attribute("inputmode") == "numeric"
    assert field.get_attribute("autocomplete") == "one-time-code"
    expect(phone.locator("header")).to_contain_text("Tandem")
    expect(phone.get_by_label("Language")).to_be_visible()
    expect(phone.locator("input, button")).to_have_count(3)
    phone.get_by_label("Language").select_option("zh-CN")
    expect(phone.get_by_role("main")).to_contain_text("也可以打开手机收到的链接。")


@pytest.mark.parametrize("kind", ["form", "cobrowse", "screen"])
def test_the_link_promises_no_more_than_is_shared(
    people: People, agent: Agent, server: Server, kind: str
) -> None:
    call = new_call(server, kind)
    call.answer(agent)
    main = people.phone(call.join_url()).get_by_role("main")
    expect(main).to_contain_text("What is sharedMessages that you send.Not shared: anything else")
