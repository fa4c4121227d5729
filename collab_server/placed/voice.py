"""Turning a call without a telephone into a voice call.

This has the PBX call somebody, so it takes the agent in the session and the user's own word: the
user types the number, or confirms it, on their own page. The agent can only ask for it. How often a
number is called, and how often out of one session, is bounded; which numbers can be called at all
is up to the administrator's ``dial_context``, and to ``server.invite.deny``.

    asked ---the user says a number---> calling ---> connected
      |  the user says no                  |  the PBX would not, nobody answered, the session ends
      v                                    v
    declined                             failed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from collab_server import commands, numbers, uris
from collab_server.calls.unreached import why_of
from collab_server.db.calls import Call
from collab_server.db.placed import PlacedCall, VoiceCall
from collab_server.db.sessions import CollabSession
from collab_server.explain import Explained, Why
from collab_server.invite import policy
from collab_server.placed.ends import of_call
from collab_server.placed.stages import STANDS
from collab_server.problems import Conflict, Forbidden, Invalid, TooMany
from collab_server.sessions.history import record, trace
from collab_server.sessions.states import State

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.calls.schemas import ReportedUnreached
    from collab_server.db.calls import Command
    from collab_server.db.engine import Work
    from collab_server.services import Services

COMMAND_SECONDS = 30
"""How long a call is worth placing: nobody is rung long after they wanted it."""
RING_SECONDS = 60
"""How long it may take until both are in the call; a PBX that gives up before says so."""
MAX_ASKED = 10
"""Wishes of one session."""
MAX_CALLS = 3
"""Calls of one session that may be tried."""
MAX_OF_NUMBER = 3
NOT_ANSWERED = Explained(Why.NOT_ANSWERED, "nobody answered in time")
NUMBER_SECONDS = 3_600
"""A number is called so often within that time, whichever sessions it is for."""


def latest(db: Session, session_id: str) -> VoiceCall | None:
    """The last wish for a voice call in a session."""
    return db.scalar(
        select(VoiceCall)
        .where(VoiceCall.session_id == session_id)
        .order_by(VoiceCall.n.desc())
        .limit(1)
    )


def ask(work: Work, session: CollabSession, call: Call | None, by: str, number: str | None) -> None:
    """The agent asks the user for a voice call, perhaps to a number they have been told.

    Raises Conflict and TooMany.
    """
    _placed(work, session, call)
    found = _free(work, session)
    if found is not None and found.state == "asked":
        found.number = number
    else:
        _add(work, session, "agent", number, "asked")
        record(work, session, "voice", by, new="asked")
        trace(work, call, "server", f"{by} asks the user for a voice call")
    work.touch(session.id)


def place(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    by: str,
    number: str | None,
) -> None:
    """The user wants to be called at a number, or at the one the agent has asked about.

    Raises Conflict, Invalid, Forbidden and TooMany.
    """
    placed = _placed(work, session, call)
    found = _free(work, session)
    asked = found if found is not None and found.state == "asked" else None
    number = number or (asked.number if asked is not None else None)
    if number is None:
        raise Invalid(Explained(Why.NO_NUMBER, "uri: which number is to be called?"), "uri")
    country = services.settings.country(placed.pbx)
    why = policy.denied_to_call(services.settings.server.invite, number, country)
    if why is None and not country and numbers.for_emergencies(uris.dialled(number)):
        # The user came by a web site, and calls nobody's extension that is one somewhere.
        why = Explained(Why.DENIED, f"{number} is an emergency number somewhere (country)")
    if why is not None:
        raise Forbidden(why)
    reached = policy.called(number, country)
    _check_number(work, session, reached)
    made = asked or _add(work, session, "user", number, "calling")
    made.number, made.state, made.detail, made.placed = number, "calling", "", work.now
    made.reached = reached
    commands.ask(
        services,
        work,
        id=f"{placed.id}-voice-{made.n}",
        kind="voice",
        pbx=placed.pbx,
        args={"user_uri": number},
        seconds=COMMAND_SECONDS,
        call=call,
        call_id=placed.id,
    )
    services.alarm.set(work.now + RING_SECONDS)
    record(work, session, "voice", by, new="calling")
    trace(work, call, "server", f"PBX {placed.pbx} is asked to call {number}: {by} agreed")
    work.touch(session.id)


def decline(work: Work, session: CollabSession, call: Call | None, by: str) -> None:
    """The user says no to what the agent has asked, or the agent takes it back."""
    found = latest(work.db, session.id)
    if found is None or found.state != "asked":
        return
    found.state = "declined"
    record(work, session, "voice", by, old="asked", new="declined")
    trace(work, call, "server", f"no voice call: {by}")
    work.touch(session.id)


def connected(work: Work, session: CollabSession, call: Call) -> None:
    """The call goes on as the user's phone call."""
    found = latest(work.db, session.id)
    if call.state == "active" and found is not None and found.state in ("calling", "failed"):
        found.state, found.detail = "connected", ""
        record(work, session, "voice", "call", old="calling", new="connected")
        work.touch(session.id)


def unreached(work: Work, session: CollabSession, told: ReportedUnreached) -> None:
    """The PBX has dialled in vain: the pages say so, and why."""
    found = latest(work.db, session.id)
    call_id, _, n = told.command.rpartition("-voice-")
    placed = work.db.get(PlacedCall, call_id)
    if found is None or placed is None or placed.session_id != session.id or str(found.n) != n:
        return  # it is told again of a try before this one
    why = why_of(told)
    if found.state not in ("calling", "failed") or found.detail == why:
        return
    if found.state == "calling":
        record(work, session, "voice", "call", old="calling", new="failed")
    found.state, found.detail = "failed", why
    work.touch(session.id)


def settle(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """The PBX calls, or would not (`collab_server.commands.Settle`)."""
    call_id, _, n = command.id.rpartition("-voice-")
    placed = work.db.get(PlacedCall, call_id)
    if placed is None:
        return
    call = work.db.get_one(Call, placed.call)
    said = f" ({command.detail})" if command.detail else ""
    trace(work, call, "agent", f"voice call on PBX {placed.pbx}: {command.status}{said}")
    found = work.db.scalar(
        select(VoiceCall).where(VoiceCall.session_id == placed.session_id, VoiceCall.n == int(n))
    )
    if found is not None and found.state == "calling" and command.status != "done":
        found.state, found.detail = "failed", command.detail
        work.touch(placed.session_id)


def give_up(services: Services, work: Work) -> float | None:
    """Give up calls that nobody has answered in time; says when the next one is due."""
    calling = VoiceCall.state == "calling"
    due = select(VoiceCall).where(calling, VoiceCall.placed <= work.now - RING_SECONDS)
    for found in work.db.scalars(due.limit(100)).all():
        found.state, found.detail = "failed", str(NOT_ANSWERED)
        work.touch(found.session_id)
    work.db.flush()
    return soonest(work.db)


def soonest(db: Session) -> float | None:
    """When the next call is taken for unanswered."""
    placed = db.scalar(select(func.min(VoiceCall.placed)).where(VoiceCall.state == "calling"))
    return None if placed is None else float(placed) + RING_SECONDS


def _placed(work: Work, session: CollabSession, call: Call | None) -> PlacedCall:
    placed = of_call(work.db, call)
    if placed is None:
        raise Conflict("this session has a telephone call already", why=Why.BY_PHONE)
    if session.state != State.ACTIVE:
        raise Conflict("the agent and the user must both be in the session", why=Why.NOT_TOGETHER)
    if placed.stage != STANDS:
        raise Conflict("the two are in a telephone call", why=Why.BY_PHONE)
    return placed


def _free(work: Work, session: CollabSession) -> VoiceCall | None:
    """The last wish of the session, when there may be another. Raises Conflict."""
    found = latest(work.db, session.id)
    if found is not None and found.state in ("calling", "connected"):
        raise Conflict("the PBX is calling already", why=Why.RINGING)
    return found


def _add(
    work: Work, session: CollabSession, asked_by: str, number: str | None, state: str
) -> VoiceCall:
    last = latest(work.db, session.id)
    n = last.n + 1 if last is not None else 1
    if n > MAX_ASKED:
        often = "a voice call was asked for too often in this session"
        raise TooMany(NUMBER_SECONDS, Explained(Why.TOO_OFTEN, often))
    made = VoiceCall(
        session_id=session.id,
        n=n,
        asked_by=asked_by,
        number=number,
        state=state,
        detail="",
        created=work.now,
    )
    work.db.add(made)
    work.db.flush()
    return made


def _check_number(work: Work, session: CollabSession, reached: str) -> None:
    tried = work.db.scalar(
        select(func.count()).where(
            VoiceCall.session_id == session.id, VoiceCall.placed.is_not(None)
        )
    )
    if (tried or 0) >= MAX_CALLS:
        tries = f"{MAX_CALLS} calls were tried in this session"
        raise TooMany(NUMBER_SECONDS, Explained(Why.LIMIT_CALL, tries))
    of_number = [VoiceCall.reached == reached, VoiceCall.placed > work.now - NUMBER_SECONDS]
    calls = list(work.db.scalars(select(VoiceCall.placed).where(*of_number)))
    if len(calls) >= MAX_OF_NUMBER:
        oldest = min(at for at in calls if at is not None)
        until = oldest + NUMBER_SECONDS - work.now
        often = "this number was called too often within the hour"
        raise TooMany(until, Explained(Why.LIMIT_DESTINATION, often))
