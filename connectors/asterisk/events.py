"""AMI events to domain events: `EVENTS` is the one list of what is wanted, and why.

What can be forged, and what is done about it. A value with CR LF in it puts whole headers, or
whole events, into the stream (facts: inject_header_percent_crlf*); SIP user parts
(``CallerIDNum``, ``Exten``) and a careless dialplan are the ways in. The sample dialplan leaves
none open; what follows holds on a PBX whose own dialplan does:

- An event without the ``Privilege`` line of its class was not written by Asterisk's manager.
- ``Channel`` and ``BridgeUniqueid`` stand before every value a caller shapes, so their first
  value counts. ``Uniqueid`` stands after them; if it occurs twice, the one known for that
  channel name counts, and for a new channel, whose event ends right behind it, the last one.
  What follows the channels (``Queue``, ``DialStatus`` …) counts by its last value. ``Dest…``
  that occur twice stand between two shaped stretches: such an event is refused.
- Optional headers (``SwapUniqueid``, the caller of a dial, the keys of a UserEvent) count only
  where Asterisk puts them, since a forged one repeats nothing.
- A UserEvent whose name or keys occur twice, or whose ``Channel`` is known under another
  ``Uniqueid``, is refused: a mark that is not certain is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import unquote

from connectors import model
from connectors.asterisk.channels import (
    bridge_kind,
    endpoint_of,
    known,
    leg_up,
    partner_of,
    role_of,
)
from connectors.asterisk.wire import Frame
from connectors.model import LegRole, LegUp, PbxEvent

Decoded = Iterable[PbxEvent]

LEGS_LIMIT = 20_000
"""Channels kept by name; Asterisk's own ceiling is far below. The oldest goes first."""

_MARK_KEYS = frozenset({"Type", "UserURI", "HeaderType", "HeaderUserURI", "Feature"})
_ONCE = (*_MARK_KEYS, "UserEvent")


class ForgedError(Exception):
    """The event cannot be what Asterisk wrote; the message says what gave it away."""


class Decoder:
    """Turns wanted frames into domain events. Holds only the names of standing channels.

    `refused` counts what was taken for forged, by event name.
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.last_refusal = ""
        self._legs: dict[str, LegUp] = {}
        self._ids: dict[str, str] = {}
        """Channel name to leg."""
        self._hanging_up: set[str] = set()
        """Legs whose end asked to hang up, or was told to."""
        self._out_of_queue: set[str] = set()
        """Legs whose leaving of their queue is reported already."""

    def decode(self, frame: Frame) -> Decoded:
        """The domain events one frame stands for: mostly one, none for what says nothing new."""
        wanted = EVENTS[frame.event]
        try:
            if not frame.headers.get("Privilege", "").startswith(wanted.privilege):
                raise ForgedError("it has no Privilege line of its class")
            return wanted.decode(self, frame)
        except ForgedError as error:
            self.refused[frame.event] += 1
            self.last_refusal = f"{frame.event}: {error}"
            return self._refusal(frame, error)

    def adopt(self, legs: Iterable[LegUp]) -> None:
        """Replace what is known by the legs of a list."""
        self._legs.clear()
        self._ids.clear()
        for leg in legs:
            self._remember(leg)
        self._hanging_up &= self._legs.keys()
        self._out_of_queue &= self._legs.keys()

    # --- which channel an event is about

    def _leg(self, frame: Frame) -> str:
        """`Uniqueid` of the event's own channel."""
        if "Uniqueid" not in frame.repeated:
            return _need(frame, "Uniqueid")
        leg = self._ids.get(_first(frame, "Channel"))
        if leg is None or leg not in frame.repeated["Uniqueid"]:
            raise ForgedError("Uniqueid occurs twice")
        return leg

    def _dest(self, frame: Frame) -> str:
        if "DestUniqueid" in frame.repeated or "DestChannel" in frame.repeated:
            raise ForgedError("DestUniqueid occurs twice")
        return _need(frame, "DestUniqueid")

    def _remember(self, leg: LegUp) -> None:
        if len(self._legs) >= LEGS_LIMIT:
            self._forget(next(iter(self._legs)))
        self._legs[leg.leg] = leg
        self._ids[leg.name] = leg.leg

    def _forget(self, leg: str) -> None:
        gone = self._legs.pop(leg, None)
        if gone is not None and self._ids.get(gone.name) == leg:
            del self._ids[gone.name]
        self._hanging_up.discard(leg)
        self._out_of_queue.discard(leg)

    def _refusal(self, frame: Frame, error: ForgedError) -> Decoded:
        """A refused mark is worth a line in its call's trace, if the call is known."""
        leg = self._ids.get(_first(frame, "Channel"))
        if frame.event != "UserEvent" or leg is None:
            return ()
        return (model.Noted(leg, f"a mark was refused as forged: {error}"),)

    # --- channels

    def new_channel(self, frame: Frame) -> Decoded:
        leg, name = _need(frame, "Uniqueid"), _first(frame, "Channel")
        if leg in self._legs and self._legs[leg].name != name:
            raise ForgedError("its Uniqueid is another channel's")
        up = leg_up(leg, name, frame.headers, outgoing=_last(frame, "ChannelState") == "0")
        self._remember(up)
        partner = partner_of(name)
        other = self._ids.get(partner) if partner else None
        if other is None:
            return (up,)
        one, two = (leg, other) if name.endswith(";1") else (other, leg)
        return (up, model.LegsPaired(one, two))

    def renamed(self, frame: Frame) -> Decoded:
        leg, name = self._leg(frame), _last(frame, "Newname")
        up = self._legs.get(leg)
        if up is None or not name:
            return ()
        self._forget(leg)
        role = role_of(name, outgoing=up.role is LegRole.OUTBOUND)
        up = replace(up, name=name, endpoint=endpoint_of(name), role=role)
        self._remember(up)
        return (up,)

    def hangup_asked(self, frame: Frame) -> Decoded:
        self._hanging_up.add(self._leg(frame))
        if len(self._hanging_up) > LEGS_LIMIT:
            self._hanging_up.clear()
        return ()

    def hung_up(self, frame: Frame) -> Decoded:
        leg = self._leg(frame)
        self._forget(leg)
        cause = f"{_last(frame, 'Cause')} {_last(frame, 'Cause-txt')}".strip()
        return (model.LegDown(leg, cause),)

    def hold(self, frame: Frame) -> Decoded:
        return (model.LegHeld(self._leg(frame), held=True),)

    def unhold(self, frame: Frame) -> Decoded:
        return (model.LegHeld(self._leg(frame), held=False),)

    def paired(self, frame: Frame) -> Decoded:
        if "LocalOneUniqueid" in frame.repeated or "LocalTwoUniqueid" in frame.repeated:
            raise ForgedError("LocalOneUniqueid or LocalTwoUniqueid occurs twice")
        one, two = _need(frame, "LocalOneUniqueid"), _need(frame, "LocalTwoUniqueid")
        return (model.LegsPaired(one, two),)

    # --- dialling

    def dial_begin(self, frame: Frame) -> Decoded:
        callee = self._dest(frame)
        dialled = model.LegDialled(self._dialler(frame), callee)
        up = self._legs.get(callee)
        number = known(frame.get("DestCallerIDNum"))
        if up is None or not number or number == up.number:
            return (dialled,)
        up = replace(up, number=number)  # Newchannel came before Dial() gave it its number
        self._legs[callee] = up
        return (up, dialled)

    def dial_end(self, frame: Frame) -> Decoded:
        return (model.LegDialEnded(self._dest(frame), _last(frame, "DialStatus")),)

    def _dialler(self, frame: Frame) -> str | None:
        """The dialling leg; None where the PBX itself dials and the event has only ``Dest…``."""
        for name in frame.headers:
            if name == "Channel":
                return self._leg(frame)
            if name == "DestChannel":
                return None
        return None

    # --- bridges

    def bridge_enter(self, frame: Frame) -> Decoded:
        swapped = None
        if next(reversed(frame.headers)) == "SwapUniqueid":
            swapped = frame.headers["SwapUniqueid"]
        bridge, leg = _first(frame, "BridgeUniqueid"), self._leg(frame)
        return (model.BridgeEntered(bridge, leg, bridge_kind(frame.headers), swapped),)

    def bridge_leave(self, frame: Frame) -> Decoded:
        return (model.BridgeLeft(_first(frame, "BridgeUniqueid"), self._leg(frame)),)

    def bridge_gone(self, frame: Frame) -> Decoded:
        return (model.BridgeGone(_first(frame, "BridgeUniqueid")),)

    # --- queues

    def member_added(self, frame: Frame) -> Decoded:
        return (member(frame.headers, interface="Interface", name="MemberName"),)

    def member_removed(self, frame: Frame) -> Decoded:
        return (model.MemberGone(frame.get("Queue"), frame.get("Interface")),)

    def queue_join(self, frame: Frame) -> Decoded:
        leg = self._leg(frame)
        self._out_of_queue.discard(leg)
        return (model.Queued(leg, _last(frame, "Queue"), position(_last(frame, "Position"))),)

    def queue_leave(self, frame: Frame) -> Decoded:
        leg = self._leg(frame)
        if leg in self._out_of_queue:
            self._out_of_queue.discard(leg)
            return ()
        return (model.Unqueued(leg, _last(frame, "Queue")),)

    def queue_abandon(self, frame: Frame) -> Decoded:
        """Fires when the caller gave up and when the queue did (facts); a hang-up asked for
        before it tells the two apart (queue_abandon*.ami against queue_timeout.ami)."""
        leg = self._leg(frame)
        self._out_of_queue.add(leg)
        if len(self._out_of_queue) > LEGS_LIMIT:
            self._out_of_queue.clear()
        outcome = "abandoned" if leg in self._hanging_up else "timeout"
        return (model.Unqueued(leg, _last(frame, "Queue"), outcome),)  # type: ignore[arg-type]

    def agent_called(self, frame: Frame) -> Decoded:
        return (model.Offered(self._leg(frame), self._dest(frame), *_member_of(frame)),)

    def agent_connect(self, frame: Frame) -> Decoded:
        return (model.Served(self._leg(frame), self._dest(frame), *_member_of(frame)),)

    def agent_ring_no_answer(self, frame: Frame) -> Decoded:
        queue, interface, _name = _member_of(frame)
        why = f"no answer after {_last(frame, 'RingTime')} ms"
        return (model.Refused(self._leg(frame), queue, interface, why),)

    # --- what is said about a call

    def transferred(self, frame: Frame) -> Decoded:
        """The legs move by bridge events; this only names the cause in the trace."""
        if "TransfereeUniqueid" in frame.repeated or "TransfereeUniqueid" not in frame.headers:
            return ()
        if frame.event == "BlindTransfer":
            by, to = frame.get("TransfererChannel"), frame.get("Extension")
            text = f"blind transfer by {by} to {to}"
        else:
            by, to = frame.get("OrigTransfererChannel"), frame.get("TransferTargetChannel")
            text = f"attended transfer by {by} to {to}"
        return (model.Noted(frame.headers["TransfereeUniqueid"], text),)

    def user_event(self, frame: Frame) -> Decoded:
        for name in _ONCE:
            if name in frame.repeated:
                raise ForgedError(f"{name} occurs twice")
        if frame.get("UserEvent") != "CollabRequest" or "Channel" not in frame.headers:
            return ()
        leg, channel = self._leg(frame), _first(frame, "Channel")
        up = self._legs.get(leg)
        if up is not None and up.name != channel:
            raise ForgedError(f"Channel is not the name of {leg}")
        given = _after(frame.headers, "UserEvent")
        return (
            model.Marked(
                leg=leg,
                type=given.get("Type", ""),
                user_uri=decoded(given.get("UserURI", "")),
                feature=given.get("Feature") == "1",
                header_type=given.get("HeaderType", ""),
                header_user_uri=decoded(given.get("HeaderUserURI", "")),
            ),
        )


class Wanted(NamedTuple):
    """One wanted event."""

    decode: Callable[[Decoder, Frame], Decoded]
    privilege: str
    """The read class that sends it, as its ``Privilege`` line begins."""
    why: str


EVENTS: dict[str, Wanted] = {
    "Newchannel": Wanted(Decoder.new_channel, "call", "a leg: its endpoint, number and origin"),
    "Rename": Wanted(Decoder.renamed, "call", "a leg taken over by another device"),
    "HangupRequest": Wanted(Decoder.hangup_asked, "call", "caller gave up, or the queue did"),
    "SoftHangupRequest": Wanted(Decoder.hangup_asked, "call", "the same, asked by Asterisk"),
    "Hangup": Wanted(Decoder.hung_up, "call", "a leg's end and its cause"),
    "Hold": Wanted(Decoder.hold, "call", "the page says 'on hold'"),
    "Unhold": Wanted(Decoder.unhold, "call", "and no longer"),
    "LocalBridge": Wanted(Decoder.paired, "call", "the phone behind a Local/ member"),
    "DialBegin": Wanted(Decoder.dial_begin, "call", "who rings whom: the user of a call placed"),
    "DialEnd": Wanted(Decoder.dial_end, "call", "ringing is over"),
    "BridgeEnter": Wanted(Decoder.bridge_enter, "call", "who talks with whom, after any move"),
    "BridgeLeave": Wanted(Decoder.bridge_leave, "call", "and no longer"),
    "BridgeDestroy": Wanted(Decoder.bridge_gone, "call", "nobody is left in it"),
    "BlindTransfer": Wanted(Decoder.transferred, "call", "a line in the call trace"),
    "AttendedTransfer": Wanted(Decoder.transferred, "call", "a line in the call trace"),
    "QueueMemberAdded": Wanted(Decoder.member_added, "agent", "a dynamic member is an agent"),
    "QueueMemberRemoved": Wanted(Decoder.member_removed, "agent", "and no longer"),
    "QueueCallerJoin": Wanted(Decoder.queue_join, "agent", "the call waits, and where"),
    "QueueCallerLeave": Wanted(Decoder.queue_leave, "agent", "it waits no more"),
    "QueueCallerAbandon": Wanted(Decoder.queue_abandon, "agent", "abandoned or timed out"),
    "AgentCalled": Wanted(Decoder.agent_called, "agent", "a member's leg, before it answers"),
    "AgentConnect": Wanted(Decoder.agent_connect, "agent", "the member who serves the call"),
    "AgentRingNoAnswer": Wanted(Decoder.agent_ring_no_answer, "agent", "a line in the trace"),
    "UserEvent": Wanted(Decoder.user_event, "user", "CollabRequest: the dialplan's mark"),
}


def member(headers: dict[str, str], *, interface: str, name: str) -> model.MemberKnown:
    """A queue member; lists and events name its interface and its name differently."""
    return model.MemberKnown(
        queue=headers.get("Queue", ""),
        interface=headers.get(interface, ""),
        name=headers.get(name, ""),
        state_interface=headers.get("StateInterface", ""),
    )


def position(value: str) -> int | None:
    """A place in line, from 1; None if it is not one."""
    return int(value) if value.isascii() and value.isdigit() and int(value) > 0 else None


def decoded(value: str) -> str:
    """URI-decoded, once: the dialplan encodes once. Invalid UTF-8 becomes U+FFFD."""
    return unquote(value, errors="replace")


def _need(frame: Frame, name: str) -> str:
    value = frame.headers.get(name)
    if not value:
        raise ForgedError(f"it has no {name}")
    return value


def _first(frame: Frame, name: str) -> str:
    values = frame.repeated.get(name)
    return values[0] if values else frame.headers.get(name, "")


def _last(frame: Frame, name: str) -> str:
    return frame.headers.get(name, "")


def _member_of(frame: Frame) -> tuple[str, str, str]:
    return _last(frame, "Queue"), _last(frame, "Interface"), _last(frame, "MemberName")


def _after(headers: dict[str, str], name: str) -> dict[str, str]:
    """The headers that stand behind `name`."""
    names = list(headers)
    return {key: headers[key] for key in names[names.index(name) + 1 :]}
