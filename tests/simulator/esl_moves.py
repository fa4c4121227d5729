"""The FreeSWITCH the moves were recorded on, and the scripts of what people did in them.

Its strangers call the profile ``external``, context ``public``; the simulator has one profile and
one context for all, so both are given the simulator's names before they are compared. Its profiles
manage no presence, and a telephone shows the name it sends itself.
"""

from __future__ import annotations

from connectors.simulator import Call, MemberSpec, PhoneSpec, QueueSpec, Rings, WorldSpec
from connectors.simulator.freeswitch import lab
from connectors.simulator.freeswitch.dialplan import Dialplan
from connectors.simulator.freeswitch.normalise import Normal, differences, events, reduced
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Press,
    Step,
    Until,
    Wait,
)

from .esl_recorded import CAPTURES

CALLER = "+491234567"
OUTSIDE, GATEWAY_AGENT = "5550", "5551"
RENAMED = {
    "external": "internal", "public": "default", "@default": "@127.0.0.1", "Extension ": "",
}  # fmt: skip

CHANCE = ("Channel-Presence-ID", "CC-Count")
"""Not compared: see above; and whether who is served counts as waiting still is a race. So is how
far a caller who is moved has come when mod_callcenter sees that its agent is gone."""
THREADS = ("ringall_third_answers",)
"""Several agents are rung at once, each by a thread of its own: in no order."""
UNSEEN = {"att_xfer_completed": ("callcenter, <1001#1>",)}
"""mod_callcenter sees that the agent hung up while its leg is still in the application that led to
it; the simulated leg is out of it sooner."""


def recording(name: str) -> bytes:
    """The bytes of a recorded move."""
    return (CAPTURES / "moves" / f"{name}.esl").read_bytes()


def reduce(stream: bytes) -> Normal:
    """What a move's stream says of the call; what was set up before the call is left out."""
    kept = []
    for pairs in events(stream):
        event = dict(pairs)
        if not kept and event["Event-Name"] != "CHANNEL_CREATE":
            continue
        late = event.get("CC-Action") == "member-queue-end"
        left_out = (*CHANCE, "Channel-State") if late else CHANCE
        kept.append(
            [(name, _renamed(name, value)) for name, value in pairs if name not in left_out]
        )
    return reduced(kept)


def _renamed(name: str, value: str) -> str:
    if name in ("Channel-Name", "Caller-Context", "Caller-Caller-ID-Name"):
        for old, new in RENAMED.items():
            value = value.replace(old, new)
    return value


def compare(name: str, told: bytes) -> list[str]:
    """What differs between a recorded move and what was told instead."""
    expected, actual = reduce(recording(name)), reduce(told)
    if name in THREADS:
        expected.milestones, actual.milestones = [], []
    for lane in UNSEEN.get(name, ()):
        del expected.lanes[lane], actual.lanes[lane]
    return differences(expected, actual)


def world(*authorized: str) -> WorldSpec:
    """Telephones and queues. Agents call without a password, but for those `authorized`."""
    names = [str(number) for number in range(1001, 1007)]
    phones = [PhoneSpec(CALLER, registered=False), PhoneSpec(OUTSIDE), PhoneSpec(GATEWAY_AGENT)]
    phones += [
        PhoneSpec(name, display=f"Extension {name}" if name in authorized else "") for name in names
    ]
    agents = {name: MemberSpec(f"user/{name}", f"{name}@default") for name in names}

    def queue(name: str, *members: MemberSpec, strategy: str = "longest-idle-agent") -> QueueSpec:
        return QueueSpec(name, members, strategy, ring_timeout=10.0, retry=1.0)

    return WorldSpec(
        phones=tuple(phones),
        queues=(
            queue("support", agents["1001"], agents["1002"]),
            queue("ringall", *(agents[n] for n in ("1001", "1002", "1003")), strategy="ringall"),
            queue("loop", MemberSpec("loopback/1004/default", "1004@default")),
            queue("outside", MemberSpec(f"sofia/gateway/carrier/{GATEWAY_AGENT}", "gw1")),
            queue("registered", agents["1006"]),
        ),
        fifos=(QueueSpec("line", (agents["1005"],), ring_timeout=20.0, retry=1.0),),
    )


def _extension(number: str, *actions: tuple[str, str]) -> str:
    lines = "".join(f'<action application="{app}" data="{data}"/>' for app, data in actions)
    return (
        f'<extension name="{number}"><condition field="destination_number" '
        f'expression="^{number}$">{lines}</condition></extension>'
    )


_FORM = ("execute_extension", "collab_request_form XML collab")
_END = ("set", "hangup_after_bridge=true")
DIALPLAN = (
    Dialplan()
    .read(lab.COLLAB)
    .read(
        '<include><context name="default">'
        + _extension("7000", _FORM, ("callcenter", "support@default"))
        + _extension("7010", _FORM, ("callcenter", "ringall@default"))
        + _extension("7030", _FORM, ("callcenter", "loop@default"))
        + _extension("7031", _FORM, _END, ("bridge", "loopback/1004/default"))
        + _extension("7040", _FORM, ("callcenter", "outside@default"))
        + _extension("7050", _FORM, ("callcenter", "registered@default"))
        + _extension("7060", _FORM, ("answer", ""), ("fifo", "line@default in undef"))
        + _extension("7070", ("fifo", "line@default out nowait undef"))
        + _extension("7101", _FORM, _END, ("bridge", "user/1001@default"))
        + _extension(
            "7201",
            ("execute_extension", "collab_features XML collab"),
            _END,
            ("bridge", "user/1001@default"),
        )
        + _extension("9100", ("answer", ""), ("playback", "tone_stream://%(200,200,440);loops=-1"))
        + _extension(r"(10\d\d)", _END, ("bridge", "user/$1@default"))
        + _extension(
            r"8(\d+)m",
            ("execute_extension", "collab_request_chat XML collab"),
            _END,
            ("bridge", "sofia/gateway/carrier/$1"),
        )
        + _extension(r"8(\d+)", _END, ("bridge", "sofia/gateway/carrier/$1"))
        + "</context></include>"
    )
)

TALK = Until("talking")
PHONES = {
    **{str(number): Rings(0.2) for number in range(1001, 1007)},
    "1002": Rings(1.0),
    OUTSIDE: Rings(1.0),
    GATEWAY_AGENT: Rings(0.2),
}


def _call(number: str, *steps: Step, phone: str = CALLER, **rings: Rings) -> Call:
    phones = {**PHONES, **{name.lstrip("_"): behaviour for name, behaviour in rings.items()}}
    return Call(number, steps, phone=phone, display="", phones=phones)


SCRIPTS = {
    "refer_blind_by_agent": _call(
        "7000", TALK, Wait(0.5), BlindTransfer("1001", "1002"), Until("talking", "1002"), Wait(1.0),
        HangUp(CALLER),
    ),
    "refer_blind_by_user": _call(
        "7000", TALK, Wait(0.5), BlindTransfer(CALLER, "85550"), Until("talking", OUTSIDE),
        Wait(1.0), HangUp(OUTSIDE),
    ),
    "refer_attended_by_agent": _call(
        "7000", TALK, Wait(0.5), Hold("1001"), Wait(0.5), Consult("1001", "1002"),
        Until("talking", "1002"), Wait(0.5), CompleteTransfer("1001"), Wait(1.0),
        HangUp(CALLER),
    ),
    "refer_attended_by_user": _call(
        "7000", TALK, Wait(0.5), Hold(CALLER), Wait(0.5), Consult(CALLER, "85550"),
        Until("talking", OUTSIDE), Wait(0.5), CompleteTransfer(CALLER), Wait(1.0),
        HangUp(OUTSIDE),
    ),
    "hold_and_resume": _call(
        "7000", TALK, Wait(0.5), Hold("1001"), Wait(0.5), Hold("1001", on=False), Wait(0.5),
        Hold(CALLER), Wait(0.5), Hold(CALLER, on=False), Wait(0.5), HangUp(CALLER),
    ),
    "held_by_command": _call("7000", TALK, Wait(0.5)),
    "att_xfer_completed": _call("7000", TALK, Wait(0.5)),
    "att_xfer_returned": _call("7000", TALK, Wait(0.5)),
    "att_xfer_by_user": _call("7000", TALK, Wait(0.5)),
    "intercepted": _call("7000", TALK, Wait(0.5)),
    "killed": _call("7000", TALK, Wait(0.5)),
    "loopback_bows_out": _call("7031", TALK, Until("talking", "1004"), Wait(3.0), HangUp(CALLER)),
    "queue_registered_agent": _call("7050", TALK, Wait(1.0), HangUp(CALLER)),
    "queue_gateway_agent": _call("7040", TALK, Wait(1.0), HangUp(CALLER)),
    "queue_loopback_agent": _call("7030", TALK, Wait(1.0), HangUp(CALLER)),
    "ringall_third_answers": _call(
        "7010", TALK, Wait(1.0), HangUp("1003"), _1001=Rings(busy=True), _1002=Rings(None),
        _1003=Rings(1.5),
    ),
    "queue_transferred_while_waiting": _call(
        "7000", Until("ringing", "1001"), Wait(1.0), MoveCaller("9100"), Wait(1.0), HangUp(CALLER),
        _1001=Rings(None),
    ),
    "fifo_member": _call("7060", TALK, Wait(1.0), HangUp(CALLER)),
    "fifo_abandoned": _call(
        "7060", Until("ringing", "1005"), Wait(1.0), HangUp(CALLER), _1005=Rings(None)
    ),
    "fifo_consumer": _call(
        "7060", Until("queued"), Wait(1.0), Consult("1001", "7070"), TALK, Wait(1.0),
        HangUp("1001"), _1005=Rings(busy=True),
    ),
    "agent_calls_out": _call(
        "85550", TALK, Wait(0.5), HangUp(OUTSIDE), phone="1001", _5550=Rings(0.2)
    ),
    "agent_calls_out_marked": _call(
        "85550m", TALK, Wait(0.5), HangUp(OUTSIDE), phone="1001"
    ),
    "code_by_user": _call("7201", TALK, Wait(0.5), Press(CALLER, "*22"), Wait(0.5), HangUp(CALLER)),
    "code_by_agent": _call(
        "7201", TALK, Wait(0.5), Press("1001", "*24"), Wait(0.5), HangUp("1001")
    ),
}  # fmt: skip
"""A recorded move's name to the script of it."""
ON_BREAK = {"ringall_third_answers": ()}
"""Agents on a break; 1002 where nothing is said."""
AUTHORIZED = {
    "refer_attended_by_agent": ("1001",),
    "fifo_consumer": ("1001",),
    "agent_calls_out": ("1001",),
    "agent_calls_out_marked": ("1001",),
}
"""Agents who prove who they are when they call."""
BOWOUT = {"loopback_bows_out": 2.0}
"""Seconds after which a loopback pair bows out; there was no media in most of the recordings."""
_ASK = "uuid_broadcast {} att_xfer::user/1002@default"
COMMANDS = {
    "att_xfer_completed": ((_ASK, "1001"),),
    "att_xfer_returned": ((_ASK, "1001"),),
    "att_xfer_by_user": (("uuid_broadcast {} att_xfer::sofia/gateway/carrier/5550", CALLER),),
    "held_by_command": (
        ("uuid_hold {}", CALLER), ("uuid_hold off {}", CALLER), ("uuid_hold toggle {}", "1001"),
        ("uuid_hold toggle {}", "1001"),
    ),
    "intercepted": (("originate user/1003@default &intercept({})", CALLER),),
    "killed": (("uuid_kill {}", "1001"),),
}  # fmt: skip
"""What another event socket asks after the script, of whose leg."""
AFTER: dict[str, tuple[Step, ...]] = {
    "att_xfer_completed": (
        Until("talking", "1002"), Wait(1.0), HangUp("1001"), Wait(1.0), HangUp(CALLER),
    ),
    "att_xfer_returned": (
        Until("talking", "1002"), Wait(1.0), HangUp("1002"), Wait(1.0), HangUp(CALLER),
    ),
    "att_xfer_by_user": (
        Until("talking", OUTSIDE), Wait(1.0), HangUp(CALLER), Wait(1.0), HangUp(OUTSIDE),
    ),
}  # fmt: skip
"""What people do then; the caller hangs up where nothing is said."""
