"""What the event socket answers to its commands, a limited user's rights, and the log it hands out:
as recorded."""

from __future__ import annotations

import ast
import asyncio
import re
from xml.etree import ElementTree

import pytest

from connectors.simulator import FreeSwitchSimulator
from connectors.simulator.freeswitch.bus import Happened
from connectors.simulator.freeswitch.dialplan import Dialplan
from connectors.simulator.freeswitch.normalise import frames
from connectors.simulator.freeswitch.rights import DirectoryUser, Rights
from connectors.simulator.freeswitch.subscription import Subscription

from . import esl_recorded as recorded
from .esl_client import Client
from .test_esl_calls import SAMPLES

_IDS = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def sent(name: str) -> list[str]:
    """The commands of a recording, in order, without the empty lines that end them."""
    text = (recorded.CAPTURES / f"{name}.txt").read_text()
    found = re.findall(r">> (['\"].*)$", text, re.MULTILINE)
    return [ast.literal_eval(line).removesuffix("\n\n") for line in found]


def sample_user() -> DirectoryUser:
    """The log-in of the sample directory.xml, as it was recorded."""
    root = ElementTree.fromstring((SAMPLES / "directory.xml").read_text())  # noqa: S314 - ours
    (user,) = [each for each in root.iter("user") if each.get("id") == "tandem"]
    values = {param.get("name"): param.get("value") for param in user.iter("param")}
    return DirectoryUser(
        "secret",
        api=values["esl-allowed-api"],
        events=values["esl-allowed-events"],
        log=values["esl-allowed-log"] == "true",
    )


def replies(stream: bytes) -> list[str]:
    """What a client was answered, ids made alike; its own events and jobs are left out."""
    out = []
    for headers, body in frames(stream):
        if headers["Content-Type"].startswith("text/event-"):
            continue
        text = repr((sorted(headers.items()), body.decode()))
        out.append(_IDS.sub("<uuid>", text))
    return out


@pytest.mark.parametrize("name", ["16-socket-commands", "16b-userauth-limited"])
async def test_commands_are_answered_as_recorded(name: str) -> None:
    users = {"tandem@tandem.invalid": sample_user()}
    async with (
        FreeSwitchSimulator(users=users, heartbeat=0) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.next()
        for command in sent(name):
            client.send(command)
            while (await client.next()).kind not in ("command/reply", "api/response"):
                pass
        await client.closed()
        assert replies(bytes(client.raw)) == replies(
            (recorded.CAPTURES / f"{name}.esl").read_bytes()
        )


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("uuid_hold", "-USAGE: [off|toggle] <uuid> [<display>]\n-ERR Operation failed\n"),
        ("uuid_hold x", "+OK Success\n"),
        ("uuid_transfer x", "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"),
        ("uuid_transfer x 1", "-ERR No such channel!\n"),
        ("uuid_bridge x y", "-ERR Invalid uuid\n"),
        ("uuid_kill", "-USAGE: <uuid> [cause]\n"),
        ("uuid_getvar x", "-USAGE: <uuid> <var>\n"),
        ("uuid_recv_dtmf x 1", "-ERR Cannot locate session!\n"),
        ("uuid_broadcast x y", "-ERR invalid uuid\n"),
        ("uuid_send_message x", "-USAGE: <uuid> <message>\n"),
        ("uuid_send_message x y", "-ERR Unable to find session for UUID\n"),
        ("originate nope/1 &park()", "-ERR CHAN_NOT_IMPLEMENTED\n"),
        ("originate loopback/9999/default &park()", "-ERR NO_ROUTE_DESTINATION\n"),
        ("callcenter_config agent", "-ERR Invalid!\n"),
    ],
)
async def test_what_names_nothing_is_answered_as_a_real_one_does(command: str, answer: str) -> None:
    """Asked of FreeSWITCH 1.11 without a call."""
    async with FreeSwitchSimulator() as sim, Client(sim.host, sim.port) as client:
        await client.login()
        assert await client.api(command) == answer


async def test_a_limited_user_hears_of_all_events_what_it_may() -> None:
    """``all`` is refused it; what it names, it hears, and nothing else."""
    users = {"u@x": DirectoryUser("s", events="CHANNEL_CREATE,CUSTOM,a::b")}
    async with FreeSwitchSimulator(users=users) as sim, Client(sim.host, sim.port) as client:
        await client.next()
        assert await client.command("userauth u@x:s") == "+OK accepted"
        assert await client.command("event plain ALL") == "-ERR permission denied"
        assert (await client.command("event plain CUSTOM a::b")).startswith("+OK")
        await client.command("sendevent CUSTOM\nEvent-Subclass: c::d")
        await client.command("sendevent CUSTOM\nEvent-Subclass: a::b")
        assert (await client.event("CUSTOM"))["Event-Subclass"] == "a::b"


@pytest.mark.parametrize(
    ("command", "may"),
    [
        ("version", True),
        ("originate user/1 &park()", False),
        ("expand version", True),
        ("expand originate user/1 &park()", False),
        ("bgapi expand version", False),
        ("", False),
    ],
)
def test_a_command_in_another_needs_its_own_right(command: str, may: bool) -> None:
    assert Rights(DirectoryUser("s", api="version expand")).may_run(command) is may


@pytest.mark.parametrize(
    ("filters", "hears"),
    [
        (["/^CHANNEL_(PARK|UNPARK)$/"], True),
        (["/^channel_park$/"], False),
        (["/^channel_park$/i"], True),
        (["/("], False),
        (["channel_park"], True),
        (["/CHANNEL/", "-CHANNEL_PARK"], False),
        (["/CHANNEL/", "-/PARK/"], True),  # behind a sign an expression is a text
    ],
)
def test_a_filter_is_a_text_or_an_expression(filters: list[str], hears: bool) -> None:
    subscription = Subscription()
    subscription.filters = [("Event-Name", each) for each in filters]
    event = Happened("CHANNEL_PARK", "", [("Event-Name", "CHANNEL_PARK")], "")
    assert subscription.accepts(event) is hears


DIALPLAN = Dialplan().read(
    '<include><context name="default"><extension name="9100">'
    '<condition field="destination_number" expression="^9100$">'
    '<action application="answer"/><action application="sleep" data="1000"/>'
    "</condition></extension></context></include>"
)


def log_lines(stream: bytes) -> dict[str, list[str]]:
    """The log of a stream, by the channel it is about; ids, times and numbers made alike."""
    lines: dict[str, list[str]] = {}
    for headers, body in frames(stream):
        if headers["Content-Type"] == "log/data":
            kept = [headers[name] for name in ("Log-Level", "Text-Channel", "Log-Func")]
            text = _IDS.sub("<uuid>", body.decode())
            text = re.sub(r"^\S+ \S+ \S+% |\w+\.c:\d+ |(?<=Session )\d+", "", text)
            whose = lines.setdefault(headers["User-Data"], [])
            whose.append(" ".join((*kept, text)))
    return {whose[0].split()[-2]: whose for whose in lines.values()}


async def test_the_log_tells_a_channel_s_life_as_recorded() -> None:
    async with (
        FreeSwitchSimulator(dialplan=DIALPLAN, speed=4.0, heartbeat=0) as sim,
        Client(sim.host, sim.port) as client,
    ):
        await client.next()
        for command in sent("13-filter-nixevent-log"):
            client.send(command)
            while (frame := await client.next()).kind != "command/reply":
                pass
            if frame.reply.startswith("+OK Job-UUID"):
                await client.command("nolinger")  # the job has begun by the answer
                await gone(sim)
                await client.command("nolinger")  # what came before is read with its answer
        await client.closed()
        stream = bytes(client.raw)
    recording = (recorded.CAPTURES / "13-filter-nixevent-log.esl").read_bytes()
    wanted, had = log_lines(recording), log_lines(stream)
    rename = [each for each in next(iter(wanted.values())) if "Rename Channel" in each]
    for lines in wanted.values():  # a pair has its final names from the start here
        lines[:] = [line for line in lines if line not in rename]
    assert [_final(each) for each in had.values()] == [_final(each) for each in wanted.values()]
    names = [headers["Content-Type"] for headers, _ in frames(recording) if headers]
    assert [h["Content-Type"] for h, _ in frames(stream)].count("text/event-plain") == names.count(
        "text/event-plain"
    )


def _final(lines: list[str]) -> list[str]:
    return [line.replace("/default-a", "-a") for line in lines]


async def gone(sim: FreeSwitchSimulator) -> None:
    """Wait until the pair that a job made is gone."""
    assert sim.pbx.channels
    async with asyncio.timeout(5):
        while sim.pbx.channels:
            await next(iter(sim.pbx.channels.values())).changed(0.05)
