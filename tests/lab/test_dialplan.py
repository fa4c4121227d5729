"""Tandem's dialplan on the real Asterisk: it loads, marks, arms the codes, and harms no call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.fixtures import warnings

if TYPE_CHECKING:
    from connectors.demo.ami import Ami
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Call, Phones

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_samples_load_without_a_warning(pbx: Asterisk, phones: Phones) -> None:
    start = len(pbx.log())
    for command in (
        "dialplan reload",
        "module reload features",
        "queue reload all",
        "manager reload",
    ):
        await pbx.cli(command)

    assert warnings(pbx, start) == []
    listed = await pbx.cli("dialplan show collab")
    assert "'request'" in listed
    assert "'features'" in listed
    assert "*22" in await pbx.cli("features show")


@pytest.mark.parametrize(
    ("extension", "kind", "user"),
    [
        ("form-support", "form", ""),
        ("chat-support", "chat", ""),
        ("for-support", "form", "sip%3Aalice%40example.org"),
        ("odd-support", "fax", ""),
        ("header-support", "", ""),
    ],
)
async def test_one_line_announces_and_marks_a_call(
    extension: str, kind: str, user: str, phones: Phones, tandem: Ami
) -> None:
    await phones.listen("agent1", answer=0.01)
    headers = {"X-Collab-Type": "cobrowse", "X-Collab-User": "sip:bob@example.org"}
    call = await phones.call("caller", extension, headers=headers)
    await call.answered()

    event = await tandem.event("UserEvent", UserEvent="CollabRequest")
    assert event["Channel"].startswith("PJSIP/caller-")
    assert (event["Type"], event["UserURI"], event["Feature"]) == (kind, user, "0")
    assert event["HeaderType"] == "cobrowse"
    assert event["HeaderUserURI"] == "sip%3Abob%40example.org"
    assert await variable(tandem, event["Channel"], "COLLAB_TYPE") == kind
    assert await variable(tandem, event["Channel"], "COLLAB_USER_URI") == user


async def test_an_address_is_passed_on_as_it_came_or_not_at_all(
    phones: Phones, tandem: Ami
) -> None:
    """FILTER() alone would make ann.o'neil@ ann.oneil@, who is somebody else."""
    await phones.listen("agent1", answer=0.01)
    headers = {"X-Collab-Type": "chat", "X-Collab-User": "mailto:ann.o'neil@example.org"}
    await (await phones.call("caller", "header-support", headers=headers)).answered()
    event = await tandem.event("UserEvent", UserEvent="CollabRequest")
    assert event["HeaderUserURI"] == "unreadable"


async def test_an_ordinary_call_is_not_announced(phones: Phones, tandem: Ami) -> None:
    await phones.listen("agent1", answer=0.01)
    call = await phones.call("caller", "q-support", headers={"X-Collab-Type": "form"})
    await call.answered()
    await tandem.event("AgentConnect")

    assert not [m for m in tandem.messages if m.get("Event") == "UserEvent"]


async def test_the_mark_stays_with_the_caller_through_a_transfer_and_not_with_agents(
    phones: Phones, tandem: Ami
) -> None:
    first = await phones.listen("agent1", answer=0.01)
    second = await phones.listen("agent2", answer=0.01)
    await phones.call("caller", "for-support")
    agent = await first.incoming()
    await agent.answered()
    connected = await tandem.event("AgentConnect")
    assert await variable(tandem, connected["DestChannel"], "COLLAB_TYPE") == ""

    await agent.transfer("agent2")
    await (await second.incoming()).answered()

    assert await variable(tandem, connected["Channel"], "COLLAB_TYPE") == "form"
    assert (
        await variable(tandem, connected["Channel"], "COLLAB_USER_URI")
        == "sip%3Aalice%40example.org"
    )


@pytest.mark.parametrize("presser", ["caller", "agent"])
@pytest.mark.parametrize("how", ["info", "rfc4733"])
async def test_either_side_presses_a_code_either_way(
    presser: str, how: str, phones: Phones, tandem: Ami
) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    # No mark: a plain call from one telephone to another.
    call = await phones.call("caller", "agent1")
    await call.answered()
    leg: Call = call if presser == "caller" else await agent.incoming()
    await leg.answered()
    await tandem.event("BridgeEnter")

    for code, kind in (("*22", "form"), ("*23", "cobrowse"), ("*24", "chat")):
        await (leg.press_info(code) if how == "info" else leg.press(code))
        event = await tandem.event("UserEvent", Type=kind)
        assert event["Feature"] == "1"
        assert event["UserURI"] == ""
        name = "caller" if presser == "caller" else "agent1"
        assert event["Channel"].startswith(f"PJSIP/{name}-")
        assert await variable(tandem, event["Channel"], "COLLAB_TYPE") == kind
    assert call.is_up


async def test_the_codes_follow_a_transfer(phones: Phones, tandem: Ami) -> None:
    first = await phones.listen("agent1", answer=0.01)
    second = await phones.listen("agent2", answer=0.01)
    call = await phones.call("caller", "q-support")
    agent = await first.incoming()
    await agent.answered()
    consultation = await phones.call("agent1", "agent2")
    await consultation.answered()
    other = await second.incoming()

    await agent.transfer_to(consultation)
    await other.press_info("*23")

    event = await tandem.event("UserEvent", Type="cobrowse")
    assert event["Channel"].startswith("PJSIP/agent2-")
    assert call.is_up


async def test_the_dialplan_goes_on_after_the_request(phones: Phones, tandem: Ami) -> None:
    call = await phones.call("caller", "odd-nobody")
    await tandem.event("QueueCallerJoin", Queue="nobody")

    await call.cancel()

    left = await tandem.event("QueueCallerAbandon")
    assert left["Queue"] == "nobody"


@pytest.mark.parametrize(
    ("extension", "phone"), [("form-local", "agent3"), ("form-plain", "agent4")]
)
async def test_local_members_ring_the_phone_behind_them(
    extension: str, phone: str, phones: Phones, tandem: Ami
) -> None:
    agent = await phones.listen(phone, answer=0.01)
    call = await phones.call("caller", extension)
    await call.answered()
    await (await agent.incoming()).answered()

    connected = await tandem.event("AgentConnect")
    assert connected["Interface"] == f"Local/{phone}@from-queue/n"
    pair = await tandem.event("LocalBridge")
    assert connected["DestChannel"] == pair["LocalOneChannel"]


async def test_a_member_who_logged_in_by_phone_is_there_after_a_restart(
    phones: Phones, pbx: Asterisk, tandem: Ami
) -> None:
    await phones.call("agent7", "login")
    added = await tandem.event("QueueMemberAdded", Queue="dynamic")
    assert added["Interface"] == "PJSIP/agent7"

    await pbx.restart()

    async with pbx.ami("tandem") as again:
        await again.event("FullyBooted")
        members = await again.list("QueueStatus", "QueueStatusComplete")
        assert [
            (m["Location"], m["Membership"])
            for m in members
            if m["Event"] == "QueueMember" and m["Queue"] == "dynamic"
        ] == [("PJSIP/agent7", "dynamic")]
        await phones.call("agent7", "logout")
        await again.event("QueueMemberRemoved", Queue="dynamic")


async def variable(ami: Ami, channel: str, name: str) -> str:
    """A channel's variable as the connector's user may read it, by Status."""
    start = len(ami.messages)
    await ami.send("Status", Channel=channel, Variables=name)
    status = await ami.wait(
        lambda m: m.get("Event") == "Status" and m.get("Channel") == channel, start=start
    )
    value = status["Variable"].partition("=")[2]
    return "" if value == "(null)" else value


async def test_a_pairing_code_is_keyed_in_before_the_queue(
    phones: Phones, tandem: Ami, lab: Ami, pbx: Asterisk
) -> None:
    call = await phones.call("caller", "pair-nobody")
    await call.answered()
    await lab.event("Newexten", Application="Read")
    await call.press("123456")
    asked = await tandem.event("UserEvent", UserEvent="CollabPair")
    assert (asked["Code"], asked["Ask"]) == ("123456", "0")
    assert asked["Channel"].startswith("PJSIP/caller-")

    async with pbx.ami("placing") as connector:
        told = await connector.action(
            "Setvar", Channel=asked["Uniqueid"], Variable="COLLAB_ANSWER", Value="right"
        )
    assert told["Response"] == "Success"
    thanks = await lab.event("Newexten", Application="Playback")
    assert thanks["AppData"] == "privacy-thankyou"
    joined = await tandem.event("QueueCallerJoin", Queue="nobody")
    assert joined["Uniqueid"] == asked["Uniqueid"]


async def test_a_pairing_code_is_keyed_in_in_a_call_which_stands(
    phones: Phones, tandem: Ami, lab: Ami
) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    call = await phones.call("caller", "agent1")
    await call.answered()
    leg = await agent.incoming()
    await leg.answered()
    await tandem.event("BridgeEnter")

    await leg.press("*29")
    await lab.event("Newexten", Application="Read")
    await leg.press("654321")
    asked = await tandem.event("UserEvent", UserEvent="CollabPair")
    assert asked["Code"] == "654321"
    assert asked["Channel"].startswith("PJSIP/agent1-")
    # Nobody answers: four seconds later they hear each other again.
    await lab.event("Newexten", Context="collab", Extension="pair-said")
    assert call.is_up
    assert leg.is_up


async def test_a_pairing_code_is_said_twice_and_the_call_goes_on(
    phones: Phones, tandem: Ami, lab: Ami, pbx: Asterisk
) -> None:
    call = await phones.call("caller", "code-nobody")
    await call.answered()
    asked = await tandem.event("UserEvent", UserEvent="CollabPair")
    assert (asked["Code"], asked["Ask"]) == ("", "1")
    async with pbx.ami("placing") as connector:
        await connector.action(
            "Setvar", Channel=asked["Uniqueid"], Variable="COLLAB_ANSWER", Value="907214"
        )
    said = await lab.event("Newexten", Application="SayDigits")
    assert said["AppData"] == "907214"
    assert call.is_up
