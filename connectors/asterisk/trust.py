"""Which header of an event to believe, when a caller can shape some of them.

The way in. Asterisk writes ``CallerIDNum`` and ``Exten`` unescaped, and PJSIP decodes ``%0d%0a``
of a SIP user part into them: a caller can put line ends, and so headers and whole events, into
every event of the channel, by SIP alone (seen on Asterisk 22; tests/lab/test_attacks.py). What
fits is 79 bytes a value, the size of the buffers it passes. A dialplan that decodes a header
into an application's argument has no such limit (facts: inject_header_percent_crlf*); the
sample dialplan does not.

What follows from it:

- Order. ``Channel`` and ``BridgeUniqueid`` stand before every shaped value: their first value
  counts. ``Uniqueid`` stands behind them: if it occurs twice, the one known for that channel
  name counts, and for a new channel, whose event ends right there, the last. What stands behind
  the channels (``Queue``, ``DialStatus`` …) counts by its last value. ``Dest…`` that occur twice
  stand between two shaped stretches: the event is refused.
- Place. Optional headers (``SwapUniqueid``, the caller of a dial, the keys of a UserEvent) count
  only where Asterisk puts them, since a forged one repeats nothing.
- Completeness. A genuine event has its ``Privilege`` line and all headers of the channels it is
  about; a forged one of 79 bytes has no room for them. What is not complete is refused.
- A mark that is not certain is none: a UserEvent in which a header that matters occurs twice, or
  whose ``Channel`` is known under another ``Uniqueid``, is refused.
"""

from __future__ import annotations

from connectors.asterisk.wire import Frame

MARK_KEYS = ("Type", "UserURI", "HeaderType", "HeaderUserURI", "Feature", "Ask", "Code")
_ONCE = ("UserEvent", "Channel", "Uniqueid", "Linkedid", *MARK_KEYS)


class ForgedError(Exception):
    """The event cannot be what Asterisk wrote; the message says what gave it away."""


def check_complete(frame: Frame, privilege: str, needs: frozenset[str]) -> None:
    """Raise `ForgedError` unless the frame has its class and every header in `needs`."""
    if frame.headers.get("Privilege") != privilege:
        raise ForgedError("it has no Privilege line of its class")
    if not needs <= frame.headers.keys():
        missing = ", ".join(sorted(needs - frame.headers.keys()))
        raise ForgedError(f"it has no {missing}")


def first(frame: Frame, name: str) -> str:
    """The first value of a header, '' if there is none."""
    values = frame.repeated.get(name)
    return values[0] if values else frame.headers.get(name, "")


def last(frame: Frame, name: str) -> str:
    """The last value of a header, '' if there is none."""
    return frame.headers.get(name, "")


def only(frame: Frame, name: str) -> str:
    """The value of a header that must occur once."""
    if name in frame.repeated:
        raise ForgedError(f"{name} occurs twice")
    value = frame.headers.get(name)
    if not value:
        raise ForgedError(f"it has no {name}")
    return value


def comes_first(frame: Frame, name: str, other: str) -> bool:
    """Whether header `name` stands before header `other`."""
    for header in frame.headers:
        if header == name:
            return True
        if header == other:
            return False
    return False


def swapped(frame: Frame) -> str | None:
    """``SwapUniqueid`` of a BridgeEnter, which Asterisk writes as the last line or not at all."""
    if next(reversed(frame.headers)) == "SwapUniqueid":
        return frame.headers["SwapUniqueid"]
    return None


def user_keys(frame: Frame) -> dict[str, str]:
    """What the dialplan gave a UserEvent: the headers behind ``UserEvent``, which itself stands
    right behind the channel's own last two. Raises `ForgedError` for any other shape."""
    for name in _ONCE:
        if name in frame.repeated:
            raise ForgedError(f"{name} occurs twice")
    names = list(frame.headers)
    at = names.index("UserEvent")
    if names[at - 2 : at] != ["Uniqueid", "Linkedid"]:
        raise ForgedError("UserEvent is not where Asterisk puts it")
    return {name: frame.headers[name] for name in names[at + 1 :]}
