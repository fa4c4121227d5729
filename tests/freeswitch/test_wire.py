from __future__ import annotations

import json
import re
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.freeswitch.wire import (
    ALL,
    FRAME_LIMIT,
    HEAD_LIMIT,
    Event,
    Frame,
    FrameReader,
    event_of,
)

FOLDER = Path(__file__).parent.parent / "captures" / "freeswitch-1.11"
WANTED = ("CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE", "BACKGROUND_JOB", "CUSTOM callcenter::info",
          "CUSTOM collab::request")  # fmt: skip


def stream(name: str) -> bytes:
    return (FOLDER / f"{name}.esl").read_bytes()


def feed_in_pieces(
    data: bytes, cuts: list[int], limit: int = FRAME_LIMIT
) -> tuple[list[Frame], int, str, bytes]:
    reader = FrameReader(WANTED, limit)
    frames = []
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        frames += reader.feed(data[start:cut])
        start = max(start, cut)
    return frames, reader.seen, reader.broken, reader.unfinished


def framed(kind: str, body: bytes) -> bytes:
    return f"Content-Length: {len(body)}\nContent-Type: {kind}\n\n".encode() + body


def the_event(kind: str, body: bytes, wanted: str = ALL) -> Event:
    (frame,) = FrameReader([wanted]).feed(framed(kind, body))
    event = event_of(frame)
    assert event is not None
    return event


@pytest.mark.parametrize(
    "name",
    ["07-queue-answered-json", "10-bgapi-reloadxml", "08-api-queries", "06-outbound-async-full"],
)
def test_a_stream_cut_anywhere_gives_the_same_frames(name: str) -> None:
    data = stream(name)[:60_000]
    whole = feed_in_pieces(data, [])
    for size in (1, 7, 1448):
        assert feed_in_pieces(data, list(range(size, len(data), size))) == whole


@settings(max_examples=60)
@given(
    st.sampled_from(
        ["01b-queue-answered-narrow", "09b-errors", "09d-acl-rejected", "14b-freeswitch-sigkill"]
    ),
    st.lists(st.integers(0, 30_000), max_size=30),
)
def test_random_cuts_give_the_same_frames(name: str, cuts: list[int]) -> None:
    data = stream(name)[:30_000]
    assert feed_in_pieces(data, cuts) == feed_in_pieces(data, [])


PIECES = st.sampled_from(
    [b"\n", b"\n\n", b"Content-Length: ", b"Content-Length: 5\nContent-Type: text/event-json\n\n",
     b"Content-Type: text/event-plain\n", b"Content-Type: api/response\n", b"12", b"-1", b"{}",
     b"Event-Name: CHANNEL_BRIDGE", b'{"Event-Name":"CHANNEL_BRIDGE"}', b": ", b"%0A"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=40), st.data())
def test_random_bytes_never_raise_and_any_chunking_agrees(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    whole = feed_in_pieces(stream, [], limit=64)
    assert feed_in_pieces(stream, cuts, limit=64) == whole
    for frame in whole[0]:
        event_of(frame)


@settings(max_examples=300)
@given(st.sampled_from(["text/event-json", "text/event-plain"]), st.binary(max_size=200))
def test_any_body_is_an_event_or_none(kind: str, body: bytes) -> None:
    event = event_of(Frame(kind, {}, body))
    if event is not None:
        str(event).encode()
        assert all(type(value) is str for value in event.headers.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=9,
)


@settings(max_examples=200)
@given(st.dictionaries(st.text(max_size=8), JSON))
def test_any_json_object_is_an_event_of_strings(headers: dict[str, object]) -> None:
    event = event_of(Frame("text/event-json", {}, json.dumps(headers).encode()))
    assert event is not None
    for value in event.headers.values():
        value.encode()


TEXT = st.text(st.sampled_from('ab",:{}[]\\\n\u00eb\ud83d\ude00'), max_size=6)
FLAT = st.lists(st.tuples(TEXT, TEXT | st.lists(TEXT, min_size=1, max_size=3)), max_size=5)


@settings(max_examples=1000)
@given(FLAT, st.booleans())
def test_what_freeswitch_writes_is_read_as_a_json_parser_reads_it(
    pairs: list[tuple[str, str | list[str]]], ascii_only: bool
) -> None:
    """The short way, which looks at quotes only, against the long one."""
    members = (
        f"{json.dumps(name, ensure_ascii=ascii_only)}:"
        f"{json.dumps(value, ensure_ascii=ascii_only, separators=(',', ':'))}"
        for name, value in pairs
    )
    text = "{" + ",".join(members) + "}"
    body = text.encode("utf-8", "surrogatepass")
    short = event_of(Frame("text/event-json", {}, body))
    long = event_of(Frame("text/event-json", {}, b" " + body))  # a blank: the long way
    assert short == long
    assert short is not None


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(['"', "{", "}", "[", "]", ":", ",", "\\", "a", "_body"])))
def test_what_no_json_parser_takes_is_no_event(pieces: list[str]) -> None:
    body = "".join(pieces).encode()
    assert event_of(Frame("text/event-json", {}, body)) == event_of(
        Frame("text/event-json", {}, b" " + body)
    )


def test_every_recorded_stream_is_read_to_its_end() -> None:
    paths = sorted(FOLDER.glob("*.esl"))
    assert len(paths) > 20
    for path in paths:
        data = path.read_bytes()
        reader = FrameReader([ALL])
        frames = reader.feed(data)
        assert (reader.broken, reader.unfinished) == ("", b""), path.name
        events = [event_of(frame) for frame in frames]
        wanted = sum(len(re.findall(b"Type: text/event-%s\n" % kind, data))
                     for kind in (b"json", b"plain"))  # fmt: skip
        assert sum(1 for event in events if event and event.name) == wanted, path.name


@pytest.mark.parametrize("name", ["01-queue-answered-plain", "07-queue-answered-json"])
def test_what_is_wanted_is_found_in_either_format(name: str) -> None:
    """On bytes the same events are picked that reading them all finds."""
    data = stream(name)
    everything = [event_of(frame) for frame in FrameReader([ALL]).feed(data)]
    expected = [
        event
        for event in everything
        if event and (event.name in WANTED or f"{event.name} {event.subclass}" in WANTED)
    ]
    picked = [event for frame in FrameReader(WANTED).feed(data) if (event := event_of(frame))]
    assert picked == expected
    assert len(picked) > 10
    assert {event.name for event in picked} == {
        "CUSTOM",
        "CHANNEL_BRIDGE",
        "CHANNEL_HANGUP_COMPLETE",
    }


def test_the_two_formats_say_the_same() -> None:
    """The same call was not recorded twice, but the same kind of call has the same values."""
    events = {}
    for name in ("01-queue-answered-plain", "07-queue-answered-json"):
        frames = FrameReader(["CUSTOM callcenter::info"]).feed(stream(name))
        found = [event for frame in frames if (event := event_of(frame))]
        events[name] = [
            (event.get("CC-Action"), event.get("CC-Queue"), event.get("variable_DP_MATCH"))
            for event in found
        ]
    assert events["01-queue-answered-plain"] == events["07-queue-answered-json"]
    assert ("member-queue-start", "support@default", "ARRAY::7000|:7000") in events[
        "07-queue-answered-json"
    ]


def test_unwanted_events_are_counted_and_not_returned() -> None:
    reader = FrameReader(["CHANNEL_ANSWER"])
    frames = reader.feed(
        b"Content-Type: auth/request\n\n"
        + framed("text/event-json", b'{"Event-Name":"HEARTBEAT","X":"CHANNEL_ANSWER"}')
        + framed("text/event-plain", b"Event-Name: CHANNEL_ANSWER_X\nX: CHANNEL_ANSWER\n\n")
        + framed("text/event-json", b'{"Event-Name":"CHANNEL_ANSWER"}')
        + framed("text/event-json", b"{}")
        + b"Content-Type: command/reply\nReply-Text: %2BOK accepted\nJob-UUID: 1\n\n"
    )
    assert [(frame.kind, frame.get("Reply-Text")) for frame in frames] == [
        ("auth/request", ""),
        ("text/event-json", ""),
        ("command/reply", "+OK accepted"),
    ]
    assert reader.seen == 6


def test_of_custom_events_only_the_wanted_subclass_is_read() -> None:
    for kind, body in (
        ("text/event-json", b'{"Event-Subclass":"%s","Event-Name":"CUSTOM"}'),
        ("text/event-json", b'{"Event-Name":"CUSTOM","Event-Subclass":"%s"}'),
        ("text/event-plain", b"Event-Subclass: %s\nEvent-Name: CUSTOM\n\n"),
        ("text/event-plain", b"Event-Name: CUSTOM\nEvent-Subclass: %s\n\n"),
    ):
        for subclass, taken in ((b"collab::request", 1), (b"sofia::register", 0)):
            if kind == "text/event-plain":
                subclass = subclass.replace(b":", b"%3A")
            reader = FrameReader(["CUSTOM collab::request"])
            assert len(reader.feed(framed(kind, body % subclass))) == taken


def test_json_may_have_spaces_behind_its_colons() -> None:
    body = b'{ "Event-Name" :\t"CHANNEL_ANSWER" }'
    assert the_event("text/event-json", body, "CHANNEL_ANSWER").name == "CHANNEL_ANSWER"


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "", " 4 4", "²", "9" * 30])
def test_a_content_length_that_is_none_gives_the_stream_up(length: str) -> None:
    reader = FrameReader([ALL])
    frames = reader.feed(
        b"Content-Type: auth/request\n\n"
        + f"Content-Type: api/response\nContent-Length: {length}\n\n".encode()
        + b"Content-Type: auth/request\n\n"
    )
    assert [frame.kind for frame in frames] == ["auth/request"], "what came before is good"
    assert reader.broken.startswith("the stream cannot be followed: ")
    assert length.strip()[:20] in reader.broken
    assert reader.feed(b"Content-Type: auth/request\n\n") == []


def test_a_body_of_16_mb_is_not_waited_for() -> None:
    reader = FrameReader([ALL])
    assert reader.feed(b"Content-Length: 16777216\nContent-Type: text/event-json\n\n{") == []
    assert reader.broken == (
        "the stream cannot be followed: a body of 16777216 bytes is announced, 8388608 are taken"
    )
    assert reader.unfinished == b""


def test_a_head_without_end_is_given_up_with_bounded_memory_and_time() -> None:
    reader = FrameReader([ALL])
    start = time.process_time()
    tracemalloc.start()
    for _ in range(8 * 1024):
        reader.feed(b"X: " + b"y" * 1021)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "a head of more than 262144 bytes" in reader.broken
    assert peak < 4 * HEAD_LIMIT
    assert time.process_time() - start < 2


def test_a_large_body_in_small_pieces_takes_linear_time() -> None:
    body = b'{"Event-Name":"X","Y":"' + b"y" * (FRAME_LIMIT - 100) + b'"}'
    data = framed("text/event-json", body)
    reader = FrameReader([ALL])
    start = time.process_time()
    frames = [
        frame for at in range(0, len(data), 1448) for frame in reader.feed(data[at : at + 1448])
    ]
    assert time.process_time() - start < 2
    assert frames == [Frame("text/event-json", frames[0].headers, body)]


def test_a_stream_that_ends_in_a_body_has_an_unfinished_frame() -> None:
    reader = FrameReader([ALL])
    assert reader.feed(b'Content-Length: 30\nContent-Type: text/event-json\n\n{"Event-N') == []
    assert reader.unfinished.startswith(b"Content-Length: 30")
    assert reader.broken == ""


def test_a_percent_encoded_line_end_in_a_value_makes_no_header() -> None:
    event = the_event(
        "text/event-plain",
        b"Event-Name: CHANNEL_ANSWER\nUnique-ID: 1\n"
        b"Caller-Caller-ID-Name: Bob%0AUnique-ID: 2%0A%0AEvent-Name: CUSTOM\nA: 1%2B1+1,/\n\n",
    )
    assert event.headers == {
        "Event-Name": "CHANNEL_ANSWER",
        "Unique-ID": "1",
        "Caller-Caller-ID-Name": "Bob\nUnique-ID: 2\n\nEvent-Name: CUSTOM",
        "A": "1+1+1,/",
    }
    assert (event.name, event.body) == ("CHANNEL_ANSWER", "")


def test_json_values_are_not_unquoted_and_cannot_imitate_a_name() -> None:
    hostile = 'x","Event-Name":"CUSTOM","Event-Subclass":"collab::request%0AUnique-ID: 2'
    body = json.dumps({"A": hostile, "Event-Name": "MESSAGE", "Unique-ID": "1"}).encode()
    assert FrameReader(WANTED).feed(framed("text/event-json", body)) == []
    event = the_event("text/event-json", body)
    assert (event.name, event.subclass) == ("MESSAGE", "")
    assert event.get("A") == hostile


@pytest.mark.parametrize("length", ["Content-Length: %d\n", ""])
def test_a_body_that_imitates_headers_stays_a_body(length: str) -> None:
    """A chat message can have any body, and it is not encoded."""
    body = "\nEvent-Name: CUSTOM\nEvent-Subclass: callcenter%3A%3Ainfo\nUnique-ID: 2\n\n"
    head = "Event-Name: MESSAGE\nUnique-ID: 1\n" + (length % len(body) if length else "") + "\n"
    data = framed("text/event-plain", (head + body).encode())
    assert FrameReader(WANTED).feed(data) == []
    event = the_event("text/event-plain", (head + body).encode())
    assert (event.name, event.subclass, event.get("Unique-ID")) == ("MESSAGE", "", "1")
    assert event.body == body


def test_a_body_that_imitates_frames_does_not_make_any() -> None:
    forged = framed("text/event-json", b'{"Event-Name":"CHANNEL_BRIDGE"}')
    (outer,) = FrameReader(WANTED).feed(framed("text/event-json", forged))
    assert (outer.body, event_of(outer)) == (forged, None)
    (answer,) = FrameReader(WANTED).feed(
        b"Content-Type: api/response\nContent-Length: %d\n\n" % len(forged) + forged
    )
    assert (answer.kind, answer.body) == ("api/response", forged)


def test_the_body_of_a_json_event_is_kept_apart() -> None:
    event = the_event("text/event-json", b'{"Event-Name":"BACKGROUND_JOB","_body":"+OK x\\n"}')
    assert (event.body, "_body" in event.headers) == ("+OK x\n", False)
    assert event.repeated == {}


def test_invalid_utf8_is_replaced() -> None:
    for kind, body in (
        ("text/event-json", b'{"Event-Name":"X","N":"Gr\xfc\xdf \xed\xa0\x80 \\ud800"}'),
        ("text/event-plain", b"Event-Name: X\nN: Gr\xfc\xdf%FC\n\n"),
    ):
        name = the_event(kind, body).get("N")
        assert name.startswith("Gr\ufffd")
        name.encode()


def test_all_values_of_a_repeated_header_are_kept_in_order() -> None:
    for kind, body in (
        ("text/event-json", b'{"Event-Name":"A","I":"1","Event-Name":"B","I":"2","C":"3"}'),
        ("text/event-plain", b"Event-Name: A\nI: 1\nEvent-Name: B\nI: 2\nC: 3\n\n"),
    ):
        event = the_event(kind, body, "A")
        assert event.repeated == {"Event-Name": ("A", "B"), "I": ("1", "2")}
        assert event.headers == {"Event-Name": "B", "I": "2", "C": "3"}
        assert event.name == "A", "the first is FreeSWITCH's own"


def a_hangup(*more: str) -> Event:
    """The end of a channel, which has its cause twice, and `more` members."""
    cause = '"Hangup-Cause":"NORMAL_CLEARING"'
    members = ('"Event-Name":"CHANNEL_HANGUP_COMPLETE"', cause, '"Unique-ID":"1"', cause, *more)
    return the_event("text/event-json", f"{{{','.join(members)}}}".encode())


def test_a_channels_end_has_its_cause_twice() -> None:
    event = a_hangup()
    assert event.repeated == {"Hangup-Cause": ("NORMAL_CLEARING", "NORMAL_CLEARING")}
    assert event.get("Unique-ID") == "1"


@pytest.mark.parametrize(
    ("more", "repeated"),
    [
        # Of the same length as the cause's second time, which hides behind a value that looks so.
        ('"Unique-ID":"...........22..........."', ("1", "...........22...........")),
        ('"Unique-ID":"2"', ("1", "2")),
        ('"Unique-ID":"1"', ("1", "1")),
        (r'"\u0055nique-ID":"2"', ("1", "2")),
        ('"Unique-ID" : "2"', ("1", "2")),
        ('"A":["x","y"],"Unique-ID":"2"', ("1", "2")),
        (r'"A":",\"Hangup-Cause\":\"NORMAL_CLEARING\"","Unique-ID":"2"', ("1", "2")),
        ('"Gr\u00fc\u00df":"\u00eb","Unique-ID":"2"', ("1", "2")),
    ],
)
def test_no_second_header_hides_behind_the_second_cause(
    more: str, repeated: tuple[str, ...]
) -> None:
    event = a_hangup(more)
    assert event.repeated["Unique-ID"] == repeated
    assert event.repeated["Hangup-Cause"] == ("NORMAL_CLEARING", "NORMAL_CLEARING")
    assert event.get("Unique-ID") == repeated[-1]


def test_the_second_header_is_found_where_the_cause_stands_once() -> None:
    cause = '"Hangup-Cause":"NORMAL_CLEARING"'
    # As long as a second cause would be.
    again = '"Event-Name":"' + "X" * (len(cause) - len('"Event-Name":""')) + '"'
    body = f'{{"Event-Name":"A",{cause},{again}}}'.encode()
    assert the_event("text/event-json", body, "A").repeated["Event-Name"][0] == "A"


def test_many_repeated_headers_take_linear_time() -> None:
    half = ",".join(f'"h{n}":"{n}"' for n in range(100_000))
    start = time.process_time()
    event = the_event("text/event-json", f'{{"Event-Name":"X",{half},{half}}}'.encode())
    assert time.process_time() - start < 5
    assert len(event.repeated) == 100_000
    assert event.repeated["h7"] == ("7", "7")


def test_json_that_is_nested_deeply_is_an_event_of_text() -> None:
    deep = "[" * 300 + "]" * 300
    event = the_event("text/event-json", f'{{"Event-Name":"X","a":{deep},"b":{{}}}}'.encode())
    assert (event.get("a"), event.get("b")) == ("ARRAY::" * 300, "[]")


def test_the_name_is_not_read_beyond_the_frame() -> None:
    """A body cut short by its length, and what follows would complete its name."""
    head = b"Content-Length: 12\nContent-Type: text/event-json\n\n"
    reader = FrameReader(["CHANNEL_BRIDGE"])
    assert reader.feed(head + b'{"Event-Name":"CHANNEL_BRIDGE"}') == []
    assert reader.seen == 1


def test_what_is_no_json_object_is_no_event() -> None:
    for body in (b"", b"[]", b'"x"', b"{", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 9_999):
        assert event_of(Frame("text/event-json", {}, body)) is None
    assert event_of(Frame("api/response", {}, b"{}")) is None


def test_every_value_becomes_text() -> None:
    event = the_event("text/event-json", b'{"a":["x","y"],"b":1,"c":null,"d":{"e":1},"f":true}')
    assert event.headers["a"] == "ARRAY::x|:y"
    assert event.headers["b"] == "1"
    assert all(type(value) is str for value in event.headers.values())


def test_the_reply_to_an_outbound_connect_holds_the_channel() -> None:
    (reply,) = FrameReader(WANTED).feed(stream("06-outbound-async-full")[:5753])
    assert (reply.kind, reply.get("Reply-Text")) == ("command/reply", "+OK\n")
    assert reply.get("Caller-Destination-Number") == "7200"
    assert reply.body == b""
