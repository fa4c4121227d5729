"""What holds for every test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, or to make one, says only how busy the machine is.
settings.register_profile("tandem", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tandem")


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What one of the processes of ``make test`` runs in one piece: a file, or all of
    ``behaviour``, whose files share their PBXs."""
    here = Path(__file__).parent
    for item in items:
        file = item.path.relative_to(here)
        shared = file.parts[0] == "behaviour"
        item.add_marker(pytest.mark.xdist_group("behaviour" if shared else str(file)))
