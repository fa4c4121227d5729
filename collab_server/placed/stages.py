"""Where a call without a telephone is.

    line      it waits in the server: its PBX has as many placeholders as it may have
    entering  the PBX was asked to queue a placeholder for it
    stands    the placeholder is there
    voice     it goes on as a telephone call, and is one like any other from then on
    leaving   it is over, and the placeholder may still be there
    over      it is over, and nothing of it is left on the PBX

`entering` goes back to `line` where the PBX is full after all. A call that is `leaving` keeps its
room until the PBX says that the placeholder is gone, so that the cap holds while calls change.
"""

from __future__ import annotations

LINE = "line"
ENTERING = "entering"
STANDS = "stands"
VOICE = "voice"
LEAVING = "leaving"
OVER = "over"

ON_PBX = (ENTERING, STANDS, LEAVING)
"""These count against the PBX's ``max_placeholders``."""
OPEN = (LINE, ENTERING, STANDS, VOICE)
"""Their session stands."""
WAITING = (LINE, ENTERING, STANDS, LEAVING)
"""These count against the bounds of a site and of an address."""

WAIT_SECONDS = 3_600
"""How long a call may wait for an agent, in the server and in the queue together."""
