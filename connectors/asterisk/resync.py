"""What stands on Asterisk now, read by lists, and made to agree with the events around them.

Lists are taken from Asterisk's live state, events pass through its message bus and arrive
later: in one run 48 channels were listed before their Newchannel within 8 s (facts). So one
*look* is Status, BridgeList and QueueStatus followed by a fence, a UserEvent of our own that
comes back behind the events under way. What arrived up to the fence about a listed channel may
be older or newer than the list: a hint, not a fact. A look with such hints is not used; the next
one, taken after its fence, contains them all. A look without any is the truth. Where there is
none within `LOOKS`, or the fence does not come back, the events that came with the last look are
applied behind it: they come in order, so what they say ends right, if by way of the past.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from connectors.asterisk.channels import (
    bridge_kind,
    decoded,
    known,
    leg_up,
    member,
    partner_of,
    position,
)
from connectors.asterisk.connection import Ami
from connectors.asterisk.events import EVENTS
from connectors.asterisk.pausing import HELD, pause_of
from connectors.asterisk.placing import CALL_VARIABLE
from connectors.asterisk.wire import Frame
from connectors.model import (
    BridgeKind,
    LegRole,
    LegsPaired,
    LegUp,
    Marked,
    MemberKnown,
    Snapshot,
    SnapshotLeg,
)
from connectors.runtime.driver import ActionError, RefusedError, UnansweredError

log = logging.getLogger(__name__)

LOOKS = 4
FENCE = "CollabFence"
FENCE_TIMEOUT = 2.0
OPTIONAL_TIMEOUT = 5.0
"""Seconds for a list without which the look is poorer, not wrong."""
WINDOW_LIMIT = 20_000
"""Frames kept while a look is under way."""

MARK_VARIABLES = (
    "COLLAB_TYPE",
    "COLLAB_USER_URI",
    "COLLAB_HEADER_TYPE",
    "COLLAB_HEADER_USER_URI",
)

MEMBER_VARIABLE = "MEMBERINTERFACE"
"""Who has answered, of a queue with ``setinterfacevar``."""

VARIABLES = (CALL_VARIABLE, MEMBER_VARIABLE, *MARK_VARIABLES)

_ANNOUNCEMENTS = frozenset({"UserEvent", "AgentCalled", "AgentConnect", "AgentRingNoAnswer"})
"""Events no list repeats: they count, whichever look they came with."""

_ID_HEADERS = ("Uniqueid", "DestUniqueid", "LocalOneUniqueid", "LocalTwoUniqueid")


class Window:
    """Frames that arrive while a look is under way, in order."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.overflown = False
        self._fence = ""
        self._passed = asyncio.Event()

    def add(self, frame: Frame) -> None:
        """Take a frame; the fence's own only opens the gate."""
        if frame.event == "UserEvent" and frame.get("UserEvent") == FENCE:
            if self._fence and frame.get("Nonce") == self._fence:
                self._passed.set()
        elif len(self.frames) >= WINDOW_LIMIT:
            self.overflown = True
        elif frame.event in EVENTS:
            self.frames.append(frame)

    def raise_fence(self) -> str:
        """A new nonce to wait for."""
        self._fence = secrets.token_hex(8)
        self._passed.clear()
        return self._fence

    async def passed(self) -> bool:
        """Wait for the fence; False if it does not come back (no read = user, or filtered)."""
        try:
            async with asyncio.timeout(FENCE_TIMEOUT):
                await self._passed.wait()
        except TimeoutError:
            return False
        return True


class Lists(NamedTuple):
    """The answers of one look."""

    channels: list[Frame]
    bridges: list[Frame]
    queues: list[Frame]


class Resynced(NamedTuple):
    """A snapshot and the frames to apply behind it."""

    snapshot: Snapshot
    after: list[Frame]
    looks: int
    settled: bool
    """False: the PBX was too busy for a look without hints, or the fence did not come back."""


async def resync(ami: Ami, window: Window, *, restarted: bool) -> Resynced:
    """Look until two agree. Raises `UnansweredError`, or `RefusedError` if Status is refused."""
    announced: list[Frame] = []
    for look in range(1, LOOKS + 1):
        lists, fenced = await _look(ami, window)
        frames, window.frames = window.frames, []
        overflown, window.overflown = window.overflown, False
        snapshot = snapshot_of(lists, restarted=restarted)
        legs = {listed.up.leg for listed in snapshot.legs}
        settled = fenced and not overflown and not any(_is_hint(frame, legs) for frame in frames)
        if settled or not fenced or look == LOOKS:
            break
        announced += [frame for frame in frames if frame.event in _ANNOUNCEMENTS]
    return Resynced(snapshot, announced[-WINDOW_LIMIT:] + frames, look, settled)


async def _look(ami: Ami, window: Window) -> tuple[Lists, bool]:
    nonce = window.raise_fence()
    channels, bridges, queues, fence = await asyncio.gather(
        ami.ask_list({"Action": "Status", "Variables": ",".join(VARIABLES)}),
        _or_nothing(ami, "BridgeList"),
        _or_nothing(ami, "QueueStatus"),
        ami.ask({"Action": "UserEvent", "UserEvent": FENCE, "Nonce": nonce}),
        return_exceptions=True,
    )
    if isinstance(channels, ActionError):
        raise RefusedError(f"{channels}; write = reporting lets a connector read what stands")
    for answer in (channels, bridges, queues):
        if isinstance(answer, BaseException):
            raise answer
    assert not isinstance(channels, BaseException)  # noqa: S101 - for the type checker
    assert not isinstance(bridges, BaseException)  # noqa: S101
    assert not isinstance(queues, BaseException)  # noqa: S101
    fenced = not isinstance(fence, BaseException) and await window.passed()
    return Lists(channels[1:], bridges[1:], queues[1:]), fenced


async def _or_nothing(ami: Ami, action: str) -> list[Frame]:
    """A list that a small Asterisk does not have (app_queue not loaded): empty.

    One that is not answered at all is empty too, and said: what stands matters more.
    """
    try:
        return await ami.ask_list({"Action": action}, OPTIONAL_TIMEOUT)
    except ActionError as error:
        log.debug("%s", error)
    except UnansweredError as error:
        if ami.ended.done():
            raise
        log.warning("%s; going on without that list", error)
    return [Frame("", {}, {})]


def snapshot_of(lists: Lists, *, restarted: bool) -> Snapshot:
    """The lists as one value. What cannot be certain in it (repeated ids) is left out."""
    kinds = {item.get("BridgeUniqueid"): bridge_kind(item.headers) for item in lists.bridges}
    waiting = {
        item.get("Uniqueid"): item
        for item in lists.queues
        if item.event == "QueueEntry" and not item.repeated
    }
    certain = [item for item in lists.channels if item.event == "Status" and _certain(item)]
    # Nothing lists who dials whom; who runs Dial() began the conversation its phones ring in.
    dialling = {
        item.get("Uniqueid")
        for item in certain
        if item.get("Application") == "Dial" and not known(item.get("BridgeID"))
    }
    legs = tuple(_leg(item, kinds, waiting, dialling) for item in certain)
    return Snapshot(
        legs=legs,
        pairs=tuple(_pairs(legs)),
        members=tuple(_members(lists.queues)),
        held=tuple(dict.fromkeys(_held(lists.queues))),
        restarted=restarted,
    )


def _certain(item: Frame) -> bool:
    return bool(item.get("Uniqueid")) and not (
        item.repeated.keys() & {"Uniqueid", "Channel", "BridgeID", "ActionID"}
    )


def _leg(
    item: Frame,
    kinds: dict[str, BridgeKind],
    waiting: dict[str, Frame],
    dialling: set[str],
) -> SnapshotLeg:
    leg = item.get("Uniqueid")
    # AppDial, AppQueue: Asterisk's own word for a channel it made and that runs no dialplan.
    outgoing = item.get("Data") == "(Outgoing Line)"
    bridge = known(item.get("BridgeID")) or None
    entry = waiting.get(leg)
    linked = item.get("Linkedid")
    up = leg_up(leg, item.get("Channel"), item.headers, outgoing=outgoing)
    variables = _variables(item)
    if not up.placed and up.role is not LegRole.INTERNAL and variables is not None:
        up = replace(up, placed=variables.get(CALL_VARIABLE, ""))
    return SnapshotLeg(
        up=up,
        bridge=bridge,
        kind=kinds.get(bridge or "", BridgeKind.TALK),
        mark=_mark(leg, item),
        queue=entry.get("Queue") if entry else "",
        position=position(entry.get("Position")) if entry else None,
        dialled_by=linked if outgoing and linked != leg and linked in dialling else None,
        left_by=_left_by(up, item, variables or {}),
    )


def _left_by(up: LegUp, item: Frame, variables: dict[str, str]) -> str | None:
    """See `SnapshotLeg.left_by`: behind Queue() a placeholder waits for its end (collab.conf)."""
    alone = item.get("Application") == "Wait" and not known(item.get("BridgeID"))
    if up.role is not LegRole.INTERNAL or up.placed != up.leg or not alone:
        return None
    return variables.get(MEMBER_VARIABLE, "")


def _variables(item: Frame) -> dict[str, str] | None:
    """Those that were asked for; None when one is given twice, which is forged."""
    values = item.repeated.get("Variable") or (item.get("Variable"),)
    found: dict[str, str] = {}
    for value in values:
        name, equals, content = value.partition("=")
        if name in VARIABLES and equals:
            if name in found:
                return None
            found[name] = known(content)
    return found


def _mark(leg: str, item: Frame) -> Marked | None:
    """The mark its variables carry."""
    found = _variables(item)
    if found is None or not any(found.get(name) for name in MARK_VARIABLES):
        return None
    return Marked(
        leg=leg,
        type=found.get("COLLAB_TYPE", ""),
        user_uri=decoded(found.get("COLLAB_USER_URI", "")),
        header_type=found.get("COLLAB_HEADER_TYPE", ""),
        header_user_uri=decoded(found.get("COLLAB_HEADER_USER_URI", "")),
        recovered=True,
    )


def _pairs(legs: Iterable[SnapshotLeg]) -> Iterable[LegsPaired]:
    """Local halves by name, since no list names them as pairs."""
    ids = {listed.up.name: listed.up.leg for listed in legs}
    for name, one in ids.items():
        if name.endswith(";1") and (two := ids.get(partner_of(name) or "")) is not None:
            yield LegsPaired(one, two)


def _members(queues: Iterable[Frame]) -> Iterable[MemberKnown]:
    for item in queues:
        if item.event == "QueueMember" and not item.repeated:
            yield member(item.headers, interface="Location", name="Name")


def _held(queues: Iterable[Frame]) -> Iterable[str]:
    for item in queues:
        if item.event == "QueueMember" and not item.repeated and pause_of(item) == HELD:
            yield item.get("Location")


def _is_hint(frame: Frame, legs: set[str]) -> bool:
    """Whether it says something about the state of a listed channel."""
    if frame.event in _ANNOUNCEMENTS:
        return False
    for name in _ID_HEADERS:
        values = frame.repeated.get(name) or (frame.get(name),)
        if any(value in legs for value in values):
            return True
    return False
