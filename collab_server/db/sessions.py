"""The tables of sessions: what was bound, who takes part, what was told them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import CALL, ID, NUMBER, URI, Base, BigKey


class CollabSession(Base):
    """A session; see `collab_server.sessions.states` for what `state` may become."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_state_created", "state", "created"),
        Index("ix_sessions_agent_uri_created", "agent_uri", "created"),
        Index("ix_sessions_user_uri_created", "user_uri", "created"),
        Index("ix_sessions_known_as_created", "known_as", "created"),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(16))
    type: Mapped[str] = mapped_column(String(16))
    panels: Mapped[list[str]]
    """Types asked for so far, in order."""
    initiator: Mapped[str] = mapped_column(String(8))
    user_uri: Mapped[str] = mapped_column(String(URI))
    label: Mapped[str | None] = mapped_column(String(URI))
    """What the call said of its user before a browser was paired with it: a name, no proof."""
    number: Mapped[str | None] = mapped_column(String(NUMBER))
    """The user's telephone number as it came (`collab_server.uris.number`); None: no number is
    known."""
    known_as: Mapped[str | None] = mapped_column(String(NUMBER))
    """Which number that is (`collab_server.numbers`): earlier sessions are found by it."""
    given: Mapped[str] = mapped_column(String(8), default="call", server_default="call")
    """Who gave the user's URI: an ``agent`` at the desk, a ``client`` with a key, or a ``call``,
    which makes it a label that anybody may have shaped."""
    agent_uri: Mapped[str | None] = mapped_column(String(URI))
    """Who serves it, or served it last."""
    call: Mapped[int | None] = mapped_column(
        ForeignKey("calls.id", ondelete="SET NULL"), index=True
    )
    queue: Mapped[str | None] = mapped_column(String(CALL))
    position: Mapped[int | None]
    held: Mapped[bool] = mapped_column(default=False)
    held_since: Mapped[float | None]
    both_in: Mapped[bool] = mapped_column(default=False)
    """Both sides were in it once; it comes back from `suspended` as `active`."""
    attributes: Mapped[dict[str, Any]]
    created: Mapped[float] = mapped_column(index=True)
    since: Mapped[float]
    """When it reached `state`."""
    ended: Mapped[float | None] = mapped_column(index=True)
    grace_until: Mapped[float | None] = mapped_column(index=True)
    """Ended, and the agent's access ends then; None once it has."""
    consent: Mapped[str] = mapped_column(String(8), default="unasked", server_default="given")
    """See `collab_server.sessions.consent`; what stood before there was any was given."""
    consent_since: Mapped[float | None]
    """When it came to be so; None: nobody has been asked."""
    agreed: Mapped[str | None] = mapped_column(String(URI))
    """The agent whom the user agreed to last."""
    whispers: Mapped[int] = mapped_column(default=0, server_default="0")
    """Numbers given to whispers so far."""
    note: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(80))
    done: Mapped[float | None]
    """When its agent said that the wrap-up is done."""
    events: Mapped[int] = mapped_column(default=0)
    """Numbers given to events so far."""


class SessionEvent(Base):
    """One change of a session, with its time and cause."""

    __tablename__ = "session_events"

    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    n: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(24))
    old: Mapped[str | None] = mapped_column(String(URI))
    new: Mapped[str | None] = mapped_column(String(URI))
    cause: Mapped[str] = mapped_column(String(200))


class Participant(Base):
    """A person's place in a session; an agent who lost it keeps the row, with `revoked`."""

    __tablename__ = "participants"
    __table_args__ = (
        UniqueConstraint("session_id", "role", "uri"),
        Index("ix_participants_role_uri", "role", "uri"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(8).with_variant(String(16), "postgresql"))
    """``user``, ``agent`` or ``supervisor``, which SQLite takes too: it looks at no length."""
    uri: Mapped[str] = mapped_column(String(URI))
    added: Mapped[float]
    joined: Mapped[float | None]
    """When they came in; of a supervisor, since when they write too (None: they read along)."""
    revoked: Mapped[float | None]
    """When the session was taken from them; of a supervisor, when they left."""
    left: Mapped[float | None]
    """When their last socket closed."""
    invitation: Mapped[str] = mapped_column(String(16), default="none")
    """``none``, ``pending``, ``sent``, ``opened``, ``confirm``, ``failed``, ``unknown``,
    ``joined``, ``revoked``."""
    detail: Mapped[str] = mapped_column(Text, default="")
    asks: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Of a user: their page can ask them whether another agent may see what is theirs."""
    ways: Mapped[list[Any]] = mapped_column(JSON, default=list, server_default="[]")
    """How each way of reaching them stands, as the desk shows it: what `Attempt` has, kept here
    since every view of the session shows it."""


class Whisper(Base):
    """A supervisor's word to a session's agent; whispers of one session count up."""

    __tablename__ = "whispers"

    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    n: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    by: Mapped[str] = mapped_column(String(URI))
    to: Mapped[str] = mapped_column(String(URI))
    """The session's agent at that moment, who alone may read it."""
    text: Mapped[str] = mapped_column(Text)


class IdempotencyKey(Base):
    """A client's Idempotency-Key and what came of it."""

    __tablename__ = "idempotency_keys"

    client: Mapped[str] = mapped_column(String(80), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the request's body, its JSON brought to one form."""
    status: Mapped[int]
    session_id: Mapped[str] = mapped_column(String(ID))
    created: Mapped[float] = mapped_column(index=True)
