"""A placeholder that is one channel, without a far end (FreeSWITCH): `Transferred` says that the
agent's leg has gone on from it, to dial the user."""

from __future__ import annotations

from connectors.model import (
    DialBoth,
    HangUp,
    LegRole,
    LegUp,
    Onward,
    PlaceCall,
    Result,
    Snapshot,
    SnapshotLeg,
    Transferred,
)
from tests.core.test_commands import ID, queue
from tests.core.test_placed import VOICE, WANG, act, new, now
from tests.core.world import World

ALONE = LegUp(ID, "null/collab-1", "null/collab-1", role=LegRole.INTERNAL)
USER = "PJSIP/trunk"


def served() -> World:
    world = new()
    assert isinstance(act(world, queue()), PlaceCall)
    world(ALONE).queue(ID)
    world.rings("a", "PJSIP/1001", by=ID).offered("a", "PJSIP/1001", ID)
    return world.served("a", "PJSIP/1001", ID).bridge("b", ID, "a")


def onward() -> World:
    """The agent's leg dials the user on ``u``."""
    world = served()
    assert isinstance(act(world, VOICE), Onward)
    world(Transferred(by=ID, leg="a")).unbridge("b", ID, "a")
    return world.rings("u", USER, by="a")


def test_it_is_served_and_goes_on_without_the_phone() -> None:
    world = served()
    assert now(world) == ("active", WANG, "a", None)
    world.unbridge("b", ID, "a").down("a").wait(0.5)
    assert now(world) == ("active", WANG, None, None)
    assert now(world.down(ID)) == ("ended", WANG, None, "hangup")


def test_the_agent_counts_as_in_the_call_while_the_user_is_rung() -> None:
    world = onward().wait(5).wait(5)
    assert now(world) == ("active", WANG, "a", None)
    assert act(world, VOICE) == Result("v1", "done", "the user is being dialled already")


def test_the_user_answers() -> None:
    world = onward().wait(5).bridge("b2", "a", "u")
    assert now(world) == ("active", WANG, "a", None)
    assert world.latest[ID].aliases == ("u",)
    assert world.hangs_up() == [HangUp(ID)]
    world.down(ID).wait(1)
    assert now(world) == ("active", WANG, "a", None)
    world.unbridge("b2", "a", "u").down("u", "a")
    assert now(world) == ("ended", WANG, None, "hangup")


def test_the_user_does_not_answer_and_the_agent_is_back() -> None:
    world = onward().wait(5).down("u").bridge("b3", "a", ID).wait(1)
    assert any("not reached" in line.text for line in world.traces[ID])
    assert now(world) == ("active", WANG, "a", None)
    assert world.latest[ID].aliases == ()
    assert world.hangs_up() == []
    assert isinstance(act(world, VOICE), Onward)  # once more


def test_the_agent_hangs_up_while_the_user_is_rung() -> None:
    world = onward().wait(5).down("u", "a").wait(0.5)
    assert now(world) == ("active", WANG, None, None)
    assert world.hangs_up() == []
    assert isinstance(act(world, VOICE), DialBoth)


def test_a_new_process_finds_the_agent_dialling() -> None:
    before = onward()
    world = new()
    world.app.restore(before.app.calls())
    agent = LegUp("a", "PJSIP/1001-1", "PJSIP/1001", role=LegRole.OUTBOUND, placed=ID)
    rung = LegUp("u", f"{USER}-1", USER, role=LegRole.OUTBOUND)
    standing = LegUp(ID, ALONE.name, ALONE.endpoint, role=LegRole.INTERNAL, placed=ID)
    legs = (SnapshotLeg(standing), SnapshotLeg(agent), SnapshotLeg(rung, dialled_by="a"))
    world(Snapshot(legs)).wait(0.5)
    assert act(world, VOICE) == Result("v1", "done", "the user is being dialled already")
    world.bridge("b2", "a", "u")
    assert now(world) == ("active", WANG, "a", None)
    assert world.latest[ID].aliases == ("u",)
    assert world.hangs_up() == [HangUp(ID)]
