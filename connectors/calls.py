"""One call as the application server sees it: its state, its trace, its report."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Literal

from connectors.cti import Agent
from connectors.model import CallReport, CallState, Pairing, TraceItem, Unreached

MAX_TRACE = 200
"""Lines kept for one call; a call that is passed round all day says so and stops there."""
MAX_ALIASES = 20

_state = attrgetter(*(item.name for item in fields(CallReport) if item.name != "trace"))
"""All that a report says but its trace."""

Stage = Literal["wire", "mark", "queue", "agent", "outbox", "message", "end"]


@dataclass(slots=True)
class Call:
    """A call that is seen: marked, queued, or served by an agent."""

    id: str
    user_leg: str
    user_uri: str
    state: CallState
    since: float
    type: str | None = None
    initiator: Literal["user", "agent"] = "user"
    requests: int = 0
    """See `CallReport.requests`."""
    named: bool = False
    """A mark has said who the user is; the number does not count."""
    placed: Literal["", "queue", "dial"] = ""
    """The connector made it: as a placeholder in a queue, or by dialling for an agent."""
    hung_up: bool = False
    """The server has told the connector to end it."""
    waits_since: float | None = None
    """When a placeholder's wait began, in the server's line before the queue's."""
    reached_by: str | None = None
    """The agent's leg that dials the user, until somebody has answered."""
    agent: Agent | None = None
    """Without a leg: serves a placeholder, and has hung the phone up."""
    last_agent: Agent | None = None
    """Who served it last, on record when it has ended; of a collaboration call, since it is one."""
    served: bool = False
    """An agent has served it."""
    answered: bool = False
    """Somebody has talked to the user who is not known as an agent."""
    uncertain: bool = False
    """Nobody was in it when a list told of it, and whether somebody had been is not known."""
    waiting: bool = False
    """It stands in a queue now."""
    queue: str | None = None
    position: int | None = None
    pairing: Pairing | None = None
    unreached: Unreached | None = None
    paired_on: str = ""
    """The leg on which the dialplan waits to hear of the last pairing code."""
    gave_up: str | None = None
    """How its last wait in a queue ended without an agent: ``abandoned`` or ``timeout``."""
    held: bool = False
    held_unseen: bool = False
    """An earlier run saw the hold; no list tells of it, so it counts until a newer word."""
    cause: str | None = None
    aliases: list[str] = field(default_factory=list)
    settle_at: float | None = None
    """When the absence of an agent counts as a suspension, not as a moment of a transfer; or of a
    queue, not as that between the queue and the agent who answered."""
    lines: int = 0
    """The number of the last trace line."""
    written: int = 0
    pending: list[TraceItem] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    """Trace lines that are worth saying once."""
    stopped: bool = False
    last: CallReport | None = None
    """What was reported last."""

    def trace(self, now: float, stage: Stage, text: str, *, stopped: bool = False) -> None:
        """Add a line to the trace; past `MAX_TRACE` only the reason a call stopped is kept."""
        self.stopped = self.stopped or stopped
        if self.written >= MAX_TRACE and not stopped:
            if self.written > MAX_TRACE:
                return
            text = f"more than {MAX_TRACE} lines: the rest is left out"
        self.written += 1
        self.lines += 1
        self.pending.append(TraceItem(self.lines, now, stage, text, stopped))

    def trace_once(self, now: float, stage: Stage, text: str, *, stopped: bool = False) -> None:
        """Add a line unless this call's trace has it."""
        if text not in self.said and len(self.said) < MAX_TRACE:
            self.said.add(text)
            self.trace(now, stage, text, stopped=stopped)

    def enter(self, state: CallState, now: float) -> None:
        """Change the state; staying in it keeps its time."""
        if state is not self.state:
            self.state, self.since = state, now

    def cause_of_end(self) -> str:
        """What the end of its user's leg means, where the PBX itself does not end it."""
        if self.served or self.answered:
            return "hangup"
        if self.gave_up == "timeout":
            return "queue_timeout"
        if self.uncertain:
            return "lost"
        if self.placed == "dial":
            return "hangup"  # nobody waited: who was rung did not answer
        if self.placed == "queue" and not self.hung_up and self.gave_up is None:
            return "queue_timeout"  # nobody asked for its end: the queue would not have it
        return "abandoned"

    def end(self, cause: str, now: float) -> None:
        """End the call: `cause` is a session's reason."""
        self.cause, self.waiting, self.position = cause, False, None
        self.agent, self.settle_at = self.last_agent, None
        self.enter(CallState.ENDED, now)

    def moved_to(self, leg: str) -> None:
        """Anchor on another user leg; the ones before stay aliases, the newest last."""
        self.aliases = [*[a for a in self.aliases if a != leg][-(MAX_ALIASES - 1) :], leg]
        self.user_leg = leg

    def report(self, trace: tuple[TraceItem, ...] = ()) -> CallReport:
        """The latest state, with these trace lines."""
        return CallReport(
            id=self.id,
            state=self.state,
            type=self.type,
            initiator=self.initiator,
            user_uri=self.user_uri,
            agent_uri=self.agent.uri if self.agent else None,
            agent_leg=(self.agent and self.agent.leg) or None
            if self.state is not CallState.ENDED
            else None,
            queue=self.queue,
            position=self.position,
            held=self.held,
            cause=self.cause,
            since=self.since,
            aliases=tuple(self.aliases),
            requests=self.requests,
            pairing=self.pairing,
            unreached=self.unreached,
            trace=trace,
        )

    def changed(self) -> CallReport | None:
        """The report that is due, with the new trace lines; None when nothing is new."""
        lines, self.pending = tuple(self.pending), []
        report = self.report(lines)
        if not lines and self.last is not None and _state(report) == _state(self.last):
            return None
        self.last = report
        return report


def restored(report: CallReport) -> Call:
    """The call a report spoke of; its trace goes on after the last of ``report.trace``."""
    agent = None
    if report.agent_uri and (report.agent_leg or report.state is CallState.ACTIVE):
        agent = Agent(report.agent_leg or "", report.agent_uri)
    lines = max((item.n for item in report.trace), default=0)
    return Call(
        id=report.id,
        user_leg=report.aliases[-1] if report.aliases else report.id,
        user_uri=report.user_uri,
        state=report.state,
        since=report.since,
        type=report.type,
        initiator=report.initiator,
        requests=report.requests,
        pairing=report.pairing,
        unreached=report.unreached,
        agent=agent,
        last_agent=agent,
        served=report.state in (CallState.ACTIVE, CallState.SUSPENDED),
        waiting=report.state is CallState.QUEUED,
        queue=report.queue,
        position=report.position,
        held=report.held,
        held_unseen=report.held,
        aliases=list(report.aliases),
        lines=lines,
        last=report,
    )
