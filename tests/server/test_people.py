"""People on the set-up page: who may log in, and what becomes of who may not any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from collab_server.db.people import Agent, Login
from collab_server.people import accounts, agents
from collab_server.realtime.backend import SyncGrant
from tests.server.conftest import LI, WANG, Browser, Server, json_of

ROOT = "sip:root@example.org"
NEW = {"name": "zhao", "uri": "sip:zhao@example.org"}
PEOPLE = "/v1/setup/people"


def root(server: Server, name: str = "root") -> Browser:
    return server.desk(name, f"sip:{name}@example.org", admin=True)


def people(boss: Browser, query: str = "") -> list[dict[str, Any]]:
    answer = boss.get(f"{PEOPLE}?{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = json_of(answer)["items"]
    return items


def named(boss: Browser, name: str) -> dict[str, Any]:
    return next(one for one in people(boss, f"search={name}") if one["name"] == name)


def log_in(server: Server, name: str, password: str) -> int:
    body = {"username": name, "password": password}
    return server.browser().post("/v1/login", body).status_code


def events(boss: Browser) -> list[tuple[Any, ...]]:
    items = json_of(boss.get("/v1/setup/events"))["items"]
    return [(e["by"], e["what"], e["whom"], e["changes"]) for e in items]


# -- the list -------------------------------------------------------------------------------------


def test_people_are_found_sorted_and_shown_a_page_at_a_time(server: Server) -> None:
    boss = root(server)
    with server.database.write() as work:
        for n in range(1_000):
            fields = {"uri": f"sip:{n:04}@example.org", "team": "night" if n % 10 == 3 else ""}
            work.db.add(Agent(name=f"agent{n:04}", password="x", created=float(n), **fields))
    whole = json_of(boss.get(PEOPLE))
    assert (len(whole["items"]), whole["total"], whole["teams"]) == (50, 1_001, ["night"])
    last = people(boss, "limit=200&offset=1000")
    assert [one["name"] for one in last] == ["root"], "all the agents come before it"
    night = json_of(boss.get(f"{PEOPLE}?search=night+agent09&order=uri&descending=true"))
    assert [one["name"] for one in night["items"]] == [f"agent09{n}3" for n in range(9, -1, -1)]
    assert night["total"] == 10
    assert people(boss, "search=%25") == [], "a % is a character like any other"
    assert people(boss, "order=role&descending=true&limit=1")[0]["name"] == "root"
    for bad in ("limit=201", "order=password", "offset=-1"):
        assert boss.get(f"{PEOPLE}?{bad}").status_code == 422


def test_an_address_that_no_call_can_name_or_that_two_have_is_marked(
    start: Callable[..., Server],
) -> None:
    server = start()
    boss = root(server)
    server.add_agent("wang", WANG)
    assert named(boss, "wang")["warnings"] == []
    server.add_agent("li", WANG)
    assert [named(boss, name)["warnings"] for name in ("wang", "li")] == [["shared"]] * 2
    boss.post(f"{PEOPLE}/{named(boss, 'li')['id']}", {"active": False})
    assert named(boss, "wang")["warnings"] == [], "who is switched off is in nobody's way"
    hq, branch = server.services.settings.pbx.values()
    known = {"domain": "PBX.example.org", "agents": {"PJSIP/1": WANG}}
    object.__setattr__(hq, "domain", known["domain"])
    server.add_agent("zhao", "sip:zhao@elsewhere.example")
    assert named(boss, "zhao")["warnings"] == [], "another connector's settings are not here"
    object.__setattr__(branch, "domain", "branch.example.org")
    object.__setattr__(branch, "agents", known["agents"])
    assert named(boss, "zhao")["warnings"] == ["unnamed"]
    assert named(boss, "wang")["warnings"] == []
    server.add_agent("qian", "sip:1001@pbx.example.org;transport=tls")
    assert named(boss, "qian")["warnings"] == []


# -- adding and changing ---------------------------------------------------------------------------


def test_an_account_is_added_with_a_password_that_is_shown_once(server: Server) -> None:
    boss = root(server)
    made = boss.post(PEOPLE, NEW | {"team": "night", "supervisor": True})
    assert made.status_code == 201
    answer = json_of(made)
    assert log_in(server, "zhao", answer["password"]) == 200
    assert answer["person"]["team"] == "night"
    assert "password" not in named(boss, "zhao")
    assert answer["password"] not in str(events(boss))
    own = boss.post(PEOPLE, {"name": "qian", "uri": LI, "password": "correct horse"})
    assert (own.status_code, json_of(own)["password"]) == (201, None)
    assert log_in(server, "qian", "correct horse") == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " zhao"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "zh\x07ao"}, "name"),
        ({"name": "root"}, "name"),
        ({"uri": "zhao@example.org"}, "uri"),
        ({"uri": "sip:zhao@example.org\r\nX: y"}, "uri"),
        ({"team": "x" * 61}, "team"),
        ({"team": " night"}, "team"),
        ({"password": "short"}, "password"),
        ({"active": False}, "active"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(
    server: Server, change: dict[str, Any], field: str
) -> None:
    boss = root(server)
    answer = boss.post(PEOPLE, NEW | change)
    assert (answer.status_code, json_of(answer)["field"]) == (422, field)
    assert (json_of(answer).get("why") == "taken") == (change == {"name": "root"})
    assert json_of(boss.get(PEOPLE))["total"] == 1


def test_only_an_administrator_sets_up_and_only_from_our_own_page(server: Server) -> None:
    boss, wang = root(server), server.desk("wang", WANG, supervisor=True)
    person = f"{PEOPLE}/{named(boss, 'wang')['id']}"
    tries: list[Callable[[Browser], Any]] = [
        lambda who: who.get(PEOPLE),
        lambda who: who.get("/v1/setup/events"),
        lambda who: who.get("/v1/setup/brand"),
        lambda who: who.post(PEOPLE, NEW),
        lambda who: who.post(person, {"admin": True}),
        lambda who: who.post(f"{person}/password", {}),
        lambda who: who.delete(person),
        lambda who: who.post("/v1/setup/brand", {"version": 0, "name": "x", "languages": ["en"]}),
    ]
    for attempt in tries:
        assert attempt(wang).status_code == 403
        assert attempt(server.browser()).status_code == 401
    boss.csrf = ""
    for attempt in tries[3:]:
        assert json_of(attempt(boss))["type"] == "urn:tandem:problem:csrf"
    assert server.api.get(PEOPLE).status_code == 403, "a key sets nothing up"
    with server.database.read() as db:
        assert sorted(db.scalars(select(Agent.name))) == ["root", "wang"]


def test_a_new_password_ends_the_log_ins_of_before(server: Server) -> None:
    boss, wang = root(server), server.desk("wang", WANG)
    answer = json_of(boss.post(f"{PEOPLE}/{named(boss, 'wang')['id']}/password", {}))
    assert wang.get("/v1/desk").status_code == 401
    assert len(server.hub.signed_out) == 1
    assert log_in(server, "wang", "correct horse") == 401
    assert log_in(server, "wang", answer["password"]) == 200


def test_who_did_what_is_kept(server: Server) -> None:
    boss = root(server)
    boss.post(PEOPLE, NEW)
    person = f"{PEOPLE}/{named(boss, 'zhao')['id']}"
    boss.post(person, {"team": "night", "supervisor": True, "uri": NEW["uri"]})
    boss.post(person, {"team": "night"})
    boss.post(f"{person}/password", {})
    boss.delete(person)
    with server.database.write() as work:
        agents.add(work, "li", LI, None, admin=False)
    assert events(boss) == [
        (None, "added", "li", {"uri": [None, LI]}),
        ("root", "removed", "zhao", {"uri": [NEW["uri"], None]}),
        ("root", "password", "zhao", {}),
        ("root", "changed", "zhao", {"supervisor": [False, True], "team": ["", "night"]}),
        ("root", "added", "zhao", {"uri": [None, NEW["uri"]]}),
        (None, "added", "root", {"uri": [None, ROOT], "admin": [None, True]}),
    ]
    page = json_of(boss.get("/v1/setup/events?limit=2"))
    rest = json_of(boss.get(f"/v1/setup/events?limit=10&before={page['next']}"))
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (2, 4, None)


def test_the_record_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_EVENTS", 3)
    boss = root(server)
    for n in range(5):
        boss.post(PEOPLE, {"name": f"a{n}", "uri": f"sip:a{n}@example.org", "password": "12345678"})
    assert [whom for _, _, whom, _ in events(boss)] == ["a4", "a3", "a2"]


# -- who is out -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["removed", "off", "moved"])
def test_who_is_removed_or_switched_off_is_out_at_once(server: Server, how: str) -> None:
    boss, wang = root(server), server.desk("wang", WANG)
    session = server.establish()
    path = f"/v1/sessions/{session['id']}"
    token = json_of(wang.post(f"{path}/token", {}))["sync"]["token"]
    assert isinstance(server.backend.authorize_sync(session["id"], token), SyncGrant)
    by_link = server.browser()
    by_link.open(session["agent"]["join_url"])
    wang.post("/v1/desk/state", {"state": "ready"})
    person = f"{PEOPLE}/{named(boss, 'wang')['id']}"
    if how == "removed":
        assert boss.delete(person).status_code == 204
    else:
        change = {"active": False} if how == "off" else {"uri": "sip:wang2@example.org"}
        assert boss.post(person, change).status_code == 200
    assert len(server.hub.signed_out) == 1
    assert (session["id"], "agent", WANG, 4401) in server.hub.closed
    assert wang.get("/v1/desk").status_code == 401
    assert by_link.post(f"{path}/token", {}).status_code == 401
    refused = server.backend.authorize_sync(session["id"], token)
    assert refused.close_code == 4403  # type: ignore[union-attr]
    assert server.session(session["id"])["agent"]["uri"] == WANG, "it stays on record"


def test_who_is_switched_off_cannot_log_in_until_they_are_on_again(server: Server) -> None:
    boss = root(server)
    server.add_agent("wang", WANG)
    person = f"{PEOPLE}/{named(boss, 'wang')['id']}"
    boss.post(person, {"active": False})
    off = server.browser().post("/v1/login", {"username": "wang", "password": "correct horse"})
    assert (off.status_code, json_of(off)["type"]) == (403, "urn:tandem:problem:account-off")
    assert log_in(server, "wang", "wrong horse") == 401, "only who knows the password is told"
    assert [one["name"] for one in floor_agents(server)] == ["chen", "root"]
    boss.post(person, {"active": True})
    assert log_in(server, "wang", "correct horse") == 200


def floor_agents(server: Server) -> list[dict[str, Any]]:
    chen = server.desk("chen", "sip:chen@example.org", supervisor=True)
    found: list[dict[str, Any]] = json_of(chen.get("/v1/floor"))["agents"]
    return found


def test_a_log_in_under_way_does_not_outrun_a_removal(server: Server) -> None:
    server.add_agent("wang", WANG)
    with server.database.read() as db:
        checked = agents.named(db, "wang")
    assert checked is not None
    with server.database.write() as work:
        agents.remove(work, "wang")
    with server.database.write() as work, pytest.raises(agents.WrongPassword):
        agents.log_in(work, checked)


def test_who_is_demoted_leaves_and_who_is_promoted_stays(server: Server) -> None:
    boss, wang = root(server), server.desk("wang", WANG)
    person = f"{PEOPLE}/{named(boss, 'wang')['id']}"
    boss.post(person, {"supervisor": True, "team": "night"})
    assert wang.get("/v1/floor").status_code == 200, "a role more takes nobody's desk away"
    session = server.establish(agent_uri=LI)["id"]
    boss.post(person, {"team": ""})  # as a supervisor they see something else now
    assert wang.get("/v1/floor").status_code == 401
    wang.csrf = ""
    wang.post("/v1/login", {"username": "wang", "password": "correct horse"})
    path = f"/v1/sessions/{session}/supervision"
    token = json_of(wang.post(path, {"mode": "join"}))["sync"]["token"]
    server.hub.closed.clear()
    boss.post(person, {"supervisor": False})
    assert (session, "supervisor", WANG, 4401) in server.hub.closed
    assert server.backend.authorize_sync(session, token).close_code == 4403  # type: ignore[union-attr]
    assert wang.get("/v1/floor").status_code == 401
    assert server.hub.renewed > 0


def test_two_accounts_of_one_address_do_not_close_each_other(server: Server) -> None:
    boss = root(server)
    first, second = server.desk("wang", WANG), server.desk("wang-phone", WANG)
    session = server.establish()
    token = json_of(second.post(f"/v1/sessions/{session['id']}/token", {}))["sync"]["token"]
    boss.delete(f"{PEOPLE}/{named(boss, 'wang')['id']}")
    assert first.get("/v1/desk").status_code == 401
    assert second.get("/v1/desk").status_code == 200
    assert isinstance(server.backend.authorize_sync(session["id"], token), SyncGrant)


# -- the last administrator -----------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"admin": False}, {"active": False}, None])
def test_the_last_administrator_stays(server: Server, change: dict[str, Any] | None) -> None:
    boss = root(server)
    server.add_agent("off", LI, admin=True)
    server.add_agent("nobody", LI, admin=True)
    boss.post(f"{PEOPLE}/{named(boss, 'off')['id']}", {"active": False})
    with server.database.write() as work:  # whose provider is not that of the settings
        nobody = work.db.scalars(select(Agent).where(Agent.name == "nobody")).one()
        nobody.password, nobody.issuer, nobody.subject = "", "https://id.example.org/x", "1"
    assert named(boss, "nobody")["provider"] == "id.example.org"
    assert log_in(server, "nobody", "correct horse") == 401
    person = f"{PEOPLE}/{named(boss, 'root')['id']}"

    def attempt() -> Any:
        return boss.delete(person) if change is None else boss.post(person, change)

    refused = attempt()
    assert (refused.status_code, json_of(refused)["why"]) == (409, "last-administrator")
    server.add_agent("second", LI, admin=True)
    assert attempt().status_code in (200, 204)
    assert boss.get(PEOPLE).status_code == 401


def test_two_administrators_at_once_leave_one(server: Server) -> None:
    """Each removes the other, or themselves, in the same moment: one of them stays."""
    for round_, own in enumerate((False, True, False)):
        names = [f"a{round_}", f"b{round_}"]
        both = [root(server, name) for name in names]
        ids = [named(both[0], name)["id"] for name in names]
        with server.database.write() as work:
            work.db.query(Agent).where(Agent.name.not_in(names)).update({"admin": False})
        start, codes = threading.Barrier(2), [0, 0]

        def remove(
            me: int,
            both: list[Browser] = both,
            ids: list[int] = ids,
            own: bool = own,
            start: threading.Barrier = start,
            codes: list[int] = codes,
        ) -> None:
            start.wait(10)
            codes[me] = both[me].delete(f"{PEOPLE}/{ids[me if own else 1 - me]}").status_code

        threads = [threading.Thread(target=remove, args=(me,)) for me in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(codes) == ([204, 409] if own else [204, 401])
        with server.database.read() as db:
            left = db.scalars(select(Agent.id).where(Agent.admin, Agent.name.in_(names))).all()
        assert len(left) == 1


def test_the_command_line_may_remove_the_last_one(server: Server) -> None:
    boss = root(server)
    with server.database.write() as work:
        agents.remove(work, "root")
    server.housekeeper.round()
    assert boss.get(PEOPLE).status_code == 401
    assert len(server.hub.signed_out) == 1
    with server.database.read() as db:
        assert db.scalars(select(Login.id)).all() == []
