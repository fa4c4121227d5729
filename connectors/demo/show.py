"""The demo itself: a server, and for each PBX a connector and a call, with the links it gives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from connectors.demo import LabError, Progress
from connectors.demo.pbxs import DemoPbx
from connectors.demo.processes import Child

PBX_NAME = "demo"
"""What a PBX is called that is alone; of several each has the name it was chosen by."""
DOMAIN = "example.org"
DEFAULT_PORT = 8080
SESSION_WITHIN = 20.0
AGENT_NAME = "Robin Meyer"
"""What the caller reads in place of a number."""


@dataclass(frozen=True, slots=True)
class Links:
    """What a person opens, each without a password but for the desk."""

    caller: str
    """The join link that arrived at the caller's telephone."""
    agent: str
    """The agent's join link."""
    desk: str
    username: str
    password: str
    trace: str
    """The page that says what became of each call; the desk's log-in opens it."""
    session: str
    """The session's id."""
    api: str
    """The server, for programs."""
    api_key: str


def as_json(links: Mapping[str, Links]) -> str:
    """One line: the links of the one PBX, or of each by its name."""
    values = {name: asdict(each) for name, each in links.items()}
    return json.dumps(next(iter(values.values())) if len(values) == 1 else values)


class Side:
    """A PBX, its connector's name and key, and the agent who works there."""

    def __init__(self, pbx: DemoPbx, name: str = "") -> None:
        """`name`: among several; empty when it is alone."""
        self.pbx = pbx
        self.name = name or PBX_NAME
        self.domain = f"{name or 'pbx'}.{DOMAIN}"
        self.key = secrets.token_urlsafe(24)
        self.username = f"agent-{name}" if name else "agent"
        self.password = secrets.token_urlsafe(9)

    def settings(self, server: str, folder: Path) -> str:
        """Its table of tandem.toml."""
        return f"""
[pbx.{self.name}]
kind = "{self.pbx.kind}"
server = "{server}"
key = "{self.key}"
host = "127.0.0.1"
port = {self.pbx.port}
username = "{self.pbx.username}"
secret = "{self.pbx.secret}"
domain = "{self.domain}"
agent_endpoints = ['{self.pbx.agents}']
outbox = "{folder / f"{self.name}-outbox.db"}"
"""


class Demo:
    """Everything the demo starts. Entered it stands, left it is gone, folder and all."""

    def __init__(self, pbxs: Mapping[str, DemoPbx], port: int | None, progress: Progress) -> None:
        self._sides = [Side(pbx, name if len(pbxs) > 1 else "") for name, pbx in pbxs.items()]
        self._wanted_port = port
        self._progress = progress
        self._stack = contextlib.AsyncExitStack()
        self._api_key = secrets.token_urlsafe(24)
        self._url = ""
        self._known: set[str] = set()
        self._children: list[Child] = []

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-demo-")))
            port = _port(self._wanted_port, self._progress)
            for side in self._sides:
                self._progress(f"starting {side.pbx.title}")
                await stack.enter_async_context(side.pbx)
            config = folder / "tandem.toml"
            config.touch(mode=0o600)
            self._configure(config, port)
            self._progress("starting the collaboration server")
            for side in self._sides:
                await self._agent(side, config, folder)
            await self._server(stack, config)
            for side in self._sides:
                self._progress(f"starting the connector{self._of(side)}")
                await self._child(
                    stack,
                    folder,
                    ["tandem-connector", "run", side.name, "--config", str(config)],
                    "connected to",
                )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._progress("stopping")
        await self._stack.aclose()

    async def call(self) -> dict[str, Links]:
        """Places a call on each PBX, waits until its session stands, gives the links by PBX."""
        return {side.name: await self._call(side) for side in self._sides}

    async def _call(self, side: Side) -> Links:
        self._progress(f"a caller calls the queue{self._of(side)}")
        await side.pbx.place()
        self._progress("an agent has answered; waiting for the invitation")
        caller = await side.pbx.link()
        session = await self._session(side)
        return Links(
            caller=caller,
            agent=session["agent"]["join_url"],
            desk=f"{self._url}/desk",
            username=side.username,
            password=side.password,
            trace=f"{self._url}/setup",
            session=session["id"],
            api=self._url,
            api_key=self._api_key,
        )

    def _of(self, side: Side) -> str:
        """Which PBX a line is about, where there are several."""
        return f" of {side.pbx.title}" if len(self._sides) > 1 else ""

    async def hang_up(self) -> None:
        """Ends the calls that stand."""
        for side in self._sides:
            await side.pbx.hang_up()

    async def over(self) -> None:
        """Waits until all calls are over; LabError when a part of the demo ended instead."""
        over = asyncio.create_task(self._ended())
        waits = [over, *(asyncio.create_task(_wait(child.ended)) for child in self._children)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for child in self._children:
            if child.ended.is_set():
                raise LabError(f"{child.name} has ended: {child.last_words()}")
        over.result()

    async def _ended(self) -> None:
        for side in self._sides:
            await side.pbx.ended()

    async def _child(
        self, stack: contextlib.AsyncExitStack, folder: Path, words: list[str], ready: str
    ) -> None:
        child = Child(words[0], folder)
        stack.push_async_callback(child.stop)
        self._children.append(child)
        await child.start(words, ready)

    async def _server(self, stack: contextlib.AsyncExitStack, config: Path) -> None:
        """The collaboration server; elsewhere if another demo has taken the port meanwhile."""
        words = ["tandem-server", "run", "--config", str(config)]
        try:
            await self._child(stack, config.parent, words, "listening on")
        except LabError as error:
            if self._wanted_port or "already in use" not in str(error):
                raise
            self._children.pop()
            self._configure(config, _port(None, self._progress))
            await self._child(stack, config.parent, words, "listening on")

    def _configure(self, config: Path, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        config.write_text(self._settings(port, config.parent))

    async def _agent(self, side: Side, config: Path, folder: Path) -> None:
        uri = f"sip:{side.pbx.agent}@{side.domain}"
        words = ["tandem-server", "agent", "add", side.username, "--uri", uri]
        words += ["--display-name", AGENT_NAME]
        words += ["--admin", "--password-stdin", "--config", str(config)]
        await Child("tandem-server agent add", folder).run(words, side.password + "\n")

    async def _session(self, side: Side) -> dict[str, Any]:
        """The newest session of a PBX, once both its links are there."""
        headers = {"Authorization": f"Bearer {self._api_key}"}
        try:
            async with (
                asyncio.timeout(SESSION_WITHIN),
                aiohttp.ClientSession(self._url, headers=headers) as http,
            ):
                while True:
                    async with http.get("/v1/sessions") as answer:
                        if answer.status != 200:
                            raise LabError(f"the server says {answer.status} to GET /v1/sessions")
                        items = (await answer.json())["items"]
                    for item in items:
                        ours = (item["call"] or {}).get("pbx") == side.name
                        new = ours and item["id"] not in self._known
                        if new and (item["agent"] or {}).get("join_url"):
                            self._known.add(item["id"])
                            return dict(item)
                    # The invitation left the server a moment ago: this is about milliseconds.
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise LabError(f"no session after {SESSION_WITHIN:.0f} s; {self._url}/setup") from None
        except aiohttp.ClientError as error:
            raise LabError(f"the server does not answer: {error}") from error

    def _settings(self, port: int, folder: Path) -> str:
        return f"""
[server]
listen = "127.0.0.1:{port}"
url = "{self._url}"
database = "sqlite:///{folder / "tandem.db"}"
secret = "{secrets.token_urlsafe(48)}"
[server.api_keys]
demo = "{self._api_key}"
{"".join(side.settings(self._url, folder) for side in self._sides)}
"""


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _port(wanted: int | None, progress: Progress) -> int:
    """A port nobody serves: the one wanted, or 8080, or any when that is taken."""
    for port in (wanted,) if wanted else (DEFAULT_PORT, 0):
        with socket.socket() as probe:
            # As servers do: a port whose last user has just gone is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if wanted:
                    raise LabError(
                        f"port {wanted} cannot be used ({error.strerror}): choose another with "
                        f"--port, or leave it out"
                    ) from error
                progress(f"port {port} is taken, using another")
                continue
            found: int = probe.getsockname()[1]
            return found
    raise LabError("no free port on 127.0.0.1")
