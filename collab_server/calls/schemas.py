"""Bodies of the connectors' reports, and calls as the API shows them.

A report is one message about many calls. What the connector itself decides (ids, numbers, states)
must be right, or the whole report is refused with the field's name. What a caller can shape (type,
URIs, texts) never costs other calls their report: a value that will not do is taken for what it
is, a call without a usable type or address, and the trace says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

MAX_CALLS = 1_000
"""Calls one report may hold; a snapshot may hold more."""
MAX_SNAPSHOT = 20_000
MAX_RESULTS = 5_000
MAX_BODY = 4 * 1024 * 1024

_BIG = 2**53


def _clean(text: str) -> str:
    """Control characters (NUL among them) become visible as U+FFFD."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _of_our_days(at: datetime) -> datetime:
    """Refuse what UTC may not hold: one such time would fail every list that it stands in."""
    if not 1970 <= at.year <= 9_000:
        raise ValueError("expected a time of our days")
    return at


Time = Annotated[AwareDatetime, AfterValidator(_of_our_days)]
Clean = Annotated[str, AfterValidator(_clean)]
CallId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean)]
Counter = Annotated[int, Field(ge=0, le=_BIG, strict=True)]


class _Report(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TraceEntry(_Report):
    """A line of the call's trace, numbered within the call."""

    n: Counter
    at: Time
    stage: Literal["wire", "mark", "queue", "agent", "outbox", "message", "end"]
    text: Clean
    stopped: bool = False


class ReportedPairing(_Report):
    """The last pairing code that was keyed in on a call, or asked for, and how many there were."""

    n: Counter
    code: Clean | None = None
    """As it was keyed in; None: a code is asked for, to be said to the caller."""


class ReportedUnreached(_Report):
    """The last try to have agent and user talk by telephone that came to nothing."""

    command: CallId
    """The ``dial`` or ``voice`` that asked for it."""
    who: Literal["user", "agent"]
    why: Literal["no_answer", "busy", "refused", "hung_up", "unreachable"]


class ReportedCall(_Report):
    """The latest state of one call."""

    id: CallId
    seq: Counter
    state: Literal["requested", "queued", "inviting", "active", "suspended", "ended"]
    type: Clean | None = None
    requests: Counter = 0
    """How often a collaboration was asked for in this call, by mark or code; 0: not counted."""
    initiator: Literal["user", "agent"] = "user"
    user_uri: Clean | None = None
    agent_uri: Clean | None = None
    agent_leg: Clean | None = None
    queue: Clean | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    held: bool = False
    cause: Clean | None = None
    since: Time | None = None
    aliases: Annotated[tuple[CallId, ...], Field(max_length=64)] = ()
    pairing: ReportedPairing | None = None
    unreached: ReportedUnreached | None = None
    trace: Annotated[tuple[TraceEntry, ...], Field(max_length=1_000)] = ()


class CommandResult(_Report):
    """What became of a command."""

    id: CallId
    status: Literal["done", "failed", "unknown"]
    detail: Clean = ""


class PbxStanding(_Report):
    """Whether the connector is connected to its PBX, since when, and why not."""

    connected: bool
    since: Time | None = None
    title: Clean | None = None
    """Kind, version and address of the PBX."""
    detail: Clean | None = None


class Report(_Report):
    """Body of ``POST /v1/pbx/{name}/reports``."""

    epoch: Counter
    """Counts up with each start of the connector (milliseconds since the Unix epoch)."""
    snapshot: bool = False
    """What is not listed has ended."""
    calls: Annotated[tuple[ReportedCall, ...], Field(max_length=MAX_SNAPSHOT)] = ()
    results: Annotated[tuple[CommandResult, ...], Field(max_length=MAX_RESULTS)] = ()
    pbx: PbxStanding | None = None
    """None: the connector does not say."""
    connector: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """What the connector calls itself, for ever; needed where a PBX has two of them."""
    leaving: bool = False
    """Its last report: it begins nothing any more, has said in `results` what became of all that it
    began, and whoever stands by may take over at once."""


class LeaseAnswer(BaseModel):
    """Whether the connector holds the PBX's lease. One that does not stands by: its calls were not
    taken, and it asks again."""

    model_config = ConfigDict(extra="forbid")

    held: bool
    epoch: int
    """Of whoever holds it; a command that names another is not to be carried out."""
    seconds: float
    """Until it lapses."""


class ReportAnswer(BaseModel):
    """How many of the report's calls and results were news, and how many were not.

    ``lease`` is there for a connector that names itself.
    """

    model_config = ConfigDict(extra="forbid")

    accepted: int
    ignored: int
    lease: LeaseAnswer | None = None


class Stopped(BaseModel):
    """Where, and why, a call got no session or its session no agent."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    reason: str


class ShownCall(BaseModel):
    """A call, as ``GET /v1/calls`` lists it."""

    model_config = ConfigDict(extra="forbid")

    pbx: str
    id: str
    aliases: list[str]
    state: str
    type: str | None
    initiator: str
    requests: int
    user_uri: str | None
    agent_uri: str | None
    agent_leg: str | None
    queue: str | None
    position: int | None
    held: bool
    cause: str | None
    since: AwareDatetime
    session: str | None
    ordinary: bool
    """Nobody asked for a collaboration, not even wrongly; ``stopped`` then says just that."""
    stopped: Stopped | None
    first_seen: AwareDatetime
    ended: AwareDatetime | None


class CallList(BaseModel):
    """A page of calls."""

    model_config = ConfigDict(extra="forbid")

    items: list[ShownCall]
    next: str | None


class ShownLine(BaseModel):
    """A line of a trace; ``stage`` says where in the chain it happened."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime
    stage: Literal[
        "wire",
        "mark",
        "queue",
        "agent",
        "outbox",
        "server",
        "invitation",
        "message",
        "browser",
        "end",
    ]
    text: str
    stopped: bool


class Trace(BaseModel):
    """A call's way from the wire to the browser."""

    model_config = ConfigDict(extra="forbid")

    call: ShownCall
    session: str | None
    stopped: Stopped | None
    items: list[ShownLine]


def clip(text: Any, length: int) -> str | None:
    """Cut a text to what its column holds; None stays None, and nothing counts as None."""
    return text[:length] if text else None
