"""Effects that place, move and end calls, as AMI actions. Every value is checked once more here.

What the dialplan makes of them is in ``dialplan/asterisk/collab.conf``. Asterisk takes a channel's
id wherever it takes its name, which is how a call is named here, and refuses a second channel
whose id begins as a standing one's does (so the far half's id begins otherwise).
"""

from __future__ import annotations

import re
from urllib.parse import quote

from connectors.model import NUMBER, DialBoth, HangUp, LegId, Onward, PlaceCall
from connectors.runtime.driver import ActionError

WAITING, FAR, VOICE, DIAL = "collab-wait", "collab-far", "collab-voice", "collab-dial"
PASSED = "collab-passed"
"""Contexts of collab.conf."""

CALL_VARIABLE = "COLLAB_CALL"
"""On every leg that a connector has made: the call it was made for."""

RING_SECONDS = 30
"""How long an agent's telephone rings that is to dial a user."""

_POSITION_MOVED = 21
"""Queue() lost an argument before `position` there, its macro."""

Action = dict[str, str | list[str]]
"""Fields of an AMI action; a list is a header that occurs several times."""

_MAJOR = re.compile(r"(?:certified[/-])?(\d+)\.")
_ID = re.compile(r"[0-9a-f-]{36}")
_LEG = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,149}")
_QUEUE = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.+-]{0,79}")
_PHONE = re.compile(r"PJSIP/[0-9A-Za-z_][0-9A-Za-z_.+-]{0,79}")
_CONTEXT = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,78}")
_TYPE = re.compile(r"[a-z]{1,32}")


def far_id(leg: LegId) -> LegId:
    """The id of a placeholder's far half."""
    return f"far-{leg}"


def place_call(effect: PlaceCall, dial_context: str, version: str) -> Action:
    """Originate of a placeholder; `version` is Asterisk's. Raises `ActionError`."""
    queue = _checked("the queue", _QUEUE, effect.queue)
    leg = _checked("the call's id", _ID, effect.leg)
    seconds = max(1, round(effect.wait))
    variables = {
        CALL_VARIABLE: leg,
        **_mark(effect.type, effect.user_uri),
        "COLLAB_WAIT": str(seconds),
        "COLLAB_DIAL": _checked("dial_context", _CONTEXT, dial_context) if dial_context else "",
    }
    if effect.place is not None and (major := _MAJOR.match(version)):
        commas = "," if int(major[1]) >= _POSITION_MOVED else ",,"
        # A comma parts variables, unless a backslash stands before it.
        variables["COLLAB_PLACE"] = f"{commas}{effect.place}".replace(",", "\\,")
    return {
        "Action": "Originate",
        "Channel": f"Local/to_{queue}@{WAITING}/n",
        "ChannelId": far_id(leg),
        "OtherChannelId": leg,
        "CallerID": f'"{_name(effect.name or effect.type)}" <>',
        **_runs(FAR, "s"),
        # It rings until an agent answers; the queue gives it up first.
        "Timeout": str((seconds + 5) * 1000),
        **_variable(variables),
    }


def dial_both(effect: DialBoth) -> Action:
    """Originate of an agent's telephone that dials the user on. Raises `ActionError`."""
    number = _checked("the number", NUMBER, effect.number)
    return {
        "Action": "Originate",
        "Channel": _checked("the agent's endpoint", _PHONE, effect.endpoint),
        "ChannelId": _checked("the leg's id", _ID, effect.leg),
        "CallerID": f'"{number}" <{number}>',
        **_runs(DIAL, f"to_{number}"),
        "Timeout": str(RING_SECONDS * 1000),
        **_variable(
            {
                CALL_VARIABLE: _checked("the call's id", _ID, effect.call),
                **_mark(effect.type, effect.user_uri),
                "COLLAB_DIAL": _checked("dial_context", _CONTEXT, effect.context),
            }
        ),
    }


def onward(effect: Onward) -> list[dict[str, str]]:
    """What makes a placeholder's far half dial the user, in order. Raises `ActionError`."""
    far = far_id(_checked("the call's id", _ID, effect.leg))
    number = _checked("the number", NUMBER, effect.number)
    context = _checked("dial_context", _CONTEXT, effect.context)
    return [
        {"Action": "Setvar", "Channel": far, "Variable": "COLLAB_DIAL", "Value": context},
        {
            "Action": "Redirect",
            "Channel": far,
            "Context": VOICE,
            "Exten": f"to_{number}",
            "Priority": "1",
        },
    ]


def hang_up(effect: HangUp) -> Action:
    """End one channel. Raises `ActionError`: Asterisk takes what stands in slashes for a pattern,
    and ends all channels whose names match (manager.c, action_hangup)."""
    leg = _checked("the leg", _LEG, effect.leg)
    return {"Action": "Hangup", "Channel": leg, "Cause": "16"}


def _runs(context: str, extension: str) -> dict[str, str]:
    return {"Context": context, "Exten": extension, "Priority": "1", "Async": "true"}


def _mark(kind: str, user_uri: str) -> dict[str, str]:
    return {
        "COLLAB_TYPE": _checked("the type", _TYPE, kind),
        "COLLAB_USER_URI": quote(user_uri, safe="", errors="replace"),
    }


def _variable(variables: dict[str, str]) -> dict[str, list[str]]:
    return {"Variable": [f"{name}={value}" for name, value in variables.items() if value]}


def _name(name: str) -> str:
    """As the dialplan filters it again: letters of any script, digits and little else."""
    return "".join(c for c in name if c.isalnum() or c in " ._-")


def _checked(what: str, form: re.Pattern[str], value: str) -> str:
    if form.fullmatch(value) is None:
        raise ActionError(f"{what} is not one that Asterisk can be given: {value[:80]!r}")
    return value
