"""The tables of calls without a telephone."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import URI, Base, BigKey


class PlacedCall(Base):
    """A call without a telephone, which a site has posted (`collab_server.placed`)."""

    __tablename__ = "placed_calls"
    __table_args__ = (
        Index("ix_placed_calls_pbx_stage", "pbx", "stage"),
        Index("ix_placed_calls_site_stage", "site", "stage"),
        Index("ix_placed_calls_address_stage", "address", "stage"),
        Index("ix_placed_calls_busy", "busy"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """What the site knows it by, and the id of its command `queue`: a uuid4."""
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), unique=True)
    """Its row among the calls; the numbers of those give the order of the line."""
    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    pbx: Mapped[str] = mapped_column(String(63))
    queue: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(60))
    site: Mapped[str] = mapped_column(String(63))
    address: Mapped[str] = mapped_column(String(64))
    """Whose it is among those of one address, as a keyed hash; empty: not counted."""
    stage: Mapped[str] = mapped_column(String(16))
    """See `collab_server.placed.stages`."""
    created: Mapped[float]
    asked: Mapped[float | None]
    """When the PBX was asked last to queue it."""
    hangups: Mapped[int] = mapped_column(default=0)
    """How often the PBX was asked to hang it up."""
    problem: Mapped[str | None] = mapped_column(String(16))
    """Why it came to nothing, where the session's reason does not say it."""
    seen: Mapped[float]
    """When its site asked for it last."""
    gone: Mapped[float | None]
    """Since when no page of its user is connected; None: one is."""
    closed: Mapped[float | None]
    """When its user's page said that it closes; None: it did not, or is open again."""
    due: Mapped[float | None] = mapped_column(index=True)
    """When it is given up, if nothing happens before."""
    busy: Mapped[str | None] = mapped_column(String(URI))
    """The agent whose queue membership is paused for it."""
    pauses: Mapped[int] = mapped_column(default=0)
    """How often an agent's membership was paused for it."""


class VoiceCall(Base):
    """A wish to turn a call without a telephone into a voice call."""

    __tablename__ = "voice_calls"
    __table_args__ = (
        UniqueConstraint("session_id", "n"),
        Index("ix_voice_calls_state_placed", "state", "placed"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    n: Mapped[int]
    """Counts within the session."""
    asked_by: Mapped[str] = mapped_column(String(8))
    number: Mapped[str | None] = mapped_column(String(URI))
    """Where the user is called; None: the agent asked, and left it to the user to say."""
    reached: Mapped[str | None] = mapped_column(String(URI), index=True)
    """Whom that reaches, in the one form that limits are for; None: nobody has been called."""
    state: Mapped[str] = mapped_column(String(16))
    """``asked``, ``declined``, ``calling``, ``connected``, ``failed``."""
    detail: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[float]
    placed: Mapped[float | None]
    """When the PBX was asked to call."""
