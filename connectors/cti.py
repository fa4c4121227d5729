"""Which agent serves which leg: the graph of legs, bridges and pairs, kept from PBX events.

Theory of operation. A PBX moves calls in dozens of ways, each with events of its own, and
new releases add more. What they all come down to is who shares a bridge with whom. So the
CTI keeps a small graph and asks one question of it: which legs *known as an agent's* can be
reached from a leg, through talking bridges and through the pairs that ``Local``/``loopback``
channels form?

                bridge A            pair             bridge B
    user leg ----(o)---- Local;1 ======== Local;2 ----(o)---- PJSIP/1001   the agent

- A holding bridge (parking, hold music) connects nobody. Spies and announcers are not parties.
- An internal leg is a pipe, never an agent: the phone behind it is.
- A leg is known as an agent's by its endpoint (a pattern, or a queue's member), or because a
  queue offered it the call; what stands behind a queue's ``Local`` member inherits that.
- Between the queue's word that the agent has answered and the bridge there is a moment; the
  word counts as a bridge until the leg's next real one.

Everything is O(size of the conversation) for each event, and the conversation is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors import model
from connectors.agents import Agents, Member, plain_interface
from connectors.model import BridgeKind, LegRole

MAX_LEGS = 50_000
"""More than any one PBX carries; a flood of unknown legs stops here."""
MAX_CONVERSATION = 512
"""Legs looked at from one leg: a larger conference is cut off, first come first."""
MAX_PIPES = 8
"""Pipes behind pipes a dial is followed through."""


# A member of an enum is looked up by a function of Python's; these are asked for at each step.
_INBOUND, _OUTBOUND, _TALK = LegRole.INBOUND, LegRole.OUTBOUND, BridgeKind.TALK


@dataclass(slots=True)
class Leg:
    """What is known of one leg now."""

    id: str
    name: str = ""
    endpoint: str = ""
    number: str = ""
    role: LegRole = LegRole.INBOUND
    context: str = ""
    exact: str = ""
    bridge: str | None = None
    pair: str | None = None
    near: bool = False
    """The half of a pair that was dialled; the phone is behind the other half."""
    dialled_by: str | None = None
    held: bool = False
    member: Member | None = None
    served_by: str | None = None
    """The agent's leg by the queue's word, until the next bridge."""
    serves: str | None = None


@dataclass(slots=True)
class Bridge:
    kind: BridgeKind
    legs: dict[str, None] = field(default_factory=dict)
    """In the order they came."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent who can be reached: where, and who it is."""

    leg: str
    uri: str


class Cti:
    """The graph, and the answers it gives."""

    def __init__(
        self, domain: str, agents: Mapping[str, str], agent_endpoints: Sequence[str]
    ) -> None:
        self.agents = Agents(domain, agents, agent_endpoints)
        self.legs: dict[str, Leg] = {}
        self._bridges: dict[str, Bridge] = {}
        self.dropped = 0
        """Legs and members not taken because a bound was reached."""
        self._takes: dict[type, Callable[[Any], tuple[str, ...]]] = {
            model.LegUp: self._up,
            model.LegDown: self._down,
            model.LegHeld: self._held,
            model.LegsPaired: self._paired,
            model.LegDialled: self._dialled,
            model.BridgeEntered: self._entered,
            model.BridgeLeft: self._left,
            model.BridgeGone: self._gone,
            model.Transferred: self._transferred,
            model.MemberKnown: self._member_known,
            model.MemberGone: self._member_gone,
            model.Offered: self._offered,
            model.Served: self._offered,
            model.Marked: self._spoken_of,
            model.Queued: self._spoken_of,
        }
        """What each kind of event changes; the others change nothing here."""

    # --- events in ---------------------------------------------------------------------

    def apply(self, event: model.PbxEvent) -> tuple[str, ...]:
        """Take an event in; return legs from which every changed conversation can be walked."""
        take = self._takes.get(type(event))
        return take(event) if take is not None else ()

    def replace(self, snapshot: model.Snapshot) -> None:
        """Make the graph what the PBX says stands now; what a leg had learnt about it stays."""
        before = self.legs
        self.legs, self._bridges = {}, {}
        self.agents.clear()
        for member in snapshot.members:
            self.apply(member)
        for listed in snapshot.legs:
            self._up(listed.up)
            leg, old = self.legs.get(listed.up.leg), before.get(listed.up.leg)
            if leg:
                leg.dialled_by = listed.dialled_by
            if leg and old:
                leg.held, leg.member = old.held, old.member
                leg.dialled_by = old.dialled_by or leg.dialled_by
        for pair in snapshot.pairs:
            self.apply(pair)
        for listed in snapshot.legs:
            if listed.bridge:
                self._entered(model.BridgeEntered(listed.bridge, listed.up.leg, listed.kind))

    def _leg(self, leg_id: str) -> Leg | None:
        leg = self.legs.get(leg_id)
        if leg is None:
            if len(self.legs) >= MAX_LEGS:
                self.dropped += 1
                return None
            leg = self.legs[leg_id] = Leg(leg_id)
        return leg

    def _up(self, event: model.LegUp) -> tuple[str, ...]:
        leg = self._leg(event.leg)
        if leg is None:
            return ()
        leg.name, leg.endpoint = event.name, event.endpoint
        leg.number, leg.role, leg.context = event.number, event.role, event.context
        leg.exact = event.exact
        return (leg.id,)

    def _down(self, event: model.LegDown) -> tuple[str, ...]:
        leg_id = event.leg
        leg = self.legs.get(leg_id)
        if leg is None:
            return ()
        seeds = [*self._leave(leg_id), *self._unserve(leg)]
        if leg.pair and (other := self.legs.get(leg.pair)):
            other.pair = None
            seeds.append(other.id)
        del self.legs[leg_id]
        return tuple(seeds)

    def _held(self, event: model.LegHeld) -> tuple[str, ...]:
        if (leg := self.legs.get(event.leg)) is not None:
            leg.held = event.held
        return (event.leg,)

    def _paired(self, event: model.LegsPaired) -> tuple[str, ...]:
        one, two = self._leg(event.one), self._leg(event.two)
        if one and two:
            one.pair, two.pair, one.near = two.id, one.id, True
        return (event.one, event.two)

    def _spoken_of(self, event: model.Marked | model.Queued) -> tuple[str, ...]:
        self._leg(event.leg)
        return ()

    def _dialled(self, event: model.LegDialled) -> tuple[str, ...]:
        caller, callee = event.caller, event.callee
        leg = self._leg(callee)
        if leg is None:
            return ()
        leg.dialled_by = caller
        source = self.legs.get(caller) if caller else None
        if source is not None and source.role is LegRole.INTERNAL and not source.near:
            near = self.legs.get(source.pair) if source.pair else None
            leg.member = leg.member or source.member or (near.member if near else None)
        return (callee, caller) if caller else (callee,)

    def _entered(self, event: model.BridgeEntered) -> tuple[str, ...]:
        leg = self._leg(event.leg)
        if leg is None:
            return ()
        seeds = list(self._leave(event.leg)) if leg.bridge != event.bridge else []
        bridge = self._bridges.setdefault(event.bridge, Bridge(event.kind))
        bridge.kind = event.kind
        bridge.legs[leg.id] = None
        leg.bridge = event.bridge
        if leg.served_by:
            seeds += self._unserve(leg)
        return (*seeds, leg.id)

    def _left(self, event: model.BridgeLeft) -> tuple[str, ...]:
        leg = self.legs.get(event.leg)
        # A late word about a bridge it is no longer in says nothing.
        return self._leave(leg.id) if leg is not None and leg.bridge == event.bridge else ()

    def _gone(self, event: model.BridgeGone) -> tuple[str, ...]:
        gone = self._bridges.get(event.bridge)
        return tuple(seed for leg in list(gone.legs if gone else ()) for seed in self._leave(leg))

    def _transferred(self, event: model.Transferred) -> tuple[str, ...]:
        return self._leave(event.by) if event.by in self.legs else ()

    def _leave(self, leg_id: str) -> tuple[str, ...]:
        leg = self.legs[leg_id]
        bridge = self._bridges.get(leg.bridge) if leg.bridge else None
        if bridge is None or leg.bridge is None:
            return (leg_id,)
        bridge.legs.pop(leg_id, None)
        if not bridge.legs:
            del self._bridges[leg.bridge]
        leg.bridge = None
        return (leg_id, next(iter(bridge.legs))) if bridge.legs else (leg_id,)

    def _offered(self, event: model.Offered | model.Served) -> tuple[str, ...]:
        agent = self._leg(event.agent_leg)
        if agent is None:
            return ()
        interface = plain_interface(event.interface)
        listed = self.agents.listed(interface)
        if is_phone(agent) and agent.endpoint != interface and self._known_by_itself(agent):
            agent.member = self.agents.listed(
                agent.endpoint
            )  # it picked up what another phone rang
        else:
            agent.member = Member(interface, event.name, listed.state_interface if listed else "")
        if agent.role is not LegRole.INBOUND:
            agent.dialled_by = event.leg
        user = self.legs.get(event.leg)
        freed: list[str] = []
        if isinstance(event, model.Served) and user is not None and not self._bridged(user, agent):
            freed = self._unserve(user) + self._unserve(agent)
            user.served_by, agent.serves = agent.id, user.id
        return (event.leg, event.agent_leg, *freed)

    def _known_by_itself(self, leg: Leg) -> bool:
        """Whether its endpoint makes it an agent's, whatever queue rang it."""
        listed = self.agents.listed(leg.endpoint) is not None
        named = self.agents.matches(leg.endpoint) or self.agents.matches(leg.exact)
        return bool(leg.endpoint) and (listed or named)

    def _bridged(self, one: Leg, two: Leg) -> bool:
        return one.bridge is not None and one.bridge == two.bridge

    def _unserve(self, leg: Leg) -> list[str]:
        """Forget the queue's word about a leg; return the legs it was about besides."""
        if not (leg.served_by or leg.serves):
            return []
        others = [
            other
            for name in (leg.served_by, leg.serves)
            if name and (other := self.legs.get(name)) is not None
        ]
        for known in (leg, *others):
            known.served_by = known.serves = None
        return [other.id for other in others]

    def _member_known(self, event: model.MemberKnown) -> tuple[str, ...]:
        plain = plain_interface(event.interface)
        member = Member(plain, event.name, event.state_interface, event.interface)
        if not self.agents.add(event.queue, member):
            self.dropped += 1
        return ()

    def _member_gone(self, event: model.MemberGone) -> tuple[str, ...]:
        self.agents.remove(event.queue, plain_interface(event.interface))
        return ()

    # --- answers out -------------------------------------------------------------------

    def conversation(self, leg_id: str, without: str = "") -> list[Leg]:
        """Every leg reachable from `leg_id`, itself first, nearest first; empty when unknown.
        `without`: a leg that is not passed through."""
        leg = self.legs.get(leg_id)
        if leg is not None and _is_alone(leg):
            return [leg]  # Most legs, most of the time: there is nowhere to walk to.
        return [leg for leg, _ in self._walk(leg_id, without)]

    def agents_of(self, leg_id: str) -> list[Agent]:
        """The agents reachable from `leg_id`, nearest and longest there first; not itself."""
        start = self.legs.get(leg_id)
        if start is None or _is_alone(start):
            return []
        found = []
        for leg, through in self._walk(leg_id):
            if leg is start or not is_phone(leg):
                continue
            if leg.member is None and through is not None:
                # Kept on the leg: the pipe may be optimised away, the agent stays.
                leg.member = through
            if (uri := self.agent_uri(leg)) is not None:
                found.append(Agent(leg.id, uri))
        return found

    def dialler(self, leg_id: str | None) -> str:
        """Whose dialling it is, behind the pipes a dial goes through; '' for the PBX itself."""
        for _ in range(MAX_PIPES):
            leg = self.legs.get(leg_id or "")
            if leg is None or leg.role is not LegRole.INTERNAL:
                break
            near = self.legs.get(leg.pair or "")
            leg_id = near.dialled_by if near is not None and near.near else None
        return leg_id or ""

    def agent_uri(self, leg: Leg) -> str | None:
        """Whose leg it is when it is an agent's, else None."""
        return self.agents.uri(leg.endpoint, leg.exact, leg.member) if is_phone(leg) else None

    def is_agents_leg(self, leg_id: str) -> bool:
        """Whether a leg is known as an agent's."""
        leg = self.legs.get(leg_id)
        return leg is not None and self.agent_uri(leg) is not None

    def _walk(self, leg_id: str, without: str = "") -> list[tuple[Leg, Member | None]]:
        """Breadth first over bridges and pairs, with the member whose pipe led there."""
        start = self.legs.get(leg_id)
        if start is None:
            return []
        seen = {leg_id, without or leg_id}
        # A bridge is walked once: each of its legs would lead to all the others again.
        bridges: set[str] = set()
        row: list[tuple[Leg, Member | None]] = [(start, None)]
        for leg, through in row:
            beyond = (
                through or leg.member or self.agents.listed(leg.endpoint) if leg.near else through
            )
            for neighbour in self._neighbours(leg, bridges):
                if neighbour in seen or len(seen) >= MAX_CONVERSATION:
                    continue
                seen.add(neighbour)
                if (known := self.legs.get(neighbour)) is not None:
                    # Who is on this side of the pipe is whom the member was rung for.
                    row.append((known, beyond if neighbour == leg.pair else through))
        return row

    def _neighbours(self, leg: Leg, walked: set[str]) -> list[str]:
        found: list[str] = []
        if leg.bridge and leg.bridge not in walked:
            walked.add(leg.bridge)
            bridge = self._bridges.get(leg.bridge)
            if bridge is not None and bridge.kind is _TALK:
                found += bridge.legs
        if leg.pair:
            found.append(leg.pair)
        if leg.served_by:
            found.append(leg.served_by)
        if leg.serves:
            found.append(leg.serves)
        return found


def _is_alone(leg: Leg) -> bool:
    return not (leg.bridge or leg.pair or leg.served_by or leg.serves)


def is_phone(leg: Leg) -> bool:
    """Whether a leg has a person's terminal at its far end."""
    return leg.role is _INBOUND or leg.role is _OUTBOUND
