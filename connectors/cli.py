"""The command ``tandem-connector``."""

from __future__ import annotations

import importlib
import os
import sys

import click

from connectors import settings

_LAZY = {"demo": ("connectors.demo.cli", "demo")}
"""Commands whose modules load only when called: the demo brings the simulator and the server."""


class Commands(click.Group):
    """A group that imports some of its commands on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LAZY})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAZY:
            return super().get_command(ctx, cmd_name)
        module, attribute = _LAZY[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} is no command")
        return command


class WrongSetting(click.ClickException):
    """One line, exit status 2."""

    exit_code = 2


config_option = click.option(
    "--config", metavar="FILE", help=f"Settings file; default {settings.DEFAULT_CONFIG}."
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tandem", prog_name="tandem-connector")
@config_option
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """Connects a PBX to the collaboration server."""
    context.obj = config


@main.command(short_help="Run the connector of a PBX.")
@click.argument("name")
@config_option
@click.option("--verbose", is_flag=True, help="Log every report and command as well.")
@click.pass_obj
def run(before: str | None, name: str, config: str | None, verbose: bool) -> None:
    """Run the connector of PBX NAME until it is told to stop."""
    from connectors.runtime.connector import run as run_connector

    sys.exit(run_connector(_load(name, config or before), verbose=verbose))


@main.command(short_help="Say what is wrong with the set-up of a PBX.")
@click.argument("name")
@config_option
@click.option(
    "--listen",
    type=click.FloatRange(0, 3600),
    default=0.0,
    metavar="SECONDS",
    help="Watch that long for a call as well, and say what it shows.",
)
@click.pass_obj
def check(before: str | None, name: str, config: str | None, listen: float) -> None:
    """Say what is wrong with the set-up of PBX NAME, and the line that mends it."""
    from connectors.runtime.checkup import run as run_checkup

    sys.exit(run_checkup(_load(name, config or before), listen))


def _load(name: str, config: str | None) -> settings.PbxSettings:
    try:
        return settings.load(name, config, os.environ)
    except settings.SettingsError as error:
        raise WrongSetting(str(error)) from None


if __name__ == "__main__":
    main()
