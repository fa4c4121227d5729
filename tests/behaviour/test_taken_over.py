"""A connector takes over from another in the middle of calls that were placed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.behaviour.conftest import PBXS, pbx_named
from tests.behaviour.test_invited import Inviting
from tests.behaviour.world import ANSWERS
from tests.e2e.programs import Program
from tests.e2e.world import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


@pytest_asyncio.fixture(loop_scope="module")
async def second(inviting: Inviting) -> AsyncIterator[Program]:
    """It stands by, as on another machine: its own settings and outbox."""
    folder = inviting.folder / "second"
    folder.mkdir()
    text = inviting.config.read_text().replace("outbox.db", "second.db")
    (config := folder / "tandem.toml").write_text(text)
    words = ["tandem-connector", "run", "lab", "--config", str(config)]
    program = Program(folder, words, "connected to")
    await program.start()
    await program.line("this one stands by")
    yield program
    await program.stop()


async def test_whoever_takes_over_has_a_dialled_call_as_the_one_before(
    inviting: Inviting, second: Program
) -> None:
    """It has seen two telephones come to talk: what for, only the other one was told."""
    pbx: Any = inviting.pbx
    for phone in ("agent1", "phone1"):
        pbx.on_ring(phone, ANSWERS)
    session = await inviting.invite()
    await inviting.way(session["id"], "dial", "joined")
    before = await inviting.get(f"/v1/sessions/{session['id']}")
    since = len(second.lines)
    assert await inviting.connector.stop() == 0
    await second.line("connected to", since=since)

    async def told() -> tuple[bool, Any]:
        """The new one has reported the call."""
        (call,) = await inviting.all("/v1/calls?pbx=lab")
        trace = await inviting.get(f"/v1/calls/lab/{call['id']}/trace")
        return any("has taken over" in item["text"] for item in trace["items"]), trace

    await until(told, "the report of the connector that took over")
    (call,) = await inviting.all("/v1/calls?pbx=lab")
    assert (call["type"], call["initiator"], call["state"]) == ("chat", "agent", "active")
    assert session["call"]["id"] in call["aliases"]
    now = await inviting.get(f"/v1/sessions/{session['id']}")
    assert (now["state"], now["call"]) == ("inviting", before["call"])
    await pbx.hang_up("phone1")

    async def ended() -> tuple[bool, Any]:
        found = await inviting.get(f"/v1/sessions/{session['id']}")
        return found["state"] == "ended", found

    assert (await until(ended, "the end"))["reason"] == "hangup"
