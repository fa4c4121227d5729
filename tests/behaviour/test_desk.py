"""At the agent's desk: the calls that nobody marked, and the button that makes sessions of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from connectors.simulator.script import BlindTransfer, HangUp, Hold, Until
from tests.behaviour.world import ANSWERS
from tests.e2e.world import PASSWORD, until, uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.behaviour.world import Tandem

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Desk:
    """A browser in which an agent has logged in."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def calls(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """The calls that stand there, once there are as many as `wanted`, each like its one."""

        async def look() -> tuple[bool, Any]:
            async with self._http.get("/v1/desk") as answer:
                calls = (await answer.json())["calls"]
            alike = (
                call.items() >= like.items() for call, like in zip(calls, wanted, strict=False)
            )
            return len(calls) == len(wanted) and all(alike), calls

        found: list[dict[str, Any]] = await until(look, f"the desk to show {wanted}")
        return found

    async def start(self, call: dict[str, Any], type: str) -> tuple[int, dict[str, Any]]:
        """Press the button of a call."""
        path = f"/v1/desk/calls/{call['pbx']}/{call['id']}/session"
        async with self._http.post(path, json={"type": type}) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def desk_of(tandem: Tandem, name: str) -> AsyncIterator[Desk]:
    """The desk of an agent, who may log in from now on."""
    await tandem.add_agent(name)
    jar = aiohttp.CookieJar(unsafe=True)  # the server's address is a number
    async with aiohttp.ClientSession(tandem.url, cookie_jar=jar) as http:
        body = {"username": name, "password": PASSWORD}
        async with http.post("/v1/login", json=body) as answer:
            assert answer.status == 200
            http.headers["X-CSRF-Token"] = (await answer.json())["csrf"]
        yield Desk(http)


async def test_the_button_does_what_a_feature_code_does(tandem: Tandem) -> None:
    call = await tandem.place("agent1", agent1=ANSWERS, agent2=ANSWERS)
    await call.do(Until("talking", "agent1"))
    async with desk_of(tandem, "agent1") as desk:
        plain = {"state": "active", "type": None, "session": None, "user": {"uri": call.user}}
        await desk.calls(plain | {"held": False})
        await call.do(Hold("agent1"))
        await desk.calls(plain | {"held": True})
        await tandem.connector.kill()
        await tandem.connector.start()
        (standing,) = await desk.calls(plain | {"held": True})

        status, view = await desk.start(standing, "chat")

        assert (status, view["type"], view["initiator"]) == (201, "chat", "agent")
        await call.session(agent="agent1", state="inviting", type="chat")
        await call.invited()
        await desk.calls(plain | {"held": True, "type": "chat", "session": view["id"]})
        await call.do(Hold("agent1", on=False))
        await call.do(BlindTransfer("agent1", "agent2"))
        await call.session(agent="agent2")
        await desk.calls()
        await call.do(HangUp())
        ended = await call.ended(
            "hangup", None, ["agent1", "agent2"], type="chat", initiator="agent"
        )
        assert ended["agent"]["uri"] == uri("agent2")
