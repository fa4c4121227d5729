"""`/v1/calls`: what stands, and why a call got no session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.conftest import WANG, Server, json_of


def test_standing_calls_are_listed_and_ended_ones_on_wish(server: Server) -> None:
    server.connector.report("1.1", "queued", queue="support", position=3)
    server.connector.report("1.2", "ended", cause="hangup", agent_uri=WANG)
    standing = json_of(server.api.get("/v1/calls?pbx=hq"))["items"]
    assert [call["id"] for call in standing] == ["1.1"]
    assert (standing[0]["state"], standing[0]["queue"], standing[0]["position"]) == (
        "queued",
        "support",
        3,
    )
    everything = json_of(server.api.get("/v1/calls?pbx=hq&all=1"))["items"]
    assert {call["id"] for call in everything} == {"1.1", "1.2"}
    assert json_of(server.api.get("/v1/calls?pbx=branch&all=1"))["items"] == []


def test_a_connector_reads_the_calls_of_its_own_pbx_alone(server: Server) -> None:
    mine = server.connector.keyed
    server.connector.report("1.1", "active", agent_uri=WANG, agent_leg="1.2", requests=2)
    (call,) = json_of(mine.get("/v1/calls?pbx=hq"))["items"]
    assert (call["id"], call["agent_leg"], call["requests"]) == ("1.1", "1.2", 2)
    assert mine.get("/v1/calls?pbx=branch").status_code == 403
    assert mine.get("/v1/calls").status_code == 403


def test_a_long_list_of_calls_comes_in_pages_newest_first(server: Server) -> None:
    for n in range(7):
        server.connector.report(f"1.{n}", "ended", type=None)
        server.clock.turn(1)
    seen: list[str] = []
    path: str | None = "/v1/calls?pbx=hq&all=1&limit=3"
    while path:
        page = json_of(server.api.get(path))
        seen += [call["id"] for call in page["items"]]
        path = page["next"]
    assert seen == [f"1.{n}" for n in reversed(range(7))]


@pytest.mark.parametrize(
    ("cause", "queue", "stage", "word"),
    [
        ("abandoned", "support", "queue", "abandoned in queue support before an agent"),
        ("queue_timeout", "support", "queue", "gave up before an agent"),
        ("hangup", None, "agent", "no agent was known"),
        ("lost", None, "agent", "no longer had the call"),
    ],
)
def test_the_trace_says_why_no_agent_ever_came(
    server: Server, cause: str, queue: str | None, stage: str, word: str
) -> None:
    server.connector.report("1.1", "queued" if queue else "requested", queue=queue)
    server.connector.report("1.1", "ended", cause=cause)
    stopped = server.trace("1.1")["stopped"]
    assert stopped["stage"] == stage
    assert word in stopped["reason"]


def test_a_call_without_a_mark_says_so_at_its_end(server: Server) -> None:
    server.connector.report("1.1", "active", type=None)
    assert server.trace("1.1")["stopped"] is None
    server.connector.report("1.1", "ended", type=None)
    assert server.trace("1.1")["stopped"] == {
        "stage": "mark",
        "reason": "the call carried no mark of a collaboration",
    }


def line(n: int, stage: str, text: str) -> dict[str, Any]:
    return {"n": n, "at": "2026-11-23T12:00:00Z", "stage": stage, "text": text, "stopped": True}


def test_ordinary_calls_are_told_from_those_that_were_marked_wrongly(server: Server) -> None:
    wrong = line(1, "mark", "'telepathy' is not a collaboration type")
    never = line(1, "mark", "never marked: the dialplan did not call Gosub(collab,request,...)")
    gone = line(2, "end", "abandoned (16 Normal Clearing)")
    server.connector.report("wrong", "ended", type=None, trace=[wrong, gone])
    server.connector.report("never", "ended", type=None, trace=[never, gone])
    server.connector.report("silent", "ended", type=None)
    server.connector.report("stands", "active", type=None)
    server.connector.report("form", "active")
    listed = json_of(server.api.get("/v1/calls?all=1"))["items"]
    assert {call["id"]: call["ordinary"] for call in listed} == {
        "wrong": False,
        "never": True,
        "silent": True,
        "stands": True,
        "form": False,
    }
    assert server.trace("wrong")["stopped"]["reason"] == wrong["text"], "not how it ended"
    assert server.trace("never")["stopped"]["reason"] == never["text"]
    page = json_of(server.api.get("/v1/calls?all=1&collaboration=1&limit=1"))
    rest = json_of(server.api.get(page["next"]))
    assert [call["id"] for call in page["items"] + rest["items"]] == ["form", "wrong"]
    assert rest["next"] is None


def test_the_connectors_reason_is_kept_before_the_servers(server: Server) -> None:
    line = {
        "n": 1,
        "at": "2026-11-23T12:00:00Z",
        "stage": "mark",
        "text": "X-Collab-Type from an untrusted endpoint",
        "stopped": True,
    }
    server.connector.report("1.1", "active", type=None, trace=[line])
    server.connector.report("1.1", "ended", type=None)
    assert server.trace("1.1")["stopped"]["reason"] == line["text"]


def test_a_call_nobody_reported_is_not_found(server: Server) -> None:
    assert server.api.get("/v1/calls/hq/9.9/trace").status_code == 404
    assert server.api.get("/v1/calls/nowhere/9.9/trace").status_code == 404


def test_hostile_texts_come_back_harmless(server: Server) -> None:
    line = {"n": 1, "at": "2026-11-23T12:00:00Z", "stage": "wire", "text": "a\x00b\r\nc\u202e<b>"}
    server.connector.report("1.1/2 ?#%\u2603", "active", agent_uri=WANG, trace=[line])
    (call,) = json_of(server.api.get("/v1/calls"))["items"]
    assert call["id"] == "1.1/2 ?#%\u2603"
    trace = server.trace("1.1%2F2%20%3F%23%25%E2%98%83")
    (shown,) = (item["text"] for item in trace["items"] if item["stage"] == "wire")
    assert shown == "a�b��c�<b>"


def test_the_trace_ends_with_the_browser_and_the_end(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    server.browser().open(session["user"]["join_url"])
    server.backend.connected(session["id"], "user", "sip:alice@example.org")
    server.backend.disconnected(session["id"], "user", "sip:alice@example.org")
    server.connector.report("1.1", "ended", cause="hangup")
    stages = [item["stage"] for item in server.trace("1.1")["items"]]
    assert stages.count("browser") == 4
    assert stages[-1] == "end"
