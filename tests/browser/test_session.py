"""A caller and an agent in one session, as both see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:

    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall


def say(page: Page, text: str) -> None:
    page.locator("#message").fill(text)
    page.locator("#message").press("Enter")


def test_a_new_session_shows_at_the_agents_desk_at_once(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    desk = people.desk(agent)
    expect(desk.get_by_role("heading", name="No session open")).to_be_visible()
    call.wait()
    expect(desk.locator("[data-list=waiting] .call")).not_to_have_count(0)
    call.answer(agent)
    expect(desk.locator("[data-list=current] .call")).to_have_count(1)
    expect(desk.locator(".workspace-head h1")).to_have_text(call.number)


def test_chat_goes_both_ways_and_survives_a_reload(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk = people.desk(agent)
    caller = people.caller(call)
    say(caller, "hello from the caller")
    expect(desk.locator(".line-theirs .line-text")).to_have_text("hello from the caller")
    say(desk, "and hello back")
    expect(caller.locator(".line-theirs .line-text")).to_have_text("and hello back")
    expect(caller.locator(".line-theirs .line-name")).to_have_text(agent.name)
    expect(caller.locator(".line-mine .tick-stored")).to_have_count(1)
    caller.reload()
    expect(caller.locator(".line-text")).to_have_text(["hello from the caller", "and hello back"])
    desk.reload()
    expect(desk.locator(".line-text")).to_have_text(["hello from the caller", "and hello back"])
