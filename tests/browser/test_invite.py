"""Flow 5 with two people, and who came by SIP MESSAGE: at the desk and on a phone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from collab_server.db.calls import Command
from tests.browser.conftest import People
from tests.browser.test_looks import faults, fits
from tests.browser.world import Agent, PhoneCall, Server, new_call
from tests.server.doubles import Gateway, gateway

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

WAYS = """
[server.invite]
allow = ['tel:\\+49\\d+']
[server.invite.http.sms]
url = "{url}"
body = {{ to = "{{number}}", link = "{{link}}" }}
"""
_names = itertools.count(1)


@pytest.fixture(scope="module")
def sms() -> Iterator[Gateway]:
    with gateway() as double:
        yield double


@pytest.fixture(scope="module")
def server(
    web_built: None, sms: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("inviting"))
    server.write_settings()
    file: Path = server.folder / "tandem.toml"
    file.write_text(file.read_text() + WAYS.format(url=sms.url))
    server.start()
    yield server
    server.stop()
    if server.database is not None:
        server.database.close()


@pytest.fixture
def people(browser: Browser, server: Server) -> Iterator[People]:
    people = People(browser, server)
    yield people
    people.close()
    assert people.complaints == []


@pytest.fixture
def agent(server: Server) -> Agent:
    name = f"wang{next(_names)}"
    server.add_agent(name, f"sip:{name}@example.org")
    return Agent(name, f"sip:{name}@example.org")


def commands(server: Server, kind: str) -> list[dict[str, Any]]:
    """What the PBX was asked for, newest last."""
    assert server.database is not None
    with server.database.read() as db:
        found = db.scalars(select(Command).where(Command.kind == kind).order_by(Command.created))
        return [{"id": command.id, **command.args} for command in found]


def open_form(page: Page, button: str = "Invite") -> None:
    page.get_by_role("button", name=button, exact=True).press("Enter")
    expect(page.locator("dialog[open] [name=address]")).to_be_focused()


def test_an_agent_invites_by_keyboard_and_both_are_in_one_session(
    people: People, agent: Agent, sms: Gateway
) -> None:
    desk = people.desk(agent)
    open_form(desk)
    assert faults(desk) == []
    desk.keyboard.type("+49 30 123456")
    desk.get_by_label("Type").select_option("chat")
    desk.keyboard.press("Enter")
    expect(desk.locator("dialog[open]")).to_have_count(0)
    expect(desk.locator(".workspace-head h1")).to_have_text("+4930123456")
    way = desk.locator("[data-way=sms]")
    expect(way).to_contain_text("Sent")
    assert sms.asked[-1].json["to"] == "+4930123456"
    user = people.phone(sms.asked[-1].json["link"])
    user.locator("button.primary").wait_for()
    expect(way).to_contain_text("Looked at")
    user.locator("button.primary").click()
    expect(way).to_contain_text("Joined")
    user.locator("#message").fill("here I am")
    user.locator("#message").press("Enter")
    expect(desk.locator(".line-theirs .line-text")).to_have_text("here I am")
    assert faults(desk) == []


def test_a_wrong_address_and_a_new_link_by_a_way_of_choice(
    people: People, agent: Agent, sms: Gateway
) -> None:
    desk = people.desk(agent, viewport={"width": 390, "height": 844})
    open_form(desk)
    desk.keyboard.type("112")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("alert")).to_contain_text("Nobody can be invited there.")
    assert fits(desk, 390)
    desk.locator("[name=address]").fill("+49301234567")
    desk.locator("dialog[open] button[type=submit]").click()
    desk.get_by_role("button", name="Details").click()
    way = desk.locator("[data-way=sms]")
    expect(way).to_contain_text("Sent")
    before = sms.asked[-1].json["link"]
    desk.get_by_role("button", name="Send a new link: sms").click()
    expect(desk.get_by_text("A new link is on its way.")).to_be_visible()
    expect(way).to_contain_text("Sent")
    assert fits(desk, 390)
    user = people.phone(before)
    expect(user.get_by_role("heading")).to_have_text("This link is no longer valid")
    assert sms.asked[-1].json["link"] != before


def test_the_pbx_calls_both_and_the_desk_says_how_that_goes(
    people: People, agent: Agent, server: Server
) -> None:
    desk = people.desk(agent)
    open_form(desk)
    desk.keyboard.type("sip:1002@pbx.example.org")
    desk.get_by_label("Also call them").check()
    desk.keyboard.press("Enter")
    way = desk.locator("[data-way=dial]")
    expect(way).to_contain_text("Asked for")
    asked = commands(server, "dial")[-1]
    assert (asked["agent_uri"], asked["user_uri"]) == (agent.uri, "sip:1002@pbx.example.org")
    server.report(results=[{"id": asked["id"], "status": "done", "detail": ""}])
    expect(way).to_contain_text("Ringing")
    call = PhoneCall(server, f"{asked['id']}-leg", asked["user_uri"], "form")
    call.report(state="active", agent_uri=agent.uri, initiator="agent", aliases=[asked["id"]])
    expect(way).to_contain_text("Connected")
    expect(desk.get_by_role("complementary", name="Details")).to_contain_text(call.id)
    call.end()
    expect(desk.locator(".strip")).to_contain_text("The phone call has ended.")


def came_by_message(people: People, server: Server, agent: Agent, **options: Any) -> Page:
    """A caller who has opened the link in the SIP MESSAGE of a new call of theirs."""
    new_call(server).answer(agent)
    return open_message(people, commands(server, "message")[-1]["text"], **options)


def open_message(people: People, text: str, **options: Any) -> Page:
    """The page of who opens the link in a SIP MESSAGE."""
    user = people.phone(text.split()[-1], **options)
    user.locator("button.primary").click()
    user.locator("[role=status].word-big").wait_for()
    return user


def test_a_caller_who_came_by_sip_message_gets_in_when_the_agent_has_heard_the_word(
    people: People, agent: Agent, server: Server
) -> None:
    desk = people.desk(agent)
    new_call(server).answer(agent)
    message = commands(server, "message")[-1]
    server.report(results=[{"id": message["id"], "status": "done", "detail": ""}])
    # The session's own word is not on their page yet, and would be the wrong one to ask for.
    side = desk.get_by_role("complementary", name="Details")
    expect(side.locator("[data-way=message]")).to_contain_text("Sent")
    expect(side.get_by_text("Word", exact=True)).to_have_count(0)
    user = open_message(people, message["text"])
    word = user.locator(".word-big").inner_text()
    assert faults(user) == []
    ask = desk.get_by_role("alert")
    expect(ask).to_contain_text(word)
    assert faults(desk) == []
    user.reload()
    expect(user.locator(".word-big")).to_have_text(word)
    expect(side.get_by_text("Word", exact=True)).to_have_count(0)
    ask.get_by_role("button", name="Yes, let them in").click()
    user.locator("#message").fill("it is me")
    user.locator("#message").press("Enter")
    expect(desk.locator(".line-theirs .line-text")).to_have_text("it is me")
    expect(ask).to_have_count(0)
    expect(side.get_by_text("Word", exact=True)).to_be_visible()


def test_in_chinese_a_no_ends_the_link(people: People, agent: Agent, server: Server) -> None:
    size = {"width": 360, "height": 700}
    desk = people.desk(agent, "/desk?dock", viewport=size, locale="zh-CN")
    open_form(desk, "邀请")
    expect(desk.get_by_role("heading", name="邀请他人")).to_be_visible()
    assert fits(desk, 360)
    # A session that comes now takes the lists' place, and must not take the form along.
    before = new_call(server)
    before.answer(agent)
    card = desk.locator(f'[data-session="{before.session["id"]}"]')
    expect(card).to_be_attached()
    expect(desk.get_by_role("heading", name="邀请他人")).to_be_visible()
    desk.get_by_role("button", name="取消").click()
    before.end()
    card.click()
    desk.get_by_role("button", name="全部会话").click()
    user = came_by_message(people, server, agent, locale="zh-CN")
    expect(user.get_by_role("heading")).to_have_text("还差一步")
    expect(desk.get_by_role("alert")).to_contain_text(user.locator(".word-big").inner_text())
    desk.get_by_role("button", name="详情").click()  # in the place of all but what is asked
    assert fits(desk, 360)
    assert fits(user, 390)
    desk.get_by_role("button", name="否，使链接失效").click()
    expect(user.get_by_text("客服未确认此页面。请索取新链接。")).to_be_visible()


def test_a_page_that_is_open_is_invited_to_another_session(
    people: People, agent: Agent, server: Server
) -> None:
    uri = f"web:page{next(_names)}-a1b2c3d4"
    body = {"type": "chat", "user_uri": uri, "agent_uri": agent.uri}
    first = server.request("POST", "/v1/sessions", body)
    user = people.phone(first["user"]["join_url"])
    user.locator("button.primary").click()
    user.locator("#message").wait_for()
    expect(user.locator(".strip")).not_to_contain_text("Offline")
    desk = people.desk(agent)
    open_form(desk)
    desk.keyboard.type(uri)
    desk.keyboard.press("Enter")
    user.get_by_role("link", name="Open the invitation").click()
    user.locator(".facts").wait_for()
    user.locator("button.primary").click()
    user.locator("#message").wait_for()
    expect(desk.locator("[data-list=current] .call")).to_have_count(2)
    expect(desk.locator("[data-way=page]")).to_contain_text("Joined")
