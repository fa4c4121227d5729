"""What no FreeSWITCH would send, from the socket to the server's API: no freeze, no forged call.

The connector has to say in one line what is wrong, to stay small, and to serve the next call. How
each byte is read is proven in tests/freeswitch; this is the whole program.
TANDEM_TEST_ENDLESS=21000 sends more calls without an end than the connector keeps.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import pytest_asyncio

from connectors.marks import ANONYMOUS
from connectors.simulator import Call, FreeSwitchSimulator, Rings
from connectors.simulator.freeswitch import api, lab
from tests.e2e.flood import HELD, Standing, recorded
from tests.e2e.simulated import Beside
from tests.e2e.world import until, uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectors.simulator.freeswitch.api.command import Request
    from connectors.simulator.freeswitch.calls import PlacedCall

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDLESS = int(os.environ.get("TANDEM_TEST_ENDLESS", "500"))
GROWTH = 120 << 20
"""Bytes of memory the connector may take, whatever is done to it here."""


class Attacked(Beside):
    """The programs, the PBX, a call that must not suffer, and a recorded one to forge from."""

    def __init__(self, folder: Any, pbx: FreeSwitchSimulator) -> None:
        super().__init__(folder, {"lab": pbx})
        self.pbx = pbx
        self.victim: PlacedCall
        self.frames: list[bytes] = []
        self.legs: list[str] = []
        self._before: dict[str, Any] = {}
        self._small = 0

    async def ready(self) -> None:
        script = Call("form-support", HELD, phones={"1001": Rings(0.01)})
        self.frames, self.legs = await recorded(script)
        self.victim = self.pbx.place(Call("form-1001"))
        await self.victim.until("talking")
        self._before = await self.session(self.victim.id, agent=uri("1001"))
        await until(self._invited, "the caller's message")  # nothing is under way any more
        self._small = psutil.Process(self.connector.pid).memory_info().rss

    async def _invited(self) -> tuple[bool, Any]:
        messages = self.pbx.phone("caller").messages
        return bool(messages), messages

    def send(self, *data: bytes) -> None:
        """Bytes to the connector, as if FreeSWITCH had sent them."""
        (session,) = self.pbx.server.sessions
        for each in data:
            session.write(each)

    async def unharmed(self) -> None:
        """The victim's session is what it was, the next call is served, memory is bounded."""
        call = self.pbx.place(Call("chat-1002", (), "caller2"))
        await call.until("talking")
        await self.session(call.id, within=60, agent=uri("1002"), type="chat")
        self.pbx.hang_up(call)
        await self.ended(call.id, "hangup", uri("caller2"), [uri("1002")], "chat")
        assert await self.session(self.victim.id) == self._before
        assert await self.agents(self._before["id"]) == [uri("1001")]
        assert psutil.Process(self.connector.pid).memory_info().rss < self._small + GROWTH


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    async with (
        FreeSwitchSimulator(lab.world(rings=Rings(0.05))) as pbx,
        Attacked(tmp_path_factory.mktemp("attacked"), pbx) as tandem,
    ):
        await tandem.ready()
        yield tandem


def head(length: object) -> bytes:
    return f"Content-Length: {length}\nContent-Type: text/event-json\n\n".encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (head(4000) + b'{"Event-Name":"CHANNEL_CREATE"', "in the middle of a frame"),
        (head(16 << 20) + b"x" * 1000, "a body of 16777216 bytes is announced"),
        (head(-1) + b"{}", "its Content-Length is '-1'"),
        (head("1\u0665") + b"{}", "its Content-Length is '1\u0665'"),
        (b"a: b\n" * 60_000, "a head of more than 262144 bytes"),
        (b"Content-Type: command/reply\nReply-Text: +OK\n\n" * 3, "a reply of type command/reply"),
    ],
    ids=["end in a body", "16 MB", "negative", "other digits", "endless head", "unasked reply"],
)
async def test_a_stream_that_cannot_be_followed_is_given_up_in_one_line(
    data: bytes, said: str, attacked: Attacked
) -> None:
    before = len(attacked.connector.lines)
    attacked.send(data)
    if said == "in the middle of a frame":
        attacked.pbx.faults.close_all(clean=True)
    await attacked.connector.line(said, since=before)
    await attacked.connector.line(", reporting to", since=before)
    await attacked.unharmed()
    assert sum(said in line for line in list(attacked.connector.lines)[before:]) == 1


async def test_a_peer_that_is_no_freeswitch_is_named(attacked: Attacked) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    before = len(attacked.connector.lines)
    await attacked.pbx.server.close_port()
    attacked.pbx.faults.close_all()
    other = await asyncio.start_server(answer, "127.0.0.1", attacked.pbx.port)
    async with other:
        await attacked.connector.line(
            "is no event socket; it says 'HTTP/1.1 400 Bad Request'", since=before
        )
    await attacked.pbx.server.open_port()
    await attacked.connector.line(", reporting to", since=before)
    await attacked.unharmed()


async def test_a_list_of_a_hundred_thousand_channels(
    attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = api.COMMANDS["show"]

    async def show(request: Request) -> str:
        row = json.loads(await real(request))["rows"][0]
        return json.dumps({"row_count": 100_000, "rows": [row] * 100_000})

    before = len(attacked.connector.lines)
    with monkeypatch.context() as patch:
        patch.setitem(api.COMMANDS, "show", show)
        attacked.pbx.faults.close_all()
        await attacked.connector.line("bytes is announced, 8388608 are taken", since=before)
    await attacked.connector.line(", reporting to", since=before)
    await attacked.unharmed()


async def test_events_with_hostile_values_forge_nothing(attacked: Attacked) -> None:
    victim = attacked.victim.id
    line = f"\nUnique-ID: {victim}\nHangup-Cause: NORMAL_CLEARING\n\n"
    forged = head(120) + json.dumps(
        {"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": victim}
    ).encode().ljust(120)
    values = [
        json.dumps(line).encode(),
        json.dumps(line.replace("\n", "%0A")).encode(),
        json.dumps(forged.decode()).encode(),
        b'"a\xff\xfe\xc3(\xed\xa0\x80b"',
        b'"\\ud800\\u0000\\u0007\\u2028\\u202e"',
        b'"' + b"y" * 50_000 + b'"',
        f'"x","Unique-ID":"{victim}"'.encode(),
        f'"x","Event-Name":"CHANNEL_HANGUP_COMPLETE","Unique-ID":"{victim}"'.encode(),
        b'["a",{"b":' + b"[" * 2000 + b"]" * 2000 + b"}]",
        b"{" * 60_000,
    ]
    calls = []
    for value in values:
        call = Standing(attacked.frames, attacked.legs)
        calls.append(call.id)
        while frame := call.next():
            attacked.send(_with(frame, value))
    # A body is no protocol, whatever is in it.
    attacked.send(head(len(forged)) + forged, b"Content-Type: text/x\n\n")
    await attacked.unharmed()

    standing = await attacked.all("/v1/calls?pbx=lab")
    assert [call["id"] for call in standing] == [victim]
    seen = {call["id"] for call in await attacked.all("/v1/calls?pbx=lab&all=1&limit=200")}
    # Of the last four no event can be read, or what occurs twice gives them away.
    assert seen & set(calls) == set(calls[:6])
    for call in calls[:6]:
        session = await attacked.session(call, state="ended")
        assert session["user"]["uri"] == ANONYMOUS, session
        assert session["agent"]["uri"] == uri("1001"), session
        for item in (await attacked.trace(call))["items"]:
            assert item["text"].isprintable(), item
    assert "forged" in " ".join(attacked.connector.lines)


def _with(frame: bytes, value: bytes) -> bytes:
    """An event with a hostile value in whatever a caller can shape: number, name, what is dialled,
    the channel's name; and a variable of that name."""
    body = frame.partition(b"\n\n")[2]
    for name in ("Caller-Caller-ID-Name", "Caller-Caller-ID-Number", "variable_sip_from_user"):
        start = body.find(f'"{name}":"'.encode())
        if start >= 0:
            start += len(name) + 3
            body = body[:start] + value + body[body.index(b'"', start + 1) + 1 :]
    return head(len(body)) + body


@pytest.mark.timeout(120 + ENDLESS / 500)
async def test_calls_without_an_end_and_without_a_number(attacked: Attacked) -> None:
    before = len(attacked.connector.lines)
    for number in range(ENDLESS):
        call = Standing(attacked.frames, attacked.legs)
        attacked.send(call.next(), call.next())
        if number % 5 == 0:
            await asyncio.sleep(0.01)
    await attacked.unharmed()
    said = list(attacked.connector.lines)[before:]
    assert not [line for line in said if "connecting again" in line]
    assert len(said) < 100

    # Those calls do not stand: a look at what does is the end of them.
    attacked.pbx.faults.close_all()
    await attacked.connector.line(", reporting to", since=before)

    async def look() -> tuple[bool, Any]:
        standing = (await attacked.get("/v1/calls?pbx=lab"))["items"]
        return [call["id"] for call in standing] == [attacked.victim.id], len(standing)

    await until(look, "only the call that stands is left", within=30 + ENDLESS / 500, again=0.5)
    await attacked.unharmed()
