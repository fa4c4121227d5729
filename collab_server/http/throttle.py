"""Limits on guessing: so many attempts an address, a name, a while; in bounded memory.

Counters live in the ``limits`` library's memory store. Its keys are folded into a fixed number of
buckets, so that an attacker with many addresses cannot fill the memory; two who share a bucket
share a limit, which costs the second one at worst a moment. Which keys share one depends on a
secret of this process, so nobody can choose a key that uses up somebody else's limit. An IPv6
customer owns a whole /64.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from collab_server.explain import Explained, Why
from collab_server.problems import TooMany

BUCKETS = 16_384
_FOLDED_WITH = secrets.token_bytes(16)


class Throttle:
    """One limit, such as ``20 per minute``, kept for each key apart.

    `said` is the sentence for who is over it; the answer's Retry-After says how long it lasts.
    """

    def __init__(self, name: str, limit: str, said: str = "wait a moment, then try again") -> None:
        self._name = name
        self._said = said
        self._item: RateLimitItem = parse(limit)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def check(self, key: str) -> None:
        """Raise TooMany when this key has used up its attempts."""
        if not self._limiter.test(self._item, *self._bucket(key)):
            self._refuse(key)

    def hit(self, key: str) -> None:
        """Count an attempt. Raises TooMany when it was one too many."""
        if not self._limiter.hit(self._item, *self._bucket(key)):
            self._refuse(key)

    def allows(self, key: str) -> bool:
        """Count an attempt, and say whether it was one of those there may be."""
        return self._limiter.hit(self._item, *self._bucket(key))

    def count(self, key: str) -> None:
        """Count a failed attempt; the next `check` tells."""
        self._limiter.hit(self._item, *self._bucket(key))

    def _bucket(self, key: str) -> tuple[str, str]:
        folded = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8, key=_FOLDED_WITH)
        return self._name, str(int.from_bytes(folded.digest(), "big") % BUCKETS)

    def _refuse(self, key: str) -> None:
        stats = self._limiter.get_window_stats(self._item, *self._bucket(key))
        raise TooMany(stats.reset_time - time.time(), Explained(Why.TOO_OFTEN, self._said))


def address_key(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
