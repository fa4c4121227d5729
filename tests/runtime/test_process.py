"""``tandem-connector`` as a process: what an administrator sees of it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.model import CallState
from tests.runtime.ami_double import AmiDouble
from tests.runtime.server_double import ServerDouble
from tests.runtime.test_connector import CALLER, answered, command, queued

TOML = """
[pbx.hq]
kind = "asterisk"
server = "{server}"
key = "pbx-key"
port = {port}
secret = "right"
domain = "pbx.example.org"
outbox = "{folder}/outbox.db"
"""


class Process:
    """A running command and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""
        self.logged = ""

    async def ready(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            line = (await self.process.stdout.readline()).decode()
        self.printed += line
        return line

    async def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(20):
            out, err = await self.process.communicate()
            self.printed += out.decode()
            self.logged += err.decode()
            return await self.process.wait()


@asynccontextmanager
async def connector(
    folder: Path, port: int, server: str, *arguments: str
) -> AsyncIterator[Process]:
    config = folder / "tandem.toml"
    config.write_text(TOML.format(server=server, port=port, folder=folder))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors.cli", *(arguments or ("run", "hq")),
        "--config", str(config), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_when_it_is_ready_and_stops_when_told(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with (
        AmiDouble() as pbx,
        ServerDouble() as server,
        connector(tmp_path, pbx.port, server.url) as running,
    ):
        assert await running.ready() == (
            f"connected to Asterisk 22.10.1 at 127.0.0.1:{pbx.port}, reporting to {server.url}\n"
        )
        await server.until(lambda: bool(server.reports))
        assert await running.end(number) == 0
        assert "Traceback" not in running.logged
        assert running.logged.splitlines()[-1].endswith("stopping")
        for secret in ("right", "pbx-key"):
            assert secret not in running.logged


async def test_a_holder_that_is_told_to_stop_leaves_and_says_what_it_had_begun(
    tmp_path: Path,
) -> None:
    async with AmiDouble() as pbx, ServerDouble() as server:
        server.lease = {"held": True, "epoch": 1, "seconds": 6.0}
        async with connector(tmp_path, pbx.port, server.url) as running:
            await running.ready()
            pbx.push(queued())
            await server.until(lambda: "1.1" in server.calls)
            await server.send(command("done", lease=1))
            await server.until(lambda: len(server.results) == 1)
            pbx.deaf_to.add("MessageSend")
            await server.send(command("begun", lease=1))
            await pbx.until(lambda: len(pbx.asked("MessageSend")) == 2)
            assert await running.end(signal.SIGTERM) == 0
            assert [body.get("leaving", False) for body in server.reports[-2:]] == [False, True]
            assert [(r["id"], r["status"]) for r in server.reports[-1]["results"]] == [
                ("begun", "unknown")
            ]
            assert "Traceback" not in running.logged
        server.lease = {"held": False, "epoch": 6, "seconds": 0.0}
        async with connector(tmp_path, pbx.port, server.url) as again:
            await again.ready()
            seen = len(server.reports)
            await server.until(lambda: len(server.reports) > seen)
            assert await again.end(signal.SIGTERM) == 0
        assert "leaving" not in server.reports[-1], "it stood by"
        assert len(server.results) == 2, "what the server has is not said again"


async def test_after_sigkill_in_a_call_it_goes_on_and_nothing_happens_twice(
    tmp_path: Path,
) -> None:
    async with AmiDouble() as pbx, ServerDouble() as server:
        async with connector(tmp_path, pbx.port, server.url) as first:
            await first.ready()
            pbx.push(queued())
            await server.until(lambda: server.calls.get("1.1", {}).get("state") == "queued")
            await server.send(command())
            await server.until(lambda: len(server.results) == 1)
            await first.end(signal.SIGKILL)
        pbx.channels = [[*CALLER, "BridgeID: ", "Variable: COLLAB_TYPE=form"]]
        async with connector(tmp_path, pbx.port, server.url) as second:
            await second.ready()
            await server.send(command())
            await server.until(lambda: server.reports[-1]["epoch"] > server.reports[0]["epoch"])
            pbx.push(answered())
            await server.until(lambda: server.calls["1.1"]["state"] == "active")
            await second.end(signal.SIGTERM)
        assert len(pbx.asked("MessageSend")) == 1
        assert {result["status"] for result in server.results} <= {"done", "unknown"}
        states = [c["state"] for body in server.reports for c in body["calls"]]
        assert CallState.ENDED.value not in states
        assert set(server.calls) == {"1.1"}


async def test_with_nobody_there_it_goes_on_trying_and_says_so_once(tmp_path: Path) -> None:
    port = free_port()
    async with connector(tmp_path, port, f"http://127.0.0.1:{free_port()}") as running:
        pbx = AmiDouble()
        pbx.port = port
        assert running.process.stderr is not None
        lines = [(await running.process.stderr.readline()).decode() for _ in range(2)]
        await pbx.listen()
        assert (await running.ready()).startswith("connected to Asterisk 22.10.1")
        await running.end(signal.SIGTERM)
        await pbx.stop()
        logged = "".join(lines) + running.logged
        assert logged.count("nobody listens there (connection refused)") == 1
        assert logged.count("no link for commands (Connection refused)") == 1
        assert "Traceback" not in logged


async def test_check_prints_what_is_wrong_and_ends_with_status_1(tmp_path: Path) -> None:
    port = free_port()
    async with (
        ServerDouble() as server,
        connector(tmp_path, port, server.url, "check", "hq") as running,
    ):
        assert await running.end() == 1
        first, mend, second, last = running.printed.splitlines()
        assert first == (
            f"WRONG  Asterisk at 127.0.0.1:{port}: nobody listens there (connection refused)"
        )
        assert mend.startswith("       -> manager.conf [general]: enabled = yes")
        assert second == f"ok     server {server.url}: reached, and it takes this PBX's key"
        assert last == "1 wrong"
        assert running.logged == ""


async def test_check_of_a_good_pbx_ends_with_status_0(tmp_path: Path) -> None:
    async with (
        AmiDouble() as pbx,
        ServerDouble() as server,
        connector(tmp_path, pbx.port, server.url, "check", "hq") as running,
    ):
        assert await running.end() == 0, running.printed
        assert running.printed.endswith("all well\n")
