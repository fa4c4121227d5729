"""What a person's claims say: by which name they are known, what they may be, their address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collab_server.db.people import DISPLAY_NAME
from collab_server.oidc.settings import fill
from collab_server.people import accounts

if TYPE_CHECKING:
    from collab_server.oidc.settings import OidcSettings

MAX_NAME = 255
MAX_ROLES = 2_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the provider has vouched for."""

    issuer: str
    subject: str
    name: str | None
    """By which they are known at their first log-in; None: no name that counts."""
    unverified: bool
    """There is an e-mail address for a name, and the provider has not verified it."""
    uri: str | None
    """The address an account made for them has; None: their claims give none."""
    roles: frozenset[str]
    display_name: str = ""
    """What they are called there (the claim ``name``); "": it does not say, or not so that it can
    be shown."""


def read(settings: OidcSettings, subject: str, claims: Mapping[str, Any]) -> Person:
    """What the claims of a genuine ID token say."""
    name = _text(at(claims, settings.username_claim))
    said = claims.get("email_verified")
    verified = settings.username_claim != "email" or said is True or said == "true"
    return Person(
        issuer=settings.issuer,
        subject=subject,
        name=name if verified else None,
        unverified=name is not None and not verified,
        uri=_uri(settings, claims),
        roles=_roles(at(claims, settings.roles_claim)) if settings.roles_claim else frozenset(),
        display_name=_label(claims.get("name")),
    )


def lacking(settings: OidcSettings, claims: Mapping[str, Any]) -> bool:
    """Whether a claim that is needed is not there; the provider's userinfo may have it."""
    needed = [settings.username_claim, *settings.places()]
    needed += [settings.roles_claim] if settings.roles_claim else []
    return any(at(claims, name) is None for name in needed)


def at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this name, or at this path of names with dots; None: there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def known_as(name: str) -> str:
    """The form in which names are compared: capitals make no other person of somebody.

    Only where capitals are plain: elsewhere two names might fall together that are two persons'.
    """
    return name.lower() if name.isascii() else name


def _label(value: Any) -> str:
    text = _text(value) or ""
    return text if accounts.is_label(text, DISPLAY_NAME) else ""


def _uri(settings: OidcSettings, claims: Mapping[str, Any]) -> str | None:
    values = {}
    for place in settings.places():
        value = _text(at(claims, place))
        if value is None:
            return None
        values[place] = value
    try:
        return fill(settings.uri, values) if values else None
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME:
        return None
    return value if value.isprintable() and value == value.strip() else None


def _roles(value: Any) -> frozenset[str]:
    """One value, a list of them, or a table whose names they are (as Zitadel has it)."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | Mapping) or len(listed) > MAX_ROLES:
        return frozenset()
    return frozenset(one for one in listed if isinstance(one, str))
