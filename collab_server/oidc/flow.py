"""What a browser carries while it is away at the provider: one signed cookie for each log-in begun.

Nothing is kept here, so any process of the server takes the answer of a log-in that another one
began. The cookie is bound to the log-in by `state`, lives for ten minutes, is taken back with the
answer, and comes along on the way back from another site (SameSite=Lax), which no other cookie of
ours does. Where browsers reach the server over https its name begins with ``__Host-``: a page of a
neighbouring domain cannot plant one, and so log somebody in as another.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from flask import request
from itsdangerous import BadData, TimestampSigner
from itsdangerous.url_safe import URLSafeTimedSerializer

from collab_server.sessions.links import digest

if TYPE_CHECKING:
    from flask import Response

    from collab_server.services import Services

SECONDS = 600
"""How long somebody may take at the provider."""
MAX_OPEN = 4
"""Log-ins begun in one browser; the oldest goes."""
_MAX_COOKIE = 2_000
_PAGE = re.compile(r"/(?:desk|setup|floor)(?:\?[A-Za-z0-9_.~%=&/:@+-]{0,400})?")


@dataclass(frozen=True, slots=True)
class Flow:
    """A log-in that was begun."""

    state: str
    nonce: str
    verifier: str
    """Of PKCE: whoever has the code alone cannot use it."""
    page: str
    """Where the browser goes afterwards, one of our pages."""


def page_or_desk(wanted: str) -> str:
    """The page, if it is one of ours that has a log-in; the desk otherwise."""
    return wanted if _PAGE.fullmatch(wanted) else "/desk"


class Flows:
    """Writes and reads the cookies."""

    def __init__(self, services: Services) -> None:
        self._services = services

        class _Timed(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(services.clock())

        self._signed = URLSafeTimedSerializer(
            services.settings.secret,
            salt="tandem.oidc",
            signer=_Timed,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    def begin(self, page: str) -> Flow:
        """A new log-in that ends at `page`."""
        return Flow(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            page=page_or_desk(page),
        )

    def give(self, response: Response, flow: Flow) -> None:
        """Let the browser carry it."""
        there: dict[str, float] = {
            name: self._began(value)
            for name, value in request.cookies.items()
            if name.startswith(self._prefix)
        }
        too_many = max(0, len(there) - MAX_OPEN + 1)
        for name in sorted(there, key=lambda name: there[name])[:too_many]:
            self._drop(response, name)
        response.set_cookie(
            self._name(flow.state),
            self._signed.dumps(asdict(flow)),
            max_age=SECONDS,
            path="/",
            secure=self._services.settings.secure,
            httponly=True,
            samesite="Lax",
        )

    def take(self, state: str) -> Flow | None:
        """The log-in with this state, if this browser began it a short while ago."""
        value = request.cookies.get(self._name(state), "")
        if not 0 < len(value) <= _MAX_COOKIE:
            return None
        try:
            flow = Flow(**self._signed.loads(value, max_age=SECONDS))
        except (BadData, TypeError):
            return None
        return flow if hmac.compare_digest(flow.state.encode(), state.encode()) else None

    def end(self, response: Response, state: str) -> None:
        """It is over, whatever came of it."""
        name = self._name(state)
        if name in request.cookies:
            self._drop(response, name)

    @property
    def _prefix(self) -> str:
        return "__Host-tandem_oidc_" if self._services.settings.secure else "tandem_oidc_"

    def _name(self, state: str) -> str:
        return self._prefix + digest(state)

    def _began(self, value: str) -> float:
        try:
            _, began = self._signed.loads(value, max_age=SECONDS, return_timestamp=True)
        except BadData:
            return 0.0
        return float(began.timestamp())

    def _drop(self, response: Response, name: str) -> None:
        response.delete_cookie(
            name,
            path="/",
            secure=self._services.settings.secure,
            httponly=True,
            samesite="Lax",
        )
