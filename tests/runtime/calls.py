"""Call reports for tests."""

from __future__ import annotations

from typing import Any

from connectors.model import CallReport, CallState, TraceItem

AT = 1_795_417_493.0


def call(id_: str = "1.1", state: CallState = CallState.ACTIVE, **values: Any) -> CallReport:
    given: dict[str, Any] = {
        "type": "form",
        "initiator": "user",
        "user_uri": "sip:alice@example.org",
        "agent_uri": None,
        "agent_leg": None,
        "queue": None,
        "position": None,
        "held": False,
        "cause": "hangup" if state is CallState.ENDED else None,
        "since": AT,
    }
    return CallReport(id=id_, state=state, **{**given, **values})


def line(number: int, text: str = "seen") -> TraceItem:
    return TraceItem(number, AT, "wire", text)
