"""The way to the provider and back, as the pages and the routes need it.

What keeps a person out is one of `WORDS`, which the page has a sentence for, and a reference under
which the log says more. Neither holds a code or a token.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.client import OAuth2Client
from sqlalchemy import select

from collab_server.db.people import Agent, Login
from collab_server.oidc import accounts, claims, tokens
from collab_server.oidc.flow import Flow, Flows
from collab_server.oidc.provider import Provider
from collab_server.oidc.tokens import TokenError
from collab_server.oidc.web import UnreachableError
from collab_server.people import entering, signing_out
from collab_server.problems import AccountOff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collab_server.oidc.claims import Person
    from collab_server.oidc.provider import Metadata
    from collab_server.people.agents import LoggedIn
    from collab_server.services import Services

log = logging.getLogger(__name__)

CALLBACK = "/v1/login/oidc/callback"
BACK_CHANNEL = "/v1/login/oidc/logout"
AFTERWARDS = "/desk"
"""Where the provider sends a browser that it has logged out."""
AT_ONCE = 8
"""Requests that wait for the provider: a slow one must never take every thread there is."""
MAX_HINT = 4_000
"""Characters of an ID token that still fit into the address of the provider's log-out."""

Word = Literal["denied", "expired", "down", "failed", "account", "unverified", "off", "busy"]

_DENIED = frozenset(
    {"access_denied", "login_required", "interaction_required", "consent_required"}
    | {"account_selection_required"}
)
_DOWN = frozenset({"temporarily_unavailable", "server_error"})


class SignInError(Exception):
    """Nobody came in; `word` is what the page says, the text what the log says."""

    def __init__(self, word: Word, text: str) -> None:
        super().__init__(text)
        self.word: Word = word


class SigningIn:
    """One provider, and who comes back from it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.settings = services.settings.server.oidc
        self.flows = Flows(services)
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._provider: Provider | None = None
        if self.settings.issuer:
            self._provider = Provider(self.settings, services.clock)

    @property
    def provider(self) -> Provider | None:
        """None: no log-in by OpenID Connect is set up."""
        return self._provider

    def address(self, provider: Provider, flow: Flow, **more: str) -> str:
        """Where the browser goes to sign in. Raises SignInError."""
        with self._asking():
            metadata = provider.metadata()
        url, _ = self._client(provider, metadata).create_authorization_url(
            metadata.authorization_endpoint,
            state=flow.state,
            code_verifier=flow.verifier,
            nonce=flow.nonce,
            **more,
        )
        return str(url)

    def come_back(self, provider: Provider, flow: Flow, answer: Mapping[str, str]) -> LoggedIn:
        """Log in whom the provider's answer, the callback's parameters, names.

        Raises SignInError.
        """
        with self._asking():
            metadata = provider.metadata()
            code = _code(provider, metadata, answer)
            given = self._exchange(provider, metadata, flow, code)
            person, found = self._person(provider, metadata, flow, given)
        try:
            with self._services.write() as work:
                agent = accounts.enter(self._services, work, person)
                work.flush()
                token = given["id_token"]
                hint = token if len(token) <= MAX_HINT else ""
                sid = tokens.session_of(found)
                return entering.enter(self._services, work, agent, sid=sid, id_token=hint)
        except AccountOff:
            off = f"their account is switched off (subject {plain(person.subject)})"
            raise SignInError("off", off) from None
        except accounts.NoAccountError as error:
            who = f"{plain(person.subject)}, {self.settings.username_claim} {plain(person.name)}"
            word: Word = "unverified" if error.why == "unverified" else "account"
            raise SignInError(word, f"{error} (subject {who})") from None

    def log_out_address(self, id_token: str | None) -> str | None:
        """Where a browser goes to be logged out at the provider too; None: nowhere."""
        if self._provider is None or id_token is None or not self.settings.logout:
            return None
        try:
            with self._asking():
                metadata = self._provider.stale_metadata()
        except SignInError:
            return None
        if metadata is None or metadata.end_session_endpoint is None:
            return None
        said = {
            "client_id": self.settings.client_id,
            "post_logout_redirect_uri": self._services.settings.url + AFTERWARDS,
        }
        if id_token:
            said["id_token_hint"] = id_token
        return str(add_params_to_uri(metadata.end_session_endpoint, list(said.items())))

    def end_sessions(self, provider: Provider, token: Any) -> int:
        """End the log-ins that the provider ends by a logout token. Says how many.

        Raises TokenError and UnreachableError, and SignInError when too many ask.
        """
        with self._places_taken():
            out = tokens.logout_token(provider, self._services.clock, token)
        wanted = (
            select(Login.id, Agent)
            .join(Agent, Agent.id == Login.agent_id)
            .where(Agent.issuer == provider.settings.issuer, Login.id_token.is_not(None))
        )
        if out.sub is not None:
            wanted = wanted.where(Agent.subject == out.sub)
        if out.sid is not None:
            wanted = wanted.where(Login.sid == out.sid)
        else:  # told late, or once more, it does not end what has begun since, clocks allowing
            wanted = wanted.where(Login.created <= out.at + tokens.LEEWAY)
        with self._services.write() as work:
            ended = work.db.execute(wanted).all()
            for login_id, agent in ended:
                signing_out.end(self._services, work, agent.uri, [login_id])
        return len(ended)

    def _client(self, provider: Provider, metadata: Metadata) -> OAuth2Client:
        return OAuth2Client(
            provider.web,
            client_id=self.settings.client_id,
            client_secret=self.settings.client_secret.get_secret_value() or None,
            token_endpoint_auth_method=metadata.auth_method,
            scope=" ".join(self.settings.scopes),
            redirect_uri=self._services.settings.url + CALLBACK,
            code_challenge_method="S256",
        )

    def _exchange(
        self, provider: Provider, metadata: Metadata, flow: Flow, code: str
    ) -> dict[str, Any]:
        try:
            given = self._client(provider, metadata).fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=flow.verifier,
            )
        except AuthlibBaseError as error:
            said = plain(error.error)
            word: Word = "expired" if said == "invalid_grant" else "failed"
            raise SignInError(word, f"the provider refuses the code: {said}") from None
        except (ValueError, TypeError, OverflowError) as error:
            raise SignInError("failed", f"the tokens are none: {type(error).__name__}") from None
        if not isinstance(given.get("id_token"), str):
            raise SignInError("failed", "the provider gave no ID token; is the scope openid there?")
        return dict(given)

    def _person(
        self, provider: Provider, metadata: Metadata, flow: Flow, given: Mapping[str, Any]
    ) -> tuple[Person, dict[str, Any]]:
        access = given.get("access_token")
        access = access if isinstance(access, str) and access.isascii() else None
        try:
            found = tokens.id_token(
                provider,
                self._services.clock,
                given["id_token"],
                nonce=flow.nonce,
                access_token=access,
            )
            subject = tokens.subject_of(found)
            wants = claims.lacking(self.settings, found)
            if wants and metadata.userinfo_endpoint is not None and access is not None:
                more = provider.web.get(metadata.userinfo_endpoint, access)
                if more.get("sub") != subject:
                    raise TokenError("the userinfo is another person's")
                found = {**more, **found}
        except TokenError as error:
            raise SignInError("failed", str(error)) from None
        return claims.read(self.settings, subject, found), found

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Hold one of the places, and say it when the provider does not answer."""
        with self._places_taken():
            try:
                yield
            except UnreachableError as error:
                raise SignInError("down", str(error)) from None

    @contextmanager
    def _places_taken(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise SignInError("busy", "too many wait for the provider at once")
        try:
            yield
        finally:
            self._places.release()


def _code(provider: Provider, metadata: Metadata, answer: Mapping[str, str]) -> str:
    """The code of the provider's answer. Raises SignInError."""
    issuer = answer.get("iss")
    if issuer != provider.settings.issuer and (issuer is not None or metadata.says_issuer):
        raise SignInError("failed", f"the answer is from {plain(issuer)}, another provider")
    error = answer.get("error")
    if error is not None:
        word: Word = "denied" if error in _DENIED else "down" if error in _DOWN else "failed"
        said = plain(answer.get("error_description"))
        raise SignInError(word, f"the provider says {plain(error)}: {said}")
    code = answer.get("code", "")
    if not 1 <= len(code) <= 4_000 or not code.isascii() or not code.isprintable():
        raise SignInError("failed", "the answer holds no code")
    return code


def plain(text: object) -> str:
    """What others wrote, for a line of the log."""
    shown = "".join(c if c.isprintable() else " " for c in str(text)[:1_000])
    return " ".join(shown.split())[:400]
