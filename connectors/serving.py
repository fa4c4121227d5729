"""Who serves a call: the agent reached from its user leg, and the state that follows from it."""

from __future__ import annotations

from connectors.book import Book
from connectors.calls import Call
from connectors.cti import Agent, is_phone
from connectors.model import CallState
from connectors.outgoing import Outgoing

SETTLE = 0.3
"""Seconds without an agent before a call counts as suspended: transfers swap legs in less."""


class Serving:
    """Keeps each call's agent, state and hold what the graph says they are."""

    def __init__(self, book: Book, outgoing: Outgoing) -> None:
        self._book = book
        self._cti = book.cti
        self._outgoing = outgoing
        self._leaving: dict[str, Call] = {}
        """Calls whose agent was out when they were last looked at, by id."""

    def refresh(self, call: Call, now: float) -> None:
        """Bring a call up to what the graph says of its user leg."""
        self._book.touch(call)
        agents = self._cti.agents_of(call.user_leg)
        agent = _choose(call.agent, agents)
        user = self._cti.legs.get(call.user_leg)
        on_agent = self._cti.legs.get(agent.leg) if agent else None
        call.held = bool((user and user.held) or (on_agent and on_agent.held))
        if call.held_unseen and agent == call.agent:
            call.held = True
        else:
            call.held_unseen = False
        if agent is not None:
            self._agent_in(call, agent, now)
        elif call.agent is not None and call.agent.leg:
            call.settle_at = call.settle_at or now + SETTLE
            self._leaving[call.id] = call
        elif call.agent is None and not call.served:
            self._unserved(call, now)

    def _unserved(self, call: Call, now: float) -> None:
        if call.waiting:
            call.settle_at = None
            call.enter(CallState.QUEUED, now)
        elif call.state is CallState.QUEUED and call.gave_up is None:
            # A queue may say that a caller has left it before it says who has answered.
            call.settle_at = call.settle_at or now + SETTLE
            self._leaving[call.id] = call
        else:
            call.enter(CallState.REQUESTED, now)
        self._name_strangers(call, now)

    def settle(self, now: float) -> None:
        """Say of calls whose agent has been out for long enough, and of those that have left a
        queue, that nobody serves them."""
        for call in list(self._leaving.values()):
            at = call.settle_at
            if at is not None and now < at <= now + SETTLE:  # further away: the clock was set back
                continue
            dials = call.agent is not None and call.reached_by == call.agent.leg
            if dials and stands_for_user(call):
                continue  # It has gone on to dial the user, and is in the call meanwhile.
            del self._leaving[call.id]
            if call.settle_at is None:
                continue  # The agent is back, or the call has ended.
            self._book.touch(call)
            call.settle_at = None
            if call.agent is None:
                call.enter(CallState.REQUESTED, now)
                continue
            if stands_for_user(call):
                call.trace(now, "agent", f"{call.agent.uri} has hung the phone up and serves on")
                call.agent = call.last_agent = Agent("", call.agent.uri)
                continue
            call.trace(now, "agent", f"{call.agent.uri} is out of the call, no agent is in")
            call.agent = None
            call.enter(CallState.SUSPENDED, now)

    def _agent_in(self, call: Call, agent: Agent, now: float) -> None:
        call.settle_at = None
        name = self._book.name(agent.leg)
        if call.agent is None:
            call.trace(now, "agent", f"{agent.uri} serves the call on {name}")
        elif call.agent.uri != agent.uri:
            call.trace(now, "agent", f"{agent.uri} on {name} follows {call.agent.uri}")
        elif not call.agent.leg:
            call.trace(now, "agent", f"{agent.uri} is back on {name}")
        elif call.agent.leg != agent.leg:
            call.trace(now, "agent", f"{agent.uri} goes on, on {name}")
        call.agent, call.last_agent, call.served = agent, agent, True
        self._outgoing.over(call)
        call.enter(CallState.ACTIVE, now)

    def _name_strangers(self, call: Call, now: float) -> None:
        """Say who answered a marked call without being known as an agent: the usual mistake."""
        if call.type is None:
            return
        for leg in self._cti.conversation(call.user_leg)[1:]:
            if is_phone(leg):
                call.answered = True
                call.trace_once(
                    now,
                    "agent",
                    f"{leg.endpoint or leg.name} is in the call but not known as an agent: neither "
                    "a queue's member nor matched by agent_endpoints",
                    stopped=True,
                )


def stands_for_user(call: Call) -> bool:
    """Whether a placeholder is in the user's place: the user has no telephone in the call."""
    return call.placed == "queue" and call.user_leg == call.id


def _choose(current: Agent | None, agents: list[Agent]) -> Agent | None:
    """The first agent stays while reachable, on whichever phone; then the nearest follows."""
    if current is not None:
        if current in agents:
            return current
        for agent in agents:
            if agent.uri == current.uri:
                return agent
    return agents[0] if agents else None
