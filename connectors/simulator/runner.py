"""Runs scripts: one call, or many at a rate, bounded, on whatever switch carries them out."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from .script import Call, Step

Placed = TypeVar("Placed")
ERRORS_KEPT = 20


class Board(Protocol[Placed]):
    """What carries out the steps of scripts."""

    async def start(self, script: Call) -> Placed:
        """Dial what the script dials."""

    async def perform(self, call: Placed, step: Step) -> None:
        """Do one step of it."""


@dataclass(slots=True)
class Outcome:
    """What became of a run."""

    started: int = 0
    finished: int = 0
    failed: int = 0
    by_name: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    """The first few, as sentences."""
    most_at_once: int = 0
    late: float = 0.0
    """The most seconds a call started after its time."""


async def run(board: Board[Placed], script: Call) -> Placed:
    """Place one call and do its steps. Raises what the board raises."""
    call = await board.start(script)
    for step in script.steps:
        await board.perform(call, step)
    return call


async def run_many(
    board: Board[Placed],
    mix: Sequence[tuple[float, Callable[[int], Call]]],
    *,
    calls: int,
    rate: float,
    at_once: int = 1000,
    seed: int = 1,
    on_call: Callable[[Call, Placed | None, BaseException | None], None] | None = None,
) -> Outcome:
    """Run `calls` calls at `rate` a second, each made by one of `mix` chosen by its weight.

    A maker gets the call's number from 0. With `at_once` calls standing the next waits. A call
    that fails is counted, not raised; `on_call` hears of each at its end.
    """
    outcome = Outcome()
    chooser = random.Random(seed)  # noqa: S311  # a mix of test calls
    weights = [weight for weight, _ in mix]
    loop = asyncio.get_running_loop()
    slots = asyncio.Semaphore(at_once)
    now_standing = 0
    standing: set[asyncio.Task[None]] = set()

    async def one(script: Call) -> None:
        nonlocal now_standing
        placed: Placed | None = None
        error: BaseException | None = None
        try:
            placed = await run(board, script)
            outcome.finished += 1
        except (TimeoutError, LookupError, RuntimeError, ValueError) as problem:
            error = problem
            outcome.failed += 1
            if len(outcome.errors) < ERRORS_KEPT:
                outcome.errors.append(f"{script.name or script.number}: {problem}")
        finally:
            now_standing -= 1
            slots.release()
            if on_call is not None:
                on_call(script, placed, error)

    begin = loop.time()
    for number in range(calls):
        due = begin + number / rate
        if (early := due - loop.time()) > 0:
            await asyncio.sleep(early)
        await slots.acquire()
        outcome.late = max(outcome.late, loop.time() - due)
        now_standing += 1
        outcome.most_at_once = max(outcome.most_at_once, now_standing)
        script = chooser.choices(mix, weights)[0][1](number)
        outcome.started += 1
        outcome.by_name[script.name or script.number] += 1
        task = loop.create_task(one(script))
        standing.add(task)
        task.add_done_callback(standing.discard)
    while standing:
        await asyncio.wait(standing)
    return outcome
