"""The call an agent wishes beside an invitation: the PBX rings the agent, then the user.

The call has its row, and its session, before the PBX knows of it. Until the two talk it is only an
attempt: nobody answering does not end the session, whose link may be opened all the same. From then
on it is the session's call like any other.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import select

from collab_server import commands
from collab_server.calls.unreached import why_of
from collab_server.db.base import URI
from collab_server.db.calls import Call
from collab_server.db.invitations import Attempt
from collab_server.db.sessions import CollabSession, Participant
from collab_server.explain import Explained, Why, split
from collab_server.invite import attempts, policy
from collab_server.problems import Forbidden, Invalid, TooMany
from collab_server.sessions.history import trace

if TYPE_CHECKING:
    from collab_server.calls.schemas import ReportedUnreached
    from collab_server.db.calls import Command
    from collab_server.db.engine import Work
    from collab_server.services import Services

SECONDS = 20
"""How long a wish to dial is worth fulfilling: an agent who has turned away must not be rung."""
HANGUP_SECONDS = 120
"""How long it is worth ending what rings: no telephone rings longer."""
RETRY_AFTER = 600
_OPEN = ("sending", "sent", "unknown")


def pbx_of(services: Services, asked: str | None) -> str:
    """The PBX that is to dial. Raises Invalid."""
    names = list(services.settings.pbx)
    if asked is not None:
        if asked not in names:
            sentence = f"pbx: there is no PBX {asked!r} in the settings"
            raise Invalid(Explained(Why.PBX_UNKNOWN, sentence), "pbx")
        return asked
    linked = [name for name in names if services.hub.linked(name)]
    candidates = linked if len(names) > 1 else names
    if len(candidates) != 1:
        sentence = f"pbx: name the PBX that is to call: {', '.join(names) or 'none'}"
        raise Invalid(Explained(Why.PBX_UNKNOWN, sentence), "pbx")
    return candidates[0]


def new_call(work: Work, *, pbx: str, type: str, user_uri: str, agent_uri: str) -> Call:  # noqa: A002
    """The row of a call the PBX is to place; the connector's reports will find it by its id."""
    call = Call(
        pbx=pbx,
        call_id=str(uuid.uuid4()),
        state="requested",
        type=type,
        initiator="agent",
        user_uri=user_uri,
        agent_uri=agent_uri,
        since=work.now,
        first_seen=work.now,
        held=False,
        lines=0,
        requests=0,
    )
    work.db.add(call)
    work.db.flush()
    return call


def dial(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call,
    guest: Participant,
    asked_by: str,
) -> None:
    """Have the PBX place the call. Raises Forbidden and TooMany, and then nothing is to be kept."""
    settings = services.settings.server.invite
    country = services.settings.country(call.pbx)
    why = policy.denied_to_call(settings, session.user_uri, country)
    if why is not None:
        raise Forbidden(why)
    scope = attempts.scope_of(session, call)
    destination = policy.called(session.user_uri, country)
    over = policy.over(work, settings, destination=destination, asked_by=asked_by, scope=scope)
    if over is not None:
        raise TooMany(RETRY_AFTER, over)
    attempt = Attempt(
        id=call.call_id,
        session_id=session.id,
        participant=guest.id,
        invitation=None,
        way=attempts.DIAL,
        n=0,
        state="sending",
        why="",
        asked_by=asked_by[:URI],
        scope=scope,
        destination=destination,
        confirm=False,
        created=work.now,
        due=None,
        started=work.now,
        expires=work.now + SECONDS,
    )
    work.db.add(attempt)
    attempts.show(work, guest, attempt)
    commands.ask(
        services,
        work,
        id=call.call_id,
        kind="dial",
        pbx=call.pbx,
        args={
            "agent_uri": session.agent_uri,
            "user_uri": session.user_uri,
            "type": session.type,
        },
        seconds=SECONDS,
        call=call,
        participant=guest,
    )
    trace(work, call, "outbox", f"a call to {session.user_uri} asked of PBX {call.pbx}")


def settle(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """Note what became of the wish to dial (`collab_server.commands.Settle`)."""
    attempt = work.db.get(Attempt, command.id)
    call = work.db.get(Call, command.call) if command.call else None
    said = {"done": "sent", "expired": "failed"}.get(command.status, command.status)
    why = command.detail if said != "sent" else ""
    trace(work, call, "outbox", f"dial: {command.status}" + (f" ({why})" if why else ""))
    if attempt is None or attempt.state not in _OPEN:
        return
    guest = work.db.get_one(Participant, attempt.participant)
    attempts.settle(services, work, guest, attempt, said, why)
    if said == "failed" and call is not None:
        _detach(work, attempt, call, why)


def unreached(work: Work, call: Call, told: ReportedUnreached) -> None:
    """Note whom the PBX has dialled in vain, and why; the end of the call follows."""
    attempt = work.db.get(Attempt, told.command)
    if attempt is not None and attempt.way == attempts.DIAL and attempt.state in _OPEN:
        attempt.why = why_of(told)


def over(services: Services, work: Work, session: CollabSession, call: Call | None) -> None:
    """Have a call that still rings hung up, since its session has ended. Two who talk go on."""
    if call is None or session.given != "agent":
        return
    attempt = _open(work, session, call)
    if attempt is None or (call.epoch is not None and call.state == "ended"):
        return
    attempt.state, attempt.finished = "dropped", work.now
    commands.ask(
        services,
        work,
        id=f"{attempt.id}-hangup",
        kind="hangup",
        pbx=call.pbx,
        args={},
        seconds=HANGUP_SECONDS,
        call=call,
        call_id=attempt.id,
    )
    trace(work, call, "server", f"PBX {call.pbx} is asked to ring nobody any more")


def still_ringing(services: Services, work: Work, session: CollabSession, call: Call) -> bool:
    """Whether what a report says of a session's call is not yet, or not at all, the session's.

    Told of each report of such a call, it also notes when the two talk, or that they never will.
    """
    if session.initiator != "agent" or session.given != "agent":
        return False
    attempt = _open(work, session, call)
    if attempt is None:
        return False
    guest = work.db.get_one(Participant, attempt.participant)
    if call.state == "ended":
        never = Explained(Why.NOT_ANSWERED, f"the call was not answered ({call.cause or 'ended'})")
        why = attempt.why or str(never)
        attempts.settle(services, work, guest, attempt, "failed", why)
        _detach(work, attempt, call, split(why)[1])
        return True
    if call.state != "active" or call.agent_uri is None:
        return True
    attempts.arrived(work, guest, attempt, "joined")
    tried = services.settings.server.invite.tried()
    if guest.joined is None and guest.invitation in ("pending", "failed") and "message" in tried:
        # Their telephone is there now, and so is the way down its leg.
        attempts.one_more(services, work, session, call, guest, "message", attempt.asked_by)
    return False


def _open(work: Work, session: CollabSession, call: Call) -> Attempt | None:
    """The attempt a call of a session was placed for, as long as it is not known to have arrived or
    failed."""
    return work.db.scalar(
        select(Attempt).where(
            Attempt.session_id == session.id,
            Attempt.way == attempts.DIAL,
            Attempt.scope == attempts.scope_of(session, call),
            Attempt.state.in_(_OPEN),
        )
    )


def _detach(work: Work, attempt: Attempt, call: Call, why: str) -> None:
    """Let a session go on without the call that came to nothing."""
    session = work.db.get_one(CollabSession, attempt.session_id)
    if call.state != "ended":
        call.state, call.cause, call.ended, call.since = "ended", "failed", work.now, work.now
    if session.call == call.id:
        session.call = None
        work.touch(session.id)
    trace(work, call, "end", f"the session goes on without a call: {why}")
