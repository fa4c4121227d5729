"""What stands on FreeSWITCH now, read by lists, and made to agree with the events around them.

``show channels`` reads a database that FreeSWITCH writes behind its events: it may lack a channel
that stands and have one that is gone. So the list only names channels, and ``uuid_dump`` of each
tells its live state; a channel that a dump or an event names and the list lacks is dumped too.

Every event and every dump has a number from one counter, ``Event-Sequence``. What an event says
of a channel is in the dump if its number is the lower one, so such an event is dropped, and one
with a higher number is applied behind the snapshot; where the dump had it already it says nothing
new. A fence, a background job of our own whose event comes behind those under way, says that no
older ones are to be waited for. Unlike on Asterisk one look is enough, unless ``status`` counts
more sessions than were found: the list is up to a second late, and of a call that came and was
answered just before the connect no event speaks until it ends.

A channel that ends meanwhile stands in the snapshot as its last event has it, and ends behind it:
how it ended is known then.

Lists that are no JSON are not read where a caller could have shaped them (``queue list members``
has callers' names between bars): who waits where is told by the channels.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from connectors.freeswitch.channels import Agent, Headers, agent_at, hung_up
from connectors.freeswitch.events import EVENTS, LEGS_LIMIT, name_of
from connectors.freeswitch.queues import AGENTS_LIMIT, counts_from
from connectors.freeswitch.standing import beside, number, snapshot_of
from connectors.freeswitch.trust import twice
from connectors.freeswitch.wire import Event, Frame, event_of
from connectors.model import PbxEvent, Snapshot
from connectors.runtime.driver import ActionError, RefusedError, UnansweredError

log = logging.getLogger(__name__)

LOOKS = 3
LATE_LOOKS = 6
LATE_WAIT = 0.25
"""Seconds between looks at a list that lacks channels: it has them after one second."""
LIST_TIMEOUT = 15.0
"""Seconds for ``show channels``: 0.7 kB a channel."""
FENCE = "uuid_exists collab-fence"
FENCE_TIMEOUT = 2.0
WINDOW_LIMIT = 20_000
"""Events kept while a look is under way."""
AT_ONCE = 20
"""Dumps asked for before the answers are waited for: 9 kB each, and events wait behind them."""
DUMPS_TIMEOUT = 60.0
"""Seconds for so many. FreeSWITCH makes one after the other, a busy one takes its time, and one
that has died is noticed by its silence long before."""

_SESSIONS = re.compile(r"^(\d{1,9}) session\(s\) - ", re.MULTILINE)
_UUID = re.compile(r"[^\s'\"\\;|]{1,256}")
_END = "CHANNEL_HANGUP_COMPLETE"
_ANNOUNCEMENTS = frozenset({"CUSTOM collab::request", "CUSTOM collab::pair"})
"""Events no dump repeats: they count, however old."""


class Api(Protocol):
    """What is asked of a connection here (`connectors.freeswitch.connection.Esl`)."""

    async def api(self, command: str, within: float = ...) -> str:
        """The answer; ActionError for ``-ERR``, UnansweredError for none."""

    async def bgapi(self, command: str, within: float = ...) -> str:
        """The same by way of a background job and its event."""

    @property
    def ended(self) -> asyncio.Future[str]:
        """Done when the connection is over."""


class Window:
    """Events that arrive while a look is under way, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.overflown = False

    def add(self, event: Event) -> None:
        """Take an event."""
        if name_of(event) not in EVENTS:
            return
        if len(self.events) >= WINDOW_LIMIT:
            self.overflown = True
        else:
            self.events.append(event)


class Resynced(NamedTuple):
    """A snapshot, and what to deliver behind it."""

    snapshot: Snapshot
    beside: tuple[PbxEvent, ...]
    """What the dumps tell besides: holds, and agents whom no list names. Right behind it."""
    agents: dict[str, Agent]
    """mod_callcenter's agents by full name; `Decoder.adopt` wants them with the snapshot."""
    since: dict[str, int]
    """When the wait of each leg counts from that waits; for `Decoder.adopt` too."""
    after: list[Event]
    """Events that are newer than the snapshot; to be decoded behind `beside`."""
    looks: int
    settled: bool
    """False: the fence did not come back, or more came than the window holds."""


async def resync(esl: Api, window: Window, *, restarted: bool) -> Resynced:
    """Look at what stands. Raises `UnansweredError`, or `RefusedError` if the list is refused."""
    try:
        listed = await esl.api("show channels as json", LIST_TIMEOUT)
    except ActionError as error:
        raise RefusedError(f"{error}; the connector reads what stands with it") from None
    dumps: dict[str, Event] = {}
    asked: set[str] = set()
    agents = read_agents(
        await _or_nothing(esl, "callcenter_config agent list"),
        await _or_nothing(esl, "callcenter_config tier list"),
    )
    named = uuids_of(listed)
    looks, late = 0, 0
    while True:
        looks += 1
        asked |= named
        dumps |= await _dumps(esl, sorted(named))
        fenced = await _fence(esl)
        # Channels that the list lacked, and then their other halves.
        named = set(_named(window.events, dumps)) - asked
        if named and looks - late < LOOKS:
            continue
        if late == LATE_LOOKS or await _sessions(esl) <= len(_standing(dumps, window.events)):
            break
        late += 1
        await asyncio.sleep(LATE_WAIT)
        named |= uuids_of(await _or_nothing(esl, "show channels as json")) - asked
    events, window.events = window.events, []
    overflown, window.overflown = window.overflown, False
    live = {leg: dump for leg, dump in dumps.items() if not hung_up(dump.headers)}
    headers = {leg: dump.headers for leg, dump in live.items()} | _ended(events, live)
    snapshot = snapshot_of(headers, agents, restarted=restarted)
    return Resynced(
        snapshot=snapshot,
        beside=tuple(beside(headers, agents)),
        agents=agents,
        since={
            listed.up.leg: since
            for listed in snapshot.legs
            if listed.queue and (since := counts_from(headers[listed.up.leg])) is not None
        },
        after=[event for event in events if is_news(event, headers)],
        looks=looks,
        settled=fenced and not overflown,
    )


def _ended(events: Iterable[Event], live: Mapping[str, Event]) -> dict[str, Headers]:
    """Channels whose end is among the events, as they last stood; older than any event."""
    return {
        event.get("Unique-ID"): {**event.headers, "Event-Sequence": "0"}
        for event in events
        if event.name == _END and event.get("Unique-ID") not in live and twice(event) is None
    }


async def _dumps(esl: Api, legs: Sequence[str]) -> dict[str, Event]:
    """The live state of each leg that stands."""
    found: dict[str, Event] = {}
    for start in range(0, min(len(legs), LEGS_LIMIT), AT_ONCE):
        some = legs[start : start + AT_ONCE]
        answers = await asyncio.gather(
            *(esl.api(f"uuid_dump {leg} json", DUMPS_TIMEOUT) for leg in some),
            return_exceptions=True,
        )
        for leg, answer in zip(some, answers, strict=True):
            if isinstance(answer, ActionError):
                continue  # it is gone
            if isinstance(answer, BaseException):
                raise answer
            if (dump := read_dump(leg, answer)) is not None:
                found[leg] = dump
    return found


async def _fence(esl: Api) -> bool:
    """Wait until the events under way are here; False if that is not to be known."""
    try:
        await esl.bgapi(FENCE, FENCE_TIMEOUT)
    except ActionError:
        return True  # refused by a job whose event has come back
    except UnansweredError:
        if esl.ended.done():
            raise
        return False
    return True


async def _sessions(esl: Api) -> int:
    """How many channels FreeSWITCH has, those on their way out too; 0 where it does not say."""
    found = _SESSIONS.search(await _or_nothing(esl, "status"))
    return int(found[1]) if found else 0


def _standing(dumps: Iterable[str], events: Iterable[Event]) -> set[str]:
    return set(dumps) - {event.get("Unique-ID") for event in events if event.name == _END}


async def _or_nothing(esl: Api, command: str) -> str:
    """A list that a small FreeSWITCH does not have (mod_callcenter not loaded): empty.

    One that is not answered at all is empty too, and said: what stands matters more.
    """
    try:
        return await esl.api(command)
    except ActionError as error:
        log.debug("%s", error)
    except UnansweredError as error:
        if esl.ended.done():
            raise
        log.warning("%s; going on without that list", error)
    return ""


# --- reading the answers


def uuids_of(listed: str) -> set[str]:
    """The channels of ``show channels as json``; none where it is no such answer."""
    try:
        answer = json.loads(listed)
    except (ValueError, RecursionError):
        return set()
    rows = answer.get("rows", []) if isinstance(answer, dict) else []
    found = (row.get("uuid") for row in rows if isinstance(row, dict))
    return {leg for leg in found if isinstance(leg, str) and _UUID.fullmatch(leg)}


def read_dump(leg: str, answer: str) -> Event | None:
    """An answer to ``uuid_dump <leg> json``; None if it is none, or not certain."""
    dump = event_of(Frame("text/event-json", {}, answer.encode("utf-8", "replace")))
    if dump is None or dump.get("Unique-ID") != leg or twice(dump) is not None:
        return None
    return dump


def read_agents(agents: str, tiers: str) -> dict[str, Agent]:
    """mod_callcenter's agents and the queues they are in, from its two lists."""
    queues: dict[str, list[str]] = {}
    for row in table(tiers):
        queues.setdefault(row.get("agent", ""), []).append(row.get("queue", ""))
    return {
        row["name"]: agent_at(row.get("contact", ""), tuple(queues.get(row["name"], ())))
        for row in table(agents)
        if row.get("name")
    }


def table(answer: str) -> Iterator[Mapping[str, str]]:
    """Lines of values between bars under a line of names. Of a line with a bar too many it is not
    certain what is what: it is left out."""
    head, *lines = answer.split("\n")
    names = head.split("|")
    for line in lines[:AGENTS_LIMIT]:
        values = line.split("|")
        if len(values) == len(names) > 1:
            yield dict(zip(names, values, strict=True))


# --- which events the dumps have already


def is_news(event: Event, dumps: Mapping[str, Headers]) -> bool:
    """Whether it says something that the dumps of its channels do not have."""
    if name_of(event) in _ANNOUNCEMENTS:
        return True
    looked = [number(dumps[leg].get("Event-Sequence", "")) for leg in _legs_of(event, dumps)]
    return not looked or number(event.get("Event-Sequence")) > min(looked)


def _legs_of(event: Event, dumps: Mapping[str, Headers]) -> set[str]:
    names = ("Unique-ID", "Bridge-A-Unique-ID", "Bridge-B-Unique-ID", "CC-Member-Session-UUID")
    return {leg for name in names if (leg := event.get(name)) in dumps}


def _named(events: Iterable[Event], dumps: Mapping[str, Event]) -> Iterator[str]:
    """Channels that are spoken of."""
    names = ("Unique-ID", "Bridge-A-Unique-ID", "Bridge-B-Unique-ID")
    others = ("variable_signal_bond", "variable_other_loopback_leg_uuid")
    for event in events:
        yield from (leg for name in names if _UUID.fullmatch(leg := event.get(name)))
    for dump in dumps.values():
        yield from (leg for name in others if _UUID.fullmatch(leg := dump.get(name)))
