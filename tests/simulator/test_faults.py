"""What the simulator does wrong on command, as a client feels it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from connectors.simulator import Call, Rings, Simulator
from connectors.simulator.script import Until

from .client import Client

TALK = Call("form-support", (Until("talking"),), phones={"1001": Rings(0.01)})


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


async def test_a_restart_says_shutdown_and_comes_back_with_nothing_standing(
    sim: Simulator,
) -> None:
    call = await sim.run(TALK)
    port = sim.port
    async with Client(sim.host, sim.port) as client:
        await client.login()
        restart = asyncio.create_task(sim.faults.restart(down=0.2))
        assert (await client.event("Shutdown"))["Restart"] == "True"
        assert client.raw.count(b"Event: Hangup\r\n") == 2
        told = client.raw.partition(b"Event: Hangup\r\n")[0]
        assert told.count(b"Event: SoftHangupRequest\r\n") == 2, "both, before either is gone"
        assert told.count(b"\r\nCause: 4\r\n") == 2
        await client.closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(sim.host, port)
        await restart
    await call.until("gone")
    async with Client(sim.host, port) as client:
        await client.login()
        assert (await client.next())["Uptime"] == "0"
        assert await client.listing("Action: Status") == []


async def test_a_kill_just_closes_the_socket(sim: Simulator) -> None:
    await sim.run(TALK)
    async with Client(sim.host, sim.port) as client:
        await client.login()
        await sim.faults.restart(down=0.05, clean=False)
        with pytest.raises((ConnectionError, TimeoutError)):
            await client.event("Shutdown", within=1.0)
    async with Client(sim.host, sim.port) as client:
        await client.login()
        assert await client.listing("Action: Status") == []


async def test_calls_go_on_while_the_port_is_away(sim: Simulator) -> None:
    call = await sim.run(TALK)
    await sim.faults.port_down(0.1)
    async with Client(sim.host, sim.port) as client:
        await client.login()
        standing = await client.listing("Action: Status")
    assert call.id in {each["Uniqueid"] for each in standing}


async def test_a_cut_stops_in_the_middle_of_a_frame(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        await client.drain(0.05)
        sim.faults.cut_mid_frame(after=30)
        sim.place(TALK)
        await client.closed()
        assert client.raw.endswith(b"Event: Newchannel\r\nPrivilege: ")
    async with Client(sim.host, sim.port) as again:
        assert (await again.login())["Response"] == "Success"


async def test_a_stalled_session_stays_open_and_silent(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        await client.drain(0.05)
        sim.faults.stall()
        client.send("Action: Ping")
        assert await client.drain(0.15) == b""
        sim.faults.unstall()
        assert (await client.next())["Ping"] == "Pong"


async def test_a_port_can_accept_and_never_greet(sim: Simulator) -> None:
    sim.faults.stall_new = True
    async with Client(sim.host, sim.port) as client:
        assert await client.drain(0.1) == b""


async def test_a_slow_drip_loses_no_byte(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        sim.faults.slow_drip(size=64, pause=0.0)
        await sim.run(TALK)
        await client.event("AgentConnect")
        sim.faults.clear()
        frames = (await client.drain(0.3)).split(b"\r\n\r\n")
        assert all(frame.startswith((b"Event: ", b"Response: ")) for frame in frames if frame)


async def test_lagging_events_come_after_the_list_that_tells_of_them(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        await client.drain(0.05)
        sim.faults.lag(0.2)
        call = await sim.run(TALK)
        standing = await client.listing("Action: Status")
        assert call.id in {each["Uniqueid"] for each in standing}
        fence = await client.action("Action: UserEvent", "UserEvent: Fence")
        assert fence["Message"] == "Event Sent"
        assert b"Event: Newchannel" not in client.raw
        late = await client.event("Newchannel")
        assert late["Uniqueid"] == call.id
        await client.event("UserEvent", UserEvent="CollabRequest")
        await client.event("UserEvent", UserEvent="Fence")


async def test_garbage_arrives_as_it_is(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        sim.faults.garbage(b"\xff\x00nonsense\r\n")
        assert b"\xff\x00nonsense" in await client.drain(0.1)


async def test_a_client_that_does_not_read_is_dropped(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.simulator.asterisk.session.BACKLOG_MAX", 50_000)
    async with Client(sim.host, sim.port) as client:
        await client.login()
        (session,) = sim.server.sessions
        before = time.monotonic()
        while sim.server.sessions and time.monotonic() - before < 5:
            session.write(b"x" * 1_000_000)
            await asyncio.sleep(0)
        assert not sim.server.sessions
