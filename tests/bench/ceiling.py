"""A running connector at FreeSWITCH's own ceiling: CPU a collaboration call, and memory.

``tandem-connector run`` in a process of its own, as an administrator runs it; the FreeSWITCH that
sends it the recorded queue call a hundred times a second, and the server that takes its reports,
are doubles in this process. A call's events are spread evenly over `CALL_SECONDS`, so that about
440 calls stand at any time.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import psutil

from connectors.demo.processes import Child
from tests.bench.eslevents import Line, numbered, queue_call
from tests.freeswitch.esl_double import EslDouble
from tests.runtime.server_double import ServerDouble

RATE = 100
"""Calls a second: where FreeSWITCH's two cores were full (facts)."""
CALL_SECONDS = 4.4
TICK = 0.01
WARM_UP = 6.0
WINDOWS, WINDOW = 3, 4.0
MEMORY_RATE, MEMORY_CALLS = 400, 10_000
"""The calls that memory is looked at behind; faster than any FreeSWITCH, to save time."""
REPORTED_WITHIN = 60
"""Seconds the connector has to report the last of them."""
ALL_EVENTS = 44
"""Events of a call, were the connector sent all of them."""
LEAN = 0.4
"""Where the ceiling was found an event had 2.2 kB on average. The recorded call's have 5 kB, and so
much of each that they have 2.9; less would leave out what is read. The last row has all of it."""
YARDS = 500
"""Times a yardstick is laid on; a tenth of a second."""


def config(folder: Path, server: ServerDouble, esl: EslDouble) -> str:
    return f"""
[pbx.hq]
kind = "freeswitch"
server = "{server.url}"
key = "{server.key}"
host = "127.0.0.1"
port = {esl.port}
secret = "{esl.secret}"
domain = "pbx.example.org"
agent_endpoints = ['user/1\\d{{3}}']
outbox = "{folder / "outbox.db"}"
"""


class Load:
    """Calls that go on for ever: each tick sends every event that is due."""

    def __init__(self, lines: Sequence[Line], esl: EslDouble) -> None:
        self._lines = [line.json for line in lines]
        self._esl = esl
        self.begun = 0
        """Calls."""
        self._due: list[tuple[float, int, int]] = []
        """When, which call, which of its events."""

    async def run(self, rate: float, calls: int) -> None:
        """Begin `calls` calls at `rate` a second and see each of them to its end."""
        begin, first = time.monotonic(), self.begun
        plan = self._plan(rate, calls, first)
        while batch := next(plan, None):
            when, data = batch
            await asyncio.sleep(max(0.0, begin + when - time.monotonic()))
            self._esl.push(data)

    def _plan(self, rate: float, calls: int, first: int) -> Iterator[tuple[float, bytes]]:
        """What is sent at each tick, in seconds from the begin."""
        apart = CALL_SECONDS / len(self._lines)
        due = sorted(
            (call / rate + place * apart, first + call, place)
            for call in range(calls)
            for place in range(len(self._lines))
        )
        self.begun += calls
        tick, waiting = TICK, list[bytes]()
        for when, call, place in due:
            if when > tick:
                yield tick, b"".join(waiting)
                tick, waiting = max(tick + TICK, when), []
            waiting.append(numbered(self._lines[place], call))
        yield tick, b"".join(waiting)


async def rows() -> list[str]:
    lines = []
    for title, events, more in (
        (f"all {ALL_EVENTS} events", queue_call(ALL_EVENTS, LEAN), 0),
        ("as subscribed", queue_call(size=LEAN), MEMORY_CALLS),
        ("all variables", queue_call(), 0),
    ):
        async with AsyncExitStack() as stack:
            lines.append(await _row(stack, title, events, more))
    return lines


async def _row(stack: AsyncExitStack, title: str, events: Sequence[Line], more: int) -> str:
    """`more` calls are behind the measured ones, for the memory."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    server = await stack.enter_async_context(ServerDouble())
    esl = await stack.enter_async_context(EslDouble())
    esl.answers |= {"show": '{"row_count":0}', "callcenter_config": "+OK\n"}
    settings = folder / "tandem.toml"
    settings.write_text(config(folder, server, esl))
    yard = yardstick()
    connector = Child("connector", folder)
    stack.push_async_callback(connector.stop)
    await connector.start(
        ["tandem-connector", "run", "hq", "--config", str(settings)], "connected to"
    )
    (process,) = psutil.Process().children()
    at_start = process.memory_info().rss
    load = Load(events, esl)
    seconds = WARM_UP + WINDOWS * WINDOW
    calling = asyncio.create_task(load.run(RATE, round(RATE * seconds)))
    await asyncio.sleep(WARM_UP)
    cores = [await _cores(process, WINDOW) for _ in range(WINDOWS)]
    await calling
    standing_gone = process.memory_info().rss
    await load.run(MEMORY_RATE, more)
    at_end = f"{process.memory_info().rss / 2**20:.1f}" if more else "-"
    await _all_reported(server, load.begun)
    core = median(cores)
    call = core / RATE * 1e6
    return (
        f"{title:<16}{len(events) * RATE:>9}{core:>8.3f}{min(cores):>8.3f}{max(cores):>8.3f}"
        f"{call:>9.0f}{call / yard:>7.2f}{at_start / 2**20:>8.1f}{standing_gone / 2**20:>8.1f}"
        f"{at_end:>8}"
    )


def yardstick() -> float:
    """µs of CPU that Python's json takes right now for the events of a recorded call: how fast the
    machine is. Its neighbours change that by half from hour to hour, and all figures with it;
    those in yards stay."""
    bodies = [line.json.partition(b"\n\n")[2] for line in queue_call(size=LEAN)]
    begin = time.process_time()
    for _ in range(YARDS):
        for body in bodies:
            json.loads(body)
    return (time.process_time() - begin) / YARDS * 1e6


async def _all_reported(server: ServerDouble, calls: int) -> None:
    """Wait until every call was reported as ended; else the figures were of something else."""
    ended = 0
    for _ in range(REPORTED_WITHIN):
        ended = sum(call["state"] == "ended" for call in server.calls.values())
        if ended == calls:
            return
        await asyncio.sleep(1.0)
    raise RuntimeError(f"of {calls} calls {ended} are reported as ended")


async def _cores(process: psutil.Process, seconds: float) -> float:
    """Cores a process uses, user and system time."""
    before, begin = process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after, end = process.cpu_times(), time.monotonic()
    used = after.user + after.system - before.user - before.system
    return float(used) / (end - begin)


def table() -> str:
    """The table, ready to print."""
    title = (
        f"A running connector at {RATE} collaboration calls a second\n"
        "(a yard: what Python's json takes here and now for the events of one)"
    )
    head = (
        f"{'events of a call':<16}{'events/s':>9}{'cores':>8}{'least':>8}{'most':>8}"
        f"{'µs/call':>9}{'yards':>7}{'MB':>8}{'later':>8}{f'+{MEMORY_CALLS}':>8}"
    )
    return "\n".join([title, "", head, *asyncio.run(rows())])
