"""``[server.invite]``: by which ways people are invited, who may be, and how often."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from collab_server import uris
from collab_server.invite import templates

GATEWAY = r"^[a-z][a-z0-9_]{0,30}$"
"""Name of a gateway: small letters, so that the environment can name it."""
GatewayName = Annotated[str, StringConstraints(pattern=GATEWAY)]
RESERVED = ("page", "message", "mail", "dial")
"""Ways that are no gateway of the settings."""
MAX_TEXT = 300
"""Characters of the text before its places are filled: with a link it must fit a SIP MESSAGE."""

Count = Annotated[int, Field(ge=0, le=1_000_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _there(value: str) -> str:
    if value and not Path(value).is_file():
        raise ValueError(f"there is no file {value}")
    return value


AuthoritiesFile = Annotated[str, AfterValidator(_there)]
"""A file of certificate authorities instead of the system's; empty: the system's."""


class LimitSettings(_Table):
    """``[server.invite.limits]``: how often a third party is reached; 0: never."""

    destination_hour: Count = 3
    destination_day: Count = 10
    agent_hour: Count = 30
    call: Count = 6
    """For one call, or for one session that has none."""
    hour: Count = 100
    """For everybody together."""
    day: Count = 500


class GatewaySettings(_Table):
    """``[server.invite.http.NAME]``: a gateway asked by HTTP, such as one for SMS."""

    url: str
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, Any] = Field(default_factory=dict)
    format: Literal["json", "form"] = "json"
    username: str = ""
    """HTTP basic authentication, with `key` as the password; empty: none."""
    key: SecretStr = SecretStr("")
    ca: AuthoritiesFile = ""
    timeout: Annotated[float, Field(gt=0, le=30)] = 10

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError('expected an address such as "https://sms.example.org/send"')
        if "{" in parts.netloc:
            raise ValueError("a place in braces may stand behind the host only")
        templates.check(value)
        return value

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not re.fullmatch(r"[A-Za-z0-9-]{1,80}", name):
                raise ValueError(f"{name!r} is no name of a header")
            if not text.isprintable():
                raise ValueError(f"{name}: must not hold control characters")
            templates.check(text)
        return value

    @field_validator("body")
    @classmethod
    def _check_body(cls, value: dict[str, Any]) -> dict[str, Any]:
        templates.check(value)
        return value

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if self.format == "form" and not all(isinstance(v, str) for v in self.body.values()):
            raise ValueError("the body of a form holds strings only")
        if self.method == "GET" and self.body:
            raise ValueError("a GET has no body; put the places into the url")
        return self


class SmtpSettings(_Table):
    """``[server.invite.smtp]``: where e-mail is handed in; without a host there is none."""

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca: AuthoritiesFile = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = ""
    subject: str = "{brand}: your invitation"
    timeout: Annotated[float, Field(gt=0, le=30)] = 15

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        if value and not uris.is_mail_address(value):
            raise ValueError('expected an address such as "desk@example.org"')
        return value

    @field_validator("subject")
    @classmethod
    def _check_subject(cls, value: str) -> str:
        if not value.isprintable() or len(value) > 150:
            raise ValueError("expected one line of at most 150 characters")
        templates.check(value, ("brand",))
        return value

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("sender is not set: the address that invitations come from")
        return self


class InviteSettings(_Table):
    """``[server.invite]``."""

    order: tuple[str, ...] = ()
    """Ways in the order they are tried; empty: page, message, the gateways as they stand, mail."""
    allow: tuple[str, ...] = ()
    """Patterns, matched whole: destinations a third party carries invitations to."""
    deny: tuple[str, ...] = ()
    """Patterns that win over `allow`, and hold for dialling too."""
    automatic: bool = False
    """Every way also for addresses that a call brought, without an agent choosing it."""
    patience: Annotated[int, Field(ge=5, le=86_400)] = 60
    """Seconds a link may stay unopened before the next way is tried."""
    link: Annotated[int, Field(ge=60, le=30 * 86_400)] = 86_400
    """Seconds a join link may be opened."""
    message_link: Annotated[int, Field(ge=60, le=86_400)] = 600
    """Seconds the link in a SIP MESSAGE may be opened."""
    confirm: bool = True
    """Hold who came by SIP MESSAGE until the agent has confirmed the word that both see."""
    text: str = "{brand}: open this page to go on together with your agent\n{link}"
    limits: LimitSettings = LimitSettings()
    http: dict[GatewayName, GatewaySettings] = Field(default_factory=dict)
    smtp: SmtpSettings = SmtpSettings()

    @field_validator("allow", "deny")
    @classmethod
    def _check_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return value

    @field_validator("text")
    @classmethod
    def _check_text(cls, value: str) -> str:
        templates.check(value, ("brand", "link"))
        if "{link}" not in value:
            raise ValueError("must hold {link}")
        if len(value.encode()) > MAX_TEXT or not value.replace("\n", "").isprintable():
            raise ValueError(f"expected at most {MAX_TEXT} bytes of printable text")
        return value

    @field_validator("http")
    @classmethod
    def _check_names(cls, value: dict[str, GatewaySettings]) -> dict[str, GatewaySettings]:
        for name in value:
            if name in RESERVED:
                raise ValueError(f"{name} is the name of another way")
        return value

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for name in self.order:
            if name not in self.ways():
                raise ValueError(f"order: there is no way {name!r}, only {', '.join(self.ways())}")
        if len(set(self.order)) < len(self.order):
            raise ValueError("order: names a way twice")
        return self

    def ways(self) -> tuple[str, ...]:
        """Every way there is, in the order they are tried where `order` says nothing."""
        mail = ("mail",) if self.smtp.host else ()
        return ("page", "message", *self.http, *mail)

    def tried(self) -> tuple[str, ...]:
        """The ways in the order they are tried."""
        return self.order or self.ways()
