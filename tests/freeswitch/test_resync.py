"""What stands is rebuilt from lists and dumps, and agrees with the events around them."""

from __future__ import annotations

import asyncio
import json

import pytest

from connectors.application import CoreSettings
from connectors.freeswitch.channels import Agent
from connectors.freeswitch.events import Decoder
from connectors.freeswitch.resync import (
    LATE_LOOKS,
    WINDOW_LIMIT,
    Resynced,
    Window,
    read_agents,
    read_dump,
    resync,
    uuids_of,
)
from connectors.freeswitch.standing import snapshot_of
from connectors.freeswitch.wire import Event
from connectors.model import (
    CallState,
    LegHeld,
    LegRole,
    LegsPaired,
    MemberKnown,
    Offered,
    Served,
    SnapshotLeg,
)
from connectors.runtime.driver import ActionError, RefusedError, UnansweredError
from tests.core.world import World
from tests.freeswitch.captured import CALLCENTER, CORE, answers, channel, event, stream

RECORDED = answers(stream("08-api-queries"))
CHANNELS = next(a for a in RECORDED if a.startswith('{"row_count":3'))
AGENTS = next(a for a in RECORDED if a.startswith("name|instance_id"))
TIERS = next(a for a in RECORDED if a.startswith("queue|agent|") and "sales@default" in a)
DUMP = next(a for a in RECORDED if a.startswith('{"Event-Name":"CHANNEL_DATA"'))
CALLER, AGENT, WAITING = (row["uuid"] for row in json.loads(CHANNELS)["rows"])

USER = "sofia/internal/+491234567@127.0.0.1:5061"
PHONE = "sofia/internal/1001@127.0.0.1:5071"


class FakeEsl:
    """An event socket that answers from a table; what is not in it does not stand."""

    def __init__(self, *dumps: dict[str, str], listed: list[str] | None = None) -> None:
        self.dumps = {dump["Unique-ID"]: dump for dump in dumps}
        legs = list(self.dumps) if listed is None else listed
        rows = [{"uuid": leg, "name": "not read"} for leg in legs]
        self.answers = {
            "show channels as json": json.dumps({"row_count": len(rows), "rows": rows}),
            "callcenter_config agent list": AGENTS,
            "callcenter_config tier list": TIERS,
        }
        self.commands: list[str] = []
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.fence: Exception | None = None

    async def api(self, command: str, within: float = 5.0) -> str:
        self.commands.append(command)
        if command.startswith("uuid_dump "):
            dump = self.dumps.get(command.split()[1])
            if dump is None:
                raise ActionError("-ERR No such channel!")
            return json.dumps({"Event-Name": "CHANNEL_DATA", "Event-Sequence": "100", **dump})
        if command not in self.answers:
            raise ActionError(f"-ERR {command} Command not found!")
        return self.answers[command]

    async def bgapi(self, command: str, within: float = 15.0) -> str:
        self.commands.append(command)
        if self.fence:
            raise self.fence
        return "false"


class LateEsl(FakeEsl):
    """Its list lacks everything for so many answers."""

    def __init__(self, *dumps: dict[str, str], late: int) -> None:
        super().__init__(*dumps)
        self._late = late

    async def api(self, command: str, within: float = 5.0) -> str:
        answer = await super().api(command, within)
        if command == "show channels as json" and self._late:
            self._late -= 1
            return "{}"
        return answer


def agents_leg(leg: str = "a", other: str = "c", **more: str) -> dict[str, str]:
    return channel(
        leg, PHONE, direction="outbound", dialled="1001", dialed_user="1001", signal_bond=other,
        cc_side="agent", cc_agent="1001", cc_queue="support@default",
        cc_member_session_uuid=other, **more,
    )  # fmt: skip


def callers_leg(leg: str = "c", other: str = "a", **more: str) -> dict[str, str]:
    return channel(leg, USER, signal_bond=other, **more)


def waiting(leg: str, since: int, queue: str = "support@default", **more: str) -> dict[str, str]:
    return channel(
        leg, USER, cc_side="member", cc_queue_joined_epoch=str(since),
        current_application="callcenter", current_application_data=queue, **more,
    )  # fmt: skip


def said(name: str, leg: str, sequence: int, source: str = CORE, **more: str) -> Event:
    headers = {**channel(leg, USER), "Event-Sequence": str(sequence), **more}
    return event(name, source, headers)


async def look(esl: FakeEsl, *events: Event) -> Resynced:
    window = Window()
    for one in events:
        window.add(one)
    return await resync(esl, window, restarted=False)


def legs(result: Resynced) -> dict[str, SnapshotLeg]:
    return {listed.up.leg: listed for listed in result.snapshot.legs}


async def test_a_list_that_is_late_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two channels came and were bridged just before: no event names them, nor does the list."""
    monkeypatch.setattr("connectors.freeswitch.resync.LATE_WAIT", 0)
    esl = LateEsl(callers_leg(collab_type="form"), agents_leg(), late=3)
    esl.answers["status"] = "UP 0 years\n2 session(s) since startup\n2 session(s) - peak 2, x\n"
    result = await look(esl)
    assert set(legs(result)) == {"a", "c"}
    assert legs(result)["c"].mark is not None
    assert result.looks == 4


async def test_a_list_that_never_has_all_sessions_does_not_keep_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.freeswitch.resync.LATE_WAIT", 0)
    esl = FakeEsl(callers_leg(), agents_leg())
    esl.answers["status"] = "3 session(s) - peak 3, last 5min 3 \n"  # one is on its way out
    result = await look(esl)
    assert set(legs(result)) == {"a", "c"}
    assert esl.commands.count("show channels as json") == 1 + LATE_LOOKS


# --- the recorded answers


def test_the_recorded_list_names_the_channels() -> None:
    assert uuids_of(CHANNELS) == {CALLER, AGENT, WAITING}
    assert uuids_of('{"row_count": 0}') == set()


def test_the_recorded_agents_and_tiers_are_members() -> None:
    assert read_agents(AGENTS, TIERS) == {
        "1001": Agent("user/1001", ("support@default", "sales@default"), "user/1001@default"),
        "1002": Agent("user/1002", ("sales@default", "support@default"), "user/1002@default"),
        "1003@default": Agent("user/1003", ("support@default",), "user/1003@default"),
    }


async def test_the_recorded_call_stands_with_its_mark_and_its_agent() -> None:
    caller = read_dump(CALLER, DUMP)
    assert caller is not None
    esl = FakeEsl(caller.headers, agents_leg(AGENT, CALLER), waiting(WAITING, 1795416205))
    result = await look(esl)
    assert result.settled
    found = legs(result)
    mark = found[CALLER].mark
    assert mark is not None
    assert (mark.type, mark.user_uri, mark.recovered) == ("cobrowse", "sip:alice@example.org", True)
    assert found[CALLER].bridge == found[AGENT].bridge is not None
    assert found[AGENT].up.endpoint == "user/1001"
    assert (found[CALLER].queue, found[WAITING].queue) == ("", "support@default")
    assert (
        MemberKnown("support@default", "user/1003", "1003", "user/1003@default")
        in result.snapshot.members
    )
    world = World(CoreSettings(domain="lab.example"))(result.snapshot, *result.beside)
    assert world.latest[CALLER].state is CallState.ACTIVE
    assert world.latest[CALLER].agent_uri == "sip:1001@lab.example"
    assert world.latest[WAITING].state is CallState.QUEUED
    assert world.latest[WAITING].position == 1


# --- events around the list


async def test_an_event_older_than_its_channels_dump_is_dropped_a_newer_one_follows() -> None:
    old = said("CHANNEL_HOLD", "c", 99)
    new = said("CHANNEL_UNHOLD", "c", 101)
    result = await look(FakeEsl(callers_leg(), agents_leg()), old, new)
    assert result.after == [new]
    assert result.settled


async def test_a_bridge_between_the_dumps_of_its_legs_is_not_lost() -> None:
    # The caller was dumped before they were bridged, the agent's leg after.
    esl = FakeEsl(callers_leg(other=""), {**agents_leg(), "Event-Sequence": "110"})
    bridge = said(
        "CHANNEL_BRIDGE", "c", 105, **{"Bridge-A-Unique-ID": "c", "Bridge-B-Unique-ID": "a"}
    )
    result = await look(esl, bridge)
    assert legs(result)["c"].bridge is None
    assert result.after == [bridge]


async def test_a_mark_counts_however_old_it_is() -> None:
    mark = said("CUSTOM collab::request", "c", 7, "mod_dptools.c", **{"Collab-Type": "form"})
    assert (await look(FakeEsl(callers_leg()), mark)).after == [mark]


async def test_a_channel_that_the_list_lacks_is_found_by_what_is_said_of_it() -> None:
    esl = FakeEsl(callers_leg(), agents_leg(), listed=[])
    result = await look(esl, said("CHANNEL_HOLD", "c", 99))
    # The event names the caller's leg, the caller's dump the agent's.
    assert set(legs(result)) == {"c", "a"}
    assert legs(result)["c"].bridge is not None
    assert result.after == []


async def test_a_channel_that_the_list_still_has_but_is_gone_is_left_out() -> None:
    result = await look(FakeEsl(callers_leg(), listed=["c", "gone"]))
    assert set(legs(result)) == {"c"}


@pytest.mark.parametrize(
    "state", [{"Answer-State": "hangup"}, {"Channel-Call-State": "HANGUP"}], ids=str
)
async def test_a_channel_on_its_way_out_does_not_stand(state: dict[str, str]) -> None:
    result = await look(FakeEsl(callers_leg(), {**agents_leg(), **state}))
    assert set(legs(result)) == {"c"}
    assert legs(result)["c"].bridge is None


async def test_a_call_whose_agent_has_just_gone_is_known_to_have_been_served() -> None:
    """In a call's last moment its caller looks like one who waits: mod_callcenter has it yet."""
    dump = waiting("c", 900, collab_type="form", last_bridge_to="a")
    found = await look(FakeEsl(dump, waiting("d", 901, collab_type="form")))
    assert [listed.talked for listed in found.snapshot.legs] == [True, False]
    world = World(CoreSettings("pbx.example.org"))
    world(found.snapshot).down("c", "d")
    assert [world.latest[leg].cause for leg in "cd"] == ["hangup", "abandoned"]


@pytest.mark.parametrize(
    ("state", "agent", "left"),
    [
        ("CS_PARK", "1001@default", "user/1001"),
        ("CS_PARK", "gone@default", ""),
        ("CS_PARK", "", None),  # the bridge has failed, and the queue offers it to the next agent
        ("CS_EXECUTE", "1001@default", None),
    ],
)
async def test_who_has_left_a_placeholder_is_told_by_its_queue(
    state: str, agent: str, left: str | None
) -> None:
    headers = channel("p", "null/collab-p", collab_call="p", cc_agent=agent)
    agents = {"1001@default": Agent("user/1001", ("support@default",))}
    snapshot = snapshot_of({"p": {**headers, "Channel-State": state}}, agents, restarted=False)
    assert snapshot.legs[0].left_by == left


async def test_a_channel_that_ends_meanwhile_ended_as_it_says() -> None:
    """It came while nobody listened, and is gone when it is asked for."""
    esl = FakeEsl(listed=["c", "a"])
    gone = {
        "Answer-State": "hangup",
        "Channel-State": "CS_REPORTING",
        "Hangup-Cause": "NORMAL_CLEARING",
    }
    over = [
        event("CHANNEL_HANGUP_COMPLETE", CORE, {**leg, **gone, "Event-Sequence": str(200 + n)})
        for n, leg in enumerate((agents_leg(), callers_leg(collab_type="form")))
    ]
    result = await look(esl, *over)
    decoder = Decoder()
    decoder.adopt(result.snapshot, result.agents)
    world = World(CoreSettings(domain="lab.example"))(result.snapshot, *result.beside)
    assert world.latest["c"].agent_uri == "sip:1001@lab.example"
    world(*(said for late in result.after for said in decoder.decode(late)))
    call = world.latest["c"]
    assert (call.type, call.state, call.cause) == ("form", CallState.ENDED, "hangup")
    assert world.app.cti.legs == {}


async def test_the_fence_comes_behind_the_dumps() -> None:
    esl = FakeEsl(callers_leg())
    await look(esl)
    assert esl.commands[-2].startswith("uuid_exists")
    assert esl.commands[-1] == "status"
    assert esl.commands[0] == "show channels as json"


async def test_an_empty_switch_is_settled_at_once() -> None:
    result = await look(FakeEsl())
    assert (result.snapshot.legs, result.looks, result.settled) == ((), 1, True)


# --- what goes wrong


class SlowEsl(FakeEsl):
    """Makes one dump after the other and takes two seconds for each."""

    waiting = 0

    async def api(self, command: str, within: float = 5.0) -> str:
        self.waiting += command.startswith("uuid_dump ")
        if 2.0 * self.waiting > within:
            raise UnansweredError(f"no answer within {within:g} s")
        await asyncio.sleep(0)
        self.waiting -= command.startswith("uuid_dump ")
        return await super().api(command, within)


async def test_a_freeswitch_that_takes_its_time_is_read_all_the_same() -> None:
    result = await look(SlowEsl(*(callers_leg(f"c{n}", "") for n in range(50))))
    assert set(legs(result)) == {f"c{n}" for n in range(50)}
    assert result.settled


async def test_without_its_fence_a_look_is_used_but_not_settled() -> None:
    esl = FakeEsl(callers_leg())
    esl.fence = UnansweredError("nothing came")
    result = await look(esl)
    assert not result.settled
    assert set(legs(result)) == {"c"}


async def test_a_connection_that_ends_meanwhile_is_said() -> None:
    esl = FakeEsl(callers_leg())
    esl.fence = UnansweredError("the connection is gone")
    esl.ended.set_result("gone")
    with pytest.raises(UnansweredError):
        await look(esl)


async def test_a_refused_list_says_what_it_is_for() -> None:
    esl = FakeEsl()
    del esl.answers["show channels as json"]
    with pytest.raises(RefusedError, match="reads what stands"):
        await look(esl)


async def test_a_switch_without_mod_callcenter_has_no_members() -> None:
    esl = FakeEsl(callers_leg())
    del esl.answers["callcenter_config agent list"], esl.answers["callcenter_config tier list"]
    result = await look(esl)
    assert result.snapshot.members == ()
    assert result.settled


async def test_more_events_than_the_window_holds_are_said() -> None:
    window = Window()
    for n in range(WINDOW_LIMIT + 1):
        window.add(said("CHANNEL_HOLD", "c", n))
    assert len(window.events) == WINDOW_LIMIT
    result = await resync(FakeEsl(callers_leg()), window, restarted=True)
    assert not result.settled
    assert result.snapshot.restarted


@pytest.mark.parametrize("listed", ["", "no json", "[]", '{"rows":[1,{"uuid":7}]}', "[" * 9999])
def test_an_answer_that_is_no_list_names_no_channel(listed: str) -> None:
    assert uuids_of(listed) == set()


def test_a_listed_name_that_would_be_another_command_is_left_out() -> None:
    rows = [{"uuid": "a b"}, {"uuid": "a\nshutdown"}, {"uuid": ""}, {"uuid": "good-1"}]
    assert uuids_of(json.dumps({"rows": rows})) == {"good-1"}


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "+OK",
        json.dumps(channel("other", USER)),
        '{"Unique-ID":"c","variable_cc_side":"member","variable_cc_side":"agent"}',
    ],
)
def test_a_dump_that_is_not_certain_is_none(answer: str) -> None:
    assert read_dump("c", answer) is None


def test_a_line_with_a_bar_too_many_is_no_agent() -> None:
    assert read_agents("name|contact\n1|user/1|x\n2|user/2\n+OK\n", "") == {"2": Agent("user/2")}
    assert read_agents("", "") == {}


# --- what the dumps come to


@pytest.mark.parametrize("stale", ["b", "nobody", "c"])
async def test_a_stale_bond_is_no_bridge(stale: str) -> None:
    other = channel("b", PHONE, signal_bond="somebody")
    result = await look(FakeEsl(callers_leg(other=stale), other))
    assert [listed.bridge for listed in result.snapshot.legs] == [None, None]


async def test_callers_stand_in_the_order_they_joined() -> None:
    esl = FakeEsl(waiting("c", 30), waiting("a", 10), waiting("b", 20), waiting("x", 5, "q2"))
    found = legs(await look(esl))
    assert [(found[leg].queue, found[leg].position) for leg in "abcx"] == [
        ("support@default", 1), ("support@default", 2), ("support@default", 3), ("q2", 1)
    ]  # fmt: skip


async def test_a_queue_with_scores_that_are_no_seconds_tells_no_places() -> None:
    esl = FakeEsl(waiting("a", 10), waiting("b", 20, cc_base_score="-100"))
    assert [listed.position for listed in (await look(esl)).snapshot.legs] == [None, None]


async def test_who_has_waited_before_stands_in_front() -> None:
    esl = FakeEsl(waiting("a", 10), waiting("b", 20, cc_base_score="11"), waiting("c", 5))
    result = await look(esl)
    assert {leg: at.position for leg, at in legs(result).items()} == {"c": 1, "b": 2, "a": 3}
    assert result.since == {"a": 10, "b": 9, "c": 5}


async def test_who_was_served_waits_no_more_though_the_variables_say_so() -> None:
    caller = {**waiting("c", 10, signal_bond="a"), "Channel-State": "CS_SOFT_EXECUTE"}
    assert legs(await look(FakeEsl(caller, agents_leg())))["c"].queue == ""


async def test_a_leg_that_rings_says_who_dials_it() -> None:
    rings = {
        **channel("b", PHONE, direction="outbound", dialed_user="1001", signal_bond="c"),
        "Answer-State": "ringing", "Other-Type": "originator", "Other-Leg-Unique-ID": "c",
    }  # fmt: skip
    found = legs(await look(FakeEsl(callers_leg(other=""), rings)))
    assert found["b"].dialled_by == "c"
    assert found["b"].up.role is LegRole.OUTBOUND


async def test_loopback_halves_are_a_pair() -> None:
    near = channel("n", "loopback/1001-a", direction="outbound", other_loopback_leg_uuid="f")
    far = channel("f", "loopback/1001-b", other_loopback_leg_uuid="n")
    result = await look(FakeEsl(near, far, listed=["n"]))
    assert result.snapshot.pairs == (LegsPaired("n", "f"),)


async def test_holds_are_told_beside() -> None:
    held = {**callers_leg(), "Channel-Call-State": "HELD"}
    result = await look(FakeEsl(held, agents_leg()))
    assert set(result.beside) == {LegHeld("c", True), LegHeld("a", False)}
    world = World()(result.snapshot, *result.beside)
    world(result.snapshot, LegHeld("c", False))
    assert not world.app.cti.legs["c"].held


def outside(leg: str, **more: str) -> dict[str, str]:
    return channel(
        leg, "sofia/external/0301234", direction="outbound", dialled="0301234",
        sip_gateway_name="carrier", cc_side="agent", cc_agent="li@default",
        cc_queue="support@default", cc_member_session_uuid="c", **more,
    )  # fmt: skip


async def test_an_agent_behind_a_gateway_is_still_known_after_a_reconnect() -> None:
    esl = FakeEsl(callers_leg(), outside("a", signal_bond="c"))
    esl.answers["callcenter_config agent list"] = (
        "name|contact\nli@default|[leg_timeout=9]sofia/gateway/carrier/0301234\n+OK\n"
    )
    result = await look(esl)
    gave = Served("c", "a", "support@default", "gateway/carrier/0301234", "li")
    assert gave in result.beside
    world = World()(result.snapshot, *result.beside)
    assert world.latest["c"].agent_uri == "sip:li@pbx.example.org"


async def test_an_agent_behind_a_gateway_who_rings_is_offered_the_call() -> None:
    rings = {**outside("a"), "Answer-State": "ringing"}
    result = await look(FakeEsl(waiting("c", 10), rings))
    offered = Offered("c", "a", "support@default", "gateway/carrier/0301234", "li")
    assert offered in result.beside


async def test_who_left_the_queues_call_is_no_longer_its_agent() -> None:
    # The variables stay on a leg that has been transferred to somebody else.
    other = channel("b", USER, signal_bond="a")
    result = await look(FakeEsl(callers_leg(other=""), outside("a", signal_bond="b"), other))
    assert not [said for said in result.beside if isinstance(said, Served | Offered)]


async def test_a_fifos_consumer_serves_its_caller() -> None:
    caller = callers_leg(current_application="fifo", current_application_data="sales in")
    consumer = channel(
        "a", "sofia/internal/sip:li@192.0.2.7", signal_bond="c",
        current_application="fifo", current_application_data="sales out nowait",
    )  # fmt: skip
    alone = channel(
        "w", USER, current_application="fifo", current_application_data="sales in moh.wav",
        fifo_priority="0",
    )  # fmt: skip
    result = await look(FakeEsl(caller, consumer, alone))
    assert Served("c", "a", "sales", "internal/li") in result.beside
    assert [legs(result)[leg].queue for leg in ("c", "a", "w")] == ["", "", "sales"]
    assert legs(result)["w"].position == 1


async def test_a_decoder_goes_on_from_the_list() -> None:
    result = await look(FakeEsl(callers_leg(), agents_leg(), waiting("w", 10)))
    decoder = Decoder()
    decoder.adopt(result.snapshot, result.agents)
    joined = said(
        "CUSTOM callcenter::info", "c2", 200, CALLCENTER,
        **{"CC-Action": "member-queue-start", "CC-Queue": "support@default",
           "CC-Member-Session-UUID": "c2"},
    )  # fmt: skip
    (_, queued) = decoder.decode(joined)
    assert queued.position == 2  # type: ignore[union-attr]
    parted = list(decoder.decode(said("CHANNEL_UNBRIDGE", "c", 201)))
    assert len(parted) == 2
