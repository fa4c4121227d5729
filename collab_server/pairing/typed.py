"""A code that is typed on the page: the browser it is in becomes the user of the code's call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.pairing import binding, codes, limits

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.db.sessions import Participant
    from collab_server.services import Services

CAUSE = "code typed on the page"


def check(services: Services, place: str) -> None:
    """Raise TooMany for an address that may not guess now, before it takes the writer's turn."""
    limits.look(services, _budgets(place))


def claim(services: Services, work: Work, place: str, code: str) -> Participant | None:
    """Use a code that somebody in a call was told; None: it is none that may be used.

    Gives the user's place in the session, for the browser to take. Raises TooMany.
    """
    budgets = _budgets(place)
    limits.check(services, work.db, work.now, budgets)
    found = codes.claim(services, work, "call", code)
    if found is not None:
        session, call = binding.target_of(work, found)
        if session is not None or call is not None:
            return binding.bind(services, work, found, session, call, "user", CAUSE)[1]
    limits.use(work, budgets)
    return None


def _budgets(place: str) -> list[limits.Budget]:
    return [limits.GUESSES_OF_ADDRESS.of(place), limits.GUESSES_OF_PAGES.of()]
