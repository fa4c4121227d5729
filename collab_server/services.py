"""What the parts of the server share, made once by the application factory and passed in."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collab_server.brand.kept import Brands
from collab_server.counted import Counted
from collab_server.db.engine import Database, Work
from collab_server.invite import registry
from collab_server.pairing.limits import Refusals
from collab_server.people import standing
from collab_server.placed.lines import Lines
from collab_server.sessions.links import Signer
from collab_server.sessions.pushes import prepare
from collab_server.times import Alarm, Clock, system_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_server.invite.ways import Ways
    from collab_server.realtime.hub import Hub
    from collab_server.settings import Settings

MAX_WATCHED = 10_000
"""Desks open at once that are told who waits, and are closed when their agent is removed."""


@dataclass
class Services:
    """Settings, database, web sockets, clock and signer of one server."""

    settings: Settings
    database: Database
    hub: Hub
    clock: Clock = system_clock
    brands: Brands = field(init=False)
    signer: Signer = field(init=False)
    ways: Ways = field(init=False)
    alarm: Alarm = field(default_factory=Alarm)
    lines: Lines = field(default_factory=Lines)
    refusals: Refusals = field(default_factory=Refusals)
    counted: Counted = field(default_factory=Counted)
    post: Alarm = field(default_factory=Alarm)
    """Wakes whoever sends invitations (`collab_server.invite.courier`)."""

    _logins: dict[str, str] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self.signer = Signer(self.settings.secret, self.clock)
        self.brands = Brands(self.database, self.clock)
        self.ways = registry.build(self.settings.server.invite)

    @property
    def brand(self) -> str:
        """The name of the business."""
        return self.brands.now().name

    @contextmanager
    def write(self) -> Iterator[Work]:
        """A transaction that may change sessions; who watches them is told after its commit."""
        with self.database.write() as work:
            yield work
            work.flush()
            prepare(self, work)
            standing.prepare(self, work)
            if counts := work.counts:
                work.after_commit(lambda: self.counted.add(counts))

    def watch_login(self, login_id: str, agent_uri: str) -> None:
        """Note that a desk's web socket opened, which must close when its log-in is over."""
        with self._lock:
            self._logins[login_id] = agent_uri
            while len(self._logins) > MAX_WATCHED:
                del self._logins[next(iter(self._logins))]

    def watched_logins(self) -> dict[str, str]:
        """Log-ins whose desk has, or had, a web socket, with the agent's URI."""
        with self._lock:
            return dict(self._logins)

    def forget_login(self, login_id: str) -> None:
        """Its web sockets are closed."""
        with self._lock:
            self._logins.pop(login_id, None)
