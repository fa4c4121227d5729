"""How a call without a telephone ends: left, closed, away, never opened; and who is hung up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from collab_server.pages import blueprint as pages
from tests.server.conftest import WANG, Server
from tests.server.placed import Posted, Site


@pytest.fixture
def site(server: Server) -> Site:
    made = Site(server)
    made.link()
    return made


def waiting(site: Site) -> Posted:
    """A user on their page, in the PBX's queue."""
    call = site.post()
    call.open()
    site.pump()
    return call


def hangups(site: Site) -> list[str]:
    return [c["id"] for c in site.server.hub.commands if c["kind"] == "hangup"]


def test_who_leaves_is_out_of_the_queue_at_once(site: Site) -> None:
    call = waiting(site)
    assert call.browser is not None
    answer = call.browser.post(f"/v1/sessions/{call.session}/end", {})
    assert answer.status_code == 200
    command = site.server.hub.commands[-1]
    assert (command["kind"], command["id"]) == ("hangup", f"{call.id}-hangup")
    assert (command["call"], command["args"]) == (call.id, {})
    site.pump()
    assert site.pbx.calls == {}
    assert (call.now()["state"], call.now()["reason"]) == ("ended", "user")
    assert len(hangups(site)) == 1


def test_who_leaves_the_servers_line_costs_the_pbx_nothing(start: Callable[..., Server]) -> None:
    site = Site(start(max_placeholders=1))
    site.link()
    site.post()
    call = site.post()
    site.pump()
    call.leave()
    assert hangups(site) == []
    assert call.id not in [args["id"] for args in site.pbx.entered]


def test_a_hangup_follows_a_queueing_that_may_be_under_way(site: Site) -> None:
    call = site.post()
    queueing = site.new_commands()
    call.leave()
    assert hangups(site) == [f"{call.id}-hangup"]
    assert [c["kind"] for c in site.server.backend.pending_commands("hq")] == ["hangup"]
    for command in queueing + site.new_commands():
        site.pbx.take(command)
    site.pump()
    assert site.pbx.calls == {}


def test_a_call_that_was_left_is_not_placed_anew_by_a_connector_that_lost_its_result(
    site: Site,
) -> None:
    call = site.post()
    site.server.connector.report(call.id, "queued", queue="support", position=1, type="chat")
    call.leave()
    site.server.connector.report(call.id, "ended", cause="abandoned")
    assert "queue" not in [c["kind"] for c in site.server.backend.pending_commands("hq")]


def test_a_placeholder_that_shows_up_after_its_hangup_is_hung_up_again(site: Site) -> None:
    call = site.post()
    queueing = site.new_commands()
    call.leave()
    for command in site.new_commands():
        site.pbx.take(command)  # the connector says it is not there
    calls, results = site.pbx.said()
    site.server.connector.send(*calls, results=results)
    for command in queueing:
        site.pbx.take(command)  # and only now it comes to be
    site.pump()
    assert site.pbx.calls == {}
    assert hangups(site) == [f"{call.id}-hangup"] * 2
    assert call.now()["state"] == "ended"


def test_a_call_that_cannot_be_hung_up_is_not_tried_for_ever(site: Site) -> None:
    call = waiting(site)
    call.leave()
    for _ in range(20):
        result = {"id": f"{call.id}-hangup", "status": "unknown"}
        site.server.connector.send(results=[result])
        site.server.connector.report(call.id, "queued", queue="support", position=1)
    assert len(hangups(site)) == 5


def test_a_closed_page_is_gone_from_the_queue_within_two_seconds(site: Site) -> None:
    call = waiting(site)
    call.say_closed()
    call.disconnect()
    site.pass_time(0.9)
    assert call.now()["state"] == "queued"
    site.pass_time(0.2)
    assert site.pbx.calls == {}
    assert (call.now()["state"], call.now()["reason"]) == ("ended", "abandoned")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "index.html").write_text("<!doctype html><title>Tandem</title>")
    monkeypatch.setattr(pages, "DIST", dist)


@pytest.mark.usefixtures("built")
def test_a_reload_is_waited_for(site: Site) -> None:
    call = waiting(site)
    assert call.browser is not None
    call.browser.get(f"/s/{call.session}")  # a browser asks for the page before it leaves the old
    call.say_closed()
    call.disconnect()
    site.pass_time(1.1)
    assert call.now()["state"] == "queued"
    site.pass_time(8)
    call.connect()
    site.pass_time(10)
    assert call.now()["state"] == "queued"
    call.say_closed()  # and then it is closed
    call.disconnect()
    site.pass_time(1.1)
    assert call.now()["state"] == "ended"


@pytest.mark.usefixtures("built")
def test_a_page_that_was_reloaded_and_then_closed_is_gone_at_once(site: Site) -> None:
    call = waiting(site)
    assert call.browser is not None
    call.browser.get(f"/s/{call.session}")
    call.say_closed()
    assert call.browser.post(f"/v1/sessions/{call.session}/token", {}).status_code == 200
    site.pass_time(700)  # so fast that its socket was never missed
    assert call.now()["state"] == "queued"
    call.say_closed()
    call.disconnect()
    site.pass_time(1.1)
    assert call.now()["state"] == "ended"


@pytest.mark.usefixtures("built")
def test_a_reload_that_never_comes_back_is_over(site: Site) -> None:
    call = waiting(site)
    assert call.browser is not None
    call.browser.get(f"/s/{call.session}")
    call.say_closed()
    call.disconnect()
    site.pass_time(15.1)
    assert call.now()["reason"] == "abandoned"


def test_a_page_that_says_closed_while_another_one_is_open_closes_nothing(site: Site) -> None:
    call = waiting(site)
    call.say_closed()
    site.pass_time(1.1)
    site.pass_time(60)
    assert call.now()["state"] == "queued"


def test_a_phone_in_the_background_is_waited_for_and_shown_as_away(site: Site) -> None:
    call = waiting(site)
    call.disconnect()
    site.pass_time(599)
    assert call.now()["state"] == "queued"
    assert call.view("agent")["presence"]["user"]["connected"] is False
    call.connect()
    site.pass_time(300)
    assert call.now()["state"] == "queued"
    call.disconnect()
    site.pass_time(601)
    assert call.now()["reason"] == "abandoned"
    assert site.pbx.calls == {}


def test_a_page_that_was_opened_and_never_connected_is_away(site: Site) -> None:
    call = site.post()
    site.pump()
    site.pass_time(100)
    site.server.browser().open(call.first["user"]["join_url"])
    site.pass_time(599)
    assert call.now()["state"] == "queued"
    site.pass_time(2)
    assert call.now()["reason"] == "abandoned"


def test_a_call_whose_page_never_opened_is_kept_by_its_site_alone(site: Site) -> None:
    polled, forgotten = site.post(), site.post()
    site.pump()
    for _ in range(10):
        site.pass_time(50)
        assert polled.now()["state"] == "queued"
    assert forgotten.now()["reason"] == "abandoned"
    assert list(site.pbx.calls) == [polled.id]
    site.pass_time(121)
    assert site.pbx.calls == {}


def test_a_join_page_that_is_open_counts_as_looking(site: Site) -> None:
    call = site.post()
    site.pump()
    site.pass_time(100)
    token = {"token": call.first["user"]["join_url"].partition("#")[2]}
    assert site.server.browser().post("/v1/join/look", token).status_code == 200
    site.pass_time(100)
    assert site.server.session(call.session)["state"] == "queued"
    site.pass_time(21)
    assert site.server.session(call.session)["state"] == "ended"


def test_with_an_agent_in_it_a_closed_page_is_away_for_a_while(site: Site) -> None:
    call = waiting(site)
    site.serve()
    call.say_closed()
    call.disconnect()
    site.pass_time(119)
    assert call.now()["state"] == "inviting"
    site.pass_time(2)
    assert (call.now()["state"], call.now()["reason"]) == ("ended", "user")
    assert site.pbx.calls == {}


def test_an_agent_who_ends_the_session_hangs_the_placeholder_up(site: Site) -> None:
    call = waiting(site)
    site.serve()
    desk = site.server.desk("wang", WANG)
    assert desk.post(f"/v1/sessions/{call.session}/end", {}).status_code == 200
    site.pump()
    assert site.pbx.calls == {}


def test_a_queue_that_gives_up_ends_the_session_without_a_hangup(site: Site) -> None:
    call = waiting(site)
    site.pbx.over(call.id, "queue_timeout")
    site.pump()
    assert call.now()["reason"] == "queue_timeout"
    assert hangups(site) == []


def test_a_queue_that_does_not_keep_its_time_is_ended_by_the_server(site: Site) -> None:
    call = waiting(site)
    site.pass_time(3659)
    assert call.now()["state"] == "queued"
    site.pass_time(2)
    assert call.now()["reason"] == "queue_timeout"
    assert site.pbx.calls == {}


def test_a_snapshot_without_the_placeholder_ends_the_session_as_lost(site: Site) -> None:
    call, early = waiting(site), site.post()
    site.server.connector.epoch = 2
    site.server.connector.send(snapshot=True)
    assert call.now()["reason"] == "lost"
    assert early.now()["state"] == "requested", "it was never reported, so that nothing is missing"


def test_after_a_restart_pages_have_to_come_back(start: Callable[..., Server]) -> None:
    before = Site(start())
    before.link()
    stays, goes = waiting(before), waiting(before)
    site = Site(start())
    site.pbx = before.pbx
    site.server.clock.now = before.server.clock.now
    site.server.housekeeper.start()  # the pages of before were connected when it was killed
    site.server.housekeeper.stop()
    site.link()
    here = Posted(site.server, stays.first)
    site.pass_time(5)
    here.connect()
    site.pass_time(601)
    assert here.now()["state"] == "queued"
    assert Posted(site.server, goes.first).now()["reason"] == "abandoned"


def test_only_the_users_own_page_says_that_it_closes(site: Site) -> None:
    call = waiting(site)
    site.serve()
    desk = site.server.desk("wang", WANG)
    path = f"/v1/sessions/{call.session}/closed"
    assert desk.post(path, {}).status_code == 403
    assert call.browser is not None
    assert call.browser.post(path, {}, Origin="https://evil.example").status_code == 403
    assert site.server.browser().post(path, {}).status_code == 401
    site.pass_time(121)
    assert call.now()["state"] == "inviting"


def test_an_ordinary_session_is_no_business_of_a_closed_page(server: Server) -> None:
    session = server.establish()
    browser = server.browser()
    browser.open(session["user"]["join_url"])
    assert browser.post(f"/v1/sessions/{session['id']}/closed", {}).status_code == 204
    server.clock.turn(700)
    server.housekeeper.round()
    assert server.session(session["id"])["state"] == "inviting"
