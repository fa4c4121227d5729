"""Moves that a real FreeSWITCH 1.11 made with this project's dialplan: transfers by phones, holds,
fifos, pipes, codes by either side. What each must come to is written from what was done (the
``.txt`` beside each stream).

The caller is +491234567, the agents are directory users; 5550 is out behind the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from connectors.model import CallState, LegDown
from tests.freeswitch.captured import FOLDER, decode, kinds, stream
from tests.freeswitch.test_streams import NUMBER, ONE, THREE, TWO, agents, play, states, the_call

MOVES = sorted(path.stem for path in (FOLDER / "moves").glob("*.esl"))
FOUR, FIVE, SIX, TEN, OUTSIDE = (
    f"sip:{n}@lab.example" for n in ("1004", "1005", "1006", "1010", "gw1")
)

REQUESTED, QUEUED, ACTIVE = CallState.REQUESTED, CallState.QUEUED, CallState.ACTIVE
SUSPENDED, ENDED = CallState.SUSPENDED, CallState.ENDED
SERVED = (REQUESTED, QUEUED, ACTIVE, ENDED)
LEFT_ALONE = (REQUESTED, QUEUED, ACTIVE, SUSPENDED, ACTIVE, ENDED)
GAVE_UP = (REQUESTED, QUEUED, REQUESTED, ENDED)


@dataclass(frozen=True)
class Expected:
    stream: str
    agents: tuple[str, ...]
    states: tuple[CallState, ...] = SERVED
    queue: str | None = "support@default"
    type: str | None = "form"
    user: str = NUMBER
    cause: str = "hangup"
    initiator: str = "user"
    moved: int = 0
    """How often the user's place went to another leg."""


CALLS = [
    Expected("refer_attended_by_agent", (ONE, TWO)),
    Expected("refer_blind_by_agent", (ONE, TWO), LEFT_ALONE),  # 1002 rings for a second
    Expected("refer_attended_by_user", (ONE,), moved=1),
    Expected("refer_blind_by_user", (ONE,), LEFT_ALONE, moved=1),  # 5550 rings for a second
    Expected("att_xfer_completed", (ONE, TWO), LEFT_ALONE),
    Expected("att_xfer_returned", (ONE,), LEFT_ALONE),
    Expected("att_xfer_by_user", (ONE,), LEFT_ALONE, moved=1),
    Expected("hold_and_resume", (ONE,)),
    Expected("held_by_command", (ONE,)),
    Expected("intercepted", (ONE, THREE)),
    Expected("killed", (ONE,)),
    Expected("queue_loopback_agent", (FOUR,), queue="loop@default"),
    Expected("queue_gateway_agent", (OUTSIDE,), queue="outside@default"),
    Expected("queue_registered_agent", (SIX,), queue="registered@default"),
    Expected("ringall_third_answers", (THREE,), queue="ringall@default"),
    Expected("queue_transferred_while_waiting", (), GAVE_UP, cause="abandoned"),
    Expected("transfer_to_loopback", (ONE, FOUR), (REQUESTED, ACTIVE, ENDED), queue=None),
    Expected("loopback_bows_out", (FOUR,), (REQUESTED, ACTIVE, ENDED), queue=None),
    Expected("fifo_member", (FIVE,), queue="line@default"),
    Expected("fifo_consumer", (ONE,), queue="line@default"),
    Expected("fifo_abandoned", (), GAVE_UP, "line@default", cause="abandoned"),
    Expected("code_by_user", (ONE,), (ACTIVE, ENDED), queue=None),
    Expected("code_by_agent", (ONE,), (ACTIVE, ENDED), None, "chat", initiator="agent"),
    Expected(
        "agent_calls_out_marked",
        (ONE,),
        (REQUESTED, ACTIVE, ENDED),
        None,
        "chat",
        "sip:5550@lab.example",
        initiator="agent",
    ),
    Expected("agent_calls_out", (ONE,), (ACTIVE, ENDED), None, None, "sip:5550@lab.example"),
    Expected("marked_queue_behind_loopback", (ONE,), queue="longest@default"),
    Expected("queue_agents_extension_marks", (ONE,), queue="loop@default"),
    Expected("group_of_users", (TEN,), (REQUESTED, ACTIVE, ENDED), queue=None),
    Expected(
        "queue_marked_on_agents_answer",
        (ONE,),
        (QUEUED, ACTIVE, ENDED),
        "td@default",
        "chat",
        initiator="agent",
    ),
]


def test_no_recorded_move_is_left_out() -> None:
    assert sorted(e.stream for e in CALLS) == MOVES


@pytest.mark.parametrize("expected", CALLS, ids=lambda e: e.stream)
def test_a_call_that_is_moved_stays_one_call(expected: Expected) -> None:
    world = play(f"moves/{expected.stream}")
    call = the_call(world)
    assert (call.type, call.user_uri) == (expected.type, expected.user)
    assert tuple(agents(world, call.id)) == expected.agents
    assert tuple(states(world, call.id)) == expected.states
    assert (call.cause, call.queue) == (expected.cause, expected.queue)
    assert call.initiator == expected.initiator
    assert len(call.aliases) == expected.moved
    assert world.app.calls() == []
    assert world.app.cti.legs == {}


@pytest.mark.parametrize("name", MOVES)
def test_every_leg_that_came_goes(name: str) -> None:
    decoded = decode(stream(f"moves/{name}"))
    assert kinds(decoded).count("LegUp") >= kinds(decoded).count("LegDown") > 0
    assert not any(event.lost for event in decoded if isinstance(event, LegDown))


@pytest.mark.parametrize("name", ["hold_and_resume", "held_by_command"])
def test_a_hold_of_either_side_shows_and_goes(name: str) -> None:
    held = []
    for report in play(f"moves/{name}").reports:
        if held[-1:] != [report.held]:
            held.append(report.held)
    assert held == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refer_blind_by_agent", "blind transfer by sofia/internal/1001@"),
        ("refer_attended_by_agent", "attended transfer by sofia/internal/1001@"),
        ("att_xfer_completed", "attended transfer by sofia/internal/1001@"),
        ("refer_blind_by_user", "the user hands sofia/internal/1001@"),
        ("refer_attended_by_user", "the user hands sofia/internal/1001@"),
        ("att_xfer_by_user", "the user hands sofia/internal/1001@"),
    ],
)
def test_the_trace_says_once_who_handed_whom_on(name: str, said: str) -> None:
    (trace,) = play(f"moves/{name}").traces.values()
    assert sum(item.text.startswith(said) for item in trace) == 1
