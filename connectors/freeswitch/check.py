"""What a FreeSWITCH lacks for Tandem: version, modules, event socket, dialplan, queues, agents."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from ipaddress import ip_address
from xml.etree import ElementTree

from connectors.freeswitch.agents import queues_and_agents
from connectors.freeswitch.connection import Esl
from connectors.freeswitch.watch import judge, watch
from connectors.freeswitch.wire import Event
from connectors.runtime.driver import (
    ActionError,
    Finding,
    PbxError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from connectors.settings import PbxSettings

OLDEST = (1, 10)
ANSWER_WAIT = 5.0
EVENT_WAIT = 5.0
LIST_TIMEOUT = 15.0
SEEN_LIMIT = 10_000
"""Events kept of a call that is watched."""

_MODULES = {
    "mod_dptools": "nothing marks a call, and no MESSAGE can be sent",
    "mod_dialplan_xml": "collab.xml is not read",
}
"""Modules that must be loaded, and what fails without."""

_COMMANDS = {
    "show channels count as json": "what stands cannot be read after a reconnect",
    "uuid_dump 00000000-0000-0000-0000-000000000000 json": "the marks of standing calls are lost",
    "uuid_exists 00000000-0000-0000-0000-000000000000": "a dead link is not noticed",
    "chat": "invitations cannot be sent to telephones",
}
"""API commands a connector sends, in a form that changes nothing, and what fails without."""

_EXTENSIONS = ("collab_request", "collab_features", "collab_feature")
_LOAD = 'autoload_configs/modules.conf.xml: <load module="{}"/>; then: fs_cli -x "load {}"'
_SOCKET = 'autoload_configs/event_socket.conf.xml: <param name="{}" value="{}"/>'
_RELOAD = "then: fs_cli -x 'reload mod_event_socket'"
_MARK = '<action application="execute_extension" data="collab_request_form XML collab"/>'
_VANILLAS = "ClueCon"
"""The password of every FreeSWITCH that nobody has set up."""


async def check_freeswitch(settings: PbxSettings, listen: float = 0.0) -> list[Finding]:
    """Log in and look; changes nothing on the PBX. `listen`: seconds to watch for a call."""
    seen: list[Event] = []
    arrived = asyncio.Event()

    def take(event: Event) -> None:
        if len(seen) < SEEN_LIMIT:
            seen.append(event)
        arrived.set()

    try:
        esl = await Esl.connect(settings, take)
    except (RefusedError, UnreachableError) as error:
        return [Finding(False, str(error), _mend_connection(settings, error))]
    try:
        findings = await _look(esl, settings)
        if listen:
            await watch(seen, arrived, listen)
            findings += judge(seen, listen)
        else:
            findings.append(_unproven(settings.name))
        return findings
    except PbxError as error:
        return [Finding(False, f"FreeSWITCH: {error}")]
    finally:
        await esl.close()


def _mend_connection(settings: PbxSettings, error: PbxError) -> str:
    """The line for an event socket that does not let us in or is not there."""
    here = f"pbx.{settings.name}"
    if str(error).startswith(f"{here}.tls:"):
        return f"{here}.tls = false in tandem.toml"
    if isinstance(error, UnreachableError):
        address = _SOCKET.format("listen-ip", "an address of the PBX, best 127.0.0.1")
        loaded = f"listen-port {settings.port}, and mod_event_socket loaded"
        return f"{address}, {loaded}; or {here}.host and port in tandem.toml"
    if "password" in str(error):
        return f"{_SOCKET.format('password', f'the secret of {here}.secret')}; {_RELOAD}"
    return (
        f"{_SOCKET.format('apply-inbound-acl', 'a list of acl.conf.xml')} that has this machine"
        f" (loopback.auto: only FreeSWITCH's own); {_RELOAD}"
    )


async def _look(esl: Esl, settings: PbxSettings) -> list[Finding]:
    where = f"{settings.host}:{settings.port}"
    findings = [Finding(True, f"ESL at {where}: logged in and subscribed")]
    findings.append(_version(await esl.api("version", ANSWER_WAIT)))
    findings += await _commands(esl)
    findings += await _modules(esl)
    findings.append(await _events(esl))
    findings += await _socket(esl, settings)
    findings += await _dialplan(esl)
    findings += await queues_and_agents(esl)
    return findings


def _version(answer: str) -> Finding:
    found = re.search(r"FreeSWITCH Version ((\d+)\.(\d+)[^\s~]*)", answer)
    if found is None:
        return Finding(False, f"it does not say its version: {' '.join(answer.split())[:60]!r}")
    if (int(found[2]), int(found[3])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Finding(False, f"FreeSWITCH {found[1]} is too old", f"FreeSWITCH {oldest} or newer")
    return Finding(True, f"FreeSWITCH {found[1]}")


async def _commands(esl: Esl) -> Iterable[Finding]:
    """What the log-in may ask. A password allows all; a module that is not loaded has none."""
    findings = []
    for command, without in _COMMANDS.items():
        verb = command.partition(" ")[0]
        error = await _error(esl, command)
        if "permission denied" in error:
            text = f"{verb} is not allowed: {without}"
            findings.append(Finding(False, text, f"esl-allowed-api of the user: …,{verb}"))
        elif "ommand not found" in error:
            module = "mod_dptools" if verb == "chat" else "mod_commands"
            text = f"{verb} is not there: {without}"
            findings.append(Finding(False, text, _LOAD.format(module, module)))
    if not findings:
        findings.append(
            Finding(
                True,
                "privileges: all that is needed (whoever has this password may do anything on"
                " the PBX; keep it as you keep root's)",
            )
        )
    return findings


async def _error(esl: Esl, command: str) -> str:
    try:
        await esl.api(command)
    except ActionError as error:
        return str(error)
    return ""


async def _modules(esl: Esl) -> Iterable[Finding]:
    missing = [name for name in _MODULES if not await _loaded(esl, name)]
    findings = [
        Finding(False, f"{name} is not loaded: {_MODULES[name]}", _LOAD.format(name, name))
        for name in missing
    ]
    acds = [name for name in ("mod_callcenter", "mod_fifo") if await _loaded(esl, name)]
    if not missing:
        findings.append(Finding(True, f"modules: {', '.join([*_MODULES, *acds])}"))
    if not acds:
        findings.append(
            Finding(
                True,
                "modules: no queues (neither mod_callcenter nor mod_fifo); calls to"
                " agent_endpoints are seen all the same",
                _LOAD.format("mod_callcenter", "mod_callcenter"),
            )
        )
    return findings


async def _loaded(esl: Esl, module: str) -> bool:
    try:
        return (await esl.api(f"module_exists {module}")).strip() == "true"
    except ActionError:
        return False


async def _events(esl: Esl) -> Finding:
    """The result of a bgapi comes as an event, by the way that all events come."""
    try:
        await esl.bgapi("version", EVENT_WAIT)
    except UnansweredError:
        return Finding(
            False,
            "events: the result of a background job does not come back; others will not either",
            "fs_cli -x 'reload mod_event_socket'",
        )
    return Finding(True, "events: they come through")


async def _socket(esl: Esl, settings: PbxSettings) -> Iterable[Finding]:
    """What the event socket's own settings say, as far as they are to be seen."""
    if settings.secret.get_secret_value() == _VANILLAS:
        line = _SOCKET.format("password", "the output of: openssl rand -hex 32")
        text = "event socket: its password is FreeSWITCH's own default, which everybody knows"
        here = f"pbx.{settings.name}.secret in tandem.toml"
        return [Finding(False, text, f"{line}; {_RELOAD}; the same as {here}")]
    located = await _located(esl, "configuration configuration name event_socket.conf")
    if located is None:
        return []
    params = {param.get("name"): param.get("value", "") for param in located.iter("param")}
    address = params.get("listen-ip") or "127.0.0.1"
    acl = params.get("apply-inbound-acl", "")
    if _is_loopback(address):
        return [Finding(True, f"event socket: only on {address}")]
    if acl:
        return [Finding(True, f"event socket: on {address}, for the list {acl}, without TLS")]
    return [
        Finding(
            False,
            f"event socket: on {address} without a list of who may come; older FreeSWITCHs let"
            " everybody",
            f"{_SOCKET.format('listen-ip', '127.0.0.1')} or"
            f" {_SOCKET.format('apply-inbound-acl', 'loopback.auto').partition(': ')[2]};"
            f" {_RELOAD}",
        )
    ]


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


async def _located(esl: Esl, what: str) -> ElementTree.Element | None:
    """A part of FreeSWITCH's configuration; None where it is not there or cannot be read."""
    try:
        text = await esl.api(f"xml_locate {what}", LIST_TIMEOUT)
        return ElementTree.fromstring(text)  # noqa: S314 - the administrator's, and expat's limits
    except (ActionError, ElementTree.ParseError):
        return None


async def _dialplan(esl: Esl) -> Iterable[Finding]:
    whole = await _located(esl, "dialplan")
    contexts = {} if whole is None else {each.get("name"): each for each in whole.iter("context")}
    ours = contexts.get("collab")
    if ours is None:
        return [await _no_context(esl)]
    there = {extension.get("name") for extension in ours.iter("extension")}
    lost = [name for name in _EXTENSIONS if name not in there]
    if lost:
        text = f"dialplan: context collab has no {', '.join(lost)}"
        return [Finding(False, text, await _copy(esl))]
    findings = [Finding(True, f"dialplan: collab.xml is loaded; mark a call with {_MARK}")]
    others = [action for name, context in contexts.items() if name != "collab"
              for action in context.iter("action")]  # fmt: skip
    said = [(action.get("application"), action.get("data", "")) for action in others]
    if not any("collab_request" in data for name, data in said if name == "execute_extension"):
        findings.append(
            Finding(
                True,
                "dialplan: no extension marks a call yet",
                f"dialplan/default.xml or public.xml, before callcenter or bridge: {_MARK}",
            )
        )
    if any(name == "bind_meta_app" and data.startswith("2 ") for name, data in said):
        findings.append(
            Finding(
                True,
                "dialplan: bind_meta_app takes *2, and so *22 to *24, where it is bound",
                'dialplan/default.xml: take out <action application="bind_meta_app" data="2 …"/>,'
                " or give the codes of collab.xml other digits",
            )
        )
    return findings


async def _no_context(esl: Esl) -> Finding:
    for module, file in (("mod_lua", "lua.conf"), ("mod_xml_curl", "xml_curl.conf")):
        located = await _located(esl, f"configuration configuration name {file}")
        if located is not None and any(
            "dialplan" in value
            for param in located.iter("param")
            for key, value in param.items()
            if key == "bindings" or param.get("name") == "xml-handler-bindings"
        ):
            return Finding(
                True,
                f"dialplan: it comes from {module} (FusionPBX: from its database), which shows it"
                " to calls only; --listen proves it with one",
            )
    return Finding(False, "dialplan: there is no context collab", await _copy(esl))


async def _copy(esl: Esl) -> str:
    try:
        folder = (await esl.api("global_getvar conf_dir")).strip() or "conf"
    except ActionError:
        folder = "conf"
    return f"cp dialplan/freeswitch/collab.xml {folder}/dialplan/; then: fs_cli -x reloadxml"


def _unproven(name: str) -> Finding:
    return Finding(
        True,
        "not to be seen from here: whether calls are marked and the codes are heard, which only"
        f" a call shows (tandem-connector check {name} --listen 60)",
    )
