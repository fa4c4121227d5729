"""Whom an Asterisk's set-up makes an agent outside queues: telephones that a pattern matches."""

from __future__ import annotations

import re
from collections.abc import Iterable

from connectors.asterisk.connection import Ami
from connectors.runtime.driver import ActionError, Finding
from connectors.settings import PbxSettings

DEVICE_ITEMS = frozenset({"DeviceStateChange", "DeviceStateListComplete"})
"""Events of the list that is asked for here."""

SHOWN = 8
"""Telephones that are named before the rest is counted."""

_TELEPHONE = re.compile(r"(?:PJSIP|SIP|IAX2|SCCP)/[^/@]+", re.IGNORECASE)


async def check_agents(ami: Ami, settings: PbxSettings, allowed: set[str]) -> Iterable[Finding]:
    """What ``agent_endpoints`` and ``[pbx.X.agents]`` say, beside the telephones that are there."""
    if "DeviceStateList" not in allowed:  # without res_manager_devicestate.so nobody lists them
        return []
    try:
        listed = await ami.ask_list({"Action": "DeviceStateList"})
    except ActionError:
        return []
    devices = {item.get("Device") for item in listed}
    there = sorted(device for device in devices if _TELEPHONE.fullmatch(device))
    if not there:
        return []
    return [*_patterns(settings, there), *_table(settings, there)]


def _patterns(settings: PbxSettings, there: list[str]) -> Iterable[Finding]:
    setting = f"pbx.{settings.name}.agent_endpoints"
    agents = [
        device
        for device in there
        if any(re.fullmatch(pattern, device) for pattern in settings.agent_endpoints)
    ]
    if agents:
        text = f"agents outside queues: {_some(agents)}"
        mend = f"{setting}, if a trunk or a caller's telephone is among them"
        yield Finding(True, text, mend)
    elif settings.agent_endpoints:
        text = f"agents outside queues: none; {setting} matches none of {_some(there)}"
        yield Finding(False, text, f"""{setting} = ['PJSIP/1\\d{{3}}'], which is matched whole""")


def _table(settings: PbxSettings, there: list[str]) -> Iterable[Finding]:
    known = {device.lower() for device in there}
    for name in settings.agents:
        if _TELEPHONE.fullmatch(name) and name.lower() not in known:
            text = f"agents: there is no telephone {name} here"
            yield Finding(False, text, f"[pbx.{settings.name}.agents]: one of {_some(there)}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
