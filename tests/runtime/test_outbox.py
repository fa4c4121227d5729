from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from connectors.model import CallState, Result
from connectors.runtime import outbox as module
from connectors.runtime.outbox import Outbox
from connectors.runtime.store import Statement, StoreError
from tests.runtime.calls import AT, call, line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


async def reopened(outbox: Outbox, path: Path) -> Outbox:
    await outbox.flush()
    outbox.close()
    return Outbox(path, AT)


async def test_only_the_latest_state_of_a_call_is_sent_with_all_new_trace_lines(path: Path) -> None:
    outbox = Outbox(path, AT)
    outbox.put([call(state=CallState.QUEUED, trace=(line(1),))])
    outbox.put([call(agent_uri="sip:wang@x", trace=(line(2), line(3)))])
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    (item,) = batch.body["calls"]
    assert (item["state"], item["agent_uri"], item["seq"]) == ("active", "sip:wang@x", 2)
    assert [entry["n"] for entry in item["trace"]] == [1, 2, 3]
    assert item["since"] == "2026-11-23T07:04:53.000Z"
    assert item["trace"][0]["at"].endswith("Z")


async def test_what_was_accepted_is_not_sent_again_and_what_changed_meanwhile_is(
    path: Path,
) -> None:
    outbox = Outbox(path, AT)
    outbox.put([call("1.1", trace=(line(1),)), call("1.2")])
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    outbox.put([call("1.2", held=True, trace=(line(1),))])
    outbox.accepted(batch)
    again = outbox.batch(snapshot=False)
    assert again is not None
    assert [(item["id"], item["held"], len(item["trace"])) for item in again.body["calls"]] == [
        ("1.2", True, 1)
    ]
    outbox.accepted(again)
    assert outbox.batch(snapshot=False) is None
    assert not outbox.changed.is_set()


async def test_a_call_is_reported_by_its_present_user_leg_and_kept_by_its_first(path: Path) -> None:
    outbox = Outbox(path, 1.0)
    outbox.put([call("1.1")])
    for aliases, former in (("1.2",), ["1.1"]), (("1.2", "1.1"), ["1.2"]):
        outbox.put([call("1.1", aliases=aliases)])
        batch = outbox.batch(snapshot=False)
        assert batch is not None
        (item,) = batch.body["calls"]
        assert (item["id"], item["aliases"]) == (aliases[-1], former)
        outbox.accepted(batch)
    assert outbox.batch(snapshot=False) is None
    assert [known.id for known in (await reopened(outbox, path)).restored()] == ["1.1"]


async def test_a_snapshot_lists_every_standing_call_and_an_ended_one_once(path: Path) -> None:
    outbox = Outbox(path, AT)
    outbox.put([call("1.1"), call("1.2"), call("1.3", CallState.ENDED)])
    first = outbox.batch(snapshot=True)
    assert first is not None
    assert [item["id"] for item in first.body["calls"]] == ["1.1", "1.2", "1.3"]
    outbox.accepted(first)
    second = outbox.batch(snapshot=True)
    assert second is not None
    assert [item["id"] for item in second.body["calls"]] == ["1.1", "1.2"]
    assert second.body["snapshot"] is True


async def test_a_new_process_goes_on_where_the_old_one_stopped(path: Path) -> None:
    outbox = Outbox(path, AT)
    outbox.put([call("1.1", agent_uri="sip:wang@x", aliases=("0.9",), trace=(line(1), line(2)))])
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    outbox.accepted(batch)
    outbox.put([call("1.2", CallState.ENDED, trace=(line(1),)), call("1.3", trace=(line(7),))])
    again = await reopened(outbox, path)
    restored = again.restored()
    assert [report.id for report in restored] == ["1.1", "1.3"]
    assert restored[0].aliases == ("0.9",)
    assert restored[0].trace[-1].n == 2, "the next line is number 3"
    pending = again.batch(snapshot=False)
    assert pending is not None
    assert [item["id"] for item in pending.body["calls"]] == ["1.2", "1.3"]
    assert [len(item["trace"]) for item in pending.body["calls"]] == [1, 1]


async def test_the_last_line_is_remembered_although_it_was_accepted_before_it_was_written(
    path: Path,
) -> None:
    outbox = Outbox(path, AT)
    outbox.put([call("1.1", trace=(line(1),))])
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    outbox.accepted(batch)
    again = await reopened(outbox, path)
    assert again.restored()[0].trace[-1].n == 1
    assert again.batch(snapshot=False) is None


async def test_a_file_of_the_version_before_is_taken_over(path: Path) -> None:
    outbox = Outbox(path, AT)
    outbox.put([call("1.1", trace=(line(1),)), call("1.2", trace=(line(1), line(2)))])
    await outbox.flush()
    outbox.close()
    with closing(sqlite3.connect(path)) as old:
        trace = old.execute("SELECT id, trace FROM calls").fetchall()
        lines = [(name, item) for name, text in trace for item in json.loads(text)]
        old.executescript(
            "ALTER TABLE calls DROP COLUMN trace; ALTER TABLE calls DROP COLUMN newest;"
            "CREATE TABLE trace (call TEXT NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,"
            " sent INTEGER NOT NULL, PRIMARY KEY (call, n)) STRICT, WITHOUT ROWID;"
            "UPDATE calls SET dirty = (id = '1.2'); PRAGMA user_version = 1"
        )
        with old:
            old.executemany(
                "INSERT INTO trace VALUES (?, ?, ?, ?)",
                [(name, item["n"], json.dumps(item), item["n"] == 1) for name, item in lines],
            )
    again = Outbox(path, AT)
    assert [(c.id, c.trace[-1].n) for c in again.restored()] == [("1.1", 1), ("1.2", 2)]
    pending = again.batch(snapshot=False)
    assert pending is not None
    (item,) = pending.body["calls"]
    assert (item["id"], [entry["n"] for entry in item["trace"]]) == ("1.2", [2])
    again = await reopened(again, path)
    assert [c.id for c in again.restored()] == ["1.1", "1.2"], "and it is of this version now"


async def test_the_epoch_grows_even_when_the_clock_went_back(path: Path) -> None:
    first = Outbox(path, AT)
    assert first.epoch == AT * 1000
    first.close()
    second = Outbox(path, AT - 3600)
    assert second.epoch == first.epoch + 1


async def test_results_are_reported_until_acknowledged_and_known_for_ever(path: Path) -> None:
    outbox = Outbox(path, AT)
    outbox.put_result(Result("c1", "done", "sent"))
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    assert batch.body["results"] == [{"id": "c1", "status": "done", "detail": "sent"}]
    outbox.accepted(batch)
    assert outbox.batch(snapshot=False) is None
    again = await reopened(outbox, path)
    assert again.result_of("c1") == Result("c1", "done", "sent")
    assert again.batch(snapshot=False) is None


async def test_a_command_under_way_when_the_process_was_killed_is_unknown(path: Path) -> None:
    outbox = Outbox(path, AT)
    await outbox.attempting("c1")
    assert outbox.under_way("c1")
    outbox.close()  # no flush: as after SIGKILL
    again = Outbox(path, AT)
    batch = again.batch(snapshot=False)
    assert batch is not None
    assert batch.body["results"] == [
        {
            "id": "c1",
            "status": "unknown",
            "detail": "fault: the connector ended while it was being sent",
        }
    ]


async def test_it_is_bounded_and_drops_what_ended_first(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CALLS_LIMIT", 3)
    outbox = Outbox(path, AT)
    outbox.put([call("stands"), call("old", CallState.ENDED), call("new", CallState.ENDED)])
    outbox.put([call("newest", CallState.ENDED)])
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    assert [item["id"] for item in batch.body["calls"]] == ["stands", "new", "newest"]
    assert outbox.dropped == 1
    assert "the outbox is full: 1 calls dropped" in caplog.text


async def test_a_full_outbox_drops_whoever_ended_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALLS_LIMIT", 3)
    outbox = Outbox(path, AT)
    outbox.put([call("one"), call("two"), call("back", CallState.ENDED)])
    outbox.put([call("back"), call("two", CallState.ENDED), call("one", CallState.ENDED)])
    outbox.put([call("four")])
    assert kept(outbox) == {"one", "back", "four"}
    outbox = await reopened(outbox, path)
    outbox.put([call("five")])
    assert kept(outbox) == {"back", "four", "five"}
    outbox.put([call("six")])
    assert kept(outbox) == {"four", "five", "six"}, "all stand: the oldest went"


def kept(outbox: Outbox) -> set[str]:
    batch = outbox.batch(snapshot=True)
    assert batch is not None
    return {item["id"] for item in batch.body["calls"]}


async def test_trace_lines_of_one_call_are_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRACE_LIMIT", 3)
    outbox = Outbox(path, AT)
    for number in range(1, 8):
        outbox.put([call(trace=(line(number),))])
    outbox = await reopened(outbox, path)
    batch = outbox.batch(snapshot=False)
    assert batch is not None
    assert [item["n"] for item in batch.body["calls"][0]["trace"]] == [5, 6, 7]


async def test_a_large_outbox_is_split_by_calls_and_by_bytes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(path, AT)
    outbox.put([call(f"1.{number}") for number in range(30)])
    some = outbox.batch(snapshot=False, limit=10)
    assert some is not None
    assert len(some.body["calls"]) == 10
    monkeypatch.setattr(module, "BATCH_BYTES", 2000)
    few = outbox.batch(snapshot=False)
    assert few is not None
    assert 1 <= len(few.body["calls"]) < 10


async def test_a_file_that_cannot_be_written_is_said_once_and_kept_in_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "WRITE_PAUSE", 0.01)
    outbox = Outbox(path, AT)
    written = outbox._store.write
    failures = [3]
    mended = asyncio.Event()

    async def full(statements: Sequence[Statement]) -> None:
        if failures[0]:
            failures[0] -= 1
            raise sqlite3.OperationalError("database or disk is full")
        await written(statements)
        mended.set()

    monkeypatch.setattr(outbox._store, "write", full)
    writing = asyncio.create_task(outbox.keep_written())
    outbox.put([call("1.1")])
    async with asyncio.timeout(5):
        await mended.wait()
    writing.cancel()
    assert caplog.text.count("cannot be written (database or disk is full)") == 1
    assert (await reopened(outbox, path)).restored()[0].id == "1.1"


async def test_under_load_what_the_server_takes_at_once_is_not_written_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(path, AT)
    write = outbox._store.write
    written: asyncio.Queue[dict[str, bool]] = asyncio.Queue()

    async def noted(statements: Sequence[Statement]) -> None:
        await write(statements)
        calls = (v for text, v in statements if text.startswith("INSERT OR REPLACE INTO calls"))
        written.put_nowait({call: dirty for call, _, dirty, *_ in calls})

    monkeypatch.setattr(outbox._store, "write", noted)
    writing = asyncio.create_task(outbox.keep_written())
    outbox.put([call(f"1.{number}") for number in range(40)])
    async with asyncio.timeout(5):
        assert len(await written.get()) == 40
        outbox.put([call("taken", trace=(line(1),))])
        await asyncio.sleep(0)
        batch = outbox.batch(snapshot=False)
        assert batch is not None
        outbox.accepted(batch)
        assert (await written.get())["taken"] is False, "there is nothing to be sent of it"
        outbox.put([call("not taken")])
        assert await written.get() == {"not taken": True}, "nobody answers: it is not kept back"
    writing.cancel()


async def test_nothing_is_attempted_that_cannot_be_recorded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(path, AT)

    async def full(statements: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    monkeypatch.setattr(outbox._store, "write", full)
    with pytest.raises(sqlite3.OperationalError):
        await outbox.attempting("c1")
    assert not outbox.under_way("c1")


def test_a_damaged_file_is_one_clear_line(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"damaged or no outbox .*move it away"):
        Outbox(path, AT)


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(StoreError, match="it holds other tables"):
        Outbox(path, AT)


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no directory"):
        Outbox(tmp_path / "nowhere" / "outbox.db", AT)


def test_nobody_else_may_read_it(path: Path) -> None:
    def rights() -> set[int]:
        return {each.stat().st_mode & 0o777 for each in path.parent.iterdir()}

    Outbox(path, AT).close()
    assert rights() == {0o600}
    path.chmod(0o644)  # as a version before this one left it
    outbox = Outbox(path, AT)
    assert rights() == {0o600}
    outbox.close()


def test_two_connectors_cannot_share_one_file(path: Path) -> None:
    first = Outbox(path, AT)
    with pytest.raises(StoreError, match="another connector is using it"):
        Outbox(path, AT)
    first.close()
