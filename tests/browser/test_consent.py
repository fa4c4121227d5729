"""The caller is asked again after a transfer, by mouse or by keyboard, away or not."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_session import say
from tests.realtime.yclient import YClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall


def test_a_caller_who_was_away_is_asked_when_they_are_back_and_may_say_no(
    people: People, agent: Agent, new_agent: Callable[..., Agent], call: PhoneCall
) -> None:
    second = new_agent("li")
    call.answer(agent)
    caller = people.caller(call)
    say(caller, "policy 2026-77")
    expect(caller.locator(".tick-stored")).to_have_count(1)
    address = caller.url
    caller.goto("about:blank")
    call.answer(second)
    new = people.desk(second)
    expect(new.locator(".strip")).to_contain_text("They are asked when they are back.")
    caller.goto(address)
    passed = f"{agent.name} → {second.name}, nothing is lost."
    expect(caller.locator(".strip")).to_contain_text(passed)
    expect(new.locator(".strip")).to_contain_text("You see what is shared once the caller agrees.")
    no = caller.get_by_role("button", name="Not now")
    no.focus()
    caller.keyboard.press("Enter")
    expect(new.get_by_role("heading", name="The caller said no")).to_be_visible()
    expect(caller.locator(".strip")).to_contain_text(f"{second.name} does not see this page.")
    say(caller, "still mine")
    expect(caller.locator(".tick-stored")).to_have_count(2)
    expect(new.locator(".line-text")).to_have_count(0)
    caller.get_by_role("button", name=f"Let {second.name} see it").click()
    expect(new.locator(".line-text")).to_have_text(["policy 2026-77", "still mine"])
    expect(caller.locator(".consent")).to_have_count(0)
    say(new, "thank you")
    expect(caller.locator(".line-theirs .line-text")).to_have_text("thank you")


def test_the_question_is_asked_in_chinese_and_about_the_agent_of_now(
    people: People, agent: Agent, new_agent: Callable[..., Agent], call: PhoneCall
) -> None:
    call.answer(agent)
    caller = people.caller(call, locale="zh-CN")
    for other in (new_agent("li"), new_agent("zhao")):  # two transfers, one right after the other
        call.answer(other)
    expect(caller.locator(".strip")).to_contain_text(f"{agent.name} → {other.name}，内容不会丢失。")
    caller.get_by_role("button", name=f"继续，由 {other.name} 接待").click()
    expect(caller.locator(".consent")).to_have_count(0)
    assert call.session["agent"]["uri"] == other.uri


def test_no_page_of_an_agents_own_making_reads_before_the_yes(
    people: People, agent: Agent, new_agent: Callable[..., Agent], call: PhoneCall
) -> None:
    second = new_agent("li")
    call.answer(agent)
    caller = people.caller(call)
    say(caller, "policy 2026-77")
    expect(caller.locator(".tick-stored")).to_have_count(1)
    call.answer(second)
    token = call.join_url("agent").partition("#")[2]
    sync = call.server.request("POST", "/v1/join", {"token": token})["sync"]

    async def read() -> list[str]:
        async with YClient(sync["url"], sync["room"], sync["token"]) as hostile:
            await hostile.send(b"\x03")
            await hostile.be({"name": "hostile"})
            await hostile.until(lambda: hostile.views)
            await hostile.until(lambda: b"hostile" in b"".join(hostile.received))
            assert b"2026-77" not in b"".join(hostile.received)
            assert not hostile.synced
            looked.set()
            await hostile.until(lambda: hostile.lines)
            return hostile.lines

    looked = threading.Event()
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        reading = thread.submit(asyncio.run, read())
        assert looked.wait(20) or reading.result(1)
        caller.get_by_role("button", name=f"Go on with {second.name}").click()
        assert reading.result(30) == ["policy 2026-77"]


def test_the_join_page_says_what_supervisors_may_do(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    page = people.phone(call.join_url())
    expect(
        page.get_by_text("If a supervisor reads along or joins, this page says so.")
    ).to_be_visible()
