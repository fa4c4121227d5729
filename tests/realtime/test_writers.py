"""Who wrote what: a participant writes as their own clients only, and no line is taken away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pycrdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_server.realtime.connection import (
    BadMessageError,
    ForeignError,
    TooLargeError,
    TryAgainError,
)
from collab_server.realtime.document import Document
from collab_server.realtime.limits import Limits, Rate
from collab_server.realtime.update import Contents, inspect
from collab_server.realtime.writers import Writers

from .fake import FakeBackend
from .test_document import ANN, EDITS, LIMITS, WANG, edited, started
from .test_sync import agent, eventually, user
from .yclient import YClient, varbytes, varuint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from collab_server.realtime.backend import Change

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
    port: RunningPort,
) -> None:
    # y-websocket sends new changes at once, and the old ones only when the server asks.
    away = update_of(5, saying("while away"))
    now = update_of(5, saying("now"), away)
    async with agent(port) as wang, user(port, ours=False) as ann:
        await wang.until_synced()
        await tell(ann, now)
        await ann.send(b"\x65after it")
        await wang.until(lambda: wang.relayed)
        assert wang.lines == []
        await tell(ann, away)
        await wang.until(lambda: wang.lines == ["while away", "now"])
        async with agent(port) as late:
            await late.until(lambda: late.lines == ["while away", "now"])


async def test_what_others_said_is_not_said_again_otherwise(port: RunningPort) -> None:
    async with agent(port) as wang, user(port) as ann:
        await wang.say("it costs 9")
        await ann.until(lambda: ann.lines)
        forged = update_of(wang.doc.client_id, saying("it is free"))
        async with wang.sibling() as late:
            await tell(ann, forged)
            await ann.say("thanks")
            await late.until(lambda: len(late.lines) == 2)
            assert late.lines == wang.lines == ["it costs 9", "thanks"]
        assert ann.close_code is None
        stored = port.backend.documents["s1"]
        assert not any(b"it is free" in update for _, update in stored)


async def test_who_asks_for_too_much_at_once_is_closed_and_nobody_else(start: StartPort) -> None:
    port = start(limits=Limits(behind=100_000, commit_window=0.5))
    async with user(port) as ann, agent(port) as eve:
        await ann.say("x" * 40_000)
        await ann.until_stored()
        await eve.until(lambda: len(eve.lines) == 1)
        await eve.say("a change that is not stored yet")
        for _ in range(4):
            await eve.send(b"\x00\x00\x01\x00")
        assert await eve.until_closed() == 1013
        await ann.until(lambda: len(ann.lines) == 2)
        assert ann.close_code is None


async def test_one_person_leaves_the_other_room(start: StartPort) -> None:
    port = start(limits=Limits(document=10_000, document_of_person=7_000))
    async with user(port) as ann, agent(port) as eve:
        await ann.until_synced()
        await eve.say("x" * 6_000)
        await eve.say("y" * 3_000)
        assert await eve.until_closed() == 4413
        await ann.say("z" * 2_000)
        await ann.until_stored()


async def test_changes_have_a_pace_of_a_person_whatever_the_socket(start: StartPort) -> None:
    port = start(limits=Limits(updates=Rate(bytes_per_second=1, byte_burst=5_000)))
    async with user(port) as ann, agent(port) as wang:
        await wang.until_synced()
        await ann.say("x" * 4_000)
        await ann.until_stored()
        async with ann.sibling() as second:
            await second.until(lambda: second.lines)
            await second.say("y" * 4_000)
            assert await second.until_closed() == 4429
        await wang.say("I have one of my own")
        await wang.until_stored()


async def test_a_client_is_not_named_before_its_owner_is_stored(port: RunningPort) -> None:
    port.backend.storing.clear()
    async with user(port) as ann, agent(port) as spy:
        await ann.be({"name": "Ann"})
        await ann.say("not stored")
        await ann.send(b"\x65after it")
        await spy.until(lambda: spy.relayed)
        async with agent(port) as late:
            await late.until(lambda: late.stored == b"\x00")
            for number in (ann.doc.client_id, ann.client_id):
                assert not any(
                    varuint(number) in message for message in (*late.received, *spy.received)
                )
        port.backend.storing.set()
        await spy.until(lambda: spy.lines == ["not stored"])


async def test_a_session_that_cannot_be_stored_does_not_hold_up_the_others(
    start: StartPort,
) -> None:
    class Choosy(FakeBackend):
        def append(self, batch: Mapping[str, Sequence[Change]]) -> Mapping[str, int]:
            if "bad" in batch:
                raise OSError("no")
            return super().append(batch)

    port = start(Choosy(), Limits(storage_patience=60.0, storage_retry=0.01))
    async with user(port, "bad") as zoe, user(port, "good") as ann, agent(port, "good") as wang:
        await wang.until_synced()
        await zoe.say("never")
        await eventually(lambda: port.hub.rooms.journal._committing, "it is being tried")
        await ann.say("hello")
        await wang.until(lambda: wang.lines == ["hello"])
        assert await zoe.until_closed() == 1013


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
    with pytest.raises(ForeignError):  # no structs; of client 1, from clock 1, one
        document.apply(b"\x00\x01\x01\x01\x01\x01", WANG)
    # Of a client nobody has heard of: it waits, outside.
    assert document.apply(b"\x00\x01\x09\x01\x00\x01", WANG).updates == ()
    assert document.diff(b"\x00") == before
    document.apply(second, ANN)
    document.apply(update_of(9, saying("third"), first, second), ANN)
    with pytest.raises(ForeignError):
        raise document.apply(update_of(3, saying("x")), WANG).failed or AssertionError
    assert lines(document) == ["first", "second", "third", "x"]


def test_a_document_is_stored_as_it_was_put_together() -> None:
    # An item in an own one that the same update deletes: whether that is deleted first matters.
    document = started()
    document.apply(update_of(1, saying("one")), ANN)
    plain = b"\x01\x01\x09\x00\x08\x01" + varbytes(b"chat") + b"\x01\x7e\x00"
    inside = b"\x01\x01\x09\x01\x08\x00\x09\x00\x01\x7e\x01\x09\x01\x00\x01"
    stored = [*document.apply(plain, WANG).steps, *document.apply(inside, WANG).steps]
    with pytest.raises(ForeignError):  # puts it together again
        document.apply(b"\x00\x01\x01\x01\x00\x01", WANG)
    assert not document.broken
    assert document.apply(update_of(1, saying("two"), document.diff(b"\x00")), ANN).updates
    assert lines(document) == ["one", "two"]
    first = update_of(1, saying("one"))
    again = started([first])
    for update in stored:
        assert again.apply(update, WANG).updates


def test_nobodys_update_sets_off_what_another_sent_before() -> None:
    document = started()
    document.apply(update_of(1, saying("one")), ANN)
    # An item of client 9 that stands on what client 1 has yet to write.
    trap = b"\x01\x01\x09\x00\x88\x01\x01\x01\x7e\x00"
    with pytest.raises(ForeignError):
        document.apply(trap, WANG)
    assert document.apply(update_of(1, saying("two"), document.diff(b"\x00")), ANN).updates


def test_a_line_is_not_taken_away_by_a_neighbour_with_a_name() -> None:
    # yrs takes the name from the right neighbour, and with it the place of all to the left.
    document = started()
    document.apply(update_of(1, saying("one")), ANN)
    named = b"\x28\x01" + varbytes(b"chat") + varbytes(b"k") + b"\x01\x7e"
    beside = b"\xc8\x01\x00\x09\x00\x01\x7e"
    with pytest.raises(BadMessageError, match="of another kind"):
        document.apply(b"\x01\x02\x09\x00" + named + beside + b"\x00", WANG)
    assert document.apply(update_of(1, saying("two"), document.diff(b"\x00")), ANN).updates
    assert lines(document) == ["one", "two"]


def test_an_own_line_may_be_taken_back_together_with_a_correction_of_anothers_field() -> None:
    document = started()
    oops = update_of(1, saying("oops"))
    document.apply(oops, ANN)

    def fill(doc: pycrdt.Doc[Any]) -> None:
        doc.get("form", type=pycrdt.Map)["name"] = "An"

    def correct(doc: pycrdt.Doc[Any]) -> None:
        with doc.transaction():
            silencing(doc)
            doc.get("form", type=pycrdt.Map)["name"] = "Ann"

    filled = update_of(2, fill, oops)
    document.apply(filled, WANG)
    assert document.apply(update_of(1, correct, oops, filled), ANN).updates
    assert lines(document) == []


def test_a_line_does_not_end_up_under_the_key_of_a_field_of_the_other_side() -> None:
    document = started()
    one = update_of(1, saying("one"))

    def fill(doc: pycrdt.Doc[Any]) -> None:
        doc.get("form", type=pycrdt.Map)["name"] = "An"

    filled = update_of(1, fill, one)
    own = update_of(9, saying("mine"), one, filled)
    for update, person in ((one, ANN), (filled, ANN), (own, WANG)):
        assert document.apply(update, person).updates
    # Left: an own line; right: the other's field, whose key yrs would give to it.
    between = b"\x01\x01\x09\x01\xc8\x09\x00\x01\x01\x01\x7e\x00"
    with pytest.raises(BadMessageError, match="of another kind"):
        document.apply(between, WANG)
    assert document.apply(update_of(1, saying("two"), one, filled, own), ANN).updates
    assert lines(document) == ["one", "mine", "two"]


@pytest.mark.parametrize("before", ["ab", "é", "éééé", "😀"])
def test_no_line_is_taken_away_whatever_stands_before_it(before: str) -> None:
    # yrs counts in bytes here and in UTF-16 units there.
    document = started()
    said = update_of(1, saying("one"))
    document.apply(said, ANN)
    text = b"\x44\x01\x00" + varbytes(before.encode())  # its right neighbour is that line
    assert document.apply(b"\x01\x01\x09\x00" + text + b"\x00", WANG).updates
    with pytest.raises(ForeignError, match="not to be taken away"):
        document.apply(b"\x00\x01\x01\x01\x00\x01", WANG)
    assert document.apply(b"\x00\x01\x01\x01\x00\x01", ANN).updates  # but by who said it


@pytest.mark.parametrize(
    "update",
    [
        b"\x00\x01\x01\x01\x01\x01",  # delete the first half
        b"\x00\x01\x01\x01\x02\x01",  # the second
        b"\x01\x01\x09\x00\x84\x01\x01\x01x\x00",  # insert behind the first half
        b"\x01\x01\x09\x00\x44\x01\x02\x01x\x00",  # before the second
    ],
)
def test_no_character_is_cut_in_two(update: bytes) -> None:
    document = started()
    written = b"\x01\x01\x01\x00\x04\x01\x01x" + varbytes("a😀b".encode()) + b"\x00"
    document.apply(written, ANN)
    before = document.diff(b"\x00")
    with pytest.raises(BadMessageError, match="cuts a character"):
        document.apply(update, WANG)
    assert document.diff(b"\x00") == before


def item(content: bytes, name: bytes = b"x") -> bytes:
    """An update of client 9: one struct in the root `name`."""
    return b"\x01\x01\x09\x00" + content[:1] + b"\x01" + varbytes(name) + content[1:] + b"\x00"


@pytest.mark.parametrize(
    "content",
    [
        b"\x02\x01" + varbytes(b"{"),  # old JSON values, which yrs counts one more of
        b"\x07\x05" + varbytes(b"hook"),  # an XML hook, of which yrs reads no name
        b"\x05" + varbytes(b"{"),  # embedded JSON that is none
        b"\x06" + varbytes(b"bold") + varbytes(b"yes"),  # a format whose value is no JSON
        b"\x08\x01\x7d" + b"\xbf" + b"\xff" * 7 + b"\x7f",  # an integer above 2^53
        b"\x08\x01\x77" + varbytes(b"\xff\xff"),  # a string that is not UTF-8
        b"\x08\x01\x76\x01" + varbytes(b"\xff") + b"\x7e",  # nor is a key
        b"\x09" + varbytes(b"id") + b"\x7e",  # a subdocument
        b"\x0a\x05",  # a gap
    ],
)
def test_what_other_readers_would_read_otherwise_or_not_at_all_is_refused(content: bytes) -> None:
    document = started()
    with pytest.raises(BadMessageError):
        document.apply(item(content), ANN)
    assert document.state() == b"\x00"


def test_types_are_counted_over_a_reload() -> None:
    types = b"".join(b"\x07\x01" + varbytes(b"y") + b"\x01" for _ in range(4000))

    def many(client: int) -> bytes:
        return b"\x01" + varuint(4000) + varuint(client) + b"\x00" + types + b"\x00"

    document = started()
    document.apply(many(50), ANN)
    writers = Writers(LIMITS.writers_of_person, {50: ANN})
    again = Document(LIMITS, writers, [document.compact()])
    with pytest.raises(TooLargeError, match="shared types"):
        again.apply(many(51), ANN)


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


def test_what_waits_is_read_again_only_to_be_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    document = started()
    chain = [update_of(1, saying("0"))]
    for n in range(1, 60):
        chain.append(update_of(1, saying(str(n)), *chain))
    for update in reversed(chain[1:]):  # each waits for the one that comes after it
        assert document.apply(update, ANN).updates == ()
    read = []

    def counting(update: bytes, *more: Any, **named: Any) -> Contents:
        read.append(update)
        return inspect(update, *more, **named)

    monkeypatch.setattr("collab_server.realtime.document.inspect", counting)
    document.apply(update_of(2, saying("beside it")), ANN)
    assert len(read) == 1
    assert len(document.apply(chain[0], ANN).updates) == 60
    assert len(read) == 61
    assert {*lines(document)} == {*map(str, range(60)), "beside it"}


def test_so_much_waits_and_no_more() -> None:
    # Each stands on a line of a client that never comes.
    lost = update_of(9, saying("never sent"))
    document = started()
    for client in range(1000, 1000 + LIMITS.waiting):
        assert document.apply(update_of(client, saying("waits"), lost), ANN).updates == ()
    with pytest.raises(TryAgainError):
        document.apply(update_of(999, saying("waits"), lost), ANN)
    assert document.apply(update_of(7, saying("hello")), WANG).updates
    document.apply(update_of(1000, saying("waits"), lost), ANN)
    assert document.apply(lost, ANN).updates[0] == lost
    assert len(lines(document)) == 3


def lines(document: Document) -> list[str]:
    read: pycrdt.Doc[Any] = pycrdt.Doc()
    read.apply_update(document.diff(b"\x00"))
    return [line["text"] for line in read.get("chat", type=pycrdt.Array).to_py() or ()]


@given(EDITS, st.data())
@settings(max_examples=300)
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
