"""Through a gateway that is asked by HTTP, such as one for SMS, as the settings' template says."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from collab_server.explain import Explained, Why
from collab_server.invite import templates
from collab_server.invite.ways import Begun, DoubtfulError, NotSentError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.invite.settings import GatewaySettings
    from collab_server.invite.ways import Errand
    from collab_server.services import Services

MAX_ANSWER = 4_096
"""Bytes of a gateway's answer that are read."""
MAX_SHOWN = 120
"""Characters of it that the desk is shown where it says no."""
_NUMBER = re.compile(r"(?:tel:|sips?:(?=[^@]*@))(\+[1-9][0-9]{6,14})(?:@[^@]*)?")


class GatewayWay:
    """One gateway of the settings. It reaches telephone numbers in their international form."""

    third_party = True
    own_leg = False

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings

    def unfit(self, uri: str, call: Call | None) -> Explained | None:
        """Only a number with its country is the same number everywhere."""
        if number_of(uri):
            return None
        return Explained(Why.NO_NUMBER, "this is no telephone number with its country")

    def destination(self, uri: str) -> str:
        """``tel:`` and the number."""
        return f"tel:{number_of(uri)}"

    def begin(self, services: Services, work: Work, errand: Errand) -> Begun:
        """Hand it to the worker."""
        places = errand.places(services) | {"number": number_of(errand.link.uri)}
        places["key"] = self._settings.key.get_secret_value()
        return Begun("sending", deliver=lambda: asyncio.run(post(self._settings, places)))


def number_of(uri: str) -> str:
    """The number of a ``tel:`` URI, or of a ``sip:`` one whose user is one; "": it has none."""
    found = _NUMBER.fullmatch(uri)
    return found[1] if found else ""


async def post(settings: GatewaySettings, places: Mapping[str, str]) -> None:
    """Ask the gateway. Raises WayError.

    Each place is encoded for where it stands: percent-encoded in the URL, by the library in a body.
    Certificates are verified, redirects are not followed, and proxies of the environment not used.
    """
    tls = ssl.create_default_context(cafile=settings.ca or None)
    connector = aiohttp.TCPConnector(ssl=tls, force_close=True)
    timeout = aiohttp.ClientTimeout(total=settings.timeout, connect=settings.timeout / 2)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        try:
            async with session.request(
                settings.method,
                URL(
                    templates.fill(settings.url, places, lambda value: quote(value, safe="")),
                    encoded=True,
                ),
                headers={"Accept-Encoding": "identity"} | _headers(settings, places),
                allow_redirects=False,
                **_body(settings, places),
            ) as answer:
                body = await answer.content.read(MAX_ANSWER)
                _judge(answer.status, body, places)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
            raise RefusedError(f"the gateway's certificate is not good: {_line(error)}") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(f"the gateway is not reached: {_line(error)}") from None
        except (aiohttp.InvalidURL, ValueError) as error:
            raise RefusedError(f"the gateway cannot be asked: {type(error).__name__}") from None
        except (TimeoutError, aiohttp.ClientError) as error:
            why = _line(error) or "no answer in time"
            raise DoubtfulError(f"the gateway did not answer: {why}") from None


def _headers(settings: GatewaySettings, places: Mapping[str, str]) -> dict[str, str]:
    headers = {name: templates.fill(text, places) for name, text in settings.headers.items()}
    for name, value in headers.items():
        if not value.isprintable():
            raise RefusedError(f"the header {name} would hold control characters")
    if settings.username:
        headers["Authorization"] = aiohttp.encode_basic_auth(
            settings.username, settings.key.get_secret_value(), "utf-8"
        )
    return headers


def _body(settings: GatewaySettings, places: Mapping[str, str]) -> dict[str, Any]:
    if not settings.body:
        return {}
    filled = templates.fill_all(settings.body, places)
    return {"json": filled} if settings.format == "json" else {"data": filled}


def _judge(status: int, body: bytes, places: Mapping[str, str]) -> None:
    if 200 <= status < 300:
        return
    said = body.decode("utf-8", "replace")
    for name in ("key", "link"):
        if places.get(name):
            said = said.replace(places[name], "…")
    said = " ".join("".join(c if c.isprintable() else " " for c in said).split())[:MAX_SHOWN]
    text = f"the gateway answered {status}" + (f": {said}" if said else "")
    if status == 429:
        raise NotSentError(text)
    if status == 408 or status >= 500:
        raise DoubtfulError(text)
    raise RefusedError(text)


def _line(error: Exception) -> str:
    """An error as one line without addresses' secrets: the library's texts name host and port."""
    return " ".join(str(error).split())[:MAX_SHOWN]
