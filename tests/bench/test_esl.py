"""The parts of the ESL benchmarks: what they send is what a FreeSWITCH would."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest

from connectors.freeswitch.events import EVENTS, Decoder
from connectors.freeswitch.wire import ALL, Event, FrameReader, event_of
from connectors.model import CallState, PbxEvent
from tests.bench import eslfeeder, eslreaders
from tests.bench.ceiling import ALL_EVENTS, CALL_SECONDS, LEAN, TICK, Load
from tests.bench.esl import LONGER
from tests.bench.eslevents import LEGS, MARK, Line, joined, made_up, numbered, queue_call
from tests.core.world import SETTINGS, World
from tests.freeswitch.esl_double import EslDouble


def read(lines: list[Line], kind: str, rounds: int = 1) -> list[Event]:
    data = b"".join(numbered(joined(lines, kind), number) for number in range(rounds))
    reader = FrameReader([ALL])
    events = [event for frame in reader.feed(data) if (event := event_of(frame))]
    assert (reader.broken, reader.unfinished) == ("", b"")
    return events


def decoded(events: list[Event]) -> list[PbxEvent]:
    decoder = Decoder()
    said = [domain for event in events for domain in decoder.decode(event)]
    assert not decoder.refused
    return said


@pytest.mark.parametrize(("headers", "share"), [(15, 1.0), (15, 0.5), (100, 0.25)])
def test_made_up_events_have_as_many_headers_and_as_many_are_wanted(
    headers: int, share: float
) -> None:
    lines = made_up(headers, share)
    events = read(lines, "json")
    assert {len(event.headers) for event in events} == {headers}
    assert mean(event.name in EVENTS for event in events) == pytest.approx(share, abs=0.01)
    assert mean(line.wanted for line in lines) == pytest.approx(share, abs=0.01)


def test_longer_made_up_events_have_the_bytes_and_the_headers_they_are_to_have() -> None:
    lines = made_up(100, 0.1, LONGER)
    events = read(lines, "json")
    assert {len(event.headers) for event in events} == {100}
    assert len(joined(lines, "json")) / len(lines) == pytest.approx(LONGER, rel=0.05)
    assert decoded(events) == decoded(read(made_up(100, 0.1), "json"))


def test_a_lean_call_says_what_the_whole_one_says() -> None:
    whole, lean = queue_call(ALL_EVENTS), queue_call(ALL_EVENTS, LEAN)
    assert len(lean) == len(whole) == ALL_EVENTS
    assert len(joined(lean, "json")) < 0.6 * len(joined(whole, "json"))
    assert decoded(read(lean, "json")) == decoded(read(whole, "json"))


def test_both_formats_say_the_same() -> None:
    for lines in (made_up(100, 0.5), queue_call()):
        assert [event.headers for event in read(lines, "json")] == [
            event.headers for event in read(lines, "plain")
        ]


def test_every_made_up_leg_comes_and_goes_in_every_round() -> None:
    said = decoded(read(made_up(15, 0.5), "json", rounds=3))
    legs = Counter(event.leg for event in said)  # type: ignore[union-attr]
    assert len(legs) == 3 * LEGS
    assert set(legs.values()) == {2}


@pytest.mark.parametrize("events", [None, 44])
def test_each_round_of_the_recorded_call_is_a_call_of_its_own(events: int | None) -> None:
    lines = queue_call(events)
    assert events in (None, len(lines))
    world = World(SETTINGS)
    world(*decoded(read(lines, "json", rounds=3)))
    assert len(world.latest) == 3
    assert {call.state for call in world.latest.values()} == {CallState.ENDED}
    assert {call.cause for call in world.latest.values()} == {"hangup"}
    assert {call.type for call in world.latest.values()} == {"cobrowse"}


def test_what_freeswitch_keeps_back_is_not_sent() -> None:
    actions = {event.get("CC-Action") for event in read(queue_call(), "json")}
    assert "bridge-agent-start" in actions
    assert not actions & {"members-count", "agent-state-change", "bridge-agent-end"}


def test_a_mark_stands_in_ids_only() -> None:
    for line in queue_call(44):
        for event in read([line], "plain"):
            assert all(
                value.startswith(MARK.decode()) or MARK.decode() not in value
                for name, value in event.headers.items()
                if name.endswith(("Unique-ID", "-UUID"))
            )


@pytest.mark.parametrize("name", ["tandem", "greenswitch", "bare"])
async def test_a_reader_reads_all_that_the_feeder_sends(name: str, tmp_path: Path) -> None:
    lines = made_up(15, 0.5)
    for kind in ("json", "plain"):
        (tmp_path / kind).write_bytes(joined(lines, kind))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.eslfeeder", str(tmp_path), "2", "1e9",
        cwd=eslreaders.ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = (await process.stdout.readline()).decode().strip()
        reader = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.eslreaders", name, port,
            cwd=eslreaders.ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(reader.communicate(), 60)
    finally:
        process.kill()
        await process.wait()
    seen, seconds = output.decode().split()
    per_round = sum(line.wanted for line in lines) if name == "tandem" else len(lines)
    assert int(seen) == 2 * per_round + 1
    assert float(seconds) > 0


def test_the_feeder_sends_at_the_pace_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x" * eslfeeder.PIECE * 3)
    ours, theirs = socket.socketpair()
    rate = eslfeeder.PIECE * 10.0
    thread = threading.Thread(target=eslfeeder.serve, args=(theirs, tmp_path, 1, rate))
    thread.start()
    ours.settimeout(10)
    ours.sendall(b"auth s\n\nevent plain all\n\n")
    read = b""
    begin = asyncio.new_event_loop().time()
    while eslfeeder.OVER.encode() not in read:
        read += ours.recv(1 << 20)
    assert asyncio.new_event_loop().time() - begin >= 0.2, "two pieces wait for their turn"
    ours.close()
    thread.join(10)


async def test_the_load_sends_each_event_of_each_call_once_and_in_order() -> None:
    lines = queue_call()
    async with EslDouble() as esl:
        sent: list[bytes] = []
        esl.push = sent.append  # type: ignore[method-assign, assignment]
        load = Load(lines, esl)
        for call in range(2):
            ticks = list(load._plan(rate=50.0, calls=2, first=2 * call))
            sent += [data for _, data in ticks]
            assert [tick for tick, _ in ticks] == sorted(tick for tick, _ in ticks)
            assert ticks[-1][0] <= CALL_SECONDS + 2 * TICK
    events = [e for f in FrameReader([ALL]).feed(b"".join(sent)) if (e := event_of(f))]
    by_call: dict[str, list[str]] = {}
    for event in events:
        own = event.get("CC-Member-Session-UUID") or event.get("Unique-ID")
        by_call.setdefault(own[:8], []).append(event.get("Event-Sequence"))
    expected = [event.get("Event-Sequence") for event in read(lines, "json")]
    assert by_call == {f"{number:08x}": expected for number in range(4)}
    assert load.begun == 4
