from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.asterisk import connection
from connectors.asterisk.connection import Ami
from connectors.asterisk.wire import FRAME_LIMIT, Frame
from connectors.runtime.driver import (
    ActionError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from tests.asterisk.captured import channel, event
from tests.runtime.ami_double import AmiDouble, frame
from tests.runtime.settings_for import settings_for
from tests.runtime.tls import certificate, server_context


@pytest.fixture
async def pbx() -> AsyncIterator[AmiDouble]:
    async with AmiDouble() as double:
        yield double


async def connect(pbx: AmiDouble, seen: list[Frame] | None = None, **values: object) -> Ami:
    taken = [] if seen is None else seen
    return await Ami.connect(settings_for(pbx.port, **values), taken.append)


async def test_it_logs_in_and_asks_only_for_the_classes_it_reads(pbx: AmiDouble) -> None:
    ami = await connect(pbx)
    assert ami.banner == "Asterisk Call Manager/11.0.0"
    assert pbx.asked("Login")[0]["Events"] == "system,call,agent,user"
    await ami.close()


async def test_a_wrong_password_is_one_clear_line(pbx: AmiDouble) -> None:
    with pytest.raises(RefusedError) as caught:
        await connect(pbx, secret="wrong")
    assert str(caught.value) == (
        f"Asterisk at 127.0.0.1:{pbx.port}: login refused for AMI user 'tandem'"
        " (Authentication failed)"
    )


async def test_a_pbx_in_its_last_moments_has_not_refused_the_log_in(pbx: AmiDouble) -> None:
    """So that the next attempt comes soon: this one needs no administrator."""
    pbx.refuses["Login"] = "Asterisk is shutting down"
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:\d+: Asterisk is shutting down$"):
        await connect(pbx)


async def test_a_port_nobody_serves_is_one_clear_line(pbx: AmiDouble) -> None:
    await pbx.stop()
    with pytest.raises(UnreachableError, match=r"nobody listens there \(connection refused\)$"):
        await connect(pbx)


async def test_a_server_that_is_not_asterisk_is_named(pbx: AmiDouble) -> None:
    pbx.banner = b"SSH-2.0-OpenSSH_9.2\r\n"
    with pytest.raises(UnreachableError, match=r"is not AMI; it says 'SSH-2\.0-OpenSSH_9\.2'"):
        await connect(pbx)


async def test_a_login_that_is_never_answered_is_given_up(
    pbx: AmiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.2)
    pbx.mute = True
    with pytest.raises(UnreachableError, match="the login was not answered"):
        await connect(pbx)


async def test_tls_with_a_known_authority_works(tmp_path: Path) -> None:
    ca = certificate(tmp_path)
    async with AmiDouble(tls=server_context(tmp_path)) as pbx:
        ami = await connect(pbx, tls=True, ca=str(ca))
        assert (await ami.ask({"Action": "Ping"})).get("Response") == "Success"
        await ami.close()


async def test_an_unknown_certificate_says_which_setting_mends_it(tmp_path: Path) -> None:
    certificate(tmp_path)
    async with AmiDouble(tls=server_context(tmp_path)) as pbx:
        with pytest.raises(UnreachableError, match=r"certificate is not trusted .*; set ca to"):
            await connect(pbx, tls=True)


async def test_tls_to_a_plain_port_says_so(pbx: AmiDouble, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no TLS there"):
        await connect(pbx, tls=True, ca=str(certificate(tmp_path)))


async def test_an_action_with_a_line_end_is_refused_before_it_is_sent(pbx: AmiDouble) -> None:
    ami = await connect(pbx)
    with pytest.raises(ActionError, match="Body holds a line end; it is not sent"):
        await ami.ask({"Action": "MessageSend", "Body": "a\r\nAction: Originate"})
    with pytest.raises(ActionError, match="holds a line end"):
        await ami.ask({"Action": "Status", "Variables": ["a", "b\r\n\r\nAction: Command"]})
    await ami.ask({"Action": "Ping"})
    assert [fields["Action"] for fields in pbx.actions] == ["Login", "Ping", "Ping"]
    await ami.close()


async def test_a_line_longer_than_asterisk_takes_is_refused(pbx: AmiDouble) -> None:
    ami = await connect(pbx)
    await ami.ask({"Action": "Ping", "Junk": "x" * (1022 - len("Junk: "))})
    with pytest.raises(ActionError, match="a line of 1023 bytes; Asterisk takes 1022"):
        await ami.ask({"Action": "Ping", "Junk": "x" * (1023 - len("Junk: "))})
    await ami.close()


async def test_an_answer_that_does_not_come_fails_in_time(pbx: AmiDouble) -> None:
    pbx.deaf_to = {"MessageSend"}
    ami = await connect(pbx)
    with pytest.raises(UnansweredError, match=r"did not answer MessageSend within 0.1 s"):
        await ami.ask({"Action": "MessageSend"}, within=0.1)
    await ami.close()


async def test_a_lost_connection_fails_what_waits_and_nothing_is_sent_again(
    pbx: AmiDouble,
) -> None:
    pbx.deaf_to = {"MessageSend"}
    ami = await connect(pbx)
    waiting = asyncio.create_task(ami.ask({"Action": "MessageSend", "To": "pjsip:a"}))
    await pbx.until(lambda: len(pbx.asked("MessageSend")) == 1)
    pbx.cut(b"Event: Hang")
    with pytest.raises(UnansweredError, match="Asterisk closed the connection"):
        await asyncio.wait_for(waiting, 5)
    assert await asyncio.wait_for(ami.ended, 5) == "Asterisk closed the connection"
    await ami.close()
    again = await connect(pbx)
    await again.ask({"Action": "Ping"})
    assert len(pbx.asked("MessageSend")) == 1
    await again.close()


async def test_a_peer_that_falls_silent_is_noticed(
    pbx: AmiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real figures: 4 s between pings, dead after at most 9 s of silence."""
    assert connection.SILENCE_LIMIT < 10
    assert 2 * connection.PING_EVERY <= connection.SILENCE_LIMIT
    monkeypatch.setattr(connection, "PING_EVERY", 0.2)
    monkeypatch.setattr(connection, "SILENCE_LIMIT", 0.45)
    ami = await connect(pbx)
    await pbx.until(lambda: len(pbx.asked("Ping")) >= 2)
    pbx.mute = True  # the kernel still takes what we write
    start = asyncio.get_running_loop().time()
    assert "said nothing" in await asyncio.wait_for(ami.ended, 5)
    assert asyncio.get_running_loop().time() - start < 0.9
    await ami.close()


async def test_a_frame_that_cannot_be_handled_costs_that_frame_alone(pbx: AmiDouble) -> None:
    seen: list[str] = []

    def take(got: Frame) -> None:
        if got.get("Uniqueid") == "1.1":
            raise RuntimeError("a bug")
        seen.append(got.get("Uniqueid"))

    ami = await Ami.connect(settings_for(pbx.port), take)
    for leg in ("1.1", "1.2"):
        pbx.push(event("Hangup", "call", *channel("PJSIP/a-1", leg)))
    await ami.ask({"Action": "Ping"})
    assert seen == ["", "1.2"], "FullyBooted, then the second hang-up"
    await ami.close()


async def test_garbage_and_a_huge_frame_do_not_end_the_connection(pbx: AmiDouble) -> None:
    seen: list[Frame] = []
    ami = await connect(pbx, seen)
    pbx.push(b"\x00\xff\r\nno colon\r\n\r\n" + b"Event: Hangup\r\nX: " + b"y" * (FRAME_LIMIT + 9))
    pbx.push(b"\r\n\r\n" + event("Hangup", "call", *channel("PJSIP/a-1", "1.2")))
    await ami.ask({"Action": "Ping"})
    assert [got.get("Uniqueid") for got in seen if got.event == "Hangup"] == ["1.2"]
    assert ami.skipped == 1
    await ami.close()


async def test_list_items_without_our_action_id_are_ignored(pbx: AmiDouble) -> None:
    pbx.channels = [channel("PJSIP/a-1", "1.1")]
    pbx.before_answer["Status"] = lambda: frame(
        "Event: Status", "Privilege: Call", "Channel: PJSIP/x-1", "Uniqueid: 9.9", "ActionID: 1"
    )
    ami = await connect(pbx)
    listed = await ami.ask_list({"Action": "Status"})
    assert [item.get("Uniqueid") for item in listed if item.event == "Status"] == ["1.1"]
    await ami.close()


async def test_an_error_in_place_of_a_list_is_an_error(pbx: AmiDouble) -> None:
    pbx.refuses["Status"] = "Permission denied"
    ami = await connect(pbx)
    with pytest.raises(ActionError, match="Status: Permission denied"):
        await ami.ask_list({"Action": "Status"})
    await ami.close()
