from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from connectors.model import CallState, Result
from connectors.runtime import backoff, reports
from connectors.runtime.codec import timestamp
from connectors.runtime.lease import Lease
from connectors.runtime.outbox import Outbox
from connectors.runtime.reports import Reporter
from connectors.runtime.standing import Standing
from tests.runtime.calls import AT, call, line
from tests.runtime.server_double import ServerDouble


async def _nothing() -> None:
    pass


@asynccontextmanager
async def reporting(
    server: ServerDouble,
    folder: Path,
    key: str = "pbx-key",
    on_taken: Callable[[], None] = lambda: None,
    take_over: Callable[[], Awaitable[None]] = _nothing,
) -> AsyncIterator[tuple[Outbox, Reporter]]:
    outbox = Outbox(folder / "outbox.db", AT)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        reporter = Reporter(outbox, http, server.url, "hq", Lease(), on_taken, take_over)
        reporter.asked = True
        server.asked.add(outbox.instance)
        task = asyncio.create_task(reporter.run())
        try:
            yield outbox, reporter
        finally:
            task.cancel()
            await asyncio.wait({task})
            outbox.close()


def settled(server: ServerDouble, count: int) -> Callable[[], bool]:
    return lambda: len(server.reports) >= count


async def test_a_change_is_posted_at_once(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        outbox.put([call("warm")])
        await server.until(settled(server, 1))
        start = time.perf_counter()
        outbox.put([call("1.1", trace=(line(1),))])
        await server.until(settled(server, 2))
        assert time.perf_counter() - start < 0.1
        body = server.reports[1]
        assert (body["epoch"], body["snapshot"]) == (AT * 1000, False)
        assert [item["id"] for item in body["calls"]] == ["1.1"]


async def test_one_report_is_in_flight_and_the_next_carries_the_newest(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        server.slow = asyncio.Event()
        outbox.put([call("1.1", CallState.REQUESTED)])
        await server.until(lambda: server.in_flight == 1)
        outbox.put([call("1.1", CallState.QUEUED), call("1.2")])
        outbox.put([call("1.1", CallState.ACTIVE)])
        server.slow.set()
        await server.until(settled(server, 2))
        assert server.most_in_flight == 1
        states = [[item["state"] for item in body["calls"]] for body in server.reports]
        assert states == [["requested"], ["active", "active"]]


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_server_in_trouble_is_tried_again_until_it_is_not(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        server.answers = [(status, {}, {"title": "Busy"})] * 2
        outbox.put([call("1.1")])
        await server.until(settled(server, 1))
        assert server.tries == 3
        assert caplog.text.count(f"the server answers {status} Busy") == 1


async def test_retry_after_is_kept_to(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        server.answers = [(429, {"Retry-After": "1"}, {"title": "Slow down"})]
        start = time.monotonic()
        outbox.put([call("1.1")])
        await server.until(settled(server, 1))
        assert time.monotonic() - start >= 1


async def test_a_dead_server_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reports, "CEILING", 0.2)
    async with ServerDouble() as server:
        await server.stop()
        async with reporting(server, tmp_path) as (outbox, _):
            for number in range(1, 4):
                outbox.put([call("1.1", trace=(line(number),))])
                outbox.put([call(f"2.{number}", CallState.ENDED)])
            outbox.put_result(Result("c1", "done", ""))
            await asyncio.to_thread(lambda: None)
            await server.listen()
            await server.until(settled(server, 1))
            assert set(server.calls) == {"1.1", "2.1", "2.2", "2.3"}
            assert [item["n"] for item in server.calls["1.1"]["trace"]] == [1, 2, 3]
            assert server.results == [{"id": "c1", "status": "done", "detail": ""}]
    assert caplog.text.count("the server cannot be reached") == 1


async def test_a_wrong_key_is_said_once_and_retried_slowly_without_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backoff, "SLOW", 0.1)
    async with ServerDouble() as server:
        server.key = "another"
        async with reporting(server, tmp_path) as (outbox, _):
            outbox.put([call("1.1")])
            await server.until(lambda: server.tries >= 3)
            server.key = "pbx-key"
            await server.until(settled(server, 1))
    assert caplog.text.count("the server refuses reports: 401 Unauthorized") == 1
    assert "(pbx.hq.key, here and at the server); calls are kept" in caplog.text


async def test_one_call_the_server_refuses_does_not_hold_up_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ServerDouble() as server:
        server.refuses_call = "1.5"
        async with reporting(server, tmp_path) as (outbox, _):
            outbox.put([call(f"1.{number}") for number in range(10)])
            await server.until(lambda: len(server.calls) == 9)
    assert "the server refuses call 1.5 for good: 422 Invalid: calls.0.user_uri" in caplog.text


async def test_a_refused_snapshot_is_taken_apart_and_then_sent_without_the_culprit(
    tmp_path: Path,
) -> None:
    async with ServerDouble() as server:
        server.refuses_call = "1.5"
        async with reporting(server, tmp_path) as (outbox, reporter):
            outbox.put([call(f"1.{number}") for number in range(10)])
            reporter.snapshot()
            await server.until(lambda: any(body["snapshot"] for body in server.reports))
    (snapshot,) = [body for body in server.reports if body["snapshot"]]
    assert {item["id"] for item in snapshot["calls"]} == {f"1.{n}" for n in range(10)} - {"1.5"}


async def test_a_snapshot_that_failed_is_still_due(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, reporter):
        server.answers = [(500, {}, {})]
        outbox.put([call("1.1")])
        reporter.snapshot()
        await server.until(settled(server, 1))
        assert server.reports[0]["snapshot"] is True


async def test_an_empty_snapshot_is_sent_too(tmp_path: Path) -> None:
    """It is what ends, at the server, the calls that are gone."""
    async with ServerDouble() as server, reporting(server, tmp_path) as (_, reporter):
        reporter.snapshot()
        await server.until(settled(server, 1))
        assert (server.reports[0]["snapshot"], server.reports[0]["calls"]) == (True, [])


async def test_no_secret_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with ServerDouble() as server:
        server.answers = [(500, {}, {})]
        async with reporting(server, tmp_path) as (outbox, _):
            outbox.put([call("1.1")])
            await server.until(settled(server, 1))
    assert "pbx-key" not in caplog.text


async def test_how_the_pbx_stands_is_said_when_it_changes_and_in_every_report(
    tmp_path: Path,
) -> None:
    down = Standing(False, AT, "Asterisk at 127.0.0.1:5038", "nobody listens there")
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, reporter):
        reporter.stands(down)
        await server.until(settled(server, 1))
        assert server.reports[0]["calls"] == []
        assert server.reports[0]["pbx"] == {
            "connected": False,
            "since": timestamp(AT),
            "title": "Asterisk at 127.0.0.1:5038",
            "detail": "nobody listens there",
        }
        outbox.put([call("1.1")])
        await server.until(settled(server, 2))
        assert server.reports[1]["pbx"] == server.reports[0]["pbx"]
        reporter.stands(down)
        reporter.repeat()
        await server.until(settled(server, 3))
        reporter.stands(Standing(True, AT + 1, down.title))
        await server.until(settled(server, 4))
    assert [body["pbx"]["connected"] for body in server.reports] == [False, False, False, True]


async def test_how_the_pbx_stands_is_said_again_until_the_server_has_it(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (_, reporter):
        server.answers = [(503, {}, {})]
        reporter.stands(Standing(True, AT, "Asterisk at 127.0.0.1:5038"))
        await server.until(settled(server, 1))
    assert server.tries == 2
    assert server.reports[0]["pbx"]["connected"] is True


async def test_a_reporter_that_knows_nothing_of_the_pbx_says_nothing_of_it(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        outbox.put([call("1.1")])
        await server.until(settled(server, 1))
    assert "pbx" not in server.reports[0]


def test_reports_under_load_are_fewer_and_fuller() -> None:
    assert backoff.gathering(0, 0.01, 0.1) == 0, "nothing was said, so nothing is waited for"
    assert backoff.gathering(1, 0.01, 0.1) == pytest.approx(0.01, abs=0.005)
    assert backoff.gathering(1_000_000, 0.01, 0.1) == 0.1


async def test_what_is_no_text_is_reported_as_json_all_the_same(tmp_path: Path) -> None:
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        outbox.put_result(Result("command", "failed", "half a pair: \ud83d"))
        await server.until(settled(server, 1))
        assert server.results[0]["detail"] == "half a pair: \ud83d"


async def test_an_answer_that_is_no_json_is_a_server_in_trouble(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it is: lists in lists would end a parser that calls itself."""
    async with ServerDouble() as server, reporting(server, tmp_path) as (outbox, _):
        server.raw = [b"[" * 8_000, b"\xff", b""]
        outbox.put([call("1.1")])
        await server.until(settled(server, 1))
        assert server.tries == 4
    assert "crashed" not in caplog.text
