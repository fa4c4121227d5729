"""The tables of pairing codes and of the limits on guessing them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import ID, Base


class Pairing(Base):
    """A code that pairs a telephone call with a browser (`collab_server.pairing`)."""

    __tablename__ = "pairings"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    """``page``: a page shows it; ``call``: somebody in the call is told it."""
    code: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Signed with the server's secret; None: it is not live any more."""
    type: Mapped[str] = mapped_column(String(16))
    """The collaboration that an ordinary call becomes."""
    browser: Mapped[str | None] = mapped_column(String(64), index=True)
    """Of a page: SHA-256 of its browser's cookie."""
    address: Mapped[str | None] = mapped_column(String(32))
    network: Mapped[str | None] = mapped_column(String(32))
    """Of a page: where it is (`collab_server.pairing.room`), signed."""
    call: Mapped[int | None] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[str | None] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    created: Mapped[float]
    expires: Mapped[float] = mapped_column(index=True)
    participant: Mapped[int | None] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
    """The user's place that it came to."""


class PairingLimit(Base):
    """How much of a limit on pairing is used up (`collab_server.pairing.limits`)."""

    __tablename__ = "pairing_limits"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    free_at: Mapped[float] = mapped_column(index=True)
    """When all of it is free again."""
