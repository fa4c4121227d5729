"""Agent and user of a placed call are to talk by telephone: whether they come to, and why not.

    voice, the agent's phone in the placeholder: its far half dials, or the agent's own leg does
    voice, no phone in it; dial: the agent is dialled, and the agent's leg dials on
        --they talk--> nothing is noted
        --who dials has given up--> `CallReport.unreached`

A dialplan may try several telephones of the user, one after the other: the last one's word counts,
once whoever dials is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connectors import model
from connectors.book import Book
from connectors.calls import Call
from connectors.cti import MAX_PIPES, Leg, is_phone
from connectors.model import InVain, LegId
from connectors.outgoing import Outgoing
from connectors.serving import stands_for_user
from connectors.unreached import word


@dataclass(slots=True)
class _Try:
    """Agent and user are about to talk by telephone."""

    command_id: str
    rang: bool = False
    """A telephone of the user was rung."""
    said: InVain | None = None
    """What became of the last one."""


class Reaching:
    """Follows each try from the command to its end."""

    def __init__(self, book: Book, outgoing: Outgoing) -> None:
        self._book = book
        self._cti = book.cti
        self._outgoing = outgoing
        self._tries: dict[str, _Try] = {}
        """By the call."""

    def begins(self, call: Call, command_id: str) -> None:
        """A command is having the user of a call dialled."""
        for gone in [name for name in self._tries if name not in self._book.calls]:
            del self._tries[gone]
        self._tries[call.id] = _Try(command_id)

    def dial_ended(self, event: model.LegDialEnded, now: float) -> None:
        """Ringing is over: note why where agent or user did not answer."""
        leg = self._cti.legs.get(event.callee)
        if leg is None or event.outcome == "ANSWER":
            return
        said = word(event.outcome)
        if (call := self._placeholder_of(leg.dialled_by)) is not None:
            if call.id not in self._tries and event.outcome != "CANCEL":  # of an earlier process
                self._say(call, "user", said or "unreachable", now)
            self.in_vain(call, "user", said, now)
        elif self._tries and (call := self._outgoing.rung_by(leg.id)) is not None:
            self.in_vain(call, "agent", said, now)
        elif self._tries:
            self._rang(leg, said)

    def dialled_in_vain(self, event: model.DialledInVain, now: float) -> None:
        """A placeholder's far half has dialled, and its dialplan goes on."""
        call = self._placeholder_of(event.leg)
        if call is not None and event.outcome != "ANSWER":
            self.in_vain(call, "user", word(event.outcome), now)

    def leg_down(self, event: model.LegDown, now: float) -> None:
        """A leg is about to go: note why where it was a telephone of the user, who did not answer,
        or the agent's, from which they were dialled."""
        leg = self._cti.legs.get(event.leg)
        if leg is None or not is_phone(leg):
            return
        if self._tries and (call := self._outgoing.rung_by(leg.id)) is not None:
            self._gave_up(call, leg, event.cause, now)
            return
        call = self._outgoing.rung_by(self._cti.dialler(leg.dialled_by))
        if call is not None and stands_for_user(call):
            name = self._book.name(event.leg)
            self._book.touch(call)
            call.trace(now, "wire", f"the user was not reached on {name} ({event.cause})")
        if self._tries:
            self._rang(leg, word(event.cause))

    def _rang(self, leg: Leg, said: InVain | None) -> None:
        """A telephone rings no more that is perhaps one of a user who is tried to be reached."""
        call = self._outgoing.rung_by(self._cti.dialler(leg.dialled_by)) or self._rung_for(leg)
        if call is not None and (tried := self._tries.get(call.id)) is not None:
            tried.rang = True
            if said not in (None, "hung_up"):  # it was not its own user who hung up
                tried.said = said

    def _gave_up(self, call: Call, agent: Leg, cause: str, now: float) -> None:
        """The agent's leg ends that was to dial the user: who was not reached, and why."""
        if (tried := self._tries.get(call.id)) is None:
            return
        said = word(cause)
        rung = any(self._cti.dialler(leg.dialled_by) == agent.id for leg in self._cti.legs.values())
        if tried.rang or rung:
            self.in_vain(call, "user", tried.said or said, now)
        elif said in (None, "hung_up"):  # it had answered: the dialplan has no way to the user
            self.in_vain(call, "user", "unreachable", now)
        else:
            self.in_vain(call, "agent", said, now)

    def in_vain(
        self, call: Call, who: Literal["user", "agent"], said: InVain | None, now: float
    ) -> None:
        """A try has come to nothing, unless the two talk already."""
        tried = self._tries.pop(call.id, None)
        talk = not stands_for_user(call) and (call.placed != "dial" or call.served)
        if tried is None or talk:
            return
        why = said or tried.said or "unreachable"
        if why == "hung_up":
            who = "agent"  # who did not wait for the user
        call.unreached = model.Unreached(tried.command_id, who, why)
        self._say(call, who, why, now)

    def _say(self, call: Call, who: str, why: str, now: float) -> None:
        call.trace(now, "wire", f"the {who} was not reached: {why}")
        self._book.touch(call)

    def rings_user(self, call: Call) -> bool:
        """Whether a placeholder's far half rings the user's phone now."""
        return any(self._rung_for(leg) is call for leg in self._cti.legs.values())

    def _rung_for(self, leg: Leg) -> Call | None:
        """The call of the placeholder whose far half dials a phone, through pipes or not."""
        dialler = leg.dialled_by if is_phone(leg) else None
        for _ in range(MAX_PIPES):
            if (call := self._placeholder_of(dialler)) is not None:
                return call
            pipe = self._cti.legs.get(dialler or "")
            near = self._cti.legs.get(pipe.pair or "") if pipe is not None else None
            dialler = near.dialled_by if near is not None else None
        return None

    def _placeholder_of(self, far: LegId | None) -> Call | None:
        """The call whose placeholder's far half a leg is."""
        pipe = self._cti.legs.get(far or "")
        if pipe is None or pipe.role is not model.LegRole.INTERNAL:
            return None
        call = self._book.anchors.get(pipe.pair or "")
        return call if call is not None and stands_for_user(call) else None
