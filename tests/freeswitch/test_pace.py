"""How long the event socket's reader lets bytes gather: the more there are, and never too many."""

from __future__ import annotations

import pytest

from connectors.freeswitch.protocol import GATHER_LIMIT, GATHER_RATE, READ_SIZE, Pace
from connectors.runtime import reports

EVENT = 5_000
"""Bytes."""
ROOM = 6_000_000
"""Bytes of the kernel's buffer once it has seen load."""


def settled(rate: float, seconds: float = 5.0) -> float:
    """The pause behind the last of events that have come at `rate` bytes a second."""
    pace = Pace()
    pause = 0.0
    for number in range(int(seconds * rate / EVENT)):
        pause = pace.pause(EVENT, number * EVENT / rate, ROOM)
    return pause


def test_an_event_alone_is_waited_behind_for_no_time_to_speak_of() -> None:
    assert Pace().pause(EVENT, 1000.0, ROOM) < 1e-4


def test_a_call_alone_is_read_as_it_comes() -> None:
    pace = Pace()
    assert max(pace.pause(9_000, 1000.0 + number / 1000, ROOM) for number in range(12)) < 0.001


@pytest.mark.parametrize("rate", [GATHER_RATE, 1.5 * GATHER_RATE])
def test_under_load_a_pause_has_its_limit(rate: float) -> None:
    assert settled(rate) == pytest.approx(GATHER_LIMIT, rel=0.05)


def test_under_more_load_no_more_gathers_than_half_a_read() -> None:
    assert settled(7 * GATHER_RATE) * 7 * GATHER_RATE == pytest.approx(READ_SIZE / 2, rel=0.1)


def test_at_a_third_of_the_load_an_answer_waits_a_27th_of_the_time() -> None:
    assert settled(GATHER_RATE / 3) == pytest.approx(settled(GATHER_RATE) / 27, rel=0.1)


def test_a_report_has_paused_before_the_next_read_at_the_ceiling() -> None:
    assert reports.GATHER_LIMIT < GATHER_LIMIT


def test_behind_a_buffer_that_may_have_been_full_the_next_read_comes_at_once() -> None:
    pace = Pace()
    pauses = [pace.pause(32_000, 1000.0 + number / 10, 131_072) for number in range(20)]
    assert min(pauses) > 0
    assert pace.pause(65_495, 1002.0, 131_072) == 0
    assert pace.pause(READ_SIZE, 1002.1, 100 * READ_SIZE) == 0, "there is more than one read takes"


def test_a_flood_that_is_over_is_forgotten() -> None:
    pace = Pace()
    for number in range(1000):
        pace.pause(READ_SIZE, number / 1000, ROOM)
    assert pace.pause(EVENT, 11.0, ROOM) < 0.001
