"""The dialplan's applications."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from . import digits
from .bridging import bridge
from .channel import HANGUP, Channel
from .consult import att_xfer
from .dialplan import expand
from .log import INFO, PLAIN
from .prompt import play_and_get_digits, wait
from .transfer import intercept, transfer

if TYPE_CHECKING:
    from .pbx import FreeSwitch
    from .wire import Headers

_LOG = logging.getLogger(__name__)
Application = Callable[["FreeSwitch", Channel, str], Awaitable[None]]
MAX_DEPTH = 20
"""execute_extension inside execute_extension, so many deep at most."""

NEED_MEDIA = ("callcenter", "fifo")
"""Applications that are given early media before they begin, on a channel without any."""


async def execute(
    pbx: FreeSwitch, channel: Channel, app: str, data: str, depth: int = 0, number: str = ""
) -> None:
    """Run one application: CHANNEL_EXECUTE before it, CHANNEL_EXECUTE_COMPLETE after it.

    `number`: its ``Application-UUID``, where somebody chose one (``Event-UUID``).
    """
    data = expand(channel, data)
    channel.application = channel.shown = (app, data)
    channel.set("current_application_data", data)
    channel.set("current_application", app)
    ran: Headers = [("Application", app)]
    if data:
        ran.append(("Application-Data", data))
    channel.unset("current_application_response")
    if app in NEED_MEDIA:
        pbx.pre_answer(channel)
    text = f"EXECUTE [depth={depth}] {channel.name} {app}({data})"
    at = ("switch_core_session.c", "switch_core_session_exec", 2906)
    pbx.log.say(INFO, text, at, channel, PLAIN)
    number = number or pbx.new_uuid()
    pbx.say("CHANNEL_EXECUTE", channel, after=[*ran, ("Application-UUID", number)])
    application = APPLICATIONS.get(app)
    if app == "execute_extension":
        await _execute_extension(pbx, channel, data, depth)
    elif application is None:
        _LOG.warning("application %r is not simulated", app)
        pbx.hangup(channel, "DESTINATION_OUT_OF_ORDER")
    else:
        await application(pbx, channel, data)
    # Whatever ran on the channel last has set it, be it inside this application or beside it.
    response = channel.get("current_application_response") or "_none_"
    after: Headers = [*ran, ("Application-Response", response), ("Application-UUID", number)]
    pbx.say("CHANNEL_EXECUTE_COMPLETE", channel, after=after)


async def _execute_extension(pbx: FreeSwitch, channel: Channel, data: str, depth: int) -> None:
    exten, _, rest = data.partition(" ")
    context = rest.split()[1] if len(rest.split()) > 1 else channel.profile.context
    destination = channel.profile.destination
    actions = []
    hunt = pbx.dialplan.hunt(channel, context)
    while True:
        channel.profile.destination = exten  # for the hunt alone: events say what was dialled
        action = next(hunt, None)
        channel.profile.destination = destination
        if action is None:
            break
        if action.inline:
            await execute(pbx, channel, action.app, action.data, depth + 1)
        else:
            actions.append(action)
    state = channel.state
    for action in actions if depth < MAX_DEPTH else []:
        if channel.state != state:
            break
        await execute(pbx, channel, action.app, action.data, depth + 1)


def assignment(text: str) -> tuple[str, str]:
    """``name=value`` of set and export; quotes around the value go."""
    name, _, value = text.partition("=")
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == "'":
        value = value[1:-1]
    return name.strip(), value


async def _set(_pbx: FreeSwitch, channel: Channel, data: str) -> None:
    channel.set(*assignment(data))


async def _export(_pbx: FreeSwitch, channel: Channel, data: str) -> None:
    name, value = assignment(data.removeprefix("nolocal:"))
    channel.set(name, value)
    known = channel.get("export_vars")
    channel.set("export_vars", f"{known},{name}" if known else name)


async def _unset(_pbx: FreeSwitch, channel: Channel, data: str) -> None:
    channel.unset(data)


async def _answer(pbx: FreeSwitch, channel: Channel, _data: str) -> None:
    pbx.answer(channel)


async def event(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    """An event of the dialplan's own; its name and subclass may stand anywhere among the pairs."""
    name, subclass = "CHANNEL_APPLICATION", ""
    after: Headers = []
    for pair in split(data):
        key, _, value = pair.partition("=")
        key = key.strip()
        if key == "Event-Name":
            name = value
        elif key == "Event-Subclass":
            subclass = value
        elif key and value:  # an empty header is in no event
            after.append((key, value))
    pbx.say(name, channel, after=after, subclass=subclass, at="event-app")


def split(text: str, delimiter: str = ",") -> list[str]:
    """Split arguments; ``^^;`` in front names another delimiter."""
    match = re.match(r"\^\^(.)", text)
    if match is not None:
        delimiter, text = match[1], text[3:]
    return text.split(delimiter)


async def _hangup(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    pbx.hangup(channel, data or "NORMAL_CLEARING")


async def _sleep(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    await wait(pbx, channel, float(data) / 1000 if data.isdigit() else 0.0)


async def _echo(pbx: FreeSwitch, channel: Channel, _data: str) -> None:
    pbx.answer(channel)
    await wait(pbx, channel, None)


async def _playback(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    kind, _, _rest = data.partition("://")
    headers: Headers = [("Playback-File-Type", kind), ("Playback-File-Path", data)]
    pbx.say("PLAYBACK_START", channel, after=headers)
    await wait(pbx, channel, None if data.endswith("loops=-1") else 2.0)
    status = "done" if channel.state < HANGUP else "break"
    pbx.say("PLAYBACK_STOP", channel, after=[*headers, ("Playback-Status", status)])
    channel.set("current_application_response", "FILE PLAYED")


async def _park(pbx: FreeSwitch, channel: Channel, _data: str) -> None:
    if channel.controller is not None:
        return  # "Cannot park channels that are under control already."
    pbx.say("CHANNEL_PARK", channel)
    pbx.poke(channel)
    await wait(pbx, channel, None)
    pbx.say("CHANNEL_UNPARK", channel)


async def _socket(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    await pbx.hand_over(channel, data)


async def _transfer(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    exten, *rest = data.split()
    context = rest[1] if len(rest) > 1 else channel.profile.context
    transfer(pbx, channel, exten, context, rest[0] if rest else "XML")


async def _intercept(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    intercept(pbx, channel, data.rpartition(" ")[2])


async def _callcenter(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    await pbx.callcenter.wait(channel, data)


async def _fifo(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    name, way, *more = [*data.split(), "", ""]
    if way == "in":
        await pbx.fifos.enter(channel, name)
    elif way == "out":
        await pbx.fifos.take(channel, name, waits=more[0] != "nowait")


async def _bind_meta_app(_pbx: FreeSwitch, channel: Channel, data: str) -> None:
    channel.bindings.append(digits.meta(data))


async def _bind_digit_action(_pbx: FreeSwitch, channel: Channel, data: str) -> None:
    channel.bindings.append(digits.action(split(data)))


async def _digit_action_set_realm(_pbx: FreeSwitch, channel: Channel, data: str) -> None:
    channel.realm = split(data)[0]


async def _sched_hangup(pbx: FreeSwitch, channel: Channel, data: str) -> None:
    moment, _, cause = data.partition(" ")
    pbx.scheduler.hang_up(channel, float(moment.removeprefix("+") or 0), cause.strip().upper())


async def _nothing(_pbx: FreeSwitch, _channel: Channel, _data: str) -> None:
    await asyncio.sleep(0)


APPLICATIONS: dict[str, Application] = {
    "answer": _answer,
    "att_xfer": att_xfer,
    "bind_digit_action": _bind_digit_action,
    "bind_meta_app": _bind_meta_app,
    "bridge": bridge,
    "callcenter": _callcenter,
    "digit_action_set_realm": _digit_action_set_realm,
    "echo": _echo,
    "event": event,
    "export": _export,
    "fifo": _fifo,
    "hangup": _hangup,
    "info": _nothing,
    "intercept": _intercept,
    "log": _nothing,
    "park": _park,
    "play_and_get_digits": play_and_get_digits,
    "playback": _playback,
    "pre_answer": _nothing,
    "ring_ready": _nothing,
    "sched_hangup": _sched_hangup,
    "set": _set,
    "sleep": _sleep,
    "socket": _socket,
    "transfer": _transfer,
    "unset": _unset,
}
