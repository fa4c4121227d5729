"""What a participant sees and may say of a document, whatever their page asks or sends."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from .test_stock_client import node, stock
from .test_sync import agent, eventually, user
from .yclient import YClient, varbytes

if TYPE_CHECKING:
    from collab_server.realtime.backend import Sight

    from .fake import RunningPort

__all__ = ["node"]

SECRET = "policy 2026-77"


def supervisor(port: RunningPort) -> YClient:
    return YClient(port.sync, "s1", "supervisor.chen")


def change(port: RunningPort, role: str, uri: str, sight: Sight) -> None:
    port.hub.sights_changed("s1", {(role, uri): sight})  # type: ignore[dict-item]


async def fence(port: RunningPort, client: YClient, mark: str) -> None:
    """Wait until everything said to a client so far has come: a view goes behind it."""
    role = client._opened_as[2].partition(".")[0]
    port.hub.session_changed("s1", {role: {"mark": mark}})  # type: ignore[dict-item]
    await client.until(lambda: {"mark": mark} in client.views, mark)


async def test_who_may_see_nothing_gets_no_byte_of_the_document(port: RunningPort) -> None:
    port.backend.sights["agent.wang"] = "none"
    async with user(port) as ann:
        await ann.be({"name": SECRET})
        await ann.say(SECRET)
        await ann.until_stored()
        async with agent(port) as wang:
            await wang.be({"name": "Wang"})  # the echo, so all before it is answered
            await wang.until(lambda: b"Wang" in b"".join(wang.received))
            await wang.send(b"\x03")
            await wang.send(b"\x00\x00" + varbytes(b"\x00"))
            await wang.say("written unseen")
            await wang.send(b"\x65relayed")
            await ann.say(f"{SECRET}, again")
            await ann.send(b"\x65" + SECRET.encode())
            await ann.until_stored()
            await fence(port, wang, "held")
            got = b"".join(wang.received)
            assert SECRET.encode() not in got
            assert {message[0] for message in wang.received} == {0x01, 0x66}, "echo and view alone"
            assert (wang.lines, wang.writers, wang.others) == (["written unseen"], {}, {})
            assert ann.lines == [SECRET, f"{SECRET}, again"]
            assert (ann.others, ann.relayed) == ({}, [])

            change(port, "agent", "wang", "all")
            await wang.until(lambda: len(wang.lines) == 3, "all lines at once")
            await ann.until(lambda: len(ann.lines) == 3, "and what was written meanwhile")
            await ann.until(lambda: ann.others == {wang.client_id: {"name": "Wang"}})
            await wang.until(lambda: wang.others == {ann.client_id: {"name": SECRET}})
            await wang.until_stored()
            assert {o["role"] for o in wang.writers.values()} == {"user", "agent"}


async def test_sight_that_is_taken_away_ends_at_once(port: RunningPort) -> None:
    async with user(port) as ann, agent(port) as wang:
        await wang.be({"name": "Wang"})
        await ann.until(lambda: wang.client_id in ann.others)
        change(port, "agent", "wang", "none")
        await ann.until(lambda: wang.client_id not in ann.others)
        before = len(wang.received)
        await ann.say(SECRET)
        await ann.until_stored()
        await fence(port, wang, "blind")
        assert SECRET.encode() not in b"".join(wang.received[before:])
        change(port, "agent", "wang", "all")
        await wang.until(lambda: wang.lines == [SECRET])


async def test_what_is_decided_during_the_handshake_counts(port: RunningPort) -> None:
    backend = port.backend
    backend.authorizing.clear()
    wang = agent(port)
    opening = asyncio.create_task(wang.open())
    await eventually(backend.decided.is_set, "asked")
    backend.sights["agent.wang"] = "none"
    change(port, "agent", "wang", "none")
    done = threading.Event()
    port.hub.loop.call_soon_threadsafe(done.set)
    await eventually(done.is_set, "the change is done")
    backend.authorizing.set()
    await opening
    async with user(port) as ann:
        await ann.say(SECRET)
        await ann.until_stored()
        await fence(port, wang, "held")
        assert wang.lines == []
    await wang.close()


async def test_who_reads_along_hears_everything_and_says_nothing(port: RunningPort) -> None:
    port.backend.sights["supervisor.chen"] = "read"
    async with user(port) as ann, supervisor(port) as chen:
        await ann.be({"name": "Ann"})
        await ann.say("hello")
        await chen.until(lambda: chen.lines == ["hello"])
        await chen.until(lambda: chen.others == {ann.client_id: {"name": "Ann"}})
        await chen.be({"name": "Chen"})
        await chen.say("unheard")
        await chen.send(b"\x65unheard")
        await fence(port, chen, "heard")
        await ann.say("to whom it may concern")
        await ann.until_stored()  # and so is all that came before it
        assert (len(ann.lines), ann.others, ann.relayed) == (2, {}, [])
        assert {p.role for p in port.hub.presence("s1")} == {"user", "supervisor"}

        change(port, "supervisor", "chen", "all")
        await ann.until(lambda: ann.others == {chen.client_id: {"name": "Chen"}})
        await chen.say("joined")
        await ann.until(lambda: ann.lines[-1] == "joined")
        await ann.until(lambda: {"role": "supervisor", "name": "Chen", "me": False} in
                        ann.writers.values())  # fmt: skip


async def test_a_stock_client_waits_in_silence_and_begins_with_the_yes(
    node: list[str], port: RunningPort
) -> None:
    port.backend.sights |= {"agent.wang": "none", "supervisor.chen": "read"}
    async with user(port) as ann:
        await ann.say(SECRET)
        await ann.until_stored()
        async with (
            stock(node, port, "agent.wang", "Wang") as wang,
            stock(node, port, "supervisor.chen", "Chen") as chen,
        ):
            await chen.until(lambda said: said.get("lines") == [SECRET])
            await chen.tell(text="unheard")
            await wang.until(lambda said: said.get("status") == "connected")
            await wang.tell(text="from the agent")
            await wang.until(lambda said: "lines" in said)
            assert wang.said[-1] == {"lines": ["from the agent"]}
            change(port, "agent", "wang", "all")
            await wang.until(lambda said: said.get("synced") is True)
            await ann.until(lambda: sorted(ann.lines) == ["from the agent", SECRET])
            await chen.until(lambda said: "from the agent" in said.get("lines", ()))
            assert (wang.errors, chen.errors) == ([], [])
