"""The server's own line: who enters the PBX's queue, when, and what becomes of refusals."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collab_server.db.calls import Call
from collab_server.placed.post import post
from collab_server.placed.schemas import NewCall
from tests.server.conftest import POSTGRES, Server, empty, json_of, make_settings
from tests.server.placed import Posted, Site


def of(site: Site) -> list[str]:
    return [args["id"] for args in site.pbx.entered]


def test_300_calls_enter_in_their_order_and_the_cap_holds(server: Server) -> None:
    site = Site(server)
    site.pbx.shows_places = False
    site.link()
    asked = NewCall(type="chat", queue="support", pbx="hq")
    posted = []
    with server.services.write() as work:
        for _ in range(300):
            session, _ = post(server.services, work, "main", "", asked)
            posted.append(work.db.get_one(Call, session.call).call_id)
    site.pump()
    assert len(site.pbx.calls) == 50
    while site.pbx.calls:
        server.clock.turn(10)
        for served in list(site.pbx.calls)[:10]:
            site.pbx.over(served, "hangup")
        site.pump()
    assert of(site) == posted
    assert site.pbx.most == 50
    waited = [args["waited"] for args in site.pbx.entered]
    assert waited == [0.0] * 50 + [10.0 * (1 + n // 10) for n in range(250)]
    assert all(args["wait"] == 3600 - args["waited"] for args in site.pbx.entered)


def test_those_in_the_servers_line_are_told_their_place_behind_the_queue(
    start: Callable[..., Server],
) -> None:
    server = start(max_placeholders=2)
    site = Site(server)
    site.link()
    server.connector.report("1.1", "queued", queue="support", position=1)  # by telephone
    server.connector.report("1.2", "queued", queue="sales", position=1)
    calls = []
    for _ in range(5):
        calls.append(site.post())
        site.pump()
    assert [call.first["position"] for call in calls[2:]] == [4, 5, 6]
    assert [call.now()["state"] for call in calls] == ["queued"] * 5
    assert [call.view()["placed"]["stage"] for call in calls] == ["stands"] * 2 + ["line"] * 3
    calls[2].leave()
    site.pass_time(1)
    assert [call.now()["position"] for call in calls[3:]] == [4, 5]
    told = [
        views["user"]["position"] for name, views in server.hub.views if name == calls[4].session
    ]
    assert told[-1] == 5
    site.pbx.over(calls[0].id, "hangup")
    site.pump()
    site.pass_time(1)
    assert [call.view()["placed"]["stage"] for call in calls[3:]] == ["stands", "line"]


def test_one_at_a_time_is_asked_for_so_that_the_pbx_keeps_the_order(server: Server) -> None:
    site = Site(server)
    server.hub.linked_pbxs.add("hq")
    first, second = site.post(), site.post()
    other = site.post(queue="sales")
    assert [command["id"] for command in server.hub.commands] == [first.id, other.id]
    server.connector.send(results=[{"id": first.id, "status": "done"}])
    assert server.hub.commands[-1]["id"] == second.id


def test_a_connector_that_does_not_answer_holds_the_others_up_for_seconds_only(
    server: Server,
) -> None:
    site = Site(server)
    server.hub.linked_pbxs.add("hq")
    site.post()
    second = site.post()
    server.clock.turn(4.9)
    server.housekeeper.round()
    assert len(server.hub.commands) == 1
    server.clock.turn(0.2)
    server.housekeeper.round()
    assert server.hub.commands[-1]["id"] == second.id


def test_a_clock_that_is_set_back_stops_no_line(start: Callable[..., Server]) -> None:
    server = start(max_placeholders=2)
    site = Site(server)
    server.hub.linked_pbxs.add("hq")
    first, second, third, fourth = (site.post() for _ in range(4))
    server.housekeeper.round()
    server.clock.turn(-3_600)
    server.housekeeper.round()
    asked = [command["id"] for command in server.hub.commands]
    assert asked == [first.id, second.id], "the first is not answered, and held up nobody longer"
    third.leave()
    server.clock.turn(1)
    server.housekeeper.round()
    assert fourth.now()["position"] == 3


def test_a_pbx_that_has_less_room_than_it_says_is_believed(start: Callable[..., Server]) -> None:
    server = start(max_placeholders=5)
    site = Site(server, cap=2)
    site.link()
    calls = [site.post() for _ in range(4)]
    site.pump()
    assert of(site) == [call.id for call in calls[:2]]
    assert [call.now()["state"] for call in calls] == ["queued"] * 4
    tried = len([c for c in server.hub.commands if c["kind"] == "queue"])
    site.pass_time(5)
    assert len([c for c in server.hub.commands if c["kind"] == "queue"]) == tried
    site.pbx.over(calls[0].id, "hangup")
    site.pump()
    assert of(site) == [call.id for call in calls[:3]]
    assert "full" in calls[2].trace()


def test_a_connector_that_is_away_gets_the_call_when_its_link_is_back(server: Server) -> None:
    site = Site(server)
    calls = [site.post() for _ in range(3)]
    server.clock.turn(120)
    assert [call.now()["state"] for call in calls] == ["requested"] * 3
    site.link()
    assert of(site) == [call.id for call in calls]
    assert calls[2].now()["state"] == "queued"


def test_a_connector_that_stays_away_is_waited_for_as_long_as_a_queue_would(
    server: Server,
) -> None:
    site = Site(server)
    call = site.post()
    call.open()
    site.pass_time(3599)
    assert call.now()["state"] == "requested"
    site.pass_time(1.1)
    now = call.now()
    assert (now["state"], now["reason"], now["problem"]) == ("ended", "queue_timeout", "away")
    assert (
        "no connector of PBX hq took the call in time" in server.trace(call.id)["stopped"]["reason"]
    )
    site.link()
    assert site.pbx.calls == {}


@pytest.mark.parametrize(
    ("status", "detail", "problem"),
    [("failed", "there is no queue support", "refused"), ("unknown", "", "unknown")],
)
def test_a_refusal_ends_the_session_and_says_why(
    server: Server, status: str, detail: str, problem: str
) -> None:
    site = Site(server)
    call = site.post()
    result = {"id": call.id, "status": status, "detail": detail}
    server.connector.send(results=[result])
    now = call.now()
    assert (now["state"], now["reason"], now["problem"]) == ("ended", "lost", problem)
    assert call.view()["placed"]["problem"] == problem
    trace = server.trace(call.id)
    assert trace["stopped"]["stage"] == "queue"
    assert any(detail in item["text"] for item in trace["items"])
    hangups = [c for c in server.hub.commands if c["kind"] == "hangup"]
    assert len(hangups) == (1 if status == "unknown" else 0), "what may stand is hung up"
    server.connector.send(results=[result])  # said again
    assert call.now()["problem"] == problem


def test_a_placeholder_that_comes_and_goes_because_there_is_no_such_queue_was_refused(
    server: Server,
) -> None:
    site = Site(server)
    call = site.post()
    server.connector.report(call.id, "requested", type="chat")
    ended = server.connector.call(call.id, "ended", cause="queue_timeout")
    result = {"id": call.id, "status": "failed", "detail": "there is no queue support"}
    server.connector.send(ended, results=[result])
    assert (call.now()["state"], call.now()["problem"]) == ("ended", "refused")


def test_a_killed_server_forgets_no_call_that_it_has_promised(start: Callable[..., Server]) -> None:
    before = Site(start(max_placeholders=2))
    calls = [before.post() for _ in range(4)]  # killed before the link carried anything
    site = Site(start(max_placeholders=2))
    site.server.clock.now = before.server.clock.now
    site.server.housekeeper.start()
    site.server.housekeeper.stop()
    site.link()
    assert of(site) == [call.id for call in calls[:2]]
    site.pbx.over(calls[0].id, "hangup")
    site.pump()
    assert of(site) == [call.id for call in calls[:3]]


def test_a_server_killed_between_result_and_answer_takes_the_result_again(
    start: Callable[..., Server],
) -> None:
    before = Site(start())
    call = before.post()
    result = [{"id": call.id, "status": "done"}]
    assert json_of(before.server.connector.send(results=result))["accepted"] == 1
    after = start()
    after.connector.send(results=result)
    after.connector.report(call.id, "queued", queue="support", position=1, type="chat")
    assert after.session(call.session)["state"] == "queued"


class Line(RuleBasedStateMachine):
    """Calls come, leave, are served and end in any order, over a connector that comes and goes."""

    @initialize(cap=st.integers(1, 3), pbx_cap=st.integers(1, 4))
    def start(self, cap: int, pbx_cap: int) -> None:
        if POSTGRES:
            empty(POSTGRES)
        self.folder = tempfile.TemporaryDirectory()
        self.server = Server(make_settings(Path(self.folder.name), max_placeholders=cap))
        self.site = Site(self.server, pbx_cap)
        self.cap = min(cap, pbx_cap)
        self.posted: list[Posted] = []
        self.site.link()

    def teardown(self) -> None:
        if hasattr(self, "server"):
            self.server.database.close()
            self.folder.cleanup()

    @rule()
    def post(self) -> None:
        self.posted.append(self.site.post())

    @rule()
    def pump(self) -> None:
        if "hq" in self.server.hub.linked_pbxs:
            self.site.pump()

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.posted)).leave()

    @precondition(lambda self: any(not c.agent_uri for c in self.site.pbx.calls.values()))
    @rule()
    def serve(self) -> None:
        self.site.serve()

    @precondition(lambda self: self.site.pbx.calls)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        self.site.pbx.over(data.draw(st.sampled_from(sorted(self.site.pbx.calls))), "hangup")
        self.site.pump()

    @rule()
    def connector_comes_back(self) -> None:
        self.site.link()

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.site.pass_time(seconds)

    @invariant()
    def the_cap_holds_and_the_order_is_kept(self) -> None:
        if not hasattr(self, "site"):
            return
        assert self.site.pbx.most <= self.cap
        order = {call.id: n for n, call in enumerate(self.posted)}
        numbers = [order[name] for name in of(self.site)]
        assert numbers == sorted(numbers)
        assert len(set(numbers)) == len(numbers)

    def _settle(self) -> None:
        for _ in range(4):
            self.site.pass_time(11)

    @rule()
    def in_the_end_nobody_is_left_out(self) -> None:
        self.site.link()
        self._settle()
        open_calls = [call for call in self.posted if call.now()["state"] != "ended"]
        standing = set(self.site.pbx.calls)
        assert standing <= {call.id for call in open_calls}, "of those who left nothing stands"
        assert len(standing) == min(self.cap, len(open_calls))


TestLine = Line.TestCase
TestLine.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
