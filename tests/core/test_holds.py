"""Agents who have answered a placeholder: whom a connector holds, and lets go again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.model import HoldMember, MemberKnown, Snapshot
from tests.core.test_commands import ID, OTHER, queue
from tests.core.test_placed import FAR, act, again, hung_up, listed, placeholder, serves, waits
from tests.core.world import World

WANG, LI = "PJSIP/1001", "PJSIP/1002"


def held(interface: str, leg: str = ID) -> HoldMember:
    return HoldMember(interface, held=True, leg=leg)


def let_go(interface: str, leg: str = ID) -> HoldMember:
    return HoldMember(interface, held=False, leg=leg)


def effects(world: World) -> list[Any]:
    return [effect for effect in world.app.effects() if isinstance(effect, HoldMember)]


def beside(world: World) -> World:
    """Another placeholder, which the same agent has answered too."""
    act(world, queue(OTHER))
    far = FAR.replace(ID, OTHER)
    world.local(far, OTHER, "Local/to_support@wait").queue(OTHER)
    world.rings("a2", WANG, by=OTHER).offered("a2", WANG, OTHER)
    return world.served("a2", WANG, OTHER).bridge("b2", "a2", OTHER)


def test_who_answers_a_placeholder_is_held_until_it_ends() -> None:
    world = hung_up()
    assert effects(world) == [held(WANG)]
    assert effects(world.wait(60)) == []
    assert effects(world.down(ID, FAR)) == [let_go(WANG)]
    assert effects(world.wait(60)) == []


def test_who_answers_a_telephone_call_is_not_held() -> None:
    world = World().queue_call()
    world.down("c", "a").wait(60)
    assert effects(world) == []


def test_who_serves_another_one_yet_stays_held() -> None:
    world = beside(serves(waits()))
    assert effects(world) == [held(WANG), held(WANG, OTHER)]
    assert effects(world.down(ID, FAR, "a")) == []
    assert effects(world.down(OTHER)) == [let_go(WANG, OTHER)]


def test_whom_another_one_follows_is_let_go() -> None:
    """It was answered, and offered to the next agent all the same."""
    world = serves(waits())
    world.unbridge("b", "a").down("a").queue(ID)
    serves(world, "1002", "a2")
    assert effects(world) == [held(WANG), let_go(WANG), held(LI)]
    assert effects(world.down(ID, FAR)) == [let_go(LI)]


def test_a_call_that_ends_out_of_sight_lets_its_agent_go() -> None:
    world = serves(waits())
    effects(world)
    assert effects(world(Snapshot(())).wait(1)) == [let_go(WANG)]


MEMBERS = (MemberKnown("support", WANG), MemberKnown("support", LI))


def test_a_hold_that_is_found_stays_while_its_call_stands() -> None:
    """The connector that made it is gone."""
    world = again(hung_up())
    snapshot = listed(*placeholder(queue="", position=None))
    world(replace(snapshot, members=MEMBERS, held=(WANG,)))
    assert effects(world.wait(60)) == []
    assert effects(world.down(ID, FAR)) == [let_go(WANG)]


@pytest.mark.parametrize("known", [True, False])
def test_a_hold_that_is_found_without_its_call_is_taken_back(known: bool) -> None:
    world = again(hung_up()) if known else World()
    world(Snapshot((), members=MEMBERS, held=(WANG, LI)))
    assert effects(world) == [let_go(WANG, ""), let_go(LI, "")]
    assert effects(world.wait(60)) == []


def test_somebody_elses_hold_is_taken_back() -> None:
    world = again(hung_up())
    snapshot = listed(*placeholder(queue="", position=None))
    world(replace(snapshot, members=MEMBERS, held=(LI, WANG)))
    assert effects(world) == [let_go(LI, "")]
