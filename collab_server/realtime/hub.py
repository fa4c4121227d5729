"""What the Flask side says to the open web sockets, from any thread.

Every method is safe from any thread, returns at once (`alive` waits a little), and does nothing
when nobody is connected, when the port is not open yet or when it is closed already. `create_hub`
gives the one that `serve` brings to life; without `serve` (in a test, in `flask shell`) it simply
has nobody connected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from collab_server.people.teams import Teams
    from collab_server.realtime.backend import Role, Sight


@dataclass(frozen=True)
class Present:
    """A participant who has at least one socket open."""

    role: Role
    uri: str
    name: str
    since: float
    """When the first of their sockets opened, seconds since the Unix epoch."""


class Hub(Protocol):
    """The open web sockets of this server."""

    def session_changed(self, session_id: str, views: Mapping[Role, dict[str, Any]]) -> None:
        """Push the session's new state (message 102) to the sockets of each role in `views`."""
        ...

    def close_session(self, session_id: str, role: Role | None, uri: str | None, code: int) -> None:
        """Close a session's sockets with `code` (4409, 4410); None means every role, every URI."""
        ...

    def sights_changed(self, session_id: str, sights: Mapping[tuple[Role, str], Sight]) -> None:
        """Say what these participants, by role and URI, see and may say from now on."""
        ...

    def desk_push(self, agent_uri: str, message: dict[str, Any]) -> None:
        """Send a message to every desk socket of an agent."""
        ...

    def open_pages(self, uri: str) -> int:
        """How many pages of sessions this user has open."""
        ...

    def page_push(self, uri: str, message: dict[str, Any]) -> None:
        """Send a message (104) to every page of sessions this user has open."""
        ...

    def desk_close(self, login_id: str) -> None:
        """Send `{"kind": "signed_out"}` to the desk and floor sockets of one log-in, then close
        them with 4401."""
        ...

    def floor_push(
        self,
        message: dict[str, Any],
        teams: Teams | None = None,
        otherwise: dict[str, Any] | None = None,
    ) -> None:
        """Send a message to the floors of supervisors who see what is of these teams (None: to
        all), and `otherwise` to the others'."""
        ...

    def desk_moved(self, agent_uri: str, team: str) -> None:
        """An agent is of this team now: its floors hear of their desk."""
        ...

    def floor_renew(self) -> None:
        """Have every floor begin with what stands once more."""
        ...

    def floor_watched(self) -> bool:
        """Whether a supervisor has the floor open."""
        ...

    def open_desks(self) -> Mapping[str, float]:
        """Agents with an open desk, by URI: since when, seconds since the Unix epoch."""
        ...

    def code_used(self, pairing_id: str) -> None:
        """Tell the page that shows a pairing code `{"state": "bound"}`, and close its socket."""
        ...

    def codes_over(self, pairing_ids: Iterable[str]) -> None:
        """Tell the pages that show these codes `{"state": "over"}`, and close their sockets."""
        ...

    def desk_logins(self, agent_uri: str) -> set[str]:
        """The log-ins with which an agent has a desk open now."""
        ...

    def link_push(self, pbx: str, commands: Sequence[dict[str, Any]]) -> None:
        """Send commands to the connectors of a PBX; those not linked ask at their next connect."""
        ...

    def link_lease(self, pbx: str, connector: str, epoch: int) -> None:
        """Hand commands to this connector of a PBX from now on, what stands first, and to no other;
        '' is whoever gives no name."""
        ...

    def presence(self, session_id: str) -> Sequence[Present]:
        """Who is in a session now, in the order they came."""
        ...

    def linked(self, pbx: str) -> bool:
        """Whether a connector of this PBX has its link open."""
        ...

    def alive(self) -> bool:
        """Whether the event loop answers, within 2 s, and updates are being stored."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Numbers for /metrics: rooms, document bytes, sync, desk and link sockets, unstored
        updates, refused handshakes."""
        ...
