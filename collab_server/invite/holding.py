"""Who came by a link that others may have read: held until the agent has confirmed a word.

A SIP MESSAGE travels as plain text and is logged, so whoever reads along can open the link first.
The link is used up by that browser, which gets a cookie that opens nothing yet, and shows a word
made for it alone. The agent's desk shows the same word and asks the caller on the telephone: if
they see it the cookie becomes good, if not it is worthless and the link is ended.

A program that stands for the agent has nobody to ask, so where no desk of the agent is logged in,
nobody is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from collab_server.db.calls import Call
from collab_server.db.invitations import Grant
from collab_server.db.people import Agent, Login
from collab_server.sessions.history import trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collab_server.db.engine import Work
    from collab_server.db.invitations import Attempt
    from collab_server.db.sessions import CollabSession
    from collab_server.services import Services


def word_if_held(
    services: Services,
    work: Work,
    session: CollabSession,
    grant: Grant,
    attempt: Attempt | None,
) -> str | None:
    """Hold a new grant if it has to be; gives the word to confirm, None where it is not held."""
    if attempt is None or not attempt.confirm or session.agent_uri is None:
        return None
    at_desk = (
        select(Login.id)
        .join(Agent, Agent.id == Login.agent_id)
        .where(Agent.uri == session.agent_uri, Login.expires > work.now)
    )
    if work.db.scalar(at_desk.limit(1)) is None:
        return None
    grant.held = attempt.id
    call = work.db.get(Call, session.call) if session.call is not None else None
    trace(work, call, "browser", "user opened the join link; the agent is asked for the word")
    work.touch(session.id)
    return word_of(services, session.id, grant)


def word_of(services: Services, session_id: str, grant: Grant) -> str:
    """The word of one browser that is held."""
    return services.signer.word(f"{session_id} {grant.token}")


def let_nobody_in(work: Work, participants: Sequence[int]) -> None:
    """Make the cookies worthless of those who are still held."""
    work.db.execute(
        delete(Grant).where(Grant.participant.in_(participants), Grant.held.is_not(None)),
        execution_options={"synchronize_session": False},
    )
