"""The desk's socket and the connector's link, over real sockets, on both kinds of port."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from collab_server.realtime.backend import Refusal
from collab_server.realtime.limits import Limits, Rate

from .raw import frame, open_raw
from .test_sync import eventually

if TYPE_CHECKING:
    from .conftest import StartPort
    from .fake import RunningPort

WAIT = 10.0
ORIGIN = "http://tandem.test"


async def desk(
    port: RunningPort,
    cookie: str = "desk=wang/login1",
    origin: str | None = ORIGIN,
    *,
    of: str = "desk",
) -> ClientConnection:
    return await connect(
        f"ws://{port.host}/v1/{of}/live",
        additional_headers={"Cookie": cookie} if cookie else {},
        origin=origin,  # type: ignore[arg-type]
        ping_interval=None,
    )


async def link(
    port: RunningPort,
    authorization: str = "Bearer pbx-key",
    pbx: str = "hq",
    connector: str = "",
) -> ClientConnection:
    headers = {"Authorization": authorization} if authorization else {}
    headers |= {"Tandem-Connector": connector} if connector else {}
    return await connect(
        f"ws://{port.host}/v1/pbx/{pbx}/link", additional_headers=headers, ping_interval=None
    )


async def code(port: RunningPort, name: str = "c1", cookie: str = "mine") -> ClientConnection:
    return await connect(
        f"ws://{port.host}/v1/pairings/{name}/live",
        additional_headers={"Cookie": cookie},
        origin=ORIGIN,  # type: ignore[arg-type]
        ping_interval=None,
    )


async def next_of(socket: ClientConnection) -> dict[str, Any]:
    message = await asyncio.wait_for(socket.recv(), WAIT)
    assert isinstance(message, str)
    return json.loads(message)  # type: ignore[no-any-return]


async def end_of(socket: ClientConnection) -> int:
    await asyncio.wait_for(socket.wait_closed(), WAIT)
    return socket.close_code or 1006


# -- the desk -------------------------------------------------------------------------------------


async def test_a_desk_begins_with_what_stands_and_hears_each_change(port: RunningPort) -> None:
    async with await desk(port) as mine, await desk(port, "desk=li/login2") as other:
        first = await next_of(mine)
        assert first == {
            "kind": "desk",
            "agent": {"uri": "wang"},
            "current": [],
            "waiting": [],
            "recent": [],
        }
        await next_of(other)
        port.hub.desk_push("wang", {"kind": "session", "session": {"id": "s1"}})
        port.hub.desk_push("li", {"kind": "session", "session": {"id": "s2"}})
        assert (await next_of(mine))["session"] == {"id": "s1"}
        assert (await next_of(other))["session"] == {"id": "s2"}


async def test_a_log_out_says_so_and_closes_the_sockets_of_that_log_in(port: RunningPort) -> None:
    async with await desk(port) as mine, await desk(port, "desk=wang/login2") as elsewhere:
        await next_of(mine)
        await next_of(elsewhere)
        port.hub.desk_close("login1")
        assert await next_of(mine) == {"kind": "signed_out"}
        assert await end_of(mine) == 4401
        port.hub.desk_push("wang", {"kind": "session", "session": {}})
        assert (await next_of(elsewhere))["kind"] == "session"


@pytest.mark.parametrize(
    ("cookie", "origin", "code"),
    [
        ("", ORIGIN, 4401),
        ("other=1", ORIGIN, 4401),
        ("desk=wang/login1", "http://evil.test", 4403),
        ("desk=wang/login1", None, 4403),
    ],
)
async def test_a_desk_without_its_cookie_or_from_another_page_is_refused(
    port: RunningPort, cookie: str, origin: str | None, code: int
) -> None:
    async with await desk(port, cookie, origin) as socket:
        assert await end_of(socket) == code


async def test_a_desk_whose_view_cannot_be_had_is_try_again_later(port: RunningPort) -> None:
    async with await desk(port) as socket:
        await next_of(socket)
        port.backend.fail_everything = True
        async with await desk(port) as later:
            assert await end_of(later) == 1013


async def test_a_desk_that_talks_too_much_is_closed(start: StartPort) -> None:
    port = start(limits=Limits(rate=Rate(message_burst=10, messages_per_second=0.1)))
    async with await desk(port) as socket:
        for _ in range(20):
            await socket.send("hello")
        assert await end_of(socket) == 4429


async def test_a_desk_that_sends_much_at_once_is_closed(port: RunningPort) -> None:
    async with await desk(port) as socket:
        await socket.send("x" * 10_000)
        assert await end_of(socket) == 4413


# -- the floor ------------------------------------------------------------------------------------


async def test_the_floor_hears_what_changes_and_whose_desk_opens(port: RunningPort) -> None:
    async with await desk(port, "desk=chen/login3", of="floor") as floor:
        assert await next_of(floor) == {"kind": "floor", "agents": [], "sessions": []}
        port.hub.floor_push({"kind": "session", "session": {"id": "s1"}})
        assert (await next_of(floor))["session"] == {"id": "s1"}
        async with await desk(port) as mine:
            opened = await next_of(floor)
            assert (opened["kind"], opened["uri"]) == ("agent", "wang")
            assert opened["desk"]
            assert set(port.hub.open_desks()) == {"wang"}
            async with await desk(port, "desk=wang/login2"):  # the same agent, again
                await next_of(mine)
        assert await next_of(floor) == {"kind": "agent", "uri": "wang", "desk": None}
        assert port.hub.floor_watched()
        port.hub.desk_close("login3")
        assert await next_of(floor) == {"kind": "signed_out"}
        assert await end_of(floor) == 4401
    await eventually(lambda: not port.hub.floor_watched(), "nobody is left")


async def test_a_floor_hears_of_its_own_team_alone(port: RunningPort) -> None:
    day, all_ = "desk=chen@day/1", "desk=chen2/2"
    async with (
        await desk(port, day, of="floor") as mine,
        await desk(port, all_, of="floor") as all_,
    ):
        await next_of(mine)
        await next_of(all_)
        for name, team in (("s1", "day"), ("s2", "night")):
            gone = {"kind": "gone", "id": name}
            port.hub.floor_push({"kind": "session", "of": name}, frozenset({team}), gone)
        port.hub.floor_push({"kind": "session", "of": "s3"}, None)
        assert [(await next_of(all_))["of"] for _ in range(3)] == ["s1", "s2", "s3"]
        assert (await next_of(mine))["of"] == "s1"
        assert await next_of(mine) == {"kind": "gone", "id": "s2"}
        assert (await next_of(mine))["of"] == "s3"
        async with await desk(port, "desk=li@night/3"), await desk(port, "desk=wang@day/4") as wang:
            await next_of(wang)
            assert (await next_of(mine))["uri"] == "wang", "nothing was said of li's desk"
            port.hub.desk_moved("li", "day")
        assert {(await next_of(mine))["uri"] for _ in range(2)} == {"li", "wang"}
        port.hub.floor_renew()
        assert (await next_of(mine))["kind"] == "floor"


async def test_the_floor_is_for_supervisors(port: RunningPort) -> None:
    async with await desk(port, of="floor") as floor:
        assert await end_of(floor) == 4403


# -- the link -------------------------------------------------------------------------------------


# -- the page that shows a pairing code -----------------------------------------------------------


async def test_a_page_hears_at_once_that_its_code_was_used(port: RunningPort) -> None:
    async with await code(port) as page, await code(port, "c2") as other:
        assert await next_of(page) == {"state": "open"}
        assert await next_of(other) == {"state": "open"}
        port.hub.code_used("c1")
        assert await next_of(page) == {"state": "bound"}
        port.hub.codes_over(["c2", "c3"])
        assert await next_of(other) == {"state": "over"}, "and of no other code"
        assert [await end_of(page), await end_of(other)] == [4410, 4410]


async def test_a_page_that_comes_late_learns_what_became_of_its_code(port: RunningPort) -> None:
    port.backend.views["c1"] = {"state": "bound"}
    async with await code(port) as page:
        assert await next_of(page) == {"state": "bound"}


async def test_a_page_is_let_go_when_its_code_is_too_old(port: RunningPort) -> None:
    port.backend.views["c1"] = {"state": "open", "seconds": 0.2}
    async with await code(port) as page:
        assert (await next_of(page))["state"] == "open"
        port.backend.views["c1"] = {"state": "over"}
        assert await next_of(page) == {"state": "over"}
        assert await end_of(page) == 4410


async def test_a_code_of_another_browser_is_not_watched(port: RunningPort) -> None:
    port.backend.refuse["theirs"] = Refusal(404, "this browser shows no such code")
    async with await code(port, cookie="theirs") as socket:
        assert await end_of(socket) == 4410


async def test_a_code_is_watched_in_so_many_windows_and_no_more(port: RunningPort) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(port.hub.limits.code_sockets_of_code):
            page = await stack.enter_async_context(await code(port))
            assert await next_of(page) == {"state": "open"}
        async with await code(port) as socket:
            assert await end_of(socket) == 4429


def command(name: str) -> dict[str, Any]:
    return {"id": name, "kind": "message", "call": "1.1", "args": {"text": "你好"}, "expires": "…"}


async def test_a_connector_gets_what_is_open_at_connect_and_what_comes(port: RunningPort) -> None:
    port.backend.commands["hq"] = [command("a"), command("b")]
    assert not port.hub.linked("hq")
    async with await link(port) as socket:
        assert [(await next_of(socket))["id"] for _ in range(2)] == ["a", "b"]
        assert port.hub.linked("hq")
        port.hub.link_push("hq", [command("c"), command("d")])
        port.hub.link_push("other", [command("x")])
        assert [await next_of(socket) for _ in range(2)] == [command("c"), command("d")]
    await eventually(lambda: not port.hub.linked("hq"), "unlinked")


async def test_what_has_no_result_comes_again_after_a_reconnect(port: RunningPort) -> None:
    port.backend.commands["hq"] = [command(f"c{n}") for n in range(300)]
    for _ in range(2):
        async with await link(port) as socket:
            assert [(await next_of(socket))["id"] for _ in range(300)] == [
                f"c{n}" for n in range(300)
            ]


@pytest.mark.parametrize(
    ("authorization", "pbx", "status"),
    [("", "hq", 401), ("Bearer wrong", "hq", 403), ("Bearer pbx-key", "elsewhere", 404)],
)
async def test_a_refused_link_is_a_problem_document(
    port: RunningPort, authorization: str, pbx: str, status: int
) -> None:
    port.backend.commands["hq"] = []
    with pytest.raises(InvalidStatus) as refused:
        await link(port, authorization, pbx)
    response = refused.value.response
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(response.body or b"")
    assert problem["status"] == status
    assert problem["detail"]
    if status == 401:
        assert problem["type"] == "https://tandem.test/problems/key"
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        kind, title = {
            403: ("forbidden", "Not allowed with this key or log-in"),
            404: ("not-found", "Not found"),
        }[status]
        assert (problem["type"], problem["title"]) == (f"urn:tandem:problem:{kind}", title)


async def test_a_connector_that_comes_back_takes_the_place_of_its_dead_links(
    start: StartPort,
) -> None:
    port = start(limits=Limits(links_of_pbx=2))
    port.backend.commands["hq"] = [command("a")]
    async with await link(port) as one, await link(port) as two, await link(port) as three:
        assert await end_of(one) == 1001
        for socket in (two, three):
            assert (await next_of(socket))["id"] == "a"


async def test_of_two_connectors_the_holder_of_the_lease_is_handed_commands(
    port: RunningPort,
) -> None:
    port.backend.commands["hq"] = [command("a")]
    port.backend.leases["hq"] = ("one", 4)
    async with (
        await link(port, connector="one") as one,
        await link(port, connector="two") as two,
        await link(port) as nameless,
    ):
        assert await next_of(one) == command("a") | {"lease": 4}
        port.hub.link_push("hq", [command("b")])
        assert await next_of(one) == command("b") | {"lease": 4}
        # The other is handed what stands when it takes over, and the first nothing any more.
        port.backend.commands["hq"] = [command("b")]
        port.backend.leases["hq"] = ("two", 5)
        port.hub.link_lease("hq", "two", 5)
        assert await next_of(two) == command("b") | {"lease": 5}
        port.hub.link_push("hq", [command("c")])
        assert await next_of(two) == command("c") | {"lease": 5}
        port.backend.leases["hq"] = ("", 6)
        port.hub.link_lease("hq", "", 6)
        assert await next_of(nameless) == command("b"), "as it always was for whoever has no name"
        port.backend.commands["hq"] = [command("d")]
        port.backend.leases["hq"] = ("one", 7)
        port.hub.link_lease("hq", "one", 7)
        assert await next_of(one) == command("d") | {"lease": 7}, "and neither b again nor c"


async def test_a_lease_that_was_held_already_brings_nothing_twice(port: RunningPort) -> None:
    port.backend.commands["hq"] = [command("a")]
    async with await link(port) as socket:
        assert await next_of(socket) == command("a")
        port.hub.link_lease("hq", "", 1)
        port.hub.link_push("hq", [command("b")])
        assert await next_of(socket) == command("b")


@pytest.mark.parametrize("name", ["a b", "x" * 65, "a/b"])
async def test_what_is_no_name_of_a_connector_is_none(port: RunningPort, name: str) -> None:
    port.backend.commands["hq"] = [command("a")]
    async with await link(port, connector=name) as socket:
        assert await next_of(socket) == command("a")


async def test_a_connector_is_pinged_and_its_pings_are_answered(start: StartPort) -> None:
    port = start(limits=Limits(link_ping=0.2, link_dead=0.8))
    port.backend.commands["hq"] = []
    async with await link(port) as socket:
        await asyncio.wait_for(await socket.ping(), WAIT)
        # Longer than a silent peer lives; its own pongs keep it.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.wait_closed(), 2)
        assert port.hub.linked("hq")


async def test_a_connector_that_answers_no_ping_is_dead_in_time(start: StartPort) -> None:
    port = start(limits=Limits(link_ping=0.5, link_dead=1.0))
    port.backend.commands["hq"] = []
    silent = await asyncio.to_thread(
        open_raw, port, "/v1/pbx/hq/link", Authorization="Bearer pbx-key"
    )
    await eventually(lambda: port.hub.linked("hq"), "linked")
    begun = time.monotonic()
    await eventually(lambda: not port.hub.linked("hq"), "noticed")
    assert time.monotonic() - begun < 5
    silent.close()


async def test_a_link_says_nothing_and_is_not_asked_to(port: RunningPort) -> None:
    port.backend.commands["hq"] = []
    async with await link(port) as socket:
        await socket.send(json.dumps({"result": "ignored"}))
        port.hub.link_push("hq", [command("a")])
        assert (await next_of(socket))["id"] == "a"


def test_a_frame_of_the_hand_made_client_is_what_the_rfc_says() -> None:
    # RFC 6455, section 5.7: a single-frame unmasked text message.
    assert frame(b"Hello", 1, masked=False) == bytes.fromhex("810548656c6c6f")
