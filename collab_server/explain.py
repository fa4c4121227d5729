"""Why something was refused or came to nothing: a code that never changes, and a sentence.

The code is for pages, which have words for each in every language (``why.…`` of their words); the
sentence, in English, is for traces, logs and clients of the API. Where both stand in one text of
the database, or in what a connector says became of a command, the code comes first: ``code:
sentence``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_CODED = re.compile(r"([a-z][a-z_]{1,39}): (.*)", re.DOTALL)


class Why(StrEnum):
    """Every code. Those of `connectors.model.Why` are among them."""

    # What was opened or asked for is not there any more (410).
    USED = "used"
    REVOKED = "revoked"
    ENDED = "ended"
    EXPIRED = "expired"
    # Who asks, or how things stand, is against it (403, 404, 409).
    CONFIRM = "confirm"
    NOT_AGREED = "not_agreed"
    NOT_YOURS = "not_yours"
    OTHER_AGENT = "other_agent"
    OWN_SESSION = "own_session"
    LEFT = "left"
    SESSION_OVER = "session_over"
    SESSION_STANDS = "session_stands"
    CALL_OVER = "call_over"
    NO_AGENT = "no_agent"
    NO_ADDRESS = "no_address"
    NOBODY_WAITS = "nobody_waits"
    CODE_OPEN = "code_open"
    BY_PHONE = "by_phone"
    NOT_TOGETHER = "not_together"
    RINGING = "ringing"
    FULL = "full"
    # How often (429).
    TOO_OFTEN = "too_often"
    LIMIT_DESTINATION = "limit_destination"
    LIMIT_ASKER = "limit_asker"
    LIMIT_CALL = "limit_call"
    LIMIT_ALL = "limit_all"
    # Whom, and by which way (403, 422, and of a way that was tried or never will be).
    DENIED = "denied"
    NOT_ALLOWED = "not_allowed"
    NOT_CALLED = "not_called"
    PBX_UNKNOWN = "pbx_unknown"
    NO_NUMBER = "no_number"
    NO_MAIL = "no_mail"
    NO_PAGE = "no_page"
    NO_CALL = "no_call"
    NO_TELEPHONE = "no_telephone"
    NOT_RUNG = "not_rung"
    PAGE_CLOSED = "page_closed"
    TOO_LONG = "too_long"
    WAY_GONE = "way_gone"
    WAY_AWAY = "way_away"
    WAY_REFUSED = "way_refused"
    WAY_SILENT = "way_silent"
    LINK_OVER = "link_over"
    NOT_THEM = "not_them"
    NOT_ANSWERED = "not_answered"
    # What the PBX was asked for.
    NOT_TAKEN = "not_taken"
    MALFORMED = "malformed"
    TOO_LATE = "too_late"
    NO_TERMINAL = "no_terminal"
    NO_PHONE = "no_phone"
    NO_DIALLING = "no_dialling"
    NOT_DIALLED = "not_dialled"
    NO_MEMBER = "no_member"
    PBX_AWAY = "pbx_away"
    PBX_REFUSED = "pbx_refused"
    PBX_SILENT = "pbx_silent"
    NOT_REACHED = "not_reached"
    FAULT = "fault"
    # Whom it dialled in vain (`collab_server.calls.unreached`).
    USER_NO_ANSWER = "user_no_answer"
    USER_BUSY = "user_busy"
    USER_REFUSED = "user_refused"
    USER_UNREACHABLE = "user_unreachable"
    USER_HUNG_UP = "user_hung_up"
    AGENT_NO_ANSWER = "agent_no_answer"
    AGENT_BUSY = "agent_busy"
    AGENT_REFUSED = "agent_refused"
    AGENT_UNREACHABLE = "agent_unreachable"
    AGENT_HUNG_UP = "agent_hung_up"


_KNOWN = frozenset(Why)


@dataclass(frozen=True, slots=True)
class Explained:
    """A code and a sentence; as a string, as it is stored."""

    why: Why
    sentence: str

    def __str__(self) -> str:
        return f"{self.why}: {self.sentence}"


def split(text: str) -> tuple[str, str]:
    """The code and the sentence of a stored text; "": it begins with no code that is known."""
    found = _CODED.fullmatch(text)
    if found is None or found[1] not in _KNOWN:
        return "", text
    return found[1], found[2]
