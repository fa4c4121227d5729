"""mod_callcenter: queues, who waits in them, agents, tiers, and the lists of all these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world import MemberSpec, QueueSpec
from .channel import Channel
from .line import MUSIC, Agent, Member, Queue, Tier
from .offer import Dispatcher

if TYPE_CHECKING:
    from .pbx import FreeSwitch
    from .wire import Headers

STRATEGIES = {
    "linear": "sequentially-by-agent-order",
    "rrmemory": "round-robin",
    "ringall": "ring-all",
}
"""What the shared names of strategies are here; FreeSWITCH's own names stay."""
ABANDONED_KEPT = 60.0
"""Seconds a caller who gave up is still listed (``discard-abandoned-after``)."""
ABANDONED_MAX = 200


class CallCenter:
    """The queues of a switch."""

    def __init__(self, pbx: FreeSwitch) -> None:
        self._pbx = pbx
        self.queues: dict[str, Queue] = {}
        self.agents: dict[str, Agent] = {}
        self.tiers: list[Tier] = []
        for spec in pbx.world.queues:
            self._queue(spec)
        self._dispatcher = Dispatcher(pbx, self)

    def _queue(self, spec: QueueSpec) -> None:
        name = spec.name if "@" in spec.name else f"{spec.name}@{self._pbx.domain}"
        strategy = STRATEGIES.get(spec.strategy, spec.strategy)
        self.queues[name] = Queue(name, strategy, spec.max_wait)
        for number, member in enumerate(spec.members, 1):
            agent = self._agent(spec, member)
            position = 1 if strategy == "ring-all" else number
            self.tiers.append(Tier(name, agent.name, 1 + member.penalty, position))

    def _agent(self, spec: QueueSpec, member: MemberSpec) -> Agent:
        contact = member.interface
        if contact.startswith("user/") and "@" not in contact:
            contact = f"{contact}@{self._pbx.domain}"
        if contact[:1] not in "[{":
            contact = f"[leg_timeout={spec.ring_timeout:g}]{contact}"
        name = member.name or member.interface.partition("/")[2].partition("@")[0]
        agent = self.agents.get(name)
        if agent is None:
            agent = self.agents[name] = Agent(name, contact, spec.retry)
            agent.last_status = int(self._pbx.clock())
        return agent

    def waits(self, channel: Channel) -> bool:
        """Whether a channel is in a line, not served yet."""
        return any(
            each.channel is channel and each.state in ("Waiting", "Trying")
            for queue in self.queues.values()
            for each in queue.members
        )

    # --- events --------------------------------------------------------------------------

    def say(
        self, action: str, headers: Headers, channel: Channel | None = None, *, at: str = ""
    ) -> None:
        """A ``callcenter::info``; of no channel, or with all of one before it."""
        self._pbx.say(
            "CUSTOM", channel, after=headers, subclass="callcenter::info", at=at or action
        )

    def set_state(self, agent: Agent, state: str) -> None:
        """agent-state-change, also to the state it has."""
        agent.state = state
        self.say(
            "agent-state-change",
            [("CC-Agent", agent.name), ("CC-Action", "agent-state-change"),
             ("CC-Agent-State", state)],
        )  # fmt: skip

    def set_status(self, agent: Agent, status: str) -> None:
        """agent-status-change, also to the status it has."""
        agent.status = status
        agent.last_status = int(self._pbx.clock())
        self.say(
            "agent-status-change",
            [("CC-Agent", agent.name), ("CC-Action", "agent-status-change"),
             ("CC-Agent-Status", status)],
        )  # fmt: skip
        self.wake()

    def engage(self, agent: Agent, tier: Tier | None) -> None:
        """An agent serves a caller of a queue; its other queues stand by. None: it is free."""
        for each in self.tiers:
            if each.agent == agent.name:
                each.state = "Ready" if tier is None else "Standby"
        if tier is not None:
            tier.state = "Active Inbound"

    def count(self, queue: Queue, *, waiting: int) -> None:
        """members-count, and the presence of the queue."""
        self.say(
            "members-count",
            [("CC-Queue", queue.name), ("CC-Action", "members-count"),
             ("CC-Count", str(queue.standing)), ("CC-Selection", "Single-Queue")],
        )  # fmt: skip
        status = f"Active ({waiting} waiting)" if waiting else "Idle"
        headers: Headers = [
            ("proto", "callcenter"),
            ("login", queue.name),
            ("from", queue.name),
            ("force-status", status),
            ("rpid", "unknown"),
            ("event_type", "presence"),
            ("alt_event_type", "dialog"),
            ("event_count", "0"),
            ("channel-state", "CS_ROUTING" if waiting else "CS_HANGUP"),
            ("unique-id", queue.name),
            ("answer-state", "confirmed" if waiting else "terminated"),
            ("presence-call-direction", "inbound"),
        ]
        self._pbx.say("PRESENCE_IN", after=headers, at="cc-presence")

    def wake(self) -> None:
        """Somebody joined, or an agent may be free: look who can be offered to whom."""
        self._dispatcher.wake()

    # --- the application -----------------------------------------------------------------

    async def wait(self, channel: Channel, name: str) -> None:
        """The application ``callcenter``: wait until an agent answers, the time is over, or the
        caller is gone. An unknown queue lets the dialplan go on."""
        pbx = self._pbx
        queue = self.queues.get(name)
        if queue is None or not channel.up:
            return
        pbx.answer(channel)
        now = int(pbx.clock())
        member = Member(
            pbx.new_uuid(), queue, channel, channel.profile.name, channel.profile.number, now,
            base_score=_whole(channel.get("cc_base_score")),
        )  # fmt: skip
        channel.set("cc_side", "member")
        channel.set("cc_member_uuid", member.uuid)
        channel.set("cc_queue_joined_epoch", str(now))
        channel.set("cc_queue", queue.name)
        self.say(
            "member-queue-start",
            [("CC-Queue", queue.name), ("CC-Action", "member-queue-start"), *member.headers()],
            channel,
        )
        queue.members.append(member)
        self.count(queue, waiting=self._waiting(queue))
        pbx.poke(channel)
        path = channel.get("cc_moh_override") or MUSIC
        kind = path.partition("://")[0]
        music: Headers = [("Playback-File-Type", kind), ("Playback-File-Path", path)]
        pbx.say("PLAYBACK_START", channel, after=music)
        self.wake()
        await self._held(member)
        spent = int(pbx.clock() - now)
        channel.update(
            {
                "playback_last_offset_pos": str(spent * 8000),
                "playback_seconds": str(spent),
                "playback_ms": str(spent * 1000),
                "playback_samples": str(spent * 8000),
            }
        )
        pbx.say("PLAYBACK_STOP", channel, after=[*music, ("Playback-Status", "done")])
        channel.unset("cc_agent_found")
        if member.state == "Answered":
            self.count(queue, waiting=self._waiting(queue))
            channel.set("cc_cause", "answered")
        else:
            self._leave(member)

    async def _held(self, member: Member) -> None:
        """Hold the member until it is served, gone, elsewhere, or out of patience."""
        pbx, channel = self._pbx, member.channel
        state = channel.state
        patience = member.queue.max_wait
        ends = pbx.clock() + patience if patience else None
        while channel.state == state and member.state != "Answered":
            left = None if ends is None else pbx.clock.real(ends - pbx.clock())
            if left is not None and left <= 0:
                return
            await channel.changed(left)

    def _leave(self, member: Member) -> None:
        pbx, channel, queue = self._pbx, member.channel, member.queue
        now = int(pbx.clock())
        reason = "BREAK_OUT" if channel.state != channel.running else "TIMEOUT"
        member.state = "Abandoned"
        member.gone = now
        queue.abandoned += 1
        self._forget(queue, now)
        channel.set("cc_queue_canceled_epoch", str(now))
        self.say(
            "member-queue-end",
            [
                ("CC-Queue", queue.name),
                ("CC-Action", "member-queue-end"),
                ("CC-Member-Leaving-Time", str(now)),
                ("CC-Member-Joined-Time", str(member.joined)),
                ("CC-Cause", "Cancel"),
                ("CC-Cancel-Reason", reason),
                *member.headers(),
            ],
            channel,
            at="member-queue-leave",
        )
        self.count(queue, waiting=self._waiting(queue))
        channel.set("cc_cause", "cancel")
        channel.set("cc_cancel_reason", reason)
        pbx.poke(channel)

    def _forget(self, queue: Queue, now: int) -> None:
        """Who gave up long ago is listed no more."""
        gone = [each for each in queue.members if each.state == "Abandoned"]
        for number, member in enumerate(reversed(gone)):
            if number >= ABANDONED_MAX or now - member.gone > ABANDONED_KEPT:
                queue.members.remove(member)

    @staticmethod
    def _waiting(queue: Queue) -> int:
        return sum(each.state in ("Waiting", "Trying") for each in queue.members)


def _whole(text: str) -> int:
    """As C's ``atoi`` reads it, of a few digits."""
    return int(text[:9]) if text[:9].isascii() and text[:9].isdigit() else 0
