"""The tables. Times are seconds since the Unix epoch; cookies are stored as hashes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID = 40
URI = 512
CALL = 200
NUMBER = 20
REASON = 60
"""Characters of why somebody pauses."""

BigKey = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only where the type is spelled INTEGER."""


class Base(DeclarativeBase):
    """What all tables share: names for constraints, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        dict[str, Any]: JSON,
        list[str]: JSON,
        float: Float(53),
    }


class Agent(Base):
    """Who may log in at the desk."""

    __tablename__ = "agents"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    uri: Mapped[str] = mapped_column(String(URI), index=True)
    password: Mapped[str] = mapped_column(String(200))
    """Argon2, with its parameters."""
    admin: Mapped[bool] = mapped_column(default=False)
    supervisor: Mapped[bool] = mapped_column(default=False, server_default=false())
    created: Mapped[float]


class Login(Base):
    """A browser in which an agent is logged in; without its row the cookie is worth nothing."""

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), index=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the cookie."""
    created: Mapped[float]
    expires: Mapped[float] = mapped_column(index=True)


class DeskState(Base):
    """Whether an agent wants calls to show at their desk; no row: they never said."""

    __tablename__ = "desk_states"

    agent_uri: Mapped[str] = mapped_column(String(URI), primary_key=True)
    ready: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(REASON), default="")
    since: Mapped[float]


class QueuePause(Base):
    """What an agent asked one PBX for: to be paused in its queues, or no longer."""

    __tablename__ = "queue_pauses"

    agent_uri: Mapped[str] = mapped_column(String(URI), primary_key=True)
    pbx: Mapped[str] = mapped_column(String(63), primary_key=True)
    paused: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(REASON), default="")
    asked: Mapped[float]
    command: Mapped[str] = mapped_column(String(80), unique=True)
    """Id of the command that asks."""
    status: Mapped[str] = mapped_column(String(16))
    """Of the command: ``open``, ``done``, ``failed``, ``unknown`` or ``expired``."""
    detail: Mapped[str] = mapped_column(Text, default="")


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


class CollabSession(Base):
    """A session; see `collab_server.sessions.states` for what `state` may become."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_state_created", "state", "created"),
        Index("ix_sessions_agent_uri_created", "agent_uri", "created"),
        Index("ix_sessions_user_uri_created", "user_uri", "created"),
        Index("ix_sessions_number_created", "number", "created"),
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
    """The user's telephone number (`collab_server.uris.number`), by which earlier sessions are
    found; None: no number is known."""
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
