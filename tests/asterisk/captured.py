"""The recorded streams of a real Asterisk 22, as bytes, frames and domain events."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from connectors.asterisk.events import EVENTS, Decoder
from connectors.asterisk.wire import Frame, FrameReader
from connectors.model import PbxEvent

FOLDER = Path(__file__).parent.parent / "captures" / "asterisk-22"


def stream(name: str) -> bytes:
    return (FOLDER / f"{name}.ami").read_bytes()


def frames(data: bytes) -> list[Frame]:
    return [frame for frame in FrameReader(EVENTS).feed(data) if frame.event]


def decode(data: bytes, decoder: Decoder | None = None) -> list[PbxEvent]:
    decoder = decoder or Decoder()
    return [event for frame in frames(data) for event in decoder.decode(frame)]


def kinds(events: Iterable[PbxEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def event(name: str, privilege: str, *lines: str) -> bytes:
    """One event as Asterisk writes it."""
    return "\r\n".join((f"Event: {name}", f"Privilege: {privilege},all", *lines, "", "")).encode()


def channel(name: str, uniqueid: str, *, number: str = "caller", prefix: str = "") -> list[str]:
    """A channel's headers in Asterisk's order."""
    state = ("4", "Ring")
    return [
        f"{prefix}Channel: {name}",
        f"{prefix}ChannelState: {state[0]}",
        f"{prefix}ChannelStateDesc: {state[1]}",
        f"{prefix}CallerIDNum: {number}",
        f"{prefix}CallerIDName: Bob",
        f"{prefix}ConnectedLineNum: <unknown>",
        f"{prefix}ConnectedLineName: <unknown>",
        f"{prefix}Language: en",
        f"{prefix}AccountCode: ",
        f"{prefix}Context: from-sip",
        f"{prefix}Exten: 600",
        f"{prefix}Priority: 1",
        f"{prefix}Uniqueid: {uniqueid}",
        f"{prefix}Linkedid: {uniqueid}",
    ]
