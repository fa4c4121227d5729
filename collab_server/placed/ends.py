"""The end of a call without a telephone: whatever ended its session, the PBX is told.

It must be told also where its queueing is still under way: a command that was withdrawn may have
run, so that a `hangup` always follows it, and again if the placeholder shows up after all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from collab_server import commands
from collab_server.db.calls import Command
from collab_server.db.placed import PlacedCall, VoiceCall
from collab_server.explain import Explained, Why
from collab_server.placed import busy
from collab_server.placed.stages import LEAVING, LINE, OVER, VOICE, WAIT_SECONDS
from collab_server.sessions.history import trace

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession
    from collab_server.services import Services

HANGUP_SECONDS = 2 * WAIT_SECONDS
"""How long a hang-up is worth asking for: after that the PBX has ended the placeholder itself."""
MAX_HANGUPS = 5
GONE = "the call is over on the PBX"
"""Why a queueing is withdrawn when the placeholder was seen to come and go before its result."""


def of_call(db: Session, call: Call | None) -> PlacedCall | None:
    """What a call was posted as; None: it is another one, or none."""
    if call is None or not call.placed:
        return None
    return db.scalar(select(PlacedCall).where(PlacedCall.call == call.id))


def over(services: Services, work: Work, session: CollabSession, call: Call | None) -> None:
    """Note that the session has ended, however that came."""
    placed = of_call(work.db, call)
    if placed is None or call is None:
        return
    work.hold(placed)
    placed.due = None
    work.db.execute(
        update(VoiceCall)
        .where(VoiceCall.session_id == session.id, VoiceCall.state.in_(("asked", "calling")))
        .values(state="failed", detail=str(Explained(Why.SESSION_OVER, "the session ended")))
    )
    gone = call.epoch is not None and call.state == "ended"
    queueing = work.db.get(Command, placed.id)
    if queueing is not None:  # also of one that was seen to stand: its result may be lost
        commands.drop(services, work, queueing, GONE if gone else "the session ended")
    calling = select(Command).where(
        Command.call == call.id, Command.kind == "voice", Command.status == "open"
    )
    for command in work.db.scalars(calling):  # nobody is rung for a session that is over
        commands.drop(services, work, command, "the session ended")
    if placed.stage in (LINE, VOICE, OVER) or gone:
        placed.stage = OVER
    else:
        hang_up(services, work, placed, call)
    busy.free(services, work, placed, session)


def hang_up(services: Services, work: Work, placed: PlacedCall, call: Call) -> None:
    """Have the PBX end the placeholder."""
    name = f"{placed.id}-hangup"
    before = work.db.get(Command, name)
    placed.stage = LEAVING
    if before is not None and before.status == "open":
        return
    if placed.hangups >= MAX_HANGUPS:
        placed.stage = OVER
        trace(work, call, "server", f"asked for the hang-up {MAX_HANGUPS} times in vain")
        return
    placed.hangups += 1
    commands.ask(
        services,
        work,
        id=name,
        kind="hangup",
        pbx=placed.pbx,
        args={},
        seconds=HANGUP_SECONDS,
        call=call,
        call_id=placed.id,
    )
    trace(work, call, "server", f"PBX {placed.pbx} is asked to hang the call up")
