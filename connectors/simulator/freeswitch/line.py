"""What mod_callcenter keeps: queues, who waits in them, agents, and their tiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .channel import Channel

if TYPE_CHECKING:
    from .offer import Race
    from .wire import Headers

SYSTEM = "single_box"
MUSIC = "tone_stream://%(400,3600,425);loops=-1"


@dataclass(eq=False, slots=True)
class Agent:
    """A callcenter agent."""

    name: str
    contact: str
    delay: float
    """Seconds before it is offered another call after it did not take one."""
    status: str = "Available"
    state: str = "Waiting"
    uuid: str = ""
    ready: float = 0.0
    last_start: int = 0
    last_end: int = 0
    last_offered: int = 0
    last_status: int = 0
    no_answers: int = 0
    answered: int = 0
    talked: int = 0
    kind: str = "callback"

    def row(self) -> list[str]:
        """As ``agent list`` has it."""
        delay = f"{self.delay:g}"
        numbers = (
            self.last_start, self.last_end, self.last_offered, self.last_status, self.no_answers,
            self.answered, self.talked, int(self.ready), 0,
        )  # fmt: skip
        return [
            self.name, SYSTEM, self.uuid, self.kind, self.contact, self.status, self.state, "0",
            "0", delay, delay, delay, *map(str, numbers),
        ]  # fmt: skip


@dataclass(eq=False, slots=True)
class Tier:
    """An agent's place in a queue."""

    queue: str
    agent: str
    level: int
    position: int
    state: str = "Ready"


@dataclass(eq=False, slots=True)
class Member:
    """Somebody who waits in a queue, talks to an agent of it, or gave up a while ago."""

    uuid: str
    queue: Queue
    channel: Channel
    name: str
    number: str
    joined: int
    state: str = "Waiting"
    bridged: int = 0
    gone: int = 0
    agent: str = ""
    race: Race | None = None
    """Who is being rung for it."""
    base_score: int = 0
    """Seconds it has waited elsewhere (``cc_base_score``)."""

    @property
    def since(self) -> int:
        """When its wait counts from: who has the highest score is offered first."""
        return self.joined - self.base_score

    def headers(self) -> Headers:
        """What events say of it."""
        return [
            ("CC-Member-UUID", self.uuid),
            ("CC-Member-Session-UUID", self.channel.uuid),
            ("CC-Member-CID-Name", self.name),
            ("CC-Member-CID-Number", self.number),
        ]

    def row(self, now: int) -> list[str]:
        """As ``queue list members`` has it."""
        session = "" if self.state == "Abandoned" else self.channel.uuid
        score = max((self.gone or now) - self.joined, 0) + self.base_score
        return [
            self.queue.name, SYSTEM, self.uuid, session, self.number, self.name,
            str(self.joined), str(self.joined), "0", str(self.bridged), str(self.gone),
            str(self.base_score), "0", self.agent, SYSTEM if self.agent else "", self.state,
            str(score),
        ]  # fmt: skip


@dataclass(eq=False, slots=True)
class Queue:
    """A waiting line."""

    name: str
    strategy: str
    max_wait: float
    members: list[Member] = field(default_factory=list)
    answered: int = 0
    abandoned: int = 0
    turn: int = 0

    @property
    def standing(self) -> int:
        """How many are in it: who waits, and who talks to an agent of it."""
        return sum(each.state != "Abandoned" for each in self.members)

    def row(self) -> list[str]:
        """As ``queue list`` has it."""
        numbers = (0, 5, "", self.answered, self.abandoned, 0)
        return [
            self.name, self.strategy, MUSIC, "system", "false", "0", "false", "true", "60",
            "false", f"{self.max_wait:g}", *map(str, numbers), "true", "On Break",
        ]  # fmt: skip
