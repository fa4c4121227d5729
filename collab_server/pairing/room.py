"""Room for codes: who has most of them gives one up, so that nobody takes them all.

Codes are few on purpose (`collab_server.pairing.codes.MAX_LIVE`), and any page may ask for one. So
once all are given out, the network that has more of them than the asker's would have loses its
oldest: that of the address in it that has most. A network is a /24, or the /48 that a provider
gives a customer; an address in it is one of IPv4, or a /64. Nobody can lose a code to an asker
whose network has as many already, so what is evicted is always somebody greedier's.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server.db.pairing import Pairing
from collab_server.http.throttle import address_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collab_server.db.engine import Work
    from collab_server.services import Services


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody asks from, as far as it counts."""

    address: str
    """One of IPv4, or a /64."""
    network: str
    """The /24 or /48 it is in."""


def place_of(address: str) -> Place:
    """The place of an address; what is no address is a place of its own."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return Place(address, address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    width = 24 if parsed.version == 4 else 48
    network = ipaddress.ip_network((parsed, width), strict=False)
    return Place(address_key(str(parsed)), str(network))


def note(services: Services, row: Pairing, place: Place) -> None:
    """Keep where a code was asked for, in a form that tells nobody the address."""
    sign = services.signer.place
    row.address, row.network = sign(place.address), sign(place.network)


def greediest(work: Work, asker: Pairing) -> Pairing | None:
    """The live code that is to make room for the asker's; None: nobody has more than they."""
    wanted = select(Pairing).where(Pairing.code.is_not(None), Pairing.kind == asker.kind)
    live = work.db.scalars(wanted.order_by(Pairing.created, Pairing.id)).all()
    networks = Counter(row.network for row in live)
    networks[asker.network] += 1
    network, most = max(networks.items(), key=lambda item: (item[1], item[0] == asker.network))
    if most == 1:
        return None
    theirs: Sequence[Pairing] = [row for row in live if row.network == network]
    addresses = Counter(row.address for row in theirs)
    address = max(addresses, key=addresses.__getitem__)
    return next(row for row in theirs if row.address == address)
