"""What every answer has in common: problems, headers, health, the description, the pages."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from sqlalchemy.exc import SQLAlchemyError

from collab_server.http.openapi import operations
from collab_server.pages import blueprint as pages
from tests.server.conftest import ALICE, API, LI, POSTGRES, WANG, Server, json_of, token_of


def test_an_unknown_address_is_a_problem(server: Server) -> None:
    answer = server.api.get("/v1/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert json_of(answer) == {
        "type": "urn:tandem:problem:not-found",
        "title": "Not found",
        "status": 404,
    }


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(server: Server) -> None:
    answer = server.api.client.delete("/v1/sessions", headers=API)
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]


def test_a_fault_of_ours_tells_nothing_but_that(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any) -> Any:
        raise RuntimeError("the secret is in here")

    monkeypatch.setattr("collab_server.sessions.blueprint.establish", broken)
    body = {"type": "form", "user_uri": "sip:a@b", "agent_uri": WANG}
    answer = server.api.post("/v1/sessions", body)
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert "secret is" not in answer.text


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/nothing", "/healthz", "/desk", "/"])
def test_every_answer_carries_the_security_headers(server: Server, path: str) -> None:
    headers = server.api.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers


def test_answers_of_the_api_are_not_stored(server: Server) -> None:
    assert server.api.get("/v1/sessions").headers["Cache-Control"] == "no-store"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>Tandem</title>")
    (dist / "assets" / "main-abc123.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(pages, "DIST", dist)


@pytest.mark.parametrize("path", ["/", "/join", "/s/abc", "/desk", "/floor", "/setup"])
@pytest.mark.usefixtures("built")
def test_every_page_is_the_same_shell_under_a_strict_policy(server: Server, path: str) -> None:
    answer = server.browser().get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "connect-src 'self' ws://127.0.0.1:8080" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.usefixtures("built")
def test_an_address_that_leads_nowhere_is_a_page_for_a_browser_alone(server: Server) -> None:
    browser = server.browser().client
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = browser.get("/nothing", headers=accept)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "<!doctype html>" in page.text
    again = browser.get("/nothing", headers=accept | {"If-None-Match": "*"})
    assert (again.status_code, again.text) == (404, page.text)
    for path, headers in (("/v1/nothing", accept), ("/assets/no.js", accept), ("/nothing", {})):
        answer = browser.get(path, headers=headers)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), path


@pytest.mark.usefixtures("built")
def test_assets_are_kept_for_long_and_nothing_else_is_served(server: Server) -> None:
    browser = server.browser()
    answer = browser.get("/assets/main-abc123.js")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.mimetype == "text/javascript"
    for path in ("/assets/none.js", "/assets/../../secret.txt", "/assets/%2e%2e/index.html"):
        assert browser.get(path).status_code == 404


@pytest.fixture
def compressed(built: None) -> None:
    for suffix in (".br", ".gz"):
        (pages.DIST / "assets" / f"main-abc123.js{suffix}").write_bytes(suffix.encode())
    (pages.DIST / "assets" / "small-abc123.js").write_text("export {}")


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0.2", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=0, br;q=0", None),
        ("deflate", None),
        ("gzip;q=nonsense, br ; q=0.000", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.usefixtures("compressed")
def test_an_asset_is_sent_as_the_browser_takes_it(
    server: Server, accepts: str | None, coding: str | None
) -> None:
    headers = {} if accepts is None else {"Accept-Encoding": accepts}
    answer = server.app.test_client().get("/assets/main-abc123.js", headers=headers)
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.data == {"br": b".br", "gzip": b".gz", None: b"export {}"}[coding]
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert (answer.mimetype, answer.headers["Vary"]) == ("text/javascript", "Accept-Encoding")
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.usefixtures("compressed")
def test_each_coding_of_an_asset_has_a_tag_of_its_own(server: Server) -> None:
    client = server.app.test_client()
    tags = set()
    for accepts in ("br", "gzip", "identity"):
        headers = {"Accept-Encoding": accepts}
        tag = client.get("/assets/main-abc123.js", headers=headers).headers["ETag"]
        again = client.get("/assets/main-abc123.js", headers=headers | {"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        tags.add(tag)
    assert len(tags) == 3


@pytest.mark.usefixtures("compressed")
def test_what_was_not_compressed_is_sent_as_it_is(server: Server) -> None:
    """Neither a small file, nor an answer of the API, which has secrets beside others' words."""
    browser = server.app.test_client()
    for path in ("/assets/small-abc123.js", "/v1/me", "/openapi.json", "/desk"):
        answer = browser.get(path, headers={"Accept-Encoding": "br, gzip"})
        assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, None)
    for path in ("/openapi.json", "/desk"):
        tag = browser.get(path).headers["ETag"]
        assert browser.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_pages_that_are_not_built_say_what_to_do(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "DIST", tmp_path / "nothing")
    answer = server.browser().get("/desk")
    assert answer.status_code == 503
    assert "The pages are not built" in answer.text
    assert server.browser().get("/assets/x.js").status_code == 404


def test_health_and_readiness(server: Server) -> None:
    assert json_of(server.api.get("/healthz")) == {"status": "ok"}
    ready = json_of(server.api.get("/readyz"))
    nobody = {"linked": False, "connected": None, "since": None, "title": None, "detail": None}
    nobody |= {"standby": 0, "reported": None}
    assert ready == {
        "status": "ok",
        "database": "ok",
        "realtime": "ok",
        "pbx": {"hq": False, "branch": False},
        "pbx_detail": {"hq": nobody, "branch": nobody},
    }


DEAD = {
    "connected": False,
    "since": "2026-11-23T13:20:00.000Z",
    "title": "Asterisk 22.10.1 at 10.0.0.5:5038",
    "detail": "nobody listens there",
}


def test_a_dead_pbx_shows_although_its_connector_is_linked(server: Server) -> None:
    server.hub.linked_pbxs = {"hq", "branch"}
    assert json_of(server.api.get("/readyz"))["pbx"] == {"hq": True, "branch": True}
    assert server.connector.send(pbx=DEAD).status_code == 200
    server.connector.report("1.1", "active")  # a report that does not speak of it changes nothing
    answer = server.api.get("/readyz")
    assert answer.status_code == 200, "the server can do its work"
    assert json_of(answer)["pbx"] == {"hq": False, "branch": True}
    assert json_of(answer)["pbx_detail"]["branch"]["connected"] is None, "nobody said"
    assert server.connector.send(pbx=DEAD | {"connected": True}).status_code == 200
    assert json_of(server.api.get("/readyz"))["pbx"]["hq"] is True
    server.hub.linked_pbxs.clear()
    assert json_of(server.api.get("/readyz"))["pbx_detail"]["hq"]["connected"] is None


def test_only_an_administrator_reads_why_a_pbx_is_not_reached(server: Server) -> None:
    server.hub.linked_pbxs = {"hq"}
    server.connector.send(pbx=DEAD)
    bare = {"linked": True, "connected": False, "since": None, "title": None, "detail": None}
    bare |= {"standby": 0, "reported": None}
    agent = server.desk("li", LI)
    for who in (server.browser(), agent, server.api):
        answer = who.get("/readyz")
        assert "10.0.0.5" not in answer.text
        assert json_of(answer)["pbx_detail"]["hq"] == bare
    admin = server.desk("wang", WANG, admin=True)
    seen = {"linked": True, "standby": 0, "reported": "2026-11-18T11:06:40.000Z"} | DEAD
    assert json_of(admin.get("/readyz"))["pbx_detail"]["hq"] == seen


def test_a_connector_that_was_replaced_does_not_speak_for_the_pbx(server: Server) -> None:
    server.hub.linked_pbxs = {"hq"}
    server.connector.epoch = 2
    server.connector.send(pbx=DEAD | {"connected": True})
    server.connector.epoch = 1
    server.connector.send(pbx=DEAD)
    assert json_of(server.api.get("/readyz"))["pbx"]["hq"] is True


@pytest.mark.parametrize("pbx", [{}, {"connected": "perhaps"}, {"connected": True, "since": "x"}])
def test_what_a_connector_says_of_its_pbx_must_be_right(server: Server, pbx: Any) -> None:
    answer = server.connector.send(pbx=pbx)
    assert answer.status_code == 422
    assert "pbx" in answer.text


def test_a_dead_loop_is_not_ready(server: Server) -> None:
    server.app.extensions["tandem.realtime-alive"] = lambda: False
    answer = server.api.get("/readyz")
    assert (answer.status_code, json_of(answer)["realtime"]) == (503, "failed")


@pytest.mark.skipif(bool(POSTGRES), reason="takes the file away")
def test_a_database_that_takes_no_writes_is_not_ready(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.database.close()
    path = Path(server.database.url.database or "")
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        file.unlink(missing_ok=True)
    path.mkdir()
    answer = server.api.get("/readyz")
    assert (answer.status_code, json_of(answer)["database"]) == (503, "failed")


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Of this process no file takes another byte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(bool(POSTGRES), reason="its disk is another process's")
def test_a_full_disk_is_said_and_forgotten_once_there_is_room(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"type": "form", "user_uri": ALICE, "agent_uri": WANG}
    with full_disk():
        ready, asked = server.api.get("/readyz"), server.api.post("/v1/sessions", body)
    assert (ready.status_code, json_of(ready)["database"]) == (503, "failed")
    assert asked.status_code == 503
    assert json_of(asked)["detail"] == "the database cannot be used; the server's log says why"
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert all(line.startswith("server.database: sqlite:///") for line in said), said
    assert server.api.get("/readyz").status_code == 200
    assert server.api.post("/v1/sessions", body).status_code == 201


def test_metrics_count_reports_and_requests(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    text = server.api.get("/metrics").text
    assert 'tandem_reported_calls_total{outcome="accepted",pbx="hq"} 1.0' in text
    assert "tandem_sessions_total 1.0" in text
    assert 'tandem_http_request_seconds_count{endpoint="pbx.report",status="200"} 1.0' in text
    assert "alice" not in text


def metric(server: Server, line: str) -> float | None:
    """The value of a line of ``/metrics``; None: it is not there."""
    for one in server.api.get("/metrics").text.splitlines():
        name, _, value = one.rpartition(" ")
        if name == line:
            return float(value)
    return None


def test_metrics_count_what_became_of_invitations_codes_and_commands(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    command = server.hub.commands[-1]["id"]
    server.clock.turn(7)
    assert metric(server, 'tandem_open_commands{kind="message",pbx="hq"}') == 1
    assert metric(server, 'tandem_open_command_seconds{pbx="hq"}') == 7
    server.connector.send(results=[{"id": command, "status": "done", "detail": ""}])
    assert metric(server, 'tandem_open_commands{kind="message",pbx="hq"}') is None
    assert metric(server, 'tandem_commands_total{kind="message",status="done"}') == 1
    assert metric(server, 'tandem_invitations_total{state="sent",way="message"}') == 1

    posted = server.site.post("/v1/calls", {"type": "chat", "queue": "support", "pbx": "hq"})
    assert posted.status_code == 201
    assert metric(server, 'tandem_placed_calls{pbx="hq",stage="entering"}') == 1

    session = server.session_of("1.1")["id"]
    code = json_of(server.api.post("/v1/pairings", {"session": session}))["code"]
    user = server.browser()
    user.csrf = json_of(user.get("/v1/me"))["csrf"]
    user.post("/v1/pairings/12345/claim", {})
    user.post(f"/v1/pairings/{code}/claim", {})
    for outcome in ("made", "wrong", "used"):
        line = f'tandem_pairing_codes_total{{kind="call",outcome="{outcome}"}}'
        assert metric(server, line) == 1, outcome


def test_metrics_are_there_without_the_database(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise SQLAlchemyError("the disk is gone")

    monkeypatch.setattr(server.database, "read", broken)
    assert metric(server, "tandem_sessions_total") == 0


def test_every_route_is_described(server: Server) -> None:
    described = json_of(server.api.get("/openapi.json"))
    missing = [(p, m) for p, m, one in operations(server.app) if one is None]
    assert missing == []
    for path, method, _ in operations(server.app):
        assert method in described["paths"][path], path
    for path in ("/v1/sync/{session_id}", "/v1/pbx/{name}/link", "/v1/desk/live",
                 "/v1/pairings/{pairing_id}/live"):  # fmt: skip
        assert "101" in described["paths"][path]["get"]["responses"]


class Checker:
    """Checks answers against the description that the server gives of itself."""

    def __init__(self, app: Flask, description: dict[str, Any]) -> None:
        self._rules = app.url_map.bind("localhost")
        self._paths = {
            (rule.endpoint, method.upper()): path
            for path, method, _ in operations(app)
            for rule in app.url_map.iter_rules()
            if method.upper() in (rule.methods or ())
            and path == rule.rule.replace("path:", "").replace("<", "{").replace(">", "}")
        }
        self._description = description
        resource: Any = Resource(contents=description, specification=DRAFT202012)
        self._registry: Any = Registry().with_resource("urn:api", resource)
        self.seen: set[tuple[str, int]] = set()

    def check(self, method: str, path: str, answer: Any) -> None:
        endpoint, _ = self._rules.match(path.partition("?")[0], method)
        described = self._paths[(endpoint, method)]
        answers = self._description["paths"][described][method.lower()]["responses"]
        status = str(answer.status_code)
        assert status in answers, f"{method} {described} may answer {sorted(answers)}, not {status}"
        self.seen.add((f"{method} {described}", answer.status_code))
        content = answers[status].get("content")
        if content is None:
            return
        assert answer.mimetype in content
        pointer = content[answer.mimetype]["schema"]["$ref"]
        jsonschema.Draft202012Validator(
            {"$ref": f"urn:api{pointer}"}, registry=self._registry
        ).validate(answer.get_json())


def test_answers_are_as_described(server: Server) -> None:
    checker = Checker(server.app, json_of(server.api.get("/openapi.json")))
    server.connector.report("1.1", "queued", queue="support", position=1)
    server.connector.report("1.1", "active", agent_uri=WANG, aliases=["1.2"])
    session = server.session_of("1.1")
    desk = server.desk("wang", WANG)
    server.desk("li", LI)
    path = f"/v1/sessions/{session['id']}"
    body = {"type": "form", "user_uri": "sip:a@b", "agent_uri": WANG}
    token = token_of(session["user"]["join_url"])
    report = {"epoch": 1, "calls": [], "results": []}
    same = body | {"call": {"pbx": "hq", "id": "1.1"}}
    new = {"type": "chat", "queue": "support", "pbx": "hq"}
    posted = json_of(server.site.post("/v1/calls", new))
    waiting = server.browser()
    waiting.open(posted["user"]["join_url"])
    told = json_of(server.api.post("/v1/pairings", {"session": session["id"]}))["code"]
    shown = json_of(desk.post("/v1/pairings", {}))
    for who, method, address, sent in (
        (server.api, "POST", "/v1/sessions", body),
        (server.api, "POST", "/v1/sessions", same),
        (server.api, "POST", "/v1/sessions", same | {"agent_uri": LI}),
        (server.api, "POST", "/v1/sessions", {}),
        (server.api, "GET", "/v1/sessions", None),
        (server.api, "GET", "/v1/sessions?state=x", None),
        (server.api, "GET", path, None),
        (server.api, "GET", "/v1/sessions/none", None),
        (server.api, "GET", f"{path}/events", None),
        (server.connector.keyed, "GET", path, None),
        (server.connector.keyed, "POST", "/v1/pbx/hq/reports", report),
        (server.connector.keyed, "POST", "/v1/pbx/hq/reports", {}),
        (server.connector.keyed, "POST", "/v1/pbx/branch/reports", report),
        (server.api, "GET", "/v1/calls", None),
        (server.api, "GET", "/v1/calls/hq/1.1/trace", None),
        (server.api, "GET", "/v1/calls/hq/none/trace", None),
        (server.site, "POST", "/v1/calls", new),
        (server.site, "POST", "/v1/calls", {}),
        (server.api, "POST", "/v1/calls", new),
        (server.site, "GET", f"/v1/calls/{posted['id']}", None),
        (server.site, "GET", "/v1/calls/none", None),
        (server.site, "DELETE", f"/v1/calls/{posted['id']}", None),
        (waiting, "POST", f"/v1/sessions/{posted['session']}/voice", {"uri": "tel:+49301234"}),
        (waiting, "POST", f"/v1/sessions/{posted['session']}/voice", {"uri": "tel:*22"}),
        (waiting, "DELETE", f"/v1/sessions/{posted['session']}/voice", None),
        (waiting, "POST", f"/v1/sessions/{posted['session']}/closed", {}),
        (desk, "GET", "/v1/me", None),
        (desk, "GET", "/v1/desk", None),
        (desk, "POST", f"{path}/token", {}),
        (desk, "POST", f"{path}/note", {"note": "x"}),
        (desk, "POST", f"{path}/invitations", {"role": "agent"}),
        (desk, "POST", "/v1/join/look", {"token": token}),
        (desk, "POST", "/v1/join", {"token": token}),
        (desk, "POST", "/v1/join", {"token": token}),
        (desk, "POST", "/v1/join", {"token": "x"}),
        (desk, "POST", f"{path}/invitations", {"role": "user"}),
        (desk, "GET", f"/v1/pairings/{shown['id']}", None),
        (desk, "GET", "/v1/pairings/none", None),
        (desk, "POST", f"/v1/pairings/{shown['id']}/enter", {}),
        (server.api, "POST", f"/v1/pairings/{shown['code']}/claim", {"session": session["id"]}),
        (desk, "POST", f"/v1/pairings/{shown['id']}/enter", {}),
        (desk, "POST", "/v1/pairings", {"call": {"pbx": "hq", "id": "1.1"}}),
        (desk, "POST", f"/v1/pairings/{told}/claim", {}),
        (server.api, "POST", "/v1/pairings", {}),
        (desk, "POST", f"{path}/end", {}),
        (desk, "POST", f"{path}/invitations", {"role": "user"}),
        (desk, "POST", "/v1/login", {"username": "wang", "password": "wrong"}),
        (desk, "POST", "/v1/login", {"username": "wang", "password": "correct horse"}),
        (desk, "POST", "/v1/logout", {}),
        (desk, "GET", "/v1/desk", None),
        (desk, "GET", "/healthz", None),
        (desk, "GET", "/readyz", None),
    ):  # fmt: skip
        if method == "POST":
            answer = who.post(address, sent)
        else:
            answer = who.get(address) if method == "GET" else who.delete(address)
        checker.check(method, address, answer)
    statuses = {status for _, status in checker.seen}
    assert statuses >= {200, 201, 204, 401, 403, 404, 409, 410, 422}


def test_an_address_with_two_slashes_leads_nowhere_else(server: Server) -> None:
    answer = server.api.get("/v1//sessions")
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)
