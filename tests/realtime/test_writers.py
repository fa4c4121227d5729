"""Who wrote what: a participant writes as their own clients only, and no line is taken away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pycrdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_server.realtime.connection import BadMessageError, ForeignError, TooLargeError
from collab_server.realtime.document import Document
from collab_server.realtime.limits import Limits
from collab_server.realtime.writers import Writers

from .fake import FakeBackend
from .test_document import ANN, EDITS, LIMITS, WANG, edited, started
from .test_sync import agent, eventually, user
from .yclient import YClient, varbytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import StartPort
    from .fake import RunningPort


def update_of(client: int, change: Callable[[pycrdt.Doc[Any]], object], *seen: bytes) -> bytes:
    """What a page that writes as `client` sends when it makes `change` after what it has seen."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client)
    for update in seen:
        doc.apply_update(update)
    before = doc.get_state()
    change(doc)
    return doc.get_update(before)


def saying(text: str) -> Callable[[pycrdt.Doc[Any]], object]:
    return lambda doc: doc.get("chat", type=pycrdt.Array).append({"text": text})


def silencing(doc: pycrdt.Doc[Any]) -> None:
    del doc.get("chat", type=pycrdt.Array)[0]


async def tell(client: YClient, update: bytes) -> None:
    await client.send(b"\x00\x02" + varbytes(update))


# -- over the socket ------------------------------------------------------------------------------


async def test_pages_are_told_who_writes_as_which_client(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang:
        await ann.say("hello")
        await wang.until(lambda: wang.lines == ["hello"])
        theirs, mine = {"role": "user", "name": "Ann", "me": False}, wang.doc.client_id
        assert wang.writers == {ann.doc.client_id: theirs}
        await wang.say("good day")
        await ann.until(lambda: len(ann.lines) == 2)
        assert ann.writers[ann.doc.client_id] == {**theirs, "me": True}
        assert ann.writers[mine] == {"role": "agent", "name": "Wang", "me": False}
        async with wang.sibling() as late, user(port, ours=False) as stock:
            await late.until(lambda: len(late.lines) == 2)
            assert late.writers[mine]["me"]
            await stock.until(lambda: len(stock.lines) == 2)
            assert stock.writers == {}
        await ann.until_stored()
    assert {person.uri for person in port.backend.writers["s1"].values()} == {"ann", "wang"}


async def test_nobody_writes_under_the_name_of_another(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang:
        await wang.say("your balance is 7")
        await ann.until(lambda: ann.lines)
        seen = ann.doc.get_update()
        await tell(ann, update_of(wang.doc.client_id, saying("forged"), seen))
        assert await ann.until_closed() == 4403
        await wang.say("anything else?")
        await wang.until_stored()
        assert wang.lines == ["your balance is 7", "anything else?"]
        async with user(port, doc=ann.doc) as again:  # it may come back as itself
            await again.until(lambda: len(again.lines) == 2)
            await again.say("no")
            await wang.until(lambda: wang.lines[-1] == "no")


async def test_a_client_known_by_its_presence_alone_is_taken(port: RunningPort) -> None:
    async with user(port) as ann, agent(port, client_id=77) as wang:
        await wang.be({"name": "Wang"})
        await ann.until(lambda: 77 in ann.others)
        await tell(ann, update_of(77, saying("forged")))
        assert await ann.until_closed() == 4403
        await tell(wang, update_of(77, saying("mine")))
        async with user(port) as again:
            await again.until(lambda: again.lines == ["mine"])


async def test_a_client_stays_its_owners_over_a_restart(start: StartPort) -> None:
    backend = FakeBackend()
    first = start(backend)
    async with user(first) as ann, agent(first, client_id=77) as wang:
        await wang.be({"name": "Wang"})
        await ann.until(lambda: 77 in ann.others)
    await asyncio.to_thread(first.stop)
    second = start(backend)
    async with user(second) as ann:
        await ann.send(YClient.awareness_message([(77, 9, {"name": "Wang"})]))
        await tell(ann, update_of(77, saying("forged")))
        assert await ann.until_closed() == 4403
    async with agent(second) as wang:
        await wang.until_synced()
        assert (wang.lines, wang.others) == ([], {})


async def test_a_line_of_another_is_not_taken_away(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang:
        await wang.say("it costs 9")
        await ann.until(lambda: ann.lines)
        await tell(ann, update_of(1, silencing, ann.doc.get_update()))
        assert await ann.until_closed() == 4403
        async with user(port) as again:
            await again.until(lambda: again.lines == ["it costs 9"])
            await again.say("oh")
            await wang.until(lambda: wang.lines == ["it costs 9", "oh"])


async def test_what_was_written_while_away_comes_before_what_is_written_now(
    start: StartPort,
) -> None:
    # y-websocket sends new changes at once, and the old ones only when the server asks.
    backend = FakeBackend()
    first = start(backend)
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=5)
    away = update_of(5, saying("while away"))
    doc.apply_update(away)
    now = update_of(5, saying("now"), away)
    async with agent(first) as wang, user(first, ours=False) as ann:
        await wang.until_synced()
        await tell(ann, now)
        await eventually(lambda: "s1" in backend.documents, "stored")
        async with agent(first) as late:
            assert (await late.until_synced()).lines == wang.lines == []
    await asyncio.to_thread(first.stop)
    second = start(backend)
    async with agent(second) as wang, user(second) as ann:
        await wang.until_synced()
        await tell(ann, away)
        await wang.until(lambda: wang.lines == ["while away", "now"])


# -- in the document ------------------------------------------------------------------------------


def test_shared_text_and_fields_may_be_changed_by_both() -> None:
    document = started()

    def fill(doc: pycrdt.Doc[Any]) -> None:
        doc.get("note", type=pycrdt.Text).insert(0, "Anna")
        doc.get("form", type=pycrdt.Map)["name"] = "Anna"

    def correct(doc: pycrdt.Doc[Any]) -> None:
        del doc.get("note", type=pycrdt.Text)[1:3]
        doc.get("form", type=pycrdt.Map)["name"] = "Ann"

    filled = update_of(1, fill)
    assert document.apply(filled, ANN)
    corrected = update_of(2, correct, filled)
    assert document.apply(corrected, WANG)
    read: pycrdt.Doc[Any] = pycrdt.Doc()
    read.apply_update(document.compact())
    assert str(read.get("note", type=pycrdt.Text)) == "Aa"
    assert read.get("form", type=pycrdt.Map).to_py() == {"name": "Ann"}
    assert document.apply(update_of(1, saying("thanks"), filled, corrected), ANN)


def test_everybody_may_send_again_what_they_were_given() -> None:
    document = started()
    one = update_of(1, saying("one"))
    document.apply(one, ANN)
    two = update_of(2, saying("two"), one)
    document.apply(two, WANG)
    document.apply(document.compact(), ANN)
    document.apply(document.compact(), WANG)
    with pytest.raises(ForeignError):
        document.apply(update_of(2, saying("three"), one, two), ANN)


def test_a_line_may_be_taken_back_by_who_said_it() -> None:
    document = started()
    said = update_of(1, saying("oops"))
    document.apply(said, ANN)
    document.apply(update_of(1, silencing, said), ANN)
    assert lines(document) == []


def test_nothing_is_deleted_that_is_not_there_yet() -> None:
    document = started()
    first = update_of(1, saying("first"))
    document.apply(first, ANN)
    second = update_of(1, saying("second"), first)
    before = document.diff(b"\x00")
    for update in (
        b"\x00\x01\x01\x01\x01\x01",  # no structs; of client 1, from clock 1, one
        b"\x00\x01\x09\x01\x00\x01",  # of a client nobody has heard of
    ):
        with pytest.raises(ForeignError):
            document.apply(update, WANG)
    assert document.diff(b"\x00") == before
    document.apply(second, ANN)
    assert lines(document) == ["first", "second"]


def test_one_person_owns_so_many_clients_and_no_more() -> None:
    limits = Limits(writers_of_person=3)
    document = Document(limits, Writers(limits.writers_of_person, {}))
    for client in (1, 2, 3):
        document.apply(update_of(client, saying("x")), ANN)
    before = document.diff(b"\x00")
    with pytest.raises(TooLargeError):
        document.apply(update_of(4, saying("x")), ANN)
    assert document.diff(b"\x00") == before
    assert document.apply(update_of(5, saying("x")), WANG)


def test_updates_that_wait_for_ever_are_put_together() -> None:
    # Each stands on a line of a client that never comes.
    lost = update_of(9, saying("never sent"))
    document = started()
    for client in range(1000, 1000 + LIMITS.held + 50):
        applied = document.apply(update_of(client, saying("waits"), lost), ANN)
        assert applied is not None
        assert applied.whole == ()
    assert len(document._held) <= LIMITS.held
    assert lines(document) == []
    theirs = document.apply(update_of(7, saying("hello")), WANG)
    assert theirs is not None
    assert len(theirs.whole) == 1
    came = document.apply(lost, ANN)
    assert came is not None
    assert came.whole[0] == lost
    assert len(lines(document)) == LIMITS.held + 52


def lines(document: Document) -> list[str]:
    read: pycrdt.Doc[Any] = pycrdt.Doc()
    read.apply_update(document.diff(b"\x00"))
    return [line["text"] for line in read.get("chat", type=pycrdt.Array).to_py() or ()]


@given(EDITS, st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_another_sends_the_lines_stay_and_keep_their_writer(
    edits: list[tuple[str, Any]], data: Any
) -> None:
    said = update_of(1, saying("one"))
    said_too = update_of(1, saying("two"), said)
    document = started()
    document.apply(said, ANN)
    document.apply(said_too, ANN)
    for update in edited(edits):  # as client 12345
        raw = bytearray(update)
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, max(0, len(raw) - 1)))
            raw[at : at + 1] = data.draw(st.sampled_from([b"\x01", b"\x02", b"\x00", b"\xb9\x60"]))
        try:
            document.apply(bytes(raw), WANG)
        except (BadMessageError, TooLargeError, ForeignError):
            continue
    read: pycrdt.Doc[Any] = pycrdt.Doc()
    read.apply_update(document.diff(b"\x00"))
    chat = read.get("chat", type=pycrdt.Array)
    by_ann = [
        chat[at]
        for at in range(len(chat))
        if chat.sticky_index(at, pycrdt.Assoc.AFTER).to_json()["item"]["client"] == 1
    ]
    assert by_ann == [{"text": "one"}, {"text": "two"}]
