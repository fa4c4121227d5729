"""A caller and an agent in one session, as both see it."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import People
from tests.browser.world import PASSWORD, Agent, PhoneCall, new_call, running
from tests.realtime.yclient import YClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def say(page: Page, text: str) -> None:
    page.locator("#message").fill(text)
    page.locator("#message").press("Enter")


def test_a_new_session_shows_at_the_agents_desk_at_once(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    desk = people.desk(agent)
    expect(desk.get_by_role("heading", name="No session open")).to_be_visible()
    call.wait()
    expect(desk.locator("[data-list=waiting] .call", has_text=call.number)).to_be_visible()
    call.answer(agent)
    expect(desk.locator("[data-list=current] .call")).to_have_count(1)
    expect(desk.locator(".workspace-head h1")).to_have_text(call.number)
    expect(desk.locator(".strip")).to_contain_text("Waiting for the caller to open the link")


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


def test_a_line_stands_under_the_name_of_who_wrote_it(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk = people.desk(agent)
    token = call.join_url().partition("#")[2]
    sync = call.server.request("POST", "/v1/join", {"token": token})["sync"]

    async def claim_to_be_the_agent() -> None:
        async with YClient(sync["url"], sync["room"], sync["token"]) as hostile:
            claim = {"from": "agent", "name": agent.name, "me": True}
            await hostile.say("I waive the fee", id="1", at="2026-11-26T12:00:00Z", **claim)
            await hostile.until_stored()

    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        thread.submit(asyncio.run, claim_to_be_the_agent()).result(30)
    expect(desk.locator(".line-theirs .line-text")).to_have_text("I waive the fee")
    expect(desk.locator(".line-theirs .line-name")).to_have_text(call.number)
    expect(desk.locator(".line-mine")).to_have_count(0)


def test_shift_enter_breaks_the_line_and_enter_sends(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    caller = people.caller(call)
    field = caller.locator("#message")
    field.press_sequentially("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    expect(caller.locator(".line")).to_have_count(0)
    field.press("Enter")
    expect(caller.locator(".line-text")).to_have_text("one\ntwo")
    expect(field).to_have_value("")


def test_both_see_that_the_other_is_typing(people: People, agent: Agent, call: PhoneCall) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    caller.locator("#message").press_sequentially("well")
    expect(desk.locator(".chat-typing")).to_contain_text("is typing")
    say(caller, "well")
    expect(desk.locator(".chat-typing")).to_have_count(0)


def test_a_message_is_text_and_only_web_addresses_become_links(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    hostile = "<img src=x onerror=alert(1)> javascript:alert(2) https://example.org/a?b=1"
    say(caller, hostile)
    expect(desk.locator(".line-text")).to_have_text(hostile)
    expect(desk.locator(".line-text img")).to_have_count(0)
    link = desk.locator(".line-text a")
    expect(link).to_have_count(1)
    expect(link).to_have_attribute("href", "https://example.org/a?b=1")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_enter_within_a_composition_sends_nothing_and_arrivals_leave_it_alone(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call, locale="zh-CN")
    field = caller.locator("#message")
    field.focus()
    keyboard = caller.context.new_cdp_session(caller)
    composing = {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6}
    keyboard.send("Input.imeSetComposition", composing)
    say(desk, "arrives meanwhile")
    expect(caller.locator(".line-theirs")).to_have_count(1)
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown"} | enter)
    expect(field).to_have_value("ni hao")
    expect(caller.locator(".line-mine")).to_have_count(0)
    keyboard.send("Input.insertText", {"text": "你好"})
    expect(field).to_have_value("你好")
    field.press("Enter")
    expect(desk.locator(".line-theirs .line-text")).to_have_text("你好")


def test_hold_shows_on_both_pages_and_leaves_the_chat_open(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    call.hold()
    expect(caller.locator(".strip")).to_contain_text("On hold")
    expect(caller.locator(".strip")).to_contain_text("You can keep typing.")
    expect(desk.locator(".strip.tone-hold")).to_contain_text("On hold")
    say(caller, "still here")
    expect(desk.locator(".line-theirs .line-text")).to_have_text("still here")
    call.hold(held=False)
    expect(caller.locator(".strip.tone-live")).to_contain_text("Connected")


def test_a_transfer_moves_the_agent_and_tells_all_three(
    people: People, agent: Agent, new_agent: Callable[..., Agent], call: PhoneCall
) -> None:
    second = new_agent("li")
    call.answer(agent)
    old, caller, new = people.desk(agent), people.caller(call), people.desk(second)
    say(old, "from the first agent")
    expect(caller.locator(".line-theirs")).to_have_count(1)
    call.answer(second)
    passed = f"{agent.name} → {second.name}"
    expect(old.locator(".strip")).to_contain_text(passed, timeout=1000)
    expect(old.locator("#message")).to_have_count(0)
    expect(old.get_by_text("Messages can no longer be sent.")).to_be_visible()
    expect(caller.locator(".strip")).to_contain_text(f"{passed}, nothing is lost.")
    expect(new.get_by_role("heading", name="Waiting for the caller's yes")).to_be_visible()
    expect(new.locator(".line-text, #message")).to_have_count(0)
    caller.get_by_role("button", name=f"Go on with {second.name}").click()
    expect(new.locator(".line-text")).to_have_text("from the first agent")
    expect(new.locator(".line-name")).to_have_text(agent.name)
    say(new, "from the second")
    expect(caller.locator(".line-text").last).to_have_text("from the second")


def test_the_end_is_a_clear_page_for_both_with_a_copy_for_the_caller(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    say(caller, "policy 2026-77")
    expect(desk.locator(".line-theirs")).to_have_count(1)
    call.end()
    expect(caller.get_by_role("heading", name="The session has ended")).to_be_visible()
    expect(caller.locator(".ended .card")).to_contain_text("The phone call has ended.")
    expect(desk.locator(".strip")).to_contain_text("Ended")
    expect(desk.get_by_role("button", name="Save and close")).to_be_visible()
    with caller.expect_download() as saved:
        caller.get_by_role("button", name="Save a copy").click()
    copy = saved.value.path().read_text("utf-8-sig")
    assert "policy 2026-77" in copy
    assert call.number in copy
    caller.get_by_role("button", name="Finish alone").click()
    expect(caller.locator("#message")).to_be_visible()
    caller.reload()
    expect(caller.get_by_role("heading", name="The session has ended")).to_be_visible()


def test_the_agent_ends_the_session_after_being_asked(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    desk.get_by_role("button", name="End session").click()
    dialog = desk.get_by_role("dialog")
    expect(dialog).to_contain_text("End the session for both sides?")
    dialog.get_by_role("button", name="End session").click()
    expect(dialog).to_be_hidden()
    ended = f"{agent.name} has ended the session."
    expect(caller.locator(".ended .card")).to_contain_text(ended)


def test_the_desk_says_since_when_the_caller_is_away(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    expect(desk.locator(".strip")).to_contain_text("Connected")
    caller.context.close()
    expect(desk.locator(".strip")).to_contain_text("Caller away 0:")


def test_stop_sharing_leaves_the_session_and_comes_back(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    say(caller, "before")
    caller.get_by_role("button", name="Stop sharing").click()
    expect(caller.get_by_text("Your phone call is not affected.")).to_be_visible()
    expect(desk.locator(".strip")).to_contain_text("Caller away")
    caller.get_by_role("button", name="Come back").click()
    expect(caller.locator(".line-text")).to_have_text("before")
    expect(desk.locator(".strip")).to_contain_text("Connected")


def test_what_is_written_while_the_server_is_down_arrives_later_even_after_a_reload(
    browser: Browser, web_built: None, tmp_path: Path
) -> None:
    with running(tmp_path) as server:
        people = People(browser, server)
        agent = Agent("wang", "sip:wang@example.org")
        server.add_agent(agent.name, agent.uri)
        call = new_call(server)
        call.answer(agent)
        desk, caller = people.desk(agent), people.caller(call)
        say(caller, "first")
        expect(caller.locator(".tick-stored")).to_have_count(1)
        server.stop(signal.SIGKILL)
        say(caller, "written offline")
        expect(caller.locator(".strip")).to_contain_text("Your phone call continues.")
        expect(caller.locator(".tick").last).to_have_text("On this device")
        expect(caller.locator(".saved")).to_contain_text("On this device")
        session = caller.url
        caller.goto("about:blank")
        server.start()
        expect(desk.locator(".line-theirs")).to_have_count(1)
        caller.goto(session)
        expect(caller.locator(".line-text")).to_have_text(["first", "written offline"])
        expect(caller.locator(".tick-stored")).to_have_count(2)
        expect(desk.locator(".line-text").last).to_have_text("written offline")
        assert caller.evaluate("Object.keys(localStorage).filter((k) => k.includes('keep'))") == []
        people.close()
        assert people.complaints == []


def test_a_dropped_network_is_said_and_mended(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    expect(caller.locator(".strip")).to_contain_text("Connected")
    caller.set_viewport_size({"width": 360, "height": 740})
    bar = caller.locator(".bar").bounding_box()
    caller.context.set_offline(True)
    expect(caller.locator(".strip")).to_contain_text("Offline")
    say(caller, "meanwhile")
    expect(caller.locator(".saved")).to_contain_text("On this device")
    assert caller.locator(".bar").bounding_box() == bar, "it keeps its one row"
    caller.context.set_offline(False)
    expect(caller.locator(".strip")).to_contain_text("Connected")
    say(caller, "again")
    expect(desk.locator(".line-text")).to_have_text(["meanwhile", "again"])


def test_a_log_in_in_another_window_of_the_same_browser_breaks_nothing(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    caller = people.caller(call)
    desk = caller.context.new_page()
    desk.goto("/desk")
    desk.locator("[name=username]").fill(agent.name)
    desk.locator("[name=password]").fill(PASSWORD)
    desk.locator("[name=password]").press("Enter")
    desk.locator("#message").wait_for()
    caller.get_by_role("button", name="Stop sharing").click()
    caller.get_by_role("button", name="Come back").click()
    say(caller, "both sides in one browser")
    expect(desk.locator(".line-theirs .line-text")).to_have_text("both sides in one browser")
    caller.reload()
    expect(caller.locator(".line-mine .line-text")).to_have_text("both sides in one browser")
