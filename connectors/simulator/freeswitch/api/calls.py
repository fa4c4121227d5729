"""Commands that make, change and end calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .. import hold, inline, wire
from ..apps import execute
from ..channel import EXECUTE, ROUTING, SET_MULTI, Channel
from ..dialling import dial
from ..dialplan import Action
from ..digits import press
from ..originate import target
from ..transfer import flip, join, transfer
from .command import NO_CHANNEL, OK, Command, Request, split

if TYPE_CHECKING:
    from ..pbx import FreeSwitch

USAGE = "-USAGE: {}\n"
ORIGINATE = (
    "<call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] "
    "[<cid_num>] [<timeout_sec>]"
)
TRANSFER = "<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]"


async def _exists(request: Request) -> str:
    return "true" if request.channel(request.text) is not None else "false"


async def _dump(request: Request) -> str:
    uuid, *form = request.words or [""]
    channel = request.channel(uuid)
    if channel is None:
        return NO_CHANNEL
    headers = [*request.pbx.bus.heading("CHANNEL_DATA"), *channel.headers()]
    if form == ["json"]:
        return wire.as_json(headers).decode("utf-8", "surrogateescape")
    if form == ["xml"]:
        return wire.xml(headers).decode("utf-8", "surrogateescape")
    return wire.dump(headers)


async def _getvar(request: Request) -> str:
    uuid, *names = request.words or [""]
    channel = request.channel(uuid)
    if channel is None:
        return NO_CHANNEL
    value = channel.variables.get(names[0]) if names else None
    return "_undef_" if value is None else wire.array(value)


async def _setvar(request: Request) -> str:
    uuid, _, rest = request.text.partition(" ")
    channel = request.channel(uuid)
    if channel is None:
        return NO_CHANNEL
    name, _, value = rest.strip().partition(" ")
    channel.set(name, value)
    return OK


async def _setvar_multi(request: Request) -> str:
    return request.pbx.set_variables(request.text)


async def _kill(request: Request) -> str:
    uuid, *cause = request.words or [""]
    channel = request.channel(uuid)
    if channel is None:
        return NO_CHANNEL
    request.pbx.hangup(channel, cause[0] if cause else "NORMAL_CLEARING")
    return OK


async def _transfer(request: Request) -> str:
    words = request.words
    channel = request.channel(words[0]) if words else None
    if channel is None:
        return NO_CHANNEL
    rest = [word for word in words[1:] if word not in ("-bleg", "-both")]
    if "-bleg" in words and channel.partner is not None:
        channel = channel.partner
    if not rest:
        return USAGE.format(TRANSFER)
    context = rest[2] if len(rest) > 2 else channel.profile.context
    dialplan = rest[1] if len(rest) > 1 else "XML"
    transfer(request.pbx, channel, rest[0], context, dialplan, both="-both" in words)
    return OK


async def _bridge(request: Request) -> str:
    words = request.words
    if len(words) != 2:
        return USAGE.format("<uuid> <other_uuid>")
    one, two = request.channel(words[0]), request.channel(words[1])
    if one is None or two is None or not (one.up and two.up):
        return "-ERR Invalid uuid\n"
    join(request.pbx, one, two)
    return f"+OK {two.uuid}\n"


async def _hold(request: Request) -> str:
    """``uuid_hold [off|toggle] <uuid>``: ``+OK`` whether there is such a leg or not."""
    *how, uuid = request.words[:2] or [""]
    if not uuid:
        return f"{USAGE.format('[off|toggle] <uuid> [<display>]')}-ERR Operation failed\n"
    channel = request.channel(uuid)
    if channel is not None:
        on = how != ["off"] if how != ["toggle"] else not channel.held
        hold.by_command(request.pbx, channel, on=on)
    return "+OK Success\n"


async def _recv_dtmf(request: Request) -> str:
    uuid, *keys = request.words or [""]
    channel = request.channel(uuid)
    if channel is None:
        return "-ERR Cannot locate session!\n"
    press(request.pbx, channel, keys[0].partition("@")[0] if keys else "", info=False)
    return OK


async def _broadcast(request: Request) -> str:
    """``uuid_broadcast <uuid> <file> aleg``: plays it once, to that leg; or runs ``app::data``."""
    uuid, *rest = request.words or [""]
    channel = request.channel(uuid)
    if channel is None:
        return "-ERR invalid uuid\n"
    if rest:
        app, _, data = rest[0].partition("::") if "::" in rest[0] else ("playback", "", rest[0])
        request.pbx.spawn(execute(request.pbx, channel, app, data), "broadcast")
    return "+OK Message sent\n"


async def _originate(request: Request) -> str:
    """``originate {…}user/1002@default &park()`` or ``… <extension> XML <context>``."""
    pbx = request.pbx
    match = re.fullmatch(r"((?:\{[^}]*\}|\[[^\]]*\]|<[^>]*>)*\S+)\s+(.+)", request.text)
    if match is None:
        return USAGE.format(ORIGINATE)
    wanted = target(match[1])
    values = wanted.values
    number = values.get("origination_caller_id_number", "0000000000")
    caller = (values.get("origination_caller_id_name", ""), number)
    identity = values.get("origination_uuid", "")
    if identity in pbx.channels:
        identity = ""  # it gets another one, and says so in its answer
    if wanted.kind not in ("user", "loopback", "sofia", "null"):
        return "-ERR CHAN_NOT_IMPLEMENTED\n"
    leg = dial(pbx, wanted, caller=caller, call=request.call, identity=identity)
    channel = leg.channel
    if channel is None or not (await leg.ring() and await leg.answered()):
        return f"-ERR {leg.cause or 'NORMAL_CLEARING'}\n"
    leg.settle()
    flip(pbx, channel)
    _go_on(pbx, channel, match[2].strip())
    return f"+OK {channel.uuid}\n"


def _go_on(pbx: FreeSwitch, channel: Channel, goal: str) -> None:
    application = re.fullmatch(r"&(\w+)(?:\((.*)\))?", goal)
    if application is not None:
        channel.actions.clear()
        channel.actions.append(Action(application[1], application[2] or ""))
        pbx.move(channel, EXECUTE)
        return
    exten, *rest = split(goal)
    channel.profile.dialplan = rest[0] if rest else "XML"
    channel.profile.context = rest[1] if len(rest) > 1 else "default"
    if channel.profile.dialplan == inline.DIALPLAN:
        channel.inline = exten
    else:
        channel.profile.destination = exten
    pbx.move(channel, ROUTING)


def _with(least: int, usage: str, command: Command) -> Command:
    """A command that wants so many words at least, and else says how it is used."""

    async def run(request: Request) -> str:
        if len(request.words) < least:
            return USAGE.format(usage)
        return await command(request)

    return run


COMMANDS: dict[str, Command] = {
    "originate": _originate,
    "uuid_bridge": _bridge,
    "uuid_broadcast": _with(2, "<uuid> <path> [aleg|bleg|holdb|both]", _broadcast),
    "uuid_dump": _with(1, "<uuid> [format]", _dump),
    "uuid_exists": _exists,
    "uuid_getvar": _with(2, "<uuid> <var>", _getvar),
    "uuid_hold": _hold,
    "uuid_kill": _with(1, "<uuid> [cause]", _kill),
    "uuid_recv_dtmf": _with(2, "<uuid> <dtmf_data>", _recv_dtmf),
    "uuid_setvar": _with(2, "<uuid> <var> [value]", _setvar),
    "uuid_setvar_multi": _with(1, SET_MULTI, _setvar_multi),
    "uuid_transfer": _with(2, TRANSFER, _transfer),
}
