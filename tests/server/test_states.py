"""The states of a session, as a table and under any sequence of happenings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.sessions.states import (
    SERVED,
    TRANSITIONS,
    WAITING,
    Reason,
    State,
    TransitionError,
    Trigger,
    after,
    of_call,
    reason_of,
)

CALL_STATES = ("requested", "queued", "active", "suspended", "ended")


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_nothing_leaves_ended() -> None:
    for trigger in Trigger:
        with pytest.raises(TransitionError, match="a session that is ended cannot take"):
            after(State.ENDED, trigger)


def test_every_other_state_can_end() -> None:
    for state in State:
        if state is not State.ENDED:
            assert after(state, Trigger.OVER) is State.ENDED


def test_every_state_can_be_reached_from_the_first() -> None:
    reached = {State.REQUESTED}
    while True:
        more = {new for state in reached for new in TRANSITIONS[state].values()} | reached
        if more == reached:
            break
        reached = more
    assert reached == set(State)


def test_who_had_an_agent_is_never_queued_again() -> None:
    for state in SERVED:
        assert not WAITING & set(TRANSITIONS[state].values())


@given(st.lists(st.tuples(st.sampled_from(CALL_STATES), st.booleans(), st.booleans())))
def test_any_sequence_of_reports_and_arrivals_keeps_the_rules(
    happenings: list[tuple[str, bool, bool]],
) -> None:
    state, had_agent, both_in = State.REQUESTED, False, False
    for call_state, served, people_come in happenings:
        if state is State.ENDED:
            break
        state = after(state, of_call(call_state, served=served, both_in=both_in))
        had_agent = had_agent or (call_state == "active" and served)
        if people_come and had_agent and state is not State.ENDED:
            both_in = True
            state = after(state, Trigger.BOTH_IN)
        if state is State.ENDED:
            assert call_state == "ended"
        elif not had_agent:
            assert state in WAITING
        elif call_state == "active" and served:
            assert state is (State.ACTIVE if both_in else State.INVITING)
        else:
            assert state is State.SUSPENDED


@given(st.one_of(st.none(), st.text()))
def test_every_cause_has_a_reason(cause: str | None) -> None:
    assert reason_of(cause) in Reason
