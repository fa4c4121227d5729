"""Sends what goes out through third parties, in threads of its own, a few at a time.

An attempt is claimed by a transaction that says `sending`, then sent, then settled by another. What
the server did not live to settle is never sent again: it is `unknown` from its next start on.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import tenacity
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from collab_server.db.calls import Call
from collab_server.db.engine import BusyError
from collab_server.db.invitations import Attempt, Invitation
from collab_server.db.sessions import CollabSession, Participant
from collab_server.explain import Explained, Why
from collab_server.invite import attempts
from collab_server.invite.ways import DoubtfulError, Errand, NotSentError, WayError
from collab_server.sessions.history import trace

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.invite.ways import Deliver
    from collab_server.services import Services

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Invitations on their way at a time."""
ROUND = 5.0
"""Seconds between looks when nothing is due before."""
TRIES = 3
PAUSE = 1.0
"""Seconds before the second try, about; more before the third."""
LONGEST_PAUSE = 8.0
"""Seconds between two tries, at most."""
GIVEN_UP = 180.0
"""Seconds after which nobody is sending it any more: more than all tries with all timeouts."""
LOST = Explained(Why.WAY_SILENT, "the server stopped while it was being sent; it may have gone out")


class Courier:
    """The threads."""

    def __init__(self, services: Services, pause: float = PAUSE) -> None:
        """`pause` is about how long it waits before it tries again, in seconds."""
        self._services = services
        self._pause = pause
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tandem-courier", daemon=True)

    def start(self) -> None:
        """Begin; what a server before this one left is settled first."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way has a moment to come to its end."""
        self._stopping.set()
        self._services.post.close()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self.wait(5)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way. False: something still is."""
        taken = 0
        for _ in range(AT_ONCE):
            taken += self._free.acquire(timeout=seconds)
        for _ in range(taken):
            self._free.release()
        return taken == AT_ONCE

    def _run(self) -> None:
        clock, alarm = self._services.clock, self._services.post
        older = 0.0  # this server is alone with its database, and has sent nothing yet
        while True:
            try:
                self.give_up(older)
                older = GIVEN_UP
                self.round()
            except (SQLAlchemyError, BusyError) as error:
                log.error("invitations: %s", " ".join(str(error).split())[:500])
            except Exception:  # our own mistake with one must not keep all others from going out
                log.exception("invitations: this round is given up")
            if not alarm.wait(clock, ROUND):
                return

    def round(self) -> None:
        """Begin whatever is due, as far as there is room."""
        while not self._stopping.is_set() and self._free.acquire(blocking=False):
            try:
                claimed = claim(self._services)
            except BaseException:
                self._free.release()
                raise
            if claimed is None:
                self._free.release()
                return
            threading.Thread(
                target=self._carry, args=claimed, name="tandem-invitation", daemon=True
            ).start()

    def _carry(self, attempt_id: str, deliver: Deliver) -> None:
        try:
            state, why = self._deliver(deliver)
            with self._services.write() as work:
                settle(self._services, work, attempt_id, state, why)
        except Exception:  # the row still says `sending`: it is given up as unknown later
            log.exception("invitation %s: what became of it cannot be stored", attempt_id)
        finally:
            self._free.release()
            self._services.post.set(0)

    def _deliver(self, deliver: Deliver) -> tuple[str, str]:
        """Send it, again only where surely nothing went out. Gives the state and why."""
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(NotSentError),
            stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_when_event_set(self._stopping),
            wait=tenacity.wait_random_exponential(multiplier=self._pause, max=LONGEST_PAUSE),
            sleep=tenacity.sleep_using_event(self._stopping),
            reraise=True,
        )
        try:
            again(deliver)
        except DoubtfulError as error:
            return "unknown", str(error.explained)
        except WayError as error:
            return "failed", str(error.explained)
        except Exception as error:
            log.exception("an invitation could not be sent")
            fault = f"a fault of this server: {type(error).__name__}"
            return "unknown", str(Explained(Why.FAULT, fault))
        return "sent", ""

    def give_up(self, older: float) -> None:
        """Say of what nobody is sending any more, that nobody knows."""
        services = self._services
        stale = select(Attempt.id).where(
            Attempt.state == "sending",
            Attempt.destination != "",
            Attempt.way != attempts.DIAL,
            Attempt.started <= services.clock() - older,
        )
        with services.database.read() as db:
            found = list(db.scalars(stale.limit(100)))
        if found:
            with services.write() as work:
                for attempt_id in found:
                    settle(services, work, attempt_id, "unknown", str(LOST))


def claim(services: Services) -> tuple[str, Deliver] | None:
    """Take the next attempt whose turn has come, and say so before anything goes out.

    What needs no worker (a page, a SIP MESSAGE) is begun on the way. None: nothing is due.
    """
    due = (
        select(Attempt)
        .where(Attempt.state == "waiting", Attempt.due <= services.clock())
        .order_by(Attempt.due)
        .limit(1)
    )
    while True:
        with services.database.read() as db:
            if db.scalar(due) is None:
                _set_alarm(services)
                return None
        with services.write() as work:
            attempt = work.db.scalar(due)
            if attempt is None:
                continue  # another process was first
            deliver = _begin(services, work, attempt)
        if deliver is not None:
            return attempt.id, deliver


def _set_alarm(services: Services) -> None:
    with services.database.read() as db:
        later = select(Attempt.due).where(Attempt.state == "waiting", Attempt.due.is_not(None))
        soonest = db.scalar(later.order_by(Attempt.due).limit(1))
    if soonest is not None:
        services.post.set(soonest)


def _begin(services: Services, work: Work, attempt: Attempt) -> Deliver | None:
    session = work.db.get_one(CollabSession, attempt.session_id)
    guest = work.db.get_one(Participant, attempt.participant)
    link = work.db.get(Invitation, attempt.invitation or "")
    call = work.db.get(Call, session.call) if session.call is not None else None
    work.hold(session, guest)
    way = services.ways.get(attempt.way)
    if link is None or link.used or link.revoked or link.expires <= work.now:
        over = Explained(Why.LINK_OVER, "its link is no longer good")
        attempts.settle(services, work, guest, attempt, "dropped", str(over))
        return None
    if way is None:
        gone = Explained(Why.WAY_GONE, "this way is no longer set up")
        attempts.settle(services, work, guest, attempt, "failed", str(gone))
        return None
    unfit = way.unfit(link.uri, call)
    if unfit is not None:
        attempts.settle(services, work, guest, attempt, "failed", str(unfit))
        return None
    errand = Errand(session, call, guest, link, attempt)
    return attempts.begin(services, work, errand)


def settle(services: Services, work: Work, attempt_id: str, state: str, why: str) -> None:
    """Note how an attempt ended, on the desk and in the call's trace."""
    attempt = work.db.get(Attempt, attempt_id)
    if attempt is None:
        return  # its session is no longer kept
    guest = work.db.get_one(Participant, attempt.participant)
    session = work.db.get_one(CollabSession, attempt.session_id)
    call = work.db.get(Call, session.call) if session.call is not None else None
    said = f"{attempt.way} to {attempt.destination}: {state}" + (f" ({why})" if why else "")
    trace(work, call, "invitation", said)
    attempts.settle(services, work, guest, attempt, state, why)
