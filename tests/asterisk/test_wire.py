from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.events import EVENTS
from connectors.asterisk.wire import FRAME_LIMIT, FrameReader
from tests.asterisk.captured import FOLDER, stream

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def feed_in_pieces(data: bytes, cuts: list[int], limit: int = FRAME_LIMIT) -> tuple:
    reader = FrameReader(EVENTS, limit)
    frames = []
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        frames += reader.feed(data[start:cut])
        start = max(start, cut)
    return frames, reader.banner, reader.seen, reader.skipped


@pytest.mark.parametrize("name", ["queue_answered", "inject_name_raw_cr", "list_actions"])
def test_a_stream_cut_anywhere_gives_the_same_frames(name: str) -> None:
    data = stream(name)[:40_000]
    whole = feed_in_pieces(data, [])
    for size in (1, 7, 1448):
        assert feed_in_pieces(data, list(range(size, len(data), size))) == whole


@settings(max_examples=60)
@given(st.lists(st.integers(0, 9_000), max_size=30))
def test_random_cuts_give_the_same_frames(cuts: list[int]) -> None:
    data = stream("inject_header_percent_crlf_event")[:9_000]
    assert feed_in_pieces(data, cuts, limit=700) == feed_in_pieces(data, [], limit=700)


PIECES = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"Event: Hangup", b"Event: ", b"Response: Success", b": "]
)


@settings(max_examples=200)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=40), st.data())
def test_random_bytes_never_raise_and_any_chunking_agrees(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = BANNER + b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    assert feed_in_pieces(stream, cuts, limit=64) == feed_in_pieces(stream, [], limit=64)


def test_every_recorded_stream_is_read_to_its_end() -> None:
    for path in sorted(FOLDER.glob("*.ami")):
        data = path.read_bytes()
        reader = FrameReader(EVENTS)
        frames = reader.feed(data)
        assert reader.banner == "Asterisk Call Manager/11.0.0", path.name
        assert reader.skipped == 0, path.name
        wanted = sum(data.count(b"\r\nEvent: %s\r\n" % name.encode()) for name in EVENTS)
        assert sum(1 for frame in frames if frame.event) == wanted, path.name


def test_only_wanted_events_and_responses_are_parsed() -> None:
    reader = FrameReader(["Hangup"])
    frames = reader.feed(
        BANNER + b"Response: Success\r\nActionID: 1\r\n\r\n"
        b"Event: VarSet\r\nValue: x\r\n\r\n"
        b"Event: Hangup\r\nUniqueid: 1.1\r\n\r\n"
        b"Event: HangupRequest\r\nUniqueid: 1.2\r\n\r\n"
    )
    assert [(frame.event, frame.headers) for frame in frames] == [
        ("", {"Response": "Success", "ActionID": "1"}),
        ("Hangup", {"Event": "Hangup", "Uniqueid": "1.1"}),
    ]
    assert reader.seen == 4


def test_only_crlf_ends_a_line() -> None:
    """A bare CR, VT, NEL and U+2028 reach a value by SIP alone; str.splitlines cuts at each."""
    value = "Bob\rX: 1\x0bX: 2\x85X: 3\u2028X: 4"
    (frame,) = FrameReader(["E"]).feed(BANNER + f"Event: E\r\nName: {value}\r\n\r\n".encode())
    assert frame.headers == {"Event": "E", "Name": value}


def test_stray_blank_lines_between_frames_are_skipped() -> None:
    (frame,) = FrameReader(["E"]).feed(BANNER + b"\r\n\r\n\r\nEvent: E\r\nA: b\r\n\r\n\r\n\r\n\r\n")
    assert frame.headers == {"Event": "E", "A": "b"}


def test_invalid_utf8_is_replaced() -> None:
    (frame,) = FrameReader(["E"]).feed(
        BANNER + b"Event: E\r\nName: Gr\xfc\xdf \xed\xa0\x80\r\n\r\n"
    )
    assert frame.headers["Name"].startswith("Gr\ufffd")
    frame.headers["Name"].encode()


def test_all_values_of_a_repeated_header_are_kept_in_order() -> None:
    (frame,) = FrameReader(["E"]).feed(
        BANNER + b"Event: E\r\nUniqueid: 1\r\nType: a\r\nUniqueid: 2\r\n\r\n"
    )
    assert frame.repeated == {"Uniqueid": ("1", "2")}
    assert frame.headers["Uniqueid"] == "2"


def test_an_oversized_frame_is_skipped_and_counted_and_the_next_is_read() -> None:
    reader = FrameReader(["E"])
    reader.feed(BANNER)
    huge = b"Event: E\r\nA: " + b"x" * (8 * 1024 * 1024) + b"\r\n\r\n"
    start = time.process_time()
    tracemalloc.start()
    frames = []
    for offset in range(0, len(huge), 1448):
        frames += reader.feed(huge[offset : offset + 1448])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    frames += reader.feed(b"Event: E\r\nA: after\r\n\r\n")
    assert [frame.headers["A"] for frame in frames] == ["after"]
    assert (reader.skipped, reader.seen) == (1, 2)
    assert peak < 4 * FRAME_LIMIT
    assert time.process_time() - start < 2, "an unterminated frame must not cost quadratic time"


def test_a_server_that_is_not_ami_is_recognised_by_its_first_line() -> None:
    reader = FrameReader(EVENTS)
    assert reader.is_ami is None
    reader.feed(b"SSH-2.0-OpenSSH")
    assert reader.is_ami is None
    reader.feed(b"_9.2\r\n")
    assert (reader.is_ami, reader.banner) == (False, "SSH-2.0-OpenSSH_9.2")
