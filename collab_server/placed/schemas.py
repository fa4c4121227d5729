"""Bodies of the API about calls without a telephone."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from collab_server.sessions.schemas import (
    Answer,
    Attributes,
    Body,
    CollabType,
    Party,
    ReasonName,
    RoleName,
    StateName,
    Uri,
    UserUri,
    printable,
)
from collab_server.uris import unseparated

_TEL = re.compile(r"tel:\+?[0-9]{2,20}")
_SIP = re.compile(r"sip:[0-9A-Za-z_.+-]{1,64}@[0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?")


def _number(text: str) -> str:
    """No `*` and `#` in it: those are codes of the PBX, not addresses of people. What is called is
    what was checked: a number without separators."""
    if not _TEL.fullmatch(text) and not _SIP.fullmatch(text):
        raise ValueError("expected a number such as tel:+861012345678 or sip:alice@example.org")
    return unseparated(text)


Number = Annotated[str, Field(max_length=255), AfterValidator(_number)]
Queue = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]{1,80}$")]


class NewCall(Body):
    """Body of ``POST /v1/calls``."""

    type: CollabType
    queue: Queue
    """The PBX's own queue; FreeSWITCH's callcenter calls them ``support@default``."""
    pbx: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """May be left out where there is but one."""
    user_uri: UserUri | None = None
    """A label: nothing is sent to it. Left out: ``web:`` and a random name."""
    name: Annotated[str, Field(max_length=60), AfterValidator(printable)] = ""
    """What phones show of the caller."""
    attributes: Attributes = Field(default_factory=dict)


class PlacedDocument(Answer):
    """A call without a telephone, as its site sees it."""

    id: str
    state: StateName
    reason: ReasonName | None
    problem: Literal["refused", "unknown", "away"] | None
    """Why it came to nothing: the PBX would not, may have, or was out of reach."""
    pbx: str
    queue: str
    position: int | None
    """Place in line."""
    type: CollabType
    created: AwareDatetime
    since: AwareDatetime
    """When it reached ``state``."""
    ended: AwareDatetime | None
    session: str
    user: Party
    """``join_url`` opens the page on which the user waits, once; null when it was opened."""
    agent: Uri | None


class VoiceBody(Body):
    """Body of ``POST /v1/sessions/{id}/voice``."""

    uri: Number | None = None
    """Where the user is called, as they say themselves; from the agent a proposal."""
    role: RoleName | None = None
    """For a browser that holds both sides."""


class RoleQuery(Body):
    """Parameters of ``DELETE /v1/sessions/{id}/voice``."""

    role: RoleName | None = None
