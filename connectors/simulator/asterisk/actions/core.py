"""Actions about the session, the switch, variables and messages."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...world import TextMessage
from ..dialplan import substitute
from ..filters import EventFilter, FilterError
from .commands import COMMANDS

if TYPE_CHECKING:
    from ..session import Request, Session

Action = Callable[["Session", "Request"], None]
VERSION = "22.10.1+dfsg+~cs6.17.60671434-1"


def ping(session: Session, request: Request) -> None:
    """Ping."""
    session.reply(request, f"Ping: Pong\r\nTimestamp: {session.server.pbx.clock():.6f}\r\n")


def events(session: Session, request: Request) -> None:
    """Events: sets the mask of this session."""
    session.reply(
        request, f"Events: {'On' if session.set_mask(request.get('EventMask')) else 'Off'}\r\n"
    )


def add_filter(session: Session, request: Request) -> None:
    """Filter: Operation Add, legacy (Filter only) or advanced (MatchCriteria)."""
    if request.get("Operation").lower() != "add":
        session.error(request, "Unknown operation")
        return
    try:
        new = EventFilter.parse(request.get("MatchCriteria"), request.get("Filter"))
    except FilterError as error:
        session.error(request, str(error))
        return
    session.filters.add(new)
    session.server.pbx.bus.changed()
    session.reply(request, "Message: Success\r\n")


def core_status(session: Session, request: Request) -> None:
    """CoreStatus."""
    pbx = session.server.pbx
    started = time.gmtime(pbx.started)
    day, hour = time.strftime("%Y-%m-%d", started), time.strftime("%H:%M:%S", started)
    session.reply(
        request,
        f"CoreStartupDate: {day}\r\nCoreStartupTime: {hour}\r\nCoreReloadDate: {day}\r\n"
        f"CoreReloadTime: {hour}\r\nCoreCurrentCalls: {len(pbx.channels)}\r\n"
        f"CoreProcessedCalls: {pbx.calls_processed}\r\n",
    )


def core_settings(session: Session, request: Request) -> None:
    """CoreSettings."""
    session.reply(
        request,
        f"AMIversion: 11.0.0\r\nAsteriskVersion: {VERSION}\r\nSystemName: \r\n"
        "CoreMaxCalls: 0\r\nCoreMaxLoadAvg: 0.000000\r\nCoreRunUser: \r\nCoreRunGroup: \r\n"
        "CoreMaxFilehandles: 0\r\nCoreRealTimeEnabled: No\r\nCoreCDRenabled: No\r\n"
        "CoreHTTPenabled: No\r\nSoundsSearchCustomDir: No\r\n",
    )


def list_commands(session: Session, request: Request) -> None:
    """ListCommands: those this user may send."""
    session.reply(
        request,
        "".join(
            f"{command.name}: {command.synopsis}\r\n"
            for name, command in COMMANDS.items()
            if session.may(name)
        ),
    )


def module_check(session: Session, request: Request) -> None:
    """ModuleCheck: every module a queue call needs is loaded."""
    known = ("app_queue", "app_dial", "app_userevent", "app_stack", "res_pjsip_messaging",
             "chan_pjsip", "func_uri", "func_strings", "res_manager_devicestate")  # fmt: skip
    if request.get("Module").removesuffix(".so") in known:
        session.reply(request, "Version: \r\n")
    else:
        session.error(request, "Module not loaded")


def user_event(session: Session, request: Request) -> None:
    """UserEvent: an event made by a client, whatever its headers claim."""
    name = request.get("UserEvent")
    session.reply(request, "Message: Event Sent\r\n")
    skip = ("action", "userevent", "actionid")
    body = "".join(f"{k}: {v}\r\n" for k, v in request.headers if k.lower() not in skip)
    action_id = request.get("ActionID")
    tail = f"ActionID: {action_id}\r\n" if action_id else ""
    session.server.pbx.bus.emit("UserEvent", f"UserEvent: {name}\r\n{body}{tail}")


def getvar(session: Session, request: Request) -> None:
    """Getvar."""
    pbx, name = session.server.pbx, request.get("Variable")
    channel = None
    if request.get("Channel"):
        channel = pbx.find(request.get("Channel"))
        if channel is None:
            session.error(request, "No such channel")
            return
    if not name:
        session.error(request, "No variable specified")
        return
    if channel is not None:
        value = substitute(pbx, channel, f"${{{name}}}")
    else:
        value = pbx.globals.get(name, "")
    session.reply(request, f"Variable: {name}\r\nValue: {value}\r\n")


def setvar(session: Session, request: Request) -> None:
    """Setvar."""
    pbx, name = session.server.pbx, request.get("Variable")
    channel = pbx.find(request.get("Channel")) if request.get("Channel") else None
    if request.get("Channel") and channel is None:
        session.error(request, "No such channel")
        return
    if not name:
        session.error(request, "No variable specified")
        return
    session.reply(request, "Message: Variable Set\r\n")
    pbx.set_variable(channel, name, request.get("Value"))


def message_send(session: Session, request: Request) -> None:
    """MessageSend: the text goes to the telephone; nobody learns whether it was read."""
    pbx = session.server.pbx
    to = request.get("Destination") or request.get("To")
    if not to:
        session.error(request, "No 'To' address specified.")
        return
    body = request.get("Body")
    if request.get("Base64Body"):
        try:
            raw = base64.b64decode(request.get("Base64Body"))
        except binascii.Error:
            raw = b""  # Asterisk sends what is left of it, and says Success
        body = raw.decode("utf-8", "surrogateescape")
    technology, _, address = to.partition(":")
    if technology.lower() != "pjsip":
        session.error(request, "Message technology not found.")
        return
    phone = pbx.phones.get(_endpoint(address))
    if phone is None or not phone.registered:
        session.error(request, "Message failed to send.")
        return
    session.reply(request, "Message: Message successfully sent\r\n")
    headers: dict[str, str] = {}
    for key, value in request.headers:
        if key.lower() == "variable":
            for part in value.split(","):
                name, _, content = part.partition("=")
                headers[name] = content
    phone.deliver(
        TextMessage(
            to=to,
            sender=request.get("From"),
            body=body,
            content_type=headers.get("Content-Type", "text/plain"),
            headers=headers,
        )
    )


def _endpoint(address: str) -> str:
    """``caller``, ``caller/sip:…`` and ``sip:caller@host`` all name an endpoint."""
    if address.startswith("sip:"):
        return address[4:].partition("@")[0]
    return address.partition("/")[0].partition("@")[0]


ACTIONS: dict[str, Action] = {
    "coresettings": core_settings,
    "corestatus": core_status,
    "events": events,
    "filter": add_filter,
    "getvar": getvar,
    "listcommands": list_commands,
    "messagesend": message_send,
    "modulecheck": module_check,
    "ping": ping,
    "setvar": setvar,
    "userevent": user_event,
}
