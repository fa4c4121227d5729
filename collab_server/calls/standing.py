"""How connectors stand with their PBX: what each said last, kept for as long as the server runs.

A connector says it again whenever its link comes up, so nothing has to outlive a restart.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from collab_server.calls.schemas import clip
from collab_server.times import iso_or_none

if TYPE_CHECKING:
    from collab_server.calls.leases import Claim
    from collab_server.calls.schemas import Report

STANDINGS = "tandem.standings"
_LONGEST = 300
STANDBY_SECONDS = 5.0
"""A connector that stands by asks each second."""
STANDBY_MOST = 20


class PbxDetail(BaseModel):
    """A PBX's connector; only administrators are shown the text and the time."""

    model_config = ConfigDict(extra="forbid")

    linked: bool
    """A connector has its link open."""
    connected: bool | None
    """It is connected to the PBX; None: nobody says."""
    since: AwareDatetime | None
    title: str | None
    """Kind, version and address of the PBX."""
    detail: str | None
    """Why it is not connected."""
    standby: int = 0
    """Further connectors, which wait to take over."""
    reported: AwareDatetime | None = None
    """When a report of the connector that serves came last."""


@dataclass(frozen=True, slots=True)
class _Kept:
    order: tuple[int, int]
    """Epochs of the lease and of the connector."""
    connected: bool
    since: float | None
    title: str | None
    detail: str | None


class Standings:
    """One for each PBX of the settings: only their connectors have a key to report with."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._standby: dict[str, dict[str, float]] = {}
        """PBX -> connectors that stand by, and when each asked last."""
        self._reported: dict[str, float] = {}
        """PBX -> when a connector that holds its lease reported last."""
        self._lock = threading.Lock()

    def take(self, pbx: str, report: Report, now: float, lease: Claim) -> None:
        """Keep what a report says; one of a connector that was replaced does not count, nor of
        one that stands by."""
        self._stands_by(pbx, report.connector or "", now, held=lease.held)
        if lease.held:
            with self._lock:
                self._reported[pbx] = now
        said = report.pbx
        if said is None or not lease.held:
            return
        new = _Kept(
            (lease.epoch, report.epoch),
            said.connected,
            said.since.timestamp() if said.since else None,
            clip(said.title, _LONGEST),
            clip(said.detail, _LONGEST),
        )
        with self._lock:
            known = self._kept.get(pbx)
            if known is None or known.order <= new.order:
                self._kept[pbx] = new

    def _stands_by(self, pbx: str, connector: str, now: float, *, held: bool) -> None:
        with self._lock:
            known = self._standby.get(pbx, {})
            kept = {name: at for name, at in known.items() if abs(now - at) < STANDBY_SECONDS}
            kept.pop(connector, None)
            if not held:
                kept[connector] = now
            self._standby[pbx] = dict(list(kept.items())[-STANDBY_MOST:])

    def show(self, pbx: str, *, linked: bool, full: bool, now: float) -> dict[str, object]:
        """`PbxDetail`; what was said last does not count while nobody is linked."""
        with self._lock:
            kept = self._kept.get(pbx) if linked else None
            asked = self._standby.get(pbx, {}).values()
            standby = sum(abs(now - at) < STANDBY_SECONDS for at in asked)
            reported = self._reported.get(pbx)
        shown: dict[str, object] = {
            "linked": linked,
            "connected": kept.connected if kept else None,
            "since": None,
            "title": None,
            "detail": None,
            "standby": standby,
            "reported": iso_or_none(reported) if full else None,
        }
        if kept is not None and full:
            since = iso_or_none(kept.since)
            shown |= {"since": since, "title": kept.title, "detail": kept.detail}
        return shown
