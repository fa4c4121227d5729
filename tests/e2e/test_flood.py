"""The server stands still, and is dead, under a thousand events a second: the PBX feels nothing.

In CI either outage is short. What it costs grows with its length until the outbox is full (10,000
calls, tests/runtime/test_outbox.py); TANDEM_TEST_OUTAGE=60 has each last as long as the issue says.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from connectors.simulator import Call, FreeSwitchSimulator, Rings
from tests.e2e.flood import HELD, Flood, recorded, unsent
from tests.e2e.simulated import Beside
from tests.e2e.world import until, uri

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="session")

RATE = 1000
"""Events a second."""
OUTAGE = float(os.environ.get("TANDEM_TEST_OUTAGE", "3"))
UNSENT = 1 << 20
"""Bytes that may wait at the PBX for a moment. In the outage it sends thirty times that."""
OF_A_CALL = 25_000
"""Bytes of memory a call may take that the server does not know yet."""
BESIDES = 40 << 20


@pytest.mark.timeout(90 + 4 * OUTAGE)
async def test_nothing_backs_up_while_the_server_stands_still_and_then_is_dead(
    tmp_path: Path,
) -> None:
    script = Call("form-support", HELD, phones={"1001": Rings(0.01)})
    frames, legs = await recorded(script)
    assert len(frames) >= 12, "a call of few events: this would be another load"
    pbx = FreeSwitchSimulator()
    async with pbx, Beside(tmp_path, {"lab": pbx}) as tandem:
        (session,) = pbx.server.sessions
        connector = psutil.Process(tandem.connector.pid)
        flood = Flood(frames, legs, at_once=100)
        await flood.pour(session, RATE, 2)
        before, known = connector.memory_info().rss, len(flood.calls)

        tandem.server.freeze()
        await flood.pour(session, RATE, OUTAGE)
        await tandem.server.kill()
        await flood.pour(session, RATE, OUTAGE)
        grown, pending = connector.memory_info().rss - before, len(flood.calls) - known
        outbox = sum(os.stat(tmp_path / name).st_size for name in ("lab.db", "lab.db-wal"))
        await tandem.server.start()
        await flood.pour(session, RATE, 1)
        served = flood.served

        async def look() -> tuple[bool, Any]:
            standing = await tandem.all("/v1/calls?pbx=lab&limit=200")
            talking = {c["id"] for c in standing if c["agent_uri"] == uri("1001")}
            return talking == served, (len(talking), len(served))

        await until(look, "the calls that talk have their agent", 30 + OUTAGE, again=0.2)
        await flood.finish(session)

        async def over() -> tuple[bool, Any]:
            states = Counter(s["state"] for s in await tandem.all("/v1/sessions?limit=200"))
            return states == {"ended": len(flood.calls)}, (states, len(flood.calls))

        await until(over, "a session for each call, all ended", 30, again=0.5)
        sessions = {s["call"]["id"]: s for s in await tandem.all("/v1/sessions?limit=200")}

        assert flood.sent > RATE * (2 * OUTAGE + 3) * 0.9, (
            "the sender was too slow to prove anything"
        )
        assert flood.most_unsent < UNSENT
        assert unsent(session) == 0
        assert pbx.server.sessions == {session}, "the connector came anew"
        assert grown < BESIDES + OF_A_CALL * pending, f"{grown >> 20} MB for {pending} calls"
        assert outbox < BESIDES + OF_A_CALL * pending
        assert set(sessions) == set(flood.calls)
        assert {s["reason"] for s in sessions.values()} == {"hangup"}
        # Also of those that came and went in an outage.
        assert {s["agent"]["uri"] for s in sessions.values()} == {uri("1001")}
        print(f"{flood.sent} events of {len(flood.calls)} calls, {pending} of them in the outages")
        print(f"unsent at most {flood.most_unsent} bytes; outbox {outbox >> 20} MB")
        print(f"the connector's memory {before >> 20} MB, {grown >> 20} MB more in the end")
