"""An apt root of our own: packages of a Debian suite come down without being installed.

Only the machine's mirror and its way to the net are taken over from the machine's own apt; its
sources, its lists and its package database are neither used nor changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.demo import LabError, Progress, quiet
from connectors.demo.tools import HINT, need, output

_FAKED = """
adduser asterisk-config-custom debconf dirmngr dpkg gnupg gsl-doc-pdf install-info libglib2.0-data
libsnmp-base login lsb-base passwd pci.ids perl perl-base python3 tzdata ucf
"""
"""Taken for installed: they hold no library that Asterisk or SIPp loads."""

_LONGEST = 900.0
"""Seconds one apt-get run may take on a slow line."""


def download(
    root: Path, suite: str, packages: Sequence[str], arch: str, progress: Progress
) -> list[Path]:
    """Downloads `packages` of `suite` and all they depend on; `root` is made for it.

    Gives the .deb files. Raises LabError when there is no mirror, or it has no such suite or
    package.
    """
    apt_get = need("apt-get", "the real Asterisk is downloaded by apt")
    mirrors = _mirrors(apt_get)
    if not mirrors:
        raise LabError(
            "apt has no Debian mirror on this machine: give it one in /etc/apt/sources.list.d; "
            + HINT
        )
    environ = _private_root(root, arch)
    refused = ""
    for mirror in mirrors:
        _write_source(root, mirror, suite)
        progress(f"reading the package lists of Debian {suite}")
        refused = _apt(apt_get, ["update", "--error-on=any"], environ)
        if not refused:
            break
    else:
        raise LabError(
            f"this machine's Debian mirror gives no suite {suite} ({refused}): only that suite "
            f"carries Asterisk 22; {HINT}"
        )
    install = ["install", "--yes", "--no-install-recommends", "--download-only", *packages]
    refused = _apt(apt_get, install, environ, progress)
    if refused:
        raise LabError(f"the suite {suite} of this machine's mirror has no asterisk: {refused}")
    found = sorted((root / "archives").glob("*.deb"))
    for package in packages:
        if not any(deb.name.startswith(f"{package}_") for deb in found):
            raise LabError(f"the suite {suite} of this machine's mirror has no {package}")
    return found


def _mirrors(apt_get: str) -> list[str]:
    """The archives apt knows, likeliest Debian mirror first; security archives carry no suite."""
    listed = output([apt_get, "indextargets", "--format", "$(REPO_URI) $(RELEASE)"])
    found: dict[str, None] = {}
    for line in listed.splitlines():
        uri, _, release = line.partition(" ")
        if uri and "security" not in f"{uri} {release}" and not uri.startswith("cdrom:"):
            found[uri] = None
    return sorted(found, key=lambda uri: not uri.rstrip("/").endswith("/debian"))[:4]


def _private_root(apt: Path, arch: str) -> dict[str, str]:
    """Lays out an apt root of our own; only the machine's way to the net is taken over."""
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").write_text(
        "".join(
            f"Package: {name}\nStatus: install ok installed\nArchitecture: {arch}\n"
            f"Multi-Arch: allowed\nMaintainer: nobody\nVersion: 99:99\nDescription: faked\n\n"
            for name in _FAKED.split()
        )
    )
    settings = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt,
        "Dir::Cache::archives": apt / "archives",
        "Dir::Log": apt,
        "APT::Sandbox::User": "",
        "APT::Keep-Downloaded-Packages": "true",
        "Acquire::Check-Valid-Until": "false",  # forky's Release file counts as expired
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "true",
    }
    dump = output(["apt-config", "dump"]) if shutil.which("apt-config") else ""
    net = [
        line
        for line in dump.splitlines()
        if line.startswith("Acquire::http") and not line.startswith("Acquire::http::Pipeline")
    ]
    lines = [f'{key} "{value}";' for key, value in settings.items()] + net
    (apt / "apt.conf").write_text("\n".join(lines) + "\n")
    return {**os.environ, "APT_CONFIG": str(apt / "apt.conf"), "LC_ALL": "C"}


def _write_source(apt: Path, mirror: str, suite: str) -> None:
    keyrings = [
        path
        for name in ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
        if (path := Path("/usr/share/keyrings") / name).is_file()
    ]
    signed = f"[signed-by={keyrings[0]}] " if keyrings else ""
    (apt / "sources.list").write_text(f"deb {signed}{mirror} {suite} main\n")


def _apt(
    apt_get: str, words: Sequence[str], environ: Mapping[str, str], progress: Progress = quiet
) -> str:
    """Runs apt-get and tells how far it is. Gives '' or what apt said was wrong, in one line."""
    wrong: list[str] = []
    fetched = 0
    process = subprocess.Popen(  # noqa: S603
        [apt_get, "-q", *words],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    limit = threading.Timer(_LONGEST, process.kill)
    limit.start()
    try:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            if line.startswith("Need to get "):
                progress(f"downloading Asterisk and SIPp: {line[12:].split(' of ')[0].strip()}")
            elif line.startswith("Get:"):
                fetched += 1
                if fetched % 25 == 0:
                    progress(f"downloaded {fetched} packages")
            elif line.startswith(("E: ", "Err:", "W: Failed")) and len(wrong) < 3:
                wrong.append(line.strip())
        status = process.wait(timeout=30)
    finally:
        limit.cancel()
        if process.poll() is None:
            process.kill()
            process.wait(timeout=30)
    if status == 0:
        return ""
    return "; ".join(wrong) or f"apt-get {words[0]} ended with status {status}"
