"""A hundred calls at five a second on ten agents: each has one session, and it is the right one."""

from __future__ import annotations

import base64
import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from connectors.demo.phones import LoadCall
from tests.e2e.world import until, uri

if TYPE_CHECKING:
    from connectors.demo.ami import Ami, Event
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Phone, Phones
    from tests.e2e.world import Tandem

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLS = 100
RATE = 5
"""Calls a second."""
AGENTS = [f"agent{number}" for number in range(1, 11)]


def plan(number: int) -> LoadCall:
    """What call `number` dials, who calls, how long they talk."""
    tens = number // 10 % 10
    dialled = {
        # agent1 to agent5 by their phones, agent6 to agent10 by Local channels
        **dict.fromkeys(range(5), "form-team"),
        5: "chat-local" if tens % 2 else "form-team",
        6: "form-support",
        7: f"form-agent{tens + 1}",
        8: f"cobrowse-agent{tens % 5 + 6}",
        9: "chat-team",
    }[number % 10]
    return LoadCall(dialled, f"+31205550{number:03}", 0.5 + 0.1 * (number % 7))


async def test_a_hundred_calls_at_five_a_second(
    at_work: Tandem, pbx: Asterisk, phones: Phones
) -> None:
    telephone = await phones.listen("trunk")
    for agent in AGENTS:
        await phones.listen(agent, answer=0.2)
    calls = [plan(number) for number in range(CALLS)]
    planned = {call.caller: call.extension for call in calls}
    assert len(planned) == CALLS
    async with pbx.ami("tandem") as ami:
        await ami.event("FullyBooted")
        began = time.monotonic()
        load = await phones.load(calls, RATE)
        await begun(ami, CALLS)
        took = time.monotonic() - began
        await load.done(within=60)
        await ami.wait(lambda _: sum(map(_ends, ami.messages)) == CALLS)
        seen = Seen(ami)
    assert took < 1.2 * CALLS / RATE, f"{CALLS} calls were placed in {took:.0f} s"

    async def look() -> tuple[bool, Any]:
        found = await at_work.sessions()
        return Counter(s["state"] for s in found) == {"ended": CALLS}, found

    sessions = await until(look, f"{CALLS} sessions, all ended", again=0.2)
    links = links_at(telephone, {session["id"] for session in sessions})
    assert links == {session["id"]: 1 for session in sessions}

    assert len(seen.users) == CALLS
    assert sorted(s["call"]["id"] for s in sessions) == sorted(seen.users)
    for session in sessions:
        call = session["call"]["id"]
        user = seen.users[call]
        kind, _, called = planned[user].partition("-")
        agent = seen.agent_of(call)
        assert session["user"]["uri"] == uri(user), session
        assert session["type"] == kind, session
        assert session["reason"] == "hangup", session
        assert session["agent"]["uri"] == uri(agent), session
        assert await at_work.agents(session["id"]) == [uri(agent)], session
        assert called in ("team", "local", "support", agent)
    # The mix was one: every agent had calls, and by every way there is.
    assert {seen.agent_of(call) for call in seen.users} == set(AGENTS)
    assert seen.by_local > 10
    assert (await at_work.get("/v1/calls?pbx=lab"))["items"] == []


async def test_calls_stay_right_while_connector_and_server_are_killed(
    at_work: Tandem, pbx: Asterisk, phones: Phones
) -> None:
    before = {session["id"] for session in await at_work.sessions()}
    telephone = await phones.listen("trunk")
    for agent in AGENTS:
        await phones.listen(agent, answer=0.2)
    calls = [
        LoadCall("form-team" if n % 2 else f"form-agent{n % 10 + 1}", f"+31205560{n:03}", 4.0)
        for n in range(30)
    ]
    async with pbx.ami("tandem") as ami:
        await ami.event("FullyBooted")
        load = await phones.load(calls, RATE)
        for number, program in ((6, at_work.connector), (16, at_work.server),
                                (26, at_work.connector)):  # fmt: skip
            await begun(ami, number)
            await program.kill()
            await program.start()
        await load.done(within=60)
        await ami.wait(lambda _: sum(map(_ends, ami.messages)) == len(calls))
        seen = Seen(ami)

    async def look() -> tuple[bool, Any]:
        found = [s for s in await at_work.sessions() if s["id"] not in before]
        return Counter(s["state"] for s in found) == {"ended": len(calls)}, found

    sessions = await until(look, "one session for each call, all ended", again=0.2)

    # They talk longer than any outage lasts: each was seen, so that each has its agent.
    assert sorted(s["call"]["id"] for s in sessions) == sorted(seen.users)
    for session in sessions:
        call = session["call"]["id"]
        assert session["user"]["uri"] == uri(seen.users[call]), session
        assert session["agent"]["uri"] == uri(seen.agent_of(call)), session
        assert await at_work.agents(session["id"]) == [uri(seen.agent_of(call))], session
        # Who hung up while the connector was dead is not known to have hung up.
        assert session["reason"] in ("hangup", "lost"), session
    assert Counter(s["reason"] for s in sessions)["hangup"] > len(calls) / 2
    assert (await at_work.get("/v1/calls?pbx=lab"))["items"] == []
    # Nobody got a link twice, and at most a message that was on its way in a death is missing.
    links = links_at(telephone, {session["id"] for session in sessions})
    assert max(links.values()) == 1
    assert len(links) >= len(calls) - 3, f"{len(links)} links for {len(calls)} calls"


def links_at(telephone: Phone, sessions: set[str]) -> Counter[str]:
    """How often a link of each session came; a resent SIP request has the same Call-ID.

    A join link names its session, signed and in the open; Asterisk may still be sending those of
    calls before.
    """
    sent = {m.call_id: m.body for m in telephone.heard.messages if m.method == "MESSAGE"}
    tokens = [body.rpartition(b"/join#")[2].partition(b".")[0] for body in sent.values()]
    named = [json.loads(base64.urlsafe_b64decode(token + b"==")) for token in tokens]
    return Counter(session for _, session, *_ in named if session in sessions)


class Seen:
    """What an AMI connection of our own says happened, read without any of Tandem's code."""

    def __init__(self, ami: Ami) -> None:
        self.users: dict[str, str] = {}
        """Uniqueid of a caller's channel -> the caller's number."""
        self.by_local = 0
        self._queue: dict[str, str] = {}
        self._talked: dict[str, set[str]] = {}
        inside: dict[str, dict[str, str]] = {}
        for message in ami.messages:
            event = message.get("Event")
            if event == "Newchannel" and _trunk(message):
                self.users[message["Uniqueid"]] = message["CallerIDNum"]
            elif event == "AgentConnect":
                interface = message["Interface"]
                self.by_local += interface.startswith("Local/")
                self._queue[message["Uniqueid"]] = _agent(interface)
            elif event == "BridgeEnter":
                bridge = inside.setdefault(message["BridgeUniqueid"], {})
                bridge[message["Uniqueid"]] = message["Channel"]
                for one in bridge:
                    self._talked.setdefault(one, set()).update(
                        _agent(channel) for channel in bridge.values() if _agent(channel)
                    )
            elif event == "BridgeLeave":
                inside.get(message["BridgeUniqueid"], {}).pop(message["Uniqueid"], None)

    def agent_of(self, call: str) -> str:
        """The one agent whom AgentConnect names, or who was in the caller's bridge."""
        (talked,) = self._talked[call]
        assert self._queue.get(call, talked) == talked
        return talked


async def begun(ami: Ami, calls: int) -> None:
    """Wait until so many calls have reached the PBX."""
    await ami.wait(lambda _: sum(map(_starts, ami.messages)) >= calls, within=60)


def _trunk(message: Event) -> bool:
    return message.get("Channel", "").startswith("PJSIP/trunk-")


def _starts(message: Event) -> bool:
    return message.get("Event") == "Newchannel" and _trunk(message)


def _ends(message: Event) -> bool:
    return message.get("Event") == "Hangup" and _trunk(message)


def _agent(channel: str) -> str:
    found = re.match(r"(?:PJSIP|Local)/(agent\d+)[-@]?", channel)
    return found[1] if found else ""
