"""Nothing a caller sends over SIP forges a header or an event on the real Asterisk's AMI."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from connectors.asterisk.events import EVENTS, Decoder
from connectors.asterisk.wire import FrameReader
from connectors.model import LegUp, Marked
from tests.lab import attacks
from tests.lab.fixtures import blocks, clear, events

if TYPE_CHECKING:
    from connectors.demo.ami import Ami
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Phones

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARK = ["HeaderType", "HeaderUserURI", "Feature", "Type", "UserURI"]
PLAIN = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
ENCODED = PLAIN | set(b".%~")
UNPARSED = {"escaped_crlf", "folded", "raw_crlf_quoted", "raw_lf"}
"""Display names that PJSIP refuses to parse, so that no call comes about."""

Shape = list[tuple[bytes, list[str]]]


@pytest.fixture(scope="module")
def shapes() -> dict[str, Shape]:
    """Extension -> what an honest call to it looks like on AMI."""
    return {}


async def stream(
    pbx: Asterisk, phones: Phones, who: str, extension: str, **call: bytes
) -> list[list[tuple[str, bytes]]]:
    """Every event of one call to `extension` up to the end of its agent's leg."""
    async with pbx.ami("tandem") as ami:
        await ami.event("FullyBooted")
        start = len(ami.raw)
        placed = await phones.call(who, extension, lines=call.get("lines", b""),
                                   display=call.get("display", b""))  # fmt: skip
        joined = await ami.event("QueueCallerJoin", Queue="solo")
        await placed.answered()
        connected = await ami.event("AgentConnect", Queue="solo")
        # By AMI, not by BYE: some of these From headers PJSIP reads once and never again.
        async with pbx.ami("lab") as lab:
            await lab.action("Hangup", Channel=joined["Channel"])
        await ami.event("Hangup", Channel=joined["Channel"])
        await ami.event("Hangup", Channel=connected["DestChannel"])
        return events(bytes(ami.raw[start:]))


def shape(stream: list[list[tuple[str, bytes]]]) -> Shape:
    """Which events with which headers, in an order that does not depend on threads."""
    found = [(event[0][1], [name for name, _ in event]) for event in stream]
    return sorted(item for item in found if item[0] != b"BridgeDestroy")


async def honest(pbx: Asterisk, phones: Phones, extension: str, known: dict[str, Shape]) -> Shape:
    if extension not in known:
        known[extension] = shape(await stream(pbx, phones, "evil", extension))
    return known[extension]


@pytest.mark.parametrize("extension", ["form-solo", "raw-solo"])
@pytest.mark.parametrize("attack", sorted(attacks.HEADERS))
async def test_a_header_adds_and_changes_nothing_but_its_own_filtered_value(
    attack: str, extension: str, pbx: Asterisk, phones: Phones, shapes: dict[str, Shape]
) -> None:
    await phones.listen("agent1", answer=0.01)
    value = attacks.HEADERS[attack]
    wanted = await honest(pbx, phones, extension, shapes)

    lines = b"X-Collab-Type: " + value + b"\r\nX-Collab-User: " + value
    seen = await stream(pbx, phones, "evil", extension, lines=lines)

    assert shape(seen) == wanted
    (mark,) = [event for event in seen if event[0][1] == b"UserEvent"]
    assert [name for name, _ in mark][-6:] == ["UserEvent", *MARK]
    values = dict(mark)
    assert values["UserEvent"] == b"CollabRequest"
    assert values["Feature"] == b"0"
    for name, allowed in (("HeaderType", PLAIN), ("Type", PLAIN)):
        assert set(values[name]) <= allowed
        assert len(values[name]) <= 32
    for name in ("HeaderUserURI", "UserURI"):
        assert set(values[name]) <= ENCODED
        assert b"%0D" not in values[name].upper()
        assert b"%0A" not in values[name].upper()
    if extension == "form-solo":
        # What the administrator wrote stands, whatever the caller said.
        assert (values["Type"], values["UserURI"]) == (b"form", b"")


@pytest.mark.parametrize("attack", sorted(attacks.NAMES))
async def test_a_display_name_adds_no_header(
    attack: str, pbx: Asterisk, phones: Phones, shapes: dict[str, Shape]
) -> None:
    await phones.listen("agent1", answer=0.01)
    wanted = await honest(pbx, phones, "form-solo", shapes)
    if attack in UNPARSED:
        async with pbx.ami("tandem") as ami:
            await ami.event("FullyBooted")
            start = len(ami.raw)
            await phones.call("evil", "form-solo", display=attacks.NAMES[attack])
            # An honest call behind it shows that the PBX has dealt with the hostile one.
            assert shape(await stream(pbx, phones, "evil", "form-solo")) == wanted
            called = [event for event in events(bytes(ami.raw[start:]))
                      if event[0][1] == b"Newchannel"]  # fmt: skip
            assert len(called) == 2, "the hostile INVITE made a channel"
        return

    seen = await stream(pbx, phones, "evil", "form-solo", display=attacks.NAMES[attack])

    assert shape(seen) == wanted
    (mark,) = [dict(event) for event in seen if event[0][1] == b"UserEvent"]
    assert [mark[name] for name in MARK] == [b"", b"", b"0", b"form", b""]


@pytest.mark.parametrize("attack", sorted(attacks.NUMBERS))
async def test_a_number_that_forges_headers_in_asterisk_marks_no_other_call(
    attack: str, pbx: Asterisk, phones: Phones, lab: Ami
) -> None:
    """Asterisk decodes %0d%0a of a SIP user part into CallerIDNum; the connector has to hold."""
    async with pbx.ami("tandem") as ami:
        await ami.event("FullyBooted")
        number = b"P-Asserted-Identity: <sip:" + attacks.NUMBERS[attack] + b"@127.0.0.1>"
        await phones.call("trunk", "form-nobody", lines=number)
        await ami.event("QueueCallerJoin", Queue="nobody")
        await clear(lab)
        await ami.wait(lambda message: message.get("Event") == "Hangup")
        raw = bytes(ami.raw)

    decoder = Decoder()
    frames = [frame for frame in FrameReader(EVENTS).feed(raw) if frame.event]
    decoded = [event for frame in frames for event in decoder.decode(frame)]
    (leg,) = [event.leg for event in decoded if isinstance(event, LegUp)]
    marks = [event for event in decoded if isinstance(event, Marked)]
    assert [(mark.leg, mark.type, mark.user_uri, mark.feature) for mark in marks] in (
        [(leg, "form", "", False)],
        [],  # refused as forged: no session is better than a wrong one
    )


@pytest.mark.parametrize("signal", ["2,Type: forged", "*\r\nUserEvent: x", "22222222", "%0d%0a"])
async def test_a_hostile_info_presses_no_code_and_ends_no_call(
    signal: str, pbx: Asterisk, phones: Phones, tandem: Ami
) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    call = await phones.call("evil", "form-solo")
    await call.answered()
    start = len(tandem.messages)

    for attempt in ("*", "2", signal.replace("\r\n", "\\r\\n")):
        await call.info(attempt)
    await call.hold()
    await tandem.event("Hold", start=start)

    assert not [m for m in tandem.messages[start:] if m.get("Event") == "UserEvent"]
    assert call.is_up
    assert (await agent.incoming()).is_up


async def test_marks_read_back_from_the_channel_are_encoded_too(
    pbx: Asterisk, phones: Phones, tandem: Ami
) -> None:
    hostile = attacks.HEADERS["comma_header"]
    lines = b"X-Collab-Type: " + hostile + b"\r\nX-Collab-User: " + hostile
    await phones.call("evil", "raw-nobody", lines=lines)
    await tandem.event("QueueCallerJoin", Queue="nobody")
    start = len(tandem.raw)

    await tandem.send(
        "Status",
        Variables="COLLAB_TYPE,COLLAB_USER_URI,COLLAB_HEADER_TYPE,COLLAB_HEADER_USER_URI",
    )
    await tandem.event("StatusComplete")

    (status,) = [block for block in blocks(bytes(tandem.raw[start:])) if block[0][1] == b"Status"]
    variables = [value for name, value in status if name == "Variable"]
    assert len(variables) == 4
    for variable in variables:
        assert set(variable) <= ENCODED | set(b"=")
    found = dict(variable.split(b"=", 1) for variable in variables)
    assert unquote(found[b"COLLAB_HEADER_USER_URI"].decode()) == hostile.decode()


async def test_ten_hostile_calls_at_once_all_reach_their_queue(
    pbx: Asterisk, phones: Phones, tandem: Ami
) -> None:
    values = list(attacks.HEADERS.values())[:10]
    await asyncio.gather(
        *(phones.call("evil", "raw-nobody", lines=b"X-Collab-Type: " + value) for value in values)
    )

    def joined() -> int:
        return sum(m.get("Event") == "QueueCallerJoin" for m in tandem.messages)

    await tandem.wait(lambda _: joined() == len(values))
    assert sum(m.get("Event") == "Hangup" for m in tandem.messages) == 0
