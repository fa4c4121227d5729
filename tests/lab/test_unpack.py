"""Unpacking a real Asterisk: what is missing is one line that says how to get it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from connectors.demo import LabError
from connectors.demo.debian import Prefix, cache_folder, unpack
from connectors.demo.processes import program


def test_the_prefix_runs_without_being_installed(prefix: Prefix) -> None:
    for name, words in (("usr/sbin/asterisk", ["-V"]), ("usr/bin/sipp", ["-v"])):
        shown = subprocess.run(
            [*prefix.command(name), *words], capture_output=True, text=True, timeout=20, check=False
        )
        assert shown.returncode in (0, 99), shown.stderr  # 99: SIPp after -v
    assert prefix.version.split(":")[-1].startswith("22.")
    assert (prefix.modules / "res_pjsip.so").is_file()
    assert (prefix.data / "sounds" / "en" / "silence").is_dir()


def test_a_packed_copy_brings_the_prefix_back_without_a_mirror(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = prefix.root.with_name(prefix.root.name + ".tar.zst")
    if shutil.which("zstd") is None:
        assert not packed.exists()  # nothing to bring it back from
        return
    shutil.copy(packed, tmp_path / packed.name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dpkg", "tar", "zstd"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))

    said: list[str] = []
    again = unpack(tmp_path, said.append)

    assert again.version == prefix.version
    assert said[0].startswith("unpacking Asterisk from ")


@pytest.mark.parametrize("missing", ["dpkg", "apt-get", "dpkg-deb", "tar"])
def test_a_missing_program_is_one_line(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dpkg", "apt-get", "dpkg-deb", "tar"):
        if name != missing and (found := shutil.which(name)):
            (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))

    with pytest.raises(LabError) as caught:
        unpack(tmp_path / "cache")

    assert str(caught.value).startswith(f"{missing} is missing: ")
    assert "\n" not in str(caught.value)
    assert "make demo" in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        ("", "apt has no Debian mirror on this machine"),
        ("http://127.0.0.1:9/debian bookworm", "this machine's Debian mirror gives no suite forky"),
    ],
)
def test_a_mirror_that_has_it_not_is_one_line(
    listed: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("apt-get")
    assert real
    tools = tmp_path / "bin"
    tools.mkdir()
    fake = tools / "apt-get"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = indextargets ] && {{ echo "{listed}"; exit 0; }}\n'
        f'exec {real} -o Acquire::Retries=0 "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")

    with pytest.raises(LabError) as caught:
        unpack(tmp_path / "cache")

    assert str(caught.value).startswith(wanted)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("unpacking-*"))


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "tandem"
    assert cache_folder({}).name in (".cache", "tandem")


def test_a_program_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LabError, match="tandem-nothing is not installed"):
        program("tandem-nothing")
