"""``[server.oidc]``: the OpenID provider agents log in with, and whom they are here."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from collab_server import uris
from collab_server.db.base import PROVIDER
from collab_server.invite.settings import AuthoritiesFile

Claim = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
"""Name of a claim, or a path of names with dots: ``realm_access.roles``."""
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Scope = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$")]

_PLACE = re.compile(r"\{([^{}]+)\}")


class OidcSettings(BaseModel):
    """``[server.oidc]``; without an issuer there is no such log-in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = ""
    """Exactly as the provider writes it, where ``/.well-known/openid-configuration`` is below."""
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,200}$")] = ""
    client_secret: SecretStr = SecretStr("")
    """Empty: a public client, which has none."""
    label: str = ""
    """``Sign in with …``; empty: the issuer's host."""
    scopes: tuple[Scope, ...] = ("openid", "profile", "email")
    username_claim: Claim = "preferred_username"
    """By which a person is known at their first log-in; ``email`` counts when it is verified."""
    create: bool = False
    """Whether who has no account gets one."""
    uri: str = ""
    """The address of an account that is created: ``sip:{preferred_username}@pbx.example.org``."""
    roles_claim: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{0,200}$")] = ""
    agents: tuple[Value, ...] = ()
    """Values of `roles_claim` of those who may log in; empty: whom the provider lets in."""
    supervisors: tuple[Value, ...] = ()
    """Values that make a supervisor at each log-in; empty: the provider does not say who is."""
    admins: tuple[Value, ...] = ()
    """Likewise for administrators."""
    passwords: bool = True
    """Whether local passwords count too."""
    logout: bool = True
    """Whether who logs out is logged out at the provider as well."""
    ca: AuthoritiesFile = ""
    timeout: Annotated[float, Field(gt=0, le=30)] = 10
    """Seconds an answer of the provider may take."""

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if not is_safe(value) or parts.query or parts.fragment or len(value) > PROVIDER:
            raise ValueError(
                'expected an address such as "https://login.example.org/realms/office"; http:// '
                "only on this machine"
            )
        return value

    @field_validator("client_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\x20-\x7e]*", value.get_secret_value()):
            raise ValueError("must be printable ASCII")
        return value

    @field_validator("label")
    @classmethod
    def _check_label(cls, value: str) -> str:
        if len(value) > 60 or not value.isprintable():
            raise ValueError("at most 60 printable characters")
        return value.strip()

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError('must hold "openid"')
        return value

    @field_validator("uri")
    @classmethod
    def _check_uri(cls, value: str) -> str:
        if not value:
            return value
        whole = _PLACE.fullmatch(value) is not None
        example = _PLACE.sub("1001" if "@" in value else "1001@pbx.example.org", value)
        if not _PLACE.search(value) or (not whole and not _is_address(example)):
            raise ValueError(
                'expected an address with a claim in it, such as "sip:{preferred_username}@'
                'pbx.example.org", or a claim that holds one, such as "{sip_uri}"'
            )
        return value

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if not self.issuer:
            if self != type(self).model_construct():  # something of a provider is said
                raise ValueError("issuer is not set")
            return self
        if not self.client_id:
            raise ValueError("client_id is not set")
        if self.create and not self.uri:
            raise ValueError("uri is not set, which create needs: the address of new agents")
        if (self.agents or self.supervisors or self.admins) and not self.roles_claim:
            raise ValueError("roles_claim is not set, which agents, supervisors and admins need")
        return self

    @property
    def shown(self) -> str:
        """What the button says one signs in with."""
        return self.label or urlsplit(self.issuer).hostname or ""

    def places(self) -> list[str]:
        """The claims that `uri` is made of."""
        return _PLACE.findall(self.uri)


def fill(template: str, values: dict[str, str]) -> str:
    """An address from its template. Raises ValueError when it is no plain ``sip:`` address."""
    filled = uris.invited(_PLACE.sub(lambda found: values[found[1]], template))
    if not _is_address(filled):
        raise ValueError("expected sip:USER@DOMAIN")
    return filled


def _is_address(text: str) -> bool:
    try:
        return uris.invited(text) == text and uris.is_agent_uri(text)
    except ValueError:
        return False


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def is_safe(url: str) -> bool:
    """Whether this is an https address, or an http one that never leaves this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # which looks at the port
    except ValueError:
        return False
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
