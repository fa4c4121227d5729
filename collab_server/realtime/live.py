"""The hub that runs: who may come to the rooms, desks and links here, and who is told what.

Everything here belongs to the event loop's thread but the methods of `hub.Hub`, which hand their
work to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from collab_server.realtime.asking import LATER, Asker
from collab_server.realtime.backend import Refusal
from collab_server.realtime.channels import LinkSocket, PushSocket
from collab_server.realtime.codes import Codes
from collab_server.realtime.desks import Desks
from collab_server.realtime.limits import Limits
from collab_server.realtime.participant import SyncSocket
from collab_server.realtime.rooms import Rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from collab_server.people.teams import Teams
    from collab_server.realtime.backend import Backend, DeskGrant, Role, Sight
    from collab_server.realtime.connection import Handler
    from collab_server.realtime.hub import Present
    from collab_server.realtime.upgrade import Upgrade

T = TypeVar("T")

_GRANT_TRIES = 3
_ANSWER_TIME = 2.0


class _Admission:
    """A handshake under way. Access taken away meanwhile makes it ask again."""

    __slots__ = ("stale",)

    def __init__(self) -> None:
        self.stale = False


class LiveHub:
    """See `hub.Hub`. Before `start` and after `stop` it has nobody connected."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._running = False
        self._backend: Backend
        self._asker = Asker(self.limits)
        self.rooms = Rooms(self.limits, self._asker)
        self._desks = Desks(self.limits)
        self._links: dict[str, list[LinkSocket]] = {}
        self._codes = Codes(self.limits)
        self._admissions: dict[str, set[_Admission]] = {}
        self._refused = 0

    # -- life -------------------------------------------------------------------------------------

    def start(self, backend: Backend) -> None:
        """Begin, on the running event loop."""
        self.loop = asyncio.get_running_loop()
        self._backend = backend
        self._asker.start()
        self.rooms.start(backend)
        self._running = True

    async def stop(self) -> None:
        """Close every socket with 1012 (service restart), store what waits; bounded."""
        self._running = False
        self.rooms.close(1012, "the server restarts")
        for socket in self._push_sockets():
            socket.close(1012, "the server restarts")
        await self.rooms.stop()
        self._asker.stop()

    # -- from any thread (hub.Hub) ----------------------------------------------------------------

    def session_changed(self, session_id: str, views: Mapping[Role, dict[str, Any]]) -> None:
        self._post(self.rooms.session_changed, session_id, views)

    def close_session(self, session_id: str, role: Role | None, uri: str | None, code: int) -> None:
        self._post(self._close_session, session_id, role, uri, code)

    def sights_changed(self, session_id: str, sights: Mapping[tuple[Role, str], Sight]) -> None:
        self._post(self._sights_changed, session_id, sights)

    def desk_push(self, agent_uri: str, message: dict[str, Any]) -> None:
        self._post(self._desks.push, agent_uri, message)

    def open_pages(self, uri: str) -> int:
        return self.rooms.pages(uri)

    def page_push(self, uri: str, message: dict[str, Any]) -> None:
        self._post(self.rooms.page_push, uri, message)

    def desk_close(self, login_id: str) -> None:
        self._post(self._desk_close, login_id)

    def code_used(self, pairing_id: str) -> None:
        self._post(self._codes.tell, (pairing_id,), "bound")

    def codes_over(self, pairing_ids: Iterable[str]) -> None:
        self._post(self._codes.tell, tuple(pairing_ids), "over")

    def desk_logins(self, agent_uri: str) -> set[str]:
        return self._desks.logins(agent_uri)

    def floor_push(
        self,
        message: dict[str, Any],
        teams: Teams | None = None,
        otherwise: dict[str, Any] | None = None,
    ) -> None:
        self._post(self._desks.push_floor, message, teams, otherwise)

    def desk_moved(self, agent_uri: str, team: str) -> None:
        self._post(self._desks.moved, agent_uri, team)

    def floor_renew(self) -> None:
        self._post(self._desks.renew_floors)

    def floor_watched(self) -> bool:
        return self._desks.watched

    def open_desks(self) -> Mapping[str, float]:
        return self._desks.since()

    def link_push(self, pbx: str, commands: Sequence[dict[str, Any]]) -> None:
        self._post(self._link_push, pbx, tuple(commands))

    def link_lease(self, pbx: str, connector: str, epoch: int) -> None:
        self._post(self._link_lease, pbx, connector, epoch)

    def presence(self, session_id: str) -> Sequence[Present]:
        return self.rooms.present(session_id)

    def linked(self, pbx: str) -> bool:
        return bool(self._links.get(pbx))

    def alive(self) -> bool:
        answered = threading.Event()
        self._post(answered.set)
        return answered.wait(_ANSWER_TIME) and self.rooms.journal.running

    def counts(self) -> Mapping[str, int]:
        return {
            "rooms": len(self.rooms),
            "document_bytes": self.rooms.document_bytes,
            "sync_sockets": self.rooms.sockets(),
            "desk_sockets": len(self._desks.sockets()),
            "link_sockets": sum(map(len, tuple(self._links.values()))),
            "unstored_updates": self.rooms.journal.unstored if self._running else 0,
            "refused": self._refused,
        }

    def _post(self, work: Callable[..., None], *args: object) -> None:
        if self._running:
            # RuntimeError: the loop ended a moment ago, so nobody is connected.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(work, *args)

    # -- admission --------------------------------------------------------------------------------

    async def admit(self, upgrade: Upgrade) -> Handler | Refusal:
        """Decide about a web socket before its handshake is answered."""
        if not self._running:
            return LATER
        answer: Handler | Refusal
        if upgrade.kind == "sync":
            answer = await self._admit_sync(upgrade)
        elif upgrade.kind in ("desk", "floor"):
            answer = await self._admit_desk(upgrade)
        elif upgrade.kind == "code":
            answer = await self._admit_code(upgrade)
        else:
            answer = await self._admit_link(upgrade)
        if isinstance(answer, Refusal):
            self._refused += 1
        elif not self._running:
            answer.closed()
            return LATER
        return answer

    async def _admit_sync(self, upgrade: Upgrade) -> SyncSocket | Refusal:
        with self._admission(f"session {upgrade.name}") as admission:
            for _ in range(_GRANT_TRIES):
                admission.stale = False
                grant = await self._asker.ask(
                    lambda: self._backend.authorize_sync(upgrade.name, upgrade.token)
                )
                if isinstance(grant, Refusal):
                    return grant
                if grant.session_id != upgrade.name or grant.expires <= time.time():
                    return Refusal(401, "The token has expired or is for another session.")
                room = await self.rooms.find(grant.session_id)
                if isinstance(room, Refusal):
                    return room
                if admission.stale or room.ended:
                    continue
                if self.rooms.sockets() >= self.limits.sync_sockets:
                    return LATER
                if len(room.sockets) >= self.limits.sockets_in_room or (
                    sum(socket.person == grant.person for socket in room.sockets)
                    >= self.limits.sockets_of_person
                ):
                    return Refusal(429, "This session is open in too many windows.")
                return SyncSocket(room, grant, self.rooms)
        return LATER

    async def _admit_desk(self, upgrade: Upgrade) -> PushSocket | Refusal:
        with self._admission("desks") as admission:
            for _ in range(_GRANT_TRIES):
                admission.stale = False
                floor = upgrade.kind == "floor"
                check = self._backend.authorize_floor if floor else self._backend.authorize_desk
                grant = await self._asker.ask(partial(check, upgrade.cookie, upgrade.origin))
                if isinstance(grant, Refusal):
                    return grant
                if not admission.stale:
                    return self._open_desk(grant, floor=floor)
        return LATER

    def _open_desk(self, grant: DeskGrant, *, floor: bool) -> PushSocket | Refusal:
        backend, kind = self._backend, "floor" if floor else "desk"
        look = partial(backend.desk_snapshot, grant.agent_uri)
        if floor:
            look = partial(backend.floor_snapshot, grant.team)

        async def snapshot() -> list[dict[str, Any]] | None:
            view = await self._asker.ask(look)
            return None if isinstance(view, Refusal) else [{"kind": kind, **view}]

        return self._desks.open(grant, self.loop, snapshot, floor=floor)

    async def _admit_code(self, upgrade: Upgrade) -> PushSocket | Refusal:
        code = upgrade.name
        refused = await self._asker.ask(
            lambda: self._backend.authorize_code(code, upgrade.cookie, upgrade.origin)
        )
        if refused is not None:
            return refused

        async def state() -> list[dict[str, Any]] | None:
            shown = await self._asker.ask(lambda: self._backend.code_state(code))
            return None if isinstance(shown, Refusal) else [shown]

        return self._codes.open(code, self.loop, state)

    async def _admit_link(self, upgrade: Upgrade) -> LinkSocket | Refusal:
        grant = await self._asker.ask(
            lambda: self._backend.authorize_link(upgrade.name, upgrade.authorization)
        )
        if isinstance(grant, Refusal):
            return grant
        pbx = grant.pbx
        links = self._links.setdefault(pbx, [])
        if len(links) >= self.limits.links_of_pbx:
            # The oldest is the likeliest to be dead: a connector that lost its network comes back.
            links[0].close(1001, "another connector has come")
            links = self._links.setdefault(pbx, [])
        if sum(map(len, self._links.values())) >= self.limits.link_sockets:
            return Refusal(429, "Too many links are open.")

        async def pending() -> tuple[int | None, Sequence[dict[str, Any]]] | None:
            lease = await self._asker.ask(lambda: self._backend.link_lease(pbx, upgrade.connector))
            if isinstance(lease, Refusal):
                return None
            if lease is None:
                return None, ()
            commands = await self._asker.ask(lambda: self._backend.pending_commands(pbx))
            return None if isinstance(commands, Refusal) else (lease, commands)

        def gone(_: PushSocket) -> None:
            _drop(self._links, pbx, link)

        link = LinkSocket(self.limits, self.loop, upgrade.connector, pending, gone)
        links.append(link)
        return link

    @contextlib.contextmanager
    def _admission(self, key: str) -> Iterator[_Admission]:
        admission = _Admission()
        self._admissions.setdefault(key, set()).add(admission)
        try:
            yield admission
        finally:
            under_way = self._admissions[key]
            under_way.discard(admission)
            if not under_way:
                del self._admissions[key]

    def _outdate(self, key: str) -> None:
        for admission in self._admissions.get(key, ()):
            admission.stale = True

    # -- on the loop ------------------------------------------------------------------------------

    def _push_sockets(self) -> list[PushSocket]:
        links = [socket for sockets in self._links.values() for socket in sockets]
        return [*self._desks.sockets(), *links, *self._codes.sockets()]

    def _close_session(
        self, session_id: str, role: Role | None, uri: str | None, code: int
    ) -> None:
        self._outdate(f"session {session_id}")
        self.rooms.close_session(session_id, role, uri, code)

    def _sights_changed(self, session_id: str, sights: Mapping[tuple[Role, str], Sight]) -> None:
        self._outdate(f"session {session_id}")
        self.rooms.sights_changed(session_id, sights)

    def _desk_close(self, login_id: str) -> None:
        self._outdate("desks")
        self._desks.sign_out(login_id)

    def _link_push(self, pbx: str, commands: Sequence[dict[str, Any]]) -> None:
        for socket in list(self._links.get(pbx, ())):
            for command in commands:
                socket.push(command)

    def _link_lease(self, pbx: str, connector: str, epoch: int) -> None:
        for socket in list(self._links.get(pbx, ())):
            socket.leased(epoch if socket.connector == connector else None)


def _drop(table: dict[str, list[T]], key: str, item: T) -> None:
    """Take an item out of a list of the table, and the list with its last item."""
    items = table.get(key, [])
    if item in items:
        items.remove(item)
    if not items:
        table.pop(key, None)
