"""Manager sessions: the recorded actions get the recorded answers."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator

import pytest

from connectors.simulator import Call, Rings, Simulator
from connectors.simulator.asterisk.users import ManagerUser, classes, users_from_conf
from connectors.simulator.script import HangUp, Until
from connectors.simulator.simulator import CONNECTOR, LAB

from . import recorded
from .client import Client, Message

USERS = (
    CONNECTOR,
    LAB,
    ManagerUser("collab", "collab-secret"),
    ManagerUser(
        "reader", "reader-secret", classes("call,agent,user,reporting"), classes("reporting")
    ),
)


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    simulator = Simulator(
        recorded.WORLD,
        recorded.dialplan(""),
        recorded.FEATURES,
        USERS,
        speed=10.0,
        auth_timeout=0.3,
        refusal_delay=0.1,
    )
    async with simulator:
        yield simulator


def actions(name: str) -> list[list[str]]:
    """The actions of a recording's description, each a list of lines."""
    text = (recorded.CAPTURES / f"{name}.txt").read_text()
    blocks = re.findall(r"^t=[\d.]+ rx=\d+\n(.*?)\n\n", text, re.DOTALL | re.MULTILINE)
    return [block.split("\n") for block in blocks]


def answers(name: str) -> list[str]:
    """The responses of a recording, in order, without what time decides."""
    stream = (recorded.CAPTURES / f"{name}.ami").read_bytes()
    frames = stream.partition(b"\r\n")[2].split(b"\r\n\r\n")
    responses = [f.strip(b"\r\n") for f in frames if f.strip(b"\r\n").startswith(b"Response:")]
    return [timeless(frame.decode()) for frame in responses]


def timeless(text: str) -> str:
    return re.sub(r"Timestamp: [\d.]+|ActionID: \w+\r\n", "", text)


REPLAYED = {
    "errors": ("Originate", "WaitEvent", "Junk", "p1"),
    "permission_denied": ("CoreShowChannels", "QueueStatus", "BridgeList", "DeviceStateList"),
    "message_send": (),
    "filter_1_legacy": (),
    "filter_2_advanced": (),
    "filter_3_exclude": (),
    "filter_6_exclude_advanced": (),
}
"""Recording to words of its actions that are tried elsewhere or not simulated."""


@pytest.mark.parametrize("name", REPLAYED)
async def test_recorded_actions_get_the_recorded_answers(name: str, sim: Simulator) -> None:
    expected = answers(name)
    async with Client(sim.host, sim.port) as client:
        await client.banner()
        for lines in actions(name):
            text = "\n".join(lines)
            count = 2 if "p1" in text else 1
            wanted, expected = expected[:count], expected[count:]
            if any(word in text for word in REPLAYED[name]):
                continue
            client.send(*lines)
            while "Response" not in (message := await client.next()):
                pass
            assert timeless(message.text) == wanted[0], text


async def test_the_banner_is_the_recorded_one(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        assert await client.banner() == b"Asterisk Call Manager/11.0.0\r\n"


async def test_a_login_gets_fully_booted_only_with_the_system_class(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        assert (await client.login())["Message"] == "Authentication accepted"
        booted = await client.next()
        assert booted.names == ["Event", "Privilege", "Uptime", "LastReload", "Status"]
        assert booted["Event"] == "FullyBooted"
    async with Client(sim.host, sim.port) as client:
        await client.login("reader")
        assert (await client.action("Action: Ping"))["Ping"] == "Pong"
        assert b"FullyBooted" not in client.raw


@pytest.mark.parametrize(
    "lines", [("Username: lab", "Secret: wrong"), ("Username: no", "Secret: x")]
)
async def test_a_bad_login_is_answered_late_and_closed(
    sim: Simulator, lines: tuple[str, ...]
) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.banner()
        before = time.monotonic()
        refused = await client.action("Action: Login", *lines)
        assert refused["Message"] == "Authentication failed"
        assert time.monotonic() - before >= 0.1
        await client.closed()


async def test_a_challenge_is_answered_with_an_md5_digest(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.banner()
        challenge = (await client.action("Action: Challenge", "AuthType: MD5"))["Challenge"]
        key = hashlib.md5(f"{challenge}lab-secret".encode()).hexdigest()  # noqa: S324
        accepted = await client.action(
            "Action: Login", "AuthType: MD5", "Username: lab", f"Key: {key}", "Events: off"
        )
        assert accepted["Message"] == "Authentication accepted"


async def test_who_does_not_log_in_is_closed(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.banner()
        assert (await client.action("Action: Ping"))["Message"] == "Permission denied"
        await client.closed()


async def test_logoff_says_goodbye_and_closes(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        client.send("Action: Logoff")
        await client.closed()
        assert client.raw.endswith(
            b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n"
        )


@pytest.mark.parametrize(
    ("length", "fits"), [(1000, True), (1022, True), (1024, False), (5000, False)]
)
async def test_a_line_has_at_most_1022_bytes(sim: Simulator, length: int, fits: bool) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        junk = "Junk: ".ljust(length, "x")
        answer = await client.action("Action: Ping", junk)
        late = await client.action("Action: Ping") if "Ping" in answer else answer
        if fits:
            assert answer["Response"] == "Success"
        else:
            assert late["Response"] in ("Success", "Error")
            assert b"Failed to parse message: line too long" in client.raw
        assert (await client.action("Action: Ping"))["Ping"] == "Pong"


async def test_pipelined_actions_and_bare_line_feeds_are_understood(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        client.write(b"Action: Ping\nActionID: a\n\nAction: Ping\r\nActionID: b\r\n\r\n")
        seen = []
        while len(seen) < 2:
            message = await client.next()
            if "Response" in message:
                seen.append(message["ActionID"])
        assert seen == ["a", "b"]


async def test_an_event_mask_lets_only_its_classes_through(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login("lab", "", "Events: user,agent")
        await one_call(sim)
        names = set(re.findall(rb"(?m)^Event: (\w+)", await client.drain()))
    assert names == {
        b"UserEvent", b"QueueCallerJoin", b"QueueCallerLeave", b"QueueMemberStatus",
        b"AgentCalled", b"AgentConnect", b"AgentComplete",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["filter_1_legacy", "filter_2_advanced", "filter_3_exclude"])
async def test_recorded_filters_let_the_recorded_events_through(name: str, sim: Simulator) -> None:
    media = {b"SuccessfulAuth", b"FullyBooted"}
    stream = (recorded.CAPTURES / f"{name}.ami").read_bytes()
    expected = set(re.findall(rb"(?m)^Event: (\w+)", stream)) - media
    async with Client(sim.host, sim.port) as client:
        await client.banner()
        for lines in actions(name)[:-1]:
            await client.action(*[line for line in lines if not line.startswith("ActionID")])
        await client.drain(0.05)
        await one_call(sim)
        got = set(re.findall(rb"(?m)^Event: (\w+)", await client.drain())) - media
    assert got == expected


async def test_configured_filters_hold_from_the_login_on() -> None:
    users = users_from_conf(
        """
[general]
enabled = yes
[small](!)
read = system,call,agent,user
write = reporting
eventfilter(action(include),name(AgentConnect)) =
eventfilter(action(include),name(UserEvent),header(UserEvent),method(exact)) = CollabRequest
[needs](small)
secret = s
"""
    )
    async with (
        Simulator(
            recorded.WORLD, recorded.dialplan(""), recorded.FEATURES, users, speed=10.0
        ) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.login("needs", "s")
        await one_call(sim)
        got = re.findall(rb"(?m)^Event: (\w+)", await client.drain())
    assert got == [b"FullyBooted", b"UserEvent", b"AgentConnect"]


async def test_a_member_that_logs_in_takes_calls_and_logs_out(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        added = await client.action(
            "Action: QueueAdd", "Queue: nobody", "Interface: PJSIP/agent3", "MemberName: Three"
        )
        assert added["Message"] == "Added interface to queue"
        event = await client.event("QueueMemberAdded")
        assert (event["Membership"], event["StateInterface"]) == ("dynamic", "PJSIP/agent3")
        await sim.run(Call("601", (Until("talking"), HangUp()), phones={"agent3": Rings(0.1)}))
        assert (await client.event("AgentConnect"))["MemberName"] == "Three"
        removed = await client.action(
            "Action: QueueRemove", "Queue: nobody", "Interface: PJSIP/agent3"
        )
        assert removed["Message"] == "Removed interface from queue"
        assert (await client.event("QueueMemberRemoved"))["CallsTaken"] == "1"


async def test_a_channel_can_be_hung_up_and_moved(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        call = await sim.run(Call("600", (Until("talking"),)))
        answer = await client.action(
            "Action: Redirect",
            f"Channel: {call.caller.name}",
            "Context: from-sip",
            "Exten: agent2",
            "Priority: 1",
        )
        assert answer["Message"] == "Redirect successful"
        await call.until("talking", "agent2")
        ended = await client.action("Action: Hangup", f"Channel: {call.caller.name}")
        assert ended["Message"] == "Channel Hungup"
        await call.until("gone")


LISTS = {
    "CoreShowChannels": ("CoreShowChannel", "CoreShowChannelsComplete"),
    "QueueStatus": ("QueueParams", "QueueMember", "QueueEntry", "QueueStatusComplete"),
    "QueueSummary": ("QueueSummary", "QueueSummaryComplete"),
    "BridgeList": ("BridgeListItem", "BridgeListComplete"),
    "Status": ("Status", "StatusComplete"),
    "DeviceStateList": ("DeviceStateListComplete",),
}


@pytest.mark.parametrize("action", LISTS)
async def test_lists_have_the_recorded_headers(action: str, sim: Simulator) -> None:
    stream = (recorded.CAPTURES / "list_actions.ami").read_bytes()
    shapes = {}
    for frame in stream.split(b"\r\n\r\n"):
        message = Message(frame)
        if "ActionID" in message and "Event" in message:
            shapes.setdefault(message["Event"], message.names)
    await sim.run(Call("600", (Until("talking"),)))
    await sim.run(Call("601", (Until("queued"),)))
    async with Client(sim.host, sim.port) as client:
        await client.login()
        await client.action(f"Action: {action}")
        got: dict[str, list[str]] = {}
        while f"{action}Complete" not in got:
            message = await client.next()
            if "ActionID" in message:
                got.setdefault(message.get("Event", ""), message.names)
    for event in LISTS[action]:
        assert got[event] == shapes[event]


async def test_the_dialplan_can_be_looked_up(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login()
        first, *_ = await client.listing(
            "Action: ShowDialPlan", "Context: collab-feature", "Extension: s"
        )
        assert first["Application"] == "NoOp"
        missing = await client.action("Action: ShowDialPlan", "Context: nowhere")
        assert missing["Message"] == "Did not find context nowhere"


async def test_a_user_sees_only_the_commands_it_may_send(sim: Simulator) -> None:
    async with Client(sim.host, sim.port) as client:
        await client.login("tandem")
        commands = await client.action("Action: ListCommands")
        assert "MessageSend" in commands
        assert "UpdateConfig" not in commands
        assert "Command" not in commands
        denied = await client.action("Action: Command", "Command: x")
        assert denied["Message"] == "Permission denied"


async def one_call(sim: Simulator) -> None:
    call = await sim.run(Call("600", (Until("talking"), HangUp()), phones={"agent1": Rings(0.1)}))
    async with asyncio.timeout(5):
        await call.until("gone")
        await call.until("gone", "agent1")
