"""Bodies and answers of the floor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from collab_server.floor.whispers import MAX_TEXT
from collab_server.sessions.schemas import Answer, Body, Named, View, readable


class SupervisionBody(Body):
    """Body of ``POST /v1/sessions/{id}/supervision``: whether to read along, or to write too."""

    mode: Literal["read", "join"]


class WhisperBody(Body):
    """Body of ``POST /v1/sessions/{id}/whispers``."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(readable)]


class WhisperShown(Answer):
    """A whisper; only its agent and supervisors see it."""

    n: int
    at: AwareDatetime
    by: Named
    to: Named
    text: str


class WhisperList(Answer):
    """Whispers, oldest first."""

    items: list[WhisperShown]


class WhisperQuery(BaseModel):
    """Parameters of ``GET /v1/sessions/{id}/whispers``."""

    model_config = ConfigDict(extra="ignore")

    after: Annotated[int, Field(ge=0, lt=2**31)] = 0


class PauseOnFloor(Answer):
    """Paused in the queue of a PBX, or about to be, as was asked for at the desk."""

    reason: str
    since: AwareDatetime


class WrapUpOnFloor(Answer):
    """Sessions that ended and whose wrap-up is not done; `since` the last of them ended."""

    count: int
    since: AwareDatetime


class AgentOnFloor(Answer):
    """Who may log in; `desk`: since when their desk is open, None: it is not."""

    name: str
    uri: str
    team: str
    desk: AwareDatetime | None
    ready: bool
    """They said so at the desk; `reason` says why not, `since` when they said it."""
    reason: str
    since: AwareDatetime | None
    pause: PauseOnFloor | None
    wrap_up: WrapUpOnFloor | None


class Sign(Answer):
    """Something that is out of the ordinary when it has lasted `after` seconds."""

    kind: Literal[
        "waiting",
        "no_agent",
        "invitation_failed",
        "caller_away",
        "held",
        "no_consent",
        "refused",
    ]
    since: AwareDatetime
    after: int


class SessionOnFloor(View):
    """A standing session: the agent's view of it, and its signs."""

    signs: list[Sign]


class Floor(Answer):
    """What supervisors see: agents (all, or their team's), and the sessions that stand, by what is
    out of the ordinary longest, then by age."""

    agents: list[AgentOnFloor]
    sessions: list[SessionOnFloor]
