"""The event socket's own protocol, beside its recordings."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from connectors.simulator import Call, Rings
from connectors.simulator.freeswitch import wire
from connectors.simulator.freeswitch.normalise import compare, events, frames
from connectors.simulator.freeswitch.simulator import FreeSwitchSimulator
from connectors.simulator.script import HangUp, Until

from . import esl_recorded as recorded
from .esl_client import Client

TALK = Call("form-support", (Until("talking"),), phones={"1001": Rings(0.01)})
_IDS = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
async def sim() -> AsyncIterator[FreeSwitchSimulator]:
    async with FreeSwitchSimulator() as simulator:
        yield simulator


@pytest.fixture
async def client(sim: FreeSwitchSimulator) -> AsyncIterator[Client]:
    async with Client(sim.host, sim.port) as connection:
        await connection.login()
        yield connection


def sent(name: str) -> list[str]:
    """The commands of a recording, in order."""
    text = next(recorded.CAPTURES.glob(f"{name}*.txt")).read_text()
    return [ast.literal_eval(line) for line in re.findall(r">> (['\"].*)$", text, re.MULTILINE)]


async def played(sim: FreeSwitchSimulator, commands: list[str]) -> bytes:
    """What comes when these are sent, each after the answer to the one before."""
    async with Client(sim.host, sim.port) as client:
        await client.next()
        for command in commands:
            client.send(command.removesuffix("\n\n"))
            try:
                await client.next()
            except ConnectionError:
                break
        await client.closed()
        return bytes(client.raw)


@pytest.mark.parametrize("name", ["09-", "09c-"])
async def test_a_refused_login_is_the_recorded_bytes(sim: FreeSwitchSimulator, name: str) -> None:
    assert await played(sim, sent(name)[:1]) == recorded.recording(name)


async def test_the_acl_turns_away_with_the_recorded_bytes(sim: FreeSwitchSimulator) -> None:
    sim.faults.refuse_new = True
    async with Client(sim.host, sim.port) as client:
        await client.closed()
    assert bytes(client.raw) == recorded.recording("09d-")


async def test_errors_are_the_recorded_replies(sim: FreeSwitchSimulator) -> None:
    """All but what only a loopback channel or a session of its own could answer."""
    commands = [each for each in sent("09b-") if "loopback" not in each]
    wanted, had = [], []
    for into, stream in (
        (wanted, recorded.recording("09b-")),
        (had, await played(sim, commands)),
    ):
        for headers, body in frames(stream):
            if not headers["Content-Type"].startswith("text/event-"):
                data = repr((sorted(headers.items()), body)).encode()
                into.append(_IDS.sub(b"<uuid>", data))
    loopback = [each for each in wanted if b"NO_ROUTE_DESTINATION" in each]
    wanted = [each for each in wanted if each not in loopback]
    assert had == wanted


ANSWERS = [
    each.strip().removeprefix("api ")
    for each in sent("08-")
    if each.startswith("api ") and not each.startswith("api json")
]


def shape(command: str, answer: str) -> object:
    """An answer without what is of the moment: ids, numbers, days."""
    text = _IDS.sub(b"<uuid>", answer.encode()).decode()
    text = re.sub(r"Mon|Thu|Nov|\b(hour|minute|second|millisecond)s?\b", "…", text)
    if command.startswith("uuid_dump"):
        names = json.loads(answer) if answer[:1] == "{" else answer.split("\n")
        return sorted(name.partition(":")[0] for name in names)
    if text[:1] == "{":
        return [list(row) for row in json.loads(text).get("rows", [])]
    return re.sub(r"\d+", "#", text).split("\n")


async def test_queries_are_answered_as_recorded() -> None:
    """One caller talks to 1001, one waits, one gave up before; 1002 and 1003 are away."""
    world = replace(recorded.WORLD, queues=recorded.WORLD.queues[:2])
    answers = [b.decode() for h, b in frames(recorded.recording("08-")) if "api" in str(h)]
    wanted = [answer for answer in answers if not answer.startswith('{"command"')]
    async with (
        FreeSwitchSimulator(world, recorded.DIALPLAN) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.login()
        agents = sim.pbx.callcenter.agents
        for agent, status in (
            ("1001", "On Break"),
            ("1002", "On Break"),
            ("1003@default", "Logged Out"),
        ):
            agents[agent].status = status
        call = recorded.SCRIPTS["02-"]
        gone = await sim.run(replace(call, steps=(Until("queued"), HangUp())))
        await gone.until("gone")
        await client.api("callcenter_config agent set status 1001 Available")
        talks = await sim.run(
            replace(call, steps=(Until("talking"),), phones={"1001": Rings(0.01)})
        )
        await sim.run(replace(call, steps=(Until("queued"),)))
        while not talks.caller.get("cc_queue_answered_epoch"):
            await talks.caller.changed(1.0)
        for command, answer in zip(ANSWERS, wanted, strict=True):
            asked = command.replace("abdf4d08-67ea-4a25-8c85-03a87d19527e", talks.id)
            if 'row_count": 0' not in answer:
                had = await client.api(asked)
                assert shape(command, had) == shape(command, answer), command


async def test_what_a_client_does_to_a_call_is_told_as_recorded() -> None:
    """Variables, sendmsg, a broadcast and a hang-up, while a direct call stands."""
    stream, told = recorded.recording("15-"), sent("15-")
    (uuid,) = set(re.findall(r"sendmsg (\S+)", " ".join(told)))
    async with (
        FreeSwitchSimulator(recorded.WORLD, recorded.DIALPLAN, speed=20.0) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.login(told[1].strip())
        script = replace(recorded.SCRIPTS["04-"], steps=(Until("talking"),))
        call = await sim.run(script)
        for command in told[2:-1]:
            line = command.replace(uuid, call.id).strip()
            if line.startswith("api"):
                await client.api(line.removeprefix("api "))
            else:
                assert await client.command(line) == "+OK"
            if "broadcast" in line:
                await client.event("CHANNEL_EXECUTE_COMPLETE", Application="playback")
        await call.until("gone")
        await call.until("gone", "1001")
        await client.command("filter delete all")
        replies = [
            [h for h, b in frames(each) if h["Content-Type"] == "command/reply"][2:-1]
            for each in (stream, bytes(client.raw))
        ]
        assert replies[0] == replies[1]
        assert compare(stream, bytes(client.raw)) == []


async def test_background_jobs_and_events_of_ones_own_are_as_recorded(
    sim: FreeSwitchSimulator,
) -> None:
    skipped = ("agent list", "reloadxml", "expand")
    commands = [each for each in sent("10-") if not any(word in each for word in skipped)]
    async with Client(sim.host, sim.port) as client:
        await client.login(commands[1].strip())
        jobs = []
        for command in commands[2:]:
            if command.startswith("bgapi"):
                client.send(command.strip())
                jobs.append(await client.event("BACKGROUND_JOB"))
        job, body = jobs[0], client.raw.rpartition(b"\n\n")[2]
        assert job["Job-Command"] == "status"
        assert jobs[1]["Job-Command-Arg"] == "channels as json"
        assert jobs[2]["Job-Command"] == "originate"
        assert body == b"-ERR SUBSCRIBER_ABSENT\n"
        own = next(each for each in commands if each.startswith("sendevent"))
        client.send(own.removesuffix("\n"))
        await client.event("CUSTOM")
        recorded_frames = list(frames(recorded.recording("10-")))
        want = next(b for _, b in recorded_frames if b"collab%3A%3Aresponse" in b)
        have = next(b for _, b in frames(bytes(client.raw)) if b"collab%3A%3Aresponse" in b)
        names = [[line.partition(b":")[0] for line in b.split(b"\n")] for b in (want, have)]
        assert names[0] == names[1]
        assert have.rpartition(b"\n\n")[2] == "line one\nline two: ünïcode\n".encode()


async def test_a_job_may_bring_its_own_id(client: Client) -> None:
    await client.command("event plain BACKGROUND_JOB")
    client.send("bgapi status\nJob-UUID: 7f4db78a-17d7-11dd-b7a0-db4edd065621")
    frame = await client.next()
    assert frame.headers["Job-UUID"] == "7f4db78a-17d7-11dd-b7a0-db4edd065621"
    await client.event("BACKGROUND_JOB", Job_UUID="7f4db78a-17d7-11dd-b7a0-db4edd065621")


async def test_agents_change_as_recorded() -> None:
    """The answer of an ``api`` comes before the events of what it did."""
    async with FreeSwitchSimulator(recorded.WORLD, recorded.DIALPLAN) as simulator:
        had = await played(simulator, sent("11-"))
    shapes, kinds = [], []
    for stream in (recorded.recording("11-"), had):
        shapes.append([[*(name for name, _ in each), each[-1][1]] for each in events(stream)])
        kinds.append([headers["Content-Type"] for headers, _ in frames(stream)])
    assert shapes[0] == shapes[1]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("kind", ["plain", "json", "xml"])
async def test_a_frame_tells_its_length_before_its_type(
    sim: FreeSwitchSimulator, client: Client, kind: str
) -> None:
    await client.command(f"event {kind} HEARTBEAT")
    sim.pbx.heart.beat()
    frame = await client.next()
    assert list(frame.headers) == ["Content-Length", "Content-Type"]
    assert frame.kind == f"text/event-{kind}"
    assert len(frame.body.encode()) == int(frame.headers["Content-Length"])


@pytest.mark.parametrize(("name", "kind"), [("01-", "plain"), ("07-", "json"), ("07b-", "xml")])
def test_recorded_events_are_encoded_to_the_same_bytes(name: str, kind: str) -> None:
    """Decode what was recorded and encode it again."""
    seen = 0
    for headers, body in frames(recorded.recording(name)):
        if headers["Content-Type"] != f"text/event-{kind}":
            continue
        if kind == "json":
            pairs = json.loads(body, object_pairs_hook=list)
            again = wire.as_json(pairs)
        else:
            pairs = _pairs(body, kind)
            again = wire.FORMATS[kind](pairs)
        assert again == body
        seen += 1
    assert seen > 50


def _pairs(body: bytes, kind: str) -> wire.Headers:
    text = body.decode()
    found = (
        re.findall(r"^ {4}<([^>]+)>(.*)</\1>$", text, re.MULTILINE)
        if kind == "xml"
        else re.findall(r"^([^:\n]+): (.*)$", text, re.MULTILINE)
    )
    return [(name, urllib.parse.unquote(value)) for name, value in found]


async def test_a_custom_event_starts_with_its_subclass(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    await client.command("event json CUSTOM callcenter::info collab::request")
    sim.place(TALK)
    mark = await client.event("CUSTOM")
    assert list(mark)[:2] == ["Event-Subclass", "Event-Name"]
    assert mark["Event-Subclass"] == "collab::request"
    assert mark["Collab-Type"] == "form"
    assert (await client.event("CUSTOM"))["CC-Action"] == "member-queue-start"


async def test_nobody_hears_what_was_not_asked_for(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    await client.command("event plain CHANNEL_BRIDGE CUSTOM collab::request")
    await sim.run(TALK)
    await client.event("CHANNEL_BRIDGE")
    heard = [dict(each) for each in events(bytes(client.raw))]
    subclasses = [each.get("Event-Subclass", each["Event-Name"]) for each in heard]
    assert subclasses == ["collab::request", "CHANNEL_BRIDGE"]
    assert await client.command("nixevent CHANNEL_BRIDGE") == "+OK events nixed"
    assert await client.command("noevents") == "+OK no longer listening for events"


async def test_filters_are_ored_and_a_minus_keeps_out(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    await client.command("event plain all")
    added = await client.command("filter Event-Name CHANNEL_ANSWER")
    assert added == "+OK filter added. [Event-Name]=[CHANNEL_ANSWER]"
    await client.command("filter Event-Name /^CHANNEL_HANGUP_COMPL/")
    await client.command("filter Call-Direction -outbound")
    call = await sim.run(Call("1001", (Until("talking"), HangUp()), phones={"1001": Rings(0.01)}))
    await call.until("gone")
    deleted = await client.command("filter delete all")
    assert deleted == "+OK filter deleted. [all][]"
    heard = [dict(each) for each in events(bytes(client.raw))]
    assert [each["Event-Name"] for each in heard] == ["CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"]
    assert {each["Call-Direction"] for each in heard} == {"inbound"}


async def test_myevents_of_a_channel_that_stands_is_of_it_alone(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    call = await sim.run(Call("1001", (Until("talking"),), phones={"1001": Rings(0.01)}))
    assert await client.command(f"myevents {call.id} json") == "+OK Events Enabled"
    sim.hang_up(call)
    await client.event("CHANNEL_HANGUP_COMPLETE")
    await client.event("CHANNEL_DESTROY")
    bodies = [
        json.loads(b)
        for h, b in frames(bytes(client.raw))
        if "event-json" in h.get("Content-Type", "")
    ]
    assert {each["Unique-ID"] for each in bodies} == {call.id}


async def test_a_long_api_holds_the_events_of_its_socket(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    sim.phone("1001").rings = Rings(0.1)
    await client.command("event plain CHANNEL_ANSWER")
    client.send("api originate user/1001@default &park()")
    assert (await client.next()).kind == "api/response"
    await client.event("CHANNEL_ANSWER")


async def test_commands_may_come_in_pieces_and_in_one(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    reader, writer = await asyncio.open_connection(sim.host, sim.port)
    for byte in b"auth ClueCon\r\n\r\n\napi uuid_exists x\n\nexit\n\n":
        writer.write(bytes([byte]))
        await writer.drain()
    data = await asyncio.wait_for(reader.read(100_000), 5)
    while more := await asyncio.wait_for(reader.read(100_000), 5):
        data += more
    kinds = [headers["Content-Type"] for headers, _ in frames(data)]
    assert kinds == [
        "auth/request", "command/reply", "api/response", "command/reply", "text/disconnect-notice",
    ]  # fmt: skip
    writer.close()


async def test_hostile_bytes_end_nothing_but_their_own_connection(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    for garbage in (b"\xff\xfe\x00\n\n" * 50, b"x" * 100_000, b"api \xff\n\nauth\n\n"):
        _, writer = await asyncio.open_connection(sim.host, sim.port)
        writer.write(garbage)
        await writer.drain()
        writer.close()
    assert (await client.api("status")).startswith("UP 0 years")
