"""The tables of invitations: each attempt at one, and the links in them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import ID, URI, Base


class Invitation(Base):
    """A join link. The link itself is signed, not stored."""

    __tablename__ = "invitations"
    __table_args__ = (Index("ix_invitations_session_id_role", "session_id", "role"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    participant: Mapped[int] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(String(8))
    uri: Mapped[str] = mapped_column(String(URI))
    created: Mapped[float]
    expires: Mapped[float]
    used: Mapped[float | None]
    revoked: Mapped[float | None]
    why: Mapped[str | None] = mapped_column(String(16))
    """Why it was revoked: ``transfer``, ``ended``, ``replaced``."""


class Grant(Base):
    """A browser that exchanged a join link; without its row the cookie is worth nothing."""

    __tablename__ = "grants"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the cookie."""
    participant: Mapped[int] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
    created: Mapped[float]
    held: Mapped[str | None] = mapped_column(String(ID))
    """The attempt whose link this browser opened; it opens nothing until the agent has confirmed
    who that is. None: it is good."""
    seen: Mapped[str | None] = mapped_column(String(URI))
    """The agent whom the page named when its button was pressed, while `held`."""


class Attempt(Base):
    """One try to bring an invitation, or a call, to somebody (`collab_server.invite.attempts`)."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_state_due", "state", "due"),
        Index("ix_attempts_destination_started", "destination", "started"),
        Index("ix_attempts_asked_by_started", "asked_by", "started"),
        Index("ix_attempts_scope_started", "scope", "started"),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    participant: Mapped[int] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
    invitation: Mapped[str | None] = mapped_column(
        ForeignKey("invitations.id", ondelete="CASCADE"), index=True
    )
    """The link it carries; None: it carries none, it dials."""
    way: Mapped[str] = mapped_column(String(40))
    n: Mapped[int]
    """Its place in the order of the link's ways."""
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(Text, default="")
    asked_by: Mapped[str] = mapped_column(String(URI))
    """Whose doing it counts as: an agent's URI, a client's name, or the call itself."""
    scope: Mapped[str] = mapped_column(String(80))
    """The call, or the session, it counts for."""
    destination: Mapped[str] = mapped_column(String(URI), default="")
    """Whom a third party is to reach, in one form; empty: no third party is."""
    confirm: Mapped[bool] = mapped_column(default=False)
    """Who opens its link is held until the agent has confirmed who that is."""
    created: Mapped[float]
    due: Mapped[float | None]
    """When it is to begin; None: an earlier way is being tried."""
    started: Mapped[float | None] = mapped_column(index=True)
    finished: Mapped[float | None]
    expires: Mapped[float]
    """Its link opens until then."""
