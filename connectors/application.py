"""The application server: what is a collaboration call, what to report, what to do on the PBX.

Pure: PBX events and commands in, reports and effects out, the time passed in. `Cti` says who
can be reached from a leg; here it becomes calls. A call is anchored on its user leg: who came
in from outside, or who was dialled by an agent. It is born when the dialplan marks it, when a
queue takes it, or when an agent is first reached from it (the last two without a type: an
ordinary call, which a feature code may turn into a collaboration call at any time).

    REQUESTED --queue--> QUEUED --agent reached--> ACTIVE <--agents gone/back--> SUSPENDED
         every state --the user leg is gone--> ENDED (with its cause)

The parts: `Book` holds the calls, `Serving` concludes who serves each, `Outgoing` knows those that
agents make, `Placed` those that the connector makes, `Holds` the agents who have answered them,
`Reaching` whether agent and user come to talk by telephone in them, `Commands` decides what the
server wants, `recover` takes in the list after a connect. Here events find the calls they concern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors import model
from connectors.book import Book
from connectors.calls import Call, restored
from connectors.commands import Commands
from connectors.cti import Cti, Leg, is_phone
from connectors.holds import Holds
from connectors.model import CallReport, CallState
from connectors.outgoing import Outgoing
from connectors.pairing import pair
from connectors.placed import Placed
from connectors.reaching import Reaching
from connectors.recovery import recover
from connectors.serving import Serving

PLACES_EVERY = 1.0
"""Seconds between looks at who has moved up in line."""

_GAVE_UP = {"abandoned": "the caller gave up in", "timeout": "nobody answered in time in"}


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """What the core needs of ``[pbx.NAME]``."""

    domain: str
    agents: Mapping[str, str] = field(default_factory=dict)
    """Endpoint or queue interface -> agent URI."""
    agent_endpoints: Sequence[str] = ()
    """Patterns, matched whole: endpoints that are agents outside a queue."""
    trust_headers: Sequence[str] = ()
    """Patterns, matched whole: endpoints whose ``X-Collab-*`` headers count."""
    marking: str = ""
    """What the dialplan does to mark a call, in this PBX's words, for the trace."""
    dial_context: str = ""
    """Where placed calls may go; empty: the connector dials nobody."""
    max_placeholders: int = 50
    phone: str = ""
    """How this PBX writes a telephone's endpoint (``PJSIP/{name}``; ``{domain}`` too); empty: an
    agent's telephone is known from the settings' table or a queue alone."""


class Application:
    """Turns what a PBX says into reports, and commands into what the PBX is to do."""

    def __init__(self, settings: CoreSettings) -> None:
        self.cti = Cti(settings.domain, settings.agents, settings.agent_endpoints)
        self._book = Book(self.cti, settings.domain, settings.marking, settings.trust_headers)
        self._outgoing = Outgoing(self._book)
        self._serving = Serving(self._book, self._outgoing)
        self._reaching = Reaching(self._book, self._outgoing)
        self._placed = Placed(self._book, self._outgoing, self._reaching)
        self._holds = Holds(self._book)
        self._commands = Commands(settings, self._book, self._placed, self._reaching)
        self._places_due = 0.0

    # --- the interface -----------------------------------------------------------------

    def handle(self, event: model.PbxEvent, now: float) -> list[CallReport]:
        """Take in what the PBX said at `now`; return each call it changed, in order."""
        match event:
            case model.Snapshot():
                recover(event, self._book, self._outgoing, self._placed, now)
                self._look([listed.up.leg for listed in event.legs], now)
                for call in self._book.calls.values():
                    self._serving.refresh(call, now)
                self._holds.found(event.held)
            case model.LinkDown():
                pass
            case _:
                self._event(event, now)
        return self._book.due()

    def idle(self, now: float) -> list[CallReport]:
        """Let the timers of the core run; call it about once a second or more often. Returns what
        changed by them, and at times the calls that moved up in line."""
        self._serving.settle(now)
        self._placed.idle(now)
        self._holds.idle()
        # Further away than that: the clock was set back.
        places = not now < self._places_due <= now + PLACES_EVERY
        if places:
            self._places_due = now + PLACES_EVERY
        return self._book.due(places=places)

    def restore(self, calls: Iterable[CallReport]) -> None:
        """Take up calls that stood when the connector last ran, before the first snapshot."""
        for report in calls:
            if report.state is not CallState.ENDED and report.id not in self._book.calls:
                self._book.add(restored(report))
        self._book.due()  # nothing of this is news

    def calls(self) -> list[CallReport]:
        """The latest state of every standing call, without trace lines."""
        return [call.report() for call in self._book.calls.values()]

    def command(self, command: model.Command, now: float) -> model.Effect | model.Result:
        """What to do on the PBX for a command, or its result where there is nothing to do."""
        return self._commands.decide(command, now)

    def settled(self, result: model.Result) -> None:
        """A command that had an effect has had this result."""
        if result.status == "failed":
            self._placed.failed(result.id)

    def effects(self) -> list[model.Effect]:
        """What is to be done on the PBX beside commands, because of what it has said (a leg of a
        placed call that nobody needs any more, an agent to be held). Each is given once."""
        return self._placed.effects() + self._holds.effects()

    # --- events ------------------------------------------------------------------------

    def _event(self, event: model.PbxEvent, now: float) -> None:
        if isinstance(event, model.LegDown):
            self._leg_down(event, now)
        elif isinstance(event, model.BridgeEntered) and event.swapped:
            self._swapped(event.swapped, event.leg, now)
        seeds = self.cti.apply(event)
        match event:
            case model.LegUp(placed="") if not self._placed.expects(event.leg):
                pass
            case model.LegUp():
                self._placed.up(event, now)
            case (
                model.LegDown() | model.BridgeEntered(swapped=None)
                | model.BridgeLeft()
            ):  # fmt: skip
                pass  # Most events; the graph has all that they say.
            case model.Marked(leg=leg) | model.Queued(leg=leg) | model.CodeAsked(leg=leg) if (
                leg not in self.cti.legs
            ):
                pass  # The CTI is full, and says so in `dropped`.
            case model.Marked():
                self._marked(event, now)
            case model.CodeAsked():
                self._code_asked(event, now)
            case model.Queued():
                self._queued(event, now)
            case model.Unqueued():
                self._unqueued(event, now)
            case model.Offered(leg=leg):
                self._book.trace(leg, now, "agent", f"queue {event.queue} rings {_who(event)}")
            case model.Served(leg=leg):
                self._served(event, now)
            case model.Refused(leg=leg):
                why = f" ({event.why})" if event.why else ""
                self._book.trace(leg, now, "agent", f"{event.interface} did not take the call{why}")
            case model.Noted(leg=leg, text=text):
                self._book.trace(leg, now, "wire", text)
            case model.LegDialled(caller=caller, callee=callee):
                if (call := self._outgoing.dialled(caller, callee, now)) is not None:
                    self._serving.refresh(call, now)
            case model.LegDialEnded():
                self._reaching.dial_ended(event, now)
            case model.DialledInVain():
                self._reaching.dialled_in_vain(event, now)
            case model.Transferred(by=by, leg=leg):
                self._outgoing.handed_on(by, leg, now)
            case model.BridgeEntered(leg=leg, swapped=str(swapped)):
                self._handed_over(swapped, leg, now)
            case model.LegHeld(leg=leg):
                for known in self.cti.conversation(leg):
                    if (call := self._book.anchors.get(known.id)) is not None:
                        call.held_unseen = False
            case _:
                pass
        self._look(seeds, now)

    def _look(self, seeds: Iterable[str], now: float) -> None:
        """Draw the conclusions for every conversation that `seeds` lead into."""
        seen: set[str] = set()
        for seed in seeds:
            if seed in seen:
                continue
            legs = self.cti.conversation(seed)
            seen.update([leg.id for leg in legs])
            calls = self._book.among(legs)
            if not calls and len(legs) > 1:
                calls = self._discover(legs, now)
            elif len(calls) == 1:
                self._outgoing.joined(legs, calls[0], now)
            for call in calls:
                if call.placed:
                    self._placed.look(call, now)
                self._serving.refresh(call, now)

    def _discover(self, legs: list[Leg], now: float) -> list[Call]:
        """A conversation nobody has anchored: a call when an agent and somebody else are in it."""
        phones = [leg for leg in legs if is_phone(leg)]
        users = [leg for leg in phones if self.cti.agent_uri(leg) is None]
        agents = [leg for leg in phones if self.cti.agent_uri(leg) is not None]
        if (call := self._outgoing.answered(phones, users, now)) is not None:
            return [call]
        if agents and users:
            # Agents seen through somebody else's side only count from the user's own leg.
            return [self._book.create(users[0].id, now)]
        return []

    # --- queues ------------------------------------------------------------------------

    def _queued(self, event: model.Queued, now: float) -> None:
        call = self._call_of(event.leg, now)
        if (mark := self._outgoing.is_user(call.user_leg)) is not None:
            self._book.mark(call, mark, now)
        if self._waits_itself(call, event):
            return  # the phone a queue rings for it sends it on to another queue
        self._book.moved_up(*self._book.lines.join(call, event.queue, event.position))
        call.gave_up, call.uncertain = None, False
        place = f", place {event.position}" if event.position is not None else ""
        call.trace(now, "queue", f"waits in queue {event.queue}{place}")
        self._serving.refresh(call, now)

    def _unqueued(self, event: model.Unqueued, now: float) -> None:
        if (call := self._book.at(event.leg)) is None or self._waits_itself(call, event):
            return
        # A PBX that is told to end a leg may say that its queue gave it up.
        outcome = "abandoned" if call.hung_up else event.outcome
        if outcome in _GAVE_UP:
            if call.gave_up is None:
                call.trace(now, "queue", f"{_GAVE_UP[outcome]} queue {event.queue}")
            call.gave_up = outcome
        self._book.moved_up(*self._book.lines.leave(call))
        self._serving.refresh(call, now)

    def _call_of(self, leg: str, now: float) -> Call:
        """The call a leg stands for; a new one, of the person behind it, where there is none."""
        if (call := self._book.at(leg)) is None:
            call = self._book.create(self._book.behind(leg), now)
            if leg != call.user_leg:
                self._book.proxies[leg] = call
        return call

    def _waits_itself(self, call: Call, event: model.Queued | model.Unqueued) -> bool:
        """Whether a pipe comes into another queue, or out of it, while the user waits in one."""
        return call.waiting and event.leg in self._book.proxies and call.queue != event.queue

    def _served(self, event: model.Served, now: float) -> None:
        self._book.trace(event.leg, now, "agent", f"{_who(event)} answered for queue {event.queue}")
        if (call := self._book.at(event.leg)) is not None:
            call.gave_up = None
            self._book.moved_up(*self._book.lines.leave(call))
        self._holds.answered(event)

    # --- marks -------------------------------------------------------------------------

    def _marked(self, event: model.Marked, now: float) -> None:
        if event.feature:
            self._pressed(event, now)
            return
        leg = event.leg if self._book.at(event.leg) else self._book.behind(event.leg)
        if self._book.at(leg) is None and self.cti.is_agents_leg(leg):
            # The user is whom this agent talks with or is about to reach, or it is the agent.
            self._outgoing.marked(replace(event, leg=leg), now)
            self._look((leg,), now)
            return
        call = self._call_of(event.leg, now)
        self._book.mark(call, event, now)
        self._serving.refresh(call, now)

    def _pressed(self, event: model.Marked, now: float) -> None:
        """A code in a standing call, by either side."""
        call = self._standing_call(event.leg)
        if call is None and self._is_alone(event.leg) and self.cti.is_agents_leg(event.leg):
            self._outgoing.marked(event, now)  # it has answered, and is about to be put through
            return
        if call is None:
            call = self._call_begun(event.leg, now)
        before = call.requests
        self._book.mark(call, event, now)
        if call.requests > before:
            call.initiator = "user" if call.user_leg == event.leg else "agent"
        self._serving.refresh(call, now)

    def _code_asked(self, event: model.CodeAsked, now: float) -> None:
        """A pairing code was keyed in, before the queue or by either side of a standing call, or
        is to be said there. The code itself gets into no line that is kept."""
        call = self._standing_call(event.leg)
        if call is None and self._is_alone(event.leg):
            call = self._call_of(event.leg, now)
        if call is None:
            call = self._call_begun(event.leg, now)
        pair(call, event)
        what = "wanted, to be said" if event.code is None else "keyed in"
        call.trace(now, "wire", f"a pairing code was {what} on {self._book.name(event.leg)}")
        self._book.touch(call)

    def _standing_call(self, leg: str) -> Call | None:
        """The call that somebody who is on this leg is in; their own, where it is in several."""
        calls = self._book.among(self.cti.conversation(leg))
        mine = [c for c in calls if leg in (c.user_leg, c.agent.leg if c.agent else None)]
        return next(iter(mine or calls), None)

    def _call_begun(self, leg: str, now: float) -> Call:
        """A call of a conversation that nobody has anchored: its caller's."""
        legs = self.cti.conversation(leg)
        callers = [other.id for other in legs if other.role is model.LegRole.INBOUND]
        return self._book.create(callers[0] if callers else leg, now)

    def _is_alone(self, leg: str) -> bool:
        return len(self.cti.conversation(leg)) == 1

    # --- births, moves and ends ----------------------------------------------------------

    def _leg_down(self, event: model.LegDown, now: float) -> None:
        self._book.proxies.pop(event.leg, None)
        self._reaching.leg_down(event, now)
        self._outgoing.leg_down(event, now)
        call = self._book.anchors.get(event.leg)
        if call is None or self._outgoing.rings_on(call, event, now):
            return
        cause = "lost" if event.lost else call.cause_of_end()
        self._outgoing.over(call)
        self._book.end(call, cause, event.cause, now)
        self._placed.ended(call)
        self._holds.over(call.id)

    def _swapped(self, old: str, new: str, now: float) -> None:
        """A leg took another's place in a bridge: the user's place moves, an agent's does not."""
        call, leg = self._book.anchors.get(old), self.cti.legs.get(new)
        if call is None or new in self._book.names or leg is None:
            return
        if is_phone(leg) and self.cti.agent_uri(leg) is None:
            self._book.move(call, new, now)

    def _handed_over(self, old: str, new: str, now: float) -> None:
        """An agent takes the place of another leg of its user's phone, which asked somebody: who
        was asked is the user now, and the leg that talked to the agent so far is about to end."""
        legs = self.cti.conversation(new)
        reached = {leg.id for leg in legs}
        calls = (c for c in self._book.calls.values() if c.agent and c.agent.leg in reached)
        call, asking = next(calls, None), self.cti.legs.get(old)
        if call is None or call.user_leg in reached or self._book.among(legs):
            return
        user = self.cti.legs.get(call.user_leg)
        if user is None or asking is None or user.endpoint != asking.endpoint:
            return
        asked = [leg for leg in legs if is_phone(leg) and self.cti.agent_uri(leg) is None]
        if asked:
            self._book.move(call, asked[0].id, now)


def _who(event: model.Offered | model.Served) -> str:
    if event.name and event.name != event.interface:
        return f"{event.name} ({event.interface})"
    return event.interface
