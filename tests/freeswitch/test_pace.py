"""How long the event socket's reader lets bytes gather: the more there are, and never too many."""

from __future__ import annotations

import pytest

from connectors.freeswitch.protocol import GATHER_RATE, READ_SIZE, Pace

EVENT = 5_000
"""Bytes."""


def settled(rate: float, seconds: float = 5.0) -> float:
    """The pause behind the last of events that have come at `rate` bytes a second."""
    pace = Pace()
    pause = 0.0
    for number in range(int(seconds * rate / EVENT)):
        pause = pace.pause(EVENT, number * EVENT / rate)
    return pause


def test_an_event_alone_is_waited_behind_for_no_time_to_speak_of() -> None:
    assert Pace().pause(EVENT, 1000.0) < 1e-4


def test_a_call_alone_is_read_as_it_comes() -> None:
    pace = Pace()
    assert max(pace.pause(9_000, 1000.0 + number / 1000) for number in range(12)) < 0.001


@pytest.mark.parametrize("rate", [GATHER_RATE, 2 * GATHER_RATE, 7 * GATHER_RATE])
def test_under_load_as_much_gathers_as_one_read_takes(rate: float) -> None:
    assert settled(rate) * rate == pytest.approx(READ_SIZE, rel=0.1)


def test_at_a_third_of_the_load_an_answer_waits_a_ninth_of_the_time() -> None:
    assert settled(GATHER_RATE / 3) == pytest.approx(settled(GATHER_RATE) / 9, rel=0.1)


def test_a_flood_that_is_over_is_forgotten() -> None:
    pace = Pace()
    for number in range(1000):
        pace.pause(READ_SIZE, number / 1000)
    assert pace.pause(EVENT, 11.0) < 0.001
