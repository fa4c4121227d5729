"""One of several connectors: what the server says of the lease, and what follows from it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.model import CallReport, CallState, Result
from connectors.runtime import lease as leases
from connectors.runtime.lease import MARGIN, Lease
from connectors.runtime.outbox import Outbox
from tests.asterisk.captured import channel, event
from tests.runtime.calls import AT, call, line
from tests.runtime.server_double import ServerDouble
from tests.runtime.test_connector import CALLER, both, command, connector, queued, snapshots
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
    lease = Lease(Clock(), former=lambda: 5)
    assert not lease.answered(word(5), 100.0), "nobody else had it before"
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
    ("former", "epoch", "taken"),
    [(0, 1, False), (0, 4, True), (3, 4, True), (4, 4, False), (3, 5, True)],
    ids=["the first of all", "new", "followed by another", "still mine", "mine again"],
)
def test_whose_a_lease_was_is_known_over_a_restart(former: int, epoch: int, taken: bool) -> None:
    lease = Lease(Clock(), former=lambda: former)
    assert lease.answered(word(epoch), 100.0) is taken


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


def test_the_lease_it_reported_under_last_is_kept(tmp_path: Path) -> None:
    leases_held = []
    for epoch in (None, 4, 6):
        outbox = Outbox(tmp_path / "outbox.db", AT)
        leases_held.append(outbox.lease)
        outbox.held(epoch)
        asyncio.run(outbox.flush())
        outbox.close()
    assert leases_held == [0, 0, 4]


TOLD = call("a", type="chat", agent_uri="sip:wang@x", agent_leg="w", aliases=("u",))
"""As the other connector has told it: placed as `a`, its user at `u`."""


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        ([], ["a"]),
        ([call("u", type=None)], ["a"]),
        ([call("a", CallState.ENDED)], ["a"]),
        ([call("a", aliases=("u",), type=None)], ["a"]),
        ([call("u", CallState.ENDED, type=None)], ["u"]),
        ([call("a", aliases=("u", "v"))], ["a"]),
        ([call("b")], ["b", "a"]),
    ],
    ids=["nothing", "two who talk", "the end of a placeholder", "no mark", "its end",
         "how it went on", "another call"],
)  # fmt: skip
def test_what_the_other_has_told_counts_unless_more_was_seen(
    seen: list[CallReport], kept: list[str], tmp_path: Path
) -> None:
    outbox = Outbox(tmp_path / "outbox.db", AT)
    outbox.put(seen)
    outbox.take_up([TOLD], AT)
    batch = outbox.batch(snapshot=True)
    assert batch is not None
    assert list(batch.sent) == kept
    stands = {report.id: report for report in outbox.restored()}
    if "a" in kept:
        assert stands["a"].aliases[0] == "u"
        assert stands["a"].type == (seen[0].type if stands["a"].aliases[1:] else "chat")
    outbox.close()


def test_who_serves_without_a_telephone_is_taken_from_the_other(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", AT)
    outbox.put([call("a", CallState.REQUESTED)])
    outbox.take_up([call("a", agent_uri="sip:wang@x")], AT)
    (report,) = outbox.restored()
    assert (report.state, report.agent_uri) == (CallState.ACTIVE, "sip:wang@x")
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
        server.lease = word(1)
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: snapshots(server) == 1)
            pbx.push(queued())
            await server.until(lambda: "1.1" in server.calls)
            assert server.connectors == [server.reports[0]["connector"]]
            await server.send(command("old", lease=0))
            await server.send(command("new", lease=1))
            await server.until(lambda: bool(server.results))
            assert [result["id"] for result in server.results] == ["new"]
            assert len(pbx.asked("MessageSend")) == 1


@pytest.mark.usefixtures("quick")
async def test_a_connector_that_takes_over_goes_on_from_what_the_other_has_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Agent and user talk, whom the other one has had dialled."""
    asked, user = "0b0f5b8e-6f6e-4d3a-9f0b-2f1f7a1c9d11", channel("PJSIP/phone-3", "1.3")
    agent = channel("PJSIP/1001-2", asked, number="1001")
    told = {"id": "1.3", "aliases": [asked], "state": "active", "type": "chat",
            "initiator": "agent", "requests": 1, "user_uri": "tel:+4930", "queue": None,
            "agent_uri": "sip:1001@pbx.example.org", "agent_leg": asked, "position": None,
            "held": False, "since": "2026-11-27T12:00:00Z"}  # fmt: skip
    async with both() as (pbx, server):
        server.lease = STANDS_BY
        marks = [f"Variable: COLLAB_CALL={asked}", "Variable: COLLAB_TYPE=chat"]
        pbx.channels = [[*agent, "BridgeID: b1", *marks], [*user, "BridgeID: b1"]]
        async with connector(pbx, server, tmp_path, agent_endpoints=(r"PJSIP/1\d+",)):
            await server.until(lambda: len(server.reports) >= 3)
            # Two others have ended since; their reports say nothing that cannot be understood.
            gone = told | {"id": "1.5", "aliases": ["1.4"]}
            odd = ({"state": "odd"}, {"user_uri": {"a": 1}}, {"aliases": [None]}, {"id": 7},
                   {"position": "1"}, {"since": "0001-01-01T00:00:00+23:59"})  # fmt: skip
            server.standing = [gone, *(told | more for more in odd), 7, told]
            server.lease = word(6)
            await server.until(lambda: snapshots(server) == 1)
            (listed,) = [body["calls"] for body in server.reports if body["snapshot"]]
            calls = {item["id"]: item for item in listed}
            assert calls["1.5"]["state"] == "ended"
            assert calls["1.5"]["cause"] == "lost"
            mine = calls["1.3"]
            assert (mine["type"], mine["initiator"], mine["aliases"]) == ("chat", "agent", [asked])
            assert (mine["state"], mine["agent_leg"]) == ("active", asked)
            assert calls.keys() == {"1.3", "1.5"}
            pbx.push(event("Hangup", "call", *user, "Cause: 16", "Cause-txt: Normal Clearing"))
            await server.until(lambda: server.calls["1.3"]["state"] == "ended")
            assert server.calls["1.3"]["cause"] == "hangup"
    assert "cannot be understood" in caplog.text


@pytest.mark.usefixtures("quick")
async def test_a_server_that_does_not_say_what_stands_is_taken_over_from_all_the_same(
    tmp_path: Path,
) -> None:
    async with both() as (pbx, server):
        server.lease = STANDS_BY
        async with connector(pbx, server, tmp_path):
            await server.until(lambda: len(server.reports) >= 2 and bool(server.links))
            pbx.channels = [[*CALLER, "BridgeID: ", "Variable: COLLAB_TYPE=form"]]
            server.link_status = 403
            server.lease = word(6)
            await server.until(lambda: "1.1" in server.calls)


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
            pbx.channels = [[*CALLER, "BridgeID: ", "Variable: COLLAB_TYPE=form"]]
            server.lease = word(6)
            await server.until(lambda: "1.1" in server.calls)
            await server.until(lambda: snapshots(server) >= 1)
            await server.until(lambda: bool(server.results))
            assert len(pbx.asked("MessageSend")) == 1
