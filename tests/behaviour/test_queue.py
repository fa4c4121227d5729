"""Calls that wait in a queue: served, turned down, given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connectors.simulator.script import Answer, HangUp, Until
from tests.behaviour.world import ANSWERS, BUSY, BY_HAND
from tests.e2e.world import uri

if TYPE_CHECKING:
    from connectors.simulator import Rings
    from tests.behaviour.world import Tandem

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("by", ["caller", "agent1"])
async def test_a_queued_call_is_answered_and_somebody_hangs_up(by: str, tandem: Tandem) -> None:
    call = await tandem.place("form-support", agent1=BY_HAND)
    await call.do(Until("ringing", "agent1"))
    await call.session(state="queued")

    await call.do(Answer("agent1"))
    session = await call.talks("agent1")
    assert session["call"] == {"pbx": "lab", "id": call.id, "aliases": []}
    await call.invited()
    await tandem.told(call.id, "message to", "sent")
    await call.do(HangUp(by))

    await call.ended("hangup", "queued inviting", ["agent1"])
    await tandem.told(
        call.id, "wire: ", "mark: ", "queue: ", "agent: ", "server: ", "invitation: ",
        "message to", "sent", "end: hangup"
    )  # fmt: skip


async def test_a_caller_who_gives_up_waiting(tandem: Tandem) -> None:
    call = await tandem.place("form-nobody")
    await call.session(state="queued")

    await call.do(HangUp())

    await call.ended("abandoned", "queued")
    assert (await call.call())["stopped"]["stage"] == "queue"


async def test_a_caller_who_gives_up_while_an_agent_rings(tandem: Tandem) -> None:
    call = await tandem.place("form-solo", agent1=BY_HAND)
    await call.do(Until("ringing", "agent1"))
    await call.session(state="queued")

    await call.do(HangUp())

    await call.ended("abandoned", "queued")


async def test_a_queue_that_gives_up(tandem: Tandem) -> None:
    call = await tandem.place("form-short")
    await call.session(state="queued")

    await call.ended("queue_timeout", "queued")
    assert (await call.call())["stopped"]["stage"] == "queue"


@pytest.mark.parametrize(
    ("queue", "first", "does"), [("third", "agent4", BUSY), ("second", "agent3", BY_HAND)],
    ids=["rejects", "does not answer"],
)  # fmt: skip
async def test_an_agent_who_does_not_take_the_call_and_the_next_who_does(
    queue: str, first: str, does: Rings, tandem: Tandem
) -> None:
    call = await tandem.place(f"form-{queue}", **{first: does, "agent2": BY_HAND})
    await call.session(state="queued")
    await call.do(Until("ringing", "agent2"), Answer("agent2"))
    await call.talks("agent2")

    await call.do(HangUp())

    await call.ended("hangup", "queued inviting", ["agent2"])
    await tandem.told(
        call.id, f"/{first} did not take the call", f"{uri('agent2')} serves the call"
    )


async def test_all_phones_ring_and_one_answers(tandem: Tandem) -> None:
    call = await tandem.place("form-all", agent1=BY_HAND, agent2=BY_HAND)
    await call.do(Until("ringing", "agent1"), Until("ringing", "agent2"))
    await call.session(state="queued")

    await call.do(Answer("agent2"))
    await call.talks("agent2")
    await call.do(Until("gone", "agent1"), HangUp("agent2"))

    await call.ended("hangup", "queued inviting", ["agent2"])


async def test_an_ordinary_call_beside_a_marked_one(tandem: Tandem) -> None:
    marked = await tandem.place("form-support", agent1=ANSWERS, agent2=ANSWERS)
    await marked.talks("agent1")
    plain = await tandem.place("q-support", "caller2", agent1=ANSWERS, agent2=ANSWERS)
    await plain.call(state="active", agent_uri=uri("agent2"))

    await plain.do(HangUp())
    await plain.ordinary("mark", "never marked: the dialplan did not run", "collab")
    await marked.do(HangUp())

    await marked.ended("hangup", "queued inviting", ["agent1"])
