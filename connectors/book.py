"""The book of standing calls: by id, by the leg each is anchored on, by every name it had.

The one place where calls are born, marked, moved from leg to leg and ended; what they conclude
from events is `connectors.application`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from connectors import model
from connectors.calls import Call
from connectors.cti import Cti, Leg, is_phone
from connectors.lines import Lines
from connectors.marks import number_uri, read, shown
from connectors.model import CallReport, CallState


class Book:
    """Standing calls, and what is yet to be reported of them and of those that ended."""

    def __init__(self, cti: Cti, domain: str, marking: str, trust_headers: Sequence[str]) -> None:
        """As `connectors.application.CoreSettings` has them."""
        self.cti = cti
        """The graph its calls' legs are in."""
        self._domain = domain
        self._marking = marking or "the mark"
        self._trusted = [re.compile(pattern) for pattern in trust_headers]
        self.calls: dict[str, Call] = {}
        """By id."""
        self.anchors: dict[str, Call] = {}
        """By the leg a call is anchored on."""
        self.names: dict[str, Call] = {}
        """By id and alias."""
        self.lines = Lines()
        self.proxies: dict[str, Call] = {}
        """By a pipe's leg that runs through the dialplan in the user's place, the pipe's other
        end being with the user: whoever a queue's ``Local`` member called was transferred."""
        self._touched: dict[str, Call] = {}
        self._moved_up: dict[str, Call] = {}
        """Calls of which no more than the place in line has changed."""

    def create(self, leg_id: str, now: float, *, recovered: bool = False) -> Call:
        """A call anchored on a leg; `recovered`: found in a list, not seen to come."""
        if (known := self.names.get(leg_id)) is not None:
            return known  # A call that was anchored here and has moved on.
        leg = self.cti.legs.get(leg_id)
        uri = number_uri(leg.number if leg else "", self._domain)
        call = Call(leg_id, leg_id, uri, CallState.REQUESTED, now)
        if recovered:
            # An earlier run may have numbered lines of this call; these come after them.
            call.lines = int(now * 1000)
        context = f" at {leg.context}" if leg and leg.context else ""
        call.trace(now, "wire", f"call seen on {self.name(leg_id)}{context}")
        self.add(call)
        return call

    def add(self, call: Call) -> None:
        """Enter a call under every name it has."""
        self.calls[call.id] = call
        self.anchors[call.user_leg] = call
        for name in (call.id, *call.aliases):
            self.names[name] = call
        if call.waiting and call.queue:
            self.lines.place(call, call.queue, call.position)
        self.touch(call)

    def mark(self, call: Call, event: model.Marked, now: float) -> None:
        """Make it a collaboration call of the type a mark names, or say why it stays as it was."""
        self.touch(call)
        leg = self.cti.legs.get(event.leg)
        endpoint = leg.endpoint if leg else ""
        names = {endpoint, leg.exact} - {""} if leg else {endpoint}
        trusted = any(pattern.fullmatch(name) for pattern in self._trusted for name in names)
        mark = read(event, endpoint, trusted=trusted)
        how = "mark found" if event.recovered else "code pressed" if event.feature else "announced"
        said = shown(event.type or event.header_type)
        call.trace(now, "wire", f"collaboration {said} {how} on {self.name(event.leg)}")
        for note in mark.notes:
            call.trace_once(now, "mark", note)
        if mark.type is None:
            stays = f"stays a {call.type} call" if call.type else "an ordinary call"
            call.trace(now, "mark", f"{stays}: {mark.why}", stopped=call.type is None)
            return
        if mark.user_uri:
            call.user_uri, call.named = mark.user_uri, True
        if call.type is None:
            call.trace(now, "mark", f"a {mark.type} call of {call.user_uri}")
        elif call.type != mark.type:
            call.trace(now, "mark", f"{mark.type} is wanted besides {call.type}")
        if call.type is None:
            self._begin(call, now)
        if call.type is None or event.feature or (call.served and call.type != mark.type):
            # A dialplan may repeat its mark, for each trunk it tries, or put a better one in its
            # place; where the call is sent on to later, another one is wanted besides.
            call.requests += 1
        call.type = mark.type

    def _begin(self, call: Call, now: float) -> None:
        """Who handed an ordinary call on has not served the collaboration that begins behind that,
        and is not in it for the moment in which an agent who is out may come back."""
        inside = {agent.uri for agent in self.cti.agents_of(call.user_leg)}
        if call.agent is not None and call.agent.uri not in inside:
            call.trace(now, "agent", f"{call.agent.uri} was out of the call before that")
            call.agent = call.settle_at = None
        if call.agent is None:
            call.served = False
            call.enter(CallState.QUEUED if call.waiting else CallState.REQUESTED, now)
        call.last_agent = call.agent

    def end(self, call: Call, cause: str, detail: str, now: float) -> None:
        """Strike a call out; `cause` is a session's reason, `detail` the PBX's words."""
        self.touch(call)
        self.moved_up(*self.lines.leave(call))
        if call.type is None and not call.stopped:
            call.trace(
                now,
                "mark",
                f"never marked: the dialplan did not run {self._marking} and nobody pressed a code",
                stopped=True,
            )
        text = f"{cause} ({detail})" if detail else cause
        call.trace(now, "end", text, stopped=not call.served)
        call.end(cause, now)
        for leg in [leg for leg, known in self.proxies.items() if known is call]:
            del self.proxies[leg]
        del self.calls[call.id]
        if self.anchors.get(call.user_leg) is call:
            del self.anchors[call.user_leg]
        for name in (call.id, *call.aliases):
            if self.names.get(name) is call:
                del self.names[name]

    def move(self, call: Call, leg_id: str, now: float) -> None:
        """Anchor a call on another leg of its user; the one before stays a name of it."""
        if self.anchors.get(call.user_leg) is call:
            del self.anchors[call.user_leg]
        call.moved_to(leg_id)
        self.anchors[leg_id] = self.names[leg_id] = call
        leg = self.cti.legs.get(leg_id)
        unanswered = call.reached_by is not None and not call.served
        if unanswered and leg is not None and not call.named:
            call.user_uri = number_uri(leg.number, self._domain)
        call.trace(now, "wire", f"the user goes on, on {self.name(leg_id)}")
        self.touch(call)

    def forget_gone(self) -> None:
        """Forget what was noted of legs that no longer stand."""
        self.proxies = {leg: c for leg, c in self.proxies.items() if leg in self.cti.legs}

    def at(self, leg_id: str) -> Call | None:
        """The call a leg stands for: anchored on it or, for a pipe, the one it leads to."""
        call = self.anchors.get(leg_id) or self.proxies.get(leg_id)
        leg = self.cti.legs.get(leg_id)
        if call is not None or leg is None or leg.role is not model.LegRole.INTERNAL:
            return call
        calls = self.among(self.cti.conversation(leg_id))
        if not calls and (dialler := self.anchors.get(self.cti.dialler(leg_id))) is not None:
            calls = [dialler]
        if len(calls) != 1:
            return None
        self.proxies[leg_id] = calls[0]
        return calls[0]

    def behind(self, leg_id: str) -> str:
        """The leg whose person a leg stands for, where no call tells: itself, or for a pipe who
        dials through it, else the one who is no agent and talks through it."""
        leg = self.cti.legs.get(leg_id)
        if leg is None or leg.role is not model.LegRole.INTERNAL:
            return leg_id
        dialler = self.cti.legs.get(self.cti.dialler(leg_id))
        if dialler is not None and is_phone(dialler):
            return dialler.id
        talking = [other for other in self.cti.conversation(leg_id) if is_phone(other)]
        users = [other.id for other in talking if self.cti.agent_uri(other) is None]
        return users[0] if len(users) == 1 else leg_id

    def among(self, legs: Iterable[Leg]) -> list[Call]:
        """The calls anchored on any of these legs, in their order."""
        return [call for leg in legs if (call := self.anchors.get(leg.id)) is not None]

    def trace(self, leg: str, now: float, stage: Literal["agent", "wire"], text: str) -> None:
        """Add a line to the trace of the call a leg stands for, if there is one."""
        if (call := self.at(leg)) is not None:
            call.trace(now, stage, text)
            self.touch(call)

    def name(self, leg_id: str) -> str:
        """A leg as a trace line names it."""
        leg = self.cti.legs.get(leg_id)
        return (leg.name if leg else "") or leg_id

    def touch(self, *calls: Call) -> None:
        """Have these looked at when reports are next due."""
        for call in calls:
            self._touched[call.id] = call

    def moved_up(self, *calls: Call) -> None:
        """Have these looked at when there is time: each who leaves a line of a hundred moves them
        all, so not every step of each is reported."""
        for call in calls:
            self._moved_up[call.id] = call

    def due(self, *, places: bool = False) -> list[CallReport]:
        """A report of each call that was touched and has changed, in the order they were; with
        `places` also of those of which only the place in line has."""
        if places:
            for moved in self._moved_up.values():
                self._touched.setdefault(moved.id, moved)
            self._moved_up.clear()
        if not self._touched:
            return []
        touched, self._touched = self._touched, {}
        return [report for call in touched.values() if (report := call.changed()) is not None]
