"""Six digits bring the right caller to the right browser, from either side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_looks import faults, fits, tab_to
from tests.browser.world import new_call

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall, Server


def shown(page: Page) -> str:
    """The code on a page, as a screen reader says it: digit by digit."""
    spelled = page.locator(".code-big .hidden")
    expect(spelled).to_have_text(re.compile(r"^\d( \d){5}$"))
    return spelled.inner_text().replace(" ", "")


def word(page: Page) -> str:
    said = page.locator("header .word strong")
    said.wait_for()
    return said.inner_text()


def test_the_agent_types_the_code_that_the_caller_reads_out(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    phone = people.phone("/", viewport={"width": 360, "height": 740})
    phone.get_by_role("button", name="Show a code instead").click()
    code = shown(phone)
    assert fits(phone, 360)
    assert faults(phone) == []

    desk = people.desk(agent)
    side = desk.locator(".pair")
    side.get_by_label("Code on the caller's page").fill(code)
    side.get_by_role("button", name="Pair", exact=True).press("Enter")

    phone.wait_for_url("**/s/*")
    expect(side).to_contain_text(f"Paired. The caller's page shows the word {word(phone)} too.")
    expect(side).to_be_focused()
    expect(desk.locator(".side")).to_contain_text("paired by code")
    expect(desk.locator(".side dl").first).to_contain_text(call.user_uri)
    # The page of the code named nobody: now the agent is named, and sees nothing before the yes.
    expect(desk.locator(".strip")).to_contain_text("You see what is shared once the caller agrees.")
    expect(phone.locator(".strip")).to_contain_text(f"You are talking with {agent.name} now.")
    assert fits(phone, 360)
    assert faults(phone) == []
    phone.get_by_role("button", name=f"Go on with {agent.name}").click()
    phone.locator("#message").fill("it is me")
    phone.locator("#message").press("Enter")
    expect(desk.locator(".line-theirs .line-text")).to_have_text("it is me")


def test_the_user_types_the_code_that_the_agent_gives_by_keyboard_alone(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk = people.desk(agent)
    desk.get_by_role("button", name="Give a code").click()
    code = shown(desk.locator(".side"))  # type: ignore[arg-type]
    expect(desk.locator(".pair")).to_contain_text("Tell the caller: open 127.0.0.1")
    assert faults(desk) == []

    page = people.page("/")
    page.get_by_label("Your code").focus()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    page.keyboard.type(wrong)
    page.keyboard.press("Enter")
    refused = "This code is wrong, too old or was used. Ask for a new one."
    expect(page.get_by_role("alert")).to_have_text(refused)
    assert faults(page) == []

    page.get_by_label("Your code").focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(f" {code[:3]}-{code[3:]} ")  # as a paste brings it
    expect(page.get_by_label("Your code")).to_have_value(f"{code[:3]} {code[3:]}")
    tab_to(page, "Continue")
    page.keyboard.press("Enter")
    page.wait_for_url("**/s/*")
    expect(desk.locator(".side")).to_contain_text(word(page))
    expect(desk.locator(".side .code-big")).to_have_count(0)
    tab_to(page, f"Go on with {agent.name}")
    page.keyboard.press("Enter")
    expect(desk.locator(".strip")).to_contain_text("Connected")


def test_a_code_keyed_in_on_the_telephone_opens_the_page_in_chinese(
    people: People, server: Server
) -> None:
    call = new_call(server, None)
    phone = people.phone("/?type=cobrowse", locale="zh-CN", viewport={"width": 360, "height": 740})
    phone.get_by_role("button", name="改为显示代码").click()
    first = shown(phone)
    phone.get_by_role("button", name="新代码").click()
    expect(phone.locator(".code-big .hidden")).not_to_have_text(" ".join(first))
    code = shown(phone)
    call.report(state="requested", pairing={"n": 1, "code": code})

    phone.wait_for_url("**/s/*")
    assert word(phone)
    assert call.session["type"] == "cobrowse"
    phone.reload()
    expect(phone.locator("header .word strong")).to_be_visible()
