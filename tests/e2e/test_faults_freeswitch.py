"""Connector, server and FreeSWITCH die, stand still or lose each other during calls.

The FreeSWITCH is simulated; the programs, and the sockets between them, are real.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from connectors.simulator import Call, FreeSwitchSimulator, Rings
from connectors.simulator.freeswitch import lab
from connectors.simulator.script import MoveCaller
from tests.e2e.simulated import Beside
from tests.e2e.world import invitation_in, uri
from tests.realtime.yclient import YClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from connectors.simulator.freeswitch.calls import PlacedCall

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER = uri("caller")
AGENTS = [str(1001 + n) for n in range(10)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pbx() -> AsyncIterator[FreeSwitchSimulator]:
    async with FreeSwitchSimulator(lab.world(10, rings=Rings(0.05))) as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def at_work(
    pbx: FreeSwitchSimulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Beside]:
    async with Beside(tmp_path_factory.mktemp("tandem"), {"lab": pbx}) as tandem:
        yield tandem


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def quiet(pbx: FreeSwitchSimulator) -> AsyncIterator[None]:
    """Faults end with the test."""
    yield
    pbx.faults.clear()


async def talk(
    pbx: FreeSwitchSimulator, agent: str, number: str = "", phone: str = "caller"
) -> PlacedCall:
    """A call that an agent has answered; to the agent, or to a queue where only that one does."""
    phones = {name: Rings(0.01 if name == agent else None) for name in AGENTS if number}
    call = pbx.place(Call(number or f"form-{agent}", (), phone, phones=phones))
    await call.until("talking")
    return call


def links(pbx: FreeSwitchSimulator, session: dict[str, Any], phone: str = "caller") -> int:
    """How many messages with this session's link came to a telephone."""
    return sum(
        invitation_in(session["user"]["join_url"]) in text.body
        for text in pbx.phone(phone).messages
    )


async def served(at_work: Beside, call: PlacedCall, agent: str, **wanted: Any) -> dict[str, Any]:
    return await at_work.session(call.id, agent=uri(agent), **wanted)


async def test_calls_during_which_the_connector_is_dead(
    at_work: Beside, pbx: FreeSwitchSimulator
) -> None:
    stays = await talk(pbx, "1001", "form-all")
    session = await served(at_work, stays, "1001")
    await at_work.told(stays.id, "message: ", "sent")
    ends = await talk(pbx, "1006", phone="caller2")
    moves = await talk(pbx, "1007", phone="caller2")
    gives_up = pbx.place(Call("chat-nobody", (), "caller3"))
    waits = pbx.place(Call("form-all", (), "caller3", phones=dict.fromkeys(AGENTS, Rings(None))))
    await served(at_work, ends, "1006")
    await served(at_work, moves, "1007")
    await at_work.session(gives_up.id, state="queued")
    await at_work.session(waits.id, state="queued")

    await at_work.connector.kill()
    pbx.hang_up(ends)
    pbx.hang_up(gives_up)
    await pbx.board.perform(moves, MoveCaller("1008"))
    await waits.until("ringing", "1002")
    pbx.answer(waits, "1002")
    comes = await talk(pbx, "1009", "chat-1009")
    passes = await talk(pbx, "1010", "chat-1010")
    pbx.hang_up(passes)
    for call in (ends, gives_up, passes):
        await call.until("gone")
    await moves.until("talking", "1008")
    await waits.until("talking")
    await at_work.connector.start()

    again = await served(at_work, stays, "1001")
    assert again == session
    await at_work.ended(ends.id, "lost", uri("caller2"), [uri("1006")])
    await at_work.ended(gives_up.id, "lost", uri("caller3"), [], "chat")
    await served(at_work, moves, "1008")
    await served(at_work, waits, "1002")
    await served(at_work, comes, "1009", type="chat")
    for call in (stays, moves, waits, comes):
        pbx.hang_up(call)
    await at_work.ended(stays.id, "hangup", CALLER, [uri("1001")])
    await at_work.ended(moves.id, "hangup", uri("caller2"), [uri("1007"), uri("1008")])
    await at_work.ended(waits.id, "hangup", uri("caller3"), [uri("1002")])
    await at_work.ended(comes.id, "hangup", CALLER, [uri("1009")], "chat")
    assert await at_work.sessions(passes.id) == []
    assert links(pbx, session) == 1


async def test_calls_during_which_the_server_is_dead(
    at_work: Beside, pbx: FreeSwitchSimulator
) -> None:
    call = await talk(pbx, "1001")
    session = await served(at_work, call, "1001")
    text = await pbx.phone("caller").next_message(
        containing=invitation_in(session["user"]["join_url"])
    )
    await at_work.told(call.id, "message: ", "sent")
    token = text.body.rpartition("/join#")[2].split()[0]
    status, joined = await at_work.post("/v1/join", {"token": token})
    assert status == 200, joined
    sync = joined["sync"]
    async with YClient(sync["url"], sync["room"], sync["token"]) as user:
        await user.until_synced()
        await user.say("before the server died")
        await user.until_stored()
        await at_work.server.kill()
        assert await user.until_closed() == 1006
    await pbx.board.perform(call, MoveCaller("1002"))
    await call.until("talking", "1002")
    waits = pbx.place(Call("chat-nobody", (), "caller2"))
    passes = await talk(pbx, "1003", phone="caller3")
    pbx.hang_up(passes)
    await passes.until("gone")
    await at_work.server.start()

    await served(at_work, call, "1002")
    await at_work.session(waits.id, state="queued")
    async with YClient(sync["url"], sync["room"], sync["token"]) as user:
        await user.until(lambda: user.lines == ["before the server died"])
    pbx.hang_up(call)
    pbx.hang_up(waits)
    await at_work.ended(call.id, "hangup", CALLER, [uri("1001"), uri("1002")])
    await at_work.ended(waits.id, "abandoned", uri("caller2"), [], "chat")
    await at_work.ended(passes.id, "hangup", uri("caller3"), [uri("1003")])
    await at_work.told(passes.id, "wire: ", "mark: ", f"agent: {uri('1003')} serves", "end: ")
    assert links(pbx, session) == 0, "the link was read once; another one came"


def reset(pbx: FreeSwitchSimulator) -> None:
    """A TCP reset behind what has been sent."""
    for session in pbx.server.sessions:
        assert session.transport is not None
        sock = session.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        session.transport.abort()


def reset_in_a_frame(pbx: FreeSwitchSimulator) -> None:
    pbx.faults.garbage(
        b'Content-Length: 4000\nContent-Type: text/event-json\n\n{"Event-Name":"CHANN'
    )
    asyncio.get_running_loop().call_soon(reset, pbx)


def goodbye(pbx: FreeSwitchSimulator) -> None:
    for session in list(pbx.server.sessions):
        session.goodbye()


@pytest.mark.parametrize(
    "lose",
    [
        reset_in_a_frame,
        goodbye,
        lambda pbx: pbx.faults.cut_mid_frame(),
        lambda pbx: pbx.faults.stall(),
    ],
    ids=["reset in a frame", "goodbye", "cut in a frame", "half open"],
)
async def test_a_connection_that_is_lost_during_calls(
    lose: Callable[[FreeSwitchSimulator], None], at_work: Beside, pbx: FreeSwitchSimulator
) -> None:
    stays = await talk(pbx, "1001")
    moves = await talk(pbx, "1002", phone="caller2")
    ends = await talk(pbx, "1003", phone="caller3")
    sessions = [await served(at_work, *each) for each in
                ((stays, "1001"), (moves, "1002"), (ends, "1003"))]  # fmt: skip
    for call in (stays, moves, ends):
        await at_work.told(call.id, "message: ", "sent")
    said = len(at_work.connector.lines)

    lose(pbx)
    pbx.hang_up(ends)
    await pbx.board.perform(moves, MoveCaller("1004"))
    await moves.until("talking", "1004")
    comes = await talk(pbx, "1005", "form-all")
    await at_work.connector.line("connecting again", within=15, since=said)
    await at_work.connector.line(", reporting to", since=said)

    assert await served(at_work, stays, "1001") == sessions[0]
    await served(at_work, moves, "1004")
    await served(at_work, comes, "1005")
    for call in (stays, moves, comes):
        pbx.hang_up(call)
    await at_work.ended(stays.id, "hangup", CALLER, [uri("1001")])
    await at_work.ended(moves.id, "hangup", uri("caller2"), [uri("1002"), uri("1004")])
    await at_work.ended(comes.id, "hangup", CALLER, [uri("1005")])
    # That end may have been on the wire before it was cut.
    ended = await at_work.session(ends.id, state="ended")
    assert ended["reason"] in ("hangup", "lost")
    assert [links(pbx, sessions[0]), links(pbx, sessions[1], "caller2")] == [1, 1]
    assert (await at_work.get("/v1/calls?pbx=lab"))["items"] == []


@pytest.mark.parametrize("how", ["told", "killed"])
async def test_freeswitch_restarted_during_calls_loses_them_and_serves_the_next(
    how: str, at_work: Beside, pbx: FreeSwitchSimulator
) -> None:
    call = await talk(pbx, "1001", "form-all")
    await served(at_work, call, "1001")
    waits = pbx.place(Call("chat-nobody", (), "caller2"))
    await at_work.session(waits.id, state="queued")
    said = len(at_work.connector.lines)

    await pbx.faults.restart(clean=how == "told")

    await at_work.connector.line(", reporting to", since=said)
    ended = await at_work.ended(call.id, "lost", CALLER, [uri("1001")])
    await at_work.ended(waits.id, "lost", uri("caller2"), [], "chat")
    following = await talk(pbx, "1001", "form-all")
    session = await served(at_work, following, "1001")
    assert session["id"] != ended["id"]
    await pbx.phone("caller").next_message(containing=invitation_in(session["user"]["join_url"]))
    pbx.hang_up(following)
    await at_work.ended(following.id, "hangup", CALLER, [uri("1001")])


@pytest.mark.parametrize("killed", [False, True])
async def test_all_are_restarted_at_once(
    killed: bool, at_work: Beside, pbx: FreeSwitchSimulator
) -> None:
    """`killed`: FreeSWITCH too."""
    call = await talk(pbx, "1001")
    session = await served(at_work, call, "1001")

    await asyncio.gather(at_work.server.kill(), at_work.connector.kill())
    if killed:
        await pbx.faults.restart(clean=False)
    await asyncio.gather(at_work.connector.start(), at_work.server.start())

    if not killed:
        assert (await served(at_work, call, "1001"))["id"] == session["id"]
        pbx.hang_up(call)
    reason = "lost" if killed else "hangup"
    await at_work.ended(call.id, reason, CALLER, [uri("1001")])
    assert (await at_work.get("/v1/calls?pbx=lab"))["items"] == []
