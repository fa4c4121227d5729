"""The tables of the shared documents: their updates, and who wrote as which client."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import Base


class DocumentUpdate(Base):
    """One Yjs update of a session's document; numbers of one document count up."""

    __tablename__ = "document_updates"

    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class DocumentWriter(Base):
    """Whose a Yjs client of a session's document is."""

    __tablename__ = "document_writers"

    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    client: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    participant: Mapped[int] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
