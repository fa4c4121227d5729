"""Clients of the ESL feeder, each in a process of its own: events read and CPU seconds they took.

``python -m tests.bench.eslreaders NAME PORT`` prints ``<events> <cpu seconds>``: user and system
time of all threads, from behind the log-in to the last event. ``<events>`` are those that
reached the reader's own end.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.eslfeeder import OVER

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0

Reader = Callable[[int], tuple[int, float]]
"""From a port to events and CPU seconds."""


def tandem() -> Reader:
    """Our driver's connection, decoder and core: what the connector does with an event."""
    import uvloop

    from connectors.application import Application, CoreSettings
    from connectors.freeswitch.connection import Esl
    from connectors.freeswitch.events import Decoder
    from connectors.freeswitch.wire import Event
    from connectors.settings import PbxSettings

    async def read(port: int) -> tuple[int, float]:
        settings = PbxSettings.model_validate(
            {
                "name": "bench", "kind": "freeswitch", "server": "http://127.0.0.1:1", "key": "k",
                "host": "127.0.0.1", "port": port, "secret": "s", "outbox": "unused",
                "domain": "bench.example", "agent_endpoints": [r"user/1\d{3}"],
            }
        )  # fmt: skip
        decoder = Decoder()
        app = Application(CoreSettings("bench.example", {}, settings.agent_endpoints))
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seen = 0

        def on_event(event: Event) -> None:
            nonlocal seen
            seen += 1
            if event.name == OVER:
                over.set_result(None)
                return
            now = time.time()
            for said in decoder.decode(event):
                app.handle(said, now)

        esl = await Esl.connect(settings, on_event)
        started = time.process_time()
        ends: set[asyncio.Future[Any]] = {over, esl.ended}
        await asyncio.wait(ends, timeout=TIMEOUT, return_when="FIRST_COMPLETED")
        if not over.done() or decoder.refused or esl.broken_events:
            raise SystemExit(f"ended early or broken: {esl.ended} {decoder.last_refusal}")
        seconds = time.process_time() - started
        await esl.close()
        return seen, seconds

    return lambda port: uvloop.run(read(port))


def greenswitch() -> Reader:
    """greenswitch as it comes, in the format it can read, one handler for the events."""
    import gevent
    import gevent.event
    from greenswitch import InboundESL

    def read(port: int) -> tuple[int, float]:
        over = gevent.event.Event()
        seen = 0

        def on_event(event: object) -> None:
            nonlocal seen
            seen += 1
            if event.headers["Event-Name"] == OVER:  # type: ignore[attr-defined]
                over.set()

        esl = InboundESL("127.0.0.1", port, "s")
        esl.register_handle("*", on_event)
        esl.connect()
        started = time.process_time()
        esl.send("event plain all")
        if not over.wait(TIMEOUT):
            raise SystemExit("greenswitch did not come to the end")
        return seen, time.process_time() - started

    return read


def bare() -> Reader:
    """asyncio's own stream reader and json's parser, and nothing done with an event."""
    import json

    from connectors.freeswitch.events import FILTERS

    asks = "\n\n".join(("auth s", "event json all", *FILTERS, ""))

    async def read(port: int) -> tuple[int, float]:
        started = time.process_time()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(asks.encode())
        seen = 0
        async with asyncio.timeout(TIMEOUT):
            while True:
                head = dict(
                    line.split(b": ", 1)
                    for line in (await reader.readuntil(b"\n\n")).split(b"\n")
                    if b": " in line
                )
                if length := int(head.get(b"Content-Length", 0)):
                    event = json.loads(await reader.readexactly(length))
                    seen += 1
                    if event["Event-Name"] == OVER:
                        break
        seconds = time.process_time() - started
        writer.close()
        return seen, seconds

    return lambda port: asyncio.run(read(port))


def main() -> None:
    read = {"tandem": tandem, "greenswitch": greenswitch, "bare": bare}[sys.argv[1]]()
    print(*read(int(sys.argv[2])))


if __name__ == "__main__":
    main()
