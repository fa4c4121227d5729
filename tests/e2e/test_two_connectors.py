"""Two connectors to one simulated PBX: the holder dies or stands still during calls.

The programs, and the sockets between them, are real.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from collab_server.calls.leases import LEASE_SECONDS, START_SECONDS
from connectors.simulator import Call, FreeSwitchSimulator, Rings
from connectors.simulator.freeswitch import lab
from connectors.simulator.script import MoveCaller
from tests.e2e.programs import Program, run_once
from tests.e2e.simulated import Beside
from tests.e2e.world import invitation_in, uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectors.simulator.freeswitch.calls import PlacedCall

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVES = "this connector serves the PBX from now on"
STANDS_BY = "this one stands by"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pbx() -> AsyncIterator[FreeSwitchSimulator]:
    async with FreeSwitchSimulator(lab.world(10, rings=Rings(0.05))) as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tandem(
    pbx: FreeSwitchSimulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Beside]:
    async with Beside(tmp_path_factory.mktemp("tandem"), {"lab": pbx}) as beside:
        yield beside


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(tandem: Beside) -> AsyncIterator[Program]:
    """The same PBX's other connector, as on another machine: its own settings and outbox."""
    folder = tandem.folder / "second"
    folder.mkdir()
    text = tandem.config.read_text().replace("lab.db", "second.db")
    (config := folder / "tandem.toml").write_text(text)
    words = ["tandem-connector", "run", "lab", "--config", str(config)]
    program = Program(folder, words, "connected to")
    await program.start()
    await program.line(STANDS_BY)
    yield program
    await program.stop()


async def talk(pbx: FreeSwitchSimulator, agent: str, phone: str = "caller") -> PlacedCall:
    """A call that an agent has answered."""
    call = pbx.place(Call(f"form-{agent}", (), phone))
    await call.until("talking")
    return call


async def test_the_holder_is_killed_in_the_middle_of_calls(
    pbx: FreeSwitchSimulator, tandem: Beside, second: Program
) -> None:
    stays = await talk(pbx, "1001")
    moves = await talk(pbx, "1002", "caller2")
    ends = await talk(pbx, "1003", "caller3")
    session = await tandem.session(stays.id, agent=uri("1001"))
    await tandem.session(moves.id, agent=uri("1002"))
    await tandem.session(ends.id, agent=uri("1003"))
    for call in (stays, moves, ends):
        await tandem.told(call.id, "message: ", "sent")
    status, said = await run_once(tandem.folder, ["tandem-connector", "check", "lab"])
    assert "1 connector stands by to take this PBX over" in said, (status, said)

    await tandem.connector.kill()
    await pbx.board.perform(moves, MoveCaller("1004"))
    pbx.hang_up(ends)
    await moves.until("talking", "1004")
    await ends.until("gone")
    await second.line(SERVES)

    assert await tandem.session(stays.id, agent=uri("1001")) == session
    await tandem.session(moves.id, agent=uri("1004"))
    # It has seen that end while it stood by, so nothing is lost.
    await tandem.ended(ends.id, "hangup", uri("caller3"), [uri("1003")])
    comes = await talk(pbx, "1003", "caller3")
    await tandem.session(comes.id, agent=uri("1003"))
    await tandem.told(comes.id, "message: ", "sent")
    for call in (stays, moves, comes):
        pbx.hang_up(call)
    await tandem.ended(stays.id, "hangup", uri("caller"), [uri("1001")])
    await tandem.ended(moves.id, "hangup", uri("caller2"), [uri("1002"), uri("1004")])
    await tandem.ended(comes.id, "hangup", uri("caller3"), [uri("1003")])
    assert links(pbx, session["user"]["join_url"]) == 1

    since = len(tandem.connector.lines)
    await tandem.connector.start()
    await tandem.connector.line(STANDS_BY, since=since)
    calls = [one["call"]["id"] for one in await tandem.sessions()]
    assert sorted(calls) == sorted({stays.id, moves.id, ends.id, comes.id})


async def test_the_holder_stands_still_and_wakes_up_in_another_world(
    pbx: FreeSwitchSimulator, tandem: Beside, second: Program
) -> None:
    """The second one holds the lease since the test before."""
    stays = await talk(pbx, "1001")
    ends = await talk(pbx, "1002", "caller2")
    session = await tandem.session(stays.id, agent=uri("1001"))
    await tandem.session(ends.id, agent=uri("1002"))
    await tandem.told(stays.id, "message: ", "sent")
    first, since, woken = tandem.connector, len(tandem.connector.lines), len(second.lines)
    second.freeze()
    try:
        # It goes into the socket of the one that stands still, which is taken for alive yet; later
        # than that one would begin anything.
        await asyncio.sleep(START_SECONDS + 0.5)
        asked = {"role": "user", "send": True}
        path = f"/v1/sessions/{session['id']}/invitations"
        async with tandem.http.post(path, json=asked) as answer:
            assert answer.status == 201, await answer.text()
            made = await answer.json()
        await first.line(SERVES, since=since)
        await pbx.phone("caller").next_message(containing=invitation_in(made["join_url"]))
        comes = await talk(pbx, "1003", "caller3")
        await tandem.session(comes.id, agent=uri("1003"))
        pbx.hang_up(ends)
        await tandem.ended(ends.id, "hangup", uri("caller2"), [uri("1002")])
    finally:
        second.thaw()
    await second.line(STANDS_BY, since=woken)
    await second.line("is left to the connector that serves the PBX", since=woken)
    pbx.hang_up(comes)
    await tandem.ended(comes.id, "hangup", uri("caller3"), [uri("1003")])
    await tandem.session(stays.id, agent=uri("1001"))
    pbx.hang_up(stays)
    await tandem.ended(stays.id, "hangup", uri("caller"), [uri("1001")])
    assert links(pbx, session["user"]["join_url"]) == 1
    assert links(pbx, made["join_url"]) == 0, "read above, and not sent again"


async def test_the_holder_is_told_to_stop_and_followed_before_its_lease_lapses(
    pbx: FreeSwitchSimulator, tandem: Beside, second: Program
) -> None:
    """The first one holds the lease since the test before."""
    stays = await talk(pbx, "1001")
    session = await tandem.session(stays.id, agent=uri("1001"))
    await tandem.told(stays.id, "message: ", "sent")
    since = len(second.lines)
    assert await tandem.connector.stop() == 0
    await second.line(SERVES, within=LEASE_SECONDS - 1, since=since)
    comes = await talk(pbx, "1003", "caller3")
    await tandem.session(comes.id, agent=uri("1003"))
    await tandem.told(comes.id, "message: ", "sent")
    assert await tandem.session(stays.id, agent=uri("1001")) == session
    for call in (stays, comes):
        pbx.hang_up(call)
    await tandem.ended(stays.id, "hangup", uri("caller"), [uri("1001")])
    assert links(pbx, session["user"]["join_url"]) == 1, "the successor was handed none again"


def links(pbx: FreeSwitchSimulator, join_url: str) -> int:
    """How many unread messages carry a link of this invitation."""
    found = invitation_in(join_url)
    return sum(found in text.body for text in pbx.phone("caller").messages)
