"""Whether a token is genuine, for us and of now (OpenID Connect Core 3.1.3.7, Back-Channel 2.6)."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from authlib.oauth2.claims import JWTClaims
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import JWSRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_server.oidc.provider import Provider
    from collab_server.times import Clock

MAX_TOKEN = 64 * 1024
LEEWAY = 60
"""Seconds the provider's clock may differ from ours."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class TokenError(Exception):
    """A token that does not count; one line that holds nothing of it."""


def id_token(
    provider: Provider, clock: Clock, token: Any, *, nonce: str, access_token: str | None
) -> dict[str, Any]:
    """The claims of an ID token. Raises TokenError, and UnreachableError for want of keys."""
    decoded = _decode(provider, token)
    settings = provider.settings
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        _for(provider),
        {"nonce": nonce, "client_id": settings.client_id, "access_token": access_token},
    )
    _validate(claims, clock)
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise TokenError("the ID token is for another log-in")
    return dict(claims)


class LogOut(NamedTuple):
    """Whom the provider logs out: a subject, one of its sessions, or a subject in that session."""

    sub: str | None
    sid: str | None
    at: float
    """When; who names no session does not mean those that began later."""


def logout_token(provider: Provider, clock: Clock, token: Any) -> LogOut:
    """Whom the provider logs out.

    Raises TokenError, and UnreachableError for want of keys.
    """
    decoded = _decode(provider, token)
    wanted = _for(provider) | {"iat": {"essential": True}, "jti": {"essential": True}}
    claims = JWTClaims(decoded.claims, decoded.header, wanted)
    _validate(claims, clock)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenError("the token is no logout token")
    if "nonce" in claims:
        raise TokenError("a logout token holds no nonce")
    sub, sid = (_identifier(claims.get(name)) for name in ("sub", "sid"))
    if sub is None and sid is None:
        raise TokenError("the logout token names neither sub nor sid")
    return LogOut(sub, sid, float(claims["iat"]))


def session_of(claims: Mapping[str, Any]) -> str | None:
    """The provider's session that an ID token came from, where it says so."""
    return _identifier(claims.get("sid"))


def subject_of(claims: Mapping[str, Any]) -> str:
    """``sub``. Raises TokenError."""
    found = _identifier(claims.get("sub"))
    if found is None:
        raise TokenError("the subject is not 1 to 255 ASCII characters")
    return found


def _identifier(value: Any) -> str | None:
    """At most 255 ASCII characters, as OpenID Connect Core has ``sub``."""
    if not isinstance(value, str) or not 1 <= len(value) <= 255:
        return None
    return value if value.isascii() and value.isprintable() else None


def _for(provider: Provider) -> dict[str, Any]:
    settings = provider.settings
    return {
        "iss": {"essential": True, "value": settings.issuer},
        "aud": {"essential": True, "value": settings.client_id},
        "exp": {"essential": True},
    }


def _validate(claims: JWTClaims, clock: Clock) -> None:
    try:
        claims.validate(now=int(clock()), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError, AttributeError) as error:
        said = getattr(error, "claim", None) or type(error).__name__
        raise TokenError(f"the token's claims do not count: {said}") from None


def _decode(provider: Provider, token: Any) -> jwt.Token:
    if not isinstance(token, str) or len(token) > MAX_TOKEN or not token.isascii():
        raise TokenError("there is no token, or a huge one")
    algorithms = provider.metadata().algorithms
    header = _header(token)
    if str(header.get("alg")) not in algorithms:
        raise TokenError(
            f"the token is signed by {str(header.get('alg'))[:20]}, which does not count"
        )
    registry = JWSRegistry(algorithms=sorted(algorithms), strict_check_header=False)
    try:
        try:
            return jwt.decode(token, provider.keys(), registry=registry)
        except InvalidKeyIdError:
            # The provider may have new keys.
            return jwt.decode(token, provider.keys(without=header.get("kid")), registry=registry)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TokenError(f"the token cannot be verified: {type(error).__name__}") from None


def _header(token: str) -> dict[str, Any]:
    try:
        part = token.partition(".")[0]
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise TokenError("the token is no JWT") from None
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str | None):
        raise TokenError("the token's header is no header")
    return header
