"""A session's thread: it takes a channel from state to state, from its making to its end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from . import inline, records
from .apps import execute
from .bridging import softly_execute
from .channel import (
    CONSUME_MEDIA,
    DESTROY,
    EXECUTE,
    HANGUP,
    HIBERNATE,
    INIT,
    NONE,
    PARK,
    REPORTING,
    RESET,
    ROUTING,
    SOFT_EXECUTE,
    Channel,
)
from .log import INFO, NOTICE
from .parking import park
from .transfer import flip

if TYPE_CHECKING:
    from .pbx import FreeSwitch

_LOG = logging.getLogger(__name__)
MAX_STATES = 1000
"""State changes of one channel; a loop of transfers ends there."""


async def run(pbx: FreeSwitch, channel: Channel) -> None:
    """Run a channel to its end."""
    try:
        _create(pbx, channel)
        for _ in range(MAX_STATES):
            while channel.state == channel.running or channel.busy:
                await channel.changed()
            if channel.state == HANGUP:
                break
            pbx.enter(channel, channel.state)
            if channel.running == ROUTING:
                await _route(pbx, channel)
            elif channel.running == EXECUTE:
                await _execute(pbx, channel)
            elif channel.running == HIBERNATE and channel.bridge_to is not None:
                pbx.move(channel, RESET)
            elif channel.running == RESET:
                await _reset(pbx, channel)
            elif channel.running == SOFT_EXECUTE:
                await softly_execute(pbx, channel)
            elif channel.running == PARK:
                await park(pbx, channel)
    except Exception:
        # A mistake of the simulator or its dialplan must be seen, not hang one call.
        _LOG.exception("the thread of %s failed", channel.name)
    pbx.hangup(channel, "NORMAL_CLEARING")
    await _end(pbx, channel)


def _create(pbx: FreeSwitch, channel: Channel) -> None:
    if channel.running != NONE:
        pbx.say("CHANNEL_STATE", channel, variables=False)  # CS_NEW, before it has a profile
    channel.profiled = True
    if channel.up:
        channel.state = INIT
    pbx.enter(channel, INIT)
    if channel.up:
        channel.state = ROUTING
    pbx.say("CHANNEL_CREATE", channel)
    if channel.direction == "outbound":
        pbx.say("CHANNEL_ORIGINATE", channel)


async def _route(pbx: FreeSwitch, channel: Channel) -> None:
    if channel.direction == "outbound" and channel.answer != "answered":
        pbx.move(channel, CONSUME_MEDIA)
        pbx.presence(channel, "CS_ROUTING", "progressing")
        return
    flip(pbx, channel)
    channel.hit_dialplan = True
    channel.actions.clear()
    profile = channel.profile
    if profile.dialplan == inline.DIALPLAN:
        channel.actions += inline.actions(channel.inline)
        pbx.move(channel, EXECUTE)
        return
    text = (
        f"Processing {profile.name} <{profile.number}>->{profile.destination} "
        f"in context {profile.context}"
    )
    pbx.log.say(INFO, text, ("mod_dialplan_xml.c", "dialplan_hunt", 648), channel)
    for action in pbx.dialplan.hunt(channel, channel.profile.context):
        if action.inline:
            await execute(pbx, channel, action.app, action.data)
        else:
            channel.actions.append(action)
    if channel.state != ROUTING:
        return
    if channel.actions:
        pbx.move(channel, EXECUTE)
    else:
        pbx.hangup(channel, "NO_ROUTE_DESTINATION")


async def _execute(pbx: FreeSwitch, channel: Channel) -> None:
    while channel.state == EXECUTE and channel.actions:
        action = channel.actions.popleft()
        await execute(pbx, channel, action.app, action.data)
    if channel.state == EXECUTE:
        text = f"{channel.name} has executed the last dialplan instruction, hanging up."
        place = ("switch_core_state_machine.c", "switch_core_standard_on_execute")
        pbx.log.say(NOTICE, text, (*place, 382), channel)
        pbx.hangup(channel, "NORMAL_CLEARING", (*place, 384))


async def _reset(pbx: FreeSwitch, channel: Channel) -> None:
    """Both sides of ``uuid_bridge`` get here before either goes on."""
    other = channel.bridge_to
    while channel.state == RESET:
        if other is None or not other.up:
            pbx.hangup(channel, "NORMAL_CLEARING")
        elif other.running in (RESET, SOFT_EXECUTE):
            pbx.move(channel, SOFT_EXECUTE)
            pbx.poke(other)
        else:
            await channel.changed()


async def _end(pbx: FreeSwitch, channel: Channel) -> None:
    other = channel.bridge_to
    if other is not None and other.bridge_to is channel:
        # It was on its way into a bridge: who is to talk to it waits for nobody now.
        channel.bridge_to = other.bridge_to = None
        if other.get("uuid_bridge_park_on_cancel") == "true":
            pbx.move(other, PARK)
        else:
            pbx.hangup(other, "NORMAL_CLEARING")
    pbx.enter(channel, HANGUP)
    pbx.presence(channel, "CS_HANGUP", "idle")
    channel.state = REPORTING
    pbx.enter(channel, REPORTING)
    channel.update(records.report(channel))
    if channel.half is not None:
        channel.set("is_loopback", "1")
    elif not channel.get("sip_hangup_disposition"):
        sent = "send_bye" if channel.times.answered else "send_cancel"
        if channel.direction == "inbound" and not channel.times.answered:
            sent = "send_refuse"
        channel.set("sip_hangup_disposition", sent)
    if channel.phone is not None and channel.direction == "outbound" and not channel.times.answered:
        if channel.cause == "LOSE_RACE":
            channel.set("call_completed_elsewhere", "true")
        if not channel.get("sip_invite_failure_status"):
            channel.set("sip_invite_failure_status", "487")
            channel.set("sip_invite_failure_phrase", "CANCEL")
    if channel.codec and channel.phone is not None:
        channel.update(records.STATISTICS)
    pbx.say("CHANNEL_HANGUP_COMPLETE", channel, before=[("Hangup-Cause", channel.cause)])
    channel.reported = True
    pbx.poke(channel)
    while channel.locks:
        await channel.changed()
    channel.state = DESTROY
    channel.call_uuid = channel.uuid
    pbx.say("CHANNEL_DESTROY", channel)
    pbx.ended(channel)
    pbx.enter(channel, DESTROY)
