"""A Chromium whose tabs are really in the background: Playwright holds every page to be in front.

Spoken to by the DevTools protocol, as much of it as the tests need.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from websockets.sync.client import connect

from tests.browser.world import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

START_SECONDS = 20
ANSWER_SECONDS = 20


class Tab:
    """One page."""

    def __init__(self, chrome: Chrome, target: str) -> None:
        self.target = target
        self._chrome = chrome
        attached = chrome.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.ask("Page.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return self._chrome.ask(method, self._session, **params)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, a promise's when it has one."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True,
            userGesture=True,
        )  # fmt: skip
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = ANSWER_SECONDS) -> Any:
        """Wait until an expression is true; gives its value. The page's own timers may stand still,
        so it is asked from here."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"not within {seconds} s: {expression}"
            time.sleep(0.02)
        return value

    def bring_to_front(self) -> None:
        """Have it looked at; the others no longer are."""
        self._chrome.ask("Target.activateTarget", targetId=self.target)


class Chrome:
    """A browser without Playwright."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def ask(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            heard = json.loads(self._socket.recv(max(0.0, deadline - time.monotonic())))
            if heard.get("id") == number:
                assert "error" not in heard, heard
                result: dict[str, Any] = heard["result"]
                return result

    def tab(self, url: str) -> Tab:
        """A new page, in front."""
        return Tab(self, self.ask("Target.createTarget", url=url)["targetId"])


@contextmanager
def background_chromium(folder: Path) -> Iterator[Chrome]:
    """A browser with a profile of its own."""
    command = [
        chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            with connect(_address(process)) as socket:
                yield Chrome(socket)
        finally:
            process.terminate()
            process.wait(10)


def _address(process: subprocess.Popen[str]) -> str:
    """Where it listens, which it says on its way up."""
    assert process.stderr is not None
    deadline = time.monotonic() + START_SECONDS
    said = []
    while time.monotonic() < deadline and (line := process.stderr.readline()):
        said.append(line)
        found = re.search(r"DevTools listening on (ws://\S+)", line)
        if found:
            return found[1]
    raise AssertionError(f"Chromium did not start: {''.join(said)[-1000:]}")
