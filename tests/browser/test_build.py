"""What is built and shipped: sizes, nothing from elsewhere, types and unit tests of the pages."""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import WEB

DIST = WEB.parent / "static" / "dist"
MOST_GZIP = {"session": 70_000, "join": 32_000, "start": 32_000}
"""Bytes of what a caller's page loads before it shows; the design's ceiling is 150,000."""


@pytest.fixture
def manifest(web_built: None) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DIST / "manifest.json").read_text())
    return read


def needed(manifest: dict[str, Any], *entries: str) -> set[str]:
    """Files that a page loads before it shows: its module and everything that imports."""
    files: set[str] = set()
    left = list(entries)
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        part = manifest[name]
        files |= {part["file"], *part.get("css", [])}
        left += part.get("imports", [])
    return files


@pytest.mark.parametrize("page", MOST_GZIP)
def test_a_page_of_the_caller_stays_small(manifest: dict[str, Any], page: str) -> None:
    files = needed(manifest, "index.html", f"src/pages/{page}.tsx")
    size = sum(len(gzip.compress((DIST / name).read_bytes(), 6)) for name in files)
    assert size < MOST_GZIP[page], f"{size} bytes in {sorted(files)}"


@pytest.mark.parametrize("page", MOST_GZIP)
def test_a_page_of_the_caller_loads_nothing_of_the_agents(
    manifest: dict[str, Any], page: str
) -> None:
    theirs = needed(manifest, "index.html", f"src/pages/{page}.tsx")
    desk = needed(manifest, "src/pages/desk.tsx")
    marks = ("side.outcome.solved", "queue.noConnector", "/v1/desk/live")
    for mark in marks:
        holds = {name for name in desk | theirs if mark in (DIST / name).read_text()}
        assert holds, f"{mark} is no longer in the desk's code"
        assert not holds & theirs, f"{mark} is in {holds & theirs}"


def test_the_parts_of_the_pages_are_there_compressed(web_built: None) -> None:
    for part in (DIST / "assets").iterdir():
        if part.suffix in (".js", ".css", ".svg") and part.stat().st_size >= 1_000:
            assert gzip.decompress(part.with_name(f"{part.name}.gz").read_bytes()) == (
                part.read_bytes()
            )
            size = part.with_name(f"{part.name}.br").stat().st_size
            assert size < part.stat().st_size / 1.5, part.name


def test_the_shell_has_nothing_inline_and_nothing_from_elsewhere(web_built: None) -> None:
    html = (DIST / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)
    assert not re.search(r"""(?:src|href)="(?!/assets/)""", html)


def test_no_part_of_the_pages_evaluates_text(web_built: None) -> None:
    for part in (DIST / "assets").glob("*.js"):
        assert not re.search(r"\beval\(|new Function\(", part.read_text()), part.name


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert [name for name, part in lock["packages"].items() if "resolved" in part] == []
    assert all("integrity" in part for name, part in lock["packages"].items() if name)


def test_packages_are_pinned_exactly() -> None:
    package = json.loads((WEB / "package.json").read_text())
    pins = package["dependencies"] | package["devDependencies"]
    assert [pin for pin in pins.items() if not re.fullmatch(r"\d+\.\d+\.\d+", pin[1])] == []


@pytest.fixture
def npm(web_built: None) -> Any:
    sys.path.insert(0, str(WEB))
    try:
        import build  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(WEB))
    node = build.find_node()
    assert node is not None

    def run(*arguments: str) -> str:
        output: str = build.npm(node, *arguments)
        return output

    return run


def test_the_unit_tests_of_the_pages_pass(npm: Any) -> None:
    assert "passed" in npm("run", "--silent", "test")


def test_the_types_of_the_pages_hold(npm: Any) -> None:
    npm("run", "--silent", "check")


def test_a_build_that_is_up_to_date_needs_no_node(
    web_built: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sys.path.insert(0, str(WEB))
    try:
        import build
    finally:
        sys.path.remove(str(WEB))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.missing_requirements() == []
    assert build.build() is False
    monkeypatch.setattr(build, "is_built", lambda: False)
    assert build.missing_requirements() == [build.NODE_WHEEL]
    with pytest.raises(build.WebBuildError, match="install your system's nodejs and npm"):
        build.build()
