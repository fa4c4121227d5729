"""A caller and two agents in Chromium, driven by one SIP call on the real Asterisk."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.conftest import EXPECTED, TIMEOUT_MS, WATCH, web_built
from tests.browser.world import chromium
from tests.e2e.world import PASSWORD, arrived, uri
from tests.realtime.yclient import YClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from connectors.demo.phones import Phones
    from tests.e2e.world import Placed, Tandem, Watcher

__all__ = ["web_built"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTE_CLOSES = """
window.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    this.addEventListener("close", (event) =>
      window.noteClose(new URL(this.url).pathname, event.code, Date.now()));
  }
};
"""
"""Playwright does not say with which code a web socket was closed."""


SAYS = """
(text) => new Promise((done) => {
  const strip = () => document.querySelector(".strip")?.textContent ?? "";
  const look = () => strip().includes(text) && done(Date.now());
  const all = {subtree: true, childList: true, characterData: true};
  new MutationObserver(look).observe(document, all);
  look();
})
"""
"""When the strip of a page says something, milliseconds since the epoch."""


class People:
    """Browsers with a profile of their own, that must not complain until the test ends."""

    def __init__(self, browser: Browser, tandem: Tandem) -> None:
        self._browser = browser
        self._tandem = tandem
        self.pages: list[Page] = []
        self.closes: asyncio.Queue[tuple[Page, str, int, float]] = asyncio.Queue(1_000)
        """Web sockets that closed: page, path, code, seconds since the epoch."""
        self.complaints: list[str] = []

    async def page(self, address: str, **options: Any) -> Page:
        """A new browser at an address."""
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | options
        context = await self._browser.new_context(base_url=self._tandem.url, **options)
        context.set_default_timeout(TIMEOUT_MS)
        await context.add_init_script(WATCH + NOTE_CLOSES)
        page = await context.new_page()
        await page.expose_function(
            "noteClose",
            lambda path, code, at: self.closes.put_nowait((page, path, code, at / 1000)),
        )
        self.pages.append(page)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._heard(page, said.type, said.text))
        await page.goto(address)
        return page

    async def desk(self, name: str) -> Page:
        """A browser in which an agent has logged in at the desk."""
        page = await self.page("/desk")
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("navigation", name="Sessions").wait_for()
        return page

    async def close(self) -> None:
        for page in self.pages:
            found = await page.evaluate("window.violations ?? []")
            self.complaints += [f"{page.url}: CSP {line}" for line in found]
            await page.context.close()

    def _heard(self, page: Page, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(EXPECTED):
            self.complaints.append(f"{page.url}: {kind}: {text}")


@pytest_asyncio.fixture(loop_scope="session")
async def people(web_built: None, at_work: Tandem) -> AsyncIterator[People]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        expect.set_options(timeout=TIMEOUT_MS)
        people = People(browser, at_work)
        yield people
        await people.close()
        await browser.close()
    assert people.complaints == []


async def say(page: Page, text: str) -> None:
    await page.locator("#message").fill(text)
    await page.locator("#message").press("Enter")


async def test_two_people_meet_talk_are_transferred_and_part(
    people: People, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    for agent in ("agent1", "agent2"):
        await at_work.add_agent(agent)
    desk, other = await people.desk("agent1"), await people.desk("agent2")
    telephone = await phones.listen("caller")
    first = await phones.listen("agent1", answer=0.3)
    await phones.listen("agent2", answer=0.3)
    await expect(desk.get_by_role("heading", name="No session open")).to_be_visible()

    # The call comes in: it shows at the desk by itself.
    call = await watcher.place(phones, "caller", "form-support", display=b'"Bob Caller" ')
    await expect(desk.locator("[data-list=current] .call")).to_have_count(1)
    await expect(desk.locator(".workspace-head h1")).to_have_text("caller")
    await expect(other.locator("[data-list=current] .call")).to_have_count(0)
    session = await at_work.session(call.id, agent=uri("agent1"))
    old_link = session["agent"]["join_url"]

    # The link that came by SIP is what the caller opens.
    link = await arrived(telephone, session)
    caller = await people.page(
        link, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    await caller.locator("button.primary").click()
    # It travelled as plain text, so the agent asks for the word on the page before it opens.
    word = await desk.locator(".confirm-word").inner_text()
    await expect(caller.get_by_text(word)).to_be_visible()
    await desk.get_by_role("button", name="Yes, let them in").click()
    await expect(desk.locator(".strip")).to_contain_text("Connected")
    await expect(caller.locator(".strip")).to_contain_text("Connected")
    await at_work.session(call.id, state="active")
    await say(caller, "hello from the caller")
    await expect(desk.locator(".line-theirs .line-text")).to_have_text("hello from the caller")
    await say(desk, "hello from the agent")
    await expect(caller.locator(".line-theirs .line-text")).to_have_text("hello from the agent")
    assert (await at_work.post("/v1/join", {"token": link.partition("#")[2]}))[0] == 410

    # A blind transfer (REFER) moves the agent.
    leg = await first.incoming()
    entered = asyncio.create_task(watcher.in_bridge("agent2", watcher.now))
    refused = asyncio.create_task(closed_and_refused(people, desk, at_work, old_link))
    said = asyncio.create_task(desk.evaluate(SAYS, "agent1 → agent2"))
    await leg.transfer("agent2")
    began = await entered
    code, closed_at, status, refused_at = await refused
    took = {
        "closed": closed_at - began,
        "refused": refused_at - began,
        "said": await said / 1000 - began,
    }
    print(f"seconds after the new agent's BridgeEnter: {took}")
    assert (code, status) == (4409, 410)
    assert max(took.values()) < 1.0, took

    # The new agent has it, and what was written once the caller has agreed again.
    await expect(other.locator("[data-list=current] .call")).to_have_count(1)
    await expect(other.locator(".withheld")).to_be_visible()
    await expect(other.locator(".line-text")).to_have_count(0)
    await caller.get_by_role("button", name="Go on with agent2").click()
    await expect(other.locator(".line-text")).to_have_text(
        ["hello from the caller", "hello from the agent"]
    )
    await expect(caller.locator(".strip")).to_contain_text("agent1 → agent2, nothing is lost.")
    await say(other, "hello from the second agent")
    await expect(caller.locator(".line-text").last).to_have_text("hello from the second agent")
    await expect(desk.locator("#message")).to_have_count(0)

    # The hang-up ends it, and both pages say so.
    await call.phone.hangup()
    await expect(caller.get_by_role("heading", name="The session has ended")).to_be_visible()
    await expect(caller.locator(".ended .card")).to_contain_text("The phone call has ended.")
    await expect(other.locator(".strip")).to_contain_text("Ended")
    await expect(other.get_by_role("button", name="Save and close")).to_be_visible()
    await at_work.ended(call.id, "hangup", uri("caller"), [uri("agent1"), uri("agent2")])
    await at_work.told(
        call.id, "browser: ", "opened it at the desk", "user opened the join link",
        f"agent {uri('agent1')} -> {uri('agent2')}", "session ended: hangup",
    )  # fmt: skip


async def timed(what: Awaitable[object]) -> float:
    """When something was done, seconds since the epoch."""
    await what
    return time.time()


async def closed_and_refused(
    people: People, desk: Page, at_work: Tandem, link: str
) -> tuple[int, float, int, float]:
    """Code and time of the close of the desk's sync socket; status and time of its link then."""
    async with asyncio.timeout(10):
        while True:
            page, path, code, closed_at = await people.closes.get()
            if page is desk and path.startswith("/v1/sync/"):
                break
    status, _ = await at_work.post("/v1/join", {"token": link.partition("#")[2]})
    return code, closed_at, status, time.time()


@pytest.mark.parametrize("how", ["refer", "refer with replaces", "redirect"])
async def test_a_transfer_moves_the_agent_within_a_second(
    how: str, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    first = await phones.listen("agent1", answer=0.01)
    await phones.listen("agent2", answer=0.01)
    call = await watcher.place(phones, "caller", "form-support")
    session = await at_work.session(call.id, agent=uri("agent1"))
    leg = await first.incoming()
    async with (
        await open_place(at_work, session["agent"]["join_url"]) as agent,
        await open_place(at_work, session["user"]["join_url"]) as user,
    ):
        await at_work.session(call.id, state="active")
        link = await new_link(at_work, session["id"])

        closing = asyncio.create_task(timed(agent.until_closed()))
        began = await transfer(how, call, leg, watcher, phones)
        closed = await closing
        code = agent.close_code
        status, _ = await at_work.post("/v1/join", {"token": link.partition("#")[2]})
        refused = time.time()

        took = {"closed": closed - began, "refused": refused - began}
        print(f"{how}: seconds after the new agent's BridgeEnter: {took}")
        assert (code, status) == (4409, 410)
        assert max(took.values()) < 1.0, took
        moved = await at_work.session(call.id, agent=uri("agent2"), state="active")
        async with await open_place(at_work, moved["agent"]["join_url"]) as second:
            await agree(at_work, session["id"], "agent2")
            await second.say("from the second")
            await user.until(lambda: user.lines == ["from the second"])
            await call.phone.hangup()
            await user.until(lambda: user.views and user.views[-1]["state"] == "ended")
            await second.until(lambda: second.views and second.views[-1]["state"] == "ended")
    await at_work.ended(call.id, "hangup", uri("caller"), [uri("agent1"), uri("agent2")])


async def transfer(how: str, call: Placed, leg: Any, watcher: Watcher, phones: Phones) -> float:
    """Transfer the call to agent2; gives when agent2 was in the caller's bridge."""
    if how == "refer with replaces":
        consultation = await phones.call("agent1", "agent2")
        await consultation.answered()
        await watcher.in_bridge("agent2", call.since)
        # That was the consultation's bridge; what counts is the one with the caller.
        moved = asyncio.create_task(watcher.in_bridge_with(call, "agent2"))
        await leg.transfer_to(consultation)
        return await moved
    moved = asyncio.create_task(watcher.in_bridge("agent2", watcher.now))
    if how == "refer":
        await leg.transfer("agent2")
    else:
        await watcher.redirect(call, "agent2")
    return await moved


async def open_place(at_work: Tandem, link: str) -> YClient:
    """Exchange a join link and open the session's document."""
    status, joined = await at_work.post("/v1/join", {"token": link.partition("#")[2]})
    assert status == 200, joined
    sync = joined["sync"]
    return YClient(sync["url"], sync["room"], sync["token"])


async def agree(at_work: Tandem, session: str, agent: str) -> None:
    """The user presses the button of a join page that names this agent."""
    token = (await new_link(at_work, session, "user")).partition("#")[2]
    status, joined = await at_work.post("/v1/join", {"token": token, "agent": uri(agent)})
    assert status == 200, joined


async def new_link(at_work: Tandem, session: str, role: str = "agent") -> str:
    """A fresh link for a role, not opened."""
    async with at_work.http.post(
        f"/v1/sessions/{session}/invitations", json={"role": role}
    ) as answer:
        made = await answer.json()
        assert answer.status == 201, made
    return str(made["join_url"])
