"""Flow 2 on each PBX: a site posts a call, an agent serves it, a telephone takes over."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from tests.behaviour.conftest import PBXS, pbx_named
from tests.behaviour.pbx import TELEPHONES
from tests.behaviour.placing import RINGS_ON
from tests.behaviour.world import ANSWERS
from tests.e2e.world import API_KEY, DOMAIN, PASSWORD, PBX_KEY, Running, until, uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

SITE_KEY = "site-key-of-the-behaviour-tests"
CAP = 2
AGENT = uri("agent1")


class Site(Running):
    """Server and connector beside a PBX on which calls may be placed, and a web site."""

    def __init__(self, pbx: Any, folder: Path) -> None:
        self.pbx = pbx
        user, secret = pbx.placer

        def text(port: int) -> str:
            return f"""
[server]
listen = "127.0.0.1:{port}"
database = "sqlite:///{folder / "tandem.db"}"
secret = "secret-of-the-behaviour-tests-0123456789"
[server.api_keys]
tests = "{API_KEY}"
[server.sites.main]
key = "{SITE_KEY}"
[pbx.lab]
kind = "{pbx.kind}"
server = "http://127.0.0.1:{port}"
key = "{PBX_KEY}"
port = {pbx.port}
username = "{user}"
secret = "{secret}"
domain = "{DOMAIN}"
agent_endpoints = ['{pbx.agent_endpoints}']
dial_context = "{pbx.dial_context}"
max_placeholders = {CAP}
outbox = "{folder / "outbox.db"}"
"""

        super().__init__(folder, text)

    async def asks(self, method: str, path: str, body: Any = None) -> Any:
        """As the site's page does."""
        key = {"Authorization": f"Bearer {SITE_KEY}"}
        async with (
            aiohttp.ClientSession(self.url, headers=key) as http,
            http.request(method, path, json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def posts(self, queue: str) -> dict[str, Any]:
        """Somebody waits; `queue` as the suite calls it."""
        name = self.pbx.support.replace("support", queue)
        body = {"type": "chat", "queue": name, "name": "Ann"}
        return dict(await self.asks("POST", "/v1/calls", body))

    async def takes_back(self, call: dict[str, Any]) -> None:
        await self.asks("DELETE", f"/v1/calls/{call['id']}")

    async def reaches(self, call: dict[str, Any], **wanted: Any) -> None:
        """Wait until the call is as `wanted`."""

        async def look() -> tuple[bool, Any]:
            now = await self.asks("GET", f"/v1/calls/{call['id']}")
            return all(now[key] == value for key, value in wanted.items()), now

        await until(look, f"{wanted}")

    async def nothing_stands(self) -> None:
        async def look() -> tuple[bool, Any]:
            left = await self.pbx.channels()
            return not left, left

        await until(look, "the end of all channels")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PBXS)
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    async with (
        pbx_named(request.param) as pbx,
        Site(pbx, tmp_path_factory.mktemp("site")) as site,
    ):
        await site.add_agent("agent1")
        for phone in TELEPHONES:
            site.pbx.on_ring(phone, RINGS_ON)
        yield site


class Page:
    """A browser without a screen."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._csrf = ""

    async def post(self, path: str, body: Any) -> None:
        headers = {"X-CSRF-Token": self._csrf}
        async with self._http.post(path, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            self._csrf = (await answer.json()).get("csrf", self._csrf)


@asynccontextmanager
async def page(site: Site) -> AsyncIterator[Page]:
    async with aiohttp.ClientSession(site.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Page(http)


async def test_posted_calls_stand_in_the_queue_in_their_order_up_to_the_cap(site: Site) -> None:
    calls = [await site.posts("nobody") for _ in range(CAP + 1)]
    for place, call in enumerate(calls, 1):
        await site.reaches(call, state="queued", position=place)
    await site.takes_back(calls[0])
    for place, call in enumerate(calls[1:], 1):
        await site.reaches(call, state="queued", position=place)
    for call in calls[1:]:
        await site.takes_back(call)
    await site.nothing_stands()


async def test_an_agent_who_hangs_up_is_busy_and_the_two_go_on_by_telephone(site: Site) -> None:
    for phone in ("agent1", "phone1"):
        site.pbx.on_ring(phone, ANSWERS)
    call = await site.posts("solo")
    await site.reaches(call, agent={"uri": AGENT})
    session = f"/v1/sessions/{call['session']}"
    async with page(site) as user, page(site) as desk:
        await user.post("/v1/join", {"token": call["user"]["join_url"].partition("#")[2]})
        await desk.post("/v1/login", {"username": "agent1", "password": PASSWORD})
        await desk.post(f"{session}/token", {})
        await site.reaches(call, state="active")
        await site.told(call["id"], f"busy of {AGENT} in the queue: done")
        await site.pbx.hang_up("agent1")
        await site.told(call["id"], "has hung the phone up and serves on")
        await site.reaches(call, state="active")
        await user.post(f"{session}/voice", {"uri": uri("phone1")})

        async def moved() -> tuple[bool, Any]:
            now = (await site.get(session))["call"]
            return now["id"] != call["id"], now

        await until(moved, "the user's telephone stands for the user")
        await site.reaches(call, state="active")
        await desk.post(f"{session}/end", {})
    await site.told(call["id"], f"free of {AGENT} in the queue: done")
    assert len(await site.pbx.channels()) >= 2, "they may go on talking"
    await site.pbx.hang_up("phone1")
    await site.nothing_stands()


async def test_a_queue_that_is_not_there_is_said(site: Site) -> None:
    call = await site.posts("nosuch")
    await site.reaches(call, state="ended", problem="refused")
