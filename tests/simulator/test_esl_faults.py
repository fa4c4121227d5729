"""What the simulated FreeSWITCH does wrong on command, as a client feels it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from connectors.simulator import Call, FreeSwitchSimulator, PhoneSpec, Rings, WorldSpec
from connectors.simulator.freeswitch import wire
from connectors.simulator.freeswitch.dialplan import Dialplan
from connectors.simulator.freeswitch.normalise import events
from connectors.simulator.script import Until

from .esl_client import Client
from .esl_recorded import recording

TALK = Call("form-support", (Until("talking"),), phones={"1001": Rings(0.01)})


@pytest.fixture
async def sim() -> AsyncIterator[FreeSwitchSimulator]:
    async with FreeSwitchSimulator() as simulator:
        yield simulator


def told(stream: bytes) -> list[str]:
    """Events of a shutdown, modules as one and presence left out."""
    names: list[str] = []
    for event in events(stream):
        name = dict(event)["Event-Name"]
        if name not in ("MODULE_UNLOAD", "PRESENCE_IN", "UNPUBLISH"):
            names.append(name)
    return names[names.index("SHUTDOWN") :]


async def test_a_restart_tells_of_every_call_and_ends_with_the_recorded_notice(
    sim: FreeSwitchSimulator,
) -> None:
    call = await sim.run(TALK)
    port, core = sim.port, sim.pbx.bus.core_uuid
    async with Client(sim.host, sim.port) as client:
        await client.login("event plain all")
        restart = asyncio.create_task(sim.faults.restart(down=0.2))
        await client.event("SHUTDOWN")
        gone = await client.event("CHANNEL_HANGUP_COMPLETE")
        assert gone["Hangup-Cause"] == "SYSTEM_SHUTDOWN"
        await client.event("MODULE_UNLOAD")
        await client.closed()
        assert client.raw.endswith(wire.SHUTDOWN_NOTICE)
        assert recording("14-").endswith(wire.SHUTDOWN_NOTICE)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(sim.host, port)
        await restart
    await call.until("gone")
    async with Client(sim.host, port) as client:
        await client.login("event plain HEARTBEAT")
        assert await client.api("show channels as json") == '{"row_count": 0}'
        sim.pbx.heart.beat()
        assert (await client.event("HEARTBEAT"))["Core-UUID"] == sim.pbx.bus.core_uuid != core


async def test_a_call_in_a_shutdown_ends_as_recorded() -> None:
    """One leg that listens to itself, as when it was recorded."""
    plan = Dialplan().read(
        '<context name="default"><extension name="e"><condition field="destination_number" '
        'expression="^9196$"><action application="answer"/><action application="echo"/>'
        "</condition></extension></context>"
    )
    world = WorldSpec((PhoneSpec("caller"),), ())
    async with FreeSwitchSimulator(world, plan) as sim, Client(sim.host, sim.port) as client:
        await client.login("event plain all")
        sim.place(Call("9196"))
        await client.event("CHANNEL_EXECUTE", Application="echo")
        await sim.faults.restart(down=0.0)
        await client.closed()
        assert told(bytes(client.raw)) == told(recording("14-"))


async def test_a_kill_just_closes_the_socket(sim: FreeSwitchSimulator) -> None:
    call = await sim.run(TALK)
    async with Client(sim.host, sim.port) as client:
        await client.login("event plain all")
        await sim.faults.restart(down=0.05, clean=False)
        with pytest.raises((ConnectionError, TimeoutError)):
            await client.event("SHUTDOWN", within=1.0)
    await call.until("gone")
    async with Client(sim.host, sim.port) as client:
        await client.login()
        assert await client.api("show channels as json") == '{"row_count": 0}'


async def test_calls_go_on_while_the_port_is_away(sim: FreeSwitchSimulator) -> None:
    call = await sim.run(TALK)
    await sim.faults.port_down(0.1)
    async with Client(sim.host, sim.port) as client:
        await client.login()
        assert call.id in await client.api("show channels")


async def test_a_cut_stops_in_the_middle_of_a_frame(sim: FreeSwitchSimulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login("event plain CHANNEL_CREATE")
        sim.faults.cut_mid_frame(after=70)
        sim.place(TALK)
        await client.closed()
        assert client.raw.endswith(b"\n\nEvent-Name: CHANN")
    async with Client(sim.host, sim.port) as again:
        await again.login()


async def test_a_stalled_session_stays_open_and_silent(sim: FreeSwitchSimulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        sim.faults.stall()
        client.send("api status")
        assert await client.drain(0.15) == b""
        sim.faults.unstall()
        assert (await client.next()).body.startswith("UP ")


async def test_a_port_can_accept_and_never_greet(sim: FreeSwitchSimulator) -> None:
    sim.faults.stall_new = True
    async with Client(sim.host, sim.port) as client:
        assert await client.drain(0.1) == b""


async def test_lagging_events_come_after_the_list_that_tells_of_them(
    sim: FreeSwitchSimulator,
) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login("event plain CHANNEL_CREATE")
        sim.faults.lag(0.2)
        call = await sim.run(TALK)
        assert call.id in await client.api("show channels")
        assert b"CHANNEL_CREATE" not in client.raw.replace(b"event plain", b"")
        assert (await client.event("CHANNEL_CREATE"))["Unique-ID"] == call.id


async def test_a_client_that_does_not_read_is_dropped(
    sim: FreeSwitchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.simulator.freeswitch.session.BACKLOG_MAX", 50_000)
    async with Client(sim.host, sim.port) as client:
        await client.login()
        (session,) = sim.server.sessions
        before = time.monotonic()
        while sim.server.sessions and time.monotonic() - before < 5:
            session.write(b"x" * 1_000_000)
            await asyncio.sleep(0)
        assert not sim.server.sessions


async def test_a_heart_beats() -> None:
    async with (
        FreeSwitchSimulator(heartbeat=0.05) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.login("event json HEARTBEAT")
        first = await client.event("HEARTBEAT")
        second = await client.event("HEARTBEAT")
    assert first["Event-Info"] == "System Ready"
    assert first["Core-UUID"] == second["Core-UUID"]
    assert int(second["Event-Sequence"]) > int(first["Event-Sequence"])
    names = [name for name in first if not name.startswith("Event")]
    wanted = next(dict(e) for e in events(recording("05-")) if dict(e)["Event-Name"] == "HEARTBEAT")
    assert names == [name for name in wanted if not name.startswith("Event")]
