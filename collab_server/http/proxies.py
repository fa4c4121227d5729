"""Where a request came from: ``X-Forwarded-For`` counts only from trusted proxies."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Request

_MAX_HOPS = 20


class Proxies:
    """The networks whose forwarded headers are believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(item, strict=False) for item in networks]

    def trusts(self, address: str) -> bool:
        """Whether this address is a proxy of ours."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)

    def client(self, request: Request) -> str:
        """The address nearest to us that is no proxy of ours."""
        address = request.remote_addr or ""
        hops = request.headers.get("X-Forwarded-For", "").split(",")[-_MAX_HOPS:]
        while hops and self.trusts(address):
            hop = hops.pop().strip()
            if not hop:
                break
            address = hop
        return address
