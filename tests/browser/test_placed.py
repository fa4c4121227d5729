"""A call without a telephone, as its user and the agent see it."""

from __future__ import annotations

import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import People
from tests.browser.linked_pbx import LinkedPbx
from tests.browser.test_looks import faults, fits, tab_to
from tests.browser.world import Agent, Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE_KEY = "site-key-of-the-browser-tests"
SITE_PORT = free_port()
WANG = Agent("wang", "sip:wang@example.org")
LI = Agent("li", "sip:li@example.org")


@pytest.fixture(scope="module")
def server(web_built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("placed"))
    server.write_settings()
    with (server.folder / "tandem.toml").open("a") as file:
        file.write(f'[server.sites.main]\nkey = "{SITE_KEY}"\n')
        file.write(f'origins = ["http://localhost:{SITE_PORT}"]\n')
    server.start()
    for agent in (WANG, LI):
        server.add_agent(agent.name, agent.uri)
    yield server
    server.stop()
    assert server.database is not None
    server.database.close()


@pytest.fixture
def origin(server: Server) -> Iterator[str]:
    """A web site whose page is the README's example."""
    html = (Path(__file__).parents[2] / "README.md").read_text()
    html = html.partition("```html\n")[2].partition("```")[0]
    html = html.replace("https://collab.example.org", server.url)
    html = html.replace("a third random string", SITE_KEY)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", SITE_PORT), Page) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://localhost:{SITE_PORT}"
        site.shutdown()


@pytest.fixture
def pbx(server: Server) -> Iterator[LinkedPbx]:
    pbx = LinkedPbx(server)
    yield pbx
    pbx.close()


@pytest.fixture
def people(browser: Browser, server: Server) -> Iterator[People]:
    people = People(browser, server)
    yield people
    people.close()
    assert people.complaints == []


def post(server: Server, **fields: Any) -> dict[str, Any]:
    body = {"type": "chat", "queue": "support"} | fields
    posted: dict[str, Any] = server.request("POST", "/v1/calls", body, SITE_KEY)
    return posted


def take_back(server: Server, call: dict[str, Any]) -> None:
    server.request("DELETE", f"/v1/calls/{call['id']}", key=SITE_KEY)


def state(server: Server, call: dict[str, Any]) -> tuple[str, str | None]:
    now = server.request("GET", f"/v1/calls/{call['id']}", key=SITE_KEY)
    return now["state"], now["reason"]


def wait_on(page: Page, call: dict[str, Any], join: str = "Join") -> Page:
    """Open the page on which the user waits."""
    page.goto(call["user"]["join_url"])
    page.get_by_role("button", name=join).click()
    page.locator(".place").wait_for()
    return page


def test_two_people_meet_without_a_telephone_and_go_on_by_phone(
    people: People, server: Server, pbx: LinkedPbx
) -> None:
    desk = people.desk(WANG)
    earlier, call = post(server), post(server, name="Ann")
    phone = people.phone()
    phone.goto(call["user"]["join_url"])
    expect(phone.locator("h1")).to_have_text("An agent will meet you here")
    wait_on(phone, call)
    expect(phone.locator("[data-place]")).to_have_text("2")
    expect(phone.locator(".strip")).to_contain_text("Keep this page open")
    expect(desk.locator("[data-list=waiting] .call", has_text="no telephone")).to_have_count(2)
    take_back(server, earlier)
    expect(phone.locator("[data-place]")).to_have_text("1")
    phone.locator("#message").fill("my order is late")
    phone.locator("#message").press("Enter")
    for width in (320, 390):
        phone.set_viewport_size({"width": width, "height": 740})
        assert fits(phone, width)
    assert faults(phone) == []

    assert pbx.does(lambda double: double.answer(WANG.uri)) == call["id"]
    expect(desk.locator(".line-theirs .line-text")).to_have_text("my order is late")
    expect(phone.locator(".strip")).to_contain_text("You and wang are here.")
    expect(phone.locator(".place")).to_have_count(0)
    expect(desk.locator(".workspace-head h1")).to_have_text("Ann")
    pbx.does(lambda double: double.agent_hangs_up(call["id"]))
    expect(desk.locator(".strip")).to_contain_text("the queue counts you as busy")
    pbx.until(lambda double: WANG.uri in double.paused)

    desk.get_by_role("button", name="Offer a phone call").click()
    expect(phone.get_by_text("wang would like to talk to you by phone.")).to_be_visible()
    assert faults(phone) == []
    phone.get_by_label("Your phone number").fill("call me")
    phone.get_by_role("button", name="Call me").click()
    expect(phone.get_by_role("alert")).to_contain_text("with its area code")
    phone.get_by_label("Your phone number").fill("+49 (30) 12-34")
    phone.get_by_role("button", name="Call me").click()
    expect(phone.get_by_text("Calling +49301234.")).to_be_visible()
    expect(desk.locator(".voice")).to_contain_text("Calling the caller at +49301234.")
    pbx.does(lambda double: double.picks_up(call["id"], "1795.8"))
    expect(desk.locator(".voice")).to_contain_text("You are talking with the caller by phone.")
    expect(phone.get_by_text("You are talking with wang by phone.")).to_be_visible()
    assert faults(desk) == []
    pbx.does(lambda double: double.over("1795.8", "hangup"))
    expect(phone.get_by_role("heading", name="The session has ended")).to_be_visible()
    pbx.until(lambda double: double.paused == {})


def test_a_page_of_the_site_posts_a_call_as_the_readme_says(
    people: People, server: Server, origin: str
) -> None:
    page = people.page(origin)
    page.get_by_role("button", name="Talk to us here").click()
    expect(page.locator("h1")).to_have_text("An agent will meet you here")
    assert page.url.startswith(server.url)


def test_who_leaves_the_line_by_keyboard_is_out_of_the_queue(
    people: People, server: Server, pbx: LinkedPbx
) -> None:
    call = post(server)
    page = wait_on(people.page(), call)
    pbx.until(lambda double: call["id"] in double.calls)
    tab_to(page, "Leave the line")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Your place is given up.")
    tab_to(page, "Leave")
    page.keyboard.press("Enter")
    pbx.until(lambda double: call["id"] not in double.calls)
    expect(page.locator(".ended .card")).to_contain_text("You have left.")
    expect(page.get_by_role("button", name="Save a copy")).to_have_count(0)


def test_a_closed_page_leaves_the_queue_and_a_reload_does_not(
    people: People, server: Server, pbx: LinkedPbx
) -> None:
    stays, goes = post(server), post(server)
    reloaded, closed = wait_on(people.phone(), stays), wait_on(people.phone(), goes)
    pbx.until(lambda double: {stays["id"], goes["id"]} <= double.calls.keys())
    reloaded.reload()
    closed.goto("about:blank")
    pbx.until(lambda double: goes["id"] not in double.calls)
    assert state(server, goes) == ("ended", "abandoned")
    expect(reloaded.locator("[data-place]")).to_have_text("1")
    assert state(server, stays) == ("queued", None)
    take_back(server, stays)


def test_an_agent_is_told_by_phone_number_in_chinese_and_the_user_declines(
    people: People, server: Server, pbx: LinkedPbx
) -> None:
    desk = people.desk(LI, locale="zh-CN")
    call = post(server)
    phone = people.phone(locale="zh-CN")
    wait_on(phone, call, "加入")
    expect(phone.locator(".place")).to_contain_text("排队位置")
    expect(desk.locator("[data-list=waiting]")).to_contain_text("无电话")
    pbx.until(lambda double: call["id"] in double.calls)
    pbx.does(lambda double: double.answer(LI.uri))
    desk.get_by_label("号码（如已知）").fill("030 123456")
    desk.get_by_role("button", name="提议电话沟通").click()
    expect(phone.get_by_label("您的电话号码")).to_have_value("030123456")
    phone.get_by_role("button", name="不用了，谢谢").click()
    expect(desk.locator(".voice")).to_contain_text("来电者已谢绝。")
    phone.get_by_role("button", name="离开").click()
    phone.get_by_role("dialog").get_by_role("button", name="离开").click()
    expect(phone.locator(".ended .card")).to_contain_text("您已离开。")
    pbx.until(lambda double: call["id"] not in double.calls)


def test_a_killed_server_costs_nobody_their_place(
    people: People, server: Server, pbx: LinkedPbx
) -> None:
    call = post(server)
    page = wait_on(people.phone(), call)
    pbx.until(lambda double: call["id"] in double.calls)
    server.stop(signal.SIGKILL)
    expect(page.locator(".strip")).to_contain_text("Connecting again.")
    server.start()
    expect(page.locator(".strip")).to_contain_text("Keep this page open")
    assert state(server, call) == ("queued", None)
    page.goto("about:blank")
    pbx.until(lambda double: call["id"] not in double.calls)
