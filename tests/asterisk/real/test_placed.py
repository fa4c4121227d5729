"""Placed calls as only a real Asterisk has them; tests/behaviour has what they are on each PBX."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from connectors.demo.ami import Ami
from connectors.demo.asterisk import Asterisk
from connectors.demo.phones import Phones
from tests.asterisk.real.placing import LabPbx
from tests.behaviour.placing import placing
from tests.e2e.world import uri
from tests.lab.fixtures import warnings

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENT = uri("agent1")
ARGS = {"type": "form", "user_uri": "web:1", "name": "", "waited": 0, "wait": 9}


async def test_a_name_and_a_uri_pass_the_dialplan_unhurt_and_nothing_is_complained_about(
    pbx: Asterisk, phones: Phones
) -> None:
    said = len(pbx.log())
    agent = await phones.listen("agent1", answer=None)
    async with placing(LabPbx(pbx)) as tandem:
        odd = "sip:a,b(c)$x;y=%22@x.example?z&a=b"
        call = await tandem.queue(name='Ann "Lee" ${李}', user_uri=odd)
        report = await tandem.call(call, state="queued", queue="support", position=1)
        assert (report.type, report.user_uri) == ("form", odd)
        ringing = await agent.incoming()
        invite = await ringing.heard.wait(lambda m: m.method == "INVITE", "INVITE")
        assert '"Ann Lee 李"' in invite.header("From")
        await ringing.pick_up()
        await tandem.call(call, state="active", agent_uri=AGENT)
        await ringing.hangup()
        await tandem.call(call, agent_leg=None)
        # Given again it stands, and no second one is made.
        again = await tandem.do("queue", call, queue="support", **ARGS)
        assert again.detail == "it stands already"
        await tandem.do("hangup", call)
        await tandem.nothing_stands()
    assert warnings(pbx, said) == []


async def test_who_waited_longer_in_the_server_comes_before(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    async with placing(LabPbx(pbx)) as tandem:
        first = await tandem.queue("nobody")
        second = await tandem.queue("nobody", waited=600)
        third = await tandem.queue("nobody", waited=300)
        items = await lab.list("QueueStatus", "QueueStatusComplete")
        line = {i["Position"]: i["Uniqueid"] for i in items if i.get("Event") == "QueueEntry"}
        assert line == {"1": second, "2": third, "3": first}
        for call, position in ((first, 3), (second, 1), (third, 2)):
            await tandem.call(call, position=position)
            await tandem.do("hangup", call)
        await tandem.nothing_stands()


async def test_the_members_of_a_freepbx_find_their_telephones(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    # As its queues module writes contexts from-queue and from-internal, with this one number.
    for step in (
        "_[a-z]!,1,Set(QAGENT=${EXTEN})",
        "_[a-z]!,2,Goto(${NODEST},1)",
        "dynamic,1,Goto(from-sip,${QAGENT},1)",
    ):
        await pbx.cli(f"dialplan add extension {step} into as-freepbx")
    member = {"Queue": "dynamic", "Interface": "Local/agent3@as-freepbx/n"}
    await lab.action("QueueAdd", StateInterface="PJSIP/agent3", **member)
    await phones.listen("agent3", answer=0.5)
    async with placing(LabPbx(pbx)) as tandem:
        call = await tandem.queue("dynamic")
        await tandem.call(call, state="active", agent_uri=uri("agent3"))
        # What the agent hears of it: telephones that get no media hang up.
        start = len(lab.messages)
        await lab.quiet(0.5)
        await tandem.do("hangup", call)
        heard = await lab.event("VarSet", start=start, Variable="RTPAUDIOQOS")
        sent = int(heard["Value"].partition("txcount=")[2].partition(";")[0])
        assert sent > 10
        await tandem.nothing_stands()
    await lab.action("QueueRemove", **member)


async def test_an_agent_hands_a_placeholder_on(pbx: Asterisk, phones: Phones, lab: Ami) -> None:
    for name in ("agent1", "agent2"):
        await phones.listen(name, answer=0.01)
    async with placing(LabPbx(pbx)) as tandem:
        call = await tandem.queue("solo")
        report = await tandem.call(call, state="active", agent_uri=AGENT)
        leg = {"Channel": report.agent_leg or "", "Context": "from-sip"}
        assert (await lab.action("BlindTransfer", Exten="agent2", **leg))["Response"] == "Success"
        await tandem.call(call, state="active", agent_uri=uri("agent2"))
        await tandem.do("hangup", call)
        await tandem.call(call, state="ended", cause="hangup")
        await tandem.nothing_stands()


async def test_each_of_two_who_are_dialled_is_shown_the_other(
    pbx: Asterisk, phones: Phones
) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    user = await phones.listen("phone1", answer=0.01)
    async with placing(LabPbx(pbx)) as tandem:
        call = str(uuid.uuid4())
        await tandem.do("dial", call, agent_uri=AGENT, user_uri=uri("phone1"), type="form")
        for phone, shown in ((agent, "phone1"), (user, "agent1")):
            rung = await phone.incoming()
            invite = await rung.heard.wait(lambda m: m.method == "INVITE", "INVITE")
            assert f"<sip:{shown}@" in invite.header("From")
        await tandem.call(call, state="active")
        await tandem.do("hangup", call)
        await tandem.nothing_stands()


async def test_without_the_privileges_the_line_is_named(pbx: Asterisk, phones: Phones) -> None:
    async with placing(LabPbx(pbx, "tandem")) as tandem:
        result = await tandem.do("queue", str(uuid.uuid4()), queue="support", **ARGS)
        assert result.status == "failed"
        line = "manager.conf: [tandem](tandem-connector,tandem-connector-calls)"
        assert result.detail == f"pbx_refused: Originate: Permission denied; {line}"


async def test_a_queue_that_is_not_there_is_named_as_a_cause(pbx: Asterisk, phones: Phones) -> None:
    async with placing(LabPbx(pbx)) as tandem:
        result = await tandem.do("queue", str(uuid.uuid4()), queue="suport", **ARGS)
        assert result.status == "failed"
        assert "is there a queue of that name" in result.detail
        await tandem.nothing_stands()


async def test_rights_that_came_by_a_reload_count_at_once(
    pbx: Asterisk, phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    """Asterisk itself gives them only to who logs in after the reload."""
    conf = pbx.folder / "etc" / "manager.conf"
    before = conf.read_text()
    more = before.replace("[tandem](tandem-connector)", "[tandem](tandem-connector,{}-calls)")
    try:
        async with placing(LabPbx(pbx, "tandem")) as tandem:
            conf.write_text(more.format("tandem-connector"))
            await pbx.cli("manager reload")
            tandem.ready.clear()
            call = await tandem.queue("nobody")
            await asyncio.wait_for(tandem.ready.wait(), 10)  # the connector has logged in again
            await tandem.call(call, state="queued")
            await tandem.do("hangup", call)
            await tandem.nothing_stands()
    finally:
        conf.write_text(before)
        await pbx.cli("manager reload")
    assert "manager.conf allows more by now: logging in again" in caplog.text


async def test_a_hold_that_outlives_its_connector_is_taken_back_by_the_next(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    """The agent answered a placeholder, and was paused until the server would have it done."""
    await phones.listen("agent1", answer=0.01)
    async with placing(LabPbx(pbx)) as tandem:
        call = await tandem.queue("solo")
        await tandem.call(call, state="active", agent_uri=AGENT)
        await tandem.settled()
    await lab.action("Hangup", Channel=call)
    async with placing(LabPbx(pbx)) as tandem:
        again = await tandem.queue("solo")
        await tandem.call(again, state="active", agent_uri=AGENT)
        await tandem.settled()
        result = await tandem.do("pause", str(uuid.uuid4()), agent_uri=AGENT, paused=True,
                                 busy=True, reason="Tandem")  # fmt: skip
        assert result.status == "done"
        await tandem.do("hangup", again)
        await tandem.nothing_stands()
        await tandem.settled()
        items = await lab.list("QueueStatus", "QueueStatusComplete")
        reasons = {
            item["PausedReason"]
            for item in items
            if item.get("Location") == "PJSIP/agent1" and item["Paused"] == "1"
        }
        assert reasons == {"Tandem"}, "what the server has had done stays"
        await tandem.do("pause", str(uuid.uuid4()), agent_uri=AGENT, paused=False, busy=True,
                        reason="Tandem")  # fmt: skip


async def test_an_agent_is_paused_in_all_queues_and_only_by_who_paused_them(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    async def paused() -> dict[str, str]:
        items = await lab.list("QueueStatus", "QueueStatusComplete")
        return {
            item["Queue"]: item["PausedReason"]
            for item in items
            if item.get("Location") == "PJSIP/agent1" and item["Paused"] == "1"
        }

    async with placing(LabPbx(pbx)) as tandem:

        async def pause(on: bool, reason: str) -> tuple[str, str]:
            name = str(uuid.uuid4())
            result = await tandem.do("pause", name, agent_uri=AGENT, paused=on, reason=reason)
            return result.status, result.detail[:7]

        await lab.action("QueuePause", Queue="solo", Interface="PJSIP/agent1", Paused="true",
                         Reason="lunch")  # fmt: skip
        assert (await pause(True, "Tandem"))[0] == "done"
        everywhere = {"support": "Tandem", "team": "Tandem", "all": "Tandem", "solo": "lunch"}
        assert await paused() == everywhere
        assert await pause(True, "Tandem 2") == ("failed", "already")
        assert (await pause(False, "Tandem"))[0] == "done"
        assert await paused() == {"solo": "lunch"}
        assert (await pause(False, ""))[0] == "done"
        assert await paused() == {}
