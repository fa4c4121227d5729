"""Whose account somebody gets: by issuer and subject, or by an administrator's word, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collab_server import cli
from collab_server.oidc import accounts
from collab_server.people import agents
from collab_server.people.accounts import AgentError
from tests.openid import OpenIdProvider
from tests.server.conftest import LI, WANG, Server, json_of
from tests.server.oidc.office import Office

Started = Callable[..., Office]


@pytest.fixture
def started(start: Callable[..., Server], openid: OpenIdProvider) -> Started:
    """A server with further settings of ``[server.oidc]``."""

    def make(**more: Any) -> Office:
        server = start(oidc=openid.settings(**more))
        openid.clock = server.clock
        return Office(server, openid)

    return make


def agent(office: Office, name: str) -> Any:
    with office.server.database.read() as db:
        return agents.named(db, name)


def test_a_local_account_is_not_taken_by_its_name(office: Office) -> None:
    office.server.add_agent("wang", WANG, admin=True)
    office.provider.person |= {"sub": "wang", "email_verified": True, "name": "wang"}
    assert office.kept_out() == "account"
    assert agent(office, "wang").subject is None


def test_a_marked_account_is_tied_to_whoever_signs_in_first_and_stays_theirs(
    office: Office,
) -> None:
    office.mark("Wang Li", as_="WANG")
    assert office.sign_in().headers["Location"] == "/desk"
    assert agent(office, "Wang Li").subject == "u-1"
    office.provider.person |= {"preferred_username": "another.name"}
    assert office.sign_in().headers["Location"] == "/desk", "their name may change"
    office.provider.person = {"sub": "u-2", "preferred_username": "wang"}
    office.browser = office.server.browser()
    assert office.kept_out() == "account", "another person with the name of the first"
    assert office.me() is None


def test_names_are_compared_whole(office: Office) -> None:
    office.mark("Wang Li", as_="wang")
    for name in (
        "wang ",
        " wang",
        "wang\n",
        "wan",
        "wang@example.org",
        "w\u0430ng",
        "",
        7,
        ["wang"],
    ):
        office.provider.person = {"sub": "u-3", "preferred_username": name}
        assert office.kept_out() == "account", name
    office.mark("Strasse", LI, as_="stra\u00dfe")
    office.provider.person = {"sub": "u-4", "preferred_username": "STRASSE"}
    assert office.kept_out() == "account"


def test_an_email_address_counts_when_the_provider_has_verified_it(started: Started) -> None:
    office = started(username_claim="email", create=True, uri="sip:{preferred_username}@b.example")
    office.mark("Wang Li", as_="wang@example.org")
    for verified in (None, False, "false", 1, "yes"):
        office.provider.claims = {"email_verified": verified}
        assert office.kept_out() == "unverified", verified
    office.provider.claims = {"email_verified": True}
    assert office.sign_in().headers["Location"] == "/desk"


def test_an_account_is_made_where_that_is_wanted(started: Started) -> None:
    office = started(create=True, uri="sip:{extension}@pbx.example.org")
    office.provider.claims = {"extension": "1001"}
    assert office.sign_in().headers["Location"] == "/desk"
    me = office.me()
    assert me is not None
    assert (me["name"], me["uri"]) == ("wang", "sip:1001@pbx.example.org")
    assert (me["admin"], me["supervisor"]) == (False, False)
    office.provider.claims = {"extension": "1002"}
    assert office.sign_in().headers["Location"] == "/desk"
    again = office.me()
    assert again is not None
    assert again["uri"] == "sip:1001@pbx.example.org", "the address of an account stays"


def test_what_the_provider_calls_somebody_is_what_callers_read_until_it_is_changed_here(
    office: Office,
) -> None:
    office.mark("Wang Li")
    for name in ("abc\u202ecba", "x" * 61, 7, ""):
        office.provider.claims = {"name": name}
        assert office.sign_in().headers["Location"] == "/desk"
        assert (office.me() or {})["display_name"] == "", name
    office.provider.claims = {"name": "Wang Xiu"}
    office.sign_in()
    assert (office.me() or {})["display_name"] == "Wang Xiu"
    office.provider.claims = {"name": "Wang Xiu-Ying"}
    office.sign_in()
    assert (office.me() or {})["display_name"] == "Wang Xiu-Ying", "it is kept up to date"
    office.provider.claims = {}
    office.sign_in()
    assert (office.me() or {})["display_name"] == "Wang Xiu-Ying"
    office.provider.claims = {"name": "Wang Xiu-Ying"}
    with office.server.database.write() as work:
        agent = agents.named(work.db, "Wang Li")
        assert agent is not None
        agent.display_name = "Ms Wang"
    office.sign_in()
    assert (office.me() or {})["display_name"] == "Ms Wang"


def test_an_account_that_is_made_takes_nothing_from_anybody(started: Started) -> None:
    office = started(create=True, uri="sip:{extension}@pbx.example.org")
    office.server.add_agent("local", "sip:1001@pbx.example.org", admin=True)
    office.mark("marked", "sip:1009@pbx.example.org", as_="zhang")
    office.provider.person |= {"preferred_username": "zhang", "sub": "u-9"}
    assert office.sign_in().headers["Location"] == "/desk", "who is marked"
    for claims in (
        {"preferred_username": "local", "extension": "1005"},  # a name
        {"preferred_username": "fresh", "extension": "1001"},  # an address
        {"preferred_username": "zhang", "extension": "1006"},  # a name there
        {"preferred_username": "fresh", "extension": None},
        {"preferred_username": "fresh", "extension": "1001@evil.example"},
        {"preferred_username": "fresh", "extension": "1,2"},
        {"preferred_username": "fresh", "extension": "1\r\nVia: x"},
        {"preferred_username": "fresh", "extension": "x;transport=tcp"},
        {"preferred_username": "x" * 81, "extension": "1007"},
        {"preferred_username": None, "extension": "1008"},
    ):
        office.provider.claims = {"sub": "u-2"} | claims
        office.browser = office.server.browser()
        assert office.kept_out() == "account", claims
    with office.server.database.read() as db:
        assert [one.name for one in agents.everybody(db)] == ["local", "marked"]


def test_the_provider_says_at_each_log_in_who_supervises_and_administers(started: Started) -> None:
    office = started(
        roles_claim="realm_access.roles", supervisors=["team-lead"], admins=["root", "it"]
    )
    office.mark("wang", supervisor=True)
    office.mark("li", LI, as_="li", admin=True)
    for roles, admin, supervisor in (
        (["it", "team-lead"], True, True), ("root", True, False), ({"team-lead": {}}, False, True),
        (["ROOT", 7, None], False, False), (None, False, False), ([["root"]], False, False),
    ):  # fmt: skip
        office.provider.claims = {"realm_access": {"roles": roles}}
        assert office.sign_in().headers["Location"] == "/desk"
        me = office.me()
        assert me is not None
        assert (me["admin"], me["supervisor"]) == (admin, supervisor), roles
    settings = office.server.services.settings.server.oidc
    assert accounts.gives(settings, agent(office, "wang")) == accounts.Gives(True, True)
    office.server.add_agent("local", "sip:1@b.example", admin=True)
    assert accounts.gives(settings, agent(office, "local")) == accounts.Gives(False, False)
    assert agent(office, "li").admin, "nobody has signed in there yet"


def test_what_the_provider_says_is_not_changed_on_the_page_of_people(started: Started) -> None:
    office = started(roles_claim="groups", admins=["it"])
    office.mark("wang")
    office.provider.claims = {"groups": ["it"]}
    office.sign_in()
    page = "/v1/setup/people"
    office.browser.csrf = json_of(office.browser.get("/v1/me"))["csrf"]
    (me,) = json_of(office.browser.get(page))["items"]
    assert (me["provider"], me["given"], me["admin"]) == ("Office", ["admin"], True)
    refused = office.browser.post(f"{page}/{me['id']}", {"admin": False})
    assert (refused.status_code, json_of(refused)["field"]) == (422, "admin")
    assert json_of(refused)["why"] == "given"
    changed = office.browser.post(f"{page}/{me['id']}", {"admin": True, "team": "Sales"})
    assert json_of(changed)["person"]["team"] == "Sales"
    again = office.browser.post(f"{page}/{me['id']}", {"supervisor": True})
    assert json_of(again)["person"]["supervisor"] is True, "of supervisors nothing is set"


def test_who_loses_a_role_is_logged_out_where_they_had_it(started: Started) -> None:
    office = started(roles_claim="groups", admins=["it"])
    office.mark("wang", supervisor=True)
    office.provider.claims = {"groups": ["it"]}
    office.sign_in()
    before, office.browser = office.browser, office.server.browser()
    office.provider.claims = {"groups": []}
    office.sign_in()
    me = office.me()
    assert me is not None
    assert (me["admin"], me["supervisor"]) == (False, True), "of supervisors nothing is set"
    assert json_of(before.get("/v1/me"))["agent"] is None


def test_only_whom_the_roles_let_in(started: Started) -> None:
    office = started(
        roles_claim="groups", agents=["desk"], admins=["it"], create=True, uri="sip:{sub}@b.example"
    )
    for groups in (None, [], ["other"], "des"):
        office.provider.claims = {"groups": groups}
        assert office.kept_out() == "account"
    for groups in (["desk"], ["it"]):
        office.provider.claims = {"groups": groups}
        assert office.sign_in().headers["Location"] == "/desk"
    office.provider.claims = {"groups": ["other"]}
    office.browser = office.server.browser()
    assert office.kept_out() == "account", "they were let in before"


def test_what_the_id_token_lacks_is_looked_for_in_the_userinfo(started: Started) -> None:
    office = started(roles_claim="groups", admins=["it"])
    office.mark("wang")
    office.provider.person = {"sub": "u-1"}
    info = {"sub": "u-1", "preferred_username": "wang", "groups": ["it"], "iss": "x", "aud": "x"}
    office.provider.userinfo = info | {"sub": "u-2"}
    assert office.kept_out() == "failed", "another person's"
    office.provider.userinfo = info
    assert office.sign_in().headers["Location"] == "/desk"
    me = office.me()
    assert me is not None
    assert me["admin"]


def test_whose_account_it_is_may_be_changed_and_ends_what_is_open(office: Office) -> None:
    office.mark("wang")
    office.mark("li", LI, as_="li")
    office.sign_in()
    with office.server.database.write() as work:
        wang = agents.named(work.db, "wang")
        assert wang is not None
        for wrong in ({"name": "LI"}, {"name": ""}, {"name": "a\nb"}, {"subject": "x" * 256}):
            with pytest.raises(AgentError):
                accounts.link(work, wang, office.provider.issuer, **wrong)
        with pytest.raises(AgentError, match="issuer is not set"):
            accounts.link(work, wang, "", name="wang")
        accounts.link(work, wang, office.provider.issuer, subject="u-7")
    assert office.me() is None
    assert office.kept_out() == "account"
    office.provider.person["sub"] = "u-7"
    assert office.sign_in().headers["Location"] == "/desk"
    with office.server.database.write() as work:
        wang = agents.named(work.db, "wang")
        assert wang is not None
        accounts.unlink(work, wang)
    assert office.me() is None
    assert office.kept_out() == "account"


def test_the_command_says_who_is_who(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tandem.toml").write_text(
        f'[server]\nsecret = "{"x" * 32}"\n[server.oidc]\nissuer = "https://id.example/"\n'
        'client_id = "tandem"\npasswords = false\n'
    )

    def said(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli.main, ["agent", *arguments])
        assert done.exit_code == status, done.output
        return done.output

    added = said("add", "wang", "--uri", WANG, "--oidc", "Wang@example.org")
    assert "signs in at https://id.example/ as Wang@example.org" in added
    assert "password" not in added
    assert said("list") == f"wang\t{WANG}\toidc wang@example.org (not yet signed in)\n"
    again = said("add", "li", "--uri", LI, "--oidc", "WANG@example.org", status=1)
    assert again == "tandem-server: WANG@example.org is agent wang already\n"
    said("link", "wang", "--oidc-subject", "u-1")
    assert said("list") == f"wang\t{WANG}\toidc (subject u-1)\n", "and li is not there"
    assert "it counts once server.oidc.passwords is true" in said("password", "wang")
    said("link", "wang", "--local")
    assert said("list") == f"wang\t{WANG}\n"
