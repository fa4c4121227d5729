"""Who may do what in a session: the one table that every check on the server asks. Pure.

A role is what somebody is to one session at one moment: the same person may be its agent, then one
who had it, and supervise another. `sessions.access` finds the roles of a request, `sight` says what
the web socket of a participant may hear and say. Time is not in the table: everybody but a client
and an administrator loses what they may when their time in the session is over (`check_open`).

Nobody hands a session on here: that is a transfer on the PBX, which the CTI reports.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from collab_server.sessions.consent import OPEN

if TYPE_CHECKING:
    from collab_server.realtime.backend import Sight
    from collab_server.sessions.consent import Consent


class Who(enum.StrEnum):
    """What somebody is to a session."""

    USER = "user"
    AGENT = "agent"
    """Who serves it, or served it last."""
    FORMER = "former agent"
    """An agent it was taken from: the read-only wrap-up."""
    SUPERVISOR = "supervisor"
    """On the floor, and not in this session."""
    READING = "supervisor reading"
    JOINED = "supervisor joined"
    ELSEWHERE = "supervisor of another team"
    """Whose team is not that of the session's agent (`collab_server.people.teams`)."""
    ADMIN = "administrator"
    CLIENT = "API client"


class May(enum.StrEnum):
    """What there is to do."""

    READ_SESSION = "read the session's state"
    READ_DOCUMENT = "see the document and its chat"
    WRITE_DOCUMENT = "write in them"
    CONSENT = "agree, or not, to who sees them"
    READ_NOTE = "read the note"
    WRITE_NOTE = "write the note"
    END = "end the session"
    SEE_USER_LINK = "see the user's join link"
    SEE_AGENT_LINK = "see the agent's join link"
    INVITE_USER = "have the user sent a new one"
    INVITE_AGENT = "make the agent a new one"
    READ_ATTRIBUTES = "read a client's attributes"
    READ_HISTORY = "read the session's history"
    READ_TRACE = "read calls and their traces"
    SET_UP = "change people and brand"
    SEE_FLOOR = "see the floor"
    READ_ALONG = "begin to read along"
    JOIN_IN = "join in"
    WHISPER = "whisper to the agent"
    READ_WHISPERS = "read whispers"


class Cell(enum.StrEnum):
    """An entry of the table; what has none is not allowed."""

    YES = "yes"
    AGREED = "with the user's yes"
    """Once the user has agreed to the agent of now, and before there is anything of theirs."""


_U, _A, _F = Who.USER, Who.AGENT, Who.FORMER
_S, _R, _J = Who.SUPERVISOR, Who.READING, Who.JOINED
_T = Who.ELSEWHERE
_D, _C = Who.ADMIN, Who.CLIENT


def _for(*who: Who, agreed: tuple[Who, ...] = ()) -> Mapping[Who, Cell]:
    return dict.fromkeys(who, Cell.YES) | dict.fromkeys(agreed, Cell.AGREED)


TABLE: Mapping[May, Mapping[Who, Cell]] = {
    May.READ_SESSION: _for(_U, _A, _F, _S, _R, _J, _D, _C),
    May.READ_DOCUMENT: _for(_U, agreed=(_A, _R, _J)),
    May.WRITE_DOCUMENT: _for(_U, agreed=(_A, _J)),
    May.CONSENT: _for(_U),
    May.READ_NOTE: _for(_A, _F, _S, _R, _J),
    May.WRITE_NOTE: _for(_A, _C),
    May.END: _for(_U, _A, _C),
    May.SEE_USER_LINK: _for(_C, agreed=(_A,)),
    May.SEE_AGENT_LINK: _for(_C),
    May.INVITE_USER: _for(_A, _C),
    May.INVITE_AGENT: _for(_C),
    May.READ_ATTRIBUTES: _for(_A, _F, _S, _R, _J, _D, _C),
    May.READ_HISTORY: _for(_A, _F, _S, _R, _J, _D, _C),
    May.READ_TRACE: _for(_D, _C),
    May.SET_UP: _for(_D),
    May.SEE_FLOOR: _for(_S, _R, _J, _T),
    May.READ_ALONG: _for(_S, _R, _J),
    May.JOIN_IN: _for(_S, _R, _J),
    May.WHISPER: _for(_S, _R, _J),
    May.READ_WHISPERS: _for(_A, _S, _R, _J),
}


def allows(who: Who, action: May) -> bool:
    """Whether a role may do this, the user's yes taken for granted."""
    return who in TABLE[action]


def allows_now(who: Who, action: May, consent: Consent) -> bool:
    """Whether a role may do this as the user's yes stands."""
    cell = TABLE[action].get(who)
    return cell is Cell.YES or (cell is Cell.AGREED and consent in OPEN)


def sight(who: Who, consent: Consent) -> Sight:
    """What somebody in a session sees of its document and may say in it now."""
    if not allows_now(who, May.READ_DOCUMENT, consent):
        return "none"
    return "all" if allows_now(who, May.WRITE_DOCUMENT, consent) else "read"


def table() -> str:
    """The table as the README shows it, in Markdown."""
    head = ["", *(str(who) for who in Who)]
    rows = [[str(action), *(str(TABLE[action].get(who, "–")) for who in Who)] for action in TABLE]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)
