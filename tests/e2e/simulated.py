"""Tandem's programs beside simulated PBXs, whose calls go as their scripts say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.simulator import FreeSwitchSimulator
from connectors.simulator.freeswitch.simulator import PASSWORD
from connectors.simulator.simulator import SECRET, USERNAME
from tests.e2e.programs import Program
from tests.e2e.world import API_KEY, DOMAIN, PBX_KEY, Running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from connectors.simulator.switch import SimulatedSwitch

FREESWITCH = f"""
kind = "freeswitch"
secret = "{PASSWORD}"
agent_endpoints = ['user/1\\d{{3}}']
"""
ASTERISK = f"""
kind = "asterisk"
username = "{USERNAME}"
secret = "{SECRET}"
agent_endpoints = ['PJSIP/1\\d{{3}}']
"""


class Beside(Running):
    """A server, and a connector for each of some simulated PBXs that listen already."""

    def __init__(self, folder: Path, pbxs: Mapping[str, SimulatedSwitch[Any]]) -> None:
        """`pbxs` by the name each has in the settings; `connector` is that of the first."""

        def text(port: int) -> str:
            return _server(folder, port) + "".join(
                _pbx(folder, name, pbx, port) for name, pbx in pbxs.items()
            )

        first, *more = pbxs
        super().__init__(folder, text, first)
        self.connectors = {first: self.connector}
        self.connectors |= {name: self.connector_to(name) for name in more}

    @property
    def programs(self) -> list[Program]:
        """In the order they are started."""
        return [self.server, *self.connectors.values()]


def _server(folder: Path, port: int) -> str:
    return f"""
[server]
listen = "127.0.0.1:{port}"
database = "sqlite:///{folder / "tandem.db"}"
secret = "secret-of-the-end-to-end-tests-0123456789"
[server.api_keys]
tests = "{API_KEY}"
"""


def _pbx(folder: Path, name: str, pbx: SimulatedSwitch[Any], port: int) -> str:
    return f"""
[pbx.{name}]
{FREESWITCH if isinstance(pbx, FreeSwitchSimulator) else ASTERISK}
server = "http://127.0.0.1:{port}"
key = "{PBX_KEY}-{name}"
host = "127.0.0.1"
port = {pbx.port}
domain = "{DOMAIN}"
outbox = "{folder / f"{name}.db"}"
"""
