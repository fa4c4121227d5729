"""What a real call shows of an AMI user's privileges and filters, and of the dialplan's mark."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from connectors.asterisk.events import EVENTS
from connectors.asterisk.wire import Frame
from connectors.runtime.driver import Finding

_IMPLIED = (
    ("Hangup", "Newchannel"),
    ("BridgeEnter", "Newchannel"),
    ("QueueCallerJoin", "Newchannel"),
    ("DialEnd", "DialBegin"),
    ("BridgeLeave", "BridgeEnter"),
    ("AgentConnect", "BridgeEnter"),
    ("AgentConnect", "AgentCalled"),
    ("AgentConnect", "QueueCallerJoin"),
    ("QueueCallerLeave", "QueueCallerJoin"),
    ("BridgeEnter", "Hangup"),
)
"""Whoever is sent the first event of a call that is over is sent the second too."""


async def watch(seen: Sequence[Frame], arrived: asyncio.Event, seconds: float) -> None:
    """Wait until a call came and all its channels went, at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not _over(seen):
                arrived.clear()
                await arrived.wait()
    except TimeoutError:
        return


def _over(seen: Iterable[Frame]) -> bool:
    came = {frame.get("Uniqueid") for frame in seen if frame.event == "Newchannel"}
    gone = {frame.get("Uniqueid") for frame in seen if frame.event == "Hangup"}
    return bool(came) and came <= gone


def judge(seen: Sequence[Frame], user: str, seconds: float) -> list[Finding]:
    """What the frames of one call prove."""
    names = {frame.event for frame in seen}
    read = f"manager.conf [{user}]: read = system,call,agent,user"
    if not names & {name for name, wanted in EVENTS.items() if wanted.privilege == "call,all"}:
        text = f"call: no event of a call came within {seconds:g} s; was there one?"
        return [Finding(False, text, read)]
    findings = []
    lost = {implied for shown, implied in _IMPLIED if shown in names and implied not in names}
    for name in sorted(lost):
        line = f"manager.conf [{user}]: eventfilter(action(include),name({name})) ="
        text = f"call: {name} did not come with the others ({EVENTS[name].why})"
        findings.append(Finding(False, text, line))
    if not lost:
        findings.append(Finding(True, "call: its channels and bridges were seen"))
    if "AgentConnect" in names:
        findings.append(Finding(True, "call: a queue's agent was seen"))
    findings.append(_mark(seen))
    return findings


def _mark(seen: Sequence[Frame]) -> Finding:
    for frame in seen:
        if frame.get("UserEvent") == "CollabRequest" and "Channel" in frame.headers:
            kind = frame.get("Type")
            shown = kind if kind.isascii() and kind.isalnum() else "none"
            return Finding(True, f"call: it was marked, type {shown}")
    return Finding(
        False,
        "call: it was not marked as a collaboration call",
        "extensions.conf, before Queue() or Dial(): same => n,Gosub(collab,request,1(form))",
    )
