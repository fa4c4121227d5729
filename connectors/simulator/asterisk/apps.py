"""The dialplan applications the simulator runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..world import MemberSpec
from . import transfer
from .channel import UNKNOWN
from .dial import answer, dial
from .dialplan import Feature, arguments, substitute
from .queue_app import queue
from .thread import CallThread, GosubFrame

if TYPE_CHECKING:
    from .channel import Channel
    from .pbx import Pbx

Application = Callable[[CallThread, str], Awaitable[bool]]
"""Runs to its end; False: the dialplan is over."""
MEDIA_WAIT_MAX = 86_400.0


async def _nothing(thread: CallThread, data: str) -> bool:
    return True


async def _answer(thread: CallThread, data: str) -> bool:
    fresh = thread.channel.state != 6
    answer(thread)
    if fresh and thread.pbx.answer_delay:
        await thread.pause(thread.pbx.answer_delay)
    return True


async def _hangup(thread: CallThread, data: str) -> bool:
    thread.channel.cause = int(data) if data.isdigit() else thread.channel.cause or 16
    return False


async def _wait(thread: CallThread, data: str) -> bool:
    await thread.pause(min(float(data or 0), MEDIA_WAIT_MAX))
    return True


async def _set(thread: CallThread, data: str) -> bool:
    set_value(thread.pbx, thread.channel, data, thread.frames)
    return True


async def _add_member(thread: CallThread, data: str) -> bool:
    """AddQueueMember(queue,interface,penalty,options,name,state interface)."""
    name, interface, _, _, shown, state = (*data.split(","), "", "", "", "", "")[:6]
    line = thread.pbx.queues.get(name)
    if line is not None and line.member(interface) is None:
        line.add(MemberSpec(interface, shown, state))
        thread.pbx.set_variable(thread.channel, "AQMSTATUS", "ADDED")
    return True


async def _remove_member(thread: CallThread, data: str) -> bool:
    """RemoveQueueMember(queue,interface)."""
    name, interface = (*data.split(","), "")[:2]
    line = thread.pbx.queues.get(name)
    member = line.member(interface) if line is not None else None
    if line is not None and member is not None and member.membership == "dynamic":
        line.remove(member)
        thread.pbx.set_variable(thread.channel, "RQMSTATUS", "REMOVED")
    return True


async def _user_event(thread: CallThread, data: str) -> bool:
    return user_event(thread.pbx, thread.channel, data)


async def _gosub(thread: CallThread, data: str) -> bool:
    target, _, rest = data.partition("(")
    channel = thread.channel
    context, exten, priority = _place(thread.pbx, channel, target)
    args = arguments(rest[:-1]) if rest.endswith(")") else []
    back = (channel.context, channel.exten, channel.priority + 1)
    enter_gosub(thread.pbx, channel, thread.frames, back, tuple(args))
    channel.context, channel.exten, channel.priority = context, exten, priority
    thread.jumped = True
    return True


async def _return(thread: CallThread, data: str) -> bool:
    channel = thread.channel
    if not thread.frames:
        return False
    channel.context, channel.exten, channel.priority = leave_gosub(
        thread.pbx, channel, thread.frames, data
    )
    thread.jumped = True
    return True


async def _goto(thread: CallThread, data: str) -> bool:
    jump(thread.pbx, thread.channel, data)
    thread.jumped = True
    return True


async def _goto_if(thread: CallThread, data: str) -> bool:
    thread.jumped = jump_if(thread.pbx, thread.channel, data)
    return True


async def _exec_if(thread: CallThread, data: str) -> bool:
    chosen = _branch(data)
    if not chosen:
        return True
    app, _, inner = chosen.partition("(")
    runner = APPLICATIONS.get(app.strip(), _nothing)
    return await runner(thread, inner.removesuffix(")"))


async def _try_exec(thread: CallThread, data: str) -> bool:
    """TryExec(app(data)): an application that is not there does no harm."""
    app, _, inner = data.partition("(")
    runner = APPLICATIONS.get(app.strip())
    go_on = await runner(thread, inner.removesuffix(")")) if runner is not None else True
    thread.pbx.set_variable(thread.channel, "TRYSTATUS", "SUCCESS" if runner else "NOAPP")
    return go_on


async def _channel_redirect(thread: CallThread, data: str) -> bool:
    """ChannelRedirect(channel,context,exten,priority)."""
    name, *place = data.split(",")
    other = thread.pbx.find(name)
    if other is not None:
        transfer.redirect(thread.pbx, other, place[0], place[1], int(place[2]))
    status = "SUCCESS" if other is not None else "NOCHANNEL"
    thread.pbx.set_variable(thread.channel, "CHANNELREDIRECT_STATUS", status)
    return True


def set_value(pbx: Pbx, channel: Channel, data: str, frames: list[GosubFrame]) -> None:
    """Set(name=value) on a channel; LOCAL(name) belongs to the innermost Gosub frame."""
    name, _, value = data.partition("=")
    name = name.strip()
    if name.startswith("LOCAL(") and frames:
        set_local(pbx, channel, frames[-1], name[6:-1], value)
    elif name in ("CALLERID(name)", "CALLERID(num)"):
        _set_caller(pbx, channel, name[9:-1], value or UNKNOWN)
    elif name.startswith("TIMEOUT("):
        return  # no call of the simulator's lasts that long
    elif not name.startswith("LOCAL("):
        pbx.set_variable(channel, name, value)


def _set_caller(pbx: Pbx, channel: Channel, part: str, value: str) -> None:
    before = (channel.cid_num, channel.cid_name)
    if part == "name":
        channel.cid_name = value
    else:
        channel.cid_num = value
    if before != (channel.cid_num, channel.cid_name):
        pbx.new_callerid(channel)


def user_event(pbx: Pbx, channel: Channel, data: str) -> bool:
    """UserEvent(name,Header: value,…). A value that is no UTF-8 ends the call, as on Asterisk."""
    name, *headers = data.split(",")
    if any("\udc80" <= char <= "\udcff" for char in data):
        return False
    body = "".join(f"{header.lstrip()}\r\n" for header in headers)
    pbx.bus.emit("UserEvent", channel, f"UserEvent: {name.strip()}\r\n{body}")
    return True


def enter_gosub(
    pbx: Pbx,
    channel: Channel,
    frames: list[GosubFrame],
    back: tuple[str, str, int],
    args: tuple[str, ...],
) -> None:
    """A new Gosub frame with ARG1… and ARGC; arguments of the frame around it are emptied."""
    frame = GosubFrame(back, len(args))
    around = frames[-1].argc if frames else 0
    for number in range(max(len(args), around)):
        value = args[number] if number < len(args) else ""
        set_local(pbx, channel, frame, f"ARG{number + 1}", value)
    set_local(pbx, channel, frame, "ARGC", str(len(args)))
    frames.append(frame)


def set_local(pbx: Pbx, channel: Channel, frame: GosubFrame, name: str, value: str) -> None:
    """Set a variable of a Gosub frame; the first time it hides one of the same name."""
    if name in frame.hidden:
        pbx.set_variable(channel, name, value)
    else:
        frame.hidden[name] = channel.variables.pop(name, None)
        channel.variables[name] = (name, value)
    pbx.bus.emit("VarSet", channel, f"Variable: LOCAL({name})\r\nValue: {value}\r\n")


def leave_gosub(
    pbx: Pbx, channel: Channel, frames: list[GosubFrame], value: str
) -> tuple[str, str, int]:
    """Drop the frame's variables, newest first, what they hid shows again; where to go on."""
    frame = frames.pop()
    for name, before in reversed(frame.hidden.items()):
        if channel.value(name):
            pbx.set_variable(channel, name, "")
        channel.variables.pop(name, None)
        if before is not None:
            channel.variables[name] = before
    pbx.set_variable(channel, "GOSUB_RETVAL", value)
    return frame.back


def jump(pbx: Pbx, channel: Channel, target: str) -> None:
    """Go to [[context,]exten,]priority-or-label."""
    channel.context, channel.exten, channel.priority = _place(pbx, channel, target)


def _place(pbx: Pbx, channel: Channel, target: str) -> tuple[str, str, int]:
    """Read [[context,]exten,]priority-or-label; priority 0 when there is no such label."""
    parts = [part.strip() for part in target.split(",")][-3:]
    context, exten, label = [*[channel.context, channel.exten][: 3 - len(parts)], *parts]
    return context, exten, pbx.dialplan.label(context, exten, label)


def jump_if(pbx: Pbx, channel: Channel, data: str) -> bool:
    """GotoIf(test?target[:target]); False: no jump."""
    chosen = _branch(data)
    if chosen:
        jump(pbx, channel, chosen)
    return bool(chosen)


def _branch(data: str) -> str:
    test, _, branches = data.partition("?")
    yes, _, no = branches.partition(":")
    return (yes if test.strip() not in ("", "0") else no).strip()


AT_ONCE = frozenset({"Set", "UserEvent", "GotoIf", "Goto", "NoOp", "Return"})


def takes_time(pbx: Pbx, feature: Feature) -> bool:
    """Whether a feature's routine has steps that do not run at once."""
    priority = feature.priority
    while (step := pbx.dialplan.find(feature.context, feature.exten, priority)) is not None:
        if step.app not in AT_ONCE:
            return True
        priority += 1
    return False


def run_at_once(pbx: Pbx, channel: Channel, feature: Feature) -> None:
    """Run a Gosub routine on a channel that is in a bridge, as in-call features do.

    Only steps that take no time run; the routine ends at Return, at an unknown application or
    after 200 steps.
    """
    back, app, data = channel.place, channel.app, channel.data
    frames: list[GosubFrame] = []
    enter_gosub(pbx, channel, frames, back, feature.args)
    channel.context, channel.exten = feature.context, feature.exten
    channel.priority = feature.priority
    for _ in range(200):
        step = pbx.dialplan.find(*channel.place)
        if step is None:
            break
        channel.app, channel.data = step.app, substitute(pbx, channel, step.data)
        pbx.new_exten(channel)
        jumped = False
        if step.app == "Return":
            break
        if step.app == "Set":
            set_value(pbx, channel, channel.data, frames)
        elif step.app == "UserEvent":
            user_event(pbx, channel, channel.data)
        elif step.app == "GotoIf":
            jumped = jump_if(pbx, channel, channel.data)
        elif step.app == "Goto":
            jump(pbx, channel, channel.data)
            jumped = True
        elif step.app != "NoOp":
            break
        if not jumped:
            channel.priority += 1
    while frames:
        leave_gosub(pbx, channel, frames, "")
    channel.context, channel.exten, channel.priority = back
    channel.app, channel.data = app, data
    pbx.new_exten(channel)


APPLICATIONS: dict[str, Application] = {
    "AddQueueMember": _add_member,
    "Answer": _answer,
    "Busy": _hangup,
    "ChannelRedirect": _channel_redirect,
    "Dial": dial,
    "ExecIf": _exec_if,
    "Gosub": _gosub,
    "Goto": _goto,
    "GotoIf": _goto_if,
    "Hangup": _hangup,
    "Log": _nothing,
    "NoOp": _nothing,
    "PlayTones": _nothing,
    "Playback": _nothing,
    "Queue": queue,
    "RemoveQueueMember": _remove_member,
    "Return": _return,
    "Ringing": _nothing,
    "Set": _set,
    "StopPlayTones": _nothing,
    "TryExec": _try_exec,
    "UserEvent": _user_event,
    "Verbose": _nothing,
    "Wait": _wait,
}
