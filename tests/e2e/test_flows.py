"""Every way a call can go: one session each, with the right people, the right end, and a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.world import arrived, until, uri

if TYPE_CHECKING:
    from connectors.demo.phones import Phones
    from tests.e2e.world import Tandem, Watcher

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER = uri("caller")
ANSWER = 0.01


async def test_a_queued_call_is_answered_and_the_caller_hangs_up(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    session = await at_work.session(call.id, agent=uri("agent1"), state="inviting")
    assert await arrived(caller, session) == session["user"]["join_url"]

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])
    await at_work.told(
        call.id, "wire: ", "mark: ", "queue: ", "agent: ", "server: ", "invitation: ",
        "message to", "sent", "end: "
    )  # fmt: skip


async def test_the_agent_hangs_up(at_work: Tandem, watcher: Watcher, phones: Phones) -> None:
    agent = await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))

    await (await agent.incoming()).hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])


async def test_a_direct_call_is_marked_too(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    await phones.listen("agent6", answer=ANSWER)
    call = await watcher.place(phones, "caller", "chat-agent6")
    session = await at_work.session(call.id, agent=uri("agent6"), type="chat")
    assert await arrived(caller, session) == session["user"]["join_url"]

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent6")], "chat")
    await at_work.told(call.id, f"agent: {uri('agent6')} serves the call", "end: ")


async def test_the_dialplan_names_the_user(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "for-support")
    await at_work.session(call.id, agent=uri("agent1"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", "sip:alice@example.org", [uri("agent1")])


async def test_a_trusted_trunk_names_type_and_user(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    headers = {"X-Collab-Type": "cobrowse", "X-Collab-User": "mailto:bob@example.org"}
    call = await watcher.place(phones, "trunk", "header-support", headers=headers)
    await at_work.session(call.id, agent=uri("agent1"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", "mailto:bob@example.org", [uri("agent1")], "cobrowse")


async def test_a_caller_who_is_not_trusted_names_nothing_and_the_trace_says_so(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    headers = {"X-Collab-Type": "cobrowse", "X-Collab-User": "mailto:bob@example.org"}
    call = await watcher.place(phones, "caller", "header-support", headers=headers)
    await at_work.call(call.id, state="active")

    await call.phone.hangup()

    found = await at_work.call(call.id, state="ended")
    assert found["session"] is None
    assert found["stopped"]["stage"] == "mark"
    await at_work.told(call.id, "trust_headers does not match PJSIP/caller")
    assert await at_work.sessions(call.id) == []


async def test_a_type_that_does_not_exist_leaves_the_call_alone(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "odd-support")
    await at_work.call(call.id, state="active", agent_uri=uri("agent1"))
    assert call.phone.is_up

    await call.phone.hangup()

    found = await at_work.call(call.id, state="ended")
    assert (found["session"], found["stopped"]["stage"]) == (None, "mark")
    assert "'fax' is not a collaboration type" in found["stopped"]["reason"]


@pytest.mark.parametrize(("queue", "agent"), [("local", "agent3"), ("plain", "agent4")])
async def test_a_member_on_a_local_channel_is_the_phone_that_answers(
    queue: str, agent: str, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen(agent, answer=ANSWER)
    call = await watcher.place(phones, "caller", f"form-{queue}")
    await at_work.session(call.id, agent=uri(agent))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri(agent)])


async def test_one_agent_on_two_telephones_is_one_agent(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1b", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-two")
    await at_work.session(call.id, agent=uri("agent1"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])


async def test_all_phones_ring_and_one_answers(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    first = await phones.listen("agent1")
    await phones.listen("agent2", answer=0.5)
    call = await watcher.place(phones, "caller", "form-all")
    await (await first.incoming()).ended()
    await at_work.session(call.id, agent=uri("agent2"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent2")])


@pytest.mark.parametrize("restart", [False, True], ids=["logged in", "kept over a restart"])
async def test_a_member_who_logged_in_by_telephone(
    restart: bool, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    # phone1 is no agent to agent_endpoints: the queue alone says so.
    since = watcher.now
    await phones.call("phone1", "login")
    await watcher.ami.event("QueueMemberAdded", start=since, Interface="PJSIP/phone1")
    if restart:
        await watcher.restart(at_work)
    await phones.listen("phone1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-dynamic")
    await at_work.session(call.id, agent=uri("phone1"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("phone1")])
    since = watcher.now
    await phones.call("phone1", "logout")
    await watcher.ami.event("QueueMemberRemoved", start=since, Interface="PJSIP/phone1")


@pytest.mark.parametrize("presser", ["caller", "agent1"])
@pytest.mark.parametrize("how", ["info", "rfc4733"])
async def test_a_code_in_a_standing_call_that_nobody_marked(
    presser: str, how: str, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    agent = await phones.listen("agent1", answer=ANSWER)
    caller = await phones.listen("caller")
    call = await watcher.place(phones, "caller", "agent1")
    await call.phone.answered()
    leg = await agent.incoming()
    await at_work.call(call.id, state="active", agent_uri=uri("agent1"), session=None)
    pressing = call.phone if presser == "caller" else leg

    await (pressing.press_info("*23") if how == "info" else pressing.press("*23"))

    session = await at_work.session(call.id, agent=uri("agent1"), type="cobrowse")
    assert session["initiator"] == ("user" if presser == "caller" else "agent")
    assert await arrived(caller, session) == session["user"]["join_url"]
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")], "cobrowse")
    await at_work.told(call.id, "code pressed", "a cobrowse call of", "end: ")


@pytest.mark.parametrize("presser", ["agent1", "phone1"])
async def test_a_code_in_a_call_that_the_agent_placed(
    presser: str, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    telephone = await phones.listen("phone1", answer=ANSWER)
    call = await watcher.place(phones, "agent1", "phone1")
    await call.phone.answered()
    leg = await telephone.incoming()
    dialled = await watcher.ami.event("BridgeEnter", start=call.since)
    assert dialled["Channel"].startswith("PJSIP/phone1-")
    user = dialled["Uniqueid"]
    await at_work.call(user, state="active", agent_uri=uri("agent1"))

    await (call.phone if presser == "agent1" else leg).press_info("*22")

    session = await at_work.session(user, agent=uri("agent1"), type="form")
    assert session["initiator"] == ("agent" if presser == "agent1" else "user")
    assert await arrived(telephone, session) == session["user"]["join_url"]
    await call.phone.hangup()
    await at_work.ended(user, "hangup", uri("phone1"), [uri("agent1")])


async def test_a_second_code_opens_a_panel_and_no_second_session(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    agent = await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))

    await (await agent.incoming()).press_info("*24")

    await at_work.told(call.id, "server: panel chat opened")
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])


async def test_a_code_after_the_session_was_ended_makes_a_new_one_of_the_same_call(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    agent = await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    first = await at_work.session(call.id, agent=uri("agent1"))
    await arrived(caller, first)
    async with at_work.http.post(f"/v1/sessions/{first['id']}/end", json={}) as answer:
        assert answer.status == 200

    await (await agent.incoming()).press_info("*22")

    async def two() -> tuple[bool, Any]:
        found = await at_work.sessions(call.id)
        return len(found) == 2 and found[1]["agent"] is not None, found

    old, new = await until(two, "a second session")
    assert (old["id"], old["state"], old["reason"]) == (first["id"], "ended", "agent")
    assert (new["type"], new["initiator"], new["agent"]["uri"]) == ("form", "agent", uri("agent1"))
    assert await arrived(caller, new) == new["user"]["join_url"]
    await call.phone.hangup()
    assert (await at_work.call(call.id, state="ended"))["session"] == new["id"]


async def test_a_blind_transfer_by_refer(at_work: Tandem, watcher: Watcher, phones: Phones) -> None:
    first = await phones.listen("agent1", answer=ANSWER)
    await phones.listen("agent2", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))
    leg = await first.incoming()

    await leg.transfer("agent2")

    await at_work.session(call.id, agent=uri("agent2"))
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1"), uri("agent2")])
    await at_work.told(call.id, f"agent {uri('agent1')} -> {uri('agent2')}", "end: ")


async def test_an_attended_transfer_by_refer_and_replaces(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    before = await at_work.sessions()
    first = await phones.listen("agent1", answer=ANSWER)
    second = await phones.listen("agent2", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))
    leg = await first.incoming()
    await leg.hold()
    await at_work.call(call.id, held=True)
    consultation = await phones.call("agent1", "agent2")
    await consultation.answered()

    await leg.transfer_to(consultation)

    await at_work.session(call.id, agent=uri("agent2"))
    await at_work.call(call.id, held=False)
    await (await second.incoming()).hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1"), uri("agent2")])
    assert len(await at_work.sessions()) == len(before) + 1


async def test_a_redirect_by_the_manager_interface(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    await phones.listen("agent2", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))

    await watcher.redirect(call, "agent2")

    await at_work.session(call.id, agent=uri("agent2"))
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1"), uri("agent2")])


async def test_a_transfer_to_a_queue_suspends_until_the_next_agent_answers(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))

    await watcher.redirect(call, "q-local")

    await at_work.session(call.id, state="suspended")
    await phones.listen("agent3", answer=ANSWER)
    await at_work.session(call.id, agent=uri("agent3"), state="inviting")
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1"), uri("agent3")])


async def test_a_caller_who_gives_up_in_the_queue(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    call = await watcher.place(phones, "caller", "form-nobody")
    await at_work.session(call.id, state="queued")

    await call.phone.cancel()

    await at_work.ended(call.id, "abandoned", CALLER, [])
    found = await at_work.call(call.id, cause="abandoned")
    assert found["stopped"]["stage"] == "queue"


async def test_a_caller_who_gives_up_while_an_agent_rings(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    agent = await phones.listen("agent1")
    call = await watcher.place(phones, "caller", "form-solo")
    await agent.incoming()
    await at_work.session(call.id, state="queued")

    await call.phone.cancel()

    await at_work.ended(call.id, "abandoned", CALLER, [])


async def test_a_queue_that_gives_up(at_work: Tandem, watcher: Watcher, phones: Phones) -> None:
    call = await watcher.place(phones, "caller", "form-short")
    await at_work.session(call.id, state="queued")

    await watcher.gone(call)

    await at_work.ended(call.id, "queue_timeout", CALLER, [])
    found = await at_work.call(call.id, cause="queue_timeout")
    assert found["stopped"]["stage"] == "queue"


async def test_an_agent_outside_the_queue_takes_what_the_queue_gave_up(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent6", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-overflow")
    await at_work.session(call.id, agent=uri("agent6"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent6")])
    await at_work.told(call.id, "queue: nobody answered in time in queue nobody", "serves the call")


async def test_an_agent_who_does_not_answer_and_the_next_who_does(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1")
    await phones.listen("agent2", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent2"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent2")])
    await at_work.told(
        call.id, "rings Agent One", "PJSIP/agent1 did not take the call", "rings Agent Two",
        f"{uri('agent2')} serves the call",
    )  # fmt: skip


async def test_an_ordinary_call_gets_no_session_and_a_trace_that_says_why(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "q-support")
    await at_work.call(call.id, state="active", agent_uri=uri("agent1"))

    await call.phone.hangup()

    found = await at_work.call(call.id, state="ended")
    assert found["session"] is None
    assert found["stopped"]["stage"] == "mark"
    assert "Gosub(collab,request" in found["stopped"]["reason"]
    assert await at_work.sessions(call.id) == []
