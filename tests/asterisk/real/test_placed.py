"""Placed calls on a real Asterisk: placeholders in its queues, voice calls, calls for an agent."""

from __future__ import annotations

import asyncio

import pytest

from connectors.demo.ami import Ami
from connectors.demo.asterisk import Asterisk
from connectors.demo.phones import Phones
from connectors.model import Command
from tests.asterisk.real.placing import Connector, attached, new_id
from tests.lab.fixtures import warnings

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENT = "sip:agent1@pbx.example.org"
PHONE = "sip:phone1@pbx.example.org"


async def gone(lab: Ami) -> None:
    """Until no channel stands."""
    async with asyncio.timeout(10):
        while await lab.list("CoreShowChannels", "CoreShowChannelsComplete"):
            start = len(lab.messages)
            await lab.wait(lambda m: m.get("Event") == "Hangup", start=start)


async def test_an_agent_serves_a_placeholder_hangs_up_and_the_call_goes_on(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    said = len(pbx.log())
    agent = await phones.listen("agent1", answer=None)
    async with attached(Connector(pbx)) as tandem:
        call = await tandem.queue(name="Ann Lee 李", user_uri="sip:a,b(c)$x@x.example")
        report = await tandem.reached(call, "queued", queue="support", position=1)
        assert (report.type, report.user_uri) == ("form", "sip:a,b(c)$x@x.example")
        ringing = await agent.incoming()
        invite = await ringing.heard.wait(lambda m: m.method == "INVITE", "INVITE")
        assert "Ann Lee 李" in invite.header("From")
        await ringing.pick_up()
        report = await tandem.reached(call, "active", agent_uri=AGENT)
        assert report.agent_leg
        await ringing.hangup()
        await tandem.reached(call, "active", agent_uri=AGENT, agent_leg=None)
        # Again: it stands, and no second one is made.
        again = Command(call, "queue", call, {"queue": "support", "type": "form",
                        "user_uri": "web:1", "waited": 0, "wait": 9})  # fmt: skip
        assert (await tandem.do(again)).detail == "it stands already"
        assert (await tandem.hang_up(call)).status == "done"
        assert (await tandem.reached(call, "ended")).cause == "hangup"
        assert (await tandem.hang_up(call)).status == "done"
    await gone(lab)
    assert warnings(pbx, said) == []


async def test_a_user_who_leaves_is_out_of_the_queue_at_once(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    async with attached(Connector(pbx)) as tandem:
        call = await tandem.queue("nobody")
        async with asyncio.timeout(2):
            await tandem.hang_up(call)
            assert (await tandem.reached(call, "ended")).cause == "abandoned"
            await gone(lab)


async def test_the_queue_gives_a_placeholder_up_after_its_wait(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    async with attached(Connector(pbx)) as tandem:
        call = await tandem.queue("nobody", wait=1)
        assert (await tandem.reached(call, "ended")).cause == "queue_timeout"
    await gone(lab)


async def test_who_waited_longer_in_the_server_comes_before(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    async with attached(Connector(pbx)) as tandem:
        first = await tandem.queue("nobody")
        second = await tandem.queue("nobody", waited=600)
        third = await tandem.queue("nobody", waited=300)
        items = await lab.list("QueueStatus", "QueueStatusComplete")
        line = {i["Position"]: i["Uniqueid"] for i in items if i.get("Event") == "QueueEntry"}
        assert line == {"1": second, "2": third, "3": first}
        assert [tandem.core.calls()[n].position for n in range(3)] == [3, 1, 2]


async def test_what_asterisk_does_not_do_fails_and_says_why(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    async with attached(Connector(pbx)) as tandem:
        call = new_id()
        args = {"queue": "nosuch", "type": "form", "user_uri": "web:1", "waited": 0, "wait": 9}
        result = await tandem.do(Command(call, "queue", call, args))
        assert result.status == "failed"
        assert (await tandem.reached(call, "ended")).cause == "queue_timeout"
    async with attached(Connector(pbx, user="tandem")) as tandem:
        args = {**args, "queue": "support"}
        result = await tandem.do(Command(new_id(), "queue", None, args))
        assert result.status == "failed"
        assert result.detail == (
            "Originate: Permission denied; manager.conf: "
            "[tandem](tandem-connector,tandem-connector-calls)"
        )
    await gone(lab)


async def test_a_placeholder_becomes_a_voice_call(pbx: Asterisk, phones: Phones, lab: Ami) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    phone = await phones.listen("phone1", answer=0.01)
    async with attached(Connector(pbx)) as tandem:
        call = await tandem.queue()
        await tandem.reached(call, "active", agent_uri=AGENT)
        result = await tandem.do(Command("v", "voice", call, {"user_uri": PHONE}))
        assert result.status == "done", result
        user = await phone.incoming()
        await user.answered()
        await tandem.until(lambda: bool(tandem.latest[call].aliases))
        report = await tandem.reached(call, "active", agent_uri=AGENT)
        assert report.agent_leg
        await user.hangup()
        assert (await tandem.reached(call, "ended")).cause == "hangup"
        await (await agent.incoming()).ended()
    await gone(lab)


async def test_a_user_who_does_not_answer_leaves_the_placeholder_as_it_was(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    phone = await phones.listen("phone1", reject=486)
    async with attached(Connector(pbx)) as tandem:
        call = await tandem.queue()
        report = await tandem.reached(call, "active", agent_uri=AGENT)
        await tandem.do(Command("v", "voice", call, {"user_uri": PHONE}))
        await (await phone.incoming()).refused()
        await lab.event("DialEnd", DialStatus="BUSY")
        await lab.quiet()
        assert tandem.latest[call].agent_leg == report.agent_leg
        await (await agent.incoming()).hangup()
        await tandem.reached(call, "active", agent_uri=AGENT, agent_leg=None)
        await tandem.hang_up(call)
        await tandem.reached(call, "ended")
    await gone(lab)


async def test_without_the_agents_phone_both_are_dialled(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    phone = await phones.listen("phone1", answer=0.01)
    async with attached(Connector(pbx)) as tandem:
        call = await tandem.queue()
        await tandem.reached(call, "active", agent_uri=AGENT)
        await (await agent.incoming()).hangup()
        await tandem.reached(call, "active", agent_leg=None)
        result = await tandem.do(Command("v", "voice", call, {"user_uri": PHONE}))
        assert result.status == "done", result
        user = await phone.incoming()
        await tandem.until(lambda: bool(tandem.latest[call].aliases))
        assert (await tandem.reached(call, "active", agent_uri=AGENT)).agent_leg
        # The placeholder is gone, the call is not.
        await lab.event("Hangup", Uniqueid=call)
        await lab.quiet()
        assert tandem.latest[call].state.value == "active"
        await tandem.hang_up(call)
        assert (await tandem.reached(call, "ended")).cause == "hangup"
        await user.ended()
    await gone(lab)


async def test_an_agent_and_a_user_are_dialled(pbx: Asterisk, phones: Phones, lab: Ami) -> None:
    await phones.listen("agent1", answer=0.01)
    phone = await phones.listen("phone1", answer=0.01)
    async with attached(Connector(pbx)) as tandem:
        call = new_id()
        args = {"agent_uri": AGENT, "user_uri": PHONE, "type": "chat"}
        result = await tandem.do(Command(call, "dial", call, args))
        assert result.status == "done", result
        report = await tandem.reached(call, "active", agent_uri=AGENT, agent_leg=call)
        assert (report.type, report.initiator, report.user_uri) == ("chat", "agent", PHONE)
        assert len(report.aliases) == 1
        await (await phone.incoming()).hangup()
        assert (await tandem.reached(call, "ended")).cause == "hangup"
    await gone(lab)


async def test_nobody_answers_a_dialled_call(pbx: Asterisk, phones: Phones, lab: Ami) -> None:
    agent = await phones.listen("agent1", reject=486)
    async with attached(Connector(pbx)) as tandem:
        call = new_id()
        args = {"agent_uri": AGENT, "user_uri": PHONE, "type": "chat"}
        await tandem.do(Command(call, "dial", call, args))
        assert (await tandem.reached(call, "ended")).cause == "hangup"
        await phones.hang_up_all()
        agent = await phones.listen("agent1", answer=0.01)
        await phones.listen("phone1", reject=486)
        call = new_id()
        await tandem.do(Command(call, "dial", call, args))
        assert (await tandem.reached(call, "ended")).cause == "hangup"
        await (await agent.incoming()).ended()
    await gone(lab)


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

    def pause(on: bool, reason: str = "Tandem") -> Command:
        args = {"agent_uri": AGENT, "paused": on, "reason": reason}
        return Command(new_id(), "pause", None, args)

    async with attached(Connector(pbx)) as tandem:
        await lab.action("QueuePause", Queue="solo", Interface="PJSIP/agent1", Paused="true",
                         Reason="lunch")  # fmt: skip
        assert (await tandem.do(pause(True))).status == "done"
        everywhere = {"support": "Tandem", "team": "Tandem", "all": "Tandem", "solo": "lunch"}
        assert await paused() == everywhere
        result = await tandem.do(pause(True, "Tandem 2"))
        assert (result.status, result.detail[:7]) == ("failed", "already")
        assert (await tandem.do(pause(False))).status == "done"
        assert await paused() == {"solo": "lunch"}
        assert (await tandem.do(pause(False, ""))).status == "done"
        assert await paused() == {}


async def test_a_new_connector_knows_the_placeholders_again(
    pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    async with attached(Connector(pbx)) as tandem:
        waiting = await tandem.queue("nobody")
        served = await tandem.queue("support")
        await tandem.reached(served, "active", agent_uri=AGENT)
        await (await agent.incoming()).hangup()
        await tandem.reached(served, "active", agent_leg=None)
        before = tandem.core.calls()
    new = Connector(pbx, max_placeholders=2)
    new.core.restore(before)
    async with attached(new) as tandem:
        after = {call.id: (call.state.value, call.agent_uri) for call in tandem.core.calls()}
        assert after == {waiting: ("queued", None), served: ("active", AGENT)}
        args = {"queue": "nobody", "type": "form", "user_uri": "web:1", "waited": 0, "wait": 9}
        result = await tandem.do(Command(new_id(), "queue", None, args))
        assert result.detail.startswith("full")
        for call in (waiting, served):
            await tandem.hang_up(call)
            await tandem.reached(call, "ended")
    await gone(lab)
