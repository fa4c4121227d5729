"""Effects wanted on a PBX: stored in the transaction of the change that wants them.

A command goes to the connector as it is asked for, and again whenever the connector's link comes
up, until a result is reported or its time is over. It runs at least once; the same id is the same
effect, so that a second time changes nothing.

    open --result--> done | failed | unknown
      |  --time is over--> expired --late result--> done | failed | unknown
      |  --nobody wants it any more--> dropped --it was under way--> done | failed | unknown
      |  --its connector was replaced--> unknown --that one comes back--> done | failed

What a result means to whoever asked is said by kind (`collab_server.results`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select

from collab_server.db.calls import Command
from collab_server.explain import Explained, Why
from collab_server.times import iso

if TYPE_CHECKING:
    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.db.sessions import Participant
    from collab_server.services import Services

MAX_AT_ONCE = 200
"""Commands given up in one transaction; the next round follows at once."""
MAX_DETAIL = 500

Settle = Callable[["Services", "Work", Command, str], None]
"""Told of a command that has a result now, or has expired, and why it had been dropped ("": it had
not)."""


def ask(
    services: Services,
    work: Work,
    *,
    id: str,  # noqa: A002 - the contract's word
    kind: str,
    pbx: str,
    args: dict[str, Any],
    seconds: float,
    call: Call | None = None,
    call_id: str | None = None,
    participant: Participant | None = None,
) -> Command:
    """Ask a PBX's connector for an effect that is worth having for so many seconds.

    `call_id` is the call it is for, that of `call` where it is not said. An id that was used before
    is opened anew.
    """
    command = work.db.get(Command, id)
    if command is None:
        command = Command(id=id, pbx=pbx, kind=kind)
        work.db.add(command)
    command.call = call.id if call is not None else None
    command.call_id = call_id if call_id is not None or call is None else call.call_id
    command.participant = participant.id if participant is not None else None
    command.args = args
    command.created, command.expires = work.now, work.now + seconds
    command.status, command.detail, command.finished = "open", "", None
    pushed = [wire(command, work.now)]
    work.hold(command)
    work.after_commit(lambda: services.hub.link_push(pbx, pushed))
    services.alarm.set(command.expires)
    return command


def drop(services: Services, work: Work, command: Command, why: str) -> None:
    """Want an open command no more: its connector is told not to begin it. It may be under way:
    then its result still comes."""
    if command.status != "open":
        return
    command.status, command.detail, command.finished = "dropped", why, work.now
    pbx, frame = command.pbx, {"withdraw": command.id}
    work.after_commit(lambda: services.hub.link_push(pbx, [frame]))


def drop_of(
    services: Services,
    work: Work,
    participants: Sequence[int],
    kinds: Sequence[str],
    why: str,
) -> None:
    """Want no more of these kinds for these people. What would have gone out is kept nowhere."""
    of_them = Command.participant.in_(participants), Command.kind.in_(kinds)
    for command in work.db.scalars(select(Command).where(Command.status == "open", *of_them)):
        drop(services, work, command, why)
        command.args = {}


def wire(command: Command, now: float) -> dict[str, Any]:
    """A command as the link carries it now. Beside its end stands when it was sent, so that a
    connector whose clock is wrong still knows how long it has."""
    return {
        "id": command.id,
        "kind": command.kind,
        "call": command.call_id,
        "args": command.args,
        "sent": iso(now),
        "expires": iso(command.expires),
    }


def result(
    services: Services,
    work: Work,
    pbx: str,
    command_id: str,
    status: str,
    detail: str,
    settles: Mapping[str, Settle],
) -> bool:
    """Note what became of a command. False: there is none that waits for it."""
    command = work.db.get(Command, command_id)
    if command is None or command.pbx != pbx:
        return False
    # What was given up as unknown may yet be told by the connector that had it.
    told = command.status == "unknown" and status != "unknown"
    if command.status not in ("open", "expired", "dropped") and not told:
        return False
    withdrawn = command.detail if command.status == "dropped" else ""
    command.status, command.detail, command.finished = status, detail[:MAX_DETAIL], work.now
    work.count("commands", command.kind, status)
    settles[command.kind](services, work, command, withdrawn)
    return True


def expire(services: Services, work: Work, settles: Mapping[str, Settle]) -> float | None:
    """Give up commands nobody took in time; says when the next one expires."""
    for command in work.db.scalars(
        select(Command)
        .where(Command.status == "open", Command.expires <= work.now)
        .limit(MAX_AT_ONCE)
    ).all():
        command.status, command.finished = "expired", work.now
        late = Explained(Why.NOT_TAKEN, "the connector did not take it in time")
        command.detail = str(late)
        work.count("commands", command.kind, command.status)
        settles[command.kind](services, work, command, "")
    work.db.flush()
    soonest = select(Command.expires).where(Command.status == "open")
    return cast("float | None", work.db.scalar(soonest.order_by(Command.expires).limit(1)))
