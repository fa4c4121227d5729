"""What the results of ``queue`` and ``hangup`` mean (`collab_server.commands.Settle`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.db.calls import Call
from collab_server.db.placed import PlacedCall
from collab_server.db.sessions import CollabSession
from collab_server.placed import ends, line
from collab_server.placed.stages import ENTERING, LEAVING, OVER, STANDS
from collab_server.sessions import service
from collab_server.sessions.history import stop, trace
from collab_server.sessions.states import Reason

if TYPE_CHECKING:
    from collab_server.db.calls import Command
    from collab_server.db.engine import Work
    from collab_server.services import Services

FULL = "full"
"""How the detail of a refusal begins when the PBX has as many placeholders as it may have."""


def settle_queue(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """A placeholder stands, or does not."""
    placed = work.db.get(PlacedCall, command.id)
    if placed is None:
        return
    call = work.db.get_one(Call, placed.call)
    said = f" ({command.detail})" if command.detail else ""
    trace(work, call, "queue", f"place in a queue of PBX {placed.pbx}: {command.status}{said}")
    if placed.stage == ENTERING and command.status == "done":
        placed.stage = STANDS
    elif placed.stage == ENTERING and command.status == "failed":
        if command.detail.startswith(FULL):
            services.lines.full(placed.pbx, line.stand(work, placed.pbx))
            line.wait(services, work, placed)
        else:
            placed.stage = OVER
            _end(services, work, placed, call, Reason.LOST, "refused", "the PBX did not queue it")
    elif placed.stage == ENTERING and command.status == "unknown":
        what = "whether the PBX queued it is not known"
        _end(services, work, placed, call, Reason.LOST, "unknown", what)
    elif placed.stage == ENTERING:
        what = f"no connector of PBX {placed.pbx} took the call in time"
        _end(services, work, placed, call, Reason.QUEUE_TIMEOUT, "away", what)
    elif placed.stage in (LEAVING, OVER) and command.status in ("done", "unknown"):
        if call.epoch is None or call.state != "ended":
            ends.hang_up(services, work, placed, call)
    elif placed.stage == LEAVING and command.status == "failed":
        placed.stage = OVER
    elif placed.stage == OVER and command.status == "failed" and withdrawn == ends.GONE:
        placed.problem = "refused"  # its leg was seen to come and go before
        work.touch(placed.session_id)
    line.admit(services, work, placed.pbx)


def _end(
    services: Services,
    work: Work,
    placed: PlacedCall,
    call: Call,
    reason: Reason,
    problem: str,
    what: str,
) -> None:
    session = work.db.get_one(CollabSession, placed.session_id)
    placed.problem = problem
    stop(work, call, "queue", what)
    service.end(services, work, session, call, reason, what)


def settle_hangup(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """A placeholder is gone, or is not."""
    placed = work.db.get(PlacedCall, command.id.removesuffix("-hangup"))
    if placed is None:
        return
    call = work.db.get_one(Call, placed.call)
    said = f" ({command.detail})" if command.detail else ""
    trace(work, call, "end", f"hang-up on PBX {placed.pbx}: {command.status}{said}")
    if placed.stage == LEAVING and command.status == "unknown":
        ends.hang_up(services, work, placed, call)
    elif placed.stage == LEAVING:
        placed.stage = OVER
    line.admit(services, work, placed.pbx)
