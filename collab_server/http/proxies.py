"""Where a request came from: ``X-Forwarded-For`` counts only from trusted proxies."""

from __future__ import annotations

import ipaddress
import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Request

log = logging.getLogger(__name__)

_MAX_HOPS = 20
_WITH_PORT = re.compile(r"\[([^\[\]]{1,100})\](?::[0-9]{1,5})?|([0-9.]{7,15}):[0-9]{1,5}")


class Proxies:
    """The networks whose forwarded headers are believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(item, strict=False) for item in networks]
        self._told = False

    def trusts(self, address: str) -> bool:
        """Whether this address is a proxy of ours."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def client(self, request: Request) -> str:
        """The address nearest to us that is no proxy of ours, in one form: IPv4 is never written as
        IPv6 (``::ffff:192.0.2.1``, as a proxy that listens on both has it), nor with a port."""
        address = request.remote_addr or ""
        hops = request.headers.get("X-Forwarded-For", "").split(",")[-_MAX_HOPS:]
        if hops != [""] and not self.trusts(address):
            self._tell(address)
        while hops and self.trusts(address):
            hop = hops.pop().strip()
            if not hop:
                break
            address = hop
        parsed = _parsed(address)
        return str(parsed) if parsed is not None else address

    def _tell(self, address: str) -> None:
        """Say once that a proxy on a network of ours is not named: to the limits, all who come by
        it are one. Strangers write such a header too."""
        parsed = _parsed(address)
        if self._told or parsed is None or not parsed.is_private:
            return
        self._told = True
        log.warning(
            "requests from %s name others in X-Forwarded-For, which do not count: if that is your"
            ' proxy, set server.trusted_proxies = ["%s"], or all who come by it share one limit',
            parsed,
            parsed,
        )


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    ported = _WITH_PORT.fullmatch(address)
    try:
        parsed = ipaddress.ip_address((ported[1] or ported[2]) if ported else address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped
    return parsed
