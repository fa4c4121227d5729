"""Accounts as administrators see them: searched, sorted, a page at a time, with what is odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import func, or_, select

from collab_server.db.people import Agent, SetUpEvent
from collab_server.oidc.accounts import gives
from collab_server.times import iso

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from collab_server.settings import Settings

Order = Literal["name", "uri", "role", "team", "active", "created"]

_ORDERS: dict[Order, Sequence[Any]] = {
    "name": (func.lower(Agent.name),),
    "uri": (Agent.uri,),
    "role": (Agent.admin, Agent.supervisor),
    "team": (Agent.team,),
    "active": (Agent.active,),
    "created": (Agent.created,),
}


def of(
    settings: Settings,
    db: Session,
    *,
    search: str,
    order: Order,
    descending: bool,
    offset: int,
    limit: int,
) -> tuple[list[dict[str, Any]], int]:
    """A page of the accounts whose names, address or team have each word, and their number."""
    found = [_has(word) for word in search.split()]
    total = db.scalar(select(func.count()).select_from(Agent).where(*found)) or 0
    by = [column.desc() if descending else column for column in _ORDERS[order]]
    wanted = select(Agent).where(*found).order_by(*by, func.lower(Agent.name), Agent.id)
    people = db.scalars(wanted.offset(offset).limit(limit)).all()
    return shown(settings, db, people), total


def shown(settings: Settings, db: Session, people: Sequence[Agent]) -> list[dict[str, Any]]:
    """Accounts, each with what is odd about it (`warnings`).

    ``shared``: another account that is switched on has the same address, so that their calls show
    at both desks. ``unnamed``: no PBX of the settings names this address, so that no call does.
    """
    shared = _shared(db, {one.uri for one in people})
    return [
        {
            "id": one.id,
            "name": one.name,
            "uri": one.uri,
            "display_name": one.display_name,
            "admin": one.admin,
            "supervisor": one.supervisor,
            "team": one.team,
            "active": one.active,
            "provider": _provider(settings, one),
            "given": given(settings, one),
            "created": iso(one.created),
            "warnings": [
                *(["shared"] if one.active and one.uri in shared else []),
                *(["unnamed"] if not _named(settings, one.uri) else []),
            ],
        }
        for one in people
    ]


def given(settings: Settings, one: Agent) -> list[str]:
    """The roles of an account that its provider says at each log-in: nobody else sets them."""
    theirs = gives(settings.server.oidc, one)
    return ["admin"] * theirs.admin + ["supervisor"] * theirs.supervisor


def _provider(settings: Settings, one: Agent) -> str | None:
    """What people call the provider an account signs in with; of a former one its host."""
    if one.issuer is None:
        return None
    ours = settings.server.oidc
    return ours.shown if one.issuer == ours.issuer else urlsplit(one.issuer).hostname


def events(db: Session, before: int | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """Who changed what, the newest first, and where the next page begins."""
    wanted = select(SetUpEvent).order_by(SetUpEvent.id.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(SetUpEvent.id < before)
    rows = db.scalars(wanted).all()
    items = [
        {
            "id": row.id,
            "at": iso(row.at),
            "by": row.by or None,
            "what": row.what,
            "whom": row.whom or None,
            "changes": row.changes,
        }
        for row in rows[:limit]
    ]
    return items, str(rows[limit - 1].id) if len(rows) > limit else None


def teams(db: Session) -> list[str]:
    """The words there are, for a form to offer."""
    wanted = select(Agent.team).where(Agent.team != "").distinct().order_by(Agent.team)
    return list(db.scalars(wanted.limit(200)))


def _has(word: str) -> ColumnElement[bool]:
    columns = (Agent.name, Agent.display_name, Agent.uri, Agent.team)
    return or_(*(column.icontains(word, autoescape=True) for column in columns))


def _shared(db: Session, uris: Collection[str]) -> set[str]:
    wanted = select(Agent.uri).where(Agent.uri.in_(uris), Agent.active).group_by(Agent.uri)
    return set(db.scalars(wanted.having(func.count() > 1)))


def _named(settings: Settings, uri: str) -> bool:
    """Whether a call can name this agent, as far as the connectors' settings are here too."""
    pbxs = settings.pbx.values()
    if not pbxs or any(not pbx.domain for pbx in pbxs):
        return True  # a connector's settings are elsewhere, and so is what they name
    domains = {pbx.domain.lower() for pbx in pbxs}
    named = {address for pbx in pbxs for address in pbx.agents.values()}
    domain = uri.partition("@")[2].partition(";")[0].partition(":")[0]
    return uri in named or domain.lower() in domains
