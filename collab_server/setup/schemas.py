"""Bodies and answers of the set-up."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from collab_server.brand import colors
from collab_server.brand.kept import LANGUAGES
from collab_server.brand.logo import MAX_BYTES
from collab_server.db.people import DISPLAY_NAME, NAME, TEAM
from collab_server.people import accounts
from collab_server.people.listing import Order
from collab_server.sessions.schemas import AgentUri, Answer, Body, printable

Name = Annotated[str, Field(min_length=1, max_length=NAME), AfterValidator(printable)]
Team = Annotated[str, Field(max_length=TEAM), AfterValidator(printable)]
DisplayName = Annotated[str, Field(max_length=DISPLAY_NAME), AfterValidator(printable)]
Password = Annotated[str, Field(min_length=accounts.MIN_PASSWORD, max_length=accounts.MAX_PASSWORD)]


class PersonBody(Body):
    """Body of ``POST /v1/setup/people``."""

    name: Name
    uri: AgentUri
    display_name: DisplayName = ""
    admin: bool = False
    supervisor: bool = False
    team: Team = ""
    password: Password | None = None
    """None: one is made."""


class ChangeBody(Body):
    """Body of ``POST /v1/setup/people/{id}``: what is to be otherwise."""

    uri: AgentUri | None = None
    display_name: DisplayName | None = None
    admin: bool | None = None
    supervisor: bool | None = None
    team: Team | None = None
    active: bool | None = None


class PasswordBody(Body):
    """Body of ``POST /v1/setup/people/{id}/password``."""

    password: Password | None = None
    """None: one is made."""


class Person(Answer):
    """Who may log in."""

    id: int
    name: str
    uri: str
    display_name: str
    """What callers read; "": the number in the address."""
    admin: bool
    supervisor: bool
    team: str
    active: bool
    provider: str | None
    """The OpenID provider the account signs in with, as the log-in calls it, or its host if it is
    not that of the settings; null: it is a local account."""
    given: list[Literal["admin", "supervisor"]]
    """What the provider says at each log-in, and cannot be changed here."""
    created: AwareDatetime
    warnings: list[Literal["shared", "unnamed"]]
    """Another account has this address too; no PBX of the settings names it."""


class PersonAnswer(Answer):
    """An account; `password` where one has just been made, which is shown this once."""

    person: Person
    password: str | None


class PersonList(Answer):
    """A page of accounts; `total` there are that were asked for, and the words of all teams."""

    items: list[Person]
    total: int
    teams: list[str]


class PersonQuery(BaseModel):
    """Parameters of ``GET /v1/setup/people``."""

    model_config = ConfigDict(extra="ignore")

    search: Annotated[str, Field(max_length=200)] = ""
    order: Order = "name"
    descending: bool = False
    offset: Annotated[int, Field(ge=0, le=accounts.MAX_ACCOUNTS)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class SetUpEventShown(Answer):
    """Somebody changed something; `by` None: on the command line."""

    id: int
    at: AwareDatetime
    by: str | None
    what: Literal["added", "changed", "password", "removed", "brand"]
    whom: str | None
    changes: dict[str, Any]
    """Field -> its value before and after."""


class SetUpEventList(Answer):
    """A page of them, newest first."""

    items: list[SetUpEventShown]
    next: str | None


class SetUpEventQuery(BaseModel):
    """Parameters of ``GET /v1/setup/events``."""

    model_config = ConfigDict(extra="ignore")

    before: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


# -- the brand ------------------------------------------------------------------------------------


def _phone(text: str) -> str:
    digits = sum(character.isdigit() for character in text)
    if text and not (3 <= digits <= 20 and set(text) <= set("+0123456789 ()-./")):
        raise ValueError("expected a telephone number such as +49 30 123456")
    if "+" in text[1:] or not text.isascii():
        raise ValueError("the + of the country comes first")
    return text


def _https(text: str) -> str:
    if not text:
        return text
    try:
        parts = urlsplit(text)
        fine = parts.scheme == "https" and bool(parts.hostname) and not parts.username
        fine = (
            fine and parts.port != 0 and not any(c.isspace() or not c.isprintable() for c in text)
        )
    except ValueError:
        fine = False
    if not fine or set(text) & set('"<>\\^`{|}'):
        raise ValueError("expected an address that begins with https://")
    return text


def _color(text: str) -> str:
    return colors.readable(text) if text else text


def _trimmed(text: str) -> str:
    if text != text.strip():
        raise ValueError("no blanks around it")
    return printable(text)


def _picture(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected the picture in base64") from None
    return text


Sentence = Annotated[str, Field(max_length=300), AfterValidator(_trimmed)]
Language = Literal["en", "zh"]


class Welcome(Body):
    """A sentence for the user, in each language; "" says nothing."""

    en: Sentence = ""
    zh: Sentence = ""


class BrandBody(Body):
    """Body of ``POST /v1/setup/brand``: all of it, but a logo only where that changes."""

    version: Annotated[int, Field(ge=0, lt=2**31)]
    """Of what was looked at before: somebody else's change is not overwritten."""
    name: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_trimmed)]
    color: Annotated[str, Field(max_length=7), AfterValidator(_color)] = ""
    phone: Annotated[
        str, Field(max_length=40), AfterValidator(_trimmed), AfterValidator(_phone)
    ] = ""
    privacy_url: Annotated[str, Field(max_length=500), AfterValidator(_https)] = ""
    welcome: Welcome = Welcome()
    languages: Annotated[list[Language], Field(min_length=1, max_length=len(LANGUAGES))]
    logo: Annotated[str, Field(max_length=MAX_BYTES * 2), AfterValidator(_picture)] | None = None
    """A PNG, JPEG or WebP in base64; null: none. Left out: as before."""


class BrandShown(Answer):
    """How the business shows itself; "" and null: it has not set this."""

    name: str
    logo: str | None
    """Path of the picture."""
    color: str
    ink: str
    """Colour of text on `color`."""
    phone: str
    privacy_url: str
    welcome: Welcome
    languages: list[Language]


class BrandSet(BrandShown):
    """The same for the administrator, with the number of the last change."""

    version: int
