"""A site, its users and a PBX double, for tests of calls without a telephone."""

from __future__ import annotations

from typing import Any

from collab_server.realtime.hub import Present
from tests.server.conftest import WANG, Browser, Server, json_of
from tests.server.queue_double import QueueDouble


class Posted:
    """A call that a site has posted."""

    def __init__(self, server: Server, answer: dict[str, Any]) -> None:
        self.server = server
        self.first = answer
        self.id: str = answer["id"]
        self.session: str = answer["session"]
        self.browser: Browser | None = None

    def now(self) -> dict[str, Any]:
        return json_of(self.server.site.get(f"/v1/calls/{self.id}"))

    def leave(self) -> None:
        assert self.server.site.delete(f"/v1/calls/{self.id}").status_code == 204

    def open(self) -> Browser:
        """The user opens the page, which connects."""
        self.browser = self.server.browser()
        self.browser.open(self.first["user"]["join_url"])
        self.connect()
        return self.browser

    def _user(self) -> str:
        return str(self.first["user"]["uri"])

    def connect(self) -> None:
        self.server.hub.present = [Present("user", self._user(), "", self.server.clock())]
        self.server.backend.connected(self.session, "user", self._user())

    def disconnect(self) -> None:
        self.server.hub.present = []
        self.server.backend.disconnected(self.session, "user", self._user())

    def say_closed(self) -> None:
        assert self.browser is not None
        answer = self.browser.post(f"/v1/sessions/{self.session}/closed", {})
        assert answer.status_code == 204, answer.text

    def view(self, role: str = "user") -> dict[str, Any]:
        return dict(
            self.server.backend.sync_view(self.session, "user" if role == "user" else "agent")
        )

    def trace(self) -> str:
        items = self.server.trace(self.id)["items"]
        return "\n".join(f"{item['stage']}: {item['text']}" for item in items)


class Site:
    """Posts calls, and has a PBX that takes the commands."""

    def __init__(self, server: Server, cap: int = 50) -> None:
        self.server = server
        self.pbx = QueueDouble(cap)
        self._taken = 0

    def post(self, **fields: Any) -> Posted:
        body = {"type": "chat", "queue": "support", "pbx": "hq"} | fields
        answer = self.server.site.post("/v1/calls", body)
        assert answer.status_code == 201, answer.text
        return Posted(self.server, json_of(answer))

    def new_commands(self) -> list[dict[str, Any]]:
        """What was pushed to the connector since this was asked last."""
        commands = self.server.hub.commands
        fresh, self._taken = commands[self._taken :], len(commands)
        return fresh

    def link(self) -> None:
        """The connector's link comes up: what is still wanted is given again."""
        self.server.hub.linked_pbxs.add("hq")
        self._taken = len(self.server.hub.commands)
        for command in self.server.backend.pending_commands("hq"):
            self.pbx.take(command)
        self.pump()

    def pump(self) -> None:
        """Carry commands to the PBX and its reports to the server, until nothing is left."""
        for _ in range(10_000):
            pushed = self.new_commands()
            if "hq" in self.server.hub.linked_pbxs:
                for command in pushed:
                    self.pbx.take(command)
            calls, results = self.pbx.said()
            if not calls and not results:
                return
            answer = self.server.connector.send(*calls, results=results)
            assert answer.status_code == 200, answer.text
        raise AssertionError("the two never came to rest")

    def serve(self, agent_uri: str = WANG) -> str:
        """The first in the queue gets this agent."""
        served = self.pbx.answer(agent_uri)
        self.pump()
        return served

    def pass_time(self, seconds: float) -> None:
        self.server.clock.turn(seconds)
        self.server.housekeeper.round()
        self.pump()
