"""Calls that the connector places: callers without a telephone in a queue, calls for an agent."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from connectors.model import Unreached
from connectors.serving import SETTLE
from connectors.simulator import Rings
from tests.behaviour.conftest import PBXS, pbx_named
from tests.behaviour.placing import placing
from tests.behaviour.world import ANSWERS, BUSY
from tests.e2e.world import uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from tests.behaviour.placing import Placing

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT = uri("agent1")
USER = uri("phone1")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PBXS)
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with pbx_named(request.param) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def tandem(pbx: Any) -> AsyncIterator[Placing]:
    """A connector beside the PBX; a behaviour leaves no channel behind."""
    async with placing(pbx) as running:
        yield running
        await running.nothing_stands()


async def served(tandem: Placing) -> str:
    """A placeholder with an agent."""
    tandem.pbx.on_ring("agent1", ANSWERS)
    call = await tandem.queue()
    await tandem.call(call, state="active", agent_uri=AGENT)
    await tandem.bridged(call)
    return call


async def without_a_phone(tandem: Placing) -> str:
    """The agent has hung the phone up."""
    call = await served(tandem)
    await tandem.pbx.hang_up("agent1")
    await tandem.call(call, state="active", agent_uri=AGENT, agent_leg=None)
    return call


async def test_a_placeholder_is_served_and_the_session_outlives_the_agents_phone(
    tandem: Placing,
) -> None:
    tandem.pbx.on_ring("agent1", Rings(answer_after=0.5))
    call = await tandem.queue()
    report = await tandem.call(call, state="queued", position=1)
    assert (report.type, report.user_uri, report.initiator) == ("form", "web:7f3a", "user")
    assert (await tandem.call(call, state="active", agent_uri=AGENT)).agent_leg
    await tandem.bridged(call)
    await tandem.pbx.hang_up("agent1")
    await tandem.call(call, state="active", agent_uri=AGENT, agent_leg=None)
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended", cause="hangup")
    assert (await tandem.do("hangup", call)).status == "done"


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "not answered"])
async def test_whom_it_is_transferred_to_serves_it_as_the_first(
    answers: bool, tandem: Placing
) -> None:
    call = await served(tandem)
    tandem.pbx.on_ring("agent4", ANSWERS if answers else BUSY)
    await tandem.pbx.transfer("agent1", "agent4")
    last = AGENT
    if answers:
        last = uri("agent4")
        assert (await tandem.call(call, state="active", agent_uri=last)).agent_leg
        await tandem.pbx.hang_up("agent4")
    elif tandem.pbx.kind == "freeswitch":  # it ends whose dialplan has reached nobody
        await tandem.call(call, state="ended", cause="hangup")
        return
    await tandem.call(call, state="active", agent_uri=last, agent_leg=None)
    tandem.pbx.on_ring("phone1", ANSWERS)
    tandem.pbx.on_ring(last.partition(":")[2].partition("@")[0], ANSWERS)
    await tandem.do("voice", call, user_uri=USER)
    await tandem.re_anchored(call)
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended", cause="hangup")


async def test_a_user_who_leaves_while_waiting_is_gone_within_two_seconds(tandem: Placing) -> None:
    call = await tandem.queue("nobody")
    async with asyncio.timeout(2):
        await tandem.do("hangup", call)
        await tandem.call(call, state="ended", cause="abandoned")
        await tandem.nothing_stands()


async def test_the_queue_gives_a_placeholder_up(tandem: Placing) -> None:
    call = await tandem.queue("nobody", wait=1)
    await tandem.call(call, state="ended", cause="queue_timeout")


async def test_a_queue_that_is_not_there(tandem: Placing) -> None:
    call = str(uuid.uuid4())
    args = {"type": "form", "user_uri": "web:1", "name": "", "waited": 0, "wait": 9}
    result = await tandem.do("queue", call, queue="nosuch", **args)
    assert result.status == "failed", result


async def test_a_placeholder_becomes_a_voice_call(tandem: Placing) -> None:
    call = await served(tandem)
    tandem.pbx.on_ring("phone1", ANSWERS)
    result = await tandem.do("voice", call, user_uri=USER)
    assert result.status == "done", result
    await tandem.re_anchored(call)
    assert (await tandem.call(call, state="active", agent_uri=AGENT)).agent_leg
    await tandem.pbx.hang_up("phone1")
    await tandem.call(call, state="ended", cause="hangup")


async def test_a_voice_call_the_agent_hangs_up_leaves_no_leg(tandem: Placing) -> None:
    call = await served(tandem)
    tandem.pbx.on_ring("phone1", ANSWERS)
    await tandem.do("voice", call, user_uri=USER)
    await tandem.re_anchored(call)
    await tandem.pbx.hang_up("agent1")
    await tandem.call(call, state="ended", cause="hangup")


async def test_a_voice_call_nobody_answers(tandem: Placing) -> None:
    call = await served(tandem)
    tandem.pbx.on_ring("phone1", BUSY)
    await tandem.do("voice", call, user_uri=USER)
    await tandem.call(call, unreached=Unreached(f"{call}-voice", "user", "busy"))
    report = await tandem.call(call, state="active", agent_uri=AGENT)
    assert (report.aliases, bool(report.agent_leg)) == ((), True)
    await tandem.pbx.hang_up("agent1")
    await tandem.call(call, state="active", agent_uri=AGENT, agent_leg=None)
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended", cause="hangup")


async def test_without_the_agents_phone_both_are_dialled(tandem: Placing) -> None:
    call = await without_a_phone(tandem)
    tandem.pbx.on_ring("phone1", ANSWERS)
    result = await tandem.do("voice", call, user_uri=USER)
    assert result.status == "done", result
    await tandem.re_anchored(call)
    assert (await tandem.call(call, state="active", agent_uri=AGENT)).agent_leg
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended", cause="hangup")


async def test_the_agents_phone_is_dialled_and_then_the_users(tandem: Placing) -> None:
    tandem.pbx.on_ring("agent1", ANSWERS)
    tandem.pbx.on_ring("phone1", ANSWERS)
    call = str(uuid.uuid4())
    result = await tandem.do("dial", call, agent_uri=AGENT, user_uri=USER, type="chat")
    assert result.status == "done", result
    report = await tandem.call(call, state="active", agent_uri=AGENT, agent_leg=call)
    assert (report.type, report.initiator, report.user_uri) == ("chat", "agent", USER)
    assert len(report.aliases) == 1
    await tandem.pbx.hang_up("phone1")
    await tandem.call(call, state="ended", cause="hangup")


async def test_a_voice_call_to_a_number_that_is_not_there(tandem: Placing) -> None:
    call = await served(tandem)
    await tandem.do("voice", call, user_uri=uri("nosuch"))
    await tandem.call(call, unreached=Unreached(f"{call}-voice", "user", "unreachable"))
    assert (await tandem.call(call, state="active", agent_uri=AGENT)).agent_leg
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended")


@pytest.mark.parametrize(("who", "agent", "user"), [("agent", BUSY, ANSWERS),
                                                    ("user", ANSWERS, BUSY)])  # fmt: skip
async def test_somebody_who_is_dialled_is_busy(
    who: Any, agent: Any, user: Any, tandem: Placing
) -> None:
    tandem.pbx.on_ring("agent1", agent)
    tandem.pbx.on_ring("phone1", user)
    call = str(uuid.uuid4())
    await tandem.do("dial", call, agent_uri=AGENT, user_uri=USER, type="chat")
    report = await tandem.call(call, state="ended", cause="hangup")
    assert report.unreached == Unreached(call, who, "busy")


async def test_a_new_connector_knows_the_placeholders_again(tandem: Placing, pbx: Any) -> None:
    served = await without_a_phone(tandem)
    waiting = await tandem.queue("nobody")
    third = await tandem.queue("nobody")
    async with placing(pbx, tandem.core.calls()) as new:
        stand = {call.id: (call.state.value, call.agent_uri) for call in new.core.calls()}
        nobody = ("queued", None)
        assert stand == {served: ("active", AGENT), waiting: nobody, third: nobody}
        args = {"type": "form", "user_uri": "web:1", "name": "", "waited": 0, "wait": 9}
        name = pbx.support.replace("support", "nobody")
        again = await new.do("queue", waiting, queue=name, **args)
        assert again.status == "done"
        result = await new.do("queue", str(uuid.uuid4()), queue=name, **args)
        assert result.detail.startswith("full")
        for call in (served, waiting, third):
            assert (await new.do("hangup", call)).status == "done"
            await new.call(call, state="ended")
        await new.nothing_stands()


async def test_a_new_connector_knows_who_answered_and_hung_up_out_of_sight(
    tandem: Placing, pbx: Any
) -> None:
    tandem.pbx.on_ring("agent1", Rings(answer_after=0.5))
    call = await tandem.queue()
    (known,) = tandem.core.calls()
    assert known.state.value == "queued"
    await tandem.call(call, state="active", agent_uri=AGENT)
    await tandem.bridged(call)
    await tandem.pbx.hang_up("agent1")
    await tandem.call(call, state="active", agent_leg=None)
    async with placing(pbx, [known]) as new:
        (found,) = new.core.calls()
        assert (found.state.value, found.agent_uri, found.agent_leg) == ("active", AGENT, None)
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended", cause="hangup")


@pytest.mark.parametrize("how", ["voice", "dial"])
async def test_a_new_connector_finds_who_talks_by_telephone(
    how: str, tandem: Placing, pbx: Any
) -> None:
    """Both are the PBX's own users, and the agent's leg has dialled the other."""
    for phone in ("agent1", "phone1"):
        pbx.on_ring(phone, ANSWERS)
    if how == "voice":
        call = await without_a_phone(tandem)
        await tandem.do("voice", call, user_uri=USER)
    else:
        call = str(uuid.uuid4())
        await tandem.do("dial", call, agent_uri=AGENT, user_uri=USER, type="chat")
    await tandem.re_anchored(call)
    before = await tandem.call(call, state="active", agent_uri=AGENT)
    assert before.agent_leg
    async with placing(pbx, tandem.core.calls()) as new:
        new.core.idle(time.time() + SETTLE)  # who is out for so long is out
        (after,) = new.core.calls()
        assert after.state is before.state
        assert (after.id, after.aliases) == (before.id, before.aliases)
        assert (after.agent_uri, after.agent_leg) == (AGENT, before.agent_leg)
    await tandem.do("hangup", call)


async def test_whoever_hangs_up_is_given_no_other_call_before_it_is_over(
    tandem: Placing,
) -> None:
    """With no server to have them made busy."""
    tandem.pbx.on_ring("agent1", ANSWERS)
    first = await tandem.queue("solo")
    await tandem.call(first, state="active", agent_uri=AGENT)
    await tandem.bridged(first)
    await tandem.pbx.hang_up("agent1")
    await tandem.settled()
    given_up = await tandem.queue("solo", wait=1)
    report = await tandem.call(given_up, state="ended", cause="queue_timeout")
    assert report.agent_uri is None
    assert tandem.latest[first].state.value == "active"
    await tandem.do("hangup", first)
    await tandem.call(first, state="ended")
    await tandem.settled()
    third = await tandem.queue("solo")
    await tandem.call(third, state="active", agent_uri=AGENT)
    await tandem.do("hangup", third)
    await tandem.call(third, state="ended")


async def test_an_agent_is_paused_by_one_alone(tandem: Placing) -> None:
    async def pause(paused: bool, reason: str) -> tuple[str, str]:
        result = await tandem.do("pause", str(uuid.uuid4()), agent_uri=AGENT, paused=paused,
                                 reason=reason)  # fmt: skip
        return result.status, result.detail[:7]

    assert (await pause(True, "Tandem"))[0] == "done"
    assert (await pause(True, "Tandem"))[0] == "done"
    assert await pause(True, "lunch") == ("failed", "already")
    tandem.pbx.on_ring("agent1", ANSWERS)
    call = await tandem.queue("solo")
    assert (await pause(False, "lunch"))[0] == "done"
    assert tandem.latest[call].state.value == "queued"
    assert (await pause(False, "Tandem"))[0] == "done"
    await tandem.call(call, state="active", agent_uri=AGENT)
    await tandem.do("hangup", call)
    await tandem.call(call, state="ended")
