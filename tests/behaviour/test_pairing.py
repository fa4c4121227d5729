"""Pairing codes: keyed in on a telephone that a browser shows, or said by the PBX and typed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from connectors.simulator.script import HangUp, Press, Until, Wait
from tests.behaviour.world import ANSWERS
from tests.e2e.world import until, uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.behaviour.world import Tandem, Told

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Page:
    """A browser on ``/``."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._csrf = ""

    async def open(self) -> Page:
        async with self._http.get("/v1/me") as answer:
            self._csrf = (await answer.json())["csrf"]
        return self

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        headers = {"X-CSRF-Token": self._csrf}
        async with self._http.post(path, json=body, headers=headers) as answer:
            said: dict[str, Any] = await answer.json()
            assert answer.status in (200, 201), said
            return said

    async def bound(self, pairing: str) -> str:
        """Wait until the code this page shows was used; gives the session it goes into."""

        async def look() -> tuple[bool, Any]:
            async with self._http.get(f"/v1/pairings/{pairing}") as answer:
                shown = await answer.json()
            return shown["state"] == "bound", shown

        await until(look, "a code that is used")
        joined = await self.post(f"/v1/pairings/{pairing}/enter")
        assert joined["role"] == "user"
        return str(joined["session"])


@asynccontextmanager
async def page(tandem: Tandem) -> AsyncIterator[Page]:
    jar = aiohttp.CookieJar(unsafe=True)  # the server is at an address without a name
    async with aiohttp.ClientSession(tandem.url, cookie_jar=jar) as http:
        yield await Page(http).open()


async def answered(call: Told) -> str:
    """What the caller is about to be told."""

    async def look() -> tuple[bool, Any]:
        answer = await call.tandem.pbx.answer(call.placed)
        return bool(answer), answer

    return str(await until(look, "an answer to the dialplan", again=0.02))


async def test_a_code_keyed_in_before_the_queue(tandem: Tandem) -> None:
    async with page(tandem) as browser:
        shown = await browser.post("/v1/pairings", type="chat")
        call = await tandem.place("pair-solo", agent1=ANSWERS)
        await call.do(Until("up"))
        wrong = f"{(int(shown['code']) + 1) % 1_000_000:06d}"
        await call.do(Press("caller", wrong))
        await call.call(ordinary=True)
        await tandem.told(call.id, "server: a wrong pairing code was keyed in")
        assert await answered(call) == "wrong"
        # They hear that it was wrong, and what was asked for again.
        await call.do(Wait(1.0), Press("caller", shown["code"]))

        session = await browser.bound(shown["id"])
        await call.do(Until("talking", "agent1"))
        served = await call.session(agent="agent1")
        assert served["id"] == session
        await call.do(HangUp())
        over = await call.session(state="ended")
    assert over["user"]["uri"].startswith("web:")
    assert (over["type"], over["agent"]["uri"]) == ("chat", uri("agent1"))


@pytest.mark.parametrize("by", ["caller", "agent1"])
async def test_a_code_keyed_in_by_either_side_of_a_call(by: str, tandem: Tandem) -> None:
    async with page(tandem) as browser:
        call = await tandem.place("agent1", agent1=ANSWERS)
        await call.do(Until("talking", "agent1"))
        await call.call(state="active", agent_uri=uri("agent1"), session=None)
        shown = await browser.post("/v1/pairings")
        await call.do(Press(by, "*29"), Wait(0.7))  # they wait for the beep
        await call.do(Press(by, shown["code"]))

        session = await browser.bound(shown["id"])
        found = await call.session(agent="agent1", state="inviting")
        assert (found["id"], found["type"]) == (session, "form")
        await call.do(HangUp())
        await call.session(state="ended")


async def test_a_code_that_the_pbx_says(tandem: Tandem) -> None:
    async with page(tandem) as browser:
        call = await tandem.place("code-solo", agent1=ANSWERS)
        code = await answered(call)
        joined = await browser.post(f"/v1/pairings/{code}/claim")
        session = await call.session()
        assert session["id"] == joined["session"]
        await call.do(HangUp())  # they have heard enough
        await call.session(state="ended")
