"""How many calls without a telephone may be posted, and may wait, from one address and one site.

A site's key stands in its pages, so everybody has it: what an address may do is kept small. A
program on the server's own machine that came through no proxy is the site's own, and counts among
its site's calls alone; a program elsewhere that posts for its users is named in
``trusted_proxies`` and says with ``X-Forwarded-For`` for whom.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from collab_server.db.placed import PlacedCall
from collab_server.http.throttle import Throttle, address_key
from collab_server.placed.stages import WAITING
from collab_server.problems import TooMany

if TYPE_CHECKING:
    from flask import Request

    from collab_server.db.engine import Work
    from collab_server.http.proxies import Proxies
    from collab_server.settings import Settings

POSTS_OF_ADDRESS = "30 per minute"
POSTS_OF_SITE = "600 per minute"
WAITING_OF_ADDRESS = 20
WAITING_OF_SITE = 1_000
LIMITS = "tandem.placed-limits"
_RETRY_SECONDS = 30


class Limits:
    """The counters of one server."""

    def __init__(self, settings: Settings, proxies: Proxies) -> None:
        self._key = settings.secret.encode()
        self._proxies = proxies
        said = "too many calls were posted; wait a moment, then try again"
        self._address = Throttle("post", POSTS_OF_ADDRESS, said)
        self._site = Throttle("post-site", POSTS_OF_SITE, said)

    def hit(self, request: Request, site: str) -> str:
        """Count a post; gives what the address is kept as, empty for one that is not counted.

        Raises TooMany.
        """
        address = self._address_of(request)
        if address:
            self._address.hit(address)
        self._site.hit(site)
        return address

    def _address_of(self, request: Request) -> str:
        address = self._proxies.client(request)
        forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
        if not forwarded and _is_loopback(address):
            return ""
        kept = f"tandem.place\0{address_key(address)}".encode()
        return hmac.new(self._key, kept, "sha256").hexdigest()


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def check_waiting(work: Work, site: str, address: str) -> None:
    """Raise TooMany when a site, or an address, has as many calls waiting as it may have."""
    work.db.flush()
    waiting = select(func.count()).where(PlacedCall.stage.in_(WAITING))
    of_site = work.db.scalar(waiting.where(PlacedCall.site == site)) or 0
    if of_site >= WAITING_OF_SITE:
        raise TooMany(_RETRY_SECONDS, f"{of_site} calls of this site are waiting already")
    of_address = work.db.scalar(waiting.where(PlacedCall.address == address)) if address else 0
    if (of_address or 0) >= WAITING_OF_ADDRESS:
        raise TooMany(_RETRY_SECONDS, f"{of_address} calls from here are waiting already")
