"""The desk's telephone calls, its two switches, its callers' history: as an agent works with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect
from sqlalchemy import select

from collab_server.db.calls import Command
from tests.browser.conftest import People
from tests.browser.world import Agent, PhoneCall, Server, new_call, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser


def ordinary(server: Server, agent: Agent, **changes: Any) -> PhoneCall:
    """A call that nobody marked, which the agent has."""
    call = new_call(server, None)
    call.report(state="active", agent_uri=agent.uri, **changes)
    return call


def standing(desk: Page, call: PhoneCall) -> Any:
    """Its card at the desk."""
    return desk.locator(f"[data-call='{call.id}']")


def answer_pauses(server: Server, agent: Agent, status: str, detail: str = "") -> None:
    """What the PBX did about the agent's pause, as its connector reports it."""
    assert server.database is not None
    with server.database.read() as db:
        asked = db.scalars(select(Command).where(Command.kind == "pause")).all()
        ids = [c.id for c in asked if c.args.get("agent_uri") == agent.uri and c.status == "open"]
    assert ids
    server.report(results=[{"id": i, "status": status, "detail": detail} for i in ids])


def test_an_ordinary_call_becomes_a_session_by_one_button(
    people: People, agent: Agent, new_agent: Callable[..., Agent], server: Server
) -> None:
    second = new_agent("li")
    desk = people.desk(agent)
    expect(desk.locator("[data-list=calls]")).to_contain_text("No call")
    call = ordinary(server, agent, queue="sales")
    card = standing(desk, call)
    expect(card).to_contain_text(call.number)
    expect(card).to_contain_text("Talking · sales")
    call.hold()
    expect(card).to_contain_text("On hold")
    call.hold(False)
    card.get_by_label(f"What to open with {call.number}").select_option("chat")
    card.get_by_role("button", name="Start").press("Enter")
    heading = desk.locator(".workspace-head h1")
    expect(heading).to_have_text(call.number)
    expect(heading).to_be_focused()  # the card is gone, and the focus is not lost with it
    expect(desk.locator(".tag").first).to_have_text("Chat")
    caller = people.caller(call)
    expect(desk.locator(".strip")).to_contain_text("Connected")
    expect(card).to_have_count(0)  # the session's own card says the same
    desk.get_by_role("button", name="Add to the session").click()
    desk.get_by_role("dialog").get_by_role("button", name="Drawing").click()
    expect(desk.get_by_role("dialog")).to_have_count(0)
    call.answer(second)
    expect(caller.locator(".strip")).to_contain_text(f"{agent.name} → {second.name}")


def test_a_call_that_is_over_by_the_click_is_one_sentence(
    people: People, agent: Agent, server: Server
) -> None:
    call = ordinary(server, agent)
    desk = people.desk(agent)
    card = standing(desk, call)
    desk.route("**/session", lambda route: (call.end(), route.continue_())[1])  # type: ignore[func-returns-value]
    card.get_by_role("button", name="Start").click()
    expect(card).to_have_count(0)
    expect(desk.locator("[data-list=current] .call")).to_have_count(0)


def test_the_calls_are_right_again_after_the_server_started_anew(
    browser: Browser, tmp_path: Path, web_built: None
) -> None:
    with running(tmp_path) as server:
        people = People(browser, server)
        agent = Agent("wang", "sip:wang@example.org")
        server.add_agent(agent.name, agent.uri)
        first, second = ordinary(server, agent), ordinary(server, agent)
        desk = people.desk(agent)
        expect(desk.locator(".standing")).to_have_count(2)
        desk.get_by_role("button", name="Ready", exact=True).click()
        expect(desk.locator(".alerts")).to_contain_text("Ready")
        server.stop()
        expect(desk.get_by_text("The desk is not connected.")).to_be_visible()
        server.start()
        expect(desk.get_by_text("The desk is not connected.")).to_have_count(0)
        expect(desk.locator(".alerts")).to_contain_text("Ready")
        server.epoch += 1  # the connector too: of the two calls one has ended meanwhile
        standing_call = {"id": second.id, "type": None, "user_uri": second.user_uri}
        report = standing_call | second.now | {"seq": next(server.seq), "held": True}
        server.report(report, snapshot=True)
        expect(standing(desk, first)).to_have_count(0)
        expect(standing(desk, second)).to_contain_text("On hold")
        people.close()
        assert people.complaints == []


def test_ready_is_the_agents_and_pausing_says_why(people: People, agent: Agent) -> None:
    desk = people.desk(agent)
    desk.get_by_role("button", name="Ready", exact=True).click()
    expect(desk.locator(".alerts")).to_contain_text("Ready")
    desk.reload()
    expect(desk.locator(".alerts")).to_contain_text("Ready")
    expect(desk.locator(".alerts")).to_contain_text("sound after a click")
    dock = desk.context.new_page()
    dock.goto("/desk?dock")
    expect(dock.locator(".alerts")).to_contain_text("Ready")
    desk.get_by_role("button", name="Pause at the desk").click()
    desk.get_by_role("dialog").get_by_role("button", name="Lunch").click()
    for page in (desk, dock):
        expect(page.locator(".alerts")).to_have_text(re.compile(r"Paused: Lunch 0:\d\d"))
        expect(page.get_by_role("button", name="Ready", exact=True)).to_be_visible()
    expect(desk.get_by_role("button", name="Pause in the queue")).to_be_visible()
    desk.get_by_role("button", name=f"Menu of {agent.name}").click()
    desk.get_by_role("button", name="Log out").click()
    expect(dock.get_by_label("Password")).to_be_visible()


def test_a_pause_in_the_queue_is_another_switch_and_shows_the_answer(
    people: People, agent: Agent, server: Server
) -> None:
    desk = people.desk(agent)
    desk.get_by_role("button", name="Ready", exact=True).click()
    expect(desk.locator(".alerts")).to_contain_text("Ready")

    said = desk.locator(".queue-said")

    def ask() -> None:
        desk.get_by_role("button", name="Pause in the queue").click()
        desk.get_by_role("dialog").get_by_label("Another reason").fill("training")
        desk.get_by_role("dialog").get_by_role("button", name="Pause", exact=True).click()
        expect(said).to_have_text("Asking the telephone system …")

    ask()
    answer_pauses(server, agent, "failed", "pbx_refused: QueuePause: Permission denied")
    notices = desk.locator(".desk-notices")
    expect(notices.get_by_role("alert")).to_contain_text("hq: you are not paused in the queue.")
    expect(notices).to_contain_text("The telephone system refused it.")
    notices.get_by_role("button", name="Close").click()
    expect(notices.get_by_role("alert")).to_have_count(0)
    ask()
    answer_pauses(server, agent, "done")
    expect(said).to_have_text("Paused in the queue: training")
    expect(desk.locator(".alerts")).to_contain_text("Ready")
    desk.reload()
    expect(said).to_have_text("Paused in the queue: training")
    desk.get_by_role("button", name="Back into the queue").click()
    expect(said).to_have_text("Asking the telephone system …")
    answer_pauses(server, agent, "failed", "already")
    expect(notices).to_contain_text("hq: you were not paused in the queue.")
    expect(desk.get_by_role("button", name="Pause in the queue")).to_be_visible()


def test_the_wrap_up_stays_until_it_is_done(people: People, agent: Agent, server: Server) -> None:
    call = new_call(server)
    call.answer(agent)
    desk = people.desk(agent, "/desk?dock", viewport={"width": 360, "height": 720})
    expect(desk.locator("#message")).to_be_visible()
    call.end()
    side = desk.get_by_role("complementary", name="Details")
    expect(side.get_by_role("heading", name="Wrap-up")).to_be_visible()
    desk.get_by_role("button", name="All sessions").click()
    desk.reload()
    desk.locator("[data-list=wrap-up] .call", has_text=call.number).click()
    desk.get_by_label("Outcome").select_option("follow_up")
    desk.get_by_label("Note").fill("wants a new policy")
    again = new_call(server)
    again.user_uri = call.user_uri
    again.answer(agent)
    expect(desk).to_have_title(re.compile(r"^\(1\)"))
    expect(desk.get_by_label("Note")).to_be_focused()
    desk.reload()  # what is not saved yet is still there
    expect(desk.get_by_label("Note")).to_have_value("wants a new policy")
    expect(desk.get_by_label("Outcome")).to_have_value("follow_up")
    desk.get_by_role("button", name="Save and close").click()
    expect(desk.locator("[data-list=wrap-up]")).to_have_count(0)
    expect(desk.locator("[data-list=recent] .call", has_text=call.number)).to_be_visible()
    desk.locator("[data-list=current] .call").click()
    desk.get_by_role("button", name="Details").click()
    earlier = side.locator(".history")
    expect(earlier).to_contain_text("Needs follow-up")
    expect(earlier).to_contain_text("wants a new policy")
    expect(earlier).to_contain_text(agent.name)


def test_the_record_opens_by_a_click_and_by_itself_where_that_is_allowed(
    browser: Browser, tmp_path: Path, web_built: None
) -> None:
    with running(
        tmp_path,
        screen_pop="http://127.0.0.1:9/crm?tel={number}&s={session}",
        outcomes=[],
    ) as server:
        people = People(browser, server)
        agent = Agent("wang", "sip:wang@example.org")
        server.add_agent(agent.name, agent.uri)
        desk = people.desk(agent)
        desk.context.route(
            "http://127.0.0.1:9/**",
            lambda route: route.fulfill(content_type="text/html", body="<title>CRM</title>"),
        )
        call = new_call(server)
        call.answer(agent)
        wanted = f"http://127.0.0.1:9/crm?tel=%2B{call.number[1:]}&s={call.session['id']}"
        with desk.context.expect_page() as opened:
            desk.get_by_role("link", name="Open record").click()
        expect(opened.value).to_have_url(wanted)
        assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
        desk.get_by_label("Open by itself in this browser").check()
        # Without a list of outcomes the agent's own words stand there.
        desk.get_by_label("Outcome").fill("rings back on Monday")
        call.end()
        desk.get_by_role("button", name="Save and close").click()
        second = new_call(server)
        with desk.context.expect_page() as popped:
            second.answer(agent)
        expect(popped.value).to_have_url(re.compile(second.number[1:]))
        assert popped.value.evaluate("window.opener") is None
        people.close()
        assert people.complaints == []


def test_an_agent_takes_a_call_into_a_session_with_the_keyboard_only(
    people: People, agent: Agent, server: Server
) -> None:
    call = ordinary(server, agent)
    desk = people.desk(agent, locale="zh-CN")
    standing(desk, call).wait_for()
    desk.locator("body").focus()
    desk.evaluate("document.activeElement.blur()")

    def tab_to(words: str) -> None:
        for _ in range(40):
            desk.keyboard.press("Tab")
            here = desk.evaluate(
                "(({ariaLabel, innerText}) => ariaLabel || innerText)(document.activeElement)"
            )
            if here.strip() == words:
                return
        raise AssertionError(f"no way to {words!r} by keyboard")

    tab_to("就绪")
    desk.keyboard.press("Enter")
    expect(desk.locator(".alerts")).to_contain_text("已就绪")
    tab_to("暂停队列来电")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("dialog")).to_be_visible()
    expect(desk.get_by_role("button", name="休息")).to_be_focused()
    desk.keyboard.press("Escape")
    expect(desk.get_by_role("dialog")).to_have_count(0)
    expect(desk.get_by_role("button", name="暂停队列来电")).to_be_focused()
    tab_to(f"与 {call.number} 一起打开")
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("button", name="开始")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator(".workspace-head h1")).to_have_text(call.number)
