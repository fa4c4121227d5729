"""Agents who have answered a placeholder, held until the server has had them made busy.

Who hangs up as soon as they have answered may be offered the next call in that moment, before the
server has heard of the answer. So they are held from the answer on, and let go with the end of the
call; of one whom the server has had made busy meanwhile that changes nothing. Where a hold outlives
the connector that made it, the next one finds it in its list of all that stands, and lets go
whoever serves no placeholder any more.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors import model
from connectors.book import Book
from connectors.serving import stands_for_user


class Holds:
    """Knows whom the answer to a placeholder holds."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._held: dict[str, str] = {}
        """By the call's id: the interface of the agent who answered it last."""
        self._effects: list[model.Effect] = []

    def answered(self, event: model.Served) -> None:
        """A queue gave a waiting leg to an agent, who answered."""
        call = self._book.at(event.leg)
        if call is None or not stands_for_user(call) or not event.interface:
            return
        if self._held.get(call.id, event.interface) != event.interface:
            self.over(call.id)
        self._held[call.id] = event.interface
        self._effects.append(model.HoldMember(event.interface, held=True, leg=call.id))

    def over(self, call_id: str) -> None:
        """A call has ended, or another agent has it."""
        interface = self._held.pop(call_id, None)
        if interface is not None:
            self._let_go(interface, call_id)

    def found(self, interfaces: Iterable[str]) -> None:
        """Members that are held, by a list; who serves which call is known by now."""
        for interface in interfaces:
            agents = self._book.cti.agents.uris_at(interface)
            serving = (
                call.id
                for call in self._book.calls.values()
                if call.placed == "queue" and call.agent is not None and call.agent.uri in agents
            )
            call_id = next(serving, None)
            if call_id is None or self._held.setdefault(call_id, interface) != interface:
                self._let_go(interface)

    def idle(self) -> None:
        """Let go whose calls have ended out of sight."""
        for call_id in [known for known in self._held if known not in self._book.calls]:
            self.over(call_id)

    def effects(self) -> list[model.Effect]:
        """What is to be done on the PBX; each is given once."""
        if not self._effects:
            return []
        effects, self._effects = self._effects, []
        return effects

    def _let_go(self, interface: str, leg: str = "") -> None:
        if interface not in self._held.values():
            self._effects.append(model.HoldMember(interface, held=False, leg=leg))
