"""`tandem-connector demo`, as a program starts it: two links that open, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from connectors.demo import quiet
from connectors.demo import show as show_module
from connectors.demo.debian import Prefix
from connectors.demo.pbxs import SimulatedPbx
from connectors.demo.show import PBX_NAME, Demo

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(sys.executable).with_name("tandem-connector")
KINDS = ("simulator", "freeswitch-sim", "asterisk")


@contextmanager
def demo(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The demo with `folder` as its place for temporary files; ended whatever the test does."""
    process = subprocess.Popen(
        [COMMAND, "demo", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate(timeout=30)
        pytest.fail(f"the demo ended: {errors}")
    return line


def post(url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(  # noqa: S310 - the demo's own server
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def open_links(links: dict[str, str]) -> None:
    """Each link opens its side of the one session, and the log-in its desk."""
    joined = {}
    for side, role in (("caller", "user"), ("agent", "agent")):
        page, _, token = links[side].partition("/join#")
        assert page == links["api"]
        status, answer = post(f"{page}/v1/join", {"token": token})
        assert status == 200, answer
        assert answer["role"] == role
        joined[side] = answer["session"]
    assert joined["caller"] == joined["agent"] == links["session"]
    status, _ = post(
        links["api"] + "/v1/login",
        {"username": links["username"], "password": links["password"]},
    )
    assert status == 200
    with urllib.request.urlopen(links["desk"], timeout=10) as desk:  # noqa: S310
        assert desk.status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_both_links_open_their_side_of_one_session(
    kind: str, tmp_path: Path, prefix: Prefix
) -> None:
    with demo(tmp_path, "--pbx", kind, "--json") as process:
        open_links(json.loads(first_line(process)))


def test_two_pbxs_share_one_server(tmp_path: Path) -> None:
    with demo(tmp_path, "--pbx", "both", "--json") as process:
        links = json.loads(first_line(process))
        assert list(links) == ["simulator", "freeswitch-sim"]
        for each in links.values():
            open_links(each)
        one, two = links.values()
        assert one["api"] == two["api"]
        assert one["session"] != two["session"]
        request = urllib.request.Request(  # noqa: S310 - the demo's own server
            one["api"] + "/v1/sessions", headers={"Authorization": f"Bearer {one['api_key']}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            sessions = {item["id"]: item["call"]["pbx"] for item in json.load(answer)["items"]}
        assert sessions == {one["session"]: "simulator", two["session"]: "freeswitch-sim"}


@pytest.mark.parametrize("kinds", ["", "simulator,", "both,asterisk", "simulator,simulator"])
def test_a_pbx_that_is_none_is_one_line(kinds: str, tmp_path: Path) -> None:
    with demo(tmp_path, "--pbx", kinds) as process:
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert output == ""
    assert errors.splitlines()[-1].startswith("Error: Invalid value for '--pbx':")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", [*KINDS, "both"])
def test_a_signal_ends_it_without_leftovers(
    kind: str, number: signal.Signals, tmp_path: Path, prefix: Prefix
) -> None:
    with demo(tmp_path, "--pbx", kind) as process:
        seen = ""
        while "Ctrl-C stops everything." not in seen:
            seen += first_line(process)
        shown = ["simulator ", "freeswitch-sim "] if kind == "both" else [""]
        for name in shown:
            assert re.search(rf"(?m)^{name}caller: http\S+/join#\S+$", seen)
            assert re.search(rf"(?m)^{name}agent: http\S+/join#\S+$", seen)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        assert list(tmp_path.iterdir())

        process.send_signal(number)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "exception" not in errors
    _, alive = psutil.wait_procs(children, timeout=0)
    assert not alive, alive
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_it_starts_leaves_nothing_either(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stderr is not None
        while "starting the connector" not in process.stderr.readline():
            assert process.poll() is None
        children = psutil.Process(process.pid).children(recursive=True)

        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert process.returncode == 0
    assert not psutil.wait_procs(children, timeout=0)[1]
    assert list(tmp_path.iterdir()) == []


def test_it_ends_without_leftovers_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        while "agent: http" not in first_line(process):
            pass
        children = psutil.Process(process.pid).children(recursive=True)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    assert not psutil.wait_procs(children, timeout=0)[1]
    assert list(tmp_path.iterdir()) == []


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(tmp_path, "--port", str(port)) as process:
            output, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output == ""
    (line,) = errors.strip().splitlines()
    assert line.startswith(f"Error: port {port} cannot be used (Address already in use)")
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_another_demo_takes_meanwhile_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def show() -> str:
        async with Demo({"simulator": SimulatedPbx("asterisk")}, None, quiet) as running:
            return (await running.call())[PBX_NAME].caller

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = iter([port, 0])
        looked = show_module._port
        monkeypatch.setattr(show_module, "_port", lambda *_: next(free) or looked(None, quiet))
        link = asyncio.run(show())
    assert link.startswith("http://127.0.0.1:")
    assert f":{port}/" not in link
