"""Outbound sockets of the simulated FreeSWITCH, as recorded and as its source has them."""

from __future__ import annotations

import ast
import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from connectors.simulator import Rings
from connectors.simulator.freeswitch import lab
from connectors.simulator.freeswitch.dialplan import Dialplan
from connectors.simulator.freeswitch.digits import press
from connectors.simulator.freeswitch.normalise import (
    compare,
    events,
    frames,
    header_differences,
    normalise,
)
from connectors.simulator.freeswitch.simulator import FreeSwitchSimulator

from . import esl_recorded as recorded
from .esl_client import Client

WITHIN = 10.0
_IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Accepted(Client):
    """A connection that FreeSWITCH made, on the side of who serves it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__("", 0)
        self.ready = asyncio.Event()
        """The caller may hang up."""
        self.answer: dict[str, str] = {}
        """What a test wants to look at."""
        self.over = asyncio.Event()
        """Its lead is through."""
        self._reader, self._writer = reader, writer

    async def execute(self, application: str, argument: str = "", more: str = "") -> None:
        """Run an application, and wait for its end."""
        text = f"sendmsg\ncall-command: execute\nexecute-app-name: {application}"
        self.send(text + (f"\nexecute-app-arg: {argument}" if argument else "") + more)
        await self.event("CHANNEL_EXECUTE_COMPLETE", Application=application)

    def stop(self) -> None:
        """Close it, without a word."""
        self._writer.close()


Lead = Callable[[Accepted], Awaitable[None]]


def dialplan(port: int, flags: str = "async full", before: str = "") -> Dialplan:
    return Dialplan().read(
        '<include><context name="default"><extension name="7200">'
        '<condition field="destination_number" expression="^(720[01])$">'
        '<action application="set" data="collab_type=cobrowse" inline="true"/>'
        '<action application="set" data="collab_user_uri=sip:alice@example.org" inline="true"/>'
        f'{before}<action application="socket" data="127.0.0.1:{port} {flags}"/>'
        '<action application="set" data="gone_on=yes"/><action application="echo"/>'
        "</condition></extension></context></include>"
    )


@asynccontextmanager
async def switch(
    lead: Lead, flags: str = "async full", before: str = ""
) -> AsyncIterator[tuple[FreeSwitchSimulator, asyncio.Queue[Accepted]]]:
    """The recorded FreeSWITCH with extension 7200, whose calls `lead` leads. Behind the socket it
    sets a variable, ``gone_on``, and plays an echo."""
    clients: asyncio.Queue[Accepted] = asyncio.Queue()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Accepted(reader, writer)
        clients.put_nowait(client)
        try:
            await lead(client)
        finally:
            client.stop()
        client.over.set()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    simulator = FreeSwitchSimulator(recorded.WORLD, dialplan(port, flags, before), speed=10.0)
    async with server, simulator:
        yield simulator, clients


async def next_of(clients: asyncio.Queue[Accepted]) -> Accepted:
    return await asyncio.wait_for(clients.get(), WITHIN)


CALL = replace(recorded.SCRIPTS["04-"], number="7200", steps=(), phones={"1001": Rings(0.05)})
"""The caller of the recordings, who dials and does nothing else."""


def replies(data: bytes) -> list[str]:
    """What is no event: kinds and texts, ids left out; the reply to `connect` by its end."""
    out = []
    for head, body in frames(data):
        if not head.get("Content-Type", "").startswith("text/event-"):
            shown = {k: v for k, v in head.items() if not k.startswith(("Event-", "variable_"))}
            keep = ("Content-Type", "Reply-Text", "Socket-Mode", "Control", "Content-Disposition",
                    "Linger-Time", "Controlled-Session-UUID")  # fmt: skip
            out.append(_IDS.sub("ID", f"{[shown.get(name, '') for name in keep]} {body!r}"))
    return out


async def lead_06(client: Accepted) -> None:
    for command in ("connect", "myevents", "linger 5"):
        client.send(command)
        await client.next()
    await client.execute("answer")
    await client.execute(
        "set", "collab_type=cobrowse",
        "\nevent-lock: true\nEvent-UUID: 99999999-0000-4000-8000-000000000001",
    )  # fmt: skip
    client.send(
        "sendmsg\ncall-command: execute\nexecute-app-name: bridge\n"
        "execute-app-arg: [leg_timeout=10]user/1001@default"
    )
    await client.event("CHANNEL_BRIDGE")
    client.send("api uuid_exists 00000000-0000-0000-0000-000000000000")
    assert (await client.next()).body == "false"
    client.send("getvar collab_type")
    assert (await client.next()).reply == "cobrowse"
    client.ready.set()
    await client.closed()


async def lead_06b(client: Accepted) -> None:
    for command in ("connect", "myevents"):
        client.send(command)
        await client.next()
    await client.execute("answer")
    await client.execute("park")
    client.ready.set()
    await client.closed()


async def lead_06c(client: Accepted) -> None:
    for command in ("connect", "linger", "myevents json"):
        client.send(command)
        await client.next()
    await client.execute("answer")
    await client.execute("sleep", "500")
    client.send("sendmsg\ncall-command: hangup\nhangup-cause: NORMAL_CLEARING")
    await client.event("CHANNEL_HANGUP")
    client.send("exit")
    client.ready.set()
    await client.closed()


RECORDINGS = {
    "06-": (lead_06, "async full", "7200"),
    "06b-": (lead_06b, "async full", "7200"),
    "06c-": (lead_06c, "full", "7201"),
}


@pytest.mark.parametrize("name", RECORDINGS)
async def test_a_session_is_the_recorded_one(name: str) -> None:
    lead, flags, number = RECORDINGS[name]
    async with switch(lead, flags) as (simulator, clients):
        call = await simulator.run(replace(CALL, number=number))
        client = await next_of(clients)
        await asyncio.wait_for(client.ready.wait(), WITHIN)
        simulator.hang_up(call)
        await asyncio.wait_for(client.over.wait(), WITHIN)
    expected, actual = recorded.recording(name), bytes(client.raw)
    assert replies(actual) == replies(expected)
    expected, actual = without_park(expected), without_park(actual)
    assert compare(expected, actual) == []
    assert header_differences(normalise(expected), normalise(actual)) == []


def without_park(data: bytes) -> bytes:
    """CHANNEL_PARK comes before or after the reply to `myevents`: two of the recordings differ."""
    out = []
    rest = data
    while rest:
        head, _, rest = rest.partition(b"\n\n")
        found = re.search(rb"Content-Length: (\d+)", head)
        size = int(found[1]) if found and b"Event-Name: CHANNEL_DATA" not in head else 0
        body, rest = rest[:size], rest[size:]
        if b"CHANNEL_PARK" not in body:
            out.append(head + b"\n\n" + body)
    return b"".join(out)


# --- what the recordings do not have


async def started(client: Accepted) -> None:
    """Take the call, as every client does."""
    for command in ("connect", "myevents json"):
        client.send(command)
        await client.next()


async def gone_on(simulator: FreeSwitchSimulator, leg: str) -> None:
    """Wait until the dialplan went on behind the socket."""
    async with Client(simulator.host, simulator.port) as control:
        await control.login("event json CHANNEL_EXECUTE")
        if await control.api(f"uuid_getvar {leg} gone_on") != "yes":
            await control.event("CHANNEL_EXECUTE", Unique_ID=leg, Application="echo")


async def test_nobody_there_costs_the_caller_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with FreeSwitchSimulator(recorded.WORLD, dialplan(port)) as simulator:
        call = await simulator.run(CALL)
        await gone_on(simulator, call.id)


@pytest.mark.parametrize("how", ["exit", "close"])
async def test_the_dialplan_goes_on_when_the_client_ends(how: str) -> None:
    async def lead(client: Accepted) -> None:
        await started(client)
        if how == "exit":
            client.send("exit")
            assert (await client.next()).reply == "+OK bye"
        else:
            client.stop()

    async with switch(lead) as (simulator, _):
        call = await simulator.run(CALL)
        await gone_on(simulator, call.id)


@pytest.mark.parametrize("resumes", [True, False])
async def test_only_who_resumes_breaks_off_what_plays(resumes: bool) -> None:
    async def lead(client: Accepted) -> None:
        await started(client)
        if resumes:
            client.send("resume")
            assert (await client.next()).reply == "+OK"
        client.send(
            "sendmsg\ncall-command: execute\nexecute-app-name: playback\n"
            "execute-app-arg: tone_stream://%(200,200,440);loops=-1"
        )
        await client.event("CHANNEL_EXECUTE", Application="playback")
        client.stop()

    async with switch(lead) as (simulator, clients):
        call = await simulator.run(CALL)
        await asyncio.wait_for((await next_of(clients)).over.wait(), WITHIN)
        if resumes:
            await gone_on(simulator, call.id)
        else:
            leg = simulator.pbx.channels[call.id]
            async with asyncio.timeout(WITHIN), Client(simulator.host, simulator.port) as control:
                while leg.controller is not None:
                    await leg.changed(0.02)
                await control.login()
                assert await control.api(f"uuid_getvar {call.id} gone_on") == "_undef_"


async def test_without_full_it_may_lead_its_call_and_ask_nothing_else() -> None:
    said = {}

    async def lead(client: Accepted) -> None:
        client.send("connect")
        assert (await client.next()).headers["Control"] == "single-channel"
        for command in ("api status", "event plain ALL", "getvar collab_type", "resume"):
            client.send(command)
            said[command] = (await client.next()).reply
        client.send("exit")
        await client.closed()

    async with switch(lead, "async") as (simulator, clients):
        await simulator.run(CALL)
        await asyncio.wait_for((await next_of(clients)).over.wait(), WITHIN)
    assert said == {
        "api status": "-ERR command not found",
        "event plain ALL": "-ERR command not found",
        "getvar collab_type": "cobrowse",
        "resume": "+OK",
    }


async def test_one_digit_is_asked_for_until_it_is_a_choice() -> None:
    """As recording 06d has it: what is no choice is kept apart, and asked again."""

    async def lead(client: Accepted) -> None:
        await started(client)
        await client.execute("answer")
        client.send(
            "sendmsg\ncall-command: execute\nexecute-app-name: play_and_get_digits\n"
            "execute-app-arg: 1 1 3 60000 # 'a b.wav' silence_stream://250 digit ^[12]$\n"
            "Event-UUID: 1234"
        )
        await client.event("CHANNEL_EXECUTE", Application="play_and_get_digits")
        client.ready.set()
        done = await client.event("CHANNEL_EXECUTE_COMPLETE", Application="play_and_get_digits")
        client.answer = done
        client.stop()

    async with switch(lead) as (simulator, clients):
        call = await simulator.run(CALL)
        client = await next_of(clients)
        await asyncio.wait_for(client.ready.wait(), WITHIN)
        leg = simulator.pbx.channels[call.id]
        for key in "52":
            press(simulator.pbx, leg, key, info=True)
        await asyncio.wait_for(client.over.wait(), WITHIN)
    done = client.answer
    assert done["Application-UUID"] == "1234"
    assert done["variable_digit"] == "2"
    assert done["variable_digit_invalid"] == "5"
    assert done["variable_read_result"] == "success"


async def test_a_guard_takes_the_call_from_a_client_that_hangs() -> None:
    """``sched_api`` in the dialplan; its seconds are real ones, however fast the clock."""
    guard = (
        '<action application="set" data="g=${sched_api(+0 g-${uuid} uuid_transfer ${uuid}'
        ' away XML other)}"/>'
    )

    async def lead(client: Accepted) -> None:
        client.send("connect")
        await client.closed()

    async with switch(lead, before=guard) as (simulator, clients):
        simulator.pbx.dialplan.read(
            '<context name="other"><extension name="away"><condition'
            ' field="destination_number" expression="^away$"><action application="echo"/>'
            "</condition></extension></context>"
        )
        async with Client(simulator.host, simulator.port) as control:
            await control.login("event json CHANNEL_EXECUTE")
            call = await simulator.run(CALL)
            await control.event("CHANNEL_EXECUTE", Application="echo")
            assert await control.api(f"uuid_getvar {call.id} gone_on") == "_undef_"
            assert await control.api("sched_del nobody") == "+OK Deleted: 0\n"
        (await next_of(clients)).stop()


VARIABLES = ("collab_menu", "collab_queue", "collab_type", "collab_menu_digit",
             "collab_menu_digit_invalid", "socket_resume", "socket_host", "read_result",
             "current_application", "current_loop", "total_loops")  # fmt: skip
"""What a menu goes by, of all that stands on its channel."""


def ran(data: bytes) -> list[dict[str, str]]:
    """The applications that events tell of, with what matters on the channel."""
    names = ["Event-Name", "Application", "Application-Response", "Answer-State"]
    names += [f"variable_{name}" for name in VARIABLES]
    return [{name: dict(event).get(name, "") for name in names} for event in events(data)]


async def test_a_menu_is_the_recorded_one() -> None:
    """This project's collab.xml, and what its connector sent when it was recorded (06d)."""
    text = next(recorded.CAPTURES.glob("06d-*.txt")).read_text()
    lines = re.findall(r">> (['\"].*)$", text, re.MULTILINE)
    commands = [ast.literal_eval(line).removesuffix("\n\n") for line in lines]

    async def lead(client: Accepted) -> None:
        leg = ""
        for command in commands:
            client.send(command.replace(commands[1][-36:], leg))
            while (frame := await client.next()).kind.startswith("text/event"):
                pass
            leg = leg or frame.headers["Unique-ID"]
            if "play_and_get_digits" in command:
                client.ready.set()
            elif "execute-app" in command:
                await client.event("CHANNEL_EXECUTE_COMPLETE", Application_UUID=command[-36:])
            elif client.ready.is_set() and command.endswith("collab_onward XML collab"):
                await client.event("CHANNEL_EXECUTE_COMPLETE", Application="play_and_get_digits")
        client.stop()

    menu = (
        '<action application="set" data="collab_queue=support@default"/>'
        '<action application="execute_extension" data="collab_menu_support XML collab"/>'
    )
    async with switch(lead, before=menu) as (simulator, clients):
        where = simulator.pbx.dialplan.contexts["default"][0].conditions[0].actions[-3].data
        simulator.pbx.dialplan.read(lab.COLLAB.replace("127.0.0.1:8084 async full", where))
        call = await simulator.run(CALL)
        client = await next_of(clients)
        await asyncio.wait_for(client.ready.wait(), WITHIN)
        for key in "52":
            press(simulator.pbx, simulator.pbx.channels[call.id], key, info=True)
        await asyncio.wait_for(client.over.wait(), WITHIN)
    expected, actual = ran(recorded.recording("06d-")), ran(bytes(client.raw))
    for event in actual:
        if event["variable_collab_type"] == "cobrowse":
            event["variable_collab_type"] = ""  # set by this test's extension
    assert len(expected) > 5
    assert actual == expected
    kinds = [re.sub(r"\d+", "N", line) for line in replies(recorded.recording("06d-"))]
    assert [re.sub(r"\d+", "N", line) for line in replies(bytes(client.raw))] == kinds
