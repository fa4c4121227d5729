"""What the people of a session are called on its pages, beside their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server.db.people import Agent
from collab_server.db.placed import PlacedCall
from collab_server.uris import short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy.orm import Session


def of_agents(db: Session, uris: Collection[str | None]) -> dict[str, str]:
    """Address -> display name, of the agents who have one.

    Of an address that accounts with different names share it is not known who is there: none.
    """
    wanted = {uri for uri in uris if uri}
    if not wanted:
        return {}
    found: dict[str, set[str]] = {}
    rows = select(Agent.uri, Agent.display_name).where(Agent.uri.in_(wanted), Agent.active)
    for uri, name in db.execute(rows):
        found.setdefault(uri, set()).add(name)
    return {uri: name for uri, (name, *others) in found.items() if name and not others}


def party(uri: str, names: Mapping[str, str]) -> dict[str, Any]:
    """A person as the pages get them: ``name`` only where there is one."""
    return {"uri": uri, "name": names[uri]} if uri in names else {"uri": uri}


def of_writers(
    db: Session, session_id: str, people: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """(Role, address) -> the name that what they write stands under."""
    wanted = set(people)
    names = of_agents(db, [uri for role, uri in wanted if role != "user"])
    called = None
    if any(role == "user" and uri.startswith("web:") for role, uri in wanted):
        called = db.scalar(select(PlacedCall.name).where(PlacedCall.session_id == session_id))
    return {
        (role, uri): (
            (called if uri.startswith("web:") else None) if role == "user" else names.get(uri)
        )
        or short(uri)
        for role, uri in wanted
    }
