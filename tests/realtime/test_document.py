"""Updates are integrated whole or not at all, whatever bytes they are."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pycrdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_server.realtime.awareness import Awareness
from collab_server.realtime.backend import Person
from collab_server.realtime.connection import BadMessageError, ForeignError, TooLargeError
from collab_server.realtime.document import Applied, Document
from collab_server.realtime.limits import Limits
from collab_server.realtime.update import inspect, state_vector
from collab_server.realtime.wire import varbytes, varuint, write_varbytes, write_varuint
from collab_server.realtime.writers import Writers

from .yclient import YClient, read_varbytes

LIMITS = Limits()
ANN = Person("user", "sip:ann@example.org", "ann")
WANG = Person("agent", "sip:wang@example.org", "wang")

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), VALUES),
        st.tuples(st.just("type"), st.text(max_size=9)),
        st.tuples(st.just("insert"), st.text(min_size=1, max_size=9)),
        st.tuples(st.just("set"), VALUES),
        st.tuples(st.just("delete"), st.integers(0, 50)),
        st.tuples(st.just("cut"), st.integers(0, 50)),
    ),
    min_size=1,
    max_size=12,
)


def edited(edits: list[tuple[str, Any]]) -> list[bytes]:
    """What a client sends while it makes these edits."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=12345)
    chat = doc.get("chat", type=pycrdt.Array)
    text = doc.get("note", type=pycrdt.Text)
    fields = doc.get("form", type=pycrdt.Map)
    updates = []
    for kind, value in edits:
        before = doc.get_state()
        if kind == "append":
            chat.append(value)
        elif kind == "type":
            chat.append(pycrdt.Map({"t": pycrdt.Text(value)}))
        elif kind == "insert":
            text.insert(0, value)
        elif kind == "set":
            fields["field"] = value
        elif kind == "delete" and len(chat):
            del chat[value % len(chat)]
        elif kind == "cut" and len(str(text)):
            text.clear()
        updates.append(doc.get_update(before))
    return updates


def started(updates: list[bytes] | None = None, owner: Person = ANN) -> Document:
    """A document out of stored updates, of which every client is `owner`'s."""
    writers = Writers(LIMITS.writers_of_person, {})
    for update in updates or []:
        writers.claim(writers.unclaimed(inspect(update, LIMITS.nesting).writes, owner), owner)
    return Document(LIMITS, writers, updates or [])


def empty_awareness(limits: Limits = LIMITS) -> Awareness:
    return Awareness(limits, Writers(limits.writers_of_person, {}))


def shown(document: Document) -> bytes:
    return document.diff(b"\x00")


@given(EDITS)
@settings(max_examples=150)
def test_every_update_a_client_makes_is_read(edits: list[tuple[str, Any]]) -> None:
    document = started()
    ends: dict[int, int] = {}
    for update in edited(edits):
        document.apply(update, ANN)
        contents = inspect(update, LIMITS.nesting)
        for client, clock in (*contents.writes.items(), *contents.deletes.items()):
            ends[client] = max(clock, ends.get(client, 0))
    have = state_vector(document.state())
    assert {client: clock for client, clock in ends.items() if clock} == have
    whole = pycrdt.Doc()
    whole.apply_update(document.compact())
    assert whole.get_state() == document.state()


@given(st.binary(max_size=300))
@settings(max_examples=400)
def test_arbitrary_bytes_change_nothing(noise: bytes) -> None:
    document = started(edited([("append", "before")]))
    before = shown(document)
    try:
        document.apply(noise, ANN)
    except (BadMessageError, TooLargeError, ForeignError):
        assert shown(document) == before


@given(EDITS, st.data())
@settings(max_examples=300)
def test_a_broken_update_changes_nothing(edits: list[tuple[str, Any]], data: Any) -> None:
    updates = edited([("append", "a"), ("append", "b"), *edits])
    document = started(updates[:2])
    update = bytearray(data.draw(st.sampled_from(updates)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(update) - 1)))
        if data.draw(st.booleans()):
            update[at : at + 1] = data.draw(st.binary(max_size=10))
        elif update:
            update[at] = data.draw(st.sampled_from([0, 1, 4, 7, 8, 39, 127, 128, 132, 199, 255]))
    before = shown(document)
    try:
        document.apply(bytes(update), ANN)
    except (BadMessageError, TooLargeError, ForeignError):
        assert shown(document) == before
    for rest in updates[2:]:
        try:
            document.apply(rest, ANN)
        except BadMessageError:
            continue  # it stood on what the broken one has taken the place of
    started([document.compact()])


def test_an_update_that_reads_well_and_fails_half_way_is_taken_back() -> None:
    document = started(edited([("append", "before")]))
    before = shown(document)
    # Two structs: a plain one, then one whose parent is a plain value, no type.
    plain = b"\x08" + write_varuint(1) + write_varbytes(b"chat") + b"\x01\x7e"
    orphan = b"\x08" + write_varuint(0) + write_varuint(77) + write_varuint(0) + b"\x01\x7e"
    update = b"\x01\x02" + write_varuint(77) + b"\x00" + plain + orphan + b"\x00"
    with pytest.raises(BadMessageError, match="cannot be integrated"):
        document.apply(update, ANN)
    assert shown(document) == before
    assert document.apply(edited([("append", "after")])[0], ANN)


def test_an_empty_update_is_none() -> None:
    assert started().apply(b"\x00\x00", ANN) == Applied()


def test_a_document_is_freed_without_the_garbage_collector() -> None:
    # pycrdt documents may be dropped in their own thread only, and the collector runs in any.
    gc.disable()
    try:
        document = started(edited([("append", "x"), ("type", "y"), ("delete", 0)]))
        inner = weakref.ref(document._copy.doc)
        document.compact()
        del document
        assert inner() is None
    finally:
        gc.enable()


# -- numbers and awareness ------------------------------------------------------------------------


@given(st.integers(0, 2**53 - 1))
def test_numbers_are_read_as_they_are_written(number: int) -> None:
    assert varuint(write_varuint(number), 0) == (number, len(write_varuint(number)))


@given(st.binary(max_size=40), st.integers(0, 40))
def test_reading_stays_inside_the_message(data: bytes, at: int) -> None:
    for read in (varuint, varbytes):
        try:
            _, end = read(data, at)
        except BadMessageError:
            continue
        assert end <= len(data)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_arbitrary_bytes_are_no_awareness_or_a_valid_one(noise: bytes) -> None:
    awareness = empty_awareness()
    try:
        everyone, _, _ = awareness.apply(noise, ANN, object(), first=True)
    except (BadMessageError, TooLargeError):
        assert awareness.everyone() is None
        return
    assert everyone == awareness.everyone()


def said(entries: list[tuple[int, int, Any]]) -> bytes:
    body, _ = read_varbytes(YClient.awareness_message(entries), 1)
    return body


def test_two_windows_of_one_person_do_not_end_each_other() -> None:
    awareness, one, two = empty_awareness(), object(), object()
    awareness.apply(said([(1, 1, {"n": 1})]), ANN, one, first=True)
    awareness.apply(said([(2, 1, {"n": 2})]), ANN, two, first=True)
    # A stock client echoes what it hears: the same clock, or 'gone' when it has heard nothing long.
    assert awareness.apply(said([(1, 1, {"n": 1})]), ANN, two, first=False)[:2] == (None, None)
    assert awareness.apply(said([(1, 1, None)]), ANN, two, first=False)[:2] == (None, None)
    assert awareness.drop(two) == said([(2, 1, None)])
    assert awareness.everyone() == said([(1, 1, {"n": 1})])


def test_a_new_connection_takes_over_from_a_dead_one() -> None:
    awareness, dead, new = empty_awareness(), object(), object()
    awareness.apply(said([(1, 7, {"n": 1})]), ANN, dead, first=True)
    awareness.apply(said([(1, 7, {"n": 1})]), ANN, new, first=True)
    assert awareness.drop(dead) is None
    assert awareness.everyone() == said([(1, 7, {"n": 1})])
    assert awareness.drop(new) == said([(1, 7, None)])


def test_gone_clients_are_forgotten_in_the_end() -> None:
    limits = Limits(awareness_remembered=20, awareness_clients=10)
    awareness = empty_awareness(limits)
    for client in range(1, 200):
        socket = object()
        awareness.apply(said([(client, 1, {"n": client})]), ANN, socket, first=True)
        awareness.drop(socket)
    assert len(awareness._clients) <= 20


def test_one_person_cannot_crowd_the_other_out() -> None:
    limits = Limits(awareness_clients=6, awareness_clients_of_person=3)
    awareness = empty_awareness(limits)
    awareness.apply(said([(n, 1, {}) for n in (1, 2, 3)]), ANN, object(), first=True)
    with pytest.raises(TooLargeError):
        awareness.apply(said([(4, 1, {})]), ANN, object(), first=True)
    assert awareness.apply(said([(9, 1, {})]), WANG, object(), first=True)[0]
