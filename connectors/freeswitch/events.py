"""ESL events to domain events: `EVENTS` is the one list of what is wanted, and why.

Every event about a channel has all of the channel's headers, so a leg whose ``CHANNEL_CREATE``
was not seen is made up for by the first event about it. Which event is believed where a caller's
text could have got into one: `connectors.freeswitch.trust`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from connectors import model
from connectors.freeswitch.channels import (
    PLACEHOLDER,
    Agent,
    Headers,
    bridge_of,
    decoded,
    dialler_of,
    hung_up,
    interface_of_leg,
    is_near,
    known,
    leg_up,
    other_leg,
    talked,
)
from connectors.freeswitch.queues import SERVED, Queues
from connectors.freeswitch.trust import ANYWHERE, CALLCENTER, CORE, FIFO, ForgedError, check
from connectors.freeswitch.wire import Event
from connectors.marks import shown
from connectors.model import LegRole, LegUp, PbxEvent

Decoded = Iterable[PbxEvent]

SHUTTING_DOWN = "SYSTEM_SHUTDOWN"
"""The cause of every channel that FreeSWITCH ends because it stops. A caller's BYE can carry it
too (``Reason: FreeSWITCH;cause=501``): it counts behind a SHUTDOWN event only."""
LEGS_LIMIT = 20_000
"""Channels kept; FreeSWITCH's ceiling is 1,000 to 10,000 sessions. The oldest goes first: its end
was missed, or is made up."""
GONE_LIMIT = 1_000
"""Channels remembered as gone: what is still said of them must not bring them back."""

_HANDED_ON = frozenset({"ATTENDED_TRANSFER", "BLIND_TRANSFER"})


class Decoder:
    """Turns wanted events into domain events. Holds what stands of channels, bridges and queues.

    `refused` counts what was taken for forged, by event name.
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.refusals = 0
        """Their sum."""
        self.last_refusal = ""
        self._legs: dict[str, LegUp] = {}
        self._gone: dict[str, None] = {}
        self._partners: dict[str, str] = {}
        """Leg to the leg it is bridged with."""
        self._before: dict[str, str] = {}
        """Leg to the one it was bridged with before, be it for a moment's consultation."""
        self._handed: set[str] = set()
        """Legs that have handed on the other and are on their way out."""
        self._queues = Queues()
        self._stopping = False

    def decode(self, event: Event) -> Decoded:
        """The domain events one event stands for: none for what says nothing new."""
        name = name_of(event)
        wanted = EVENTS.get(name)
        if wanted is None:
            return ()
        decode, source, needs, _ = wanted
        try:
            check(event, source, needs)
            return decode(self, event)
        except ForgedError as error:
            self.refused[name] += 1
            self.refusals += 1
            self.last_refusal = f"{name}: {error}"
            return self._refusal(event, error)

    def adopt(
        self,
        snapshot: model.Snapshot,
        agents: Mapping[str, Agent] | None = None,
        since: Mapping[str, int] | None = None,
    ) -> None:
        """Replace what is known by what stands; `agents` are mod_callcenter's, by full name, and
        `since` says of those who wait when that counts from."""
        self._legs = {listed.up.leg: listed.up for listed in snapshot.legs}
        self._gone.clear()
        self._partners.clear()
        self._before.clear()
        self._handed.clear()
        self._stopping = False
        alone: dict[str, str] = {}
        for listed in snapshot.legs:
            leg, bridge = listed.up.leg, listed.bridge or ""
            if (other := alone.pop(bridge, "")) and bridge:
                self._partners[other], self._partners[leg] = leg, other
            elif bridge:
                alone[bridge] = leg
        in_line = sorted(
            (listed for listed in snapshot.legs if listed.queue), key=lambda s: s.position or 0
        )
        waiting = {listed.up.leg: listed.queue for listed in in_line}
        self._queues.adopt(waiting, agents or {}, since)

    # --- what an effect is to know

    def partner(self, leg: str) -> str | None:
        """The leg it is bridged with."""
        return self._partners.get(leg)

    def stands(self, leg: str) -> bool:
        """Whether it has come up and has not ended."""
        return leg in self._legs

    def is_placeholder(self, leg: str) -> bool:
        """Whether a connector has put it into a queue for somebody without a telephone."""
        up = self._legs.get(leg)
        return up is not None and up.name.startswith(PLACEHOLDER)

    def agents_at(self, interface: str, domain: str) -> list[str]:
        """See `connectors.freeswitch.queues.Queues.agents_at`."""
        return self._queues.agents_at(interface, domain)

    # --- channels

    def created(self, event: Event) -> Decoded:
        return self._meet(event.headers)

    def _meet(self, headers: Headers) -> list[PbxEvent]:
        """A channel heard of for the first time: the leg, its other half, who made it and why."""
        leg = headers.get("Unique-ID", "")
        if not leg or leg in self._legs or leg in self._gone or hung_up(headers):
            return []
        up = leg_up(headers)
        events: list[PbxEvent] = []
        if len(self._legs) >= LEGS_LIMIT:
            oldest = next(iter(self._legs))
            self._forget(oldest)
            events.append(model.LegDown(oldest, "more channels stand than are kept", lost=True))
        self._legs[leg] = up
        events.append(up)
        half = headers.get("variable_other_loopback_leg_uuid", "")
        if up.role is LegRole.INTERNAL and half in self._legs:
            one, two = (leg, half) if is_near(up.name) else (half, leg)
            events.append(model.LegsPaired(one, two))
        offers = self._queues.rung(headers, interface_of_leg(up))
        events += offers
        dialler = dialler_of(headers)
        if not offers and dialler in self._legs and dialler != leg:
            events.append(model.LegDialled(dialler, leg))
        return events

    def _numbered(self, headers: Headers) -> list[PbxEvent]:
        """The leg again where the dialplan has changed its caller's number since it came up."""
        up = self._legs.get(headers.get("Unique-ID", ""))
        number = known(headers.get("Caller-Caller-ID-Number", ""))
        if up is None or talked(headers) or up.role is LegRole.OUTBOUND or number == up.number:
            return []
        self._legs[up.leg] = replace(up, number=number)
        return [self._legs[up.leg]]

    def ended(self, event: Event) -> Decoded:
        get = event.headers.get
        leg, cause = get("Unique-ID", ""), get("Hangup-Cause", "")
        lost = self._stopping and cause == SHUTTING_DOWN
        handed = [] if lost else self._handed_on(event)
        self._forget(leg)
        if len(self._gone) >= GONE_LIMIT:
            del self._gone[next(iter(self._gone))]
        self._gone[leg] = None
        return (*handed, model.LegDown(leg, "FreeSWITCH is shutting down" if lost else cause, lost))

    def _forget(self, leg: str) -> None:
        self._legs.pop(leg, None)
        self._part(leg)
        self._before.pop(leg, None)
        self._handed.discard(leg)
        self._queues.forget(leg)

    def hold(self, event: Event) -> Decoded:
        return (*self._meet(event.headers), model.LegHeld(event.get("Unique-ID"), held=True))

    def unhold(self, event: Event) -> Decoded:
        if hung_up(event.headers):
            return ()  # a held channel is taken off hold on its way out
        return (*self._meet(event.headers), model.LegHeld(event.get("Unique-ID"), held=False))

    def stopping(self, _event: Event) -> Decoded:
        self._stopping = True
        return ()

    # --- bridges

    def bridged(self, event: Event) -> Decoded:
        """``Bridge-A/B-Unique-ID`` say who; `bridge_uuid` among the variables is stale (facts)."""
        one, two = event.get("Bridge-A-Unique-ID"), event.get("Bridge-B-Unique-ID")
        events = self._meet(event.headers)
        other = event.get("Other-Leg-Unique-ID")
        if other in (one, two) and other not in self._legs:
            events += self._meet(other_leg(event.headers))
        if one == two or one not in self._legs or two not in self._legs:
            return events
        for leg, partner in ((one, two), (two, one)):
            if self._partners.get(leg, partner) != partner:
                events += self._part(leg)
        self._partners[one], self._partners[two] = two, one
        bridge = bridge_of(one, two)
        return (*events, model.BridgeEntered(bridge, one), model.BridgeEntered(bridge, two))

    def _part(self, leg: str) -> list[PbxEvent]:
        """Take a leg and the one it is bridged with apart."""
        other = self._partners.pop(leg, None)
        if other is None:
            return []
        self._partners.pop(other, None)
        self._before[leg], self._before[other] = other, leg
        bridge = bridge_of(leg, other)
        return [model.BridgeLeft(bridge, leg), model.BridgeLeft(bridge, other)]

    def unbridged(self, event: Event) -> Decoded:
        """Names no legs where the bridge was one of signals only: then it is the channel's own.

        Where a leg is taken away to a third (``uuid_bridge``, REFER with Replaces), `signal_bond`
        names that already: the one it leaves has handed it on. A leg that goes back to whom it
        had left for a consultation is not handed on.
        """
        one = event.get("Bridge-A-Unique-ID") or event.get("Unique-ID")
        two = event.get("Bridge-B-Unique-ID") or self._partners.get(one, "")
        if not two or self._partners.get(one) != two:
            return ()
        third = event.get("variable_signal_bond")
        aside = event.get("variable_soft_holding_uuid")
        if hung_up(event.headers):
            # It hangs up in a consultation: whom it had put aside is bridged with the other next.
            by, leg, to = one, aside, two
        else:
            by, leg, to = two, one, third if third != self._before.get(one) else ""
        parted = self._part(one)
        if len({by, leg, to} & self._legs.keys()) < 3:
            return parted
        self._handed.add(by)
        text = f"attended transfer by {self._name(by)} to {self._name(to)}"
        return (model.Noted(leg, text), model.Transferred(by, leg), *parted)

    def _handed_on(self, event: Event) -> list[PbxEvent]:
        """A leg that ends has transferred the other: by REFER, or by hanging up in a consultation
        (``att_xfer``), when its bond is back at whom it had put aside. What the far end says for a
        cause in its BYE does not count."""
        get = event.headers.get
        leg, bond = get("Unique-ID", ""), get("variable_signal_bond", "")
        last = self._partners.get(leg) or self._before.get(leg, "")
        aside = get("variable_holding_uuid") or get("variable_soft_holding_uuid")
        if not aside and bond != last and last in self._legs:
            aside = bond
        other = aside or last
        if other not in self._legs or other == leg or leg in self._handed:
            return []
        how, _, to = event.get("variable_transfer_to").partition(":")
        words = {event.get("variable_endpoint_disposition")}
        if event.get("variable_sip_hangup_disposition") != "recv_bye":
            words.add(event.get("Hangup-Cause"))
        if not (aside or how or words & _HANDED_ON):
            return []
        blind = how == "blind" or "BLIND_TRANSFER" in words
        text = f"{'blind' if blind else 'attended'} transfer by {self._name(leg)}"
        if to and to != other:  # sofia writes whom it transfers, if there is one
            text += f" to {self._name(to) if to in self._legs else shown(to)}"
        return [model.Noted(other, text), model.Transferred(leg, other)]

    def _name(self, leg: str) -> str:
        up = self._legs.get(leg)
        return up.name if up else leg

    # --- queues

    def callcenter(self, event: Event) -> Decoded:
        events = self._meet(event.headers)
        if event.get("CC-Action") in ("member-queue-start", "member-queue-resume"):
            events += self._numbered(event.headers)
        agent = self._legs.get(event.get("CC-Agent-UUID"))
        events += self._queues.callcenter(event, interface_of_leg(agent))
        return self._standing(events)

    def fifo(self, event: Event) -> Decoded:
        events = self._meet(event.headers)
        if event.get("FIFO-Action") == "push":
            events += self._numbered(event.headers)
        up = self._legs.get(event.get("Unique-ID"))
        events += self._queues.fifo(event, interface_of_leg(up))
        return self._standing(events)

    def _standing(self, events: list[PbxEvent]) -> Decoded:
        """Without those that would bring a leg to life that is gone, or was never there."""
        return [
            event
            for event in events
            if not isinstance(event, model.Queued | model.Offered | model.Served)
            or (event.leg in self._legs and getattr(event, "agent_leg", event.leg) in self._legs)
        ]

    # --- what is said about a call

    def marked(self, event: Event) -> Decoded:
        leg = event.get("Unique-ID")
        if not leg:
            return ()  # an ESL client's own, such as the one of `tandem-connector check`
        events = [*self._meet(event.headers), *self._numbered(event.headers)]
        if leg not in self._legs:
            return events
        mark = model.Marked(
            leg=leg,
            type=event.get("Collab-Type"),
            user_uri=decoded(event.get("Collab-User-URI")),
            feature=event.get("Collab-Feature") == "1",
            header_type=event.get("Collab-Header-Type"),
            header_user_uri=decoded(event.get("Collab-Header-User-URI")),
        )
        return (*events, mark)

    def code_asked(self, event: Event) -> Decoded:
        leg = event.get("Unique-ID")
        if not leg:
            return ()
        events = [*self._meet(event.headers), *self._numbered(event.headers)]
        if leg not in self._legs:
            return events
        code = None if event.get("Collab-Ask") == "1" else event.get("Collab-Code")
        return (*events, model.CodeAsked(leg, code))

    def _refusal(self, event: Event, error: ForgedError) -> Decoded:
        """A refused mark is worth a line in its call's trace, if the call is known."""
        leg = (event.repeated.get("Unique-ID") or (event.get("Unique-ID"),))[-1]
        if event.subclass not in ("collab::request", "collab::pair") or leg not in self._legs:
            return ()
        return (model.Noted(leg, f"a mark was refused as forged: {error}"),)


class Wanted(NamedTuple):
    """One wanted event."""

    decode: Callable[[Decoder, Event], Decoded]
    source: re.Pattern[str]
    """The file of FreeSWITCH that makes it."""
    needs: frozenset[str]
    """Headers every genuine one has."""
    why: str


def _wanted(
    decode: Callable[[Decoder, Event], Decoded], source: re.Pattern[str], needs: str, why: str
) -> Wanted:
    return Wanted(decode, source, frozenset(needs.split()), why)


_ONE = "Unique-ID Channel-Name"
_BOTH = f"{_ONE} Bridge-A-Unique-ID Bridge-B-Unique-ID"

_D = Decoder
EVENTS: dict[str, Wanted] = {
    "CHANNEL_CREATE": _wanted(_D.created, CORE, _ONE, "a leg: endpoint, number, who dialled it"),
    "CHANNEL_BRIDGE": _wanted(_D.bridged, CORE, _BOTH, "who talks with whom"),
    "CHANNEL_UNBRIDGE": _wanted(_D.unbridged, CORE, _ONE, "and no longer"),
    "CHANNEL_HOLD": _wanted(_D.hold, CORE, _ONE, "the page says 'on hold'"),
    "CHANNEL_UNHOLD": _wanted(_D.unhold, CORE, _ONE, "and no longer"),
    "CHANNEL_HANGUP_COMPLETE": _wanted(_D.ended, CORE, _ONE, "a leg's end and its cause"),
    "SHUTDOWN": _wanted(_D.stopping, CORE, "", "what ends from here on nobody hung up"),
    "CUSTOM callcenter::info": _wanted(
        _D.callcenter, CALLCENTER, "CC-Action", "who waits, who is rung, who serves the call"
    ),
    "CUSTOM fifo::info": _wanted(_D.fifo, FIFO, "FIFO-Action FIFO-Name", "the same of mod_fifo"),
    "CUSTOM collab::request": _wanted(_D.marked, ANYWHERE, "", "the dialplan's mark"),
    "CUSTOM collab::pair": _wanted(
        _D.code_asked, ANYWHERE, "", "a pairing code keyed in, or to be said"
    ),
}


_SAYS_NOTHING = (
    "members-count", "agent-state-change", "agent-status-change", "agent-offering",
    "bridge-agent-end",
)  # fmt: skip
"""``CC-Action`` of the events of ``callcenter::info`` that are of no use here: four in ten of all
that the subscription brings, and as many that FreeSWITCH need not write."""
FILTERS = (
    "filter Event-Name /./",
    *(f"filter CC-Action -{action}" for action in _SAYS_NOTHING),
    f"filter CC-Cause -{SERVED}",
)
"""Commands that keep those back, and with them what the end of a served call says once more. In
this order: once a filter stands, an event must match one that does not begin with a minus
(mod_event_socket.c), and the first is matched by all."""


def name_of(event: Event) -> str:
    """An event's name as `EVENTS` and ``event json`` have it."""
    return f"{event.name} {event.subclass}" if event.name == "CUSTOM" else event.name


def subscription(*besides: str) -> str:
    """The command that asks for `EVENTS`, and for `besides` (``BACKGROUND_JOB`` …).

    Whatever follows CUSTOM is a subclass to FreeSWITCH: it comes last.
    """
    names = [*besides, *EVENTS]
    custom = [name.removeprefix("CUSTOM ") for name in names if name.startswith("CUSTOM ")]
    plain = [name for name in names if not name.startswith("CUSTOM ")]
    return " ".join(("event json", *plain, "CUSTOM", *custom))
