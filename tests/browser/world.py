"""A running server, a PBX that reports to it, and people who look at its pages."""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from collab_server.db.engine import Database
from collab_server.people import agents

if TYPE_CHECKING:
    from collections.abc import Iterator

API_KEY = "api-key-of-the-browser-tests"
PBX_KEY = "pbx-key-of-the-browser-tests"
PASSWORD = "correct horse battery"
START_SECONDS = 30

_numbers = itertools.count(1)


def iso_now() -> str:
    """This moment as the connectors write it."""
    return datetime.now(UTC).isoformat()


def free_port() -> int:
    """A port of the loopback that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """`tandem-server run` in a folder of its own."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    lines: queue.Queue[str] = field(default_factory=lambda: queue.Queue(10_000))
    epoch: int = field(default_factory=lambda: int(time.time() * 1000))
    seq: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    database: Database | None = None

    @property
    def database_url(self) -> str:
        """The server's own file."""
        return f"sqlite:///{self.folder / 'tandem.db'}"

    @property
    def url(self) -> str:
        """As browsers reach it."""
        return f"http://127.0.0.1:{self.port}"

    def write_settings(self, grace: int = 30, **server: Any) -> None:
        """Write tandem.toml for one PBX, hq; `server` are further settings of ``[server]``."""
        # JSON's strings and lists of strings are TOML's too.
        more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in server.items())
        (self.folder / "tandem.toml").write_text(
            f"""[server]
listen = "127.0.0.1:{self.port}"
url = "{self.url}"
database = "{self.database_url}"
secret = "secret-of-the-browser-tests-0123456789"
grace = {grace}
{more}[server.api_keys]
tests = "{API_KEY}"
[pbx.hq]
key = "{PBX_KEY}"
"""
        )

    def start(self) -> None:
        """Start it and wait until its port is open."""
        script = Path(sys.executable).with_name("tandem-server")
        assert script.is_file(), "install the package first: make install"
        self.process = subprocess.Popen(
            [str(script), "run", "--config", "tandem.toml"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        threading.Thread(target=self._drain, args=(self.process.stdout,), daemon=True).start()
        seen = []
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                seen.append(self.lines.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                break
            if "listening on" in seen[-1]:
                return
        raise AssertionError(f"the server did not start: {''.join(seen)[-2000:]}")

    def _drain(self, stream: IO[str]) -> None:
        for line in stream:
            if self.lines.full():
                self.lines.get_nowait()
            self.lines.put(line)
        self.lines.put("-- the server has ended --\n")

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it and wait for that."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.process = None

    def add_agent(
        self, name: str, uri: str, *, admin: bool = False, supervisor: bool = False
    ) -> None:
        """Add an agent whose password is PASSWORD, as `tandem-server agent add` does."""
        if self.database is None:
            self.database = Database(self.database_url)
        with self.database.write() as work:
            agents.add(work, name, uri, PASSWORD, admin=admin, supervisor=supervisor)

    def request(self, method: str, path: str, body: Any = None, key: str = API_KEY) -> Any:
        """Ask the API; raises urllib.error.HTTPError for an error status."""
        request = urllib.request.Request(  # noqa: S310
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from error
        return json.loads(text) if text else None

    def report(self, *calls: dict[str, Any], **members: Any) -> None:
        """Report as a connector does."""
        body = {"epoch": self.epoch, "snapshot": False, "calls": list(calls), "results": []}
        answer = self.request("POST", "/v1/pbx/hq/reports", body | members, PBX_KEY)
        assert answer["accepted"] == len(calls) + len(members.get("results", ())), answer


@dataclass
class Agent:
    """Somebody who may log in at the desk."""

    name: str
    uri: str


@dataclass
class PhoneCall:
    """A call as the PBX reports it."""

    server: Server
    id: str
    user_uri: str
    type: str | None = "chat"
    now: dict[str, Any] = field(default_factory=dict)
    lines: int = 0

    @property
    def number(self) -> str:
        """What a page calls the caller."""
        return self.user_uri.removeprefix("sip:").partition("@")[0]

    def report(
        self, trace: tuple[tuple[str, str], ...] = (), *, stops: int = 0, **changes: Any
    ) -> None:
        """Report the call with these members changed; the last `stops` lines say why it stopped."""
        self.now.update(changes, since=iso_now())
        entries = []
        for number, (stage, text) in enumerate(trace):
            self.lines += 1
            stopped = number >= len(trace) - stops
            line = {"n": self.lines, "at": iso_now(), "stage": stage, "text": text}
            entries.append(line | {"stopped": stopped})
        seq = next(self.server.seq)
        standing = {"id": self.id, "type": self.type, "user_uri": self.user_uri}
        self.server.report(standing | self.now | {"seq": seq, "trace": entries})

    def wait(self, queue: str = "support", position: int = 1) -> None:
        """The call is in a queue."""
        wire = ("wire", f"call {self.id} from {self.user_uri}")
        mark = ("mark", f"marked {self.type}")
        self.report(
            (wire, mark, ("queue", f"in {queue}")), state="queued", queue=queue, position=position
        )

    def answer(self, agent: Agent) -> None:
        """An agent has it."""
        found = ("agent", f"{agent.uri} serves the call")
        self.report((found,), state="active", agent_uri=agent.uri, position=None)

    def hold(self, held: bool = True) -> None:
        """The agent holds the call, or takes it back."""
        self.report(held=held)

    def end(self, cause: str = "hangup") -> None:
        """The call is over."""
        self.report((("end", cause),), state="ended", cause=cause)

    @property
    def session(self) -> dict[str, Any]:
        """The session of this call, as the API has it."""
        found = self.server.request("GET", f"/v1/sessions?call_id={self.id}")["items"]
        assert len(found) == 1, found
        session: dict[str, Any] = found[0]
        return session

    def join_url(self, role: str = "user") -> str:
        """The link that is good now."""
        url = self.session[role]["join_url"]
        assert isinstance(url, str)
        return url


def new_call(server: Server, kind: str | None = "chat") -> PhoneCall:
    """A call nobody has seen yet, from a number of its own."""
    number = next(_numbers)
    return PhoneCall(
        server, f"{int(time.time())}.{number}", f"sip:+3120555{number:04}@pbx.example.org", kind
    )


@contextmanager
def running(folder: Path, grace: int = 30, **settings: Any) -> Iterator[Server]:
    """A server that runs for as long as it is needed."""
    server = Server(folder)
    server.write_settings(grace, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        if server.database is not None:
            server.database.close()


def chromium() -> str:
    """Path of the browser. Raises AssertionError with the line that installs it."""
    wanted = os.environ.get("TANDEM_CHROMIUM") or shutil.which("chromium")
    assert wanted, "the browser tests need Chromium: apt-get install -y chromium (as root)"
    return wanted
