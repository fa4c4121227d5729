"""What the PBX says: the values that a driver turns its wire into."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from connectors.model.ids import BridgeId, LegId


class BridgeKind(enum.Enum):
    """What it means for two legs to share a bridge."""

    TALK = "talk"
    """They hear each other."""
    HOLDING = "holding"
    """Parking, hold music, waiting rooms: sharing one says nothing about two legs."""


class LegRole(enum.Enum):
    """Why a leg exists, as far as the PBX says."""

    INBOUND = "inbound"
    """The far end called the PBX."""
    OUTBOUND = "outbound"
    """The PBX called the far end."""
    INTERNAL = "internal"
    """One half of a ``Local``/``loopback`` pair."""
    TOOL = "tool"
    """Spy, recorder, announcer: never a party to the call."""


@dataclass(frozen=True, slots=True)
class LegUp:
    """A leg exists. Sent again it replaces name, number and role, and keeps the rest."""

    leg: LegId
    name: str
    """The channel's name, for the trace (``PJSIP/1001-0000000a``)."""
    endpoint: str
    """Technology and peer, what agent tables name (``PJSIP/1001``, ``Local/1001@from-queue``)."""
    number: str = ""
    """The far end's number as the PBX has it; a caller may have shaped it."""
    role: LegRole = LegRole.INBOUND
    context: str = ""
    """Where in the dialplan it entered, for the trace (``from-trunk/600``)."""
    exact: str = ""
    """The endpoint with its domain, where a PBX has several of one name
    (``user/1001@a.example``); the settings may name it in place of `endpoint`."""
    placed: LegId = ""
    """The call that a connector made it for, from a mark only a connector sets: its own id for a
    placeholder's waiting leg and for an agent's leg that dials on, another call's for an agent's
    leg that turns that one into a voice call. Empty: nobody's, or not known from the event."""


@dataclass(frozen=True, slots=True)
class LegDown:
    """A leg is gone."""

    leg: LegId
    cause: str = ""
    """The PBX's word for why (``16 Normal Clearing``)."""
    lost: bool = False
    """Nobody hung up: the PBX ended it because it shuts down."""


@dataclass(frozen=True, slots=True)
class LegHeld:
    """The far end of a leg put the call on hold, or took it back."""

    leg: LegId
    held: bool


@dataclass(frozen=True, slots=True)
class LegsPaired:
    """Two internal legs are the two ends of one pipe (``Local`` ``;1`` and ``;2``)."""

    one: LegId
    """The half that was dialled (``;1``)."""
    two: LegId
    """The half that runs on through the dialplan (``;2``), the phone behind it."""


@dataclass(frozen=True, slots=True)
class LegDialled:
    """`caller` (None: the PBX itself) rings `callee`."""

    caller: LegId | None
    callee: LegId


@dataclass(frozen=True, slots=True)
class LegDialEnded:
    """Ringing of `callee` is over: ``ANSWER``, ``CANCEL``, ``NOANSWER``, ``BUSY`` …"""

    callee: LegId
    outcome: str


@dataclass(frozen=True, slots=True)
class DialledInVain:
    """A leg that the connector had dial somebody has not reached them, and does something else."""

    leg: LegId
    outcome: str
    """As of `LegDialEnded`."""


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    """A leg is in a bridge; it leaves the one it was in. `swapped` is the leg it took over from."""

    bridge: BridgeId
    leg: LegId
    kind: BridgeKind = BridgeKind.TALK
    swapped: LegId | None = None


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    """A leg left a bridge."""

    bridge: BridgeId
    leg: LegId


@dataclass(frozen=True, slots=True)
class BridgeGone:
    """A bridge and whatever was in it is dissolved."""

    bridge: BridgeId


@dataclass(frozen=True, slots=True)
class Transferred:
    """`by` has handed `leg`, the other end of its conversation, on to somebody and is out of it.

    The bridges tell who that is; it may take a while, until somebody has answered.
    """

    by: LegId
    leg: LegId


@dataclass(frozen=True, slots=True)
class MemberKnown:
    """A queue has a member."""

    queue: str
    interface: str
    """How the queue rings it (``PJSIP/1001``, ``Local/1001@from-queue/n``)."""
    name: str = ""
    state_interface: str = ""
    """The device whose state counts, often the phone behind a ``Local`` member."""


@dataclass(frozen=True, slots=True)
class MemberGone:
    """A queue lost a member."""

    queue: str
    interface: str


@dataclass(frozen=True, slots=True)
class Queued:
    """A leg waits in a queue."""

    leg: LegId
    queue: str
    position: int | None = None
    """Place in line from 1; None: unknown."""


@dataclass(frozen=True, slots=True)
class Unqueued:
    """A leg waits no more: it is served, gave up, or the queue gave up on it."""

    leg: LegId
    queue: str
    outcome: Literal["served", "abandoned", "timeout", "left"] = "left"
    """``left``: the PBX has not said why (yet)."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The queue rings an agent for a waiting leg."""

    leg: LegId
    agent_leg: LegId
    queue: str
    interface: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """The queue gave a waiting leg to an agent, who answered."""

    leg: LegId
    agent_leg: LegId
    queue: str
    interface: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An agent whom the queue rang did not take the call."""

    leg: LegId
    queue: str
    interface: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """The dialplan announced a collaboration on a leg.

    Every string is as it left the wire (URI-decoded once, nothing else): hostile until the
    application has checked it.
    """

    leg: LegId
    type: str
    user_uri: str = ""
    feature: bool = False
    """Somebody pressed a code in a standing call; `leg` is the presser's."""
    header_type: str = ""
    """``X-Collab-Type`` of the call, counted only from trusted endpoints."""
    header_user_uri: str = ""
    recovered: bool = False
    """Read from the leg's variables during a resync, not announced now."""


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """The dialplan has had a pairing code keyed in on a leg, or wants one to say there."""

    leg: LegId
    code: str | None
    """As it was keyed in, hostile like a mark's strings; None: one is to be said."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth a line in the call's trace that changes no conclusion (a transfer's name)."""

    leg: LegId
    text: str


@dataclass(frozen=True, slots=True)
class SnapshotLeg:
    """One leg of a resync list."""

    up: LegUp
    bridge: BridgeId | None = None
    kind: BridgeKind = BridgeKind.TALK
    mark: Marked | None = None
    queue: str = ""
    """The queue it waits in now; empty: none."""
    position: int | None = None
    dialled_by: LegId | None = None
    """Who rings it, where the list says so."""
    talked: bool | None = None
    """Whether it has talked to anybody, now or before; None: the list does not tell."""
    left_by: str | None = None
    """Of a placeholder that a queue's member has answered and left alone: the member's interface,
    empty where the list does not tell; None: of all others."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that stands on the PBX now, read after a connect. What it lacks is gone."""

    legs: tuple[SnapshotLeg, ...]
    pairs: tuple[LegsPaired, ...] = ()
    members: tuple[MemberKnown, ...] = ()
    held: tuple[str, ...] = ()
    """Interfaces of members that a `HoldMember` holds, where those holds do not end by themselves.
    """
    restarted: bool = False
    """The PBX was started anew since the connector last saw it."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection to the PBX is gone; what stands is unknown until the next `Snapshot`."""

    why: str


PbxEvent = (
    LegUp
    | LegDown
    | LegHeld
    | LegsPaired
    | LegDialled
    | LegDialEnded
    | DialledInVain
    | BridgeEntered
    | BridgeLeft
    | BridgeGone
    | Transferred
    | MemberKnown
    | MemberGone
    | Queued
    | Unqueued
    | Offered
    | Served
    | Refused
    | Marked
    | CodeAsked
    | Noted
    | Snapshot
    | LinkDown
)
