"""The simulator beside what it plays: Tandem's own samples, its command line, its mixes."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from connectors.simulator import Call, Rings, Simulator
from connectors.simulator.asterisk import lab
from connectors.simulator.asterisk.dialplan import Dialplan
from connectors.simulator.asterisk.users import classes, users_from_conf
from connectors.simulator.mixes import kinds, mix
from connectors.simulator.script import HangUp, Press, Until
from connectors.simulator.simulator import CONNECTOR

from .client import Client, Message

SAMPLES = Path(__file__).parents[2] / "dialplan" / "asterisk"
AGENTS = [str(1001 + n) for n in range(40)]
QUICK = {name: Rings(0.05) for name in AGENTS}


def test_the_built_in_dialplan_is_the_sample() -> None:
    sample = Dialplan().read((SAMPLES / "collab.conf").read_text())
    assert Dialplan().read(lab.COLLAB).contexts == sample.contexts


def test_the_built_in_feature_codes_are_the_sample() -> None:
    text = (SAMPLES / "features.conf").read_text()
    codes = re.findall(
        r"^([\w-]+) => (\S+),self/both,Gosub\(([\w-]+),(\w+),1\)", text, re.MULTILINE
    )
    assert codes == [(f.name, f.code, f.context, f.exten) for f in lab.FEATURES]


def test_the_built_in_user_has_the_rights_of_the_sample() -> None:
    text = (SAMPLES / "manager.conf").read_text()
    (user,) = users_from_conf(f"{text}\n[tandem](tandem-connector,tandem-connector-calls)\n")
    assert (user.read, user.write) == (CONNECTOR.read, CONNECTOR.write)
    assert not user.write & classes("command,system,config")
    (user,) = users_from_conf(f"{text}\n[tandem](tandem-connector)\n")
    assert not user.write & classes("originate,call,agent,command,system,config")


async def test_the_sample_manager_conf_lets_a_call_be_followed() -> None:
    text = (SAMPLES / "manager.conf").read_text() + "\n[tandem](tandem-connector)\nsecret = s\n"
    async with (
        Simulator(users=users_from_conf(text)) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.login("tandem", "s")
        call = await sim.run(Call("form-support", (Until("talking"), HangUp()), phones=QUICK))
        await call.until("gone")
        names = re.findall(rb"(?m)^Event: (\w+)", await client.drain(0.1))
    assert b"VarSet" not in names
    for needed in (b"FullyBooted", b"UserEvent", b"QueueCallerJoin", b"AgentConnect", b"Hangup"):
        assert needed in names


async def test_either_side_can_press_a_feature_code() -> None:
    async with Simulator() as sim, Client(sim.host, sim.port) as client:
        await client.login()
        call = await sim.run(Call("1001", (Until("talking"),), phones=QUICK))
        await sim.board.perform(call, Press("1001", "*22"))
        by_agent = await client.event("UserEvent")
        await sim.board.perform(call, Press("caller", "*24"))
        by_caller = await client.event("UserEvent")
    assert by_agent["Channel"].startswith("PJSIP/1001-")
    assert by_caller["Channel"].startswith("PJSIP/caller-")
    assert [by_agent["Type"], by_caller["Type"]] == ["form", "chat"]
    assert by_agent.names[-4:] == ["UserEvent", "Feature", "Type", "UserURI"]


async def test_what_a_caller_sends_cannot_become_a_header() -> None:
    hostile = {
        "X-Collab-Type": "chat,UserURI: sip:forged@evil.example",
        "X-Collab-User": "sip:a@b\r\nEvent: Forged\r\n\r\n",
    }
    async with Simulator() as sim, Client(sim.host, sim.port) as client:
        await client.login()
        await sim.run(Call("form-support", (Until("talking"),), headers=hostile, phones=QUICK))
        mark: Message = await client.event("UserEvent")
        assert mark["UserURI"] == ""
        assert mark["HeaderType"] == "chatUserURIsipforgedevilex"
        assert mark["HeaderUserURI"] == "sip%3Aa%40b%0D%0AEvent%3A%20Forged%0D%0A%0D%0A"
        assert b"Event: Forged\r\n" not in client.raw


async def test_every_kind_of_call_ends_with_nothing_standing() -> None:
    known = dict(kinds(AGENTS, talk=1.0, ring=0.3))
    async with Simulator(lab.world(40), speed=8.0) as sim:
        every = [(1.0, maker) for maker in known.values()]
        outcome = await sim.run_many(every, calls=120, rate=60.0, at_once=80)
        assert outcome.errors == []
        assert set(outcome.by_name) == set(known)
        async with asyncio.timeout(10):
            while sim.pbx.threads:
                await asyncio.gather(*(t.task for t in list(sim.pbx.threads)))
        assert sim.pbx.channels == {}
        assert sim.pbx.bridges == {}
        assert sim.pbx.consulting == {}
        assert all(not queue.entries for queue in sim.pbx.queues.values())
        assert all(not phone.reserved for phone in sim.pbx.phones.values())
        emitted = sim.pbx.bus.emitted
    assert emitted["Newchannel"] == emitted["Hangup"]
    assert emitted["BridgeEnter"] == emitted["BridgeLeave"]
    assert emitted["BridgeCreate"] == emitted["BridgeDestroy"]
    assert emitted["QueueCallerJoin"] == emitted["QueueCallerLeave"]
    assert emitted["AgentConnect"] == emitted["AgentComplete"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("queue,unheard-of", "no kind of call is named 'unheard-of'"),
        ("queue=0", "the weight of 'queue' is a number over 0, not '0'"),
        ("queue=many", "the weight of 'queue' is a number over 0, not 'many'"),
    ],
)
def test_a_bad_mix_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        mix(text, kinds(AGENTS))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\nexten => 1,1,NoOp()\nnonsense", "dialplan line 3: cannot read 'nonsense'"),
        ("exten => 1,1,NoOp()", "dialplan line 1"),
        ("[a]\nexten => 1,one,NoOp()", "dialplan line 2"),
    ],
)
def test_a_dialplan_that_cannot_be_read_names_the_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Dialplan().read(text)


def test_n_is_a_pattern_letter() -> None:
    plan = Dialplan().read("[a]\nexten => _agent[123],1,NoOp()\nexten => _1XX,1,NoOp()\n")
    assert plan.find("a", "agent1", 1) is None
    assert plan.find("a", "age5t1", 1) is not None
    assert plan.find("a", "155", 1) is not None


async def run(*args: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "connectors.simulator",
        *args,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_runs_so_many_calls_and_ends() -> None:
    status, out, err = await run(
        "--listen=127.0.0.1:0", "--rate=20", "--calls=6", "--talk=0.1", "--ring=0.05",
        "--mix=queue,direct",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert re.match(r"AMI on 127\.0\.0\.1:\d+\n6 calls finished, 0 failed, \d+ events", out)


async def test_a_busy_port_is_one_clear_line() -> None:
    async with Simulator() as sim:
        status, out, err = await run("--listen", f"127.0.0.1:{sim.port}")
    assert (status, out) == (1, "")
    assert err.startswith(f"Error: cannot listen on 127.0.0.1:{sim.port}: ")
    assert "Traceback" not in err
