"""What happens by itself, in a thread of its own: grace ends, commands expire, old things go.

Nothing is remembered outside the database: each round asks it what is due, so a restart loses no
timer. Between rounds the thread sleeps until the next due time, at most `ROUND` seconds.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import SQLAlchemyError

from collab_server import commands
from collab_server.calls import leases
from collab_server.db.calls import Call, Command
from collab_server.db.engine import BusyError
from collab_server.db.invitations import Invitation
from collab_server.db.pairing import Pairing, PairingLimit
from collab_server.db.people import Agent, Login
from collab_server.db.sessions import CollabSession, IdempotencyKey, Participant
from collab_server.floor.watching import watched_by
from collab_server.people import teams
from collab_server.people.links import Links
from collab_server.placed import leaving, line, voice
from collab_server.results import SETTLES
from collab_server.sessions import service
from collab_server.sessions.history import record
from collab_server.sessions.states import Reason, State

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services

log = logging.getLogger(__name__)

ROUND = 5.0
"""Seconds between rounds when nothing is due before; also how soon a removed agent is out."""
SWEEP = 600.0
"""Seconds between looks for what is too old."""
DAY = 24 * 3600
IDEMPOTENCY_SECONDS = DAY
PAIRING_SECONDS = 600
"""How long a pairing code that is over is kept: its page may yet ask what became of it."""
MAX_CALLS = 100_000
"""Calls kept, whatever their age; the oldest that have ended go first."""
BATCH = 500
"""Rows deleted in one transaction, so that nobody waits long for a turn."""


class Housekeeper:
    """The thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._thread = threading.Thread(target=self._run, name="tandem-housekeeping", daemon=True)
        self._swept = 0.0
        self._links = Links(services)

    def start(self) -> None:
        """Begin."""
        leases.restarted(self._services)
        line.restarted(self._services)
        leaving.restarted(self._services)
        self._thread.start()

    def stop(self) -> None:
        """End, after the round under way."""
        self._services.alarm.close()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        alarm, clock = self._services.alarm, self._services.clock
        while True:
            try:
                self.round()
            except (SQLAlchemyError, BusyError) as error:
                log.error("housekeeping: %s", " ".join(str(error).split())[:500])
            except Exception:  # our own mistake in one round must not end all that come after it
                log.exception("housekeeping: this round is given up")
            if not alarm.wait(clock, ROUND):
                return

    def round(self) -> None:
        """Do what is due now."""
        services = self._services
        now = services.clock()
        if self._due():
            with services.write() as work:
                for due in (
                    service.close_grace(services, work),
                    commands.expire(services, work, SETTLES),
                    leaving.give_up(services, work),
                    voice.give_up(services, work),
                ):
                    if due is not None:
                        services.alarm.set(due)
        line.move_on(services)
        self._sign_out_removed()
        self._links.look()
        if now - self._swept >= SWEEP:
            self._swept = now
            self._expire_unopened()
            while sweep(services):
                pass

    def _due(self) -> bool:
        """Whether a writer's turn is worth taking; sets the alarm for what is due later."""
        with self._services.database.read() as db:
            times = (
                db.scalar(
                    select(CollabSession.grace_until)
                    .where(CollabSession.grace_until.is_not(None))
                    .order_by(CollabSession.grace_until)
                    .limit(1)
                ),
                db.scalar(
                    select(Command.expires)
                    .where(Command.status == "open")
                    .order_by(Command.expires)
                    .limit(1)
                ),
                leaving.soonest(db),
                voice.soonest(db),
            )
        soonest = min((time for time in times if time is not None), default=None)
        if soonest is None:
            return False
        if soonest > self._services.clock():
            self._services.alarm.set(soonest)
            return False
        return True

    def _sign_out_removed(self) -> None:
        """Close the desks of log-ins that are over, and the documents of agents who are no more."""
        watched = self._services.watched_logins()
        if not watched:
            return
        with self._services.database.read() as db:
            good = set(
                db.scalars(
                    select(Login.id).where(
                        Login.id.in_(watched), Login.expires > self._services.clock()
                    )
                )
            )
            over = {login: uri for login, uri in watched.items() if login not in good}
            if not over:
                return
            agents = set(
                db.scalars(select(Agent.uri).where(Agent.uri.in_(over.values()), Agent.active))
            )
            held = db.execute(
                select(CollabSession.id, CollabSession.agent_uri).where(
                    CollabSession.agent_uri.in_(set(over.values()) - agents),
                    CollabSession.state != State.ENDED.value,
                )
            ).all()
            lost = {uri for uri in over.values() if not teams.is_supervisor(db, uri)}
            supervised = [(session, uri) for uri in lost for session in watched_by(db, uri)]
        for login_id in over:
            self._services.hub.desk_close(login_id)
            self._services.forget_login(login_id)
        for session_id, uri in held:
            self._services.hub.close_session(session_id, "agent", uri, 4401)
        for session_id, uri in supervised:
            self._services.hub.close_session(session_id, "supervisor", uri, 4401)

    def _expire_unopened(self) -> None:
        """End sessions that nobody has opened while their links were good, and no call will end."""
        services = self._services
        with services.write() as work:
            joined = select(Participant.session_id).where(
                Participant.joined.is_not(None), Participant.role != "supervisor"
            )
            unreported = select(Call.id).where(Call.epoch.is_(None))
            unopened = select(CollabSession).where(
                or_(CollabSession.call.is_(None), CollabSession.call.in_(unreported)),
                CollabSession.state != State.ENDED.value,
                CollabSession.created < work.now - services.settings.server.invite.link,
                CollabSession.id.not_in(joined),
            )
            for session in work.db.scalars(unopened.limit(BATCH)).all():
                call = work.db.get(Call, session.call) if session.call is not None else None
                service.end(services, work, session, call, Reason.EXPIRED, "nobody opened it")


def sweep(services: Services) -> bool:
    """Delete what is too old, one batch of each kind. True: there may be more."""
    retention = services.settings.server.retention * DAY
    with services.database.write() as work:
        before = work.now - retention
        more = _delete_sessions(work, before)
        more |= _delete_calls(work, before)
        _abandon(services, work, before)
        work.db.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created < work.now - IDEMPOTENCY_SECONDS)
        )
        work.db.execute(delete(Login).where(Login.expires <= work.now))
        work.db.execute(delete(Pairing).where(Pairing.expires <= work.now - PAIRING_SECONDS))
        work.db.execute(delete(PairingLimit).where(PairingLimit.free_at <= work.now))
        work.db.execute(delete(Command).where(Command.created < before, Command.status != "open"))
        work.db.execute(delete(Invitation).where(Invitation.expires < before))
    return more


def _delete_sessions(work: Work, before: float) -> bool:
    old = list(
        work.db.scalars(select(CollabSession.id).where(CollabSession.ended < before).limit(BATCH))
    )
    if old:
        work.db.execute(delete(CollabSession).where(CollabSession.id.in_(old)))
    return len(old) == BATCH


def _delete_calls(work: Work, before: float) -> bool:
    old = list(work.db.scalars(select(Call.id).where(Call.ended < before).limit(BATCH)))
    if not old:
        newest_to_go = select(Call.id).order_by(Call.id.desc()).offset(MAX_CALLS)
        old = list(
            work.db.scalars(
                select(Call.id)
                .where(Call.ended.is_not(None), Call.id.in_(newest_to_go))
                .order_by(Call.id)
                .limit(BATCH)
            )
        )
    if old:
        work.db.execute(delete(Call).where(Call.id.in_(old)))
    return len(old) == BATCH


def _abandon(services: Services, work: Work, before: float) -> None:
    """Give up sessions that have stood longer than anything is kept: their call was never ended."""
    stale = select(CollabSession).where(
        CollabSession.state != State.ENDED.value, CollabSession.created < before
    )
    for session in work.db.scalars(stale.limit(BATCH)).all():
        record(work, session, "expired", "stood longer than the retention")
        call = work.db.get(Call, session.call) if session.call is not None else None
        service.end(services, work, session, call, Reason.EXPIRED, "retention")
