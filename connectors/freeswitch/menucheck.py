"""What `tandem-connector check` sees of the keypad menus: the dialplan's side, and the socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from connectors.freeswitch.connection import Esl
from connectors.freeswitch.dialplan import copying, located
from connectors.runtime.driver import Finding
from connectors.settings import PbxSettings

GREETING = b"connect\n\n"
"""What a connector says to whoever connects."""
SOCKET_TIMEOUT = 3.0

_EXTENSIONS = ("collab_menu", "collab_onward")
_USED = re.compile(r"collab_menu_(\S+)( XML collab)?")
_LINE = '<action application="execute_extension" data="collab_menu_{} XML collab"/>'
_QUEUE = '<action application="set" data="collab_queue=support@default"/>'


async def menus(esl: Esl, settings: PbxSettings) -> Iterable[Finding]:
    """Nothing, where neither the settings nor the dialplan have a menu."""
    whole = await located(esl, "dialplan")
    used = {} if whole is None else _used(whole)
    here = f"pbx.{settings.name}"
    if not settings.outbound:
        if not used:
            return []
        text = f"menus: the dialplan has {_names(used)}, and nothing serves them; calls go on"
        line = f'{here}.outbound = "127.0.0.1:8084" and [{here}.menus.…] in tandem.toml'
        return [Finding(False, text, line)]
    findings = [await _served(settings)]
    ours = None if whole is None else whole.find(".//context[@name='collab']")
    if ours is not None:  # else that is told of the whole dialplan
        findings += await _extensions(esl, ours, settings)
        findings += _in_the_dialplan(used, settings)
    return findings


async def _served(settings: PbxSettings) -> Finding:
    where, setting = settings.outbound, f"pbx.{settings.name}.outbound"
    host, _, port = where.rpartition(":")
    try:
        async with asyncio.timeout(SOCKET_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                said = await reader.read(len(GREETING))
            finally:
                writer.close()
    except TimeoutError:
        text = f"outbound socket at {where}: whoever listens there says nothing"
    except OSError:
        text = f"outbound socket at {where}: nobody listens; calls go on without a menu"
        return Finding(False, text, f"tandem-connector run {settings.name}")
    else:
        if said == GREETING:
            return Finding(True, f"outbound socket at {where}: the connector serves it")
        if not said:
            text = f"outbound socket at {where}: it closes at once, as where its menus are full"
            return Finding(False, text, "look again in a minute; the connector's log says more")
        text = f"outbound socket at {where}: somebody else listens there"
    return Finding(False, text, f"{setting} = another port, in collab.xml too; or end the other")


async def _extensions(
    esl: Esl, ours: ElementTree.Element, settings: PbxSettings
) -> Iterable[Finding]:
    there = {extension.get("name"): extension for extension in ours.iter("extension")}
    lost = [name for name in _EXTENSIONS if name not in there]
    if lost:
        text = f"menus: context collab has no {', '.join(lost)}"
        return [Finding(False, text, await copying(esl))]
    sockets = [action.get("data", "") for action in there["collab_menu"].iter("action")
               if action.get("application") == "socket"]  # fmt: skip
    if [data.partition(" ")[0] for data in sockets] == [settings.outbound]:
        return [Finding(True, "menus: collab.xml hands them over")]
    text = f"menus: collab.xml hands calls to {', '.join(sockets) or 'nobody'}"
    line = f'collab.xml: <action application="socket" data="{settings.outbound} async full"/>'
    return [Finding(False, text, f"{line}; then: fs_cli -x reloadxml")]


def _in_the_dialplan(used: Mapping[str, bool], settings: PbxSettings) -> Iterable[Finding]:
    for name in sorted(used.keys() - settings.menus.keys()):
        text = f"menus: the dialplan has {name!r}, and tandem.toml has not; calls go on"
        yield Finding(False, text, f"[pbx.{settings.name}.menus.{name}] in tandem.toml")
    for name in sorted(settings.menus):
        if name not in used:
            text = f"menus: no extension leads to {name} yet"
            yield Finding(True, text, f"before callcenter: {_LINE.format(name)}")
        elif not used[name]:
            text = f"menus: {name} is used without collab_queue; calls go on without it"
            yield Finding(False, text, f"in the line before it: {_QUEUE}")


def _used(whole: ElementTree.Element) -> dict[str, bool]:
    """The menus that a dialplan leads to, and whether it says each time where calls go on."""
    used: dict[str, bool] = {}
    for extension in whole.iter("extension"):
        onward = False
        for action in extension.iter("action"):
            data = action.get("data", "")
            if action.get("application") in ("set", "export"):
                onward = onward or data.startswith(("collab_queue=", "collab_then="))
            elif action.get("application") == "execute_extension":
                found = _USED.match(data)
                if found is not None:
                    used[found[1]] = used.get(found[1], True) and onward
    return used


def _names(used: Iterable[str]) -> str:
    return ", ".join(f"collab_menu_{name}" for name in sorted(used))
