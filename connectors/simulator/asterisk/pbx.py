"""The simulated Asterisk itself: channels, bridges, variables and what it says about them.

It is a small switch, not a replay. Calls are run by `thread.CallThread`, and every event is
said where the thing happens, in the order and with the headers the recordings of Asterisk
22.10.1 show (``tests/captures/asterisk-22``).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..clock import Clock
from ..world import Phone, WorldSpec
from . import bridging
from .bus import EventBus
from .channel import DOWN, RING, UP, Bridge, Channel
from .devices import Devices
from .dialplan import Dialplan, Feature
from .keys import APPLICATIONS
from .queue import Queue

if TYPE_CHECKING:
    from .consult import Consultation
    from .thread import CallThread

CAUSES = {0: "Unknown", 1: "Unallocated (unassigned) number", 16: "Normal Clearing",
          17: "User busy", 26: "Answered elsewhere", 127: "Interworking, unspecified"}  # fmt: skip

BUSY = 17

QOS = ("RTPAUDIOQOS", "RTPAUDIOQOSJITTER", "RTPAUDIOQOSLOSS", "RTPAUDIOQOSRTT", "RTPAUDIOQOSMES")
QOS_VALUE = "ssrc=0;themssrc=0;lp=0;rxjitter=0.000000;rxcount=0;txjitter=0.000000;txcount=0;rlp=0"


class Pbx:
    """State of the switch. All methods run in the event loop's thread."""

    def __init__(
        self,
        world: WorldSpec,
        dialplan: Dialplan,
        features: tuple[Feature, ...] = (),
        *,
        bus: EventBus | None = None,
        clock: Clock | None = None,
        seed: int = 0,
        answer_delay: float = 0.0,
        max_channels: int = 20_000,
    ) -> None:
        self.world = world
        self.dialplan = dialplan
        self.features = features
        self.applications = APPLICATIONS
        self.clock = clock or Clock()
        self.bus = bus or EventBus(self.clock)
        self.random = random.Random(seed)  # noqa: S311  # ids of a simulation
        self.answer_delay = answer_delay
        """Seconds Answer() waits for media; 0.5 on the recorded switch."""
        self.max_channels = max_channels
        self.phones = {spec.name: Phone(spec) for spec in world.phones}
        self.boot()

    def boot(self) -> None:
        """Start with nothing standing: counters, queues and clocks anew, telephones as they are."""
        self.started = self.clock()
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.threads: set[CallThread] = set()
        self.consulting: dict[str, Consultation] = {}
        """Attended transfers under way, by the Uniqueid of who makes them."""
        self.globals: dict[str, str] = {}
        self.devices = Devices(self)
        self.calls_processed = 0
        self._channel_count = 0
        self._names: dict[str, int] = {"PJSIP": 0, "Local": 0}
        self._by_phone: dict[str, list[Channel]] = {}
        for phone in self.phones.values():
            phone.reserved = 0
            self.devices.states[f"PJSIP/{phone.name}"] = self.devices.of_phone(phone)
        self.queues = {spec.name: Queue(self, spec) for spec in self.world.queues}

    # --- channels ------------------------------------------------------------------------

    def phone_channels(self, phone: Phone) -> list[Channel]:
        """Standing channels of a telephone."""
        return self._by_phone.get(phone.name, [])

    def _uniqueid(self) -> str:
        count = self._channel_count
        self._channel_count += 1
        return f"{int(self.clock())}.{count}"

    def _serial(self, technology: str) -> str:
        count = self._names[technology]
        self._names[technology] = count + 1
        return f"{count:08x}"

    def pjsip(
        self,
        phone: Phone,
        *,
        state: int,
        linkedid: str = "",
        display: str = "",
        exten: str = "s",
        uniqueid: str = "",
    ) -> Channel:
        """A channel to or from a telephone; says Newchannel."""
        uniqueid = uniqueid or self._uniqueid()
        name = f"PJSIP/{phone.name}-{self._serial('PJSIP')}"
        channel = Channel(name, uniqueid, linkedid or uniqueid, self.clock())
        channel.phone = phone
        channel.state = state
        if state == RING or phone.spec.caller_id:
            channel.cid_num = phone.name
            shown = phone.spec.display if phone.spec.caller_id else ""
            channel.cid_name = shown or display or phone.display
        channel.context = self.dialplan.entry_context
        channel.exten = exten
        channel.call_id = f"{self.random.getrandbits(64):016x}"
        self._by_phone.setdefault(phone.name, []).append(channel)
        self._register(channel)
        self.set_variables(channel, phone.spec.variables)
        return channel

    def local_pair(
        self, exten: str, context: str, linkedid: str, ids: tuple[str, str] = ("", "")
    ) -> tuple[Channel, Channel]:
        """The two halves of a ``Local`` channel; says Newchannel for each."""
        serial = self._serial("Local")
        halves = []
        for half, state in ((1, DOWN), (2, RING)):
            uniqueid = ids[half - 1] or self._uniqueid()
            linkedid = linkedid or uniqueid
            name = f"Local/{exten}@{context}-{serial};{half}"
            channel = Channel(name, uniqueid, linkedid, self.clock())
            channel.state = state
            channel.context = context
            channel.exten = exten
            self._register(channel)
            halves.append(channel)
        one, two = halves
        one.other, two.other = two, one
        return one, two

    def _register(self, channel: Channel) -> None:
        self.channels[channel.name] = channel
        self.bus.emit("Newchannel", channel)

    def find(self, name: str) -> Channel | None:
        """A channel by name or Uniqueid."""
        found = self.channels.get(name)
        if found is None:
            found = next((c for c in self.channels.values() if c.uniqueid == name), None)
        return found

    def takes_id(self, uniqueid: str) -> bool:
        """Whether a channel stands whose Uniqueid begins so: then Asterisk makes no second one."""
        wanted = uniqueid.lower()
        return any(c.uniqueid.lower().startswith(wanted) for c in self.channels.values())

    def new_state(self, channel: Channel, state: int) -> None:
        """Newstate, and what follows for the device."""
        channel.state = state
        self.bus.emit("Newstate", channel)
        self.device_changed(channel)
        self.touch(channel)

    def device_changed(self, channel: Channel) -> None:
        """Announce the state of the channel's telephone if it changed."""
        if channel.phone is not None:
            self.devices.refresh(channel.phone)

    def touch(self, channel: Channel) -> None:
        """Tell whoever waits for a state of this call."""
        if channel.call is not None:
            channel.call.touch()

    def new_exten(self, channel: Channel) -> None:
        """Newexten, said only when the place in the dialplan changed since the last one."""
        if channel.seen_at == channel.place:
            return
        channel.seen_at = channel.place
        self.bus.emit(
            "Newexten",
            channel,
            f"Extension: {channel.exten}\r\nApplication: {channel.app}\r\n"
            f"AppData: {channel.data}\r\n",
        )

    def connected(self, channel: Channel, num: str, name: str) -> None:
        """The far side of `channel` is somebody else now; ``Local`` passes it on."""
        if (channel.conn_num, channel.conn_name) == (num, name):
            return
        channel.conn_num, channel.conn_name = num, name
        self.bus.emit("NewConnectedLine", channel)
        if channel.other is not None and channel.name.endswith(";1"):
            two = channel.other
            two.owed_callerid = (num, name)
            for other in two.bridge.others(two) if two.bridge is not None else ():
                self.connected(other, num, name)
        elif channel.other is not None:
            one = channel.other
            one.owed_callerid = (num, name)
            if one.dialer is not None:
                self.connected(one.dialer.channel, num, name)
            elif one.bridge is not None:
                if one.state == UP:
                    one.cid_num, one.cid_name = num, name
                    one.owed_callerid = None
                    self.new_callerid(one)
                for other in one.bridge.others(one):
                    self.connected(other, num, name)

    def new_callerid(self, channel: Channel) -> None:
        """NewCallerid with what the channel has now."""
        self.bus.emit(
            "NewCallerid", channel, "CID-CallingPres: 0 (Presentation Allowed, Not Screened)\r\n"
        )

    # --- variables -----------------------------------------------------------------------

    def set_variable(self, channel: Channel | None, name: str, value: str) -> None:
        """Set a variable (global without a channel) and say VarSet. ``_X``, ``__X`` inherit."""
        if channel is None:
            self.globals[name] = value
            self.bus.emit(
                "VarSet",
                f"Channel: none\r\nUniqueid: none\r\nVariable: {name}\r\nValue: {value}\r\n",
            )
            return
        plain = name.lstrip("_")
        channel.variables.pop(plain, None)
        channel.variables[plain] = (name, value)
        self.bus.emit("VarSet", channel, f"Variable: {name}\r\nValue: {value}\r\n")

    def set_variables(self, channel: Channel, values: Mapping[str, str]) -> None:
        """Several, in order."""
        for name, value in values.items():
            self.set_variable(channel, name, value)

    def inherit(self, source: Channel, target: Channel) -> None:
        """Give a dialled channel what its caller's variables pass on, newest first."""
        for plain, (name, value) in reversed(list(source.variables.items())):
            if name.startswith("_"):
                self._append(target, plain, name if name.startswith("__") else plain, value)

    def copy_variables(self, one: Channel, two: Channel) -> None:
        """What the near half of a ``Local`` pair has, the far half gets too."""
        for plain, (name, value) in reversed(list(one.variables.items())):
            self._append(two, plain, name, value)

    def _append(self, channel: Channel, plain: str, name: str, value: str) -> None:
        """Set a variable behind all others, as inheriting does: the order shows in events."""
        channel.variables.pop(plain, None)
        channel.variables = {plain: (name, value), **channel.variables}
        self.bus.emit("VarSet", channel, f"Variable: {name}\r\nValue: {value}\r\n")

    def media_statistics(self, channel: Channel) -> None:
        """RTP statistics of a telephone that talked, also on whom it talked to."""
        if channel.phone is None or channel.state != UP or channel.value("RTPAUDIOQOS"):
            return
        for name in QOS:
            self.set_variable(channel, name, QOS_VALUE)
        if channel.bridge is not None:
            for other in channel.bridge.others(channel):
                for name in QOS:
                    self.set_variable(other, f"{name}BRIDGED", QOS_VALUE)

    # --- hanging up ----------------------------------------------------------------------

    def request_hangup(self, channel: Channel, *, told: bool = False) -> None:
        """HangupRequest: the far end is through with the channel. `told`: and gave a cause."""
        self.media_statistics(channel)
        cause = f"Cause: {channel.cause}\r\n" if channel.cause or told else ""
        tech = f"TechCause: {channel.tech_cause}\r\n" if channel.tech_cause else ""
        self.bus.emit("HangupRequest", channel, cause + tech)

    def soft_hangup(self, channel: Channel, cause: int = 16) -> None:
        """SoftHangupRequest: the switch itself ends the channel."""
        tech = f"TechCause: {channel.tech_cause}\r\n" if channel.tech_cause else ""
        self.bus.emit("SoftHangupRequest", channel, f"Cause: {cause}\r\n{tech}")

    def hang(self, channel: Channel) -> None:
        """The channel is gone: Hangup, and the other half of a ``Local`` pair follows."""
        if not channel.alive:
            return
        channel.alive = False
        other = channel.other if channel.other is not None and channel.other.alive else None
        if other is not None and channel.value("DIALSTATUS") and channel.thread is not None:
            self.set_variable(other, "CHANLOCALSTATUS", channel.value("DIALSTATUS"))
        if other is not None:
            other.cause = other.cause or channel.cause
            self.request_hangup(other, told=True)
        self.media_statistics(channel)
        if channel.state == RING and channel.cause == BUSY and channel.phone is not None:
            channel.tech_cause = channel.tech_cause or "486"  # what the caller is answered
        tech = f"TechCause: {channel.tech_cause}\r\n" if channel.tech_cause else ""
        self.bus.emit(
            "Hangup",
            channel,
            f"Cause: {channel.cause}\r\n"
            f"Cause-txt: {CAUSES.get(channel.cause, 'Unknown')}\r\n{tech}",
        )
        self.channels.pop(channel.name, None)
        if channel.routine is not None:
            channel.routine.hungup = True
            channel.routine.post("over")
        if channel.phone is not None:
            self._by_phone[channel.phone.name].remove(channel)
            self.devices.refresh(channel.phone)
        self.touch(channel)
        if other is not None:
            bridging.far_end_gone(self, other, requested=True)
