"""The Queue() application: wait in line, be rung through to a member, talk, leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bridging import join, talk
from .channel import DOWN, Channel
from .dial import answer, begin, dial_end, dial_state, indicate_ringing, request
from .queue import Entry, Member, Queue, Service

if TYPE_CHECKING:
    from .thread import CallThread

ANSWERED_ELSEWHERE = 26
CLEARED = (
    "ANSWEREDTIME", "ANSWEREDTIME_MS", "DIALEDTIME", "DIALEDTIME_MS", "QUEUEWAIT", "QUEUEWAIT_MS",
)  # fmt: skip


async def queue(thread: CallThread, data: str) -> bool:
    """Queue(name,options,url,announce,timeout,agi,gosub,rule,position). True: the dialplan goes
    on."""
    pbx, caller = thread.pbx, thread.channel
    words = [*data.split(","), *[""] * 8]
    name, options, timeout, place = words[0], words[1], words[4], words[8]
    for variable in CLEARED:
        pbx.set_variable(caller, variable, "")
    line = pbx.queues.get(name)
    if line is None:
        pbx.set_variable(caller, "QUEUESTATUS", "UNKNOWN")
        return True
    entry = line.join(caller, int(place) if place.isdigit() else None)
    music = "r" not in options
    if music:
        pbx.bus.emit("MusicOnHoldStart", caller, "Class: default\r\n")
    else:
        indicate_ringing(thread)
    deadline = pbx.clock() + float(timeout) if timeout else float("inf")
    answered = await _until_served(thread, entry, deadline)
    if answered is None:
        return _give_up(thread, entry, music=music)
    member, agent, ring_time = answered
    if music:
        pbx.bus.emit("MusicOnHoldStop", caller)
    caller.may_transfer, agent.may_transfer = "T" in options, "t" in options
    service = _connect(thread, entry, member, agent, ring_time)
    await talk(thread)
    return _after(thread, entry, service, carry_on="c" in options)


async def _until_served(
    thread: CallThread, entry: Entry, deadline: float
) -> tuple[Member, Channel, int] | None:
    pbx, line = thread.pbx, entry.queue
    while not thread.hungup and thread.goto is None:
        now = pbx.clock()
        if now >= deadline:
            return None
        members = line.candidates(entry)
        if members:
            answered = await _ring(thread, entry, members, deadline)
            if answered is not None:
                return answered
            if thread.hungup or thread.goto is not None:
                return None
        await thread.pause(min(line.spec.retry, max(0.0, deadline - pbx.clock())))
    return None


async def _ring(
    thread: CallThread, entry: Entry, members: list[Member], deadline: float
) -> tuple[Member, Channel, int] | None:
    """Ring members at once; who answers first, or None when nobody does."""
    pbx, caller, line = thread.pbx, thread.channel, entry.queue
    rung: dict[Channel, Member] = {}
    entry.pending = True
    for member in members:
        callee = request(thread, member.interface, queue=True)
        if callee is None:
            continue
        rung[callee] = member
        if member.phone is not None:
            member.phone.reserved += 1
        pbx.bus.emit(
            "AgentCalled",
            caller,
            ("Dest", callee),
            f"Queue: {line.name}\r\nInterface: {member.interface}\r\nMemberName: {member.name}\r\n",
        )
        begin(thread, callee, member.interface, alone=len(members) == 1)
    begun = pbx.clock()
    limit = min(line.spec.ring_timeout, deadline - begun)
    try:
        return await _answer_of(thread, entry, rung, begun, limit)
    finally:
        entry.pending = False
        for member in rung.values():
            if member.phone is not None:
                member.phone.reserved -= 1


async def _answer_of(
    thread: CallThread, entry: Entry, rung: dict[Channel, Member], begun: float, limit: float
) -> tuple[Member, Channel, int] | None:
    pbx, caller = thread.pbx, thread.channel
    standing = dict(rung)
    while standing:
        message = await thread.next(limit - (pbx.clock() - begun))
        elapsed = pbx.clock() - begun
        if thread.hungup or thread.goto is not None:
            for callee in standing:
                dial_end(thread, callee, "CANCEL")
                dial_end(thread, callee, "CANCEL")
                pbx.hang(callee)
            return None
        if message is None:
            if elapsed < limit:
                continue
            for callee, member in standing.items():
                _not_answered(thread, entry, member, callee, elapsed)
                dial_end(thread, callee, "NOANSWER")
                dial_end(thread, callee, "CANCEL")
                pbx.hang(callee)
            return None
        kind, callee = message[0], message[1]
        if callee not in standing:
            continue
        if kind == "ringing":
            dial_state(thread, callee, "RINGING")
        elif kind == "rejected":
            dial_end(thread, callee, "NOANSWER")
            _not_answered(thread, entry, standing.pop(callee), callee, elapsed)
            pbx.hang(callee)
            if callee.state == DOWN:
                # Asterisk says this of a channel that is gone already.
                pbx.bus.emit("NewConnectedLine", callee)
        elif kind == "answer":
            dial_end(thread, callee, "ANSWER")
            callee.dialer = None
            losers = [each for each in standing if each is not callee]
            for loser in losers:
                dial_end(thread, loser, "CANCEL")
            if len(rung) > 1:
                pbx.connected(caller, callee.cid_num, callee.cid_name)
            for loser in losers:
                dial_end(thread, loser, "CANCEL")
                loser.cause = ANSWERED_ELSEWHERE
                pbx.hang(loser)
            return standing[callee], callee, int(elapsed)
    return None


def _not_answered(
    thread: CallThread, entry: Entry, member: Member, callee: Channel, elapsed: float
) -> None:
    thread.pbx.bus.emit(
        "AgentRingNoAnswer",
        thread.channel,
        ("Dest", callee),
        f"Queue: {entry.queue.name}\r\nInterface: {member.interface}\r\n"
        f"MemberName: {member.name}\r\nRingTime: {int(elapsed) * 1000}\r\n",
    )


def _connect(
    thread: CallThread, entry: Entry, member: Member, agent: Channel, ring_time: int
) -> Service:
    pbx, caller, line = thread.pbx, thread.channel, entry.queue
    waited = int(pbx.clock() - entry.joined)
    about = {
        "MEMBERINTERFACE": member.interface,
        "MEMBERNAME": member.name,
        "MEMBERCALLS": str(member.calls_taken),
        "MEMBERLASTCALL": str(member.last_call),
        "MEMBERPENALTY": str(member.penalty),
        "MEMBERDYNAMIC": str(int(member.membership == "dynamic")),
        "MEMBERREALTIME": "0",
    }
    waiting = {"QEHOLDTIME": str(waited), "QEORIGINALPOS": str(entry.original_position)}
    for values in (about, waiting) if line.spec.tells else ():
        for channel in (caller, agent):
            pbx.set_variables(channel, values)
    line.hold_time = (line.hold_time * 3 + waited) >> 2
    for channel in (caller, agent):
        line.tell_figures(channel)
    line.leave(entry)
    pbx.set_variable(caller, "QUEUEWAIT", str(waited))
    pbx.set_variable(caller, "QUEUEWAIT_MS", str(waited * 1000))
    service = Service(pbx, line, member, caller, agent, waited)
    service.connected(ring_time)
    answer(thread)
    join(pbx, agent, caller)
    return service


def _after(thread: CallThread, entry: Entry, service: Service, *, carry_on: bool) -> bool:
    pbx, caller, line = thread.pbx, thread.channel, entry.queue
    moved = thread.goto is not None
    service.count()
    if not moved:
        service.complete("caller" if thread.hungup else "agent")
    now = pbx.clock()
    talked = 0.0 if moved else now - service.since
    answered = {
        "ANSWEREDTIME": str(int(talked)),
        "ANSWEREDTIME_MS": str(int(1000 * talked)),
    }
    dialled = {
        "DIALEDTIME": str(int(now - entry.joined)),
        "DIALEDTIME_MS": str(int(1000 * (now - entry.joined))),
    }
    if moved:
        pbx.set_variables(caller, dialled)
        pbx.set_variables(caller, answered)
        line.tell_figures(caller)
        return True
    line.tell_figures(caller)
    pbx.set_variables(caller, answered)
    pbx.set_variables(caller, dialled)
    line.tell_figures(caller)
    if carry_on:
        pbx.set_variable(caller, "QUEUESTATUS", "CONTINUE")
    return carry_on


def _give_up(thread: CallThread, entry: Entry, *, music: bool) -> bool:
    """The caller hung up, was sent elsewhere, or the queue's time was up."""
    pbx, caller, line = thread.pbx, thread.channel, entry.queue
    timed_out = not thread.hungup and thread.goto is None
    now = pbx.clock()
    waited = int(now - entry.joined)
    times = {
        "QUEUEWAIT": str(waited),
        "QUEUEWAIT_MS": str(waited * 1000),
        "DIALEDTIME": str(int(now - entry.joined)),
        "DIALEDTIME_MS": str(int(1000 * (now - entry.joined))),
        "ANSWEREDTIME": "0",
        "ANSWEREDTIME_MS": "0",
    }
    if timed_out:
        pbx.set_variable(caller, "ABANDONED", "TRUE")
        line.abandon(entry)
        pbx.set_variables(caller, times)
        if music:
            pbx.bus.emit("MusicOnHoldStop", caller)
    else:
        if music:
            pbx.bus.emit("MusicOnHoldStop", caller)
        pbx.set_variables(caller, times)
        pbx.set_variable(caller, "ABANDONED", "TRUE")
        line.abandon(entry)
    line.tell_figures(caller)
    line.leave(entry)
    if timed_out:
        pbx.set_variable(caller, "QUEUESTATUS", "TIMEOUT")
    return True


__all__ = ["Queue", "queue"]
