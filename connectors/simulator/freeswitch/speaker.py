"""What a simulated FreeSWITCH says: events of channels, their states, presence, commands."""

from __future__ import annotations

from .bus import EventBus
from .channel import CALLSTATES, EXECUTE, HANGUP, ROUTING, Channel
from .wire import Headers


class Speaker:
    """Says what happens, and who else is to look again."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus

    def now(self) -> int:
        """Microseconds since the epoch."""
        return int(self.bus.clock() * 1e6)

    def poke(self, channel: Channel) -> None:
        """A channel changed: its thread, who talks to it and who scripts it look again."""
        channel.poke()
        for other in (channel.partner, channel.bridge_to):
            if other is not None:
                other.poke()
        if channel.call is not None:
            channel.call.touch()

    def say(
        self,
        name: str,
        channel: Channel | None = None,
        *,
        before: Headers | None = None,
        after: Headers | None = None,
        subclass: str = "",
        at: str = "",
        body: str = "",
        variables: bool = True,
    ) -> None:
        """An event; `before` and `after` stand around what is said of the channel."""

        def headers() -> Headers:
            of_channel = channel.headers(variables=variables) if channel is not None else []
            return [*(before or []), *of_channel, *(after or [])]

        self.bus.emit(name, headers, subclass=subclass, at=at, body=body)

    def enter(self, channel: Channel, state: int) -> None:
        """The thread takes up a state: CHANNEL_STATE, and the call state that goes with it."""
        channel.running = state
        if state == ROUTING and channel.direction == "inbound":
            self.set_callstate(channel, "RINGING")
        elif state == EXECUTE and channel.answer == "answered":
            self.set_callstate(channel, "ACTIVE")
        self.say("CHANNEL_STATE", channel, variables=False)
        if state == HANGUP:
            if channel.at_end is not None:
                channel.at_end()
            channel.times.hungup = self.now()
            self.set_callstate(channel, "HANGUP")
        self.poke(channel)

    def set_callstate(self, channel: Channel, name: str) -> None:
        """CHANNEL_CALLSTATE, if it is another one."""
        number = CALLSTATES.index(name)
        if channel.callstate == number:
            return
        old, channel.callstate = CALLSTATES[channel.callstate], number
        self.say(
            "CHANNEL_CALLSTATE",
            channel,
            before=[
                ("Original-Channel-Call-State", old),
                ("Channel-Call-State-Number", str(number)),
            ],
            variables=False,
        )
        self.poke(channel)

    def move(self, channel: Channel, state: int) -> None:
        """A channel shall go to a state; its thread follows. Never back from a hang-up."""
        if channel.up or state > channel.state:
            channel.state = state
            self.poke(channel)

    def presence(self, channel: Channel, status: str, info: str) -> None:
        """PRESENCE_IN of a directory user's leg."""
        if not channel.presence_id:
            return
        file, function, line = (
            ("switch_channel", "switch_channel_perform_mark_answered", 3906)
            if status == "answered"
            else ("switch_core_state_machine", "check_presence", 521)
        )
        before: Headers = [
            ("proto", "any"),
            ("login", "src/switch_channel.c"),
            ("from", channel.presence_id),
            ("rpid", "unknown"),
            ("status", status),
            ("event_type", "presence"),
            ("alt_event_type", "dialog"),
            ("presence-call-info-state", info),
            ("presence-call-direction", channel.direction),
            ("event_count", str(channel.presences)),
            ("Presence-Calling-File", f"src/{file}.c"),
            ("Presence-Calling-Function", function),
            ("Presence-Calling-Line", str(line)),
        ]
        channel.presences += 1
        self.say("PRESENCE_IN", channel, after=before, variables=False)

    def api_said(self, command: str, argument: str) -> None:
        """API: a command was carried out."""
        after: Headers = [("API-Command", command)]
        if argument:
            after.append(("API-Command-Argument", argument))
        self.say("API", after=after)
