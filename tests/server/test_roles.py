"""Every cell of the table of roles, tried against the application."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collab_server.db.sessions import CollabSession
from collab_server.realtime.backend import SyncGrant
from collab_server.sessions.roles import TABLE, Cell, May, Who, table
from tests.server.conftest import (
    LI,
    POSTGRES,
    WANG,
    Browser,
    Keyed,
    Server,
    empty,
    json_of,
    make_settings,
)

CHEN = "sip:chen@example.org"
ROOT = "sip:root@example.org"
ZHOU = "sip:zhou@example.org"
SECRET = "the caller's policy has lapsed"
CLIENTS_OWN = "case of a client's own system"
"""An attribute no id, token or time of a session can be taken for."""
README = Path(__file__).parents[2] / "README.md"


def test_the_readme_shows_the_table() -> None:
    assert table() in README.read_text()


class Scene:
    """A server with everybody logged in, and a session for each role."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.calls = 0
        self.at_desk: dict[Who, Browser] = {
            Who.AGENT: server.desk("wang", WANG),
            Who.FORMER: server.desk("li", LI),
            Who.ADMIN: server.desk("root", ROOT, admin=True),
        }
        chen = server.desk("chen", CHEN, supervisor=True)
        self.at_desk[Who.ELSEWHERE] = server.desk("zhou", ZHOU, supervisor=True, team="night")
        self.at_desk |= dict.fromkeys((Who.SUPERVISOR, Who.READING, Who.JOINED), chen)
        self._standing: dict[Who, Somebody] = {}

    def standing(self, who: Who) -> Somebody:
        """The role's own session, for what leaves it as it is."""
        if who not in self._standing:
            self._standing[who] = self.enter(who, agreed=True)
        return self._standing[who]

    def enter(self, who: Who, *, agreed: bool) -> Somebody:
        """A session that Li had and Wang has, with a note; its user has agreed to Wang or not."""
        server = self.server
        self.calls += 1
        call = f"1.{self.calls}"
        server.connector.report(call, "active", agent_uri=LI)
        session = server.session_of(call)
        path = f"/v1/sessions/{session['id']}"
        user = server.browser()
        user.open(session["user"]["join_url"])
        server.connector.report(call, "active", agent_uri=WANG)
        answer = user.post(f"{path}/consent", {"agent": WANG, "agree": agreed})
        assert answer.status_code == 200
        assert server.api.post(f"{path}/note", {"note": SECRET}).status_code == 200
        assert server.api.post(f"{path}/invitations", {"role": "user"}).status_code == 201
        with server.services.write() as work:
            work.db.get_one(CollabSession, session["id"]).attributes = {"crm": CLIENTS_OWN}
        mode = {Who.READING: "read", Who.JOINED: "join"}.get(who)
        if mode is not None:
            entered = self.at_desk[who].post(f"{path}/supervision", {"mode": mode})
            assert entered.status_code == 200
        client = user if who is Who.USER else self.at_desk.get(who, server.api)
        return Somebody(server, client, session["id"], mode, who)


class Somebody:
    """Who tries something in a session."""

    def __init__(
        self, server: Server, client: Browser | Keyed, session: str, mode: str | None, who: Who
    ) -> None:
        self.server, self.client, self.session, self.who = server, client, session, who
        self.path = f"/v1/sessions/{session}"
        self._mode = mode

    def get(self, path: str) -> dict[str, Any] | None:
        return self._of(self.client.get(path))

    def post(self, action: str, body: dict[str, Any]) -> dict[str, Any] | None:
        return self._of(self.client.post(f"{self.path}/{action}", body))

    def _of(self, answer: Any) -> dict[str, Any] | None:
        """What came; None: it was refused, in a way that says so."""
        if answer.status_code in (200, 201):
            return json_of(answer)
        assert answer.status_code in (403, 410), answer.text
        return None

    def sees(self) -> str:
        opened = self.post("supervision", {"mode": self._mode}) if self._mode else None
        opened = opened or self.post("token", {})
        if opened is None:
            return "none"
        grant = self.server.backend.authorize_sync(self.session, opened["sync"]["token"])
        assert isinstance(grant, SyncGrant)
        assert opened["role"] == grant.person.role
        return grant.sight

    def link_of(self, role: str) -> bool:
        shown = self.get(self.path)
        return bool(shown and shown[role]["join_url"])

    def finds_the_note(self) -> bool:
        pages = [self.get(self.path)]
        if self.who is Who.USER:  # has no desk, but a web socket that shows the session
            pages.append(self.server.backend.sync_view(self.session, "user"))
        else:
            pages += [self.get("/v1/desk"), self.get("/v1/floor")]
        return SECRET in json.dumps(pages)


TRIES: dict[May, Callable[[Somebody], bool]] = {
    May.READ_SESSION: lambda me: me.get(me.path) is not None,
    May.READ_DOCUMENT: lambda me: me.sees() in ("read", "all"),
    May.WRITE_DOCUMENT: lambda me: me.sees() == "all",
    May.CONSENT: lambda me: me.post("consent", {"agent": WANG, "agree": True}) is not None,
    May.READ_NOTE: lambda me: me.finds_the_note(),
    May.WRITE_NOTE: lambda me: me.post("note", {"note": "x"}) is not None,
    May.END: lambda me: me.post("end", {}) is not None,
    May.SEE_USER_LINK: lambda me: me.link_of("user"),
    May.SEE_AGENT_LINK: lambda me: me.link_of("agent"),
    May.INVITE_USER: lambda me: me.post("invitations", {"role": "user"}) is not None,
    May.INVITE_AGENT: lambda me: me.post("invitations", {"role": "agent"}) is not None,
    May.READ_ATTRIBUTES: lambda me: CLIENTS_OWN in json.dumps(me.get(me.path)),
    May.READ_HISTORY: lambda me: me.get(f"{me.path}/events") is not None,
    May.READ_TRACE: lambda me: me.get("/v1/calls") is not None,
    May.SET_UP: lambda me: me.get("/v1/setup/people") is not None,
    May.SEE_FLOOR: lambda me: me.get("/v1/floor") is not None,
    May.READ_ALONG: lambda me: me.post("supervision", {"mode": "read"}) is not None,
    May.JOIN_IN: lambda me: me.post("supervision", {"mode": "join"}) is not None,
    May.WHISPER: lambda me: me.post("whispers", {"text": "offer a discount"}) is not None,
    May.READ_WHISPERS: lambda me: me.get(f"{me.path}/whispers") is not None,
}


ELSEWHERE = {
    May.READ_TRACE: "/v1/calls",
    May.SET_UP: "/v1/setup/people",
    May.SEE_FLOOR: "/v1/floor",
}
"""Addresses that are not of a session."""
CHANGES = {May.WRITE_NOTE, May.END, May.READ_ALONG, May.JOIN_IN}
"""What leaves the session, or the role, another one."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if POSTGRES:
        empty(POSTGRES)
    server = Server(make_settings(tmp_path_factory.mktemp("roles")))
    yield Scene(server)
    server.database.close()


@pytest.mark.parametrize("action", May)
@pytest.mark.parametrize("who", Who)
def test_a_role_may_do_what_the_table_says(who: Who, action: May, scene: Scene) -> None:
    cell = TABLE[action].get(who)
    me = scene.enter(who, agreed=True) if action in CHANGES else scene.standing(who)
    if who is Who.USER and action in ELSEWHERE:
        answer = me.client.get(ELSEWHERE[action])
        assert (answer.status_code, cell) == (401, None), "a session's cookie goes nowhere else"
        return
    assert TRIES[action](me) == (cell is not None)


@pytest.mark.parametrize(
    ("action", "who"), [(a, w) for a, row in TABLE.items() for w in row if row[w] is Cell.AGREED]
)
def test_nothing_is_seen_or_said_without_the_users_yes(action: May, who: Who, scene: Scene) -> None:
    assert not TRIES[action](scene.enter(who, agreed=False))
