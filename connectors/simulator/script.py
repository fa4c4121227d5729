"""The words a call is scripted in, the same for the simulator and for a harness on a real switch.

A `Call` says who dials what, how the telephones it may reach behave, and then the steps that
people take, one after the other. Nothing here names a switch's dialect: `MoveCaller` and the
`via` of a transfer say whether a person's telephone or the switch's control interface acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .world import Rings

CALLER = "caller"
"""Stands for the telephone that placed the call in every step that names one."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Until:
    """Wait until a telephone of the call is in a state."""

    state: Literal["queued", "ringing", "up", "talking", "gone"]
    """``up``: it has answered, or was answered, be it by a machine."""
    phone: str = CALLER
    within: float = 30.0
    """Seconds; then the script has failed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A telephone that rings is picked up by hand (its `Rings.answer_after` is None)."""

    phone: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """A telephone hangs up: BYE when it talks, CANCEL when it calls, a refusal when it rings."""

    phone: str = CALLER


@dataclass(frozen=True, slots=True)
class BlindTransfer:
    """`by` hands the other party to extension `to`: a SIP REFER, or by the control interface."""

    by: str
    to: str
    via: Literal["phone", "control"] = "phone"


@dataclass(frozen=True, slots=True)
class Consult:
    """`by` asks extension `to` first: a second call of the telephone, or by control interface."""

    by: str
    to: str
    via: Literal["phone", "control"] = "phone"


@dataclass(frozen=True, slots=True)
class CompleteTransfer:
    """`by` joins the two parties after `Consult`: REFER with Replaces, or simply hanging up."""

    by: str


@dataclass(frozen=True, slots=True)
class MoveCaller:
    """The control interface sends the caller's own leg to extension `to` (AMI Redirect)."""

    to: str


@dataclass(frozen=True, slots=True)
class Press:
    """A person presses keys."""

    phone: str
    digits: str
    how: Literal["info", "rtp"] = "info"


@dataclass(frozen=True, slots=True)
class Hold:
    """A telephone puts the other party on hold, or takes it back."""

    phone: str
    on: bool = True


Step = (
    Wait
    | Until
    | Answer
    | HangUp
    | BlindTransfer
    | Consult
    | CompleteTransfer
    | MoveCaller
    | Press
    | Hold
)


@dataclass(frozen=True, slots=True)
class Call:
    """One scripted call."""

    number: str
    """The extension that is dialled."""
    steps: tuple[Step, ...] = (Until("talking"), Wait(3.0), HangUp())
    phone: str = "caller"
    """The telephone that dials."""
    display: str = "Bob Caller"
    """The display name it shows."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """SIP headers of its INVITE."""
    phones: Mapping[str, Rings] = field(default_factory=dict)
    """How telephones behave for this call; others do what they always do."""
    name: str = ""
    """What the script is called in reports."""
