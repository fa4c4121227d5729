"""Connector, server and Asterisk die during calls: nothing is lost, nothing happens twice."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.world import arrived, invitation_in, uri
from tests.realtime.yclient import YClient

if TYPE_CHECKING:
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Phone, Phones
    from tests.e2e.world import Tandem, Watcher

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER = uri("caller")
ANSWER = 0.01


def links(phone: Phone, session: dict[str, Any]) -> int:
    """How many SIP MESSAGEs with a link of this session came to a telephone, repeats aside."""
    url = invitation_in(session["user"]["join_url"])
    came = {
        m.call_id for m in phone.heard.messages if m.method == "MESSAGE" and url.encode() in m.raw
    }
    return len(came)


async def test_a_connector_killed_during_a_call_takes_it_up_again(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    session = await at_work.session(call.id, agent=uri("agent1"))
    await arrived(caller, session)
    await at_work.told(call.id, "message: ", "sent")

    await at_work.connector.kill()
    await at_work.connector.start()

    again = await at_work.session(call.id, agent=uri("agent1"))
    assert again["id"] == session["id"]
    assert again["user"]["join_url"] == session["user"]["join_url"]
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])
    assert links(caller, session) == 1


async def test_a_call_answered_while_the_connector_was_dead_is_bound_once_on_its_return(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    agent = await phones.listen("agent1")
    call = await watcher.place(phones, "caller", "form-solo")
    leg = await agent.incoming()
    await at_work.session(call.id, state="queued")

    await at_work.connector.kill()
    await leg.pick_up()
    await watcher.in_bridge("agent1", call.since)
    await at_work.connector.start()

    session = await at_work.session(call.id, agent=uri("agent1"))
    await arrived(caller, session)
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])
    assert links(caller, session) == 1
    await at_work.told(call.id, "queue: ", f"{uri('agent1')} serves the call", "end: ")


async def test_a_call_that_came_and_was_answered_while_the_connector_was_dead(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    await phones.listen("agent3", answer=ANSWER)
    await at_work.connector.kill()
    call = await watcher.place(phones, "caller", "for-local")
    await watcher.in_bridge("agent3", call.since)

    await at_work.connector.start()

    session = await at_work.session(call.id, agent=uri("agent3"))
    await arrived(caller, session)
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", "sip:alice@example.org", [uri("agent3")])
    assert links(caller, session) == 1
    await at_work.told(call.id, "collaboration 'form' mark found", "serves the call", "end: ")


async def test_calls_that_end_or_are_transferred_while_the_connector_is_dead(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    await phones.listen("agent2", answer=ANSWER)
    ends = await watcher.place(phones, "caller", "form-solo")
    await at_work.session(ends.id, agent=uri("agent1"))
    moves = await watcher.place(phones, "caller2", "form-agent2")
    await at_work.session(moves.id, agent=uri("agent2"))
    await phones.listen("agent3", answer=ANSWER)

    await at_work.connector.kill()
    await ends.phone.hangup()
    await watcher.gone(ends)
    await watcher.redirect(moves, "agent3")
    await watcher.in_bridge("agent3", moves.since)
    await at_work.connector.start()

    await at_work.ended(ends.id, "lost", CALLER, [uri("agent1")])
    await at_work.session(moves.id, agent=uri("agent3"))
    await moves.phone.hangup()
    await at_work.ended(moves.id, "hangup", uri("caller2"), [uri("agent2"), uri("agent3")])
    await at_work.told(ends.id, "end: ", "lost")


async def test_a_server_killed_during_a_call_loses_no_line_and_sends_no_message_twice(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    await phones.listen("agent1", answer=ANSWER)
    await phones.listen("agent2", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    session = await at_work.session(call.id, agent=uri("agent1"))
    link = await arrived(caller, session)
    await at_work.told(call.id, "message: ", "sent")
    status, joined = await at_work.post("/v1/join", {"token": link.partition("#")[2]})
    assert status == 200
    sync = joined["sync"]
    async with YClient(sync["url"], sync["room"], sync["token"]) as user:
        await user.until_synced()
        await user.say("before the server died")
        await user.until_stored()

        # It dies; meanwhile the call goes to another agent, and a second call comes in.
        await at_work.server.kill()
        assert await user.until_closed() == 1006
    await watcher.redirect(call, "agent2")
    await watcher.in_bridge("agent2", call.since)
    waiting = await watcher.place(phones, "caller2", "form-nobody")
    await at_work.server.start()

    await at_work.session(call.id, agent=uri("agent2"))
    await at_work.session(waiting.id, state="queued")
    async with YClient(sync["url"], sync["room"], sync["token"]) as user:
        await user.until(lambda: user.lines == ["before the server died"])
    await call.phone.hangup()
    await waiting.phone.cancel()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1"), uri("agent2")])
    await at_work.ended(waiting.id, "abandoned", uri("caller2"), [])
    assert links(caller, session) == 1


async def test_a_call_that_comes_and_goes_while_the_server_is_dead_is_on_record(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    await at_work.server.kill()
    call = await watcher.place(phones, "caller", "form-support")
    await watcher.in_bridge("agent1", call.since)
    await call.phone.hangup()
    await watcher.gone(call)

    await at_work.server.start()

    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])
    await at_work.told(call.id, "wire: ", "mark: ", f"agent: {uri('agent1')} serves", "end: ")


async def test_a_server_that_stands_still_misses_nothing(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    await phones.listen("agent1", answer=ANSWER)
    await phones.listen("agent2", answer=ANSWER)
    stays = await watcher.place(phones, "caller", "form-solo")
    session = await at_work.session(stays.id, agent=uri("agent1"))
    await arrived(caller, session)

    at_work.server.freeze()
    try:
        comes = await watcher.place(phones, "caller2", "chat-agent2")
        await watcher.in_bridge("agent2", comes.since)
        await stays.phone.hangup()
        await watcher.gone(stays)
    finally:
        at_work.server.thaw()

    await at_work.ended(stays.id, "hangup", CALLER, [uri("agent1")])
    await at_work.session(comes.id, agent=uri("agent2"), state="inviting")
    await comes.phone.hangup()
    await at_work.ended(comes.id, "hangup", uri("caller2"), [uri("agent2")], "chat")
    assert links(caller, session) == 1


async def test_an_asterisk_that_stands_still_is_noticed_and_read_again(
    at_work: Tandem, pbx: Asterisk, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    session = await at_work.session(call.id, agent=uri("agent1"))
    said = len(at_work.connector.lines)
    assert pbx.process is not None

    os.kill(pbx.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        await at_work.connector.line("connecting again", since=said)
        noticed = time.monotonic() - began
    finally:
        os.kill(pbx.process.pid, signal.SIGCONT)

    await at_work.connector.line(", reporting to", since=said)
    assert noticed < 10.5, f"noticed after {noticed:.1f} s"
    again = await at_work.session(call.id, agent=uri("agent1"))
    assert (again["id"], again["state"]) == (session["id"], "inviting")
    await call.phone.hangup()
    await at_work.ended(call.id, "hangup", CALLER, [uri("agent1")])


@pytest.mark.parametrize("how", ["told", "killed"])
async def test_asterisk_restarted_during_a_call_loses_it_and_serves_the_next(
    how: str, at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    caller = await phones.listen("caller")
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))
    waiting = await watcher.place(phones, "caller2", "form-nobody")
    await at_work.session(waiting.id, state="queued")

    await watcher.restart(at_work, kill=how == "killed")

    ended = await at_work.ended(call.id, "lost", CALLER, [uri("agent1")])
    await at_work.ended(waiting.id, "lost", uri("caller2"), [])
    await at_work.told(call.id, "serves the call", "lost")
    following = await watcher.place(phones, "caller", "form-support")
    session = await at_work.session(following.id, agent=uri("agent1"))
    assert session["id"] != ended["id"]
    await arrived(caller, session)
    await following.phone.hangup()
    await at_work.ended(following.id, "hangup", CALLER, [uri("agent1")])


async def test_all_three_die_at_once(
    at_work: Tandem, pbx: Asterisk, watcher: Watcher, phones: Phones
) -> None:
    await phones.listen("agent1", answer=ANSWER)
    call = await watcher.place(phones, "caller", "form-support")
    await at_work.session(call.id, agent=uri("agent1"))

    await at_work.server.kill()
    await at_work.connector.kill()
    await pbx.kill()
    await pbx.start()
    await at_work.connector.start()
    await at_work.server.start()

    await at_work.ended(call.id, "lost", CALLER, [uri("agent1")])
    assert (await at_work.get("/v1/calls?pbx=lab"))["items"] == []
