"""Somebody guesses codes: what they find, in how many processes they are served, from where."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from collab_server.db.pairing import Pairing, PairingLimit
from collab_server.db.sessions import CollabSession
from collab_server.pairing import codes, limits, typed
from collab_server.pairing.room import place_of
from collab_server.problems import TooMany
from tests.server.conftest import START, Server, json_of, make_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

PROCESSES = 4
GUESSES = 100_000
EACH = GUESSES // PROCESSES
OVER_HTTP = 100
"""Of each process: those that go through the whole application."""
STEP = EACH * PROCESSES // codes.MAX_LIVE
"""Every so manieth guess of a process would be right."""


def guesses(process: int) -> Sequence[str]:
    """The codes that are guessed at one server process: none at two of them."""
    return [f"{(n * PROCESSES + process) * 7919 % 1_000_000:06d}" for n in range(EACH)]


def addresses(process: int, number: int) -> str:
    return f"10.{process}.{number >> 8 & 255}.{number & 255}"


def guess(folder: Path) -> Counter[str]:
    """One server process, which is asked for `EACH` codes, each from an address of its own."""
    process = int(multiprocessing.current_process().name.rpartition(" ")[2])
    server = Server(make_settings(folder, trusted_proxies=["127.0.0.1"]))
    browser = server.browser()
    browser.csrf = json_of(browser.get("/v1/me"))["csrf"]
    came: Counter[str] = Counter()
    for number, code in enumerate(guesses(process)):
        place = addresses(process, number)
        if number < OVER_HTTP:
            forwarded = {"X-Forwarded-For": place}
            answer = browser.post(f"/v1/pairings/{code}/claim", {}, **forwarded)
            came[{200: "found", 404: "wrong", 429: "refused"}[answer.status_code]] += 1
            continue
        try:
            typed.check(server.services, place)
            with server.services.write() as work:
                found = typed.claim(server.services, work, place, code)
        except TooMany:
            came["refused"] += 1
        else:
            came["wrong" if found is None else "found"] += 1
    server.database.close()
    return came


def _run(folder: Path, out: Any) -> None:
    out.put(guess(folder))


def test_a_hundred_thousand_guesses_find_no_more_than_the_limit_lets_them(
    server: Server, tmp_path: Path
) -> None:
    """The clock stands still, so not one more comes in by waiting."""
    session = server.establish()["id"]
    right = [code for process in range(PROCESSES) for code in guesses(process)[STEP - 1 :: STEP]]
    assert len(right) == codes.MAX_LIVE
    with server.database.write() as work:
        for number, code in enumerate(right):
            row = Pairing(id=f"{number:016x}", kind="call", type="form", session_id=session)
            row.code = server.services.signer.pairing(code)
            row.created, row.expires = START, START + codes.SECONDS
            work.db.add(row)

    spawn = multiprocessing.get_context("spawn")
    out: Any = spawn.Queue()
    running = [
        spawn.Process(target=_run, args=(tmp_path, out), name=f"guesses {n}")
        for n in range(PROCESSES)
    ]
    for each in running:
        each.start()
    came: Counter[str] = sum((out.get(timeout=120) for _ in running), Counter())
    for each in running:
        each.join(timeout=30)
        assert each.exitcode == 0

    assert came.total() == EACH * PROCESSES
    assert came["wrong"] == limits.GUESSES_OF_PAGES.most, "by all processes together"
    tried = came["wrong"] + came["found"]
    assert came["found"] <= tried / STEP + PROCESSES
    with server.database.read() as db:
        left = db.scalar(select(func.count()).where(Pairing.code.is_not(None)))
        kept = db.scalar(select(func.count()).select_from(PairingLimit))
    assert left == len(right) - came["found"]
    assert kept is not None
    assert kept <= limits.GUESSES_OF_PAGES.most + 1, "a flood does not fill the table"

    # Agents and callers pair on: theirs are limits of their own.
    shown = server.browser()
    shown.csrf = json_of(shown.get("/v1/me"))["csrf"]
    made = json_of(shown.post("/v1/pairings", {}))
    answer = server.api.post(f"/v1/pairings/{made['code']}/claim", {"session": session})
    assert answer.status_code == 200


@pytest.mark.parametrize("place", ["203.0.113.9", "2001:db8:1:2::9"])
def test_one_place_is_one_however_it_writes_itself(server: Server, place: str) -> None:
    """An IPv6 customer owns a /64."""
    server.app.extensions["tandem.proxies"].__init__(["127.0.0.1"])
    browser = server.browser()
    browser.csrf = json_of(browser.get("/v1/me"))["csrf"]
    statuses = []
    for number in range(limits.GUESSES_OF_ADDRESS.most + 1):
        other = place.replace("::9", f"::{number:x}")
        answer = browser.post("/v1/pairings/12345/claim", {}, **{"X-Forwarded-For": other})
        statuses.append(answer.status_code)
    assert statuses == [404] * limits.GUESSES_OF_ADDRESS.most + [429]


class Codes(RuleBasedStateMachine):
    """Codes as the model has them, against those of the database."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.session = server.establish()["id"]
        self.live: dict[str, tuple[str, str, float]] = {}
        """Code -> its kind, whom it was made for, until when it is good."""
        self.ever: list[str] = ["000000"]
        with server.database.write() as work:
            work.db.query(Pairing).delete()

    @property
    def now(self) -> float:
        return self.server.clock.now

    def _made(self, code: str, kind: str, whose: str) -> None:
        standing = {c for c, (_, _, until) in self.live.items() if until > self.now}
        assert code not in standing
        self.live = {c: known for c, known in self.live.items() if known[:2] != (kind, whose)}
        self.live[code] = (kind, whose, self.now + codes.SECONDS)
        self.ever.append(code)

    @rule(browser=st.sampled_from("abc"))
    def a_page_shows_one(self, browser: str) -> None:
        with self.server.services.write() as work:
            _, code = codes.make_for_page(
                self.server.services, work, browser, "form", place_of("10.0.0.1")
            )
        self._made(code, "page", browser)

    @rule()
    def one_is_told(self) -> None:
        with self.server.services.write() as work:
            session = work.db.get_one(CollabSession, self.session)
            _, code = codes.make_for_call(self.server.services, work, session, None, "form")
        self._made(code, "call", self.session)

    @rule(which=st.integers(0, 1_000), kind=st.sampled_from(("page", "call")))
    def somebody_tries_one(self, which: int, kind: codes.Kind) -> None:
        code = self.ever[-1 - which % len(self.ever)]
        with self.server.services.write() as work:
            found = codes.claim(self.server.services, work, kind, code)
        known = self.live.get(code)
        good = known is not None and known[0] == kind and known[2] > self.now
        assert (found is not None) == good
        if good:
            del self.live[code]

    @rule(seconds=st.sampled_from((1.0, 59.0, 60.0, codes.SECONDS)))
    def time_passes(self, seconds: float) -> None:
        self.server.clock.turn(seconds)

    @invariant()
    def what_is_good_is_what_the_model_says(self) -> None:
        with self.server.database.read() as db:
            good = db.scalars(
                select(Pairing.code).where(Pairing.code.is_not(None), Pairing.expires > self.now)
            )
            signed = set(good)
        sign = self.server.services.signer.pairing
        assert signed == {sign(c) for c, (_, _, until) in self.live.items() if until > self.now}


def test_a_code_is_good_once_for_two_minutes_and_for_one_thing(server: Server) -> None:
    quiet = [HealthCheck.too_slow]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Codes(server),
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=quiet
        ),
    )
