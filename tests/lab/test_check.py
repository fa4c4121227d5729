"""`tandem-connector check` on a PBX that has the samples, and on one that lacks a piece."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from connectors.demo.asterisk import Asterisk
from connectors.demo.processes import program

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.demo.debian import Prefix

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def check(
    pbx: Asterisk, folder: Path, user: str = "tandem", secret: str = ""
) -> tuple[int, str]:
    """Exit status and all output of the command."""
    config = folder / "tandem.toml"
    config.write_text(
        f"""
[pbx.hq]
kind = "asterisk"
server = "http://127.0.0.1:9"
key = "key-of-the-lab-0123456789"
host = "127.0.0.1"
port = {pbx.ami_port}
username = "{user}"
secret = "{secret or pbx.secrets[user]}"
domain = "pbx.example.org"
"""
    )
    process = await asyncio.create_subprocess_exec(
        program("tandem-connector"), "check", "hq", "--config", str(config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    assert b"Traceback" not in output
    return process.returncode, output.decode()


async def test_the_samples_leave_nothing_to_mend_on_the_pbx(pbx: Asterisk, tmp_path: Path) -> None:
    _, said = await check(pbx, tmp_path)
    wrong = [line for line in said.splitlines() if line.startswith("WRONG")]
    assert "logged in as 'tandem'" in said
    assert "privileges: all that is needed" in said
    assert "UserEvents come through" in said
    assert "collab.conf is loaded" in said
    assert len(wrong) == 1, said
    assert wrong[0].startswith("WRONG  server http://127.0.0.1:9")


async def test_a_user_with_too_little_is_told_the_lines(prefix: Prefix, tmp_path: Path) -> None:
    poor = "[poor]\nsecret=x\nread=call\nwrite=reporting\n"
    async with Asterisk(prefix, manager=poor) as own:
        status, said = await check(own, tmp_path, "poor", "x")
    assert status == 1
    assert "-> manager.conf [poor]: write = …,user" in said
    assert "-> manager.conf [poor]: write = …,message" in said


async def test_a_wrong_secret_is_said(pbx: Asterisk, tmp_path: Path) -> None:
    status, said = await check(pbx, tmp_path, secret="wrong")
    assert status == 1
    assert "secret of pbx.hq.secret" in said
