"""A connector loads the libraries of its own PBX's kind, and no others."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from connectors.runtime.checkup import check_for
from connectors.runtime.connector import core_settings, driver_for
from tests.runtime.settings_for import settings_for

settings = settings_for(1, kind=sys.argv[1])
driver_for(settings), core_settings(settings), check_for(settings)
print(*sorted({"panoramisk", "greenswitch", "gevent"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("kind", "loaded"), [("asterisk", "panoramisk"), ("freeswitch", "gevent greenswitch")]
)
def test_only_the_kinds_own_libraries_are_loaded(kind: str, loaded: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == (loaded, "")
