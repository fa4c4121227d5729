"""What a mark may say, and what nobody believes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.marks import ANONYMOUS, MarkError, check_user_uri, number_uri, shown
from connectors.model import COLLAB_TYPES, CallState, Marked
from tests.core.world import World


@pytest.mark.parametrize("type_", COLLAB_TYPES)
def test_each_type_of_the_design_makes_a_collaboration_call(type_: str) -> None:
    assert World().caller().mark(type=type_).latest["c"].type == type_


@pytest.mark.parametrize("type_", ["", "FORM", "forms", "form ", "form\r\nEvent: x", "日本"])
def test_another_type_leaves_an_ordinary_call_and_the_trace_says_why(type_: str) -> None:
    world = World().caller().mark(type=type_)
    assert world.latest["c"].type is None
    (line,) = [item for item in world.traces["c"] if item.stopped]
    assert line.stage == "mark"
    assert "type" in line.text
    assert line.text.isprintable()


def test_a_wrong_type_does_not_take_a_good_one_away() -> None:
    world = World().caller().mark(type="form").mark(type="nonsense")
    assert world.latest["c"].type == "form"


@pytest.mark.parametrize(
    "uri",
    ["sip:wang@example.org", "SIP:wang@example.org", "tel:+3015550100", "mailto:a.b@c.example",
     "web:4711", "sips:a@b"],
)  # fmt: skip
def test_a_user_uri_of_the_design_is_taken(uri: str) -> None:
    assert check_user_uri(uri).lower() == uri.lower()


@pytest.mark.parametrize(
    "uri",
    ["wang", "http://example.org", "javascript:alert(1)", "sip:", "sip:a b@c", "sip:a@b\r\nX: y",
     "sip:<a@b>", 'sip:"a"@b', "sip:ä@b", "sip:" + "a" * 300, "sip:a@b\x00"],
)  # fmt: skip
def test_anything_else_is_refused_and_the_number_stands_in(uri: str) -> None:
    with pytest.raises(MarkError):
        check_user_uri(uri)
    world = World().caller().mark(uri=uri)
    assert world.latest["c"].user_uri == "sip:3015550100@pbx.example.org"
    assert any("the caller's number stands for the user" in i.text for i in world.traces["c"])


def test_headers_of_an_endpoint_nobody_trusts_count_for_nothing() -> None:
    world = World().caller(endpoint="PJSIP/trunk")
    world(Marked("c", "form", header_type="video", header_user_uri="mailto:victim@example.org"))
    assert world.latest["c"].type == "form"
    assert "victim" not in world.latest["c"].user_uri
    assert any("trust_headers does not match PJSIP/trunk" in i.text for i in world.traces["c"])


def test_headers_of_a_trusted_endpoint_fill_in_what_the_dialplan_left_open() -> None:
    world = World().caller(endpoint="PJSIP/sbc")
    world(Marked("c", "", header_type="video", header_user_uri="mailto:user@example.org"))
    assert world.latest["c"].type == "video"
    assert world.latest["c"].user_uri == "mailto:user@example.org"
    world.caller("d", endpoint="PJSIP/sbc")
    world(
        Marked("d", "form", "sip:own@example.org", header_type="video", header_user_uri="sip:h@x")
    )
    assert (world.latest["d"].type, world.latest["d"].user_uri) == ("form", "sip:own@example.org")


def test_a_code_pressed_in_a_call_names_no_user() -> None:
    world = World().queue_call()
    world(Marked("c", "chat", "mailto:victim@example.org", feature=True))
    assert world.latest["c"].user_uri == "sip:3015550100@pbx.example.org"


def test_a_mark_on_an_agent_who_talks_to_a_user_is_their_calls() -> None:
    world = World().caller().rings("a", "PJSIP/1001").bridge("b", "a", "c")
    world(Marked("a", "chat", "sip:alice@example.org"))
    call = world.latest["c"]
    assert (call.type, call.user_uri) == ("chat", "sip:alice@example.org")
    assert (call.initiator, call.requests) == ("agent", 1)
    assert list(world.latest) == ["c"]


@pytest.mark.parametrize("number", ["", "<unknown>", "anonymous", "a b", "x\r\ny", "1" * 65])
def test_a_caller_without_a_usable_number_is_anonymous(number: str) -> None:
    assert number_uri(number, "pbx.example.org") == ANONYMOUS


def test_a_mark_on_a_leg_that_was_never_seen_is_still_on_record() -> None:
    world = World().mark("ghost")
    assert world.latest["ghost"].state is CallState.REQUESTED
    assert world.latest["ghost"].user_uri == ANONYMOUS


@given(st.text())
def test_whatever_a_caller_sends_prints_on_one_line(raw: str) -> None:
    assert shown(raw).isprintable()
    assert len(shown(raw)) < 600


@given(st.text(), st.text())
def test_whatever_a_mark_says_the_report_is_of_the_design(type_: str, uri: str) -> None:
    world = World().caller().mark(type=type_, uri=uri)
    call = world.latest["c"]
    assert call.type in (None, *COLLAB_TYPES)
    assert call.user_uri.isascii()
    assert call.user_uri.isprintable()
    assert call.user_uri.startswith(("sip:", "sips:", "tel:", "mailto:", "web:"))
    assert all(item.text.isprintable() for item in world.traces["c"])
