"""A backend in memory, and a port of its own thread, for the tests of the web sockets."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from collab_server.realtime.backend import (
    Change,
    DeskGrant,
    LinkGrant,
    Person,
    Refusal,
    Role,
    Sight,
    StoredDocument,
    SyncGrant,
)
from collab_server.realtime.server import Port, SocketKind, create_hub

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIEnvironment

    from collab_server.realtime.limits import Limits

WAIT = 10.0


@dataclass
class FakeBackend:
    """Tokens are 'role.uri'; `refuse` says which of them are refused, and how."""

    documents: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    writers: dict[str, dict[int, Person]] = field(default_factory=dict)
    presence: list[tuple[str, str, str, str]] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    commands: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    leases: dict[str, tuple[str, int]] = field(default_factory=dict)
    """PBX -> what its holder calls itself, and the epoch."""
    gone: set[str] = field(default_factory=set)
    batches: list[dict[str, int]] = field(default_factory=list)
    compacted: list[str] = field(default_factory=list)
    fail_storing: int = 0
    """How many calls of append still fail."""
    fail_everything: bool = False
    refuse: dict[str, Refusal] = field(default_factory=dict)
    """Token, cookie or authorization -> how it is refused."""
    sights: dict[str, Sight] = field(default_factory=dict)
    """Token -> what who shows it sees; all, if it is not here."""
    storing: threading.Event = field(default_factory=threading.Event)
    """Cleared: append waits."""
    authorizing: threading.Event = field(default_factory=threading.Event)
    """Cleared: authorize_sync waits after it has decided."""
    decided: threading.Event = field(default_factory=threading.Event)
    """Set when authorize_sync has decided."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.storing.set()
        self.authorizing.set()

    def authorize_sync(self, session_id: str, token: str) -> SyncGrant | Refusal:
        self._maybe_fail()
        answer = self._authorize_sync(session_id, token)
        self.decided.set()
        assert self.authorizing.wait(WAIT)
        return answer

    def _authorize_sync(self, session_id: str, token: str) -> SyncGrant | Refusal:
        if token in self.refuse:
            return self.refuse[token]
        role, _, uri = token.partition(".")
        if role not in ("user", "agent", "supervisor") or not uri:
            return Refusal(401, "No such token.")
        expires = time.time() + (-1 if uri == "late" else 300)
        person = Person(role, uri, uri.title())  # type: ignore[arg-type]
        return SyncGrant(session_id, person, expires, self.sights.get(token, "all"))

    def sync_view(self, session_id: str, role: Role) -> dict[str, Any]:
        self._maybe_fail()
        return self.views.get(session_id, {"id": session_id, "role": role})

    def connected(self, session_id: str, role: Role, uri: str) -> None:
        with self.lock:
            self.presence.append(("connected", session_id, role, uri))

    def disconnected(self, session_id: str, role: Role, uri: str) -> None:
        with self.lock:
            self.presence.append(("disconnected", session_id, role, uri))

    def authorize_desk(self, cookie: str, origin: str | None) -> DeskGrant | Refusal:
        self._maybe_fail()
        if origin != "http://tandem.test":
            return Refusal(403, "Wrong origin.")
        if not cookie.startswith("desk="):
            return Refusal(401, "Not logged in.")
        who, _, login = cookie.removeprefix("desk=").partition("/")
        agent, _, team = who.partition("@")
        return DeskGrant(agent, login, team)

    def desk_snapshot(self, agent_uri: str) -> dict[str, Any]:
        self._maybe_fail()
        return {"agent": {"uri": agent_uri}, "current": [], "waiting": [], "recent": []}

    def authorize_code(self, pairing_id: str, cookie: str, origin: str | None) -> Refusal | None:
        return self.refuse.get(cookie)

    def code_state(self, pairing_id: str) -> dict[str, Any]:
        return self.views.get(pairing_id, {"state": "open"})

    def authorize_floor(self, cookie: str, origin: str | None) -> DeskGrant | Refusal:
        if cookie.startswith("desk=chen"):
            return self.authorize_desk(cookie, origin)
        return Refusal(403, "This is for supervisors.")

    def floor_snapshot(self, team: str) -> dict[str, Any]:
        self._maybe_fail()
        return {"agents": [], "sessions": []}

    def authorize_link(self, pbx: str, authorization: str) -> LinkGrant | Refusal:
        self._maybe_fail()
        if not authorization:
            return Refusal(401, "No key.", "https://tandem.test/problems/key")
        if authorization != "Bearer pbx-key":
            return Refusal(403, "This key is not for this PBX.")
        if pbx not in self.commands:
            return Refusal(404, "No such PBX.")
        return LinkGrant(pbx)

    def link_lease(self, pbx: str, connector: str) -> int | None:
        self._maybe_fail()
        holder, epoch = self.leases.get(pbx, ("", 0))
        return epoch if connector == holder else None

    def pending_commands(self, pbx: str) -> Sequence[dict[str, Any]]:
        self._maybe_fail()
        return list(self.commands[pbx])

    def load_document(self, session_id: str) -> StoredDocument:
        self._maybe_fail()
        with self.lock:
            rows = self.documents.get(session_id, [])
            writers = dict(self.writers.get(session_id, {}))
            return StoredDocument([row for _, row in rows], rows[-1][0] if rows else 0, writers)

    def append(self, batch: Mapping[str, Sequence[Change]]) -> Mapping[str, int]:
        assert self.storing.wait(WAIT)
        self._maybe_fail()
        if self.fail_storing > 0:
            self.fail_storing -= 1
            raise OSError("the disk is full")
        answer: dict[str, int] = {}
        with self.lock:
            self.batches.append({session: len(changes) for session, changes in batch.items()})
            for session, changes in batch.items():
                if session in self.gone:
                    continue
                rows = self.documents.get(session, [])
                for change in changes:
                    self.writers.setdefault(session, {}).update(change.writers)
                    if change.update:
                        rows = self.documents.setdefault(session, rows)
                        rows.append((rows[-1][0] + 1 if rows else 1, change.update))
                answer[session] = rows[-1][0] if rows else 0
        return answer

    def compact(
        self, session_id: str, snapshot: bytes, upto: int, writers: Mapping[int, Person]
    ) -> None:
        self._maybe_fail()
        with self.lock:
            self.writers.setdefault(session_id, {}).update(writers)
            later = [row for row in self.documents[session_id] if row[0] > upto]
            self.documents[session_id] = [(upto, snapshot), *later]
            self.compacted.append(session_id)

    def _maybe_fail(self) -> None:
        if self.fail_everything:
            raise OSError("the database is away")


def hello(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Stands for Flask: says what it was asked."""
    body = environ["wsgi.input"].read()
    text = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {len(body)}".encode()
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    start("200 OK", [("Content-Type", "text/plain"), ("X-Forwarded", forwarded)])
    return [text]


class RunningPort:
    """A port on 127.0.0.1 in a thread of its own."""

    def __init__(
        self,
        backend: FakeBackend,
        kind: SocketKind,
        limits: Limits,
        *,
        listen: str = "127.0.0.1:0",
    ) -> None:
        self.backend = backend
        self.limits = limits
        self.hub = create_hub(limits)
        self.port = Port(hello, backend, self.hub, listen, sockets=kind, threads=4)
        host, number = self.port.address
        self.host = f"{host}:{number}"
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="port")

    def _run(self) -> None:
        try:
            self.port.run(lambda host, port: self.ready.set())
        except BaseException as error:
            self.failure = error
            self.ready.set()

    def __enter__(self) -> RunningPort:
        self._thread.start()
        assert self.ready.wait(WAIT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop gracefully and wait for it."""
        self.port.stop()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the port does not stop"
        if self.failure is not None:
            raise self.failure

    @property
    def sync(self) -> str:
        return f"ws://{self.host}/v1/sync"
