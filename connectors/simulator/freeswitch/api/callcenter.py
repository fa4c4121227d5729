"""``callcenter_config``: lists of queues, agents, tiers and members; status, state, ready_time."""

from __future__ import annotations

from collections.abc import Iterable

from ..line import Agent, Tier
from .command import OK, Command, Request

QUEUE = (
    "name|strategy|moh_sound|time_base_score|tier_rules_apply|tier_rule_wait_second|"
    "tier_rule_wait_multiply_level|tier_rule_no_agent_no_wait|discard_abandoned_after|"
    "abandoned_resume_allowed|max_wait_time|max_wait_time_with_no_agent|"
    "max_wait_time_with_no_agent_time_reached|record_template|calls_answered|calls_abandoned|"
    "ring_progressively_delay|skip_agents_with_external_calls|agent_no_answer_status"
)
MEMBER = (
    "queue|instance_id|uuid|session_uuid|cid_number|cid_name|system_epoch|joined_epoch|"
    "rejoined_epoch|bridge_epoch|abandoned_epoch|base_score|skill_score|serving_agent|"
    "serving_system|state|score"
)
AGENT = (
    "name|instance_id|uuid|type|contact|status|state|max_no_answer|wrap_up_time|"
    "reject_delay_time|busy_delay_time|no_answer_delay_time|last_bridge_start|last_bridge_end|"
    "last_offered_call|last_status_change|no_answer_count|calls_answered|talk_time|ready_time|"
    "external_calls_count"
)
TIER = "queue|agent|state|level|position"
USAGE = "-USAGE: callcenter_config <target> <args>\n"
NO_AGENT = "-ERR Agent not found!\n"
STATUSES = ("Available", "Available (On Demand)", "On Break", "Logged Out")
STATES = ("Idle", "Waiting", "Receiving", "In a queue call")


def _table(head: str, rows: Iterable[list[str]]) -> str:
    return "\n".join([head, *("|".join(row) for row in rows), "+OK\n"])


def _tier(tier: Tier) -> list[str]:
    return [tier.queue, tier.agent, tier.state, str(tier.level), str(tier.position)]


async def _config(request: Request) -> str:
    words = request.words
    kind = words[0] if words else ""
    if kind in ("queue", "agent", "tier") and len(words) == 1:
        return "-ERR Invalid!\n"
    if kind == "queue":
        return _queue(request, words[1:])
    if kind == "agent":
        return _agent(request, words[1:])
    if kind == "tier" and words[1:2] == ["list"]:
        tiers = sorted(request.pbx.callcenter.tiers, key=lambda tier: (tier.level, tier.position))
        return _table(TIER, map(_tier, tiers))
    return USAGE


def _queue(request: Request, words: list[str]) -> str:
    center, now = request.pbx.callcenter, int(request.pbx.clock())
    if words == ["list"]:
        queues = sorted(center.queues.values(), key=lambda queue: queue.name)
        return _table(QUEUE, (queue.row() for queue in queues))
    what = words[:2]
    name = words[2] if len(words) > 2 else ""
    queue = center.queues.get(name)
    tiers = [tier for tier in center.tiers if tier.queue == name]
    members = queue.members if queue is not None else []
    if what == ["list", "members"]:
        # An unknown queue is no error to FreeSWITCH, and an empty list has no head.
        return _table(MEMBER, (each.row(now) for each in members)) if members else OK
    if what == ["list", "tiers"]:
        return _table(TIER, map(_tier, tiers)) if tiers else OK
    if what == ["list", "agents"]:
        names = {tier.agent for tier in tiers}
        rows = [agent.row() for agent in center.agents.values() if agent.name in names]
        return _table(AGENT, rows) if rows else OK
    if what == ["count", "members"]:
        return f"{len(members)}\n"
    if what in (["count", "agents"], ["count", "tiers"]):
        return f"{len(tiers)}\n"
    if words == ["count"]:
        return f"{len(center.queues)}\n"
    return USAGE


def _agent(request: Request, words: list[str]) -> str:
    center = request.pbx.callcenter
    if words[:1] == ["list"]:
        wanted = words[1:2]
        agents = [a for a in center.agents.values() if not wanted or a.name == wanted[0]]
        return _table(AGENT, (agent.row() for agent in agents))
    if words[:1] == ["add"] and len(words) == 3:
        center.agents[words[1]] = Agent(words[1], "", 5.0, "Logged Out", kind=words[2])
        center.say(
            "agent-add",
            [("CC-Agent", words[1]), ("CC-Agent-Type", words[2]), ("CC-Action", "agent-add")],
        )
        return OK
    if words[:1] == ["del"] and len(words) == 2:
        center.agents.pop(words[1], None)
        center.tiers = [tier for tier in center.tiers if tier.agent != words[1]]
        return OK
    if len(words) < 3 or words[0] not in ("get", "set"):
        return USAGE
    agent = center.agents.get(words[2])
    if agent is None:
        return NO_AGENT
    if words[0] == "get":
        return _get(request, agent, words[1])
    return _set(request, agent, words[1], " ".join(words[3:]))


def _get(request: Request, agent: Agent, key: str) -> str:
    known = {"status": agent.status, "state": agent.state, "uuid": agent.uuid}
    if key in ("status", "state"):
        action = f"agent-{key}-get"
        request.pbx.callcenter.say(
            action,
            [("CC-Agent", agent.name), ("CC-Action", action),
             (f"CC-Agent-{key.capitalize()}", known[key])],
        )  # fmt: skip
    return known.get(key, "-ERR Invalid Agent key!\n")


def _set(request: Request, agent: Agent, key: str, value: str) -> str:
    center = request.pbx.callcenter
    if key == "status" and value in STATUSES:
        center.set_status(agent, value)
    elif key == "state" and value in STATES:
        center.set_state(agent, value)
    elif key == "ready_time":  # no event tells of it
        agent.ready = float(int(value)) if value.isdecimal() else 0.0
        center.wake()
    elif key == "contact":
        agent.contact = value
        center.say(
            "agent-contact-change",
            [("CC-Agent", agent.name), ("CC-Action", "agent-contact-change"),
             ("CC-Agent-Contact", value)],
        )  # fmt: skip
    else:
        return f"-ERR Invalid Agent {key.capitalize()}!\n"
    return OK


COMMANDS: dict[str, Command] = {"callcenter_config": _config}
