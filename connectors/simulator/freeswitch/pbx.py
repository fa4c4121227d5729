"""The simulated FreeSWITCH itself: its channels, their states, and what it says about them.

It is a small switch, not a replay. Each channel has a thread (`thread.run`), as a session of
FreeSWITCH has, and every event is said where the thing happens, in the order and with the headers
the recordings of FreeSWITCH 1.11 show (``tests/captures/freeswitch-1.11``).
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from ..clock import Clock
from ..world import Phone, WorldSpec
from . import hold, loopback, variables
from .bus import EventBus, stamp
from .callcenter import CallCenter
from .channel import HANGUP, SET_MULTI, STATES, Channel, Profile, Times
from .dialplan import Dialplan
from .fifo import Fifos
from .heart import Heart
from .log import NOTICE, Log
from .scheduler import Scheduler
from .speaker import Speaker
from .thread import run
from .wire import Headers

FIRST_PORT = 5061
"""SIP port of the first telephone; the others follow."""
FAR_END = ("sofia.c", "sofia_handle_sip_i_state", 8723)
"""Where FreeSWITCH logs that the other side hung up."""


class FreeSwitch(Speaker):
    """State of the switch. All methods run in the event loop's thread."""

    def __init__(
        self,
        world: WorldSpec,
        dialplan: Dialplan,
        *,
        clock: Clock | None = None,
        seed: int = 0,
        domain: str = "default",
        hostname: str = "pbx1",
        heartbeat: float = 20.0,
        bowout: float = 2.0,
        max_channels: int = 2000,
    ) -> None:
        self.world = world
        self.dialplan = dialplan
        self.clock = clock or Clock()
        self.domain = domain
        self.random = random.Random(seed)  # noqa: S311  # ids of a simulation
        self.max_channels = max_channels
        self.bowout = bowout
        self.phones = {spec.name: Phone(spec) for spec in world.phones}
        self.ports = {name: FIRST_PORT + number for number, name in enumerate(self.phones)}
        super().__init__(EventBus(self.clock, self.new_uuid(), hostname))
        self.heart = Heart(self, heartbeat)
        self.log = Log(self.log_stamp)
        self.hand_over: Callable[[Channel, str], Awaitable[None]] = _nobody
        """The application `socket`; the event socket brings it."""
        self.event_socket = {"listen-ip": "127.0.0.1", "listen-port": "8021"}
        """Settings of event_socket.conf, as ``xml_locate`` shows them; the password is not one."""
        self.boot()

    def boot(self) -> None:
        """Start with nothing standing: another core, counters anew, telephones as they are."""
        self.started = self.clock()
        self.bus.core_uuid = self.new_uuid()
        self.bus.sequence = 450
        self.channels: dict[str, Channel] = {}
        self._by_phone: dict[str, list[Channel]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.sessions = 0
        self.peak = 0
        self.callcenter = CallCenter(self)
        self.fifos = Fifos(self)
        self.scheduler = Scheduler(self)
        self._functions = {
            "sched_api": self.scheduler.add,
            "sched_del": self.scheduler.delete,
            "uuid_setvar_multi": self.set_variables,
        }
        self.hash: dict[str, str] = {}
        """What mod_hash keeps: ``realm/key`` to its value."""

    # --- ids, time, tasks ----------------------------------------------------------------

    def new_uuid(self) -> str:
        """A random UUID, the same for the same seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def log_stamp(self) -> str:
        """The time as it stands in the log."""
        now = self.clock()
        return f"{stamp(now)}.{int(now % 1 * 1e6):06d}"

    def token(self) -> str:
        """A word as SIP tags and branches have."""
        return f"{self.random.getrandbits(48):012x}p"

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A thread of the switch; `halt` ends it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def halt(self) -> None:
        """Every thread ends where it stands."""
        self.scheduler.stop()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- channels ------------------------------------------------------------------------

    def incoming(
        self, phone: Phone, number: str, display: str, headers: Mapping[str, str]
    ) -> Channel:
        """A telephone dials: a new inbound channel, whose thread starts."""
        self.sessions += 1
        user, port = phone.name, self.ports[phone.name]
        name = f"sofia/internal/{user}@{variables.HOST}:{port}"
        shown = phone.spec.display or display or phone.display
        now = self.now()
        profile = Profile(
            "inbound", user, shown, number, username=user, dialplan="XML",
            network=variables.HOST, created=now, orig=(shown, user),
        )  # fmt: skip
        channel = Channel(self.new_uuid(), name, "inbound", profile, self.sessions, phone)
        channel.hit_dialplan = True
        channel.times = Times(created=now)
        tag = self.token()
        channel.update(variables.incoming(channel, port=port, dialled=number, user=user, tag=tag))
        if phone.spec.display:
            channel.presence_id = f"{user}@{self.domain}"
            channel.update(variables.registered(user, phone.spec.display, self.domain))
            channel.update(dict(phone.spec.variables))
        for header, value in headers.items():
            channel.set("sip_subject" if header == "Subject" else f"sip_h_{header}", value)
        channel.update(variables.offered(port))
        self.start(channel)
        return channel

    def start(self, channel: Channel) -> None:
        """Its thread begins."""
        channel.first_destination = channel.profile.destination
        channel.functions = self._functions
        self.channels[channel.uuid] = channel
        at = ("switch_channel.c", "switch_channel_set_name", 1143)
        self.log.say(NOTICE, f"New Channel {channel.name} [{channel.uuid}]", at, channel)
        if channel.phone is not None:
            self._by_phone.setdefault(channel.phone.name, []).append(channel)
        self.peak = max(self.peak, len(self.channels))
        channel.task = self.spawn(run(self, channel), channel.name)

    def set_variables(self, text: str) -> str:
        """``<uuid> <name>=<value>;…``; the answer of ``uuid_setvar_multi``."""
        uuid, _, rest = text.partition(" ")
        channel = self.channels.get(uuid)
        if not rest:
            return "-ERR no reply\n"
        if channel is None:
            return f"-ERR No such channel!\n-USAGE: {SET_MULTI}\n"
        for pair in rest.split(";"):
            name, _, value = pair.partition("=")
            channel.set(name.strip(), value)
        return "+OK\n"

    def phone_channels(self, name: str) -> list[Channel]:
        """Standing channels of a telephone."""
        return [each for each in self._by_phone.get(name, []) if each.up]

    def ended(self, channel: Channel) -> None:
        """Its thread is through; it stands no more."""
        self.channels.pop(channel.uuid, None)
        place = ("switch_core_session.c", "switch_core_session_thread")
        self.log.say(NOTICE, f"Session {channel.session} ({channel.name}) Ended", (*place, 1766),
                     channel)  # fmt: skip
        text = f"Close Channel {channel.name} [{STATES[channel.state]}]"
        self.log.say(NOTICE, text, (*place, 1770), channel, 0)
        if channel.phone is not None:
            self._by_phone[channel.phone.name].remove(channel)
        channel.alive = False

    # --- answering and ending ------------------------------------------------------------

    def codecs(self, channel: Channel) -> None:
        """CODEC, for reading and for writing."""
        channel.codec = True
        read: Headers = [
            ("channel-read-codec-name", "PCMA"),
            ("channel-read-codec-rate", "8000"),
            ("channel-read-codec-bit-rate", "64000"),
        ]
        write: Headers = [
            ("Channel-Write-Codec-Name", "PCMA"),
            ("Channel-Write-Codec-Rate", "8000"),
            ("Channel-Write-codec-bit-rate", "64000"),
        ]
        self.say("CODEC", channel, after=read, at="codec-read", variables=False)
        self.say("CODEC", channel, after=write, at="codec-write", variables=False)

    def pre_answer(self, channel: Channel) -> None:
        """Early media to who called in; nothing when there is media already."""
        if channel.answer != "ringing" or not channel.up or channel.phone is None:
            return
        port = self.ports[channel.phone.name]
        local = self.random.randrange(16384, 32768, 2)
        self.codecs(channel)
        channel.answer = "early"
        channel.times.progress_media = self.now()
        channel.update(variables.media(channel, local=local, remote=port + 939))
        channel.set("endpoint_disposition", "EARLY MEDIA")
        self.say("CHANNEL_PROGRESS_MEDIA", channel)
        self.set_callstate(channel, "EARLY")
        channel.update(variables.own_sdp(channel, local))

    def answer(self, channel: Channel) -> None:
        """FreeSWITCH answers who called in; nothing when it did."""
        if channel.half is not None:
            loopback.answer(self, channel)
        if channel.answer == "answered" or not channel.up or channel.phone is None:
            return
        self.pre_answer(channel)
        channel.answer = "answered"
        channel.times.answered = self.now()
        at = ("mod_dptools.c", "answer_function", 1406)
        self.log.say(NOTICE, f"Channel [{channel.name}] has been answered", at, channel, 0)
        self.say("CHANNEL_ANSWER", channel)
        self.set_callstate(channel, "ACTIVE")
        channel.set("endpoint_disposition", "ANSWER")
        tag = self.token()
        delay = self.clock.real(0.01)
        asyncio.get_running_loop().call_later(
            delay, lambda: channel.update(variables.acknowledged(channel, tag))
        )

    def hangup(self, channel: Channel, cause: str, at: tuple[str, str, int] = FAR_END) -> None:
        """A channel is hung up: CHANNEL_HANGUP, and its thread winds it up. Once.

        `at`: the place in FreeSWITCH that does it, for the log.
        """
        if not channel.up:
            return
        hold.release(self, channel)
        text = f"Hangup {channel.name} [{STATES[channel.state]}] [{cause}]"
        self.log.say(NOTICE, text, at, channel, 0)
        channel.state = HANGUP
        channel.answer = "hangup"
        channel.cause = cause
        channel.actions.clear()
        self.say("CHANNEL_HANGUP", channel)
        if channel.controller is not None:
            channel.controller.down()
        self.poke(channel)
        if channel.half is not None:
            self.hangup(channel.half, cause, ("mod_loopback.c", "channel_on_hangup", 585))

    def far_end_gone(self, channel: Channel) -> None:
        """A telephone hangs up: BYE, or CANCEL before an answer, or a refusal of what rings."""
        if not channel.up:
            return
        if channel.answer != "answered":
            if channel.direction == "outbound":
                channel.update(_refused("486", "17"))
                self.hangup(channel, "USER_BUSY")
            else:
                self.hangup(channel, "ORIGINATOR_CANCEL")
            return
        channel.update(
            {
                "sip_term_status": "200",
                "proto_specific_hangup_cause": "sip:200",
                "sip_term_cause": "16",
            }
        )
        if channel.partner is not None:
            originates = channel.partner.other == ("originator", channel)
            channel.set("last_bridge_role", "originator" if originates else "originatee")
        self.hangup(channel, "NORMAL_CLEARING")
        channel.set("sip_hangup_disposition", "recv_bye")


async def _nobody(_channel: Channel, _data: str) -> None:
    """A switch without an event socket."""


def _refused(status: str, cause: str) -> dict[str, str]:
    return {
        "sip_invite_failure_status": status,
        "sip_invite_failure_phrase": "Busy Here",
        "sip_term_status": status,
        "proto_specific_hangup_cause": f"sip:{status}",
        "sip_term_cause": cause,
    }
