"""Whatever is sent, the answer is a problem that the sender can read, never a fault of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collab_server.http.openapi import operations
from tests.server.conftest import (
    ALICE,
    API,
    HQ,
    POSTGRES,
    SITE,
    URL,
    WANG,
    Server,
    empty,
    json_of,
    make_settings,
)

NAMES = (
    "type", "user_uri", "agent_uri", "initiator", "call", "pbx", "id", "attributes", "epoch",
    "snapshot", "calls", "results", "seq", "state", "trace", "n", "at", "stage", "text", "token",
    "username", "password", "role", "send", "note", "outcome", "reason", "since", "aliases",
    "queue", "name", "uri", "pairing", "code", "session",
)  # fmt: skip
ODD = ("\0", "\ud800", "\u202e", "form", "ended", ALICE, WANG, "2026-11-23T12:00:00Z", "0001-01-01")
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ODD[2:])
)
bodies = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=30,
)
calls = st.fixed_dictionaries(
    {"id": st.sampled_from(["1.1", "1.2"]) | st.text(), "seq": st.integers(0, 9), "state": bodies},
    optional={name: scalars | bodies for name in NAMES if name not in ("id", "seq", "state")},
)
reports = st.fixed_dictionaries(
    {"epoch": st.integers(0, 3), "calls": st.lists(calls, max_size=3)},
    optional={"results": bodies, "snapshot": st.booleans()},
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if POSTGRES:
        empty(POSTGRES)
    folder: Path = tmp_path_factory.mktemp("hostile")
    server = Server(make_settings(folder))
    server.establish(call={"pbx": "hq", "id": "1.1"})
    yield server
    server.database.close()


def fields_of(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json"
        problem = json_of(answer)
        assert problem["status"] == answer.status_code
        assert problem["type"].startswith("urn:tandem:problem:")
        if answer.status_code == 422:
            assert problem["field"]


def everything(check: Callable[..., None]) -> Any:
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=60, suppress_health_check=quiet)(check)


@everything
@given(body=bodies)
def test_no_body_of_any_route_is_a_fault(shared: Server, body: Any) -> None:
    client = shared.app.test_client(use_cookies=False)
    session = json_of(shared.api.get("/v1/sessions"))["items"][0]["id"]
    for path, method, _ in operations(shared.app):
        if method == "get":
            continue
        address = path.format(
            session_id=session,
            name="hq",
            pbx="hq",
            call_id="1.1",
            code="123456",
            pairing_id="0" * 16,
            person=1,
        )
        for headers in (API, HQ, SITE, {"Origin": URL}):
            fields_of(client.post(address, json=body, headers=headers))


@everything
@given(body=st.binary(max_size=200))
def test_no_bytes_are_a_fault(shared: Server, body: bytes) -> None:
    client = shared.app.test_client(use_cookies=False)
    for path, key in (("/v1/sessions", API), ("/v1/pbx/hq/reports", HQ), ("/v1/join", {})):
        headers = key | {"Content-Type": "application/json"}
        fields_of(client.post(path, data=body, headers=headers))


@everything
@given(report=reports)
def test_no_report_is_a_fault_and_every_refusal_names_a_field(
    shared: Server, report: dict[str, Any]
) -> None:
    fields_of(shared.connector.keyed.post("/v1/pbx/hq/reports", report))


@everything
@given(
    value=st.text(max_size=40),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
)
def test_no_address_parameter_or_header_is_a_fault(shared: Server, value: str, header: str) -> None:
    client = shared.app.test_client(use_cookies=False)
    for name in ("state", "agent_uri", "user_uri", "call_id", "limit", "after", "pbx", "all"):
        for path in ("/v1/sessions", "/v1/calls"):
            fields_of(client.get(path, query_string={name: value}, headers=API))
    for path in (f"/v1/sessions/{value}", f"/v1/calls/hq/{value}/trace", f"/assets/{value}"):
        fields_of(client.get(path, headers=API))
    fields_of(client.post(f"/v1/pairings/{value}/claim", json={"session": "0"}, headers=API))
    odd = {"Authorization": header, "Origin": header, "X-CSRF-Token": header, "Cookie": header}
    fields_of(client.post("/v1/logout", json={}, headers=odd))
    fields_of(client.post("/v1/sessions", json={}, headers=API | {"Idempotency-Key": header}))
    assert shared.backend.authorize_desk(header, URL).status == 401
    assert shared.backend.authorize_link("hq", header).status == 401
    assert shared.backend.authorize_sync("x", value).status == 401


@pytest.mark.parametrize(
    "after", ["1.2.3_a", "1e999_a", "nan_1", "1.0_99999999999999999999", "1.0_", "\0"]
)
def test_a_forged_place_in_a_list_is_refused(server: Server, after: str) -> None:
    for path in ("/v1/sessions", "/v1/calls"):
        answer = server.api.client.get(path, query_string={"after": after}, headers=API)
        assert answer.status_code in (200, 422)
