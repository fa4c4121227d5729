"""From the agent's answer on the wire to both invitations out: the agent's desk, the user's phone.

A simulated PBX in this process, server and connector in theirs, as an administrator runs them. The
clock starts with the time the PBX itself gives the event of the answer (Asterisk's AgentConnect,
CHANNEL_ANSWER of the agent's leg on FreeSWITCH); the agent's invitation is out when the desk's web
socket has the session, the user's when the PBX has been handed the SIP MESSAGE. Each call has a
telephone of its own, so a message belongs to one call.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp

from connectors.asterisk import wire as ami
from connectors.demo.processes import Child
from connectors.freeswitch import wire as esl
from connectors.simulator import Call, MemberSpec, PhoneSpec, QueueSpec, Rings, Simulator, WorldSpec
from connectors.simulator.asterisk import lab as asterisk_lab
from connectors.simulator.freeswitch import lab as freeswitch_lab
from connectors.simulator.freeswitch.simulator import PASSWORD as ESL_PASSWORD
from connectors.simulator.freeswitch.simulator import FreeSwitchSimulator
from connectors.simulator.script import HangUp, Until, Wait
from connectors.simulator.simulator import LAB, SECRET, USERNAME
from connectors.simulator.switch import SimulatedSwitch

AGENTS = 60
CALLERS = 100
TALK = 2.0
RATES = ((1.0, 20), (20.0, 300))
PASSWORD = "bench-password-1"
TIMEOUT = 20.0


@dataclass
class Times:
    """Seconds since the epoch; a caller's calls follow each other, so their order tells them."""

    connected: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """Caller -> call ids and when their agent connected."""
    messages: dict[str, list[float]] = field(default_factory=dict)
    """Caller -> when its telephone's invitations were out."""
    desk: dict[str, float] = field(default_factory=dict)
    """Call id -> when the desk had it."""

    def out(self) -> list[float]:
        """Milliseconds until the later of the two invitations, call by call."""
        return [
            (max(self.desk[call], message) - at) * 1000
            for caller, calls in self.connected.items()
            for (call, at), message in zip(calls, self.messages[caller], strict=True)
        ]


@dataclass(frozen=True)
class Kind:
    """What differs between the PBXs."""

    technology: str
    """Of an agent's telephone, as queues name it."""
    answer: str
    """The event by which an agent answers."""
    username: str
    secret: str
    make: Callable[[WorldSpec], SimulatedSwitch[Any]]
    observe: Callable[[int, Times], Coroutine[Any, Any, None]]


def world(kind: Kind) -> WorldSpec:
    agents = tuple(
        PhoneSpec(str(2001 + n), one_line=True, rings=Rings(0.05)) for n in range(AGENTS)
    )
    members = tuple(
        MemberSpec(f"{kind.technology}/{phone.name}", f"Agent {phone.name}") for phone in agents
    )
    callers = tuple(PhoneSpec(f"u{n}") for n in range(CALLERS))
    return WorldSpec(agents + callers, (QueueSpec("support", members, strategy="rrmemory"),))


def config(folder: Path, web: int, port: int, name: str) -> str:
    kind = KINDS[name]
    agents = "\n".join(
        f'"{kind.technology}/{2001 + n}" = "sip:bench@pbx.example.org"' for n in range(AGENTS)
    )
    return f"""
[server]
listen = "127.0.0.1:{web}"
url = "http://127.0.0.1:{web}"
database = "sqlite:///{folder / "tandem.db"}"
secret = "a secret of a benchmark that runs for a minute"
[pbx.bench]
kind = "{name}"
server = "http://127.0.0.1:{web}"
key = "the key of the benchmark's PBX"
host = "127.0.0.1"
port = {port}
{kind.username and f'username = "{kind.username}"'}
secret = "{kind.secret}"
domain = "pbx.example.org"
outbox = "{folder / "outbox.db"}"
[pbx.bench.agents]
{agents}
"""


async def observe_ami(port: int, times: Times) -> None:
    """Note each AgentConnect by the time Asterisk gives it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"Action: Login\r\nUsername: {LAB.name}\r\nSecret: {LAB.secret}\r\n\r\n".encode())
    frames = ami.FrameReader(["AgentConnect"])
    try:
        while data := await reader.read(65_536):
            for frame in frames.feed(data):
                if frame.event:
                    connected = frame.get("Uniqueid"), float(frame.get("Timestamp"))
                    times.connected.setdefault(frame.get("CallerIDNum"), []).append(connected)
    finally:
        writer.close()


async def observe_esl(port: int, times: Times) -> None:
    """Note each answer of an agent's leg by the time FreeSWITCH gives it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"auth {ESL_PASSWORD}\n\nevent json CHANNEL_ANSWER\n\n".encode())
    frames = esl.FrameReader(["CHANNEL_ANSWER"])
    try:
        while data := await reader.read(65_536):
            for event in filter(None, map(esl.event_of, frames.feed(data))):
                if event.get("variable_cc_side") == "agent":
                    at = int(event.get("Event-Date-Timestamp")) / 1e6
                    call = event.get("variable_cc_member_session_uuid")
                    caller = event.get("Caller-Caller-ID-Number")
                    times.connected.setdefault(caller, []).append((call, at))
    finally:
        writer.close()


KINDS = {
    "asterisk": Kind(
        "PJSIP", "AgentConnect", USERNAME, SECRET,
        lambda spec: Simulator(spec, asterisk_lab.dialplan(spec)), observe_ami,
    ),
    "freeswitch": Kind(
        "user", "the agent's CHANNEL_ANSWER", "", ESL_PASSWORD,
        lambda spec: FreeSwitchSimulator(spec, freeswitch_lab.dialplan(spec)), observe_esl,
    ),
}  # fmt: skip


async def listen(http: aiohttp.ClientSession, web: int, times: Times) -> None:
    """Note when the agent's desk has each session."""
    origin = f"http://127.0.0.1:{web}"
    async with http.ws_connect(f"{origin}/v1/desk/live", origin=origin) as desk:
        async for message in desk:
            news = message.json()
            session = news.get("session") or {}
            if news["kind"] == "session" and session["state"] == "inviting":
                times.desk.setdefault(session["call"]["id"], time.time())


async def one_call(sim: SimulatedSwitch[Any], number: int, times: Times) -> None:
    caller = f"u{number % CALLERS}"
    script = Call(
        "form-support", (Until("talking"), Wait(TALK), HangUp()), caller, display=f"C{number}"
    )
    running = asyncio.create_task(sim.run(script))
    await sim.phone(caller).next_message(TIMEOUT)
    times.messages.setdefault(caller, []).append(time.time())
    await running


async def measure(sim: SimulatedSwitch[Any], times: Times, rate: float, calls: int) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
            group.create_task(one_call(sim, number, times))


async def rows(name: str) -> list[str]:
    lines = []
    kind = KINDS[name]
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sim = await stack.enter_async_context(kind.make(world(kind)))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            web = probe.getsockname()[1]
        settings = folder / "tandem.toml"
        settings.write_text(config(folder, web, sim.port, name))
        own = ["--config", str(settings)]
        await Child("agent add", folder).run(
            ["tandem-server", "agent", "add", "bench", "--uri", "sip:bench@pbx.example.org",
             "--password-stdin", *own], PASSWORD + "\n",
        )  # fmt: skip
        for words, ready in (
            (["tandem-server", "run", *own], "listening on"),
            (["tandem-connector", "run", "bench", *own], "connected to"),
        ):
            child = Child(words[0], folder)
            stack.push_async_callback(child.stop)
            await child.start(words, ready)
        jar = aiohttp.CookieJar(unsafe=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        origin = f"http://127.0.0.1:{web}"
        login = {"username": "bench", "password": PASSWORD}
        async with http.post(f"{origin}/v1/login", json=login, headers={"Origin": origin}) as done:
            done.raise_for_status()
        for rate, calls in RATES:
            times = Times()
            watching = [
                asyncio.create_task(kind.observe(sim.port, times)),
                asyncio.create_task(listen(http, web, times)),
            ]
            try:
                await measure(sim, times, rate, calls)
            finally:
                for task in watching:
                    task.cancel()
                await asyncio.gather(*watching, return_exceptions=True)
            found = times.out()
            cuts = quantiles(found, n=100, method="inclusive")
            lines.append(
                f"{rate:>7.0f}/s{len(found):>8}{cuts[49]:>9.1f}{cuts[98]:>9.1f}{max(found):>9.1f}"
            )
    return lines


def table(name: str) -> str:
    """The table of one kind of PBX, ready to print."""
    head = f"{'calls':>9}{'calls':>8}{'p50':>9}{'p99':>9}{'max':>9}"
    title = f"{name}: {KINDS[name].answer} on the wire to both invitations out, ms"
    return "\n".join([title, "", head, *asyncio.run(rows(name))])
