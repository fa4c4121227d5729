"""AMI events to domain events: `EVENTS` is the one list of what is wanted, and why.

Which header is believed where a caller could have shaped it: `connectors.asterisk.trust`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from connectors import model
from connectors.asterisk.channels import (
    bridge_kind,
    decoded,
    endpoint_of,
    known,
    leg_up,
    member,
    partner_of,
    position,
    role_of,
)
from connectors.asterisk.trust import (
    ForgedError,
    check_complete,
    comes_first,
    first,
    last,
    only,
    swapped,
    user_keys,
)
from connectors.asterisk.wire import Frame
from connectors.marks import shown
from connectors.model import LegRole, LegUp, PbxEvent

Decoded = Iterable[PbxEvent]

_MARKS = ("CollabRequest", "CollabPair", "CollabUnreached")
"""UserEvents of collab.conf."""
SHUTTING_DOWN = "4"
"""`Cause` of the SoftHangupRequest that SIGTERM and ``core stop now`` send each channel: here it
is no hang-up cause but AST_SOFTHANGUP_SHUTDOWN (channel.h)."""
LEGS_LIMIT = 20_000
"""Channels kept by name; Asterisk's own ceiling is far below. The oldest goes first."""


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
        self._swept: set[str] = set()
        """Legs that Asterisk ends because it shuts down."""
        self._out_of_queue: set[str] = set()
        """Legs whose leaving of their queue is reported already."""

    def decode(self, frame: Frame) -> Decoded:
        """The domain events one frame stands for: mostly one, none for what says nothing new."""
        wanted = EVENTS[frame.event]
        try:
            check_complete(frame, wanted.privilege, wanted.needs)
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
        self._swept &= self._legs.keys()
        self._out_of_queue &= self._legs.keys()

    def stands(self, leg: str) -> bool:
        """Whether a channel of that id is there."""
        return leg in self._legs

    # --- which channel an event is about

    def _leg(self, frame: Frame) -> str:
        """`Uniqueid` of the event's own channel."""
        if "Uniqueid" not in frame.repeated:
            return only(frame, "Uniqueid")
        leg = self._ids.get(first(frame, "Channel"))
        if leg is None or leg not in frame.repeated["Uniqueid"]:
            raise ForgedError("Uniqueid occurs twice")
        return leg

    def _dest(self, frame: Frame) -> str:
        only(frame, "DestChannel")
        return only(frame, "DestUniqueid")

    def _remember(self, leg: LegUp) -> list[PbxEvent]:
        """Keep a leg; gives the end of the one that makes room for it, if any."""
        gone: list[PbxEvent] = []
        if len(self._legs) >= LEGS_LIMIT:
            oldest = next(iter(self._legs))
            self._forget(oldest)
            gone.append(model.LegDown(oldest, "more channels stand than are kept", lost=True))
        self._legs[leg.leg] = leg
        self._ids[leg.name] = leg.leg
        return gone

    def _forget(self, leg: str) -> None:
        gone = self._legs.pop(leg, None)
        if gone is not None and self._ids.get(gone.name) == leg:
            del self._ids[gone.name]
        self._hanging_up.discard(leg)
        self._swept.discard(leg)
        self._out_of_queue.discard(leg)

    def _numbered(self, frame: Frame, leg: str) -> Decoded:
        """The leg again where the dialplan has changed its caller's number since it came up."""
        up = self._legs.get(leg)
        if up is None or "CallerIDNum" in frame.repeated or "CallerIDNum" not in frame.headers:
            return ()
        number = known(frame.headers["CallerIDNum"])
        if number == up.number:
            return ()
        self._legs[leg] = replace(up, number=number)
        return (self._legs[leg],)

    def _refusal(self, frame: Frame, error: ForgedError) -> Decoded:
        """A refused mark is worth a line in its call's trace, if the call is known."""
        leg = self._ids.get(first(frame, "Channel"))
        ids = frame.repeated.get("Uniqueid") or (last(frame, "Uniqueid"),)
        if frame.event != "UserEvent" or leg is None or leg not in ids:
            return ()
        return (model.Noted(leg, f"a mark was refused as forged: {error}"),)

    # --- channels

    def new_channel(self, frame: Frame) -> Decoded:
        leg, name = last(frame, "Uniqueid"), first(frame, "Channel")
        if leg in self._legs and self._legs[leg].name != name:
            raise ForgedError("its Uniqueid is another channel's")
        up = leg_up(leg, name, frame.headers, outgoing=last(frame, "ChannelState") == "0")
        gone = self._remember(up)
        partner = partner_of(name)
        other = self._ids.get(partner) if partner else None
        if other is None:
            return (*gone, up)
        one, two = (leg, other) if name.endswith(";1") else (other, leg)
        return (*gone, up, model.LegsPaired(one, two))

    def renamed(self, frame: Frame) -> Decoded:
        leg, name = self._leg(frame), last(frame, "Newname")
        up = self._legs.get(leg)
        if up is None or not name:
            return ()
        self._forget(leg)
        role = role_of(name, outgoing=up.role is LegRole.OUTBOUND)
        up = replace(up, name=name, endpoint=endpoint_of(name), role=role)
        self._remember(up)
        return (up,)

    def hangup_asked(self, frame: Frame) -> Decoded:
        leg = self._leg(frame)
        asked = self._hanging_up
        if frame.event == "SoftHangupRequest" and last(frame, "Cause") == SHUTTING_DOWN:
            asked = self._swept
        asked.add(leg)
        if len(asked) > LEGS_LIMIT:
            asked.clear()
        return ()

    def hung_up(self, frame: Frame) -> Decoded:
        leg = self._leg(frame)
        cause = f"{last(frame, 'Cause')} {last(frame, 'Cause-txt')}".strip()
        lost = leg in self._swept
        self._forget(leg)
        return (model.LegDown(leg, "Asterisk is shutting down" if lost else cause, lost),)

    def hold(self, frame: Frame) -> Decoded:
        return (model.LegHeld(self._leg(frame), held=True),)

    def unhold(self, frame: Frame) -> Decoded:
        return (model.LegHeld(self._leg(frame), held=False),)

    def paired(self, frame: Frame) -> Decoded:
        one, two = only(frame, "LocalOneUniqueid"), only(frame, "LocalTwoUniqueid")
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
        return (model.LegDialEnded(self._dest(frame), last(frame, "DialStatus")),)

    def _dialler(self, frame: Frame) -> str | None:
        """The dialling leg; None where the PBX itself dials and the event has only ``Dest…``."""
        return self._leg(frame) if comes_first(frame, "Channel", "DestChannel") else None

    # --- bridges

    def bridge_enter(self, frame: Frame) -> Decoded:
        bridge, leg = first(frame, "BridgeUniqueid"), self._leg(frame)
        return (model.BridgeEntered(bridge, leg, bridge_kind(frame.headers), swapped(frame)),)

    def bridge_leave(self, frame: Frame) -> Decoded:
        return (model.BridgeLeft(first(frame, "BridgeUniqueid"), self._leg(frame)),)

    def bridge_gone(self, frame: Frame) -> Decoded:
        return (model.BridgeGone(first(frame, "BridgeUniqueid")),)

    # --- queues

    def member_added(self, frame: Frame) -> Decoded:
        return (member(frame.headers, interface="Interface", name="MemberName"),)

    def member_removed(self, frame: Frame) -> Decoded:
        return (model.MemberGone(frame.get("Queue"), frame.get("Interface")),)

    def queue_join(self, frame: Frame) -> Decoded:
        leg = self._leg(frame)
        self._out_of_queue.discard(leg)
        joined = model.Queued(leg, last(frame, "Queue"), position(last(frame, "Position")))
        return (*self._numbered(frame, leg), joined)

    def queue_leave(self, frame: Frame) -> Decoded:
        leg = self._leg(frame)
        if leg in self._out_of_queue:
            self._out_of_queue.discard(leg)
            return ()
        return (model.Unqueued(leg, last(frame, "Queue")),)

    def queue_abandon(self, frame: Frame) -> Decoded:
        """Fires when the caller gave up and when the queue did (facts); a hang-up asked for
        before it tells the two apart (queue_abandon*.ami against queue_timeout.ami)."""
        leg = self._leg(frame)
        self._out_of_queue.add(leg)
        if len(self._out_of_queue) > LEGS_LIMIT:
            self._out_of_queue.clear()
        outcome = "abandoned" if leg in self._hanging_up else "timeout"
        if leg in self._swept:
            outcome = "left"
        return (model.Unqueued(leg, last(frame, "Queue"), outcome),)  # type: ignore[arg-type]

    def agent_called(self, frame: Frame) -> Decoded:
        return (model.Offered(self._leg(frame), self._dest(frame), *_member_of(frame)),)

    def agent_connect(self, frame: Frame) -> Decoded:
        return (model.Served(self._leg(frame), self._dest(frame), *_member_of(frame)),)

    def agent_ring_no_answer(self, frame: Frame) -> Decoded:
        queue, interface, _name = _member_of(frame)
        why = f"no answer after {last(frame, 'RingTime')} ms"
        return (model.Refused(self._leg(frame), queue, interface, why),)

    # --- what is said about a call

    def transferred(self, frame: Frame) -> Decoded:
        """The legs move by bridge events. This names the cause in the trace, and says who handed
        whom on where a BridgeEnter does not (no `SwapUniqueid`)."""
        blind = frame.event == "BlindTransfer"
        orig = "Transferer" if blind else "OrigTransferer"
        by, leg = f"{orig}Uniqueid", "TransfereeUniqueid"
        if not {by, leg} <= frame.headers.keys() or {by, leg} & frame.repeated.keys():
            return ()
        name = frame.get(f"{orig}Channel")
        if blind:
            text = f"blind transfer by {name} to {shown(frame.get('Extension'))}"
        else:
            text = f"attended transfer by {name} to {frame.get('TransferTargetChannel')}"
        noted = model.Noted(frame.headers[leg], text)
        if last(frame, "Result") != "Success":
            return (noted,)
        return (noted, model.Transferred(frame.headers[by], frame.headers[leg]))

    def user_event(self, frame: Frame) -> Decoded:
        name = first(frame, "UserEvent")
        if name not in _MARKS and "UserEvent" not in frame.repeated:
            return ()
        if "Channel" not in frame.headers:
            return ()  # an AMI client's own, such as the one of `tandem-connector check`
        given = user_keys(frame)
        leg, channel = only(frame, "Uniqueid"), only(frame, "Channel")
        up = self._legs.get(leg)
        if up is not None and up.name != channel:
            raise ForgedError("Channel is not the name known for Uniqueid")
        if name == "CollabPair":
            code = None if given.get("Ask") == "1" else given.get("Code", "")
            return (*self._numbered(frame, leg), model.CodeAsked(leg, code))
        if name == "CollabUnreached":
            return (model.DialledInVain(leg, given.get("Status", "")),)
        return (
            *self._numbered(frame, leg),
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
    """Its ``Privilege`` line: the read class that sends it, and ``all``."""
    needs: frozenset[str]
    """Headers every genuine one has."""
    why: str


def _wanted(decode: Callable[[Decoder, Frame], Decoded], read: str, needs: str, why: str) -> Wanted:
    return Wanted(decode, f"{read},all", frozenset(needs.split()), why)


_ONE = "Channel Uniqueid Linkedid"
_DEST = "DestChannel DestUniqueid DestLinkedid"
_BRIDGE = "BridgeUniqueid BridgeType BridgeTechnology"
_MEMBER = "Queue MemberName Interface StateInterface Membership Penalty Paused"
_PAIR = "LocalOneChannel LocalOneLinkedid LocalTwoChannel LocalTwoLinkedid"

_D = Decoder
EVENTS: dict[str, Wanted] = {
    "Newchannel": _wanted(_D.new_channel, "call", _ONE, "a leg: endpoint, number, origin"),
    "Rename": _wanted(_D.renamed, "call", "Channel Newname Uniqueid", "a leg on another device"),
    "HangupRequest": _wanted(_D.hangup_asked, "call", _ONE, "caller gave up, or the queue did"),
    "SoftHangupRequest": _wanted(_D.hangup_asked, "call", _ONE, "the same, asked by Asterisk"),
    "Hangup": _wanted(_D.hung_up, "call", f"{_ONE} Cause", "a leg's end and its cause"),
    "Hold": _wanted(_D.hold, "call", _ONE, "the page says 'on hold'"),
    "Unhold": _wanted(_D.unhold, "call", _ONE, "and no longer"),
    "LocalBridge": _wanted(_D.paired, "call", _PAIR, "the phone behind a Local/ member"),
    "DialBegin": _wanted(_D.dial_begin, "call", _DEST, "who rings whom: the user of an own call"),
    "DialEnd": _wanted(_D.dial_end, "call", f"{_DEST} DialStatus", "ringing is over"),
    "BridgeEnter": _wanted(_D.bridge_enter, "call", f"{_BRIDGE} {_ONE}", "who talks with whom"),
    "BridgeLeave": _wanted(_D.bridge_leave, "call", f"{_BRIDGE} {_ONE}", "and no longer"),
    "BridgeDestroy": _wanted(_D.bridge_gone, "call", _BRIDGE, "nobody is left in it"),
    "BlindTransfer": _wanted(
        _D.transferred, "call", "Result TransfererLinkedid Extension", "who handed whom on"
    ),
    "AttendedTransfer": _wanted(
        _D.transferred, "call", "Result OrigTransfererLinkedid DestType", "the same"
    ),
    "QueueMemberAdded": _wanted(_D.member_added, "agent", _MEMBER, "a dynamic member: an agent"),
    "QueueMemberRemoved": _wanted(_D.member_removed, "agent", _MEMBER, "and no longer"),
    "QueueCallerJoin": _wanted(
        _D.queue_join, "agent", f"{_ONE} Queue Position", "the call waits, and where"
    ),
    "QueueCallerLeave": _wanted(_D.queue_leave, "agent", f"{_ONE} Queue", "it waits no more"),
    "QueueCallerAbandon": _wanted(
        _D.queue_abandon, "agent", f"{_ONE} Queue", "it was abandoned, or timed out"
    ),
    "AgentCalled": _wanted(
        _D.agent_called, "agent", f"{_ONE} {_DEST} Queue Interface", "a member's leg, early"
    ),
    "AgentConnect": _wanted(
        _D.agent_connect, "agent", f"{_ONE} {_DEST} Queue Interface", "who serves the call"
    ),
    "AgentRingNoAnswer": _wanted(
        _D.agent_ring_no_answer, "agent", f"{_ONE} Queue Interface", "a line in the call trace"
    ),
    "UserEvent": _wanted(
        _D.user_event, "user", "UserEvent", "the dialplan's mark, and pairing codes"
    ),
}


def _member_of(frame: Frame) -> tuple[str, str, str]:
    return last(frame, "Queue"), last(frame, "Interface"), last(frame, "MemberName")
