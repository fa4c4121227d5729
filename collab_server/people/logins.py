"""How often a log-in may be wrong, and why strangers cannot lock an agent out.

A limit on wrong passwords for a name holds off a guesser with many addresses. Alone it is also a
weapon: whoever fills it, from a dozen addresses, locks the agent out of their own desk. So browsers
are of two kinds, as in OWASP's "Slow Down Online Guessing Attacks with Device Cookies":

- A browser in which the agent has logged in before shows the cookie it got then: signed here, for
  this agent with this password. What it gets wrong counts for that cookie, and for nothing else;
  what others get wrong does not count for it.
- All other browsers are strangers. Theirs counts for the place they come from, for the name from
  that place, and for the name from wherever. The last is shared by all strangers, so under attack
  an agent has to wait in a new browser, but in none they have used.

A name that nobody has is a stranger's name, with the same limits, answers and work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.http.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT = "wait, then try again"


class LoginThrottles:
    """Counts wrong passwords, and refuses who had too many. In bounded memory (`Throttle`)."""

    def __init__(self) -> None:
        self._device = Throttle(
            "login-device", "8 per 5 minutes", f"too many wrong passwords in this browser; {_WAIT}"
        )
        self._place = Throttle(
            "login-place",
            "30 per 5 minutes",
            f"too many wrong passwords from this address; {_WAIT}",
        )
        self._pair = Throttle(
            "login-pair",
            "8 per 5 minutes",
            f"too many wrong passwords for this name from this address; {_WAIT}",
        )
        self._name = Throttle(
            "login-name",
            "50 per 15 minutes",
            "too many wrong passwords for this name; log in with a browser that you have used "
            f"before, or {_WAIT}",
        )

    def check(self, place: str, name: str, device: str | None) -> None:
        """Raise TooMany before anything expensive happens. `device` (None: a stranger) is of a
        cookie that was made for this very name."""
        for throttle, key in self._that_count(place, name, device):
            throttle.check(key)

    def count(self, place: str, name: str, device: str | None) -> None:
        """Count a wrong password."""
        for throttle, key in self._that_count(place, name, device):
            throttle.count(key)

    def _that_count(
        self, place: str, name: str, device: str | None
    ) -> Iterator[tuple[Throttle, str]]:
        if device is not None:
            yield self._device, device
            return
        yield self._place, place
        yield self._pair, f"{place} {name}"
        yield self._name, name
