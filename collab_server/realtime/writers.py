"""Whose each Yjs client of a document is: what a page writes carries its client's number.

A page chooses that number at random and may claim any. So the first participant who speaks as a
client, by awareness or by an update, owns it, and it is theirs for as long as the document lives.
Nobody can be first with another's number: it is known to others only once the server hands on
something of that client, and a room hands on nothing of a client before its owner is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.realtime.connection import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from collab_server.realtime.backend import Person


class Writers:
    """The clients of one document and their owners."""

    def __init__(self, most: int, known: Mapping[int, Person]) -> None:
        """`most` clients may belong to one participant; `known` is what is stored."""
        self._most = most
        self._owners: dict[int, Person] = {}
        self._counts: dict[Person, int] = {}
        for client, person in known.items():
            self.claim((client,), person)

    def owner(self, client: int) -> Person | None:
        """Who owns a client; None: nobody has spoken as it."""
        return self._owners.get(client)

    def unclaimed(self, clients: Iterable[int], person: Person) -> tuple[int, ...]:
        """Those of `clients` nobody owns; TooLargeError when `person` may not own so many more."""
        new = tuple(dict.fromkeys(client for client in clients if client not in self._owners))
        if new and self._counts.get(person, 0) + len(new) > self._most:
            raise TooLargeError(f"more than {self._most} clients of one person over time")
        return new

    def claim(self, clients: Iterable[int], person: Person) -> None:
        """Give clients that nobody owns to a participant."""
        for client in clients:
            self._owners[client] = person
            self._counts[person] = self._counts.get(person, 0) + 1

    def __iter__(self) -> Iterator[tuple[int, Person]]:
        """Every client with its owner."""
        return iter(self._owners.items())
