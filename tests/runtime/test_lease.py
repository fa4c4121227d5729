"""One of several connectors: what the server says of the lease, and what follows from it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.model import CallState, Result
from connectors.runtime import lease as leases
from connectors.runtime.lease import MARGIN, Lease
from connectors.runtime.outbox import Outbox
from tests.runtime.calls import AT, call, line
from tests.runtime.server_double import ServerDouble
from tests.runtime.test_connector import both, command, connector, queued, snapshots
from tests.runtime.test_reports import reporting


def word(epoch: int, *, held: bool = True, seconds: float = 2 * MARGIN) -> dict[str, Any]:
    return {"held": held, "epoch": epoch, "seconds": seconds}


STANDS_BY = word(5, held=False, seconds=0.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "ASK", 0.05)
    monkeypatch.setattr(leases, "RENEW", 0.05)


# -- the lease ----------------------------------------------------------------------------


def test_a_server_without_leases_allows_everything_and_is_asked_for_nothing() -> None:
    lease = Lease(Clock())
    assert lease.allows(None)
    assert lease.pause is None
    assert not lease.answered(None, 100.0)
    assert (lease.allows(None), lease.pause) == (True, None)


def test_what_was_handed_down_under_another_lease_is_not_allowed() -> None:
    lease = Lease(Clock())
    assert not lease.answered(word(5), 100.0), "nobody had it before"
    assert [lease.allows(epoch) for epoch in (4, 5, 6)] == [False, True, False]


def test_a_holder_that_stood_still_begins_nothing_until_it_is_answered_again() -> None:
    clock = Clock()
    lease = Lease(clock)
    lease.answered(word(5), 100.0)
    clock.now += MARGIN
    assert not lease.allows(5)
    assert not lease.answered(word(5), clock.now)
    assert lease.allows(5)


@pytest.mark.parametrize("first", [STANDS_BY, word(3)])
def test_a_lease_that_somebody_else_had_is_taken_over(first: dict[str, Any]) -> None:
    lease = Lease(Clock())
    lease.answered(first, 100.0)
    assert lease.answered(word(6), 100.0)
    assert not lease.answered(word(6), 100.0), "it is no news"


@pytest.mark.parametrize(
    "said", ["", 7, [], {}, {"held": 1, "epoch": 5, "seconds": 6}, word(5) | {"epoch": "5"}]
)
def test_what_is_no_word_of_a_lease_changes_nothing(said: object) -> None:
    lease = Lease(Clock())
    lease.answered(STANDS_BY, 100.0)
    assert not lease.answered(said, 100.0)
    assert (lease.held, lease.epoch) == (False, 5)


def test_whoever_stands_by_serves_again_where_the_server_knows_no_lease_any_more() -> None:
    lease = Lease(Clock())
    lease.answered(STANDS_BY, 100.0)
    assert lease.answered(None, 100.0)
    assert (lease.allows(None), lease.pause) == (True, None)


def test_a_command_that_names_a_lease_is_not_begun_before_the_first_word_of_it() -> None:
    lease = Lease(Clock())
    assert (lease.allows(None), lease.allows(5)) == (True, False)
    lease.answered(word(5), 100.0)
    assert lease.allows(5)


async def test_a_command_of_a_later_lease_waits_for_the_word_of_it() -> None:
    lease = Lease(Clock())
    lease.answered(STANDS_BY, 100.0)
    waiting = asyncio.create_task(lease.allowed(6))
    await asyncio.sleep(0)
    assert not waiting.done()
    lease.answered(word(6), 100.0)
    assert await waiting


async def test_a_command_of_an_earlier_lease_is_given_up() -> None:
    clock = Clock()
    lease = Lease(clock)
    lease.answered(word(5), 100.0)
    clock.now += 60.0
    waiting = asyncio.create_task(lease.allowed(5))
    await asyncio.sleep(0)
    assert not waiting.done(), "it may still be ours"
    lease.answered(word(6, held=False), 160.0)
    assert not await waiting


# -- the outbox ---------------------------------------------------------------------------


def test_a_connector_calls_itself_the_same_for_ever(tmp_path: Path) -> None:
    names = []
    for path in ("one.db", "one.db", "other.db"):
        outbox = Outbox(tmp_path / path, AT)
        names.append(outbox.instance)
        outbox.close()
    assert names[0] == names[1] != names[2]


def test_what_another_reported_long_ago_is_let_go(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", AT)
    outbox.put([call("ended", CallState.ENDED, cause="hangup", trace=(line(1),))])
    outbox.put([call("stands", trace=(line(1), line(2)))])
    outbox.let_go(AT - 1)
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    assert [item["id"] for item in batch.body["calls"]] == ["ended", "stands"]
    outbox.let_go(AT + 60)
    batch = outbox.batch(snapshot=True)
    assert batch is not None
    assert [(item["id"], item["trace"]) for item in batch.body["calls"]] == [("stands", [])]
    outbox.close()


# -- the reports --------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_a_holder_reports_even_if_there_is_nothing_to_say(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        server.lease = word(1)
        outbox.put([call("1.1")])
        await server.until(lambda: len(server.reports) >= 4)
        assert [len(body["calls"]) for body in server.reports[:4]] == [1, 0, 0, 0]
        assert {body["connector"] for body in server.reports} == {outbox.instance}


@pytest.mark.usefixtures("quick")
async def test_whoever_stands_by_asks_and_reports_all_when_it_takes_over(tmp_path: Path) -> None:
    taken = asyncio.Event()
    async with (
        ServerDouble() as server,
        reporting(server, tmp_path, on_taken=taken.set) as (outbox, _),
    ):
        server.lease = STANDS_BY
        outbox.put([call("1.1")])
        await server.until(lambda: len(server.reports) == 1)
        outbox.put([call("1.2")])
        outbox.put_result(Result("c1", "done"))
        await server.until(lambda: len(server.reports) >= 4)
        assert not any(body["calls"] for body in server.reports[1:])
        assert [result["id"] for result in server.results] == ["c1"], "what was done is said once"
        assert not taken.is_set()
        server.lease = word(6)
        seen = len(server.reports)
        await server.until(lambda: any(body["calls"] for body in server.reports[seen:]))
        assert taken.is_set()
        told = next(body for body in server.reports[seen:] if body["calls"])
        assert [item["id"] for item in told["calls"]] == ["1.1", "1.2"]


# -- the whole connector ------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_a_command_is_carried_out_under_the_lease_it_was_handed_down_under(
    tmp_path: Path,
) -> None:
    async with both() as (pbx, server):
        server.lease = word(5)
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: snapshots(server) == 1)
            pbx.push(queued())
            await server.until(lambda: "1.1" in server.calls)
            assert server.connectors == [server.reports[0]["connector"]]
            await server.send(command("old", lease=4))
            await server.send(command("new", lease=5))
            await server.until(lambda: bool(server.results))
            assert [result["id"] for result in server.results] == ["new"]
            assert len(pbx.asked("MessageSend")) == 1


@pytest.mark.usefixtures("quick")
async def test_a_connector_that_takes_over_lists_what_stands(tmp_path: Path) -> None:
    async with both() as (pbx, server):
        server.lease = STANDS_BY
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: len(server.reports) >= 3)
            pbx.push(queued())
            await server.send(command("c1", lease=6))
            seen = len(server.reports)
            await server.until(lambda: len(server.reports) >= seen + 3)
            assert "1.1" not in server.calls
            assert len(pbx.asked("MessageSend")) == 0
            server.lease = word(6)
            await server.until(lambda: "1.1" in server.calls)
            await server.until(lambda: snapshots(server) >= 1)
            await server.until(lambda: bool(server.results))
            assert len(pbx.asked("MessageSend")) == 1
