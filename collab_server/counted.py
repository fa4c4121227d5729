"""What happened in transactions, for ``/metrics``: counted when each is committed, and not before.

Labels are words of the settings and of the code, so their number is bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "invitations": ("Ways of inviting somebody that reached a state", ("way", "state")),
    "pairing_codes": (
        "Pairing codes of pages and of calls: made, used, withdrawn to make room, wrong",
        ("kind", "outcome"),
    ),
    "commands": ("Commands to PBXs, by what became of them", ("kind", "status")),
}
"""Name -> what it counts, and its labels."""


class Counted:
    """The counters of one server, from its start on."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"tandem_{name}", said, labels, registry=self.registry)
            for name, (said, labels) in COUNTERS.items()
        }

    def add(self, counts: Mapping[tuple[str, ...], int]) -> None:
        """Take in what `Work.count` was told, (counter, label …) -> how often."""
        for (name, *labels), times in counts.items():
            self._counters[name].labels(*labels).inc(times)
