"""Codes in the call itself: keyed in by the caller, or said to them by the PBX.

The connector reports the last code that was keyed in, and how many there were; the dialplan waits
a few seconds for the answer, which goes to it as a command. What happens when none comes is the
dialplan's to say: the call goes on.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from collab_server import commands
from collab_server.db.calls import Call
from collab_server.pairing import binding, codes, limits
from collab_server.problems import Unavailable
from collab_server.sessions.history import trace

if TYPE_CHECKING:
    from collab_server.calls.schemas import ReportedPairing
    from collab_server.db.calls import Command
    from collab_server.db.engine import Work
    from collab_server.services import Services

ANSWER_SECONDS = 6.0
"""How long a dialplan may be expected to wait for the answer."""
RIGHT, WRONG = "right", "wrong"
TYPE = "form"
"""What an ordinary call becomes that asks for a code to be said."""


def take(services: Services, work: Work, call: Call, reported: ReportedPairing) -> None:
    """Act on what was keyed in, or asked for, since the call's report before.

    A count that starts anew tells nothing: the connector has lost its memory.
    """
    before, call.pairings = call.pairings or 0, reported.n
    if reported.n <= before or call.state == "ended":
        return
    if reported.code is None:
        answer = _told(services, work, call)
    else:
        answer = _keyed_in(services, work, call, reported.code)
    commands.ask(
        services,
        work,
        id=f"answer-{secrets.token_hex(12)}",
        kind="answer",
        pbx=call.pbx,
        args={"n": reported.n, "value": answer},
        seconds=ANSWER_SECONDS,
        call=call,
    )


def _told(services: Services, work: Work, call: Call) -> str:
    """A code for the caller to type on the page."""
    budgets = [limits.CODES_OF_CALL.of(f"{call.pbx} {call.id}")]
    if limits.wait(services, work.db, work.now, budgets):
        trace(work, call, "server", "no pairing code was made: too many in this call")
        return WRONG
    limits.use(work, budgets)
    session = binding.standing(work, call.session_id)
    try:
        _, code = codes.make_for_call(services, work, session, call, call.type or TYPE)
    except Unavailable as busy:
        trace(work, call, "server", f"no pairing code was made: {busy.detail}")
        return WRONG
    trace(work, call, "server", "a pairing code was made, to be said to the caller")
    return code


def _keyed_in(services: Services, work: Work, call: Call, code: str) -> str:
    """Whether the code is that of a page, which then is the user's."""
    budgets = [
        limits.GUESSES_OF_CALL.of(f"{call.pbx} {call.id}"),
        limits.GUESSES_OF_CALLS.of(),
    ]
    if limits.wait(services, work.db, work.now, budgets):
        trace(work, call, "server", "a pairing code was not looked at: too many wrong ones")
        return WRONG
    found = codes.claim(services, work, "page", code)
    if found is None:
        limits.use(work, budgets)
        trace(work, call, "server", "a wrong pairing code was keyed in")
        return WRONG
    session = binding.standing(work, call.session_id)
    binding.bind(services, work, found, session, call, "user", "code keyed in on the telephone")
    return RIGHT


def settle(_services: Services, work: Work, command: Command, _withdrawn: str) -> None:
    """Note in the call's trace where an answer did not get to its dialplan; a code in it is kept
    nowhere."""
    command.args = {}
    if command.status != "done":
        call = work.db.get(Call, command.call) if command.call is not None else None
        trace(work, call, "server", f"the answer to a pairing code: {command.detail}")
