"""Offering callers to agents: who is rung for whom, and an agent's call from offer to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .channel import EXCHANGE_MEDIA, Channel
from .dialling import dial
from .loopback import behind
from .originate import Attempt, target
from .transfer import join

if TYPE_CHECKING:
    from .callcenter import CallCenter
    from .line import Agent, Member, Queue, Tier
    from .pbx import FreeSwitch
    from .wire import Headers

PAUSE = 0.05
"""Seconds until the thread that watches the queues looks again."""
LOOKS_AFTER = 0.05
"""Seconds until an agent's thread sees that the leg is gone, on average."""


class Dispatcher:
    """Looks for agents whenever something changed."""

    def __init__(self, pbx: FreeSwitch, callcenter: CallCenter) -> None:
        self._pbx = pbx
        self._callcenter = callcenter
        self._timer: asyncio.TimerHandle | None = None

    def wake(self, within: float = PAUSE) -> None:
        """Look soon; an earlier look that is due already stays."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._pbx.clock.real(within)
        if self._timer is not None and not self._timer.cancelled():
            if loop.time() < self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._pbx.callcenter is not self._callcenter:
            return  # the switch was restarted meanwhile
        for queue in self._callcenter.queues.values():
            for member in sorted(queue.members, key=lambda each: each.since):
                again = queue.strategy == "ring-all" and member.state == "Trying"
                if member.channel.up and (again or member.state == "Waiting"):
                    self._offer(queue, member)
        later = [
            agent.ready - self._pbx.clock()
            for agent in self._callcenter.agents.values()
            if agent.ready > self._pbx.clock()
        ]
        if later and any(
            member.state in ("Waiting", "Trying")
            for queue in self._callcenter.queues.values()
            for member in queue.members
        ):
            self.wake(max(min(later), PAUSE))

    def _offer(self, queue: Queue, member: Member) -> None:
        tiers = self._free(queue)
        if not tiers:
            return
        chosen = tiers if queue.strategy == "ring-all" else tiers[:1]
        race = member.race
        if race is None:
            member.state = "Trying"
            race = member.race = Race(self._pbx, self._callcenter, member)
        agents = [self._callcenter.agents[tier.agent] for tier in chosen]
        for agent in agents:
            agent.last_offered = int(self._pbx.clock())
            self._callcenter.set_state(agent, "Receiving")
        for agent, tier in zip(agents, chosen, strict=True):
            race.enter(agent, tier)

    def _engaged(self, agent: Agent) -> bool:
        """Whether an agent's telephone has a call beside the queues' and takes no second one
        (``skip-agents-with-external-calls``)."""
        phone = self._pbx.phones.get(target(agent.contact).name)
        return (
            phone is not None and phone.spec.one_line and bool(self._pbx.phone_channels(phone.name))
        )

    def _free(self, queue: Queue) -> list[Tier]:
        """Tiers whose agents can be offered a call, in the order of the strategy."""
        now, agents = self._pbx.clock(), self._callcenter.agents
        tiers = [
            tier
            for tier in self._callcenter.tiers
            if tier.queue == queue.name
            and agents[tier.agent].status in ("Available", "Available (On Demand)")
            and agents[tier.agent].state == "Waiting"
            and agents[tier.agent].ready <= now
            and not self._engaged(agents[tier.agent])
        ]
        tiers.sort(key=lambda tier: (tier.level, tier.position))
        if queue.strategy == "round-robin" and tiers:
            after = [tier for tier in tiers if tier.position > queue.turn]
            tiers = after + [tier for tier in tiers if tier not in after]
            queue.turn = tiers[0].position
        elif queue.strategy == "longest-idle-agent":
            tiers.sort(key=lambda tier: agents[tier.agent].last_end)
        return tiers


class Race:
    """One caller offered to one agent, or to all at once: who answers first, serves."""

    def __init__(self, pbx: FreeSwitch, callcenter: CallCenter, member: Member) -> None:
        self._pbx = pbx
        self._callcenter = callcenter
        self._member = member
        self._legs: list[Channel] = []
        self._running = 0
        self._won = False
        self._watch = pbx.spawn(self._cancel(), f"offer of {member.uuid}")

    def enter(self, agent: Agent, tier: Tier) -> None:
        """An agent is rung too."""
        self._running += 1
        self._pbx.spawn(self._run(agent, tier), f"agent {agent.name}")

    async def _cancel(self) -> None:
        """A caller who leaves the line ends the ringing."""
        channel, member = self._member.channel, self._member
        state = channel.state
        while channel.state == state and member.state == "Trying":
            await channel.changed()
        if member.state != "Answered":
            for leg in self._legs:
                self._pbx.hangup(leg, "ORIGINATOR_CANCEL")

    async def _run(self, agent: Agent, tier: Tier) -> None:
        """The agent's thread."""
        pbx, callcenter, member = self._pbx, self._callcenter, self._member
        called = int(pbx.clock())
        queue = member.queue
        offered: Headers = [
            ("CC-Queue", queue.name), ("CC-Action", "agent-offering"), ("CC-Agent", agent.name),
            ("CC-Agent-Type", agent.kind), ("CC-Agent-System", "single_box"), *member.headers(),
        ]  # fmt: skip
        callcenter.say("agent-offering", offered)
        await asyncio.sleep(0)
        leg = self._leg(agent)
        channel = leg.channel
        try:
            if channel is not None:
                channel.locks += 1
                self._legs.append(channel)
                if not member.channel.up:
                    pbx.hangup(channel, "ORIGINATOR_CANCEL")
            if channel is not None and await leg.ring() and await leg.answered() and not self._won:
                self._won = True
                for other in self._legs:
                    if other is not channel:
                        pbx.hangup(other, "LOSE_RACE")
                leg.settle()
                real = await behind(channel)
                real.locks += 1
                try:
                    await self._serve(agent, tier, real, called)
                finally:
                    real.locks -= 1
                    real.poke()
            else:
                if channel is not None:
                    while not channel.reported:
                        await channel.changed()
                self._failed(agent, leg.cause, called)
        finally:
            self._running -= 1
            if channel is not None:
                channel.locks -= 1
                channel.poke()
            if not self._running and member.state == "Trying":
                member.state, member.race = "Waiting", None
                member.channel.poke()
            callcenter.wake()

    def _leg(self, agent: Agent) -> Attempt:
        pbx, member = self._pbx, self._member
        # FreeSWITCH passes an event's headers on as variables, its own among them.
        parameters = {
            name: str(value)
            for name, value in pbx.bus.heading("REQUEST_PARAMS")
        } | {
            "Event-Calling-File": "mod_callcenter.c",
            "Event-Calling-Function": "outbound_agent_thread_run",
            "Event-Calling-Line-Number": "1755",
            **self._about(agent),
            "cc_queue_joined_epoch": str(member.joined),
            "cc_member_pre_answer_uuid": member.uuid,
            "loopback_bowout": "false",
            "loopback_bowout_on_execute": "false",
            "ignore_early_media": "true",
            "origination_caller_id_name": member.name,
            "origination_caller_id_number": member.number,
            **self._exported(),
        }  # fmt: skip
        return dial(
            pbx,
            target(agent.contact),
            caller=(member.name, member.number),
            extra=parameters,
            call=member.channel.call,
        )

    def _exported(self) -> dict[str, str]:
        """Variables the member wants the agent's leg to have (``cc_export_vars``)."""
        channel = self._member.channel
        names = channel.get("cc_export_vars").split(",")
        return {name: value for name in names if (value := channel.get(name))}

    def _about(self, agent: Agent) -> dict[str, str]:
        """What an agent's leg has of the member it is for."""
        member = self._member
        return {
            "cc_queue": member.queue.name,
            "cc_member_uuid": member.uuid,
            "cc_member_session_uuid": member.channel.uuid,
            "cc_agent": agent.name,
            "cc_agent_type": agent.kind,
            "cc_side": "agent",
        }

    def _failed(self, agent: Agent, cause: str, called: int) -> None:
        now, member = int(self._pbx.clock()), self._member
        failed: Headers = [
            ("CC-Queue", member.queue.name),
            ("CC-Action", "bridge-agent-fail"),
            ("CC-Hangup-Cause", cause or "NORMAL_CLEARING"),
            ("CC-Agent", agent.name),
            ("CC-Agent-System", "single_box"),
            ("CC-Agent-Called-Time", str(called)),
            ("CC-Agent-Aborted-Time", str(now)),
            *member.headers(),
            ("CC-Member-Joined-Time", str(member.joined)),
        ]
        self._callcenter.say("bridge-agent-fail", failed)
        if cause not in ("LOSE_RACE", "ORIGINATOR_CANCEL"):
            agent.no_answers += cause == "NO_ANSWER"
            agent.ready = self._pbx.clock() + agent.delay
        self._callcenter.set_state(agent, "Waiting")

    async def _serve(self, agent: Agent, tier: Tier, channel: Channel, called: int) -> None:
        pbx, callcenter, member = self._pbx, self._callcenter, self._member
        caller, queue = member.channel, member.queue
        answered = int(pbx.clock())
        caller.locks += 1
        member.state, member.agent, member.bridged = "Answered", agent.name, answered
        callcenter.engage(agent, tier)
        agent.uuid, agent.last_start = channel.uuid, answered
        queue.answered += 1
        agent.answered += 1
        who: Headers = [("CC-Agent", agent.name), ("CC-Agent-System", "single_box")]
        times: Headers = [
            ("CC-Agent-Called-Time", str(called)),
            ("CC-Agent-Answered-Time", str(answered)),
        ]
        joined: Headers = [("CC-Member-Joined-Time", str(member.joined))]
        begun: Headers = [
            ("CC-Queue", queue.name), ("CC-Action", "bridge-agent-start"), *who,
            ("CC-Agent-UUID", channel.uuid), *times, *joined, *member.headers(),
        ]  # fmt: skip
        if not channel.get("cc_side"):
            channel.update(self._about(agent))
        callcenter.say("bridge-agent-start", begun, channel)
        caller.set("cc_agent_found", "true")
        caller.set("cc_agent_uuid", channel.uuid)
        join(pbx, caller, channel)
        while channel.up and channel.running != EXCHANGE_MEDIA:
            await channel.changed()
        bridged = channel.running == EXCHANGE_MEDIA or not caller.up
        caller.set("cc_agent", agent.name)
        caller.set("cc_queue_answered_epoch", str(answered))
        if channel.up:
            callcenter.set_state(agent, "In a queue call")
        while not channel.reported:
            await channel.changed()
        while caller.partner is channel or (not caller.up and not caller.reported):
            await caller.changed()
        # mod_callcenter looks ten times a second whether the agent's leg is gone.
        await asyncio.sleep(pbx.clock.real(LOOKS_AFTER))
        ended = int(pbx.clock())
        over: Headers = [
            ("CC-Queue", queue.name), ("CC-Action", "bridge-agent-end"),
            ("CC-Hangup-Cause", "SUCCESS"), *who, ("CC-Agent-UUID", channel.uuid),
            ("CC-Agent-Bridged", "true" if bridged else "false"), *times, *joined,
            ("CC-Bridge-Terminated-Time", str(ended)), *member.headers(),
        ]  # fmt: skip
        callcenter.say("bridge-agent-end", over, channel)
        if not bridged:
            # The agent hung up in the moment before: the next one is offered the caller.
            member.state, member.race, member.agent, member.bridged = "Waiting", None, "", 0
            self._free(agent, ended)
            caller.locks -= 1
            pbx.poke(caller)  # who may have hung up since
            return
        caller.set("cc_queue_terminated_epoch", str(ended))
        left: Headers = [
            ("CC-Queue", queue.name), ("CC-Action", "member-queue-end"),
            ("CC-Hangup-Cause", "SUCCESS"), ("CC-Cause", "Terminated"), *who,
            ("CC-Agent-UUID", channel.uuid), *times, ("CC-Member-Leaving-Time", str(ended)),
            *joined, *member.headers(),
        ]  # fmt: skip
        callcenter.say("member-queue-end", left, caller)
        queue.members.remove(member)
        agent.talked += ended - answered
        self._free(agent, ended)
        caller.locks -= 1
        pbx.poke(caller)

    def _free(self, agent: Agent, now: int) -> None:
        """An agent serves nobody any more."""
        self._callcenter.engage(agent, None)
        agent.uuid, agent.last_end = "", now
        self._callcenter.set_state(agent, "Waiting")
