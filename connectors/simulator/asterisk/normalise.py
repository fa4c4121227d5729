"""Reduces an AMI stream to what must be the same on every switch that runs the same script.

Ids, channel and bridge names, times and addresses become stable labels; what only the moment
decides is left out. Asterisk says things from many threads at once, so the order of two events
counts only where one thread, or cause and effect, makes it: a stream becomes *lanes* (one for
each channel, ringing, bridge, queue caller and member), and *milestones*, the order over all.

    assert compare(recorded_bytes, simulated_bytes) == []
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LEFT_OUT = frozenset(
    (
        "ChallengeSent", "DeviceStateChange", "ExtensionStatus", "FullyBooted", "RTCPReceived",
        "RTCPSent", "RequestBadFormat", "SuccessfulAuth", "TestEvent",
    )
)  # fmt: skip
"""Events that are not compared: media, security, tests of Debian's build, and device states,
which a thread of their own announces whenever it gets to it (members' states are compared)."""

VOLATILE_VARIABLES = re.compile(r"RTPAUDIOQOS")
"""Variables not compared at all: statistics of the media."""
HISTORY = frozenset(
    (
        "ANSWEREDTIME", "ANSWEREDTIME_MS", "DIALEDTIME", "DIALEDTIME_MS", "MEMBERCALLS",
        "MEMBERLASTCALL", "PROGRESSTIME", "PROGRESSTIME_MS", "QEHOLDTIME", "QUEUEABANDONED",
        "QUEUECALLS", "QUEUECOMPLETED", "QUEUEHOLDTIME", "QUEUESRVLEVELPERF", "QUEUETALKTIME",
        "QUEUEWAIT", "QUEUEWAIT_MS", "RINGTIME", "RINGTIME_MS", "__SIPREFERREDBYHDR",
        "SIPREFERTOHDR",
    )
)  # fmt: skip
"""Variables of which only the name, and whether they are empty, is compared."""
PEER_VARIABLES = frozenset(("BRIDGEPEER", "BRIDGEPVTCALLID"))
"""Set by the bridge's own thread, more than once: a lane of their own, each value once."""

CHANNEL = (
    "Channel", "ChannelState", "CallerIDNum", "CallerIDName", "ConnectedLineNum",
    "ConnectedLineName", "Context", "Exten", "Priority", "Uniqueid", "Linkedid",
)  # fmt: skip
PARTY = ("Channel", "CallerIDNum", "CallerIDName", "Uniqueid", "Linkedid")
DEST = ("DestChannel", "DestCallerIDNum", "DestCallerIDName", "DestUniqueid", "DestLinkedid")
BRIDGE = ("BridgeUniqueid", "BridgeType", "BridgeTechnology", "BridgeNumChannels")
SERVED = (*PARTY, *DEST, "Queue", "Interface", "MemberName")

WANTED: dict[str, tuple[str, ...]] = {
    "Newchannel": CHANNEL,
    "Newstate": CHANNEL,
    "Newexten": (*CHANNEL, "Extension", "Application", "AppData"),
    "NewCallerid": CHANNEL,
    "NewConnectedLine": CHANNEL,
    "VarSet": ("Channel", "Variable", "Value"),
    "HangupRequest": ("Channel", "Cause", "TechCause"),
    "SoftHangupRequest": ("Channel", "Cause", "TechCause"),
    "Hangup": (*CHANNEL, "Cause", "Cause-txt", "TechCause"),
    "Hold": PARTY,
    "Unhold": PARTY,
    "MusicOnHoldStart": ("Channel", "Class"),
    "MusicOnHoldStop": ("Channel",),
    "DTMFBegin": ("Channel", "Digit", "Direction"),
    "DTMFEnd": ("Channel", "Digit", "Direction"),
    "QueueCallerJoin": (*CHANNEL, "Queue", "Position", "Count"),
    "QueueCallerLeave": (*CHANNEL, "Queue", "Position", "Count"),
    "QueueCallerAbandon": (*CHANNEL, "Queue", "Position", "OriginalPosition"),
    "AgentCalled": SERVED,
    "AgentConnect": SERVED,
    "AgentRingNoAnswer": SERVED,
    "AgentComplete": (*SERVED, "Reason"),
    "QueueMemberStatus": ("Queue", "MemberName", "Interface", "StateInterface", "Status"),
    "QueueMemberAdded": ("Queue", "MemberName", "Interface", "StateInterface", "Membership"),
    "QueueMemberRemoved": ("Queue", "MemberName", "Interface", "StateInterface", "Membership"),
    "DialBegin": (*PARTY, *DEST, "DialString"),
    "DialState": (*PARTY, *DEST, "DialStatus"),
    "DialEnd": (*PARTY, *DEST, "DialStatus"),
    "BridgeCreate": BRIDGE,
    "BridgeEnter": (*BRIDGE, *PARTY, "SwapUniqueid"),
    "BridgeLeave": ("BridgeUniqueid", *PARTY),
    "BridgeDestroy": BRIDGE,
    "BridgeMerge": ("ToBridgeUniqueid", "FromBridgeUniqueid"),
    "LocalBridge": (
        "LocalOneChannel", "LocalOneUniqueid", "LocalTwoChannel", "LocalTwoUniqueid",
        "LocalTwoLinkedid", "Context", "Exten", "LocalOptimization",
    ),
    "OriginateResponse": (
        "Response", "Channel", "Context", "Exten", "Reason", "Uniqueid", "CallerIDNum",
        "CallerIDName",
    ),
    "BlindTransfer": (
        "Result", "TransfererChannel", "TransfererLinkedid", "TransfereeChannel",
        "TransfereeUniqueid", "TransfereeLinkedid", "BridgeUniqueid", "IsExternal", "Context",
        "Extension",
    ),
    "AttendedTransfer": (
        "Result", "OrigTransfererChannel", "OrigBridgeUniqueid", "SecondTransfererChannel",
        "SecondTransfererLinkedid", "SecondBridgeUniqueid", "TransfereeChannel",
        "TransfereeUniqueid", "TransfereeLinkedid", "TransferTargetChannel",
        "TransferTargetUniqueid", "TransferTargetLinkedid", "IsExternal", "DestType",
        "DestBridgeUniqueid",
    ),
}  # fmt: skip
"""Headers that are compared; a UserEvent is compared whole."""

_QUEUE = ("QueueCaller", "Agent")
_MILESTONES = frozenset(
    (
        "AgentCalled", "AgentComplete", "AgentConnect", "AgentRingNoAnswer", "AttendedTransfer",
        "BlindTransfer", "QueueCallerAbandon", "QueueCallerJoin", "QueueCallerLeave", "UserEvent",
    )
)  # fmt: skip
_OF_CALLER = frozenset(("BridgeEnter", "DialBegin", "DialEnd", "HangupRequest", "Hangup"))
"""Milestones too, on the first channel of the stream: the caller's. Its BridgeLeave is none: a
transfer tells of itself and of what left the bridge from two threads."""

_NAME = re.compile(r"(?:PJSIP/[^\s,;>]+?|Local/[^\s,;>]+?)-[0-9a-f]{8}(?:;[12])?")
_ID = re.compile(r"\b\d{9,}\.\d+\b")
_BRIDGE_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")

Line = tuple[str, ...]
"""An event: its name, then ``Header=value`` for each compared header it has."""


@dataclass(slots=True)
class Normal:
    """A stream, reduced."""

    lanes: dict[str, list[Line]] = field(default_factory=dict)
    milestones: list[Line] = field(default_factory=list)
    headers: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    """Event name to the sequences of header names it came with (UserEvents left out)."""


def events(stream: bytes) -> Iterable[list[tuple[str, str]]]:
    """The events of a stream, banner and responses left out, each a list of its headers.

    Frames end at an empty line, lines at CR LF and nothing else.
    """
    if stream.startswith(b"Asterisk Call Manager"):
        stream = stream.partition(b"\r\n")[2]
    for frame in stream.split(b"\r\n\r\n"):
        text = frame.strip(b"\r\n").decode("utf-8", "backslashreplace")
        if text.startswith("Event: "):
            pairs = (line.partition(":") for line in text.split("\r\n"))
            yield [(name, value.removeprefix(" ")) for name, _, value in pairs]


class _Labels:
    """Stable names for what a switch numbers."""

    def __init__(self, stream: list[dict[str, str]]) -> None:
        self.names: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.bridges: dict[str, str] = {}
        counts: dict[str, int] = {}

        def numbered(text: str) -> str:
            counts[text] = counts.get(text, 0) + 1
            return f"{text}#{counts[text]}"

        for event in stream:
            if event["Event"] == "Newchannel":
                name, half = event["Channel"].rsplit("-", 1)[0], event["Channel"][-2:]
                base = name + half if half.startswith(";") else name
                label = self.names[event["Channel"]] = numbered(base)
                self.ids[event["Uniqueid"]] = f"<{label}>"
            elif event["Event"] == "BridgeEnter" and event["BridgeUniqueid"] not in self.bridges:
                first = self.names.get(event["Channel"], event["Channel"])
                self.bridges[event["BridgeUniqueid"]] = numbered(f"bridge of {first}")

    def apply(self, value: str) -> str:
        """A header's value with labels in it."""
        value = _NAME.sub(lambda m: self.names.get(m[0], m[0]), value)
        value = _ID.sub(lambda m: self.ids.get(m[0], m[0]), value)
        value = _BRIDGE_ID.sub(lambda m: self.bridges.get(m[0], m[0]), value)
        return _ADDRESS.sub("host", value)


def normalise(stream: bytes) -> Normal:
    """Reduce a stream."""
    normal = Normal()
    kept = []
    for pairs in events(stream):
        name = pairs[0][1]
        if name in LEFT_OUT:
            continue
        if name != "UserEvent":
            normal.headers.setdefault(name, set()).add(tuple(header for header, _ in pairs))
        event = dict(pairs)
        if name == "VarSet" and VOLATILE_VARIABLES.match(event["Variable"]):
            continue
        kept.append((event, pairs))
    labels = _Labels([event for event, _ in kept])
    caller = next((e["Channel"] for e, _ in kept if e["Event"] == "Newchannel"), "")
    for event, pairs in kept:
        line = _line(event, pairs, labels)
        lane = normal.lanes.setdefault(_lane(event, labels), [])
        repeat = (
            line in lane
            if _of_peer(event)
            else event["Event"] == "QueueMemberStatus" and lane[-1:] == [line]
        )
        if not repeat:
            lane.append(line)
        name = event["Event"]
        of_caller = event.get("Channel") == caller
        if name in _MILESTONES or (name in _OF_CALLER and of_caller):
            who = event.get("Channel") or event.get("TransfereeChannel", "")
            normal.milestones.append((name, labels.apply(who)))
    for lane in normal.lanes.values():
        _sort_leaving(lane)
    return normal


def _sort_leaving(lane: list[Line]) -> None:
    """Two that leave a bridge one after the other do so by threads of their own."""
    for index in range(1, len(lane)):
        pair = lane[index - 1 : index + 1]
        if pair[0][0] == pair[1][0] == "BridgeLeave":
            lane[index - 1 : index + 1] = sorted(pair)


def _of_peer(event: dict[str, str]) -> bool:
    return event["Event"] == "VarSet" and event["Variable"] in PEER_VARIABLES


def _lane(event: dict[str, str], labels: _Labels) -> str:
    name = event["Event"]
    channel = labels.apply(event.get("Channel", ""))
    if name == "OriginateResponse":
        return "originate"  # said by a thread of its own
    if name.startswith("QueueMember"):
        return f"member {event['Interface']} of {event['Queue']}"
    if name.startswith(_QUEUE):
        return f"queue, {channel}"
    if name.startswith("Dial"):
        return f"dial of {labels.apply(event['DestChannel'])}"
    if name.startswith("Bridge") and name != "BridgeMerge":
        return labels.apply(event["BridgeUniqueid"])
    if name in ("BlindTransfer", "AttendedTransfer", "BridgeMerge", "LocalBridge"):
        return "transfers and pairs"
    return f"{event['Variable']} of {channel}" if _of_peer(event) else channel


def _line(event: dict[str, str], pairs: list[tuple[str, str]], labels: _Labels) -> Line:
    name = event["Event"]
    if name == "VarSet":
        value = labels.apply(event["Value"])
        if event["Variable"] in HISTORY or event["Variable"] == "BRIDGEPVTCALLID":
            value = "…" if value else ""
        return (name, f"{event['Variable']}={value}")
    wanted = WANTED.get(name)
    if wanted is None:
        skip = ("Event", "Privilege", "Timestamp")
        wanted = tuple(header for header, _ in pairs if header not in skip)
    return (name, *(f"{h}={labels.apply(event[h])}" for h in wanted if h in event))


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


def _diff(lane: str, expected: list[Line], actual: list[Line]) -> list[str]:
    for index in range(max(len(expected), len(actual))):
        want = expected[index] if index < len(expected) else None
        have = actual[index] if index < len(actual) else None
        if want != have:
            if want is None or have is None or want[0] != have[0]:
                return [f"{lane}, line {index + 1}: expected {_show(want)}, got {_show(have)}"]
            parts = [f"{b} (expected {a})" for a, b in zip(want, have, strict=False) if a != b]
            extra = set(want) ^ set(have) if len(want) != len(have) else set()
            shown = ", ".join(parts or sorted(extra))
            return [f"{lane}, line {index + 1}, {want[0]}: got {shown}"]
    return []


def _show(line: Line | None) -> str:
    return "nothing more" if line is None else " ".join(line)
