"""Clients of the feeder, each in a process of its own: events read and CPU seconds they took.

``python -m tests.bench.readers NAME PORT`` prints ``<events wanted> <cpu seconds>``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

TIMEOUT = 120.0


Reader = Callable[[int], Coroutine[Any, Any, int]]


def tandem() -> Reader:
    """Our driver's connection, decoder and core: what the connector does with an event."""
    from connectors.application import Application, CoreSettings
    from connectors.asterisk.connection import Ami
    from connectors.asterisk.events import Decoder
    from connectors.asterisk.wire import Frame
    from connectors.settings import PbxSettings

    async def read(port: int) -> int:
        settings = PbxSettings.model_validate(
            {
                "name": "bench", "kind": "asterisk", "server": "http://127.0.0.1:1", "key": "k",
                "host": "127.0.0.1", "port": port, "username": "u", "secret": "s",
                "outbox": "unused", "domain": "bench.example",
                "agent_endpoints": [r"PJSIP/agent\d+"],
            }
        )  # fmt: skip
        decoder = Decoder()
        app = Application(CoreSettings("bench.example", {}, settings.agent_endpoints))
        over = asyncio.Event()
        seen = 0

        def on_event(frame: Frame) -> None:
            nonlocal seen
            seen += 1
            if frame.headers.get("UserEvent") == "BenchOver":
                over.set()
            elif frame.event in ("FullyBooted", "Shutdown"):
                pass
            else:
                now = time.time()
                for event in decoder.decode(frame):
                    app.handle(event, now)

        ami = await Ami.connect(settings, on_event)
        await asyncio.wait_for(over.wait(), TIMEOUT)
        await ami.close()
        return seen

    return read


def panoramisk() -> Reader:
    """panoramisk as it comes, one callback for the events."""
    from panoramisk import Manager

    async def read(port: int) -> int:
        manager = Manager(
            loop=asyncio.get_running_loop(), host="127.0.0.1", port=port, username="u", secret="s"
        )
        over = asyncio.Event()
        seen = 0

        def on_event(_manager: object, event: dict[str, str]) -> None:
            nonlocal seen
            seen += 1
            if event.get("UserEvent") == "BenchOver":
                over.set()

        manager.register_event("*", on_event)
        await manager.connect()
        await asyncio.wait_for(over.wait(), TIMEOUT)
        manager.close()
        return seen

    return read


def bare() -> Reader:
    """asyncio's own stream reader, each event to a dict, and nothing done with it."""

    async def read(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(b"Action: Login\r\nActionID: 1\r\nUsername: u\r\nSecret: s\r\n\r\n")
        await reader.readline()
        seen = 0
        async with asyncio.timeout(TIMEOUT):
            while True:
                frame = await reader.readuntil(b"\r\n\r\n")
                event = dict(
                    line.split(": ", 1) for line in frame.decode().split("\r\n") if ": " in line
                )
                seen += 1
                if event.get("UserEvent") == "BenchOver":
                    break
        writer.close()
        return seen

    return read


def main() -> None:
    read = {"tandem": tandem, "panoramisk": panoramisk, "bare": bare}[sys.argv[1]]()
    started = time.process_time()
    seen = asyncio.run(read(int(sys.argv[2])))
    print(seen, time.process_time() - started)


if __name__ == "__main__":
    main()
