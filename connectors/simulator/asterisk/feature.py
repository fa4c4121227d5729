"""Keys pressed in a call, and the in-call features they reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .apps import run_at_once, takes_time
from .keys import Routine

if TYPE_CHECKING:
    from .channel import Channel
    from .dialplan import Feature
    from .pbx import Pbx


def press(pbx: Pbx, channel: Channel, digits: str, *, rtp: bool = False) -> None:
    """A telephone sends digits: DTMF events, then the feature whose code they are.

    `rtp`: as RFC 4733, which has a beginning; SIP INFO has only an end.
    """
    duration = 200 if rtp else 160
    for digit in digits:
        if rtp:
            pbx.bus.emit("DTMFBegin", channel, f"Digit: {digit}\r\nDirection: Received\r\n")
        pbx.bus.emit(
            "DTMFEnd",
            channel,
            f"Digit: {digit}\r\nDurationMs: {duration}\r\nDirection: Received\r\n",
        )
    reads = channel.routine or (channel.thread if channel.bridge is None else None)
    if reads is not None:
        reads.keys.extend(digits)
        reads.post("keys")
        return
    bridge = channel.bridge
    if bridge is None:
        return
    party = next(iter(bridge.others(channel)), None)
    allowed = "#".join(
        each.value("DYNAMIC_FEATURES") for each in (channel, party) if each is not None
    ).split("#")
    for feature in pbx.features:
        if feature.code == digits and feature.name in allowed:
            _run(pbx, feature, channel, party)
            return


def _run(pbx: Pbx, feature: Feature, presser: Channel, party: Channel | None) -> None:
    on = party if feature.on_peer and party is not None else presser
    pbx.set_variable(on, "DYNAMIC_FEATURENAME", feature.name)
    pbx.set_variable(on, "DYNAMIC_WHO_ACTIVATED", presser.name)
    if takes_time(pbx, feature):
        Routine(pbx, on, feature)
    else:
        run_at_once(pbx, on, feature)


def hold(pbx: Pbx, channel: Channel, *, on: bool) -> None:
    """A telephone puts the other party on hold (re-INVITE), or takes it back."""
    if on:
        pbx.bus.emit("Hold", channel, "MusicClass: default\r\n")
    else:
        pbx.bus.emit("Unhold", channel)
    if channel.bridge is not None:
        for other in channel.bridge.others(channel):
            other.held = on
            if on:
                pbx.bus.emit("MusicOnHoldStart", other, "Class: default\r\n")
            else:
                pbx.bus.emit("MusicOnHoldStop", other)
            pbx.device_changed(other)
