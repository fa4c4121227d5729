"""Invitations: making join links, exchanging them once, taking them back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from collab_server import commands
from collab_server.db.calls import Call
from collab_server.db.invitations import Attempt, Grant, Invitation
from collab_server.db.people import Agent
from collab_server.db.sessions import CollabSession, Participant
from collab_server.invite import attempts, holding
from collab_server.pairing import codes
from collab_server.problems import Gone, LinkInvalid
from collab_server.sessions.history import record, trace
from collab_server.sessions.links import LinkError, digest, hashed
from collab_server.sessions.places import place, places, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services
    from collab_server.sessions.links import Role


def invite(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    role: Role,
    *,
    asked_by: str = "",
    names: Sequence[str] = (),
) -> Invitation:
    """Make a new join link for a role, which ends the one before.

    The agent's desk learns of the session by itself. The user's link goes by the ways in `names`,
    one after the other until it is opened (`collab_server.invite.attempts`); `asked_by` is who
    wants that.
    """
    uri = session.user_uri if role == "user" else session.agent_uri
    if uri is None:
        raise ValueError("a session without an agent has no agent to invite")
    guest = take(work, session, role, uri)
    if guest.invitation != "none":
        _withdraw(services, work, [guest], "replaced")
    link = Invitation(
        id=secrets.token_hex(8),
        session_id=session.id,
        participant=guest.id,
        role=role,
        uri=uri,
        created=work.now,
        expires=work.now + services.settings.server.invite.link,
    )
    work.db.add(link)
    work.touch(session.id)
    record(work, session, "invited", f"link for the {role}", new=uri)
    trace(work, call, "invitation", f"join link made for the {role} {uri}")
    guest.invitation, guest.detail = "pending", ""
    if role == "agent":
        _say_who_hears(work, call, guest)
        return link
    if names:
        work.db.flush()  # the rows of attempts name it
    attempts.plan(services, work, session, call, guest, link, asked_by=asked_by, names=names)
    if names and not any(shown["state"] != "none" for shown in guest.ways):
        guest.detail = str(services.ways["message"].unfit(uri, call) or "")
    return link


def by_itself(services: Services, session: CollabSession) -> tuple[str, ...]:
    """The ways a user is invited by when nobody chooses one.

    An address that came with a call may be anybody's: by itself nothing goes there but down the
    call's own leg, which is the caller's whatever they said, unless the administrator wants more.
    """
    settings = services.settings.server.invite
    if settings.automatic or session.given != "call":
        return settings.tried()
    return tuple(name for name in settings.tried() if services.ways[name].own_leg)


def _say_who_hears(work: Work, call: Call | None, guest: Participant) -> None:
    known = work.db.scalar(select(Agent.id).where(Agent.uri == guest.uri).limit(1))
    if known is None:
        guest.detail = f"nobody may log in at the desk as {guest.uri}"
        trace(
            work,
            call,
            "invitation",
            f"{guest.detail}: tandem-server agent add NAME --uri {guest.uri}",
        )


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a browser that exchanged a join link has now."""

    session: CollabSession
    guest: Participant
    cookie: str
    word: str | None
    """It is held until the agent has confirmed this word; None: it is in."""


def exchange(services: Services, work: Work, token: str, seen: str | None) -> Exchanged:
    """Exchange a join link for a cookie; `seen` is the agent the page named, if it says.

    Raises LinkInvalid and Gone.
    """
    link, session, guest, attempt = look(services, work.db, token)
    cookie = secrets.token_urlsafe(32)
    link.used = work.now
    grant = Grant(
        token=hashed(cookie), participant=guest.id, created=work.now, held=None, seen=seen
    )
    work.db.add(grant)
    word = holding.word_if_held(services, work, session, grant, attempt)
    if guest.role == "user":
        attempts.arrived(work, guest, attempt, "confirm" if word else "joined", word or "")
        commands.drop_of(services, work, [guest.id], ("message",), "they are in")
    return Exchanged(session, guest, cookie, word)


def look(
    services: Services, db: Session, token: str
) -> tuple[Invitation, CollabSession, Participant, Attempt | None]:
    """Read a join link that may still be exchanged. Raises LinkInvalid and Gone."""
    try:
        read = services.signer.read_join(token)
    except LinkError:
        raise LinkInvalid("the join link is incomplete or was not made by this server") from None
    link = db.get(Invitation, read.invitation)
    if link is None:
        raise Gone("the session of this link is no longer kept", why="ended")
    if (link.session_id, link.role, digest(link.uri)) != (
        read.session_id,
        read.role,
        read.uri_digest,
    ):
        raise LinkInvalid("the join link does not fit its invitation")
    session = db.get_one(CollabSession, link.session_id)
    if link.used is not None:
        raise Gone("this link was opened already; a link opens one browser", why="used")
    if session.state == "ended":
        raise Gone("the session of this link has ended", why="ended")
    if link.revoked is not None and link.why == "transfer":
        raise Gone("the call went to another agent", why="revoked")
    if link.revoked is not None:
        raise Gone("a newer link took the place of this one", why="revoked")
    attempt = None
    if read.attempt is not None:
        carried = (Attempt.invitation == link.id, Attempt.n == read.attempt)
        attempt = db.scalars(select(Attempt).where(*carried)).one()
    expires = attempt.expires if attempt is not None else link.expires
    if min(expires, link.expires) <= services.clock():
        raise Gone("this link is too old", why="expired")
    return link, session, db.get_one(Participant, link.participant), attempt


def _withdraw(services: Services, work: Work, guests: Sequence[Participant], why: str) -> None:
    """End the open links of participants, and the messages that would carry them."""
    ids = [guest.id for guest in guests]
    work.db.flush()
    # Nobody reads these rows again in this transaction, but to ask the database for them.
    unseen = {"synchronize_session": False}
    work.db.execute(
        update(Invitation)
        .where(
            Invitation.participant.in_(ids),
            Invitation.used.is_(None),
            Invitation.revoked.is_(None),
        )
        .values(revoked=work.now, why=why),
        execution_options=unseen,
    )
    kinds = ("message", "dial") if why == "ended" else ("message",)
    commands.drop_of(services, work, ids, kinds, why)
    attempts.drop(work, guests)
    if any(guest.invitation == "confirm" for guest in guests):
        holding.let_nobody_in(work, ids)


def revoke(
    services: Services, work: Work, session: CollabSession, call: Call | None, uri: str
) -> None:
    """Take a session away from an agent: links, cookies, open sockets (4409)."""
    guest = place(work, session, "agent", uri)
    if guest is None:
        return
    guest.revoked = work.now
    guest.invitation, guest.detail = "revoked", ""
    _withdraw(services, work, [guest], "transfer")
    record(work, session, "revoked", "transfer", old=uri)
    trace(work, call, "invitation", f"access of {uri} revoked")
    session_id = session.id
    work.after_commit(lambda: services.hub.close_session(session_id, "agent", uri, 4409))


def replace_user(
    services: Services, work: Work, session: CollabSession, call: Call | None, uri: str
) -> Participant:
    """Make `uri` the session's user; whoever had the place is out of it: links, cookies, sockets.

    No link is made: the new one comes in another way.
    """
    old, session.user_uri = session.user_uri, uri
    former = place(work, session, "user", old)
    if former is not None:
        _withdraw(services, work, [former], "replaced")  # it looks at how the invitation stood
        former.revoked = work.now
        former.invitation, former.detail = "revoked", "another browser is the user's now"
        session_id = session.id
        work.after_commit(lambda: services.hub.close_session(session_id, "user", old, 4409))
    made = take(work, session, "user", uri)
    made.invitation = "pending"
    work.touch(session.id, everyone=True)
    trace(work, call, "invitation", f"the user is {uri}; the call said {old}")
    return made


def withdraw_spare(services: Services, work: Work, session: CollabSession) -> None:
    """End the user's unopened link, and pairing codes that were told, once they are in: whoever was
    given one, to read it out, may be nobody now whom the user has agreed to."""
    guest = place(work, session, "user", session.user_uri)
    if guest is not None and guest.joined is not None:
        _withdraw(services, work, [guest], "replaced")
        codes.withdraw_told(work, session)


def withdraw_all(services: Services, work: Work, session: CollabSession) -> None:
    """End every open link of a session that has ended."""
    guests = places(work, session)
    _withdraw(services, work, guests, "ended")
    for guest in guests:
        if guest.invitation in ("pending", "sent", "opened", "confirm", "unknown"):
            guest.invitation, guest.detail = "revoked", "the session ended"
