"""What ``tandem-server agent`` says of the OpenID provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from collab_server.oidc import accounts
from collab_server.people import agents

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.people import Agent
    from collab_server.settings import Settings


def at_provider(command: click.decorators.FC) -> click.decorators.FC:
    """Say who at the OpenID provider an account is."""
    by_name = click.option(
        "--oidc",
        "name_there",
        metavar="USERNAME",
        help="Who signs in at the OpenID provider under this name first has the account from then"
        " on.",
    )
    by_subject = click.option(
        "--oidc-subject", "subject", metavar="SUB", help="The same, by the provider's own id."
    )
    return by_name(by_subject(command))


def named(db: Session, name: str) -> Agent:
    """The agent of this name. Raises AgentError."""
    found = agents.named(db, name)
    if found is None:
        raise agents.AgentError(f"there is no agent {name}")
    return found


def link(
    db: Session, settings: Settings, name: str, name_there: str | None, subject: str | None
) -> None:
    """Say who at the provider an agent is. Raises AgentError."""
    issuer = settings.server.oidc.issuer
    accounts.link(db, named(db, name), issuer, name=name_there, subject=subject)


def shown(one: Agent) -> list[str]:
    """What a list says of who signs in with an account."""
    if one.issuer is None:
        return []
    state = "not yet signed in" if one.subject is None else f"subject {one.subject}"
    return [f"oidc {one.signs_in_as or ''}".rstrip() + f" ({state})"]
