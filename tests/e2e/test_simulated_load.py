"""A hundred calls on each of two PBXs, and connectors and server killed meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from connectors.simulator import FreeSwitchSimulator, Simulator
from connectors.simulator.asterisk import lab as asterisk_lab
from connectors.simulator.freeswitch import lab as freeswitch_lab
from tests.e2e.courses import Away, Course, Span, course, world
from tests.e2e.simulated import Beside
from tests.e2e.world import until

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.simulator.switch import SimulatedSwitch

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLS = 100
RATE = 5
"""Calls a second, on each PBX."""
DEAD = 3.0
"""Seconds that a program is dead: long enough for calls to come and go."""


async def test_a_hundred_calls_while_connectors_and_server_are_killed(tmp_path: Path) -> None:
    spec = world(CALLS, "user")
    freeswitch = FreeSwitchSimulator(spec, freeswitch_lab.dialplan(spec))
    spec = world(CALLS, "PJSIP")
    asterisk = Simulator(spec, asterisk_lab.dialplan(spec))
    pbxs: dict[str, SimulatedSwitch[Any]] = {"freeswitch": freeswitch, "asterisk": asterisk}
    courses = {
        "freeswitch": [course(number, "control") for number in range(CALLS)],
        "asterisk": [course(number, "phone") for number in range(CALLS)],
    }
    away = Away()
    async with freeswitch, asterisk, Beside(tmp_path, pbxs) as tandem:
        async with asyncio.TaskGroup() as group:
            for name, pbx in pbxs.items():
                group.create_task(place(pbx, courses[name]))
            group.create_task(kill(tandem, away))

        async def look() -> tuple[bool, Any]:
            states = Counter(s["state"] for s in await tandem.sessions())
            calls = [(await tandem.get(f"/v1/calls?pbx={name}"))["items"] for name in pbxs]
            return set(states) == {"ended"} and calls == [[], []], (states, calls)

        await until(look, "all is over", again=0.2)
        sessions = await tandem.sessions()
        agents = {session["id"]: await tandem.agents(session["id"]) for session in sessions}

    made = Counter((s["call"]["pbx"], s["call"]["id"]) for s in sessions)
    assert set(made.values()) == {1}, made.most_common(3)
    found = {(s["call"]["pbx"], s["call"]["id"]): s for s in sessions}
    assert set(found) <= {(name, one.id) for name in pbxs for one in courses[name]}
    for name, pbx in pbxs.items():
        for one in courses[name]:
            session = found.get((name, one.id))
            one.check(session, agents[session["id"]] if session else [], away)
            links = links_at(pbx, one.script.phone)
            assert links in ([], [session["id"]] if session else []), (one, links)
            outages = [*away.connector, *away.server]
            talks = one.tenures and one.tenures[0][1].seen([])
            if talks and one.life.without(outages) == [one.life]:
                assert len(links) == 1, one
        # The outages fell where they hurt: calls outlived each, ended in it, came and went in it.
        lives = [one.life for one in courses[name]]
        for span in (*away.connector, *away.server):
            assert sum(life.since < span.until < life.until for life in lives) > 8
            assert sum(span.since < life.until < span.until for life in lives) > 8
            assert sum(life.without([span]) == [] for life in lives) > 2


async def place(pbx: SimulatedSwitch[Any], courses: list[Course]) -> None:
    """Have the calls come at the rate, and go their course."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for number, one in enumerate(courses):
            await asyncio.sleep(began + number / RATE - loop.time())
            group.create_task(one.run(pbx))


async def kill(tandem: Beside, away: Away) -> None:
    """Kill the connectors six seconds after the first call, the server six seconds later."""
    connectors = tandem.connectors.values()
    await asyncio.sleep(6)
    since = time.monotonic()
    await asyncio.gather(*(each.kill() for each in connectors))
    await asyncio.sleep(DEAD)
    await asyncio.gather(*(each.start() for each in connectors))
    away.connector.append(Span(since, time.monotonic()))
    await asyncio.sleep(2)
    said = [len(each.lines) for each in connectors]
    since = time.monotonic()
    await tandem.server.kill()
    await asyncio.sleep(DEAD)
    await tandem.server.start()
    for each, before in zip(connectors, said, strict=True):
        await each.line("takes reports", since=before)
        await each.line("the link for commands is up", since=before)
    away.server.append(Span(since, time.monotonic()))


def links_at(pbx: SimulatedSwitch[Any], phone: str) -> list[str]:
    """The session of each join link that came to a telephone; a link names it in the open."""
    tokens = [
        text.body.partition("/join#")[2].partition(".")[0] for text in pbx.phone(phone).messages
    ]
    return [json.loads(base64.urlsafe_b64decode(token + "=="))[1] for token in tokens]
