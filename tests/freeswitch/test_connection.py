from __future__ import annotations

import asyncio
import socket
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from connectors.freeswitch import connection, protocol
from connectors.freeswitch.connection import Esl
from connectors.freeswitch.events import FILTERS, subscription
from connectors.freeswitch.wire import Event
from connectors.runtime.driver import (
    ActionError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from connectors.settings import PbxSettings
from tests.freeswitch.esl_double import CORE, EslDouble, answer, event, framed, notice, reply
from tests.runtime.settings_for import settings_for


@pytest.fixture
async def pbx() -> AsyncIterator[EslDouble]:
    async with EslDouble() as double:
        yield double


def settings(port: int, **values: object) -> PbxSettings:
    return settings_for(port, kind="freeswitch", **values)


async def connect(pbx: EslDouble, seen: list[Event] | None = None, **values: object) -> Esl:
    taken = [] if seen is None else seen
    return await Esl.connect(settings(pbx.port, **values), taken.append)


async def test_it_logs_in_and_subscribes_to_what_is_wanted(pbx: EslDouble) -> None:
    esl = await connect(pbx)
    assert pbx.commands[:2] == ["auth right", subscription("BACKGROUND_JOB", "HEARTBEAT")]
    await esl.close()
    await pbx.until(lambda: pbx.open == 0)


async def test_a_wrong_password_is_one_clear_line(pbx: EslDouble) -> None:
    with pytest.raises(RefusedError) as caught:
        await connect(pbx, secret="wrong")
    assert str(caught.value) == (
        f"FreeSWITCH at 127.0.0.1:{pbx.port}: the password is refused (-ERR invalid)"
    )


async def test_an_address_the_acl_refuses_is_told_where_that_is_set(pbx: EslDouble) -> None:
    pbx.greeting = (
        b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"
        + notice()
    )
    with pytest.raises(RefusedError, match=r"apply-inbound-acl in event_socket\.conf\.xml"):
        await connect(pbx)


async def test_a_port_nobody_serves_is_one_clear_line(pbx: EslDouble) -> None:
    await pbx.stop()
    with pytest.raises(UnreachableError, match=r"nobody listens there \(connection refused\)$"):
        await connect(pbx)


async def test_a_host_that_does_not_exist_is_one_clear_line(pbx: EslDouble) -> None:
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid is not known"):
        await connect(pbx, host="nowhere.invalid")


async def test_a_peer_that_says_nothing_at_connect_is_given_up(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert protocol.CONNECT_TIMEOUT <= 5
    monkeypatch.setattr(protocol, "CONNECT_TIMEOUT", 0.2)
    pbx.greeting = b""
    with pytest.raises(UnreachableError, match=r"nothing was said within 0\.2 s"):
        await connect(pbx)
    await pbx.until(lambda: pbx.open == 0)


async def test_a_log_in_that_is_never_answered_is_given_up(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "CONNECT_TIMEOUT", 0.2)
    pbx.mute = True
    with pytest.raises(UnreachableError, match="the log-in was not answered"):
        await connect(pbx)


class StillHub:
    """A hub whose thread has ended."""

    def call(self, *_: object) -> None:
        """It never comes to this."""


async def test_a_hub_that_stands_still_does_not_hold_the_connect_up(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection.OPEN_TIMEOUT > 2 * protocol.CONNECT_TIMEOUT
    monkeypatch.setattr(connection, "OPEN_TIMEOUT", 0.1)
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(connection, "the_hub", StillHub)
    with pytest.raises(UnreachableError, match="the connector's own thread hangs"):
        await connect(pbx)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"Asterisk Call Manager/11\r\n"])
async def test_a_server_that_is_no_event_socket_is_named(pbx: EslDouble, greeting: bytes) -> None:
    pbx.greeting = greeting
    said = greeting.decode().strip()
    with pytest.raises(UnreachableError, match=f"is no event socket; it says '{said}'"):
        await connect(pbx)


async def test_a_connection_closed_during_the_log_in_is_an_error(pbx: EslDouble) -> None:
    pbx.mute = True
    waiting = asyncio.create_task(connect(pbx))
    await pbx.until(lambda: len(pbx.asked("auth")) == 1)
    pbx.cut(b"Content-Type: comm")
    with pytest.raises(UnreachableError, match="closed the connection in the middle of a frame"):
        await asyncio.wait_for(waiting, 5)


async def test_a_connect_that_is_cancelled_leaves_no_socket(pbx: EslDouble) -> None:
    pbx.mute = True
    waiting = asyncio.create_task(connect(pbx))
    await pbx.until(lambda: len(pbx.asked("auth")) == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pbx.until(lambda: pbx.open == 0)


async def test_events_of_no_use_are_kept_back_by_freeswitch(pbx: EslDouble) -> None:
    esl = await connect(pbx)
    first, *others = pbx.asked("filter ")
    assert first == "filter Event-Name /./", "once a filter stands, an event must match one"
    assert "filter CC-Action -members-count" in others
    assert "filter CC-Cause -Terminated" in others
    assert all(" -" in other for other in others)
    await esl.close()


async def test_where_filters_are_refused_all_events_are_read(pbx: EslDouble) -> None:
    pbx.refuses["filter"] = "-ERR command not found"
    seen: list[Event] = []
    esl = await connect(pbx, seen)
    assert pbx.asked("filter ") == ["filter Event-Name /./"], "one with a minus stands for all"
    pbx.push(event("CHANNEL_CREATE", Unique_ID="1"))
    assert await esl.api("status") == "UP\n"
    assert [got.name for got in seen] == ["CHANNEL_CREATE"]
    await esl.close()


async def test_a_refused_subscription_is_one_clear_line(pbx: EslDouble) -> None:
    pbx.refuses["event"] = "-ERR no keywords supplied"
    with pytest.raises(RefusedError, match=r"events are refused \(event: -ERR no keywords"):
        await connect(pbx)


async def test_tls_is_refused_rather_than_left_out(pbx: EslDouble) -> None:
    with pytest.raises(RefusedError, match=r"pbx\.hq\.tls: FreeSWITCH's event socket has no TLS"):
        await connect(pbx, tls=True)
    assert pbx.connections == 0


async def test_wanted_events_arrive_in_order_and_others_do_not(pbx: EslDouble) -> None:
    seen: list[Event] = []
    esl = await connect(pbx, seen)
    pbx.push(event("CHANNEL_CREATE", Unique_ID="1") + event("CHANNEL_STATE", Unique_ID="1"))
    pbx.push(event("CUSTOM", Event_Subclass="sofia::register") + event("HEARTBEAT"))
    pbx.push(event("CUSTOM", Event_Subclass="collab::request", Collab_Type="form"))
    pbx.push(event("CHANNEL_HANGUP_COMPLETE", Unique_ID="1"))
    await esl.api("uuid_exists 1")
    assert [(got.name, got.subclass) for got in seen] == [
        ("CHANNEL_CREATE", ""),
        ("CUSTOM", "collab::request"),
        ("CHANNEL_HANGUP_COMPLETE", ""),
    ]
    await esl.close()


async def test_events_stay_in_order_with_the_answers_between_them(pbx: EslDouble) -> None:
    seen: list[Event] = []
    esl = await connect(pbx, seen)
    pbx.before_answer["status"] = lambda: event("CHANNEL_CREATE", Unique_ID="before")
    pbx.after_answer["status"] = lambda: event("CHANNEL_CREATE", Unique_ID="after")
    assert await esl.api("status") == "UP\n"
    assert [got.get("Unique-ID") for got in seen][:1] == ["before"]
    await esl.api("uuid_exists 1")
    assert [got.get("Unique-ID") for got in seen] == ["before", "after"]
    await esl.close()


async def test_an_answer_that_is_an_error_is_one(pbx: EslDouble) -> None:
    pbx.answers["uuid_dump"] = "-ERR No such channel!\n"
    pbx.answers["uuid_kill"] = "-USAGE: <uuid> [cause]\n"
    pbx.answers["echo"] = "+OK -ERR\n"
    esl = await connect(pbx)
    with pytest.raises(ActionError, match=r"^uuid_dump: -ERR No such channel!$"):
        await esl.api("uuid_dump 1 json")
    with pytest.raises(ActionError, match=r"^uuid_kill: -USAGE: <uuid> \[cause\]$"):
        await esl.api("uuid_kill")
    with pytest.raises(ActionError, match=r"^nosuchapi: -ERR nosuchapi command not found!$"):
        await esl.api("nosuchapi")
    assert await esl.api("echo x") == "+OK -ERR\n"
    await esl.close()


@pytest.mark.parametrize("end", ["\n", "\r", "\0", "\n\nexit", "\r\n\r\napi shutdown"])
async def test_a_command_with_a_line_end_is_refused_before_it_is_sent(
    pbx: EslDouble, end: str
) -> None:
    esl = await connect(pbx)
    for ask in (esl.api, esl.bgapi):
        with pytest.raises(ActionError, match="status: the command holds a line end; it is not"):
            await ask(f"status {end} x")
    with pytest.raises(ActionError, match="not valid Unicode"):
        await esl.api("status \ud800")
    await esl.api("status")
    assert [
        command for command in pbx.asked("api") + pbx.asked("bgapi") if "exists" not in command
    ] == ["api status"]
    await esl.close()


async def test_an_answer_that_does_not_come_fails_in_time_and_shifts_no_other(
    pbx: EslDouble,
) -> None:
    """Replies carry no id: a late one must not be taken for the answer to the next command."""
    esl = await connect(pbx)
    pbx.deaf_to = {"originate"}
    with pytest.raises(UnansweredError, match=r"did not answer originate within 0\.1 s"):
        await esl.api("originate user/1 &park", within=0.1)
    next_one = asyncio.create_task(esl.api("status"))
    await pbx.until(lambda: "api status" in pbx.commands)
    pbx.release(answer("+OK late"))
    assert await asyncio.wait_for(next_one, 5) == "UP\n"
    await esl.close()


async def test_replies_that_do_not_match_what_was_asked_end_the_connection(
    pbx: EslDouble,
) -> None:
    esl = await connect(pbx)
    pbx.deaf_to = {"originate"}
    waiting = asyncio.create_task(esl.api("originate user/1 &park"))
    await pbx.until(lambda: len(pbx.asked("api originate")) == 1)
    pbx.push(reply("+OK"))
    assert "command/reply belongs to none" in await asyncio.wait_for(esl.ended, 5)
    with pytest.raises(UnansweredError):
        await waiting
    await esl.close()


async def test_a_reply_nobody_asked_for_ends_the_connection(pbx: EslDouble) -> None:
    esl = await connect(pbx)
    for _ in range(2):
        await esl.api("status")  # the second is behind the first ping: nothing waits
    pbx.push(reply("+OK"))
    assert "came, and nothing was asked" in await asyncio.wait_for(esl.ended, 5)
    await esl.close()


async def test_a_peer_that_reads_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "WRITE_TIMEOUT", 0.2)
    pourer = Pourer()
    esl = await Esl.connect(settings(pourer.port), lambda got: None)
    asked = [asyncio.create_task(esl.api("echo " + "x" * 500_000)) for _ in range(40)]
    assert await asyncio.wait_for(esl.ended, 10) == (
        "FreeSWITCH took no command off the connection for 0.2 s"
    )
    for task in asked:
        with pytest.raises(UnansweredError):
            await task
    await esl.close()
    pourer.close()


async def test_results_of_jobs_are_told_apart_in_any_order(pbx: EslDouble) -> None:
    pbx.holds_jobs = True
    esl = await connect(pbx)
    names = ("one", "two", "three")
    tasks = [asyncio.create_task(esl.bgapi(f"echo {name}")) for name in names]
    await pbx.until(lambda: len(pbx.jobs) == 3)
    jobs = dict(pbx.jobs)
    pbx.finish("7f4db78a-17d7-11dd-b7a0-db4edd065621", "somebody else's")
    for name in reversed(names):
        pbx.finish(jobs[f"echo {name}"], f"+OK {name}\n")
    assert await asyncio.gather(*tasks) == ["+OK one\n", "+OK two\n", "+OK three\n"]
    assert esl.core == CORE
    await esl.close()


async def test_the_result_of_a_job_may_come_before_its_reply(pbx: EslDouble) -> None:
    pbx.holds_jobs = True
    pbx.deaf_to = {"status"}
    esl = await connect(pbx)
    task = asyncio.create_task(esl.bgapi("status"))
    await pbx.until(lambda: len(pbx.asked("bgapi")) == 1)
    job = pbx.commands[-1].partition("Job-UUID: ")[2]
    pbx.push(pbx.job_done(job, "UP") + reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}"))
    assert await asyncio.wait_for(task, 5) == "UP"
    await esl.close()


async def test_a_job_that_fails_or_never_ends_is_an_error(pbx: EslDouble) -> None:
    esl = await connect(pbx)
    with pytest.raises(ActionError, match="nosuchapi: -ERR nosuchapi command not found!"):
        await esl.bgapi("nosuchapi")
    pbx.holds_jobs = True
    with pytest.raises(UnansweredError, match=r"did not answer status within 0\.1 s"):
        await esl.bgapi("status", within=0.1)
    await esl.close()


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (b"", "FreeSWITCH closed the connection"),
        (
            b'Content-Length: 500\nContent-Type: text/event-json\n\n{"Event-Name',
            "FreeSWITCH closed the connection in the middle of a frame",
        ),
        (notice(b"The system is being shut down.\n"), "FreeSWITCH is shutting down"),
        (notice(), "FreeSWITCH closed the connection (Disconnected, goodbye.)"),
        (
            b"Content-Length: -1\nContent-Type: text/event-json\n\n",
            "the stream cannot be followed: its Content-Length is '-1'",
        ),
        (
            b"Content-Length: 16777216\nContent-Type: text/event-json\n\n{",
            (
                f"the stream cannot be followed: a body of {1 << 24} bytes is announced,"  # 16 MB
                f" {1 << 23} are taken"
            ),
        ),
    ],
)
async def test_a_lost_connection_says_why_and_fails_what_waits(
    pbx: EslDouble, last: bytes, why: str
) -> None:
    seen: list[Event] = []
    pbx.deaf_to = {"originate"}
    esl = await connect(pbx, seen)
    job = asyncio.create_task(esl.bgapi("originate user/2 &park"))
    waiting = asyncio.create_task(esl.api("originate user/1 &park"))
    await pbx.until(lambda: "api originate user/1 &park" in pbx.commands)
    pbx.cut(event("CHANNEL_CREATE", Unique_ID="1") + last)
    assert await asyncio.wait_for(esl.ended, 5) == why
    assert [got.get("Unique-ID") for got in seen] == ["1"], "what came before it counts"
    for task in (job, waiting):
        with pytest.raises(UnansweredError) as caught:
            await asyncio.wait_for(task, 5)
        assert str(caught.value) == why
    with pytest.raises(UnansweredError):
        await esl.api("status")
    await esl.close()
    await pbx.until(lambda: pbx.open == 0)


async def test_a_lingering_notice_is_not_the_end(pbx: EslDouble) -> None:
    esl = await connect(pbx)
    pbx.push(
        b"Content-Type: text/disconnect-notice\nContent-Disposition: linger\n"
        b"Content-Length: 5\n\nlinge"
    )
    assert await esl.api("status") == "UP\n"
    assert not esl.ended.done()
    await esl.close()


async def test_a_fresh_connection_follows_a_lost_one_and_nothing_is_sent_again(
    pbx: EslDouble,
) -> None:
    pbx.deaf_to = {"originate"}
    first = await connect(pbx)
    waiting = asyncio.create_task(first.api("originate user/1 &park"))
    await pbx.until(lambda: len(pbx.asked("api originate")) == 1)
    pbx.cut()
    with pytest.raises(UnansweredError):
        await asyncio.wait_for(waiting, 5)
    await first.close()
    for _ in range(20):
        seen: list[Event] = []
        again = await connect(pbx, seen)
        pbx.push(event("CHANNEL_CREATE", Unique_ID="2"))
        await again.api("uuid_exists 2")
        assert len(seen) == 1
        await again.close()
    assert len(pbx.asked("api originate")) == 1
    assert sum(thread.name == "gevent hub" for thread in threading.enumerate()) == 1


async def test_two_connections_at_once_do_not_mix(pbx: EslDouble) -> None:
    async with EslDouble() as other:
        other.answers["status"] = "other"
        one, two = await asyncio.gather(connect(pbx), connect(other))
        answers = await asyncio.gather(
            *(esl.api("status") for esl in (one, two) for _ in range(20))
        )
        assert answers == ["UP\n"] * 20 + ["other"] * 20
        await asyncio.gather(one.close(), two.close())


async def test_a_peer_that_falls_silent_is_noticed(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real figures: 4 s between pings, dead after at most 9 s of silence."""
    assert connection.SILENCE_LIMIT < 10
    assert 2 * connection.PING_EVERY <= connection.SILENCE_LIMIT
    monkeypatch.setattr(connection, "PING_EVERY", 0.2)
    monkeypatch.setattr(connection, "SILENCE_LIMIT", 0.45)
    esl = await connect(pbx)
    await pbx.until(lambda: len(pbx.asked("api uuid_exists")) >= 2)
    pbx.mute = True  # the kernel still takes what we write
    start = asyncio.get_running_loop().time()
    assert "said nothing" in await asyncio.wait_for(esl.ended, 5)
    assert asyncio.get_running_loop().time() - start < 0.9
    await esl.close()


async def test_a_peer_that_sends_events_and_answers_nothing_is_noticed(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_EVERY", 0.05)
    pbx.deaf_to = {"uuid_exists"}
    esl = await connect(pbx)
    while not esl.ended.done():
        pbx.push(event("CHANNEL_CREATE"))
        await asyncio.wait({esl.ended}, timeout=0.02)
    assert "answered none of 4 pings" in esl.ended.result()
    await esl.close()


async def one_more_ping(pbx: EslDouble) -> None:
    had = len(pbx.commands)
    await pbx.until(lambda: len(pbx.commands) > had)


async def test_a_peer_that_is_slow_to_answer_is_not_taken_for_dead(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pings wait behind what was asked before, and FreeSWITCH answers one after the other."""
    monkeypatch.setattr(connection, "PING_EVERY", 0.05)
    esl = await connect(pbx)
    pbx.mute = True
    asked = [asyncio.create_task(esl.api(f"uuid_dump {number}", 10)) for number in range(16)]
    await pbx.until(lambda: len(pbx.asked("api uuid_dump")) == 16)
    while not all(task.done() for task in asked):
        await one_more_ping(pbx)
        pbx.push(answer("one more"))
    assert {task.result() for task in asked} == {"one more"}
    assert not esl.ended.done()
    await esl.close()


async def test_an_event_that_cannot_be_handled_costs_that_event_alone(pbx: EslDouble) -> None:
    seen: list[str] = []

    def take(got: Event) -> None:
        if got.get("Unique-ID") == "1":
            raise RuntimeError("a bug")
        seen.append(got.get("Unique-ID"))

    esl = await Esl.connect(settings(pbx.port), take)
    for leg in ("1", "2"):
        pbx.push(event("CHANNEL_CREATE", Unique_ID=leg))
    await esl.api("status")
    assert seen == ["2"]
    assert esl.broken_events == 1
    await esl.close()


async def test_garbage_does_not_end_the_connection(pbx: EslDouble) -> None:
    seen: list[Event] = []
    esl = await connect(pbx, seen)
    pbx.push(b"\n\n\x00\xff no colon\n\n" + framed("text/x", b"\xff\xfe"))
    pbx.push(framed("text/event-json", b'{"Event-Name":"CHANNEL_CREATE", \xff'))
    pbx.push(framed("text/event-json", b'{"Event-Name":"CHANNEL_CREATE","N":"\xed\xa0\x80"}'))
    assert await esl.api("status") == "UP\n"
    assert [got.get("N") for got in seen] == ["\ufffd\ufffd\ufffd"]
    assert esl.broken_events == 1
    await esl.close()


async def test_a_flood_of_broken_events_is_no_flood_of_lines(
    pbx: EslDouble, caplog: pytest.LogCaptureFixture
) -> None:
    esl = await connect(pbx)
    pbx.push(100 * framed("text/event-json", b'{"Event-Name":"CHANNEL_CREATE",'))
    await esl.api("status")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 7
    assert lines[-1].startswith('an event of FreeSWITCH cannot be read: b\'{"Event-Name"')
    assert lines[-1].endswith("(64 so far)")
    assert not any(record.exc_info for record in caplog.records)
    await esl.close()


class Pourer:
    """A FreeSWITCH on a thread of its own, which logs in whoever comes and pours events."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.peer: socket.socket | None = None
        self._thread = threading.Thread(target=self._log_in, daemon=True)
        self._thread.start()

    def _log_in(self) -> None:
        self.peer, _ = self.listener.accept()
        self.peer.settimeout(30)
        self.peer.sendall(b"Content-Type: auth/request\n\n")
        read = b""
        for _ in range(2 + len(FILTERS)):
            while b"\n\n" not in read:
                read += self.peer.recv(65536)
            read = read.partition(b"\n\n")[2]
            self.peer.sendall(reply("+OK accepted"))

    def pour(self, count: int, size: int) -> float:
        """Seconds until the other side's kernel had taken `count` events of `size` bytes."""
        self._thread.join(10)
        assert self.peer is not None
        data = event("CHANNEL_CREATE", Unique_ID="1", X="x" * size)
        start = time.monotonic()
        for _ in range(count // 10):
            self.peer.sendall(data * 10)
        return time.monotonic() - start

    def close(self) -> None:
        self.listener.close()
        if self.peer is not None:
            self.peer.close()


async def test_a_loop_that_stands_still_does_not_stop_the_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop does nothing at all until FreeSWITCH is rid of 20,000 events."""
    seen = 0
    done = asyncio.Event()

    def take(got: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == 20_000:
            done.set()

    pourer = Pourer()
    esl = await Esl.connect(settings(pourer.port), take)
    poured: list[float] = []
    thread = threading.Thread(target=lambda: poured.append(pourer.pour(20_000, 700)))
    thread.start()
    thread.join(20)  # this is what stops the loop
    assert poured, "FreeSWITCH had to wait for the connector"
    assert seen == 0
    await asyncio.wait_for(done.wait(), 20)
    assert not esl.ended.done()
    await esl.close()
    pourer.close()


async def test_a_loop_that_stands_still_too_long_costs_the_connection_not_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "HANDOVER_LIMIT", 4 * 1024 * 1024)
    pourer = Pourer()
    esl = await Esl.connect(settings(pourer.port), lambda got: None)
    failed: list[OSError] = []

    def pour() -> None:
        try:
            pourer.pour(50_000, 2000)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=pour)
    tracemalloc.start()
    thread.start()
    thread.join(20)  # this is what stops the loop
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert failed, "the connection was closed, so nothing backs up in FreeSWITCH"
    assert peak < 3 * 4 * 1024 * 1024
    assert await asyncio.wait_for(esl.ended, 5) == (
        "the connector fell behind: more than 4 MB of events waited for it"
    )
    await esl.close()
    pourer.close()


async def test_a_slow_loop_still_has_its_turn_between_events() -> None:
    """Thousands of events that have come at once are not handled in one go."""
    pourer = Pourer()

    def take(got: Event) -> None:
        time.sleep(0.001)  # a slow core

    esl = await Esl.connect(settings(pourer.port), take)
    await asyncio.to_thread(pourer.pour, 500, 100)
    longest = 0.0
    for _ in range(20):
        start = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - start)
    assert longest < 0.2
    await esl.close()
    pourer.close()


def test_a_loop_that_is_closed_under_its_connection_leaves_no_socket() -> None:
    pourer = Pourer()

    async def connect_only() -> Esl:
        return await Esl.connect(settings(pourer.port), lambda got: None)

    loop = asyncio.new_event_loop()
    esl = loop.run_until_complete(connect_only())
    assert esl._keepalive is not None
    esl._keepalive.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert pourer.peer is not None
    pourer.peer.settimeout(5)
    pourer.pour(10, 10)
    while pourer.peer.recv(100):  # until the connector has closed it
        pass
    pourer.close()
