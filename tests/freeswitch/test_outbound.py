"""The outbound socket, served to a scripted FreeSWITCH over real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from connectors.freeswitch import outbound, session
from connectors.freeswitch.menu import guard, prompt, steps
from connectors.freeswitch.outbound import Outbound
from connectors.menus import Menu
from tests.freeswitch.handing_over import LEG, HandingOver, channel
from tests.runtime.settings_for import settings_for

MENU = {
    "prompt": "ivr/press 1 or 2.wav",
    "invalid": "ivr/wrong.wav",
    "tries": 2,
    "timeout": 4,
    "queue": "support@default",
    "choices": {"1": "form", "2": {"type": "chat", "queue": "chat@default"}, "*": "video"},
}
FORM = "execute_extension collab_request_form XML collab"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def listening(port: int) -> None:
    async with asyncio.timeout(40):  # a program of its own takes its time to start
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.01)


async def said(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait for a line of the log; it is written in the hub's thread."""
    loop, spoke = asyncio.get_running_loop(), asyncio.Event()
    handler = _Teller(lambda: loop.call_soon_threadsafe(spoke.set))
    logging.getLogger().addHandler(handler)  # behind caplog's own
    try:
        async with asyncio.timeout(10):
            while text not in caplog.text:
                await spoke.wait()
                spoke.clear()
    finally:
        logging.getLogger().removeHandler(handler)


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[], object]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, _record: logging.LogRecord) -> None:
        self._tell()


@asynccontextmanager
async def served(port: int = 0) -> AsyncIterator[int]:
    port = port or free_port()
    settings = settings_for(
        1, kind="freeswitch", outbound=f"127.0.0.1:{port}", menus={"support": MENU}
    )
    task = asyncio.create_task(Outbound(settings).run())
    try:
        await listening(port)
        yield port
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served() as number:
        yield number


# --- the words of a menu


def test_the_prompt_is_one_argument_and_only_choices_are_taken() -> None:
    assert prompt(Menu.model_validate(MENU)) == (
        "1 1 2 4000 # 'ivr/press 1 or 2.wav' 'ivr/wrong.wav' collab_menu_digit ^[\\*12]$"
    )


def test_a_choice_sets_its_queue_and_then_marks_as_everywhere() -> None:
    menu = Menu.model_validate(MENU)
    assert list(steps(menu, "1")) == [
        ("set", "collab_queue=support@default"),
        ("execute_extension", "collab_request_form XML collab"),
    ]
    assert next(iter(steps(menu, "2"))) == ("set", "collab_queue=chat@default")
    without = Menu.model_validate({**MENU, "queue": ""})
    assert list(steps(without, "*")) == [("execute_extension", "collab_request_video XML collab")]


@pytest.mark.parametrize("digit", ["", "3", "11", "1\n", "#"])
def test_anything_else_changes_nothing(digit: str) -> None:
    assert list(steps(Menu.model_validate(MENU), digit)) == []


# --- a call


async def test_a_call_is_led_through_its_menu_and_let_go(port: int) -> None:
    async with HandingOver(port) as call:
        await call.ended()
    assert call.commands[0] == "connect"
    assert call.ran == [
        "answer",
        f"play_and_get_digits {prompt(Menu.model_validate(MENU))}",
        "set collab_queue=support@default",
        FORM,
    ]


async def test_the_guard_is_put_off_before_anything_else_is_done(port: int) -> None:
    async with HandingOver(port) as call:
        await call.ended()
    armed = [call.commands.index(each) for each in guard(LEG)]
    assert armed == [1, 2, 3]


async def test_the_guard_is_put_off_as_long_as_the_prompt_plays(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "BEAT", 0.02)
    async with HandingOver(port) as call:
        call.holds.add("play_and_get_digits")
        await call.until(lambda c: c.commands.count(guard(LEG)[2]) > 3)
        call.hang_up()


async def test_who_chooses_nothing_goes_on_unmarked(port: int) -> None:
    async with HandingOver(port, digit="") as call:
        await call.ended()
    assert [each.split()[0] for each in call.ran] == ["answer", "play_and_get_digits"]


async def test_a_digit_that_is_no_choice_marks_nothing(port: int) -> None:
    async with HandingOver(port, digit="1,2;system") as call:
        await call.ended()
    assert [each.split()[0] for each in call.ran] == ["answer", "play_and_get_digits"]


async def test_a_call_is_let_go_where_it_is_and_the_guard_with_it(port: int) -> None:
    """Without these, what ends behind them would break off whatever the call does by then."""
    async with HandingOver(port) as call:
        await call.ended()
    assert call.commands[-2:] == [
        f"api uuid_setvar {LEG} socket_resume",
        f"api sched_del collab_menu-{LEG}",
    ]


async def test_a_call_that_was_taken_elsewhere_is_not_marked(port: int) -> None:
    """Somebody transfers it out of its menu (CS_ROUTING) just when a key is pressed."""
    async with HandingOver(port, digit="1") as call:
        call.state = "2"
        await call.ended()
    assert [each.split()[0] for each in call.ran] == ["answer", "play_and_get_digits"]
    assert call.commands[-1] == f"api sched_del collab_menu-{LEG}"


async def test_many_calls_at_once_do_not_cross(port: int) -> None:
    async with AsyncExitStack() as stack:
        calls = [HandingOver(port, digit="12*"[n % 3]) for n in range(60)]
        for call in calls:
            await stack.enter_async_context(call)
        await asyncio.gather(*(call.ended() for call in calls))
    for number, call in enumerate(calls):
        kind = ("form", "chat", "video")[number % 3]
        assert call.ran[-1] == f"execute_extension collab_request_{kind} XML collab"


# --- what goes wrong


async def test_a_caller_who_hangs_up_costs_no_more(port: int) -> None:
    async with HandingOver(port) as call:
        call.holds.add("play_and_get_digits")
        await call.asked("play_and_get_digits")
        call.hang_up()
    async with HandingOver(port) as another:
        await another.ended()
    assert another.ran[-1] == FORM
    assert len(call.ran) == 2


async def test_a_stopped_connector_lets_its_calls_go_at_once() -> None:
    async with AsyncExitStack() as stack:
        async with served() as port:
            call = await stack.enter_async_context(HandingOver(port))
            call.holds.add("play_and_get_digits")
            await call.asked("play_and_get_digits")
            assert not call.closed
        await call.ended()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_menu_nobody_has_is_named(port: int, caplog: pytest.LogCaptureFixture) -> None:
    async with HandingOver(port) as call:
        call.shown = channel({"variable_collab_menu": "sales\n%0A"})
        await call.ended()
    assert call.commands == ["connect"]
    await said(caplog, r"there is no menu 'sales\n%0A'")
    await said(caplog, "has support")


@pytest.mark.parametrize("when", ["at first", "in the prompt"])
async def test_a_connector_that_hung_leaves_the_call_alone(
    port: int, when: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it would send now goes to a call that is in a queue, or with an agent."""
    async with HandingOver(port) as call:
        if when == "at first":
            call.shown = channel({"variable_socket_resume": ""})  # the dialplan took it away
            await call.ended()
            assert call.commands == ["connect"]
        else:
            call.holds.add("play_and_get_digits")
            await call.asked("play_and_get_digits")
            sent = len(call.commands)
            hung = time.monotonic() + outbound.STALE + 1
            monkeypatch.setattr(session.time, "monotonic", lambda: hung)
            number = call.commands[-1].partition("Event-UUID: ")[2]
            call.complete("play_and_get_digits", number, "1")
            await call.ended()
            assert call.commands[sent:] == []
    await said(caplog, "FreeSWITCH has the call again")


async def test_a_step_that_does_not_end_ends_the_menu(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbound, "STEP_LIMIT", 0.1)
    async with HandingOver(port) as call:
        call.holds.add("answer")
        await call.ended()
    await said(caplog, "answer took more than 0.1 s")


async def test_a_menu_that_does_not_end_is_ended(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbound, "MENU_LIMIT", 0.2)
    async with HandingOver(port) as call:
        call.holds.add("play_and_get_digits")
        await call.ended()
    await said(caplog, "0.2 s")


@pytest.mark.parametrize("deaf_to", ["connect", "filter", "sendmsg"])
async def test_a_freeswitch_that_does_not_answer_is_given_up(
    port: int, deaf_to: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "ANSWER_TIMEOUT", 0.1)
    async with HandingOver(port) as call:
        call.deaf_to.add(deaf_to)
        await call.ended()
    await said(caplog, "within 0.1 s")  # on a busy machine one before it may be late as well


async def test_a_port_that_is_taken_is_named_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbound, "AGAIN", 0.05)
    said = asyncio.Event()
    monkeypatch.setattr(outbound.Trouble, "say", _also(outbound.Trouble.say, said))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        settings = settings_for(
            1, kind="freeswitch", outbound=f"127.0.0.1:{number}", menus={"support": MENU}
        )
        task = asyncio.create_task(Outbound(settings).run())
        await asyncio.wait_for(said.wait(), 10)
    assert (
        f"hq.outbound: 127.0.0.1:{number} cannot be served (Address already in use)" in caplog.text
    )
    await listening(number)
    async with HandingOver(number) as call:
        await call.ended()
    assert call.ran[-1] == FORM
    task.cancel()
    await asyncio.wait({task})


async def test_a_connector_that_has_no_file_left_tries_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbound, "AGAIN", 0.05)
    real, full = outbound.socket.socket, [OSError(24, "Too many open files")]

    def made() -> socket.socket:
        if full:
            raise full.pop()
        return real()

    monkeypatch.setattr(outbound.socket, "socket", made)
    async with served():
        assert "cannot be served (Too many open files)" in caplog.text


def _also(function, event):  # type: ignore[no-untyped-def]
    def called(*arguments: object) -> None:
        function(*arguments)
        event.set()

    return called


# --- hostile peers


@pytest.mark.parametrize(
    "says",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"Content-Type: auth/request\n\n",
        b"Content-Type: command/reply\nReply-Text: +OK\n\n",
        b"Content-Type: command/reply\nUnique-ID: a b\nvariable_collab_menu: support\n\n",
        channel({"Unique-ID": "x\napi shutdown"}),
        b"Content-Type: command/reply\nContent-Length: -1\n\n",
        b"Content-Type: command/reply\nContent-Length: 99999999\n\n",
        b"Content-Type: command/reply\nReply-Text: -ERR no\n\n",
        b"x" * 300_000,
        b"\xff\xfe\n\n" * 100,
        b"Content-Type: api/response\nContent-Length: 3\n\n+OK" * 2,
    ],
)
async def test_what_is_no_call_learns_nothing_and_is_closed(
    port: int, says: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER_TIMEOUT", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        assert await reader.readuntil(b"\n\n") == b"connect\n\n"
        writer.write(says)
        assert await _read_all(reader) == b""
    writer.close()


async def test_a_flood_of_events_is_cut_off(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "LIMIT", 1024 * 1024)
    async with HandingOver(port) as call:
        call.holds.add("play_and_get_digits")
        await call.asked("play_and_get_digits")
        for _ in range(200):
            call.complete("x" * 10_000, "nobody-waits-for-it")
        await call.ended()
    await said(caplog, "it sent more than 1 MB")


async def test_replies_nobody_asked_for_end_the_call(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with HandingOver(port) as call:
        call.holds.add("play_and_get_digits")
        await call.asked("play_and_get_digits")
        call.send(b"Content-Type: command/reply\nReply-Text: +OK\n\n" * 9)
        await call.ended()
    await said(caplog, "nothing was asked")


async def test_too_many_calls_are_refused_by_closing_and_later_ones_are_served(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbound, "CALLS", 3)
    async with AsyncExitStack() as stack:
        standing = [HandingOver(port) for _ in range(3)]
        for call in standing:
            call.holds.add("play_and_get_digits")
            await stack.enter_async_context(call)
            await call.asked("play_and_get_digits")
        async with HandingOver(port) as refused:
            await refused.ended()
        assert refused.ran == []
        number = standing[0].commands[-1].partition("Event-UUID: ")[2]
        standing[0].complete("play_and_get_digits", number)
        await standing[0].ended()
        async with HandingOver(port) as later:
            await later.ended()
    assert later.ran[-1] == FORM
    await said(caplog, "3 calls are in menus; the next go on without")


async def test_a_thousand_silent_connections_do_not_keep_a_call_out_for_long(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half-open ones, by somebody who reaches the port: each may hold a place for seconds."""
    monkeypatch.setattr(session, "ANSWER_TIMEOUT", 0.5)
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(1000)]
    async with asyncio.timeout(30):
        await asyncio.gather(*(_read_all(reader) for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    async with HandingOver(port) as call:
        await call.ended()
    assert call.ran[-1] == FORM
    lines = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(lines) < 25, "no flood of log lines"


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
