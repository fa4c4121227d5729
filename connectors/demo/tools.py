"""Programs of the machine that unpacking needs, and what to say when one is missing or fails."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from connectors.demo import LabError

HINT = "`make demo` (without PBX=asterisk) shows Tandem on a simulated PBX"


def need(program: str, why: str) -> str:
    """The path of a program, or a LabError that says what it is for."""
    found = shutil.which(program)
    if found is None:
        raise LabError(f"{program} is missing: {why}, so this needs Debian or Ubuntu; {HINT}")
    return found


def output(words: Sequence[str]) -> str:
    """What a short command prints; LabError with its last word when it fails."""
    done = subprocess.run(  # noqa: S603
        words, capture_output=True, text=True, errors="replace", timeout=60, check=False
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabError(f"`{' '.join(words)}` failed: {why}")
    return done.stdout


def run(words: Sequence[str], what: str, source: subprocess.Popen[bytes] | None = None) -> None:
    """Runs a command that says nothing; LabError with `what` and its last word when it fails."""
    done = subprocess.run(  # noqa: S603
        words,
        stdin=source.stdout if source else subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise LabError(f"cannot {what}: {why}")
