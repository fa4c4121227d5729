"""The tables of agents: who may log in, how their desks stand, who changed whom."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false, true
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import ID, PROVIDER, REASON, URI, Base, BigKey

NAME = 80
TEAM = 60
DISPLAY_NAME = 60
"""Characters of an account's name, a team's, and what callers read."""


class Agent(Base):
    """Who may log in at the desk."""

    __tablename__ = "agents"
    __table_args__ = (
        Index(None, "issuer", "subject", unique=True),
        Index(None, "issuer", "signs_in_as", unique=True),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME), unique=True)
    uri: Mapped[str] = mapped_column(String(URI), index=True)
    display_name: Mapped[str] = mapped_column(String(DISPLAY_NAME), default="", server_default="")
    """What others read who are with this agent; "": the address alone says who they are."""
    password: Mapped[str] = mapped_column(String(200))
    """Argon2, with its parameters; "": they have none, and sign in at the OpenID provider."""
    admin: Mapped[bool] = mapped_column(default=False)
    supervisor: Mapped[bool] = mapped_column(default=False, server_default=false())
    team: Mapped[str] = mapped_column(String(TEAM), default="", server_default="")
    """Whose supervisor sees the agent, or whose agents a supervisor sees; "": none, or all."""
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    """False: switched off, so that nobody logs in with it."""
    created: Mapped[float]
    issuer: Mapped[str | None] = mapped_column(String(PROVIDER))
    """Of the OpenID provider this account signs in with; None: a local account only."""
    subject: Mapped[str | None] = mapped_column(String(PROVIDER))
    """Who it is there for good (``sub``); None: they have not signed in yet."""
    provider_name: Mapped[str] = mapped_column(String(DISPLAY_NAME), default="", server_default="")
    """What the provider called them at their last log-in; a `display_name` that is another is an
    administrator's."""
    signs_in_as: Mapped[str | None] = mapped_column(String(PROVIDER))
    """Name there by which they are known at their first log-in (`collab_server.oidc.accounts`)."""


class Login(Base):
    """A browser in which an agent is logged in; without its row the cookie is worth nothing."""

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), index=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the cookie."""
    created: Mapped[float]
    expires: Mapped[float] = mapped_column(index=True)
    sid: Mapped[str | None] = mapped_column(String(PROVIDER), index=True)
    """The provider's session it came from, which may end it."""
    id_token: Mapped[str | None] = mapped_column(Text)
    """Tells the provider which session is meant when the agent logs out."""


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
    command: Mapped[str] = mapped_column(String(NAME), unique=True)
    """Id of the command that asks."""
    status: Mapped[str] = mapped_column(String(16))
    """Of the command: ``open``, ``done``, ``failed``, ``unknown`` or ``expired``."""
    detail: Mapped[str] = mapped_column(Text, default="")


class SetUpEvent(Base):
    """What somebody changed in the set-up: an account, or how the business shows."""

    __tablename__ = "set_up_events"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[float]
    by: Mapped[str] = mapped_column(String(NAME))
    """Name of the administrator; "": the command line."""
    what: Mapped[str] = mapped_column(String(16))
    """``added``, ``changed``, ``password``, ``removed``, or ``brand``."""
    whom: Mapped[str] = mapped_column(String(NAME))
    """Name of the account; "": none is meant."""
    changes: Mapped[dict[str, Any]]
    """Field -> its value before and after."""
