"""What placed calls come to as API commands, and that nothing hostile gets into one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.freeswitch import placing
from connectors.model import COLLAB_TYPES, DialBoth, Onward, PlaceCall
from connectors.runtime.driver import ActionError

LEG = "3f2b8c1e-7a54-4d1f-9c3e-5b6a7d8e9f01"
CALL = "0d6f2a77-0b1c-4e0e-8a53-2f6c1b7d9e10"
PLACE = PlaceCall(LEG, "support@default", "form", "mailto:ann@x.example", "Ann Dœ", 30.4, 600)
DIAL = DialBoth(LEG, "user/1001@pbx.example", "+4930123", "tandem-out", "chat", "tel:+4930", CALL)
ONWARD = Onward(LEG, "+4930123", "tandem-out")


def test_a_placeholder_is_one_command() -> None:
    assert placing.place(PLACE) == (
        f"originate {{origination_uuid={LEG},collab_call={LEG},collab_type=form,"
        "collab_user_uri=mailto%3Aann%40x.example,park_after_bridge=true,park_timeout=43200,"
        "uuid_bridge_park_on_cancel=true,cc_moh_override=silence_stream://-1,cc_export_vars=api_on_answer,cc_base_score=30,"
        "origination_callee_id_name='Ann Dœ'}null/collab-3f2b8c1e "
        f"'m:^:set:api_on_answer=sched_del {LEG}^sched_hangup:+600 ALLOTTED_TIMEOUT"
        "^execute_extension:collab_request_form XML collab^callcenter:support@default^hangup'"
        " inline"
    )


def test_a_placeholder_in_a_line_of_mod_fifo_is_one_command() -> None:
    assert placing.place(replace(PLACE, queue="line@default"), fifo=True) == (
        f"originate {{origination_uuid={LEG},collab_call={LEG},collab_type=form,"
        "collab_user_uri=mailto%3Aann%40x.example,park_after_bridge=true,park_timeout=43200,"
        "uuid_bridge_park_on_cancel=true,fifo_orbit_exten=_continue_:600,"
        "origination_callee_id_name='Ann Dœ'}null/collab-3f2b8c1e "
        "'m:^:execute_extension:collab_request_form XML collab"
        "^fifo:line@default in undef silence_stream://-1^hangup:ALLOTTED_TIMEOUT' inline"
    )


def test_a_placeholder_is_handed_on_where_calls_may_go() -> None:
    for fifo in (False, True):
        plain = placing.place(PLACE, fifo=fifo)
        assert placing.place(PLACE, fifo=fifo, context="tandem-out") == f"{plain} tandem-out"
        with pytest.raises(ActionError, match="context: 'a b' cannot be carried"):
            placing.place(PLACE, fifo=fifo, context="a b")


def test_who_has_not_waited_has_no_score_and_nobody_no_name() -> None:
    command = placing.place(replace(PLACE, waited=0.3, name=" "))
    assert "cc_base_score" not in command
    assert "origination_callee_id_name" not in command


def test_dialling_is_one_command() -> None:
    assert placing.dial(DIAL, "elsewhere.example") == (
        f"originate {{origination_uuid={LEG},collab_call={CALL},collab_type=chat,"
        "collab_user_uri=tel%3A%2B4930,originate_timeout=45,ignore_early_media=true,"
        "origination_caller_id_name=+4930123,origination_caller_id_number=+4930123}"
        "user/1001@pbx.example 'm:^:execute_extension:collab_features XML collab"
        "^set:hangup_after_bridge=true^set:transfer_ringback=%(1000,4000,425)"
        "^transfer:+4930123 XML tandem-out' inline"
    )
    assert "}user/7@pbx.example " in placing.dial(replace(DIAL, endpoint="user/7"), "pbx.example")


def test_the_agents_leg_is_sent_on_in_one_command() -> None:
    assert placing.onward(ONWARD, CALL) == (
        f"uuid_transfer {CALL} 'm:^:set:collab_call={LEG}^set:hangup_after_bridge=true"
        "^set:continue_on_fail=true^set:transfer_ringback=%(1000,4000,425)"
        "^execute_extension:+4930123 XML tandem-out"
        f"^set:collab_parks=${{uuid_setvar_multi({LEG} park_after_bridge=true;park_timeout=43200)}}"
        f"^intercept:{LEG}^hangup' inline"
    )


@pytest.mark.parametrize(
    ("answer", "leg"),
    [
        (f"+OK {LEG}\n", LEG),
        ("-ERR USER_BUSY\n", ""),
        ("+OK \n", ""),
        (f"+OK {LEG} and more\n", ""),
        (f"+OK {LEG};hupall\n", ""),
    ],
)
def test_which_leg_was_made(answer: str, leg: str) -> None:
    assert placing.made(answer) == leg


# --- hostile values ------------------------------------------------------------------------

HOSTILE = st.text(st.sampled_from("{}[]<>'\"^,|;:$()&!\\%=/ \n\r\t\0~?ab19@é.-") | st.characters())
SAFE_PLACE = re.compile(
    r"originate \{(?:[a-z_]+=[\w.~%:/-]*,)*(?:[a-z_]+=(?:[\w.~%:/-]*|'[\w .-]*'))\}"
    r"null/collab-[0-9a-f]{8} 'm:\^:set:api_on_answer=sched_del [0-9a-f-]{36}"
    r"\^sched_hangup:\+\d+ ALLOTTED_TIMEOUT\^execute_extension:collab_request_[a-z]+ XML collab"
    r"\^callcenter:[\w.@+-]+\^hangup' inline"
)
SAFE_DIAL = re.compile(
    r"originate \{(?:[a-z_]+=[\w.~%+*#-]*,)*[a-z_]+=[\w.~%+*#-]*\}user/[\w.+-]+@[\w.-]+ "
    r"'m:\^:execute_extension:collab_features XML collab\^set:hangup_after_bridge=true"
    r"\^set:transfer_ringback=%\(1000,4000,425\)\^transfer:(?:\+?[0-9]+|[A-Za-z][\w.+-]+) "
    r"XML [\w.-]+' inline"
)
SAFE_ONWARD = re.compile(
    r"uuid_transfer [0-9a-f-]{36} 'm:\^:set:collab_call=[0-9a-f-]{36}"
    r"\^set:hangup_after_bridge=true\^set:continue_on_fail=true"
    r"\^set:transfer_ringback=%\(1000,4000,425\)\^execute_extension:(?:\+?[0-9]+|[A-Za-z][\w.+-]+) "
    r"XML [\w.-]+"
    r"\^set:collab_parks=\$\{uuid_setvar_multi\([0-9a-f-]{36} "
    r"park_after_bridge=true;park_timeout=43200\)\}\^intercept:[0-9a-f-]{36}\^hangup' inline"
)


def commands(effect: Any) -> str:
    match effect:
        case PlaceCall():
            return placing.place(effect)
        case DialBoth():
            return placing.dial(effect, "pbx.example")
    return placing.onward(effect, CALL)


@pytest.mark.parametrize(
    ("effect", "fields", "safe"),
    [
        (PLACE, ("leg", "queue", "type", "user_uri", "name"), SAFE_PLACE),
        (DIAL, ("leg", "call", "endpoint", "number", "context", "type", "user_uri"), SAFE_DIAL),
        (ONWARD, ("leg", "number", "context"), SAFE_ONWARD),
    ],
    ids=["place", "dial", "onward"],
)
@given(data=st.data())
def test_no_hostile_value_gets_into_a_command(
    effect: Any, fields: tuple[str, ...], safe: re.Pattern[str], data: st.DataObject
) -> None:
    field = data.draw(st.sampled_from(fields))
    real = getattr(effect, field)
    at = data.draw(st.integers(0, len(real)))
    value = data.draw(HOSTILE | HOSTILE.map(lambda text: real[:at] + text + real[at:]))
    try:
        command = commands(replace(effect, **{field: value}))
    except ActionError:
        return
    assert safe.fullmatch(command), command
    assert any(f"collab_request_{known} " in command for known in COLLAB_TYPES) or (
        "collab_features" in command or "uuid_transfer" in command
    )


@given(value=HOSTILE)
def test_only_an_id_is_ended_or_asked_for(value: str) -> None:
    for command in (placing.hang_up, placing.exists, placing.served):
        try:
            said = command(value)
        except ActionError:
            continue
        assert re.fullmatch(r"[a-z_]+ [0-9a-f-]{36}", said)


@pytest.mark.parametrize("seconds", [-1.0, 43201.0, float("inf"), float("nan")])
def test_a_wait_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ActionError):
        placing.place(replace(PLACE, wait=seconds))
    with pytest.raises(ActionError):
        placing.place(replace(PLACE, waited=seconds))
