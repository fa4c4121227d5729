from __future__ import annotations

import base64

import pytest

from connectors.asterisk.actions import TEXT_LIMIT, answer, message_send
from connectors.asterisk.protocol import LINE_LIMIT, check_line
from connectors.model import SendMessage, SetAnswer
from connectors.runtime.driver import ActionError


def action(endpoint: str = "PJSIP/caller", text: str = "hello") -> dict[str, str]:
    return message_send(SendMessage("1.1", endpoint, text), "pbx.example.org")


def test_a_message_goes_to_the_endpoint_with_a_body_that_may_have_several_lines() -> None:
    sent = action(text="one\r\ntwo grüß\n")
    assert (sent["Action"], sent["To"]) == ("MessageSend", "pjsip:caller")
    assert sent["From"] == "sip:collab@pbx.example.org"
    assert base64.b64decode(sent["Base64Body"]).decode() == "one\r\ntwo grüß\n"


def test_the_longest_text_just_fits_one_line() -> None:
    body = action(text="x" * TEXT_LIMIT)["Base64Body"]
    check_line("Base64Body", body)
    assert len(f"Base64Body: {body}") > LINE_LIMIT - 4
    with pytest.raises(ActionError, match=rf"^the text has {TEXT_LIMIT + 1} bytes; Asterisk takes"):
        action(text="x" * (TEXT_LIMIT + 1))


@pytest.mark.parametrize(
    "endpoint",
    ["DAHDI/i1/5551234", "Local/1001@internal", "PJSIP/", "PJSIP", "", "PJSIP/a@b",
     "PJSIP/a\r\nX: y", "PJSIP/a?X=y", "PJSIP/a b"],
)  # fmt: skip
def test_an_endpoint_no_message_reaches_is_refused(endpoint: str) -> None:
    with pytest.raises(ActionError, match="no message can be sent"):
        action(endpoint)


def test_a_dialplan_is_answered_by_a_variable_of_its_channel() -> None:
    assert answer(SetAnswer("1795415246.0", "right")) == {
        "Action": "Setvar",
        "Channel": "1795415246.0",
        "Variable": "COLLAB_ANSWER",
        "Value": "right",
    }


@pytest.mark.parametrize("leg", ["", "1.1\r\nAction: Hangup", "PJSIP/x,1", "*", "x" * 151])
def test_no_other_channel_is_answered_than_one_with_a_plain_id(leg: str) -> None:
    with pytest.raises(ActionError, match="not a plain one"):
        answer(SetAnswer(leg, "right"))
