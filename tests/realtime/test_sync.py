"""Two participants and their document, over real sockets, on both kinds of port."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pycrdt
import pytest

from collab_server.realtime.backend import Refusal
from collab_server.realtime.limits import Limits, Rate

from .fake import WAIT, FakeBackend, RunningPort
from .raw import frame, open_raw
from .yclient import YClient, varbytes, varuint

if TYPE_CHECKING:
    from .conftest import StartPort


def user(port: RunningPort, session: str = "s1", **more: object) -> YClient:
    return YClient(port.sync, session, "user.ann", **more)  # type: ignore[arg-type]


def agent(port: RunningPort, session: str = "s1", **more: object) -> YClient:
    return YClient(port.sync, session, "agent.wang", **more)  # type: ignore[arg-type]


async def eventually(condition: object, what: str) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + WAIT
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


async def test_two_participants_converge(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang:
        await ann.until_synced()
        await wang.until_synced()
        await asyncio.gather(*(ann.say(f"a{n}") for n in range(20)))
        await asyncio.gather(*(wang.say(f"w{n}") for n in range(20)))
        await ann.until(lambda: len(ann.lines) == 40)
        await wang.until(lambda: len(wang.lines) == 40)
        assert ann.lines == wang.lines


async def test_a_session_sees_nothing_of_another(port: RunningPort) -> None:
    async with user(port, "one") as ann, agent(port, "two") as wang:
        await ann.say("for one only")
        await ann.be({"name": "Ann"})
        await ann.until_stored()
        await wang.say("for two only")
        await wang.until_stored()
        assert (ann.lines, wang.lines) == (["for one only"], ["for two only"])
        assert wang.others == {}


async def test_a_reload_loses_no_line(port: RunningPort) -> None:
    async with user(port) as ann:
        await ann.say("before the reload")
        await ann.until_stored()
    async with user(port) as again:
        await again.until(lambda: again.lines == ["before the reload"])


async def test_a_restart_of_the_server_loses_no_line(start: StartPort) -> None:
    backend = FakeBackend()
    first = start(backend)
    async with user(first) as ann:
        for n in range(50):
            await ann.say(f"line {n}")
        await ann.until_stored()
        await asyncio.to_thread(first.stop)
        assert await ann.until_closed() == 1012
    second = start(backend)
    async with agent(second) as wang:
        await wang.until(lambda: wang.lines == [f"line {n}" for n in range(50)])


async def test_what_was_written_while_the_server_was_away_is_merged(start: StartPort) -> None:
    backend = FakeBackend()
    first = start(backend)
    async with user(first) as ann:
        await ann.say("online")
        await ann.until_stored()
        await asyncio.to_thread(first.stop)
        await ann.until_closed()
    await ann.say("offline")
    second = start(backend)
    async with user(second, doc=ann.doc) as again, agent(second) as wang:
        await wang.until(lambda: wang.lines == ["online", "offline"])
        await again.until_stored()


async def test_the_token_may_come_as_subprotocol_or_in_the_query(port: RunningPort) -> None:
    async with user(port) as ann, user(port, by_query=True) as again:
        await ann.until_synced()
        await again.until_synced()
        assert (ann.subprotocol, again.subprotocol) == ("tandem", None)


# -- awareness ------------------------------------------------------------------------------------


async def test_awareness_appears_and_disappears_with_its_participant(port: RunningPort) -> None:
    async with agent(port) as wang:
        async with user(port) as ann:
            await ann.be({"role": "user", "name": "Ann", "typing": True})
            state = await wang.until(lambda: wang.others.get(ann.client_id))
            assert state == {"role": "user", "name": "Ann", "typing": True}
        await wang.until(lambda: ann.client_id not in wang.others)


async def test_awareness_disappears_when_a_connection_is_cut(port: RunningPort) -> None:
    async with agent(port) as wang, user(port) as ann:
        await ann.be({"name": "Ann"})
        await wang.until(lambda: ann.client_id in wang.others)
        await ann.drop()
        await wang.until(lambda: ann.client_id not in wang.others)


async def test_who_comes_later_sees_who_is_there(port: RunningPort) -> None:
    async with user(port) as ann:
        await ann.be({"name": "Ann"})
        async with agent(port) as wang:
            await wang.until(lambda: wang.others == {ann.client_id: {"name": "Ann"}})
            wang.others.clear()
            await wang.send(b"\x03")  # query awareness
            await wang.until(lambda: wang.others == {ann.client_id: {"name": "Ann"}})


async def test_nobody_can_speak_for_the_other_side(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang:
        await wang.be({"name": "Wang"})
        await ann.until(lambda: wang.client_id in ann.others)
        await ann.send(ann.awareness_message([(wang.client_id, 99, {"name": "Mallory"})]))
        await ann.send(ann.awareness_message([(wang.client_id, 99, None)]))
        async with user(port) as late:
            await late.until(lambda: late.others == {wang.client_id: {"name": "Wang"}})


async def test_an_awareness_of_oneself_is_echoed_for_it_keeps_a_stock_client_alive(
    port: RunningPort,
) -> None:
    async with user(port) as ann:
        await ann.be({"name": "Ann"})
        await ann.until(lambda: any(message[0] == 1 for message in ann.received))


async def test_a_client_that_comes_back_with_its_old_clock_is_asked_for_the_next(
    port: RunningPort,
) -> None:
    async with agent(port) as wang:
        async with user(port) as ann:
            await ann.be({"name": "Ann"})
            await wang.until(lambda: ann.client_id in wang.others)
        await wang.until(lambda: ann.client_id not in wang.others)
        async with user(port, client_id=ann.client_id) as again:
            await again.send(again.awareness_message([(ann.client_id, 1, {"name": "Ann"})]))
            gone = again.awareness_message([(ann.client_id, 1, None)])
            await again.until(lambda: gone in again.received)
            again.clock = 1
            await again.be({"name": "Ann"})
            await wang.until(lambda: ann.client_id in wang.others)


# -- our messages ---------------------------------------------------------------------------------


async def test_a_stock_client_gets_no_message_of_ours(port: RunningPort) -> None:
    async with user(port, ours=False) as ann, agent(port) as wang:
        await ann.say("hello")
        await wang.until(lambda: wang.views and wang.lines == ["hello"])
        await wang.until_stored()
        await wang.send(b"\x65mirror")
        port.hub.session_changed("s1", {"user": {"state": "active"}, "agent": {"state": "active"}})
        await wang.until(lambda: {"state": "active"} in wang.views)
        await wang.say("bye")
        await ann.until(lambda: ann.lines == ["hello", "bye"])
        assert {message[0] for message in ann.received} <= {0, 1}


async def test_a_relayed_message_reaches_the_others_and_is_not_stored(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang:
        await ann.until_synced()
        await wang.until(lambda: wang.views)
        await ann.send(b"\x65page mirror")
        await wang.until(lambda: wang.relayed == [b"page mirror"])
        assert ann.relayed == []
        assert port.backend.documents == {}


async def test_the_session_is_pushed_at_once_and_at_each_change(port: RunningPort) -> None:
    port.backend.views["s1"] = {"state": "inviting", "word": "姜 heron"}
    async with user(port) as ann, agent(port) as wang:
        await ann.until(lambda: ann.views == [{"state": "inviting", "word": "姜 heron"}])
        await wang.until(lambda: wang.views)
        port.hub.session_changed("s1", {"user": {"state": "active"}})
        port.hub.session_changed("s1", {"agent": {"state": "active", "call": 1}})
        await ann.until(lambda: ann.views[-1] == {"state": "active"})
        await wang.until(lambda: wang.views[-1] == {"state": "active", "call": 1})


async def test_what_is_for_an_open_page_reaches_that_user_alone(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang, user(port, ours=False) as stock:
        for each in (ann, wang, stock):
            await each.until_synced()
        await ann.until(lambda: ann.views)
        await eventually(lambda: port.hub.open_pages("ann") == 1, "her page is open")
        assert (port.hub.open_pages("wang"), port.hub.open_pages("bob")) == (0, 0)
        for uri in ("bob", "wang", "ann"):
            port.hub.page_push(uri, {"kind": "invited", "for": uri})
        port.hub.session_changed("s1", {"user": {"state": "x"}, "agent": {"state": "x"}})
        await ann.until(lambda: {"state": "x"} in ann.views)
        await wang.until(lambda: {"state": "x"} in wang.views)
        assert (ann.pages, wang.pages) == ([{"kind": "invited", "for": "ann"}], [])
        assert {message[0] for message in stock.received} <= {0, 1}


# -- who is there ---------------------------------------------------------------------------------


async def test_presence_is_reported_for_the_first_and_the_last_socket(port: RunningPort) -> None:
    backend = port.backend
    async with user(port) as ann:
        await ann.until_synced()
        await eventually(lambda: backend.presence == [("connected", "s1", "user", "ann")], "here")
        async with user(port) as second, agent(port) as wang:
            await second.until_synced()
            await wang.until_synced()
            present = port.hub.presence("s1")
            assert [(who.role, who.uri, who.name) for who in present] == [
                ("user", "ann", "Ann"),
                ("agent", "wang", "Wang"),
            ]
    await eventually(lambda: len(backend.presence) == 4, "both gone")
    assert [entry for entry in backend.presence if entry[2] == "user"] == [
        ("connected", "s1", "user", "ann"),
        ("disconnected", "s1", "user", "ann"),
    ]
    assert port.hub.presence("s1") == ()


# -- close codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Refusal(401, "Expired."), 4401),
        (Refusal(403, "Not your side."), 4403),
        (Refusal(409, "Another agent has taken over."), 4409),
        (Refusal(410, "Over."), 4410),
        (Refusal(404, "No such session."), 4410),
        (Refusal(429, "Too often."), 4429),
    ],
)
async def test_a_refused_page_learns_why_by_the_close_code(
    port: RunningPort, refusal: Refusal, code: int
) -> None:
    port.backend.refuse["user.ann"] = refusal
    ann = user(port)
    await ann.open()
    assert await ann.until_closed() == code
    assert ann.close_reason == refusal.detail
    assert ann.received == []


@pytest.mark.parametrize("token", ["", "nonsense", "user.late"])
async def test_no_token_and_an_expired_one_are_4401(port: RunningPort, token: str) -> None:
    client = YClient(port.sync, "s1", token, by_query=True)
    await client.open()
    assert await client.until_closed() == 4401


async def test_a_transfer_closes_the_old_agent_only(port: RunningPort) -> None:
    async with (
        user(port) as ann,
        agent(port) as wang,
        YClient(port.sync, "s1", "agent.li") as li,
    ):
        for client in (ann, wang, li):
            await client.until_synced()
        port.hub.close_session("s1", "agent", "wang", 4409)
        assert await wang.until_closed() == 4409
        await li.say("taken over")
        await ann.until(lambda: ann.lines == ["taken over"])


async def test_the_end_closes_everybody(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang, user(port, "s2") as other:
        for client in (ann, wang, other):
            await client.until_synced()
        port.hub.close_session("s1", None, None, 4410)
        assert (await ann.until_closed(), await wang.until_closed()) == (4410, 4410)
        await other.say("still here")
        await other.until_stored()


async def test_access_taken_away_during_the_handshake_is_not_given(port: RunningPort) -> None:
    backend = port.backend
    backend.authorizing.clear()
    wang = agent(port)
    opening = asyncio.create_task(wang.open())
    await eventually(backend.decided.is_set, "asked")
    backend.refuse["agent.wang"] = Refusal(409, "Another agent has taken over.")
    port.hub.close_session("s1", "agent", "wang", 4409)
    done = threading.Event()
    port.hub.loop.call_soon_threadsafe(done.set)
    await eventually(done.is_set, "the closing is done")
    backend.authorizing.set()
    await opening
    assert await wang.until_closed() == 4409


async def test_a_backend_that_fails_is_try_again_later(port: RunningPort) -> None:
    port.backend.fail_everything = True
    ann = user(port)
    await ann.open()
    assert await ann.until_closed() == 1013


async def test_one_side_cannot_fill_a_session(start: StartPort) -> None:
    port = start(limits=Limits(sockets_of_person=2))
    async with user(port) as one, user(port) as two:
        await one.until_synced()
        await two.until_synced()
        three = user(port)
        await three.open()
        assert await three.until_closed() == 4429
        async with agent(port) as wang:
            await wang.until_synced()


async def test_more_rooms_than_fit_are_try_again_later(start: StartPort) -> None:
    port = start(limits=Limits(rooms=1))
    async with user(port, "one") as ann:
        await ann.until_synced()
        late = user(port, "two")
        await late.open()
        assert await late.until_closed() == 1013


# -- too large, too fast, too slow ----------------------------------------------------------------


async def test_a_message_above_the_limit_is_4413(start: StartPort) -> None:
    port = start(limits=Limits(message=1000))
    async with user(port) as ann, agent(port) as wang:
        await ann.until_synced()
        await ann.say("x" * 2000)
        assert await ann.until_closed() == 4413
        await wang.say("still here")
        await wang.until_stored()
        assert wang.lines == ["still here"]


async def test_a_message_in_fragments_above_the_limit_is_4413(start: StartPort) -> None:
    port = start(limits=Limits(message=1000))
    async with user(port) as ann:
        await ann.until_synced()

        async def endless() -> object:
            for _ in range(20):
                yield b"\x00" * 200

        await ann._socket.send(endless())  # type: ignore[arg-type]
        assert await ann.until_closed() == 4413


async def test_a_document_does_not_grow_above_its_bound(start: StartPort) -> None:
    port = start(limits=Limits(document=5000))
    async with user(port) as ann, agent(port) as wang:
        for n in range(10):
            await ann.say(f"{n}" * 1000)
        assert await ann.until_closed() == 4413
        await wang.until(lambda: len(wang.lines) >= 4)
        await wang.until_stored()
        assert len(wang.lines) == 4


async def test_a_document_that_shrank_takes_more_again(start: StartPort) -> None:
    port = start(limits=Limits(document=5000))
    async with user(port) as ann:
        for n in range(20):
            await ann.say(f"{n}" * 300)
            before = ann.doc.get_state()
            del ann.chat[0]
            await ann.send(b"\x00\x02" + varbytes(ann.doc.get_update(before)))
        await ann.say("fits")
        await ann.until_stored()
        assert ann.close_code is None


async def test_all_documents_together_are_bounded(start: StartPort) -> None:
    port = start(limits=Limits(documents=5000, room_idle=0.01))
    async with user(port, "one") as ann:
        await ann.until_synced()
        for _ in range(4):
            await ann.say("x" * 1000)
        await ann.until_stored()
        other = user(port, "two")
        await other.open()
        await other.until_synced()
        await other.say("x" * 1000)
        assert await other.until_closed() == 1013
    await eventually(lambda: port.hub.counts()["rooms"] == 0, "forgotten")
    assert port.hub.counts()["document_bytes"] == 0
    async with user(port, "two", doc=other.doc) as again:
        await again.until_stored()


async def test_too_many_messages_are_4429(start: StartPort) -> None:
    port = start(limits=Limits(rate=Rate(messages_per_second=1, message_burst=50)))
    async with user(port) as ann:
        for _ in range(60):
            await ann.send(b"\x03")
        assert await ann.until_closed() == 4429


async def test_asking_for_the_document_again_and_again_is_4429(start: StartPort) -> None:
    port = start(limits=Limits(rate=Rate(byte_burst=200_000, bytes_per_second=1)))
    async with user(port) as ann:
        await ann.say("x" * 20_000)
        for _ in range(20):
            await ann.send(b"\x00\x00\x01\x00")
        assert await ann.until_closed() == 4429


async def test_a_slow_reader_is_closed_and_delays_nobody(start: StartPort) -> None:
    fast = Rate(byte_burst=1e9, message_burst=1e6)
    port = start(limits=Limits(send_buffer=200_000, rate=fast, updates=fast, close=0.5))
    async with user(port) as ann, agent(port) as wang:
        await wang.until(lambda: wang.views)
        slow = open_raw(port, "/v1/sync/s1?token=agent.li", receive_buffer=4096)
        slow.sendall(frame(b"\x64"))
        await eventually(lambda: len(port.hub.presence("s1")) == 3, "three are there")
        sent = 0
        while len(port.hub.presence("s1")) == 3 and sent < 1000:
            await ann.send(b"\x65" + b"x" * 50_000)
            sent += 1
            await wang.until(lambda: len(wang.relayed) >= sent)  # noqa: B023
        assert len(port.hub.presence("s1")) == 2, "the slow reader is still there"
        slow.close()


# -- hostile bytes --------------------------------------------------------------------------------


def update_of(structs: bytes, count: int = 1) -> bytes:
    return varuint(1) + varuint(count) + varuint(77) + varuint(0) + structs + varuint(0)


IN_CHAT = varuint(1) + varuint(4) + b"chat"
HOSTILE = {
    "nothing at all": b"",
    "an endless number": b"\xff" * 50,
    "a number above 2^53": b"\x00\x02\xff\xff\xff\xff\xff\xff\xff\x7f",
    "a length beyond the message": b"\x00\x02\xff\xff\xff\x0fabc",
    "an unknown sync step": b"\x00\x07\x00",
    "sync without a step": b"\x00",
    "bytes behind a message": b"\x00\x02\x02\x00\x00junk",
    "an update that is noise": b"\x00\x02" + varbytes(b"\x01\x02\x03\x04\x05"),
    "an update with bytes behind it": b"\x00\x02" + varbytes(b"\x00\x00\x00"),
    "a state vector that is noise": b"\x00\x00" + varbytes(b"\xff\xff\xff\xff\x0f\x01"),
    "a value nested 200,000 deep": b"\x00\x02"
    + varbytes(update_of(b"\x08" + IN_CHAT + varuint(1) + b"\x75\x01" * 200_000 + b"\x7e")),
    "an object nested 100,000 deep": b"\x00\x02"
    + varbytes(update_of(b"\x08" + IN_CHAT + varuint(1) + b"\x76\x01\x01a" * 100_000 + b"\x7e")),
    "a clock at the end of its range": b"\x00\x02"
    + varbytes(update_of(b"\x01" + IN_CHAT + varuint(2**32 - 1))),
    "a subdocument": b"\x00\x02" + varbytes(update_of(b"\x09" + IN_CHAT + b"\x01a\x76\x00")),
    "a count beyond the message": b"\x00\x02" + varbytes(b"\xff\xff\xff\xff\x0f"),
    "awareness that is no JSON": b"\x01" + varbytes(b"\x01\x05\x01" + varbytes(b"{nope")),
    "awareness that is NaN": b"\x01" + varbytes(b"\x01\x05\x01" + varbytes(b"NaN")),
    "awareness nested deep": b"\x01" + varbytes(b"\x01\x05\x01" + varbytes(b"[" * 15_000)),
    "awareness in UTF-16": b"\x01" + varbytes(b"\x01\x05\x01" + varbytes("{}".encode("utf-16"))),
    "awareness cut short": b"\x01" + varbytes(b"\x03\x05\x01"),
    "a text frame": "hello",
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_message_closes_its_socket_and_changes_nothing(
    port: RunningPort, message: bytes | str
) -> None:
    async with user(port) as ann, agent(port) as wang:
        await wang.say("before")
        await wang.until_stored()
        await wang.until(lambda: wang.views)
        heard = len(wang.received)
        stored = dict(port.backend.documents)
        await ann.send(message)
        assert await ann.until_closed() == 1003
        assert len(wang.received) == heard
        assert port.backend.documents == stored
        await wang.say("after")
        await wang.until_stored()


CROWD = [(client, 1, {"n": client}) for client in range(1, 200)]
TOO_LARGE = {
    "200 clients at once": YClient.awareness_message(CROWD),
    "a large state": YClient.awareness_message([(5, 1, "x" * 20_000)]),
    "a chain of 6,000 nested types": b"\x00\x02"
    + varbytes(
        update_of(
            b"\x27" + varuint(1) + b"\x04root" + b"\x01a\x01"
            + b"".join(
                b"\x27\x00" + varuint(77) + varuint(n) + b"\x01a\x01" for n in range(5999)
            ),
            6000,
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_too_much_of_a_thing_is_4413_and_changes_nothing(
    port: RunningPort, message: bytes
) -> None:
    async with user(port) as ann, agent(port) as wang:
        await wang.until(lambda: wang.views)
        heard = len(wang.received)
        await ann.send(message)
        assert await ann.until_closed() == 4413
        assert len(wang.received) == heard
        await wang.say("after")
        await wang.until_stored()


async def test_a_message_type_nobody_knows_is_ignored(port: RunningPort) -> None:
    async with user(port) as ann:
        await ann.send(b"\x02\x00denied")
        await ann.send(b"\xf0\x01 something newer")
        await ann.say("still here")
        await ann.until_stored()


async def test_an_update_that_lacks_an_earlier_one_is_asked_for_again(start: StartPort) -> None:
    backend = FakeBackend()
    source: pycrdt.Doc[pycrdt.Array[object]] = pycrdt.Doc()
    chat = source.get("chat", type=pycrdt.Array)
    updates = []
    for n in range(3):
        state = source.get_state()
        chat.append({"text": str(n)})
        updates.append(source.get_update(state))
    port = start(backend, Limits(room_idle=0.01))
    async with user(port) as ann:
        await ann.send(b"\x00\x02" + varbytes(updates[0]))
        await ann.send(b"\x00\x02" + varbytes(updates[2]))
        await ann.until(lambda: ann.stored == b"\x01" + varuint(source.client_id) + b"\x01")
    await eventually(lambda: port.hub.counts()["rooms"] == 0, "forgotten")
    assert len(backend.documents["s1"]) == 1
    async with user(port, doc=source) as again, agent(port) as wang:
        await wang.until(lambda: wang.lines == ["0", "1", "2"])
        await again.until_stored()
