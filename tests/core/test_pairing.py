"""Pairing codes in the core: which call they belong to, what is reported, who is answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.model import CallState, CodeAsked, Command, Pairing, Result, SetAnswer
from connectors.runtime.codec import call_body, call_of
from tests.core.world import World


def answer(world: World, call: str = "c", n: object = 1, value: object = "right") -> object:
    command = Command("answer-1", "answer", call, {"n": n, "value": value})
    decided = world.app.command(command, world.now)
    return decided.detail if isinstance(decided, Result) else decided


def test_a_code_before_the_queue_makes_the_call_known() -> None:
    world = World().caller()
    world(CodeAsked("c", "123456"))
    report = world.latest["c"]
    assert (report.state, report.type) == (CallState.REQUESTED, None)
    assert report.pairing == Pairing(1, "123456")
    world(CodeAsked("c", None))
    assert world.latest["c"].pairing == Pairing(2, None)
    world.queue()
    assert world.latest["c"].state is CallState.QUEUED, "and it is the same call"


def test_either_side_of_a_standing_call_may_key_a_code_in() -> None:
    world = World()
    world.queue_call()
    for n, leg in enumerate(("c", "a"), 1):
        world(CodeAsked(leg, "123456"))
        assert world.latest["c"].pairing == Pairing(n, "123456")
        assert answer(world, n=n) == SetAnswer(leg, "right"), "who keyed it in hears of it"
    assert world.latest["c"].agent_uri == "sip:1001@pbx.example.org"


def test_a_direct_call_of_an_agent_is_its_users() -> None:
    world = World().caller("c", "PJSIP/trunk")
    world.rings("a", "PJSIP/1001").bridge("b", "a", "c")
    world(CodeAsked("a", "000001"))
    assert world.latest["c"].pairing == Pairing(1, "000001")


def test_no_line_of_the_trace_holds_the_code() -> None:
    world = World().caller()
    world(CodeAsked("c", "739154"), CodeAsked("c", None))
    lines = [line.text for line in world.traces["c"]]
    assert any("a pairing code was keyed in on PJSIP/trunk-c" in line for line in lines)
    assert any("a pairing code was wanted, to be said" in line for line in lines)
    assert not any("739154" in line for line in lines)


@given(st.text(max_size=40))
def test_what_cannot_be_a_code_is_reported_as_none(code: str) -> None:
    world = World().caller()
    world(CodeAsked("c", code))
    pairing = world.latest["c"].pairing
    assert pairing is not None
    assert pairing.code is not None, "nobody wants a code to be said"
    digits = code.isascii() and code.isdecimal() and 1 <= len(code) <= 16
    assert pairing.code == (code if digits else "")


def test_an_answer_for_another_code_or_to_nobody_is_refused() -> None:
    world = World().caller()
    assert "another code" not in str(answer(world)), "there is no call yet"
    world(CodeAsked("c", "111111"), CodeAsked("c", "222222"))
    for n in (1, 3, None, "2"):
        assert "another code has been keyed in since" in str(answer(world, n=n))
    for value in ("", "x" * 17, "right\r\nAction: Originate", "12 34", 123456, None):
        assert "letters and digits" in str(answer(world, n=2, value=value))
    assert answer(world, n=2, value="123456") == SetAnswer("c", "123456")
    world.down("c")
    assert "does not stand" in str(answer(world, n=2))


def test_who_keyed_it_in_and_left_the_call_is_not_answered() -> None:
    world = World()
    world.queue_call()
    world(CodeAsked("a", "123456")).unbridge("b", "a").down("a")
    assert "is gone" in str(answer(world))


def test_what_was_asked_is_told_again_by_a_new_process_but_answered_to_nobody() -> None:
    world = World().caller()
    world(CodeAsked("c", "123456"))
    kept = call_of(call_body(world.latest["c"]))
    assert kept.pairing == Pairing(1, "123456")
    later = World()
    later.app.restore([kept])
    later.caller()
    assert "is gone" in str(answer(later))
    later(CodeAsked("c", "654321"))
    assert later.latest["c"].pairing == Pairing(2, "654321")
    assert call_of({**call_body(kept), "pairing": None}).pairing is None
