"""Commands about the switch itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ..dialplan import function
from ..heart import VERSION, uptime
from .command import Command, Request

if TYPE_CHECKING:
    from ..pbx import FreeSwitch

MODULES = (
    "mod_callcenter", "mod_commands", "mod_dialplan_xml", "mod_dptools", "mod_event_socket",
    "mod_fifo", "mod_logfile", "mod_loopback", "mod_sofia", "mod_tone_stream",
)  # fmt: skip
GLOBALS = {
    "hostname": "pbx1",
    "domain": "default",
    "local_ip_v4": "192.0.2.2",
    "core_uuid": "",
    "switch_serial": "021bc502cd03",
    "conf_dir": "/etc/freeswitch",
}


def _status(pbx: FreeSwitch) -> str:
    return (
        f"UP {uptime(pbx)}\nFreeSWITCH (Version {VERSION}  64bit) is ready\n"
        f"{pbx.sessions} session(s) since startup\n"
        f"{len(pbx.channels)} session(s) - peak {pbx.peak}, last 5min {pbx.peak} \n"
        "0 session(s) per Sec out of max 500, peak 2, last 5min 2 \n"
        f"{pbx.max_channels} session(s) max\nmin idle cpu 0.00/40.10\n"
        "Current Stack Size/Max 240K/8192K\n"
    )


async def _status_command(request: Request) -> str:
    return _status(request.pbx)


async def _version(request: Request) -> str:
    if request.text == "short":
        return f"{VERSION}\n"
    return f"FreeSWITCH Version {VERSION}~64bit ( 64bit)\n"


async def _uptime(request: Request) -> str:
    return str(int(request.pbx.clock() - request.pbx.started))


async def _module_exists(request: Request) -> str:
    if not request.text:
        return "-ERR no reply\n"
    return "true" if request.text in MODULES else "false"


async def _user_exists(request: Request) -> str:
    """``user_exists id <user> <domain>``: whether the directory has a user."""
    words = request.words
    phone = request.pbx.phones.get(words[1]) if len(words) > 1 else None
    return "true" if phone is not None and phone.registered else "false"


async def _hostname(request: Request) -> str:
    return request.pbx.bus.hostname


async def _global_getvar(request: Request) -> str:
    known = dict(GLOBALS, hostname=request.pbx.bus.hostname, domain=request.pbx.domain)
    known["core_uuid"] = request.pbx.bus.core_uuid
    if request.text:
        return known.get(request.text, "")
    return "".join(f"{name}={value}\n" for name, value in known.items()) + "\n"


async def _reloadxml(request: Request) -> str:
    request.pbx.say("RELOADXML")
    return "+OK [Success]\n"


async def _create_uuid(request: Request) -> str:
    return request.pbx.new_uuid()


async def _echo(request: Request) -> str:
    return request.text


async def _eval(request: Request) -> str:
    return _globals(request.pbx, request.text)


def _globals(pbx: FreeSwitch, text: str) -> str:
    """A text with the global variables filled in."""
    for name, value in dict(GLOBALS, hostname=pbx.bus.hostname, domain=pbx.domain).items():
        text = text.replace(f"${{{name}}}", value)
    return text


async def _expand(request: Request) -> str:
    """``expand <command>``: with the global variables filled in."""
    from . import run_command

    return await run_command(request.pbx, _globals(request.pbx, request.text))


async def _url_encode(request: Request) -> str:
    return function("url_encode", request.text)


async def _url_decode(request: Request) -> str:
    return function("url_decode", request.text)


async def _json(request: Request) -> str:
    """``json {"command": "status"}``; nothing else is simulated."""
    try:
        asked = json.loads(request.text)
    except ValueError:
        return "-ERR invalid json\n"
    if not isinstance(asked, dict) or asked.get("command") != "status":
        return "-ERR only the command status is simulated\n"
    pbx = request.pbx
    response = {
        "systemStatus": "ready",
        "version": f"{VERSION}  64bit",
        "sessions": {"count": {"total": pbx.sessions, "active": len(pbx.channels)}},
    }
    return json.dumps(dict(asked, status="success", response=response), separators=(",", ":"))


async def _sofia(request: Request) -> str:
    if request.text != "status":
        return "-ERR only sofia status is simulated\n"
    line = "=" * 97
    names = ("Name", "   Type", "Data", "State")
    profile = ("internal", "profile", "sip:mod_sofia@127.0.0.1:5080")
    return (
        f"{names[0]:>25}\t{names[1]}\t{names[2]:>42}\t{names[3]}\n{line}\n"
        f"{profile[0]:>25}\t{profile[1]}\t{profile[2]:>42}\t"
        f"RUNNING ({len(request.pbx.channels)})\n{line}\n1 profile 0 aliases\n"
    )


NOT_FOUND = "can't find what you are looking for\n"


async def _xml_locate(request: Request) -> str:
    """``xml_locate <section> [<tag> <attribute> <value>]``, of dialplan and configuration."""
    section, *where = request.words or [""]
    root = ElementTree.Element("section", name=section)
    if section == "dialplan":
        root.extend(request.pbx.dialplan.elements)
    elif section == "configuration":
        root.append(_event_socket(request.pbx))
    else:
        return NOT_FOUND
    found: ElementTree.Element | None = root
    if len(where) == 3:
        tag, attribute, value = where
        found = next((e for e in root.iter(tag) if e.get(attribute) == value), None)
    return NOT_FOUND if found is None else ElementTree.tostring(found, "unicode")


def _event_socket(pbx: FreeSwitch) -> ElementTree.Element:
    configuration = ElementTree.Element("configuration", name="event_socket.conf")
    settings = ElementTree.SubElement(configuration, "settings")
    for name, value in pbx.event_socket.items():
        ElementTree.SubElement(settings, "param", name=name, value=value)
    return configuration


COMMANDS: dict[str, Command] = {
    "create_uuid": _create_uuid,
    "echo": _echo,
    "eval": _eval,
    "expand": _expand,
    "global_getvar": _global_getvar,
    "hostname": _hostname,
    "json": _json,
    "module_exists": _module_exists,
    "reloadxml": _reloadxml,
    "sofia": _sofia,
    "status": _status_command,
    "uptime": _uptime,
    "user_exists": _user_exists,
    "url_decode": _url_decode,
    "url_encode": _url_encode,
    "version": _version,
    "xml_locate": _xml_locate,
}
