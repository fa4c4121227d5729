"""Requests to the provider: certificates verified, no redirects, bounded in time and size.

Proxies of the environment are not used. What goes wrong is said without the address's query and
without anything of the answer: both may hold what must not stand in a log.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from collab_server.oidc.settings import is_safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authlib.oauth2.auth import ClientAuth

MAX_ANSWER = 256 * 1024
"""Bytes of an answer: metadata, keys with their certificates, or tokens."""
_FORM = "application/x-www-form-urlencoded"


class UnreachableError(Exception):
    """The provider does not answer, or not as a provider; one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Authlib reads of an answer."""

    status_code: int
    body: bytes

    def json(self) -> Any:
        """The body. Raises ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def raise_for_status(self) -> None:
        """Raise UnreachableError for an error."""
        if self.status_code >= 400:
            raise UnreachableError(f"the provider answered {self.status_code}")


class Web:
    """A session as Authlib's `OAuth2Client` wants one; used by any thread."""

    def __init__(self, ca: str, timeout: float) -> None:
        self._tls = ssl.create_default_context(cafile=ca or None)
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout / 2)

    def get(self, url: str, token: str | None = None) -> dict[str, Any]:
        """A JSON object. Raises UnreachableError."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        answer = asyncio.run(self._ask("GET", url, headers, None))
        if answer.status_code != 200:
            raise UnreachableError(f"{_bare(url)} answered {answer.status_code}")
        try:
            found = answer.json()
        except ValueError:
            raise UnreachableError(f"{_bare(url)}: the answer is not JSON") from None
        if not isinstance(found, dict):
            raise UnreachableError(f"{_bare(url)}: the answer is no JSON object")
        return found

    def post(
        self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth
    ) -> Answer:
        """Send a form, signed by `auth`. Raises UnreachableError."""
        url, signed, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return asyncio.run(self._ask("POST", url, signed | {"Content-Type": _FORM}, body))

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Answer:
        if not is_safe(url):
            raise UnreachableError(f"{_bare(url)} is no https address")
        connector = aiohttp.TCPConnector(ssl=self._tls, force_close=True)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=self._timeout) as session,
                session.request(
                    method,
                    URL(url, encoded=True),
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"}
                    | dict(headers),
                    data=body,
                    allow_redirects=False,
                    auto_decompress=False,
                ) as answer,
            ):
                read = bytearray()
                async for part in answer.content.iter_any():
                    read += part
                    if len(read) > MAX_ANSWER:
                        raise UnreachableError(
                            f"{_bare(url)}: the answer exceeds {MAX_ANSWER} bytes"
                        )
                return Answer(answer.status, bytes(read))
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            why = type(error).__name__
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                why = f"the certificate is not good: {error.certificate_error}"
            elif isinstance(error, aiohttp.ClientConnectorError):
                why = str(error.os_error)
            elif isinstance(error, TimeoutError):
                why = "no answer in time"
            raise UnreachableError(f"{_bare(url)}: {' '.join(why.split())[:200]}") from None


def _bare(url: str) -> str:
    """An address for a log."""
    return url.partition("?")[0][:200]
