"""The port itself: HTTP and web sockets side by side, its bounds, its start and its stop."""

from __future__ import annotations

import asyncio
import http.client
import importlib.metadata
import itertools
import json
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from collab_server.realtime.limits import Limits
from collab_server.realtime.server import bind, create_hub, serve

from .fake import FakeBackend, hello
from .raw import HANDSHAKE, close_code, connect, frame, open_raw, read_all, read_head, request
from .test_push import link
from .test_sync import user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .conftest import StartPort
    from .fake import RunningPort


def ask(
    port: RunningPort, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*port.port.address, timeout=10)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    found = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    """Nothing tells when the port has read something."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


# -- what it is built on --------------------------------------------------------------------------


def test_the_splice_runs_on_the_versions_it_was_written_for() -> None:
    # It overrides what neither package calls public: read both again before moving a pin.
    assert importlib.metadata.version("uvicorn") == "0.54.0"
    assert importlib.metadata.version("picows") == "2.3.1"


# -- HTTP -----------------------------------------------------------------------------------------


def test_flask_answers_on_the_same_port(port: RunningPort) -> None:
    assert ask(port, "GET", "/healthz")[::2] == (200, b"GET /healthz 0")
    assert ask(port, "POST", "/v1/join", b"x" * 200_000)[::2] == (200, b"POST /v1/join 200000")


def test_one_connection_carries_many_requests(port: RunningPort) -> None:
    connection = http.client.HTTPConnection(*port.port.address, timeout=10)
    for n in range(20):
        connection.request("POST", f"/{n}", b"x" * 70_000 * (n % 2))
        assert connection.getresponse().read().decode() == f"POST /{n} {70_000 * (n % 2)}"
    connection.close()


def test_a_body_above_the_bound_is_413(start: StartPort) -> None:
    port = start(limits=Limits(http_body=1000))
    status, headers, body = ask(port, "POST", "/", b"x" * 1001)
    assert (status, headers["content-type"]) == (413, "application/problem+json")
    assert json.loads(body)["detail"] == "The body exceeds 1000 bytes."
    assert ask(port, "POST", "/", iter([b"x" * 600] * 2))[0] == 413
    assert ask(port, "POST", "/", b"x" * 1000)[0] == 200


def test_only_a_report_may_be_large(start: StartPort) -> None:
    port = start(limits=Limits(http_body=2000, http_small_body=1000))
    assert ask(port, "POST", "/v1/pbx/hq/reports", b"x" * 2000)[0] == 200
    status, _, body = ask(port, "POST", "/v1/pbx/hq/reports/more", b"x" * 1001)
    assert (status, json.loads(body)["type"]) == (413, "urn:tandem:problem:too-large")


def test_the_bodies_of_all_requests_together_are_bounded(start: StartPort) -> None:
    port = start(limits=Limits(http_body=1000, http_bodies=2500))
    head = {"Host": "t", "Content-Length": "1000"}
    slow = [connect(port) for _ in range(3)]
    for connection in slow[:2]:
        connection.sendall(request("/", head, "POST") + b"x" * 999)
    wait_until(lambda: port.port._http._held == 1998)
    slow[2].sendall(request("/", head, "POST") + b"x" * 600)
    assert "503" in read_head(slow[2]).splitlines()[0]
    slow[0].sendall(b"x")
    assert "200" in read_head(slow[0]).splitlines()[0]
    assert ask(port, "POST", "/", b"x" * 1000)[0] == 200, "what was held is free again"
    for connection in slow:
        connection.close()
    wait_until(lambda: port.port._http._held == 0)


def test_half_a_body_is_none(start: StartPort) -> None:
    port = start()
    asked: list[str] = []

    def remembers(environ: Any, begin: Any) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        return hello(environ, begin)

    port.port._http._wsgi.app = remembers
    cut = connect(port)
    cut.sendall(request("/cut", {"Host": "t", "Content-Length": "10"}, "POST") + b"{}")
    wait_until(lambda: port.port._http._held == 2)
    cut.close()
    wait_until(lambda: port.port._http._held == 0)
    assert ask(port, "GET", "/whole")[0] == 200
    assert asked == ["/whole"]


def test_a_slow_body_holds_no_thread(start: StartPort) -> None:
    port = start(limits=Limits(http_body_time=1.0))
    slow = [connect(port) for _ in range(8)]  # the port has four threads
    for connection in slow:
        connection.sendall(request("/", {"Host": "t", "Content-Length": "10"}, "POST") + b"x")
    assert ask(port, "GET", "/")[0] == 200
    assert all("408" in read_head(connection).splitlines()[0] for connection in slow)
    for connection in slow:
        connection.close()


def test_a_reader_that_does_not_read_holds_no_thread(start: StartPort) -> None:
    port = start()

    def large(environ: Any, begin: Any) -> Iterable[bytes]:
        begin("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * 8_000_000 if environ["PATH_INFO"] == "/large" else b"small"]

    port.port._http._wsgi.app = large
    stuck = [connect(port, receive_buffer=4096) for _ in range(8)]
    for connection in stuck:
        connection.sendall(request("/large", {"Host": "t"}))
    assert ask(port, "GET", "/")[::2] == (200, b"small")
    for connection in stuck:
        connection.close()


def test_more_requests_than_can_wait_are_503(start: StartPort) -> None:
    port = start(limits=Limits(http_waiting=4))
    release = threading.Event()
    entered = threading.Semaphore(0)

    def waits(environ: Any, begin: Any) -> Iterable[bytes]:
        entered.release()
        assert release.wait(10)
        return hello(environ, begin)

    port.port._http._wsgi.app = waits
    held = [connect(port) for _ in range(4)]
    for connection in held:
        connection.sendall(request("/", {"Host": "t"}))
    for _ in held:
        assert entered.acquire(timeout=10)
    status, headers, _ = ask(port, "GET", "/")
    assert (status, headers["retry-after"]) == (503, "1")
    release.set()
    for connection in held:
        assert "200" in read_head(connection).splitlines()[0]
        connection.close()


def test_slow_bodies_take_nobodys_place(start: StartPort) -> None:
    port = start(limits=Limits(http_waiting=2))
    slow = [connect(port) for _ in range(4)]
    for connection in slow:
        connection.sendall(request("/", {"Host": "t", "Content-Length": "10"}, "POST") + b"x")
    wait_until(lambda: port.port._http._held == 4)
    assert ask(port, "GET", "/")[0] == 200
    for connection in slow:
        connection.close()


def test_a_header_with_an_underscore_is_not_taken_for_its_twin(port: RunningPort) -> None:
    connection = connect(port)
    connection.sendall(
        request("/", {"Host": "t", "X_Forwarded_For": "6.6.6.6", "Connection": "close"})
    )
    assert b"6.6.6.6" not in read_all(connection)
    connection.close()


def test_an_endless_head_is_cut_off(port: RunningPort) -> None:
    connection = connect(port)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: t\r\nX: ")
    try:
        for _ in range(40):
            connection.sendall(b"x" * 10_000)
    except OSError:
        pass  # cut off while still sending is as good
    answer = read_all(connection)
    assert answer == b"" or b" 400 " in answer
    connection.close()


@pytest.mark.parametrize(
    "more",
    [b"X: " + b"x" * 400_000, b"X: x\r\n" * 300, b"X: x\r\n" * 100_000],
    ids=["one that does not end", "more than there may be", "no end of them"],
)
def test_what_is_behind_a_body_is_bounded_too(port: RunningPort, more: bytes) -> None:
    """A trailer is kept like a head, and one without an end would be kept until memory ends."""
    connection = connect(port)
    try:
        head = b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"2\r\n{}\r\n0\r\n")
        connection.sendall(more)
        connection.sendall(b"\r\n\r\n")
    except OSError:
        pass
    answer = read_all(connection)
    assert answer == b"" or b" 400 " in answer
    connection.close()


def test_requests_ahead_of_their_answers_are_bounded(start: StartPort) -> None:
    """Else one connection that reads no answers could have any number of them kept."""
    port = start(limits=Limits(http_pipelined=4))
    for sent, answered in ((5, 5), (50, 0)):
        connection = connect(port)
        connection.sendall(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n" * (sent - 1))
        connection.sendall(b"GET /hello HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert read_all(connection).count(b"HTTP/1.1 ") == answered
        connection.close()


def test_a_head_that_does_not_end_is_cut_off_in_time(start: StartPort) -> None:
    port = start(limits=Limits(http_head_time=0.5))
    connection = connect(port)
    connection.sendall(b"GET / HTTP/1.1\r\n")
    begun = time.monotonic()
    assert read_all(connection) == b""
    assert time.monotonic() - begun < 5
    connection.close()


@pytest.mark.parametrize("path", ["/v1/sync/s1", "/v1/desk/live", "/v1/pbx/hq/link"])
def test_a_plain_request_for_a_web_socket_is_426(port: RunningPort, path: str) -> None:
    status, headers, _ = ask(port, "GET", path)
    assert (status, headers["upgrade"]) == (426, "websocket")


# -- opening a web socket -------------------------------------------------------------------------


def test_firefox_asks_for_its_upgrade_with_keep_alive(port: RunningPort) -> None:
    opened = open_raw(port, "/v1/sync/s1?token=user.ann", Connection="keep-alive, Upgrade")
    opened.close()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/sync/",
        "/v1/sync/a/b",
        "/v1/sync/..%2f..",
        "/v1/sync/" + "x" * 200,
        "/v1/sync/a%00b",
        "/v1/desk",
        "/",
        "/v2/sync/s1",
    ],
)
def test_a_web_socket_nobody_serves_is_404(port: RunningPort, path: str) -> None:
    connection = connect(port)
    connection.sendall(request(path, HANDSHAKE))
    assert " 404 " in read_head(connection).splitlines()[0]
    connection.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"Sec-WebSocket-Version": "12"},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "é" * 12},
    ],
)
def test_a_handshake_the_rfc_does_not_allow_is_refused(
    port: RunningPort, wrong: dict[str, str]
) -> None:
    connection = connect(port)
    connection.sendall(request("/v1/sync/s1?token=user.ann", HANDSHAKE | wrong))
    status = read_head(connection).split(" ")[1:2]
    assert status in (["400"], ["426"])
    connection.close()
    assert ask(port, "GET", "/")[0] == 200


def test_a_handshake_on_a_used_connection_works(port: RunningPort) -> None:
    connection = connect(port)
    connection.sendall(request("/first", {"Host": "t"}))
    read_head(connection)
    connection.recv(100)
    connection.sendall(request("/v1/sync/s1?token=user.ann", HANDSHAKE))
    assert read_head(connection).startswith("HTTP/1.1 101")
    connection.close()


def test_a_peer_that_vanishes_during_the_handshake_leaves_nothing(port: RunningPort) -> None:
    port.backend.authorizing.clear()
    connection = connect(port)
    connection.sendall(request("/v1/sync/s1?token=user.ann", HANDSHAKE))
    assert port.backend.decided.wait(10)
    connection.close()
    port.backend.authorizing.set()
    deadline = time.monotonic() + 10
    while port.hub.counts()["sync_sockets"] or port.hub._admissions:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


# -- frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "codes"),
    [
        (frame(b"x", masked=False), {1002}),
        (frame(b"x", 3), {1002}),
        (frame(b"x", rsv=4), {1002}),
        (frame(b"x", 0), {1002}),
        (frame(b"x", 2, fin=False) + frame(b"y", 2), {1002}),
        (frame(b"x", 9, fin=False), {1002}),
        (frame(b"x" * 126, 9), {1002}),
        (frame(b"\xff\xfe", 1), {1003, 1007}),
        (frame(b"\x00", 8), {1002}),
        (frame((999).to_bytes(2, "big"), 8), {1002}),
        (frame((1000).to_bytes(2, "big"), 8), {1000}),
        (frame((4000).to_bytes(2, "big") + b"bye", 8), {4000}),
        (frame(b"", 8), {1000, 1005, None}),
        (b"\x82\xff" + b"\xff" * 8, {1002, 1009}),
    ],
    ids=itertools.count(),  # their masks are random
)
def test_a_broken_frame_ends_its_socket_only(
    port: RunningPort, frames: bytes, codes: set[int | None]
) -> None:
    opened = open_raw(port, "/v1/sync/s1?token=user.ann")
    opened.sendall(frames)
    assert close_code(opened) in codes
    opened.close()
    again = open_raw(port, "/v1/sync/s1?token=user.ann")
    again.sendall(frame(b"ping", 9) + frame(b"", 8))
    close_code(again)
    again.close()


def test_a_frame_that_says_it_is_huge_is_cut_off_when_it_becomes_so(start: StartPort) -> None:
    port = start(limits=Limits(message=10_000))
    opened = open_raw(port, "/v1/sync/s1?token=user.ann")
    opened.sendall(b"\x82\xff" + (2**40).to_bytes(8, "big") + b"mask" + b"x" * 20_000)
    assert close_code(opened) in (4413, 1009)
    opened.close()


def test_messages_in_fragments_and_in_one_write_are_read(port: RunningPort) -> None:
    opened = open_raw(port, "/v1/sync/s1?token=user.ann")
    half = frame(b"\x00", 2, fin=False) + frame(b"ping", 9) + frame(b"\x00\x01\x00", 0)
    opened.sendall(half + frame(b"\x03") * 20 + frame(b"\x64") + frame(b"\x09" * 3000, 1))
    assert close_code(opened) == 1003  # the text at the end: everything before it was in order
    opened.close()


# -- start and stop -------------------------------------------------------------------------------


def test_a_busy_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"^cannot listen on {listen}: Address already in use$"):
            serve(hello, FakeBackend(), create_hub(), listen)


@pytest.mark.parametrize("listen", ["8080", "localhost", "host:port", "127.0.0.1:99999", ""])
def test_what_is_no_address_is_named(listen: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        bind(listen)


def test_a_host_nobody_knows_is_named() -> None:
    with pytest.raises(OSError, match=r"^cannot listen on nowhere\.invalid:80: "):
        bind("nowhere.invalid:80")


def test_the_port_listens_on_ipv6(start: StartPort) -> None:
    try:
        with bind("[::1]:0") as opened:
            assert opened.getsockname()[0] == "::1"
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


def test_an_unknown_kind_of_sockets_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_REALTIME", "carrier pigeon")
    with pytest.raises(ValueError, match=r"^TANDEM_REALTIME: 'carrier pigeon' is neither"):
        serve(hello, FakeBackend(), create_hub(), "127.0.0.1:0")


async def test_a_stop_lets_a_request_end_and_is_bounded(start: StartPort) -> None:
    port = start(limits=Limits(stop=2.0, close=0.5))
    entered, release = threading.Event(), threading.Event()

    def waits(environ: Any, begin: Any) -> Iterable[bytes]:
        entered.set()
        assert release.wait(10)
        return hello(environ, begin)

    port.port._http._wsgi.app = waits
    silent = open_raw(port, "/v1/sync/s1?token=user.ann")
    asking = asyncio.create_task(asyncio.to_thread(ask, port, "GET", "/slow"))
    await asyncio.to_thread(entered.wait, 10)
    begun = time.monotonic()
    stopping = asyncio.create_task(asyncio.to_thread(port.stop))
    assert await asyncio.to_thread(close_code, silent) == 1012
    release.set()
    assert (await asking)[0] == 200
    await stopping
    assert time.monotonic() - begun < 8
    silent.close()


async def test_a_hub_without_a_port_has_nobody_connected(start: StartPort) -> None:
    hub = create_hub()
    hub.session_changed("s1", {"user": {}})
    hub.close_session("s1", None, None, 4410)
    hub.desk_push("wang", {})
    hub.desk_close("login")
    hub.link_push("hq", [{}])
    assert (hub.presence("s1"), hub.linked("hq"), hub.counts()["rooms"]) == ((), False, 0)
    port = start()
    assert await asyncio.to_thread(port.hub.alive)
    await asyncio.to_thread(port.stop)
    port.hub.session_changed("s1", {"user": {}})
    assert port.hub.presence("s1") == ()


# -- secrets --------------------------------------------------------------------------------------


async def test_no_token_reaches_a_log(
    port: RunningPort, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    port.backend.commands["hq"] = []
    async with user(port) as ann, user(port, by_query=True) as again:
        await ann.until_synced()
        await again.until_synced()
        await ann.send(b"\xff\xff\xff")
        await ann.until_closed()
    opened = open_raw(port, "/v1/sync/s1?token=user.ann", Cookie="desk=user.ann")
    opened.sendall(b"noise")
    opened.close()
    broken = connect(port)
    broken.sendall(b"GET /v1/sync/s1?token=user.ann HTTP/1.1\r\nBroken\r\n\r\n")
    broken.close()
    async with await link(port) as linked:
        await linked.ping()
    port.backend.fail_everything = True
    failing = user(port, by_query=True)
    await failing.open()
    assert await failing.until_closed() == 1013
    await asyncio.to_thread(port.stop)
    ours = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("tandem", "uvicorn", "picows"))
    ]
    written = "\n".join(ours) + "".join(capfd.readouterr())
    assert "user.ann" not in written
    assert "pbx-key" not in written
