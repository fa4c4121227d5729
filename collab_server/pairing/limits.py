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

from collab_server.db.pairing import PairingLimit
from collab_server.explain import Explained, Why
from collab_server.problems import TooMany

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in so many seconds."""

    name: str
    most: int
    seconds: float

    @property
    def pause(self) -> float:
        """Seconds after which there is room for one more."""
        return self.seconds / self.most

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


MAX_REFUSALS = 10_000
"""Used-up limits remembered in one process."""
_A_LITTLE = 1e-6


class Refusals:
    """Limits that this process has seen used up, and until when: nothing gives them room before,
    so who goes on guessing costs the database nothing. What is not remembered is looked up."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def wait(self, now: float, budgets: Sequence[Budget]) -> float:
        """Seconds until the first of these that is known to be used up has room; 0: none is."""
        for budget in budgets:
            left = self._until.get(budget.key, now) - now
            if _A_LITTLE < left <= budget.limit.pause + _A_LITTLE:  # more: the clock was set back
                return left
        return 0.0

    def note(self, key: str, until: float) -> None:
        """This one has no room until then."""
        if len(self._until) >= MAX_REFUSALS:
            self._until.clear()
        self._until[key] = until


def wait(services: Services, db: Session, now: float, budgets: Sequence[Budget]) -> float:
    """Seconds until each of these has room for one more; 0: now."""
    known = services.refusals.wait(now, budgets)
    if known:
        return known
    keys = [budget.key for budget in budgets]
    rows = db.execute(
        select(PairingLimit.key, PairingLimit.free_at).where(PairingLimit.key.in_(keys))
    )
    found = {key: free_at for key, free_at in rows}  # noqa: C416 - a row is no pair to the types
    longest = 0.0
    for budget in budgets:
        limit = budget.limit
        used = _used(found.get(budget.key, now), now, limit)
        over = used + limit.pause - limit.seconds
        if over > _A_LITTLE:
            services.refusals.note(budget.key, now + over)
            longest = max(longest, over)
    return longest


def look(services: Services, budgets: Sequence[Budget]) -> None:
    """`check` on its own: a transaction is opened only where nothing is known yet."""
    now = services.clock()
    seconds = services.refusals.wait(now, budgets)
    if not seconds:
        with services.database.read() as db:
            seconds = wait(services, db, now, budgets)
    _refuse(seconds)


def check(services: Services, db: Session, now: float, budgets: Sequence[Budget]) -> None:
    """Raise TooMany when one of these has no room."""
    _refuse(wait(services, db, now, budgets))


def _refuse(seconds: float) -> None:
    if seconds:
        often = "too many codes from here; wait a moment, then try again"
        raise TooMany(seconds, Explained(Why.TOO_OFTEN, often))


def _used(free_at: float, now: float, limit: Limit) -> float:
    """How much of a limit is used up, in seconds. More than all: the clock was set back."""
    used = max(free_at - now, 0.0)
    return used if used <= limit.seconds + _A_LITTLE else 0.0


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
        row.free_at = work.now + used + limit.pause
