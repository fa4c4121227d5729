"""Flow 5: an agent without a call invites somebody, and the PBX calls both on wish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from tests.behaviour.conftest import PBXS, pbx_named
from tests.behaviour.world import ANSWERS, BUSY, Tandem
from tests.e2e.world import PASSWORD, until, uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT = uri("agent1")
USER = uri("phone1")


class Inviting(Tandem):
    """A Tandem that may place calls, and an agent logged in at its desk."""

    def _settings(self, port: int) -> str:
        pbx: Any = self.pbx
        user, secret = getattr(pbx, "placer", (pbx.username, pbx.secret))
        context = getattr(pbx, "dial_context", "default")
        old = f'username = "{pbx.username}"\nsecret = "{pbx.secret}"\n'
        new = f'username = "{user}"\nsecret = "{secret}"\ndial_context = "{context}"\n'
        text = super()._settings(port)
        assert old in text
        return text.replace(old, new)

    async def log_in(self) -> None:
        """Log the agent in."""
        await self.add_agent("agent1")
        self.desk = aiohttp.ClientSession(
            self.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": self.url}
        )
        body = {"username": "agent1", "password": PASSWORD}
        async with self.desk.post("/v1/login", json=body) as answer:
            self.desk.headers["X-CSRF-Token"] = (await answer.json())["csrf"]

    async def invite(self) -> dict[str, Any]:
        """The agent invites the user, and wishes a call."""
        body = {"user_uri": USER, "type": "chat", "call": True, "pbx": "lab"}
        async with self.desk.post("/v1/desk/invitations", json=body) as answer:
            assert answer.status == 201, await answer.text()
            return dict(await answer.json())

    async def way(self, session: str, name: str, state: str) -> dict[str, Any]:
        """How the desk shows a way of the invitation, once its state is this."""

        async def look() -> tuple[bool, Any]:
            async with self.desk.get("/v1/desk") as answer:
                shown = await answer.json()
            views = [v for v in (*shown["current"], *shown["recent"]) if v["id"] == session]
            ways = {w["way"]: w for w in views[0]["invitation"]["user"]["ways"]}
            return ways.get(name, {}).get("state") == state, ways

        return dict((await until(look, f"{name} is {state}"))[name])


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PBXS)
async def inviting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Inviting]:
    async with (
        pbx_named(request.param) as pbx,
        Inviting(pbx, tmp_path_factory.mktemp(request.param)) as running,
    ):
        await running.log_in()
        yield running
        await running.desk.close()


async def test_the_call_is_the_sessions_and_brings_the_link(inviting: Inviting) -> None:
    inviting.pbx.on_ring("agent1", ANSWERS)
    inviting.pbx.on_ring("phone1", ANSWERS)
    session = await inviting.invite()
    await inviting.way(session["id"], "dial", "joined")
    await inviting.way(session["id"], "message", "sent")
    now = await inviting.get(f"/v1/sessions/{session['id']}")
    assert now["state"] == "inviting"
    assert session["call"]["id"] in now["call"]["aliases"]

    async def came() -> tuple[bool, Any]:
        texts = inviting.pbx.texts("phone1")
        return any("/join#" in text for text in texts), texts

    await until(came, "the link at the user's telephone")
    await inviting.pbx.hang_up("phone1")

    async def ended() -> tuple[bool, Any]:
        found = await inviting.get(f"/v1/sessions/{session['id']}")
        return found["state"] == "ended", found

    assert (await until(ended, "the end"))["reason"] == "hangup"


@pytest.mark.parametrize(("agent", "user"), [(BUSY, ANSWERS), (ANSWERS, BUSY)],
                         ids=["the agent", "the user"])  # fmt: skip
async def test_nobody_answers_and_the_session_goes_on(
    agent: Any, user: Any, inviting: Inviting
) -> None:
    inviting.pbx.on_ring("agent1", agent)
    inviting.pbx.on_ring("phone1", user)
    session = await inviting.invite()
    await inviting.way(session["id"], "dial", "failed")
    now = await inviting.get(f"/v1/sessions/{session['id']}")
    assert (now["state"], now["call"]) == ("inviting", None)
