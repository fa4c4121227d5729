"""Calls that the connector places: placeholders in a queue, and calls it dials for an agent.

    queue:  placeholder's waiting leg (it stands for the user) --queue--> agent answers: ACTIVE
              --the agent's phone is hung up--> ACTIVE, without an agent's leg, until it is ended
              --voice, the agent's phone in it--> its far end dials the user: anchored on the
                                                  user's phone when that answers
              --voice, no phone in it--> the agent is dialled, then the user; when they talk, the
                                         call is anchored on the user's phone, the placeholder goes
              --the queue gives it up, it is hung up--> ended
    dial:   the agent's leg, which has the call's id --answers, dials--> the user's leg: from here
            on like any call an agent makes --nobody answers--> ended

What was asked for is known from the command until the leg is there; a leg found in a list says
for which call it was made (`LegUp.placed`), so that a new process knows it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from connectors import model
from connectors.book import Book
from connectors.calls import Call
from connectors.cti import Agent, is_phone
from connectors.model import CallState, LegId
from connectors.outgoing import Outgoing
from connectors.reaching import Reaching
from connectors.serving import stands_for_user

PATIENCE = 30.0
"""Seconds a leg that was asked for may take to be there."""


@dataclass(frozen=True, slots=True)
class _Asked:
    command_id: str
    effect: model.PlaceCall | model.DialBoth
    until: float
    wanted: bool = True


class Placed:
    """Knows which legs a connector has asked for, and what became of them."""

    def __init__(self, book: Book, outgoing: Outgoing, reaching: Reaching) -> None:
        self._book = book
        self._cti = book.cti
        self._outgoing = outgoing
        self._reaching = reaching
        self._asked: dict[LegId, _Asked] = {}
        """By the leg that is to come."""
        self._effects: list[model.Effect] = []

    # --- asked for -----------------------------------------------------------------------

    def ask(self, command_id: str, effect: model.PlaceCall | model.DialBoth, now: float) -> None:
        """A leg is to be made for a command."""
        self._asked[effect.leg] = _Asked(command_id, effect, now + PATIENCE)

    def expects(self, leg: LegId) -> bool:
        """Whether a leg was asked for."""
        return leg in self._asked

    def give_up(self, leg: LegId) -> bool:
        """A leg that was asked for is not wanted any more; whether it was and is not there yet."""
        asked = self._asked.get(leg)
        if asked is not None:
            self._asked[leg] = replace(asked, wanted=False)
        return asked is not None

    def failed(self, command_id: str) -> None:
        """What a command asked for did not come about."""
        for leg in [leg for leg, a in self._asked.items() if a.command_id == command_id]:
            del self._asked[leg]

    def placeholders(self) -> int:
        """How many stand or are on their way."""
        asked = sum(isinstance(a.effect, model.PlaceCall) for a in self._asked.values())
        return asked + sum(stands_for_user(call) for call in self._book.calls.values())

    def place(self, queue: str, since: float) -> int | None:
        """Where in line a call stands that has waited since then; None: at its end."""
        line = [call for call in self._book.calls.values() if call.waiting and call.queue == queue]
        before = sum(min(call.since, call.waits_since or call.since) <= since for call in line)
        return before + 1 if before < len(line) else None

    def idle(self, now: float) -> None:
        """Wait no longer for legs that do not come."""
        late = [leg for leg, a in self._asked.items() if not a.until - PATIENCE <= now < a.until]
        for leg in late:
            del self._asked[leg]

    def effects(self) -> list[model.Effect]:
        """What is to be done on the PBX because of what it said; each is given once."""
        if not self._effects:
            return []
        effects, self._effects = self._effects, []
        return effects

    # --- the legs ------------------------------------------------------------------------

    def up(self, event: model.LegUp, now: float, *, recovered: bool = False) -> None:
        """A leg has come up, or is in a list: take up the call it was made for."""
        asked = self._asked.pop(event.leg, None)
        if event.leg not in self._cti.legs:
            return  # The CTI is full, and says so in `dropped`.
        if asked is not None and not asked.wanted:
            self._effects.append(model.HangUp(event.leg))
            return
        effect = asked.effect if asked else None
        call_id = effect.call if isinstance(effect, model.DialBoth) else event.placed or event.leg
        queue = isinstance(effect, model.PlaceCall) or (
            effect is None and event.role is model.LegRole.INTERNAL
        )
        call = self._book.names.get(call_id)
        if call is None and call_id == event.leg:
            call = self._book.create(event.leg, now, recovered=recovered)
        if call is None:
            # The placeholder that it was to turn into a voice call has ended meanwhile. Found in
            # a list it may be that voice call, of which nobody has kept a record.
            if not (recovered and self._is_with_somebody(event.leg)):
                self._effects.append(model.HangUp(event.leg))
            return
        if call_id == event.leg and not call.placed:
            call.placed = "queue" if queue else "dial"
            call.initiator = "user" if queue else "agent"
        elif not call.placed:
            call.placed = "queue"  # a placeholder that became a voice call, and is gone
        if effect is not None and call.type is None:
            self._book.mark(call, model.Marked(event.leg, effect.type, effect.user_uri), now)
        if isinstance(effect, model.PlaceCall):
            call.waits_since = now - effect.waited
        if not queue:
            if asked is not None:
                self._reaching.begins(call, asked.command_id)
            elif recovered and call.id == event.leg and not call.served:
                self._reaching.begins(call, call.id)  # a `dial` has the id of its call
            self._dials(event.leg, call, now)
        self._book.touch(call)

    def found(self, snapshot: model.Snapshot, now: float) -> None:
        """Take up what a list shows of legs that connectors made, and what they dial."""
        listed = [item for item in snapshot.legs if item.up.placed]
        listed.sort(key=lambda item: item.up.placed != item.up.leg)
        for item in listed:
            self.up(item.up, now, recovered=True)
            call = self._book.names.get(item.up.placed)
            if call is None:
                continue
            if call.reached_by == item.up.leg:
                for leg in list(self._cti.legs.values()):
                    if self._cti.dialler(leg.dialled_by) == item.up.leg:
                        self._outgoing.dialled(leg.dialled_by, leg.id, now)
            if item.mark is not None and call.type is None:
                self._book.mark(call, item.mark, now)
        for item in listed:
            call = self._book.names.get(item.up.placed)
            if call is None or not stands_for_user(call) or item.queue or call.agent is not None:
                continue
            if item.left_by is not None and call.reached_by is None and item.up.leg == call.id:
                self._was_left(call, item.left_by, now)
            else:
                call.served = True  # it left the queue, so an agent had answered

    def look(self, call: Call, now: float) -> None:
        """The conversation of a placed call has changed: see whether its user has come into it."""
        placeholder = self._cti.legs.get(call.id)
        if call.placed != "queue" or placeholder is None:
            return
        if call.user_leg == call.id:
            far = placeholder.pair or ""
            beyond = self._cti.conversation(far, without=call.id) if far else []
            users = [leg for leg in beyond if is_phone(leg) and self._cti.agent_uri(leg) is None]
            if users and users[0].id not in self._book.names:
                self._book.move(call, users[0].id, now)
            elif call.reached_by in {leg.id for leg in self._cti.conversation(call.id)}:
                # The agent, who went on to dial the user, is back alone.
                self._reaching.in_vain(call, "user", None, now)
        elif call.id not in {leg.id for leg in self._cti.conversation(call.user_leg)}:
            # The user's phone is in a conversation of its own with the agent.
            self._effects.append(model.HangUp(call.id))

    def talks(self, call: Call) -> bool:
        """Whether the user of a placeholder is in it by telephone."""
        return call.placed == "queue" and call.user_leg != call.id

    def end(self, call: Call) -> LegId:
        """A placed call is to end: the leg to hang up."""
        agent = call.reached_by
        for leg, asked in self._asked.items():
            if isinstance(asked.effect, model.DialBoth) and asked.effect.call == call.id:
                self._asked[leg] = replace(asked, wanted=False)
        if call.user_leg in self._cti.legs and call.user_leg != agent:
            if agent is not None:
                self._outgoing.over(call)
                self._effects.append(model.HangUp(agent))
            return call.user_leg
        return agent or call.user_leg

    def ended(self, call: Call) -> None:
        """A call has ended: nothing that was made for it stays."""
        if call.placed == "queue" and call.user_leg != call.id and call.id in self._cti.legs:
            self._effects.append(model.HangUp(call.id))

    def _was_left(self, call: Call, interface: str, now: float) -> None:
        """An agent has answered a placeholder and hung the phone up, both out of sight."""
        uris = self._cti.agents.uris_at(interface)
        self._book.touch(call)
        if len(uris) != 1:
            call.trace(now, "agent", "somebody has answered and hung up, and nobody knows who")
            self._effects.append(model.HangUp(call.id))
            return
        (uri,) = uris
        call.trace(now, "agent", f"{uri} has answered, has hung the phone up and serves on")
        call.agent = call.last_agent = Agent("", uri)
        call.served = True
        call.enter(CallState.ACTIVE, now)

    def _is_with_somebody(self, leg: LegId) -> bool:
        legs = self._cti.legs.values()
        rings = any(self._cti.dialler(other.dialled_by) == leg for other in legs)
        return rings or len(self._cti.conversation(leg)) > 1

    def _dials(self, leg: LegId, call: Call, now: float) -> None:
        """An agent's leg that is to dial the user of a call on."""
        if call.user_leg == leg:
            self._book.anchors.pop(leg, None)
        elif self.talks(call) or (call.placed == "dial" and call.served):
            return
        call.trace(now, "agent", f"the agent is rung on {self._book.name(leg)}")
        self._outgoing.waits_on(leg, call)
