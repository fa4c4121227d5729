"""Events to those who want them: nothing is rendered that no session asked for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, Protocol

from . import wire
from .wire import Headers

CALLING = {
    "API": ("switch_loadable_module.c", "switch_api_execute", 2954),
    "BACKGROUND_JOB": ("mod_event_socket.c", "api_exec", 1569),
    "CALL_UPDATE": ("mod_sofia.c", "sofia_receive_message", 2110),
    "CHANNEL_ANSWER": ("switch_channel.c", "switch_channel_perform_mark_answered", 3848),
    "CHANNEL_BRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1689),
    "CHANNEL_CALLSTATE": ("switch_channel.c", "switch_channel_perform_set_callstate", 302),
    "CHANNEL_CREATE": ("switch_core_state_machine.c", "switch_core_session_run", 626),
    "CHANNEL_DATA": ("mod_commands.c", "uuid_dump_function", 6479),
    "CHANNEL_DESTROY": ("switch_core_session.c", "switch_core_session_perform_destroy", 1588),
    "CHANNEL_EXECUTE": ("switch_core_session.c", "switch_core_session_exec", 2948),
    "CHANNEL_EXECUTE_COMPLETE": ("switch_core_session.c", "switch_core_session_exec", 2971),
    "CHANNEL_HANGUP": ("switch_channel.c", "switch_channel_perform_hangup", 3447),
    "CHANNEL_HANGUP_COMPLETE": (
        "switch_core_state_machine.c", "switch_core_session_reporting_state", 943,
    ),
    "CHANNEL_HOLD": ("switch_channel.c", "switch_channel_mark_hold", 876),
    "CHANNEL_ORIGINATE": ("switch_core_state_machine.c", "switch_core_session_run", 632),
    "CHANNEL_OUTGOING": ("switch_core_session.c", "switch_core_session_outgoing_channel", 768),
    "CHANNEL_PARK": ("switch_ivr.c", "switch_ivr_park", 1002),
    "CHANNEL_PROGRESS": ("switch_channel.c", "switch_channel_perform_mark_ring_ready_value", 3507),
    "CHANNEL_PROGRESS_MEDIA": (
        "switch_channel.c", "switch_channel_perform_mark_pre_answered", 3562,
    ),
    "CHANNEL_STATE": ("switch_channel.c", "switch_channel_perform_set_running_state", 2409),
    "CHANNEL_UNBRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1879),
    "CHANNEL_UNHOLD": ("switch_channel.c", "switch_channel_mark_hold", 876),
    "CHANNEL_UNPARK": ("switch_ivr.c", "switch_ivr_park", 1213),
    "DTMF": ("switch_channel.c", "switch_channel_dequeue_dtmf", 678),
    "HEARTBEAT": ("switch_core.c", "send_heartbeat", 95),
    "MODULE_UNLOAD": ("switch_loadable_module.c", "switch_loadable_module_unprocess", 1240),
    "PLAYBACK_START": ("switch_ivr_play_say.c", "switch_ivr_play_file", 1649),
    "PLAYBACK_STOP": ("switch_ivr_play_say.c", "switch_ivr_play_file", 2023),
    "PRESENCE_IN": ("switch_channel.c", "switch_channel_perform_presence", 806),
    "PRIVATE_COMMAND": ("switch_ivr.c", "switch_ivr_parse_next_event", 804),
    "RECV_INFO": ("sofia.c", "create_info_event", 9721),
    "RELOADXML": ("switch_xml.c", "switch_xml_open_root", 2421),
    "RE_SCHEDULE": ("switch_scheduler.c", "switch_scheduler_execute", 73),
    "SHUTDOWN": ("switch_core.c", "switch_core_destroy", 3033),
    "bridge-agent-end": ("mod_callcenter.c", "outbound_agent_thread_run", 2062),
    "bridge-agent-fail": ("mod_callcenter.c", "outbound_agent_thread_run", 2200),
    "bridge-agent-start": ("mod_callcenter.c", "outbound_agent_thread_run", 1934),
    "agent-offering": ("mod_callcenter.c", "outbound_agent_thread_run", 1717),
    "agent-add": ("mod_callcenter.c", "cc_agent_add", 915),
    "agent-contact-change": ("mod_callcenter.c", "cc_agent_update", 1091),
    "agent-state-get": ("mod_callcenter.c", "cc_agent_get", 970),
    "agent-status-get": ("mod_callcenter.c", "cc_agent_get", 970),
    "agent-state-change": ("mod_callcenter.c", "cc_agent_update", 1067),
    "agent-status-change": ("mod_callcenter.c", "cc_agent_update", 1043),
    "cc-presence": ("mod_callcenter.c", "cc_send_presence", 3392),
    "codec-read": ("switch_core_codec.c", "switch_core_session_set_real_read_codec", 189),
    "codec-write": ("switch_core_codec.c", "switch_core_session_set_write_codec", 471),
    "event-app": ("mod_dptools.c", "event_function", 1902),
    "fifo abort": ("mod_fifo.c", "fifo_function", 2866),
    "fifo bridge-caller-start": ("mod_fifo.c", "fifo_function", 3403),
    "fifo bridge-caller-stop": ("mod_fifo.c", "fifo_function", 3499),
    "fifo bridge-consumer-start": ("mod_fifo.c", "fifo_function", 3392),
    "fifo bridge-consumer-stop": ("mod_fifo.c", "fifo_function", 3489),
    "fifo caller_pop": ("mod_fifo.c", "fifo_function", 3224),
    "fifo channel-consumer-start": ("mod_fifo.c", "fifo_function", 3378),
    "fifo channel-consumer-stop": ("mod_fifo.c", "fifo_function", 3461),
    "fifo consumer_pop": ("mod_fifo.c", "fifo_function", 3242),
    "fifo consumer_start": ("mod_fifo.c", "fifo_function", 2983),
    "fifo consumer_stop": ("mod_fifo.c", "fifo_function", 3632),
    "fifo manual start": ("mod_fifo.c", "fifo_track_call_function", 2505),
    "fifo manual stop": ("mod_fifo.c", "dec_use_count", 2411),
    "fifo post-dial": ("mod_fifo.c", "outbound_ringall_thread_run", 1680),
    "fifo pre-dial": ("mod_fifo.c", "outbound_ringall_thread_run", 1599),
    "fifo timeout": ("mod_fifo.c", "fifo_function", 2866),
    "fifo push": ("mod_fifo.c", "fifo_function", 2743),
    "flip-cid": ("switch_channel.c", "switch_channel_flip_cid", 3279),
    "member-queue-end": ("mod_callcenter.c", "outbound_agent_thread_run", 2098),
    "member-queue-leave": ("mod_callcenter.c", "callcenter_function", 3274),
    "member-queue-start": ("mod_callcenter.c", "callcenter_function", 3113),
    "members-count": ("mod_callcenter.c", "cc_queue_count", 878),
    "sendevent": ("mod_event_socket.c", "parse_command", 2272),
    "sofia::reinvite": ("sofia.c", "sofia_handle_sip_i_state", 8489),
    "uuid-hold": ("switch_ivr.c", "switch_ivr_hold", 1558),
    "uuid-unhold": ("switch_ivr.c", "switch_ivr_unhold", 1638),
    "uuid-bridge-a": ("switch_ivr_bridge.c", "uuid_bridge_on_soft_execute", 1236),
    "uuid-bridge-b": ("switch_ivr_bridge.c", "uuid_bridge_on_soft_execute", 1243),
}  # fmt: skip
"""Where in FreeSWITCH an event comes from, by its name or what is special about it."""


NAMES_MAX = 1000
"""Names of events that are remembered; ``sendevent`` may make up any."""


class Happened(NamedTuple):
    """An event, before it is rendered."""

    name: str
    subclass: str
    headers: Headers
    body: str

    def get(self, name: str) -> str:
        """A header's first value as text; empty without one."""
        for known, value in self.headers:
            if known == name:
                return wire.array(value)
        return ""


class Listener(Protocol):
    """A session that may want events."""

    format: str

    def wants(self, name: str, subclass: str) -> bool:
        """Whether any event of this name could be for it."""

    def accepts(self, event: Happened) -> bool:
        """Whether its filters let this event through."""

    def deliver(self, data: bytes) -> None:
        """Take one whole event."""


class EventBus:
    """Hands each event to the sessions whose subscriptions and filters let it through."""

    def __init__(self, clock: Callable[[], float], core_uuid: str, hostname: str) -> None:
        self.clock = clock
        self.core_uuid = core_uuid
        self.hostname = hostname
        self.emitted: Counter[str] = Counter()
        """Events that happened, by name (CUSTOM ones by subclass), wanted or not."""
        self.sequence = 0
        self._listeners: list[Listener] = []
        self._takers: dict[tuple[str, str], list[Listener]] = {}

    def add(self, listener: Listener) -> None:
        """Start asking this listener."""
        if listener not in self._listeners:
            self._listeners.append(listener)
        self.changed()

    def remove(self, listener: Listener) -> None:
        """Forget a listener; one never added is fine."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.changed()

    def changed(self) -> None:
        """A listener wants something else from now on."""
        self._takers.clear()

    def emit(
        self,
        name: str,
        headers: Callable[[], Headers] | None = None,
        *,
        subclass: str = "",
        at: str = "",
        body: str = "",
        first: Headers | None = None,
        named: bool = False,
    ) -> None:
        """An event happened; `headers` is called only when somebody wants it.

        `at` is the key in `CALLING` when it is not the name; `first` stands before all headers,
        with the subclass in it when it is `named` there.
        """
        self.sequence += 1
        counted = subclass or name
        if len(self.emitted) < NAMES_MAX or counted in self.emitted:
            self.emitted[counted] += 1
        key = (name, subclass)
        takers = self._takers.get(key)
        if takers is None:
            if len(self._takers) >= NAMES_MAX:
                self._takers.clear()
            takers = [each for each in self._listeners if each.wants(name, subclass)]
            self._takers[key] = takers
        if not takers:
            return
        event = Happened(name, subclass, list(first or []), body)
        event.headers.extend(self.heading(name, "" if named else subclass, at))
        if headers is not None:
            event.headers.extend(headers())
        rendered: dict[str, bytes] = {}
        for taker in takers:
            if taker.accepts(event):
                data = rendered.get(taker.format)
                if data is None:
                    data = wire.event(taker.format, event.headers, body)
                    rendered[taker.format] = data
                taker.deliver(data)

    def heading(self, name: str, subclass: str = "", at: str = "") -> Headers:
        """What every event begins with."""
        now = self.clock()
        file, function, line = CALLING.get(at or name, ("switch_core.c", "main", 1))
        headers: Headers = [("Event-Subclass", subclass)] if subclass else []
        return [
            *headers,
            ("Event-Name", name),
            ("Core-UUID", self.core_uuid),
            ("FreeSWITCH-Hostname", self.hostname),
            ("FreeSWITCH-Switchname", self.hostname),
            ("FreeSWITCH-IPv4", "192.0.2.2"),
            ("FreeSWITCH-IPv6", "fd00::2"),
            ("Event-Date-Local", stamp(now)),
            ("Event-Date-GMT", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))),
            ("Event-Date-Timestamp", str(int(now * 1e6))),
            ("Event-Calling-File", file),
            ("Event-Calling-Function", function),
            ("Event-Calling-Line-Number", str(line)),
            ("Event-Sequence", str(self.sequence)),
        ]


def stamp(seconds: float) -> str:
    """A time as FreeSWITCH writes it; its clock is on UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
