"""Callers without a telephone in a line of FreeSWITCH's mod_fifo; Asterisk has no such thing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from connectors.simulator import Call, Rings
from connectors.simulator.script import HangUp
from tests.behaviour.conftest import PBXS, pbx_named
from tests.behaviour.placing import placing
from tests.behaviour.world import ANSWERS
from tests.e2e.world import uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.behaviour.placing import Placing

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT = uri("agent1")
USER = uri("phone1")
NAMES = [name for name in PBXS if "freeswitch" in name]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=NAMES)
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with pbx_named(request.param) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def tandem(pbx: Any) -> AsyncIterator[Placing]:
    async with placing(pbx, max_placeholders=4) as running:
        yield running
        await running.nothing_stands()


async def served(tandem: Placing) -> str:
    tandem.pbx.on_ring("agent1", ANSWERS)
    call = await tandem.queue("line")
    await tandem.call(call, state="active", agent_uri=AGENT)
    await tandem.bridged(call)
    return call


async def test_the_session_outlives_the_agents_phone(tandem: Placing) -> None:
    tandem.pbx.on_ring("agent1", Rings(answer_after=0.5))
    call = await tandem.queue("line")
    queue = tandem.pbx.support.replace("support", "line")
    report = await tandem.call(call, state="queued", position=1, queue=queue)
    assert (report.type, report.user_uri, report.initiator) == ("form", "web:7f3a", "user")
    assert (await tandem.call(call, state="active", agent_uri=AGENT)).agent_leg
    await tandem.bridged(call)
    await tandem.pbx.hang_up("agent1")
    await tandem.call(call, state="active", agent_uri=AGENT, agent_leg=None)
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended", cause="hangup")


async def test_it_waits_behind_a_telephone_and_before_the_next(tandem: Placing) -> None:
    pbx = tandem.pbx
    first = await pbx.start(Call("form-empty", phone="caller", display=""))
    await tandem.call(first.id, state="queued", position=1)
    placed = await tandem.queue("empty", waited=30)
    await tandem.call(placed, state="queued", position=2)
    last = await pbx.start(Call("form-empty", phone="caller2", display=""))
    await tandem.call(last.id, state="queued", position=3)
    await pbx.perform(first, HangUp())
    await tandem.call(placed, state="queued", position=1)
    await tandem.call(last.id, state="queued", position=2)
    async with asyncio.timeout(2):
        await tandem.do("hangup", placed)
        await tandem.call(placed, state="ended", cause="abandoned")
    await tandem.call(last.id, state="queued", position=1)
    await pbx.perform(last, HangUp())
    await tandem.call(last.id, state="ended")


async def test_the_line_gives_it_up(tandem: Placing) -> None:
    call = await tandem.queue("empty", wait=1)
    await tandem.call(call, state="ended", cause="queue_timeout")


async def test_it_becomes_a_voice_call(tandem: Placing) -> None:
    call = await served(tandem)
    tandem.pbx.on_ring("phone1", ANSWERS)
    result = await tandem.do("voice", call, user_uri=USER)
    assert result.status == "done", result
    await tandem.re_anchored(call)
    assert (await tandem.call(call, state="active", agent_uri=AGENT)).agent_leg
    await tandem.pbx.hang_up("phone1")
    await tandem.call(call, state="ended", cause="hangup")


async def test_a_new_connector_knows_it_again(tandem: Placing, pbx: Any) -> None:
    talks = await served(tandem)
    waits = [await tandem.queue("empty") for _ in range(2)]
    async with placing(pbx, tandem.core.calls()) as new:
        stand = {call.id: (call.state.value, call.agent_uri) for call in new.core.calls()}
        assert stand == {talks: ("active", AGENT), **dict.fromkeys(waits, ("queued", None))}
        places = {call.id: call.position for call in new.core.calls()}
        assert [places[call] for call in waits] == [1, 2]
        for call in (talks, *waits):
            assert (await new.do("hangup", call)).status == "done"
            await new.call(call, state="ended")
        await new.nothing_stands()
