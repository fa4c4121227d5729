"""The open desks and floors of this process: who hears what, and whose desk is open since when."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from collab_server.people.teams import sees
from collab_server.realtime.backend import Refusal
from collab_server.realtime.channels import PushSocket
from collab_server.times import iso_or_none

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from collab_server.people.teams import Teams
    from collab_server.realtime.backend import DeskGrant
    from collab_server.realtime.limits import Limits

    First = Callable[[], Awaitable[Sequence[dict[str, Any]] | None]]


class Desks:
    """Only for the event loop's thread, but `since`, `logins` and `watched`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._desks: dict[str, list[tuple[DeskGrant, PushSocket]]] = {}
        self._floors: dict[str, list[tuple[DeskGrant, PushSocket]]] = {}
        self._since: dict[str, float] = {}
        self._teams: dict[str, str] = {}
        """Teams of the agents whose desk is open."""

    def open(
        self, grant: DeskGrant, loop: asyncio.AbstractEventLoop, first: First, *, floor: bool
    ) -> PushSocket | Refusal:
        """Admit a desk's, or a floor's, socket; `first` as `PushSocket` has it."""
        uri, table = grant.agent_uri, self._floors if floor else self._desks
        if (
            len(table.get(uri, ())) >= self._limits.desk_sockets_of_agent
            or len(self.sockets()) >= self._limits.desk_sockets
        ):
            return Refusal(429, "It is open in too many windows.")

        def gone(socket: PushSocket) -> None:
            open_here = table[uri]
            open_here.remove((grant, socket))
            if not open_here:
                del table[uri]
            self._note(uri)

        opened = PushSocket(self._limits, loop, first, gone, is_link=False)
        table.setdefault(uri, []).append((grant, opened))
        if not floor:
            self._teams[uri] = grant.team
        self._note(uri)
        return opened

    def push(self, agent_uri: str, message: dict[str, Any]) -> None:
        """Send to every desk of an agent."""
        for _, socket in list(self._desks.get(agent_uri, ())):
            socket.push(message)

    def push_floor(
        self, message: dict[str, Any], teams: Teams | None, otherwise: dict[str, Any] | None = None
    ) -> None:
        """Send to the floors that see what is of these teams, and `otherwise` to the others."""
        for floors in list(self._floors.values()):
            for grant, socket in list(floors):
                sent = message if sees(grant.team, teams) else otherwise
                if sent is not None:
                    socket.push(sent)

    def renew_floors(self) -> None:
        """Have every floor begin with what stands once more."""
        for floors in list(self._floors.values()):
            for _, socket in list(floors):
                socket.begin_again()

    def sign_out(self, login_id: str) -> None:
        """Tell the sockets of one log-in, and close them."""
        for table in (self._desks, self._floors):
            for opened in list(table.values()):
                for grant, socket in list(opened):
                    if grant.login_id == login_id:
                        socket.push({"kind": "signed_out"})
                        socket.close(4401, "signed out")

    def sockets(self) -> list[PushSocket]:
        """All of them."""
        tables = (*tuple(self._desks.values()), *tuple(self._floors.values()))
        return [socket for opened in tables for _, socket in tuple(opened)]

    @property
    def watched(self) -> bool:
        """Whether a floor is open."""
        return bool(self._floors)

    def logins(self, agent_uri: str) -> set[str]:
        """The log-ins with which an agent has a desk open."""
        return {grant.login_id for grant, _ in tuple(self._desks.get(agent_uri, ()))}

    def since(self) -> Mapping[str, float]:
        """Agents with an open desk, by URI: since when, seconds since the Unix epoch."""
        return dict(self._since)

    def moved(self, agent_uri: str, team: str) -> None:
        """An agent is of this team now."""
        if agent_uri in self._teams:
            self._teams[agent_uri] = team

    def _note(self, uri: str) -> None:
        """Keep since when an agent's desk is open, and tell the floors when that changes."""
        is_open = uri in self._desks
        if is_open == (uri in self._since):
            return
        if is_open:
            self._since[uri] = time.time()
        else:
            del self._since[uri]
        since = iso_or_none(self._since.get(uri))
        message = {"kind": "agent", "uri": uri, "desk": since}
        self.push_floor(message, frozenset({self._teams[uri]}))
        if not is_open:
            del self._teams[uri]
