"""Which event to believe, when the dialplan lets a caller's text into one.

The wire itself is safe: FreeSWITCH escapes values, so a display name, a SIP header or a chat body
cannot put a header next to itself (connectors.freeswitch.wire keeps bodies apart). The way in is
the dialplan's ``event`` application. It splits its argument at commas and takes any name, even
``Event-Name`` and ``Unique-ID``: where an administrator writes ``${sip_h_X-Something}`` into it,
a caller can add headers, and make the event one of another kind. The same goes for scripts.

What follows from it:

- Source. FreeSWITCH stamps each event with the file that made it, before any header of the
  dialplan's. The core's events come from ``switch_….c``, those of the queues from their modules;
  ``event`` is in mod_dptools.c. Anything else is refused.
- Once. The stamp of an event that occurs twice is forged.
- A mark may come from anywhere, that is what it is for. Behind the dialplan's headers follow all
  of the channel's own, so a forged one makes two: a mark in which any header that is read here
  occurs twice is refused. Other events are not held to that: the end of a leg must not be missed
  because of something odd in it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from connectors.freeswitch.wire import Event

CORE = re.compile(r"switch_\w+\.c")
CALLCENTER = re.compile(r"mod_callcenter\.c")
FIFO = re.compile(r"mod_fifo\.c")
ANYWHERE = re.compile(r".*")

_SOURCE = "Event-Calling-File"
_LONGEST = 200
"""Characters; no file of FreeSWITCH has a longer name, with its folder."""
_STAMP = frozenset({_SOURCE, "Event-Name", "Event-Subclass", "Unique-ID"})
_FREE = frozenset({"Hangup-Cause", "Content-Length", "Content-Type"})
"""FreeSWITCH repeats these itself."""
READ = re.compile(
    r"Event-(?:Name|Subclass|Calling-File|Sequence)|Unique-ID|Channel-.*|Call-Direction"
    r"|Answer-State|Caller-.*|Other-.*|Bridge-.*|CC-.*|FIFO-.*|Collab-.*"
    r"|variable_(?:cc_.*|fifo_.*|collab_.*|dialed_user|dialed_domain|user_name|domain_name"
    r"|presence_id|sip_gateway_name|signal_bond"
    r"|other_loopback_leg_uuid|originating_leg_uuid|transfer_to|endpoint_disposition"
    r"|(?:soft_)?holding_uuid|sip_hangup_disposition)"
)
"""Headers that are read here. Not every variable: a caller who sends a header twice must not get
the channel's end refused."""


class ForgedError(Exception):
    """The event cannot be what FreeSWITCH made; the message says what gave it away."""


def check(event: Event, source: re.Pattern[str], needs: frozenset[str]) -> None:
    """Raise `ForgedError` unless it came from `source` and has all it `needs`, but not twice."""
    name = twice(event) if event.repeated else None
    if name is not None and (source is ANYWHERE or _STAMP & event.repeated.keys()):
        raise ForgedError(f"{name} occurs twice")
    made_by = event.headers.get(_SOURCE, "")
    if len(made_by) > _LONGEST or not _is_of(source, made_by):
        raise ForgedError(f"it was made by {made_by.rpartition('/')[2][:40]!r}")
    if not needs <= event.headers.keys():
        raise ForgedError(f"it has no {min(needs - event.headers.keys())}")


@lru_cache(maxsize=256)
def _is_of(source: re.Pattern[str], made_by: str) -> bool:
    """Whether a file, with its folder or without, is one of `source`."""
    return source.fullmatch(made_by.rpartition("/")[2]) is not None


def twice(event: Event) -> str | None:
    """A header that is read here and occurs twice."""
    for name in event.repeated:
        if name not in _FREE and READ.fullmatch(name):
            return name
    return None
