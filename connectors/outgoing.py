"""Calls whose user is yet to come: till then they hang on the leg of the agent who dials.

Some are made by an agent: a mark on an agent's own leg waits here until it shows who the user is.
The dialplan marks whoever runs through it. A caller from outside is the user of the call; an
agent mostly is not:

    agent's leg, marked --dials a phone--> a call of that phone, which rings
        --it is busy, or another one answers--> the same call, anchored on the next phone
        --somebody answers--> a call like any other
        --the agent gives up--> ended
    agent's leg, marked --waits in a queue, or reaches an agent--> a call the marked one is user of

Others lose their user: who transfers the agent to somebody else hangs up, and the agent's leg
dials on as if it had made the call.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors import model
from connectors.book import Book
from connectors.calls import Call
from connectors.cti import Leg, is_phone


class Outgoing:
    """The marked legs of agents, and the calls that wait for a user on an agent's leg."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._cti = book.cti
        self._marks: dict[str, model.Marked] = {}
        """By an agent's leg: its mark, until it shows who is on the other side."""
        self._ringing: dict[str, Call] = {}
        """By an agent's leg: the call whose user it dials, until somebody has answered."""

    def marked(self, mark: model.Marked, now: float) -> None:
        """Keep the mark on an agent's leg until it shows whose call it is."""
        if (call := self._ringing.get(mark.leg)) is not None:
            self._book.mark(call, mark, now)  # the dialplan marks before each phone it tries
        else:
            self._marks[mark.leg] = mark

    def is_user(self, leg_id: str) -> model.Marked | None:
        """A leg has turned out to be the user itself: return its mark, if it waits here."""
        return self._marks.pop(leg_id, None)

    def joined(self, legs: Sequence[Leg], call: Call, now: float) -> None:
        """A marked agent is with the user of a call already, among `legs`: it is that one's."""
        if not self._marks:
            return
        for leg in legs:
            if (mark := self._marks.pop(leg.id, None)) is not None:
                call.initiator = "agent"
                self._book.mark(call, mark, now)

    def dialled(self, caller: str | None, callee: str, now: float) -> Call | None:
        """Somebody dials: the call whose user is rung, if it is an agent with a marked leg."""
        agent = self._cti.dialler(caller)
        mark, call = self._marks.get(agent), self._ringing.get(agent)
        leg = self._cti.legs.get(callee)
        if leg is None or not is_phone(leg) or self._cti.is_agents_leg(callee):
            return None
        if mark is not None:
            del self._marks[agent]
            call = self._book.anchors.get(callee) or self._book.create(callee, now)
            call.initiator = "agent"
            self._book.mark(call, mark, now)
            self.waits_on(agent, call)
        elif call is None or callee in self._book.names or self._has_user(call):
            return None
        else:
            self._book.move(call, callee, now)  # the phone before was busy
        return call

    def answered(self, phones: Sequence[Leg], users: Sequence[Leg], now: float) -> Call | None:
        """The call of a conversation nobody has anchored, if a marked agent is among its `phones`;
        `users` are those of them that are no agent's."""
        for leg in phones:
            call = self._ringing.get(leg.id)
            if call is not None and users and users[0].id not in self._book.names:
                self._book.move(call, users[0].id, now)  # another of the phones it rings answered
                return call
        marked = next((leg for leg in phones if leg.id in self._marks), None)
        if marked is None or len(phones) < 2:
            return None
        user = users[0] if users else marked
        mark = self._marks.pop(marked.id)
        call = self._book.create(user.id, now)
        call.initiator = "agent" if user is not marked else "user"
        self._book.mark(call, mark, now)
        return call

    def rung_by(self, agent: str) -> Call | None:
        """The call whose user an agent's leg dials."""
        return self._ringing.get(agent)

    def handed_on(self, by: str, leg_id: str, now: float) -> None:
        """A leg has transferred another: where it is a user's, the call goes on with the agent."""
        call = self._book.anchors.get(by)
        legs = self._cti.conversation(leg_id)
        agent = next((leg.id for leg in legs if self._cti.is_agents_leg(leg.id)), None)
        if call is None or agent is None or self._book.among(legs):
            return
        if agent in self._ringing or agent in self._marks:
            return  # it is busy with a call of its own
        call.trace(now, "wire", f"the user hands {self._book.name(agent)} on to somebody")
        self._book.touch(call)
        self.waits_on(agent, call)

    def rings_on(self, call: Call, event: model.LegDown, now: float) -> bool:
        """Whether the agent who dials goes on after this phone: on another that rings already
        (several are dialled at once), or perhaps on the next (a busy trunk)."""
        if call.reached_by not in self._cti.legs or event.lost:
            return False
        gone = "has gone" if call.served else "was not reached"
        call.trace(now, "wire", f"{self._book.name(event.leg)} {gone} ({event.cause})")
        self._book.touch(call)
        for leg in self._cti.legs.values():
            if (
                leg.id != event.leg
                and leg.id not in self._book.names
                and is_phone(leg)
                and self._cti.dialler(leg.dialled_by) == call.reached_by
                and not self._cti.is_agents_leg(leg.id)
            ):
                self._book.move(call, leg.id, now)
                return True
        return True

    def over(self, call: Call) -> None:
        """It rings no more: somebody has answered, or it has ended."""
        if call.reached_by is not None:
            self._ringing.pop(call.reached_by, None)
            call.reached_by = None

    def leg_down(self, event: model.LegDown, now: float) -> None:
        """A leg is gone: a mark on it reached nobody and is put on record as a call of its own,
        if the agent was to be the caller; a call it was making ends, unless the phone it rang
        stands."""
        leg = self._cti.legs.get(event.leg)
        if (mark := self._marks.pop(event.leg, None)) is not None and not (leg and leg.dialled_by):
            self._book.mark(self._book.create(event.leg, now), mark, now)
        if (call := self._ringing.get(event.leg)) is not None:
            self.over(call)
            if call.user_leg == event.leg or call.user_leg not in self._cti.legs:
                hung_up = call.served or call.placed
                self._book.end(call, "hangup" if hung_up else "abandoned", event.cause, now)

    def found(self, mark: model.Marked, now: float) -> None:
        """A list shows a mark on an agent's leg: a code it pressed in a call, or its own call."""
        agent = mark.leg
        if agent in self._ringing:
            return
        calls = self._book.among(self._cti.conversation(agent))
        if len(calls) == 1 and calls[0].type is None:
            calls[0].initiator = "agent"
            self._book.mark(calls[0], mark, now)
        if calls:
            return
        self._marks[agent] = mark
        for leg in list(self._cti.legs.values()):
            if leg.dialled_by == agent and is_phone(leg) and not self._cti.is_agents_leg(leg.id):
                if (call := self._book.anchors.get(leg.id)) is not None and call.type is not None:
                    del self._marks[agent]  # the mark is that call's already
                    if not call.served:
                        self.waits_on(agent, call)
                else:
                    self.dialled(agent, leg.id, now)
                return

    def forget_gone(self) -> None:
        """Forget what was kept of legs that no longer stand."""
        self._marks = {leg: mark for leg, mark in self._marks.items() if leg in self._cti.legs}
        for call in list(self._ringing.values()):
            if call.reached_by not in self._cti.legs:
                self.over(call)

    def _has_user(self, call: Call) -> bool:
        """Whether a call hangs on a leg of its user, not on the agent's who dials."""
        return call.user_leg != call.reached_by and call.user_leg in self._cti.legs

    def waits_on(self, agent: str, call: Call) -> None:
        """An agent's leg is about to dial the user of a call, or dials already."""
        self.over(call)  # whoever was said to dial its user before
        call.reached_by = agent
        self._ringing[agent] = call
