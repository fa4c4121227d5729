"""The recorded FreeSWITCH's calls through reader, decoder and core: what each must come to.

Expectations are written from what happened (the ``.txt`` beside each stream), not from output.
The lab's caller is +491234567, its agents are the directory users 1001, 1002 and 1003.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import pytest

from connectors.application import CoreSettings
from connectors.freeswitch.events import EVENTS, Decoder
from connectors.freeswitch.wire import Event, FrameReader, event_of
from connectors.model import (
    CallReport,
    CallState,
    LegDown,
    LegsPaired,
    LegUp,
    Marked,
    Offered,
    PbxEvent,
    Refused,
    Served,
)
from tests.core.world import World
from tests.freeswitch.captured import STREAMS, answers, decode, events, kinds, stream

AGENTS = (r"user/1\d{3}",)
SEEN_LATE = (r"(user|internal)/1\d{3}",)
"""For a stream that begins behind the agent's CHANNEL_CREATE: only the profile is told then."""
ONE, TWO, THREE = (f"sip:100{n}@lab.example" for n in (1, 2, 3))
ALICE = "sip:alice@example.org"
NUMBER = "sip:+491234567@lab.example"

REQUESTED, QUEUED, ACTIVE = CallState.REQUESTED, CallState.QUEUED, CallState.ACTIVE
SUSPENDED, ENDED = CallState.SUSPENDED, CallState.ENDED


def play(name: str, agents: tuple[str, ...] = AGENTS, also: PbxEvent | None = None) -> World:
    """A stream at its own pace; `also` is handed in behind the first event that says anything."""
    return play_stream(stream(name), agents, also)


def play_stream(
    data: bytes, agents: tuple[str, ...] = AGENTS, also: PbxEvent | None = None
) -> World:
    """The same of a stream that no file holds."""
    world = World(CoreSettings(domain="lab.example", agent_endpoints=agents))
    decoder = Decoder()
    for event in events(data):
        then = int(event.get("Event-Date-Timestamp")) / 1e6
        if world.now < then - 0.02:
            world.wait(then - 0.02 - world.now)
        decoded = list(decoder.decode(event))
        world(*decoded)
        if decoded and also is not None:
            world(also)
            also = None
    assert not decoder.refused
    return world


def the_call(world: World) -> CallReport:
    (call,) = world.latest.values()
    return call


def states(world: World, call: str) -> list[CallState]:
    """The states it was reported in, in order, without repetitions."""
    seen: list[CallState] = []
    for report in world.reports:
        if report.id == call and seen[-1:] != [report.state]:
            seen.append(report.state)
    return seen


def agents(world: World, call: str) -> list[str | None]:
    """Who served a call, in order, without repetitions."""
    served: list[str | None] = []
    for report in world.reports:
        active = report.id == call and report.state is ACTIVE
        if active and served[-1:] != [report.agent_uri]:
            served.append(report.agent_uri)
    return served


@dataclass(frozen=True)
class Expected:
    stream: str
    type: str | None
    user: str
    agents: tuple[str, ...]
    states: tuple[CallState, ...]
    cause: str | None
    queue: str | None = None
    known: tuple[str, ...] = AGENTS


SERVED = (REQUESTED, QUEUED, ACTIVE, ENDED)
LEFT = (REQUESTED, QUEUED, REQUESTED, ENDED)
SUPPORT = "support@default"
CALLS = [
    Expected("01-queue-answered-plain", "cobrowse", ALICE, (ONE,), SERVED, "hangup", SUPPORT),
    Expected("01b-queue-answered-narrow", "cobrowse", ALICE, (ONE,), SERVED, "hangup", SUPPORT),
    Expected(  # it was subscribed without hang-ups: nobody says that it ended
        "01c-queue-agent-name-with-at", "cobrowse", ALICE, (THREE,), SERVED[:3], None, SUPPORT
    ),
    # The queue lets go of a caller a moment before the channel is gone.
    Expected("02-queue-abandoned", "cobrowse", ALICE, (), LEFT, "abandoned", SUPPORT),
    Expected("02b-queue-abandoned-while-ringing", "cobrowse", ALICE, (), LEFT, "abandoned",
             SUPPORT),
    # Extension 7020 marks nothing. It hangs up when the queue has given up.
    Expected("02c-queue-timeout", None, NUMBER, (), LEFT[1:], "queue_timeout", "short@default"),
    Expected("03-agent-reject-then-second-answers", "cobrowse", ALICE, (TWO,), SERVED, "hangup",
             SUPPORT),
    Expected("03b-agent-noanswer-then-second-answers", "cobrowse", ALICE, (TWO,), SERVED, "hangup",
             SUPPORT),
    # The code is pressed when they talk: the call is seen first, and marked then.
    Expected("04-direct-dtmf-rfc2833", "cobrowse", ALICE, (ONE,), (ACTIVE, ENDED), "hangup"),
    Expected("04b-direct-dtmf-sipinfo", "cobrowse", ALICE, (ONE,), (ACTIVE, ENDED), "hangup"),
    Expected("04c-direct-dtmf-digit-action", "cobrowse", ALICE, (ONE,), (ACTIVE, ENDED), "hangup"),
    Expected("04d-direct-dtmf-uuid_recv_dtmf", "cobrowse", ALICE, (ONE,), (ACTIVE, ENDED),
             "hangup"),
    # Nobody presses anything in 05 and 05c. 1002 rings for a second: no agent is in meanwhile.
    Expected("05-blind-transfer", None, NUMBER, (ONE, TWO), (ACTIVE, SUSPENDED, ACTIVE, ENDED),
             "hangup"),
    Expected("05b-queue-call-transfer", "cobrowse", ALICE, (ONE, TWO),
             (REQUESTED, QUEUED, ACTIVE, SUSPENDED, ACTIVE, ENDED), "hangup", SUPPORT),
    # 1002 waits on the line already, so the call is never without an agent.
    Expected("05c-attended-transfer", None, NUMBER, (ONE, TWO), (ACTIVE, ENDED), "hangup"),
    # A dialplan's outbound socket, ``myevents``: the caller's events only.
    Expected("06-outbound-async-full", None, NUMBER, (ONE,), (ACTIVE, ENDED), "hangup",
             known=SEEN_LATE),
    Expected("07-queue-answered-json", "cobrowse", ALICE, (ONE,), SERVED, "hangup", SUPPORT),
    Expected("07b-queue-answered-xml", "cobrowse", ALICE, (ONE,), SERVED, "hangup", SUPPORT),
    Expected("12-ringall-queue", "cobrowse", ALICE, (TWO,), SERVED, "hangup", "sales@default"),
    # The mark names no user. An application hangs both up.
    Expected("15-incall-actions", "cobrowse", NUMBER, (ONE,), (ACTIVE, ENDED), "hangup",
             known=SEEN_LATE),
]  # fmt: skip

SAY_NOTHING = {
    "06b-outbound-async-nolinger": "its end is lost, what is left makes no call",
    "06c-outbound-sync-json": "the same, in JSON",
    "06d-outbound-menu": "ends of applications only: tests/freeswitch/test_session.py",
    "06e-outbound-menu-hangup": "the same",
    "08-api-queries": "no subscription: tests/freeswitch/test_resync.py",
    "09-auth-wrong-password": "no subscription",
    "09b-errors": "a loopback pair to nowhere",
    "09c-userauth": "no subscription",
    "09d-acl-rejected": "no subscription",
    "10-bgapi-reloadxml": "jobs, and an event of somebody else's",
    "11-agent-status-changes": "agents without a call",
    "13-filter-nixevent-log": "a loopback pair nobody marked",
    "14-freeswitch-shutdown": "an echo test nobody marked",
    "14b-freeswitch-sigkill": "the same",
    "16-socket-commands": "events of the client's own",
    "16b-userauth-limited": "no call",
}


def test_no_recorded_stream_is_left_out() -> None:
    assert sorted({*(e.stream for e in CALLS), *SAY_NOTHING}) == STREAMS


@pytest.mark.parametrize("expected", CALLS, ids=lambda e: e.stream)
def test_a_recorded_call_comes_to_the_right_session(expected: Expected) -> None:
    world = play(expected.stream, expected.known)
    call = the_call(world)
    assert call.type == expected.type
    assert call.user_uri == expected.user
    assert tuple(agents(world, call.id)) == expected.agents
    assert tuple(states(world, call.id)) == expected.states
    assert (call.cause, call.queue) == (expected.cause, expected.queue)
    assert call.aliases == (), "the caller's channel stays the same through all of them"
    assert call.agent_leg is None or call.state is not ENDED
    assert [c.id for c in world.app.calls()] == ([] if call.state is ENDED else [call.id])


@pytest.mark.parametrize(
    ("name", "initiator"),
    [
        ("04-direct-dtmf-rfc2833", "user"),
        ("04b-direct-dtmf-sipinfo", "user"),
        ("04c-direct-dtmf-digit-action", "user"),
        # The digits were put into the caller's leg, and meta_app ran the event on the agent's:
        # nothing in it says whose they were.
        ("04d-direct-dtmf-uuid_recv_dtmf", "agent"),
    ],
)
def test_a_code_without_a_word_that_it_is_one_marks_the_call_it_is_pressed_in(
    name: str, initiator: str
) -> None:
    world = play(name)
    call = the_call(world)
    (mark,) = (event for event in decode(stream(name)) if isinstance(event, Marked))
    assert (mark.leg == call.id) == (initiator == "user")
    assert (call.initiator, call.requests) == (initiator, 1)


@pytest.mark.parametrize("name", SAY_NOTHING)
def test_a_stream_without_a_call_with_an_agent_makes_none(name: str) -> None:
    world = play(name)
    assert world.latest == {}


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_stream_cut_anywhere_comes_to_the_same(size: int) -> None:
    data = stream("12-ringall-queue")
    reader, decoder = FrameReader(EVENTS), Decoder()
    got: list[PbxEvent] = []
    for start in range(0, len(data), size):
        for frame in reader.feed(data[start : start + size]):
            if (event := event_of(frame)) is not None:
                got += decoder.decode(event)
    assert got == decode(data)


# --- what the core's report does not show


def test_a_queues_agents_are_known_by_its_word_alone() -> None:
    for name, agent in (("01c-queue-agent-name-with-at", THREE), ("12-ringall-queue", TWO)):
        world = play(name, agents=())
        assert agents(world, the_call(world).id) == [agent]


def test_the_queue_names_its_agent_before_the_bridge_does() -> None:
    decoded = decode(stream("01b-queue-answered-narrow"))
    order = kinds(decoded)
    assert order.index("Offered") < order.index("Served") < order.index("BridgeEntered")
    (offered,) = (event for event in decoded if isinstance(event, Offered))
    (served,) = (event for event in decoded if isinstance(event, Served))
    assert offered.agent_leg == served.agent_leg
    assert (served.queue, served.interface, served.name) == (SUPPORT, "user/1001", "1001")


def test_the_loser_of_a_ring_all_refused_and_does_not_serve() -> None:
    decoded = decode(stream("12-ringall-queue"))
    rung = [event.interface for event in decoded if isinstance(event, Offered)]
    assert rung == ["user/1001", "user/1002"]
    (refused,) = (event for event in decoded if isinstance(event, Refused))
    assert refused.why == "LOSE_RACE"
    (served,) = (event for event in decoded if isinstance(event, Served))
    assert served.interface == "user/1002"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("03-agent-reject-then-second-answers", "USER_BUSY"),
        ("03b-agent-noanswer-then-second-answers", "NO_ANSWER"),
    ],
)
def test_the_trace_says_why_the_first_agent_did_not_take_it(name: str, why: str) -> None:
    world = play(name)
    (trace,) = world.traces.values()
    assert any(f"1001 did not take the call ({why})" in item.text for item in trace)


def test_a_caller_who_gives_up_while_an_agent_rings_ends_before_the_agents_leg_does() -> None:
    world = play("02b-queue-abandoned-while-ringing")
    (trace,) = world.traces.values()
    assert trace[-1].text == "abandoned (NORMAL_CLEARING)"


def test_who_transferred_whom_is_in_the_trace() -> None:
    (trace,) = play("05c-attended-transfer").traces.values()
    said = "attended transfer by sofia/internal/1001@127.0.0.1:5071"
    assert any(item.text.startswith(said) for item in trace)


def test_a_stopping_freeswitch_loses_its_calls() -> None:
    decoded = decode(stream("14-freeswitch-shutdown"))
    (up,) = (event for event in decoded if isinstance(event, LegUp))
    (down,) = (event for event in decoded if isinstance(event, LegDown))
    assert down == LegDown(up.leg, "FreeSWITCH is shutting down", lost=True)
    world = play("14-freeswitch-shutdown", also=Marked(up.leg, "form"))
    assert the_call(world).cause == "lost"


def test_a_killed_freeswitch_says_nothing_so_its_call_stands_until_the_next_list() -> None:
    decoded = decode(stream("14b-freeswitch-sigkill"))
    (up,) = (event for event in decoded if isinstance(event, LegUp))
    assert kinds(decoded) == ["LegUp"]
    world = play("14b-freeswitch-sigkill", also=Marked(up.leg, "form"))
    assert the_call(world).state is REQUESTED


def test_a_loopback_pair_is_two_halves_of_one_pipe() -> None:
    decoded = decode(stream("09b-errors"))
    near, far = (event for event in decoded if isinstance(event, LegUp))
    assert (near.name, far.name) == ("loopback/nosuchext-a", "loopback/nosuchext-b")
    assert near.endpoint == far.endpoint == "loopback/nosuchext"
    assert [e for e in decoded if isinstance(e, LegsPaired)] == [LegsPaired(near.leg, far.leg)]
    assert [e.cause for e in decoded if isinstance(e, LegDown)] == ["NO_ROUTE_DESTINATION"] * 2


def test_plain_json_and_xml_say_the_same() -> None:
    said = [
        kinds(decode(stream(name)))
        for name in (
            "01-queue-answered-plain", "07-queue-answered-json", "07b-queue-answered-xml"
        )
    ]  # fmt: skip
    # Both hang up at once: which channel is through first, and whether that is before they are
    # unbridged, is not always the same.
    first, *rest = (sorted(kind for kind in kinds_ if kind != "BridgeLeft") for kinds_ in said)
    assert rest == [first, first]


def test_recorded_answers_are_no_events() -> None:
    assert answers(stream("08-api-queries"))
    assert events(stream("08-api-queries")) == []


# --- many at once


UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def copies(name: str, n: int) -> list[list[Event]]:
    """A stream `n` times over, each with channels of its own."""
    data = stream(name).decode()
    found = sorted(set(UUID.findall(data)))
    made = []
    for number in range(n):
        text = data
        for uuid in found:
            text = text.replace(uuid, f"{number:04x}{uuid[4:]}")
        made.append(events(text.encode()))
    return made


def test_calls_that_are_up_at_once_do_not_cross() -> None:
    names = ("12-ringall-queue", "05b-queue-call-transfer", "05c-attended-transfer",
             "03-agent-reject-then-second-answers", "04-direct-dtmf-rfc2833",
             "02b-queue-abandoned-while-ringing")  # fmt: skip
    expected = {e.stream: e for e in CALLS}
    calls = [(name, one) for name in names for one in copies(name, 15)]
    chance = random.Random(7)
    world = World(CoreSettings(domain="lab.example", agent_endpoints=AGENTS))
    decoder = Decoder()
    under_way = [list(reversed(one)) for _, one in calls]
    while under_way:
        one = chance.choice(under_way)
        world(*decoder.decode(one.pop()))
        if not one:
            under_way.remove(one)
    assert len(world.latest) == len(calls)
    for name, one in calls:
        user = next(event.get("Unique-ID") for event in one if event.get("Unique-ID"))
        call, wanted = world.latest[user], expected[name]
        assert (call.type, call.user_uri, call.cause) == (wanted.type, wanted.user, wanted.cause)
        assert tuple(agents(world, user)) == wanted.agents
    assert not decoder.refused
