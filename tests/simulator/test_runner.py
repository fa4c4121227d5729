"""Many calls at a rate: none is lost, none crosses another, and nobody is asked for too much."""

from __future__ import annotations

import re
import time

from connectors.simulator import Call, Rings, Simulator
from connectors.simulator.asterisk import lab
from connectors.simulator.script import BlindTransfer, HangUp, Until, Wait

from .client import Client

QUICK = {str(1001 + n): Rings(0.02) for n in range(60)}


def queue_call(number: int) -> Call:
    return Call(
        "form-support",
        (Until("talking"), Wait(0.2), HangUp()),
        phones=QUICK,
        display=f"Caller {number}",
        name="queue",
    )


def local_call(number: int) -> Call:
    return Call(
        "chat-local",
        (Until("talking"), Wait(0.2), HangUp()),
        phones=QUICK,
        display=f"Caller {number}",
        name="local",
    )


async def test_two_hundred_calls_at_fifty_a_second_each_get_one_agent_of_their_own() -> None:
    world = lab.world(60, rings=Rings(0.02))
    async with Simulator(world) as sim, Client(sim.host, sim.port) as client:
        await client.login("lab", "", "Events: call,agent,user")
        outcome = await sim.run_many(
            [(1.0, queue_call), (1.0, local_call)], calls=200, rate=50.0, at_once=60
        )
        assert (outcome.started, outcome.finished, outcome.failed) == (200, 200, 0), outcome
        assert outcome.most_at_once <= 60
        stream = (await client.drain(0.5)).decode()
    frames = stream.split("\r\n\r\n")
    served = [f for f in frames if f.startswith("Event: AgentConnect")]
    callers = [re.search(r"\r\nUniqueid: (\S+)", frame)[1] for frame in served]  # type: ignore[index]
    assert len(callers) == len(set(callers)) == 200
    inside: dict[str, list[str]] = {}
    for frame in frames:
        if frame.startswith("Event: BridgeEnter"):
            bridge = re.search(r"BridgeUniqueid: (\S+)", frame)[1]  # type: ignore[index]
            linked = re.search(r"Linkedid: (\S+)", frame)[1]  # type: ignore[index]
            inside.setdefault(bridge, []).append(linked)
    assert all(len(parties) == 2 and len(set(parties)) == 1 for parties in inside.values())


async def test_at_most_so_many_calls_stand_at_once() -> None:
    async with Simulator() as sim:
        outcome = await sim.run_many([(1.0, queue_call)], calls=12, rate=1000.0, at_once=3)
        assert outcome.most_at_once == 3
        assert outcome.finished == 12


async def test_a_call_that_cannot_go_on_is_counted_and_told() -> None:
    impossible = Call(
        "q-nobody", (Until("queued"), BlindTransfer("1001", "1002")), name="impossible"
    )
    async with Simulator() as sim:
        outcome = await sim.run_many([(1.0, lambda _: impossible)], calls=1, rate=10.0)
    assert outcome.failed == 1
    assert outcome.errors == ["impossible: 1001 has no leg in this call"]


async def test_a_thousand_events_a_second_take_less_than_half_a_core() -> None:
    world = lab.world(100, rings=Rings(0.02))
    async with Simulator(world) as sim, Client(sim.host, sim.port) as client:
        await client.login("lab", "", "Events: call,agent,user")
        cpu = time.process_time()
        outcome = await sim.run_many([(1.0, queue_call)], calls=60, rate=30.0, at_once=60)
        await client.drain(0.05)
        cpu = time.process_time() - cpu
        events = client.raw.count(b"\r\nPrivilege: ")
        assert outcome.failed == 0
        assert events > 1500
        assert 1000 * cpu / events < 0.5
