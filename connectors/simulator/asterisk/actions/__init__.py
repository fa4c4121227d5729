"""The actions a session may send; each answers as the recorded Asterisk did."""

from __future__ import annotations

from .calls import ACTIONS as _CALLS
from .commands import COMMANDS
from .core import ACTIONS as _CORE
from .lists import ACTIONS as _LISTS
from .queues import ACTIONS as _QUEUES

ACTIONS = {**_CORE, **_LISTS, **_QUEUES, **_CALLS}
"""What the simulator carries out, by lower-case name; the rest of `COMMANDS` it refuses."""

__all__ = ["ACTIONS", "COMMANDS"]
