"""Ringing one destination: what Dial() and Queue() have in common, and Dial() itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .bridging import far_end_gone, join, talk, tell_peers
from .channel import DOWN, RINGING, UNKNOWN, UP, Channel
from .thread import CallThread

if TYPE_CHECKING:
    from ..world import Rings
    from .pbx import Pbx

DIAL_VARIABLES = (
    "DIALSTATUS", "DIALEDPEERNUMBER", "DIALEDPEERNAME", "ANSWEREDTIME", "ANSWEREDTIME_MS",
    "DIALEDTIME", "DIALEDTIME_MS", "RINGTIME", "RINGTIME_MS", "PROGRESSTIME", "PROGRESSTIME_MS",
)  # fmt: skip
NORMAL_CLEARING = 16
INTERWORKING = 127
BUSY = 17
OUTGOING = "(Outgoing Line)"


def request(thread: CallThread, interface: str, *, queue: bool) -> Channel | None:
    """Make the channel that will ring `interface`; None when nobody is reachable there."""
    pbx, caller = thread.pbx, thread.channel
    technology, _, peer = interface.partition("/")
    if technology == "Local":
        return _local(thread, peer, queue=queue)
    phone = pbx.phones.get(peer)
    if phone is None or not phone.registered or len(pbx.channels) >= pbx.max_channels:
        return None
    channel = pbx.pjsip(phone, state=DOWN, linkedid=caller.linkedid)
    channel.call = caller.call
    channel.dialer = thread
    channel.queue_outgoing = queue
    if channel.call is not None:
        channel.call.legs.append(channel)
    nameless = channel.cid_num == UNKNOWN
    if nameless:
        channel.cid_num = caller.exten
    channel.app, channel.data = ("AppQueue" if queue else "AppDial"), OUTGOING
    if queue:
        if nameless:
            pbx.new_exten(channel)
            pbx.new_callerid(channel)
        pbx.inherit(caller, channel)
        pbx.set_variable(channel, "DIALEDPEERNUMBER", peer)
    else:
        pbx.set_variable(channel, "DIALEDPEERNUMBER", peer)
        pbx.inherit(caller, channel)
    channel.conn_num, channel.conn_name = caller.cid_num, caller.cid_name
    channel.exten = caller.exten
    if not queue:
        pbx.new_exten(channel)
        if nameless:
            pbx.new_callerid(channel)
        pbx.bus.emit("NewConnectedLine", channel)
    return channel


def _local(thread: CallThread, peer: str, *, queue: bool) -> Channel | None:
    pbx, caller = thread.pbx, thread.channel
    address, _, options = peer.partition("/")
    exten, _, context = address.partition("@")
    if not pbx.dialplan.exists(context, exten):
        return None
    one, two = pbx.local_pair(exten, context, caller.linkedid)
    one.call = two.call = caller.call
    one.dialer = thread
    one.queue_outgoing = queue
    one.app, one.data = ("AppQueue" if queue else "AppDial"), OUTGOING
    one.cid_num = caller.exten
    if queue:
        pbx.new_exten(one)
        pbx.new_callerid(one)
        pbx.inherit(caller, one)
        pbx.set_variable(one, "DIALEDPEERNUMBER", peer)
    else:
        pbx.set_variable(one, "DIALEDPEERNUMBER", peer)
        pbx.inherit(caller, one)
        one.cid_name = caller.conn_name
        one.conn_num, one.conn_name = caller.cid_num, caller.cid_name
        one.exten = caller.exten
        pbx.new_exten(one)
        pbx.new_callerid(one)
        pbx.bus.emit("NewConnectedLine", one)
    pbx.copy_variables(one, two)
    two.cid_num, two.cid_name, two.conn_num = caller.cid_num, caller.cid_name, one.cid_num
    two.conn_name = UNKNOWN if queue else one.cid_name
    pbx.new_callerid(two)
    pbx.bus.emit("NewConnectedLine", two)
    announce_local(pbx, one, two, optimise="n" not in options)
    two.dnid = exten
    CallThread(pbx, two)
    return one


def announce_local(pbx: Pbx, one: Channel, two: Channel, *, optimise: bool) -> None:
    """LocalBridge: the two halves are one pipe."""
    pbx.bus.emit(
        "LocalBridge",
        ("LocalOne", one),
        ("LocalTwo", two),
        f"Context: {two.context}\r\nExten: {two.exten}\r\n"
        f"LocalOptimization: {'Yes' if optimise else 'No'}\r\n",
    )


def begin(thread: CallThread, callee: Channel, dial_string: str, *, alone: bool = True) -> None:
    """DialBegin, and the telephone starts to ring as it is set up to.

    `alone`: nobody else is rung, so the caller is shown who rings.
    """
    pbx = thread.pbx
    pbx.bus.emit("DialBegin", thread.channel, ("Dest", callee), f"DialString: {dial_string}\r\n")
    if callee.phone is None:
        return
    if alone:
        pbx.connected(thread.channel, callee.cid_num, callee.cid_name)
    call = callee.call
    ring_phone(pbx, callee, call.rings(callee.phone) if call is not None else callee.phone.rings)


def ring_phone(pbx: Pbx, callee: Channel, rings: Rings) -> None:
    """The telephone starts to ring, or says that it is busy."""
    loop = asyncio.get_running_loop()
    if rings.busy:
        loop.call_soon(far_end_gone, pbx, callee)
        return
    loop.call_soon(_ring, pbx, callee)
    if rings.answer_after is not None:
        loop.call_later(pbx.clock.real(rings.answer_after), pick_up, pbx, callee)


def _ring(pbx: Pbx, callee: Channel) -> None:
    if callee.alive and callee.state == DOWN:
        _ringing(pbx, callee)


def _ringing(pbx: Pbx, callee: Channel) -> None:
    callee.rings_since = pbx.clock()
    pbx.new_state(callee, RINGING)
    if callee.queue_outgoing:
        pbx.new_exten(callee)
        if callee.phone is None:
            pbx.new_callerid(callee)
        pbx.bus.emit("NewConnectedLine", callee)
    elif callee.phone is None and callee.origination is None:
        pbx.new_callerid(callee)
    if callee.dialer is not None:
        callee.dialer.post("ringing", callee)
    elif callee.origination is not None:
        callee.origination.ringing()


def pick_up(pbx: Pbx, callee: Channel) -> None:
    """The telephone that rings is answered."""
    if not callee.alive or callee.state not in (DOWN, RINGING):
        return
    if callee.dialer is not None:
        pbx.new_state(callee, UP)
        callee.dialer.post("answer", callee)
    elif callee.origination is not None:
        pbx.new_state(callee, UP)
        callee.origination.answered()


def indicate_ringing(thread: CallThread) -> None:
    """Let the caller hear that it rings; a ``Local`` caller passes it to the other half."""
    one = thread.channel.other
    if one is None or not one.alive or one.state != DOWN:
        return
    if one.owed_callerid is not None:
        one.cid_num, one.cid_name = one.owed_callerid
        one.owed_callerid = None
    if one.dialer is not None:
        one.conn_num, one.conn_name = one.dialer.channel.cid_num, one.dialer.channel.cid_name
        one.exten = one.dialer.channel.exten
    _ringing(thread.pbx, one)
    if one.dialer is None and one.origination is None:
        thread.pbx.bus.emit("DialState", ("Dest", one), "DialStatus: RINGING\r\n")


def answer(thread: CallThread) -> None:
    """Answer the caller's channel if it is not yet; a ``Local`` half answers its other half."""
    pbx, channel = thread.pbx, thread.channel
    if channel.state == UP:
        return
    pbx.new_state(channel, UP)
    one = channel.other
    if one is not None and one.alive and one.origination is not None:
        one.origination.answered()
    elif one is not None and one.alive and one.state != UP:
        pbx.new_state(one, UP)
        if one.dialer is not None:
            one.dialer.post("answer", one)
        elif one.bridge is not None:
            pbx.bus.emit("DialEnd", ("Dest", one), "DialStatus: ANSWER\r\n")
            tell_peers(pbx, one.bridge)


def dial_state(thread: CallThread, callee: Channel, status: str) -> None:
    """DialState: it rings."""
    thread.pbx.bus.emit("DialState", thread.channel, ("Dest", callee), f"DialStatus: {status}\r\n")


def dial_end(thread: CallThread, callee: Channel, status: str) -> None:
    """DialEnd: ringing is over."""
    thread.pbx.bus.emit("DialEnd", thread.channel, ("Dest", callee), f"DialStatus: {status}\r\n")


async def dial(thread: CallThread, data: str) -> bool:
    """Dial(PJSIP/1001[&…],timeout,options). Rings one destination; True: the dialplan goes on (with
    option g also after the conversation)."""
    pbx, caller = thread.pbx, thread.channel
    target, timeout, options = (*data.split(","), "", "", "")[:3]
    interface = target.split("&")[0]
    for name in DIAL_VARIABLES:
        pbx.set_variable(caller, name, "")
    callee = request(thread, interface, queue=False)
    if callee is None:
        pbx.set_variable(caller, "DIALSTATUS", "CHANUNAVAIL")
        return True
    begun = pbx.clock()
    begin(thread, callee, interface.partition("/")[2])
    status = await _wait_for_answer(thread, callee, float(timeout or 60), begun)
    if status != "ANSWER":
        dial_end(thread, callee, status)
        if callee.alive:
            if status == "CANCEL":
                callee.cause = caller.cause or NORMAL_CLEARING
                callee.tech_cause = "500" if callee.cause == INTERWORKING else ""
            pbx.hang(callee)
        if status == "BUSY":
            caller.cause = BUSY
        pbx.set_variable(caller, "DIALSTATUS", status)
        return status != "CANCEL"
    callee.dialer = None
    pbx.set_variables(
        caller,
        {
            "DIALSTATUS": "ANSWER",
            "DIALEDPEERNAME": callee.name,
            "DIALEDPEERNUMBER": interface.partition("/")[2],
        },
    )
    callee.exten = ""
    dial_end(thread, callee, "ANSWER")
    answer(thread)
    caller.cause = callee.cause = NORMAL_CLEARING
    answered = pbx.clock()
    caller.may_transfer, callee.may_transfer = "T" in options, "t" in options
    join(pbx, callee, caller)
    await talk(thread)
    if caller.alive:
        now = pbx.clock()
        times = {
            "ANSWEREDTIME": str(int(now - answered)),
            "ANSWEREDTIME_MS": str(int(1000 * (now - answered))),
            "DIALEDTIME": str(int(now - begun)),
            "DIALEDTIME_MS": str(int(1000 * (now - begun))),
        }
        if thread.goto is None:
            pbx.set_variables(caller, times)
        pbx.set_variable(caller, "DIALSTATUS", "ANSWER")
    return "g" in options and caller.alive and thread.goto is None


async def _wait_for_answer(thread: CallThread, callee: Channel, limit: float, begun: float) -> str:
    pbx = thread.pbx
    while True:
        message = await thread.next(limit - (pbx.clock() - begun))
        if thread.hungup or thread.goto is not None:
            return "CANCEL"
        if message is None:
            if pbx.clock() - begun >= limit:
                return "NOANSWER"
        elif message[0] == "ringing":
            rung = pbx.clock() - begun
            pbx.set_variable(thread.channel, "RINGTIME", str(int(rung)))
            pbx.set_variable(thread.channel, "RINGTIME_MS", str(int(1000 * rung)))
            indicate_ringing(thread)
            dial_state(thread, callee, "RINGING")
        elif message[0] == "answer":
            return "ANSWER"
        elif message[0] == "rejected":
            callee.cause = BUSY
            return "BUSY"
