"""People on the set-up page: an administrator at the keyboard, and who is put out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_looks import faults, fits, tab_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import People
    from tests.browser.world import Agent


def sizes(page: Page) -> None:
    """It fits a phone, and nothing on it is a fault, in light and dark."""
    before = page.viewport_size
    for width in (360, 320):
        page.set_viewport_size({"width": width, "height": 740})
        assert fits(page, width), width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        assert faults(page) == []
    if before:
        page.set_viewport_size(before)


def test_an_administrator_adds_switches_off_and_removes_somebody_by_keyboard(
    people: People, new_agent: Callable[..., Agent]
) -> None:
    own = new_agent("boss", admin=True)
    boss = people.desk(own, "/setup")
    tab_to(boss, "People")
    boss.keyboard.press("Enter")
    expect(boss).to_have_url(re.compile(r"/setup\?people$"))
    tab_to(boss, "Add a person")
    boss.keyboard.press("Enter")
    form = boss.get_by_role("dialog", name="Add a person")
    expect(form.get_by_label("Name", exact=True)).to_be_focused()
    boss.keyboard.type("zhao by hand")
    boss.keyboard.press("Tab")
    boss.keyboard.press("End")
    boss.keyboard.type("zhao")
    boss.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Write an address such as sip:1001@")
    expect(form.get_by_label("SIP address")).to_have_attribute("aria-invalid", "true")
    boss.keyboard.type("@example.org")
    boss.keyboard.press("Tab")
    boss.keyboard.type("Zhao Min")
    sizes(boss)
    boss.keyboard.press("Enter")
    shown = boss.get_by_role("dialog", name="Password of zhao by hand")
    password = shown.locator(".password-shown").inner_text()
    boss.keyboard.press("Escape")
    expect(shown).to_be_visible()
    shown.get_by_role("button", name="I have it").press("Enter")
    assert password not in boss.content()

    boss.get_by_role("searchbox", name="Search people").fill("zhao by hand")
    row = boss.locator("[data-person='zhao by hand']")
    expect(boss.locator("[data-person]")).to_have_count(1)
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("Zhao Min")
    desk = people.page("/desk")
    desk.locator("[name=username]").fill("zhao by hand")
    desk.locator("[name=password]").fill(password)
    desk.keyboard.press("Enter")
    expect(desk.locator("header.desk-top")).to_contain_text("Zhao Min")

    more = row.get_by_role("button", name="More for zhao by hand")
    more.press("Enter")
    boss.get_by_role("button", name="Switch off").press("Enter")
    boss.get_by_role("dialog").get_by_role("button", name="Switch off").press("Enter")
    expect(row).to_contain_text("Switched off")
    expect(desk.get_by_label("Password")).to_be_visible()
    expect(desk.locator(".notice")).to_have_text("You have been logged out.")

    more.press("Enter")
    boss.get_by_role("button", name="Remove").press("Enter")
    boss.get_by_role("dialog").get_by_role("button", name="Remove").press("Enter")
    expect(boss.get_by_text("No account matches.")).to_be_visible()
    boss.get_by_text("Who changed what").press("Enter")
    expect(boss.locator(".events li").first).to_contain_text("removed zhao by hand")

    boss.get_by_role("searchbox").fill(own.name)
    boss.get_by_role("button", name=f"More for {own.name}", exact=True).press("Enter")
    boss.get_by_role("button", name="New password").press("Enter")
    boss.get_by_role("dialog").get_by_role("button", name="New password").press("Enter")
    noted = boss.get_by_role("button", name="I have it")
    expect(noted).to_be_visible()  # though it has ended the administrator's own log-in
    noted.press("Enter")
    expect(boss.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 360])
def test_people_in_chinese_sort_by_keyboard_and_change(
    people: People, new_agent: Callable[..., Agent], width: int
) -> None:
    boss, wang = new_agent("boss", admin=True), new_agent("wang")
    size = {"viewport": {"width": width, "height": 740}, "locale": "zh-CN"}
    page = people.desk(boss, "/setup?people", **size)
    page.get_by_role("searchbox", name="搜索人员").fill("example.org")
    if width > 720:
        header = page.locator("thead th").first
        header.get_by_role("button").press("Enter")
        expect(header).to_have_attribute("aria-sort", "descending")
        names = page.locator("[data-person] > th")
        expect(names.first).not_to_have_text(boss.name)
    page.get_by_role("searchbox").fill(wang.name)
    page.get_by_role("button", name=f"更改 {wang.name}").press("Enter")
    form = page.get_by_role("dialog")
    form.get_by_label("班组").fill("夜班")
    form.get_by_label("主管：").check()
    form.get_by_role("button", name="保存").press("Enter")
    row = page.locator(f"[data-person={wang.name}]")
    expect(row).to_contain_text("夜班")
    expect(row).to_contain_text("主管")
    page.get_by_text("更改记录").press("Enter")
    change = page.locator(".events li").first
    expect(change).to_contain_text(f"{boss.name} 更改了 {wang.name}")
    expect(change).to_contain_text("班组：无 → 夜班")
    sizes(page)
