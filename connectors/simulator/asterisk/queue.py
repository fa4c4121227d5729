"""A queue's standing: members, who waits, figures, and the service of one caller by one agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world import MemberSpec, Phone, QueueSpec
from .devices import MEMBER_CODES

if TYPE_CHECKING:
    from .channel import Channel
    from .pbx import Pbx


class Member:
    """A queue member as the queue sees it."""

    def __init__(self, pbx: Pbx, queue: Queue, spec: MemberSpec, membership: str) -> None:
        self._pbx = pbx
        self.queue = queue
        self.interface = spec.interface
        self.name = spec.name or spec.interface
        self.state_interface = spec.state_interface or spec.interface
        self.penalty = spec.penalty
        self.membership = membership
        self.calls_taken = 0
        self.last_call = 0
        self.last_pause = 0
        self.login_time = int(pbx.clock())
        self.in_call = False
        self.paused = False
        self.paused_reason = ""
        self.status = MEMBER_CODES[pbx.devices.state(self.state_interface)]

    @property
    def phone(self) -> Phone | None:
        """The telephone whose state counts."""
        return self._pbx.phones.get(self.state_interface.rpartition("/")[2])

    @property
    def available(self) -> bool:
        """Whether the queue may ring it now."""
        phone = self.phone
        if self.paused or phone is None or not phone.registered:
            return False
        if self.queue.spec.ring_in_use:
            return True
        return not phone.reserved and self._pbx.devices.of_phone(phone) == "NOT_INUSE"

    def fields(self, *, ring_in_use: bool = True, location: bool = False) -> str:
        """The member as events (or, with `location`, as QueueStatus) spell it."""
        heads = ("Name", "Location") if location else ("MemberName", "Interface")
        ring = f"Ringinuse: {int(self.queue.spec.ring_in_use)}\r\n" if ring_in_use else ""
        return (
            f"Queue: {self.queue.name}\r\n{heads[0]}: {self.name}\r\n"
            f"{heads[1]}: {self.interface}\r\nStateInterface: {self.state_interface}\r\n"
            f"Membership: {self.membership}\r\nPenalty: {self.penalty}\r\n"
            f"CallsTaken: {self.calls_taken}\r\nLastCall: {self.last_call}\r\n"
            f"LastPause: {self.last_pause}\r\nLoginTime: {self.login_time}\r\n"
            f"InCall: {int(self.in_call)}\r\nStatus: {self.status}\r\n"
            f"Paused: {int(self.paused)}\r\nPausedReason: {self.paused_reason}\r\n{ring}"
            "Wrapuptime: 0\r\n"
        )


class Entry:
    """A caller who waits."""

    __slots__ = ("channel", "joined", "next_member", "original_position", "pending", "queue")

    def __init__(self, queue: Queue, channel: Channel, joined: float) -> None:
        self.queue = queue
        self.channel = channel
        self.joined = joined
        self.original_position = 0
        self.next_member = 0
        """Where in the members' order the linear strategy stands for this caller."""
        self.pending = False
        """A member is rung for it."""

    @property
    def position(self) -> int:
        """Place in line, from 1."""
        return self.queue.entries.index(self) + 1


class Queue:
    """One waiting line."""

    def __init__(self, pbx: Pbx, spec: QueueSpec) -> None:
        self._pbx = pbx
        self.spec = spec
        self.name = spec.name
        self.members = [Member(pbx, self, each, "static") for each in spec.members]
        self.entries: list[Entry] = []
        self.completed = 0
        self.abandoned = 0
        self.in_time = 0
        self.hold_time = 0
        self.talk_time = 0
        self.turn = 0
        """Where round robin stands."""

    def member(self, interface: str) -> Member | None:
        """A member by interface."""
        return next((each for each in self.members if each.interface == interface), None)

    def add(self, spec: MemberSpec) -> Member:
        """A dynamic member logs in: QueueMemberAdded."""
        member = Member(self._pbx, self, spec, "dynamic")
        self.members.append(member)
        self._pbx.bus.emit("QueueMemberAdded", member.fields())
        return member

    def remove(self, member: Member) -> None:
        """A member logs out: QueueMemberRemoved."""
        self.members.remove(member)
        self._pbx.bus.emit("QueueMemberRemoved", member.fields())

    def pause(self, member: Member, paused: bool, reason: str) -> None:
        """A member takes a break or comes back: QueueMemberPause."""
        member.paused, member.paused_reason = paused, reason if paused else ""
        member.last_pause = int(self._pbx.clock())
        self._pbx.devices.set(
            f"Queue:{self.name}_pause_{member.interface}", "INUSE" if paused else "NOT_INUSE"
        )
        self._pbx.bus.emit("QueueMemberPause", member.fields())

    def device_changed(self, device: str) -> None:
        """A device changed state: say so for each member behind it."""
        touched = False
        for member in self.members:
            if member.state_interface == device:
                member.status = MEMBER_CODES[self._pbx.devices.state(device)]
                self._pbx.bus.emit("QueueMemberStatus", member.fields())
                touched = True
        if touched:
            free = any(member.available for member in self.members)
            self._pbx.devices.set(f"Queue:{self.name}_avail", "NOT_INUSE" if free else "INUSE")

    def join(self, channel: Channel, place: int | None = None) -> Entry:
        """A caller comes into the line, at its end or at a `place` in it: QueueCallerJoin."""
        entry = Entry(self, channel, self._pbx.clock())
        at = len(self.entries) if place is None else place - 1
        self.entries.insert(max(0, at), entry)
        entry.original_position = entry.position
        if len(self.entries) == 1:
            self._pbx.devices.set(f"Queue:{self.name}", "RINGING")
        self._pbx.bus.emit(
            "QueueCallerJoin",
            channel,
            f"Queue: {self.name}\r\nPosition: {entry.position}\r\nCount: {len(self.entries)}\r\n",
        )
        self._pbx.touch(channel)
        return entry

    def leave(self, entry: Entry) -> None:
        """A caller leaves the line, served or not: QueueCallerLeave."""
        position = entry.position
        self.entries.remove(entry)
        if not self.entries:
            self._pbx.devices.set(f"Queue:{self.name}", "NOT_INUSE")
        self._pbx.bus.emit(
            "QueueCallerLeave",
            entry.channel,
            f"Queue: {self.name}\r\nPosition: {position}\r\nCount: {len(self.entries)}\r\n",
        )
        self._pbx.set_variable(entry.channel, "QUEUEPOSITION", str(position))

    def abandon(self, entry: Entry) -> None:
        """A caller was not served: QueueCallerAbandon (also on a queue timeout)."""
        self.tell_figures(entry.channel)
        waited = int(self._pbx.clock() - entry.joined)
        self._pbx.bus.emit(
            "QueueCallerAbandon",
            entry.channel,
            f"Queue: {self.name}\r\nPosition: {entry.position}\r\n"
            f"OriginalPosition: {entry.original_position}\r\nHoldTime: {waited}\r\n",
        )
        self.abandoned += 1

    def candidates(self, entry: Entry) -> list[Member]:
        """Whom to ring for a caller now; empty when it is not its turn or nobody is free."""
        free = [each for each in self.members if each.available]
        before = sum(1 for each in self.entries[: entry.position - 1] if not each.pending)
        if len(free) <= before:
            return []
        if self.spec.strategy == "ringall":
            return free[::-1]  # the member added last is rung first
        start = self.turn if self.spec.strategy == "rrmemory" else entry.next_member
        order = [self.members[(start + n) % len(self.members)] for n in range(len(self.members))]
        chosen = next(each for each in order if each in free)
        after = self.members.index(chosen) + 1
        self.turn = entry.next_member = after % len(self.members)
        return [chosen]

    def tell_figures(self, channel: Channel) -> None:
        """QUEUE… variables on a channel (``setqueuevar=yes``)."""
        if not self.spec.tells:
            return
        performance = 100.0 * self.in_time / self.completed if self.completed else 0.0
        self._pbx.set_variables(
            channel,
            {
                "QUEUENAME": self.name,
                "QUEUEMAX": "0",
                "QUEUESTRATEGY": self.spec.strategy,
                "QUEUECALLS": str(len(self.entries)),
                "QUEUEHOLDTIME": str(self.hold_time),
                "QUEUETALKTIME": str(self.talk_time),
                "QUEUECOMPLETED": str(self.completed),
                "QUEUEABANDONED": str(self.abandoned),
                "QUEUESRVLEVEL": "0",
                "QUEUESRVLEVELPERF": f"{performance:.1f}",
            },
        )


class Service:
    """One caller served by one agent: from AgentConnect to AgentComplete."""

    def __init__(
        self, pbx: Pbx, queue: Queue, member: Member, caller: Channel, agent: Channel, hold: int
    ) -> None:
        self._pbx = pbx
        self.queue = queue
        self.member = member
        self.caller = caller
        self.agent = agent
        self.hold = hold
        self.since = pbx.clock()
        self.complete_said = False
        self.counted = False
        caller.service = agent.service = self
        member.in_call = True

    def fields(self) -> str:
        """Queue, Interface, MemberName."""
        return (
            f"Queue: {self.queue.name}\r\nInterface: {self.member.interface}\r\n"
            f"MemberName: {self.member.name}\r\n"
        )

    def connected(self, ring_time: int) -> None:
        """AgentConnect."""
        self._pbx.bus.emit(
            "AgentConnect",
            self.caller,
            ("Dest", self.agent),
            f"{self.fields()}HoldTime: {self.hold}\r\nRingTime: {ring_time}\r\n",
        )

    def count(self) -> None:
        """The figures of member and queue take this service in, once."""
        if self.counted:
            return
        self.counted = True
        talked = int(self._pbx.clock() - self.since)
        self.member.in_call = False
        self.member.calls_taken += 1
        self.member.last_call = int(self._pbx.clock())
        self.queue.completed += 1
        self.queue.talk_time = (self.queue.talk_time * 3 + talked) >> 2

    def complete(self, reason: str) -> None:
        """AgentComplete, once; an agent whose channel is gone already is left out of it."""
        if self.complete_said:
            return
        self.complete_said = True
        talked = int(self._pbx.clock() - self.since)
        self.count()
        tail = f"{self.fields()}HoldTime: {self.hold}\r\nTalkTime: {talked}\r\nReason: {reason}\r\n"
        if self.agent.alive:
            self._pbx.bus.emit("AgentComplete", self.caller, ("Dest", self.agent), tail)
        else:
            self._pbx.bus.emit("AgentComplete", self.caller, tail)
        self.caller.service = self.agent.service = None
