"""The recorded streams of a real FreeSWITCH 1.11, as bytes, events and domain events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from connectors.freeswitch.events import EVENTS, Decoder
from connectors.freeswitch.wire import Event, Frame, FrameReader, event_of
from connectors.model import PbxEvent

FOLDER = Path(__file__).parent.parent / "captures" / "freeswitch-1.11"
STREAMS = sorted(path.stem for path in FOLDER.glob("*.esl"))

CORE = "switch_channel.c"
CALLCENTER = "mod_callcenter.c"
FIFO = "mod_fifo.c"
DPTOOLS = "mod_dptools.c"


def stream(name: str) -> bytes:
    return (FOLDER / f"{name}.esl").read_bytes()


def events(data: bytes, wanted: Iterable[str] = EVENTS) -> list[Event]:
    """What the connector takes of a stream, whichever of JSON, plain and XML it is in."""
    read = (event_of(frame) or _from_xml(frame) for frame in FrameReader(wanted).feed(data))
    return [event for event in read if event is not None]


def answers(data: bytes) -> list[str]:
    """The answers to ``api`` commands, in order."""
    frames = FrameReader(()).feed(data)
    return [frame.text for frame in frames if frame.kind == "api/response"]


def decode(data: bytes, decoder: Decoder | None = None) -> list[PbxEvent]:
    decoder = decoder or Decoder()
    return [domain for event in events(data) for domain in decoder.decode(event)]


def kinds(decoded: Iterable[PbxEvent]) -> list[str]:
    return [type(event).__name__ for event in decoded]


def _from_xml(frame: Frame) -> Event | None:
    """The connector asks for JSON; the recorded XML says the same, still percent-encoded."""
    if frame.kind != "text/event-xml":
        return None
    root = ElementTree.fromstring(frame.text)  # noqa: S314 - a file of this repository
    headers = {item.tag: unquote(item.text or "") for item in root.iterfind("headers/*")}
    name, subclass = headers.get("Event-Name", ""), headers.get("Event-Subclass", "")
    return Event(name, subclass, headers, {}, "")


# --- invented ones, in the form of the recorded ones


def event(name: str, source: str, headers: Mapping[str, str]) -> Event:
    """One event as FreeSWITCH makes it; `name` as ``event json`` has it."""
    plain, _, subclass = name.partition(" ")
    head = {"Event-Name": plain, "Event-Calling-File": source}
    if subclass:
        head["Event-Subclass"] = subclass
    return Event(plain, subclass, {**head, **headers}, {}, "")


def raw(pairs: Iterable[tuple[str, str]], *, body: str = "") -> Event:
    """An event from its headers in order, twice the same if need be, through the reader."""
    items = [*pairs, ("_body", body)] if body else list(pairs)
    text = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in items)
    data = f"{{{text}}}".encode()
    frame = b"Content-Length: %d\nContent-Type: text/event-json\n\n%b" % (len(data), data)
    (read,) = events(frame)
    return read


def channel(leg: str, name: str, **more: str) -> dict[str, str]:
    """A channel's headers; `more` are variables."""
    outgoing = more.pop("direction", "inbound")
    number = more.pop("number", "+491234567")
    dialled = more.pop("dialled", "7000")
    return {
        "Channel-State": "CS_EXECUTE",
        "Channel-Call-State": "ACTIVE",
        "Channel-Name": name,
        "Unique-ID": leg,
        "Call-Direction": outgoing,
        "Channel-Call-UUID": leg,
        "Answer-State": "answered",
        "Caller-Caller-ID-Number": number,
        "Caller-Destination-Number": dialled,
        "Caller-Context": "default",
        **{f"variable_{key}": value for key, value in more.items()},
    }
