"""How much may be guessed and made: limits that all servers of one database share.

Each limit is a leaky bucket in one number, the time when it will have run empty (the 'generic cell
rate algorithm' of ITU-T I.371): so many at once, then one whenever the time for one has passed. It
is read and written in the transaction that the attempt itself is made in, of which there is one at
a time (`collab_server.db.engine`).

Wrong codes count, and codes that are made. What is counted for everybody together is counted apart
for pages, for agents and for telephones: who uses up one of them, from a thousand addresses, stops
neither of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server.db.models import PairingLimit
from collab_server.problems import TooMany

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in so many seconds."""

    name: str
    most: int
    seconds: float

    def of(self, value: str = "") -> Budget:
        """This limit as kept for one address, call or agent; '': for everybody."""
        digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
        return Budget(self, f"{self.name} {digest[:32]}")


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit, and the key it is kept by."""

    limit: Limit
    key: str


TEN_MINUTES = 600.0

GUESSES_OF_ADDRESS = Limit("guess-address", 10, TEN_MINUTES)
GUESSES_OF_AGENT = Limit("guess-agent", 20, TEN_MINUTES)
GUESSES_OF_CALL = Limit("guess-call", 5, TEN_MINUTES)
"""Wrong codes from one address, by one agent or client, in one call."""
GUESSES_OF_PAGES = Limit("guess-pages", 300, TEN_MINUTES)
GUESSES_OF_AGENTS = Limit("guess-agents", 300, TEN_MINUTES)
GUESSES_OF_CALLS = Limit("guess-calls", 300, TEN_MINUTES)
"""Wrong codes from all addresses, by all agents and clients, in all calls."""
CODES_OF_ADDRESS = Limit("code-address", 60, TEN_MINUTES)
CODES_OF_AGENT = Limit("code-agent", 60, TEN_MINUTES)
CODES_OF_CALL = Limit("code-call", 10, TEN_MINUTES)
"""Codes made for one address, one agent or client, one call."""


def wait(db: Session, now: float, budgets: Sequence[Budget]) -> float:
    """Seconds until each of these has room for one more; 0: now."""
    keys = [budget.key for budget in budgets]
    rows = db.scalars(select(PairingLimit).where(PairingLimit.key.in_(keys)))
    found = {row.key: row.free_at for row in rows}
    longest = 0.0
    for budget in budgets:
        limit = budget.limit
        room = limit.seconds - limit.seconds / limit.most
        over = _used(found.get(budget.key, now), now, limit) - room
        longest = max(longest, over if over > 1e-6 else 0.0)
    return longest


def _used(free_at: float, now: float, limit: Limit) -> float:
    """How much of a limit is used up, in seconds. More than all: the clock was set back."""
    used = max(free_at - now, 0.0)
    return used if used <= limit.seconds + 1e-6 else 0.0


def check(db: Session, now: float, budgets: Sequence[Budget]) -> None:
    """Raise TooMany when one of these has no room."""
    seconds = wait(db, now, budgets)
    if seconds:
        raise TooMany(seconds, "too many codes from here; wait a moment, then try again")


def use(work: Work, budgets: Sequence[Budget]) -> None:
    """Count one for each of these."""
    for budget in budgets:
        limit = budget.limit
        row = work.db.get(PairingLimit, budget.key)
        if row is None:
            row = PairingLimit(key=budget.key, free_at=work.now)
            work.db.add(row)
            work.hold(row)
        used = _used(row.free_at, work.now, limit)
        row.free_at = work.now + used + limit.seconds / limit.most
