"""A scripted call on the simulated Asterisk: what its channels' states mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import ScriptedCall
from ..script import Call
from .channel import RINGING, UP, Channel

if TYPE_CHECKING:
    from .pbx import Pbx


class PlacedCall(ScriptedCall[Channel]):
    """A call placed on a `Pbx`."""

    def __init__(self, pbx: Pbx, script: Call, channel: Channel) -> None:
        super().__init__(script, channel)
        self.pbx = pbx

    @property
    def id(self) -> str:
        """The user leg's Uniqueid."""
        return self.caller.uniqueid

    def is_in(self, state: str, leg: Channel) -> bool:
        """Whether a standing leg is queued, ringing or talking."""
        if state == "queued":
            return any(e.channel is leg for q in self.pbx.queues.values() for e in q.entries)
        if state == "ringing":
            return leg.state == RINGING
        if state == "up":
            return leg.state == UP
        bridge = leg.bridge
        return leg.state == UP and bridge is not None and len(bridge.channels) > 1
