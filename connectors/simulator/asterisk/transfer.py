"""Transfers in every way the recordings have: REFER, REFER with Replaces, Redirect, Atxfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import bridging
from .channel import Bridge, Channel
from .thread import CallThread

if TYPE_CHECKING:
    from .pbx import Pbx


def redirect(pbx: Pbx, channel: Channel, context: str, exten: str, priority: int) -> None:
    """AMI Redirect: the channel leaves whatever it does and goes on there. No transfer event."""
    thread = channel.thread
    if thread is None:
        bridge = channel.bridge
        thread = CallThread(pbx, channel)
        channel.dialer = None
        thread.send_to(context, exten, priority)
        if bridge is not None:
            _leave_for(pbx, channel, bridge)
        return
    bridge = channel.bridge
    if bridge is not None:
        bridging.forget_peers(pbx, channel)
    thread.send_to(context, exten, priority)
    if bridge is None:
        thread.post("goto", channel)
    else:
        others = bridge.others(channel)
        bridging.forget_peers(pbx, *others)
        _leave_for(pbx, channel, bridge)


def _leave_for(pbx: Pbx, channel: Channel, bridge: Bridge) -> None:
    others = bridge.others(channel)
    bridging.leave(pbx, channel)
    for other in others:
        bridging.leave(pbx, other)
    bridging.destroy(pbx, bridge)
    if channel.service is not None:
        channel.service.count()
    if channel.thread is not None:
        channel.thread.post("over", channel)
    for other in others:
        if other.thread is not None:
            other.thread.post("over", other)
        else:
            pbx.hang(other)


def blind(pbx: Pbx, by: Channel, context: str, exten: str, *, refer_to: str = "") -> None:
    """The party `by` talks to goes to an extension; `refer_to`: asked by SIP REFER."""
    bridge = by.bridge
    if bridge is None:
        return
    party = bridge.others(by)[0]
    pbx.bus.emit("Unhold", by)
    pbx.set_variable(by, "BLINDTRANSFER", party.name)
    pbx.set_variable(party, "BLINDTRANSFER", by.name)
    if refer_to:
        pbx.set_variable(party, "SIPTRANSFER", "yes")
        bridging.tell_peers(pbx, bridge)
        host = pbx.world.host
        pbx.set_variable(party, "SIPREFERRINGCONTEXT", context)
        pbx.set_variable(
            party, "__SIPREFERREDBYHDR", f"<sip:{by.phone.name if by.phone else by.cid_num}@{host}>"
        )
        pbx.set_variable(party, "SIPREFERTOHDR", refer_to)
    bridging.forget_peers(pbx, by)
    pbx.bus.emit(
        "BlindTransfer",
        "Result: Success\r\n",
        ("Transferer", by),
        ("Transferee", party),
        bridge,
        f"IsExternal: Yes\r\nContext: {context}\r\nExtension: {exten}\r\n",
    )
    if party.service is not None:
        party.service.complete("transfer")
    bridging.forget_peers(pbx, party)
    thread = party.thread or CallThread(pbx, party)
    thread.send_to(context, exten)
    if by.thread is not None:
        by.thread.hungup = True
    _leave_for(pbx, party, bridge)


def attended(pbx: Pbx, first: Channel, second: Channel) -> None:
    """REFER with Replaces: the parties of two calls of one telephone are joined.

    Whom a queue served stays in its bridge and the other party comes in; whom Dial connected
    goes over to the other bridge. The calls of the telephone end.
    """
    orig, other = first.bridge, second.bridge
    if orig is None or other is None:
        return
    party, target = orig.others(first)[0], other.others(second)[0]
    stays = party.service is not None
    kept, emptied = (orig, other) if stays else (other, orig)
    comes, leaves = (target, first) if stays else (party, second)
    lonely = second if stays else first
    pbx.bus.emit("Unhold", first)
    pbx.bus.emit("Unhold", second)
    pbx.set_variable(party, "ATTENDEDTRANSFER", first.name)
    pbx.set_variable(first, "ATTENDEDTRANSFER", party.name)
    seen = (
        "Result: Success\r\n"
        + first.render("OrigTransferer")
        + orig.render("Orig")
        + second.render("SecondTransferer")
        + other.render("Second")
        + party.render("Transferee")
        + target.render("TransferTarget")
        + f"IsExternal: No\r\nDestType: Bridge\r\nDestBridgeUniqueid: {kept.uniqueid}\r\n"
    )
    bridging.leave(pbx, comes)
    bridging.forget_peers(pbx, leaves)
    bridging.leave(pbx, leaves)
    target.linkedid = party.linkedid
    bridging.enter(pbx, kept, comes, swapped=leaves)
    bridging.tell_peers(pbx, kept)
    bridging.forget_peers(pbx, lonely)
    pbx.soft_hangup(second, cause=1)
    pbx.connected(party, target.cid_num, target.cid_name)
    pbx.bus.emit("AttendedTransfer", seen)
    bridging.leave(pbx, lonely)
    if party.service is not None:
        party.service.complete("transfer")
    bridging.destroy(pbx, emptied)
    pbx.connected(target, party.cid_num, party.cid_name)
    for channel in (first, second):
        if channel.thread is not None:
            channel.thread.hungup = True
            channel.thread.post("over", channel)
        else:
            pbx.hang(channel)
