"""The project itself: style, types, pins, and that what is settable is documented."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from collab_server.invite.settings import (
    GatewaySettings,
    InviteSettings,
    LimitSettings,
    SmtpSettings,
)
from collab_server.oidc.settings import OidcSettings
from collab_server.settings import ServerSettings, SiteSettings
from connectors.menus import Choice, Menu
from connectors.settings import PbxSettings

ROOT = Path(__file__).parent.parent


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


@pytest.mark.timeout(300)
def test_mypy_strict_finds_nothing() -> None:
    run(sys.executable, "-m", "mypy")


def test_every_dependency_is_pinned_and_pinned_alike() -> None:
    constraints = {
        name.lower().replace("_", "-"): version
        for name, _, version in (
            line.partition("==") for line in (ROOT / ".constraints.txt").read_text().split()
        )
    }
    wanted = re.findall(r'^    "([^"]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    pinned = [w for w in wanted if "==" in w]
    assert len(pinned) > 10
    for requirement in pinned:
        name, _, version = requirement.partition("==")
        name = name.partition("[")[0].lower().replace("_", "-")
        if name in constraints:
            assert constraints[name] == version, name
    assert all(constraints.values())


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    parts = (ServerSettings, PbxSettings, InviteSettings, SmtpSettings, GatewaySettings)
    parts += (OidcSettings,)
    fields = {name for part in parts for name in part.model_fields} - {"name"}
    tables = {
        "api_keys": "[server.api_keys]",
        "sites": "[server.sites.",
        "agents": "[pbx.NAME.agents]",
        "menus": "[pbx.NAME.menus.MENU]",
        "invite": "[server.invite]",
        "oidc": "[server.oidc]",
        "limits": "[server.invite.limits]",
        "http": "[server.invite.http.NAME]",
        "smtp": "[server.invite.smtp]",
    }
    for name in sorted(fields - tables.keys()):
        assert name in documented, f"the README's settings lack {name}"
    for table in tables.values():
        assert table in section
    nested = (SiteSettings, LimitSettings, Menu, Choice)
    for name in (name for part in nested for name in part.model_fields):
        assert re.search(rf"`(?:[^`]*\W)?{name}\b[^`]*`", section), name
    assert documented - fields == set()


def test_every_way_into_a_session_is_tried_on_both_pbxs() -> None:
    """The README's table names tests that there are, of a module that runs on every PBX."""
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Five ways into a session")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)[2:]
    assert {row.split("|")[0].strip() for row in rows} == {"", *"12345"}
    for row in rows:
        asterisk, freeswitch = row.split("|")[-2:]
        named = re.fullmatch(r" `(test_\w+\.py)::(test_\w+)\[asterisk\]` ", asterisk)
        assert named, row
        assert freeswitch == " `…[freeswitch-sim]` "
        text = (ROOT / "tests" / "behaviour" / named[1]).read_text()
        assert re.search(rf"^async def {named[2]}\(", text, re.MULTILINE), named[0]
        assert "params=PBXS" in text or "tandem: Tandem" in text, "it runs on every PBX"


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_no_lock_file_names_an_address() -> None:
    locks = [path for path in tracked() if path.name == "package-lock.json"]
    assert locks
    for path in locks:
        packages = json.loads(path.read_text())["packages"]
        assert not [name for name, package in packages.items() if "resolved" in package]


def test_the_top_level_is_what_was_agreed() -> None:
    agreed = {
        "pyproject.toml", "README.md", "connectors", "collab_server", "dialplan", "tests",
        "Makefile", "LICENSE", "CHANGELOG.md",
    }  # fmt: skip
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in top if not name.startswith(".")} <= agreed
