"""What a FreeSWITCH lacks for Tandem: version, modules, event socket, dialplan, queues, agents."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from ipaddress import ip_address

from connectors.freeswitch.agents import queues_and_agents
from connectors.freeswitch.connection import Esl
from connectors.freeswitch.dialplan import DENIED, dialplan, located, refusal
from connectors.freeswitch.menucheck import menus
from connectors.freeswitch.placingcheck import placing
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
    "uuid_send_message": "no invitation can be sent within a call, should you want it so",
    "callcenter_config queue list": "queues and their agents cannot be read",
}
"""API commands a connector sends, in a form that changes nothing, and what fails without."""

_TOO_MUCH = "eval nothing"
"""Whoever may `eval` may run everything; a connector never does. This does nothing."""

_LOAD = 'autoload_configs/modules.conf.xml: <load module="{}"/>; then: fs_cli -x "load {}"'
_SOCKET = 'autoload_configs/event_socket.conf.xml: <param name="{}" value="{}"/>'
_RELOAD = "then: fs_cli -x 'reload mod_event_socket'"
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
    findings += await _commands(esl, settings)
    findings += await _modules(esl)
    findings.append(await _events(esl))
    findings += await _socket(esl, settings)
    findings += await dialplan(esl)
    findings += await menus(esl, settings)
    findings += await placing(esl, settings)
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


async def _commands(esl: Esl, settings: PbxSettings) -> Iterable[Finding]:
    """What the log-in may ask, and whether it may more. A password allows everything."""
    findings = []
    for command, without in _COMMANDS.items():
        verb = command.partition(" ")[0]
        error = await refusal(esl, command)
        if DENIED in error:
            text = f"{verb} is not allowed: {without}"
            line = f"directory/tandem.xml ({settings.username}): esl-allowed-api … {verb}"
            findings.append(Finding(False, text, line))
        elif "ommand not found" in error and verb != "callcenter_config":
            module = "mod_dptools" if verb == "chat" else "mod_commands"
            text = f"{verb} is not there: {without}"
            findings.append(Finding(False, text, _LOAD.format(module, module)))
    if not findings:
        findings.append(Finding(True, "privileges: all that is needed"))
    if DENIED not in await refusal(esl, _TOO_MUCH):
        line = (
            f"cp dialplan/freeswitch/directory.xml to directory/tandem.xml, pbx.{settings.name}"
            '.username = "tandem@tandem.invalid" in tandem.toml'
        )
        text = "privileges: more than needed (whoever has this password may do anything)"
        findings.append(Finding(True, text, line))
    return findings


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
    except ActionError as error:
        return DENIED in str(error)  # not to be known, so no fault


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
    conf = await located(esl, "configuration configuration name event_socket.conf")
    if conf is None:
        return []
    params = {param.get("name"): param.get("value", "") for param in conf.iter("param")}
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


def _unproven(name: str) -> Finding:
    return Finding(
        True,
        "not to be seen from here: whether calls are marked and the codes are heard, which only"
        f" a call shows (tandem-connector check {name} --listen 60)",
    )
