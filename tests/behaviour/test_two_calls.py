"""Two calls at one time with the same pair of agents: each keeps its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connectors.simulator.script import Answer, HangUp, Hold, MoveCaller, Press, Until
from tests.behaviour.world import BY_HAND

if TYPE_CHECKING:
    from tests.behaviour.world import Tandem

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAIR = {"agent1": BY_HAND, "agent2": BY_HAND}


@pytest.mark.parametrize(
    "numbers", [("form-support", "chat-support"), ("form-agent1", "chat-agent2")],
    ids=["queue", "direct"],
)  # fmt: skip
async def test_two_calls_do_not_cross(numbers: tuple[str, str], tandem: Tandem) -> None:
    waits = "queued " if "form-support" in numbers else ""
    one = await tandem.place(numbers[0], "caller", **PAIR)
    await one.do(Until("ringing", "agent1"))
    two = await tandem.place(numbers[1], "caller2", **PAIR)
    await two.do(Until("ringing", "agent2"))
    for call in (one, two):
        await call.session(state="queued" if waits else "requested")

    await two.do(Answer("agent2"))
    await two.talks("agent2")
    assert (await one.session())["state"] == ("queued" if waits else "requested")
    await one.do(Answer("agent1"))
    await one.talks("agent1")

    # What the agent of one does is nothing to the other.
    await one.do(Press("agent1", "*23"))
    await tandem.told(one.id, "server: panel cobrowse opened")
    await one.do(Hold("agent1"))
    await one.call(held=True)
    assert not (await two.call())["held"]
    assert "cobrowse" not in await tandem.told(two.id)

    await one.do(HangUp("agent1"))
    await one.ended("hangup", f"{waits}inviting", ["agent1"])
    await two.talks("agent2")
    await two.do(HangUp("caller2"))
    await two.ended("hangup", f"{waits}inviting", ["agent2"], type="chat")


async def test_two_calls_follow_each_other_round_three_agents(tandem: Tandem) -> None:
    phones = dict.fromkeys(("agent1", "agent2", "agent3"), BY_HAND)
    one = await tandem.place("form-agent1", "caller", **phones)
    two = await tandem.place("form-agent2", "caller2", **phones)
    await one.do(Until("ringing", "agent1"), Answer("agent1"))
    await two.do(Until("ringing", "agent2"), Answer("agent2"))
    await one.talks("agent1")
    await two.talks("agent2")

    # agent2's goes to agent3, and agent1's to agent2, who is free by then.
    await two.do(MoveCaller("agent3"), Until("ringing", "agent3"))
    await one.do(MoveCaller("agent2"), Until("ringing", "agent2"), Answer("agent2"))
    await two.do(Answer("agent3"))

    await one.talks("agent2")
    await two.talks("agent3")
    await two.do(HangUp("agent3"))
    await one.do(HangUp("caller"))
    for call, agents in ((one, ["agent1", "agent2"]), (two, ["agent2", "agent3"])):
        session = await call.ended("hangup", None)
        assert await tandem.agents(session["id"]) == [f"sip:{a}@pbx.example.org" for a in agents]
