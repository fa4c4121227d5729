"""Calls told by script, as a client sees them on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.simulator import Call, Rings, Simulator
from connectors.simulator.script import HangUp, Until

from .client import Client


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def client(sim: Simulator) -> AsyncIterator[Client]:
    async with Client(sim.host, sim.port) as connection:
        await connection.login()
        yield connection


async def test_a_marked_queue_call_is_announced_queued_and_served(
    sim: Simulator, client: Client
) -> None:
    call = sim.place(Call("form-support", phones={"1001": Rings(0.01)}))
    mark = await client.event("UserEvent")
    assert mark["UserEvent"] == "CollabRequest"
    assert mark["Type"] == "form"
    assert mark["Uniqueid"] == call.id
    assert mark.names[-6:] == [
        "UserEvent", "HeaderType", "HeaderUserURI", "Feature", "Type", "UserURI",
    ]  # fmt: skip
    assert (await client.event("QueueCallerJoin"))["Queue"] == "support"
    served = await client.event("AgentConnect")
    assert served["Uniqueid"] == call.id
    assert served["Interface"] == "PJSIP/1001"
    agent = await client.event("BridgeEnter")
    caller = await client.event("BridgeEnter")
    assert agent["Channel"].startswith("PJSIP/1001-")
    assert caller["Uniqueid"] == call.id
    assert agent["BridgeUniqueid"] == caller["BridgeUniqueid"]


async def test_the_marks_of_a_call_are_read_back_by_status(sim: Simulator, client: Client) -> None:
    await sim.run(
        Call(
            "chat-support",
            (Until("talking"),),
            phones={"1001": Rings(0.01)},
            headers={"X-Collab-User": "sip:a b,c"},
        )
    )
    caller, agent = await client.listing(
        "Action: Status", "Variables: COLLAB_TYPE,COLLAB_USER_URI,COLLAB_HEADER_USER_URI"
    )
    assert "Variable: COLLAB_TYPE=chat\r\n" in caller.text + "\r\n"
    assert "Variable: COLLAB_USER_URI=\r\n" in caller.text + "\r\n"
    assert "Variable: COLLAB_HEADER_USER_URI=sip%3Aa%20b%2Cc\r\n" in caller.text + "\r\n"
    assert "Variable: COLLAB_TYPE=(null)\r\n" in agent.text + "\r\n"
    assert caller["BridgeID"] == agent["BridgeID"] != ""


async def test_a_message_reaches_the_callers_telephone(sim: Simulator, client: Client) -> None:
    await sim.run(Call("form-support", (Until("talking"),), phones={"1001": Rings(0.01)}))
    answer = await client.action(
        "Action: MessageSend",
        "Destination: pjsip:caller",
        "From: sip:tandem@127.0.0.1",
        "Base64Body: bGluZSAxCmxpbmUgMg==",
    )
    assert answer["Message"] == "Message successfully sent"
    message = await sim.phone("caller").next_message(containing="line")
    assert message.body == "line 1\nline 2"


async def test_nothing_stands_after_the_hang_up(sim: Simulator, client: Client) -> None:
    call = await sim.run(
        Call("form-support", (Until("talking"), HangUp()), phones={"1001": Rings(0.01)})
    )
    await call.until("gone")
    assert await client.listing("Action: Status") == []
    assert await client.listing("Action: BridgeList") == []
