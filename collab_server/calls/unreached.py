"""Why a call that the PBX was asked to place came to nothing, as pages and clients read it.

A code for which the pages have words, and a sentence: ``user_busy: the user's telephone was busy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.explain import Explained, Why

if TYPE_CHECKING:
    from collab_server.calls.schemas import ReportedUnreached

_SENTENCES = {
    "no_answer": "did not answer",
    "busy": "was busy",
    "refused": "turned the call down",
    "unreachable": "could not be reached",
    "hung_up": "has hung up",
}


def why_of(told: ReportedUnreached) -> str:
    """Code and sentence of what a connector has reported."""
    sentence = f"the {told.who}'s telephone {_SENTENCES[told.why]}"
    return str(Explained(Why(f"{told.who}_{told.why}"), sentence))
