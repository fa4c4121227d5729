"""A Tandem beside a PBX: its settings, its programs, and what its API says of a call."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from connectors.demo.asterisk import free_ports
from tests.e2e.programs import Program, run_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from connectors.demo.ami import Ami, Event
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Call, Phone, Phones

DOMAIN = "pbx.example.org"
API_KEY = "api-key-of-the-end-to-end-tests"
PBX_KEY = "pbx-key-of-the-end-to-end-tests"
PASSWORD = "correct horse battery"
WITHIN = 10.0
"""Seconds until what has happened on the PBX stands on the server, at most."""
LOOK_AGAIN = 0.05
"""Seconds between two looks at an API that cannot say when something changes."""


def uri(name: str) -> str:
    """The address of an endpoint's agent, or of a caller with that number."""
    return f"sip:{name}@{DOMAIN}"


def settings(
    folder: Path,
    port: int,
    ami_port: int,
    ami_secret: str,
    trust: Sequence[str] = (r"PJSIP/trunk",),
) -> str:
    """tandem.toml for server and connector `lab`."""
    return f"""
[server]
listen = "127.0.0.1:{port}"
url = "http://127.0.0.1:{port}"
database = "sqlite:///{folder / "tandem.db"}"
secret = "secret-of-the-end-to-end-tests-0123456789"
[server.api_keys]
tests = "{API_KEY}"
[pbx.lab]
kind = "asterisk"
server = "http://127.0.0.1:{port}"
key = "{PBX_KEY}"
host = "127.0.0.1"
port = {ami_port}
username = "tandem"
secret = "{ami_secret}"
domain = "{DOMAIN}"
agent_endpoints = ['PJSIP/agent\\d+']
trust_headers = {list(trust)}
outbox = "{folder / "outbox.db"}"
[pbx.lab.agents]
"PJSIP/agent1b" = "{uri("agent1")}"
"""


@dataclass
class Placed:
    """A call that was placed, and the id Asterisk gave its caller's channel."""

    phone: Call
    id: str
    channel: str
    since: int
    """Index of the observer's messages from which on it was placed."""


class Running:
    """Server and connector in processes of their own, and what the API says of their PBX."""

    def __init__(self, folder: Path, text: Callable[[int], str], name: str = "lab") -> None:
        """`text` gives tandem.toml for the port that the server is to take, `name` is the PBX's."""
        (port,) = free_ports(1, socket.SOCK_STREAM)
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.config = folder / "tandem.toml"
        self.config.write_text(text(port))
        self.server = Program(
            folder, ["tandem-server", "run", "--config", str(self.config)], "listening on"
        )
        self.name = name
        self.connector = self.connector_to(name)
        self.http: aiohttp.ClientSession

    def connector_to(self, name: str) -> Program:
        """The connector to a PBX of the settings, not started."""
        words = ["tandem-connector", "run", name, "--config", str(self.config)]
        return Program(self.folder, words, "connected to")

    @property
    def programs(self) -> list[Program]:
        """In the order they are started."""
        return [self.server, self.connector]

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {API_KEY}"})
        try:
            for each in self.programs:
                await each.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in reversed(self.programs):
            await each.stop()
        await self.http.close()
        for each in self.programs:
            assert not [line for line in each.lines if "Traceback" in line], each.said()

    async def add_agent(self, name: str, *, admin: bool = False) -> None:
        """Let an agent log in at the desk with PASSWORD."""
        words = ["tandem-server", "agent", "add", name, "--uri", uri(name), "--password-stdin"]
        words += ["--config", str(self.config)] + (["--admin"] if admin else [])
        status, output = await run_once(self.folder, words, PASSWORD + "\n")
        assert status == 0, output

    # --- the API -----------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        async with self.http.get(path) as answer:
            text = await answer.text()
            assert answer.status == 200, f"GET {path}: {answer.status} {text}"
            return await answer.json()

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        """POST as a browser without cookies does; gives the status and the JSON."""
        async with (
            aiohttp.ClientSession(self.url) as http,
            http.post(path, json=body) as answer,
        ):
            return answer.status, await answer.json()

    async def all(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page after page."""
        found: list[dict[str, Any]] = []
        following: str | None = path
        while following is not None:
            page = await self.get(following)
            found += page["items"]
            following = page["next"]
        return found

    async def sessions(self, call: str | None = None) -> list[dict[str, Any]]:
        """All sessions, or those of a call, oldest first."""
        return (await self.all("/v1/sessions" + (f"?call_id={call}" if call else "")))[::-1]

    async def session(
        self, call: str, within: float = WITHIN, agent: str | None = None, **wanted: Any
    ) -> dict[str, Any]:
        """The one session of a call, once its members are as `wanted` and `agent` has it."""

        async def look() -> tuple[bool, Any]:
            found = await self.sessions(call)
            assert len(found) <= 1, found
            session = found[0] if found else {}
            has = (session.get("agent") or {}).get("uri")
            good = bool(session) and all(session[key] == value for key, value in wanted.items())
            return good and (agent is None or has == agent), session

        return dict(await until(look, f"session of {call} with {wanted} {agent or ''}", within))

    async def agents(self, session: str) -> list[str]:
        """Whoever had the session, in order."""
        events = await self.all(f"/v1/sessions/{session}/events?limit=200")
        return [event["new"] for event in events if event["kind"] == "agent"]

    async def call(self, call: str, within: float = WITHIN, **wanted: Any) -> dict[str, Any]:
        """What the server has of a call, once its members are as `wanted`."""

        async def look() -> tuple[bool, Any]:
            async with self.http.get(f"/v1/calls/{self.name}/{call}/trace") as answer:
                if answer.status == 404:
                    return False, {}
                found = (await answer.json())["call"]
            return all(found[key] == value for key, value in wanted.items()), found

        return dict(await until(look, f"call {call} with {wanted}", within))

    async def trace(self, call: str) -> dict[str, Any]:
        """The call's trace."""
        return dict(await self.get(f"/v1/calls/{self.name}/{call}/trace"))

    async def told(self, call: str, *words: str, within: float = WITHIN) -> str:
        """The trace as text, once its lines hold these words in this order."""

        async def look() -> tuple[bool, Any]:
            items = (await self.trace(call))["items"]
            text = "\n".join(f"{item['stage']}: {item['text']}" for item in items)
            at = 0
            for word in words:
                at = text.find(word, at)
                if at < 0:
                    return False, f"{word!r} is missing or out of place in\n{text}"
                at += len(word)
            return True, text

        return str(await until(look, f"trace of {call}", within))

    async def ended(
        self, call: str, reason: str, user: str, agents: Sequence[str], kind: str = "form"
    ) -> dict[str, Any]:
        """The one session of a call that is over, which must be the right one."""
        session = await self.session(call, state="ended")
        assert session["reason"] == reason, session
        assert session["user"]["uri"] == user, session
        assert session["type"] == kind, session
        assert await self.agents(session["id"]) == list(agents)
        assert (await self.call(call, state="ended"))["session"] == session["id"]
        return session


def invitation_in(join_url: str) -> str:
    """How every link of a join URL's invitation begins; a SIP MESSAGE carries one of its own.

    It names invitation and session in front, signed and in the open.
    """
    address, _, token = join_url.partition("#")
    return f"{address}#{token[:56]}"


async def arrived(phone: Phone, session: Mapping[str, Any]) -> str:
    """Wait for the user's join link of a session at a telephone; gives the link.

    Asterisk goes on sending to a telephone that is off the line, so that a message of a call
    before may come first.
    """
    assert session["user"]["join_url"] is not None, session
    wanted = invitation_in(session["user"]["join_url"])
    while wanted not in (text := await phone.message()):
        assert "/join#" in text, text
    found = re.search(r"https?://\S+", text)
    assert found is not None
    return found[0]


async def until(
    look: Callable[[], Any], what: str, within: float = WITHIN, again: float = LOOK_AGAIN
) -> Any:
    """Look until the first of the pair `look` gives is true; gives the second."""
    deadline = time.monotonic() + within
    while True:
        good, value = await look()
        if good:
            return value
        assert time.monotonic() < deadline, f"not within {within} s: {what}; last {value}"
        await asyncio.sleep(again)


class Tandem(Running):
    """Server and connector beside an Asterisk of the laboratory."""

    def __init__(
        self,
        pbx: Asterisk,
        folder: Path,
        trust: Sequence[str] = (r"PJSIP/trunk",),
        more: str = "",
    ) -> None:
        """`more` is what its settings have besides."""
        self.pbx = pbx
        ami, secret = pbx.ami_port, pbx.secrets["tandem"]
        super().__init__(folder, lambda port: settings(folder, port, ami, secret, trust) + more)


@dataclass
class Watcher:
    """An AMI connection of our own that knows nothing of Tandem: what really happened."""

    ami: Ami

    async def place(
        self,
        phones: Phones,
        name: str,
        extension: str,
        *,
        headers: Mapping[str, str] | None = None,
        display: bytes = b"",
        lines: bytes = b"",
    ) -> Placed:
        """Have a telephone call an extension, and learn the id of its channel."""
        since = len(self.ami.messages)
        call = await phones.call(name, extension, headers=headers, display=display, lines=lines)
        up = await self.ami.wait(
            lambda m: (
                m.get("Event") == "Newchannel"
                and m["Channel"].startswith(f"PJSIP/{name}-")
                and m["Exten"] == extension
            ),
            start=since,
        )
        return Placed(call, up["Uniqueid"], up["Channel"], since)

    async def in_bridge(self, endpoint: str, since: int, within: float = WITHIN) -> float:
        """Wait until a telephone is in a bridge; the time it was seen, seconds since the epoch."""
        await self.ami.wait(
            lambda m: (
                m.get("Event") == "BridgeEnter" and m["Channel"].startswith(f"PJSIP/{endpoint}-")
            ),
            within,
            since,
        )
        return time.time()

    async def in_bridge_with(self, call: Placed, endpoint: str, within: float = WITHIN) -> float:
        """Wait until a telephone shares a bridge with the caller; the time it was seen."""
        inside: dict[str, str] = {}

        def together(message: Event) -> bool:
            if message.get("Event") == "BridgeEnter":
                inside[message["Channel"]] = message["BridgeUniqueid"]
            elif message.get("Event") == "BridgeLeave":
                left = inside.get(message["Channel"]) == message["BridgeUniqueid"]
                inside.pop(message["Channel"] if left else "", None)
            return any(
                bridge == inside.get(call.channel)
                for channel, bridge in inside.items()
                if channel.startswith(f"PJSIP/{endpoint}-")
            )

        await self.ami.wait(together, within, call.since)
        return time.time()

    async def gone(self, call: Placed, within: float = WITHIN) -> None:
        """Wait until the caller's channel is gone."""
        await self.ami.wait(
            lambda m: m.get("Event") == "Hangup" and m.get("Uniqueid") == call.id,
            within,
            call.since,
        )

    async def redirect(self, call: Placed, extension: str) -> None:
        """Send the caller elsewhere, as a supervisor's panel does."""
        answer = await self.ami.action(
            "Redirect", Channel=call.channel, Context="from-sip", Exten=extension, Priority="1"
        )
        assert answer["Response"] == "Success", answer

    async def restart(self, tandem: Tandem, *, kill: bool = False) -> None:
        """Restart Asterisk; on return we and the connector see it again."""
        said = len(tandem.connector.lines)
        await (tandem.pbx.kill() if kill else tandem.pbx.stop())
        await tandem.pbx.start()
        await self.ami.close()
        self.ami = tandem.pbx.ami("lab")
        await self.ami.connect()
        await self.ami.event("FullyBooted")
        await tandem.connector.line(", reporting to", since=said)

    @property
    def now(self) -> int:
        """Index of what comes next."""
        return len(self.ami.messages)
