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
    from collab_server.calls.schemas import Report

STANDINGS = "tandem.standings"
_LONGEST = 300


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


@dataclass(frozen=True, slots=True)
class _Kept:
    epoch: int
    connected: bool
    since: float | None
    title: str | None
    detail: str | None


class Standings:
    """One for each PBX of the settings: only their connectors have a key to report with."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def take(self, pbx: str, report: Report) -> None:
        """Keep what a report says; one of a connector that was replaced does not count."""
        said = report.pbx
        if said is None:
            return
        new = _Kept(
            report.epoch,
            said.connected,
            said.since.timestamp() if said.since else None,
            clip(said.title, _LONGEST),
            clip(said.detail, _LONGEST),
        )
        with self._lock:
            known = self._kept.get(pbx)
            if known is None or known.epoch <= new.epoch:
                self._kept[pbx] = new

    def show(self, pbx: str, *, linked: bool, full: bool) -> dict[str, object]:
        """`PbxDetail`; what was said last does not count while nobody is linked."""
        with self._lock:
            kept = self._kept.get(pbx) if linked else None
        shown: dict[str, object] = {
            "linked": linked,
            "connected": kept.connected if kept else None,
            "since": None,
            "title": None,
            "detail": None,
        }
        if kept is not None and full:
            since = iso_or_none(kept.since)
            shown |= {"since": since, "title": kept.title, "detail": kept.detail}
        return shown
