"""Originate: Asterisk itself dials a channel and, when it is answered, runs it in the dialplan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import dial
from .channel import DOWN, UNKNOWN, UP, Channel
from .thread import CallThread

if TYPE_CHECKING:
    from .pbx import Pbx

ANSWERED, FAILED = 4, 0
"""``Reason`` of OriginateResponse."""


@dataclass(slots=True)
class Originate:
    """What an Originate asks for."""

    channel: str
    """``Local/EXTEN@CONTEXT/n`` or ``PJSIP/NAME``."""
    context: str
    exten: str
    priority: int
    timeout: float
    """Seconds to the answer."""
    caller_id: tuple[str, str]
    """Number and name; '' where not given."""
    variables: Sequence[tuple[str, str]]
    ids: tuple[str, str]
    """``ChannelId``, ``OtherChannelId``; '' where not given."""
    action_id: str


class Origination:
    """One Originate under way."""

    def __init__(self, pbx: Pbx, wanted: Originate) -> None:
        self._pbx = pbx
        self._wanted = wanted
        self._channel: Channel | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def start(self) -> None:
        """Make the channel and ring it, or say that it cannot be had."""
        wanted, pbx = self._wanted, self._pbx
        technology, _, peer = wanted.channel.partition("/")
        if any(pbx.takes_id(known) for known in wanted.ids if known):
            self._respond(FAILED)
        elif technology == "Local":
            self._local(peer)
        else:
            self._phone(peer)

    def _local(self, peer: str) -> None:
        wanted, pbx = self._wanted, self._pbx
        address, _, options = peer.partition("/")
        exten, _, context = address.partition("@")
        one, two = pbx.local_pair(exten, context, "", ids=wanted.ids)
        if not pbx.dialplan.exists(context, exten):
            for half in (two, one):
                half.other = None
                pbx.hang(half)
            self._respond(FAILED)
            return
        self._prepare(one)
        pbx.copy_variables(one, two)
        two.cid_num, two.cid_name = one.cid_num, one.cid_name
        two.conn_num, two.conn_name = one.conn_num, one.conn_name
        pbx.new_callerid(two)
        pbx.bus.emit("NewConnectedLine", two)
        dial.announce_local(pbx, one, two, optimise="n" not in options)
        self._begin(one, peer)
        two.dnid = exten
        CallThread(pbx, two)

    def _phone(self, name: str) -> None:
        pbx = self._pbx
        phone = pbx.phones.get(name)
        if phone is None or not phone.registered or len(pbx.channels) >= pbx.max_channels:
            self._respond(FAILED)
            return
        channel = pbx.pjsip(phone, state=DOWN, uniqueid=self._wanted.ids[0])
        self._prepare(channel)
        self._begin(channel, name)
        dial.ring_phone(pbx, channel, phone.rings)

    def _prepare(self, channel: Channel) -> None:
        """Variables and caller id of the channel that is dialled."""
        wanted, pbx = self._wanted, self._pbx
        self._channel = channel
        channel.origination = self
        channel.app, channel.data = "AppDial2", dial.OUTGOING
        pbx.new_exten(channel)
        for name, value in wanted.variables:
            pbx.set_variable(channel, name, value)
        number, shown = wanted.caller_id
        channel.cid_num, channel.cid_name = number or UNKNOWN, shown or UNKNOWN
        if number or shown:
            pbx.new_callerid(channel)
        channel.conn_num, channel.conn_name = channel.cid_num, channel.cid_name
        pbx.bus.emit("NewConnectedLine", channel)

    def _begin(self, channel: Channel, dial_string: str) -> None:
        pbx = self._pbx
        pbx.bus.emit("DialBegin", ("Dest", channel), f"DialString: {dial_string}\r\n")
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(pbx.clock.real(self._wanted.timeout), self.give_up, "")

    def ringing(self) -> None:
        """It rings."""
        if self._channel is not None:
            self._pbx.bus.emit("DialState", ("Dest", self._channel), "DialStatus: RINGING\r\n")

    def answered(self) -> None:
        """The channel was answered: it goes on in the dialplan, by a thread of its own."""
        if not self._over:
            self._end()
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        channel, pbx, wanted = self._channel, self._pbx, self._wanted
        if channel is None or not channel.alive:
            return
        owed, channel.owed_callerid = channel.owed_callerid, None
        if owed is not None:
            channel.cid_num, channel.cid_name = owed
        if channel.state != UP:
            pbx.new_state(channel, UP)
        if owed is not None:
            pbx.new_callerid(channel)
        pbx.bus.emit("DialEnd", ("Dest", channel), "DialStatus: ANSWER\r\n")
        self._respond(ANSWERED)
        channel.origination = None
        channel.context, channel.exten = wanted.context, wanted.exten
        channel.priority = wanted.priority
        CallThread(pbx, channel)

    def give_up(self, status: str) -> None:
        """Nobody answered in time, or, with a `status`, it was refused or hung up."""
        channel, pbx = self._channel, self._pbx
        if self._over or channel is None:
            return
        self._end()
        pbx.bus.emit("DialEnd", ("Dest", channel), f"DialStatus: {status or 'NOANSWER'}\r\n")
        channel.origination = None
        pbx.hang(channel)
        self._respond(FAILED)

    def _end(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()

    def _respond(self, reason: int) -> None:
        wanted, channel = self._wanted, self._channel
        name = channel.name if channel is not None and reason == ANSWERED else wanted.channel
        number, shown = (part or UNKNOWN for part in wanted.caller_id)
        uniqueid = channel.uniqueid if channel is not None else wanted.ids[0] or "<null>"
        action_id = f"ActionID: {wanted.action_id}\r\n" if wanted.action_id else ""
        self._pbx.bus.emit(
            "OriginateResponse",
            f"{action_id}Response: {'Success' if reason == ANSWERED else 'Failure'}\r\n"
            f"Channel: {name}\r\nContext: {wanted.context}\r\nExten: {wanted.exten}\r\n"
            f"Reason: {reason}\r\n"
            f"Uniqueid: {uniqueid}\r\n"
            f"CallerIDNum: {number}\r\nCallerIDName: {shown}\r\n",
        )
