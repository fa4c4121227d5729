"""Pairing codes in a call, as far as the PBX has to do with them.

    dialplan: the caller keys a code in, or wants one said --> `CodeAsked` --> the call's `Pairing`
    server: is told of it, answers by a command --> `answer_of` --> dialplan: says it, goes on

A report holds the last of what was asked and counts: the server acts once on each number, however
often it is told. The dialplan waits a few seconds and then goes on without an answer, so one that
comes later, or is meant for a code before, is for nobody.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import TYPE_CHECKING

from connectors.model import CodeAsked, Command, Pairing, Result, SetAnswer, Why

if TYPE_CHECKING:
    from connectors.calls import Call

_CODE = re.compile(r"[0-9]{1,16}")
_ANSWER = re.compile(r"[A-Za-z0-9]{1,16}")


def pair(call: Call, asked: CodeAsked) -> None:
    """Note what the dialplan has asked on a leg of a call."""
    code = asked.code
    if code is not None and _CODE.fullmatch(code) is None:
        code = ""  # counts as a wrong one
    call.pairing = Pairing(call.pairing.n + 1 if call.pairing else 1, code)
    call.paired_on = asked.leg


def answer_of(call: Call, command: Command, legs: Container[str]) -> SetAnswer | Result:
    """What the server's answer does, or why it is for nobody. `legs`: those that stand."""

    def failed(why: str) -> Result:
        return Result(command.id, "failed", Why.MALFORMED.says(why))

    value, number = command.args.get("value"), command.args.get("n")
    if not isinstance(value, str) or _ANSWER.fullmatch(value) is None:
        return failed("args.value: 1 to 16 letters and digits are expected")
    if call.pairing is None or number != call.pairing.n:
        return failed("args.n: another code has been keyed in since, or none")
    if call.paired_on not in legs:
        return failed("the dialplan that waits for it is gone")
    return SetAnswer(call.paired_on, value)
