"""What happens to a session: it is made, follows its call, is joined, changes its agent, ends."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server import numbers, uris
from collab_server.db.calls import Call
from collab_server.db.sessions import CollabSession
from collab_server.invite import dialling
from collab_server.placed import ends
from collab_server.sessions import agreement, invitations
from collab_server.sessions.consent import Consent
from collab_server.sessions.history import record, stop, trace
from collab_server.sessions.places import places, take
from collab_server.sessions.states import (
    WAITING,
    Reason,
    State,
    Trigger,
    after,
    of_call,
    reason_of,
)

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.db.sessions import Participant
    from collab_server.services import Services

TYPES = ("form", "cobrowse", "chat", "whiteboard", "files", "screen", "video")
"""Collaboration types; anything else leaves a call an ordinary one."""

MAX_AT_ONCE = 200
"""Sessions whose grace ends in one transaction; the next round follows at once."""


def create(
    services: Services,
    work: Work,
    *,
    type: str,  # noqa: A002 - the contract's word
    initiator: str,
    user_uri: str,
    call: Call | None,
    cause: str,
    attributes: dict[str, Any] | None = None,
    given: str = "call",
) -> CollabSession:
    """Make the session of a collaboration; it starts as `requested`.

    `given` is who gave the user's URI: ``agent``, ``client``, or ``call``, and then it is a label
    that a caller or a browser may have shaped.
    """
    country = services.settings.country(call.pbx if call else None)
    session = CollabSession(
        id=secrets.token_hex(10),
        state=State.REQUESTED.value,
        type=type,
        panels=[type],
        initiator=initiator,
        user_uri=user_uri,
        number=uris.number(user_uri) or uris.number(call.user_uri if call else None),
        known_as=numbers.known_as(user_uri, country)
        or numbers.known_as(call.user_uri if call else None, country),
        given=given,
        call=call.id if call else None,
        held=call.held if call else False,
        held_since=work.now if call and call.held else None,
        consent=Consent.UNASKED.value,
        whispers=0,
        both_in=False,
        attributes=attributes or {},
        created=work.now,
        since=work.now,
        events=0,
    )
    work.db.add(session)
    work.hold(session)
    if call is not None:
        call.session_id = session.id
        _show_call(work, call)
        if call.stopped_stage != "agent":  # what came before the mark is of no account now
            call.stopped_stage = call.stopped_reason = None
    record(work, session, "state", cause, new=State.REQUESTED.value)
    trace(work, call, "server", f"session {session.id} made ({type}): {cause}")
    work.touch(session.id, everyone=True)
    work.db.flush()
    work.places[session.id] = []
    take(work, session, "user", user_uri)
    return session


def move(work: Work, session: CollabSession, trigger: Trigger, cause: str) -> None:
    """Take a session to the state that follows."""
    old = State(session.state)
    new = after(old, trigger)
    if new is old:
        return
    session.state, session.since = new.value, work.now
    record(work, session, "state", cause, old=old.value, new=new.value)
    work.touch(session.id, everyone=old in WAITING or new in WAITING)


def follow(services: Services, work: Work, session: CollabSession, call: Call) -> None:
    """Bring a session to what its call is now. A call that was dialled for it and came to nothing
    is its call no more, however often that is reported."""
    if session.call != call.id:
        return
    if session.state == State.ENDED or dialling.still_ringing(services, work, session, call):
        return
    if call.state == "ended":
        if call.agent_uri not in (None, session.agent_uri):
            _served_unseen(services, work, session, call, call.agent_uri)
        end(services, work, session, call, reason_of(call.cause), f"call: {call.cause or 'ended'}")
        return
    _copy(work, session, call)
    trigger = of_call(call.state, served=call.agent_uri is not None, both_in=session.both_in)
    if call.agent_uri is not None and trigger in (Trigger.SERVED, Trigger.RESUMED):
        serve(services, work, session, call, call.agent_uri, f"call: {call.state}")
    else:
        move(work, session, trigger, f"call: {call.state}")


def _served_unseen(
    services: Services, work: Work, session: CollabSession, call: Call, agent_uri: str
) -> None:
    """Put on record who served a call that is over before we heard of it: nobody is invited."""
    old = session.agent_uri
    if old is not None:
        invitations.revoke(services, work, session, call, old)
    take(work, session, "agent", agent_uri)
    agreement.served(services, work, session, agent_uri)
    record(work, session, "agent", "call: ended", old=old, new=agent_uri)
    trace(work, call, "server", f"agent {agent_uri}, of whom nothing was heard before the end")


def _copy(work: Work, session: CollabSession, call: Call) -> None:
    waiting = call.state == "queued"
    queue, position = (call.queue, call.position) if waiting else (session.queue, None)
    if (session.queue, session.position) != (queue, position):
        session.queue, session.position = queue, position
        work.touch(session.id, everyone=State(session.state) in WAITING)
    if session.held != call.held:
        session.held = call.held
        session.held_since = work.now if call.held else None
        record(work, session, "held", "call", new="yes" if call.held else "no")
        work.touch(session.id)


def serve(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    agent_uri: str,
    cause: str,
) -> None:
    """Give a session to an agent: the one before is out, this one and the user are invited."""
    old = session.agent_uri
    if old != agent_uri and old is not None:
        invitations.revoke(services, work, session, call, old)
        invitations.withdraw_spare(services, work, session)
    if old != agent_uri:
        agreement.served(services, work, session, agent_uri)
    if call is not None:
        call.stopped_stage = call.stopped_reason = None
    move(work, session, Trigger.RESUMED if session.both_in else Trigger.SERVED, cause)
    if old == agent_uri:
        return
    record(work, session, "agent", cause, old=old, new=agent_uri)
    trace(
        work, call, "server", f"agent {agent_uri}" if old is None else f"agent {old} -> {agent_uri}"
    )
    invitations.invite(services, work, session, call, "agent", asked_by=cause)
    user = take(work, session, "user", session.user_uri)
    if old is None and user.invitation == "none":
        names = invitations.by_itself(services, session)
        invitations.invite(services, work, session, call, "user", asked_by=cause, names=names)


def join(
    work: Work,
    session: CollabSession,
    guest: Participant,
    how: str,
    seen: str | None = None,
) -> None:
    """Note that a participant came in; with the second of the two the session is active.

    The user's coming is a yes to the agent: `seen` is whom the page named, if it says.
    """
    if guest.role == "user":
        agreement.came_in(work, session, seen)
    if guest.joined is not None:
        return
    guest.joined = work.now
    guest.invitation, guest.detail = "joined", ""
    record(work, session, "joined", how, new=guest.uri)
    trace(work, _call(work, session), "browser", f"{guest.role} {guest.uri} joined: {how}")
    work.touch(session.id)
    people = places(work, session)
    inside = {p.role for p in people if p.joined is not None and p.revoked is None}
    if session.state != State.ENDED and inside >= {"user", "agent"}:
        session.both_in = True
        move(work, session, Trigger.BOTH_IN, "both sides are in")


def open_panel(work: Work, session: CollabSession, type: str, cause: str) -> None:  # noqa: A002
    """Open one more panel in a session that stands."""
    if type in session.panels:
        return
    session.panels = [*session.panels, type]
    record(work, session, "panel", cause, new=type)
    trace(work, _call(work, session), "server", f"panel {type} opened")
    work.touch(session.id)


def retype(work: Work, session: CollabSession, type: str, cause: str) -> None:  # noqa: A002
    """Make a session another type's, as long as nobody was invited to it."""
    if session.type == type or session.state not in (State.REQUESTED, State.QUEUED):
        return
    record(work, session, "type", cause, old=session.type, new=type)
    trace(work, _call(work, session), "server", f"the session is of type {type}: {cause}")
    session.panels = [type, *(p for p in session.panels if p not in (session.type, type))]
    session.type = type
    work.touch(session.id)


def end(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    reason: Reason,
    cause: str,
) -> None:
    """End a session; the agent keeps it for `grace` seconds more."""
    if session.state == State.ENDED:
        return
    move(work, session, Trigger.OVER, cause)
    session.reason = reason.value
    session.ended = work.now
    session.position = None
    session.held = False
    trace(work, call, "end", f"session ended: {reason}")
    if call is not None:
        _show_call(work, call)
    if call is not None and call.epoch is None:  # no connector will ever say that it is over
        call.state, call.ended, call.since = "ended", work.now, work.now
    if session.agent_uri is not None:
        until = session.grace_until = work.now + services.settings.server.grace
        work.after_commit(lambda: services.alarm.set(until))
    elif call is not None and call.stopped_stage is None:
        stop(work, call, *_why_no_agent(session.queue or call.queue, reason))
    invitations.withdraw_all(services, work, session)
    dialling.over(services, work, session, call)
    ends.over(services, work, session, call)


def _why_no_agent(queue: str | None, reason: Reason) -> tuple[str, str]:
    where = f"queue {queue}" if queue else "the queue"
    if reason is Reason.ABANDONED and queue is None:
        return "agent", "the caller gave up before anybody answered"
    if reason is Reason.ABANDONED:
        return "queue", f"abandoned in {where} before an agent took the call"
    if reason is Reason.QUEUE_TIMEOUT:
        return "queue", f"{where} gave up before an agent took the call"
    if reason is Reason.LOST:
        return "agent", "the PBX no longer had the call when the connector looked again"
    return "agent", f"no agent was known before the call ended ({reason})"


def close_grace(services: Services, work: Work) -> float | None:
    """End the agents' access to sessions whose grace is over; says when the next one's is."""
    due = select(CollabSession).where(CollabSession.grace_until <= work.now)
    for session in work.db.scalars(due.limit(MAX_AT_ONCE)).all():
        session.grace_until = None
        record(work, session, "closed", "grace is over", old=session.agent_uri)
        work.touch(session.id)
        work.after_commit(_closing(services, session.id))
    work.db.flush()
    soonest = select(CollabSession.grace_until).where(CollabSession.grace_until.is_not(None))
    return work.db.scalar(soonest.order_by(CollabSession.grace_until).limit(1))


def _closing(services: Services, session_id: str) -> Any:
    def close() -> None:
        services.hub.close_session(session_id, "agent", None, 4410)
        services.hub.close_session(session_id, "supervisor", None, 4410)

    return close


def _show_call(work: Work, call: Call) -> None:
    """Have the agent's desk told what session their call has now."""
    if call.agent_uri is not None:
        work.callers.add(call.agent_uri)


def _call(work: Work, session: CollabSession) -> Call | None:
    return work.db.get(Call, session.call) if session.call is not None else None
