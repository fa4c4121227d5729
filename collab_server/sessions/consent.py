"""The user's yes to who sees what is theirs: its states and what moves it between them. Pure.

A session has one yes, and it is for a person: the agent who serves it now. Pressing the button of
the join page, which names the agent, is a yes; a transfer takes it away until the user's page has
asked again.

    unasked     the user has not come in: there is nothing of theirs to see
    ahead       they came in before anybody served them: the yes is for the first agent who does
    asked       an agent has the session whom the user has not agreed to
    given       the user has agreed to the agent of now
    refused     the user has said no to the agent of now

Why the table is as it is:

- Who waits in line has asked for an agent and is told who it is when there is one; a second
  question before the first word would only be in the way. So `ahead` becomes `given`.
- The last yes stands until there is another one. An agent who comes back before the user has
  answered for the next (a transfer that came to nothing, two within a second) is the one they
  agreed to (`back`); one who comes back after that is asked about again.
- A page may have shown the agent before the present one when its button was pressed (`missed`):
  that is no yes to the present one, and takes none away.
- Either answer may be given again, the other way round too, for as long as the session stands.

Of a session that is `asked` or `refused` its agent, and who supervises, sees nothing of the
document; the session itself goes on as it is (`states`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Consent(enum.StrEnum):
    """How the user's yes stands."""

    UNASKED = "unasked"
    AHEAD = "ahead"
    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"


class Happening(enum.StrEnum):
    """What happened to the session's agent, or what the user did."""

    SERVED = "served"
    """Another agent serves the session, whom the last yes was not for."""
    BACK = "back"
    """The agent of the last yes serves it again."""
    EARLY = "early"
    """The user came in, and nobody serves them yet."""
    JOINED = "joined"
    """The user pressed the button of a page that named the agent of now."""
    MISSED = "missed"
    """The user pressed the button of a page that named another agent."""
    YES = "yes"
    """The user agreed to the agent of now, or the business takes the call itself for it."""
    NO = "no"
    """The user said no to the agent of now."""


_ANSWERS = {
    Happening.BACK: Consent.GIVEN,
    Happening.JOINED: Consent.GIVEN,
    Happening.YES: Consent.GIVEN,
    Happening.NO: Consent.REFUSED,
}

TRANSITIONS: Mapping[Consent, Mapping[Happening, Consent]] = {
    Consent.UNASKED: {
        Happening.SERVED: Consent.UNASKED,
        Happening.EARLY: Consent.AHEAD,
        Happening.MISSED: Consent.ASKED,
        **_ANSWERS,
    },
    Consent.AHEAD: {
        Happening.SERVED: Consent.GIVEN,
        Happening.EARLY: Consent.AHEAD,
        Happening.MISSED: Consent.ASKED,
        **_ANSWERS,
    },
    Consent.ASKED: {
        Happening.SERVED: Consent.ASKED,
        Happening.EARLY: Consent.ASKED,
        Happening.MISSED: Consent.ASKED,
        **_ANSWERS,
    },
    Consent.GIVEN: {
        Happening.SERVED: Consent.ASKED,
        Happening.EARLY: Consent.GIVEN,
        Happening.MISSED: Consent.GIVEN,
        **_ANSWERS,
    },
    Consent.REFUSED: {
        Happening.SERVED: Consent.ASKED,
        Happening.EARLY: Consent.REFUSED,
        Happening.MISSED: Consent.REFUSED,
        **_ANSWERS,
    },
}

OPEN = frozenset({Consent.UNASKED, Consent.GIVEN})
"""Nothing of the user's is there, or they agreed to whom it is shown."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The yes of one session: how it stands, about whom, and whom the last one was for."""

    state: Consent = Consent.UNASKED
    agent: str | None = None
    """URI of who serves the session, or served it last."""
    agreed: str | None = None

    def served(self, agent: str) -> Agreement:
        """Another agent serves the session."""
        return self._after(Happening.BACK if agent == self.agreed else Happening.SERVED, agent)

    def came_in(self, seen: str | None) -> Agreement:
        """The user pressed the button of a page that named `seen`; None: it does not say."""
        if self.agent is None:
            return self._after(Happening.EARLY, None)
        missed = seen is not None and seen != self.agent
        return self._after(Happening.MISSED if missed else Happening.JOINED, self.agent)

    def answered(self, *, agree: bool) -> Agreement:
        """The user, or the business for them, has answered about the agent of now."""
        return self._after(Happening.YES if agree else Happening.NO, self.agent)

    def _after(self, happening: Happening, agent: str | None) -> Agreement:
        state, agreed = TRANSITIONS[self.state][happening], self.agreed
        if state is Consent.GIVEN:
            agreed = agent
        elif state is Consent.REFUSED and agreed == agent:
            agreed = None  # a yes that was taken back does not come back with the agent
        return Agreement(state, agent, agreed)
