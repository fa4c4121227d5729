"""Which PBXs are reached right now, for the desks: without a connector, calls are as last known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collab_server.services import Services


def show(services: Services) -> dict[str, bool]:
    """PBX -> whether a connector of it has its link open."""
    return {pbx: services.hub.linked(pbx) for pbx in services.settings.pbx}


class Links:
    """Tells the desks when that changes. Looked at from time to time, which passes over the moment
    in which a connector starts anew."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._told: dict[str, bool] = {}

    def look(self) -> None:
        """Tell the desks that are open if a link has come up or gone since the last look."""
        now = show(self._services)
        if now == self._told:
            return
        self._told = now
        for uri in set(self._services.watched_logins().values()):
            self._services.hub.desk_push(uri, {"kind": "pbxs", "pbxs": now})
