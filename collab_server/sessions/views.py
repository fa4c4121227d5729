"""A session as others see it: the API's JSON, and the view on the pages of its two sides."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from collab_server import screen_pop
from collab_server.db.calls import Call, CallAlias
from collab_server.db.invitations import Invitation
from collab_server.db.sessions import CollabSession, Participant
from collab_server.explain import split
from collab_server.people import names
from collab_server.placed.shown import PlacedViews
from collab_server.sessions.roles import May, Who, allows
from collab_server.times import iso, iso_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from collab_server.db.invitations import Attempt
    from collab_server.realtime.hub import Present
    from collab_server.services import Services
    from collab_server.sessions.links import Role

_WHO = {"user": Who.USER, "agent": Who.AGENT, "supervisor": Who.READING}
NOBODY: dict[str, Any] = {"connected": False, "since": None, "joined": False}


class Views:
    """Shows sessions, whose participants and calls it reads in one go."""

    def __init__(
        self,
        services: Services,
        db: Session,
        sessions: Sequence[CollabSession],
        people: Mapping[str, list[Participant]] | None = None,
    ) -> None:
        """`people`: participants that have been read already, by session."""
        self._services = services
        self._db = db
        self._sessions = sessions
        self._names: dict[str, str] | None = None
        self._people: dict[str, list[Participant]] = defaultdict(list)
        self._calls: dict[int, Call] = {}
        known = people or {}
        self._people |= {s.id: list(known[s.id]) for s in sessions if s.id in known}
        ids = [session.id for session in sessions if session.id not in known]
        if ids:
            for person in db.scalars(select(Participant).where(Participant.session_id.in_(ids))):
                self._people[person.session_id].append(person)
        calls = {session.call for session in sessions if session.call is not None}
        if len(calls) == 1:
            only = db.get(Call, next(iter(calls)))  # most often read already
            self._calls = {only.id: only} if only else {}
        elif calls:
            for call in db.scalars(select(Call).where(Call.id.in_(calls))):
                self._calls[call.id] = call
        self._placed = PlacedViews(db, self._calls.values())
        self._links: dict[int, Invitation] | None = None
        self._aliases: dict[int, list[str]] = defaultdict(list)

    def _open_links(self) -> dict[int, Invitation]:
        """The open join link of each participant, and the calls' aliases, when first asked for."""
        if self._links is None:
            open_links = (
                select(Invitation)
                .where(
                    Invitation.session_id.in_(list(self._people)),
                    Invitation.used.is_(None),
                    Invitation.revoked.is_(None),
                    Invitation.expires > self._services.clock(),
                )
                .order_by(Invitation.created)
            )
            self._links = {link.participant: link for link in self._db.scalars(open_links)}
            named = select(CallAlias).where(CallAlias.call.in_(self._calls))
            for row in self._db.scalars(named.order_by(CallAlias.n, CallAlias.alias)):
                self._aliases[row.call].append(row.alias)
        return self._links

    def _party(self, uri: str) -> dict[str, Any]:
        """An agent, a supervisor: with the name they have, read of all when first asked for."""
        if self._names is None:
            uris = {uri for one in self._sessions for uri in (one.agent_uri, one.agreed)}
            uris |= {p.uri for some in self._people.values() for p in some if p.role != "user"}
            self._names = names.of_agents(self._db, uris)
        return names.party(uri, self._names)

    def participant(self, session: CollabSession, role: Role) -> Participant | None:
        """Who holds a role in a session now."""
        uri = session.user_uri if role == "user" else session.agent_uri
        return next((p for p in self._people[session.id] if p.role == role and p.uri == uri), None)

    def agents(self, session: CollabSession) -> list[str]:
        """The URIs of everybody who is or was the session's agent."""
        return [p.uri for p in self._people[session.id] if p.role == "agent"]

    def view(self, session: CollabSession, role: Role) -> dict[str, Any]:
        """The session as the page of this role shows it."""
        user = self.participant(session, "user")
        agent = self.participant(session, "agent")
        present = self._services.hub.presence(session.id)
        shown: dict[str, Any] = {
            "id": session.id,
            "state": session.state,
            "reason": session.reason,
            "type": session.type,
            "initiator": session.initiator,
            "user": {"uri": session.user_uri},
            "agent": self._party(session.agent_uri) if session.agent_uri else None,
            "queue": session.queue,
            "position": session.position,
            "held": session.held,
            "created": iso(session.created),
            "since": iso(session.since),
            "ended": iso_or_none(session.ended),
            "presence": {
                "user": _presence(user, present),
                "agent": _presence(agent, present),
            },
            "word": self._services.signer.word(session.id),
            "brand": {"name": self._services.brand},
            "panels": list(session.panels),
            "consent": {
                "state": session.consent,
                "since": iso_or_none(session.consent_since),
                "before": self._party(session.agreed) if session.agreed else None,
            },
            "supervisors": self._supervisors(session, role, present),
        }
        call = self._calls.get(session.call) if session.call is not None else None
        shown["placed"] = self._placed.view(session, call)
        if (name := self._placed.name(session)) is not None:
            shown["user"]["name"] = name
        if allows(_WHO[role], May.READ_NOTE):
            if session.label is not None:  # not for the user: the browser may be a stranger's
                shown["user"]["label"] = session.label
            shown["call"] = {"pbx": call.pbx, "id": call.call_id} if call else None
            shown["invitation"] = {"user": _invitation(user), "agent": _invitation(agent)}
            shown["wrap_up"] = wrap_up(session)
            template = self._services.settings.server.screen_pop
            shown["screen_pop"] = screen_pop.fill(template, session) if template else None
            shown["held_since"] = iso_or_none(session.held_since)
            shown["whispers"] = session.whispers
        return shown

    def _supervisors(
        self, session: CollabSession, role: Role, present: Iterable[Present]
    ) -> list[dict[str, Any]]:
        here = {p.uri for p in present if p.role == "supervisor"}
        places = [p for p in self._people[session.id] if p.role == "supervisor" and p.uri in here]
        if role == "user" and self._services.settings.server.disclose == "joined":
            places = [place for place in places if place.joined is not None]
        return [self._party(p.uri) | {"joined": p.joined is not None} for p in places]

    def document(
        self,
        session: CollabSession,
        links: Iterable[Role] = ("user", "agent"),
        *,
        attributes: bool = True,
    ) -> dict[str, Any]:
        """The session as the API's contract has it; join URLs only of the roles in `links`.

        `attributes` are a client's own notes (a CRM's), empty for whom they are not meant.
        """
        roles = set(links)
        found = self._open_links()
        call = self._calls.get(session.call) if session.call is not None else None
        agent = None
        if session.agent_uri:
            link = self._join_url(session, "agent", roles, found)
            agent = {"uri": session.agent_uri, "join_url": link}
        return {
            "id": session.id,
            "state": session.state,
            "reason": session.reason,
            "type": session.type,
            "initiator": session.initiator,
            "user": {
                "uri": session.user_uri,
                "join_url": self._join_url(session, "user", roles, found),
            },
            "agent": agent,
            "call": {"pbx": call.pbx, "id": call.call_id, "aliases": self._aliases[call.id]}
            if call
            else None,
            "created": iso(session.created),
            "attributes": session.attributes if attributes else {},
        }

    def _join_url(
        self,
        session: CollabSession,
        role: Role,
        roles: set[Role],
        links: Mapping[int, Invitation],
    ) -> str | None:
        person = self.participant(session, role)
        link = links.get(person.id) if person is not None and role in roles else None
        return join_url(self._services, link) if link else None


def join_url(services: Services, link: Invitation, attempt: Attempt | None = None) -> str:
    """The address that exchanges a join link; one that `attempt` carries says so."""
    role: Role = "user" if link.role == "user" else "agent"
    by = attempt.n if attempt is not None else None
    token = services.signer.join_token(link.id, link.session_id, role, link.uri, by)
    return f"{services.settings.url}/join#{token}"


def wrap_up(session: CollabSession) -> dict[str, Any] | None:
    """What the agent wrote down about the session; None: nothing yet."""
    if session.note is None and session.outcome is None and session.done is None:
        return None
    return {
        "note": session.note or "",
        "outcome": session.outcome or "",
        "done": session.done is not None,
    }


def _presence(person: Participant | None, present: Iterable[Present]) -> dict[str, Any]:
    if person is None:
        return dict(NOBODY)
    here = next((p for p in present if p.role == person.role and p.uri == person.uri), None)
    return {
        "connected": here is not None,
        "since": iso(here.since) if here else iso_or_none(person.left),
        "joined": person.joined is not None,
    }


def _invitation(person: Participant | None) -> dict[str, Any]:
    if person is None:
        return {"state": "none", "code": "", "detail": "", "ways": []}
    code, sentence = split(person.detail)
    return {
        "state": person.invitation,
        "code": code,
        "detail": sentence,
        "ways": person.ways,
    }
