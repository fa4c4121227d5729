"""What the live channels come to: one snapshot, and what a snapshot has no place for.

Pure: the headers of each channel's ``uuid_dump`` in, values of the domain out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors import model
from connectors.freeswitch.channels import (
    Agent,
    Headers,
    agent_name,
    bridge_of,
    decoded,
    dialler_of,
    interface_of_leg,
    is_near,
    leg_up,
)
from connectors.freeswitch.queues import counts_from, is_scored, members
from connectors.model import LegRole, LegsPaired, Marked, PbxEvent, Snapshot, SnapshotLeg

_WAITING = {"callcenter": "", "fifo": "in"}
"""Applications that hold a waiting caller, and the word behind the queue that says so."""


def snapshot_of(
    dumps: Mapping[str, Headers], agents: Mapping[str, Agent], *, restarted: bool
) -> Snapshot:
    """The live channels as one value."""
    places = _places(dumps)
    legs = tuple(
        SnapshotLeg(
            up=leg_up(dump),
            bridge=bridge_of(leg, other) if (other := partner(leg, dumps)) else None,
            mark=_mark(leg, dump),
            queue=places.get(leg, ("", None))[0],
            position=places.get(leg, ("", None))[1],
            dialled_by=_dialled_by(dump, dumps),
            talked=bool(dump.get("variable_last_bridge_to")),
            left_by=_left_by(dump, agents),
        )
        for leg, dump in dumps.items()
    )
    return Snapshot(
        legs=legs,
        pairs=tuple(_pairs(dumps)),
        members=tuple(known for name, agent in agents.items() for known in members(name, agent)),
        restarted=restarted,
    )


def beside(dumps: Mapping[str, Headers], agents: Mapping[str, Agent]) -> Iterator[PbxEvent]:
    """What a snapshot has no place for: whom a queue gave a call to whom no list names as its
    member (behind a gateway, a fifo's), and who is on hold."""
    interfaces = {agent.interface for agent in agents.values()}
    for leg, dump in dumps.items():
        up, other = leg_up(dump), partner(leg, dumps)
        user = dump.get("variable_cc_member_session_uuid", "")
        if dump.get("variable_cc_side") != "agent":
            user = ""
        name = dump.get("variable_cc_agent", "")
        queue, way = _application(dump, "fifo")
        if user in dumps and up.endpoint not in interfaces:
            interface = agents[name].interface if name in agents else interface_of_leg(up)
            said = (user, leg, dump.get("variable_cc_queue", ""), interface, agent_name(name))
            if other == user:
                yield model.Served(*said)
            elif dump.get("Answer-State") != "answered":
                yield model.Offered(*said)
        elif other is not None and way == "out" and _application(dumps[other], "fifo")[1] == "in":
            yield model.Served(other, leg, queue, interface_of_leg(up))
        if up.role in (LegRole.INBOUND, LegRole.OUTBOUND):
            yield model.LegHeld(leg, dump.get("Channel-Call-State") == "HELD")


def partner(leg: str, dumps: Mapping[str, Headers]) -> str | None:
    """The leg it is bridged with: each names the other. A leg that rings names who dialled it,
    and one that was left still names who left (facts: stale variables)."""
    other = dumps[leg].get("variable_signal_bond", "")
    back = dumps[other].get("variable_signal_bond") if other in dumps else None
    return other if back == leg and other != leg else None


def number(value: str) -> int:
    return int(value[:20]) if value.isascii() and value.isdigit() else 0


def _dialled_by(dump: Headers, dumps: Mapping[str, Headers]) -> str | None:
    """Who dials a leg that rings; one that talks began the conversation it is in long ago."""
    dialler = dialler_of(dump)
    rings = dump.get("Answer-State") != "answered" and dialler in dumps
    return dialler if rings and partner(dialler, dumps) is None else None


def _application(dump: Headers, name: str) -> tuple[str, str]:
    """The queue a channel's application is about, and the word behind it (``in``, ``out``)."""
    if dump.get("variable_current_application") != name:
        return "", ""
    words = dump.get("variable_current_application_data", "").split()
    return words[0] if words else "", words[1] if len(words) > 1 else ""


def _places(dumps: Mapping[str, Headers]) -> dict[str, tuple[str, int | None]]:
    """Who waits in which queue, and at which place, where that of all who do can be told."""
    lines: dict[str, list[tuple[int, int, str]]] = {}
    scored: set[str] = set()
    for leg, dump in dumps.items():
        for application, word in _WAITING.items():
            queue, way = _application(dump, application)
            waits = dump.get("Channel-State") == "CS_EXECUTE" and partner(leg, dumps) is None
            if not queue or not waits or (word and way != word):
                continue
            since = counts_from(dump)
            if since is None and is_scored(dump):
                scored.add(queue)
            # Of those who came in one second the older channel stands before the others.
            created = number(dump.get("Caller-Channel-Created-Time", ""))
            since = created // 1_000_000 if since is None else since
            lines.setdefault(queue, []).append((since, created, leg))
    return {
        leg: (queue, None if queue in scored else place)
        for queue, line in lines.items()
        for place, (_, _, leg) in enumerate(sorted(line), 1)
    }


def _left_by(dump: Headers, agents: Mapping[str, Agent]) -> str | None:
    """See `SnapshotLeg.left_by`: a placeholder parks when its agent hangs up. mod_callcenter has
    noted on it with whom it was bridged; without that it parks for a moment, and waits again."""
    up, name = leg_up(dump), dump.get("variable_cc_agent", "")
    parks = dump.get("Channel-State") == "CS_PARK" and up.placed == up.leg
    if up.role is not LegRole.INTERNAL or not parks or not name:
        return None
    return agents[name].interface if name in agents else ""


def _mark(leg: str, dump: Headers) -> Marked | None:
    """The mark its variables carry."""
    names = ("type", "user_uri", "header_type", "header_user_uri")
    found = [dump.get(f"variable_collab_{name}", "") for name in names]
    if not any(found):
        return None
    return Marked(
        leg=leg,
        type=found[0],
        user_uri=decoded(found[1]),
        header_type=found[2],
        header_user_uri=decoded(found[3]),
        recovered=True,
    )


def _pairs(dumps: Mapping[str, Headers]) -> Iterator[LegsPaired]:
    for leg, dump in dumps.items():
        other = dump.get("variable_other_loopback_leg_uuid", "")
        if other in dumps and is_near(dump.get("Channel-Name", "")):
            yield LegsPaired(leg, other)
