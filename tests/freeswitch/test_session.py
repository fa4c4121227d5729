"""The recorded outbound sockets, through the session that a call is led with."""

from __future__ import annotations

import ast
import concurrent.futures
import re
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import pytest
from gevent import socket

from connectors.freeswitch import session
from connectors.freeswitch.hub import the_hub
from connectors.freeswitch.session import CallSession, GoneError, SessionError
from connectors.freeswitch.wire import Event
from tests.freeswitch.captured import FOLDER, events, stream

RAN = {
    "06-outbound-async-full": ["answer", "set", "bridge"],
    "06b-outbound-async-nolinger": ["answer", "park"],
    "06c-outbound-sync-json": ["answer", "sleep"],
    "06d-outbound-menu": ["answer", "play_and_get_digits", "set", "execute_extension"],
    "06e-outbound-menu-hangup": ["answer", "play_and_get_digits"],
}
"""What was run in each recording, and came to its end."""
WITHIN = 20.0


def in_the_hub(function: Callable[[], Any]) -> Any:
    """What a function gives that runs in a greenlet of the hub's thread."""
    done: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            done.set_result(function())
        except BaseException as error:
            done.set_exception(error)

    the_hub().call(lambda: gevent.spawn(run))
    return done.result(WITHIN)


def sent(name: str) -> list[tuple[int, str]]:
    """The commands of a recording, each with how much had come before it."""
    text = (FOLDER / f"{name}.txt").read_text()
    found = re.findall(r"^ *[\d.]+ +(\d+) >> (['\"].*)$", text, re.MULTILINE)
    return [(int(at), ast.literal_eval(line).removesuffix("\n\n")) for at, line in found]


class Replayed(CallSession):
    """Sends what the recording has, and not the filter that `run` would add."""

    def post(self, commands: Iterable[str]) -> None:
        super().post(each for each in commands if not each.startswith("filter Application-UUID"))


def replay(name: str, size: int) -> tuple[dict[str, str], list[Event], SessionError | None]:
    """A recorded call in chunks of `size` bytes: its channel, the ends of its applications, and
    why it is over."""
    data, commands = stream(name), sent(name)
    completes = events(data, ["CHANNEL_EXECUTE_COMPLETE"])
    wanted = iter(RAN[name])
    numbers = iter([next(e.get("Application-UUID") for e in completes if e.get("Application") == w)
                    for w in wanted])  # fmt: skip

    def run() -> tuple[dict[str, str], list[Event], SessionError | None]:
        ours, theirs = socket.socketpair()
        call = Replayed(None, theirs)
        greenlets = []
        for index, (start, command) in enumerate(commands):
            lines = dict(line.partition(": ")[::2] for line in command.split("\n"))
            if command == "connect":
                greenlets.append(gevent.spawn(call.take))
            elif application := lines.get("execute-app-name"):
                argument = lines.get("execute-app-arg", "")
                greenlets.append(gevent.spawn(call.run, application, argument, WITHIN))
            else:
                CallSession.post(call, [command])
            gevent.sleep(0)
            stop = commands[index + 1][0] if index + 1 < len(commands) else len(data)
            for at in range(start, stop, size):
                ours.sendall(data[at : min(at + size, stop)])
                gevent.sleep(0)
        ours.shutdown(socket.SHUT_WR)
        call._receive_events_greenlet.join(WITHIN)
        shown, *ended = [greenlet.get(timeout=WITHIN) for greenlet in greenlets]
        ours.close()
        return shown, ended, call._why

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.uuid, "uuid4", lambda: next(numbers))
        result: tuple[dict[str, str], list[Event], SessionError | None] = in_the_hub(run)
        return result


@pytest.mark.parametrize("name", RAN)
@pytest.mark.parametrize("size", [29, 997, 1 << 20])
def test_a_recorded_call_is_followed_to_its_end(name: str, size: int) -> None:
    shown, ended, why = replay(name, size)
    assert shown["Control"] == "full"
    assert re.fullmatch(r"[0-9a-f-]{36}", shown["Unique-ID"])
    assert [event.get("Application") for event in ended] == RAN[name]
    assert {event.get("Unique-ID") for event in ended} == {shown["Unique-ID"]}
    assert ended[0].get("Answer-State") == "answered"
    assert isinstance(why, GoneError)


def test_the_recorded_choice_is_read_and_the_wrong_key_is_not() -> None:
    """The caller pressed 5, which is none, and then 2."""
    shown, (_answer, asked, _set, marked), _ = replay("06d-outbound-menu", 4096)
    assert shown["variable_collab_menu"] == "support"
    assert shown["variable_socket_resume"] == "true"
    assert asked.get("variable_collab_menu_digit") == "2"
    assert asked.get("variable_collab_menu_digit_invalid") == "5"
    assert marked.get("variable_collab_type") == "chat"
    assert marked.get("variable_collab_queue") == "ringall@default"


def test_who_hangs_up_in_the_recorded_prompt_has_chosen_nothing() -> None:
    _, (_answer, asked), _ = replay("06e-outbound-menu-hangup", 4096)
    assert asked.get("variable_collab_menu_digit") == ""
    assert asked.get("Answer-State") == "hangup"


def test_the_channel_is_read_whole_wherever_its_bytes_are_cut() -> None:
    data = stream("06-outbound-async-full")[:5753]

    def taken(cut: int) -> dict[str, str]:
        ours, theirs = socket.socketpair()
        call = CallSession(None, theirs)
        asked = gevent.spawn(call.take)
        gevent.sleep(0)
        ours.sendall(data[:cut])
        gevent.sleep(0)
        gevent.sleep(0)
        ours.sendall(data[cut:])
        shown: dict[str, str] = asked.get(timeout=WITHIN)
        call.end()
        ours.close()
        return shown

    def all_cuts() -> list[dict[str, str]]:
        return [taken(cut) for cut in range(1, len(data), 7)]

    found = in_the_hub(all_cuts)
    assert all(shown == found[0] for shown in found)
    assert found[0]["Caller-Destination-Number"] == "7200"
    assert found[0]["Reply-Text"] == "+OK\n"


@pytest.mark.parametrize("cut", [0, 100, 5752])
def test_an_end_in_the_middle_is_told_to_who_waits(cut: int) -> None:
    def run() -> None:
        ours, theirs = socket.socketpair()
        call = CallSession(None, theirs)
        ours.sendall(stream("06-outbound-async-full")[:cut])
        ours.shutdown(socket.SHUT_WR)
        call.take()

    with pytest.raises(SessionError, match="closed the connection"):
        in_the_hub(run)
