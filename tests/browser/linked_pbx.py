"""A PBX double on the server's own sockets: commands come by the link, reports go by HTTP."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.browser.world import PBX_KEY
from tests.server.queue_double import QueueDouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.world import Server

WAIT_SECONDS = 8.0


class LinkedPbx:
    """Takes commands in a thread of its own until it is closed; its link comes up again."""

    def __init__(self, server: Server, cap: int = 50) -> None:
        self.double = QueueDouble(cap)
        self._server = server
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self.faults: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; an AssertionError says what went wrong in its thread."""
        self._closed.set()
        self._thread.join(10)
        assert self.faults == []

    def _run(self) -> None:
        address = f"ws://127.0.0.1:{self._server.port}/v1/pbx/hq/link"
        key = {"Authorization": f"Bearer {PBX_KEY}"}
        while not self._closed.is_set():
            try:
                with connect(address, additional_headers=key, open_timeout=5) as link:
                    self._follow(link)
            except (OSError, WebSocketException):
                self._closed.wait(0.1)  # the server is down
            except Exception as error:
                self.faults.append(repr(error))
                return

    def _follow(self, link: Any) -> None:
        while not self._closed.is_set():
            try:
                text = link.recv(timeout=0.2)
            except TimeoutError:
                continue
            with self._changed:
                self.double.take(json.loads(text))
                self._report()

    def _report(self) -> None:
        calls, results = self.double.said()
        if calls or results:
            body = {"epoch": self._server.epoch, "calls": calls, "results": results}
            self._server.request("POST", "/v1/pbx/hq/reports", body, PBX_KEY)
        self._changed.notify_all()

    def does(self, act: Callable[[QueueDouble], Any]) -> Any:
        """Have something happen on the PBX, and reported."""
        with self._changed:
            done = act(self.double)
            self._report()
            return done

    def until(self, reached: Callable[[QueueDouble], bool], within: float = WAIT_SECONDS) -> None:
        """Wait for what the server asks of the PBX."""
        with self._changed:
            assert self._changed.wait_for(lambda: reached(self.double), within)
