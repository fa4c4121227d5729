"""Bodies of the API about pairing codes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from collab_server.sessions.schemas import Answer, Body, CallRef, CollabType, Sync


class _Where(Body):
    """A session or a call; neither: this browser."""

    session: Annotated[str, Field(min_length=1, max_length=40, pattern="^[0-9a-f]+$")] | None = None
    call: CallRef | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.session is not None and self.call is not None:
            raise ValueError("name a session or a call, not both")
        return self


class NewPairing(_Where):
    """Body of ``POST /v1/pairings``."""

    type: CollabType = "form"
    """What an ordinary call becomes."""


class ClaimBody(_Where):
    """Body of ``POST /v1/pairings/{code}/claim``."""


class PairingMade(Answer):
    """A code that is good until ``expires``, and once."""

    id: str
    code: str
    expires: AwareDatetime
    seconds: float
    """How long that is from now, for a page whose clock is wrong."""


class PairingShown(Answer):
    """What became of the code that a page shows."""

    id: str
    state: Literal["open", "bound", "over"]
    session: str | None
    """Of a code that was used: where to go, by ``POST /v1/pairings/{id}/enter``."""


class Paired(Answer):
    """The session that a code led to; for the browser that is in it now, also how to open it."""

    session: str
    word: str
    """Both sides see it."""
    role: Literal["user"] | None = None
    type: CollabType | None = None
    sync: Sync | None = None
    csrf: str | None = None
    outcomes: list[str] | None = None
