from __future__ import annotations

import threading

import gevent
import pytest

from connectors.freeswitch.hub import HubThread, the_hub

WITHIN = 10.0


def test_calls_from_other_threads_leave_libevs_count_to_the_hub() -> None:
    """The count of what keeps the loop running is not safe from two threads: one that is lost ends
    the hub, and every connection with it."""
    hub = the_hub()
    counts: list[int] = []
    looked, go, done = threading.Event(), threading.Event(), threading.Event()

    def look() -> None:
        loop = gevent.get_hub().loop
        counts.append(loop.activecnt)
        looked.set()
        go.wait(WITHIN)
        counts.append(loop.activecnt)

    hub.call(look)
    assert looked.wait(WITHIN)
    for _ in range(100):
        hub.call(lambda: None)
    hub.call(done.set)
    go.set()
    assert done.wait(WITHIN)
    assert counts[0] == counts[1] > 0


def test_calls_are_run_in_order_and_one_that_fails_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub = the_hub()
    seen: list[int] = []
    done = threading.Event()
    for number in range(3):
        hub.call(seen.append, number)
        hub.call(int, "no number")
    hub.call(done.set)
    assert done.wait(WITHIN)
    assert seen == [0, 1, 2]
    assert caplog.messages == ["a call into gevent's hub failed"] * 3


def test_the_hub_ends_before_the_interpreter_does() -> None:
    """One that is left running takes the whole process down with it now and then (SIGSEGV)."""
    hub = HubThread()
    beats = threading.Event()

    def for_ever() -> None:
        while True:
            beats.set()
            gevent.sleep(0)

    hub.call(lambda: gevent.spawn(for_ever))
    assert beats.wait(WITHIN)
    hub.stop()
    assert not hub._thread.is_alive()
