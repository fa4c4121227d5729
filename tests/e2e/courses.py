"""Scripted calls whose every turn is decided beforehand, and what is right to be known of each.

Who answers, who it is transferred to and when it ends stand in the script; when that was, is noted
as the simulated PBX does it. From both, and from the times in which the connector or the server
was away, follows what the server has to have in the end. Nothing of Tandem has a say in it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from connectors.simulator import Call, MemberSpec, PhoneSpec, QueueSpec, Rings, WorldSpec
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Step,
    Until,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.simulator.switch import SimulatedSwitch

QUEUES = 20
MEMBERS = 5
"""Agents of a queue; each rings all of its own, and serves no other."""
SURE = 1.0
"""Seconds after which what goes on is known for certain, if nothing is away."""
RING = 0.2
QUICK = 0.8
TALK = 3.0


def world(calls: int, technology: str) -> WorldSpec:
    """A caller and two agents of its own for each call, and queues with theirs."""
    teams = [[str(1500 + MEMBERS * q + m) for m in range(MEMBERS)] for q in range(QUEUES)]
    agents = [name for team in teams for name in team]
    agents += [str(base + n) for base in (1100, 1300) for n in range(calls)]
    queues = [
        QueueSpec(
            f"q{number}",
            tuple(MemberSpec(f"{technology}/{name}", name) for name in team),
            strategy="ringall",
        )
        for number, team in enumerate(teams)
    ]
    phones = [PhoneSpec(f"u{n}") for n in range(calls)]
    phones += [PhoneSpec(name, one_line=True, rings=Rings(RING)) for name in agents]
    return WorldSpec(tuple(phones), (*queues, QueueSpec("nobody")))


class Turn(NamedTuple):
    """A step, and who has the call from its end on; None: no change."""

    step: Step
    agent: str | None = None


@dataclass(frozen=True)
class Span:
    """A stretch of time, by time.monotonic()."""

    since: float
    until: float

    def without(self, others: Sequence[Span]) -> list[Span]:
        """What of it lies outside the others."""
        left = [self]
        for other in others:
            left = [
                piece
                for one in left
                for piece in (
                    Span(one.since, min(one.until, other.since)),
                    Span(max(one.since, other.until), one.until),
                )
                if piece.since < piece.until
            ]
        return left

    def seen(self, away: Sequence[Span]) -> bool:
        """Whether it lasts long enough outside of them to be known for certain."""
        return any(piece.until - piece.since >= SURE for piece in self.without(away))


@dataclass
class Course:
    """One call: what is to happen, and then what happened when."""

    type: str
    script: Call
    turns: Sequence[Turn]
    reason: Literal["hangup", "abandoned"] = "hangup"
    id: str = ""
    life: Span = Span(0, 0)
    tenures: list[tuple[str, Span]] = field(default_factory=list)
    """Each agent who had the call, and from when to when."""

    async def run(self, pbx: SimulatedSwitch[Any]) -> None:
        """Place the call and take it through its turns."""
        began = time.monotonic()
        call = pbx.place(self.script)
        self.id = call.id
        agent, since = "", began
        for turn in self.turns:
            before = time.monotonic()
            await pbx.board.perform(call, turn.step)
            if turn.agent is not None:
                self._had(agent, Span(since, before))
                agent, since = turn.agent, time.monotonic()
        await call.until("gone")
        self.life = Span(began, time.monotonic())
        self._had(agent, Span(since, before))

    def _had(self, agent: str, span: Span) -> None:
        if agent:
            self.tenures.append((agent, span))

    def check(self, session: Mapping[str, Any] | None, agents: Sequence[str], away: Away) -> None:
        """The session is the right one, or may be missing; `agents` are whoever had it."""
        what = f"{self}\nhas {session}\nof {agents}\nwhile {away}"
        if session is None:
            assert not self.life.seen(away.connector), what
            return
        assert session["state"] == "ended", what
        assert session["type"] == self.type, what
        assert session["user"]["uri"] == uri(self.script.phone), what
        # Somebody who never had the call never has its session, and nobody out of turn.
        had = [uri(agent) for agent, _ in self.tenures]
        turns = iter(had)
        assert all(agent in turns for agent in agents), what
        must = [uri(a) for a, span in self.tenures if span.seen([*away.connector, *away.server])]
        # The connector tells a server that was away who has the call now, or had it in the end.
        must += [uri(a) for a, span in self.tenures[-1:] if span.seen(away.connector)]
        assert set(must) <= set(agents), what
        assert (session["agent"] or {}).get("uri") == (agents[-1] if agents else None), what
        unseen = any(s.since - SURE < self.life.until < s.until + SURE for s in away.connector)
        assert session["reason"] in ({self.reason, "lost"} if unseen else {self.reason}), what


@dataclass
class Away:
    """When the connector and the server were away."""

    connector: list[Span] = field(default_factory=list)
    server: list[Span] = field(default_factory=list)


def uri(name: str) -> str:
    """An agent's or a caller's address."""
    return f"sip:{name}@pbx.example.org"


def course(number: int, via: Literal["phone", "control"]) -> Course:
    """The course of call `number`: ten kinds in turn, every second one queued first."""
    one, two = str(1100 + number), str(1300 + number)
    kind = number % 10
    rings: dict[str, Rings] = {}
    dialled = one
    if kind % 2 == 0:
        # The queue rings all of its agents, and the script knows who picks up.
        line = number // 2
        queue, pick = line % QUEUES, line // QUEUES
        team = [str(1500 + MEMBERS * queue + m) for m in range(MEMBERS)]
        rings = dict.fromkeys(team, Rings(None)) | {team[pick % MEMBERS]: Rings(RING)}
        dialled, one = f"q{queue}", team[pick % MEMBERS]
    up, to = Turn(Until("talking"), one), Turn(Until("talking", two), two)
    talk, end = Turn(Wait(TALK)), Turn(HangUp())
    type_, turns = {
        0: ("form", [up, talk, end]),
        1: ("chat", [up, Turn(Wait(QUICK)), end]),
        2: ("cobrowse", [up, talk, Turn(HangUp(one))]),
        3: ("form", [up, talk, Turn(BlindTransfer(one, two, via)), to, talk, end]),
        4: ("form", [up, talk, Turn(MoveCaller(two)), to, talk, end]),
        5: ("chat", [up, Turn(Hold(one)), talk, Turn(Hold(one, on=False)), talk, end]),
        6: ("form", [up, talk, Turn(BlindTransfer(one, two, via)), to, talk, Turn(HangUp(two))]),
        7: ("cobrowse", [up, talk, Turn(Consult(one, two, via)), Turn(Until("talking", two)),
                         Turn(CompleteTransfer(one)), Turn(Until("talking"), two), talk, end]),
        8: ("form", [up, Turn(Wait(QUICK)), end]),
        9: ("chat", [Turn(Until("queued")), talk, end]),
    }[kind]  # fmt: skip
    if kind == 9:
        dialled = "nobody"
    script = Call(f"{type_}-{dialled}", (), f"u{number}", f"User {number}", phones=rings)
    return Course(type_, script, turns, "abandoned" if kind == 9 else "hangup")
