"""Named kinds of calls for load and play, and reading a mix like ``queue=8,abandon=1``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from .script import (
    BlindTransfer,
    Call,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    MoveCaller,
    Press,
    Step,
    Until,
    Wait,
)
from .world import Rings

Maker = Callable[[int], Call]
CALLERS = ("caller", "caller2", "caller3")


def kinds(
    agents: Sequence[str],
    *,
    talk: float = 3.0,
    ring: float = 0.3,
    patience: float = 2.0,
    via: Literal["phone", "control"] = "phone",
) -> Mapping[str, Maker]:
    """Makers of calls by name, on the switch of `asterisk.lab` or `freeswitch.lab` with these
    agents.

    `talk`: seconds of conversation. `ring`: seconds until an agent answers. `patience`: seconds
    until a caller who gives up does. `via`: how transfers are made.
    """
    answer = {agent: Rings(ring) for agent in agents}
    silent = {agent: Rings(None) for agent in agents}
    who = Until("talking")

    def call(name: str, number: str, *steps: Step, phones: Mapping[str, Rings] = answer) -> Maker:
        def make(n: int) -> Call:
            return Call(
                number,
                steps,
                phone=CALLERS[n % len(CALLERS)],
                display=f"Caller {n}",
                phones=phones,
                name=name,
            )

        return make

    def direct(name: str, *steps: Step) -> Maker:
        """Rings an agent itself; `steps` may name it AGENT, another OTHER."""

        def make(n: int) -> Call:
            agent, other = agents[n % len(agents)], agents[(n + 1) % len(agents)]
            named = tuple(_named(step, agent, other) for step in steps)
            return Call(
                f"form-{agent}", named, CALLERS[n % len(CALLERS)], f"Caller {n}",
                phones=answer, name=name,
            )  # fmt: skip

        return make

    def outbound(n: int) -> Call:
        agent = agents[n % len(agents)]
        number = CALLERS[n % len(CALLERS)]
        return Call(
            f"form-{number}", (who, Wait(talk), HangUp()), agent, f"Agent {agent}", name="outbound"
        )

    end = (Wait(talk), HangUp())
    return {
        "queue": call("queue", "form-support", who, *end),
        "plain": call("plain", "q-support", who, *end),
        "local": call("local", "form-local", who, *end),
        "direct": direct("direct", who, *end),
        "outbound": outbound,
        "agent-hangup": direct("agent-hangup", who, Wait(talk), HangUp("AGENT")),
        "abandon": call("abandon", "chat-nobody", Until("queued"), Wait(patience), HangUp()),
        "abandon-ringing": call(
            "abandon-ringing", "form-support", Until("queued"), Wait(patience), HangUp(),
            phones=silent,
        ),
        "timeout": call("timeout", "chat-nobody", Until("queued"), Until("gone")),
        "hold": direct("hold", who, Hold("AGENT"), Wait(1.0), Hold("AGENT", on=False), *end),
        "blind": direct("blind", who, Wait(1.0), BlindTransfer("AGENT", "OTHER", via),
                        Until("talking", "OTHER"), *end),
        "attended": direct("attended", who, Wait(1.0), Consult("AGENT", "OTHER", via),
                           Until("talking", "OTHER"), CompleteTransfer("AGENT"), *end),
        "redirect": direct("redirect", who, Wait(1.0), MoveCaller("OTHER"),
                           Until("talking", "OTHER"), *end),
        "feature": direct("feature", who, Wait(1.0), Press("caller", "*23"), *end),
    }  # fmt: skip


def _named(step: Step, agent: str, other: str) -> Step:
    """A step with AGENT and OTHER replaced."""
    names = {"AGENT": agent, "OTHER": other}
    match step:
        case HangUp(phone):
            return HangUp(names.get(phone, phone))
        case Until(state, phone, within):
            return Until(state, names.get(phone, phone), within)
        case Hold(phone, on):
            return Hold(names.get(phone, phone), on)
        case BlindTransfer(by, to, via):
            return BlindTransfer(names.get(by, by), names.get(to, to), via)
        case Consult(by, to, via):
            return Consult(names.get(by, by), names.get(to, to), via)
        case CompleteTransfer(by):
            return CompleteTransfer(names.get(by, by))
        case MoveCaller(to):
            return MoveCaller(names.get(to, to))
    return step


def mix(text: str, known: Mapping[str, Maker]) -> list[tuple[float, Maker]]:
    """Read ``queue=8,abandon=1`` (a name alone weighs 1). Raises ValueError with what is wrong."""
    chosen = []
    for part in text.split(","):
        name, _, weight = part.strip().partition("=")
        if name not in known:
            raise ValueError(f"no kind of call is named {name!r}; known: {', '.join(known)}")
        try:
            number = float(weight or 1)
        except ValueError:
            number = -1.0
        if not 0 < number < float("inf"):
            raise ValueError(f"the weight of {name!r} is a number over 0, not {weight!r}")
        chosen.append((number, known[name]))
    return chosen
