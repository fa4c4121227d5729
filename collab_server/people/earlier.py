"""The earlier sessions of a session's caller, for the agent who serves them now.

    who asks                                        the session                    may read
    its agent of now                                stands, or is in its grace     yes
    its agent of now                                ended, grace is over           no
    an agent who lost it to another                 whichever                      no
    an agent of another session of this caller      whichever                      no
    any agent                                       waits for one                  no
    an administrator who is not its agent           whichever                      no

A caller is known again by their address, or by their telephone number, whatever PBX it came
through. A number that a caller shows is a label and proves nothing: the answer says by which of
the two each session was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from collab_server.db.sessions import CollabSession
from collab_server.explain import Why
from collab_server.people import names
from collab_server.problems import Forbidden
from collab_server.sessions.access import agent_place, check_open
from collab_server.times import iso, iso_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from collab_server.http.auth import Desk

MAX_ITEMS = 20
"""Sessions shown, the newest."""


def check(db: Session, session: CollabSession, who: Desk, now: float) -> None:
    """Raise Forbidden, or Gone, unless this agent serves the session's caller now."""
    place = agent_place(db, session, who)
    if place is None or session.agent_uri != who.uri:
        raise Forbidden("this is for the agent who serves the caller now", why=Why.NOT_YOURS)
    check_open(session, place, now)


def of_caller(db: Session, session: CollabSession) -> list[dict[str, Any]]:
    """What came before a session with the same caller, newest first; at most `MAX_ITEMS`."""
    same = [CollabSession.user_uri == session.user_uri]
    if session.known_as is not None:
        same.append(CollabSession.known_as == session.known_as)
    found = db.scalars(
        select(CollabSession)
        .where(or_(*same), CollabSession.id != session.id, CollabSession.created <= session.created)
        .order_by(CollabSession.created.desc(), CollabSession.id.desc())
        .limit(MAX_ITEMS)
    )
    earlier = list(found)
    called = names.of_agents(db, [one.agent_uri for one in earlier])
    return [_shown(one, session, called) for one in earlier]


def _shown(
    earlier: CollabSession, session: CollabSession, called: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "id": earlier.id,
        "type": earlier.type,
        "state": earlier.state,
        "reason": earlier.reason,
        "created": iso(earlier.created),
        "ended": iso_or_none(earlier.ended),
        "agent": names.party(earlier.agent_uri, called) if earlier.agent_uri else None,
        "outcome": earlier.outcome or "",
        "note": earlier.note or "",
        "same": "address" if earlier.user_uri == session.user_uri else "number",
    }
