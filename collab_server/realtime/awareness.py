"""Who is there, in the words of the y-protocols awareness: last state of each client, by clock.

States are kept as the JSON text that came. A client's entry belongs to its owner (`writers`), and
to the socket that speaks for it now: stock clients echo what they hear of others, and neither an
echo nor a forged entry may change or remove someone else. Source: y-protocols `awareness.js`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from collab_server.realtime.connection import BadMessageError, TooLargeError
from collab_server.realtime.wire import varbytes, varuint, write_varbytes, write_varuint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collab_server.realtime.backend import Person
    from collab_server.realtime.limits import Limits
    from collab_server.realtime.writers import Writers

_GONE = b"null"


@dataclass(slots=True)
class _Client:
    """What is known of one client."""

    clock: int
    state: bytes | None
    """JSON text; None: it was there and is gone."""
    socket: object | None
    """Who speaks for it now, and whose end ends it."""


class Awareness:
    """The awareness of one room."""

    def __init__(self, limits: Limits, writers: Writers) -> None:
        self._limits = limits
        self._writers = writers
        self._clients: dict[int, _Client] = {}

    def apply(
        self, update: bytes, person: Person, socket: object, *, first: bool
    ) -> tuple[bytes | None, bytes | None, tuple[int, ...]]:
        """Take an update; gives what all are to hear, and what only the sender is to hear, and the
        clients that belong to the sender from now on.

        `first` says that the socket has sent no other: a stock client then speaks of itself, and
        takes its entry over from a connection that is dead and not yet known to be.

        The sender hears 'you are gone' when it shows a clock at which it went: a stock client
        answers with the next clock, and is back at once instead of at its next renewal (15 s).
        Raises BadMessageError or TooLargeError, and nothing is changed.
        """
        entries = self._read(update)
        self._refuse_a_crowd(entries, person)
        speaks = [client for client, _, state in entries if state is not None]
        claimed = self._writers.unclaimed(speaks, person)
        self._writers.claim(claimed, person)
        changed: list[int] = []
        stale: list[int] = []
        for client, clock, state in entries:
            if self._writers.owner(client) != person:
                continue
            known = self._clients.get(client)
            if known is None:
                if state is not None:
                    self._forget_oldest()
                    self._clients[client] = _Client(clock, state, socket)
                    changed.append(client)
                continue
            if known.socket is not socket:
                if known.socket is not None and not first:
                    continue
                known.socket = socket
            if clock > known.clock or (clock == known.clock and state is None):
                known.clock = clock
                if state is not None or known.state is not None:
                    known.state = state
                    changed.append(client)
            elif state is not None and known.state is None:
                stale.append(client)
        return self._encoded(changed), self._encoded(stale), claimed

    def drop(self, socket: object) -> bytes | None:
        """Forget what a closed socket stood for; gives what the others are to hear."""
        gone: list[int] = []
        for client, known in self._clients.items():
            if known.socket is socket:
                known.socket = None
                if known.state is not None:
                    known.state = None
                    gone.append(client)
        return self._encoded(gone)

    def everyone(self) -> bytes | None:
        """Give the states of all who are there."""
        return self._encoded(
            client for client, known in self._clients.items() if known.state is not None
        )

    def _read(self, update: bytes) -> list[tuple[int, int, bytes | None]]:
        limits = self._limits
        if len(update) > limits.awareness_message:
            raise TooLargeError(f"an awareness message exceeds {limits.awareness_message} bytes")
        count, at = varuint(update, 0)
        if count > limits.awareness_clients:
            raise TooLargeError(f"an awareness message names more than {limits.awareness_clients}")
        entries: list[tuple[int, int, bytes | None]] = []
        for _ in range(count):
            client, at = varuint(update, at)
            clock, at = varuint(update, at)
            state, at = varbytes(update, at)
            if len(state) > limits.awareness_state:
                raise TooLargeError(f"an awareness state exceeds {limits.awareness_state} bytes")
            _check_json(state)
            entries.append((client, clock, None if state == _GONE else state))
        if at != len(update):
            raise BadMessageError("bytes follow the awareness")
        return entries

    def _refuse_a_crowd(
        self, entries: Iterable[tuple[int, int, bytes | None]], person: Person
    ) -> None:
        here = {client for client, known in self._clients.items() if known.state is not None}
        mine = {client for client in here if self._writers.owner(client) == person}
        new = {
            client
            for client, _, state in entries
            if state is not None
            and client not in here
            and self._writers.owner(client) in (None, person)
        }
        if not new:
            return
        limits = self._limits
        if len(here) + len(new) > limits.awareness_clients:
            raise TooLargeError(f"more than {limits.awareness_clients} clients in a room")
        if len(mine) + len(new) > limits.awareness_clients_of_person:
            raise TooLargeError(
                f"more than {limits.awareness_clients_of_person} clients of one person"
            )

    def _forget_oldest(self) -> None:
        if len(self._clients) >= self._limits.awareness_remembered:
            del self._clients[next(c for c, k in self._clients.items() if k.state is None)]

    def _encoded(self, clients: Iterable[int]) -> bytes | None:
        parts: list[bytes] = []
        count = 0
        for client in clients:
            known = self._clients[client]
            count += 1
            parts += (
                write_varuint(client),
                write_varuint(known.clock),
                write_varbytes(_GONE if known.state is None else known.state),
            )
        return write_varuint(count) + b"".join(parts) if count else None


def _check_json(state: bytes) -> None:
    """Refuse what a browser's JSON.parse throws at, for it would lose the whole message."""
    try:
        json.loads(state.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadMessageError("an awareness state is not JSON") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
