"""Tandem's own programs beside a PBX, and a call as a behaviour tells it and asks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.simulator import Call, Rings
from connectors.simulator.script import CALLER, Until
from tests.behaviour.wire import Wire
from tests.e2e.world import API_KEY, DOMAIN, PBX_KEY, WITHIN, Running, invitation_in, until, uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from connectors.simulator.script import Step
    from tests.behaviour.pbx import Pbx, Placed

ANSWERS = Rings(answer_after=0.05)
BY_HAND = Rings(answer_after=None)
"""It rings until its person acts."""
BUSY = Rings(busy=True)


class Tandem(Running):
    """Server and connector `lab` beside a PBX; `wire` is the way to it."""

    def __init__(self, pbx: Pbx, folder: Path) -> None:
        self.pbx = pbx
        self.wire = Wire(pbx.host, pbx.port)
        self.standing: list[Told] = []
        """The calls of the behaviour that is tried now."""
        self._folder = folder
        self._before: set[str] = set()

    async def __aenter__(self) -> Self:
        await self.wire.__aenter__()
        super().__init__(self._folder, self._settings)
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self.wire.cut()

    def _settings(self, port: int) -> str:
        pbx = self.pbx
        return f"""
[server]
listen = "127.0.0.1:{port}"
database = "sqlite:///{self._folder / "tandem.db"}"
secret = "secret-of-the-behaviour-tests-0123456789"
[server.api_keys]
tests = "{API_KEY}"
[pbx.lab]
kind = "{pbx.kind}"
server = "http://127.0.0.1:{port}"
key = "{PBX_KEY}"
port = {self.wire.port}
username = "{pbx.username}"
secret = "{pbx.secret}"
domain = "{DOMAIN}"
agent_endpoints = ['{pbx.agent_endpoints}']
trust_headers = ['{pbx.trusted}']
outbox = "{self._folder / "outbox.db"}"
"""

    async def begin(self) -> None:
        """A behaviour begins."""
        self.standing = []
        self._before = {each["id"] for each in await self.sessions()}

    async def place(
        self,
        number: str,
        phone: str = CALLER,
        headers: Mapping[str, str] | None = None,
        **phones: Rings,
    ) -> Told:
        """A telephone dials; `phones` are those it may ring and what they do then."""
        script = Call(number, phone=phone, display="", phones=phones, headers=headers or {})
        told = Told(self, await self.pbx.start(script), phone)
        self.standing.append(told)
        return told

    async def finish(self) -> None:
        """A behaviour is over: there is no session that it did not ask after, and no call left."""
        await self.pbx.clear()

        async def nothing_stands() -> tuple[bool, Any]:
            calls = await self.all("/v1/calls?pbx=lab")
            return not calls, calls

        await until(nothing_stands, "the end of every call")
        asked_after = {each for told in self.standing for each in told.known}
        made = {
            each["id"]: each for each in await self.sessions() if each["id"] not in self._before
        }
        others = [each for name, each in made.items() if name not in asked_after]
        assert others == [], "sessions nobody should have made"

    async def reconnected(self, since: int) -> None:
        """Wait until the connector is at work again; `since`: lines it had said before."""
        await self.connector.line("connected to", since=since)


class Told:
    """A call under way, and what Tandem says of it."""

    def __init__(self, tandem: Tandem, placed: Placed, phone: str) -> None:
        self.tandem = tandem
        self.placed = placed
        self.id = placed.id
        """The user leg's, unless `user_is` says that the user is somebody else."""
        self.user = uri(phone)
        self.known: set[str] = set()
        """Sessions that were asked after."""

    async def do(self, *steps: Step) -> None:
        """Somebody does something, one after the other."""
        for step in steps:
            await self.tandem.pbx.perform(self.placed, step)

    async def user_is(self, phone: str) -> None:
        """The user is who was called, not who dialled."""
        self.id, self.user = await self.tandem.pbx.leg(self.placed, phone), uri(phone)

    async def session(
        self, within: float = WITHIN, agent: str | None = None, **wanted: Any
    ) -> dict[str, Any]:
        """The one session, once its members are as `wanted` and `agent` has it."""
        whom = uri(agent) if agent else None
        session = await self.tandem.session(self.id, within, whom, **wanted)
        self.known.add(session["id"])
        return session

    async def talks(self, agent: str) -> dict[str, Any]:
        """The session, once an agent talks to the user by the PBX's word and by ours.

        A queue's word may come before the bridge: nobody hands a call on, or presses a key, in the
        hundredth of a second between the two.
        """
        await self.do(Until("talking", agent))
        return await self.session(agent=agent, state="inviting")

    async def invited(self, phone: str = CALLER) -> dict[str, Any]:
        """The session, once its link is at the user's telephone; it has come once."""
        link = invitation_in((await self.session())["user"]["join_url"])

        async def came() -> tuple[bool, Any]:
            texts = self.tandem.pbx.texts(phone)
            return any(link in text for text in texts), texts

        texts = await until(came, f"the link of {self.id} at {phone}")
        assert sum(link in text for text in texts) == 1, texts
        return await self.session()

    async def call(self, **wanted: Any) -> dict[str, Any]:
        """What the server has of the call, once its members are as `wanted`."""
        return await self.tandem.call(self.id, **wanted)

    async def ended(
        self,
        reason: str,
        states: str | None,
        agents: Sequence[str] = (),
        *,
        type: str = "form",
        user: str | None = None,
        initiator: str = "user",
    ) -> dict[str, Any]:
        """The one session of the call, which is over and was right from its beginning on.

        `states` are those it was in, one after the other, ``requested`` aside: in it is whoever is
        neither in line nor served, for a moment of many a move, and a connector reports how things
        stand, not every step. None: the server was not there to see them. `agents` are those who
        had it, in order.
        """
        session = await self.session(state="ended")
        assert session["reason"] == reason, session
        assert session["type"] == type, session
        assert session["user"]["uri"] == (user or self.user), session
        assert session["initiator"] == initiator, session
        assert session["call"]["pbx"] == "lab", session
        events = await self.tandem.all(f"/v1/sessions/{session['id']}/events?limit=200")
        if states is not None:
            passed = [each["new"] for each in events if each["kind"] == "state"]
            steps = [each for each in passed if each != "requested"]
            assert steps == [*states.split(), "ended"], events
            had = [each["new"] for each in events if each["kind"] == "agent"]
            assert had == [uri(agent) for agent in agents], events
        assert [each["n"] for each in events] == list(range(1, len(events) + 1)), events
        assert (await self.call(state="ended"))["session"] == session["id"]
        return session

    async def ordinary(self, stage: str, *why: str) -> dict[str, Any]:
        """The call is over and no session was made; the trace says where it stopped, and why."""
        call = await self.call(state="ended")
        assert call["session"] is None, call
        assert call["stopped"]["stage"] == stage, call
        for word in why:
            assert word in call["stopped"]["reason"], call
        assert await self.tandem.sessions(self.id) == []
        return call
