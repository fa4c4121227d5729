"""Placed calls through the driver: what a small event socket does not do as it should, and the
whole of it on the simulator."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.freeswitch import performing
from connectors.freeswitch.driver import FreeSwitchDriver
from connectors.model import (
    BridgeEntered,
    DialBoth,
    HangUp,
    HoldMember,
    LegDown,
    LegUp,
    Onward,
    PauseMember,
    PlaceCall,
    Queued,
    Served,
    Transferred,
)
from connectors.simulator import MemberSpec, PhoneSpec, QueueSpec, Rings, WorldSpec
from connectors.simulator.freeswitch import lab
from connectors.simulator.freeswitch.dialplan import Dialplan
from connectors.simulator.freeswitch.simulator import PASSWORD, FreeSwitchSimulator
from tests.freeswitch.captured import CORE, channel, event
from tests.freeswitch.test_driver import STATUS, Seen, driver, pbx, session, wire
from tests.runtime.settings_for import settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from connectors.model import PbxEvent
from tests.freeswitch.esl_double import EslDouble

__all__ = ["pbx"]

LEG = "3f2b8c1e-7a54-4d1f-9c3e-5b6a7d8e9f01"
OTHER = "0d6f2a77-0b1c-4e0e-8a53-2f6c1b7d9e10"
PLACE = PlaceCall(LEG, "support@default", "form", "web:7f3a", "Ann Doe", 0, 600)
DIAL = DialBoth(LEG, "user/1001", "5550", "default", "chat", "tel:5550", LEG)


def leg_up(leg: str = LEG) -> bytes:
    headers = channel(leg, "null/collab-3f2b8c1e", direction="outbound", collab_call=leg)
    return wire(event("CHANNEL_CREATE", CORE, headers).headers)


def leg_down(leg: str = LEG) -> bytes:
    headers = channel(leg, "null/collab-3f2b8c1e", direction="outbound")
    more = {"Hangup-Cause": "NORMAL_CLEARING", "Answer-State": "hangup"}
    return wire(event("CHANNEL_HANGUP_COMPLETE", CORE, headers | more).headers)


# --- a socket that does not do as it should ------------------------------------------------


async def test_a_leg_that_stands_is_not_made_again(pbx: EslDouble) -> None:
    pbx.answers[f"uuid_exists {LEG}"] = "true"
    async with session(pbx) as (one, _):
        for effect in (PLACE, DIAL):
            assert (await one.perform(effect)).status == "done"
    assert pbx.asked("bgapi originate") == []


async def test_another_leg_than_the_one_asked_for_is_ended(pbx: EslDouble) -> None:
    pbx.answers |= {"originate": f"+OK {OTHER}\n", "uuid_kill": "+OK\n"}
    async with session(pbx) as (one, _):
        outcome = await one.perform(PLACE)
        assert outcome.status == "failed"
        assert OTHER in outcome.detail
        assert pbx.asked("api uuid_kill") == [f"api uuid_kill {OTHER}"]
        assert (await one.perform(DIAL)).status == "failed"
        assert len(pbx.asked("api uuid_kill")) == 2


async def test_a_placeholder_without_an_answer_is_unknown_or_stands(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "ORIGINATE_TIMEOUT", 0.2)
    monkeypatch.setattr(performing, "QUEUE_TIMEOUT", 0.2)
    pbx.answers["originate"] = f"+OK {LEG}\n"
    async with session(pbx) as (one, _):
        assert (await one.perform(PLACE)).status == "unknown"  # in no queue, and not there
        pbx.holds_jobs = True
        assert (await one.perform(PLACE)).status == "unknown"
        asked = len(pbx.asked("api uuid_exists"))
        running = asyncio.create_task(one.perform(PLACE))
        await pbx.until(lambda: len(pbx.asked("api uuid_exists")) > asked)
        pbx.answers["uuid_exists"] = "true"
        assert (await running).status == "done"


async def test_a_queue_that_is_not_there_ends_the_placeholder(pbx: EslDouble) -> None:
    pbx.answers["originate"] = f"+OK {LEG}\n"
    pbx.after_answer["originate"] = lambda: leg_up() + leg_down()
    async with session(pbx) as (one, _):
        outcome = await one.perform(PLACE)
    assert outcome.status == "failed"
    assert "is there a queue support@default?" in outcome.detail


async def test_no_placeholder_without_silence_to_play(pbx: EslDouble) -> None:
    pbx.answers["module_exists mod_tone_stream"] = "false"
    async with session(pbx) as (one, _):
        outcome = await one.perform(PLACE)
    assert (outcome.status, pbx.asked("bgapi originate")) == ("failed", [])
    assert "mod_tone_stream" in outcome.detail


async def test_what_may_not_be_asked_says_so(pbx: EslDouble) -> None:
    for command in ("uuid_kill", "originate", "uuid_transfer"):
        pbx.answers[command] = "-ERR permission denied\n"
    async with session(pbx) as (one, _):
        for effect in (PLACE, DIAL, HangUp(LEG)):
            outcome = await one.perform(effect)
            assert outcome.status == "failed"
            assert "permission denied" in outcome.detail


async def test_an_agent_who_is_not_rung_in_time_is_unknown(
    pbx: EslDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "RINGS_TIMEOUT", 0.2)
    async with session(pbx) as (one, _):
        pbx.holds_jobs = True
        assert (await one.perform(DIAL)).status == "unknown"
        pbx.push(leg_up())
        pbx.finish(pbx.jobs[-1][1], f"+OK {OTHER}\n")  # late, and another leg
        await pbx.until(lambda: f"api uuid_kill {OTHER}" in pbx.commands)


async def test_the_end_of_the_session_leaves_nobody_waiting(pbx: EslDouble) -> None:
    one = driver(pbx)
    async with session(pbx, one):
        pbx.holds_jobs = True
        running = asyncio.create_task(one.perform(PLACE))
        dialling = asyncio.create_task(one.perform(replace(DIAL, leg=OTHER)))
        await pbx.until(lambda: len(pbx.jobs) == 2)
        pbx.answers.pop("uuid_exists")
    assert (await asyncio.wait_for(running, 10)).status == "unknown"
    assert (await asyncio.wait_for(dialling, 10)).status == "unknown"
    assert (await one.perform(PLACE)).status == "failed"


async def test_nobody_is_sent_on_who_is_not_there(pbx: EslDouble) -> None:
    async with session(pbx) as (one, _):
        outcome = await one.perform(Onward(LEG, "5550", "default"))
    assert (outcome.status, pbx.asked("api uuid_transfer")) == ("failed", [])


async def test_an_agent_who_cannot_be_sent_on_is_in_the_call_as_before(pbx: EslDouble) -> None:
    pbx.answers["uuid_transfer"] = "-ERR permission denied\n"
    agent = channel(OTHER, "sofia/internal/1001@192.0.2.7", direction="outbound")
    both = {"Bridge-A-Unique-ID": LEG, "Bridge-B-Unique-ID": OTHER, "Other-Leg-Unique-ID": OTHER}
    ours = channel(LEG, "null/collab-3f2b8c1e", direction="outbound")
    async with session(pbx) as (one, seen):
        pbx.push(leg_up() + wire(event("CHANNEL_CREATE", CORE, agent).headers))
        pbx.push(wire(event("CHANNEL_BRIDGE", CORE, ours | both).headers))
        outcome = await one.perform(Onward(LEG, "5550", "default"))
    assert outcome.status == "failed"
    said = [e for e in seen.events if isinstance(e, BridgeEntered | Transferred)]
    entered = [BridgeEntered] * 2
    assert [type(e) for e in said] == [*entered, Transferred, *entered]
    assert said[:2] == said[3:]


# --- the simulator -------------------------------------------------------------------------


USER = "5550"
WORLD = WorldSpec(
    phones=(PhoneSpec("1001"), PhoneSpec("1002"), PhoneSpec(USER)),
    queues=(
        QueueSpec("support", (MemberSpec("user/1001", "1001"), MemberSpec("user/1002", "1002"))),
    ),
)
DIALPLAN = (
    Dialplan()
    .read(lab.COLLAB)
    .read(
        '<context name="default"><extension name="user"><condition field="destination_number" '
        'expression="^5550$"><action application="bridge" data="sofia/gateway/carrier/5550"/>'
        "</condition></extension></context>"
    )
)


class Lab:
    """A simulated FreeSWITCH with a driver at work on it."""

    def __init__(self, simulator: FreeSwitchSimulator, one: FreeSwitchDriver, seen: Seen) -> None:
        self.pbx, self.one, self.seen = simulator.pbx, one, seen

    def status(self, agent: str, status: str = "") -> str:
        known = self.pbx.callcenter.agents[agent]
        if status:
            self.pbx.callcenter.set_status(known, status)
        return known.status

    async def until(self, wanted: Callable[[list[PbxEvent]], bool]) -> None:
        async with asyncio.timeout(10):
            while not wanted(self.seen.events):
                self.seen._changed.clear()
                await self.seen._changed.wait()

    async def gone(self) -> None:
        async with asyncio.timeout(10):
            while self.pbx.channels:
                await next(iter(self.pbx.channels.values())).changed(0.05)

    def count(self, kind: type[PbxEvent], **wanted: Any) -> int:
        return sum(
            isinstance(e, kind) and all(getattr(e, key) == v for key, v in wanted.items())
            for e in self.seen.events
        )


@pytest.fixture
async def switch() -> AsyncIterator[Lab]:
    simulator = FreeSwitchSimulator(WORLD, DIALPLAN, speed=10.0)
    async with simulator, at_work(simulator) as lab_:
        yield lab_


@asynccontextmanager
async def at_work(simulator: FreeSwitchSimulator) -> AsyncIterator[Lab]:
    settings = settings_for(simulator.port, kind="freeswitch", secret=PASSWORD, domain="default")
    one, seen = FreeSwitchDriver(settings), Seen()
    running = asyncio.create_task(one.session(seen.take, seen.on_ready))
    try:
        await seen.until_ready()
        yield Lab(simulator, one, seen)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_placeholder_is_made_once_however_often_it_is_asked_for(switch: Lab) -> None:
    for agent in ("1001", "1002"):
        switch.status(agent, "On Break")
    said = await asyncio.gather(*(switch.one.perform(PLACE) for _ in range(1)))
    said += [await switch.one.perform(PLACE) for _ in range(3)]
    assert {outcome.status for outcome in said} == {"done"}
    assert list(switch.pbx.channels) == [LEG]
    assert switch.count(LegUp) == switch.count(Queued, leg=LEG, queue="support@default") == 1
    assert (await switch.one.perform(HangUp(LEG))).status == "done"
    await switch.until(lambda _: switch.count(LegDown, leg=LEG) == 1)
    assert (await switch.one.perform(HangUp(LEG))).status == "done"  # it does not stand


async def test_no_queue_of_that_name_says_so_and_leaves_nothing(switch: Lab) -> None:
    outcome = await switch.one.perform(replace(PLACE, queue="nosuch@default"))
    assert outcome.status == "failed"
    assert "nosuch@default" in outcome.detail
    await switch.gone()


async def test_who_has_waited_longest_is_served_first(switch: Lab) -> None:
    for agent in ("1001", "1002"):
        switch.status(agent, "On Break")
    legs = [f"{n}f2b8c1e-7a54-4d1f-9c3e-5b6a7d8e9f01" for n in range(3)]
    for leg, waited in zip(legs, (0, 20, 10), strict=True):
        await switch.one.perform(replace(PLACE, leg=leg, waited=waited))
    places = [e.position for e in switch.seen.events if isinstance(e, Queued)]
    assert places == [1, 1, 2]
    switch.pbx.phones["1001"].rings = Rings(0.1)
    switch.status("1001", "Available")
    await switch.until(lambda _: switch.count(Served) == 1)
    assert switch.count(Served, leg=legs[1]) == 1


async def test_the_agent_is_sent_on_and_put_back(switch: Lab) -> None:
    switch.pbx.phones["1001"].rings = Rings(0.1)
    switch.pbx.phones[USER].rings = Rings(None)
    await switch.one.perform(PLACE)
    await switch.until(lambda _: switch.one._decoder.partner(LEG) is not None)
    agent = switch.one._decoder.partner(LEG)
    outcome = await switch.one.perform(Onward(LEG, USER, "default"))
    assert outcome.status == "done"
    assert switch.count(Transferred, by=LEG, leg=agent) == 1
    await switch.until(lambda _: switch.one._decoder.partner(LEG) is None)
    async with asyncio.timeout(10):
        while not switch.pbx.phone_channels(USER):
            await switch.pbx.channels[LEG].changed(0.05)
    switch.pbx.far_end_gone(switch.pbx.phone_channels(USER)[0])
    await switch.until(lambda _: switch.one._decoder.partner(LEG) == agent)
    for channel_ in switch.pbx.phone_channels("1001"):
        switch.pbx.far_end_gone(channel_)
    await switch.until(lambda _: switch.count(LegDown, leg=agent) == 1)
    assert list(switch.pbx.channels)[:1] == [LEG]
    await switch.one.perform(HangUp(LEG))
    await switch.gone()


async def test_an_agent_is_dialled_and_then_the_user(switch: Lab) -> None:
    switch.pbx.phones["1001"].rings = Rings(0.1)
    switch.pbx.phones[USER].rings = Rings(0.1)
    assert (await switch.one.perform(DIAL)).status == "done"
    assert (await switch.one.perform(DIAL)).status == "done"
    await switch.until(lambda _: switch.one._decoder.partner(LEG) is not None)
    assert len(switch.pbx.phone_channels("1001")) == 1
    switch.pbx.far_end_gone(switch.pbx.phone_channels(USER)[0])
    await switch.gone()


async def test_nobody_of_that_name_cannot_be_dialled(switch: Lab) -> None:
    outcome = await switch.one.perform(replace(DIAL, endpoint="user/1009"))
    assert outcome.status == "failed"
    assert "SUBSCRIBER_ABSENT" in outcome.detail


# --- pausing -------------------------------------------------------------------------------


def paused(reason: str = "session 1", *interfaces: str) -> PauseMember:
    return PauseMember(interfaces or ("user/1001",), paused=True, reason=reason)


def freed(reason: str = "session 1") -> PauseMember:
    return PauseMember(("user/1001",), paused=False, reason=reason)


async def test_a_pause_is_ours_though_a_new_process_asks_for_it(switch: Lab) -> None:
    switch.status("1001", "Available (On Demand)")
    assert (await switch.one.perform(paused())).status == "done"
    assert switch.status("1001") == "On Break"
    assert (await switch.one.perform(paused())).status == "done"
    simulator_port = switch.one._settings.port
    settings = settings_for(simulator_port, kind="freeswitch", secret=PASSWORD, domain="default")
    again = FreeSwitchDriver(settings)
    seen = Seen()
    running = asyncio.create_task(again.session(seen.take, seen.on_ready))
    await seen.until_ready()
    assert (await again.perform(paused())).status == "done"
    other = await again.perform(paused("session 2"))
    assert (other.status, other.detail) == ("failed", "already on a break")
    assert (await again.perform(freed("session 2"))).detail.startswith("0 of 1")
    assert switch.status("1001") == "On Break"
    assert (await again.perform(freed())).status == "done"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert switch.status("1001") == "Available (On Demand)"
    assert (await switch.one.perform(freed())).detail.startswith("0 of 1")


async def test_nobody_is_let_work_again_who_went_on_a_break_by_themselves(switch: Lab) -> None:
    switch.status("1001", "On Break")
    assert (await switch.one.perform(paused())).detail == "already on a break"
    assert (await switch.one.perform(freed())).detail.startswith("0 of 1")
    assert switch.status("1001") == "On Break"
    assert (await switch.one.perform(freed(""))).status == "done"  # whoever paused it
    assert switch.status("1001") == "Available"
    switch.status("1001", "Logged Out")
    assert (await switch.one.perform(paused())).detail == "already logged out"
    assert (await switch.one.perform(freed(""))).detail.startswith("0 of 1")
    assert switch.status("1001") == "Logged Out"


async def test_only_the_members_that_are_named_are_paused(switch: Lab) -> None:
    assert (await switch.one.perform(paused("x", "user/1003"))).detail.startswith("no member")
    assert (await switch.one.perform(paused("x", "user/1002", "user/1003"))).status == "done"
    assert (switch.status("1001"), switch.status("1002")) == ("Available", "On Break")


async def test_a_busy_agent_is_given_no_call_and_keeps_the_break_of_their_own(switch: Lab) -> None:
    switch.pbx.phones["1001"].rings = switch.pbx.phones["1002"].rings = Rings(0.1)
    busy = PauseMember(("user/1001", "user/1002"), paused=True, reason="x", busy=True)
    for _ in range(2):
        assert (await switch.one.perform(busy)).status == "done"
    switch.status("1002", "On Break")
    assert (await switch.one.perform(PLACE)).status == "done"
    ready = replace(busy, paused=False)
    for _ in range(2):
        assert (
            await switch.one.perform(replace(ready, interfaces=("user/1002",)))
        ).status == "done"
    assert switch.status("1002") == "On Break"
    assert [switch.pbx.phone_channels(name) for name in ("1001", "1002")] == [[], []]
    assert (await switch.one.perform(ready)).status == "done"
    await switch.until(lambda _: switch.one._decoder.partner(LEG) is not None)
    assert switch.pbx.phone_channels("1001")


HOLD = HoldMember("user/1001", held=True, leg=LEG)


async def test_who_is_held_is_offered_calls_again_by_itself_or_when_let_go(switch: Lab) -> None:
    def left(agent: str = "1001") -> float:
        return max(0.0, switch.pbx.callcenter.agents[agent].ready - time.time())

    assert (await switch.one.perform(HOLD)).status == "done"
    assert 10 < left() <= 30
    assert left("1002") == 0
    assert (await switch.one.perform(replace(HOLD, held=False))).status == "done"
    assert left() == 0


async def test_a_hold_changes_nothing_for_who_is_busy(switch: Lab) -> None:
    busy = PauseMember(("user/1001",), paused=True, reason="x", busy=True)
    assert (await switch.one.perform(HOLD)).status == "done"
    assert (await switch.one.perform(busy)).status == "done"
    until = switch.pbx.callcenter.agents["1001"].ready
    assert until > time.time() + 40_000
    for held in (True, False):
        assert (await switch.one.perform(replace(HOLD, held=held))).status == "done"
    assert switch.pbx.callcenter.agents["1001"].ready == until


async def test_who_answered_a_placeholder_ends_its_wait_though_the_agent_is_nobodys(
    pbx: EslDouble,
) -> None:
    """The agent's telephone may have been called before (uuid-standby), or be in no list."""
    pbx.answers |= {"callcenter_config agent list": "name|contact\n+OK\n", "status": STATUS}
    async with session(pbx) as (one, _):
        assert (await one.perform(HOLD)).status == "done"
    assert f"api sched_del {LEG}" in pbx.commands


async def test_a_delay_of_the_queues_own_stays(pbx: EslDouble) -> None:
    head = "name|contact|ready_time\n"
    agents = f"{head}1001|[leg_timeout=9]user/1001@a|{round(time.time()) + 30}\n+OK\n"
    pbx.answers |= {"callcenter_config agent list": agents, "status": STATUS}
    pbx.answers["callcenter_config agent list 1001"] = agents
    free = PauseMember(("user/1001",), paused=False, reason="x", busy=True)
    async with session(pbx) as (one, _):
        assert (await one.perform(free)).status == "done"
    assert not [line for line in pbx.commands if "ready_time" in line]


async def test_a_log_in_without_hash_knows_a_break_while_the_process_lives(pbx: EslDouble) -> None:
    pbx.answers |= {
        "callcenter_config agent list": "name|contact\n1001|[leg_timeout=9]user/1001@a\n+OK\n",
        "callcenter_config agent get status 1001": "Available",
        "callcenter_config agent set status 1001 'On Break'": "+OK\n",
        "hash": "-ERR permission denied\n",
        "status": STATUS,
    }
    async with session(pbx) as (one, _):
        assert (await one.perform(paused())).status == "done"
        pbx.answers["callcenter_config agent get status 1001"] = "On Break"
        assert (await one.perform(paused())).status == "done"
        assert (await one.perform(paused("another"))).detail == "already on a break"
    async with session(pbx) as (new, _):
        assert (await new.perform(paused())).detail == "already on a break"
        assert (await new.perform(freed())).detail.startswith("0 of 1")
    pbx.answers["callcenter_config agent set status 1001 'Available'"] = "+OK\n"
    async with session(pbx, one) as (one, _):
        assert (await one.perform(freed())).detail.startswith("1 of 1")


async def test_agents_of_one_name_in_two_domains_are_told_apart(pbx: EslDouble) -> None:
    pbx.answers |= {
        "callcenter_config agent list": (
            "name|contact\na|user/1001@other.example\nb|user/1001@pbx.example.org\n+OK\n"
        ),
        "callcenter_config agent get status a": "Available",
        "callcenter_config agent get status b": "Available",
        "callcenter_config agent set status b 'On Break'": "+OK\n",
        "hash": "+OK\n",
    }
    async with session(pbx) as (one, _):
        assert (await one.perform(paused())).status == "done"
    assert pbx.asked("api callcenter_config agent get status a") == []


async def test_a_name_that_means_more_to_freeswitch_is_not_carried(pbx: EslDouble) -> None:
    pbx.answers["callcenter_config agent list"] = "name|contact\nx' y|user/1001@a\n+OK\n"
    async with session(pbx) as (one, _):
        assert (await one.perform(paused())).status == "failed"
    assert pbx.asked("api callcenter_config agent get") == []
