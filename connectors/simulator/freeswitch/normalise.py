"""Reduces an ESL stream to what must be the same on every switch that runs the same script.

Ids, times, ports and addresses become stable labels; what only the moment decides is left out.
FreeSWITCH runs a thread for each channel and one for each agent that is rung, so the order of two
events counts only where one thread, or cause and effect, makes it: a stream becomes *lanes* (one
for each channel, agent and queue) and *milestones*, the order over all.

    assert compare(recorded_bytes, simulated_bytes) == []
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .wire import Headers, array

LEFT_OUT = frozenset(("API", "HEARTBEAT", "MODULE_UNLOAD", "PRESENCE_IN", "RE_SCHEDULE"))
"""Events that are not compared: presence is said by threads of its own, API by whoever asks."""

WANTED = (
    "Channel-State", "Channel-Call-State", "Original-Channel-Call-State", "Answer-State",
    "Hangup-Cause", "Call-Direction", "Channel-HIT-Dialplan", "Channel-Name", "Channel-Presence-ID",
    "Caller-Caller-ID-Name", "Caller-Caller-ID-Number", "Caller-Destination-Number",
    "Caller-Context", "Caller-RDNIS", "Caller-Source", "Other-Type", "Other-Leg-Unique-ID",
    "Application", "Application-Data", "Application-Response", "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID", "Bridged-To", "Direction", "Sent-Callee-ID-Name",
    "Sent-Callee-ID-Number", "CC-Action", "CC-Queue", "CC-Agent", "CC-Agent-State",
    "CC-Agent-Status", "CC-Agent-UUID", "CC-Agent-Type", "CC-Agent-System", "CC-Agent-Bridged",
    "CC-Cause", "CC-Cancel-Reason", "CC-Hangup-Cause", "CC-Count", "CC-Selection",
    "CC-Member-Session-UUID", "CC-Member-CID-Name", "CC-Member-CID-Number", "Collab-Type",
    "Collab-User-URI", "Collab-Source", "DTMF-Digit", "Playback-File-Path", "call-command",
    "execute-app-name", "execute-app-arg", "variable_cc_member_session_uuid", "variable_cc_agent",
    "variable_cc_side", "variable_cc_queue", "variable_cc_cause", "variable_cc_cancel_reason",
    "variable_collab_type", "variable_collab_user_uri", "variable_dialed_user",
    "variable_hangup_cause", "variable_originate_disposition", "variable_originator",
    "variable_sip_hangup_disposition", "variable_last_app", "variable_transfer_to",
    "variable_loopback_leg", "variable_other_loopback_leg_uuid", "variable_sip_gateway_name",
    "FIFO-Name", "FIFO-Action", "FIFO-Type", "FIFO-Slot", "outbound-strategy", "caller-uuid",
    "result", "cause", "Event-Calling-Function",
    "Event-Calling-File",
)  # fmt: skip
"""Headers whose values are compared, where the recording has them."""
RACED = re.compile(
    r"^(?:Channel-State-Number|Event-Calling-Line-Number|Caller-Callee-ID-.*|Other-.*|"
    r"variable_(?:call_uuid|bridge_hangup_cause|playback_.*|sip_(?:to_tag|cseq)|bridge_to|"
    r"cc_agent_bridged|cc_agent|cc_queue_answered_epoch|cc_queue_terminated_epoch|"
    r"cc_agent_found|sip_hangup_disposition|cc_queue_canceled_epoch|last_bridge_role|"
    r"last_bridge_hangup_cause|.*signal_bond|originated_legs|dialed_.*|originate_disposition|"
    r"DIALSTATUS|uuid_bridge|sip_hangup_phrase|last_bridge_proto_specific_hangup_cause|cc_cause|"
    r"sip_from_tag|sip_call_id|sip_from_display|sip_full_from|export_vars|endpoint_disposition))$"
)
"""Headers that one thread sets while another says an event: whether an event has them already is
chance. Everything else a recorded event has, a simulated one must have, and nothing more."""

_MILESTONES = frozenset(
    ("CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "collab::request",
     "member-queue-start", "agent-offering", "bridge-agent-start"),
)  # fmt: skip
"""When mod_callcenter sees that a call is over is chance: it looks ten times a second."""
_ACTS = frozenset(("CHANNEL_HANGUP",))
"""Milestones too, on the first channel of the stream: the caller's."""
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")

Line = tuple[str, ...]
Event = dict[str, str]


@dataclass(slots=True)
class Normal:
    """A stream, reduced."""

    lanes: dict[str, list[Line]] = field(default_factory=dict)
    milestones: list[Line] = field(default_factory=list)
    headers: dict[str, list[tuple[str, frozenset[str]]]] = field(default_factory=dict)
    """Lane to the events in it: name, and the names of the headers that are not `RACED`."""


def frames(stream: bytes) -> Iterator[tuple[Event, bytes]]:
    """The frames of a stream: headers, and the body."""
    index = 0
    while (end := stream.find(b"\n\n", index)) >= 0:
        head = stream[index:end].decode("utf-8", "backslashreplace")
        headers = dict(line.split(": ", 1) for line in head.strip().split("\n") if ": " in line)
        length = int(headers.get("Content-Length", "0"))
        yield headers, stream[end + 2 : end + 2 + length]
        index = end + 2 + length


def events(stream: bytes) -> Iterator[list[tuple[str, str]]]:
    """The plain and JSON events of a stream, each a list of its headers, decoded."""
    for headers, body in frames(stream):
        text = body.decode("utf-8", "backslashreplace")
        if headers.get("Content-Type") == "text/event-plain":
            lines = text.partition("\n\n")[0].split("\n")
            pairs = (line.partition(": ") for line in lines if line)
            yield [(name, urllib.parse.unquote(value)) for name, _, value in pairs]
        elif headers.get("Content-Type") == "text/event-json":
            read: Headers = json.loads(text, object_pairs_hook=list)
            yield [(name, array(value)) for name, value in read]


class _Labels:
    """Stable names for what a switch numbers."""

    def __init__(self) -> None:
        self.uuids: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def see(self, event: Event) -> None:
        """Name the channel of an event, if it is new."""
        uuid = event.get("Unique-ID", "")
        if uuid and uuid not in self.uuids:
            name = event.get("Channel-Name", "").rsplit("/", 1)[-1].partition("@")[0]
            number = self._counts[name] = self._counts.get(name, 0) + 1
            self.uuids[uuid] = f"<{name}#{number}>"

    def apply(self, value: str) -> str:
        """A header's value with labels in it."""
        value = _UUID.sub(lambda match: self.uuids.get(match[0], "<uuid>"), value)
        return _ADDRESS.sub("host", value)


def normalise(stream: bytes) -> Normal:
    """Reduce a stream."""
    return reduced(events(stream))


def reduced(happened: Iterable[list[tuple[str, str]]]) -> Normal:
    """Reduce events as `events` gives them."""
    normal = Normal()
    kept = [(dict(pairs), pairs) for pairs in happened]
    kept = [(e, p) for e, p in kept if e["Event-Name"] not in LEFT_OUT and not _passing(e)]
    labels = _Labels()
    for event, _ in kept:
        labels.see(event)
    caller = next((e["Unique-ID"] for e, _ in kept if "Unique-ID" in e), "")
    for event, pairs in kept:
        name = _name(event)
        lane = _lane(event, labels)
        chosen = (f"{h}={labels.apply(event[h])}" for h in WANTED if h in event and _compared(h))
        normal.lanes.setdefault(lane, []).append((name, *chosen))
        known = frozenset(header for header, _ in pairs if not RACED.match(header))
        normal.headers.setdefault(lane, []).append((name, known))
        of_caller = event.get("Unique-ID") == caller
        if name in _MILESTONES or (name in _ACTS and of_caller):
            who = event.get("Unique-ID") or event.get("CC-Agent", "")
            normal.milestones.append((name, labels.apply(who)))
    return normal


def _compared(header: str) -> bool:
    return not RACED.match(header)


def _passing(event: Event) -> bool:
    """A state that the agent's leg may skip on its way into a bridge."""
    return (
        event["Event-Name"] == "CHANNEL_STATE"
        and event["Channel-State"] == "CS_CONSUME_MEDIA"
        and event["Channel-Call-State"] == "ACTIVE"
    )


def _name(event: Event) -> str:
    if event.get("Event-Subclass") == "callcenter::info":
        return event["CC-Action"]
    return event.get("Event-Subclass") or event["Event-Name"]


def _lane(event: Event, labels: _Labels) -> str:
    name = event["Event-Name"]
    if _name(event) == "members-count":
        return f"queue {event['CC-Queue']}"
    if event.get("CC-Action") and "Unique-ID" not in event:
        return f"agent {event['CC-Agent']}"
    if event.get("CC-Action"):
        # Said of a leg by the agent's thread, whatever the leg's own thread says meanwhile.
        return f"callcenter, {labels.apply(event['Unique-ID'])}"
    if name == "RECV_INFO":
        return f"keys of {labels.apply(event['Unique-ID'])}"
    return labels.apply(event.get("Unique-ID", "")) or name


def compare(expected: bytes, actual: bytes) -> list[str]:
    """What differs, as sentences; empty when the two streams tell the same call."""
    return differences(normalise(expected), normalise(actual))


def differences(expected: Normal, actual: Normal) -> list[str]:
    """What differs between two reduced streams."""
    found: list[str] = []
    for lane in sorted(expected.lanes.keys() | actual.lanes.keys()):
        found += _diff(lane, expected.lanes.get(lane, []), actual.lanes.get(lane, []))
    found += _diff("order over all", expected.milestones, actual.milestones)
    return found


def header_differences(expected: Normal, actual: Normal) -> list[str]:
    """Headers one has and the other has not, event by event; lanes must be alike already."""
    found = []
    for lane, wanted in expected.headers.items():
        for number, ((name, want), (_, have)) in enumerate(
            zip(wanted, actual.headers.get(lane, []), strict=False), 1
        ):
            if want != have:
                lost, more = sorted(want - have), sorted(have - want)
                found.append(f"{lane}, line {number}, {name}: lacks {lost}, has {more}")
    return found


def _diff(lane: str, expected: list[Line], actual: list[Line]) -> list[str]:
    for index in range(max(len(expected), len(actual))):
        want = expected[index] if index < len(expected) else None
        have = actual[index] if index < len(actual) else None
        if want != have:
            if want is None or have is None or want[0] != have[0]:
                return [f"{lane}, line {index + 1}: expected {_show(want)}, got {_show(have)}"]
            lost = [part for part in want if part not in have]
            more = [part for part in have if part not in want]
            return [f"{lane}, line {index + 1}, {want[0]}: expected {lost}, got {more}"]
    return []


def _show(line: Line | None) -> str:
    return "nothing more" if line is None else " ".join(line)
