"""Why somebody who was dialled was not reached: one word for what each PBX says in its own."""

from __future__ import annotations

from connectors.model import InVain

_WORDS: dict[str, InVain] = {
    # Asterisk: DIALSTATUS, and hang-up causes (ITU-T Q.850) by number
    "NOANSWER": "no_answer",
    "BUSY": "busy",
    "DONTCALL": "refused",
    "TORTURE": "refused",
    "CANCEL": "hung_up",
    "16": "hung_up",
    "17": "busy",
    "18": "no_answer",
    "19": "no_answer",
    "21": "refused",
    # FreeSWITCH
    "ALLOTTED_TIMEOUT": "no_answer",
    "CALL_REJECTED": "refused",
    "NO_ANSWER": "no_answer",
    "NO_USER_RESPONSE": "no_answer",
    "NORMAL_CLEARING": "hung_up",
    "ORIGINATOR_CANCEL": "hung_up",
    "PROGRESS_TIMEOUT": "no_answer",
    "USER_BUSY": "busy",
}


def word(said: str) -> InVain | None:
    """What a dial status or a hang-up cause means; None: nothing in particular."""
    return _WORDS.get(said.partition(" ")[0])
