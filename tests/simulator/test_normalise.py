"""The comparison of two streams sees what matters and nothing else."""

from __future__ import annotations

import re

import pytest

from connectors.simulator.asterisk.normalise import compare, normalise

from .recorded import CAPTURES


def stream(name: str) -> bytes:
    return (CAPTURES / f"{name}.ami").read_bytes()


def frames(data: bytes) -> list[bytes]:
    return data.split(b"\r\n\r\n")


def test_a_stream_equals_itself() -> None:
    assert compare(stream("queue_answered"), stream("queue_answered")) == []


def test_other_ids_times_and_addresses_make_no_difference() -> None:
    data = stream("transfer_attended_refer")
    other = data.replace(b"1795415911.24", b"1899999999.7").replace(b"-0000001a", b"-000000ff")
    other = re.sub(rb"Timestamp: [\d.]+", b"Timestamp: 1.5", other)
    other = other.replace(b"f5a4c837-598f", b"00000000-aaaa")
    assert other != data
    assert compare(data, other) == []


def test_what_only_the_moment_decides_is_left_out() -> None:
    data = stream("queue_answered")
    quieter = b"\r\n\r\n".join(
        frame
        for frame in frames(data)
        if not frame.startswith((b"Event: DeviceStateChange", b"Event: RTCP", b"Event: TestEvent"))
        and b"Variable: RTPAUDIO" not in frame
    )
    assert len(quieter) < len(data)
    assert compare(data, quieter) == []


def test_two_channels_may_be_told_about_in_either_order() -> None:
    data = frames(stream("queue_answered"))
    hangups = [index for index, frame in enumerate(data) if frame.startswith(b"Event: Hangup\r")]
    first, second = hangups
    data[first], data[second] = data[second], data[first]
    changed = b"\r\n\r\n".join(data)
    # The caller's hang-up is a milestone, so this looks at the lanes alone.
    assert normalise(changed).lanes == normalise(stream("queue_answered")).lanes


@pytest.mark.parametrize(
    "event", ["AgentConnect", "BridgeEnter", "DialEnd", "Hangup", "Newstate", "QueueCallerLeave"]
)
def test_a_missing_event_is_found(event: str) -> None:
    data = frames(stream("queue_answered"))
    index = next(i for i, f in enumerate(data) if f.startswith(f"Event: {event}\r".encode()))
    del data[index]
    assert compare(stream("queue_answered"), b"\r\n\r\n".join(data)) != []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Reason: caller", b"Reason: agent"),
        (b"DialStatus: ANSWER", b"DialStatus: BUSY"),
        (b"Interface: PJSIP/agent1\r\nMemberName", b"Interface: PJSIP/agent9\r\nMemberName"),
        (b"Type: cobrowse", b"Type: chat"),
        (b"Cause-txt: Normal Clearing", b"Cause-txt: User busy"),
        (b"Linkedid: 1795417493.0", b"Linkedid: 1795417493.1"),
    ],
)
def test_another_value_is_found(old: bytes, new: bytes) -> None:
    data = stream("queue_answered")
    assert old in data
    assert compare(data, data.replace(old, new, 1)) != []


def test_another_order_over_all_is_found() -> None:
    data = frames(stream("queue_answered"))
    mark = next(i for i, f in enumerate(data) if f.startswith(b"Event: UserEvent"))
    data.insert(mark + 30, data.pop(mark))
    found = compare(stream("queue_answered"), b"\r\n\r\n".join(data))
    assert any("order over all" in line for line in found)


def test_a_carriage_return_in_a_value_does_not_split_a_line() -> None:
    normal = normalise(stream("inject_name_raw_cr"))
    assert any("X-Evil" in word for lane in normal.lanes.values() for ln in lane for word in ln)
    assert all(len(ln) < 40 for lane in normal.lanes.values() for ln in lane)
