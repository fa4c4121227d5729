"""The agent's desk: log-in, alerts, lists, wrap-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.world import PASSWORD, new_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall, Server

RECORD = """
window.shown = [];
window.Notification = class {
  static permission = "%s";
  static requestPermission = () => Promise.resolve("%s");
  constructor(title, options) { window.shown.push([title, options.body]); }
  close() {}
};
"""


def test_a_wrong_password_is_one_sentence(people: People, agent: Agent) -> None:
    page = people.page("/desk")
    page.get_by_label("Name").fill(agent.name)
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("navigation", name="Sessions")).to_be_visible()
    page.reload()
    expect(page.get_by_role("navigation", name="Sessions")).to_be_visible()


def test_logging_out_in_one_window_ends_the_other_window_too(people: People, agent: Agent) -> None:
    page = people.desk(agent)
    second = page.context.new_page()
    second.goto("/desk")
    second.get_by_role("navigation", name="Sessions").wait_for()
    page.get_by_role("button", name=f"Menu of {agent.name}").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(second.get_by_text("You have been logged out.")).to_be_visible()


def test_ready_says_whether_alerts_reach_the_agent(people: People, agent: Agent) -> None:
    page = people.page()
    page.add_init_script(RECORD % ("default", "granted"))
    page.goto("/desk")
    page.get_by_label("Name").fill(agent.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.locator(".alerts")).to_have_text("Press Ready to switch alerts on")
    page.get_by_role("button", name="Ready", exact=True).click()
    expect(page.locator(".alerts")).to_have_text("Ready, alerts on")
    page.get_by_role("button", name="Try the alert").click()
    assert page.evaluate("window.shown") == [["This is how a new session shows", "Tandem"]]


def test_ready_in_another_browser_lets_this_one_be_asked_for_alerts(
    people: People, agent: Agent
) -> None:
    first = people.desk(agent)
    first.get_by_role("button", name="Ready", exact=True).click()
    expect(first.locator(".alerts")).to_contain_text("Ready")
    second = people.page()
    second.add_init_script(RECORD % ("default", "granted"))
    second.goto("/desk")
    second.get_by_label("Name").fill(agent.name)
    second.get_by_label("Password").fill(PASSWORD)
    second.get_by_label("Password").press("Enter")
    expect(second.locator(".alerts")).to_contain_text("Ready, alerts on this page only")
    second.get_by_role("button", name="Switch alerts on").click()
    expect(second.locator(".alerts")).to_have_text("Ready, alerts on")


def test_blocked_alerts_are_in_sight(people: People, agent: Agent) -> None:
    page = people.page()
    page.add_init_script(RECORD % ("denied", "denied"))
    page.goto("/desk")
    page.get_by_label("Name").fill(agent.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    page.get_by_role("button", name="Ready", exact=True).click()
    expect(page.locator(".alerts")).to_have_text("Ready, alerts blocked by the browser")


def test_a_second_session_calls_for_attention_and_leaves_the_focus_alone(
    people: People, agent: Agent, server: Server, call: PhoneCall
) -> None:
    page = people.page()
    page.add_init_script(RECORD % ("granted", "granted"))
    page.goto("/desk")
    page.get_by_label("Name").fill(agent.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    page.get_by_role("button", name="Ready", exact=True).click()
    call.answer(agent)
    page.locator("#message").fill("half a sen")
    second = new_call(server)
    second.answer(agent)
    card = page.locator("[data-list=current] .call", has_text=second.number)
    expect(card).to_contain_text("New session")
    expect(page).to_have_title("(1) Desk · Tandem")
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator("#message")).to_have_value("half a sen")
    expect(page.locator(".workspace-head h1")).to_have_text(call.number)
    titles = [title for title, _ in page.evaluate("window.shown")]
    assert titles == [f"New session: {call.number}", f"New session: {second.number}"]
    card.click()
    expect(page.locator(".workspace-head h1")).to_have_text(second.number)
    expect(page).to_have_title("Desk · Tandem")
    page.locator("[data-list=current] .call", has_text=call.number).click()
    expect(page.locator("#message")).to_have_value("half a sen")


def test_the_wrap_up_is_kept_with_the_session(
    people: People, agent: Agent, server: Server, call: PhoneCall
) -> None:
    call.answer(agent)
    desk = people.desk(agent)
    expect(desk.locator("#message")).to_be_visible()
    call.end()
    desk.get_by_label("Note").fill("sent the new policy")
    desk.get_by_label("Outcome").select_option("solved")
    desk.get_by_role("button", name="Save and close").click()
    expect(desk.get_by_role("heading", name="No session open")).to_be_visible()
    again = new_call(server)
    again.user_uri = call.user_uri
    again.answer(agent)
    history = desk.locator(".history")
    expect(history).to_contain_text("Solved")
    expect(history).to_contain_text("sent the new policy")


def test_an_agent_reads_the_note_of_a_session_that_went_to_another(
    people: People, agent: Agent, new_agent: Callable[..., Agent], call: PhoneCall
) -> None:
    second = new_agent("li")
    call.answer(agent)
    old, new = people.desk(agent), people.desk(second)
    old.get_by_label("Note").fill("wants a new policy")
    old.get_by_role("button", name="Save note").click()
    expect(old.locator(".wrap-up [role=status]")).to_have_text("Saved")
    old.get_by_label("Note").fill("wants a new policy, half a sen")
    call.answer(second)
    side = old.get_by_role("complementary", name="Details")
    expect(side).to_contain_text("The agent who has the session now writes its note.")
    expect(side.locator(".note")).to_have_text("wants a new policy")
    expect(side.get_by_label("You had not saved")).to_have_value("wants a new policy, half a sen")
    expect(side.get_by_label("You had not saved")).not_to_be_editable()
    new.locator("[data-list=current] .call").click()
    new.get_by_label("Note").fill("policy sent")
    new.get_by_label("Outcome").select_option("solved")
    new.get_by_role("button", name="Save note").click()
    expect(side.locator(".note")).to_have_text("policy sent")
    expect(side).to_contain_text("Solved")
    old.reload()
    old.locator("[data-list=recent] .call").click()
    expect(old.locator(".strip")).to_contain_text(f"{agent.name} → {second.name}")
    expect(side.locator(".note")).to_have_text("policy sent")
    for name in ("Save note", "Save and close", "End session", "Send again"):
        expect(side.get_by_role("button", name=name, exact=True)).to_have_count(0)
    call.end()
    expect(new.get_by_role("button", name="Save and close")).to_be_visible()
    expect(side.get_by_role("button", name="Save and close")).to_have_count(0)


def test_a_session_that_waits_for_an_agent_has_no_note_and_no_end_yet(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.wait()
    desk = people.desk(agent)
    desk.locator("[data-list=waiting] .call", has_text=call.number).click()
    side = desk.get_by_role("complementary", name="Details")
    expect(side).to_contain_text("support")
    expect(side.get_by_label("Note")).to_have_count(0)
    expect(side.get_by_role("button")).to_have_count(0)


def test_a_code_pressed_after_the_agent_ended_the_session_opens_a_new_one(
    people: People, agent: Agent, server: Server, call: PhoneCall
) -> None:
    call.report(state="active", agent_uri=agent.uri, requests=1)
    ended = call.session["id"]
    desk, caller = people.desk(agent), people.caller(call)
    desk.get_by_role("button", name="End session").click()
    desk.get_by_role("dialog").get_by_role("button", name="End session").click()
    expect(caller.get_by_role("heading", name="The session has ended")).to_be_visible()
    call.report(held=True)
    call.report(held=False, requests=2)
    expect(desk.locator("[data-list=current] .call")).to_have_count(1)
    expect(desk.locator("[data-list=wrap-up] .call")).to_have_count(1)
    new = server.request("GET", f"/v1/sessions?call_id={call.id}")["items"][0]
    assert new["id"] != ended
    caller.goto(new["user"]["join_url"])
    caller.locator("button.primary").click()
    caller.locator("#message").fill("here we go again")
    caller.locator("#message").press("Enter")
    desk.locator("[data-list=current] .call").click()
    expect(desk.locator(".line-theirs .line-text")).to_have_text("here we go again")


def test_the_dock_is_one_column_of_360_pixels(
    people: People, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    size = {"width": 360, "height": 700}
    desk = people.desk(agent, "/desk?dock", viewport=size)
    expect(desk.locator("#message")).to_be_visible()
    expect(desk.locator(".lists")).to_be_hidden()
    assert desk.evaluate("document.documentElement.scrollWidth") <= 360
    desk.get_by_role("button", name="Details").click()
    expect(desk.get_by_role("complementary", name="Details")).to_be_visible()
    desk.get_by_role("button", name="Details").click()
    desk.get_by_role("button", name="All sessions").click()
    expect(desk.locator("[data-list=current] .call")).to_be_visible()


def test_a_call_that_comes_back_to_the_agent_opens_again(
    people: People, agent: Agent, new_agent: Callable[..., Agent], call: PhoneCall
) -> None:
    second = new_agent("li")
    call.answer(agent)
    desk, caller = people.desk(agent), people.caller(call)
    call.answer(second)
    expect(desk.locator("#message")).to_have_count(0)
    call.answer(agent)
    desk.locator("#message").fill("back again")
    desk.locator("#message").press("Enter")
    expect(caller.locator(".line-text")).to_have_text("back again")
