"""What the dialplan says behind a ``Local``/``loopback`` pipe is about who dialled through it."""

from __future__ import annotations

import pytest

from connectors.model import CallState, LegDialled, LegRole, LegUp, Marked, Queued, Unqueued
from tests.core.world import World

ONE = "sip:1001@pbx.example.org"


@pytest.fixture
def world() -> World:
    return World()


def dials_a_pipe(world: World, by: str = "c") -> World:
    return world.local("l1", "l2", "Local/600@inside")(LegDialled(by, "l1"))


@pytest.mark.parametrize("first", ["form", None])
def test_a_mark_behind_a_pipe_is_the_callers(world: World, first: str | None) -> None:
    world.caller()
    if first:
        world.mark(type=first)
    dials_a_pipe(world).mark("l2", "chat").queue("l2").rings("a", "PJSIP/1001", by="l2")
    world.offered("a", "PJSIP/1001", "l2").served("a", "PJSIP/1001", "l2")
    world.bridge("far", "a", "l2").bridge("near", "l1", "c")
    assert list(world.latest) == ["c"]
    call = world.latest["c"]
    assert (call.state, call.type, call.agent_uri) == (CallState.ACTIVE, "chat", ONE)
    assert (call.user_uri, call.queue) == ("sip:3015550100@pbx.example.org", "support")
    assert not any(item.stopped for item in world.traces["c"])
    world.down("c", "l1", "l2", "a")
    assert {(c.id, c.state, c.cause) for c in world.latest.values()} == {
        ("c", CallState.ENDED, "hangup")
    }


def test_a_queue_behind_a_pipe_gives_up_on_the_caller(world: World) -> None:
    dials_a_pipe(world.caller().mark()).queue("l2")
    assert world.latest["c"].state is CallState.QUEUED
    world(Unqueued("l2", "support", "timeout")).down("l2", "l1", "c")
    assert list(world.latest) == ["c"]
    assert world.latest["c"].cause == "queue_timeout"


def test_the_mark_of_an_agents_own_extension_is_that_of_the_queues_caller(world: World) -> None:
    """The queue's member is ``Local/1001@inside``, and that extension marks direct calls."""
    member = "Local/1001@inside"
    world.members(member).caller().mark().queue().local(name=member).offered("l1", member)
    world.mark("l2", "form").rings("a", "PJSIP/1001", by="l2")
    world.served("l1", member).bridge("two", "a", "l2").bridge("one", "l1", "c")
    assert list(world.latest) == ["c"]
    assert (world.latest["c"].agent_uri, world.latest["c"].requests) == (ONE, 1)


def test_a_member_that_is_another_queue_leaves_the_caller_where_it_waits(world: World) -> None:
    member = "Local/700@inside"
    world.members(member).caller().mark().queue().local(name=member).offered("l1", member)
    world(Queued("l2", "second", 1), Unqueued("l2", "second", "abandoned"))
    call = world.latest["c"]
    assert list(world.latest) == ["c"]
    assert (call.state, call.queue, call.position) == (CallState.QUEUED, "support", 1)


def test_an_agent_who_dials_through_a_pipe_that_is_marked_behind_calls_whom_it_dials(
    world: World,
) -> None:
    world(LegUp("a", "PJSIP/1001-a", "PJSIP/1001", "1001", LegRole.INBOUND))
    dials_a_pipe(world, "a").mark("l2", "chat")
    world(LegUp("u", "PJSIP/trunk-u", "PJSIP/trunk", "3015550100", LegRole.OUTBOUND))
    world(LegDialled("l2", "u")).bridge("far", "u", "l2").bridge("near", "l1", "a")
    assert list(world.latest) == ["u"]
    call = world.latest["u"]
    assert (call.agent_uri, call.initiator, call.type) == (ONE, "agent", "chat")


def test_a_mark_on_the_near_end_is_about_who_talks_behind_the_pipe(world: World) -> None:
    """The PBX itself dials a customer through a pipe, and sends the near end to the queue."""
    world.local("l1", "l2", "Local/30@outside")(LegDialled(None, "l1"))
    world(LegUp("u", "PJSIP/trunk-u", "PJSIP/trunk", "3015550100", LegRole.OUTBOUND))
    world(LegDialled("l2", "u")).bridge("far", "u", "l2").mark("l1").queue("l1")
    world.rings("a", "PJSIP/1001", by="l1").offered("a", "PJSIP/1001", "l1")
    world.served("a", "PJSIP/1001", "l1").bridge("near", "a", "l1")
    assert list(world.latest) == ["u"]
    call = world.latest["u"]
    assert (call.user_uri, call.agent_uri) == ("sip:3015550100@pbx.example.org", ONE)


def test_a_placeholder_with_nobody_behind_it_is_a_call_of_its_own(world: World) -> None:
    world.local("l1", "l2", "Local/600@inside")(Marked("l2", "form", "web:abc")).queue("l2")
    call = world.latest["l2"]
    assert (call.state, call.user_uri) == (CallState.QUEUED, "web:abc")
