"""The whole server with its database, killed in the middle of a sentence."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from .yclient import YClient, clocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT = 30
KEY = "a-key-for-this-test-0123456789"


class Server:
    """`tandem-server run` in a process of its own."""

    def __init__(self, folder: Path, kind: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        self.config = folder / "tandem.toml"
        self.config.write_text(
            f'[server]\nlisten = "{self.host}"\nurl = "http://{self.host}"\n'
            f'database = "sqlite:///{folder}/tandem.db"\nsecret = "{"0123456789abcdef" * 3}"\n'
            f'[server.api_keys]\ncrm = "{KEY}"\n'
        )
        self.kind = kind
        self.log = folder / "log"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from collab_server.cli import main; main()",
                 "run", "--config", str(self.config)],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.config.parent,
                env={"TANDEM_REALTIME": self.kind, "PATH": ""},
            )  # fmt: skip
        assert self.process.stdout is not None
        assert "listening" in self.process.stdout.readline(), self.log.read_text()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=WAIT)
            self.process = None

    def terminate(self) -> int:
        assert self.process is not None
        process, self.process = self.process, None
        process.terminate()
        process.communicate(timeout=WAIT)
        return process.returncode

    def post(self, path: str, body: Any, key: str | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(
            f"http://{self.host}{path}", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=WAIT) as response:  # noqa: S310
            return json.loads(response.read())  # type: ignore[no-any-return]


@pytest.fixture
def server(tmp_path: Path, kind: str) -> Iterator[Server]:
    server = Server(tmp_path, kind)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def joined(server: Server, url: str, **more: Any) -> YClient:
    """Exchange a join link for the socket it leads to."""
    sync = server.post("/v1/join", {"token": url.partition("#")[2]})["sync"]
    return YClient(sync["url"], sync["room"], sync["token"], **more)


async def test_no_acknowledged_line_is_lost_when_the_server_is_killed(server: Server) -> None:
    session = server.post(
        "/v1/sessions",
        {
            "type": "chat",
            "user_uri": "sip:ann@example.org",
            "agent_uri": "sip:wang@example.org",
            "initiator": "user",
        },
        KEY,
    )
    ann = joined(server, session["user"]["join_url"])
    wang = joined(server, session["agent"]["join_url"])
    await ann.open()
    await wang.open()
    await ann.until_synced()
    for n in range(40):
        await ann.say(f"line {n}")
    await ann.until(lambda: sum(clocks(ann.stored).values()) >= 20)
    for n in range(40, 50):
        await ann.say(f"line {n}")
    server.kill()
    await ann.until_closed()
    await wang.until_closed()
    acknowledged = sum(clocks(ann.stored).values())
    server.start()
    await wang.open()
    await wang.until_synced()
    async with YClient(f"ws://{server.host}/v1/sync", session["id"], "", by_query=True) as nobody:
        assert await nobody.until_closed() == 4401
    async with wang.sibling() as fresh:
        await fresh.until_synced()
        assert fresh.lines[:acknowledged] == [f"line {n}" for n in range(acknowledged)]
        await ann.open()
        await fresh.until(lambda: fresh.lines == [f"line {n}" for n in range(50)])
        await ann.until_stored()
    await asyncio.to_thread(server.terminate)
    assert "Traceback" not in server.log.read_text()
    assert await ann.until_closed() in (1006, 1012)


async def test_a_stopped_server_ends_well_and_says_so_to_its_pages(server: Server) -> None:
    session = server.post(
        "/v1/sessions",
        {
            "type": "chat",
            "user_uri": "sip:ann@example.org",
            "agent_uri": "sip:wang@example.org",
            "initiator": "user",
        },
        KEY,
    )
    async with joined(server, session["user"]["join_url"]) as ann:
        await ann.say("just before")
        await ann.until_stored()
        stopping = asyncio.create_task(asyncio.to_thread(server.terminate))
        assert await ann.until_closed() == 1012
        assert await stopping == 0
