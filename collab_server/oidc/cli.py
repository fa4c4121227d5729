"""What ``tandem-server agent`` says of the OpenID provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from collab_server.oidc import accounts, signing_in
from collab_server.oidc.provider import Provider
from collab_server.oidc.web import UnreachableError
from collab_server.people import agents
from collab_server.people.accounts import AgentError
from collab_server.times import system_clock

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Work
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
        raise AgentError(f"there is no agent {name}")
    return found


def link(
    work: Work, settings: Settings, name: str, name_there: str | None, subject: str | None
) -> None:
    """Say who at the provider an agent is. Raises AgentError."""
    issuer = settings.server.oidc.issuer
    accounts.link(work, named(work.db, name), issuer, name=name_there, subject=subject)


def shown(one: Agent) -> list[str]:
    """What a list says of who signs in with an account."""
    if one.issuer is None:
        return []
    state = "not yet signed in" if one.subject is None else f"subject {one.subject}"
    return [f"oidc {one.signs_in_as or ''}".rstrip() + f" ({state})"]


def report(settings: Settings) -> bool:
    """Say what to register at the provider, and whether it answers as one. False: it does not."""
    oidc = settings.server.oidc
    for what, address in (
        ("redirect URI", signing_in.CALLBACK),
        ("post-logout redirect URI", signing_in.AFTERWARDS),
        ("back-channel logout URI", signing_in.BACK_CHANNEL),
    ):
        click.echo(f"{what}: {settings.url}{address}")
    provider = Provider(oidc, system_clock)
    try:
        metadata = provider.metadata()
        keys = len(provider.keys().keys)
    except UnreachableError as error:
        click.echo(f"tandem-server: server.oidc: {error}", err=True)
        return False
    click.echo(f"{oidc.issuer} answers: {keys} keys, {', '.join(sorted(metadata.algorithms))}")
    if oidc.logout and metadata.end_session_endpoint is None:
        click.echo("it logs nobody out: who logs out here stays logged in there")
    return True
