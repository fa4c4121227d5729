"""Calls to a telephone itself, marks of every kind, and codes pressed in a call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from connectors.simulator.script import Answer, HangUp, Hold, Press, Until
from tests.behaviour.pbx import TELEPHONES
from tests.behaviour.world import ANSWERS, BY_HAND
from tests.e2e.world import until, uri

if TYPE_CHECKING:
    from tests.behaviour.world import Tandem

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_direct_call_to_an_agent(tandem: Tandem) -> None:
    call = await tandem.place("chat-agent2", agent2=BY_HAND)
    await call.do(Until("ringing", "agent2"))
    session = await call.session(state="requested")
    assert session["agent"] is None or session["agent"]["uri"] is None

    await call.do(Answer("agent2"))
    await call.talks("agent2")
    await call.do(HangUp("agent2"))

    await call.ended("hangup", "inviting", ["agent2"], type="chat")


async def test_a_direct_call_that_nobody_answers(tandem: Tandem) -> None:
    call = await tandem.place("form-agent2", agent2=BY_HAND)
    await call.do(Until("ringing", "agent2"))
    await call.session(state="requested")

    await call.do(HangUp())

    await call.ended("abandoned", "")


async def test_the_dialplan_names_the_user(tandem: Tandem) -> None:
    call = await tandem.place("for-support", agent1=ANSWERS)
    await call.talks("agent1")

    await call.do(HangUp())

    await call.ended("hangup", "queued inviting", ["agent1"], user="sip:alice@example.org")


HEADERS = {"X-Collab-Type": "cobrowse", "X-Collab-User": "mailto:bob@example.org"}


async def test_a_trusted_trunk_names_type_and_user(tandem: Tandem) -> None:
    call = await tandem.place("header-solo", "caller3", HEADERS, agent1=ANSWERS)
    await call.talks("agent1")

    await call.do(HangUp())

    whom = "mailto:bob@example.org"
    await call.ended("hangup", "queued inviting", ["agent1"], type="cobrowse", user=whom)


VICTIMS = {
    "mail": "mailto:victim@example.org",
    "premium": "tel:+499001234567",
    "telephone": uri("caller2"),
    "line end": "mailto:victim@example.org%0d%0aBcc: other@example.org",
    "commas": "mailto:other@example.org,mailto:victim@example.org",
    "markup": '"<script>" <mailto:victim@example.org>',
}
"""Name -> whom a caller says that they are."""


@pytest.mark.parametrize("whom", VICTIMS.values(), ids=VICTIMS)
async def test_whoever_a_trusted_header_names_the_link_goes_down_the_calls_own_leg(
    whom: str, tandem: Tandem
) -> None:
    others = [phone for phone in TELEPHONES if phone != "caller3"]
    before = [tandem.pbx.texts(phone) for phone in others]
    said = [len(program.lines) for program in (tandem.server, tandem.connector)]
    headers = {"X-Collab-Type": "form", "X-Collab-User": whom}
    call = await tandem.place("header-solo", "caller3", headers, agent1=ANSWERS)
    await call.talks("agent1")
    await call.invited("caller3")

    await call.do(HangUp())

    session = await call.session(state="ended")
    assert session["user"]["uri"] in (whom, uri("caller3"))  # a name on the desk, or not even that
    assert [tandem.pbx.texts(phone) for phone in others] == before
    for program, since in zip((tandem.server, tandem.connector), said, strict=True):
        lines = "\n".join(list(program.lines)[since:])
        assert not re.search("victim|other@|script|49900", lines), lines


async def test_a_caller_who_is_not_trusted_names_nothing(tandem: Tandem) -> None:
    call = await tandem.place("header-solo", "caller", HEADERS, agent1=ANSWERS)
    await call.call(state="active", agent_uri=uri("agent1"), session=None)

    await call.do(HangUp())

    await call.ordinary("mark", "no collaboration type was given")
    await tandem.told(call.id, "trust_headers does not match")


async def test_a_call_that_is_marked_twice_is_one_session(tandem: Tandem) -> None:
    call = await tandem.place("twice-support", agent1=ANSWERS)
    await call.talks("agent1")

    await call.do(HangUp())

    await call.ended("hangup", "queued inviting", ["agent1"])


async def test_a_type_that_does_not_exist_leaves_the_call_alone(tandem: Tandem) -> None:
    call = await tandem.place("odd-support", agent1=ANSWERS)
    await call.call(state="active", agent_uri=uri("agent1"), session=None)

    await call.do(HangUp())

    await call.ordinary("mark", "'fax' is not a collaboration type")


@pytest.mark.parametrize("by", ["caller", "agent1"])
async def test_a_code_in_a_call_that_nobody_marked(by: str, tandem: Tandem) -> None:
    call = await tandem.place("agent1", agent1=ANSWERS)
    await call.do(Until("talking", "agent1"))
    await call.call(state="active", agent_uri=uri("agent1"), session=None)

    await call.do(Press(by, "*23"))
    await call.talks("agent1")
    await call.do(HangUp())

    who = "user" if by == "caller" else "agent"
    await call.ended("hangup", "inviting", ["agent1"], type="cobrowse", initiator=who)


@pytest.mark.parametrize("by", ["caller", "agent1"])
async def test_a_code_in_a_marked_call_opens_another_panel(by: str, tandem: Tandem) -> None:
    call = await tandem.place("form-solo", agent1=ANSWERS)
    await call.talks("agent1")

    await call.do(Press(by, "*24"))
    await tandem.told(call.id, "server: panel chat opened")
    await call.do(HangUp())

    await call.ended("hangup", "queued inviting", ["agent1"])


async def test_a_code_by_who_is_on_hold(tandem: Tandem) -> None:
    # Who holds is heard by Asterisk only: a FreeSWITCH takes no keys from there.
    call = await tandem.place("form-solo", agent1=ANSWERS)
    await call.talks("agent1")
    await call.do(Hold("agent1"))
    await call.call(held=True)

    await call.do(Press("caller", "*24"))
    await tandem.told(call.id, "server: panel chat opened")
    await call.do(HangUp())

    await call.ended("hangup", "queued inviting", ["agent1"])


async def test_a_code_after_the_session_was_ended_makes_a_new_one(tandem: Tandem) -> None:
    call = await tandem.place("form-agent1", agent1=ANSWERS)
    first = await call.talks("agent1")
    async with tandem.http.post(f"/v1/sessions/{first['id']}/end", json={}) as answer:
        assert answer.status == 200

    await call.do(Press("agent1", "*22"))

    async def two() -> tuple[bool, Any]:
        found = await tandem.sessions(call.id)
        call.known |= {each["id"] for each in found}
        return len(found) == 2 and found[1]["state"] == "inviting", found

    old, new = await until(two, "a second session")
    assert (old["id"], old["state"], old["reason"]) == (first["id"], "ended", "agent")
    assert (new["type"], new["initiator"], new["agent"]["uri"]) == ("form", "agent", uri("agent1"))
    assert new["user"]["join_url"] != first["user"]["join_url"]
    await call.do(HangUp())
    assert (await call.call(state="ended"))["session"] == new["id"]


async def test_an_agent_calls_a_customer_and_the_call_is_marked(tandem: Tandem) -> None:
    call = await tandem.place("form-phone1", "agent1", phone1=BY_HAND)
    await call.do(Until("ringing", "phone1"))
    await call.user_is("phone1")
    await call.session(state="requested")

    await call.do(Answer("phone1"))
    await call.talks("agent1")
    await call.do(HangUp("phone1"))

    await call.ended("hangup", "inviting", ["agent1"], initiator="agent")


@pytest.mark.parametrize("by", ["agent1", "phone1"])
async def test_a_code_in_a_call_that_the_agent_placed(by: str, tandem: Tandem) -> None:
    call = await tandem.place("phone1", "agent1", phone1=ANSWERS)
    await call.do(Until("talking", "phone1"))
    await call.user_is("phone1")
    await call.call(state="active", agent_uri=uri("agent1"), session=None)

    await call.do(Press(by, "*22"))
    await call.talks("agent1")
    await call.do(HangUp("agent1"))

    who = "user" if by == "phone1" else "agent"
    await call.ended("hangup", "inviting", ["agent1"], initiator=who)


@pytest.mark.parametrize("by", ["agent1", "caller"])
async def test_hold_and_resume(by: str, tandem: Tandem) -> None:
    call = await tandem.place("form-solo", agent1=ANSWERS)
    await call.talks("agent1")

    await call.do(Hold(by))
    await call.call(held=True, state="active")
    await call.do(Hold(by, on=False))
    await call.call(held=False, state="active")
    await call.do(HangUp())

    await call.ended("hangup", "queued inviting", ["agent1"])
