"""What only an Asterisk has: members on Local channels, phones that log in, keys in the media.

The ways a call can go on any PBX are in tests/behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.world import arrived, invitation_in, uri

if TYPE_CHECKING:
    from connectors.demo.phones import Phones
    from tests.e2e.world import Tandem, Watcher

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER = uri("caller")
ANSWER = 0.01


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
async def test_a_code_that_comes_in_the_media(
    presser: str, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    agent = await phones.listen("agent1", answer=ANSWER)
    caller = await phones.listen("caller")
    call = await watcher.place(phones, "caller", "agent1")
    await call.phone.answered()
    leg = await agent.incoming()
    await at_work.call(call.id, state="active", agent_uri=uri("agent1"), session=None)
    pressing = call.phone if presser == "caller" else leg

    await pressing.press("*23")

    session = await at_work.session(call.id, agent=uri("agent1"), type="cobrowse")
    assert session["initiator"] == ("user" if presser == "caller" else "agent")
    link = await arrived(caller, session)
    assert link.startswith(invitation_in(session["user"]["join_url"]))
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")], "cobrowse")
    await at_work.told(call.id, "code pressed", "a cobrowse call of", "end: ")


async def test_an_agent_outside_the_queue_takes_what_the_queue_gave_up(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent6", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-overflow")
    await at_work.session(call.id, agent=uri("agent6"))

    await call.phone.hangup()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent6")])
    await at_work.told(call.id, "queue: nobody answered in time in queue nobody", "serves the call")
