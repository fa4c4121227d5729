"""Recorded calls that a connector placed, through decoder and core; and what a list of them says.

Expectations are written from what happened (the ``.txt`` beside each stream), not from output.
"""

from __future__ import annotations

from typing import Any

from connectors.application import CoreSettings
from connectors.freeswitch.channels import leg_up
from connectors.freeswitch.driver import PHONE
from connectors.freeswitch.events import Decoder
from connectors.freeswitch.standing import snapshot_of
from connectors.freeswitch.wire import Event
from connectors.model import (
    BridgeEntered,
    CallState,
    Command,
    DialBoth,
    HangUp,
    LegRole,
    Onward,
    PlaceCall,
    Transferred,
)
from tests.core.world import World
from tests.freeswitch.captured import channel, events, stream
from tests.freeswitch.test_streams import the_call

LEG = "3f2b8c1e-7a54-4d1f-9c3e-5b6a7d8e9f01"
SETTINGS = CoreSettings(
    domain="lab.example",
    agent_endpoints=(r"user/1\d{3}",),
    dial_context="default",
    phone=PHONE,
)
ONE, THREE = "sip:1001@lab.example", "sip:1003@lab.example"
QUEUE = {
    "queue": "support@default", "type": "form", "user_uri": "web:7f3a", "name": "Ann Doe",
    "waited": 30, "wait": 600,
}  # fmt: skip


def placed(name: str, kind: str = "queue", **args: Any) -> World:
    """A stream behind the command that it began with. Where the agent is sent on in it, the
    driver's word of that comes where the agent's leg was bridged first."""
    world, decoder = World(SETTINGS), Decoder()
    recorded = list(events(stream(f"placed/{name}")))
    world.now = _moment(recorded[0]) - 1
    effect = world.app.command(Command(LEG, kind, None, args or QUEUE), world.now)
    assert isinstance(effect, PlaceCall | DialBoth)
    for event in recorded:
        world.wait(max(_moment(event) - 0.02 - world.now, 0.0))
        for said in decoder.decode(event):
            world(said)
            if isinstance(said, BridgeEntered) and said.leg != LEG and name.startswith("voice"):
                name = ""
                voice = Command("v", "voice", LEG, {"user_uri": "tel:85550"})
                assert isinstance(world.app.command(voice, world.now), Onward)
                world(Transferred(by=LEG, leg=said.leg))
    assert not decoder.refused
    return world.wait(1)


def _moment(event: Event) -> float:
    return int(event.get("Event-Date-Timestamp")) / 1e6


def states(world: World) -> list[CallState]:
    passed: list[CallState] = []
    for report in world.reports:
        if not passed or passed[-1] is not report.state:
            passed.append(report.state)
    return passed


def test_a_placeholder_is_served_and_the_call_outlives_the_phone() -> None:
    world = placed("served")
    call = the_call(world)
    assert (call.id, call.type, call.user_uri) == (LEG, "form", "web:7f3a")
    assert (call.cause, call.agent_uri, call.queue) == ("hangup", ONE, "support@default")
    assert [state.value for state in states(world)] == ["requested", "queued", "active", "ended"]
    without = [r for r in world.reports if r.state is CallState.ACTIVE and r.agent_leg is None]
    assert without, "between the agent's hang-up and ours"


def test_a_placeholder_leaves_the_line() -> None:
    call = the_call(placed("left"))
    assert (call.state, call.cause, call.agent_uri) == (CallState.ENDED, "abandoned", None)


def test_a_placeholder_waits_no_longer_than_it_may() -> None:
    call = the_call(placed("out_of_time"))
    assert (call.state, call.cause, call.agent_uri) == (CallState.ENDED, "queue_timeout", None)


def test_a_placeholder_becomes_a_voice_call() -> None:
    world = placed("voice")
    call = the_call(world)
    assert (call.id, call.cause, call.agent_uri) == (LEG, "hangup", ONE)
    (user,) = call.aliases
    assert user != LEG
    assert world.hangs_up() == [HangUp(LEG)]
    assert [state.value for state in states(world)] == ["requested", "queued", "active", "ended"]


def test_a_user_who_is_busy_leaves_the_placeholder_as_it_was() -> None:
    world = placed("voice_busy")
    call = the_call(world)
    assert (call.aliases, call.cause, call.agent_uri) == ((), "hangup", ONE)
    assert world.hangs_up() == []
    assert [state.value for state in states(world)] == ["requested", "queued", "active", "ended"]


def test_a_call_is_dialled_for_an_agent() -> None:
    world = placed("dial", "dial", agent_uri=THREE, user_uri="tel:85550", type="chat")
    call = the_call(world)
    assert (call.id, call.type, call.user_uri) == (LEG, "chat", "tel:85550")
    assert (call.initiator, call.agent_uri, call.cause) == ("agent", THREE, "hangup")
    assert len(call.aliases) == 1


def test_a_list_tells_a_placeholder_from_other_channels() -> None:
    ours = channel(LEG, "null/collab-3f2b8c1e", direction="outbound", collab_call=LEG)
    other = channel("x", "null/nobody", direction="outbound")
    agent = channel(
        "a", "sofia/internal/1001@192.0.2.7", direction="outbound", dialed_user="1001",
        collab_call=LEG,
    )  # fmt: skip
    snapshot = snapshot_of({LEG: ours, "x": other, "a": agent}, {}, restarted=False)
    assert {listed.up.leg: (listed.up.role, listed.up.placed) for listed in snapshot.legs} == {
        LEG: (LegRole.INTERNAL, LEG), "x": (LegRole.TOOL, ""), "a": (LegRole.OUTBOUND, LEG),
    }  # fmt: skip


def test_a_callers_name_makes_no_placeholder() -> None:
    """``X-FS-Channel-Name`` replaces a caller's Channel-Name by whatever the caller likes."""
    forged = channel(
        "c", "null/collab-3f2b8c1e", sofia_profile_name="external", sip_from_user="4930"
    )  # fmt: skip
    up = leg_up(forged)
    assert (up.role, up.placed) == (LegRole.INBOUND, "")
    assert not up.name.startswith("null/")
