"""The recorded Asterisk's calls through reader, decoder and core: what each must come to.

Expectations are written from what happened on the telephones (the captures' INDEX), not from
output. The lab's agents are PJSIP/agent1 and PJSIP/agent2, its caller is PJSIP/caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from connectors.application import CoreSettings
from connectors.asterisk.events import Decoder
from connectors.model import CallReport, CallState
from tests.asterisk.captured import frames, stream
from tests.core.world import World

SETTINGS = CoreSettings(domain="lab.example", agent_endpoints=(r"PJSIP/agent\d",))
ONE, TWO = "sip:agent1@lab.example", "sip:agent2@lab.example"


def play(name: str) -> World:
    world, decoder = World(SETTINGS), Decoder()
    for frame in frames(stream(name)):
        # Recorded seconds are not replayed: the timers run where a pause was.
        world(*decoder.decode(frame))
    return world


def agents(world: World, call: str) -> list[str | None]:
    """Who served a call, in order, without repetitions."""
    served: list[str | None] = []
    for report in world.reports:
        active = report.id == call and report.state is CallState.ACTIVE
        if active and served[-1:] != [report.agent_uri]:
            served.append(report.agent_uri)
    return served


def typed(world: World) -> list[CallReport]:
    return [call for call in world.latest.values() if call.type is not None]


@dataclass(frozen=True)
class Expected:
    stream: str
    type: str
    agents: tuple[str, ...]
    cause: str
    queue: str | None = "support"


QUEUE_CALLS = [
    Expected("queue_answered", "cobrowse", (ONE,), "hangup"),
    Expected("queue_answered_agent_hangup", "cobrowse", (ONE,), "hangup"),
    Expected("queue_ring_no_answer", "cobrowse", (TWO,), "hangup"),
    Expected("queue_local_member", "cobrowse", (ONE,), "hangup", "localq"),
    Expected("queue_abandon", "chat", (), "abandoned", "nobody"),
    Expected("queue_timeout", "chat", (), "queue_timeout", "nobody"),
    Expected("transfer_blind_ami", "cobrowse", (ONE, TWO), "hangup"),
    Expected("transfer_blind_refer", "cobrowse", (ONE, TWO), "hangup"),
    Expected("transfer_attended_ami", "cobrowse", (ONE, TWO), "hangup"),
    Expected("transfer_attended_refer", "cobrowse", (ONE, TWO), "hangup"),
    Expected("transfer_redirect_ami", "cobrowse", (ONE, TWO), "hangup"),
]


@pytest.mark.parametrize("expected", QUEUE_CALLS, ids=lambda e: e.stream)
def test_a_recorded_queue_call_comes_to_the_right_session(expected: Expected) -> None:
    world = play(expected.stream)
    (call,) = typed(world)
    assert call.type == expected.type
    assert tuple(agents(world, call.id)) == expected.agents
    assert (call.state, call.cause) == (CallState.ENDED, expected.cause)
    assert call.queue == expected.queue
    assert world.app.calls() == []


def test_a_caller_who_gives_up_while_an_agent_rings_was_never_served() -> None:
    world = play("queue_abandon_ringing")
    (call,) = world.latest.values()
    assert call.type is None, "the lab's extension 602 marks nothing"
    assert (call.state, call.cause, call.queue) == (CallState.ENDED, "abandoned", "solo")
    assert agents(world, call.id) == []


def test_the_users_uri_is_the_dialplans() -> None:
    (call,) = typed(play("queue_answered"))
    assert call.user_uri == "sip:alice@example.org"


def test_fifty_calls_at_five_a_second_do_not_cross() -> None:
    world = play("load_5cps")
    ended = [c for c in world.latest.values() if c.state is CallState.ENDED and c.type]
    served = [c for c in ended if c.cause == "hangup"]
    assert len(ended) == 50
    assert len({c.id for c in ended}) == 50
    data = stream("load_5cps")
    assert len(served) == data.count(b"Event: AgentConnect\r\n")
    # The queue's own word, caller by caller, against what the graph found.
    for block in data.split(b"\r\n\r\n"):
        if block.startswith(b"Event: AgentConnect"):
            lines = dict(
                line.split(": ", 1) for line in block.decode().split("\r\n") if ": " in line
            )
            agent = lines["Interface"].removeprefix("PJSIP/")
            assert agents(world, lines["Uniqueid"]) == [f"sip:{agent}@lab.example"]


@pytest.mark.parametrize("name", ["feature_star22_agent_sipinfo", "feature_star22_caller_rfc4733"])
def test_a_direct_call_is_seen_with_its_agent_though_nothing_marked_it(name: str) -> None:
    world = play(name)
    (call,) = world.latest.values()
    assert call.type is None
    assert agents(world, call.id) == [ONE]
    assert call.cause == "hangup"
