"""``tandem-server``: run the server, and say who may log in at the desk."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import click
from sqlalchemy.exc import SQLAlchemyError

from collab_server import settings as configuration
from collab_server.app import create_app
from collab_server.backend import DatabaseBackend
from collab_server.db.alone import served_alone
from collab_server.db.engine import BusyError, Database, DatabaseError, NoDatabaseError
from collab_server.db.migrate import migrate
from collab_server.housekeeping import Housekeeper
from collab_server.http.current import EXTENSION
from collab_server.invite.courier import Courier
from collab_server.oidc import accounts as at_the_provider
from collab_server.oidc.cli import at_provider, link, named, report, shown
from collab_server.people import accounts, agents
from collab_server.realtime import server as realtime
from collab_server.settings import Settings, SettingsError

WRONG_SETTING = 2
"""Exit status for a wrong setting, as click has it for a wrong option."""
FAILED = 1
_OPTIONS = {
    "name": "NAME: ", "uri": "--uri: ", "team": "--team: ", "display_name": "--display-name: ",
}  # fmt: skip
"""What the command line calls a field of an account."""


def _fail(text: str, status: int = FAILED) -> NoReturn:
    click.echo(f"tandem-server: {text}", err=True)
    sys.exit(status)


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn what the administrator can mend into one line."""
    try:
        yield
    except SettingsError as error:
        _fail(str(error), WRONG_SETTING)
    except accounts.AgentError as error:
        _fail(f"{_OPTIONS.get(error.field, '')}{error}")
    except NoDatabaseError as error:
        _fail(str(error), WRONG_SETTING)
    except DatabaseError as error:
        _fail(str(error))
    except BusyError:
        _fail("server.database: another process keeps it locked")
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        _fail(f"server.database: {' '.join(str(cause).split())[:300]}")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tandem")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Settings file; default tandem.toml.",
)
@click.pass_context
def main(context: click.Context, file: Path | None) -> None:
    """The collaboration server of Tandem."""
    context.obj = file


def _config(command: click.decorators.FC) -> click.decorators.FC:
    """Accept ``--config`` behind the subcommand too."""
    return click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path),
        default=None,
        metavar="FILE",
        help="Settings file; default tandem.toml.",
    )(command)


def _load(context: click.Context, file: Path | None) -> Settings:
    named = file or context.obj
    return configuration.load(named or Path("tandem.toml"), os.environ, required=named is not None)


def _spare_the_collector() -> None:
    """Keep full collections short.

    One that walks all objects of the libraries stops every request for 40 to 80 ms (measured), and
    they never become garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _open(settings: Settings) -> Database:
    database = Database(settings.server.database)
    database.check()
    migrate(database)
    return database


@main.command()
@_config
@click.pass_context
def run(context: click.Context, file: Path | None) -> None:
    """Run the server until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with _one_line(), ExitStack() as stack:
        settings = _load(context, file)
        database = _open(settings)
        lost = threading.Event()

        def stop() -> None:
            lost.set()
            os.kill(os.getpid(), signal.SIGTERM)

        stack.enter_context(served_alone(database, stop))
        hub = realtime.create_hub()
        app = create_app(settings, hub=hub, database=database, realtime_alive=hub.alive)
        services = app.extensions[EXTENSION]
        housekeeper, courier = Housekeeper(services), Courier(services)

        def listening(host: str, port: int) -> None:
            shown = f"[{host}]" if ":" in host else host
            click.echo(f"listening on http://{shown}:{port}, reached as {settings.url}")
            sys.stdout.flush()
            housekeeper.start()
            courier.start()

        _spare_the_collector()
        try:
            realtime.serve(
                app,
                DatabaseBackend(services),
                hub,
                settings.server.listen,
                on_listening=listening,
            )
        except (OSError, ValueError) as error:
            _fail(f"server.listen: {error}")
        finally:
            courier.stop()
            housekeeper.stop()
            database.close()
        if lost.is_set():
            sys.exit(FAILED)


@main.command("oidc")
@_config
@click.pass_context
def look_at_provider(context: click.Context, file: Path | None) -> None:
    """Say what to register at the OpenID provider, and whether it answers."""
    with _one_line():
        settings = _load(context, file)
    if not settings.server.oidc.issuer:
        _fail("server.oidc: issuer is not set: agents log in with passwords")
    if not report(settings):
        sys.exit(FAILED)


@main.group()
def agent() -> None:
    """Who may log in at the desk.

    With an OpenID provider ([server.oidc]) agents sign in there, and an account is whose an
    administrator says (--oidc). When the provider is down: give an account a password (agent
    password NAME), and where passwords = false set it to true, or TANDEM_SERVER__OIDC__PASSWORDS,
    and start the server again.
    """


@agent.command("add")
@click.argument("name")
@click.option(
    "--uri",
    required=True,
    metavar="URI",
    help="The agent's address, as the PBX's calls name it: sip:1001@DOMAIN, with the domain of"
    " [pbx.X], or what [pbx.X.agents] says.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--admin", is_flag=True, help="May see all calls and change people and brand, at /setup."
)
@click.option(
    "--supervisor", is_flag=True, help="May see, read along with and join all sessions, at /floor."
)
@click.option(
    "--team",
    default="",
    metavar="TEAM",
    help="Whose supervisor sees the agent; a supervisor with a team sees that team alone.",
)
@click.option(
    "--display-name",
    default="",
    metavar="TEXT",
    help="What callers read: 'Wang Xiu'. Without it they read the number in the address.",
)
@at_provider
@_config
@click.pass_context
def add_agent(
    context: click.Context,
    name: str,
    uri: str,
    password_stdin: bool,
    admin: bool,
    supervisor: bool,
    team: str,
    display_name: str,
    name_there: str | None,
    subject: str | None,
    file: Path | None,
) -> None:
    """Let NAME log in; prints a password unless one is given, or they sign in elsewhere."""
    with _one_line():
        there = name_there is not None or subject is not None
        password = _password_given() if password_stdin else None
        settings = _load(context, file)
        with _open(settings).write() as work:
            made = agents.add(
                work,
                name,
                uri,
                password,
                admin=admin,
                supervisor=supervisor,
                team=team,
                display_name=display_name,
                passwordless=there and password is None,
            )
            work.flush()
            if there:
                link(work, settings, name, name_there, subject)
        click.echo(f"agent {name} ({uri}) may log in")
        if there:
            click.echo(f"signs in at {settings.server.oidc.issuer} as {name_there or subject}")
        elif not password_stdin:
            click.echo(f"password: {made}")


@agent.command("link")
@click.argument("name")
@at_provider
@click.option("--local", is_flag=True, help="Nobody at the provider any more.")
@_config
@click.pass_context
def link_agent(
    context: click.Context,
    name: str,
    name_there: str | None,
    subject: str | None,
    local: bool,
    file: Path | None,
) -> None:
    """Say who at the OpenID provider NAME is; they are logged out."""
    if local == (name_there is not None or subject is not None):
        raise click.UsageError("say --oidc or --oidc-subject, or --local")
    with _one_line():
        settings = _load(context, file)
        with _open(settings).write() as work:
            if local:
                at_the_provider.unlink(work, named(work.db, name))
            else:
                link(work, settings, name, name_there, subject)
        click.echo(f"agent {name}: {'local' if local else f'signs in as {name_there or subject}'}")


@agent.command("password")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_config
@click.pass_context
def give_password(
    context: click.Context, name: str, password_stdin: bool, file: Path | None
) -> None:
    """Give NAME another password, which is printed unless it is given."""
    with _one_line():
        password = _password_given() if password_stdin else None
        settings = _load(context, file)
        with _open(settings).write() as work:
            made = agents.set_password(work, name, password)
        click.echo(f"agent {name} has another password")
        if not password_stdin:
            click.echo(f"password: {made}")
        if not settings.server.oidc.passwords:
            click.echo("it counts once server.oidc.passwords is true", err=True)


def _password_given() -> str:
    return sys.stdin.readline(accounts.MAX_PASSWORD + 2).rstrip("\r\n")


@agent.command("list")
@_config
@click.pass_context
def list_agents(context: click.Context, file: Path | None) -> None:
    """Show who may log in, and as whom at the OpenID provider."""
    with _one_line():
        database = _open(_load(context, file))
        with database.read() as db:
            everybody = agents.everybody(db)
            for one in everybody:
                more = ["admin"] * one.admin + ["supervisor"] * one.supervisor
                more += [f"named={one.display_name}"] * bool(one.display_name)
                more += [f"team={one.team}"] * bool(one.team) + ["off"] * (not one.active)
                click.echo("\t".join([one.name, one.uri, *more, *shown(one)]))
            if not everybody:
                click.echo("nobody yet: tandem-server agent add NAME --uri URI", err=True)


@agent.command("remove")
@click.argument("name")
@_config
@click.pass_context
def remove_agent(context: click.Context, name: str, file: Path | None) -> None:
    """NAME may log in no longer, and is logged out everywhere."""
    with _one_line():
        database = _open(_load(context, file))
        with database.write() as work:
            agents.remove(work, name)
        click.echo(f"agent {name} is removed")


if __name__ == "__main__":
    main()
