"""The set-up page: health, and why a call got no session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from websockets.sync.client import connect

from tests.browser.world import PBX_KEY, iso_now, new_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import People
    from tests.browser.world import Agent, PhoneCall, Server


PBX = {"Authorization": f"Bearer {PBX_KEY}"}


@pytest.fixture
def admin(new_agent: Callable[..., Agent]) -> Agent:
    return new_agent("admin", admin=True)


def test_health_names_what_works_and_what_is_missing(people: People, admin: Agent) -> None:
    page = people.desk(admin, "/setup")
    health = page.get_by_role("region", name="Health")
    expect(health).to_contain_text("Database")
    expect(health).to_contain_text("No connector is linked. Start one: tandem-connector run hq")


def test_health_is_well_only_while_the_connector_reaches_its_pbx(
    people: People, admin: Agent, agent: Agent, server: Server
) -> None:
    standing = {
        "connected": False,
        "since": iso_now(),
        "title": "Asterisk at 10.0.0.5:5038",
        "detail": "nobody listens there (connection refused)",
    }
    page = people.desk(admin, "/setup")
    health = page.get_by_role("region", name="Health")
    fault = "Asterisk at 10.0.0.5:5038 not reached since"
    link = f"{server.url}/v1/pbx/hq/link".replace("http", "ws", 1)
    # Nobody takes the commands of earlier tests' calls; unbounded, they hold up no pong.
    with connect(link, additional_headers=PBX, max_queue=None):
        expect(health).to_contain_text("it has not said whether it reaches its PBX")
        expect(health.get_by_role("status")).to_have_text("Not everything is known")
        server.report(pbx=standing)
        expect(health).to_contain_text(fault)
        expect(health).to_contain_text("nobody listens there")
        expect(health.get_by_role("status")).to_have_text("Something is wrong")
        other = people.desk(agent, "/setup").get_by_role("region", name="Health")
        expect(other).to_contain_text("Connector linked, but it does not reach its PBX.")
        server.report(pbx=standing | {"connected": True})
        expect(health).to_contain_text("connected to Asterisk at 10.0.0.5:5038 since")
        expect(health.get_by_role("status")).to_have_text("Everything works")


def test_a_call_without_a_session_says_where_and_why_it_stopped(
    people: People, admin: Agent, server: Server
) -> None:
    call = new_call(server)
    call.wait()
    page = people.desk(admin, "/setup")
    card = page.locator(f'[data-call="hq/{call.id}"]')
    expect(card).to_contain_text("Waiting")
    call.end("abandoned")
    expect(card).to_contain_text("Stopped")
    page.get_by_label("Only those that stopped").check()
    card.click()
    steps = page.locator(".timeline .step")
    expect(steps.first).to_contain_text("Telephone system")
    expect(page.locator(".trace .notice")).to_contain_text("abandoned")
    expect(page).to_have_url(f"{server.url}/setup?call=hq%2F{call.id}")
    page.reload()
    expect(page.locator(".trace .notice")).to_contain_text("abandoned")


def test_an_ordinary_call_is_no_fault_and_can_be_left_out(
    people: People, admin: Agent, server: Server
) -> None:
    ordinary, wrong, form = new_call(server, None), new_call(server, None), new_call(server)
    never = "never marked: the dialplan did not run Gosub(collab,request,1(TYPE))"
    ordinary.report((("wire", "seen"),), state="active")
    ordinary.report((("mark", never), ("end", "hangup")), stops=2, state="ended", cause="hangup")
    wrong.report((("mark", "'telepathy' is not a type"),), stops=1, state="active")
    wrong.report((("end", "abandoned"),), stops=1, state="ended", cause="abandoned")
    form.wait()

    def card(page: Page, call: PhoneCall) -> Locator:
        return page.locator(f'[data-call="hq/{call.id}"]')

    page = people.desk(admin, "/setup", viewport={"width": 320, "height": 568})
    expect(card(page, ordinary)).to_contain_text("Ordinary call")
    expect(card(page, ordinary)).not_to_contain_text("Stopped")
    expect(card(page, wrong)).to_contain_text("Stopped: 'telepathy' is not a type")
    expect(card(page, wrong)).to_contain_text("No valid type")
    page.get_by_label("Only those that stopped").check()
    expect(card(page, ordinary)).to_have_count(0)
    expect(card(page, wrong)).to_be_visible()
    page.get_by_label("Only those that stopped").uncheck()
    page.get_by_label("Collaboration calls only").check()
    expect(card(page, ordinary)).to_have_count(0)
    expect(card(page, form)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.reload()
    expect(page.get_by_label("Collaboration calls only")).to_be_checked()
    expect(card(page, wrong)).to_be_visible()
    expect(card(page, ordinary)).to_have_count(0)
    card(page, wrong).click()
    expect(page.get_by_text("Stopped here")).to_have_count(1)
    expect(page.locator(".way-stop")).to_have_text("Markstopped")
    page.goto(f"/setup?call=hq/{ordinary.id}")
    expect(page.locator(".trace .notice")).to_contain_text(never)
    expect(page.get_by_text("Stopped here")).to_have_count(0)
    expect(page.locator(".way-stop")).to_have_count(0)


def test_a_link_nobody_opened_is_told_from_one_that_may_be_opened_yet(
    people: People, admin: Agent, agent: Agent, call: PhoneCall
) -> None:
    call.answer(agent)
    desk = people.desk(agent)
    expect(desk.locator(".strip")).to_contain_text("Waiting for the caller")
    page = people.desk(admin, f"/setup?call=hq/{call.id}")
    chip = page.locator(".way li", has_text="Browser")
    expect(page.locator(".step[data-stage=browser]")).not_to_have_count(0)
    expect(chip).not_to_contain_text("not opened")
    call.end()
    expect(chip).to_contain_text("not opened")
    expect(chip).to_have_class("way-off")


def test_a_trace_grows_while_it_is_looked_at_and_shows_the_time_between_steps(
    people: People, admin: Agent, agent: Agent, call: PhoneCall
) -> None:
    call.wait()
    page = people.desk(admin, f"/setup?call=hq/{call.id}")
    expect(page.locator(".step[data-stage=queue]")).to_have_count(1)
    expect(page.locator(".step[data-stage=invitation]")).to_have_count(0)
    call.answer(agent)
    expect(page.locator(".step[data-stage=invitation]")).not_to_have_count(0)
    expect(page.locator(".way-on", has_text="Invitation")).to_be_visible()
    expect(page.locator(".step time span").nth(1)).to_contain_text("+")


def test_calls_are_found_by_number_queue_or_id(
    people: People, admin: Agent, server: Server
) -> None:
    billing, support = new_call(server), new_call(server)
    billing.wait("billing")
    support.wait("support")
    page = people.desk(admin, "/setup")
    search = page.get_by_role("searchbox")
    search.fill(billing.number)
    expect(page.locator(".calls .call")).to_have_count(1)
    search.fill(f"support {support.id}")
    expect(page.locator(".calls .call")).to_contain_text(support.number)
    search.fill("no such call")
    expect(page.get_by_text("No call matches.")).to_be_visible()


def test_the_desk_leads_an_administrator_to_the_trace(
    people: People, admin: Agent, call: PhoneCall
) -> None:
    call.answer(admin)
    desk = people.desk(admin)
    desk.get_by_text("More", exact=True).press("Enter")
    with desk.context.expect_page() as opened:
        desk.get_by_role("link", name="Call trace").click()
    expect(opened.value.locator(".trace h3")).to_have_text(call.id)


def test_an_agent_who_is_no_administrator_sees_no_calls(people: People, agent: Agent) -> None:
    page = people.desk(agent, "/setup")
    expect(page.get_by_text("This page is for administrators.")).to_be_visible()
    expect(page.locator(".calls")).to_have_count(0)
