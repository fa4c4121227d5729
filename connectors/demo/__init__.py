"""What shows Tandem at work: the demo, a real Asterisk unpacked for it, telephones out of SIPp.

Nothing here is needed to run a connector; tests use the same pieces as their laboratory.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one line of what is going on, without a line end."""


class LabError(Exception):
    """Something the laboratory needs is missing; the text is one line that says how to get it."""


def quiet(_line: str) -> None:
    """A `Progress` that says nothing."""
