"""Many calls by SIPp: the lab itself carries what the load tests ask of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from connectors.demo.phones import LoadCall

if TYPE_CHECKING:
    from connectors.demo.ami import Ami
    from connectors.demo.phones import Phones

pytestmark = pytest.mark.asyncio(loop_scope="session")

TARGETS = ("form-team", "form-local", "form-agent2")


async def test_calls_at_a_rate_are_all_placed_answered_and_ended(
    phones: Phones, tandem: Ami
) -> None:
    for n in range(1, 11):
        await phones.listen(f"agent{n}", answer=0.05)
    calls = [LoadCall(TARGETS[n % 3], f"49301{n:04d}", 0.3) for n in range(12)]

    load = await phones.load(calls, rate=6)
    await load.done(30)

    assert (load.placed, load.answered, load.ended) == (12, 12, 12)
    marked = Counter(m["CallerIDNum"] for m in tandem.messages if m.get("Event") == "UserEvent")
    assert marked == Counter(call.caller for call in calls)
