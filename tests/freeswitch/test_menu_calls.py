"""A connector and the simulated FreeSWITCH, with this project's collab.xml: calls through a menu,
to a queue, and to what the server is told. And what becomes of them without the connector."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.freeswitch.driver import FreeSwitchDriver
from connectors.runtime.connector import Connector
from connectors.runtime.outbox import Outbox
from connectors.simulator import Call, Rings
from connectors.simulator.freeswitch import lab
from connectors.simulator.freeswitch.calls import PlacedCall
from connectors.simulator.freeswitch.channel import EXECUTE
from connectors.simulator.freeswitch.simulator import PASSWORD, FreeSwitchSimulator
from connectors.simulator.script import Press
from tests.freeswitch.test_outbound import free_port, listening
from tests.runtime.server_double import ServerDouble
from tests.runtime.settings_for import settings_for

WITHIN = 15.0
MENU = {
    "prompt": "tone_stream://%(400,100,600);loops=-1",
    "choices": {"1": "form", "2": {"type": "chat", "queue": "team@default"}},
}
CALL = Call("650", ())


@asynccontextmanager
async def switch(port: int) -> AsyncIterator[FreeSwitchSimulator]:
    world = lab.world(rings=Rings(None))
    dialplan = lab.dialplan(world, outbound=f"127.0.0.1:{port}")
    async with FreeSwitchSimulator(world, dialplan) as simulator:
        yield simulator


@asynccontextmanager
async def connector(
    simulator: FreeSwitchSimulator, port: int, server: ServerDouble, folder: Path
) -> AsyncIterator[asyncio.Task[None]]:
    settings = settings_for(
        simulator.port, folder, kind="freeswitch", secret=PASSWORD, server=server.url,
        outbound=f"127.0.0.1:{port}", menus={"support": MENU},
    )  # fmt: skip
    outbox = Outbox(Path(settings.outbox), time.time())
    headers = {"Authorization": f"Bearer {settings.key.get_secret_value()}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        running = Connector(settings, outbox, http, FreeSwitchDriver(settings))
        task = asyncio.create_task(running.run())
        try:
            await listening(port)
            await server.until(lambda: any(body["snapshot"] for body in server.reports))
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})
            outbox.close()


async def until(simulator: FreeSwitchSimulator, call: PlacedCall, name: str, value: str) -> None:
    """Wait until a variable of the caller's channel has a value."""
    channel = simulator.pbx.channels[call.id]
    async with asyncio.timeout(WITHIN):
        while channel.get(name) != value:
            await channel.changed(0.02)  # not every variable wakes who waits


async def asked(simulator: FreeSwitchSimulator, call: PlacedCall) -> None:
    """Wait until the prompt plays."""
    await until(simulator, call, "current_application", "play_and_get_digits")


async def queued(simulator: FreeSwitchSimulator, call: PlacedCall) -> str:
    """The queue the caller waits in, once they do."""
    await until(simulator, call, "current_application", "callcenter")
    return simulator.pbx.channels[call.id].get("current_application_data")


def told(server: ServerDouble, call: PlacedCall) -> tuple[Any, ...]:
    said = server.calls.get(call.id, {})
    return said.get("state"), said.get("type"), said.get("queue")


@pytest.mark.parametrize(
    ("key", "state"),
    [("1", ("queued", "form", "support@default")), ("2", ("queued", "chat", "team@default"))],
)
async def test_a_choice_is_a_marked_call_in_its_queue(
    tmp_path: Path, key: str, state: tuple[str, ...]
) -> None:
    port = free_port()
    async with (
        switch(port) as simulator,
        ServerDouble() as server,
        connector(simulator, port, server, tmp_path),
    ):
        call = await simulator.run(CALL)
        await asked(simulator, call)
        await simulator.board.perform(call, Press("caller", key))
        await server.until(lambda: told(server, call) == state)
        assert await queued(simulator, call) == state[2]
        channel = simulator.pbx.channels[call.id]
        assert channel.get("socket_resume") == channel.get("collab_menu_guard") == ""
        simulator.hang_up(call)
        await server.until(lambda: told(server, call)[0] == "ended")


async def test_a_choice_becomes_a_session_with_the_agent_who_answers(tmp_path: Path) -> None:
    port = free_port()
    async with (
        switch(port) as simulator,
        ServerDouble() as server,
        connector(simulator, port, server, tmp_path),
    ):
        call = await simulator.run(Call("650", (), phones={"1001": Rings(0.05)}))
        await asked(simulator, call)
        await simulator.board.perform(call, Press("caller", "1"))
        await server.until(lambda: told(server, call)[:2] == ("active", "form"))
        assert server.calls[call.id]["agent_uri"] == "sip:1001@pbx.example.org"


async def test_a_stopped_connector_leaves_the_caller_in_the_queue_at_once(tmp_path: Path) -> None:
    port = free_port()
    async with switch(port) as simulator, ServerDouble() as server:
        async with connector(simulator, port, server, tmp_path):
            call = await simulator.run(CALL)
            await asked(simulator, call)
        assert await queued(simulator, call) == "support@default"
        channel = simulator.pbx.channels[call.id]
        assert channel.get("collab_type") == ""
        assert channel.profile.destination == "650", "on in its extension, not by the guard"


async def test_without_a_connector_the_caller_is_queued_at_once() -> None:
    async with switch(free_port()) as simulator:
        call = await simulator.run(CALL)
        assert await queued(simulator, call) == "support@default"


ANEW = (
    '<context name="default"><extension name="660"><condition field="destination_number"'
    ' expression="^660$"><action application="set" data="collab_then=660 XML default"/>'
    '<action application="execute_extension" data="collab_menu_support XML collab"/>'
    '<action application="callcenter" data="support@default"/>'
    "</condition></extension></context>"
)
"""Where a call whose connector hangs is sent through the menu's own extension again."""
PROGRAM = """
import asyncio, json, sys
from connectors.freeswitch.outbound import Outbound
from tests.runtime.settings_for import settings_for
menus = {"support": json.loads(sys.argv[2])}
settings = settings_for(1, kind="freeswitch", outbound=sys.argv[1], menus=menus)
asyncio.run(Outbound(settings).run())
"""


@asynccontextmanager
async def process(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The outbound socket alone, in a process that can be killed and stopped."""
    serving = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, f"127.0.0.1:{port}", json.dumps(MENU),
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        await listening(port)
        yield serving
    finally:
        with contextlib.suppress(ProcessLookupError):
            serving.kill()
        await serving.wait()


async def test_a_connector_that_is_killed_in_the_prompt_leaves_nobody_behind() -> None:
    port = free_port()
    async with switch(port) as simulator, process(port) as serving:
        calls = [await simulator.run(CALL) for _ in range(5)]
        for call in calls:
            await asked(simulator, call)
        serving.kill()
        for call in calls:
            assert await queued(simulator, call) == "support@default"
            assert simulator.pbx.channels[call.id].profile.destination == "650", "not by the guard"


async def test_a_connector_that_hangs_is_left_and_wakes_to_nothing() -> None:
    """One caller in the prompt, one whom it never took; then it wakes, and does no more. Without
    what collab.xml remembers of the guard, the second would be handed over every four seconds."""
    port = free_port()
    async with switch(port) as simulator, process(port) as serving:
        one = await simulator.run(CALL)
        await asked(simulator, one)
        os.kill(serving.pid, signal.SIGSTOP)
        simulator.pbx.dialplan.read(ANEW)
        two = await simulator.run(Call("660", ()))
        for call in (one, two):
            assert await queued(simulator, call) == "support@default"
        assert len(simulator.server.sessions) == 2, "both are still handed over"
        os.kill(serving.pid, signal.SIGCONT)
        for call in (one, two):
            channel = simulator.pbx.channels[call.id]
            async with asyncio.timeout(WITHIN):
                while channel.controller is not None:
                    await channel.changed(0.02)
            assert channel.get("current_application") == "callcenter"
            assert (channel.state, channel.get("collab_type")) == (EXECUTE, "")
            assert channel.get("collab_menu_over") == ""
