"""A scripted call on the simulated FreeSWITCH: what its channels' states mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import ScriptedCall
from ..script import Call
from .channel import CALLSTATES, Channel

if TYPE_CHECKING:
    from .pbx import FreeSwitch


class PlacedCall(ScriptedCall[Channel]):
    """A call placed on a `FreeSwitch`."""

    def __init__(self, pbx: FreeSwitch, script: Call, channel: Channel) -> None:
        super().__init__(script, channel)
        self.pbx = pbx

    @property
    def id(self) -> str:
        """The user leg's UUID."""
        return self.caller.uuid

    def is_in(self, state: str, leg: Channel) -> bool:
        """Whether a standing leg is queued, ringing or talking."""
        if state == "queued":
            return self.pbx.callcenter.waits(leg) or self.pbx.fifos.waits(leg)
        if state == "ringing":
            return leg.direction == "outbound" and CALLSTATES[leg.callstate] == "RINGING"
        if state == "up":
            return leg.up
        # Who is consulted by the event socket has answered, and is parked until the transfer.
        consulted = leg.direction == "outbound" and leg.shown[0] == "park"
        return leg.up and (leg.partner is not None or consulted)
