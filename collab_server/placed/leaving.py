"""When a call without a telephone is given up: nobody waits behind it any more.

What tells that its user is there is their page: it is connected, it says when it is closed for good
(a reload asks for the page at the same time), and a phone in the background, whose socket is lost
without a word, is waited for. Before a page was opened, the site that asks for the call stands for
its user.

    unopened   no page, and the site does not ask          NEVER_OPENED_SECONDS
    closed     the page said so, and was not reloaded      CLOSED_SECONDS; with an agent in the
                                                           session, who sees it, longer
    away       no page is connected                        AWAY_SECONDS
    too long   no agent within WAIT_SECONDS                the PBX should have ended it before
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from collab_server.db.calls import Call
from collab_server.db.placed import PlacedCall
from collab_server.db.sessions import CollabSession
from collab_server.placed import ends
from collab_server.placed.stages import LEAVING, OPEN, OVER, VOICE, WAIT_SECONDS
from collab_server.sessions import service
from collab_server.sessions.places import place
from collab_server.sessions.states import Reason, State

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services

NEVER_OPENED_SECONDS = 120
CLOSED_SECONDS = 1.0
RELOADED_SECONDS = 15.0
"""How long a page that was asked for again while it closed may take to come back."""
CLOSED_WITH_AGENT_SECONDS = 120
AWAY_SECONDS = 600
LATE_SECONDS = 60
"""How long the PBX may take to say that a queue's time is over."""
POLL_SECONDS = 5.0
"""A site's asking is written down no more often."""
MAX_AT_ONCE = 100
"""Calls given up in one transaction; the next round follows at once."""


def refresh(services: Services, work: Work, placed: PlacedCall, session: CollabSession) -> None:
    """Set anew when the call is given up, after something about it has changed."""
    end = _end(services, work, placed, session)
    placed.due = end[0] if end is not None else None
    if placed.due is not None:
        services.alarm.set(placed.due)


def _end(
    services: Services, work: Work, placed: PlacedCall, session: CollabSession
) -> tuple[float, Reason, str] | None:
    """When the call is given up, with which reason, and why; None: by itself it is not."""
    if placed.stage in (VOICE, LEAVING, OVER) or session.state == State.ENDED:
        return None
    served = session.agent_uri is not None
    left = Reason.USER if served else Reason.ABANDONED
    user = place(work, session, "user", session.user_uri)
    ends_at = []
    if not served:
        longest = placed.created + WAIT_SECONDS + LATE_SECONDS
        ends_at.append((longest, Reason.QUEUE_TIMEOUT, "no agent within the queue's time"))
    if user is None or user.joined is None:
        unopened = AWAY_SECONDS if served else NEVER_OPENED_SECONDS
        ends_at.append((placed.seen + unopened, left, "the page was not opened"))
    elif placed.closed is not None:
        reloads = services.lines.reloads(session.id, work.now - placed.closed)
        wait = RELOADED_SECONDS if reloads else CLOSED_SECONDS
        wait = CLOSED_WITH_AGENT_SECONDS if served else wait
        ends_at.append((placed.closed + wait, left, "the page was closed"))
    elif placed.gone is not None:
        since = max(placed.gone, user.joined)  # of one that never connected: since it was opened
        ends_at.append((since + AWAY_SECONDS, left, "the page was away for too long"))
    return min(ends_at, default=None)


def give_up(services: Services, work: Work) -> float | None:
    """Give up what is due; says when the next one is."""
    due = select(PlacedCall).where(PlacedCall.due <= work.now).limit(MAX_AT_ONCE)
    for placed in work.db.scalars(due).all():
        session = work.db.get_one(CollabSession, placed.session_id)
        if _is_there(services, session):
            placed.closed = placed.gone = None  # a page came back, or another one is open
        end = _end(services, work, placed, session)
        if end is not None and end[0] <= work.now:
            call = work.db.get_one(Call, placed.call)
            service.end(services, work, session, call, end[1], end[2])
        else:
            refresh(services, work, placed, session)
    work.db.flush()
    return soonest(work.db)


def soonest(db: Session) -> float | None:
    """When the next call is given up."""
    due = select(PlacedCall.due).where(PlacedCall.due.is_not(None))
    return db.scalar(due.order_by(PlacedCall.due).limit(1))


def _is_there(services: Services, session: CollabSession) -> bool:
    who = ("user", session.user_uri)
    return any((person.role, person.uri) == who for person in services.hub.presence(session.id))


def page(services: Services, work: Work, session: CollabSession, call: Call | None) -> None:
    """The user's first page has connected, or their last one is gone."""
    placed = ends.of_call(work.db, call)
    if placed is None:
        return
    user = place(work, session, "user", session.user_uri)
    if user is not None and user.left is None:
        services.lines.page_opened(session.id)
        placed.gone = placed.closed = None
    else:
        placed.gone = work.now
    refresh(services, work, placed, session)


def closed(services: Services, work: Work, session: CollabSession, call: Call | None) -> None:
    """The user's page says that it closes for good, or is loaded anew: which, is not known yet."""
    placed = ends.of_call(work.db, call)
    if placed is not None:
        placed.closed = work.now
        refresh(services, work, placed, session)


def opens(services: Services, work: Work, session: CollabSession, call: Call | None) -> None:
    """The user's page is about to connect: a reload has come back."""
    placed = ends.of_call(work.db, call)
    if placed is not None and placed.closed is not None:
        services.lines.page_opened(session.id)
        placed.closed, placed.gone = None, work.now
        refresh(services, work, placed, session)


def seen(services: Services, work: Work, placed: PlacedCall, session: CollabSession) -> None:
    """The site asks for the call."""
    placed.seen = work.now
    refresh(services, work, placed, session)


def looked_at(services: Services, work: Work, placed_id: str) -> None:
    """A browser shows where the join link leads: its user is about to come in."""
    placed = work.db.get(PlacedCall, placed_id)
    if placed is not None:
        seen(services, work, placed, work.db.get_one(CollabSession, placed.session_id))


def restarted(services: Services) -> None:
    """Every page is gone when the server starts; those that are open come back."""
    with services.write() as work:
        work.db.execute(
            update(PlacedCall)
            .where(PlacedCall.stage.in_(OPEN), PlacedCall.gone.is_(None))
            .values(gone=work.now, due=work.now)
        )
        services.alarm.set(work.now)
