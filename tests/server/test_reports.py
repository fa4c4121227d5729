"""Reports of a connector: what they make of calls and sessions."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import event, select

from collab_server.db.calls import Command
from tests.server.conftest import ALICE, LI, WANG, Connector, Server, carries, json_of, token_of


def line(n: int, stage: str, text: str, *, stopped: bool = False) -> dict[str, Any]:
    return {"n": n, "at": f"2026-11-23T12:00:{n:02}Z", "stage": stage, "text": text} | (
        {"stopped": True} if stopped else {}
    )


def test_a_queued_call_has_a_session_without_an_agent(server: Server) -> None:
    server.connector.report("1.1", "queued", queue="support", position=2)
    session = server.session_of("1.1")
    assert session["state"] == "queued"
    assert session["agent"] is None
    assert session["user"] == {"uri": ALICE, "join_url": None}
    assert session["call"] == {"pbx": "hq", "id": "1.1", "aliases": []}


def test_the_agent_of_a_call_is_invited_and_so_is_the_user_through_the_pbx(server: Server) -> None:
    server.connector.report("1.1", "queued", queue="support")
    server.connector.report("1.1", "active", agent_uri=WANG, queue="support")
    session = server.session_of("1.1")
    assert session["state"] == "inviting"
    assert session["agent"]["uri"] == WANG
    (command,) = server.hub.commands
    assert server.hub.links[0][0] == "hq"
    assert command["kind"] == "message"
    assert command["call"] == "1.1"
    assert command["args"]["to"] == ALICE
    assert command["args"]["content_type"] == "text/plain"
    assert carries(command["args"]["text"], session["user"]["join_url"])
    assert len(command["args"]["text"].encode()) <= 700
    desk_messages = [message for uri, message in server.hub.desks if uri == WANG]
    assert desk_messages[-1]["session"]["state"] == "inviting"


def test_a_report_that_comes_twice_changes_nothing(server: Server) -> None:
    call = server.connector.call("1.1", "active", agent_uri=WANG)
    server.connector.send(call)
    server.connector.send(call)
    assert len(server.hub.commands) == 1
    assert server.session_of("1.1")["state"] == "inviting"


def test_an_older_report_is_ignored(server: Server) -> None:
    queued = server.connector.call("1.1", "queued")
    active = server.connector.call("1.1", "active", agent_uri=WANG)
    assert json_of(server.connector.send(active)) == {"accepted": 1, "ignored": 0}
    assert json_of(server.connector.send(queued)) == {"accepted": 0, "ignored": 1}
    assert server.session_of("1.1")["state"] == "inviting"


def test_a_higher_epoch_counts_more_than_a_higher_number(server: Server) -> None:
    server.connector.send(server.connector.call("1.1", "active", agent_uri=WANG) | {"seq": 900})
    restarted = Connector(server.connector.keyed, epoch=2)
    restarted.report("1.1", "ended", cause="hangup")
    assert server.session_of("1.1")["state"] == "ended"


def test_what_a_snapshot_does_not_list_has_ended_as_lost(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.2", "queued", user_uri="sip:bob@example.org")
    kept = server.connector.call("1.2", "queued", user_uri="sip:bob@example.org")
    server.connector.send(kept, snapshot=True)
    assert server.session_of("1.1")["reason"] == "lost"
    assert server.session_of("1.2")["state"] == "queued"


def test_an_empty_snapshot_ends_everything_of_its_own_pbx_only(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.keyed.headers = {"Authorization": "Bearer branch-key"}
    answer = server.connector.keyed.post(
        "/v1/pbx/branch/reports", {"epoch": 9, "snapshot": True, "calls": [], "results": []}
    )
    assert answer.status_code == 200
    assert server.session_of("1.1")["state"] == "inviting"


def test_a_snapshot_leaves_alone_what_only_a_client_knows(server: Server) -> None:
    session = server.establish(call={"pbx": "hq", "id": "7.7"})
    server.connector.send(snapshot=True)
    assert server.session(session["id"])["state"] == "inviting"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("hangup", "hangup"),
        ("abandoned", "abandoned"),
        ("queue_timeout", "queue_timeout"),
        ("lost", "lost"),
        (None, "hangup"),
        ("something of tomorrow", "hangup"),
    ],
)
def test_the_end_of_a_call_ends_its_session(server: Server, cause: str | None, reason: str) -> None:
    server.connector.report("1.1", "queued", queue="support")
    server.connector.report("1.1", "ended", cause=cause)
    session = server.session_of("1.1")
    assert (session["state"], session["reason"]) == ("ended", reason)


def test_a_call_first_heard_of_at_its_end_is_on_record(server: Server) -> None:
    server.connector.report("1.1", "ended", cause="abandoned", queue="support")
    session = server.session_of("1.1")
    assert (session["state"], session["reason"]) == ("ended", "abandoned")
    assert server.trace("1.1")["stopped"]["stage"] == "queue"


def test_an_alias_means_the_same_call(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.1", "active", agent_uri=WANG, aliases=["1.9"])
    assert server.session_of("1.9")["call"] == {"pbx": "hq", "id": "1.1", "aliases": ["1.9"]}
    server.connector.report("1.9", "ended", cause="hangup")
    assert server.session_of("1.1")["state"] == "ended"
    assert server.trace("1.1") == server.trace("1.9")


def test_a_call_goes_by_its_present_user_leg_and_former_ids_stay_aliases(server: Server) -> None:
    server.connector.report("7.7", "active", agent_uri=WANG)
    first = server.session_of("7.7")
    moves = (
        ("9.9", ["7.7"]),
        ("3.3", ["7.7", "9.9"]),
        ("5.5", ["7.7", "9.9", "3.3"]),
        ("9.9", ["7.7", "3.3", "5.5"]),
        ("7.7", ["3.3", "5.5", "9.9"]),
        ("2.2", ["7.7", "3.3", "5.5", "9.9", "1.1"]),
    )
    for leg, former in moves:
        server.connector.report(leg, "active", agent_uri=WANG, aliases=former)
        session = server.session_of("7.7")
        assert session["id"] == first["id"] == server.session_of(leg)["id"]
        assert (session["call"]["id"], session["call"]["aliases"]) == (leg, former)
        assert server.trace(leg)["call"]["aliases"] == former


def test_a_transfer_revokes_the_old_agent_and_invites_the_new_one(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    user, wang = server.browser(), server.browser()
    user.open(session["user"]["join_url"])
    wang.open(session["agent"]["join_url"])
    assert server.session_of("1.1")["state"] == "active"
    server.connector.report("1.1", "active", agent_uri=LI)
    after = server.session_of("1.1")
    assert (after["state"], after["agent"]["uri"]) == ("active", LI)
    assert server.hub.closed == [(session["id"], "agent", WANG, 4409)]
    path = f"/v1/sessions/{session['id']}"
    assert wang.get(path).status_code == 410
    assert wang.post(f"{path}/token", {}).status_code == 410
    assert user.post(f"{path}/token", {}).status_code == 200
    assert server.browser().open(after["agent"]["join_url"])["role"] == "agent"
    assert len(server.hub.commands) == 1, "the user is not invited again"


def test_an_unopened_link_of_the_old_agent_is_gone_after_a_transfer(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    link = server.session_of("1.1")["agent"]["join_url"]
    server.connector.report("1.1", "active", agent_uri=LI)
    answer = server.browser().post("/v1/join", {"token": link.partition("#")[2]})
    assert answer.status_code == 410
    assert json_of(answer)["why"] == "revoked"


def test_an_agent_who_gets_the_call_back_is_invited_anew(server: Server) -> None:
    for agent in (WANG, LI, WANG):
        server.connector.report("1.1", "active", agent_uri=agent)
    session = server.session_of("1.1")
    assert session["agent"]["uri"] == WANG
    assert server.browser().open(session["agent"]["join_url"])["role"] == "agent"


def test_a_consultation_suspends_and_comes_back(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    server.browser().open(session["user"]["join_url"])
    server.browser().open(session["agent"]["join_url"])
    server.connector.report("1.1", "suspended")
    suspended = server.session_of("1.1")
    assert (suspended["state"], suspended["agent"]["uri"]) == ("suspended", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG)
    assert server.session_of("1.1")["state"] == "active"
    assert server.hub.closed == []


def test_who_served_a_call_that_is_over_before_it_was_heard_of_is_on_record(
    server: Server,
) -> None:
    """It came and went, or was transferred, while the server was away."""
    server.connector.report("1.1", "ended", type="form", cause="hangup", agent_uri=WANG)
    session = server.session_of("1.1")
    assert (session["state"], session["reason"]) == ("ended", "hangup")
    assert session["agent"] == {"uri": WANG, "join_url": None}
    server.connector.report("1.2", "active", type="form", agent_uri=WANG)
    server.connector.report("1.2", "ended", type="form", cause="hangup", agent_uri=LI)
    session = server.session_of("1.2")
    assert session["agent"]["uri"] == LI
    events = json_of(server.api.get(f"/v1/sessions/{session['id']}/events"))["items"]
    assert [e["new"] for e in events if e["kind"] == "agent"] == [WANG, LI]
    text = " ".join(item["text"] for item in server.trace("1.1")["items"])
    assert f"agent {WANG}, of whom nothing was heard before the end" in text
    assert "no agent was known" not in text


def test_a_transfer_by_way_of_suspended_keeps_the_session_active(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    server.browser().open(session["user"]["join_url"])
    server.browser().open(session["agent"]["join_url"])
    server.connector.report("1.1", "suspended")
    server.connector.report("1.1", "active", agent_uri=LI)
    assert server.session_of("1.1")["state"] == "active"
    assert [closed[2:] for closed in server.hub.closed] == [(WANG, 4409)]


def test_hold_is_shown_to_both_sides(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.1", "active", agent_uri=WANG, held=True)
    assert server.hub.views[-1][1]["user"]["held"] is True
    assert server.hub.views[-1][1]["agent"]["held"] is True


def test_an_ordinary_call_is_listed_and_traced_without_a_session(server: Server) -> None:
    server.connector.report(
        "1.1",
        "active",
        type=None,
        trace=[line(1, "wire", "from-trunk"), line(2, "mark", "no mark", stopped=True)],
    )
    assert json_of(server.api.get("/v1/sessions"))["items"] == []
    (call,) = json_of(server.api.get("/v1/calls?pbx=hq"))["items"]
    assert call["session"] is None
    assert call["stopped"] == {"stage": "mark", "reason": "no mark"}


def test_an_ordinary_call_becomes_a_collaboration_by_a_feature_code(server: Server) -> None:
    server.connector.report("1.1", "active", type=None, agent_uri=WANG)
    server.connector.report("1.1", "active", type="chat", agent_uri=WANG, initiator="agent")
    session = server.session_of("1.1")
    assert (session["type"], session["initiator"]) == ("chat", "agent")
    assert server.trace("1.1")["stopped"] is None


def test_a_mark_that_comes_after_another_says_the_type(server: Server) -> None:
    """However many reports the two are in, and whatever else was asked for meanwhile."""
    connector = server.connector
    connector.report("1.1", "requested", type="form", requests=1)
    connector.report("1.1", "requested", type="chat", requests=1)
    session = server.session_of("1.1")
    assert (session["type"], session["state"]) == ("chat", "requested")
    assert server.hub.views[-1][1]["user"]["panels"] == ["chat"]
    connector.report("1.1", "queued", type="cobrowse", requests=2)
    connector.report("1.1", "queued", type="form", requests=2)
    assert server.session_of("1.1")["type"] == "form"
    assert server.hub.views[-1][1]["user"]["panels"] == ["form", "cobrowse"]
    items = json_of(server.api.get(f"/v1/sessions/{session['id']}/events"))["items"]
    assert [(i["old"], i["new"]) for i in items if i["kind"] == "type"] == [
        ("form", "chat"),
        ("chat", "form"),
    ]
    connector.report("1.1", "active", type="form", requests=2, agent_uri=WANG)
    connector.report("1.1", "active", type="video", requests=2, agent_uri=WANG)
    assert server.session_of("1.1")["type"] == "form", "they were invited to a form"


def test_another_type_on_the_same_call_opens_another_panel(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.report("1.1", "active", agent_uri=WANG, type="chat")
    assert server.session_of("1.1")["type"] == "form"
    assert server.hub.views[-1][1]["user"]["panels"] == ["form", "chat"]


def test_a_type_outside_the_list_leaves_an_ordinary_call_and_the_trace_says_why(
    server: Server,
) -> None:
    server.connector.report("1.1", "active", type="telepathy", agent_uri=WANG)
    trace = server.trace("1.1")
    assert trace["session"] is None
    assert trace["stopped"]["stage"] == "mark"
    assert "telepathy" in trace["stopped"]["reason"]


@pytest.mark.parametrize("uri", ["", "alice", "javascript:alert(1)", "sip:a b", "sip:" + "x" * 600])
def test_a_user_uri_that_is_none_costs_its_own_call_the_session_only(
    server: Server, uri: str
) -> None:
    bad = server.connector.call("1.1", "active", agent_uri=WANG, user_uri=uri)
    good = server.connector.call("1.2", "active", agent_uri=WANG)
    assert json_of(server.connector.send(bad, good)) == {"accepted": 2, "ignored": 0}
    assert server.trace("1.1")["session"] is None
    assert server.session_of("1.2")["state"] == "inviting"


def test_a_call_that_returns_after_it_was_lost_keeps_its_ended_session(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    server.connector.send(snapshot=True)
    server.connector.report("1.1", "active", agent_uri=WANG)
    session = server.session_of("1.1")
    assert (session["state"], session["reason"]) == ("ended", "lost")
    (call,) = json_of(server.api.get("/v1/calls"))["items"]
    assert call["state"] == "active"


def sessions_of(server: Server, call: str) -> list[dict[str, Any]]:
    """All sessions a call has had, the newest first."""
    items: list[dict[str, Any]] = json_of(server.api.get(f"/v1/sessions?call_id={call}"))["items"]
    return items


def end_session(server: Server, session: dict[str, Any], reason: str = "agent") -> None:
    """End it, a while before whatever comes next."""
    path = f"/v1/sessions/{session['id']}/end"
    assert server.api.post(path, {"reason": reason}).status_code == 200
    server.clock.turn(60)


@pytest.mark.parametrize("reason", ["agent", "user", "expired"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"type": "form", "requests": 1}, {"type": "form", "requests": 2}),
        ({"type": "form", "requests": 1}, {"type": "chat", "requests": 2}),
        ({"type": "form"}, {"type": "chat"}),  # a connector that does not count
    ],
)
def test_a_code_pressed_after_the_session_was_ended_makes_a_new_one(
    server: Server, reason: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    wang = server.desk("wang", WANG)
    server.connector.report("1.1", "active", agent_uri=WANG, **before)
    old = server.session_of("1.1")
    end_session(server, old, reason)
    server.housekeeper.round()
    for held in (True, False):  # the same call again: nobody has asked
        server.connector.report("1.1", "active", agent_uri=WANG, held=held, **before)
    assert [session["id"] for session in sessions_of(server, "1.1")] == [old["id"]]

    server.connector.report("1.1", "active", agent_uri=WANG, held=True, **after)
    for _ in range(2):
        server.connector.report("1.1", "active", agent_uri=WANG, **after)
    new, kept = sessions_of(server, "1.1")
    assert (kept["id"], kept["state"], kept["reason"]) == (old["id"], "ended", reason)
    assert (new["state"], new["type"], new["agent"]["uri"]) == ("inviting", after["type"], WANG)
    assert server.trace("1.1")["session"] == new["id"]
    assert [view["id"] for view in json_of(wang.get("/v1/desk"))["current"]] == [new["id"]]
    assert carries(server.hub.commands[-1]["args"]["text"], new["user"]["join_url"])
    assert len(server.hub.commands) == 2, "each session invited its user once"
    assert (
        server.browser().post("/v1/join", {"token": token_of(old["user"]["join_url"])}).status_code
        == 410
    )

    server.connector.report("1.1", "ended", cause="hangup", **after)
    assert [s["reason"] for s in sessions_of(server, "1.1")] == ["hangup", reason]


def test_every_request_after_an_end_makes_one_more_session(server: Server) -> None:
    for count in (1, 2, 3):
        server.connector.report("1.1", "active", agent_uri=WANG, requests=count)
        newest = sessions_of(server, "1.1")[0]
        end_session(server, newest)
    assert len(sessions_of(server, "1.1")) == 3


def test_a_code_that_was_pressed_before_the_end_asks_for_nothing_after_it(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG, requests=1)
    server.connector.report("1.1", "active", agent_uri=WANG, requests=2)
    server.connector.report("1.1", "active", agent_uri=WANG, requests=3, type="chat")
    session = server.session_of("1.1")
    end_session(server, session)
    server.connector.report("1.1", "active", agent_uri=WANG, requests=3, type="chat")
    assert server.session_of("1.1")["id"] == session["id"]


@pytest.mark.parametrize("counts", [(0, 1), (4, 1), (4, 0), (0, 0), (2, 2)])
def test_a_count_that_appears_or_starts_anew_is_no_request(
    server: Server, counts: tuple[int, int]
) -> None:
    before, after = counts
    server.connector.report("1.1", "active", agent_uri=WANG, requests=before)
    session = server.session_of("1.1")
    end_session(server, session)
    restarted = Connector(server.connector.keyed, epoch=2)
    restarted.report("1.1", "active", agent_uri=WANG, requests=after)
    assert server.session_of("1.1")["id"] == session["id"]
    if after:  # from there on it counts again
        restarted.report("1.1", "active", agent_uri=WANG, requests=after + 1)
        assert len(sessions_of(server, "1.1")) == 2


def test_a_call_that_ended_asks_for_nothing(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG, requests=1)
    session = server.session_of("1.1")
    end_session(server, session)
    server.connector.report("1.1", "ended", cause="hangup", requests=2, type="chat")
    assert server.session_of("1.1")["id"] == session["id"]


@pytest.mark.parametrize("change", [{"type": None}, {"type": "telepathy"}, {"type": "x" * 99}])
def test_what_is_no_type_asks_for_no_new_session(server: Server, change: dict[str, Any]) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG, requests=1)
    session = server.session_of("1.1")
    end_session(server, session)
    server.connector.report("1.1", "active", agent_uri=WANG, requests=2, **change)
    assert server.session_of("1.1")["id"] == session["id"]


def test_a_call_that_waits_in_a_queue_again_has_its_new_session_there(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG, requests=1)
    session = server.session_of("1.1")
    end_session(server, session)
    server.connector.report("1.1", "queued", queue="support", position=3, requests=2)
    new = sessions_of(server, "1.1")[0]
    assert (new["state"], new["agent"]) == ("queued", None)


def test_a_client_that_asks_again_gets_a_new_session_which_follows_the_call(
    server: Server,
) -> None:
    ref = {"pbx": "hq", "id": "1.1"}
    server.connector.report("1.1", "active", agent_uri=WANG, type="chat", held=True, requests=1)
    old = server.session_of("1.1")
    end_session(server, old, "user")
    new = server.establish(type="form", call=ref)
    assert new["id"] != old["id"]
    assert server.hub.views[-1][1]["user"]["held"] is True
    assert server.establish(type="form", call=ref)["id"] == new["id"]
    server.connector.report("1.1", "active", agent_uri=LI, type="chat", requests=1)
    shown = server.hub.views[-1][1]["user"]
    assert (shown["id"], shown["agent"], shown["held"]) == (new["id"], {"uri": LI}, False)
    assert shown["panels"] == ["form"], "the chat was asked for in the session before"
    server.connector.report("1.1", "active", agent_uri=LI, type="chat", requests=2)
    assert server.hub.views[-1][1]["user"]["panels"] == ["form", "chat"]
    server.connector.report("1.1", "ended", cause="hangup", type="chat", requests=2)
    assert [s["reason"] for s in sessions_of(server, "1.1")] == ["hangup", "user"]


def test_two_reports_of_one_call_at_once_make_one_session(server: Server) -> None:
    count = 8
    barrier = threading.Barrier(count)
    statuses: list[int] = []

    def send(number: int) -> None:
        connector = Connector(
            type(server.connector.keyed)(
                server.app.test_client(use_cookies=False), server.connector.keyed.headers
            )
        )
        call = connector.call("1.1", "active", agent_uri=WANG) | {"seq": number}
        barrier.wait(10)
        statuses.append(connector.send(call).status_code)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * count
    assert server.session_of("1.1")["state"] == "inviting"
    assert len(server.hub.commands) == 1


def test_a_result_sets_the_state_of_the_invitation(server: Server) -> None:
    for number, (status, state) in enumerate(
        [("done", "sent"), ("failed", "failed"), ("unknown", "unknown")]
    ):
        server.connector.report(f"1.{number}", "active", agent_uri=WANG)
        result = {"id": server.hub.commands[-1]["id"], "status": status, "detail": "SIP 404"}
        answer = server.connector.send(results=[result])
        assert json_of(answer) == {"accepted": 1, "ignored": 0}
        shown = server.hub.views[-1][1]["agent"]["invitation"]["user"]
        assert (shown["state"], shown["detail"]) == (state, "SIP 404")
        assert server.backend.pending_commands("hq") == []


def test_what_became_of_a_message_is_traced_when_the_call_was_over_first(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    result = {"id": server.hub.commands[-1]["id"], "status": "done", "detail": "it was sent"}
    server.connector.report("1.1", "ended", cause="hangup")
    answers = [json_of(server.connector.send(results=[result])) for _ in range(2)]
    assert answers == [{"accepted": 1, "ignored": 0}, {"accepted": 0, "ignored": 1}]
    trace = json_of(server.api.get("/v1/calls/hq/1.1/trace"))["items"]
    said = [line["text"] for line in trace if line["text"].startswith("message to")]
    assert said[1:] == [
        f"message to {ALICE}: sent (it was sent); the link in it had been withdrawn (ended)"
    ]


def test_a_command_waits_for_its_result_and_expires(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    assert server.backend.pending_commands("hq") == server.hub.commands
    assert server.backend.pending_commands("branch") == []
    server.clock.turn(301)
    server.housekeeper.round()
    assert server.backend.pending_commands("hq") == []
    shown = server.hub.views[-1][1]["agent"]["invitation"]["user"]
    assert shown["state"] == "failed"


def test_results_of_others_and_of_nobody_are_ignored(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    result = {"id": server.hub.commands[-1]["id"], "status": "done", "detail": ""}
    server.connector.keyed.headers = {"Authorization": "Bearer branch-key"}
    answer = server.connector.keyed.post(
        "/v1/pbx/branch/reports",
        {"epoch": 1, "calls": [], "results": [result, result | {"id": "none"}]},
    )
    assert json_of(answer) == {"accepted": 0, "ignored": 2}


def test_the_trace_joins_the_connectors_lines_and_the_servers_in_order(server: Server) -> None:
    lines = [line(1, "wire", "INVITE"), line(2, "mark", "form"), line(3, "agent", "wang")]
    server.connector.report("1.1", "active", agent_uri=WANG, trace=lines)
    server.connector.report(
        "1.1", "active", agent_uri=WANG, trace=[*lines[1:], line(4, "outbox", "kept")]
    )
    trace = server.trace("1.1")
    wire = [
        item["text"] for item in trace["items"] if item["stage"] not in ("server", "invitation")
    ]
    assert wire == ["INVITE", "form", "wang", "kept"]
    assert [item["at"] for item in trace["items"]] == sorted(item["at"] for item in trace["items"])
    assert {"server", "invitation"} <= {item["stage"] for item in trace["items"]}
    assert trace["session"] == server.session_of("1.1")["id"]


def test_lines_of_a_restarted_connector_that_counts_anew_are_kept(server: Server) -> None:
    server.connector.report("1.1", "queued", trace=[line(1, "wire", "INVITE")])
    again = Connector(server.connector.keyed, epoch=2)
    again.report(
        "1.1", "queued", trace=[line(1, "wire", "seen again") | {"at": "2026-11-23T12:09:00Z"}]
    )
    assert [i["text"] for i in server.trace("1.1")["items"] if i["stage"] == "wire"] == [
        "INVITE",
        "seen again",
    ]


def test_a_call_keeps_a_bounded_number_of_lines(server: Server) -> None:
    for start in range(0, 1200, 400):
        lines = [
            {
                "n": n + 1,
                "at": f"2026-11-23T12:{n // 60 % 60:02}:{n % 60:02}Z",
                "stage": "wire",
                "text": "x" * 5_000,
            }
            for n in range(start, start + 400)
        ]
        server.connector.report("1.1", "active", agent_uri=WANG, trace=lines)
    items = server.trace("1.1")["items"]
    assert len(items) <= 500
    assert max(len(item["text"]) for item in items) <= 1_000


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"epoch": "1"}, "epoch"),
        ({"epoch": -1}, "epoch"),
        ({"epoch": None}, "epoch"),
        ({"epoch": 10**30}, "epoch"),
        ({"calls": {}}, "calls"),
        ({"calls": [{"id": "1.1"}]}, "calls.0.seq"),
        ({"calls": [None]}, "calls.0"),
        ({"calls": [{"id": "1", "seq": 1, "state": "active", "requests": -1}]}, "calls.0.requests"),
        (
            {"calls": [{"id": "1", "seq": 1, "state": "active", "requests": "2"}]},
            "calls.0.requests",
        ),
        (
            {"calls": [{"id": "1", "seq": 1, "state": "active", "requests": None}]},
            "calls.0.requests",
        ),
        ({"snapshot": "perhaps"}, "snapshot"),
        ({"results": [{"id": "x", "status": "maybe"}]}, "results.0.status"),
    ],
)
def test_a_report_out_of_shape_names_the_field_and_changes_nothing(
    server: Server, change: dict[str, Any], field: str
) -> None:
    body = {"epoch": 1, "snapshot": False, "calls": [], "results": []} | change
    answer = server.connector.keyed.post("/v1/pbx/hq/reports", body)
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert json_of(answer)["field"] == field
    assert json_of(server.api.get("/v1/calls?all=1"))["items"] == []


def test_one_bad_call_refuses_the_whole_report(server: Server) -> None:
    good = server.connector.call("1.1", "queued")
    bad = server.connector.call("1.2", "flying")
    answer = server.connector.send(good, bad)
    assert (answer.status_code, json_of(answer)["field"]) == (422, "calls.1.state")
    assert json_of(server.api.get("/v1/calls"))["items"] == []


def test_more_calls_than_a_report_may_hold_are_refused(server: Server) -> None:
    calls = [server.connector.call(f"1.{n}", "ended", type=None) for n in range(1_001)]
    assert server.connector.send(*calls).status_code == 413
    assert server.connector.send(*calls, snapshot=True).status_code == 200


def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    answer = server.app.test_client().post(
        "/v1/pbx/hq/reports",
        data=b" " * (4 * 1024 * 1024 + 1),
        headers=server.connector.keyed.headers | {"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_cannot_be_shown_is_refused_and_nothing_is_kept(
    server: Server, at: str
) -> None:
    line = {"n": 1, "at": at, "stage": "wire", "text": "x"}
    for fields, field in (({"since": at}, "since"), ({"trace": [line]}, "trace.0.at")):
        answer = server.connector.send(server.connector.call("1.1", "queued", **fields))
        assert (answer.status_code, json_of(answer)["field"]) == (422, f"calls.0.{field}")
    assert json_of(server.api.get("/v1/calls"))["items"] == []


def test_a_large_snapshot_of_known_calls_is_read_in_few_statements(server: Server) -> None:
    calls = [server.connector.call(f"1.{n}", "active", agent_uri=WANG) for n in range(50)]
    server.connector.send(*calls)
    statements: list[str] = []

    @event.listens_for(server.database.engine, "before_cursor_execute")
    def _count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    assert server.connector.send(*calls, snapshot=True).status_code == 200
    assert len(statements) < 20


def test_a_link_that_went_out_is_kept_nowhere(server: Server) -> None:
    server.connector.report("1.1", "active", agent_uri=WANG)
    [command] = server.hub.commands
    done = {"id": command["id"], "status": "done", "detail": ""}
    assert server.connector.send(results=[done]).status_code == 200
    with server.database.read() as db:
        assert db.scalars(select(Command.args)).all() == [{}]


def test_what_stopped_a_call_is_not_covered_by_how_it_ended(server: Server) -> None:
    stranger = {
        "n": 1,
        "at": "2026-11-23T12:00:00Z",
        "stage": "agent",
        "text": "PJSIP/3001 is in the call but not known as an agent",
        "stopped": True,
    }
    server.connector.report("1.1", "requested", trace=[stranger])
    server.connector.report("1.1", "ended", cause="hangup")
    assert server.trace("1.1")["stopped"] == {"stage": "agent", "reason": stranger["text"]}
    server.connector.report("1.2", "requested", trace=[stranger])
    server.connector.report("1.2", "active", agent_uri=WANG)
    server.connector.report("1.2", "ended", cause="hangup")
    call = server.trace("1.2")["call"]
    assert (call["stopped"], call["agent_uri"]) == (None, WANG), "who served it stays on record"
