"""What 'stored' means: nothing is acknowledged before it is, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import TYPE_CHECKING

from collab_server.realtime.limits import Limits
from collab_server.realtime.room import Room

from .fake import FakeBackend
from .test_sync import agent, eventually, user

if TYPE_CHECKING:
    from .conftest import StartPort
    from .fake import RunningPort


async def test_nothing_is_acknowledged_before_it_is_stored(port: RunningPort) -> None:
    backend = port.backend
    async with user(port) as ann, agent(port) as wang:
        await ann.until(lambda: ann.stored == b"\x00")
        await wang.until(lambda: wang.stored == b"\x00")
        backend.storing.clear()
        await ann.say("not yet")
        await ann.send(b"\x65after it")  # relayed as it comes
        await wang.until(lambda: wang.relayed)
        # Nobody has what a crash would take back.
        assert (ann.stored, wang.stored, wang.lines) == (b"\x00", b"\x00", [])
        async with agent(port) as late:
            await late.until(lambda: late.stored == b"\x00")
            assert not late.synced
            assert backend.documents == {}
            backend.storing.set()
            await ann.until_stored()
            await wang.until_stored()
            await late.until(lambda: late.lines == ["not yet"])
            assert wang.lines == ["not yet"]
        assert len(backend.documents["s1"]) == 1


async def test_storing_that_fails_for_a_while_is_tried_again(port: RunningPort) -> None:
    port.backend.fail_storing = 4
    async with user(port) as ann, user(port, "s2") as other:
        await ann.say("patience")
        await other.say("patience too")
        await ann.until_stored()
        await other.until_stored()
    assert port.backend.fail_storing == 0
    async with agent(port) as wang:
        await wang.until(lambda: wang.lines == ["patience"])


async def test_storing_that_keeps_failing_closes_the_room_and_claims_nothing(
    start: StartPort,
) -> None:
    port = start(limits=Limits(storage_patience=0.3, storage_retry=0.05))
    async with user(port) as ann:
        await ann.until(lambda: ann.stored == b"\x00")
        port.backend.fail_storing = 1000
        await ann.say("kept by the page")
        assert await ann.until_closed() == 1013
        assert ann.stored == b"\x00"
    port.backend.fail_storing = 0
    async with user(port, doc=ann.doc) as again, agent(port) as wang:
        await again.until_stored()
        await wang.until(lambda: wang.lines == ["kept by the page"])


async def test_storing_that_hangs_closes_the_room(start: StartPort) -> None:
    port = start(limits=Limits(storage_patience=0.3, stop=0.3))
    async with user(port) as ann:
        await ann.until_synced()
        port.backend.storing.clear()
        await ann.say("waits")
        assert await ann.until_closed() == 1013
    port.backend.storing.set()


async def test_more_than_may_wait_for_storage_closes_the_room(start: StartPort) -> None:
    port = start(limits=Limits(unstored=3000))
    port.backend.storing.clear()
    async with user(port) as ann:
        for _ in range(5):
            await ann.say("x" * 1000)
        assert await ann.until_closed() == 1013
        assert ann.stored in (None, b"\x00")
    port.backend.storing.set()


async def test_a_session_that_is_gone_is_closed_and_the_others_are_stored(
    port: RunningPort,
) -> None:
    port.backend.gone.add("s1")
    port.backend.storing.clear()
    async with user(port) as ann, user(port, "s2") as other:
        await ann.say("too late")
        await other.say("in time")
        port.backend.storing.set()
        assert await ann.until_closed() == 4410
        await other.until_stored()


async def test_updates_of_many_rooms_are_stored_together(port: RunningPort) -> None:
    port.backend.storing.clear()
    async with user(port, "a") as ann, user(port, "b") as bea, user(port, "c") as cea:
        clients = (ann, bea, cea)
        for client in clients:
            await client.until_synced()
        await ann.say("goes first and holds the thread")
        await eventually(lambda: port.hub.rooms.journal._committing, "the first batch is under way")
        for n in range(10):
            for client in clients:
                await client.say(f"{n}")
        port.backend.storing.set()
        for client in clients:
            await client.until_stored()
    assert len(port.backend.batches) < 12
    assert max(len(batch) for batch in port.backend.batches) == 3


async def test_many_updates_are_put_together_while_people_write(start: StartPort) -> None:
    backend = FakeBackend()
    first = start(backend, Limits(compact_after=20))
    async with user(first) as ann:
        for n in range(100):
            await ann.say(f"{n}")
            if n % 10 == 0:
                await ann.until_stored()
        await ann.until_stored()
        await eventually(lambda: backend.compacted, "compacted")
    await asyncio.to_thread(first.stop)
    assert len(backend.documents["s1"]) < 60
    async with agent(start(backend)) as wang:
        await wang.until(lambda: wang.lines == [str(n) for n in range(100)])


async def test_a_compaction_that_fails_loses_nothing(start: StartPort) -> None:
    class Uncompactable(FakeBackend):
        def compact(self, *_: object) -> None:
            raise OSError("no")

    backend = Uncompactable()
    port = start(backend, Limits(compact_after=5, room_idle=0.01))
    async with user(port) as ann:
        for n in range(12):
            await ann.say(f"{n}")
            await ann.until_stored()
    await eventually(lambda: port.hub.counts()["rooms"] == 0, "forgotten")
    async with agent(port) as wang:
        await wang.until(lambda: wang.lines == [str(n) for n in range(12)])


async def test_an_idle_document_is_compacted_and_leaves_memory(start: StartPort) -> None:
    port = start(limits=Limits(room_idle=0.05))
    # Without the collector's help: it runs in any thread, and a document may be dropped in its own.
    gc.disable()
    try:
        async with user(port) as ann:
            for n in range(5):
                await ann.say(f"{n}")
            await ann.until_stored()
            room = weakref.ref(port.hub.rooms._rooms["s1"])
            document = weakref.ref(port.hub.rooms._rooms["s1"]._document._copy.doc)
        await eventually(lambda: port.hub.counts()["rooms"] == 0, "forgotten")
        await eventually(lambda: room() is None and document() is None, "freed")
    finally:
        gc.enable()
    assert len(port.backend.documents["s1"]) == 1
    async with user(port) as again:
        await again.until(lambda: again.lines == [str(n) for n in range(5)])


async def test_an_empty_room_is_not_forgotten_before_it_is_stored(start: StartPort) -> None:
    port = start(limits=Limits(room_idle=0.01))
    port.backend.storing.clear()
    async with user(port) as ann:
        await ann.say("the last word")
        await eventually(lambda: port.hub.counts()["unstored_updates"], "it came")
    async with agent(port) as wang:
        port.backend.storing.set()
        await wang.until(lambda: wang.lines == ["the last word"])
    await eventually(lambda: port.hub.counts()["rooms"] == 0, "forgotten")
    assert len(port.backend.documents["s1"]) == 1  # compacted too


async def test_a_graceful_stop_stores_what_waits(start: StartPort) -> None:
    backend = FakeBackend()
    port = start(backend, Limits(commit_window=5.0))
    async with user(port) as ann:
        await ann.say("just in time")
        await eventually(lambda: port.hub.counts()["unstored_updates"], "it came")
        await asyncio.to_thread(port.stop)
        assert await ann.until_closed() == 1012
    assert "s1" in backend.documents
    await eventually(lambda: len(backend.presence) == 2, "gone is reported")


async def test_no_room_is_left_behind_by_two_hundred_sessions(start: StartPort) -> None:
    port = start(limits=Limits(room_idle=0.05))
    threads = threading.active_count()
    clients = [user(port, f"s{n}") for n in range(200)] + [agent(port, f"s{n}") for n in range(200)]
    for at in range(0, len(clients), 50):
        await asyncio.gather(*(client.open() for client in clients[at : at + 50]))
    for client in clients[:200]:
        await client.be({"name": "Ann"})
        await client.say("from Ann")
    for client in clients[200:]:
        await client.say("from Wang")
    for client in clients:
        await client.until(lambda: len(client.lines) == 2)  # noqa: B023
        await client.until_stored()
    assert port.hub.counts()["rooms"] == 200
    assert len(port.backend.documents) == 200
    await asyncio.gather(*(client.close() for client in clients))
    await eventually(lambda: port.hub.counts()["rooms"] == 0, "all forgotten")
    await eventually(lambda: len(port.backend.presence) == 800, "all reported gone")
    gc.collect()
    hub, rooms = port.hub, port.hub.rooms
    assert not any(isinstance(thing, Room) for thing in gc.get_objects())
    leftovers = (rooms._present, hub._admissions, rooms._loading, rooms._fetching)
    assert leftovers == ({}, {}, {}, set())
    presence = rooms._presence
    assert (presence._reported, presence._wanted, presence._tasks) == ({}, {}, {})
    assert not rooms.journal._idle
    assert not rooms.journal._size
    assert not port.port._sockets.open
    assert threading.active_count() <= threads + 16
