"""A server process of its own that sends whatever is due, for tests that need several or kill one.

python -m tests.server.carrier FOLDER '{"invite": …}'
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.server.conftest import Server, make_settings

ROOT = Path(__file__).parents[2]


def begin(folder: Path, settings: dict[str, Any]) -> subprocess.Popen[str]:
    """Start one."""
    command = [sys.executable, "-m", "tests.server.carrier", str(folder), json.dumps(settings)]
    return subprocess.Popen(command, cwd=ROOT, text=True)


def main(folder: str, settings: str) -> None:
    """Send until nothing is due any more."""
    server = Server(make_settings(Path(folder), **json.loads(settings)))
    for _ in range(20):
        server.carry()
    server.database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
