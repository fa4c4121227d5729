"""One size of the line: everybody comes, waits, and is served."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.linepbx import Entry, LinePbx
    from tests.bench.linesite import Site

PHONES = 3
"""One telephone to so many of them."""
AGENTS = 10
RATE = 20.0
"""Arrivals a second."""
TALK = 0.3
"""Seconds a call lasts after its answer."""
AFTER = 1.5
"""Seconds a page stays whose agent has hung up the telephone."""
IDLE = 6.0
"""Seconds for which the waiting line is measured."""
SURE = 2.0
"""Seconds between two arrivals of which it is certain who came first: queues count in seconds, and
what a call has waited in the server is told them in whole ones."""
MOMENT = 0.5
"""Seconds between two answers that count as one after the other: several agents answer at once."""
LOOK = 0.05


def out_of_order(came: Mapping[str, float], pbx: LinePbx) -> str:
    """Of the pairs of which it is certain who came first, how many the queue turned round."""
    line = sorted((came[entry.call], entry.at) for entry in pbx.answered)
    pairs = [
        (one, two)
        for index, (first, one) in enumerate(line)
        for second, two in line[index + 1 :]
        if second - first > SURE
    ]
    return f"{sum(one - two > MOMENT for one, two in pairs)} of {len(pairs)}"


async def telephones_alone(pbx: LinePbx, count: int) -> str:
    """So many telephones in the same queue without server and connector: the PBX's own order.

    mod_callcenter looks for agents while it walks down the line, and gives one who becomes free
    meanwhile to the caller it has come to.
    """
    await pbx.begin()
    begin, came = time.monotonic(), {}
    for number in range(1, count + 1):
        at = time.time()
        came[await pbx.dial()] = at
        await asyncio.sleep(max(0.0, begin + number / RATE - time.monotonic()))
    await until(lambda: len(pbx.entered) >= count, 60, "all telephones are in the queue")
    await pbx.serve(AGENTS, TALK)
    await until(lambda: len(pbx.answered) >= count, 60 + count, "all telephones are served")
    return out_of_order(came, pbx)


async def until(so: Callable[[], bool], within: float, what: str) -> None:
    """Look until it is so; AssertionError says what did not come."""
    deadline = time.monotonic() + within
    while not so():
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(LOOK)


@dataclass
class Cost:
    """What a process has used, per cent of a core between two looks."""

    pid: int
    _last: tuple[float, float] = (0.0, 0.0)
    shares: list[float] = field(default_factory=list)

    def look(self) -> None:
        used = psutil.Process(self.pid).cpu_times()
        now, spent = time.monotonic(), used.user + used.system
        if self._last[0]:
            self.shares.append((spent - self._last[1]) / (now - self._last[0]) * 100)
        self._last = now, spent

    def share(self) -> str:
        """The median, and nothing of what came before."""
        shares, self.shares = self.shares, []
        return f"{median(shares):.0f}" if shares else "-"


class Run:
    """One line of the table."""

    def __init__(self, pbx: LinePbx, site: Site, count: int, cap: int) -> None:
        self.pbx, self.site, self.count, self.cap = pbx, site, count, cap or count
        self.placed: list[str] = []
        self.dialled: dict[str, float] = {}
        self.left: dict[str, float] = {}
        """Those whose page was closed -> when."""
        self.hung_up: list[tuple[str, str, float, float]] = []
        """Agent, call, and from when to when the session stood without their telephone."""
        self.most = 0
        """Placeholders that stood at one time."""
        self.cost = {"pbx": Cost(pbx.pid), "server": Cost(site.server.pid),
                     "connector": Cost(site.connector.pid)}  # fmt: skip

    async def measure(self) -> dict[str, str]:
        await self.pbx.begin()
        await self._arrive()
        inside = min(self.count, self.cap) + len(self.dialled)
        await until(lambda: len(self.pbx.entered) >= inside, 600, "all are in the queue")
        facts = await self._stand()
        await self._leave()
        for cost in self.cost.values():
            cost.look()
            cost.shares.clear()
        began = time.monotonic()
        await self.pbx.serve(AGENTS, TALK)
        await self._served()
        facts["served in s"] = f"{time.monotonic() - began:.0f}"
        facts["busy PBX %"] = self.cost["pbx"].share()
        facts["at most"] = str(self.most)
        came = {**{call: self.site.came[call] for call in self.placed}, **self.dialled}
        facts["out of order"] = out_of_order(came, self.pbx)
        gone = [self.pbx.gone[call] - at for call, at in self.left.items()]
        facts["page gone max s"] = f"{max(gone):.1f}" if gone else "-"
        facts["given when busy"] = f"{self._given_while_busy()} of {len(self.hung_up)}"
        facts["left over"] = str(await self._left_over())
        return facts

    async def _arrive(self) -> None:
        """Calls are posted and dialled at an even pace, mixed."""
        begin, number = time.monotonic(), 0
        watching = asyncio.create_task(self._watch())
        self._watching = watching
        for index in range(self.count):
            self.placed.append(await self.site.post_call())
            number += 1
            if index % PHONES == PHONES - 1:
                at = time.time()
                self.dialled[await self.pbx.dial()] = at
                number += 1
            await asyncio.sleep(max(0.0, begin + number / RATE - time.monotonic()))

    async def _stand(self) -> dict[str, str]:
        """Everybody waits and nobody is served."""
        for cost in self.cost.values():
            cost.look()
        for _ in range(4):
            await asyncio.sleep(IDLE / 4)
            for cost in self.cost.values():
                cost.look()
        process = psutil.Process(self.pbx.pid)
        return {
            "channels": str(await self.pbx.channels()),
            "threads": str(process.num_threads()),
            "MB": f"{process.memory_info().rss / 1e6:.0f}",
            "PBX %": self.cost["pbx"].share(),
            "server %": self.cost["server"].share(),
            "connector %": self.cost["connector"].share(),
        }

    async def _leave(self) -> None:
        """Three in a hundred close their page; of those on the PBX, or it would not be seen."""
        waiting = {entry.call for entry in self.pbx.entered}
        every = [call for call in self.placed if call in waiting][10::33]
        for call in every:
            self.left[call] = await self.site.close_page(call)
        await until(lambda: set(every) <= self.pbx.gone.keys(), 30, "who left is gone")

    async def _served(self) -> None:
        """Each of the others is answered; whoever has no telephone goes a moment later."""
        mine, seen = set(self.placed), 0
        ending: set[asyncio.Task[None]] = set()
        due = len(mine) + len(self.dialled) - len(self.left)
        deadline = time.monotonic() + 60 + due
        looked = time.monotonic()
        while seen < due or ending:
            assert time.monotonic() < deadline, f"{seen} of {due} were served"
            for entry in self.pbx.answered[seen:]:
                seen += 1
                if entry.call in mine:
                    ending.add(asyncio.create_task(self._end(entry, seen % 5 == 0)))
            for task in [task for task in ending if task.done()]:
                ending.discard(task)
                task.result()
            if time.monotonic() - looked > 1.0:
                looked = time.monotonic()
                self.cost["pbx"].look()
            await asyncio.sleep(LOOK)

    async def _end(self, entry: Entry, hangs_up: bool) -> None:
        await asyncio.sleep(TALK)
        if hangs_up:
            at = time.time()
            await self.pbx.hang_up_agent(entry.call)
            await asyncio.sleep(AFTER)
            self.hung_up.append((entry.phone, entry.call, at, time.time()))
        await self.site.take_back(entry.call)

    async def _watch(self) -> None:
        """Count the placeholders that stand by what the PBX has said, until cancelled."""
        while True:
            mine = set(self.placed)
            came = {entry.call for entry in self.pbx.entered} & mine
            self.most = max(self.most, len(came - self.pbx.gone.keys()))
            await asyncio.sleep(LOOK)

    def _given_while_busy(self) -> int:
        return sum(
            any(a.phone == phone and a.call != call and since < a.at < until
                for a in self.pbx.answered)
            for phone, call, since, until in self.hung_up
        )  # fmt: skip

    async def _left_over(self) -> int:
        with contextlib.suppress(AssertionError):
            await until(lambda: set(self.placed) & {e.call for e in self.pbx.entered}
                              <= self.pbx.gone.keys(), 10, "all are gone")  # fmt: skip
        self._watching.cancel()
        for _ in range(50):
            if not (count := await self.pbx.channels()):
                return 0
            await asyncio.sleep(0.1)
        return count
