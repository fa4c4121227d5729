"""The lease of a PBX: of several connectors one reports and is handed commands at a time.

A lease is renewed by every report of its holder and lapses `LEASE_SECONDS` behind the last; whoever
reports next holds it then. Its epoch is kept in the database and counts up with each change of the
holder: what was reported under an earlier one is older than all that is reported under a later
one, and a command is handed down with the epoch it is to be carried out under.

Connectors name themselves, in their reports and on their link. One that gives no name is held for
one connector with all others of that kind; alone it notices nothing of all this.

A former holder may not know yet that it is one: it was stopped, or its network was. So a holder
begins no command `START_SECONDS` behind the last report that was answered; whatever was made later
it has not begun, and its successor is handed that. A message made before may have been sent, and a
message is sent once at most: it is given up as unknown. So is whatever rings people (`ONCE`). All
other commands have the same effect when they are carried out again.

While the server is down nobody can renew, and what the holder had to say meanwhile only the holder
knows. So a server that starts takes its lease for renewed (`restarted`), and it comes back first.

A holder that is told to stop lets the lease go with its last report (`release`), and says itself
which commands it had begun: its successor is handed all others at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from collab_server import commands
from collab_server.db.calls import Command, Lease
from collab_server.results import SETTLES

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.calls.schemas import CommandResult
    from collab_server.db.engine import Work
    from collab_server.services import Services

LEASE_SECONDS = 6.0
"""A connector that stands by asks each second, so it takes over within 10 s."""
START_SECONDS = 3.0
"""Half of that: a holder reports every 2 s at least."""
ONCE = ("message", "dial", "voice")
"""Kinds of commands that are carried out once at most."""
REPLACED = "the connector that had it was replaced before it said what became of it"


_NEVER = 0.0
"""When a lease was renewed that nobody holds any more: it has lapsed, and nothing was begun since
that its holder has not told of."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a report came to in respect of the lease."""

    held: bool
    epoch: int
    seconds: float
    """Until the lease lapses, if nothing else is reported."""


def claim(services: Services, work: Work, pbx: str, connector: str | None, *, able: bool) -> Claim:
    """Renew the lease for a connector that reports, take it over, or see that another holds it.

    One that is not `able`, not being connected to the PBX, neither takes a lease over nor renews
    its own: it keeps that until somebody else takes it.
    """
    name = connector or ""
    lease = work.db.get(Lease, pbx)
    if lease is None:
        lease = Lease(pbx=pbx, holder=name, epoch=1, renewed=work.now)
        work.db.add(lease)
        _tell(services, work, lease)
        return Claim(True, 1, LEASE_SECONDS)
    lapsed = _lapsed(lease, work.now)
    if lease.holder != name:
        if not (lapsed and able):
            return Claim(False, lease.epoch, 0.0)
        _give_up_begun(services, work, lease)
        lease.holder, lease.epoch = name, lease.epoch + 1
    if able:
        lease.renewed = work.now
    if lapsed:
        _tell(services, work, lease)
    left = lease.renewed + LEASE_SECONDS - work.now
    return Claim(True, lease.epoch, min(max(left, 0.0), LEASE_SECONDS))


def release(work: Work, pbx: str, connector: str | None) -> Claim:
    """Let go of the lease of a connector that holds it and leaves."""
    lease = work.db.get_one(Lease, pbx)
    if connector and lease.holder == connector:
        lease.renewed = _NEVER
    return Claim(True, lease.epoch, 0.0)


def restarted(services: Services) -> None:
    """Give every holder the time of a lease to come back, now that the server can be reached."""
    with services.write() as work:
        held = Lease.renewed != _NEVER
        work.db.execute(update(Lease).where(held).values(renewed=work.now))


def of_link(db: Session, pbx: str, connector: str | None, now: float) -> int | None:
    """The epoch under which a connector's link may be handed commands; None: it stands by.

    Whoever gives no name is handed them while nobody else holds the lease (0: nobody ever did).
    """
    lease = db.get(Lease, pbx)
    if not connector and (lease is None or _lapsed(lease, now)):
        return lease.epoch if lease is not None else 0
    if lease is None or lease.holder != (connector or "") or _lapsed(lease, now):
        return None
    return lease.epoch


def believed(work: Work, pbx: str, result: CommandResult) -> bool:
    """Whether a result counts that comes from a connector without the lease.

    What it did is done. That it did nothing says nothing of a command its successor was handed,
    but everything of one that was given up because it might have been carried out.
    """
    if result.status != "failed":
        return result.status == "done"
    command = work.db.get(Command, result.id)
    return command is not None and command.pbx == pbx and command.status == "unknown"


def _lapsed(lease: Lease, now: float) -> bool:
    # Renewed at a time to come: the clock was set back.
    return not lease.renewed <= now < lease.renewed + LEASE_SECONDS


def _give_up_begun(services: Services, work: Work, lease: Lease) -> None:
    """What the holder until now may have begun; one without a name keeps to no limit."""
    begun = lease.renewed + START_SECONDS if lease.holder else work.now
    wanted = select(Command.id).where(
        Command.pbx == lease.pbx,
        Command.kind.in_(ONCE),
        Command.status == "open",
        Command.created <= begun,
    )
    for command in work.db.scalars(wanted).all():
        commands.result(services, work, lease.pbx, command, "unknown", REPLACED, SETTLES)


def _tell(services: Services, work: Work, lease: Lease) -> None:
    pbx, holder, epoch = lease.pbx, lease.holder, lease.epoch
    work.after_commit(lambda: services.hub.link_lease(pbx, holder, epoch))
