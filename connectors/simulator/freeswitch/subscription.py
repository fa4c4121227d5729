"""Which events a session asked for, and the filters it set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bus import Happened
    from .rights import Rights

_KNOWN = """
    ADD_SCHEDULE ALL API BACKGROUND_JOB CALL_DETAIL CALL_SECURE CALL_SETUP_REQ CALL_SETUP_RESULT
    CALL_UPDATE CHANNEL_ANSWER CHANNEL_APPLICATION CHANNEL_BRIDGE CHANNEL_CALLSTATE CHANNEL_CREATE
    CHANNEL_DATA CHANNEL_DESTROY CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_GLOBAL
    CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_HOLD CHANNEL_ORIGINATE CHANNEL_OUTGOING
    CHANNEL_PARK CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_STATE CHANNEL_UNBRIDGE
    CHANNEL_UNHOLD CHANNEL_UNPARK CHANNEL_UUID CLONE CODEC COMMAND CONFERENCE_DATA
    CONFERENCE_DATA_QUERY CUSTOM DEL_SCHEDULE DETECTED_SPEECH DETECTED_TONE DEVICE_STATE DTMF
    EXE_SCHEDULE FAILURE GENERAL HEARTBEAT INBOUND_CHAN LOG MEDIA_BUG_START MEDIA_BUG_STOP MESSAGE
    MESSAGE_QUERY MESSAGE_WAITING MODULE_LOAD MODULE_UNLOAD NAT NOTALK NOTIFY NOTIFY_IN
    OUTBOUND_CHAN PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE PLAYBACK_START PLAYBACK_STOP PRESENCE_IN
    PRESENCE_OUT PRESENCE_PROBE PRIVATE_COMMAND PUBLISH QUEUE_LEN RECORD_START RECORD_STOP
    RECV_INFO RECV_MESSAGE RECV_RTCP_MESSAGE RELOADXML REQUEST_PARAMS RE_SCHEDULE ROSTER
    SEND_INFO SEND_MESSAGE SESSION_CRASH SESSION_HEARTBEAT SHUTDOWN SHUTDOWN_REQUESTED SOCKET_DATA
    SPEECH STARTUP SUBCLASS_ANY TALK TEXT TRANSFEROR_CALL UNPUBLISH UNSCHEDULE
"""
EVENTS = frozenset(_KNOWN.split())
"""Names that ``event`` knows; others count for nothing."""
MINE = (
    "CHANNEL_ANSWER", "CHANNEL_APPLICATION", "CHANNEL_BRIDGE", "CHANNEL_CREATE", "CHANNEL_DATA",
    "CHANNEL_DESTROY", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE", "CHANNEL_ORIGINATE", "CHANNEL_OUTGOING", "CHANNEL_PARK",
    "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_STATE", "CHANNEL_UNBRIDGE",
    "CHANNEL_UNPARK", "CHANNEL_UUID", "DETECTED_SPEECH", "DTMF", "NOTALK", "TALK",
)  # fmt: skip
"""What ``myevents`` brings."""


class Subscription:
    """What one session hears."""

    def __init__(self) -> None:
        self.clear()
        self.filters: list[tuple[str, str]] = []

    def clear(self) -> None:
        """``noevents``."""
        self.names: set[str] = set()
        self.subclasses: set[str] = set()
        self.everything = False
        self.only = ""
        """UUID whose events alone are wanted (``myevents`` of a channel that stands)."""
        self.channels_only = False
        """Events of channels alone are wanted (``myevents``)."""
        self.allowed: set[str] | None = None
        """CUSTOM events that ALL means; None: all."""

    def add(self, words: list[str], rights: Rights) -> bool | None:
        """``event``: whether any word was a name; what follows CUSTOM are subclasses.

        None for one that may not be heard; those before it count, those behind it do not.
        """
        known = custom = False
        self.allowed = rights.subclasses
        for word in words:
            name = word.upper()
            if custom:
                if not rights.may_hear_custom(word):
                    return None
                self.subclasses.add(word)
            elif name in EVENTS:
                if not rights.may_hear(name):
                    return None
                known = True
                if name == "ALL":
                    self.everything = True
                elif name == "CUSTOM":
                    custom = True
                self.names.add(name)
        return known

    def remove(self, words: list[str]) -> bool:
        """``nixevent``: the same words, taken back."""
        known = custom = False
        for word in words:
            name = word.upper()
            if custom:
                self.subclasses.discard(word)
            elif name in EVENTS:
                known = True
                if name == "ALL":
                    self.clear()
                elif name == "CUSTOM":
                    custom = True
                else:
                    if self.everything:
                        self.names |= EVENTS
                        self.names.discard("ALL")
                    self.names.discard(name)
                    self.everything = False
        return known

    def wants(self, name: str, subclass: str) -> bool:
        """Whether events of this name may be for it."""
        if self.everything:
            return not subclass or self.allowed is None or subclass in self.allowed
        if name not in self.names:
            return False
        return not subclass or "ALL" in self.names or subclass in self.subclasses

    def mine(self, uuid: str) -> None:
        """``myevents``."""
        self.names |= set(MINE)
        self.only = uuid
        self.channels_only = True

    def accepts(self, event: Happened) -> bool:
        """Whether the filters let it through: any that fits does, one with ``-`` keeps it out."""
        uuid = event.get("Unique-ID")
        if self.channels_only and (not uuid or (self.only and uuid != self.only)):
            return False
        if not self.filters:
            return True
        passes = False
        for name, value in self.filters:
            have = event.get(name)
            signs = re.match(r"[-+ ]*", value)
            sign = signs[0].strip()[-1:] if signs else ""
            wanted = value[signs.end() :] if signs else value
            if not have or (passes and sign != "-"):
                continue
            expression = value[:1] == "/"  # behind a sign it is a text like any other
            fits = _search(value, have) if expression else have.lower() == wanted.lower()
            if fits:
                if sign == "-":
                    return False
                passes = True
        return passes


_FLAGS = {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE, "x": re.VERBOSE}


def _search(expression: str, text: str) -> bool:
    """Search by ``/expression/flags``; one that is none finds nothing."""
    inner, end, letters = expression[1:].rpartition("/")
    if not end:
        return False
    flags = 0
    for letter in letters:
        flags |= _FLAGS.get(letter, 0)
    try:
        return re.search(inner, text, flags) is not None
    except re.error:
        return False
