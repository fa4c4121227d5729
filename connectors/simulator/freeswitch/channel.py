"""A channel: its states, its caller profile, its variables, and how they stand in events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..world import Phone
from .wire import Headers, Value

if TYPE_CHECKING:
    from .calls import PlacedCall
    from .dialplan import Action
    from .digits import DigitBinding
    from .outbound import OutboundSession

STATES = (
    "CS_NEW", "CS_INIT", "CS_ROUTING", "CS_SOFT_EXECUTE", "CS_EXECUTE", "CS_EXCHANGE_MEDIA",
    "CS_PARK", "CS_CONSUME_MEDIA", "CS_HIBERNATE", "CS_RESET", "CS_HANGUP", "CS_REPORTING",
    "CS_DESTROY", "CS_NONE",
)  # fmt: skip
(
    NEW, INIT, ROUTING, SOFT_EXECUTE, EXECUTE, EXCHANGE_MEDIA, PARK, CONSUME_MEDIA, HIBERNATE,
    RESET, HANGUP, REPORTING, DESTROY, NONE,
) = range(14)  # fmt: skip
CALLSTATES = (
    "DOWN", "DIALING", "RINGING", "EARLY", "ACTIVE", "HELD", "RING_WAIT", "HANGUP", "UNHELD",
)  # fmt: skip


SET_MULTI = "<uuid> <var>=<value>;<var>=<value>..."
"""How ``uuid_setvar_multi`` is used."""


@dataclass(slots=True)
class Times:
    """When things happened to a channel, in microseconds since the epoch; 0: they did not."""

    created: int = 0
    answered: int = 0
    progress: int = 0
    progress_media: int = 0
    hungup: int = 0
    bridged: int = 0
    last_hold: int = 0
    hold_accum: int = 0
    holds: list[tuple[int, int]] = field(default_factory=list)
    """From when to when it held the other party."""


@dataclass(slots=True)
class Profile:
    """Who calls whom, as one leg has it."""

    direction: str
    number: str
    name: str
    destination: str
    username: str = ""
    dialplan: str = ""
    callee_name: str = ""
    callee_number: str = ""
    network: str = ""
    ani: str = ""
    source: str = "mod_sofia"
    transfer_source: str = ""
    context: str = "default"
    rdnis: str = ""
    index: int = 1
    created: int = 0
    orig: tuple[str, str] = ("", "")
    """The caller's name and number as they were at first."""


@dataclass(slots=True, eq=False)
class Channel:
    """A leg. `state` is where it shall be, `running` where its thread is."""

    uuid: str
    name: str
    direction: str
    profile: Profile
    session: int
    phone: Phone | None = None
    running: int = NEW
    state: int = NEW
    callstate: int = 0
    answer: str = "ringing"
    hit_dialplan: bool = False
    call_uuid: str = ""
    presence_id: str = ""
    codec: bool = False
    media: tuple[str, str] = ("PCMA", "64000")
    """Its codec, once it has one, and the bits a second."""
    half: Channel | None = None
    """The other half of its loopback pair."""
    profiled: bool = False
    """Its caller profile stands in its events; not before CS_INIT."""
    cause: str = ""
    first_destination: str = ""
    times: Times = field(default_factory=Times)
    variables: dict[str, Value] = field(default_factory=dict)
    other: tuple[str, Channel] | None = None
    """``originator`` or ``originatee``, and who that is."""
    partner: Channel | None = None
    """Who shares its bridge now."""
    call: PlacedCall | None = None
    alive: bool = True
    locks: int = 0
    """Who still needs it: it is not destroyed before."""
    presences: int = 0
    reported: bool = False
    """CHANNEL_HANGUP_COMPLETE was said."""
    shown: tuple[str, str] = ("", "")
    """Application and data as ``show channels`` has them; `application` is the dialplan's."""
    busy: int = 0
    """Applications that hold its thread where it is, whatever becomes of it meanwhile."""
    held: bool = False
    music: str = ""
    """Application-UUID of the music that digits brought it; empty when there is none."""
    picked_up: bool = False
    """Somebody answered it by hand while it rang."""
    application: tuple[str, str] = ("", "")
    callee_direction: str = ""
    sent_callee: tuple[str, str] = ("", "")
    inline: str = ""
    """What it shall do, where its dialplan is ``inline``."""
    actions: deque[Action] = field(default_factory=deque)
    bindings: list[DigitBinding] = field(default_factory=list)
    keys: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    """Digits that nobody has taken yet."""
    functions: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    """API commands that ``${name(argument)}`` runs, besides those that need no switch."""
    controller: OutboundSession | None = None
    """The outbound socket that leads it."""
    realm: str = ""
    """Which digit bindings are heard; empty: the first that was bound."""
    bridge_to: Channel | None = None
    """With whom ``uuid_bridge`` shall join it once it softly executes."""
    originates: bool = False
    """It is the side of that bridge whose thread runs it."""
    at_end: Callable[[], None] | None = None
    """What hears of its end as it begins."""
    task: asyncio.Task[None] | None = None
    _waiters: list[asyncio.Future[None]] = field(default_factory=list)

    # --- waiting -------------------------------------------------------------------------

    def poke(self) -> None:
        """Something about it changed; whoever waits looks again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def changed(self, within: float | None = None) -> None:
        """Wait for the next `poke`, at most `within` real seconds."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        timer = None
        if within is not None:
            timer = asyncio.get_running_loop().call_later(max(within, 0.0), _finish, waiter)
        try:
            await waiter
        finally:
            if timer is not None:
                timer.cancel()
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    @property
    def up(self) -> bool:
        """Nobody hung it up."""
        return self.state < HANGUP

    # --- variables -----------------------------------------------------------------------

    def get(self, name: str) -> str:
        """A variable's value (its last, when it has several); empty when it is not set."""
        value = self.variables.get(name, "")
        return value if isinstance(value, str) else value[-1]

    def set(self, name: str, value: Value) -> None:
        """Set a variable; it then stands behind all others, as FreeSWITCH has it. Empty unsets."""
        self.variables.pop(name, None)
        if value:
            self.variables[name] = value

    def update(self, values: dict[str, str]) -> None:
        """Set several."""
        for name, value in values.items():
            self.set(name, value)

    def unset(self, *names: str) -> None:
        """Forget variables."""
        for name in names:
            self.variables.pop(name, None)

    def push(self, name: str, value: str) -> None:
        """Add a value to a variable that may have several."""
        known = self.variables.pop(name, None)
        if known is None:
            self.variables[name] = value
        else:
            self.variables[name] = [*([known] if isinstance(known, str) else known), value]

    # --- headers -------------------------------------------------------------------------

    def headers(self, *, variables: bool = True) -> Headers:
        """What events say of it, in the order of the recordings."""
        out: Headers = [
            ("Channel-State", STATES[self.running]),
            ("Channel-Call-State", CALLSTATES[self.callstate]),
            ("Channel-State-Number", str(self.state)),
            ("Channel-Name", self.name),
            ("Unique-ID", self.uuid),
            ("Call-Direction", self.direction),
            ("Presence-Call-Direction", self.direction),
            ("Channel-HIT-Dialplan", "true" if self.hit_dialplan else "false"),
        ]
        if self.presence_id:
            out.append(("Channel-Presence-ID", self.presence_id))
        out.append(("Channel-Call-UUID", self.call_uuid or self.uuid))
        out.append(("Answer-State", self.answer))
        if self.cause:
            out.append(("Hangup-Cause", self.cause))
        if self.codec:
            name, rate = self.media
            for side in ("Read", "Write"):
                out.append((f"Channel-{side}-Codec-Name", name))
                out.append((f"Channel-{side}-Codec-Rate", "8000"))
                out.append((f"Channel-{side}-Codec-Bit-Rate", rate))
        if self.profiled:
            out += self.profile_headers("Caller")
            if self.other is not None:
                kind, channel = self.other
                out.append(("Other-Type", kind))
                out += channel.profile_headers("Other-Leg", own=False)
        if variables:
            out += [(f"variable_{name}", value) for name, value in self.variables.items()]
        return out

    def profile_headers(self, prefix: str, *, own: bool = True) -> Headers:
        """Who calls whom, each header's name behind `prefix`."""
        profile, times = self.profile, self.times
        name, number = profile.orig
        known = (
            ("Direction", profile.direction),
            ("Logical-Direction", profile.direction if own else "inbound"),
            ("Username", profile.username),
            ("Dialplan", profile.dialplan),
            ("Caller-ID-Name", profile.name),
            ("Caller-ID-Number", profile.number),
            ("Orig-Caller-ID-Name", name),
            ("Orig-Caller-ID-Number", number),
            ("Callee-ID-Name", profile.callee_name),
            ("Callee-ID-Number", profile.callee_number),
            ("Network-Addr", profile.network),
            ("ANI", profile.ani or profile.number),
            ("Destination-Number", profile.destination),
            ("Unique-ID", self.uuid),
            ("Source", profile.source),
            ("Transfer-Source", profile.transfer_source if own else ""),
            ("Context", profile.context),
            ("RDNIS", profile.rdnis),
            ("Channel-Name", self.name),
            ("Profile-Index", str(profile.index) if own else ""),
        )
        out: Headers = [(f"{prefix}-{key}", value) for key, value in known if value]
        for key, moment in (
            ("Profile-Created", profile.created),
            ("Channel-Created", times.created),
            ("Channel-Answered", times.answered),
            ("Channel-Progress", times.progress),
            ("Channel-Progress-Media", times.progress_media),
            ("Channel-Hangup", times.hungup),
            ("Channel-Transfer", 0),
            ("Channel-Resurrect", 0),
            ("Channel-Bridged", times.bridged),
        ):
            out.append((f"{prefix}-{key}-Time", str(moment)))
        out.append((f"{prefix}-Channel-Last-Hold", str(times.last_hold)))
        out.append((f"{prefix}-Channel-Hold-Accum", str(times.hold_accum)))
        out.append((f"{prefix}-Screen-Bit", "true"))
        out.append((f"{prefix}-Privacy-Hide-Name", "false"))
        out.append((f"{prefix}-Privacy-Hide-Number", "false"))
        return out


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
