"""Two connectors of one PBX: who is heard and handed commands, and who stands by."""

from __future__ import annotations

from typing import Any

import pytest

from collab_server.calls import leases
from collab_server.calls.leases import LEASE_SECONDS, START_SECONDS
from collab_server.db.engine import Database
from connectors.runtime import lease
from tests.server.conftest import ALICE, WANG, Server, json_of

ONE, TWO = "one", "two"
CONNECTED = {"connected": True, "title": "Asterisk at 127.0.0.1:5038"}


def calls(*ids: str, state: str = "active", seq: int = 1, **values: Any) -> list[dict[str, Any]]:
    common = {"seq": seq, "state": state, "type": "form", "user_uri": ALICE, "agent_uri": WANG}
    return [common | {"id": id_} | values for id_ in ids]


def say(
    server: Server, connector: str | None, *reported: dict[str, Any], **body: Any
) -> dict[str, Any]:
    """A report, and the answer to it."""
    name = {} if connector is None else {"connector": connector}
    common = {"epoch": 1, "snapshot": False, "calls": list(reported), "results": []}
    return json_of(server.connector.keyed.post("/v1/pbx/hq/reports", common | name | body))


def holds(answer: dict[str, Any]) -> tuple[bool, int]:
    return answer["lease"]["held"], answer["lease"]["epoch"]


def state(server: Server, call: str) -> str:
    return str(server.trace(call)["call"]["state"])


def message(server: Server) -> str:
    """The last command, an invitation."""
    return str(server.hub.commands[-1]["id"])


def invitation(server: Server) -> str:
    return str(server.hub.views[-1][1]["agent"]["invitation"]["user"]["state"])


# -- one at a time --------------------------------------------------------------------------------


def test_a_connector_alone_that_gives_no_name_hears_nothing_of_leases(server: Server) -> None:
    assert say(server, None, *calls("1.1")) == {"accepted": 1, "ignored": 0}
    server.clock.turn(1000)
    assert say(server, None, *calls("1.1", seq=2)) == {"accepted": 1, "ignored": 0}
    assert server.backend.link_lease("hq", "") is not None


def test_the_first_holds_the_lease_and_the_second_stands_by(server: Server) -> None:
    assert holds(say(server, ONE, *calls("1.1"))) == (True, 1)
    answer = say(server, TWO, *calls("1.1", state="ended", seq=9), epoch=9)
    assert answer == {
        "accepted": 0,
        "ignored": 1,
        "lease": {"held": False, "epoch": 1, "seconds": 0.0},
    }
    assert state(server, "1.1") == "active"
    assert server.backend.link_lease("hq", ONE) == 1
    assert server.backend.link_lease("hq", TWO) is None
    assert server.backend.link_lease("hq", "") is None


def test_a_snapshot_of_one_that_stands_by_ends_nothing(server: Server) -> None:
    say(server, ONE, *calls("1.1"))
    say(server, TWO, epoch=9, snapshot=True)
    assert state(server, "1.1") == "active"


def test_reports_keep_the_lease(server: Server) -> None:
    for _ in range(5):
        assert holds(say(server, ONE)) == (True, 1)
        server.clock.turn(LEASE_SECONDS - 1)
        assert holds(say(server, TWO)) == (False, 1)


def test_a_holder_that_comes_back_keeps_it_at_once(server: Server) -> None:
    say(server, ONE)
    server.clock.turn(1000)
    assert holds(say(server, ONE, epoch=2)) == (True, 1)
    assert server.hub.leases == [("hq", ONE, 1)] * 2, "its link may be handed commands again"


@pytest.mark.parametrize("first", [ONE, None])
def test_whoever_asks_when_the_lease_has_lapsed_takes_over(
    server: Server, first: str | None
) -> None:
    say(server, first, *calls("1.1", "1.2", seq=50), epoch=1_000)
    server.clock.turn(LEASE_SECONDS)
    assert holds(say(server, TWO)) == (True, 2)
    assert server.hub.leases[-1] == ("hq", TWO, 2)
    assert server.backend.link_lease("hq", TWO) == 2
    assert server.backend.link_lease("hq", first or "") is None
    # Its own numbers are lower, since it was started earlier; its lease is later.
    answer = say(server, TWO, *calls("1.1", state="suspended", agent_uri=None), snapshot=True)
    assert answer["accepted"] == 1
    assert (state(server, "1.1"), state(server, "1.2")) == ("suspended", "ended")


def test_a_former_holder_is_not_heard_any_more(server: Server) -> None:
    say(server, ONE, *calls("1.1"), epoch=9)
    server.clock.turn(LEASE_SECONDS)
    say(server, TWO, *calls("1.1", "1.2"), snapshot=True)
    answer = say(server, ONE, *calls("1.1", state="ended", seq=9), epoch=9, snapshot=True)
    assert holds(answer) == (False, 2)
    assert (state(server, "1.1"), state(server, "1.2")) == ("active", "active")
    say(server, TWO)
    server.clock.turn(LEASE_SECONDS)
    assert holds(say(server, ONE, *calls("1.1", state="ended", seq=9), epoch=9)) == (True, 3)
    assert state(server, "1.1") == "ended"


def test_an_end_that_both_have_seen_is_no_news(server: Server) -> None:
    say(server, ONE, *calls("1.1"))
    say(server, ONE, *calls("1.1", state="ended", seq=2, cause="hangup"))
    server.clock.turn(LEASE_SECONDS)
    again = {"n": 1, "at": "2026-11-27T04:00:00Z", "stage": "end", "text": "hangup (16)"}
    answer = say(server, TWO, *calls("1.1", state="ended", cause="lost", trace=[again]))
    assert (answer["accepted"], answer["ignored"]) == (0, 1)
    trace = server.trace("1.1")
    assert trace["call"]["cause"] == "hangup"
    assert "hangup (16)" not in [line["text"] for line in trace["items"]]


def test_a_holder_that_leaves_is_followed_at_once(server: Server) -> None:
    say(server, ONE, *calls("1.1"))
    left = say(server, ONE, *calls("1.1", "1.2", seq=2), leaving=True)
    assert left == {"accepted": 2, "ignored": 0, "lease": {"held": True, "epoch": 1, "seconds": 0}}
    assert server.backend.link_lease("hq", ONE) is None
    assert holds(say(server, TWO)) == (True, 2)
    assert server.backend.link_lease("hq", TWO) == 2


def test_who_stands_by_and_leaves_takes_nobodys_lease_away(server: Server) -> None:
    say(server, ONE)
    assert holds(say(server, TWO, leaving=True)) == (False, 1)
    assert server.backend.link_lease("hq", ONE) == 1
    assert holds(say(server, "three")) == (False, 1)


def test_a_holder_that_left_and_is_back_first_holds_it_again(server: Server) -> None:
    say(server, ONE, leaving=True)
    assert holds(say(server, ONE, epoch=2)) == (True, 1)
    assert holds(say(server, TWO)) == (False, 1)


def test_one_that_has_lost_its_pbx_leaves_the_lease_to_one_that_has_not(server: Server) -> None:
    say(server, ONE, pbx=CONNECTED)
    gone = CONNECTED | {"connected": False}
    for _ in range(3):
        server.clock.turn(LEASE_SECONDS / 2)
        assert holds(say(server, ONE, pbx=gone)) == (True, 1)
        assert holds(say(server, TWO, pbx=gone)) == (False, 1)
    assert holds(say(server, TWO, pbx=CONNECTED)) == (True, 2)
    assert holds(say(server, ONE, pbx=gone)) == (False, 2)


def test_the_epoch_rises_over_a_restart_of_the_server(server: Server) -> None:
    say(server, ONE)
    server.clock.turn(LEASE_SECONDS)
    assert holds(say(server, TWO)) == (True, 2)
    again = Database(str(server.database.url), server.clock)
    server.services.database = again
    assert server.backend.link_lease("hq", TWO) == 2
    server.clock.turn(LEASE_SECONDS)
    assert holds(say(server, ONE)) == (True, 3)


def test_who_held_the_lease_when_the_server_went_down_comes_back_first(server: Server) -> None:
    """What has happened meanwhile only the holder knows: the other does not know what for."""
    say(server, ONE, *calls("1.1"))
    server.clock.turn(600)
    leases.restarted(server.services)
    assert holds(say(server, TWO, *calls("1.1", state="ended", cause="hangup"))) == (False, 1)
    assert holds(say(server, ONE, *calls("1.1", seq=2))) == (True, 1)
    assert state(server, "1.1") == "active"
    server.clock.turn(LEASE_SECONDS)
    assert holds(say(server, TWO)) == (True, 2), "it has not come back"
    say(server, TWO, leaving=True)
    leases.restarted(server.services)
    assert holds(say(server, ONE)) == (True, 3), "nobody is to come back"


def test_a_clock_that_was_set_back_locks_nobody_out(server: Server) -> None:
    say(server, ONE)
    server.clock.turn(-3600)
    assert holds(say(server, TWO)) == (True, 2)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "é", "one\n", 7])
def test_a_connector_must_have_a_name_of_letters_and_digits(server: Server, name: Any) -> None:
    problem = say(server, name)
    assert problem["status"] == 422, problem
    assert "connector" in str(problem)


def test_server_and_connector_agree_on_the_times() -> None:
    assert LEASE_SECONDS - lease.MARGIN <= START_SECONDS, "else a message might be sent twice"
    assert lease.RENEW < LEASE_SECONDS - lease.MARGIN, "a holder may begin what it is handed"
    assert LEASE_SECONDS + lease.ASK < 10, "taken over by then"
    assert lease.KNOWN > LEASE_SECONDS + lease.ASK + lease.RENEW


# -- commands and their results -------------------------------------------------------------------


def takeover(server: Server, made: float) -> str:
    """A message made so long behind the holder's last report; the other has the lease since."""
    say(server, ONE, *calls("1.1"))
    say(server, ONE)
    if made:
        server.clock.turn(made)
        session = server.session_of("1.1")["id"]
        asked = server.api.post(
            f"/v1/sessions/{session}/invitations", {"role": "user", "send": True}
        )
        assert asked.status_code == 201
    server.clock.turn(LEASE_SECONDS - made)
    say(server, TWO, *calls("1.1"), snapshot=True)
    return message(server)


def test_a_message_the_former_holder_may_have_sent_is_not_sent_again(server: Server) -> None:
    takeover(server, 0)
    assert server.backend.pending_commands("hq") == []
    assert invitation(server) == "unknown"


@pytest.mark.parametrize(("status", "becomes"), [("done", "sent"), ("failed", "failed")])
def test_what_became_of_it_may_be_told_by_whoever_had_it(
    server: Server, status: str, becomes: str
) -> None:
    command = takeover(server, 0)
    result = {"id": command, "status": status}
    assert say(server, ONE, results=[result | {"status": "unknown"}])["accepted"] == 0
    assert say(server, ONE, results=[result])["accepted"] == 1
    assert invitation(server) == becomes


def test_a_message_of_later_goes_to_the_successor(server: Server) -> None:
    command = takeover(server, START_SECONDS + 0.5)
    assert [one["id"] for one in server.backend.pending_commands("hq")] == [command]


def test_of_a_command_that_is_open_a_former_holder_can_only_say_that_it_is_done(
    server: Server,
) -> None:
    command = takeover(server, START_SECONDS + 0.5)
    for status in ("failed", "unknown"):
        assert say(server, ONE, results=[{"id": command, "status": status}])["accepted"] == 0
        assert [one["id"] for one in server.backend.pending_commands("hq")] == [command]
    assert say(server, ONE, results=[{"id": command, "status": "done"}])["accepted"] == 1
    assert server.backend.pending_commands("hq") == []
    assert say(server, TWO, results=[{"id": command, "status": "failed"}])["accepted"] == 0


def test_of_one_that_leaves_only_what_it_had_begun_is_not_handed_on(server: Server) -> None:
    """It says so itself, and is believed: it begins nothing behind that word."""
    say(server, ONE, *calls("1.1", "1.2"))
    begun, other = [one["id"] for one in server.hub.commands if one["kind"] == "message"]
    say(server, ONE, results=[{"id": begun, "status": "unknown"}], leaving=True)
    say(server, TWO, *calls("1.1", "1.2"), snapshot=True)
    assert [one["id"] for one in server.backend.pending_commands("hq")] == [other]


# -- what is shown --------------------------------------------------------------------------------


def test_it_is_told_how_many_stand_by(server: Server) -> None:
    server.hub.linked_pbxs.add("hq")

    def shown() -> dict[str, Any]:
        return dict(json_of(server.api.get("/readyz"))["pbx_detail"]["hq"])

    say(server, ONE, pbx=CONNECTED)
    assert (shown()["connected"], shown()["standby"]) == (True, 0)
    say(server, TWO, epoch=9, pbx=CONNECTED | {"connected": False})
    assert (shown()["connected"], shown()["standby"]) == (True, 1)
    server.clock.turn(LEASE_SECONDS)
    assert shown()["standby"] == 0
    say(server, TWO, pbx=CONNECTED)
    assert (shown()["connected"], shown()["standby"]) == (True, 0)
