"""What a connector's report of a call without a telephone means beside what any report does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.db.sessions import CollabSession
from collab_server.placed import busy, ends, leaving, line, voice
from collab_server.placed.stages import ENTERING, LEAVING, LINE, OVER, STANDS, VOICE
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from collab_server.calls.schemas import ReportedUnreached
    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.services import Services


def reported(
    services: Services, work: Work, call: Call, unreached: ReportedUnreached | None
) -> None:
    """Follow the call's new state; its session has followed it already."""
    placed = ends.of_call(work.db, call)
    session = work.db.get(CollabSession, call.session_id) if call.session_id else None
    if placed is None or session is None:
        return
    before = placed.stage
    if call.state == "ended":
        placed.stage = OVER
    elif session.state == State.ENDED:
        if placed.stage in (LINE, ENTERING, STANDS, LEAVING, OVER) and call.call_id == placed.id:
            ends.hang_up(services, work, placed, call)
    else:
        if call.call_id != placed.id:
            placed.stage = VOICE
            voice.connected(work, session, call)
        elif placed.stage in (LINE, ENTERING):
            placed.stage = STANDS
        if call.state == "active" and call.agent_uri is not None:
            busy.pause(services, work, placed, session, call.agent_uri)
        if unreached is not None:
            voice.unreached(work, session, unreached)
        leaving.refresh(services, work, placed, session)
        if placed.stage != before or call.state == "active":
            work.touch(session.id)  # the pages show where it is, and whether the phone is in it
    if placed.stage != before or call.state == "ended":
        line.admit(services, work, placed.pbx)
