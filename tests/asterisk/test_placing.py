"""Placed calls as AMI actions: what they hold, and what never gets into one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asterisk.placing import dial_both, hang_up, onward, place_call
from connectors.asterisk.protocol import check_line
from connectors.model import DialBoth, HangUp, Onward, PlaceCall
from connectors.runtime.driver import ActionError

ID = "0b0f5b8e-6f6e-4d3a-9f0b-2f1f7a1c9d11"
PLACE = PlaceCall(ID, "support", "form", "sip:a,b@x.example", "Ann Lee", 0.0, 600.0, 3)
DIAL = DialBoth(ID, "PJSIP/1001", "+4930", "from-internal", "chat", "tel:+4930", ID)


def test_a_placeholder_is_a_local_channel_with_ids_of_ours() -> None:
    assert place_call(PLACE, "from-internal", "22.10.1") == {
        "Action": "Originate",
        "Channel": "Local/to_support@collab-wait/n",
        "ChannelId": f"far-{ID}",
        "OtherChannelId": ID,
        "CallerID": '"Ann Lee" <>',
        "Context": "collab-far",
        "Exten": "s",
        "Priority": "1",
        "Async": "true",
        "Timeout": "605000",
        "Variable": [
            f"COLLAB_CALL={ID}",
            "COLLAB_TYPE=form",
            "COLLAB_USER_URI=sip%3Aa%2Cb%40x.example",
            "COLLAB_WAIT=600",
            "COLLAB_DIAL=from-internal",
            "COLLAB_PLACE=\\,3",
        ],
    }


@pytest.mark.parametrize(
    ("version", "value"),
    [
        ("22.10.1", "\\,3"),
        ("21.0.0", "\\,3"),
        ("20.9.0", "\\,\\,3"),
        ("certified/18.9-cert5", "\\,\\,3"),
    ],
)
def test_the_place_is_where_that_version_of_queue_takes_it(version: str, value: str) -> None:
    assert f"COLLAB_PLACE={value}" in place_call(PLACE, "", version)["Variable"]


def test_of_an_unknown_version_no_place_is_asked_for() -> None:
    variables = place_call(PLACE, "", "GIT-master")["Variable"]
    assert not any(value.startswith("COLLAB_PLACE") for value in variables)


def test_an_agents_phone_dials_within_the_context() -> None:
    action = dial_both(DIAL)
    assert (action["Channel"], action["ChannelId"]) == ("PJSIP/1001", ID)
    assert (action["Context"], action["Exten"]) == ("collab-dial", "to_+4930")
    assert "COLLAB_DIAL=from-internal" in action["Variable"]


def test_the_far_half_is_sent_on() -> None:
    assert [action["Action"] for action in onward(Onward(ID, "1", "x"))] == ["Setvar", "Redirect"]


def actions_of(effect: PlaceCall | DialBoth | Onward) -> object:
    match effect:
        case PlaceCall():
            return place_call(effect, "from-internal", "22.0")
        case DialBoth():
            return dial_both(effect)
        case Onward():
            return onward(effect)


@pytest.mark.parametrize(
    "effect",
    [
        replace(PLACE, queue="a@b"),
        replace(PLACE, queue="a/n"),
        replace(PLACE, queue="support\r\nAction: Command"),
        replace(PLACE, leg="x"),
        replace(PLACE, type="form,X=1"),
        replace(DIAL, endpoint="Local/1@from-internal"),
        replace(DIAL, endpoint="PJSIP/1001&PJSIP/1002"),
        replace(DIAL, number="1@other"),
        replace(DIAL, number="1&2"),
        replace(DIAL, number="-1"),
        replace(DIAL, number="1-2"),
        replace(DIAL, number="0900x1"),
        replace(DIAL, number="*72"),
        replace(DIAL, context="a,b"),
        replace(DIAL, call="${EXTEN}"),
        Onward(ID, "1/n", "x"),
        Onward(ID, "1", ""),
        Onward("PJSIP/1001-1", "1", "x"),
    ],
)
def test_what_asterisk_could_misread_is_refused(effect: PlaceCall | DialBoth | Onward) -> None:
    with pytest.raises(ActionError, match="is not one that Asterisk can be given"):
        actions_of(effect)


@pytest.mark.parametrize("leg", ["/^PJSIP/", "", "1.1\r\nAction: Ping", "a" * 151])
def test_no_pattern_of_channels_is_hung_up(leg: str) -> None:
    with pytest.raises(ActionError, match="the leg is not one"):
        hang_up(HangUp(leg))


@given(name=st.text(max_size=60), uri=st.text(max_size=256))
def test_whatever_the_name_and_the_uri_each_header_is_one_short_line(name: str, uri: str) -> None:
    action = place_call(replace(PLACE, name=name, user_uri=f"web:{uri}"), "x" * 70, "22")
    for header, value in action.items():
        for one in value if isinstance(value, list) else [value]:
            if header != "Variable" or len(one) < 1000:
                check_line(header, one)
    assert set(action["CallerID"]) & set('"<>,;\\$') <= set('"<>')
    assert str(action["CallerID"]).count('"') == 2
    uris = [value for value in action["Variable"] if value.startswith("COLLAB_USER_URI=")]
    assert all(c.isascii() and (c.isalnum() or c in "%._~-") for c in uris[0].partition("=")[2])
