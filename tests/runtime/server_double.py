"""A collaboration server of a few lines: takes reports, speaks the link, fails on command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self

from aiohttp import WSMsgType, web


class ServerDouble:
    """Start with ``async with``; ``url`` is its address."""

    def __init__(self) -> None:
        self.key = "pbx-key"
        self.port = 0
        self.reports: list[dict[str, Any]] = []
        """Bodies that were accepted, but for each connector's first, which only asks."""
        self.asked: set[str] = set()
        """Who has asked."""
        self.tries = 0
        self.answers: list[tuple[int, dict[str, str], dict[str, Any]]] = []
        """Status, headers and problem to answer the next reports with."""
        self.raw: list[bytes] = []
        """Bodies of a 503 to answer the next reports with."""
        self.lease: dict[str, Any] | None = None
        """Its word of the lease, in each answer."""
        self.standing: list[dict[str, Any]] = []
        """What it says when it is asked which calls stand."""
        self.refuses_call: str | None = None
        self.link_status: int | None = None
        self.links: list[web.WebSocketResponse] = []
        self.connectors: list[str] = []
        """What whoever opened a link called itself."""
        self.slow: asyncio.Event | None = None
        """Set it to something unset to keep reports waiting."""
        self.in_flight = 0
        self.most_in_flight = 0
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        app = web.Application(client_max_size=8 << 20)
        app.router.add_post("/v1/pbx/hq/reports", self._report)
        app.router.add_get("/v1/pbx/hq/link", self._link)
        app.router.add_get("/v1/calls", self._calls)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for link in list(self.links):
            await link.close()
        self.links.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def send(self, command: dict[str, Any]) -> None:
        await self.until(lambda: bool(self.links))
        await self.links[-1].send_str(json.dumps(command))

    async def until(self, condition: Callable[[], bool], within: float = 20) -> None:
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(condition)

    @property
    def calls(self) -> dict[str, dict[str, Any]]:
        """The latest of each call, by (epoch, seq)."""
        latest: dict[str, dict[str, Any]] = {}
        for report in self.reports:
            for call in report["calls"]:
                latest[call["id"]] = call
        return latest

    @property
    def results(self) -> list[dict[str, str]]:
        return [result for report in self.reports for result in report["results"]]

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _report(self, request: web.Request) -> web.Response:
        self.tries += 1
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1
            await self._notify()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.slow is not None:
            await self._notify()
            await self.slow.wait()
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"title": "Unauthorized"}, status=401)
        if self.raw:
            return web.Response(body=self.raw.pop(0), status=503)
        if self.answers:
            status, headers, problem = self.answers.pop(0)
            return web.json_response(problem, status=status, headers=headers)
        if any(call["id"] == self.refuses_call for call in body.get("calls", ())):
            return web.json_response({"title": "Invalid", "detail": "calls.0.user_uri"}, status=422)
        if "calls" not in body:
            return web.json_response({"title": "Invalid", "detail": "epoch"}, status=422)
        if body["connector"] in self.asked or body["calls"]:
            self.reports.append(body)
        self.asked.add(body["connector"])
        answer: dict[str, Any] = {"accepted": len(body["calls"]), "ignored": 0}
        return web.json_response(answer | ({"lease": self.lease} if self.lease else {}))

    async def _calls(self, request: web.Request) -> web.Response:
        """Two on a page."""
        if request.query["pbx"] != "hq" or self.link_status is not None:
            return web.json_response({"title": "no"}, status=self.link_status or 403)
        first = int(request.query.get("after", "0"))
        following = f"/v1/calls?pbx=hq&after={first + 2}" if self.standing[first + 2 :] else None
        return web.json_response({"items": self.standing[first : first + 2], "next": following})

    async def _link(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"title": "Unauthorized"}, status=401)
        if self.link_status is not None:
            return web.json_response({"title": "no"}, status=self.link_status)
        socket = web.WebSocketResponse(heartbeat=5)
        await socket.prepare(request)
        self.links.append(socket)
        self.connectors.append(request.headers.get("Tandem-Connector", ""))
        await self._notify()
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
        if socket in self.links:
            self.links.remove(socket)
        return socket
