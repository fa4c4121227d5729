"""Calls by telephone that came to nothing: who was not reached, and why, in one word for all."""

from __future__ import annotations

import pytest

from connectors.model import (
    DialledInVain,
    LegDialEnded,
    LegDialled,
    LegDown,
    Transferred,
    Unreached,
)
from connectors.unreached import word
from tests.core.test_commands import ID
from tests.core.test_placed import (
    FAR,
    VOICE,
    act,
    again,
    dialled,
    listed,
    phone,
    redialled,
    serves,
    waits,
)
from tests.core.test_placed_alone import onward as agent_dials
from tests.core.world import World


def far_dials() -> World:
    """The far half of a served placeholder rings the user's phone, behind a pipe."""
    world = serves(waits())
    act(world, VOICE)
    world.local("m1", "m2", "Local/+4930@from-internal")(LegDialled(FAR, "m1"))
    return world.rings("u", "PJSIP/trunk", by="m2")


def told(world: World, call: str = ID) -> tuple[str, str] | None:
    unreached = world.latest[call].unreached
    return (unreached.who, unreached.why) if unreached else None


@pytest.mark.parametrize(
    ("cause", "status", "why"),
    [
        ("17 User busy", "BUSY", "busy"),
        ("0 Unknown", "NOANSWER", "no_answer"),
        ("21 Call Rejected", "CHANUNAVAIL", "refused"),
        ("1 Unallocated (unassigned) number", "CHANUNAVAIL", "unreachable"),
        ("38 Network out of order", "CONGESTION", "unreachable"),
    ],
)
def test_the_far_half_does_not_reach_the_user(cause: str, status: str, why: str) -> None:
    world = far_dials()(LegDialEnded("u", status), LegDown("u", cause))
    assert told(world) is None, "the dialplan behind the pipe may try another"
    world(LegDialEnded("m1", status))
    assert world.latest[ID].unreached == Unreached("v1", "user", why)
    world(DialledInVain(FAR, status))
    assert [line.text for line in world.traces[ID] if "reached:" in line.text] == [
        f"the user was not reached: {why}"
    ]


def test_a_number_the_dialplan_does_not_have_is_told_by_the_dialplan() -> None:
    world = serves(waits())
    act(world, VOICE)
    assert told(world(DialledInVain(FAR, "CHANUNAVAIL"))) == ("user", "unreachable")


def test_an_agent_who_hangs_up_meanwhile_is_why() -> None:
    assert told(far_dials()(LegDialEnded("m1", "CANCEL"))) == ("agent", "hung_up")


def test_a_user_who_is_reached_is_not_said_to_be_unreached() -> None:
    world = far_dials().bridge("w", "u", "m2").bridge("v", "m1", FAR)
    world(LegDialEnded("m1", "ANSWER")).down("u")(DialledInVain(FAR, "ANSWER"))
    assert told(world) is None


def test_the_agents_own_leg_dials_and_comes_back_alone() -> None:
    world = agent_dials()(LegDown("u", "NO_ANSWER")).bridge("b3", "a", ID)
    assert world.latest[ID].unreached == Unreached("v1", "user", "no_answer")


def test_the_agents_own_leg_finds_no_way_and_comes_back() -> None:
    world = serves(waits())
    act(world, VOICE)
    world(Transferred(by=ID, leg="a")).unbridge("b", "a").bridge("b3", "a", ID)
    assert told(world) == ("user", "unreachable")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("19 User alerting, no answer", ("agent", "no_answer")),
        ("USER_BUSY", ("agent", "busy")),
        ("CALL_REJECTED", ("agent", "refused")),
        ("NO_ROUTE_DESTINATION", ("user", "unreachable")),
        ("0 Unknown", ("user", "unreachable")),
    ],
)
def test_the_agents_leg_ends_before_anybody_else_is_rung(cause: str, said: tuple[str, str]) -> None:
    world, leg = redialled()
    assert told(world(LegDown(leg, cause))) == said
    assert told(dialled()(LegDown(ID, cause))) == said


def test_the_agent_does_not_answer() -> None:
    world = dialled()(LegDialEnded(ID, "NOANSWER"), LegDown(ID, "0 Unknown"))
    assert world.latest[ID].unreached == Unreached(ID, "agent", "no_answer")


@pytest.mark.parametrize(
    ("phone", "agent", "said"),
    [
        ("USER_BUSY", "USER_BUSY", ("user", "busy")),
        ("21 Call Rejected", "16 Normal Clearing", ("user", "refused")),
        ("ORIGINATOR_CANCEL", "NORMAL_CLEARING", ("agent", "hung_up")),
    ],
)
def test_the_agents_leg_dials_in_vain(phone: str, agent: str, said: tuple[str, str]) -> None:
    for world, leg in (redialled(), (dialled(), ID)):
        world.rings("u", "PJSIP/trunk", by=leg)(LegDown("u", phone), LegDown(leg, agent))
        assert told(world) == said


@pytest.mark.parametrize(("rings", "said"), [((), ("agent", "busy")), (("u",), ("user", "busy"))])
def test_a_new_process_says_it_too_of_a_call_it_did_not_dial(
    rings: tuple[str, ...], said: tuple[str, str]
) -> None:
    world = again(dialled())(listed(phone(ID, "1001", placed=ID)))
    for leg in rings:
        world.rings(leg, "PJSIP/trunk", by=ID)(LegDown(leg, "17 User busy"))
    world(LegDown(ID, "17 User busy"))
    found = world.latest[ID].unreached
    assert found is not None
    assert (found.command, found.who, found.why) == (ID, *said)


def test_the_last_of_several_telephones_counts() -> None:
    world = dialled().rings("u", "PJSIP/trunk", by=ID)
    world(LegDialEnded("u", "BUSY"), LegDown("u", "17 User busy"))
    assert told(world) is None
    world.rings("u2", "PJSIP/trunk", by=ID)(LegDialEnded("u2", "NOANSWER"))
    assert told(world(LegDown(ID, "16 Normal Clearing"))) == ("user", "no_answer")


def test_two_who_have_talked_were_reached() -> None:
    world = dialled().rings("u", "PJSIP/trunk", by=ID).bridge("b", "u", ID)
    assert told(world.down("u", ID)) is None


def test_only_what_is_known_has_a_word() -> None:
    assert word("") is None
    assert word("BUSYBODY") is None
