"""An agent's pause in the queues of the PBXs: asked for at the desk, done by the connectors.

Which PBXs an agent is a member on, only their connectors know, so each is asked. Who was paused
there already, by a supervisor or a code on the telephone, stays paused, and the desk says so.

    result           pausing: is the agent paused there?    unpausing
    open             is being asked                         is being asked
    done             yes                                    no longer
    failed, already  yes, but not by the desk               was not
    failed, no member  there is nothing to pause            the same
    failed           no                                     perhaps still
    unknown          perhaps                                perhaps still
    expired          no: no connector took it               still
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server import commands
from collab_server.db.calls import Command
from collab_server.db.people import QueuePause
from collab_server.explain import Why, split
from collab_server.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services

log = logging.getLogger(__name__)

SECONDS = 20
"""How long a pause is worth asking for: a connector that starts anew is back within that."""
ALREADY = ("already",)
NO_MEMBER = (Why.NO_MEMBER, "no member", "no queue has")
"""How a connector's word begins, of who is as wanted by somebody else's doing, or in no queue."""


def ask(services: Services, work: Work, agent_uri: str, *, paused: bool, reason: str) -> None:
    """Have an agent paused in every queue they are a member of, or no longer."""
    before = {row.pbx: row for row in _rows(work.db, agent_uri)}
    for pbx in services.settings.pbx:
        row = before.get(pbx)
        if row is None:
            row = QueuePause(agent_uri=agent_uri, pbx=pbx)
            work.db.add(row)
        elif (former := work.db.get(Command, row.command)) is not None:
            commands.drop(services, work, former, "asked for anew")
        row.command = f"desk-{secrets.token_hex(8)}"
        row.paused, row.reason, row.asked = paused, reason if paused else "", work.now
        row.status, row.detail = "open", ""
        args = {"agent_uri": agent_uri, "paused": paused, "reason": row.reason}
        commands.ask(
            services, work, id=row.command, kind="pause", pbx=pbx, args=args, seconds=SECONDS
        )
    work.db.flush()
    _tell(services, work, agent_uri)


def is_own(command: Command) -> bool:
    """Whether a command `pause` was asked for at the desk."""
    return command.id.startswith("desk-")


def settle(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """Note what became of a pause; one that was asked for anew is of no account."""
    row = work.db.scalar(select(QueuePause).where(QueuePause.command == command.id))
    if row is None or withdrawn:
        return
    row.status, row.detail = command.status, command.detail
    if row.status != "done":
        log.info(
            "%s in the queues of PBX %s: %s (%s)", row.agent_uri, row.pbx, row.status, row.detail
        )
    work.db.flush()
    _tell(services, work, row.agent_uri)


def wanted(db: Session, agent_uri: str) -> bool:
    """Whether the agent has asked to be paused in the queues, and not to be unpaused since."""
    return any(row.paused for row in _rows(db, agent_uri))


def show(services: Services, db: Session, agent_uri: str) -> dict[str, Any]:
    """The pause as the API gives it: ``{"paused", "reason", "since", "pbxs": […]}``.

    `paused` says whether the agent is, or is about to be, paused somewhere. A PBX on which the
    agent is no member is left out where another knows them.
    """
    rows = [row for row in _rows(db, agent_uri) if row.pbx in services.settings.pbx]
    members = [row for row in rows if not _says(row, NO_MEMBER)] or rows
    first = rows[0] if rows else None
    paused = any(map(is_paused, rows))
    return {
        "paused": paused,
        "reason": first.reason if first and paused else "",
        "since": iso(first.asked) if first else None,
        "pbxs": [
            {
                "pbx": row.pbx,
                "wanted": row.paused,
                "status": row.status,
                "already": _says(row, ALREADY),
                "member": not _says(row, NO_MEMBER),
                "code": split(row.detail)[0],
                "detail": split(row.detail)[1],
                "linked": services.hub.linked(row.pbx),
            }
            for row in members
        ],
    }


def is_paused(row: QueuePause) -> bool:
    """Whether the agent is, or is about to be, paused on this PBX."""
    if row.paused:
        return row.status in ("open", "done", "unknown") or _says(row, ALREADY)
    return row.status in ("failed", "unknown", "expired") and not (
        _says(row, ALREADY) or _says(row, NO_MEMBER)
    )


def _says(row: QueuePause, begin: tuple[str, ...]) -> bool:
    return row.status == "failed" and row.detail.startswith(begin)


def _rows(db: Session, agent_uri: str) -> Sequence[QueuePause]:
    mine = select(QueuePause).where(QueuePause.agent_uri == agent_uri)
    return db.scalars(mine.order_by(QueuePause.pbx)).all()


def _tell(services: Services, work: Work, agent_uri: str) -> None:
    work.agents.add(agent_uri)
    message = {"kind": "pause", "pause": show(services, work.db, agent_uri)}
    work.after_commit(lambda: services.hub.desk_push(agent_uri, message))
