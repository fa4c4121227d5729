"""Calls that go on with somebody else: blind, attended, by command of the PBX, back to a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connectors.simulator.script import (
    Answer,
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Until,
)
from tests.behaviour.world import ANSWERS, BUSY, BY_HAND
from tests.e2e.world import until, uri

if TYPE_CHECKING:
    from connectors.simulator.script import Step
    from tests.behaviour.world import Tandem, Told

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def served(tandem: Tandem, number: str) -> Told:
    """A call that agent1 serves; agent2 and phone1 answer what rings them."""
    call = await tandem.place(number, agent1=ANSWERS, agent2=ANSWERS, phone1=ANSWERS)
    await call.talks("agent1")
    return call


@pytest.mark.parametrize("number", ["form-solo", "form-agent1"], ids=["queue", "direct"])
async def test_a_blind_transfer_to_another_agent(number: str, tandem: Tandem) -> None:
    call = await served(tandem, number)

    await call.do(BlindTransfer("agent1", "agent2"))
    await call.talks("agent2")
    await call.do(HangUp("agent2"))

    await ended(call, number, "inviting", ["agent1", "agent2"])


async def test_a_blind_transfer_to_an_agent_who_takes_a_while(tandem: Tandem) -> None:
    call = await tandem.place("form-agent1", agent1=ANSWERS, agent2=BY_HAND)
    await call.talks("agent1")

    await call.do(BlindTransfer("agent1", "agent2"), Until("ringing", "agent2"))
    await call.session(state="suspended")
    await call.do(Answer("agent2"))
    await call.talks("agent2")
    await call.do(HangUp())

    await call.ended("hangup", "inviting suspended inviting", ["agent1", "agent2"])


async def test_an_agent_behind_a_pair_of_channels_hands_the_call_on(tandem: Tandem) -> None:
    call = await tandem.place("form-local", agent3=BY_HAND, agent2=ANSWERS)
    await call.do(Until("ringing", "agent3"))
    await call.session(state="queued")
    await call.do(Answer("agent3"))
    await call.talks("agent3")

    await call.do(BlindTransfer("agent3", "agent2"))
    await call.talks("agent2")
    await call.do(HangUp("agent2"))

    await call.ended("hangup", "queued inviting", ["agent3", "agent2"])


@pytest.mark.parametrize("number", ["form-solo", "form-agent1"], ids=["queue", "direct"])
async def test_a_blind_transfer_to_somebody_who_is_no_agent(number: str, tandem: Tandem) -> None:
    call = await served(tandem, number)

    await call.do(BlindTransfer("agent1", "phone1"), Until("talking", "phone1"))
    await call.session(state="suspended")
    await call.do(HangUp("phone1"))

    await ended(call, number, "inviting suspended", ["agent1"])


@pytest.mark.parametrize("number", ["form-solo", "form-agent1"], ids=["queue", "direct"])
async def test_an_attended_transfer_to_another_agent(number: str, tandem: Tandem) -> None:
    call = await served(tandem, number)

    await call.do(Hold("agent1"))
    await call.call(held=True)
    await call.do(Consult("agent1", "agent2"), Until("talking", "agent2"))
    await call.do(CompleteTransfer("agent1"))
    await call.talks("agent2")
    await call.call(held=False)
    await call.do(HangUp("agent2"))

    await ended(call, number, "inviting", ["agent1", "agent2"])


async def test_an_attended_transfer_that_comes_to_nothing(tandem: Tandem) -> None:
    call = await served(tandem, "form-solo")

    await call.do(Hold("agent1"), Consult("agent1", "agent2"), Until("talking", "agent2"))
    await call.call(held=True, state="active")
    await call.do(HangUp("agent1"), Until("gone", "agent2"), Hold("agent1", on=False))
    await call.call(held=False, state="active")
    await call.do(HangUp())

    await call.ended("hangup", "queued inviting", ["agent1"])


async def test_a_caller_who_hangs_up_while_the_agent_asks_somebody(tandem: Tandem) -> None:
    call = await served(tandem, "form-solo")

    await call.do(Hold("agent1"), Consult("agent1", "agent2"), Until("talking", "agent2"))
    await call.do(HangUp("caller"))

    # The two agents talk on; that is nobody's collaboration.
    await call.ended("hangup", "queued inviting", ["agent1"])
    assert await tandem.all("/v1/calls?pbx=lab") == []


async def test_a_blind_transfer_to_an_agent_who_is_busy(tandem: Tandem) -> None:
    call = await tandem.place("form-agent1", agent1=ANSWERS, agent2=BUSY)
    await call.talks("agent1")

    await call.do(BlindTransfer("agent1", "agent2"))

    await call.ended("hangup", None)
    assert await tandem.agents((await call.session())["id"]) == [uri("agent1")]


@pytest.mark.parametrize("number", ["form-solo", "form-agent1"], ids=["queue", "direct"])
async def test_the_pbx_sends_the_caller_to_another_agent(number: str, tandem: Tandem) -> None:
    call = await served(tandem, number)

    await call.do(MoveCaller("agent2"))
    await call.talks("agent2")
    await call.do(HangUp())

    await ended(call, number, "inviting", ["agent1", "agent2"])


@pytest.mark.parametrize("how", [MoveCaller("q-second"), BlindTransfer("agent1", "q-second")])
async def test_a_call_that_is_sent_to_a_queue_waits_for_its_next_agent(
    how: Step, tandem: Tandem
) -> None:
    call = await tandem.place("form-agent1", agent1=ANSWERS, agent3=BY_HAND)
    await call.talks("agent1")

    await call.do(how, Until("ringing", "agent3"))
    await call.session(state="suspended")
    await call.do(Answer("agent3"))
    await call.talks("agent3")
    await call.do(HangUp("agent3"))

    await call.ended("hangup", "inviting suspended inviting", ["agent1", "agent3"])


@pytest.mark.parametrize("number", ["form-solo", "form-agent1"], ids=["queue", "direct"])
async def test_a_user_who_hands_the_agent_on_to_somebody(number: str, tandem: Tandem) -> None:
    call = await served(tandem, number)

    await call.do(BlindTransfer("caller", "phone1"), Until("talking", "phone1"))

    # The session is the same; its call goes by the id of who stands in the user's place.
    found = await until(lambda: moved(call), "another user leg")
    phone = await tandem.pbx.leg(call.placed, "phone1")
    assert found == {"pbx": "lab", "id": phone, "aliases": [call.id]}
    await call.talks("agent1")
    await call.do(HangUp("phone1"))

    await ended(call, number, "inviting", ["agent1"])


@pytest.mark.parametrize("number", ["form-solo", "form-agent1"], ids=["queue", "direct"])
async def test_a_user_who_asks_somebody_and_hands_the_agent_on(number: str, tandem: Tandem) -> None:
    call = await served(tandem, number)

    await call.do(Hold("caller"), Consult("caller", "phone1"), Until("talking", "phone1"))
    phone = await tandem.pbx.leg(call.placed, "phone1")
    await call.do(CompleteTransfer("caller"))
    found = await until(lambda: moved(call), "another user leg")
    assert (found["id"], call.id in found["aliases"]) == (phone, True)
    await call.talks("agent1")
    await call.call(held=False, state="active")
    await call.do(HangUp("phone1"))

    await ended(call, number, "inviting", ["agent1"])


async def moved(call: Told) -> tuple[bool, Any]:
    """The call of its session, once another leg stands in the user's place."""
    found = (await call.session())["call"]
    return bool(found["aliases"]), found


async def ended(call: Told, number: str, states: str, agents: list[str]) -> None:
    """It is over, after a queue where the number led to one."""
    await call.ended("hangup", f"queued {states}" if number == "form-solo" else states, agents)
