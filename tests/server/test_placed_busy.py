"""An agent of several calls without a telephone at once: busy until the last of them is over."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.server.conftest import POSTGRES, WANG, Server, empty, make_settings
from tests.server.placed import Posted, Site


class Slow:
    """A site whose connector takes its time with pauses: each is done, and told, when it is said.
    They are done in the order they were asked for."""

    def __init__(self, server: Server) -> None:
        self.site = Site(server)
        self.asked: list[dict[str, Any]] = []
        self.done: list[dict[str, str]] = []
        self.site.link()

    def carry(self) -> None:
        """All but the pauses goes to and fro."""
        for _ in range(100):
            commands = self.site.new_commands()
            self.asked += [command for command in commands if command["kind"] == "pause"]
            for command in commands:
                if command["kind"] != "pause":
                    self.site.pbx.take(command)
            calls, results = self.site.pbx.said()
            if not calls and not results:
                return
            self.site.server.connector.send(*calls, results=results)

    def serve(self) -> Posted:
        """Somebody posts a call, and the agent answers it."""
        call = self.site.post()
        self.carry()
        self.site.pbx.answer(WANG)
        self.carry()
        return call

    def do(self, *, fails: bool = False) -> None:
        """The next pause is done; the server does not know yet."""
        command = self.asked.pop(0)
        if fails:
            self.done.append({"id": command["id"], "status": "failed", "detail": "pbx_away: gone"})
            return
        self.site.pbx.take(command)
        _, results = self.site.pbx.said()
        self.done += results

    def tell(self) -> None:
        """The server hears of the next one that was done."""
        self.site.server.connector.send(results=[self.done.pop(0)])
        self.carry()

    def settle(self) -> None:
        """Everything is done and told."""
        while self.asked or self.done:
            while self.asked:
                self.do()
            while self.done:
                self.tell()


def test_a_pause_under_way_is_not_undone_by_the_end_of_another_session(server: Server) -> None:
    slow = Slow(server)
    first = slow.serve()
    slow.settle()
    second = slow.serve()
    first.leave()
    slow.carry()
    slow.settle()
    assert slow.site.pbx.paused == {WANG: "collaboration"}
    second.leave()
    slow.carry()
    slow.settle()
    assert slow.site.pbx.paused == {}


def test_a_pause_that_fails_leaves_nobody_paused_for_a_session_that_is_over(
    server: Server,
) -> None:
    slow = Slow(server)
    first = slow.serve()
    slow.settle()
    slow.serve()
    first.leave()
    slow.carry()
    slow.do(fails=True)
    slow.settle()
    assert slow.site.pbx.paused == {}


class Busy(RuleBasedStateMachine):
    """Sessions of one agent begin and end in any order, and pauses take any time, or fail."""

    @initialize()
    def start(self) -> None:
        if POSTGRES:
            empty(POSTGRES)
        self.folder = tempfile.TemporaryDirectory()
        self.server = Server(make_settings(Path(self.folder.name)))
        self.slow = Slow(self.server)
        self.live: list[Posted] = []
        self.failed = False

    def teardown(self) -> None:
        if hasattr(self, "server"):
            self.server.database.close()
            self.folder.cleanup()

    @precondition(lambda self: len(self.live) < 3)
    @rule()
    def serve(self) -> None:
        self.live.append(self.slow.serve())

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(range(len(self.live))))
        self.live.pop(call).leave()
        self.slow.carry()

    @precondition(lambda self: self.slow.asked)
    @rule()
    def do(self) -> None:
        self.slow.do()

    @precondition(lambda self: self.slow.asked and self.slow.asked[0]["args"]["paused"])
    @rule()
    def fail(self) -> None:
        self.failed = True
        self.slow.do(fails=True)

    @precondition(lambda self: self.slow.done)
    @rule()
    def tell(self) -> None:
        self.slow.tell()

    @rule()
    def in_the_end_who_serves_is_busy_and_nobody_else(self) -> None:
        self.slow.settle()
        paused = bool(self.slow.site.pbx.paused)
        assert paused <= bool(self.live)
        if not self.failed:
            assert paused == bool(self.live)
        self.failed = self.failed and bool(self.live)


TestBusy = Busy.TestCase
TestBusy.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
