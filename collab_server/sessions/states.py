"""The states of a session and what moves it between them. Pure.

A session exists from the moment somebody asks for a collaboration, so that a call abandoned in
the queue is on record too. It then follows two things: the call (who serves it, as the CTI
reports) and the people (who has come in).

    requested   asked for; nobody serves the call and it waits in no queue
    queued      waits in a queue
    inviting    an agent serves it; the words to both terminals are out
    active      both sides have come in
    suspended   an agent served it, none does now: consultation, transfer, back in a queue
    ended       over; the reason stands beside it

Why the table is as it is:

- `queued` goes back to `requested`, for a caller may leave a queue for a menu, and on to another.
- Whoever had an agent once never goes back to `queued`: to the person in the session a call that is
  put back in line is a session without its agent, and links stay good until another agent is in.
- Out of `suspended` there are two ways. Where both sides had come in before, the session is
  `active` again at once, even with a new agent who has still to open it: the user is in it and
  should see no second invitation. Where they had not, it is `inviting`.
- A change of agent is no change of state. It revokes and invites (`sessions.service`).
- Nothing leaves `ended`. A call that comes back after it was given up as lost keeps its ended
  session; asking again makes a new one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class State(enum.StrEnum):
    """Where a session stands."""

    REQUESTED = "requested"
    QUEUED = "queued"
    INVITING = "inviting"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Trigger(enum.StrEnum):
    """What happened to the call, or to the people."""

    WAITS = "waits"
    """Nobody serves the call, and it is in no queue."""
    QUEUES = "queues"
    """The call waits in a queue."""
    SERVED = "served"
    """An agent serves the call, and both sides have not been in the session yet."""
    RESUMED = "resumed"
    """An agent serves the call, and both sides have been in the session before."""
    UNSERVED = "unserved"
    """The agent left the call; it stands."""
    BOTH_IN = "both_in"
    """The second of the two sides came in."""
    OVER = "over"
    """The call, or one of the two, ended it."""


class Reason(enum.StrEnum):
    """Why a session ended."""

    HANGUP = "hangup"
    AGENT = "agent"
    USER = "user"
    ABANDONED = "abandoned"
    QUEUE_TIMEOUT = "queue_timeout"
    EXPIRED = "expired"
    LOST = "lost"


TRANSITIONS: Mapping[State, Mapping[Trigger, State]] = {
    State.REQUESTED: {
        Trigger.WAITS: State.REQUESTED,
        Trigger.QUEUES: State.QUEUED,
        Trigger.SERVED: State.INVITING,
        Trigger.UNSERVED: State.REQUESTED,
        Trigger.OVER: State.ENDED,
    },
    State.QUEUED: {
        Trigger.WAITS: State.REQUESTED,
        Trigger.QUEUES: State.QUEUED,
        Trigger.SERVED: State.INVITING,
        Trigger.UNSERVED: State.REQUESTED,
        Trigger.OVER: State.ENDED,
    },
    State.INVITING: {
        Trigger.WAITS: State.SUSPENDED,
        Trigger.QUEUES: State.SUSPENDED,
        Trigger.SERVED: State.INVITING,
        Trigger.UNSERVED: State.SUSPENDED,
        Trigger.BOTH_IN: State.ACTIVE,
        Trigger.OVER: State.ENDED,
    },
    State.ACTIVE: {
        Trigger.WAITS: State.SUSPENDED,
        Trigger.QUEUES: State.SUSPENDED,
        Trigger.RESUMED: State.ACTIVE,
        Trigger.UNSERVED: State.SUSPENDED,
        Trigger.BOTH_IN: State.ACTIVE,
        Trigger.OVER: State.ENDED,
    },
    State.SUSPENDED: {
        Trigger.WAITS: State.SUSPENDED,
        Trigger.QUEUES: State.SUSPENDED,
        Trigger.SERVED: State.INVITING,
        Trigger.RESUMED: State.ACTIVE,
        Trigger.UNSERVED: State.SUSPENDED,
        Trigger.BOTH_IN: State.SUSPENDED,
        Trigger.OVER: State.ENDED,
    },
    State.ENDED: {},
}

WAITING = frozenset({State.REQUESTED, State.QUEUED})
"""No agent yet."""
SERVED = frozenset({State.INVITING, State.ACTIVE, State.SUSPENDED})
"""An agent has, or had, the call."""

_REASONS = {reason.value: reason for reason in Reason}


class TransitionError(Exception):
    """Our own mistake: something happened that cannot happen in this state."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"a session that is {state} cannot take {trigger}")


def after(state: State, trigger: Trigger) -> State:
    """The state that follows. Raises TransitionError."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise TransitionError(state, trigger) from None


def of_call(call_state: str, *, served: bool, both_in: bool) -> Trigger:
    """What a call's reported state means to its session.

    `served`: the report names an agent; `both_in`: both sides have been in the session. A call
    said to be active without a known agent is served by nobody we could invite.
    """
    if call_state == "ended":
        return Trigger.OVER
    if call_state == "queued":
        return Trigger.QUEUES
    if call_state == "active" and served:
        return Trigger.RESUMED if both_in else Trigger.SERVED
    if call_state == "requested":
        return Trigger.WAITS
    return Trigger.UNSERVED


def reason_of(cause: str | None) -> Reason:
    """The session's reason for a call's cause; what is not known is a hang-up."""
    return _REASONS.get(cause or "", Reason.HANGUP)
