"""The FreeSWITCH the recordings were made on, and the scripts of what was recorded."""

from __future__ import annotations

from pathlib import Path

from connectors.simulator import Call, MemberSpec, PhoneSpec, QueueSpec, Rings, WorldSpec
from connectors.simulator.freeswitch.dialplan import Dialplan
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Press,
    Step,
    Until,
    Wait,
)

CAPTURES = Path(__file__).parent.parent / "captures" / "freeswitch-1.11"
ALICE = "+491234567"


def recording(name: str) -> bytes:
    """The bytes of a recording by the beginning of its name."""
    (path,) = CAPTURES.glob(f"{name}*.esl")
    return path.read_bytes()


AGENT1 = MemberSpec("user/1001", "1001")
AGENT2 = MemberSpec("user/1002", "1002")
AGENT3 = MemberSpec("user/1003", "1003@default")
WORLD = WorldSpec(
    phones=(
        PhoneSpec(ALICE, registered=False),
        PhoneSpec("1001", display="Agent 1001", variables={"toll_allow": "domestic"}),
        PhoneSpec("1002", display="Agent 1002"),
        PhoneSpec("1003", display="Agent 1003"),
    ),
    queues=(
        QueueSpec(
            "support", (AGENT1, AGENT2, AGENT3), "longest-idle-agent", ring_timeout=6.0, retry=5.0
        ),
        QueueSpec("sales", (AGENT1, AGENT2), "ring-all", ring_timeout=6.0, retry=5.0),
        QueueSpec("short", max_wait=4.0),
    ),
)

_EVENT = (
    "Event-Subclass=collab::request,Event-Name=CUSTOM,Collab-Type=cobrowse,"
    "Collab-User-URI=sip:alice@example.org,Collab-Source={}"
)
_MARK = """
<action application="set" data="collab_type=cobrowse" inline="true"/>
<action application="set" data="collab_user_uri=sip:alice@example.org" inline="true"/>
"""
_DIRECT = """
<action application="set" data="hangup_after_bridge=true"/>
<action application="bridge" data="[leg_timeout=10]user/{}@default"/>
"""


def _extension(number: str, text: str) -> str:
    return (
        f'<extension name="{number}"><condition field="destination_number" '
        f'expression="^({number})$">{text}</condition></extension>'
    )


def _queue(name: str) -> str:
    event = f'<action application="event" data="{_EVENT.format("dialplan")}"/>'
    return (
        f'{_MARK}<action application="answer"/>{event if name != "short" else ""}'
        f'<action application="callcenter" data="{name}@default"/>'
    )


_META = f"2 ab s event::{_EVENT.format('meta')}"
_DIGITS = f"^^;collab;*2;exec:event;{_EVENT.format('digit_action')};self;self"
DIALPLAN = Dialplan().read(
    '<include><context name="default">'
    + _extension("7000", _queue("support"))
    + _extension("7010", _queue("sales"))
    + _extension("7020", _queue("short") + '<action application="hangup" data="NO_ANSWER"/>')
    + _extension(
        "7100",
        f'{_MARK}<action application="bind_meta_app" data="{_META}"/>{_DIRECT.format("1001")}',
    )
    + _extension(
        "7110",
        f'{_MARK}<action application="bind_digit_action" data="{_DIGITS}"/>'
        '<action application="digit_action_set_realm" data="collab"/>' + _DIRECT.format("1001"),
    )
    + _extension("1002", _DIRECT.format("1002"))
    + "</context></include>"
)

TALK = Until("talking")


def _call(number: str, *steps: Step, first: Rings = Rings(1.0)) -> Call:  # noqa: B008  # frozen
    return Call(
        number,
        steps,
        phone=ALICE,
        display="Alice Müller & Co",
        headers={"Subject": "Cobrowse help", "X-Collab-Session": 'a=1; b="two, three" 100%'},
        phones={"1001": first, "1002": Rings(1.0), "1003": Rings(1.0)},
    )


SCRIPTS = {
    "01-": _call("7000", TALK, Wait(4.4), HangUp()),
    "01b-": _call("7000", TALK, Wait(3.0), HangUp("1001")),
    "01c-": _call("7000", TALK, Wait(3.0), HangUp()),
    "02-": _call("7000", Until("queued"), Wait(4.0), HangUp()),
    "02b-": _call("7000", Until("ringing", "1001"), Wait(3.0), HangUp(), first=Rings(None)),
    "02c-": _call("7020", Until("queued"), Until("gone")),
    "04-": _call("7100", TALK, Wait(2.0), Press(ALICE, "*2", "rtp"), Wait(3.5), HangUp()),
    "04b-": _call("7100", TALK, Wait(2.0), Press(ALICE, "*2"), Wait(3.5), HangUp()),
    "04c-": _call("7110", TALK, Wait(2.0), Press(ALICE, "*2"), Wait(3.5), HangUp()),
    "05-": _call(
        "7100", TALK, Wait(2.0), BlindTransfer("1001", "1002", "control"),
        Until("talking", "1002"), Wait(5.0), HangUp(),
    ),
    "05b-": _call(
        "7000", TALK, Wait(2.0), BlindTransfer("1001", "1002", "control"),
        Until("talking", "1002"), Wait(4.0), HangUp(),
    ),
    "05c-": _call(
        "7100", TALK, Wait(1.5), Consult("1001", "1002", "control"),
        Until("talking", "1002"), Wait(1.0),
        CompleteTransfer("1001"), Until("talking", "1002"), Wait(5.4), HangUp(),
    ),
    "03-": _call(
        "7000", Until("ringing", "1001"), Wait(0.5), HangUp("1001"), Until("talking", "1002"),
        Wait(5.0), HangUp(), first=Rings(None),
    ),
    "03b-": _call(
        "7000", Until("ringing", "1001"), Until("talking", "1002"), Wait(5.0), HangUp(),
        first=Rings(None),
    ),
    "12-": _call("7010", TALK, Wait(4.4), HangUp(), first=Rings(None)),
}  # fmt: skip
"""Beginning of a recording's name to the script that was recorded."""
SECOND_COMES_LATE = ("03-", "03b-")
"""Recordings in which 1002 was on a break until 1001 rang."""
FREE = {"01c-": ("1003@default",), "02-": (), "12-": ("1001", "1002")}
"""Who of the agents was available; 1001 alone where nothing is said."""
