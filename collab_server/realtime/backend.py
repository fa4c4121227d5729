"""What the web sockets ask of the rest of the server: who may come in, what is stored.

The realtime side never touches the database or Flask. It calls a `Backend` from a bounded pool of
threads (never from the event loop), so a method may block; several may run at the same time. An
exception out of a method counts as a passing fault: a handshake is answered 503 (close code 1013),
storage is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Role = Literal["user", "agent", "supervisor"]
"""The two sides of a session, and who supervises."""

Sight = Literal["none", "read", "all"]
"""What a participant hears of the document and may say in it: nothing, everything but in silence,
everything."""

CLOSE_CODES: Mapping[int, int] = {
    401: 4401,
    403: 4403,
    404: 4410,
    409: 4409,
    410: 4410,
    413: 4413,
    429: 4429,
}
"""HTTP status of a refusal -> close code of the contract, for browsers cannot see the status."""


@dataclass(frozen=True)
class Person:
    """A participant of a session."""

    role: Role
    uri: str
    name: str = field(default="", compare=False)
    """As shown to the other side."""


@dataclass(frozen=True)
class SyncGrant:
    """A participant may open the document of a session."""

    session_id: str
    person: Person
    expires: float
    """When the token ends, seconds since the Unix epoch. Checked when the socket opens; a socket
    that is open stays open until it is closed or its access is taken away (`Hub.close_session`)."""
    sight: Sight = "all"
    """Until `Hub.sights_changed` says otherwise."""


@dataclass(frozen=True)
class DeskGrant:
    """An agent who is logged in may see their desk live."""

    agent_uri: str
    login_id: str
    """Names one log-in, so that `Hub.desk_close` can end its sockets at log-out."""
    team: str = ""
    """Of the account: which floors hear of this desk, or what this floor hears; "": none, or all
    (`collab_server.people.teams`)."""


@dataclass(frozen=True)
class LinkGrant:
    """A connector may take the commands of this PBX."""

    pbx: str


@dataclass(frozen=True)
class Refusal:
    """Nobody comes in: an HTTP status, and with it the close code of the contract.

    401 no, wrong or expired token; 403 not for this role, key or origin; 404 no such session or
    PBX; 409 revoked by transfer; 410 ended; 429 too many.
    """

    status: int
    detail: str = ""
    """One sentence for the one who is refused; holds no secret."""
    type: str = "about:blank"
    """The stable `type` of the problem document (RFC 9457)."""

    @property
    def close_code(self) -> int:
        """The web socket close code that says the same; 1013 for what may pass."""
        return CLOSE_CODES.get(self.status, 1013)


@dataclass(frozen=True)
class StoredDocument:
    """A session's document as it is stored."""

    updates: Sequence[bytes] = field(default_factory=tuple)
    """Yjs updates (version 1), oldest first."""
    upto: int = 0
    """Number of the last of them; 0 when there is none."""
    writers: Mapping[int, Person] = field(default_factory=dict)
    """Yjs client -> who writes as it."""


@dataclass(frozen=True)
class Change:
    """What is stored of a document at a time."""

    update: bytes = b""
    """A Yjs update (version 1); empty: there is none, only writers."""
    writers: Mapping[int, Person] = field(default_factory=dict)
    """Yjs clients that have not been seen before -> who writes as them."""


class Backend(Protocol):
    """What the server's database side does for the web sockets; blocking, thread-safe."""

    def authorize_sync(self, session_id: str, token: str) -> SyncGrant | Refusal:
        """Check the sync token of a participant. An empty `token` means none was shown."""
        ...

    def sync_view(self, session_id: str, role: Role) -> dict[str, Any]:
        """Give the session as this role sees it (message 102)."""
        ...

    def connected(self, session_id: str, role: Role, uri: str) -> None:
        """Note that a participant's first socket has opened. In order for each session.

        A restart forgets who is there: whoever keeps this must start from 'nobody is connected'.
        """
        ...

    def disconnected(self, session_id: str, role: Role, uri: str) -> None:
        """Note that a participant's last socket has closed. In order for each session."""
        ...

    def authorize_desk(self, cookie: str, origin: str | None) -> DeskGrant | Refusal:
        """Check the `Cookie` header and the `Origin` header of a desk's socket.

        The origin must be the server's own (403 otherwise, also when there is none).
        """
        ...

    def desk_snapshot(self, agent_uri: str) -> dict[str, Any]:
        """Give `{"agent", "current", "waiting", "recent"}`, as `GET /v1/desk` does.

        The socket adds `"kind": "desk"` and sends it first.
        """
        ...

    def authorize_floor(self, cookie: str, origin: str | None) -> DeskGrant | Refusal:
        """Check the same of a floor's socket, and that it is a supervisor's (403 otherwise)."""
        ...

    def floor_snapshot(self, team: str) -> dict[str, Any]:
        """Give `{"agents", "sessions"}`, as `GET /v1/floor` does for a supervisor of this team.

        The socket adds `"kind": "floor"` and sends it first.
        """
        ...

    def authorize_code(self, pairing_id: str, cookie: str, origin: str | None) -> Refusal | None:
        """Check that a page of ours, in the browser that shows this pairing code, asks."""
        ...

    def code_state(self, pairing_id: str) -> dict[str, Any]:
        """Give `{"state": "open" | "bound" | "over"}` of a pairing code; an open one has the
        `seconds` that it is good for yet, after which it is asked for again."""
        ...

    def authorize_link(self, pbx: str, authorization: str) -> LinkGrant | Refusal:
        """Check the `Authorization` header of a connector (empty: there was none)."""
        ...

    def link_lease(self, pbx: str, connector: str) -> int | None:
        """Give the epoch under which a connector may be handed commands; None: it stands by.

        `connector` is what it calls itself, or ''.
        """
        ...

    def pending_commands(self, pbx: str) -> Sequence[dict[str, Any]]:
        """Give the commands of this PBX that have no result yet, oldest first."""
        ...

    def load_document(self, session_id: str) -> StoredDocument:
        """Give everything stored of a document; empty when nothing is."""
        ...

    def append(self, batch: Mapping[str, Sequence[Change]]) -> Mapping[str, int]:
        """Store changes of several documents in one transaction, durable on return.

        `batch` maps session id -> changes in order. Answers session id -> number of the last update
        of that document (numbers of one document count up). A session that is gone is left out of
        the answer, and its sockets are closed with 4410; the others are stored all the same.
        """
        ...

    def compact(
        self, session_id: str, snapshot: bytes, upto: int, writers: Mapping[int, Person]
    ) -> None:
        """Replace the updates numbered up to and including `upto` by `snapshot`, atomically.

        The snapshot takes the number `upto`; later updates stay as they are. `writers` are those
        of the snapshot that may not be stored yet.
        """
        ...
