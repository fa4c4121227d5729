"""From the agent's answer to the user's page that shows it: real Asterisk, SIPp, real Chromium.

Server and connector run as an administrator runs them, all on this machine, so that there is one
clock. It starts with the time that Asterisk itself gives AgentConnect, and stops when the page's
document has the agent in it, as a MutationObserver sees. The page is open before: that of a caller
with a telephone (flow 1), who has keyed in its code before the queue, and that of a user without
one (flow 2), in line. Beside flow 2 other calls without a telephone stand on the PBX. The agent is
paused until the page is there; SIPp answers at once.

TANDEM_BENCH_ANSWERS is how many answers make a row.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from connectors.demo.asterisk import Asterisk
from connectors.demo.debian import unpack
from connectors.demo.phones import Phones
from tests.bench.line_asterisk import DATED
from tests.bench.linesite import Site
from tests.browser.world import chromium

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser, Page

    from connectors.demo.ami import Ami

ANSWERS = int(os.environ.get("TANDEM_BENCH_ANSWERS", "50"))
STANDING = (0, 100, 300)
AGENT = "PJSIP/agent1"
QUEUE = "solo"
PACE = 0.05
"""Seconds between two of those who come to stand."""
WATCH = """(name) => { window.shown = new Promise((done) => {
  const look = () => document.body.innerText.toLowerCase().includes(name) && (done(Date.now()), 1);
  if (look()) return;
  new MutationObserver((_, seen) => { if (look()) seen.disconnect(); })
    .observe(document.body, { subtree: true, childList: true, characterData: true });
}); return document.body.innerText.toLowerCase().includes(name); }"""


class Lab:
    """What `Site` wants to know of the PBX."""

    kind = "asterisk"
    agent_endpoints = r"PJSIP/agent\d+"
    queue = QUEUE

    def __init__(self, asterisk: Asterisk) -> None:
        self.port = asterisk.ami_port
        self.placer = ("placing", asterisk.secrets["placing"])


class Bench:
    """One PBX, one server, one browser."""

    def __init__(self, ami: Ami, phones: Phones, site: Site, browser: Browser) -> None:
        self.ami, self.phones, self.site, self.browser = ami, phones, site, browser

    async def flow_1(self) -> float:
        """A caller with a telephone, who has keyed in the code that the page shows, and waits."""
        since = len(self.ami.messages)
        async with self._page() as page:
            await page.goto(self.site.url)
            await page.get_by_role("button", name="Show a code instead").click()
            code = (await page.locator(".code-big .hidden").text_content() or "").replace(" ", "")
            call = await self.phones.call("caller", f"pair-{QUEUE}")
            await call.answered()
            await self.ami.event("Newexten", start=since, Application="Read")
            await call.press(code)
            await page.wait_for_url("**/s/*")
            await self.ami.event("QueueCallerJoin", start=since, Queue=QUEUE)
            took = await self._answered(page)
            await self.pause("true")
            await self._over(page.url.rpartition("/")[2])
            await call.hangup()
            return took

    async def flow_2(self) -> float:
        """A user without a telephone, in line."""
        since = len(self.ami.messages)
        call = await self.site.post_call()
        await self.ami.event("QueueCallerJoin", start=since, Queue=QUEUE, Uniqueid=call)
        shown = self.site.shown(call)
        async with self._page() as page:
            await page.goto(shown["user"]["join_url"])
            await page.locator("button.primary").click()
            took = await self._answered(page)
            await self.ami.event("QueueMemberPause", start=since, Queue=QUEUE, Paused="1")
            over = len(self.ami.messages)
            await self._over(shown["session"])
            # The connector had the agent paused for the session, and lets them work again.
            await self.ami.event("QueueMemberPause", start=over, Queue=QUEUE, Paused="0")
            await self.pause("true")
            return took

    @asynccontextmanager
    async def _page(self) -> AsyncIterator[Page]:
        page = await self.browser.new_page(viewport={"width": 390, "height": 844}, locale="en")
        try:
            yield page
        finally:
            await page.close()

    async def _answered(self, page: Page) -> float:
        """Milliseconds from the answer to the page's word of it."""
        await page.locator(".strip").wait_for()
        assert not await page.evaluate(WATCH, "agent1"), "the page shows the agent before"
        since = len(self.ami.messages)
        await self.pause("false")
        connected = await self.ami.event("AgentConnect", 20, start=since)
        async with asyncio.timeout(20):
            shown = float(await page.evaluate("() => window.shown"))
        return shown - float(connected["Timestamp"]) * 1000

    async def pause(self, paused: str) -> None:
        """Whether the queue leaves the agent in peace: "true" or "false"."""
        await self.ami.action("QueuePause", Queue=QUEUE, Interface=AGENT, Paused=paused)

    async def _over(self, session: str) -> None:
        async with self.site.http.post(f"/v1/sessions/{session}/end", json={}) as answer:
            assert answer.status == 200, await answer.text()


async def measure(one: Callable[[], Awaitable[float]]) -> str:
    """A row's figures."""
    took = [await one() for _ in range(ANSWERS)]
    cuts = quantiles(took, n=100, method="inclusive")
    return f"{len(took):>6}{cuts[49]:>8.0f}{cuts[94]:>8.0f}{max(took):>8.0f}"


@asynccontextmanager
async def standing(site: Site, count: int) -> AsyncIterator[None]:
    """So many calls without a telephone wait in another queue."""
    calls = []
    for _ in range(count):
        calls.append(await site.post_call("nobody"))
        await asyncio.sleep(PACE)

    try:
        yield
    finally:
        for call in calls:
            await site.take_back(call)


async def rows() -> AsyncIterator[str]:
    """Each line of the table, as it is measured."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        asterisk = await stack.enter_async_context(Asterisk(unpack(progress=print), manager=DATED))
        ami = await stack.enter_async_context(asterisk.ami())
        phones = await stack.enter_async_context(Phones(asterisk))
        await phones.listen("agent1", answer=0.0)
        site = await stack.enter_async_context(Site(Lab(asterisk), folder, max(STANDING) + 10))
        play = await stack.enter_async_context(async_playwright())
        browser = await play.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        bench = Bench(ami, phones, site, browser)
        await bench.pause("true")
        yield f"{'1, by telephone':>18}{0:>10}{await measure(bench.flow_1)}"
        for count in STANDING:
            async with standing(site, count):
                yield f"{'2, without':>18}{count:>10}{await measure(bench.flow_2)}"
        await browser.close()


async def _all() -> list[str]:
    lines = []
    async for line in rows():
        print(line, file=sys.stderr, flush=True)  # it takes minutes
        lines.append(line)
    return lines


def table() -> str:
    """The table, ready to print."""
    head = f"{'flow':>18}{'standing':>10}{'n':>6}{'p50':>8}{'p95':>8}{'max':>8}"
    title = "Asterisk 22: AgentConnect to the user's page that shows the agent, ms"
    return "\n".join([title, "", head, *asyncio.run(_all())])
