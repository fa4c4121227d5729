"""Two parties in a bridge: how they come in, how they leave, and who is told."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .channel import UP, Bridge, Channel

if TYPE_CHECKING:
    from .pbx import Pbx
    from .thread import CallThread

NORMAL_CLEARING = 16


def open_bridge(pbx: Pbx) -> Bridge:
    """A new empty bridge."""
    bridge = Bridge(str(uuid.UUID(int=pbx.random.getrandbits(128), version=4)))
    pbx.bridges[bridge.uniqueid] = bridge
    pbx.bus.emit("BridgeCreate", bridge)
    return bridge


def enter(pbx: Pbx, bridge: Bridge, channel: Channel, *, swapped: Channel | None = None) -> None:
    """A channel comes into a bridge, in place of `swapped` if given (who has left)."""
    bridge.channels.append(channel)
    channel.bridge = bridge
    swap = f"SwapUniqueid: {swapped.uniqueid}\r\n" if swapped is not None else ""
    pbx.bus.emit("BridgeEnter", bridge, channel, swap)
    for name in ("BLINDTRANSFER", "ATTENDEDTRANSFER"):
        if channel.value(name):
            pbx.set_variable(channel, name, "")
    pbx.touch(channel)


def leave(pbx: Pbx, channel: Channel) -> None:
    """A channel leaves its bridge."""
    bridge = channel.bridge
    if bridge is None:
        return
    bridge.channels.remove(channel)
    channel.bridge = None
    channel.cause = channel.cause or NORMAL_CLEARING
    pbx.bus.emit("BridgeLeave", bridge, channel)
    pbx.touch(channel)


def destroy(pbx: Pbx, bridge: Bridge) -> None:
    """An empty bridge goes."""
    pbx.bridges.pop(bridge.uniqueid, None)
    pbx.bus.emit("BridgeDestroy", bridge)


def tell_peers(pbx: Pbx, bridge: Bridge) -> None:
    """BRIDGEPEER and BRIDGEPVTCALLID of both parties."""
    for channel in bridge.channels:
        for peer in bridge.others(channel)[:1]:
            pbx.set_variable(channel, "BRIDGEPEER", peer.name)
            if peer.call_id or channel.value("BRIDGEPVTCALLID"):
                pbx.set_variable(channel, "BRIDGEPVTCALLID", peer.call_id)


def forget_peers(pbx: Pbx, *channels: Channel) -> None:
    """The same variables, emptied."""
    for channel in channels:
        pbx.set_variable(channel, "BRIDGEPEER", "")
        if channel.value("BRIDGEPVTCALLID"):
            pbx.set_variable(channel, "BRIDGEPVTCALLID", "")


def join(pbx: Pbx, callee: Channel, caller: Channel) -> Bridge:
    """Put an answered callee and its caller together, the callee first."""
    bridge = open_bridge(pbx)
    pbx.new_exten(callee)
    enter(pbx, bridge, callee)
    enter(pbx, bridge, caller)
    tell_peers(pbx, bridge)
    return bridge


def dissolve(pbx: Pbx, bridge: Bridge, first: Channel) -> None:
    """`first` leaves, so the bridge ends: threads go on, dialled channels are hung up."""
    parties = [first, *bridge.others(first)]
    for channel in parties:
        forget_peers(pbx, channel)
        if channel.owed_callerid is not None and channel.name.endswith(";2"):
            channel.cid_num, channel.cid_name = channel.owed_callerid
            channel.owed_callerid = None
            pbx.new_callerid(channel)
    for channel in parties:
        leave(pbx, channel)
    destroy(pbx, bridge)
    for channel in parties:
        if channel.thread is not None and channel.uniqueid not in pbx.consulting:
            channel.thread.post("over", channel)
    for channel in parties:
        consultation = pbx.consulting.get(channel.uniqueid)
        if consultation is not None and channel is not first and consultation.give_up():
            continue
        if channel.thread is None:
            pbx.hang(channel)


async def talk(thread: CallThread) -> None:
    """The caller's thread sleeps while its channel is in a bridge."""
    while True:
        message = await thread.next()
        if message is not None and message[0] == "over":
            return


def far_end_gone(pbx: Pbx, channel: Channel, *, requested: bool = False) -> None:
    """The telephone (or other half) behind a channel hung up, gave up or turned the call down.

    `requested`: HangupRequest has been said already.
    """
    if not channel.alive:
        return
    if not requested:
        if channel.state != UP:
            channel.cause, channel.tech_cause = (
                (127, "487") if channel.thread is not None else (17, "486")
            )
        pbx.request_hangup(channel)
    if channel.thread is not None:
        channel.thread.hungup = True
    consultation = pbx.consulting.get(channel.uniqueid)
    if consultation is not None:
        if consultation.answered:
            consultation.complete()
            return
        del pbx.consulting[channel.uniqueid]
    if channel.bridge is not None:
        if channel.service is not None:
            channel.service.complete("agent" if channel is channel.service.agent else "caller")
        dissolve(pbx, channel.bridge, channel)
    elif channel.thread is not None:
        channel.thread.post("hangup", channel)
    elif channel.dialer is not None:
        channel.dialer.post("rejected", channel)
    elif channel.origination is not None:
        channel.origination.give_up("BUSY" if channel.phone is not None else "NOANSWER")
    else:
        pbx.hang(channel)
