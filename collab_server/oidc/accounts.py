"""Which account a person has here.

    the account with their issuer and subject, which nobody else can ever have
    else the account an administrator has marked with their name at the provider, and nobody has
         signed in as yet; from then on it is theirs, whatever their name becomes
    else, with ``create``, a new one; it takes nobody's name and nobody's address
    else none

An account that no administrator has marked is never anybody's by its name: names at a provider are
often chosen by those who bear them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import delete, or_, select

from collab_server.db.base import PROVIDER
from collab_server.db.people import Agent, Login
from collab_server.oidc.claims import known_as
from collab_server.people import accounts, signing_out

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
    from collab_server.oidc.claims import Person
    from collab_server.oidc.settings import OidcSettings
    from collab_server.services import Services

Why = Literal["account", "unverified", "role"]


class NoAccountError(Exception):
    """Somebody whom the provider knows may not come in here; the text is for the log."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why: Why = why


@dataclass(frozen=True, slots=True)
class Gives:
    """Which roles of an account the provider says at each log-in, so that nobody else sets them."""

    admin: bool
    supervisor: bool


def gives(settings: OidcSettings, agent: Agent) -> Gives:
    """Whether the provider says what this account may be."""
    theirs = bool(settings.issuer) and agent.issuer == settings.issuer
    return Gives(theirs and bool(settings.admins), theirs and bool(settings.supervisors))


def enter(services: Services, work: Work, person: Person) -> Agent:
    """The account of somebody who signs in, with the roles they have now. Raises NoAccountError."""
    settings = services.settings.server.oidc
    known = {*settings.agents, *settings.supervisors, *settings.admins}
    if settings.agents and not person.roles & known:
        raise NoAccountError("role", "none of server.oidc.agents is among their roles")
    agent = _found(work.db, person) or _linked(work.db, person) or _made(work, settings, person)
    _give_roles(services, work, person, agent)
    _name(work, settings, person, agent)
    return agent


def link(
    work: Work, agent: Agent, issuer: str, *, name: str | None = None, subject: str | None = None
) -> None:
    """Say who at the provider an account is: by a name, until their first log-in, or for good.

    Who was it before is it no more, and is logged out. Raises AgentError.
    """
    if not issuer:
        raise accounts.AgentError(
            "server.oidc.issuer is not set: there is no provider to sign in at"
        )
    for option, value in (("--oidc", name), ("--oidc-subject", subject)):
        if value is not None and not (
            1 <= len(value) <= PROVIDER and value.isprintable() and value == value.strip()
        ):
            raise accounts.AgentError(f"{option}: 1 to {PROVIDER} printable characters")
    mark = known_as(name) if name is not None else None
    same = [Agent.signs_in_as == mark] if mark is not None else []
    same += [Agent.subject == subject] if subject is not None else []
    other = work.db.scalar(
        select(Agent.name).where(Agent.issuer == issuer, or_(*same), Agent.id != agent.id).limit(1)
    )
    if other is not None:
        raise accounts.AgentError(f"{name or subject} is agent {other} already")
    _names_another(work, agent, name or subject)
    agent.issuer, agent.subject, agent.signs_in_as = issuer, subject, mark


def unlink(work: Work, agent: Agent) -> None:
    """An account is local again; whoever signed in with it is logged out."""
    _names_another(work, agent, None)
    agent.issuer = agent.subject = agent.signs_in_as = None


def _found(db: Session, person: Person) -> Agent | None:
    return db.scalar(
        select(Agent).where(Agent.issuer == person.issuer, Agent.subject == person.subject)
    )


def _linked(db: Session, person: Person) -> Agent | None:
    if person.name is None:
        return None
    agent = db.scalar(
        select(Agent).where(
            Agent.issuer == person.issuer,
            Agent.subject.is_(None),
            Agent.signs_in_as == known_as(person.name),
        )
    )
    if agent is not None:
        agent.subject = person.subject
    return agent


def _made(work: Work, settings: OidcSettings, person: Person) -> Agent:
    if person.unverified:
        raise NoAccountError("unverified", "their e-mail address is not verified at the provider")
    if not settings.create:
        raise NoAccountError("account", "no account is theirs, and server.oidc.create is false")
    if person.name is None:
        raise NoAccountError("account", f"they have no {settings.username_claim}")
    if person.uri is None:
        raise NoAccountError("account", f"their claims give no address as {settings.uri}")
    if work.db.scalar(select(Agent.id).where(Agent.uri == person.uri).limit(1)) is not None:
        raise NoAccountError("account", f"{person.uri} is another account's address")
    if work.db.scalar(
        select(Agent.id).where(
            Agent.issuer == person.issuer, Agent.signs_in_as == known_as(person.name)
        )
    ):
        raise NoAccountError("account", "their name is another person's, who signed in with it")
    wanted = accounts.Wanted(person.name, person.uri)
    try:
        agent = accounts.add(work, settings.shown, wanted, "")
    except accounts.AgentError as error:
        raise NoAccountError("account", str(error)) from None
    agent.issuer, agent.subject = person.issuer, person.subject
    agent.signs_in_as = known_as(person.name)
    return agent


def _give_roles(services: Services, work: Work, person: Person, agent: Agent) -> None:
    settings = services.settings.server.oidc
    given = gives(settings, agent)
    roles: accounts.Changes = {}
    for role, said, allowed in (
        ("admin", given.admin, settings.admins),
        ("supervisor", given.supervisor, settings.supervisors),
    ):
        now = bool(person.roles & {*allowed})
        if said and getattr(agent, role) != now:
            roles[role] = [not now, now]
            setattr(agent, role, now)
    if roles:
        accounts.note(work, settings.shown, "changed", agent.name, roles)
    if accounts.ends_log_ins(agent, roles):
        # Pages that are open elsewhere were opened with more rights than there are now.
        signing_out.everywhere(services, work, agent.id, agent.uri)


def _name(work: Work, settings: OidcSettings, person: Person, agent: Agent) -> None:
    """Their name as the provider has it now, unless an administrator wrote another."""
    if not person.display_name:
        return
    before = agent.display_name
    if before in ("", agent.provider_name) and before != person.display_name:
        agent.display_name = person.display_name
        named = {"display_name": [before, person.display_name]}
        accounts.note(work, settings.shown, "changed", agent.name, named)
    agent.provider_name = person.display_name


def _names_another(work: Work, agent: Agent, shown: str | None) -> None:
    """Whoever was logged in as somebody else at the provider is so no more; it is on record."""
    work.db.execute(delete(Login).where(Login.agent_id == agent.id))
    before = agent.signs_in_as or agent.subject
    accounts.note(work, accounts.COMMAND_LINE, "changed", agent.name, {"provider": [before, shown]})
