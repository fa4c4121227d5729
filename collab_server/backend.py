"""What the web sockets ask of the server (`collab_server.realtime.backend.Backend`)."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select

from collab_server.calls import leases
from collab_server.commands import wire
from collab_server.db.calls import Call, Command
from collab_server.db.documents import DocumentUpdate, DocumentWriter
from collab_server.db.pairing import Pairing
from collab_server.db.sessions import CollabSession, Participant
from collab_server.floor import board
from collab_server.http import auth, cookies
from collab_server.http.keys import Keys
from collab_server.pairing import codes
from collab_server.people import agents, desk, names, teams
from collab_server.placed import leaving
from collab_server.problems import TYPE_PREFIX, Forbidden, Gone
from collab_server.realtime.backend import (
    DeskGrant,
    LinkGrant,
    Person,
    Refusal,
    StoredDocument,
    SyncGrant,
)
from collab_server.sessions import access, agreement
from collab_server.sessions.history import trace
from collab_server.sessions.links import SYNC_SECONDS, ExpiredLinkError, LinkError, hashed
from collab_server.sessions.roles import May
from collab_server.sessions.views import Views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collab_server.db.engine import Work
    from collab_server.realtime.backend import Change, Role
    from collab_server.services import Services

MAX_COMMANDS = 1_000
"""Commands handed to a connector at its connect."""
MAX_COOKIE = 8_192


class DatabaseBackend:
    """Answers out of the database; every method may be called from any thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keys = Keys(services.settings)

    def authorize_sync(self, session_id: str, token: str) -> SyncGrant | Refusal:
        """Check the sync token of a participant, and that their time in the session is not over."""
        try:
            read = self._services.signer.read_sync(token)
        except ExpiredLinkError:
            return _refusal(401, "the token has expired: fetch a new one", "unauthorized")
        except LinkError:
            return _refusal(401, "no token of this server", "unauthorized")
        if read.session_id != session_id:
            return _refusal(403, "the token is for another session", "forbidden")
        with self._services.database.read() as db:
            session = db.get(CollabSession, session_id)
            guest = db.get(Participant, read.participant)
            if session is None or guest is None:
                return _refusal(410, "the session is no longer kept", "gone")
            try:
                access.check_open(session, guest, self._services.clock())
            except Gone as gone:
                revoked = gone.members.get("why") == "revoked"
                return _refusal(409 if revoked else 410, gone.detail, "gone")
            except Forbidden as forbidden:
                return _refusal(403, forbidden.detail, "forbidden")
            if read.role == "supervisor" and not teams.may_supervise(db, guest.uri, session):
                return _refusal(403, "this is for supervisors of the agent's team", "forbidden")
            if read.role == "agent" and not agents.may_serve(db, guest):
                return _refusal(403, "the agent's account is switched off or gone", "forbidden")
            called = names.of_writers(db, session_id, [(read.role, guest.uri)])
            person = Person(read.role, guest.uri, called[read.role, guest.uri])
            sight = agreement.sight_of(session, guest)
            return SyncGrant(session_id, person, read.issued + SYNC_SECONDS, sight)

    def sync_view(self, session_id: str, role: Role) -> dict[str, Any]:
        """Give the session as this role sees it; empty when it is gone."""
        with self._services.database.read() as db:
            session = db.get(CollabSession, session_id)
            if session is None:
                return {}
            return Views(self._services, db, [session]).view(session, role)

    def connected(self, session_id: str, role: Role, uri: str) -> None:
        """Note that a participant's first socket has opened."""
        self._note(session_id, role, uri, here=True)

    def disconnected(self, session_id: str, role: Role, uri: str) -> None:
        """Note that a participant's last socket has closed."""
        self._note(session_id, role, uri, here=False)

    def _note(self, session_id: str, role: Role, uri: str, *, here: bool) -> None:
        with self._services.write() as work:
            session = work.db.get(CollabSession, session_id)
            if session is None:
                return
            guest = work.db.scalar(
                select(Participant).where(
                    Participant.session_id == session_id,
                    Participant.role == role,
                    Participant.uri == uri,
                )
            )
            if guest is not None:
                guest.left = None if here else work.now
            call = work.db.get(Call, session.call) if session.call is not None else None
            trace(work, call, "browser", f"{role} {uri} {'connected' if here else 'disconnected'}")
            if role == "user":
                leaving.page(self._services, work, session, call)
            work.touch(session_id)

    def authorize_desk(self, cookie: str, origin: str | None) -> DeskGrant | Refusal:
        """Check the desk's cookie, and that the page is one of ours."""
        return self._authorize_desk(cookie, origin)

    def authorize_floor(self, cookie: str, origin: str | None) -> DeskGrant | Refusal:
        """Check the same, and that it is a supervisor's."""
        return self._authorize_desk(cookie, origin, May.SEE_FLOOR)

    def _authorize_desk(
        self, cookie: str, origin: str | None, to: May | None = None
    ) -> DeskGrant | Refusal:
        settings = self._services.settings
        if origin != settings.url:
            return _refusal(403, f"this server is reached as {settings.url}", "csrf")
        value = _cookie(cookie, cookies.desk_name(settings))
        with self._services.database.read() as db:
            who = auth.desk_of(self._services, db, value) if value else None
        if who is None:
            return _refusal(401, "log in first", "unauthorized")
        if to is not None and not auth.at_desk_may(who, to):
            return _refusal(403, "this is for supervisors", "forbidden")
        self._services.watch_login(who.login_id, who.uri)
        return DeskGrant(who.uri, who.login_id, who.team)

    def desk_snapshot(self, agent_uri: str) -> dict[str, Any]:
        """Give the desk, as ``GET /v1/desk`` does."""
        with self._services.database.read() as db:
            return desk.of_uri(self._services, db, agent_uri)

    def floor_snapshot(self, team: str) -> dict[str, Any]:
        """Give the floor, as ``GET /v1/floor`` does."""
        with self._services.database.read() as db:
            return board.snapshot(self._services, db, team)

    def authorize_code(self, pairing_id: str, cookie: str, origin: str | None) -> Refusal | None:
        """Check that a page of ours, in the browser that shows this pairing code, asks."""
        settings = self._services.settings
        if origin != settings.url:
            return _refusal(403, f"this server is reached as {settings.url}", "csrf")
        browser = hashed(_cookie(cookie, cookies.pairing_name(settings)))
        with self._services.database.read() as db:
            row = db.get(Pairing, pairing_id)
        if row is None or row.browser != browser:
            return _refusal(404, "this browser shows no such code", "not-found")
        return None

    def code_state(self, pairing_id: str) -> dict[str, Any]:
        """Give what became of a pairing code."""
        with self._services.database.read() as db:
            row = db.get(Pairing, pairing_id)
        now = self._services.clock()
        state = codes.state_of(row, now)
        if row is None or state != "open":
            return {"state": state}
        return {"state": state, "seconds": row.expires - now}

    def authorize_link(self, pbx: str, authorization: str) -> LinkGrant | Refusal:
        """Check the key of a connector."""
        client = self._keys.of_header(authorization)
        if client is None:
            return _refusal(
                401, "show the key of this PBX: Authorization: Bearer …", "unauthorized"
            )
        if (client.kind, client.name) != ("pbx", pbx):
            return _refusal(403, "this key is not for this PBX", "forbidden")
        return LinkGrant(pbx)

    def link_lease(self, pbx: str, connector: str) -> int | None:
        """Give the epoch of the lease if this connector may be handed commands."""
        with self._services.database.read() as db:
            return leases.of_link(db, pbx, connector, self._services.clock())

    def pending_commands(self, pbx: str) -> Sequence[dict[str, Any]]:
        """Give the commands of this PBX that have no result yet, oldest first.

        Of one moment, those for calls come first, as `placed.ends` asks for them: a placeholder is
        hung up before its agent is paused no longer.
        """
        with self._services.database.read() as db:
            found = db.scalars(
                select(Command)
                .where(
                    Command.pbx == pbx,
                    Command.status == "open",
                    Command.expires > self._services.clock(),
                )
                .order_by(Command.created, Command.call.nulls_last(), Command.id)
                .limit(MAX_COMMANDS)
            )
            return [wire(command, self._services.clock()) for command in found]

    def load_document(self, session_id: str) -> StoredDocument:
        """Give everything stored of a document."""
        with self._services.database.read() as db:
            rows = db.execute(
                select(DocumentUpdate.n, DocumentUpdate.data)
                .where(DocumentUpdate.session_id == session_id)
                .order_by(DocumentUpdate.n)
            ).all()
            writers = db.execute(
                select(DocumentWriter.client, Participant.role, Participant.uri)
                .join(Participant, Participant.id == DocumentWriter.participant)
                .where(DocumentWriter.session_id == session_id)
            ).all()
            called = names.of_writers(db, session_id, [(row.role, row.uri) for row in writers])
        return StoredDocument(
            tuple(row.data for row in rows),
            rows[-1].n if rows else 0,
            {row.client: Person(row.role, row.uri, called[row.role, row.uri]) for row in writers},
        )

    def append(self, batch: Mapping[str, Sequence[Change]]) -> Mapping[str, int]:
        """Store changes of several documents in one transaction."""
        if not batch:
            return {}
        with self._services.database.write() as work:
            kept = set(work.db.scalars(select(CollabSession.id).where(CollabSession.id.in_(batch))))
            last = _last_numbers(work, kept)
            rows = []
            for session_id in kept:
                for change in batch[session_id]:
                    _own(work, session_id, change.writers)
                    if change.update:
                        last[session_id] = last.get(session_id, 0) + 1
                        rows.append(
                            {"session_id": session_id, "n": last[session_id], "data": change.update}
                        )
            if rows:
                work.db.execute(DocumentUpdate.__table__.insert(), rows)  # type: ignore[attr-defined]
        return {session_id: last.get(session_id, 0) for session_id in kept}

    def compact(
        self, session_id: str, snapshot: bytes, upto: int, writers: Mapping[int, Person]
    ) -> None:
        """Replace the updates numbered up to and including `upto` by `snapshot`."""
        with self._services.database.write() as work:
            if work.db.get(CollabSession, session_id) is None:
                return
            _own(work, session_id, writers)
            work.db.execute(
                delete(DocumentUpdate).where(
                    DocumentUpdate.session_id == session_id, DocumentUpdate.n <= upto
                )
            )
            work.db.add(DocumentUpdate(session_id=session_id, n=upto, data=snapshot))


def _own(work: Work, session_id: str, writers: Mapping[int, Person]) -> None:
    """Store whose clients of a document are; the first owner stays."""
    for client, person in writers.items():
        if work.db.get(DocumentWriter, (session_id, client)) is None:
            owner = select(Participant.id).where(
                Participant.session_id == session_id,
                Participant.role == person.role,
                Participant.uri == person.uri,
            )
            work.db.add(
                DocumentWriter(
                    session_id=session_id, client=client, participant=work.db.scalars(owner).one()
                )
            )


def _last_numbers(work: Work, session_ids: set[str]) -> dict[str, int]:
    rows = work.db.execute(
        select(DocumentUpdate.session_id, func.max(DocumentUpdate.n))
        .where(DocumentUpdate.session_id.in_(session_ids))
        .group_by(DocumentUpdate.session_id)
    )
    return {session_id: int(n) for session_id, n in rows}


def _cookie(header: str, name: str) -> str:
    if len(header) > MAX_COOKIE:
        return ""
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def _refusal(status: int, detail: str, problem: str) -> Refusal:
    return Refusal(status, detail, TYPE_PREFIX + problem)
