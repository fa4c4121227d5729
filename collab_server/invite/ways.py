"""The ways an invitation goes: what all of them can do, and what may go wrong with them.

WayError
|- NotSentError     surely nothing went out; it may be tried again
|- RefusedError     surely nothing went out, and trying again would not help
|- DoubtfulError    it may have gone out: it is never tried again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from collab_server.explain import Explained, Why
from collab_server.invite import templates
from collab_server.sessions.views import join_url

if TYPE_CHECKING:
    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.db.invitations import Attempt, Invitation
    from collab_server.db.sessions import CollabSession, Participant
    from collab_server.services import Services

Deliver = Callable[[], None]
"""Blocks until it has gone out; raises WayError."""


class WayError(Exception):
    """Why an invitation did not, or may not have, gone out, in one sentence."""

    why: ClassVar[Why]

    @property
    def explained(self) -> Explained:
        """With its code."""
        return Explained(self.why, str(self))


class NotSentError(WayError):
    """Surely nothing went out."""

    why = Why.WAY_AWAY


class RefusedError(WayError):
    """Surely nothing went out, nor would it the next time."""

    why = Why.WAY_REFUSED


class DoubtfulError(WayError):
    """Nobody can say whether it went out."""

    why = Why.WAY_SILENT


@dataclass(frozen=True, slots=True)
class Errand:
    """What one attempt is about, within a transaction."""

    session: CollabSession
    call: Call | None
    guest: Participant
    link: Invitation
    attempt: Attempt

    def url(self, services: Services) -> str:
        """The join link this attempt carries."""
        return join_url(services, self.link, self.attempt)

    def places(self, services: Services) -> dict[str, str]:
        """What the settings' texts may have in braces, as far as every way knows it."""
        known = {"brand": services.brand, "link": self.url(services)}
        text = templates.fill(services.settings.server.invite.text, known)
        return known | {"uri": self.link.uri, "text": text}


@dataclass(frozen=True, slots=True)
class Begun:
    """How far an attempt came in the transaction that began it."""

    state: str
    """``sent``, ``failed``, or ``sending``: its end is still to be heard."""
    why: Explained | None = None
    deliver: Deliver | None = None
    """What is left to do once the transaction is committed."""


class Way(Protocol):
    """One way to bring an invitation to a terminal."""

    @property
    def third_party(self) -> bool:
        """Whether it costs, or reaches somebody who is neither on a call nor on a page of ours."""
        ...

    @property
    def own_leg(self) -> bool:
        """Whether it goes down the call's own leg, whatever the user's URI says."""
        ...

    def unfit(self, uri: str, call: Call | None) -> Explained | None:
        """Why it cannot reach this user at all; None: it can."""
        ...

    def destination(self, uri: str) -> str:
        """Whom a third party is to reach, in the one form that patterns and limits are for."""
        ...

    def begin(self, services: Services, work: Work, errand: Errand) -> Begun:
        """Begin an attempt, within its transaction."""
        ...


Ways = Mapping[str, Way]
