"""Frozen values of the domain: what a PBX says, what the core concludes, what it is asked to do.

Nothing here names a PBX, a socket or a thread. A driver (``asterisk``, ``freeswitch``) turns
its wire into the `PbxEvent` values below and carries out `Command` values; the core in between
works on legs, bridges and pairs.

Identifiers are opaque strings given by the PBX (Asterisk ``Uniqueid``, FreeSWITCH
``Unique-ID``). Times are seconds since the epoch by the connector's clock at receipt, never
the PBX's.
"""

from __future__ import annotations

from connectors.model.effects import (
    NAME_LIMIT,
    NUMBER,
    Command,
    DialBoth,
    Effect,
    HangUp,
    HoldMember,
    Onward,
    PauseMember,
    PlaceCall,
    Result,
    SendMessage,
    SetAnswer,
)
from connectors.model.events import (
    BridgeEntered,
    BridgeGone,
    BridgeKind,
    BridgeLeft,
    CodeAsked,
    DialledInVain,
    LegDialEnded,
    LegDialled,
    LegDown,
    LegHeld,
    LegRole,
    LegsPaired,
    LegUp,
    LinkDown,
    Marked,
    MemberGone,
    MemberKnown,
    Noted,
    Offered,
    PbxEvent,
    Queued,
    Refused,
    Served,
    Snapshot,
    SnapshotLeg,
    Transferred,
    Unqueued,
)
from connectors.model.ids import COLLAB_TYPES, BridgeId, LegId
from connectors.model.reasons import Why
from connectors.model.reports import CallReport, CallState, InVain, Pairing, TraceItem, Unreached

__all__ = [
    "COLLAB_TYPES",
    "NAME_LIMIT",
    "NUMBER",
    "BridgeEntered",
    "BridgeGone",
    "BridgeId",
    "BridgeKind",
    "BridgeLeft",
    "CallReport",
    "CallState",
    "CodeAsked",
    "Command",
    "DialBoth",
    "DialledInVain",
    "Effect",
    "HangUp",
    "HoldMember",
    "InVain",
    "LegDialEnded",
    "LegDialled",
    "LegDown",
    "LegHeld",
    "LegId",
    "LegRole",
    "LegUp",
    "LegsPaired",
    "LinkDown",
    "Marked",
    "MemberGone",
    "MemberKnown",
    "Noted",
    "Offered",
    "Onward",
    "Pairing",
    "PauseMember",
    "PbxEvent",
    "PlaceCall",
    "Queued",
    "Refused",
    "Result",
    "SendMessage",
    "Served",
    "SetAnswer",
    "Snapshot",
    "SnapshotLeg",
    "TraceItem",
    "Transferred",
    "Unqueued",
    "Unreached",
    "Why",
]
