"""What the provider says of itself (discovery) and its keys, kept for a while.

Both are fetched when they are needed and not older than `KEPT`; a key that is not among them is
looked for again, at most every `LOOK_AGAIN` seconds, so that tokens made up by somebody do not make
us ask. After a failure the provider is left alone for `LEFT_ALONE` seconds. One thread asks at a
time; the others wait for what it gets.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey, import_key

from collab_server.oidc.settings import is_safe
from collab_server.oidc.web import UnreachableError, Web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collab_server.oidc.settings import OidcSettings
    from collab_server.times import Clock

T = TypeVar("T")

KEPT = 3600
LOOK_AGAIN = 30
LEFT_ALONE = 3
MAX_KEYS = 50
RSA_BITS = (2048, 8192)
"""Shorter keys are broken; longer ones cost a core."""

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    | {"ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Only those in which we hold no secret: with HS256 whoever has the client's secret, or takes a
public key for one, signs as the provider."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of the discovery document counts, checked."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: frozenset[str]
    auth_method: str
    """How the client shows who it is: ``client_secret_basic``, ``client_secret_post``, ``none``."""
    says_issuer: bool
    """Whether each answer names its issuer (RFC 9207)."""


class Provider:
    """The provider of the settings. Safe to use from several threads."""

    def __init__(self, settings: OidcSettings, clock: Clock, web: Web | None = None) -> None:
        self.settings = settings
        self.web = web or Web(settings.ca, settings.timeout)
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: Metadata | None = None
        self._metadata_since = 0.0
        self._keys: KeySet | None = None
        self._keys_since = 0.0
        self._failure = ""
        self._failed = float("-inf")

    def metadata(self) -> Metadata:
        """Discovery. Raises UnreachableError."""
        with self._lock:
            return self._known()

    def stale_metadata(self) -> Metadata | None:
        """What is known, however old; None: nothing, and nothing to be had."""
        with self._lock:
            if self._metadata is None:
                try:
                    return self._known()
                except UnreachableError:
                    return None
            return self._metadata

    def keys(self, without: str | None = None) -> KeySet:
        """The keys; `without`: the id of one that was not among them. Raises UnreachableError."""
        with self._lock:
            metadata = self._known()
            age = self._clock() - self._keys_since
            lacking = without is not None and age >= LOOK_AGAIN
            if self._keys is None or not 0 <= age < KEPT or lacking:
                self._keys = self._asked(lambda: _keys(self.web.get(metadata.jwks_uri)))
                self._keys_since = self._clock()
            return self._keys

    def _known(self) -> Metadata:
        if self._metadata is None or not 0 <= self._clock() - self._metadata_since < KEPT:
            url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            self._metadata = self._asked(lambda: _metadata(self.settings, self.web.get(url)))
            self._metadata_since = self._clock()
        return self._metadata

    def _asked(self, ask: Callable[[], T]) -> T:
        if 0 <= self._clock() - self._failed < LEFT_ALONE:
            raise UnreachableError(f"{self._failure} (a moment ago)")
        try:
            return ask()
        except UnreachableError as error:
            self._failure, self._failed = str(error), self._clock()
            raise


def _metadata(settings: OidcSettings, found: Mapping[str, Any]) -> Metadata:
    if found.get("issuer") != settings.issuer:
        said = str(found.get("issuer"))[:200]
        raise UnreachableError(
            f"the provider calls itself {said!r}, server.oidc.issuer is {settings.issuer!r}"
        )
    needed = {
        name: _address(found, name) for name in ("authorization_endpoint", "token_endpoint")
    } | {"jwks_uri": _address(found, "jwks_uri")}
    for name, address in needed.items():
        if address is None:
            raise UnreachableError(f"the provider's {name} is missing or no https address")
    supported = found.get("id_token_signing_alg_values_supported")
    algorithms = ALGORITHMS & set(_strings(supported)) if supported is not None else ALGORITHMS
    if not algorithms:
        raise UnreachableError("the provider signs by no public key (RS256, ES256 …)")
    return Metadata(
        **{name: str(address) for name, address in needed.items()},
        userinfo_endpoint=_address(found, "userinfo_endpoint"),
        end_session_endpoint=_address(found, "end_session_endpoint"),
        algorithms=frozenset(algorithms),
        auth_method=_auth_method(settings, found),
        says_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _auth_method(settings: OidcSettings, found: Mapping[str, Any]) -> str:
    if not settings.client_secret.get_secret_value():
        return "none"
    supported = found.get("token_endpoint_auth_methods_supported")
    for method in ("client_secret_basic", "client_secret_post"):
        if supported is None or method in _strings(supported):
            return method
    raise UnreachableError("the provider takes no client secret")


def _address(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) and len(value) <= 2_000 and is_safe(value) else None


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _keys(found: Mapping[str, Any]) -> KeySet:
    """The keys that may sign. One that is no such is passed over, as RFC 7517 wants."""
    keys: list[Key] = []
    listed = found.get("keys")
    for one in listed[:MAX_KEYS] if isinstance(listed, list) else []:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig":
            continue
        try:
            key = import_key(one)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError):
            continue
        if isinstance(key, ECKey | OKPKey) or (
            isinstance(key, RSAKey) and RSA_BITS[0] <= key.raw_value.key_size <= RSA_BITS[1]
        ):
            keys.append(key)
    if not keys:
        raise UnreachableError("the provider publishes no key that may sign")
    return KeySet(keys)
