"""Every recorded attack, from SIP to the server: no wrong session, no forged trace."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from connectors.marks import ANONYMOUS
from connectors.model import COLLAB_TYPES
from tests.e2e.world import Tandem, until, uri
from tests.lab import attacks
from tests.lab.test_attacks import UNPARSED
from tests.server.doubles import Gateway, Mailbox, gateway, mail_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Phones
    from tests.e2e.world import Placed, Watcher

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 5
STAGES = {"wire", "mark", "queue", "agent", "outbox", "server", "invitation", "message", "end"}


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[Gateway, Mailbox]]:
    """A gateway for SMS and a mail server, which write down what comes."""
    with gateway() as sms, mail_server() as mail:
        yield sms, mail


INVITE = """
[server.invite]
order = ["sms", "mail", "page", "message"]
allow = ['.*']
patience = 5
[server.invite.http.sms]
url = "{url}"
body = {{ to = "{{number}}", text = "{{text}}" }}
[server.invite.smtp]
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "desk@example.org"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trusting(
    pbx: Asterisk,
    outside: tuple[Gateway, Mailbox],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Tandem]:
    """A second Tandem beside the same Asterisk, which takes the hostile endpoint's word, and may
    send anything to anybody."""
    folder = tmp_path_factory.mktemp("trusting")
    sms, mail = outside
    more = INVITE.format(url=sms.url, port=mail.port)
    async with Tandem(pbx, folder, trust=(r"PJSIP/(trunk|evil)",), more=more) as tandem:
        yield tandem


@dataclass(frozen=True)
class Attack:
    """One hostile call."""

    name: str
    extension: str
    who: str = "evil"
    lines: bytes = b""
    display: bytes = b""


def by_header(extension: str) -> list[Attack]:
    return [
        Attack(name, extension, lines=b"X-Collab-Type: " + value + b"\r\nX-Collab-User: " + value)
        for name, value in attacks.HEADERS.items()
    ]


async def attack(
    all_of_them: list[Attack], watcher: Watcher, phones: Phones, *tandems: Tandem
) -> dict[str, tuple[Attack, Placed, str]]:
    """Place the calls, a few at once; each talks to an agent and is ended by the manager.

    Gives call id -> the attack, the call and the agent who had it, as our own AMI connection saw.
    """
    for number in range(1, 11):
        await phones.listen(f"agent{number}", answer=0.01)
    slots, placing = asyncio.Semaphore(AT_ONCE), asyncio.Lock()
    done: dict[str, tuple[Attack, Placed, str]] = {}

    async def one(each: Attack) -> None:
        async with slots:
            async with placing:  # so that the next channel of that telephone is this call's
                call = await watcher.place(
                    phones, each.who, each.extension, lines=each.lines, display=each.display
                )
            connected = await watcher.ami.event(
                "AgentConnect", start=call.since, Channel=call.channel
            )
            agent = connected["MemberName"].replace("Agent ", "agent")
            for tandem in tandems:
                await tandem.call(call.id, agent_uri=uri(agent))
            # By AMI, not by BYE: some of these From headers PJSIP reads once and never again.
            await watcher.ami.action("Hangup", Channel=call.channel)
            await watcher.gone(call)
            done[call.id] = (each, call, agent)

    await asyncio.gather(*map(one, all_of_them))
    return done


async def sessions_of(tandem: Tandem, calls: set[str]) -> dict[str, dict[str, Any]]:
    """The sessions made for these calls, once all calls are over; no other may have come."""

    async def look() -> tuple[bool, Any]:
        found = await tandem.all("/v1/calls?pbx=lab&all=1&limit=200")
        ended = {call["id"] for call in found if call["state"] == "ended"}
        return calls <= ended, calls - ended

    await until(look, "all calls are over", again=0.2)
    standing = await tandem.all("/v1/calls?pbx=lab")
    assert standing == []
    sessions = [s for s in await tandem.sessions() if s["call"]["id"] in calls]
    assert max(Counter(s["call"]["id"] for s in sessions).values(), default=1) == 1
    return {session["call"]["id"]: session for session in sessions}


async def check_trace(tandem: Tandem, call: Placed, agent: str) -> None:
    """The trace has nobody in it but the two, and not a character that is not printed."""
    for item in (await tandem.trace(call.id))["items"]:
        assert item["stage"] in STAGES, item
        assert item["text"].isprintable(), item
        if "serves the call" in item["text"]:
            assert item["text"].startswith(f"{uri(agent)} serves the call on "), item
        # What a caller said stands in quotes, or not at all.
        outside = "".join(item["text"].replace("caller's", "").split("'")[::2])
        assert "forged" not in outside or "refused as forged" in outside, item


async def test_headers_of_a_caller_who_is_not_trusted_change_nothing(
    at_work: Tandem, trusting: Tandem, watcher: Watcher, phones: Phones
) -> None:
    calls = await attack(
        by_header("form-team") + by_header("header-team"), watcher, phones, at_work, trusting
    )
    believing = await sessions_of(trusting, set(calls))
    sessions = await sessions_of(at_work, set(calls))

    for call, (each, placed, agent) in calls.items():
        await check_trace(at_work, placed, agent)
        await check_trace(trusting, placed, agent)
        believed = believing.get(call)
        if each.extension == "header-team":
            assert call not in sessions, each
            assert believed is None, (each, believed)  # none of them is a type
            continue
        for session in (sessions[call], believed):
            assert session is not None, each
            assert session["type"] == "form", each
            assert session["agent"]["uri"] == uri(agent), each
            assert session["user"]["uri"] == uri("evil"), each
            assert session["reason"] == "hangup", each


VICTIMS = {
    "mail": b"mailto:victim@example.org",
    "two": b"mailto:victim@example.org,other@example.org",
    "line": b"mailto:victim@example.org%0d%0aBcc: other@example.org",
    "premium": b"tel:+499001234567",
    "sip": b"sip:caller@pbx.example.org",
    "several": b"mailto:victim@example.org\r\nX-Collab-User: mailto:other@example.org"
    b"\r\nX-Collab-Type: video",
    "markup": b'"><script>alert(1)</script> <mailto:victim@example.org>',
}
"""Name -> whom X-Collab-User says the invitation is for."""


async def test_an_address_in_a_header_that_is_trusted_reaches_nobody(
    trusting: Tandem, outside: tuple[Gateway, Mailbox], watcher: Watcher, phones: Phones
) -> None:
    victim = await phones.listen("caller")
    lines = {n: b"X-Collab-Type: form\r\nX-Collab-User: " + uri for n, uri in VICTIMS.items()}
    hostile = [Attack(name, "header-team", lines=each) for name, each in lines.items()]
    calls = await attack(hostile, watcher, phones, trusting)
    sessions = await sessions_of(trusting, set(calls))

    believed = {session["user"]["uri"] for session in sessions.values()}
    assert {"mailto:victim@example.org", "tel:+499001234567"} <= believed
    ids = {session["id"] for session in sessions.values()}
    assert not {name for text in victim.texts for name in named(text)} & ids
    # What an API client gives is sent, after whatever was due before.
    body = {"type": "form", "user_uri": "tel:+4930123456", "agent_uri": uri("agent1")}
    async with trusting.http.post("/v1/sessions", json=body) as answer:
        assert answer.status == 201, await answer.text()
    sms, mail = outside
    assert await asyncio.to_thread(sms.came.wait, 20)
    assert [asked.json["to"] for asked in sms.asked] == ["+4930123456"]
    assert (mail.came, mail.tries) == ([], 0)
    said = [*trusting.connector.lines, *trusting.server.lines]
    assert said
    assert not [line for line in said if re.search("victim|premium|script|forged|4990", line)]


def named(text: str) -> set[str]:
    """The sessions of the join links in a message, which name them signed and in the open."""
    tokens = re.findall(r"/join#([\w-]+)", text)
    return {json.loads(base64.urlsafe_b64decode(token + "=="))[1] for token in tokens}


async def test_a_careless_dialplan_makes_no_session_for_somebody_else(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    calls = await attack(by_header("raw-team"), watcher, phones, at_work)
    sessions = await sessions_of(at_work, set(calls))

    for call, (each, placed, agent) in calls.items():
        await check_trace(at_work, placed, agent)
        session = sessions.get(call)
        if session is not None:
            assert session["type"] in COLLAB_TYPES, each
            assert session["user"]["uri"] == uri("evil"), each
            assert session["agent"]["uri"] == uri(agent), each


async def test_a_display_name_changes_nothing(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    names = {name: value for name, value in attacks.NAMES.items() if name not in UNPARSED}
    calls = await attack(
        [Attack(name, "form-team", display=value) for name, value in names.items()],
        watcher, phones, at_work,
    )  # fmt: skip
    sessions = await sessions_of(at_work, set(calls))

    assert len(sessions) == len(names)
    for call, (each, placed, agent) in calls.items():
        await check_trace(at_work, placed, agent)
        assert sessions[call]["type"] == "form", each
        assert sessions[call]["user"]["uri"] == uri("evil"), each
        assert sessions[call]["agent"]["uri"] == uri(agent), each


async def test_a_number_with_line_ends_in_it_harms_no_call_but_its_own(
    at_work: Tandem, watcher: Watcher, phones: Phones
) -> None:
    """A trusted trunk passes on a number that Asterisk decodes into its events."""
    await phones.listen("agent6", answer=0.01)
    victim = await watcher.place(phones, "caller", "form-agent6")
    before = await at_work.session(victim.id, agent=uri("agent6"))
    said = len(at_work.connector.lines)
    # Each fits the 80 bytes that Asterisk keeps of a number; a colon must be encoded to get in.
    end = "%0d%0a%0d%0a"
    forged = {
        "ends it": f"1{end}Event%3a%20Hangup%0d%0aPrivilege%3a%20call,all"
        f"%0d%0aUniqueid%3a%20{victim.id}{end}",
        "says it hangs up": f"1{end}Event%3a%20HangupRequest%0d%0aPrivilege%3a%20call,all"
        f"%0d%0aUniqueid%3a%20{victim.id}{end}",
        "holds it": f"1{end}Event%3a%20Hold%0d%0aPrivilege%3a%20call,all"
        f"%0d%0aUniqueid%3a%20{victim.id}{end}",
        "marks it": f"1{end}Event%3a%20UserEvent%0d%0aUserEvent%3a%20CollabRequest"
        f"%0d%0aUniqueid%3a%20{victim.id}",
        "is it": f"1%0d%0aUniqueid%3a%20{victim.id}%0d%0aX%3a%20",
        "is its channel": f"1%0d%0aChannel%3a%20{victim.channel}%0d%0aX%3a%20",
        "is of its kind": f"1%0d%0aLinkedid%3a%20{victim.id}%0d%0aX%3a%20",
        "shuts Asterisk down": f"1{end}Event%3a%20Shutdown%0d%0aPrivilege%3a%20system,all{end}",
        "restarts it": f"1{end}Event%3a%20FullyBooted%0d%0aPrivilege%3a%20system,all{end}",
    }
    numbers = {**attacks.NUMBERS, **{name: text.encode() for name, text in forged.items()}}
    placed = []
    for value in numbers.values():
        line = b"P-Asserted-Identity: <sip:" + value + b"@127.0.0.1>"
        start = watcher.now
        phone = await phones.call("trunk", "chat-nobody", lines=line)
        # QueueCallerJoin, or what is left of it.
        await watcher.ami.wait(
            lambda m: m.get("Queue") == "nobody" and "Position" in m, start=start
        )
        await phone.cancel()
        placed.append(phone)
    for phone in placed:
        await phone.refused()

    heard = bytes(watcher.ami.raw)
    ended = f"Event: Hangup\r\nPrivilege: call,all\r\nUniqueid: {victim.id}\r\n\r\n"
    assert ended.encode() in heard, "the attack is not on the wire: this would prove nothing"

    # An honest call behind them: by its end everything before it has been read.
    honest = await watcher.place(phones, "caller2", "form-nobody")
    await at_work.session(honest.id, state="queued")
    await honest.phone.cancel()
    await at_work.ended(honest.id, "abandoned", uri("caller2"), [])

    session = await at_work.session(victim.id, agent=uri("agent6"))
    assert session == before
    assert await at_work.agents(session["id"]) == [uri("agent6")]
    found = await at_work.sessions()
    assert {s["user"]["uri"] for s in found} <= {
        uri("caller"), uri("caller2"), uri("evil"), uri("trunk"), ANONYMOUS,
    }  # fmt: skip
    # Neither a forged Shutdown nor a forged start makes the connector look again.
    assert not [line for line in list(at_work.connector.lines)[said:] if "resync" in line]
    hostile = [s for s in found if s["user"]["uri"] in (ANONYMOUS, uri("trunk"))]
    assert len(hostile) <= len(numbers)
    assert all((s["type"], s["agent"]) == ("chat", None) for s in hostile), hostile
    await victim.phone.hangup()
    await at_work.ended(victim.id, "hangup", uri("caller"), [uri("agent6")])
    trace = await at_work.told(victim.id, "serves the call", "end: hangup")
    assert "trunk" not in trace
