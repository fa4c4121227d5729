"""Rounds of ESL events for the benchmarks, in both formats, out of the recorded queue call.

A round is played again and again, each time with other channels: `MARK` stands in every channel's
id, and whoever sends a round puts its number there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from connectors.freeswitch.events import EVENTS, FILTERS, name_of
from connectors.freeswitch.trust import READ
from connectors.freeswitch.wire import ALL, Event, FrameReader, event_of
from connectors.simulator.freeswitch import wire

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "captures" / "freeswitch-1.11" / "07-queue-answered-json.esl"
MARK = b"@@@@@@@@"
LEGS = 100
"""Channels of a made-up round, of which half stand at one time."""

_FIRST = ("Channel-Name", "Unique-ID")
"""What follows the 13 headers every event begins with, so that 15 are enough to know a leg."""
_SDP_LINE = "a=rtpmap:111 opus/48000/2\r\n"


class Line(NamedTuple):
    """One event in the two formats, framed; `MARK` in each channel's id."""

    json: bytes
    plain: bytes
    wanted: bool


def recorded() -> list[Event]:
    """The recorded queue call under ``event json all``, without what belongs to no call."""
    frames = FrameReader([ALL]).feed(RECORDED.read_bytes())
    read = [event for frame in frames if (event := event_of(frame)) is not None]
    return [event for event in read if event.name not in ("HEARTBEAT", "RE_SCHEDULE", "API")]


def is_wanted(event: Event) -> bool:
    """Whether a FreeSWITCH sends it to the connector, by what that subscribes to and filters."""
    filters = {f"filter {name} -{event.get(name)}" for name in ("CC-Action", "CC-Cause")}
    return name_of(event) in EVENTS and filters.isdisjoint(FILTERS)


def queue_call(events: int | None = None, size: float = 1.0) -> list[Line]:
    """The recorded call as lines: what the connector subscribes to and, in their places, as many
    others as make `events`; without a number those alone that FreeSWITCH would send it. `size`:
    the share of each event that is kept (see `lean`)."""
    call = recorded()
    wanted = sum(map(is_wanted, call))
    besides = 0 if events is None else events - wanted
    lines, seen = [], 0
    for event in call:
        if not is_wanted(event):
            # The others evenly, so that they stand between the wanted ones as they were sent.
            seen += besides
            if seen < len(call) - wanted:
                continue
            seen -= len(call) - wanted
        lines.append(line(event, lean(event, size)))
    return lines


def lean(event: Event, size: float) -> list[tuple[str, str]]:
    """An event's headers, without as many of the variables nobody reads as leave `size` of it."""
    pairs = list(event.headers.items())
    spare = [
        pair for pair in pairs if pair[0].startswith("variable_") and not READ.fullmatch(pair[0])
    ]
    over = (1 - size) * sum(map(_length, pairs))
    left_out = set()
    for pair in reversed(spare):
        if over > 0:
            over -= _length(pair)
            left_out.add(pair[0])
    return [pair for pair in pairs if pair[0] not in left_out]


def _length(pair: tuple[str, str]) -> int:
    return len(pair[0]) + len(pair[1]) + len('"":"",')


def made_up(headers: int, share: float, size: int = 0) -> list[Line]:
    """`LEGS` calls that come and go, with `headers` headers an event, `share` of them wanted.

    The headers are those that the recorded caller's events begin with. With `size` the last of
    them is an SDP, as long as makes an event of about so many bytes.
    """
    caller = [event for event in recorded() if event.get("Call-Direction") == "inbound"]
    come, go, other = (
        next(event for event in caller if event.name == name)
        for name in ("CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_EXECUTE")
    )
    lines: list[Line] = []
    owed = 0.0
    for number in range(LEGS + LEGS // 2):
        for event, leg in ((come, number), (go, number - LEGS // 2)):
            if not 0 <= leg < LEGS:
                continue
            lines.append(line(event, lengthened(cut(event, headers, leg), size)))
            owed += 1 / share - 1
            while owed >= 1:
                lines.append(line(other, lengthened(cut(other, headers, leg), size)))
                owed -= 1
    return lines


def cut(event: Event, headers: int, leg: int) -> list[tuple[str, str]]:
    """The first `headers` of an event, with what makes it an event of a leg; `leg` is its id."""
    names = list(event.headers)
    chosen = [*names[:13], *_FIRST, *(name for name in names[13:] if name not in _FIRST)]
    own = event.get("Unique-ID")
    pairs = [(name, event.headers[name]) for name in chosen[:headers]]
    return [(name, value.replace(own, f"{own[:-12]}{leg:012x}")) for name, value in pairs]


def lengthened(pairs: list[tuple[str, str]], size: int) -> list[tuple[str, str]]:
    """The same, with a long SDP for the last one where they have less than `size` bytes."""
    missing = size - sum(map(_length, pairs[:-1]))
    if missing <= 0:
        return pairs
    return [*pairs[:-1], ("variable_switch_r_sdp", _SDP_LINE * (missing // len(_SDP_LINE)))]


def line(event: Event, pairs: Sequence[tuple[str, str]]) -> Line:
    ids = {value[:8] for name, value in pairs if name.endswith(("Unique-ID", "-UUID", "_uuid"))}
    ids -= {event.get("Core-UUID")[:8], ""}
    values: wire.Headers = [(name, _value(value)) for name, value in pairs]
    both = []
    for kind, body in (("json", wire.as_json(values)), ("plain", wire.plain(values))):
        for found in ids:
            body = body.replace(found.encode(), MARK)
        head = f"Content-Length: {len(body)}\nContent-Type: text/event-{kind}\n\n"
        both.append(head.encode() + body)
    return Line(both[0], both[1], is_wanted(event))


def _value(value: str) -> wire.Value:
    """A list is one again."""
    return value.removeprefix("ARRAY::").split("|:") if value.startswith("ARRAY::") else value


def joined(lines: Iterable[Line], kind: str) -> bytes:
    """A round as it goes over the wire."""
    return b"".join(line.json if kind == "json" else line.plain for line in lines)


def numbered(data: bytes, number: int) -> bytes:
    """A round with channels of its own."""
    return data.replace(MARK, b"%08x" % number)
