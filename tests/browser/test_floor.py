"""A supervisor at the floor, with an agent and a caller who are told what concerns them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, expect

from tests.browser.test_session import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall


def row(floor: Page, call: PhoneCall) -> Locator:
    return floor.locator(f'tr[data-session="{call.session["id"]}"]')


def test_a_supervisor_reads_along_whispers_and_joins(
    people: People, agent: Agent, new_agent: Callable[..., Agent], call: PhoneCall
) -> None:
    chen = new_agent("chen", supervisor=True)
    call.wait()
    floor = people.desk(chen, "/floor")
    expect(row(floor, call)).to_contain_text(call.number)
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    expect(row(floor, call)).to_contain_text("Connected")
    say(caller, "hello")

    row(floor, call).get_by_role("button", name="Read along").click()
    expect(floor.locator(".watch .line-text")).to_have_text("hello")
    expect(floor.locator("#message")).to_have_count(0)
    for page in (caller, desk):
        expect(page.get_by_text(f"{chen.name} (supervisor) reads along.")).to_be_visible()

    floor.get_by_role("textbox", name=f"Whisper to {agent.name}").fill("offer 10 %")
    floor.keyboard.press("Enter")
    expect(desk.locator(".whispers")).to_contain_text("offer 10 %")
    expect(desk.locator(".whispers")).to_contain_text("The caller does not see this.")

    floor.locator(".watch").get_by_role("button", name="Join").click()
    say(floor, "good morning")
    expect(caller.locator(".line-theirs .line-text")).to_have_text("good morning")
    expect(caller.locator(".line-theirs .line-name")).to_have_text(f"{chen.name}, Supervisor")
    expect(caller.get_by_text(f"{chen.name} (supervisor) is here.")).to_be_visible()
    expect(desk.locator(".line-theirs .line-text")).to_have_text(["hello", "good morning"])
    assert "offer 10 %" not in caller.content()

    floor.get_by_role("button", name="Leave").click()
    expect(caller.locator(".watchers")).to_have_count(0)
    call.end()
    expect(row(floor, call)).to_have_count(0)


def test_the_floor_sorts_by_keyboard_and_knows_whose_desk_is_open(
    people: People, agent: Agent, new_agent: Callable[..., Agent]
) -> None:
    floor = people.desk(new_agent("chen", supervisor=True), "/floor")
    mine = floor.locator(f'tr[data-agent="{agent.uri}"]')
    expect(mine).to_contain_text("Desk closed")
    desk = people.desk(agent)
    expect(mine).to_contain_text("Desk open")
    desk.context.close()
    expect(mine).to_contain_text("Desk closed")
    names = floor.locator("tr[data-agent] > th")
    header = floor.locator("thead th").first
    header.get_by_role("button").focus()
    floor.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    up = names.all_inner_texts()
    floor.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    assert names.all_inner_texts() == up[::-1]
    assert len(up) > 1


def test_the_floor_is_for_supervisors(people: People, agent: Agent) -> None:
    page = people.desk(agent, "/floor")
    expect(page.get_by_text("This page is for supervisors.")).to_be_visible()
