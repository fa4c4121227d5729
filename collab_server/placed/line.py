"""The server's own line before a PBX that has as many placeholders as it may have.

Calls enter in the order in which they came. One at a time is asked for in each queue, so that the
PBX cannot turn their order round; a connector that does not answer holds the others up for
`PATIENCE` only, and one whose link is down gets all for which there is room when it is back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from collab_server import commands
from collab_server.db.calls import Call
from collab_server.db.placed import PlacedCall
from collab_server.db.sessions import CollabSession
from collab_server.placed.stages import ENTERING, LEAVING, LINE, ON_PBX, STANDS, WAIT_SECONDS
from collab_server.sessions import service
from collab_server.sessions.history import trace
from collab_server.sessions.states import Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services

PATIENCE = 5.0
"""Seconds in which a linked connector is to say that a placeholder stands, before the next one."""
SHOW_SECONDS = 1.0
"""How often places in the line are counted anew while they change."""
SHOW_MANY = 100
"""Places told in one transaction; where more change at a time, they are counted less often."""


def admit(services: Services, work: Work, pbx: str) -> None:
    """Ask for placeholders for those at the front of the line, as far as there is room."""
    cap = services.settings.pbx.get(pbx)
    if cap is None:  # it was taken out of the settings while calls waited for it
        services.lines.set_waiting(pbx, False)
        return
    work.db.flush()
    here = list(
        work.db.scalars(
            select(PlacedCall).where(PlacedCall.pbx == pbx, PlacedCall.stage.in_(ON_PBX))
        )
    )
    room = services.lines.room(pbx, cap.max_placeholders) - len(here)
    linked = services.hub.linked(pbx)
    held_up: dict[str, float] = {}
    if linked:
        for placed in here:
            until = (placed.asked or 0.0) + PATIENCE
            # Longer than that: the clock was set back.
            if placed.stage == ENTERING and work.now < until <= work.now + PATIENCE:
                held_up[placed.queue] = max(until, held_up.get(placed.queue, 0.0))
    front = (
        select(PlacedCall)
        .where(
            PlacedCall.pbx == pbx,
            PlacedCall.stage == LINE,
            PlacedCall.queue.not_in(list(held_up)),
        )
        .order_by(PlacedCall.call)
        .limit(max(0, room))
    )
    for placed in work.db.scalars(front).all():
        if placed.queue in held_up:
            continue
        _ask(services, work, placed)
        if linked:
            held_up[placed.queue] = work.now + PATIENCE
    work.db.flush()
    waiting = work.db.scalar(
        select(PlacedCall.call).where(PlacedCall.pbx == pbx, PlacedCall.stage == LINE).limit(1)
    )
    services.lines.set_waiting(pbx, waiting is not None)
    if waiting is not None:
        services.alarm.set(min([work.now + SHOW_SECONDS, *held_up.values()]))


def _ask(services: Services, work: Work, placed: PlacedCall) -> None:
    call = work.db.get_one(Call, placed.call)
    waited = max(0.0, work.now - placed.created)
    left = WAIT_SECONDS - waited
    if left <= 0:
        return  # it is given up in this very moment
    placed.stage, placed.asked = ENTERING, work.now
    commands.ask(
        services,
        work,
        id=placed.id,
        kind="queue",
        pbx=placed.pbx,
        args={
            "queue": placed.queue,
            "type": call.type,
            "user_uri": call.user_uri,
            "name": placed.name,
            "waited": round(waited, 3),
            "wait": round(left, 3),
        },
        seconds=left,
        call=call,
        call_id=placed.id,
    )
    text = f"PBX {placed.pbx} is asked to put the call into queue {placed.queue}"
    trace(work, call, "queue", text + (f", it has waited {waited:.0f} s" if waited >= 1 else ""))


def wait(services: Services, work: Work, placed: PlacedCall) -> None:
    """Have a call wait in the server until there is room for it."""
    placed.stage, placed.asked = LINE, None
    call = work.db.get_one(Call, placed.call)
    session = work.db.get_one(CollabSession, placed.session_id)
    call.state, call.queue = "queued", placed.queue
    session.queue = placed.queue
    service.move(work, session, Trigger.QUEUES, "it waits in the server for its turn")
    trace(work, call, "queue", f"waits in the server for its turn on PBX {placed.pbx}")
    services.lines.set_waiting(placed.pbx, True)
    services.alarm.set(work.now + SHOW_SECONDS)


def move_on(services: Services) -> None:
    """Move the lines on, and say to those in them which place they have, in short transactions."""
    for pbx in services.lines.waiting():
        with services.write() as work:
            admit(services, work, pbx)
        if services.lines.shows(pbx, services.clock()):
            with services.database.read() as db:
                places = _places(db, pbx)
            pause = max(SHOW_SECONDS, len(places) / SHOW_MANY)
            services.lines.shown(pbx, services.clock(), pause)
            for start in range(0, len(places), SHOW_MANY):
                with services.write() as work:
                    _show(work, pbx, places[start : start + SHOW_MANY])


def restarted(services: Services) -> None:
    """Remember again which PBXs calls wait for."""
    with services.database.read() as db:
        for pbx in db.scalars(select(PlacedCall.pbx).where(PlacedCall.stage == LINE).distinct()):
            services.lines.set_waiting(pbx, True)


def _unreported(pbx: str) -> tuple[ColumnElement[bool], ...]:
    """Those who wait before a PBX, as far as it has not reported them: it counts the others."""
    return (
        PlacedCall.pbx == pbx,
        PlacedCall.stage.in_((LINE, ENTERING)),
        Call.epoch.is_(None),
        Call.ended.is_(None),
    )


def _places(db: Session, pbx: str) -> list[tuple[int, int]]:
    """The calls whose place has changed, with their place now.

    Whoever the PBX has not reported yet stands behind everybody that it has.
    """
    rows = db.execute(
        select(PlacedCall.call, PlacedCall.queue, CollabSession.position)
        .join(CollabSession, CollabSession.id == PlacedCall.session_id)
        .join(Call, Call.id == PlacedCall.call)
        .where(*_unreported(pbx))
        .order_by(PlacedCall.call)
    ).all()
    last: dict[str, int] = {}
    changed = []
    for row in rows:
        if row.queue not in last:
            last[row.queue] = _on_the_pbx(db, pbx, row.queue)
        last[row.queue] += 1
        if row.position != last[row.queue]:
            changed.append((row.call, last[row.queue]))
    return changed


def _show(work: Work, pbx: str, places: Sequence[tuple[int, int]]) -> None:
    """Tell so many of them their place; whom the PBX has reported since has theirs from there."""
    known = dict(places)
    rows = work.db.execute(
        select(PlacedCall.call, CollabSession)
        .join(CollabSession, CollabSession.id == PlacedCall.session_id)
        .join(Call, Call.id == PlacedCall.call)
        .where(PlacedCall.call.in_(known), *_unreported(pbx))
    ).all()
    for row in rows:
        row.CollabSession.position = known[row.call]
        work.touch(row.CollabSession.id)


def place(db: Session, placed: PlacedCall) -> int:
    """The place of one who has just come, behind everybody else."""
    before = (
        select(func.count())
        .select_from(PlacedCall)
        .join(Call, Call.id == PlacedCall.call)
        .where(*_unreported(placed.pbx), PlacedCall.queue == placed.queue)
    )
    return int(db.scalar(before) or 0) + _on_the_pbx(db, placed.pbx, placed.queue)


def _on_the_pbx(db: Session, pbx: str, queue: str) -> int:
    """How many wait in a queue of the PBX, as far as it has been reported."""
    found = db.execute(
        select(func.count(), func.max(Call.position)).where(
            Call.pbx == pbx,
            Call.ended.is_(None),
            Call.epoch.is_not(None),
            Call.state == "queued",
            Call.queue == queue,
        )
    ).one()
    return max(int(found[0]), int(found[1] or 0))


def stand(work: Work, pbx: str) -> int:
    """How many placeholders stand on a PBX for all that is known."""
    work.db.flush()
    return int(
        work.db.scalar(
            select(func.count()).where(
                PlacedCall.pbx == pbx, PlacedCall.stage.in_((STANDS, LEAVING))
            )
        )
        or 0
    )
