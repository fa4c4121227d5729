"""A server without its port: Flask's test client, a recording hub, a clock that tests turn."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from collab_server.app import create_app
from collab_server.backend import DatabaseBackend
from collab_server.db.engine import Database
from collab_server.db.migrate import migrate
from collab_server.housekeeping import Housekeeper
from collab_server.http.current import EXTENSION
from collab_server.invite.courier import Courier
from collab_server.people import agents
from collab_server.people.teams import Teams
from collab_server.realtime.backend import DeskGrant, Role, Sight
from collab_server.realtime.hub import Present
from collab_server.services import Services
from collab_server.settings import Settings

HOST = "127.0.0.1"
URL = f"http://{HOST}:8080"
API = {"Authorization": "Bearer crm-key"}
HQ = {"Authorization": "Bearer hq-key"}
SITE = {"Authorization": "Bearer site-key"}
ORIGIN = "https://www.example.org"
ALICE = "sip:alice@example.org"
WANG = "sip:wang@example.org"
LI = "sip:li@example.org"
POSTGRES = os.environ.get("TANDEM_TEST_POSTGRES", "")
"""A ``postgresql+psycopg://`` database to run these tests on, which they empty; or none."""
START = 1_795_000_000.0


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


class RecordingHub:
    """Writes down what the web sockets would be told."""

    def __init__(self) -> None:
        self.views: list[tuple[str, Mapping[Role, dict[str, Any]]]] = []
        self.closed: list[tuple[str, str | None, str | None, int]] = []
        self.desks: list[tuple[str, dict[str, Any]]] = []
        self.signed_out: list[str] = []
        self.used: list[str] = []
        self.over: list[str] = []
        self.links: list[tuple[str, Sequence[dict[str, Any]]]] = []
        self.leases: list[tuple[str, str, int]] = []
        self.present: list[Present] = []
        self.linked_pbxs: set[str] = set()
        self.at_desk: dict[str, set[str]] = {}
        self.sights: list[tuple[str, Mapping[tuple[Role, str], Sight]]] = []
        self.floor: list[dict[str, Any]] = []
        self.floor_teams: list[tuple[dict[str, Any], Teams | None, dict[str, Any] | None]] = []
        self.renewed = 0
        self.desks_since: dict[str, float] = {}
        self.pages: dict[str, list[dict[str, Any]]] = {}
        """Open pages of users, and what was pushed to them."""

    def session_changed(self, session_id: str, views: Mapping[Role, dict[str, Any]]) -> None:
        self.views.append((session_id, views))

    def close_session(self, session_id: str, role: Role | None, uri: str | None, code: int) -> None:
        self.closed.append((session_id, role, uri, code))

    def sights_changed(self, session_id: str, sights: Mapping[tuple[Role, str], Sight]) -> None:
        self.sights.append((session_id, sights))

    def floor_push(
        self,
        message: dict[str, Any],
        teams: Teams | None = None,
        otherwise: dict[str, Any] | None = None,
    ) -> None:
        self.floor.append(message)
        self.floor_teams.append((message, teams, otherwise))

    def desk_moved(self, agent_uri: str, team: str) -> None:
        pass

    def floor_renew(self) -> None:
        self.renewed += 1

    def floor_watched(self) -> bool:
        return True

    def open_desks(self) -> Mapping[str, float]:
        return self.desks_since

    def desk_push(self, agent_uri: str, message: dict[str, Any]) -> None:
        self.desks.append((agent_uri, message))

    def open_pages(self, uri: str) -> int:
        return int(uri in self.pages)

    def page_push(self, uri: str, message: dict[str, Any]) -> None:
        self.pages[uri].append(message)

    def desk_close(self, login_id: str) -> None:
        self.signed_out.append(login_id)

    def code_used(self, pairing_id: str) -> None:
        self.used.append(pairing_id)

    def codes_over(self, pairing_ids: Iterable[str]) -> None:
        self.over += pairing_ids

    def desk_logins(self, agent_uri: str) -> set[str]:
        return self.at_desk.get(agent_uri, set())

    def link_push(self, pbx: str, commands: Sequence[dict[str, Any]]) -> None:
        self.links.append((pbx, commands))

    def link_lease(self, pbx: str, connector: str, epoch: int) -> None:
        self.leases.append((pbx, connector, epoch))

    def presence(self, session_id: str) -> Sequence[Present]:
        return self.present

    def linked(self, pbx: str) -> bool:
        return pbx in self.linked_pbxs

    def counts(self) -> Mapping[str, int]:
        return {"rooms": 0}

    @property
    def commands(self) -> list[dict[str, Any]]:
        return [one for _, frames in self.links for one in frames if "withdraw" not in one]

    @property
    def withdrawn(self) -> list[str]:
        frames = [one for _, frames in self.links for one in frames]
        return [one["withdraw"] for one in frames if "withdraw" in one]


class Server:
    """One server, its clients and browsers."""

    def __init__(self, settings: Settings) -> None:
        self.clock = Clock()
        self.hub = RecordingHub()
        self.database = Database(settings.server.database, self.clock)
        migrate(self.database)
        self.app: Flask = create_app(
            settings, hub=self.hub, database=self.database, clock=self.clock
        )
        self.services: Services = self.app.extensions[EXTENSION]
        self.backend = DatabaseBackend(self.services)
        self.housekeeper = Housekeeper(self.services)
        self.courier = Courier(self.services, pause=0.01)
        self.api = Keyed(self.app.test_client(use_cookies=False), API)
        self.site = Keyed(self.app.test_client(use_cookies=False), SITE)
        self.connector = Connector(Keyed(self.app.test_client(use_cookies=False), HQ))

    def browser(self) -> Browser:
        return Browser(self.app.test_client())

    def add_agent(
        self,
        name: str,
        uri: str,
        *,
        admin: bool = False,
        supervisor: bool = False,
        team: str = "",
    ) -> None:
        roles = {"admin": admin, "supervisor": supervisor}
        with self.database.write() as work:
            agents.add(work, name, uri, "correct horse", **roles, team=team)

    def desk(
        self,
        name: str,
        uri: str,
        *,
        admin: bool = False,
        supervisor: bool = False,
        team: str = "",
    ) -> Browser:
        self.add_agent(name, uri, admin=admin, supervisor=supervisor, team=team)
        browser = self.browser()
        answer = browser.post("/v1/login", {"username": name, "password": "correct horse"})
        assert answer.status_code == 200, answer.text
        cookies = "; ".join(h.split(";")[0] for h in answer.headers.getlist("Set-Cookie"))
        assert isinstance(self.backend.authorize_desk(cookies, URL), DeskGrant)  # its socket
        return browser

    def establish(self, **fields: Any) -> dict[str, Any]:
        body = {"type": "form", "user_uri": ALICE, "agent_uri": WANG, "initiator": "user"} | fields
        answer = self.api.post("/v1/sessions", body)
        assert answer.status_code in (200, 201), answer.text
        return json_of(answer)

    def carry(self) -> None:
        """Send whatever is due, and wait until it is done."""
        self.courier.round()
        assert self.courier.wait(20)

    def invitation(self, session_id: str) -> dict[str, Any]:
        """How the user's invitation stands on the agent's desk."""
        shown: dict[str, Any] = self.backend.sync_view(session_id, "agent")["invitation"]["user"]
        return shown

    def ways(self, session_id: str) -> dict[str, tuple[str, str]]:
        """State and reason of each way of the user's invitation."""
        return {w["way"]: (w["state"], w["why"]) for w in self.invitation(session_id)["ways"]}

    def session(self, session_id: str) -> dict[str, Any]:
        return json_of(self.api.get(f"/v1/sessions/{session_id}"))

    def trace(self, call: str) -> dict[str, Any]:
        return json_of(self.api.get(f"/v1/calls/hq/{call}/trace"))

    def session_of(self, call: str) -> dict[str, Any]:
        items = json_of(self.api.get(f"/v1/sessions?call_id={call}"))["items"]
        assert len(items) == 1
        return dict(items[0])


class Keyed:
    """A program with a key."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.client.post(path, json=body, headers=self.headers | headers)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete(path, headers=self.headers)


class Browser:
    """A browser: keeps cookies, says where it comes from, carries the CSRF token it was given."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.csrf = ""

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=URL)

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        sent = {"Origin": URL} | ({"X-CSRF-Token": self.csrf} if self.csrf else {}) | headers
        answer = self.client.post(path, json=body, headers=sent, base_url=URL)
        if answer.is_json and answer.status_code == 200:
            self.csrf = json_of(answer).get("csrf", self.csrf)
        return answer

    def delete(self, path: str) -> TestResponse:
        sent = {"Origin": URL, "X-CSRF-Token": self.csrf}
        return self.client.delete(path, headers=sent, base_url=URL)

    def open(self, join_url: str) -> dict[str, Any]:
        answer = self.post("/v1/join", {"token": token_of(join_url), "agent": None})
        assert answer.status_code == 200, answer.text
        return json_of(answer)


class Connector:
    """A connector that counts its reports."""

    def __init__(self, keyed: Keyed, epoch: int = 1) -> None:
        self.keyed = keyed
        self.epoch = epoch
        self.seq = itertools.count(1)

    def send(self, *calls: dict[str, Any], **fields: Any) -> TestResponse:
        body = {"epoch": self.epoch, "snapshot": False, "calls": list(calls), "results": []}
        return self.keyed.post("/v1/pbx/hq/reports", body | fields)

    def call(self, call_id: str, state: str, **fields: Any) -> dict[str, Any]:
        return {
            "id": call_id,
            "seq": next(self.seq),
            "state": state,
            "type": "form",
            "user_uri": ALICE,
            "agent_uri": None,
            "agent_leg": None,
            "queue": None,
            "position": None,
            "held": False,
            "cause": None,
            "since": "2026-11-23T12:00:00Z",
            "aliases": [],
        } | fields

    def report(self, call_id: str, state: str, **fields: Any) -> None:
        answer = self.send(self.call(call_id, state, **fields))
        assert answer.status_code == 200, answer.text


def json_of(answer: TestResponse) -> dict[str, Any]:
    body: dict[str, Any] = answer.get_json()
    return body


def carries(text: str, join_url: str) -> bool:
    """Whether a message carries the invitation of a join URL, in a link of its own.

    A link names its invitation and its session in front, signed and in the open.
    """
    address, _, token = join_url.partition("#")
    return f"{address}#{token[:56]}" in text


def token_of(join_url: str) -> str:
    address, _, token = join_url.partition("#")
    assert address == f"{URL}/join"
    return token


def make_settings(
    folder: Path, max_placeholders: int = 50, country: str = "", **server: Any
) -> Settings:
    return Settings(
        server={
            "secret": "a secret of the tests, long enough",
            "database": POSTGRES or f"sqlite:///{folder}/tandem.db",
            "api_keys": {"crm": "crm-key"},
            "sites": {"main": {"key": "site-key", "origins": [ORIGIN]}},
        }
        | server,
        pbx={
            "hq": {"key": "hq-key", "max_placeholders": max_placeholders, "country": country},
            "branch": {"key": "branch-key"},
        },
    )


def empty(url: str) -> None:
    database = Database(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    database.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server with other settings; a second time, on the same database."""
    started: list[Server] = []
    if POSTGRES:
        empty(POSTGRES)

    def make(**server: Any) -> Server:
        made = Server(make_settings(tmp_path, **server))
        started.append(made)
        return made

    yield make
    for one in started:
        one.database.close()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()
