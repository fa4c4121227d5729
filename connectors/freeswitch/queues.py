"""What mod_callcenter and mod_fifo say, as domain events: who waits, who is rung, who serves.

Both modules ring an agent's leg with variables that name the waiting caller, so an agent is known
from the moment the leg is made. mod_callcenter then says ``bridge-agent-start``, ahead of the
bridge. mod_fifo's consumer says whom it takes with ``consumer_pop`` and starts with
``bridge-consumer-start``, and a fifo member's calls outside the fifo appear under the name
``manual_calls``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from connectors import model
from connectors.freeswitch.channels import Agent, Headers, agent_at, agent_name, hung_up
from connectors.freeswitch.wire import Event
from connectors.model import PbxEvent

AGENTS_LIMIT = 20_000
WAITING_LIMIT = 20_000
NO_FIFO = "manual_calls"
NO_LONGER = "ALLOTTED_TIMEOUT"
"""The cause of a call that was to be ended at its time (``sched_hangup``): a placeholder that has
waited as long as it may."""

SERVED = "Terminated"
"""``CC-Cause`` of a ``member-queue-end`` behind ``bridge-agent-start``. It comes up to a tenth of a
second after the agent has gone, when the caller may wait in the next queue."""

_EPOCH = re.compile(r"[0-9]{1,12}")

Outcome = Literal["abandoned", "timeout", "left"]

_CANCELLED: dict[str, Outcome] = {
    "BREAK_OUT": "abandoned",
    "TIMEOUT": "timeout",
    "NO_AGENT_TIMEOUT": "timeout",
    "EXIT_WITH_KEY": "left",
}


class Queues:
    """Agents by name, and who waits where. Its events name legs; whether they stand is not known
    here."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}
        self._waiting: dict[str, str] = {}
        """Leg to queue, in the order they came."""
        self._lengths: Counter[str] = Counter()
        """Of the queues in which somebody waits."""
        self._since: dict[str, int] = {}
        """Leg to when its wait counts from, where that is known."""
        self._unsure: set[str] = set()
        """Queues in which somebody waits whose place cannot be told: none is, for anybody."""
        self._popped: dict[str, str] = {}
        """A fifo's consumer to the caller it takes."""

    def adopt(
        self,
        waiting: Mapping[str, str],
        agents: Mapping[str, Agent],
        since: Mapping[str, int] | None = None,
    ) -> None:
        """Replace what is known by what stands: legs with their queues, agents by full name;
        `since`: what `counts_from` says of those legs."""
        self._agents = dict(agents)
        self._waiting = dict(waiting)
        self._since = dict(since or {})
        self._lengths = Counter(self._waiting.values())
        self._unsure.clear()
        self._popped.clear()

    def forget(self, leg: str) -> None:
        """A leg is gone."""
        self._leave(leg)
        self._popped.pop(leg, None)

    def agents_at(self, interface: str, domain: str) -> list[str]:
        """The full names of the agents that are rung at an interface. Where those are users of one
        name in several domains, only those of `domain`."""
        named = {name: a for name, a in self._agents.items() if a.interface == interface}
        if len({agent.exact for agent in named.values()}) <= 1:
            return list(named)
        return [name for name, a in named.items() if a.exact == f"{interface}@{domain}"]

    # --- the agent's leg

    def rung(self, headers: Headers, rung: str) -> Iterable[PbxEvent]:
        """What a new leg says about itself when a queue made it, by ringing `rung`.

        The far half of a loopback pair has the variables too, and was not rung.
        """
        leg = headers.get("Unique-ID", "")
        if headers.get("Call-Direction") != "outbound":
            return ()
        if headers.get("variable_cc_side") == "agent":
            member = headers.get("variable_cc_member_session_uuid", "")
            if member and member != leg:
                agent = headers.get("variable_cc_agent", "")
                queue = headers.get("variable_cc_queue", "")
                interface = self._interface(agent) or rung
                return (model.Offered(member, leg, queue, interface, agent_name(agent)),)
        caller = headers.get("variable_fifo_bridge_uuid", "")
        if caller and caller != leg:
            queue = headers.get("variable_fifo_name") or self._waiting.get(caller, "")
            return (model.Offered(caller, leg, queue, rung),)
        return ()

    def _interface(self, agent: str) -> str:
        known = self._agents.get(agent)
        return known.interface if known else ""

    # --- mod_callcenter

    def callcenter(self, event: Event, rung: str) -> Iterable[PbxEvent]:
        """A ``callcenter::info``; `rung` is the interface of its agent's leg, '' if not known."""
        queue, member = event.get("CC-Queue"), event.get("CC-Member-Session-UUID")
        match event.get("CC-Action"):
            case "member-queue-start" | "member-queue-resume" if member:
                return (self._joined(member, queue, event.headers),)
            case "member-queue-end" if member and event.get("CC-Cause") != SERVED:
                self._leave(member)
                return (model.Unqueued(member, queue, _outcome(event)),)
            case "bridge-agent-start" if member and event.get("CC-Agent-UUID"):
                self._leave(member)
                agent, leg = event.get("CC-Agent"), event.get("CC-Agent-UUID")
                interface = self._interface(agent) or rung
                return (model.Served(member, leg, queue, interface, agent_name(agent)),)
            case "bridge-agent-fail" if member:
                agent, why = event.get("CC-Agent"), event.get("CC-Hangup-Cause")
                interface = self._interface(agent) or agent_name(agent)
                return (model.Refused(member, queue, interface, why),)
            case "agent-contact-change":
                return self._moved(event.get("CC-Agent"), event.get("CC-Agent-Contact"))
        return ()

    def _joined(self, leg: str, queue: str, headers: Headers) -> model.Queued:
        self._leave(leg)
        if len(self._waiting) >= WAITING_LIMIT:
            self._leave(next(iter(self._waiting)))
        since, scored = counts_from(headers), is_scored(headers)
        place = self._lengths[queue] + 1
        if scored:
            place = self._behind(queue, since) + 1
        self._waiting[leg] = queue
        self._lengths[queue] += 1
        if since is not None:
            self._since[leg] = since
        if not place:
            self._unsure.add(queue)
        return model.Queued(leg, queue, None if queue in self._unsure else place)

    def _behind(self, queue: str, since: int | None) -> int:
        """How many wait there at least as long; -1 where that cannot be told."""
        others = [self._since.get(leg) for leg, where in self._waiting.items() if where == queue]
        if since is None or None in others:
            return -1
        return sum(other is not None and other <= since for other in others)

    def _leave(self, leg: str) -> None:
        queue = self._waiting.pop(leg, None)
        self._since.pop(leg, None)
        if queue is None:
            return
        self._lengths[queue] -= 1
        if not self._lengths[queue]:
            del self._lengths[queue]
            self._unsure.discard(queue)

    def _moved(self, name: str, contact: str) -> Iterable[PbxEvent]:
        """An agent is rung elsewhere from now on."""
        old = self._agents.get(name)
        if old is None and len(self._agents) >= AGENTS_LIMIT:
            return ()
        new = agent_at(contact, old.queues if old else ())
        self._agents[name] = new
        gone = [model.MemberGone(queue, old.interface) for queue in new.queues] if old else []
        return (*gone, *members(name, new))

    # --- mod_fifo

    def fifo(self, event: Event, rung: str) -> Iterable[PbxEvent]:
        """A ``fifo::info``; `rung` is the interface of the leg it is about, '' if not known."""
        leg, queue = event.get("Unique-ID"), event.get("FIFO-Name")
        if not leg or queue == NO_FIFO:
            return ()
        match event.get("FIFO-Action"):
            case "push":
                return (self._joined(leg, queue, event.headers),)
            case "abort":
                self._leave(leg)
                return (model.Unqueued(leg, queue, "abandoned" if _gone(event) else "left"),)
            case "timeout":
                self._leave(leg)
                return (model.Unqueued(leg, queue, "timeout"),)
            case "consumer_pop" if event.get("FIFO-Caller-UUID"):
                if len(self._popped) >= WAITING_LIMIT:
                    self._popped.clear()
                self._popped[leg] = event.get("FIFO-Caller-UUID")
            case "bridge-consumer-start" if leg in self._popped:
                caller = self._popped.pop(leg)
                self._leave(caller)
                return (model.Served(caller, leg, queue, rung),)
        return ()


def is_scored(headers: Headers) -> bool:
    """Whether a caller goes before or behind its place; mod_fifo writes the 0 of all others too."""
    names = ("variable_cc_base_score", "variable_fifo_priority", "variable_fifo_vip")
    return any(headers.get(name, "") not in ("", "0", "false") for name in names)


def counts_from(headers: Headers) -> int | None:
    """When a caller's wait in a mod_callcenter queue counts from, in seconds since the epoch:
    ``cc_base_score`` are seconds it has waited before. None where that is not to be known."""
    joined = headers.get("variable_cc_queue_joined_epoch", "")
    score = headers.get("variable_cc_base_score", "0")
    if not _EPOCH.fullmatch(joined) or not _EPOCH.fullmatch(score):
        return None
    return int(joined) - int(score)


def members(name: str, agent: Agent) -> Iterable[model.MemberKnown]:
    """An agent as a member of each of its queues."""
    for queue in agent.queues:
        yield model.MemberKnown(queue, agent.interface, agent_name(name), agent.exact)


def _outcome(event: Event) -> Outcome:
    """Why a caller is out of line. Who is transferred out of it ends with BREAK_OUT as well."""
    if event.get("Hangup-Cause") == NO_LONGER:
        return "timeout"
    outcome = _CANCELLED.get(event.get("CC-Cancel-Reason"), "left")
    return "left" if outcome == "abandoned" and not _gone(event) else outcome


def _gone(event: Event) -> bool:
    """Whether the caller hung up, and not FreeSWITCH, which ends all calls when it stops."""
    return hung_up(event.headers) and event.get("Hangup-Cause") != "SYSTEM_SHUTDOWN"
