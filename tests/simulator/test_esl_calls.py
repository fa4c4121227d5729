"""Calls told by script on the simulated FreeSWITCH, as a client sees them on the wire."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator import (
    Call,
    FreeSwitchSimulator,
    MemberSpec,
    PhoneSpec,
    QueueSpec,
    Rings,
    WorldSpec,
)
from connectors.simulator.freeswitch import lab
from connectors.simulator.freeswitch.dialplan import Dialplan
from connectors.simulator.freeswitch.rights import DirectoryUser
from connectors.simulator.mixes import kinds, mix
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Press,
    Until,
)

from .esl_client import Client

SAMPLES = Path(__file__).parents[2] / "dialplan" / "freeswitch"
QUICK = {str(1001 + n): Rings(0.01) for n in range(10)}
ALL = (
    "event json CHANNEL_CREATE CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HOLD CHANNEL_UNHOLD "
    "CHANNEL_HANGUP_COMPLETE CUSTOM callcenter::info collab::request"
)


@pytest.fixture
async def sim() -> AsyncIterator[FreeSwitchSimulator]:
    async with FreeSwitchSimulator() as simulator:
        yield simulator


@pytest.fixture
async def client(sim: FreeSwitchSimulator) -> AsyncIterator[Client]:
    async with Client(sim.host, sim.port) as connection:
        await connection.login(ALL)
        yield connection


async def rows(client: Client, what: str = "channels") -> list[dict[str, str]]:
    answer: dict[str, Any] = json.loads(await client.api(f"show {what} as json"))
    assert answer["row_count"] == len(answer.get("rows", []))
    return list(answer.get("rows", []))


async def pairs(client: Client) -> set[frozenset[str]]:
    """Who talks to whom, by telephone."""
    return {
        frozenset(name.rsplit("/", 1)[1].partition("@")[0] for name in (row["name"], row["b_name"]))
        for row in await rows(client, "calls")
        if row["b_name"]
    }


def test_the_built_in_dialplan_is_the_sample() -> None:
    sample = Dialplan().read((SAMPLES / "collab.xml").read_text())
    assert Dialplan().read(lab.COLLAB) == sample


async def test_a_marked_queue_call_is_announced_queued_and_served(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    call = sim.place(Call("form-support", phones=QUICK))
    mark = await client.event("CUSTOM", Event_Subclass="collab::request")
    assert (mark["Unique-ID"], mark["Collab-Type"]) == (call.id, "form")
    start = await client.event("CUSTOM", CC_Action="member-queue-start")
    assert start["CC-Queue"] == "support@default"
    offer = await client.event("CUSTOM", CC_Action="agent-offering")
    leg = await client.event("CHANNEL_CREATE", Call_Direction="outbound")
    assert leg["variable_cc_member_session_uuid"] == call.id
    assert leg["variable_cc_agent"] == offer["CC-Agent"]
    served = await client.event("CUSTOM", CC_Action="bridge-agent-start")
    assert served["CC-Agent-UUID"] == leg["Unique-ID"]
    bridge = await client.event("CHANNEL_BRIDGE")
    assert bridge["Bridge-A-Unique-ID"] == call.id
    assert bridge["Bridge-B-Unique-ID"] == leg["Unique-ID"]


async def test_what_stands_is_listed_with_its_marks(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    call = await sim.run(Call("chat-support", (Until("talking"),), phones=QUICK))
    caller, agent = await rows(client)
    assert caller["uuid"] == call.id
    assert agent["presence_id"] == "1001@default"
    assert caller["call_uuid"] == agent["call_uuid"] == call.id
    dump = json.loads(await client.api(f"uuid_dump {call.id} json"))
    assert dump["variable_collab_type"] == "chat"
    assert await client.api(f"uuid_exists {call.id}") == "true"
    members = await client.api("callcenter_config queue list members support@default")
    assert f"|{call.id}|" in members
    assert members.split("\n")[1].split("|")[15] == "Answered"
    assert members.endswith("\n+OK\n")
    agents = await client.api("callcenter_config agent list 1001")
    assert f"1001|single_box|{agent['uuid']}|callback|[leg_timeout=15]user/1001@default|" in agents
    tiers = await client.api("callcenter_config tier list")
    assert "support@default|1001|Active Inbound|1|1" in tiers


async def test_nothing_stands_after_the_hang_up(sim: FreeSwitchSimulator, client: Client) -> None:
    call = await sim.run(Call("form-support", (Until("talking"), HangUp()), phones=QUICK))
    await call.until("gone")
    assert await client.api("show channels as json") == '{"row_count": 0}'
    assert await client.api("show channels") == "\n0 total.\n"
    assert await client.api("callcenter_config queue list members support@default") == "+OK\n"


async def test_who_gave_up_is_listed_as_abandoned_for_a_while(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    call = await sim.run(Call("chat-nobody", (Until("queued"), HangUp())))
    await call.until("gone")
    members = await client.api("callcenter_config queue list members nobody@default")
    row = members.split("\n")[1].split("|")
    assert (row[3], row[15]) == ("", "Abandoned")


async def test_a_caller_runs_out_of_time_while_an_agent_rings() -> None:
    world = WorldSpec(
        (PhoneSpec("caller"), PhoneSpec("1001", display="Agent 1001", rings=Rings(None))),
        (QueueSpec("short", (MemberSpec("user/1001", "1001"),), max_wait=0.2),),
    )
    async with FreeSwitchSimulator(world) as sim, Client(sim.host, sim.port) as client:
        await client.login(ALL)
        await sim.run(Call("form-short", (Until("ringing", "1001"), Until("gone"))))
        left = await client.event("CUSTOM", CC_Action="member-queue-end")
        assert left["CC-Cancel-Reason"] == "TIMEOUT"
        failed = await client.event("CUSTOM", CC_Action="bridge-agent-fail")
        assert failed["CC-Hangup-Cause"] == "ORIGINATOR_CANCEL"
        assert "|Available|Waiting|" in await client.api("callcenter_config agent list 1001")


async def test_the_next_agent_is_rung_when_one_is_busy(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    phones = {**QUICK, "1001": Rings(None, busy=True)}
    await sim.run(Call("form-support", (Until("talking"),), phones=phones))
    failed = await client.event("CUSTOM", CC_Action="bridge-agent-fail")
    assert (failed["CC-Agent"], failed["CC-Hangup-Cause"]) == ("1001", "USER_BUSY")
    assert (await client.event("CUSTOM", CC_Action="bridge-agent-start"))["CC-Agent"] == "1002"


@pytest.mark.parametrize("step", [BlindTransfer("1001", "1002", "control"), MoveCaller("1002")])
async def test_a_queue_call_is_sent_on(
    sim: FreeSwitchSimulator, client: Client, step: BlindTransfer | MoveCaller
) -> None:
    await sim.run(
        Call("form-support", (Until("talking"), step, Until("talking", "1002")), phones=QUICK)
    )
    end = await client.event("CUSTOM", CC_Action="member-queue-end")
    assert end["CC-Cause"] == "Terminated"
    assert await pairs(client) == {frozenset(("caller", "1002"))}


@pytest.mark.parametrize("number", ["form-support", "form-1001"])
async def test_a_call_is_transferred_after_asking(
    sim: FreeSwitchSimulator, client: Client, number: str
) -> None:
    steps = (
        Until("talking"),
        Consult("1001", "1002", "control"),
        Until("talking", "1002"),
        CompleteTransfer("1001"),
        Until("gone", "1001"),
    )
    call = await sim.run(Call(number, steps, phones=QUICK))
    await client.event("CHANNEL_BRIDGE")
    bridge = await client.event("CHANNEL_BRIDGE")
    assert bridge["Bridge-A-Unique-ID"] == call.id
    assert await pairs(client) == {frozenset(("caller", "1002"))}


async def test_a_transfer_of_both_takes_both(sim: FreeSwitchSimulator, client: Client) -> None:
    for first in ("caller", "1001"):
        call = await sim.run(Call("form-1001", (Until("talking"),), phones=QUICK))
        legs = [call.standing(name) for name in ("caller", "1001")]
        uuid = call.standing(first).uuid
        assert await client.api(f"uuid_transfer {uuid} -both q-nobody") == "+OK\n"
        for leg in legs:
            start = await client.event("CUSTOM", CC_Action="member-queue-start")
            assert start["Unique-ID"] in {each.uuid for each in legs}
            assert leg.up
        for leg in legs:
            sim.pbx.hangup(leg, "NORMAL_CLEARING")
        await call.until("gone")


async def test_an_event_for_a_channel_is_heard_by_no_socket(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    """FreeSWITCH hands ``sendevent`` with the UUID of a standing channel to that channel."""
    call = await sim.run(Call("form-1001", (Until("talking"),), phones=QUICK))
    assert (await client.command(f"sendevent CUSTOM\nUnique-ID: {call.id}\nA: 1"))[:3] == "+OK"
    assert (await client.command("sendevent CUSTOM\nUnique-ID: none\nA: 2"))[:3] == "+OK"
    assert (await client.event("CUSTOM", Event_Calling_File="mod_event_socket.c"))["A"] == "2"


async def test_who_talks_to_nobody_can_transfer_nobody(sim: FreeSwitchSimulator) -> None:
    call = sim.place(Call("form-support", phones={"1001": Rings(None)}))
    await call.until("ringing", "1001")
    with pytest.raises(LookupError, match="talks to nobody"):
        await sim.board.perform(call, BlindTransfer("caller", "1002"))
    with pytest.raises(LookupError, match="asked nobody"):
        await sim.board.perform(call, CompleteTransfer("caller"))


async def test_either_side_can_press_a_feature_code(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    call = await sim.run(Call("1001", (Until("talking"),), phones=QUICK))
    await sim.board.perform(call, Press("1001", "*22"))
    by_agent = await client.event("CUSTOM", Event_Subclass="collab::request")
    await sim.board.perform(call, Press("caller", "*24", "rtp"))
    by_caller = await client.event("CUSTOM", Event_Subclass="collab::request")
    assert (by_agent["Collab-Type"], by_caller["Collab-Type"]) == ("form", "chat")
    assert by_agent["Collab-Feature"] == "1"
    assert by_agent["Unique-ID"] != call.id == by_caller["Unique-ID"]


async def test_a_code_by_who_holds_is_not_heard(sim: FreeSwitchSimulator, client: Client) -> None:
    call = await sim.run(Call("1001", (Until("talking"), Hold("1001")), phones=QUICK))
    await sim.board.perform(call, Press("1001", "*22"))
    await sim.board.perform(call, Press("caller", "*24"))
    pressed = await client.event("CUSTOM", Event_Subclass="collab::request")
    assert (pressed["Collab-Type"], pressed["Unique-ID"]) == ("chat", call.id)


async def test_unbound_keys_are_dtmf(sim: FreeSwitchSimulator, client: Client) -> None:
    await client.command("event json DTMF")
    call = await sim.run(Call("1001", (Until("talking"), Press("caller", "7")), phones=QUICK))
    pressed = await client.event("DTMF")
    assert (pressed["Unique-ID"], pressed["DTMF-Digit"]) == (call.id, "7")


async def test_hold_is_told_of_who_holds(sim: FreeSwitchSimulator, client: Client) -> None:
    await sim.run(
        Call("1001", (Until("talking"), Hold("1001"), Hold("1001", on=False)), phones=QUICK)
    )
    held = await client.event("CHANNEL_HOLD")
    assert (held["Call-Direction"], held["Channel-Call-State"]) == ("outbound", "HELD")
    await client.event("CHANNEL_UNHOLD")
    assert {row["callstate"] for row in await rows(client)} == {"ACTIVE"}


async def test_an_agent_who_dials_out_has_proved_who_it_is(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    await sim.run(
        Call("form-caller", (Until("talking"),), phone="1001", phones={"caller": Rings(0.01)})
    )
    agent = await client.event("CHANNEL_CREATE", Call_Direction="inbound")
    assert agent["variable_user_name"] == "1001"
    caller = await client.event("CHANNEL_CREATE", Call_Direction="outbound")
    assert caller["Other-Leg-Unique-ID"] == agent["Unique-ID"]


async def test_what_a_caller_sends_cannot_become_a_header(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    hostile = {
        "X-Collab-Type": "chat,Collab-Feature=1",
        "X-Collab-User": "sip:a@b\r\nEvent-Name: Forged\r\n\r\n",
    }
    sim.place(Call("form-support", headers=hostile, phones=QUICK))
    mark = await client.event("CUSTOM", Event_Subclass="collab::request")
    assert mark["Collab-Feature"] == "0"
    assert mark["Collab-Header-Type"] == mark["Collab-Header-User-URI"] == "unreadable"
    assert mark["Collab-Type"] == "form"


async def test_messages_reach_telephones(sim: FreeSwitchSimulator, client: Client) -> None:
    await sim.run(Call("form-support", (Until("talking"),), phones=QUICK))
    sent = await client.api(r"chat sip|collab@x|1001@default|a \| b\nc|text/plain")
    assert sent == "Sent"
    assert (await sim.phone("1001").next_message()).body == "a | b\nc"
    assert (await client.api("chat sip|collab@x|9999@default|x|text/plain")).startswith("Error")
    assert await client.api("chat sip|collab@x|internal/sip:caller@127.0.0.1:1|come in") == "Sent"
    assert (await sim.phone("caller").next_message()).body == "come in"


async def test_a_message_on_a_leg_that_may_have_none_is_called_sent_and_is_not(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    call = await sim.run(Call("602", (Until("talking"),), phones=QUICK))
    assert await client.api(f"uuid_send_message {call.id} lost") == "+OK Success\n"
    for value in ("false", "0"):
        await client.api(f"uuid_setvar {call.id} fs_send_unsupported_message {value}")
        assert await client.api(f"uuid_send_message {call.id} lost") == "+OK Success\n"
    assert not sim.phone("caller").messages
    for value in ("true", "1"):
        await client.api(f"uuid_setvar {call.id} fs_send_unsupported_message {value}")
        await client.api(f"uuid_send_message {call.id} {value}")
    assert [message.body for message in sim.phone("caller").messages] == ["true", "1"]
    assert (await client.api(f"uuid_send_message {call.id}")).startswith("-USAGE")
    gone = await client.api("uuid_send_message 11111111-2222-4333-8444-555555555555 x")
    assert gone == "-ERR Unable to find session for UUID\n"


async def test_a_second_originate_of_the_same_id_makes_another_channel(
    sim: FreeSwitchSimulator, client: Client
) -> None:
    sim.phone("1001").rings = Rings(0.01)
    uuid = "11111111-2222-4333-8444-555555555555"
    command = f"originate {{origination_uuid={uuid}}}user/1001@default &park()"
    assert await client.api(command) == f"+OK {uuid}\n"
    other = (await client.api(command)).removeprefix("+OK ").strip()
    assert other != uuid
    assert await client.api(f"uuid_exists {other}") == "true"
    assert await client.api(f"uuid_kill {other}") == "+OK\n"


async def test_the_configuration_can_be_looked_up(sim: FreeSwitchSimulator, client: Client) -> None:
    assert '<extension name="collab_request">' in await client.api(
        "xml_locate dialplan context name collab"
    )
    assert 'name="listen-ip" value="127.0.0.1"' in await client.api(
        "xml_locate configuration configuration name event_socket.conf"
    )
    assert await client.api("module_exists mod_callcenter") == "true"
    assert await client.api("module_exists mod_conference") == "false"


async def test_a_directory_user_may_run_what_it_may() -> None:
    users = {"tandem@x": DirectoryUser("s", api="status")}
    async with (
        FreeSwitchSimulator(users=users) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.next()
        assert await client.command("userauth tandem@x:s") == "+OK accepted"
        assert await client.command("api eval x") == "-ERR permission denied"
        assert (await client.api("status")).startswith("UP ")


async def test_many_calls_of_every_kind_run_at_once() -> None:
    names = [str(1001 + n) for n in range(40)]
    known = dict(kinds(names, talk=0.5, ring=0.05, patience=0.3))
    del known["timeout"]
    async with FreeSwitchSimulator(lab.world(40)) as sim, Client(sim.host, sim.port) as client:
        await client.login("event plain all")
        outcome = await sim.run_many(mix(",".join(known), known), calls=60, rate=60)
        assert outcome.errors == []
        assert outcome.finished == 60


async def test_whoever_hangs_up_at_any_moment_leaves_nothing_standing() -> None:
    names = [str(1001 + n) for n in range(40)]
    phones = {name: Rings(0.0) for name in names}
    async with FreeSwitchSimulator(lab.world(40)) as sim:

        async def one(number: int) -> None:
            queued = number % 3
            call = sim.place(Call("form-support" if queued else f"form-{names[number]}",
                                  phones=phones))  # fmt: skip
            for _ in range(number * 3):
                await asyncio.sleep(0)  # a step further in what the switch does, no time
            sim.hang_up(call)
            await call.until("gone", within=5)

        for _ in range(4):
            await asyncio.gather(*(one(number) for number in range(40)))
        async with asyncio.timeout(5):
            while sim.pbx.channels:
                await next(iter(sim.pbx.channels.values())).changed(1.0)
        assert {agent.state for agent in sim.pbx.callcenter.agents.values()} == {"Waiting"}


async def test_the_command_line_plays_freeswitch() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors.simulator", "--kind", "freeswitch", "--listen",
        "127.0.0.1:0", "--rate", "20", "--calls", "4", "--talk", "0.05", "--ring", "0.05",
        "--mix", "queue,blind",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    text = out.decode()
    assert text.startswith("ESL on 127.0.0.1:")
    assert re.search(r"^4 calls finished, 0 failed, \d{3} events", text, re.MULTILINE)
