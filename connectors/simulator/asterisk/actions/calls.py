"""Actions that change calls: place, redirect, transfer, hang up."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import bridging, consult, transfer
from ..originate import Originate, Origination

if TYPE_CHECKING:
    from ..channel import Channel
    from ..session import Request, Session

Action = Callable[["Session", "Request"], None]


def redirect(session: Session, request: Request) -> None:
    """Redirect a channel to a place in the dialplan."""
    pbx = session.server.pbx
    if not request.get("Channel"):
        session.error(request, "Channel not specified")
        return
    channel = pbx.find(request.get("Channel"))
    if channel is None:
        session.error(request, f"Channel does not exist: {request.get('Channel')}")
        return
    priority = request.get("Priority") or "1"
    if not priority.isdigit():
        session.error(request, "Priority is invalid")
        return
    session.reply(request, "Message: Redirect successful\r\n")
    transfer.redirect(pbx, channel, request.get("Context"), request.get("Exten"), int(priority))


def _to_transfer(session: Session, request: Request) -> Channel | None:
    """The channel of a transfer action; None after an error answer."""
    for header, missing in (("Channel", "channel"), ("Exten", "extension")):
        if not request.get(header):
            session.error(request, f"No {missing} specified")
            return None
    channel = session.server.pbx.find(request.get("Channel"))
    if channel is None:
        session.error(request, "Channel specified does not exist")
    return channel


def blind_transfer(session: Session, request: Request) -> None:
    """BlindTransfer: whom the channel talks to goes to an extension."""
    pbx = session.server.pbx
    channel = _to_transfer(session, request)
    if channel is None:
        return
    if channel.bridge is None:
        session.error(request, "Transfer failed")
        return
    session.reply(request, "Message: Transfer succeeded\r\n")
    context = request.get("Context") or pbx.dialplan.entry_context
    transfer.blind(pbx, channel, context, request.get("Exten"))


def attended_transfer(session: Session, request: Request) -> None:
    """Atxfer: the channel asks an extension first."""
    pbx = session.server.pbx
    channel = _to_transfer(session, request)
    if channel is None:
        return
    if channel.bridge is None:
        session.error(request, "Atxfer failed: the channel is in no bridge")
        return
    session.reply(request, "Message: Atxfer successfully queued\r\n")
    context = request.get("Context") or pbx.dialplan.entry_context
    consult.consult_by_switch(pbx, channel, context, request.get("Exten"))


def hangup(session: Session, request: Request) -> None:
    """Hangup one channel."""
    pbx = session.server.pbx
    if not request.get("Channel"):
        session.error(request, "No channel specified")
        return
    channel = pbx.find(request.get("Channel"))
    if channel is None:
        session.error(request, "No such channel")
        return
    session.reply(request, "Message: Channel Hungup\r\n")
    channel.cause = int(request.get("Cause")) if request.get("Cause").isdigit() else 16
    bridging.far_end_gone(pbx, channel, requested=True)


def originate(session: Session, request: Request) -> None:
    """Originate, asynchronously: the answer comes at once, OriginateResponse tells the rest."""
    pbx = session.server.pbx
    technology, _, peer = request.get("Channel").partition("/")
    if not technology or not peer:
        session.error(request, "Channel not specified")
        return
    if not request.get("Exten") or not request.get("Context"):
        session.error(request, "Originate with 'Exten' requires 'Context' and 'Priority'")
        return
    wanted = Originate(
        channel=request.get("Channel"),
        context=request.get("Context"),
        exten=request.get("Exten"),
        priority=int(request.get("Priority")) if request.get("Priority").isdigit() else 1,
        timeout=float(request.get("Timeout") or 30_000) / 1000,
        caller_id=_caller_id(request.get("CallerID")),
        variables=_variables(request),
        ids=(request.get("ChannelId"), request.get("OtherChannelId")),
        action_id=request.get("ActionID"),
    )
    session.reply(request, "Message: Originate successfully queued\r\n")
    Origination(pbx, wanted).start()


def _caller_id(text: str) -> tuple[str, str]:
    """Number and name of ``"name" <number>``."""
    found = re.fullmatch(r'\s*"?(.*?)"?\s*<(.*)>\s*', text)
    return (found[2], found[1]) if found else (text, "")


def _variables(request: Request) -> list[tuple[str, str]]:
    """Its variables, the last one first, as Asterisk sets them. A comma behind a backslash
    parts none."""
    found = []
    for header, value in request.headers:
        if header.lower() == "variable":
            for part in re.split(r"(?<!\\),", value):
                name, _, content = part.replace("\\,", ",").partition("=")
                found.append((name, content))
    return found[::-1]


ACTIONS: dict[str, Action] = {
    "atxfer": attended_transfer,
    "blindtransfer": blind_transfer,
    "hangup": hangup,
    "originate": originate,
    "redirect": redirect,
}
