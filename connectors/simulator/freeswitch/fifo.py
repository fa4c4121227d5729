"""mod_fifo: lines whose callers wait in order, members that are rung for them, and consumers who
call in to take the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bridging import run_bridge
from .bus import stamp
from .channel import HIBERNATE, Channel
from .fifo_members import MANUAL, Line, Outbound, look_later, say
from .line import MUSIC
from .transfer import step_profile

if TYPE_CHECKING:
    from ..world import QueueSpec
    from .pbx import FreeSwitch
    from .wire import Headers

LOOKS_EVERY = 0.5
"""Seconds until the thread of the lines, which looks once a second, sees a caller: on average."""


class Fifos:
    """The lines of a switch."""

    def __init__(self, pbx: FreeSwitch) -> None:
        self._pbx = pbx
        self.lines: dict[str, Line] = {}
        self._outbound: dict[str, Outbound] = {}
        for spec in pbx.world.fifos:
            self._configure(spec)

    def _configure(self, spec: QueueSpec) -> None:
        name = spec.name if "@" in spec.name else f"{spec.name}@{self._pbx.domain}"
        line = self.lines[name] = Line(name, retry=spec.retry)
        for member in spec.members:
            at = "" if "@" in member.interface else f"@{self._pbx.domain}"
            string = f"{{fifo_member_wait=nowait}}{member.interface}{at}"
            outbound = Outbound(string, spec.ring_timeout)
            line.members.append(outbound)
            self._outbound[outbound.id] = outbound

    def waits(self, channel: Channel) -> bool:
        """Whether a channel is in a line, not taken yet."""
        return any(channel in line.callers for line in self.lines.values())

    def _line(self, name: str) -> Line:
        return self.lines.setdefault(name, Line(name))

    # --- who waits -----------------------------------------------------------------------

    async def enter(self, channel: Channel, name: str) -> None:
        """``fifo <name> in``: wait until somebody takes the caller, who then is in their bridge,
        or goes."""
        pbx, line = self._pbx, self._line(name)
        pbx.answer(channel)
        if not channel.up:
            return
        say(pbx, channel, name, "push", ("FIFO-Slot", "0"))
        line.callers.append(channel)
        now = stamp(pbx.clock())
        channel.unset("fifo_serviced_uuid")
        channel.update(
            {
                "fifo_position": str(len(line.callers)),
                "fifo_priority": "0",
                "fifo_status": "WAITING",
                "fifo_timestamp": now,
                "fifo_push_timestamp": now,
            }
        )
        pbx.poke(channel)
        music: Headers = [("Playback-File-Type", "tone_stream"), ("Playback-File-Path", MUSIC)]
        pbx.say("PLAYBACK_START", channel, after=music)
        look_later(pbx, line, LOOKS_EVERY)
        state, ends = channel.state, _orbit(pbx, channel)
        over = False
        while channel.state == state and not channel.get("fifo_serviced_uuid") and not over:
            left = None if ends is None else pbx.clock.real(ends - pbx.clock())
            over = left is not None and left <= 0
            if not over:
                await channel.changed(left)
        taken = channel.state == state and not over
        status = "break" if taken else "done"
        pbx.say("PLAYBACK_STOP", channel, after=[*music, ("Playback-Status", status)])
        if channel in line.callers:
            line.callers.remove(channel)
        if taken:
            channel.actions.clear()
            pbx.move(channel, HIBERNATE)
            return
        channel.set("fifo_status", "TIMEOUT" if over else "ABORTED")
        channel.set("fifo_timestamp", stamp(pbx.clock()))
        say(pbx, channel, name, "timeout" if over else "abort")
        pbx.poke(channel)

    # --- who takes them ------------------------------------------------------------------

    async def take(self, channel: Channel, name: str, *, waits: bool) -> None:
        """``fifo <name> out``: talk to the next caller, or to one after the other (`waits`)."""
        pbx, line = self._pbx, self._line(name)
        if waits:
            pbx.answer(channel)
        say(pbx, channel, name, "consumer_start")
        channel.set("fifo_status", "WAITING")
        channel.set("fifo_timestamp", stamp(pbx.clock()))
        state = channel.state
        while channel.state == state:
            if line.callers:
                await self._serve(channel, line)
            if not waits or channel.state != state:
                break
            await channel.changed(pbx.clock.real(LOOKS_EVERY))
        say(pbx, channel, name, "consumer_stop")
        member = self._outbound.get(channel.get("fifo_outbound_uuid"))
        if member is not None and channel.up:
            self._track(channel, member)

    async def _serve(self, channel: Channel, line: Line) -> None:
        pbx, caller = self._pbx, line.callers.pop(0)
        member = self._outbound.get(channel.get("fifo_outbound_uuid"))
        say(pbx, caller, line.name, "caller_pop")
        say(pbx, channel, line.name, "consumer_pop", ("FIFO-Caller-UUID", caller.uuid))
        caller.set("fifo_serviced_by", channel.uuid)
        caller.set("fifo_serviced_uuid", channel.uuid)
        pbx.poke(caller)
        while caller.up and channel.up and caller.running != HIBERNATE:
            await caller.changed()
        pbx.answer(channel)
        self._introduce(channel, caller)
        count: list[tuple[str, str]] = []
        own: list[tuple[str, str]] = []
        if member is not None:
            member.uses += 1
            own = [("FIFO-Caller-CID-Name", channel.profile.name),
                   ("FIFO-Caller-CID-Number", channel.profile.number)]  # fmt: skip
            count = _count(member)
        say(pbx, channel, line.name, "channel-consumer-start", ("FIFO-Type", "onhook"), *own,
                  *count)  # fmt: skip
        say(pbx, channel, line.name, "bridge-consumer-start", *count)
        say(pbx, caller, line.name, "bridge-caller-start")
        profile = channel.profile
        profile.callee_name, profile.callee_number = caller.profile.orig
        channel.set("signal_bond", caller.uuid)
        caller.set("signal_bond", channel.uuid)
        for leg, role in ((channel, "consumer"), (caller, "caller")):
            leg.set("fifo_initiated_bridge", "true")
            leg.set("fifo_bridge_role", role)
        caller.locks += 1
        await run_bridge(pbx, channel, caller)
        while not caller.up and not caller.reported:
            await caller.changed()
        if member is not None:
            member.uses -= 1
            member.ready = pbx.clock() + line.retry + 1
            count = _count(member)
        stopped = [("FIFO-Type", "onhook"), *count, *_spans(pbx, channel, "Consumer")]
        say(pbx, channel, line.name, "channel-consumer-stop", *stopped)
        say(pbx, channel, line.name, "bridge-consumer-stop", *count)
        say(pbx, caller, line.name, "bridge-caller-stop", *_spans(pbx, caller, "Caller")[3:])
        seconds = str((pbx.now() - channel.times.bridged) // 1_000_000)
        for leg, status in ((channel, "WAITING"), (caller, "DONE")):
            leg.set("fifo_epoch_stop_bridge", str(int(pbx.clock())))
            leg.set("fifo_bridge_seconds", seconds)
            leg.set("fifo_status", status)
            leg.set("fifo_timestamp", stamp(pbx.clock()))
        caller.locks -= 1
        pbx.poke(caller)

    def _introduce(self, channel: Channel, caller: Channel) -> None:
        """Each gets a new profile: the caller is called by the consumer now."""
        now = stamp(self._pbx.clock())
        for leg, role, other in ((channel, "consumer", caller), (caller, "caller", channel)):
            step_profile(self._pbx, leg)
            leg.update({"fifo_status": "TALKING", "fifo_target": other.uuid,
                        "fifo_timestamp": now, "fifo_role": role})  # fmt: skip
            leg.set("fifo_epoch_start_bridge", str(int(self._pbx.clock())))
        profile = caller.profile
        profile.callee_name, profile.callee_number = profile.name, profile.number
        profile.name, profile.number = channel.profile.name, channel.profile.number
        channel.profile.callee_name = channel.profile.callee_number = ""
        channel.other, caller.other = ("originatee", caller), ("originator", channel)

    def _track(self, channel: Channel, member: Outbound) -> None:
        """A member's leg that lives on is counted as a call of its own, until it ends."""
        pbx = self._pbx
        member.uses += 1
        channel.set("fifo_track_call", "true")
        cid = (("FIFO-Caller-CID-Name", channel.profile.name),
               ("FIFO-Caller-CID-Number", channel.profile.number))  # fmt: skip
        say(pbx, channel, MANUAL, "channel-consumer-start", *_count(member),
                  ("FIFO-Type", "manual"), *cid)  # fmt: skip

        def untrack() -> None:
            member.uses -= 1
            about = (("FIFO-Type", "manual"), *_count(member))
            spans = _spans(pbx, channel, "Consumer")
            say(pbx, channel, MANUAL, "channel-consumer-stop", *about, *spans)

        channel.at_end = untrack


def _orbit(pbx: FreeSwitch, channel: Channel) -> float | None:
    """When a caller goes on in the dialplan (``fifo_orbit_exten=_continue_:<seconds>``)."""
    extension, _, seconds = channel.get("fifo_orbit_exten").partition(":")
    if extension != "_continue_":
        return None  # nothing else is simulated
    return pbx.clock() + (float(seconds) if seconds.isdecimal() else 60.0)


def _count(member: Outbound) -> list[tuple[str, str]]:
    return [
        ("FIFO-Consumer-Outbound-ID", member.id),
        ("FIFO-Consumer-Use-Count", str(member.uses)),
    ]


def _spans(pbx: FreeSwitch, channel: Channel, who: str) -> list[tuple[str, str]]:
    """When it was bridged, how long it talked and held, in micro-, milliseconds and seconds."""
    times = channel.times
    held = times.hold_accum
    spans = (
        ("Bridge", times.bridged), ("Talk", pbx.now() - times.bridged - held), ("Hold", held),
    )  # fmt: skip
    return [
        (f"FIFO-{who}-{name}-Time-{unit}", str(span // size))
        for name, span in spans
        for unit, size in (("us", 1), ("ms", 1000), ("s", 1_000_000))
    ]
