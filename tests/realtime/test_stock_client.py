"""The stock client of the web pages, y-websocket in Node, against the port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .fake import FakeBackend, RunningPort
from .test_sync import agent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .conftest import StartPort

WEB = Path(__file__).parents[2] / "collab_server" / "web"
PROGRAM = Path(__file__).with_name("stock.cjs")
WAIT = 20.0


@pytest.fixture(scope="module")
def node() -> list[str]:
    """The command of a Node that knows web sockets, with the pages' packages installed."""
    sys.path.insert(0, str(WEB))
    try:
        import build  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(WEB))
    found = build.find_node()
    assert found is not None, build.missing_requirements()
    if not (WEB / "node_modules" / "y-websocket").is_dir():
        build.build(tests=True)
    command = [str(found.folder / "node")]
    for extra in ([], ["--experimental-websocket"]):
        probe = [*command, *extra, "-p", "typeof WebSocket"]
        answer = subprocess.run(probe, capture_output=True, text=True, timeout=30, check=False)
        if answer.stdout.strip() == "function":
            return [*command, *extra]
    raise AssertionError("this Node has no web sockets")


class Stock:
    """A running stock client."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    async def tell(self, **what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        await self.process.stdin.drain()

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Read on until it says something that fits."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WAIT):
            while True:
                line = await self.process.stdout.readline()
                assert line, f"it ended after {self.said}"
                self.said.append(json.loads(line))
                if condition(self.said[-1]):
                    return

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [what for what in self.said if "error" in what]


@contextlib.asynccontextmanager
async def stock(
    node: list[str], port: RunningPort, token: str, name: str, how: str = "protocols"
) -> AsyncIterator[Stock]:
    process = await asyncio.create_subprocess_exec(
        *node, str(PROGRAM), str(WEB), port.sync, "s1", token, name, how,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    client = Stock(process)
    try:
        yield client
        await client.tell(quit=True)
        await asyncio.wait_for(process.wait(), WAIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_two_stock_clients_converge_and_see_each_other(
    node: list[str], port: RunningPort
) -> None:
    async with stock(node, port, "user.ann", "Ann") as ann:
        async with stock(node, port, "agent.wang", "Wang", "query") as wang:
            await ann.until(lambda said: said.get("people") == ["Wang"])
            await wang.until(lambda said: said.get("people") == ["Ann"])
            await ann.tell(text="hello")
            await wang.until(lambda said: said.get("lines") == ["hello"])
            await wang.tell(text="你好")
            await ann.until(lambda said: said.get("lines") == ["hello", "你好"])
            assert (ann.errors, wang.errors) == ([], [])
        await ann.until(lambda said: said.get("people") == [])


async def test_a_stock_client_and_one_that_knows_our_messages_share_a_session(
    node: list[str], port: RunningPort
) -> None:
    async with stock(node, port, "user.ann", "Ann") as ann, agent(port) as wang:
        await wang.be({"name": "Wang"})
        await ann.until(lambda said: said.get("people") == ["Wang"])
        await wang.send(b"\x65mirror")
        await wang.say("hello")
        await wang.until_stored()
        await ann.until(lambda said: said.get("lines") == ["hello"])
        assert ann.errors == []


async def test_a_stock_client_finds_a_restarted_server_and_loses_no_line(
    node: list[str], kind: Any, start: StartPort
) -> None:
    backend = FakeBackend()
    first = start(backend)
    async with stock(node, first, "user.ann", "Ann") as ann, agent(first) as wang:
        await ann.until(lambda said: said.get("synced") is True)
        await ann.tell(text="before")
        await wang.until(lambda: wang.lines == ["before"])
        await wang.until_stored()
        await asyncio.to_thread(first.stop)
        await ann.until(lambda said: said.get("closed") == 1012)
        await ann.tell(text="while away")
        with RunningPort(backend, kind, first.limits, listen=first.host) as second:
            async with agent(second) as again:
                await again.until(lambda: again.lines == ["before", "while away"])
                await again.until(lambda: {"name": "Ann"} in again.others.values())
                await again.say("after")
                await ann.until(lambda said: said.get("lines", [])[-1:] == ["after"])


async def test_a_stock_client_that_is_refused_learns_why(
    node: list[str], port: RunningPort
) -> None:
    async with stock(node, port, "nonsense", "Mallory") as mallory:
        await mallory.until(lambda said: said.get("closed") == 4401)
        port.hub.close_session("s1", None, None, 4410)
    async with stock(node, port, "user.ann", "Ann") as ann:
        await ann.until(lambda said: said.get("synced") is True)
        port.hub.close_session("s1", "user", "ann", 4409)
        await ann.until(lambda said: said.get("closed") == 4409)
