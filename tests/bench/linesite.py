"""A site whose pages post calls without a telephone, with a server and a connector of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.e2e.world import API_KEY, DOMAIN, PBX_KEY, Running

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from tests.bench.linepbx import QueuePbx

ASKS = 40.0
"""Seconds in which it asks after each of its calls."""
SITE_KEY = "site-key-of-the-benchmark"


class Site(Running):
    """What a site posts, and what becomes of it; `came` is when each call was posted."""

    def __init__(self, pbx: QueuePbx, folder: Path, cap: int) -> None:
        user, secret = pbx.placer
        self.queue = pbx.queue
        self.came: dict[str, float] = {}
        """Call -> seconds since the epoch."""
        self._calls: dict[str, dict[str, Any]] = {}

        def text(port: int) -> str:
            return f"""
[server]
listen = "127.0.0.1:{port}"
url = "http://127.0.0.1:{port}"
database = "sqlite:///{folder / "tandem.db"}"
secret = "secret-of-a-benchmark-0123456789"
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
max_placeholders = {cap}
outbox = "{folder / "outbox.db"}"
"""

        super().__init__(folder, text)

    async def __aenter__(self) -> Self:
        key = {"Authorization": f"Bearer {SITE_KEY}"}
        self._site = aiohttp.ClientSession(self.url, headers=key)
        self._asking = asyncio.create_task(self._ask())
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        self._asking.cancel()
        await self._site.close()
        await super().__aexit__()

    async def _ask(self) -> None:
        """The site asks after its calls, as it does until their pages are open: whom nobody asks
        after is given up."""
        while True:
            for call in list(self._calls):
                await asyncio.sleep(ASKS / len(self._calls))
                with contextlib.suppress(aiohttp.ClientError):  # there may be no server now
                    async with self._site.get(f"/v1/calls/{call}") as answer:
                        if answer.status in (404, 410) or (
                            answer.status == 200 and (await answer.json())["state"] == "ended"
                        ):
                            self._calls.pop(call, None)
            await asyncio.sleep(1.0)

    async def post_call(self, queue: str = "") -> str:
        """Somebody waits."""
        body = {"type": "chat", "queue": queue or self.queue, "name": "Ann"}
        status = 503
        while status == 503:  # a busy machine's disk: a page tries again
            at = time.time()
            async with self._site.post("/v1/calls", json=body) as answer:
                status, call = answer.status, dict(await answer.json())
        assert status == 201, call
        self._calls[call["id"]] = call
        self.came[call["id"]] = at
        return str(call["id"])

    async def take_back(self, call: str) -> None:
        """The site ends it."""
        async with self._site.delete(f"/v1/calls/{call}") as answer:
            assert answer.status in (204, 404, 410), await answer.text()

    def shown(self, call: str) -> dict[str, Any]:
        """What the server answered to a post."""
        return self._calls[call]

    async def close_page(self, call: str) -> float:
        """The user opens the page that the join link leads to, and closes it; gives when."""
        shown = self._calls[call]
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar) as http:
            token = {"token": shown["user"]["join_url"].partition("#")[2]}
            async with http.post("/v1/join", json=token) as answer:
                assert answer.status == 200, await answer.text()
                csrf = {"X-CSRF-Token": (await answer.json())["csrf"]}
            at = time.time()
            path = f"/v1/sessions/{shown['session']}/closed"
            async with http.post(path, json={}, headers=csrf) as answer:
                assert answer.status == 204, await answer.text()
        return at

    async def standing(self) -> list[str]:
        """The calls that the server has and that are not over."""
        return [call["id"] for call in await self.all("/v1/calls?pbx=lab")]
