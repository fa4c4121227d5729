"""How often somebody is reached, in the database, so that it holds for every process; a kill."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.carrier import begin
from tests.server.conftest import LI, WANG, Server
from tests.server.doubles import Gateway, gateway, mail_server
from tests.server.test_invite import PHONE, invite, set_up

Start = Callable[..., Server]


@pytest.fixture
def sms() -> Iterator[Gateway]:
    with gateway() as double:
        yield double


def number(n: int) -> str:
    return f"tel:+49301000{n:03}"


def went_out(server: Server, *sessions: dict[str, Any]) -> list[bool]:
    """Which of them the gateway took; each other one says which limit stopped it."""
    server.carry()
    server.carry()
    found = [server.ways(session["id"])["sms"] for session in sessions]
    assert all(state == "sent" or "server.invite.limits." in why for state, why in found), found
    return [state == "sent" for state, _ in found]


def test_one_destination_is_reached_so_often_an_hour_and_a_day(start: Start, sms: Gateway) -> None:
    limits = {"destination_hour": 2, "destination_day": 3}
    server = start(**set_up(sms, limits=limits))
    desk, other = server.desk("wang", WANG), server.desk("li", LI)
    assert went_out(server, *(invite(desk, PHONE) for _ in range(3))) == [True, True, False]
    assert went_out(server, invite(other, PHONE), invite(other, number(1))) == [False, True]
    server.clock.turn(3_601)
    assert went_out(server, *(invite(other, PHONE) for _ in range(2))) == [True, False]
    server.clock.turn(86_400)
    assert went_out(server, server.establish(user_uri=PHONE)) == [True]
    assert len(sms.asked) == 5


def test_capitals_make_no_other_address_of_one(start: Start) -> None:
    with mail_server() as mail:
        server = start(**set_up(mail=mail, limits={"destination_hour": 1}, deny=["mailto:boss@.*"]))
        desk = server.desk("wang", WANG)
        for uri in ("mailto:ann@example.org", "mailto:aNN@EXAMPLE.org", "mailto:BOSS@example.org"):
            invite(desk, uri)
        server.carry()
        assert [to for to, _ in mail.came] == [["ann@example.org"]]


def test_one_agent_reaches_so_many_an_hour(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms, limits={"agent_hour": 2}))
    desk, other = server.desk("wang", WANG), server.desk("li", LI)
    assert went_out(server, *(invite(desk, number(n)) for n in range(3))) == [True, True, False]
    assert went_out(server, invite(other, number(4))) == [True]


def test_one_call_is_worth_so_many(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms, limits={"call": 2}))
    desk = server.desk("wang", WANG)
    session = invite(desk, PHONE)
    path = f"/v1/sessions/{session['id']}/invitations"
    assert went_out(server, session) == [True]
    for state in (True, False):
        assert desk.post(path, {"role": "user", "send": True}).status_code == 201
        assert went_out(server, session) == [state]


def test_all_together_are_so_many_an_hour_and_a_day(start: Start, sms: Gateway) -> None:
    server = start(**set_up(sms, limits={"hour": 2, "day": 3}))
    desk = server.desk("wang", WANG)
    assert went_out(server, *(invite(desk, number(n)) for n in range(3))) == [True, True, False]
    server.clock.turn(3_601)
    assert went_out(server, *(invite(desk, number(n)) for n in range(3, 5))) == [True, False]


def test_the_limit_holds_for_two_processes_together(
    start: Start, sms: Gateway, tmp_path: Path
) -> None:
    settings = set_up(sms, limits={"hour": 7})
    server = start(**settings)
    desk = server.desk("wang", WANG)
    sessions = [invite(desk, number(n)) for n in range(15)]
    processes = [begin(tmp_path, settings) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    states = [server.ways(session["id"])["sms"][0] for session in sessions]
    assert (states.count("sent"), states.count("failed")) == (7, 8)
    reached = [asked.json["to"] for asked in sms.asked]
    assert len(reached) == len(set(reached)) == 7


def test_a_server_killed_in_the_middle_sends_nothing_twice_and_says_that_it_does_not_know(
    start: Start, sms: Gateway, tmp_path: Path
) -> None:
    sms.answers = [None]
    body = {"to": "{number}"}
    both = {n: {"url": f"{sms.url}/{n}", "body": body, "timeout": 30} for n in ("first", "second")}
    settings = set_up(http=both)
    server = start(**settings)
    session = invite(server.desk("wang", WANG), PHONE)
    process = begin(tmp_path, settings)
    assert sms.came.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert server.ways(session["id"])["first"] == ("sending", "")
    server.courier.give_up(0)  # as a server does at its start
    state, why = server.ways(session["id"])["first"]
    assert (state, "may have gone out" in why) == ("unknown", True)
    sms.answers = [(200, b"")]
    server.carry()
    assert [asked.path for asked in sms.asked] == ["/first"]
    server.clock.turn(60)
    server.carry()
    assert [asked.path for asked in sms.asked] == ["/first", "/second"], "unopened, so the next way"


def test_what_waits_its_turn_survives_a_restart(start: Start, sms: Gateway) -> None:
    settings = set_up(sms)
    before = start(**settings)
    session = invite(before.desk("wang", WANG), PHONE)
    after = start(**settings)
    after.carry()
    before.carry()
    assert len(sms.asked) == 1
    assert after.ways(session["id"]) == {"sms": ("sent", "")}


def test_a_way_that_is_no_longer_set_up_is_said_to_be(start: Start, sms: Gateway) -> None:
    session = invite(start(**set_up(sms)).desk("wang", WANG), PHONE)
    after = start()
    after.carry()
    assert after.ways(session["id"]) == {"sms": ("failed", "this way is no longer set up")}
