"""What an administrator gets wrong is one clear line and an exit status, never a traceback."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from connectors.demo.asterisk import Asterisk, free_ports
from tests.e2e.conftest import MORE
from tests.e2e.programs import Program, run_once
from tests.e2e.world import PBX_KEY, Tandem, settings, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connectors.demo.debian import Prefix

pytestmark = pytest.mark.asyncio(loop_scope="session")

POORER = """
[blind](tandem-connector)
secret = poor
permit = 127.0.0.1/255.255.255.255
read = call,agent
[dumb](tandem-connector)
secret = poor
permit = 127.0.0.1/255.255.255.255
write = reporting,user
[deaf]
secret = poor
read = system,call,agent,user
write = message,user
[elsewhere](tandem-connector)
secret = poor
permit = 192.0.2.1/255.255.255.255
"""
"""AMI users who lack something each."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def poorer(prefix: Prefix) -> AsyncIterator[Asterisk]:
    """An Asterisk with AMI users who may not do all that is needed."""
    async with Asterisk(prefix, extensions=MORE, manager=POORER) as asterisk:
        yield asterisk


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def beside(
    poorer: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Tandem]:
    """A server and a connector that are set up well, beside that Asterisk."""
    async with Tandem(poorer, tmp_path_factory.mktemp("well")) as tandem:
        yield tandem


def change(tandem: Tandem, folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy of the settings with pieces replaced, and an outbox of its own."""
    text = tandem.config.read_text()
    for old, new in (*changes, (str(tandem.folder), str(folder))):
        assert old in text, old
        text = text.replace(old, new)
    file = folder / "tandem.toml"
    file.write_text(text)
    return file


async def check(folder: Path, config: Path) -> tuple[int, list[str]]:
    """`tandem-connector check`: its status, and the lines about what is wrong with their mends."""
    words = ["tandem-connector", "check", "lab", "--config", str(config)]
    status, output = await run_once(folder, words)
    assert "Traceback" not in output
    lines = output.splitlines()
    wrong = [number for number, line in enumerate(lines) if line.startswith("WRONG")]
    return status, [" ".join(part.strip() for part in lines[n : n + 2]) for n in wrong]


async def complains(folder: Path, config: Path, text: str) -> str:
    """`tandem-connector run` says `text` in one line and tries on; it stops when told."""
    connector = Program(
        folder, ["tandem-connector", "run", "lab", "--config", str(config)], "connected to"
    )
    await connector.launch()
    try:
        line = await connector.line(text)
    finally:
        status = await connector.stop()
    assert status == 0
    assert not [line for line in connector.lines if "Traceback" in line], connector.said()
    assert len([line for line in connector.lines if text in line]) == 1, connector.said()
    assert not [line for line in connector.lines if line.startswith("connected to")]
    return line


async def test_a_good_set_up_is_all_well(beside: Tandem) -> None:
    words = ["tandem-connector", "check", "lab", "--config", str(beside.config)]
    status, output = await run_once(beside.folder, words)
    assert status == 0, output
    assert output.splitlines()[-1] == "all well"
    assert "WRONG" not in output


async def test_a_wrong_ami_password(beside: Tandem, tmp_path: Path) -> None:
    config = change(beside, tmp_path, (beside.pbx.secrets["tandem"], "wrong"))
    status, wrong = await check(tmp_path, config)
    assert status == 1
    assert len(wrong) == 1
    assert "login refused for AMI user 'tandem' (Authentication failed)" in wrong[0]
    assert "pbx.lab.secret" in wrong[0]
    line = await complains(tmp_path, config, "login refused")
    assert "'tandem' (Authentication failed)" in line
    assert "wrong" not in line


async def test_a_machine_that_may_not_log_in(beside: Tandem, tmp_path: Path) -> None:
    config = change(beside, tmp_path, ('username = "tandem"', 'username = "elsewhere"'),
                    (beside.pbx.secrets["tandem"], "poor"))  # fmt: skip
    status, wrong = await check(tmp_path, config)
    assert (status, len(wrong)) == (1, 1)
    assert "login refused for AMI user 'elsewhere'" in wrong[0]
    assert "permit line for this machine" in wrong[0]


@pytest.mark.parametrize(
    ("user", "missing"),
    [
        ("blind", {"our own UserEvents do not come back": "read = system,call,agent,user",
                   "no FullyBooted": "read = system,call,agent,user"}),
        ("dumb", {"MessageSend is not allowed": "write = …,message"}),
        ("deaf", {"Status is not allowed": "write = …,reporting"}),
    ],
)  # fmt: skip
async def test_a_missing_privilege(
    user: str, missing: dict[str, str], beside: Tandem, tmp_path: Path
) -> None:
    config = change(beside, tmp_path, ('username = "tandem"', f'username = "{user}"'),
                    (beside.pbx.secrets["tandem"], "poor"))  # fmt: skip
    status, wrong = await check(tmp_path, config)
    assert status == 1
    for said, mend in missing.items():
        (line,) = [line for line in wrong if said in line]
        assert mend in line


async def test_a_connector_that_may_not_read_what_stands_says_so(
    beside: Tandem, tmp_path: Path
) -> None:
    config = change(beside, tmp_path, ('username = "tandem"', 'username = "deaf"'),
                    (beside.pbx.secrets["tandem"], "poor"))  # fmt: skip
    line = await complains(tmp_path, config, "Permission denied")
    assert "Status" in line


async def test_an_ami_port_nobody_serves(beside: Tandem, tmp_path: Path) -> None:
    (port,) = free_ports(1, socket.SOCK_STREAM)
    config = change(beside, tmp_path, (f"port = {beside.pbx.ami_port}\n", f"port = {port}\n"))
    status, wrong = await check(tmp_path, config)
    assert (status, len(wrong)) == (1, 1)
    assert f"127.0.0.1:{port}: nobody listens there" in wrong[0]
    assert "enabled = yes" in wrong[0]
    await complains(tmp_path, config, f"127.0.0.1:{port}: nobody listens there")


async def test_an_ami_port_where_something_else_answers(beside: Tandem, tmp_path: Path) -> None:
    port = beside.url.rsplit(":", 1)[1]
    config = change(beside, tmp_path, (f"port = {beside.pbx.ami_port}\n", f"port = {port}\n"))
    status, wrong = await check(tmp_path, config)
    assert (status, len(wrong)) == (1, 1)
    assert f"127.0.0.1:{port}" in wrong[0]


async def test_a_collaboration_server_that_is_closed(beside: Tandem, tmp_path: Path) -> None:
    (port,) = free_ports(1, socket.SOCK_STREAM)
    config = change(
        beside, tmp_path, (f'server = "{beside.url}"', f'server = "http://127.0.0.1:{port}"')
    )
    status, wrong = await check(tmp_path, config)
    assert (status, len(wrong)) == (1, 1)
    assert f"http://127.0.0.1:{port}: it cannot be reached" in wrong[0]
    assert "pbx.lab.server" in wrong[0]
    # The PBX is attached all the same; the connector says once per purpose what is missing.
    connector = Program(
        tmp_path, ["tandem-connector", "run", "lab", "--config", str(config)], "connected to"
    )
    await connector.start()
    try:
        await connector.line(f"http://127.0.0.1:{port}")

        async def said() -> tuple[bool, str]:
            found = [line for line in connector.lines if "ERROR" in line or "WARNING" in line]
            return bool(found), connector.said()

        await until(said, "the connector complains of the server")
    finally:
        stopped = await connector.stop()
    assert stopped == 0
    assert "Traceback" not in "\n".join(connector.lines)
    errors = [line for line in connector.lines if "ERROR" in line or "WARNING" in line]
    assert len(errors) <= 2, errors


async def test_a_key_the_server_does_not_take(beside: Tandem, tmp_path: Path) -> None:
    config = change(beside, tmp_path, (PBX_KEY, "another-key-of-the-end-to-end-tests"))
    status, wrong = await check(tmp_path, config)
    assert (status, len(wrong)) == (1, 1)
    assert "it does not take this PBX's key (401)" in wrong[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [("[server]\nlisten = \n", "line 2"), ("[server\n", "line 1"), ("\xff", "UTF-8")],
    ids=["a value is missing", "a bracket is missing", "it is no text"],
)
async def test_a_broken_settings_file(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "tandem.toml").write_text(text, "latin-1")
    commands = (
        ["tandem-server", "run"],
        ["tandem-server", "agent", "list"],
        ["tandem-connector", "run", "lab"],
        ["tandem-connector", "check", "lab"],
    )
    for status, output in await asyncio.gather(
        *(run_once(tmp_path, [*words, "--config", "tandem.toml"]) for words in commands)
    ):
        assert status == 2, output
        (line,) = output.strip().splitlines()
        assert "tandem.toml" in line
        assert said in line


@pytest.mark.parametrize(
    ("words", "old", "new", "said"),
    [
        (["tandem-connector", "run", "lab"], 'kind = "asterisk"', 'kind = "3cx"', "pbx.lab.kind"),
        (["tandem-connector", "run", "lab"], "outbox = ", "outbocks = ", "pbx.lab.outbocks"),
        (["tandem-connector", "check", "hq"], "[server]", "[server]", "no such PBX"),
        (["tandem-server", "run"], "url = ", "ulr = ", "server.ulr"),
        (["tandem-server", "run"], 'secret = "secret-of', 'secret = "" # ', "server.secret"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_wrong_setting(
    words: list[str], old: str, new: str, said: str, tmp_path: Path
) -> None:
    ports = free_ports(2, socket.SOCK_STREAM)
    text = settings(tmp_path, ports[0], ports[1], "secret")
    assert old in text
    (tmp_path / "tandem.toml").write_text(text.replace(old, new, 1))
    status, output = await run_once(tmp_path, [*words, "--config", "tandem.toml"])
    assert status == 2, output
    (line,) = output.strip().splitlines()
    assert said in line


async def test_a_busy_port(beside: Tandem, tmp_path: Path) -> None:
    config = change(beside, tmp_path, (PBX_KEY, PBX_KEY))
    status, output = await run_once(tmp_path, ["tandem-server", "run", "--config", str(config)])
    assert status == 1, output
    (line,) = [line for line in output.splitlines() if " INFO " not in line]
    assert "server.listen" in line
    assert beside.url.rsplit(":", 1)[1] in line
    assert "in use" in line


async def test_a_database_in_a_folder_that_is_not_there(beside: Tandem, tmp_path: Path) -> None:
    config = change(beside, tmp_path, ("/tandem.db", "/nowhere/tandem.db"))
    status, output = await run_once(tmp_path, ["tandem-server", "run", "--config", str(config)])
    assert status in (1, 2), output
    (line,) = [line for line in output.splitlines() if " INFO " not in line]
    assert "server.database" in line


async def test_an_outbox_in_a_folder_that_is_not_there(beside: Tandem, tmp_path: Path) -> None:
    config = change(beside, tmp_path, ("/outbox.db", "/nowhere/outbox.db"))
    status, output = await run_once(
        tmp_path, ["tandem-connector", "run", "lab", "--config", str(config)]
    )
    assert status == 2, output
    (line,) = output.strip().splitlines()
    assert "pbx.lab.outbox" in line
