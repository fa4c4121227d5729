"""What `tandem-connector check` says of mod_callcenter's queues and whether agents are reached."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from connectors.freeswitch.channels import interface_of
from connectors.freeswitch.connection import Esl
from connectors.runtime.driver import ActionError, Finding

LOOKED_UP = 50
"""Agents whose contact is followed; each takes up to three commands."""
SHOWN = 8

_USER = re.compile(r"user/([^@/,|]+)(?:@([^/,|]+))?$")
_NOBODY = "error/"
"""What sofia_contact says of a user who is not registered."""

Rows = list[dict[str, str]]


async def queues_and_agents(esl: Esl) -> Iterable[Finding]:
    """A line for each queue, and one for each agent who cannot be reached."""
    try:
        queues = _rows(await esl.api("callcenter_config queue list"))
        agents = {row["name"]: row for row in _rows(await esl.api("callcenter_config agent list"))
                  if "name" in row}  # fmt: skip
        tiers = _rows(await esl.api("callcenter_config tier list"))
    except ActionError:
        return []  # mod_callcenter is not loaded: said with the modules
    names = [row["name"] for row in queues if "name" in row]
    findings = []
    if not names:
        text = "queues: none; calls to agent_endpoints are seen all the same"
        findings.append(Finding(True, text))
    findings += [_queue(queue, agents, tiers) for queue in sorted(names)]
    serving = list(dict.fromkeys(tier.get("agent", "") for tier in tiers))
    for name in serving:
        if name not in agents:
            line = f"callcenter_config agent add {name} callback, and agent set contact"
            text = f"agent {name}: in a queue, but mod_callcenter has no such agent"
            findings.append(Finding(False, text, f"fs_cli: {line}"))
    for name in [name for name in serving if name in agents][:LOOKED_UP]:
        if agents[name].get("type") != "uuid-standby":  # which waits in a call of its own
            findings += await _reached(esl, name, agents[name].get("contact", ""))
    return findings


def _rows(answer: str) -> Rows:
    """Lines of values between bars under a line of names; those that do not fit are left out."""
    return list(_read(answer.split("\n")))


def _read(lines: list[str]) -> Iterator[dict[str, str]]:
    names = lines[0].split("|")
    for line in lines[1:]:
        values = line.split("|")
        if len(values) == len(names) > 1:
            yield dict(zip(names, values, strict=True))


def _queue(queue: str, agents: dict[str, dict[str, str]], tiers: Rows) -> Finding:
    inside = [tier.get("agent", "") for tier in tiers if tier.get("queue") == queue]
    if not inside:
        line = f"fs_cli: callcenter_config tier add {queue} AGENT"
        return Finding(True, f"queue {queue}: no agents now", line)
    who = [f"{name} ({agents[name].get('status') or '?'})" for name in inside if name in agents]
    more = f" and {len(who) - SHOWN} more" if len(who) > SHOWN else ""
    return Finding(True, f"queue {queue}: {', '.join(who[:SHOWN])}{more}")


async def _reached(esl: Esl, name: str, contact: str) -> Iterable[Finding]:
    """Whether the place an agent is called at exists."""
    set_contact = f"fs_cli: callcenter_config agent set contact {name} user/NUMBER@DOMAIN"
    interface = interface_of(contact)
    technology, _, peer = interface.partition("/")
    if not peer:
        return [Finding(False, f"agent {name}: no contact to be called at", set_contact)]
    if technology == "gateway":
        gateway = peer.partition("/")[0]
        if (await _said(esl, f"sofia status gateway {gateway}")).startswith("Invalid"):
            text = f"agent {name}: there is no gateway {gateway}"
            return [Finding(False, text, set_contact)]
        return []
    user = _USER.search(contact)
    if technology != "user" or user is None:
        return []
    number, domain = user[1], user[2] or (await _said(esl, "global_getvar domain")).strip()
    if (await _said(esl, f"user_exists id {number} {domain}")).strip() == "false":
        text = f"agent {name}: there is no user {number}@{domain} in the directory"
        return [Finding(False, text, set_contact)]
    dialled = await _said(esl, f"user_data {number}@{domain} param dial-string")
    if "sofia_contact" not in dialled and "reg" not in dialled:
        return []  # called somewhere else than where it registers
    if (await _said(esl, f"sofia_contact */{number}@{domain}")).startswith(_NOBODY):
        return [
            Finding(True, f"agent {name}: the telephone of {number}@{domain} is not registered")
        ]
    return []


async def _said(esl: Esl, command: str) -> str:
    """An answer; '' for an error, which proves nothing."""
    try:
        return await esl.api(command)
    except ActionError:
        return ""
