"""An agent who serves a call without a telephone, on the phone or no longer.

Their queue membership is paused until the session ends, so that the queue gives them no other call
meanwhile, unless they had paused it themselves: nobody unpauses whom we did not pause. It is paused
as soon as they have answered: who hangs up may be offered the next call in that very moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server import commands
from collab_server.db.calls import Call, Command
from collab_server.db.placed import PlacedCall
from collab_server.db.sessions import CollabSession
from collab_server.people import pauses
from collab_server.sessions.history import trace

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services

SECONDS = 300
"""How long a pause is worth asking for."""
FREE_SECONDS = 86_400
"""How long its end is: a connector that is away for long still lets the agent work again."""
REASON = "collaboration"
"""Marks a pause as ours: the connector ends no other one for us."""

_MAY_STAND = ("done", "unknown")
"""What became of a pause that is there now, or may be."""


def pause(
    services: Services, work: Work, placed: PlacedCall, session: CollabSession, agent_uri: str
) -> None:
    """Have an agent's queue membership paused until the session ends; once for each agent."""
    if placed.busy == agent_uri:
        return
    free(services, work, placed, session)
    placed.busy = agent_uri
    placed.pauses += 1
    name = _name(session.id, placed.pauses)
    _ask(services, work, name, placed.pbx, agent_uri, paused=True)


def free(services: Services, work: Work, placed: PlacedCall, session: CollabSession) -> None:
    """End the pause of the agent it was asked for; of one under way, once its result is known."""
    agent_uri, placed.busy = placed.busy, None
    if agent_uri is None:
        return
    asked = work.db.get(Command, _name(session.id, placed.pauses))
    if asked is not None and asked.status in _MAY_STAND:
        _ask(services, work, _freeing(asked.id), placed.pbx, agent_uri, paused=False)


def settle(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """Note the result of a pause, or of its end (`collab_server.commands.Settle`)."""
    session_id, _, what = command.id.partition("-")
    session = work.db.get(CollabSession, session_id)
    if session is None:
        return
    placed = work.db.scalar(select(PlacedCall).where(PlacedCall.session_id == session.id))
    call = work.db.get(Call, session.call) if session.call is not None else None
    agent_uri = command.args.get("agent_uri", "")
    said = command.status + (f" ({command.detail})" if command.detail else "")
    trace(work, call, "agent", f"{what} of {agent_uri} in the queue: {said}")
    if placed is None or command.args.get("paused") is not True:
        return
    if command.status not in _MAY_STAND or placed.busy != agent_uri:
        # Another session may have left them to this one; or nobody has waited for it: the session
        # has ended since, or another agent has it.
        _ask(services, work, _freeing(command.id), placed.pbx, agent_uri, paused=False)
        return
    needless = work.db.get(Command, _freeing(command.id))
    if needless is not None:  # asked for when it had expired, and it was done after all
        commands.drop(services, work, needless, "the pause was done after all")


def _ask(
    services: Services, work: Work, name: str, pbx: str, agent_uri: str, *, paused: bool
) -> None:
    if not paused and pauses.wanted(work.db, agent_uri):
        return  # they have paused themselves meanwhile, at the desk
    if not paused and _busy_elsewhere(work, pbx, agent_uri, name):
        return  # it is ended with that session
    args = {"agent_uri": agent_uri, "paused": paused, "busy": True, "reason": REASON}
    seconds = SECONDS if paused else FREE_SECONDS
    commands.ask(services, work, id=name, kind="pause", pbx=pbx, args=args, seconds=seconds)


def _busy_elsewhere(work: Work, pbx: str, agent_uri: str, name: str) -> bool:
    """Whether the agent, in another session, is paused for a call without a telephone too, or is
    about to be."""
    ended, _, _ = name.partition("-")
    others = select(PlacedCall).where(
        PlacedCall.busy == agent_uri, PlacedCall.pbx == pbx, PlacedCall.session_id != ended
    )
    asked = [
        work.db.get(Command, _name(other.session_id, other.pauses))
        for other in work.db.scalars(others).all()
    ]
    return any(one is not None and one.status in ("open", *_MAY_STAND) for one in asked)


def _name(session_id: str, n: int) -> str:
    """``<session>-busy``, and ``<session>-busy-2`` for the agent it was passed on to."""
    return f"{session_id}-busy" if n == 1 else f"{session_id}-busy-{n}"


def _freeing(busy: str) -> str:
    """The id of the command that takes another one back."""
    return busy.replace("-busy", "-free", 1)
