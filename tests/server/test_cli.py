"""`tandem-server` from outside: agents, and one clear line for whatever is wrong."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SETTINGS = """
[server]
listen = "127.0.0.1:{port}"
secret = "0123456789abcdef0123456789abcdef"
database = "sqlite:///{database}"
[pbx.hq]
key = "hq-key"
"""


def write(folder: Path, port: int = 0, database: str = "tandem.db") -> Path:
    file = folder / "tandem.toml"
    file.write_text(SETTINGS.format(port=port, database=folder / database))
    return file


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "collab_server.cli", *arguments]


def tandem(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, input=given, capture_output=True, text=True, timeout=60
    )


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    return line


@contextmanager
def running(folder: Path, *, stop: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    process = subprocess.Popen(
        command("run"), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    giving_up = threading.Timer(30, process.kill)
    giving_up.start()
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("listening on "):
                yield line.split()[2].rstrip(",")
                break
        else:
            pytest.fail(f"the server did not start: {said}")
        process.send_signal(stop)
        process.communicate(timeout=20)
        assert process.returncode == (0 if stop is signal.SIGTERM else -stop)
    finally:
        giving_up.cancel()
        if process.poll() is None:
            process.kill()
            process.wait(10)


def test_run_serves_and_stops_on_sigterm(tmp_path: Path) -> None:
    write(tmp_path)
    with (
        running(tmp_path) as url,
        urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer,  # noqa: S310
    ):
        assert answer.status == 200


def ask(url: str, key: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310
        url,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def test_a_killed_server_comes_back_with_what_it_had_answered(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text() + '[server.api_keys]\ncrm = "crm-key"\n')
    call = {
        "id": "1.1",
        "seq": 1,
        "state": "active",
        "type": "form",
        "user_uri": "sip:alice@example.org",
        "agent_uri": "sip:wang@example.org",
    }
    with running(tmp_path, stop=signal.SIGKILL) as url:
        ask(f"{url}/v1/pbx/hq/reports", "hq-key", {"epoch": 1, "calls": [call]})
        before = ask(f"{url}/v1/sessions", "crm-key")["items"]
    with running(tmp_path) as url:
        assert [item["id"] for item in ask(f"{url}/v1/sessions", "crm-key")["items"]] == [
            before[0]["id"]
        ]
        again = ask(f"{url}/v1/pbx/hq/reports", "hq-key", {"epoch": 1, "calls": [call]})
        assert again == {"accepted": 1, "ignored": 0}
        ended = call | {"seq": 2, "state": "ended", "cause": "hangup"}
        ask(f"{url}/v1/pbx/hq/reports", "hq-key", {"epoch": 1, "calls": [ended]})
        (after,) = ask(f"{url}/v1/sessions", "crm-key")["items"]
        assert (after["state"], after["reason"]) == ("ended", "hangup")


def test_an_agent_is_added_listed_and_removed(tmp_path: Path) -> None:
    write(tmp_path)
    roles = ("--admin", "--supervisor", "--team", "day")
    added = tandem(tmp_path, "agent", "add", "wang", "--uri", "sip:wang@example.org", *roles)
    assert added.returncode == 0, added.stderr
    assert "password: " in added.stdout
    listed = tandem(tmp_path, "agent", "list")
    assert listed.stdout == "wang\tsip:wang@example.org\tadmin\tsupervisor\tteam=day\n"
    assert tandem(tmp_path, "agent", "remove", "wang").returncode == 0
    nobody = tandem(tmp_path, "agent", "list")
    assert (nobody.stdout, nobody.stderr.partition(":")[0]) == ("", "nobody yet")


def test_a_given_password_is_not_printed(tmp_path: Path) -> None:
    write(tmp_path)
    added = tandem(
        tmp_path, "agent", "add", "li", "--uri", "sip:li@example.org", "--password-stdin",
        given="correct horse\n",
    )  # fmt: skip
    assert added.returncode == 0
    assert "correct horse" not in added.stdout + added.stderr


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("agent", "add", "x", "--uri", "wang"), "", "--uri: expected a URI"),
        (("agent", "add", "x", "--uri", "sip:x@y", "--password-stdin"), "short\n", "the password"),
        (("agent", "remove", "nobody"), "", "there is no agent nobody"),
    ],
)
def test_a_wrong_agent_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], given: str, said: str
) -> None:
    write(tmp_path)
    assert said in one_line(tandem(tmp_path, *arguments, given=given), 1)


def test_an_agent_is_not_added_twice(tmp_path: Path) -> None:
    write(tmp_path)
    add = ("agent", "add", "wang", "--uri", "sip:wang@example.org")
    tandem(tmp_path, *add)
    assert "there is an agent wang already" in one_line(tandem(tmp_path, *add), 1)


def test_a_wrong_setting_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "tandem.toml").write_text("[server]\nsecret = 'x'\n")
    assert "server.secret: too short" in one_line(tandem(tmp_path, "run"), 2)


def test_broken_toml_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "tandem.toml").write_text("[server\n")
    assert "line 1" in one_line(tandem(tmp_path, "run"), 2)


@pytest.mark.parametrize("before", [True, False])
def test_a_config_that_is_not_there_is_one_line_and_status_2(tmp_path: Path, before: bool) -> None:
    option = ("--config", "other.toml")
    arguments = (*option, "run") if before else ("run", *option)
    assert "other.toml: there is no such file" in one_line(tandem(tmp_path, *arguments), 2)


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write(tmp_path, port)
        assert str(port) in one_line(tandem(tmp_path, "run"), 1)


def test_a_second_server_of_one_database_is_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path)
    with running(tmp_path):
        assert "another tandem-server already serves" in one_line(tandem(tmp_path, "run"), 1)
    with running(tmp_path, stop=signal.SIGKILL):
        pass
    with running(tmp_path):
        pass


def test_a_database_that_is_none_is_one_line(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "tandem.db").write_text("this is a shopping list, not a database")
    assert "is not an SQLite database" in one_line(tandem(tmp_path, "run"), 2)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, database="nowhere/tandem.db")
    assert "nowhere does not exist" in one_line(tandem(tmp_path, "run"), 2)


def test_an_unwritable_database_is_one_line(tmp_path: Path) -> None:
    write(tmp_path)
    assert tandem(tmp_path, "agent", "list").returncode == 0
    # Not by its mode, which does not stop root: nothing can be written where its log would be.
    (tmp_path / "tandem.db-wal").mkdir()
    assert "server.database: " in one_line(tandem(tmp_path, "run"), 1)


def test_a_database_of_a_later_version_is_one_line(tmp_path: Path) -> None:
    write(tmp_path)
    tandem(tmp_path, "agent", "list")
    with sqlite3.connect(tmp_path / "tandem.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert "another version of Tandem" in one_line(tandem(tmp_path, "run"), 1)
