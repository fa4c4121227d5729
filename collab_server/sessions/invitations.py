"""Invitations: making join links, sending them, exchanging them once, taking them back."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from collab_server import commands
from collab_server.db.models import (
    Agent,
    Call,
    CollabSession,
    Command,
    Grant,
    Invitation,
    Participant,
)
from collab_server.problems import Gone, LinkInvalid
from collab_server.sessions.history import record, trace
from collab_server.sessions.links import LinkError, digest, hashed
from collab_server.sessions.places import place, places, take
from collab_server.sessions.views import join_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.services import Services
    from collab_server.sessions.links import Role

LINK_SECONDS = 24 * 3600
"""How long a join link may be opened, if nothing revokes it before."""
MESSAGE_SECONDS = 300
"""How long a message to a terminal is worth sending."""
MAX_TEXT = 700
"""Bytes of a message: a line of AMI holds 1,022, and base64 makes four bytes of three."""


def invite(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    role: Role,
    *,
    send: bool = True,
) -> Invitation:
    """Make a new join link for a role, which ends the one before, and send it where that can be.

    The agent's desk learns of the session by itself. The user's link goes to their terminal as a
    message through the PBX of the call, if there is one and `send` says so.
    """
    uri = session.user_uri if role == "user" else session.agent_uri
    if uri is None:
        raise ValueError("a session without an agent has no agent to invite")
    guest = take(work, session, role, uri)
    if guest.invitation != "none":
        _withdraw(work, [guest], "replaced")
    link = Invitation(
        id=secrets.token_hex(8),
        session_id=session.id,
        participant=guest.id,
        role=role,
        uri=uri,
        created=work.now,
        expires=work.now + LINK_SECONDS,
    )
    work.db.add(link)
    work.touch(session.id)
    record(work, session, "invited", f"link for the {role}", new=uri)
    trace(work, call, "invitation", f"join link made for the {role} {uri}")
    guest.invitation, guest.detail = "pending", ""
    if role == "agent":
        _say_who_hears(work, call, guest)
    elif call is not None and send:
        _send(services, work, session, call, guest, link)
    elif send:
        guest.detail = "there is no call to send the link through"
    return link


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


def _send(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call,
    guest: Participant,
    link: Invitation,
) -> None:
    commands.ask(
        services,
        work,
        id=f"{session.id}-{link.id}",
        kind="message",
        pbx=call.pbx,
        args={
            "text": message(services, link),
            "content_type": "text/plain",
            "to": guest.uri,
        },
        seconds=MESSAGE_SECONDS,
        call=call,
        participant=guest,
    )
    trace(work, call, "invitation", f"message to {guest.uri} asked of PBX {call.pbx}")


def message(services: Services, link: Invitation) -> str:
    """The text that goes to a terminal. Raises ValueError when it would not fit."""
    text = f"{services.brand}: open this page to go on together with your agent\n"
    text += join_url(services, link)
    if len(text.encode()) > MAX_TEXT:
        raise ValueError(f"a message of {len(text.encode())} bytes does not fit, {MAX_TEXT} do")
    return text


def exchange(services: Services, work: Work, token: str) -> tuple[CollabSession, Participant, str]:
    """Exchange a join link for a cookie. Raises LinkInvalid and Gone.

    Gives the session, the participant and the cookie's value.
    """
    link, session, guest = look(services, work.db, token)
    cookie = secrets.token_urlsafe(32)
    link.used = work.now
    work.db.add(Grant(token=hashed(cookie), participant=guest.id, created=work.now))
    return session, guest, cookie


def look(
    services: Services, db: Session, token: str
) -> tuple[Invitation, CollabSession, Participant]:
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
    if link.expires <= services.clock():
        raise Gone("this link is too old", why="expired")
    return link, session, db.get_one(Participant, link.participant)


def _withdraw(work: Work, guests: Sequence[Participant], why: str) -> None:
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
    work.db.execute(
        update(Command)
        .where(Command.participant.in_(ids), Command.status == "open")
        .values(status="dropped", finished=work.now, detail=why, args={}),
        execution_options=unseen,
    )


def revoke(
    services: Services, work: Work, session: CollabSession, call: Call | None, uri: str
) -> None:
    """Take a session away from an agent: links, cookies, open sockets (4409)."""
    guest = place(work, session, "agent", uri)
    if guest is None:
        return
    guest.revoked = work.now
    guest.invitation, guest.detail = "revoked", ""
    _withdraw(work, [guest], "transfer")
    record(work, session, "revoked", "transfer", old=uri)
    trace(work, call, "invitation", f"access of {uri} revoked")
    session_id = session.id
    work.after_commit(lambda: services.hub.close_session(session_id, "agent", uri, 4409))


def withdraw_all(work: Work, session: CollabSession) -> None:
    """End every open link of a session that has ended."""
    guests = places(work, session)
    _withdraw(work, guests, "ended")
    for guest in guests:
        if guest.invitation in ("pending", "sent", "unknown"):
            guest.invitation, guest.detail = "revoked", "the session ended"


def settle(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """Note what became of a message (`collab_server.commands.Settle`)."""
    guest = work.db.get(Participant, command.participant) if command.participant else None
    call = work.db.get(Call, command.call) if command.call else None
    if command.status == "expired":
        if guest is not None and guest.invitation == "pending":
            guest.invitation, guest.detail = "failed", command.detail
            work.touch(guest.session_id)
        trace(work, call, "message", f"message given up: {command.detail}")
        return
    said = {"done": "sent", "failed": "failed", "unknown": "unknown"}[command.status]
    if guest is None:
        return
    text = f"message to {guest.uri}: {said}" + (f" ({command.detail})" if command.detail else "")
    if withdrawn:
        text += f"; the link in it had been withdrawn ({withdrawn})"
    elif guest.invitation in ("pending", "unknown", "failed"):
        guest.invitation, guest.detail = said, command.detail
        work.touch(guest.session_id)
    trace(work, call, "message", text)
