"""Holding the other party, by re-INVITE or by ``uuid_hold``, and the music it hears meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import Headers

if TYPE_CHECKING:
    from .channel import Channel
    from .pbx import FreeSwitch

HOLD_MUSIC = "tone_stream://%(400,3600,425);loops=-1"
_MUSIC: Headers = [("Playback-File-Type", "tone_stream"), ("Playback-File-Path", HOLD_MUSIC)]
_PLAYS: Headers = [("Application", "playback"), ("Application-Data", HOLD_MUSIC)]


def start_music(pbx: FreeSwitch, channel: Channel) -> None:
    """A channel hears music until `stop_music`; nothing when it does already."""
    if channel.music:
        return
    channel.music = pbx.new_uuid()
    channel.application = ("playback", HOLD_MUSIC)
    channel.update({"current_loop": "1", "total_loops": "-1"})
    channel.set("current_application", "playback")
    channel.set("current_application_data", HOLD_MUSIC)
    after: Headers = [*_PLAYS, ("Application-UUID", channel.music)]
    pbx.say("CHANNEL_EXECUTE", channel, after=after)
    pbx.say("PLAYBACK_START", channel, after=_MUSIC)


def stop_music(pbx: FreeSwitch, channel: Channel, *, whole: bool = False) -> None:
    """The music a channel hears ends, if there is any; `whole`: with what it does, not alone."""
    if not channel.music:
        return
    number, channel.music = channel.music, ""
    status, response = ("done", "PLAYBACK ERROR") if whole else ("break", "FILE PLAYED")
    channel.update(
        {
            "playback_last_offset_pos": "160",
            "playback_seconds": "2",
            "playback_ms": "2048",
            "playback_samples": "16384",
        }
    )
    pbx.say("PLAYBACK_STOP", channel, after=[*_MUSIC, ("Playback-Status", status)])
    channel.set("current_application_response", response)
    after: Headers = [*_PLAYS, ("Application-Response", response), ("Application-UUID", number)]
    pbx.say("CHANNEL_EXECUTE_COMPLETE", channel, after=after)
    channel.unset("current_loop", "total_loops")
    command(pbx, channel, ("playback", HOLD_MUSIC), ("loops", "-1"))


def command(
    pbx: FreeSwitch, channel: Channel, ran: tuple[str, str], *more: tuple[str, str]
) -> None:
    """PRIVATE_COMMAND: what a channel was told to run comes back as an event."""
    first: Headers = [
        *pbx.bus.heading("PRIVATE_COMMAND"),
        ("call-command", "execute"),
        ("execute-app-name", ran[0]),
        ("execute-app-arg", ran[1]),
        ("event-lock", "true"),
        ("lead-frames", "5"),
        *more,
    ]
    pbx.bus.emit("PRIVATE_COMMAND", lambda: channel.headers(variables=False), first=first)


def by_telephone(pbx: FreeSwitch, channel: Channel, *, on: bool) -> None:
    """A telephone holds the other party by re-INVITE, or takes it back."""
    if channel.held == on or not channel.up:
        return
    if on:
        _mark(pbx, channel)
        if channel.partner is not None:
            start_music(pbx, channel.partner)
    else:
        release(pbx, channel)
        if channel.partner is not None:
            stop_music(pbx, channel.partner)
    name = "sofia::reinvite"
    pbx.say("CUSTOM", after=[("Unique-ID", channel.uuid)], subclass=name, at=name)
    if not on:
        pbx.set_callstate(channel, "ACTIVE")


def by_command(pbx: FreeSwitch, channel: Channel, *, on: bool) -> None:
    """``uuid_hold``: the same, asked for by the event socket."""
    if channel.held == on or not channel.up:
        return
    if on:
        _mark(pbx, channel, at="uuid-hold")
        if channel.partner is not None:
            start_music(pbx, channel.partner)
        return
    _unmark(pbx, channel)
    if channel.partner is not None:
        stop_music(pbx, channel.partner)
    pbx.say("CHANNEL_UNHOLD", channel, at="uuid-unhold")
    pbx.set_callstate(channel, "ACTIVE")


def release(pbx: FreeSwitch, channel: Channel) -> None:
    """A channel holds nobody any more: by its telephone, or since it ends or is taken away."""
    if channel.held:
        _unmark(pbx, channel)
        pbx.say("CHANNEL_UNHOLD", channel)


def _mark(pbx: FreeSwitch, channel: Channel, at: str = "") -> None:
    channel.held = True
    channel.times.last_hold = pbx.now()
    pbx.set_callstate(channel, "HELD")
    pbx.say("CHANNEL_HOLD", channel, at=at)


def _unmark(pbx: FreeSwitch, channel: Channel) -> None:
    channel.held = False
    now, times = pbx.now(), channel.times
    times.hold_accum += now - times.last_hold
    times.holds.append((times.last_hold, now))
    pbx.set_callstate(channel, "UNHELD")
