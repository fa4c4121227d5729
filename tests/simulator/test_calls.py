"""Calls told by script, as a client sees them on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.simulator import Call, Rings, Simulator
from connectors.simulator.asterisk import lab
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    Until,
)

from .client import Client, Message


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


QUICK = {name: Rings(0.01) for name in ("1001", "1002", "1003", "1006")}


def bridged(messages: list[Message]) -> set[str]:
    """Endpoints in the bridges of a Status list."""
    return {each["Channel"].rsplit("-", 1)[0] for each in messages if each["BridgeID"]}


async def test_a_busy_agent_is_passed_over_for_the_next(sim: Simulator, client: Client) -> None:
    phones = {"1001": Rings(None, busy=True), "1002": Rings(0.01)}
    await sim.run(Call("form-support", (Until("talking"),), phones=phones))
    refused = await client.event("AgentRingNoAnswer")
    assert refused["Interface"] == "PJSIP/1001"
    assert (await client.event("AgentConnect"))["Interface"] == "PJSIP/1002"


async def test_whoever_answers_first_takes_a_call_that_rings_all(
    sim: Simulator, client: Client
) -> None:
    phones = {str(1001 + n): Rings(None) for n in range(5)} | {"1003": Rings(0.05)}
    await sim.run(Call("form-all", (Until("talking"),), phones=phones))
    assert (await client.event("AgentConnect"))["Interface"] == "PJSIP/1003"
    standing = await client.listing("Action: Status")
    assert bridged(standing) == {"PJSIP/caller", "PJSIP/1003"}
    assert len(standing) == 2


async def test_a_direct_call_is_transferred_after_asking(sim: Simulator, client: Client) -> None:
    call = await sim.run(
        Call(
            "form-1001",
            (
                Until("talking"),
                Consult("1001", "1002"),
                Until("talking", "1002"),
                CompleteTransfer("1001"),
                Until("gone", "1001"),
            ),
            phones=QUICK,
        )
    )
    standing = await client.listing("Action: Status")
    assert bridged(standing) == {"PJSIP/caller", "PJSIP/1002"}
    assert len({each["BridgeID"] for each in standing}) == 1
    assert {each["Linkedid"] for each in standing} == {call.id}


async def test_a_transfer_behind_a_local_member_keeps_the_callers_bridge(
    sim: Simulator, client: Client
) -> None:
    await sim.run(
        Call(
            "form-local",
            (Until("talking"), BlindTransfer("1006", "1002"), Until("talking", "1002")),
            phones=QUICK,
        )
    )
    standing = {
        each["Channel"].rsplit("-", 1)[0]: each for each in await client.listing("Action: Status")
    }
    assert "PJSIP/1006" not in standing
    pair = [each for name, each in standing.items() if name.startswith("Local/")]
    assert standing["PJSIP/caller"]["BridgeID"]
    assert standing["PJSIP/1002"]["BridgeID"] in {each["BridgeID"] for each in pair}


async def test_an_agent_who_asks_in_vain_is_back_with_the_caller() -> None:
    plan = lab.dialplan(lab.world()).read("[from-sip]\nexten => 650,1,Queue(support,ct)\n")
    async with Simulator(dialplan=plan) as sim, Client(sim.host, sim.port) as client:
        await client.login()
        phones = {"1001": Rings(0.01), "1002": Rings(0.01)}
        call = await sim.run(
            Call(
                "650",
                (
                    Until("talking"),
                    Consult("1001", "1002", "control"),
                    Until("talking", "1002"),
                    HangUp("1002"),
                    Until("gone", "1002"),
                ),
                phones=phones,
            )
        )
        await call.until("talking")
        standing = await client.listing("Action: Status")
        assert bridged(standing) == {"PJSIP/caller", "PJSIP/1001"}
        assert len(standing) == 2
        sim.hang_up(call)
        await call.until("gone", "1001")
        assert await client.listing("Action: Status") == []


async def test_hold_is_told_with_who_holds(sim: Simulator, client: Client) -> None:
    await sim.run(
        Call("1001", (Until("talking"), Hold("1001"), Hold("1001", on=False)), phones=QUICK)
    )
    assert (await client.event("Hold"))["Channel"].startswith("PJSIP/1001-")
    assert (await client.event("Unhold"))["Channel"].startswith("PJSIP/1001-")


async def test_an_agent_who_dials_out_is_the_caller(sim: Simulator, client: Client) -> None:
    call = await sim.run(
        Call("form-caller", (Until("talking"),), phone="1001", phones={"caller": Rings(0.01)})
    )
    assert (await client.event("UserEvent"))["Channel"].startswith("PJSIP/1001-")
    dialled = await client.event("DialBegin")
    assert dialled["Uniqueid"] == call.id
    assert dialled["DestChannel"].startswith("PJSIP/caller-")
