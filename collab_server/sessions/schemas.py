"""Bodies of the API about sessions, and of the pages' own requests."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
)

from collab_server import uris
from collab_server.placed.shown import PlacedShown

CollabType = Literal["form", "cobrowse", "chat", "whiteboard", "files", "screen", "video"]
RoleName = Literal["user", "agent"]
StateName = Literal["requested", "queued", "inviting", "active", "suspended", "ended"]
ReasonName = Literal["hangup", "agent", "user", "abandoned", "queue_timeout", "expired", "lost"]

MAX_ATTRIBUTES = 16_384
"""Bytes the attributes of a session may have as JSON."""


def printable(text: str) -> str:
    """Refuse control characters."""
    if not all(c.isprintable() for c in text):
        raise ValueError("must not hold control characters")
    return text


def readable(text: str) -> str:
    """Refuse control characters but line breaks and tabs."""
    if any(not c.isprintable() and c not in "\n\t" for c in text):
        raise ValueError("must not hold control characters")
    return text


def _bounded(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except (RecursionError, ValueError):
        raise ValueError("too deep, not Unicode, or a number that JSON has not") from None
    if size > MAX_ATTRIBUTES:
        raise ValueError(f"may have {MAX_ATTRIBUTES} bytes as JSON, has {size}")
    return value


Attributes = Annotated[dict[str, JsonValue], AfterValidator(_bounded)]
UserUri = Annotated[str, AfterValidator(uris.user_uri)]
AgentUri = Annotated[str, AfterValidator(uris.agent_uri)]
Token = Annotated[str, Field(min_length=1, max_length=1_024)]


class Body(BaseModel):
    """What a client sends: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What the server answers."""

    model_config = ConfigDict(extra="forbid")


class Uri(Answer):
    """Somebody's address."""

    uri: str


class Named(Uri):
    """And what they are called, where that is known."""

    name: str | None = None


class CallRef(Body):
    """A call on a PBX; ``id`` is the user leg's."""

    pbx: Annotated[str, Field(min_length=1, max_length=63)]
    id: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]


class NewSession(Body):
    """Body of ``POST /v1/sessions``."""

    type: CollabType
    user_uri: UserUri
    agent_uri: AgentUri
    initiator: RoleName = "user"
    call: CallRef | None = None
    attributes: Attributes = Field(default_factory=dict)


class SessionQuery(BaseModel):
    """Parameters of ``GET /v1/sessions``."""

    model_config = ConfigDict(extra="forbid")

    state: StateName | None = None
    agent_uri: str | None = None
    user_uri: str | None = None
    call_id: str | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, Field(pattern=r"^[0-9]{1,12}\.[0-9]{1,9}_[0-9a-f]{1,40}$")] | None = None


class Party(Answer):
    """One side of a session; ``join_url`` while it may still be opened, for those who may know."""

    uri: str
    join_url: str | None


class CallShown(Answer):
    """The call of a session."""

    pbx: str
    id: str
    aliases: list[str]


class SessionDocument(Answer):
    """A session."""

    id: str
    state: StateName
    reason: ReasonName | None
    type: CollabType
    initiator: RoleName
    user: Party
    agent: Party | None
    call: CallShown | None
    created: AwareDatetime
    attributes: dict[str, Any]


class SessionList(Answer):
    """A page of sessions, newest first."""

    items: list[SessionDocument]
    next: str | None


class EventShown(Answer):
    """A change of a session."""

    n: int
    at: AwareDatetime
    kind: str
    old: str | None
    new: str | None
    cause: str


class EventList(Answer):
    """A page of a session's changes, oldest first."""

    items: list[EventShown]
    next: str | None


class EventQuery(BaseModel):
    """Parameters of ``GET /v1/sessions/{id}/events``."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=0, lt=2**31)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class EndBody(Body):
    """Body of ``POST /v1/sessions/{id}/end``; a client with a key, or a browser that holds both
    sides, may say who ends it."""

    reason: Literal["agent", "user", "expired"] = "agent"


class InvitationBody(Body):
    """Body of ``POST /v1/sessions/{id}/invitations``."""

    role: RoleName
    send: bool = False
    """Send the link to the user's terminal again."""
    way: Annotated[str, Field(max_length=40)] | None = None
    """By this way alone; without it, by each in order until one is opened, as when the session got
    its agent: an address that came with a call is reached down the call's own leg only."""


class InvitationMade(Answer):
    """The new link, for those who may see it; the one before is dead."""

    join_url: str | None


class NoteBody(Body):
    """Body of ``POST /v1/sessions/{id}/note``."""

    note: Annotated[str, Field(max_length=10_000), AfterValidator(readable)] = ""
    outcome: Annotated[str, Field(max_length=80), AfterValidator(printable)] = ""
    done: bool = False
    """The wrap-up is done: the session leaves the desk's list of those that want one."""


class JoinBody(Body):
    """Body of ``POST /v1/join`` and ``POST /v1/join/look``."""

    token: Token
    agent: AgentUri | None = None
    """The agent whom the page named when its button was pressed: the yes is for no other one.
    None: whoever has the session. Left out: no page of ours asks, which could ask its user again
    after a transfer; the call itself is the yes to whoever serves it then."""

    @property
    def can_ask(self) -> bool:
        """Whether it comes from a page that can ask its user."""
        return "agent" in self.model_fields_set


class ConsentBody(Body):
    """Body of ``POST /v1/sessions/{id}/consent``."""

    agent: AgentUri
    agree: bool


class ConsentShown(Answer):
    """How the user's yes to who sees what is theirs stands; `before` is whom the last one was for
    (`collab_server.sessions.consent`)."""

    state: Literal["unasked", "ahead", "asked", "given", "refused"]
    since: AwareDatetime | None
    before: Named | None


class RoleBody(Body):
    """Body of ``POST /v1/sessions/{id}/token``; for a browser that holds both sides."""

    role: RoleName | None = None


class Sync(Answer):
    """How to open the session's document."""

    url: str
    room: str
    token: str
    expires: AwareDatetime


class Joined(Answer):
    """Answer of ``POST /v1/join`` and ``POST /v1/sessions/{id}/token``."""

    session: str
    role: Literal["user", "agent", "supervisor"]
    type: CollabType
    sync: Sync
    csrf: str
    outcomes: list[str]
    """What may come of a session, for its agent to choose from; none: free text."""


class UserShown(Named):
    """The user; ``name`` is what a site calls them, a label as the address is, and ``label`` what
    the call said of them before a browser was paired with it."""

    label: str | None = None


class CallBrief(Answer):
    """A call's place and id."""

    pbx: str
    id: str


class PresenceShown(Answer):
    """Whether somebody is there; ``since`` when they came, or went."""

    connected: bool
    since: AwareDatetime | None
    joined: bool


class WayShown(Answer):
    """How one way of inviting somebody stands; ``why`` where it failed, or will not be tried."""

    way: str
    """``page``, ``message``, ``mail``, ``dial`` or the name of a gateway."""
    state: Literal[
        "none", "waiting", "sending", "sent", "opened", "confirm", "joined", "failed", "unknown",
        "dropped",
    ]  # fmt: skip
    why: str
    code: str = ""
    """The same as a word that never changes (`collab_server.explain.Why`)."""
    at: AwareDatetime
    word: str | None = None
    """``confirm``: what the one who opened the link sees."""


class InvitationShown(Answer):
    """What became of an invitation."""

    state: Literal[
        "none", "pending", "sent", "opened", "confirm", "failed", "unknown", "joined", "revoked"
    ]
    code: str
    """Why it failed (`collab_server.explain.Why`)."""
    detail: str
    ways: list[WayShown]


class Brand(Answer):
    """The business."""

    name: str


class WrapUp(Answer):
    """What the agent wrote down."""

    note: str
    outcome: str
    done: bool
    """The agent wants to write no more."""


class SupervisorShown(Named):
    """A supervisor who is there; `joined`: they write too, else they read along."""

    joined: bool


class View(Answer):
    """A session as the pages of its two sides show it; the last six, and the user's label, are
    only the agent's."""

    id: str
    state: StateName
    reason: ReasonName | None
    type: CollabType
    initiator: RoleName
    user: UserShown
    agent: Named | None
    queue: str | None
    position: int | None
    held: bool
    created: AwareDatetime
    since: AwareDatetime
    ended: AwareDatetime | None
    presence: dict[RoleName, PresenceShown]
    word: str
    brand: Brand
    panels: list[CollabType]
    placed: PlacedShown | None
    """None: the call has a telephone."""
    consent: ConsentShown
    supervisors: list[SupervisorShown]
    """Of the user's view: as far as ``server.disclose`` says."""
    call: CallBrief | None = None
    invitation: dict[RoleName, InvitationShown] | None = None
    wrap_up: WrapUp | None = None
    screen_pop: str | None = None
    """Address of the caller's record elsewhere (`[server] screen_pop`)."""
    held_since: AwareDatetime | None = None
    whispers: int | None = None
    """Number of the last one."""


class Held(Answer):
    """The agent is asked whether this is the caller; until they say yes, nothing is shared."""

    session: str
    role: RoleName
    type: CollabType
    word: str
    """What the agent will ask for."""
    csrf: str


class ConfirmBody(Body):
    """Body of ``POST /v1/sessions/{id}/confirm``."""

    yes: bool
    """The caller sees the word that the desk shows; false: the link is ended."""


class Look(Answer):
    """What a join link leads to, before it is opened."""

    role: RoleName
    type: CollabType
    word: str
    """Empty where the agent will be asked to confirm who opened it: that word comes then."""
    brand: Brand
    agent: Named | None
    placed: bool
    """The call has no telephone."""
    disclose: Literal["always", "joined"]
    """When the page will show that a supervisor is there."""
