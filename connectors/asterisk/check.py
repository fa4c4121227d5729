"""What an Asterisk lacks for Tandem: version, privileges, filters, dialplan, features, queues."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable

from connectors.asterisk.agentcheck import DEVICE_ITEMS, check_agents
from connectors.asterisk.connection import Ami
from connectors.asterisk.dialplancheck import PLACING, check_dialplan
from connectors.asterisk.watch import judge, watch
from connectors.asterisk.wire import Frame
from connectors.runtime.driver import (
    ActionError,
    Finding,
    PbxError,
    RefusedError,
    UnreachableError,
)
from connectors.settings import PbxSettings

OLDEST = 18
EVENT_WAIT = 2.0
"""Seconds an event of our own has to come back; Asterisk sends it within milliseconds."""

_NEEDED = {
    "Status": ("reporting", "what stands cannot be read after a reconnect"),
    "CoreSettings": ("reporting", "the version cannot be read"),
    "UserEvent": ("user", "lists cannot be closed off from older events"),
    "MessageSend": ("message", "invitations cannot be sent to telephones"),
}
"""Action -> the write class that allows it, and what fails without."""

_TOO_MUCH = {"Command": "command", "UpdateConfig": "config"}
"""Actions a connector never sends; a user that may is more than it needs."""

_OWN_EVENTS = ("CollabRequest", "CollabPair", "CollabUnreached", "CollabFence")
"""UserEvents that a filter must let through: the marks, pairing codes, the connector's fence."""


async def check_asterisk(settings: PbxSettings, listen: float = 0.0) -> list[Finding]:
    """Log in and look; changes nothing on the PBX. `listen`: seconds to watch for a call."""
    seen: list[Frame] = []
    arrived = asyncio.Event()

    def take(frame: Frame) -> None:
        if len(seen) < 10_000:
            seen.append(frame)
        arrived.set()

    try:
        ami = await Ami.connect(settings, take, DEVICE_ITEMS)
    except (RefusedError, UnreachableError) as error:
        return [Finding(False, str(error), _mend_connection(settings, error))]
    try:
        findings = await _look(ami, settings, seen, arrived)
        if listen:
            await watch(seen, arrived, listen)
            findings += judge(seen, settings.username, listen)
            findings += _no_queue_seen(seen, settings.username)
        else:
            findings.append(_unproven(settings.name))
        return findings
    except PbxError as error:
        return [Finding(False, f"Asterisk: {error}")]
    finally:
        await ami.close()


def _mend_connection(settings: PbxSettings, error: PbxError) -> str:
    """The line for an AMI that does not let us in or is not there."""
    here = f"pbx.{settings.name}"
    if str(error).startswith(f"{here}.ca:"):
        return f'{here}.ca in tandem.toml: a readable PEM file, or "" for what the machine trusts'
    if isinstance(error, RefusedError):
        return (
            f"manager.conf: [{settings.username}](tandem-connector) with the secret of"
            f" {here}.secret and a permit line for this machine; then: asterisk -rx 'manager"
            " reload' (Asterisk answers alike to each; its own log says which it was)"
        )
    if settings.tls:
        lines = f"tlsenable = yes, tlsbindaddr = …:{settings.port}, tlscertfile = …"
        return f"manager.conf [general]: {lines}; or {here}.host, port, tls and ca in tandem.toml"
    lines = f"enabled = yes, port = {settings.port}, bindaddr = an address of the PBX"
    return f"manager.conf [general]: {lines}; or {here}.host and port in tandem.toml"


async def _look(
    ami: Ami, settings: PbxSettings, seen: list[Frame], arrived: asyncio.Event
) -> list[Finding]:
    user = settings.username
    where = f"{settings.host}:{settings.port}"
    findings = [Finding(True, f"AMI at {where}: logged in as {user!r} ({ami.banner})")]
    allowed = await ami.allowed()
    findings += _privileges(user, allowed)
    if "CoreSettings" in allowed:
        findings.append(_version(await ami.ask({"Action": "CoreSettings"})))
    if "UserEvent" in allowed:
        findings += await _events(ami, user, seen, arrived)
    findings.append(_placing(settings, allowed))
    findings += await check_dialplan(ami, settings, allowed)
    findings += await _queues(ami)
    findings += await check_agents(ami, settings, allowed)
    return findings


def _privileges(user: str, allowed: set[str]) -> Iterable[Finding]:
    missing: dict[str, str] = {}
    for action, (write_class, without) in _NEEDED.items():
        if action not in allowed:
            missing.setdefault(write_class, f"{action} is not allowed: {without}")
    for write_class, text in missing.items():
        yield Finding(False, text, f"manager.conf [{user}]: write = …,{write_class}")
    if "QueueStatus" not in allowed:
        yield Finding(
            False,
            "QueueStatus is not there: queues and their members cannot be read",
            "modules.conf: load = app_queue.so",
        )
    if not missing:
        yield Finding(True, "privileges: all that is needed")
    spare = sorted({name for action, name in _TOO_MUCH.items() if action in allowed})
    if spare:
        yield Finding(
            True,
            f"privileges: more than needed ({', '.join(spare)}); a connector never uses them",
            f"manager.conf [{user}]: write = reporting,message,user",
        )


def _placing(settings: PbxSettings, allowed: set[str]) -> Finding:
    """Placed calls are the administrator's choice, half of it is a mistake."""
    lost = [action for action in PLACING if action not in allowed]
    line = f"manager.conf: [{settings.username}](tandem-connector,tandem-connector-calls)"
    if not lost:
        return Finding(True, "placed calls: the connector may place and end them, and pause agents")
    if lost != list(PLACING):
        return Finding(False, f"placed calls: {', '.join(lost)} is not allowed", line)
    if settings.dial_context:
        here = f"pbx.{settings.name}.dial_context"
        text = f"placed calls: {here} is set, but the connector may place none"
        return Finding(False, text, f'{line}; or {here} = ""')
    return Finding(
        True,
        "placed calls: none, since the connector may not; callers without a telephone and dialling"
        " for agents need them",
        line,
    )


def _version(core: Frame) -> Finding:
    version = core.get("AsteriskVersion")
    major = re.match(r"(?:certified[/-])?(\d+)", version)
    if major and int(major.group(1)) < OLDEST:
        return Finding(False, f"Asterisk {version} is too old", f"Asterisk {OLDEST} or newer")
    return Finding(True, f"Asterisk {version}")


async def _events(
    ami: Ami, user: str, seen: list[Frame], arrived: asyncio.Event
) -> Iterable[Finding]:
    """Read classes and filters, as far as an event of our own can show them.

    The event is named as the mark is, since a filter may let that name through and no other; it
    has no channel, so that no connector takes it for a mark.
    """
    nonce = secrets.token_hex(8)
    for name in _OWN_EVENTS:
        await ami.ask({"Action": "UserEvent", "UserEvent": name, "Nonce": nonce})

    def came(name: str) -> bool:
        return any(frame.get("UserEvent") == name and frame.get("Nonce") == nonce for frame in seen)

    try:
        async with asyncio.timeout(EVENT_WAIT):
            while not all(map(came, _OWN_EVENTS)):
                arrived.clear()
                await arrived.wait()
    except TimeoutError:
        pass
    line = "eventfilter(action(include),name(UserEvent),header(UserEvent),method(exact)) = {}"
    findings = []
    lost = [name for name in _OWN_EVENTS if not came(name)]
    if len(lost) == len(_OWN_EVENTS):
        findings.append(
            Finding(
                False,
                "events: our own UserEvents do not come back; the marks will not come either",
                f"manager.conf [{user}]: read = system,call,agent,user (and no eventfilter"
                " without UserEvent)",
            )
        )
    else:
        for name in lost:
            text = f"events: a filter keeps back UserEvent {name}"
            findings.append(Finding(False, text, f"manager.conf [{user}]: {line.format(name)}"))
    if not lost:
        findings.append(Finding(True, "events: UserEvents come through"))
    if not any(frame.event == "FullyBooted" for frame in seen):
        findings.append(
            Finding(
                False,
                "events: no FullyBooted; a restart of Asterisk cannot be told from a lost link",
                f"manager.conf [{user}]: read = system,call,agent,user",
            )
        )
    return findings


def _unproven(name: str) -> Finding:
    return Finding(
        True,
        "not to be seen from here: whether read has call and agent, which only a call shows"
        f" (tandem-connector check {name} --listen 60), and the feature codes (asterisk -rx"
        " 'features show' lists collab-form when features.conf is included)",
    )


def _no_queue_seen(seen: list[Frame], user: str) -> Iterable[Finding]:
    """Nothing in a call's other events tells a queue's call from a direct one."""
    names = {frame.event for frame in seen}
    if "BridgeEnter" in names and not names & {"QueueCallerJoin", "AgentCalled", "AgentConnect"}:
        yield Finding(
            True,
            "call: no queue was seen in it; if it went through one, read lacks agent",
            f"manager.conf [{user}]: read = system,call,agent,user",
        )


async def _queues(ami: Ami) -> Iterable[Finding]:
    try:
        listed = await ami.ask_list({"Action": "QueueStatus"})
    except ActionError as error:
        return [Finding(False, f"queues: {error}", "modules.conf: load = app_queue.so")]
    members: dict[str, list[str]] = {
        item.get("Queue"): [] for item in listed if item.event == "QueueParams"
    }
    findings = []
    for item in listed:
        if item.event != "QueueMember":
            continue
        queue, interface = item.get("Queue"), item.get("Location")
        members.setdefault(queue, []).append(interface)
        if interface.startswith("Local/") and item.get("StateInterface") in ("", interface):
            findings.append(
                Finding(
                    True,
                    f"queue {queue}: member {interface} names no state interface; who answers is"
                    " known only once the phone does",
                    f"queues.conf [{queue}]: member => {interface},0,{item.get('Name') or 'Name'},"
                    "PJSIP/the-phone",
                )
            )
    if not members:
        findings.append(
            Finding(True, "queues: none; calls to agent_endpoints are seen all the same")
        )
    for queue, interfaces in sorted(members.items()):
        who = ", ".join(interfaces[:8]) or "no members now"
        more = f" and {len(interfaces) - 8} more" if len(interfaces) > 8 else ""
        findings.append(Finding(True, f"queue {queue}: {who}{more}"))
    return findings
