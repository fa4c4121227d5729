"""The user's yes: as a table, under any course of a session, and as the server keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from collab_server.db.engine import Database
from collab_server.db.migrate import config, migrate
from collab_server.db.sessions import CollabSession
from collab_server.realtime.backend import SyncGrant
from collab_server.sessions import service
from collab_server.sessions.consent import (
    OPEN,
    TRANSITIONS,
    Agreement,
    Consent,
    Happening,
)
from collab_server.sessions.places import place
from tests.server.conftest import LI, WANG, Browser, Server, json_of, token_of

ZHAO = "sip:zhao@example.org"


def test_the_table_has_every_state_and_happening() -> None:
    assert set(TRANSITIONS) == set(Consent)
    assert all(set(row) == set(Happening) for row in TRANSITIONS.values())


agents = st.sampled_from(["wang", "li", "zhao"])
courses = st.lists(
    st.tuples(st.just("served"), agents)
    | st.tuples(st.just("joins"), st.none() | agents)
    | st.tuples(st.just("answers"), st.booleans()),
    max_size=12,
)


def may_see(course: list[tuple[str, Any]]) -> bool:
    """The rule in other words, from the whole course: may the agent of now see what is there?"""
    agent: str | None = None
    came_in, early = False, False
    last_yes: str | None = None
    answer: bool | None = None
    """About the agent of now, since they came."""
    for what, value in course:
        if what == "served" and value != agent:
            first = agent is None
            agent, answer = value, None
            if first and early:
                last_yes, answer = agent, True
        elif what == "joins":
            early = early or (agent is None and not came_in)
            came_in = True
            if agent is not None and value in (None, agent):
                last_yes, answer = agent, True
        elif what == "answers" and came_in and agent is not None:
            answer = value
            last_yes = agent if value else (None if last_yes == agent else last_yes)
    if not came_in:
        return True
    if agent is None:
        return False
    return answer if answer is not None else last_yes == agent


@given(courses)
def test_an_agent_sees_what_the_user_agreed_to_and_no_other(course: list[tuple[str, Any]]) -> None:
    agreement, came_in = Agreement(), False
    done: list[tuple[str, Any]] = []
    for what, value in course:
        done.append((what, value))
        if what == "served" and value != agreement.agent:
            agreement = agreement.served(value)
        elif what == "joins":
            came_in = True
            agreement = agreement.came_in(value)
        elif what == "answers" and came_in and agreement.agent is not None:
            agreement = agreement.answered(agree=value)
        assert (agreement.state in OPEN) == may_see(done), done
        if agreement.state is Consent.GIVEN:
            assert agreement.agreed == agreement.agent


# -- on the server --------------------------------------------------------------------------------


def test_who_served_before_there_was_consent_keeps_what_they_see(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/tandem.db")
    with database.engine.begin() as connection:
        command.upgrade(config(connection), "0001")
        connection.exec_driver_sql(
            "INSERT INTO sessions (id, state, type, panels, initiator, user_uri, agent_uri, held,"
            " both_in, attributes, created, since, events)"
            " VALUES ('s1', 'active', 'chat', '[]', 'user', 'tel:1', ?, 0, 1, '{}', 1, 1, 0)",
            (WANG,),
        )
    migrate(database)
    with database.read() as db:
        session = db.get_one(CollabSession, "s1")
        assert (session.consent, session.agreed) == ("given", WANG)
    database.close()


def served(server: Server, agent: str, call: str = "1.1") -> dict[str, Any]:
    server.connector.report(call, "active", agent_uri=agent)
    return server.session_of(call)


def joined(server: Server, session: dict[str, Any]) -> Browser:
    user = server.browser()
    user.open(session["user"]["join_url"])
    return user


def sight(server: Server, desk: Browser, session: dict[str, Any]) -> str:
    answer = desk.post(f"/v1/sessions/{session['id']}/token", {})
    assert answer.status_code == 200, answer.text
    token = json_of(answer)["sync"]["token"]
    grant = server.backend.authorize_sync(session["id"], token)
    assert isinstance(grant, SyncGrant)
    return grant.sight


def answer(user: Browser, session: dict[str, Any], agent: str, agree: bool) -> int:
    body = {"agent": agent, "agree": agree}
    return user.post(f"/v1/sessions/{session['id']}/consent", body).status_code


def consents(server: Server, session: dict[str, Any]) -> list[tuple[str, str, str]]:
    items = json_of(server.api.get(f"/v1/sessions/{session['id']}/events"))["items"]
    return [(e["old"], e["new"], e["cause"]) for e in items if e["kind"] == "consent"]


def shown(server: Server, session: dict[str, Any]) -> dict[str, Any]:
    view: dict[str, Any] = server.backend.sync_view(session["id"], "user")["consent"]
    return view


def test_the_button_of_the_join_page_is_a_yes_to_the_agent_it_names(server: Server) -> None:
    wang = server.desk("wang", WANG)
    session = served(server, WANG)
    assert shown(server, session) == {"state": "unasked", "since": None, "before": None}
    assert sight(server, wang, session) == "all", "there is nothing of the user's"
    joined(server, session)
    assert shown(server, session)["state"] == "given"
    assert sight(server, wang, session) == "all"
    assert consents(server, session) == [("unasked", "given", f"join page: {WANG}")]


def test_a_new_agent_sees_nothing_until_the_user_says_yes_to_them(server: Server) -> None:
    li = server.desk("li", LI)
    user = joined(server, served(server, WANG))
    session = served(server, LI)
    assert sight(server, li, session) == "none"
    assert shown(server, session)["state"] == "asked"
    assert shown(server, session)["before"] == {"uri": WANG}
    assert session["state"] == "inviting", "the session goes on as it is"
    server.hub.sights.clear()
    assert answer(user, session, LI, True) == 200
    assert sight(server, li, session) == "all"
    assert server.hub.sights[-1][1]["agent", LI] == "all", "an open page sees it at once"
    assert consents(server, session)[1:] == [
        ("given", "asked", f"served: {LI}"),
        ("asked", "given", f"the user's page: {LI}"),
    ]


def test_the_user_may_say_no_and_think_again(server: Server) -> None:
    li = server.desk("li", LI)
    user = joined(server, served(server, WANG))
    session = served(server, LI)
    assert answer(user, session, LI, False) == 200
    assert sight(server, li, session) == "none"
    assert server.hub.sights[-1][1]["agent", LI] == "none"
    view = json_of(li.get("/v1/desk"))["current"][0]
    assert view["consent"]["state"] == "refused", "the agent sees that"
    assert answer(user, session, LI, True) == 200
    assert sight(server, li, session) == "all"


def test_an_agent_gets_no_link_by_which_they_would_be_in_as_the_user(server: Server) -> None:
    wang, li = server.desk("wang", WANG), server.desk("li", LI)
    user = joined(server, served(server, WANG))
    session = server.session_of("1.1")
    path = f"/v1/sessions/{session['id']}/invitations"
    kept = json_of(wang.post(path, {"role": "user"}))["join_url"].partition("#")[2]
    served(server, LI)
    gone = server.browser().post("/v1/join", {"token": kept})
    assert (gone.status_code, json_of(gone)["why"]) == (410, "revoked")
    assert li.post(path, {"role": "user"}).status_code == 403
    sent = li.post(path, {"role": "user", "send": True})
    assert (sent.status_code, json_of(sent)) == (201, {"join_url": None}), "the user gets it"
    assert json_of(li.get(f"/v1/sessions/{session['id']}"))["user"]["join_url"] is None
    answer(user, session, LI, True)
    assert json_of(li.post(path, {"role": "user"}))["join_url"]


def test_answers_are_bounded(server: Server) -> None:
    user = joined(server, served(server, WANG))
    session = served(server, LI)
    statuses = [answer(user, session, LI, n % 2 == 0) for n in range(21)]
    assert statuses == [200] * 20 + [429]


def test_a_yes_is_for_the_agent_whom_the_page_named(server: Server) -> None:
    zhao = server.desk("zhao", ZHAO)
    user = joined(server, served(server, WANG))
    for agent in (LI, ZHAO):  # two, one after the other, before the user has read anything
        session = served(server, agent)
    assert answer(user, session, LI, True) == 409
    assert sight(server, zhao, session) == "none"
    assert shown(server, session)["before"] == {"uri": WANG}


def test_an_agent_who_comes_back_before_the_user_answered_is_who_they_agreed_to(
    server: Server,
) -> None:
    wang = server.desk("wang", WANG)
    user = joined(server, served(server, WANG))
    served(server, LI)
    session = served(server, WANG)
    assert sight(server, wang, session) == "all"
    served(server, LI)
    assert answer(user, session, LI, True) == 200
    served(server, WANG)
    assert sight(server, wang, session) == "none", "somebody else was agreed to in between"


def test_a_page_that_named_another_agent_is_no_yes_to_this_one(server: Server) -> None:
    li = server.desk("li", LI)
    link = served(server, WANG)["user"]["join_url"].partition("#")[2]
    session = served(server, LI)
    user = server.browser()
    assert user.post("/v1/join", {"token": link, "agent": WANG}).status_code == 200
    assert sight(server, li, session) == "none"
    again = json_of(server.api.post(f"/v1/sessions/{session['id']}/invitations", {"role": "user"}))
    other = server.browser()
    body = {"token": again["join_url"].partition("#")[2], "agent": LI}
    assert other.post("/v1/join", body).status_code == 200
    assert sight(server, li, session) == "all"


def test_who_came_in_before_any_agent_agreed_to_the_first(server: Server) -> None:
    wang = server.desk("wang", WANG)
    server.connector.report("1.1", "queued", queue="support", position=1)
    session = server.session_of("1.1")
    with server.services.write() as work:
        row = work.db.get_one(CollabSession, session["id"])
        guest = place(work, row, "user", row.user_uri)
        assert guest is not None
        service.join(work, row, guest, "a page of the business")
    assert shown(server, session)["state"] == "ahead"
    assert sight(server, wang, served(server, WANG)) == "all"
    assert shown(server, served(server, LI))["state"] == "asked"


def test_the_call_counts_as_consent_where_the_business_says_so(
    start: Callable[..., Server],
) -> None:
    server = start(consent="call")
    li = server.desk("li", LI)
    user = joined(server, served(server, WANG))
    session = served(server, LI)
    assert sight(server, li, session) == "all"
    assert consents(server, session)[-1] == (
        "asked",
        "given",
        f"the call itself, by server.consent: {LI}",
    )
    assert answer(user, session, LI, False) == 200, "a no is a no"
    assert sight(server, li, session) == "none"


def test_an_agent_nobody_agreed_to_sees_nothing_in_the_grace_either(server: Server) -> None:
    li = server.desk("li", LI)
    user = joined(server, served(server, WANG))
    session = served(server, LI)
    server.connector.report("1.1", "ended", agent_uri=LI, cause="hangup")
    assert sight(server, li, session) == "none"
    assert answer(user, session, LI, True) == 410
    path = f"/v1/sessions/{session['id']}/note"
    assert li.post(path, {"note": "called back"}).status_code == 200, "the note is the agent's"


def test_an_agent_of_whom_nothing_was_heard_before_the_end_sees_nothing(server: Server) -> None:
    li = server.desk("li", LI)
    joined(server, served(server, WANG))
    session = server.session_of("1.1")
    server.connector.report("1.1", "ended", agent_uri=LI, cause="hangup")
    assert sight(server, li, session) == "none"


@pytest.mark.parametrize("body", [{}, {"agent": LI}, {"agree": True}, {"agent": "x", "agree": 1}])
def test_an_answer_out_of_shape_changes_nothing(body: dict[str, Any], server: Server) -> None:
    user = joined(server, served(server, WANG))
    session = served(server, LI)
    path = f"/v1/sessions/{session['id']}/consent"
    assert user.post(path, body).status_code == 422
    assert shown(server, session)["state"] == "asked"


def test_who_comes_by_no_page_of_ours_agrees_by_the_call(server: Server) -> None:
    """A program of somebody's own that speaks the API, a stock Yjs client behind it."""
    session = served(server, WANG)
    token = token_of(session["user"]["join_url"])
    assert server.browser().post("/v1/join", {"token": token}).status_code == 200
    served(server, LI)
    why = f"the call itself: no page of the user's can ask: {LI}"
    assert consents(server, session)[-1] == ("asked", "given", why)


def test_an_agent_brings_in_no_browser_as_the_user_before_the_yes(server: Server) -> None:
    """By a code that the agent makes or types, a browser of theirs would see it all."""
    li = server.desk("li", LI)
    session = served(server, WANG)
    user = joined(server, session)
    served(server, LI)
    page = server.browser()
    page.csrf = json_of(page.get("/v1/me"))["csrf"]
    code = json_of(page.post("/v1/pairings", {"type": "form"}))["code"]
    named = {"session": session["id"]}
    assert li.post("/v1/pairings", named).status_code == 403
    assert li.post(f"/v1/pairings/{code}/claim", named).status_code == 403
    call = {"call": {"pbx": "hq", "id": "1.1"}}
    assert li.post("/v1/pairings", call).status_code == 403
    assert answer(user, session, LI, agree=True) == 200
    assert li.post("/v1/pairings", named).status_code == 201


@pytest.mark.parametrize("named", ["session", "call"])
def test_a_code_told_by_an_agent_brings_nobody_in_once_the_user_has_another(
    named: str, server: Server
) -> None:
    """Wang has made a code, and types it in a browser of their own after the transfer to Li."""
    wang = server.desk("wang", WANG)
    server.connector.report("1.1", "active", type=None, agent_uri=WANG)
    path, call = "/v1/pairings", {"call": {"pbx": "hq", "id": "1.1"}}
    code = json_of(wang.post(path, call))["code"] if named == "call" else ""
    session = served(server, WANG)
    code = code or json_of(wang.post(path, {"session": session["id"]}))["code"]
    user = joined(server, session)
    served(server, LI)
    page = server.browser()
    page.csrf = json_of(page.get("/v1/me"))["csrf"]
    assert page.post(f"{path}/{code}/claim", {}).status_code == 404
    assert user.post(f"/v1/sessions/{session['id']}/token", {}).status_code == 200


def test_a_page_that_is_loaded_again_says_no_yes_to_the_next_agent(server: Server) -> None:
    """The page that showed a code goes in by it again, as it does when it is loaded anew."""
    user = server.browser()
    user.csrf = json_of(user.get("/v1/me"))["csrf"]
    made = json_of(user.post("/v1/pairings", {"type": "form"}))
    session = served(server, WANG)
    keyed = {"agent_uri": WANG, "pairing": {"n": 1, "code": made["code"]}}
    server.connector.report("1.1", "active", **keyed)
    assert user.post(f"/v1/pairings/{made['id']}/enter", {}).status_code == 200
    served(server, LI)
    assert shown(server, session)["state"] == "asked"
    assert user.post(f"/v1/pairings/{made['id']}/enter", {}).status_code == 200
    assert shown(server, session)["state"] == "asked"
    assert answer(user, session, LI, agree=True) == 200


@pytest.mark.parametrize(("consent", "state"), [("ask", "asked"), ("call", "given")])
def test_a_code_is_no_yes_to_an_agent_whom_its_page_did_not_name(
    start: Callable[..., Server], consent: str, state: str
) -> None:
    server = start(consent=consent)
    desk = server.desk("wang", WANG)
    session = served(server, WANG)
    user = server.browser()
    user.csrf = json_of(user.get("/v1/me"))["csrf"]
    code = json_of(user.post("/v1/pairings", {}))
    answer = desk.post(f"/v1/pairings/{code['code']}/claim", {"session": session["id"]})
    assert answer.status_code == 200, answer.text
    assert user.post(f"/v1/pairings/{code['id']}/enter", {}).status_code == 200
    assert shown(server, session)["state"] == state
    assert sight(server, desk, session) == ("none" if state == "asked" else "all")
    server.connector.report("1.1", "active", agent_uri=LI)
    assert shown(server, session)["state"] == state, "of the next one it is asked too"
