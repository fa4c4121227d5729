"""Who may be reached through a third party, and how often: what keeps pumpers of SMS out.

The counts are rows of the database, read in the same transaction that begins an attempt, one writer
at a time: they hold for every process that works on it, and over restarts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from collab_server import numbers, uris
from collab_server.db.invitations import Attempt
from collab_server.explain import Explained, Why
from collab_server.times import DAY, HOUR

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from collab_server.db.engine import Work
    from collab_server.invite.settings import InviteSettings


def denied(settings: InviteSettings, destination: str) -> Explained | None:
    """Why nobody may be reached there, by whatever way; None: no pattern is against it."""
    if any(re.fullmatch(pattern, destination, re.IGNORECASE) for pattern in settings.deny):
        sentence = f"{destination} is among the destinations denied (server.invite.deny)"
        return Explained(Why.DENIED, sentence)
    return None


def _costly(uri: str, country: str) -> Explained | None:
    why = numbers.costly(uris.dialled(uri), country)
    if why is None:
        return None
    return Explained(Why.DENIED, f"{uri} is {why}, which no machine calls or writes to")


def called(uri: str, country: str) -> str:
    """Whom a call to a ``sip:`` or ``tel:`` address reaches from a PBX in this country, in the one
    form that patterns and limits are for: ``tel:`` and the number, where it is one with its
    country or a whole one of that country; else the address in small letters."""
    number = numbers.reached(uris.dialled(uri), country)
    return f"tel:{number}" if number.startswith("+") else uri.lower()


def denied_to_call(settings: InviteSettings, uri: str, country: str) -> Explained | None:
    """Why nobody may be called there, however the address is written; None: they may."""
    if not uris.is_dialled(uri):
        sentence = f"{uri} is neither a number nor a name that a PBX could be asked to call"
        return Explained(Why.NOT_DIALLED, sentence)
    return denied(settings, uri) or denied(settings, called(uri, country)) or _costly(uri, country)


def refused(settings: InviteSettings, destination: str) -> Explained | None:
    """Why no third party may carry an invitation there; None: it may."""
    why = denied(settings, destination) or _costly(destination, "")
    allowed = (re.fullmatch(p, destination, re.IGNORECASE) for p in settings.allow)
    if why is None and not any(allowed):
        sentence = f"{destination} is not among the destinations allowed (server.invite.allow)"
        why = Explained(Why.NOT_ALLOWED, sentence)
    return why


def over(
    work: Work, settings: InviteSettings, *, destination: str, asked_by: str, scope: str
) -> Explained | None:
    """Which limit one more attempt would break; None: none."""
    limits = settings.limits
    rules: tuple[tuple[str, Why, int, str, int, ColumnElement[bool] | None], ...] = (
        (
            "destination_hour",
            Why.LIMIT_DESTINATION,
            limits.destination_hour,
            "to one destination in an hour",
            HOUR,
            Attempt.destination == destination,
        ),
        (
            "destination_day",
            Why.LIMIT_DESTINATION,
            limits.destination_day,
            "to one destination in a day",
            DAY,
            Attempt.destination == destination,
        ),
        (
            "agent_hour",
            Why.LIMIT_ASKER,
            limits.agent_hour,
            "by one who asks in an hour",
            HOUR,
            Attempt.asked_by == asked_by,
        ),
        ("call", Why.LIMIT_CALL, limits.call, "for one call", DAY, Attempt.scope == scope),
        ("hour", Why.LIMIT_ALL, limits.hour, "in an hour", HOUR, None),
        ("day", Why.LIMIT_ALL, limits.day, "in a day", DAY, None),
    )
    for name, why, most, said, seconds, mine in rules:
        begun = (
            select(func.count())
            .select_from(Attempt)
            .where(Attempt.started > work.now - seconds, Attempt.destination != "")
        )
        if mine is not None:
            begun = begun.where(mine)
        if (work.db.scalar(begun) or 0) >= most:
            sentence = f"no more than {most} {said} (server.invite.limits.{name})"
            return Explained(why, sentence)
    return None
