"""What a client of the event socket may do: everything, or what its user in the directory may."""

from __future__ import annotations

from dataclasses import dataclass

_WRAPPERS = ("bgapi", "sched_api", "eval", "expand", "xml_wrap")
"""API commands that run another one: that one has to be allowed too."""


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A user of the directory who may use the event socket; None allows all.

    Words stand with spaces between, or with commas. There are no such lists for ``sendevent``,
    ``sendmsg`` and ``myevents``: those any log-in may.
    """

    password: str
    """``esl-password``."""
    api: str | None = None
    """``esl-allowed-api``: the API commands it may run."""
    events: str | None = None
    """``esl-allowed-events``: names, and behind CUSTOM subclasses."""
    log: bool = True
    """``esl-allowed-log``."""

    def headers(self) -> list[tuple[str, str]]:
        """What a log-in is told of its rights."""
        return [
            ("Allowed-Events", "all" if self.events is None else self.events),
            ("Allowed-API", "all" if self.api is None else self.api),
            ("Allowed-LOG", "true" if self.log else "false"),
        ]


class Rights:
    """The rights of one session."""

    def __init__(self, user: DirectoryUser | None = None) -> None:
        """Of a user of the directory; None: who knows the password of the socket may all."""
        self.log = user is None or user.log
        self._api = None if user is None or user.api is None else _words(user.api)
        names = None if user is None or user.events is None else _words(user.events)
        self._names: set[str] | None = None
        self.subclasses: set[str] | None = None
        """CUSTOM events it may hear; None: all."""
        if names is not None:
            custom = [word.upper() for word in names].index("CUSTOM") if _custom(names) else None
            end = len(names) if custom is None else custom + 1
            self._names = {word.upper() for word in names[:end]}
            self.subclasses = set(names[end:])

    def may_run(self, command: str) -> bool:
        """Whether it may run an API command line."""
        if self._api is None:
            return True
        words = command.split()
        while words:
            if words[0] not in self._api:
                return False
            if words[0].lower() not in _WRAPPERS:
                return True
            words = words[1:]
        return bool(command.split())

    def may_hear(self, name: str) -> bool:
        """Whether it may subscribe to an event's name, in capitals."""
        return self._names is None or name in self._names or "ALL" in self._names

    def may_hear_custom(self, subclass: str) -> bool:
        """Whether it may subscribe to a CUSTOM event."""
        return self.subclasses is None or subclass in self.subclasses


def _custom(names: list[str]) -> bool:
    return any(word.upper() == "CUSTOM" for word in names)


def _words(text: str) -> list[str]:
    return text.split() if " " in text else [word for word in text.split(",") if word]
