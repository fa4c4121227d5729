"""An attended transfer by the switch itself (AMI Atxfer): ask first, then join or come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import bridging
from .channel import UP, Bridge, Channel
from .dial import announce_local
from .thread import CallThread

if TYPE_CHECKING:
    from .pbx import Pbx


class Consultation:
    """`by` asks somebody over a private bridge while its party waits in the first one."""

    __slots__ = ("_pbx", "bridge", "by", "one", "party", "private")

    def __init__(
        self, pbx: Pbx, by: Channel, bridge: Bridge, private: Bridge, one: Channel
    ) -> None:
        self._pbx = pbx
        self.by = by
        self.bridge = bridge
        self.private = private
        self.party = bridge.channels[0]
        self.one = one
        """The near half of the ``Local`` pair towards whom is asked."""

    @property
    def waiting(self) -> bool:
        """Whether the party is still there."""
        return self.party.bridge is self.bridge

    @property
    def answered(self) -> bool:
        """Whether whom `by` asks has answered, and the party is there to be joined."""
        return self.one.state == UP and self.by.bridge is self.private and self.waiting

    def complete(self) -> None:
        """`by` has hung up: its party and the one it asked are joined."""
        pbx, by, party, one = self._pbx, self.by, self.party, self.one
        del pbx.consulting[by.uniqueid]
        two = one.other
        target = None
        if two is not None and two.bridge is not None:
            target = next(iter(two.bridge.others(two)), None)
        seen = (
            by.render("OrigTransferer"),
            self.bridge.render("Orig").replace("NumChannels: 1", "NumChannels: 2"),
            by.render("SecondTransferer"),
        )
        bridging.forget_peers(pbx, by)
        bridging.leave(pbx, by)
        pbx.bus.emit("BridgeMerge", ("To", self.bridge), ("From", self.private))
        bridging.leave(pbx, one)
        bridging.enter(pbx, self.bridge, one)
        pbx.bus.emit("MusicOnHoldStop", party)
        bridging.tell_peers(pbx, self.bridge)
        pbx.device_changed(party)
        pbx.bus.emit(
            "AttendedTransfer",
            "Result: Success\r\n",
            *seen,
            ("Second", self.private),
            ("Transferee", party),
            ("TransferTarget", one),
            f"IsExternal: No\r\nDestType: Bridge\r\nDestBridgeUniqueid: {self.bridge.uniqueid}\r\n",
        )
        if party.service is not None:
            party.service.complete("transfer")
        bridging.destroy(pbx, self.private)
        pbx.connected(party, one.cid_num, one.cid_name)
        pbx.connected(one, party.cid_num, party.cid_name)
        if two is not None:
            two.owed_callerid = (party.cid_num, party.cid_name)
        if target is not None:
            pbx.connected(target, party.cid_num, party.cid_name)
        if by.thread is not None:
            by.thread.post("over", by)
        else:
            pbx.hang(by)

    def give_up(self) -> bool:
        """Whom `by` asked is gone: it talks to its party again. False: so is the party."""
        pbx, by, party = self._pbx, self.by, self.party
        del pbx.consulting[by.uniqueid]
        if not self.waiting:
            return False
        pbx.bus.emit("Unhold", by)
        pbx.bus.emit("MusicOnHoldStop", party)
        by.cause = 0
        bridging.enter(pbx, self.bridge, by)
        bridging.tell_peers(pbx, self.bridge)
        pbx.connected(by, party.cid_num, party.cid_name)
        return True


def consult_by_switch(pbx: Pbx, by: Channel, context: str, exten: str) -> None:
    """AMI Atxfer: `by` leaves its party with music and talks to a ``Local`` channel of `exten`.

    It plays the keys of a transfer, so it does nothing where keys may not transfer.
    """
    bridge = by.bridge
    if bridge is None:
        return
    party = bridge.others(by)[0]
    pbx.set_variable(by, "TRANSFER_CONTEXT", context)
    _digits(pbx, by, "*7")
    if not by.may_transfer:
        _digits(pbx, by, exten)
        _sent(pbx, party, exten)
        return
    pbx.bus.emit("Hold", by)
    pbx.bus.emit("MusicOnHoldStart", party, "Class: default\r\n")
    if party.phone is not None:
        pbx.devices.set(f"PJSIP/{party.phone.name}", "ONHOLD")
    _digits(pbx, by, exten)
    one, two = pbx.local_pair(exten, context, by.linkedid)
    one.call = two.call = by.call
    pbx.set_variable(one, "TRANSFERERNAME", by.name)
    pbx.set_variable(one, "ATTENDEDTRANSFER", by.name)
    pbx.inherit(by, one)
    private = bridging.open_bridge(pbx)
    pbx.copy_variables(one, two)
    two.cid_num, two.cid_name = by.cid_num, by.cid_name
    pbx.new_callerid(two)
    announce_local(pbx, one, two, optimise=True)
    pbx.connected(one, by.cid_num, by.cid_name)
    two.dnid = exten
    bridging.enter(pbx, private, one)
    bridging.leave(pbx, by)
    by.cause = 0
    bridging.enter(pbx, private, by)
    bridging.tell_peers(pbx, private)
    pbx.connected(by, one.cid_num, one.cid_name)
    pbx.consulting[by.uniqueid] = Consultation(pbx, by, bridge, private, one)
    CallThread(pbx, two)


def _sent(pbx: Pbx, channel: Channel, digits: str) -> None:
    """Digits no feature took go on to the other party."""
    for digit in digits:
        pbx.bus.emit("DTMFBegin", channel, f"Digit: {digit}\r\nDirection: Sent\r\n")
        pbx.bus.emit(
            "DTMFEnd", channel, f"Digit: {digit}\r\nDurationMs: 100\r\nDirection: Sent\r\n"
        )


def _digits(pbx: Pbx, channel: Channel, digits: str) -> None:
    for digit in digits:
        pbx.bus.emit(
            "DTMFEnd", channel, f"Digit: {digit}\r\nDurationMs: 0\r\nDirection: Received\r\n"
        )
