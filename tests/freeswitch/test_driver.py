"""The driver against a small event socket: resync, events, restart, messages."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.application import CoreSettings
from connectors.freeswitch.actions import TEXT_LIMIT, message
from connectors.freeswitch.driver import MARKING, FreeSwitchDriver
from connectors.model import (
    LegDown,
    LegUp,
    Marked,
    PbxEvent,
    SendMessage,
    SetAnswer,
    Snapshot,
)
from connectors.runtime.connector import core_settings, driver_for
from connectors.runtime.driver import (
    ActionError,
    Outcome,
    RefusedError,
    UnreachableError,
)
from tests.freeswitch.captured import CORE, DPTOOLS, channel, event
from tests.freeswitch.esl_double import EslDouble, framed
from tests.runtime.settings_for import settings_for

CALLER = "78ead4b3-fcf1-4dce-be7a-df1184a9769f"
NAME = "sofia/internal/+491234567@127.0.0.1:5061"
STATUS = "UP 0 years\nFreeSWITCH (Version 1.11.0-release  64bit) is ready\n"


def created() -> dict[str, str]:
    return event("CHANNEL_CREATE", CORE, channel(CALLER, NAME)).headers


def ended() -> dict[str, str]:
    more = {"Hangup-Cause": "NORMAL_CLEARING", "Event-Sequence": "60"}
    return event("CHANNEL_HANGUP_COMPLETE", CORE, channel(CALLER, NAME) | more).headers


def marked() -> dict[str, str]:
    mark = {"Collab-Type": "form", "Collab-User-URI": "sip%3Aalice%40example.org"}
    return event("CUSTOM collab::request", DPTOOLS, channel(CALLER, NAME) | mark).headers


def leg(**variables: str) -> str:
    """What ``uuid_dump`` says of the caller."""
    known = {
        "sofia_profile_name": "external",
        "sip_via_protocol": "udp",
        "sip_received_ip": "192.0.2.7",
        "sip_received_port": "5062",
        "sip_contact_user": "+49123",
        "sip_contact_uri": "+49123@10.0.0.1:5060",
        "sip_req_uri": "7000@127.0.0.1",
    }
    headers = channel(CALLER, NAME, **(known | variables))
    return json.dumps({"Event-Name": "CHANNEL_DATA", **headers})


class Seen:
    """What a driver delivered, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[PbxEvent] = []
        self.ready = 0
        self._changed = asyncio.Event()

    def take(self, event: PbxEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def on_ready(self) -> None:
        self.ready += 1
        self._changed.set()

    async def until_ready(self, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.ready < times:
                self._changed.clear()
                await self._changed.wait()

    async def until(self, kind: type[PbxEvent]) -> None:
        async with asyncio.timeout(10):
            while not any(isinstance(event, kind) for event in self.events):
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def pbx() -> AsyncIterator[EslDouble]:
    async with EslDouble() as double:
        double.answers |= {
            "status": STATUS,
            "show channels as json": '{"row_count":0}\n',
            "callcenter_config agent list": "+OK\n",
            "callcenter_config tier list": "+OK\n",
        }
        yield double


def driver(pbx: EslDouble, **values: object) -> FreeSwitchDriver:
    made = driver_for(settings_for(pbx.port, kind="freeswitch", **values))
    assert isinstance(made, FreeSwitchDriver)
    return made


@asynccontextmanager
async def session(
    pbx: EslDouble, one: FreeSwitchDriver | None = None
) -> AsyncIterator[tuple[FreeSwitchDriver, Seen]]:
    """A driver whose session stands; cut off at the end."""
    one, seen = one or driver(pbx), Seen()
    running = asyncio.create_task(one.session(seen.take, seen.on_ready))
    try:
        await seen.until_ready()
        yield one, seen
        pbx.cut()
        assert "closed the connection" in await asyncio.wait_for(running, 10)
    finally:
        running.cancel()


def wire(headers: dict[str, str]) -> bytes:
    return framed("text/event-json", json.dumps(headers).encode())


async def test_a_snapshot_comes_first_and_then_events_as_they_come(pbx: EslDouble) -> None:
    async with session(pbx) as (one, seen):
        assert one.title == f"FreeSWITCH 1.11.0 at 127.0.0.1:{pbx.port}"
        assert seen.events == [Snapshot(legs=())]
        pbx.push(wire(created()) + wire(marked()) + wire(ended()))
        await seen.until(LegDown)
    assert [type(event) for event in seen.events[1:]] == [LegUp, Marked, LegDown]


async def test_what_stands_is_in_the_snapshot_and_what_comes_meanwhile_behind_it(
    pbx: EslDouble,
) -> None:
    dump = created() | {"Event-Name": "CHANNEL_DATA", "Event-Sequence": "50"}
    pbx.answers["show channels as json"] = json.dumps({"rows": [{"uuid": CALLER}]})
    pbx.answers[f"uuid_dump {CALLER} json"] = json.dumps(dump)
    pbx.before_answer["callcenter_config"] = lambda: wire(marked())
    pbx.after_answer["uuid_dump"] = lambda: wire(ended())
    async with session(pbx) as (_, seen):
        await seen.until(LegDown)
    snapshot = seen.events[0]
    assert isinstance(snapshot, Snapshot)
    assert [listed.up.leg for listed in snapshot.legs] == [CALLER]
    assert [type(event) for event in seen.events[1:] if not isinstance(event, LegUp)].count(
        LegDown
    ) == 1


async def test_a_restart_is_told_from_a_lost_connection(pbx: EslDouble) -> None:
    one = driver(pbx)
    restarted = []
    for core in ("core-1", "core-1", "core-2", "core-2"):
        pbx.core = core
        async with session(pbx, one) as (_, seen):
            (snapshot,) = seen.events
            assert isinstance(snapshot, Snapshot)
            restarted.append(snapshot.restarted)
    assert restarted == [False, False, True, False]


async def test_a_freeswitch_that_stops_says_so(pbx: EslDouble) -> None:
    seen = Seen()
    running = asyncio.create_task(driver(pbx).session(seen.take, seen.on_ready))
    await seen.until_ready()
    text = b"The system is being shut down.\n"
    pbx.cut(b"Content-Type: text/disconnect-notice\nContent-Length: %d\n\n" % len(text) + text)
    assert await asyncio.wait_for(running, 10) == "FreeSWITCH is shutting down"


async def test_what_keeps_it_from_its_first_snapshot_is_raised(pbx: EslDouble) -> None:
    seen = Seen()
    with pytest.raises(RefusedError, match="the password is refused"):
        await driver(pbx, secret="wrong").session(seen.take, seen.on_ready)
    pbx.deaf_to = {"show"}
    running = asyncio.create_task(driver(pbx).session(seen.take, seen.on_ready))
    await pbx.until(lambda: "api show channels as json" in pbx.commands)
    pbx.cut()
    with pytest.raises(UnreachableError, match="closed the connection"):
        await asyncio.wait_for(running, 10)
    assert (seen.events, seen.ready) == ([], 0)


async def test_forged_events_are_counted(pbx: EslDouble) -> None:
    forged = ended() | {"Event-Calling-File": "mod_dptools.c"}
    async with session(pbx) as (one, seen):
        pbx.push(wire(created()) + wire(forged) + wire(ended()))
        await seen.until(LegDown)
        assert one.refused == 1


async def test_a_message_goes_by_chat_to_a_user_and_to_where_others_called_from(
    pbx: EslDouble,
) -> None:
    pbx.answers |= {"chat": "Sent", "uuid_dump": leg()}
    async with session(pbx) as (one, _):
        done = await one.perform(SendMessage("1", "user/1001", "it's\n1|2 \\ https://x/join#t"))
        assert done == Outcome("done", "FreeSWITCH sent it to user/1001")
        done = await one.perform(SendMessage("1", "user/7@a.example", "hi"))
        assert done.status == "done"
        assert not pbx.asked("api uuid_dump ")
        done = await one.perform(SendMessage(CALLER, "external/+49123", "a|b"))
        assert done == Outcome("done", "FreeSWITCH sent it to external/+49123")
    sent = [command.partition("\n")[0] for command in pbx.asked("bgapi chat ")]
    assert sent == [
        (
            "bgapi chat sip|collab@pbx.example.org|1001@pbx.example.org"
            "|it\\'s\\n1\\|2 \\\\ https://x/join#t|text/plain"
        ),
        "bgapi chat sip|collab@pbx.example.org|7@a.example|hi|text/plain",
        (
            "bgapi chat sip|collab@pbx.example.org|external/sip:+49123@192.0.2.7:5062"
            "|a\\|b|text/plain"
        ),
    ]
    assert pbx.asked("api uuid_dump ") == [f"api uuid_dump {CALLER} json"]


@pytest.mark.parametrize(
    ("dump", "tried"),
    [
        (leg(), ["1001@pbx.example.org", "external/sip:+49123@192.0.2.7:5062"]),
        (leg(sip_received_ip=""), ["1001@pbx.example.org"]),
        ("-ERR No such channel!\n", ["1001@pbx.example.org"]),
    ],
)
async def test_a_user_who_is_registered_nowhere_is_written_to_where_the_call_is(
    pbx: EslDouble, dump: str, tried: list[str]
) -> None:
    pbx.answers |= {"chat": "Error! Message Not Sent", "uuid_dump": dump}
    async with session(pbx) as (one, _):
        done = await one.perform(SendMessage(CALLER, "user/1001", "hi"))
    assert done == Outcome("failed", "pbx_refused: FreeSWITCH: Error! Message Not Sent")
    assert [command.split("|")[2] for command in pbx.asked("bgapi chat ")] == tried


@pytest.mark.parametrize(
    ("variables", "to"),
    [
        ({"sip_contact_user": ""}, "external/sip:192.0.2.7:5062"),
        ({"sip_received_ip": "2001:db8::7"}, "external/sip:+49123@[2001:db8::7]:5062"),
        ({"sip_via_protocol": "tcp"}, "external/sip:+49123@10.0.0.1:5060;transport=tcp"),
        ({"direction": "outbound", "sip_req_uri": "5550@192.0.2.9:5080"},
         "external/sip:5550@192.0.2.9:5080"),
    ],
)  # fmt: skip
async def test_a_telephone_is_where_it_called_from_or_was_called_at(
    pbx: EslDouble, variables: dict[str, str], to: str
) -> None:
    pbx.answers |= {"chat": "Sent", "uuid_dump": leg(**variables)}
    async with session(pbx) as (one, _):
        assert (await one.perform(SendMessage(CALLER, "external/x", "hi"))).status == "done"
    (sent,) = pbx.asked("bgapi chat ")
    assert sent.startswith(f"bgapi chat sip|collab@pbx.example.org|{to}|hi|text/plain")


@pytest.mark.parametrize(
    "variables",
    [
        {"sip_received_ip": ""},
        {"sip_contact_user": "a|b"},
        {"sip_contact_user": "a b"},
        {"sip_contact_user": "a@victim.example;x="},
        {"sip_via_protocol": "tcp", "sip_contact_uri": "a@h;transport=tls\n\napi status"},
        {"sofia_profile_name": ""},
        {"sofia_profile_name": "x/sip:y@z|"},
        {"direction": "outbound", "sip_req_uri": ""},
    ],
)
async def test_no_message_goes_to_an_address_that_is_not_plain(
    pbx: EslDouble, variables: dict[str, str]
) -> None:
    pbx.answers |= {"chat": "Sent", "uuid_dump": leg(**variables)}
    async with session(pbx) as (one, _):
        outcome = await one.perform(SendMessage(CALLER, "external/x", "hi"))
    assert outcome.status == "failed"
    assert "no plain SIP address" in outcome.detail
    assert not pbx.asked("bgapi chat ")


@pytest.mark.parametrize(
    ("variables", "everywhere", "in_dialog"),
    [
        ({}, "-ERR no reply\n", False),
        ({}, "-ERR permission denied", False),
        ({}, "true", True),
        ({"fs_send_unsupported_message": "false"}, "true", False),
        ({"fs_send_unsupported_message": ""}, "-ERR no reply\n", False),
        ({"fs_send_unsupported_message": "TRUE"}, "-ERR no reply\n", True),
        ({"fs_send_unsupported_message": "1"}, "-ERR no reply\n", True),
        ({"fs_send_unsupported_message": "0"}, "-ERR no reply\n", False),
        ({"fs_send_unsupported_message": "true;x"}, "-ERR no reply\n", False),
        # What the dialplan sends to that leg, not what its telephone said.
        ({"sip_h_X-FS-Support": "send_message"}, "-ERR no reply\n", False),
    ],
)
async def test_a_message_goes_on_the_leg_where_the_administrator_wants_it_so(
    pbx: EslDouble, variables: dict[str, str], everywhere: str, in_dialog: bool
) -> None:
    pbx.answers |= {"uuid_send_message": "+OK Success\n", "global_getvar": everywhere}
    pbx.answers |= {"chat": "Sent", "uuid_dump": leg(**variables)}
    async with session(pbx) as (one, _):
        assert (await one.perform(SendMessage(CALLER, "internal/+49123", "hi"))).status == "done"
    asked = [*pbx.asked("bgapi uuid_send_message "), *pbx.asked("bgapi chat ")]
    assert [command.split()[1] for command in asked] == [
        "uuid_send_message" if in_dialog else "chat"
    ]


@pytest.mark.parametrize(
    ("dump", "why"),
    [
        ("-ERR No such channel!\n", "nothing was sent: the call is over"),
        ("-ERR permission denied", "uuid_dump: -ERR permission denied"),
        ("{}", "nothing was sent: uuid_dump does not say what the leg is"),
        ("junk", "nothing was sent: uuid_dump does not say what the leg is"),
    ],
)
async def test_nothing_is_sent_on_a_leg_that_is_gone_or_not_to_be_seen(
    pbx: EslDouble, dump: str, why: str
) -> None:
    pbx.answers |= {"uuid_send_message": "+OK Success\n", "uuid_dump": dump}
    async with session(pbx) as (one, _):
        outcome = await one.perform(SendMessage(CALLER, "internal/+49123", "hi"))
    assert outcome == Outcome("failed", f"pbx_refused: {why}")
    assert not pbx.asked("bgapi uuid_send_message")


async def test_a_look_nobody_answered_for_is_failed_since_nothing_was_sent(pbx: EslDouble) -> None:
    async with session(pbx) as (one, _):
        pbx.deaf_to = {"uuid_dump"}
        waiting = asyncio.create_task(one.perform(SendMessage(CALLER, "internal/+49123", "hi")))
        await pbx.until(lambda: bool(pbx.asked("api uuid_dump")))
    outcome = await waiting
    assert outcome.status == "failed"
    assert outcome.detail.startswith("pbx_refused: nothing was sent: ")


async def test_a_message_nobody_answered_for_is_unknown_and_without_a_session_failed(
    pbx: EslDouble,
) -> None:
    async with session(pbx) as (one, _):
        pbx.holds_jobs = True
        waiting = asyncio.create_task(one.perform(SendMessage("1", "user/1001", "hi")))
        await pbx.until(lambda: bool(pbx.jobs))
    assert (await waiting).status == "unknown"
    assert await one.perform(SendMessage("1", "user/1001", "hi")) == Outcome(
        "failed", "pbx_away: the connector is not connected to FreeSWITCH"
    )


@pytest.mark.parametrize(
    "effect",
    [
        SendMessage("1", "loopback/7000", "hi"),
        SendMessage("1", "user/", "hi"),
        SendMessage("1", "user/a|b", "hi"),
        SendMessage("1", "user/a\n\nexit", "hi"),
        SendMessage("1 2", "internal/1", "hi"),
        SendMessage("1", "user/1", "x" * (TEXT_LIMIT + 1)),
        SendMessage("1", "user/1", "\ud800"),
        SendMessage("1", "user/1", "a\0b"),
        SendMessage("1", "user/1", " \n "),
        SendMessage("1", "user/1", "hi", "text/html"),
    ],
)
def test_a_message_that_cannot_be_sent_as_it_is_is_refused(effect: SendMessage) -> None:
    with pytest.raises(ActionError):
        message(effect, "pbx.example.org")


async def test_a_dialplan_is_answered_by_a_variable_of_its_channel(pbx: EslDouble) -> None:
    pbx.answers["uuid_setvar"] = "+OK\n"
    async with session(pbx) as (one, _):
        assert (await one.perform(SetAnswer(CALLER, "123456"))).status == "done"
        assert f"uuid_setvar {CALLER} collab_answer 123456" in pbx.asked("api ")[-1]
        pbx.answers["uuid_setvar"] = "-ERR No such channel!\n"
        gone = await one.perform(SetAnswer(CALLER, "right"))
        assert (gone.status, "No such channel" in gone.detail) == ("failed", True)
        asked = len(pbx.asked("api "))
        odd = await one.perform(SetAnswer("x y", "right"))
        assert (odd.status, len(pbx.asked("api "))) == ("failed", asked)


def test_the_core_is_told_the_line_that_marks_a_call() -> None:
    settings = settings_for(1, kind="freeswitch")
    told = core_settings(settings)
    assert isinstance(told, CoreSettings)
    assert told.marking == MARKING == "execute_extension collab_request_TYPE XML collab"


async def test_the_command_runs_a_connector_to_a_freeswitch(pbx: EslDouble, tmp_path: Path) -> None:
    config = tmp_path / "tandem.toml"
    config.write_text(
        f"""
        [pbx.hq]
        kind = "freeswitch"
        server = "http://127.0.0.1:9"
        key = "pbx-key"
        port = {pbx.port}
        secret = "right"
        domain = "pbx.example.org"
        outbox = "{tmp_path}/outbox.db"
        """
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors.cli", "run", "hq", "--config", str(config),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
    assert line == (
        f"connected to FreeSWITCH 1.11.0 at 127.0.0.1:{pbx.port}, reporting to http://127.0.0.1:9\n"
    )
    await pbx.until(lambda: pbx.open == 0)


def test_a_connector_to_an_asterisk_does_not_load_gevent() -> None:
    code = (
        "import sys; from connectors import cli; from connectors.runtime import connector;"
        " from tests.runtime.settings_for import settings_for;"
        " connector.driver_for(settings_for(1));"
        " sys.exit('gevent' in sys.modules or 'greenswitch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
