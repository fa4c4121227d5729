"""Every page for everybody: narrow, zoomed, by keyboard, read aloud, dark, in Chinese."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WEB
from tests.browser.world import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall

FOCUSED = "document.activeElement === document.body ? '' : document.activeElement.innerText"

PAGES = [
    *("start", "join", "session", "asked", "ended", "login"),
    *("desk", "dock", "agent", "held", "setup", "trace", "floor"),
]


@pytest.fixture(params=PAGES)
def opened(
    request: pytest.FixtureRequest,
    people: People,
    new_agent: Callable[..., Agent],
    call: PhoneCall,
) -> Callable[..., Page]:
    """Opens one of the pages with something on it, at a size and with options."""
    name = request.param
    agent = new_agent("admin", admin=True, supervisor=name == "floor")

    def open_page(**options: Any) -> Page:
        if name in ("start", "login"):
            path = {"start": "/", "login": "/desk"}[name]
            page = people.page(path, **options)
            page.locator("h1").wait_for()
            return page
        if name == "floor":
            call.answer(new_agent("li"))
            page = people.desk(agent, "/floor", **options)
            mine = page.locator(f'[data-session="{call.session["id"]}"]')
            mine.get_by_role("button", name="Join").click()
            fill_chat(page)
            return page
        if name == "setup":
            call.wait()
            page = people.desk(agent, "/setup", **options)
            page.locator(".calls .call").first.wait_for()
            return page
        call.answer(agent)
        if name == "trace":
            page = people.desk(agent, f"/setup?call=hq/{call.id}", **options)
            page.locator(".step").first.wait_for()
        elif name == "desk":
            page = people.desk(agent, **options)
            fill_chat(page)
        elif name == "dock":
            dock = {"viewport": {"width": 360, "height": 740}} | options
            page = people.desk(agent, "/desk?dock", **dock)
            page.get_by_role("button", name="Add to the session").click()
        elif name == "held":
            people.caller(call)
            other = new_agent("li")
            call.answer(other)
            page = people.desk(other, **options)
            page.locator(".withheld").wait_for()
        elif name == "agent":
            page = people.page(call.join_url("agent"), **options)
            page.locator("button.primary").click()
            fill_chat(page)
        else:
            page = people.page(call.join_url(), **options)
            page.locator(".facts").wait_for()
            if name != "join":
                page.locator("button.primary").click()
                fill_chat(page)
            if name == "asked":
                call.answer(new_agent("li"))
                page.locator(".consent").wait_for()
            if name == "ended":
                call.end()
                page.locator(".ended").wait_for()
        return page

    return open_page


def fill_chat(page: Page) -> None:
    page.locator("#message").fill("https://www.example.org/a-long-address/without-any-break/" * 3)
    page.locator("#message").press("Enter")
    page.locator(".tick-stored").wait_for()


def fits(page: Page, width: int) -> bool:
    wide: int = page.evaluate("document.documentElement.scrollWidth")
    return wide <= width


@cache
def axe() -> str:
    return (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text()


def faults(page: Page) -> list[str]:
    page.evaluate(axe())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['impact']} {fault['id']}: {[node['html'][:120] for node in fault['nodes']]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical", "moderate")
    ]


def test_a_page_has_no_accessibility_fault_in_light_and_dark(opened: Callable[..., Page]) -> None:
    page = opened()
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    assert faults(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert faults(page) == []


def test_a_page_fits_a_phone_and_twice_the_text(opened: Callable[..., Page]) -> None:
    page = opened(viewport={"width": 360, "height": 740})
    for width, height in ((360, 740), (320, 568), (640, 400), (844, 390)):
        page.set_viewport_size({"width": width, "height": height})
        assert fits(page, width), width
    page.set_viewport_size({"width": 320, "height": 568})
    for control in page.locator("button:visible, a:visible, input:visible, select:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0, control.inner_text()
        assert box["x"] + box["width"] <= 320.5, control.inner_text()


def test_a_caller_needs_the_keyboard_only(people: People, agent: Agent, call: PhoneCall) -> None:
    call.answer(agent)
    page = people.page(call.join_url())
    page.locator(".facts").wait_for()
    tab_to(page, "Join")
    page.keyboard.press("Enter")
    page.locator("#message").wait_for()
    tab_to(page, "Message")
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_be_focused()
    page.keyboard.type("typed without a mouse")
    page.keyboard.press("Enter")
    expect(page.locator(".line-text")).to_have_text("typed without a mouse")
    expect(page.locator("#message")).to_be_focused()


def test_an_agent_needs_the_keyboard_only(people: People, agent: Agent, call: PhoneCall) -> None:
    call.answer(agent)
    page = people.page("/desk")
    page.get_by_label("Name").wait_for()
    page.get_by_label("Name").focus()
    page.keyboard.type(agent.name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#message").wait_for()
    tab_to(page, "End session")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    tab_to(page, call.number)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def tab_to(page: Page, words: str) -> None:
    """Press Tab until the control of these words has the focus."""
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        seen.append(here)
        if words in here.split("\n") or here.strip() == words:
            return
    raise AssertionError(f"no way to {words!r} by keyboard, only to {seen}")


def test_only_arrivals_are_read_aloud_and_once(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    expect(caller.locator(".strip")).to_contain_text("Connected")
    desk.locator("#message").fill("old line")
    desk.locator("#message").press("Enter")
    expect(caller.locator("[data-arrivals]")).to_have_text(f"{agent.name}: old line")
    caller.reload()
    caller.locator(".line").wait_for()
    expect(caller.locator("[data-arrivals]")).to_have_text("")
    caller.locator("#message").fill("own line")
    caller.locator("#message").press("Enter")
    desk.locator("#message").press_sequentially("new")
    expect(caller.locator(".chat-typing")).to_be_visible()
    expect(caller.locator("[data-arrivals]")).to_have_text("")
    desk.locator("#message").press("Enter")
    expect(caller.locator("[data-arrivals]")).to_have_text(f"{agent.name}: new")


def test_a_chinese_browser_gets_chinese_pages(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    people.desk(agent)
    phone = people.phone(call.join_url(), locale="zh-CN")
    expect(phone.locator("html")).to_have_attribute("lang", "zh-CN")
    phone.get_by_role("button", name="加入").click()
    expect(phone.locator(".strip")).to_contain_text("已连接")
    call.hold()
    expect(phone.locator(".strip")).to_contain_text("您可以继续输入。")


def test_the_language_is_the_readers_choice_and_is_kept(people: People) -> None:
    page = people.page("/", locale="zh-CN")
    expect(page.get_by_role("heading", name="继续您的通话")).to_be_visible()
    page.get_by_label("语言").select_option("en")
    expect(page.get_by_role("heading", name="Join your call")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Join your call")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
