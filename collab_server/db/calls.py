"""The tables of calls: what the PBXs report of them, and what the PBXs are asked to do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import CALL, ID, URI, Base, BigKey


class Call(Base):
    """A call on a PBX, as its connector last reported it, or as a client named it."""

    __tablename__ = "calls"
    __table_args__ = (
        UniqueConstraint("pbx", "call_id"),
        Index("ix_calls_standing", "pbx", "ended"),
        Index(
            "ix_calls_standing_agent",
            "agent_uri",
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    pbx: Mapped[str] = mapped_column(String(63))
    call_id: Mapped[str] = mapped_column(String(CALL))
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    """Of the last report; None: no connector has reported it yet."""
    fence: Mapped[int | None] = mapped_column(BigInteger)
    """Of the lease under which that came; it counts before `epoch`."""
    seq: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    type: Mapped[str | None] = mapped_column(String(16))
    initiator: Mapped[str] = mapped_column(String(8), default="user")
    user_uri: Mapped[str | None] = mapped_column(String(URI))
    agent_uri: Mapped[str | None] = mapped_column(String(URI))
    agent_leg: Mapped[str | None] = mapped_column(String(CALL))
    queue: Mapped[str | None] = mapped_column(String(CALL))
    position: Mapped[int | None]
    held: Mapped[bool] = mapped_column(default=False)
    cause: Mapped[str | None] = mapped_column(String(40))
    since: Mapped[float]
    first_seen: Mapped[float] = mapped_column(index=True)
    ended: Mapped[float | None]
    requests: Mapped[int] = mapped_column(BigInteger, default=0)
    """How often a collaboration was asked for in it, as last reported; 0: not counted."""
    pairings: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """How often a pairing code was keyed in, or asked for, in it, as last reported."""
    session_id: Mapped[str | None] = mapped_column(String(ID), index=True)
    """The session it has, or had last."""
    placed: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It began as a call without a telephone (`PlacedCall`)."""
    stopped_stage: Mapped[str | None] = mapped_column(String(16))
    stopped_reason: Mapped[str | None] = mapped_column(Text)
    lines: Mapped[int] = mapped_column(default=0)
    """Trace lines kept, so that they can be bounded without counting."""


class Lease(Base):
    """Which of a PBX's connectors reports and is handed commands (`collab_server.calls.leases`)."""

    __tablename__ = "leases"

    pbx: Mapped[str] = mapped_column(String(63), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    """What the connector calls itself; empty for one that gives no name."""
    epoch: Mapped[int] = mapped_column(BigInteger)
    """Counts up with each change of the holder, for ever."""
    renewed: Mapped[float]


class CallAlias(Base):
    """Another leg id that means the same call."""

    __tablename__ = "call_aliases"

    pbx: Mapped[str] = mapped_column(String(63), primary_key=True)
    alias: Mapped[str] = mapped_column(String(CALL), primary_key=True)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    n: Mapped[int] = mapped_column(default=0, server_default="0")
    """Where it comes among the call's: the first id of all has the least."""


class TraceLine(Base):
    """One line of a call's trace; those of the connector are numbered, the server's are not."""

    __tablename__ = "trace"
    __table_args__ = (UniqueConstraint("call", "n", "at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    n: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[float]
    stage: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    stopped: Mapped[bool] = mapped_column(default=False)


class Command(Base):
    """An effect wanted on a PBX, kept until its result is known."""

    __tablename__ = "commands"
    __table_args__ = (
        Index("ix_commands_pbx_status", "pbx", "status"),
        Index("ix_commands_status_expires", "status", "expires"),
    )

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    pbx: Mapped[str] = mapped_column(String(63))
    kind: Mapped[str] = mapped_column(String(16))
    call: Mapped[int | None] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    participant: Mapped[int | None] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
    call_id: Mapped[str | None] = mapped_column(String(CALL))
    args: Mapped[dict[str, Any]]
    created: Mapped[float] = mapped_column(index=True)
    expires: Mapped[float]
    status: Mapped[str] = mapped_column(String(16), default="open")
    """``open``, then ``done``, ``failed``, ``unknown``, ``expired`` or ``dropped``."""
    detail: Mapped[str] = mapped_column(Text, default="")
    finished: Mapped[float | None]
