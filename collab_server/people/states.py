"""Whether an agent is ready at their desk. Nothing here touches a queue of the PBX.

    nobody said yet --Ready--> ready --Pause (why), log-in, log-out--> paused --Ready--> ready
    whichever it is, while no desk of the agent is open: offline, and as before when one is again

The state is the agent's, not a window's or a browser's, so a reload, a second window and a restart
of the server change nothing. Who logs out, or in again the next morning, is not ready before they
say so; where they have a desk open elsewhere, that goes on.

    state     waiting calls call for attention    the agent's own calls
    ready     yes                                 show, with sound where no telephone rang
    paused    no                                  show, silently
    offline   no desk is there to do so
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collab_server.db.people import DeskState
from collab_server.times import iso

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services


def show(services: Services, db: Session, agent_uri: str) -> dict[str, Any]:
    """The state as the API gives it: ``{"state", "reason", "since"}``."""
    kept = db.get(DeskState, agent_uri)
    if not services.hub.desk_logins(agent_uri):
        return {"state": "offline", "reason": "", "since": None}
    return _shown(kept)


def enter(services: Services, work: Work, agent_uri: str, *, ready: bool, reason: str) -> None:
    """Note what an agent wants; every desk of theirs is told."""
    kept = work.db.get(DeskState, agent_uri)
    if kept is None:
        kept = DeskState(agent_uri=agent_uri, ready=False, reason="", since=work.now)
        work.db.add(kept)
    reason = "" if ready else reason
    if (kept.ready, kept.reason) != (ready, reason):
        kept.ready, kept.reason, kept.since = ready, reason, work.now
    work.agents.add(agent_uri)
    message = {"kind": "state", "state": _shown(kept)}
    work.after_commit(lambda: services.hub.desk_push(agent_uri, message))


def unready(services: Services, work: Work, agent_uri: str, *logins: str) -> None:
    """An agent logs in or out: they are not ready, unless another log-in has a desk open."""
    kept = work.db.get(DeskState, agent_uri)
    alone = not services.hub.desk_logins(agent_uri) - set(logins)
    if alone and kept is not None and kept.ready:
        enter(services, work, agent_uri, ready=False, reason="")


def _shown(kept: DeskState | None) -> dict[str, Any]:
    if kept is None:
        return {"state": "paused", "reason": "", "since": None}
    state = "ready" if kept.ready else "paused"
    return {"state": state, "reason": kept.reason, "since": iso(kept.since)}
