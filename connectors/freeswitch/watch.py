"""What a real call shows of the events that come, and of the dialplan's mark."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from connectors.freeswitch.events import EVENTS, name_of
from connectors.freeswitch.wire import Event
from connectors.runtime.driver import Finding

_IMPLIED = (
    ("CHANNEL_HANGUP_COMPLETE", "CHANNEL_CREATE"),
    ("CHANNEL_BRIDGE", "CHANNEL_CREATE"),
    ("CHANNEL_UNBRIDGE", "CHANNEL_BRIDGE"),
    ("CUSTOM callcenter::info", "CHANNEL_CREATE"),
)
"""Whoever is sent the first event of a call that is over is sent the second too."""

_MARK = '<action application="execute_extension" data="collab_request_form XML collab"/>'


async def watch(seen: Sequence[Event], arrived: asyncio.Event, seconds: float) -> None:
    """Wait until a call came and all its channels went, at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not _over(seen):
                arrived.clear()
                await arrived.wait()
    except TimeoutError:
        return


def _over(seen: Iterable[Event]) -> bool:
    legs: dict[str, set[str]] = {"CHANNEL_CREATE": set(), "CHANNEL_HANGUP_COMPLETE": set()}
    for event in seen:
        if event.name in legs:
            legs[event.name].add(event.get("Unique-ID"))
    came, gone = legs.values()
    return bool(came) and came <= gone


def judge(seen: Sequence[Event], seconds: float) -> list[Finding]:
    """What the events of one call prove."""
    names = {name_of(event) for event in seen}
    if not any(name.startswith("CHANNEL_") for name in names):
        text = f"call: no event of a call came within {seconds:g} s; was there one?"
        return [Finding(False, text, "a call through an extension that has a mark")]
    lost = {implied for shown, implied in _IMPLIED if shown in names and implied not in names}
    findings = [
        Finding(False, f"call: {name} did not come with the others ({EVENTS[name].why})")
        for name in sorted(lost)
    ]
    if not lost:
        findings.append(Finding(True, "call: its channels were seen"))
    if any(event.get("CC-Action") == "bridge-agent-start" for event in seen):
        findings.append(Finding(True, "call: a queue's agent was seen"))
    marks = [event for event in seen if name_of(event) == "CUSTOM collab::request"]
    if not marks:
        text = "call: it was not marked as a collaboration call"
        findings.append(Finding(False, text, f"in its extension, before the queue: {_MARK}"))
    for event in marks:
        kind = event.get("Collab-Type")
        shown = kind if kind.isascii() and kind.isalnum() else "none"
        how = "a code asked for" if event.get("Collab-Feature") == "1" else "it was marked, type"
        findings.append(Finding(True, f"call: {how} {shown}"))
    return findings
