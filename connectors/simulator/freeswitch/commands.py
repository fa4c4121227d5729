"""Commands of the event socket besides ``auth``, ``api``, ``bgapi`` and ``exit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .apps import execute
from .subscription import EVENTS
from .wire import FORMATS, Headers

if TYPE_CHECKING:
    from .session import Session

LEVELS = {
    "console": 0, "alert": 1, "crit": 2, "err": 3, "warning": 4, "notice": 5, "info": 6,
    "debug": 7,
}  # fmt: skip
MOST = 63
"""The level that a higher number means."""


class Message:
    """A command line, headers below it, and a body."""

    def __init__(self, text: str) -> None:
        line, *rest = [each.rstrip("\r") for each in text.split("\n")]
        self.line = line.strip()
        verb, _, argument = self.line.partition(" ")
        self.verb = verb.lower()
        self.argument = argument.strip()
        self.pairs: list[tuple[str, str]] = []
        for each in rest:
            name, colon, value = each.partition(":")
            if colon:
                self.pairs.append((name.strip(), value.strip()))
        self.headers = {name.lower(): value for name, value in reversed(self.pairs)}
        self.body = ""

    @property
    def words(self) -> list[str]:
        """The argument, split."""
        return self.argument.split()

    @property
    def length(self) -> int:
        """Bytes of the body."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _event(session: Session, message: Message) -> None:
    words = message.argument.replace(",", " ").split()
    if words and words[0].lower() in FORMATS:
        session.format = words[0].lower()
        words = words[1:]
    answer = session.subscription.add(words, session.rights)
    if answer is None:
        session.reply("-ERR permission denied")
    elif not answer:
        session.reply("-ERR no keywords supplied")
    else:
        session.subscribe()
        session.reply(f"+OK event listener enabled {session.format}")


def _nixevent(session: Session, message: Message) -> None:
    if not session.subscription.remove(message.words):
        session.reply("-ERR no keywords supplied")
        return
    session.subscribe()
    session.reply("+OK events nixed")


def _noevents(session: Session, _message: Message) -> None:
    if not session.listening:
        session.reply("-ERR not listening for events")
        return
    session.subscription.clear()
    session.unsubscribe()
    session.reply("+OK no longer listening for events")


def _myevents(session: Session, message: Message) -> None:
    words = message.words
    kinds = [word.lower() for word in words if word.lower() in FORMATS]
    uuids = [word for word in words if word.lower() not in FORMATS]
    if not uuids:
        session.reply("-ERR command not found")
        return
    if session.subscription.channels_only:
        session.reply("-ERR aready enabled.")
        return
    stands = uuids[0] in session.pbx.channels
    if kinds and not stands:
        session.reply("-ERR invalid uuid")
        return
    # Without a format one that does not stand is no error, and brings the events of all channels.
    session.subscription.mine(uuids[0] if stands else "")
    session.subscribe(kinds[0] if kinds else "")
    session.reply("+OK Events Enabled")


def _filter(session: Session, message: Message) -> None:
    name, _, value = message.argument.partition(" ")
    if name == "":
        session.reply("-ERR command not found")
        return
    if name.lower() == "delete" and value:
        _filter_delete(session, value)
        return
    if name.lower() == "add" and value:
        name, _, value = value.partition(" ")
    if not value:
        session.reply("-ERR invalid syntax")
        return
    session.subscription.filters.append((name, value))
    session.reply(f"+OK filter added. [{name}]=[{value}]")


def _filter_delete(session: Session, text: str) -> None:
    name, _, value = text.partition(" ")
    kept = session.subscription.filters
    if name.lower() == "all":
        kept = []
    else:
        kept = [each for each in kept if each[0] != name or (value and each[1] != value)]
    session.subscription.filters = kept
    session.reply(f"+OK filter deleted. [{name}][{value}]")


def _log(session: Session, message: Message) -> None:
    if not session.rights.log:
        session.reply("-ERR permission denied")
        return
    word = message.argument.partition(" ")[0]
    level = LEVELS.get(word.lower() or "debug")
    if level is None and word.isascii() and word.isdigit():
        level = min(int(word[:9]), MOST)
    if level is None:
        session.reply("-ERR invalid log level")
        return
    session.log_level = level
    session.pbx.log.add(session)
    session.reply(f"+OK log level {word} [{level}]")


def _nolog(session: Session, _message: Message) -> None:
    reads = session.pbx.log.remove(session)
    session.reply("+OK no longer logging" if reads else "-ERR not loging")


def _not_controlling(session: Session, message: Message) -> None:
    dot = "." if message.verb == "divert_events" else ""
    session.reply(f"-ERR not controlling a session{dot}")


def _sendevent(session: Session, message: Message) -> None:
    pbx = session.pbx
    name = message.argument.upper()
    if name not in EVENTS:
        name = "CUSTOM"
    subclass = message.headers.get("event-subclass", "")
    number = pbx.new_uuid()
    first: Headers = [("Event-Subclass", subclass)] if subclass else []
    first.append(("Command", message.line))
    skipped = ("event-subclass", "event-name")
    first += [pair for pair in message.pairs if pair[0].lower() not in skipped]
    first.append(("Event-UUID", number))
    session.reply(f"+OK {number}")
    if message.headers.get("unique-id") in pbx.channels:
        return  # it goes to that channel's own thread, and to no listener
    # What FreeSWITCH says of every event comes behind all that here; the subclass only once.
    pbx.bus.emit(
        name, subclass=subclass, at="sendevent", first=first, body=message.body, named=True
    )


def _sendmsg(session: Session, message: Message) -> None:
    pbx = session.pbx
    channel = pbx.channels.get(message.argument)
    if channel is None:
        session.reply(f"-ERR invalid session id [{message.argument}]")
        return
    command = message.headers.get("call-command", "")
    session.reply("+OK")
    if command == "hangup":
        pbx.hangup(channel, message.headers.get("hangup-cause", "NORMAL_CLEARING"))
    elif command == "execute":
        app = message.headers.get("execute-app-name", "")
        data = message.headers.get("execute-app-arg", "") or message.body
        pbx.spawn(execute(pbx, channel, app, data), f"{app} on {channel.name}")


COMMANDS: dict[str, Callable[[Session, Message], None]] = {
    "divert_events": _not_controlling,
    "event": _event,
    "filter": _filter,
    "linger": _not_controlling,
    "log": _log,
    "myevents": _myevents,
    "nixevent": _nixevent,
    "noevents": _noevents,
    "nolinger": _not_controlling,
    "nolog": _nolog,
    "sendevent": _sendevent,
    "sendmsg": _sendmsg,
}
