"""Commands of the collaboration server: checked here, before anything of them reaches a PBX.

Whatever a command carries may have come from a browser. Each value is of a fixed form or the
command fails and says which value is not; nothing is cut or mended, but for a display name, of
which the characters that mean something to a dialplan are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from connectors import model
from connectors.cti import is_phone
from connectors.marks import MarkError, check_type, check_user_uri, shown
from connectors.model import Command, Effect, Result, Why
from connectors.pairing import answer_of

if TYPE_CHECKING:
    from connectors.application import CoreSettings
    from connectors.book import Book
    from connectors.calls import Call
    from connectors.placed import Placed
    from connectors.reaching import Reaching

LONGEST_WAIT = 6 * 3600.0
"""Seconds a placeholder may wait in a queue, and may have waited before."""

MAX_RINGING = 50
"""Calls that are dialled at a time and whose two do not talk yet."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_QUEUE = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.@+\-]{0,79}")
_VISUAL = re.compile(r"[().\-]")
"""Visual separators of a telephone number (RFC 3966, 5.1.1)."""
_SEPARATED = re.compile(r"[+0-9.\-]*[0-9][+0-9.\-]*")
"""A number with such in a ``sip:`` address: Asterisk passes over dashes, and carriers do."""


class CommandRefusedError(Exception):
    """The command cannot be carried out; the message is its result's detail."""

    def __init__(self, sentence: str, why: Why = Why.MALFORMED) -> None:
        super().__init__(why.says(sentence))


class Commands:
    """Decides what a command is to do on the PBX."""

    def __init__(
        self, settings: CoreSettings, book: Book, placed: Placed, reaching: Reaching
    ) -> None:
        self._settings = settings
        self._book = book
        self._placed = placed
        self._reaching = reaching
        self._kinds = {
            "message": self._message,
            "queue": self._queue,
            "hangup": self._hangup,
            "dial": self._dial,
            "voice": self._voice,
            "pause": self._pause,
            "answer": self._answer,
        }

    def decide(self, command: Command, now: float) -> Effect | Result:
        """The effect of a command, or its result where there is nothing to do."""
        decide = self._kinds.get(command.kind)
        try:
            if decide is None:
                raise CommandRefusedError(f"this connector has no command {shown(command.kind)}")
            if command.expires is not None and command.expires <= now:
                raise CommandRefusedError("it came too late", Why.TOO_LATE)
            return decide(command, now)
        except CommandRefusedError as error:
            return Result(command.id, "failed", str(error))

    # --- the kinds -----------------------------------------------------------------------

    def _message(self, command: Command, now: float) -> Effect | Result:
        text = command.args.get("text")
        content_type = command.args.get("content_type", "text/plain")
        if not isinstance(text, str) or not text or not isinstance(content_type, str):
            raise CommandRefusedError(
                "a message needs args.text and args.content_type, both strings"
            )
        call = self._standing(command)
        leg = self._book.cti.legs.get(call.user_leg)
        if leg is None or not is_phone(leg) or not leg.endpoint:
            raise CommandRefusedError(
                "the user's terminal is not known to this PBX", Why.NO_TERMINAL
            )
        return model.SendMessage(leg.id, leg.exact or leg.endpoint, text, content_type)

    def _answer(self, command: Command, now: float) -> Effect | Result:
        return answer_of(self._standing(command), command, self._book.cti.legs)

    def _queue(self, command: Command, now: float) -> Effect | Result:
        leg = _own_id(command)
        queue = _text(command.args, "queue")
        if _QUEUE.fullmatch(queue) is None:
            raise CommandRefusedError(f"args.queue: {shown(queue)} is not a queue's name")
        asked = model.PlaceCall(
            leg=leg,
            queue=queue,
            type=_type(command.args),
            user_uri=_user_uri(command.args),
            name=_name(command.args),
            waited=_seconds(command.args, "waited"),
            wait=max(1.0, _seconds(command.args, "wait")),
            place=self._placed.place(queue, now - _seconds(command.args, "waited")),
        )
        if leg in self._book.names or leg in self._book.cti.legs:
            return Result(command.id, "done", "it stands already")
        standing = self._placed.placeholders() - self._placed.expects(leg)
        if standing >= self._settings.max_placeholders:
            raise CommandRefusedError(
                f"{self._settings.max_placeholders} placeholders stand (max_placeholders)",
                Why.FULL,
            )
        self._placed.ask(command.id, asked, now)
        return asked

    def _hangup(self, command: Command, now: float) -> Effect | Result:
        name = command.call or ""
        call = self._book.names.get(name)
        if call is None:
            if self._placed.give_up(name):
                return model.HangUp(name)  # on its way; the PBX says whether it is there
            return Result(command.id, "done", "it does not stand")
        if not call.placed:
            raise CommandRefusedError(
                "the call was not placed by a connector; it is not ended", Why.CALL_OVER
            )
        call.hung_up = True
        return model.HangUp(self._placed.end(call))

    def _dial(self, command: Command, now: float) -> Effect | Result:
        leg, context = _own_id(command), self._context()
        number, user_uri = self._number(command.args)
        dial = model.DialBoth(
            leg=leg,
            endpoint=self._phone(command.args),
            number=number,
            context=context,
            type=_type(command.args),
            user_uri=user_uri,
            call=leg,
        )
        if leg in self._book.names or leg in self._book.cti.legs:
            return Result(command.id, "done", "it stands already")
        dialled = (call.placed == "dial" and not call.served for call in self._book.calls.values())
        if sum(dialled) >= MAX_RINGING:
            raise CommandRefusedError(f"{MAX_RINGING} calls are being dialled already", Why.FULL)
        self._placed.ask(command.id, dial, now)
        return dial

    def _voice(self, command: Command, now: float) -> Effect | Result:
        context = self._context()
        number, _ = self._number(command.args)
        call = self._standing(command)
        if call.placed != "queue":
            raise CommandRefusedError("the call is not a placeholder", Why.CALL_OVER)
        if self._placed.talks(call):
            return Result(command.id, "done", "it is a voice call already")
        if call.agent is None or not call.served:
            raise CommandRefusedError("no agent serves the call yet", Why.NO_AGENT)
        if call.reached_by in self._book.cti.legs or self._reaching.rings_user(call):
            return Result(command.id, "done", "the user is being dialled already")
        if call.agent.leg:
            self._reaching.begins(call, command.id)
            return model.Onward(call.user_leg, number, context)
        leg = str(uuid5(UUID(call.id), command.id))
        dial = model.DialBoth(
            leg=leg,
            endpoint=self._phone({"agent_uri": call.agent.uri}),
            number=number,
            context=context,
            type=call.type or "",
            user_uri=call.user_uri,
            call=call.id,
        )
        if leg in self._book.cti.legs:
            return Result(command.id, "done", "the agent's phone rings already")
        self._placed.ask(command.id, dial, now)
        return dial

    def _pause(self, command: Command, now: float) -> Effect | Result:
        agent = _text(command.args, "agent_uri")
        paused = command.args.get("paused")
        busy = command.args.get("busy", False)
        if not isinstance(paused, bool) or not isinstance(busy, bool):
            raise CommandRefusedError("args.paused and args.busy must be true or false")
        interfaces = self._book.cti.agents.members_of(agent)
        if not interfaces:
            raise CommandRefusedError(f"no queue has {shown(agent)} as a member", Why.NO_MEMBER)
        return model.PauseMember(interfaces, paused, _plain(command.args, "reason"), busy)

    # --- values --------------------------------------------------------------------------

    def _standing(self, command: Command) -> Call:
        call = self._book.names.get(command.call or "")
        if call is None:
            raise CommandRefusedError("the call does not stand on this PBX", Why.CALL_OVER)
        return call

    def _context(self) -> str:
        if not self._settings.dial_context:
            raise CommandRefusedError("dial_context is not set", Why.NO_DIALLING)
        return self._settings.dial_context

    def _number(self, args: Mapping[str, Any]) -> tuple[str, str]:
        """What `dial_context` dials to reach a user, and the user's URI."""
        uri = _user_uri(args)
        scheme, _, rest = uri.partition(":")
        if scheme == "tel":
            number = _VISUAL.sub("", rest.partition(";")[0])
        elif scheme in ("sip", "sips"):
            user, at, host = rest.partition("@")
            host = host.partition(";")[0].partition("?")[0]
            if not at or host.lower() != self._settings.domain.lower():
                raise CommandRefusedError(
                    f"args.user_uri: {shown(uri)} is not in {self._settings.domain}",
                    Why.NOT_DIALLED,
                )
            number = _VISUAL.sub("", user) if _SEPARATED.fullmatch(user) else user
        else:
            raise CommandRefusedError(
                f"args.user_uri: {shown(uri)} cannot be dialled", Why.NOT_DIALLED
            )
        if model.NUMBER.fullmatch(number) is None or (scheme == "tel" and number[0].isalpha()):
            raise CommandRefusedError(
                f"args.user_uri: {shown(number)} cannot be dialled", Why.NOT_DIALLED
            )
        return number, uri

    def _phone(self, args: Mapping[str, Any]) -> str:
        agent = _text(args, "agent_uri")
        phone = self._book.cti.agents.phone_of(agent, self._settings.phone)
        if phone is None:
            raise CommandRefusedError(
                f"no telephone of {shown(agent)} is known to this PBX", Why.NO_PHONE
            )
        return phone


def _own_id(command: Command) -> str:
    if _UUID.fullmatch(command.id) is None:
        raise CommandRefusedError("the id must be a UUID of version 4, in lower case")
    if command.call not in (None, command.id):
        raise CommandRefusedError("call must be the command's own id")
    return command.id


def _text(args: Mapping[str, Any], key: str) -> str:
    value = args.get(key)
    if not isinstance(value, str) or not value:
        raise CommandRefusedError(f"args.{key} must be a string that is not empty")
    return value


def _type(args: Mapping[str, Any]) -> str:
    try:
        return check_type(_text(args, "type"))
    except MarkError as error:
        raise CommandRefusedError(f"args.type: {error}") from None


def _user_uri(args: Mapping[str, Any]) -> str:
    try:
        return check_user_uri(_text(args, "user_uri"))
    except MarkError as error:
        raise CommandRefusedError(f"args.user_uri: {error}") from None


def _plain(args: Mapping[str, Any], key: str) -> str:
    """A short text for people, or ''."""
    value = args.get(key, "")
    if not isinstance(value, str) or len(value) > model.NAME_LIMIT or not value.isprintable():
        raise CommandRefusedError(
            f"args.{key} must be a string of at most {model.NAME_LIMIT} printable characters"
        )
    return value


def _name(args: Mapping[str, Any]) -> str:
    """A display name: letters, digits and little else, so that no dialplan reads more in it."""
    kept = "".join(c if c.isalnum() or c in " .-_" else " " for c in _plain(args, "name"))
    return " ".join(kept.split())


def _seconds(args: Mapping[str, Any], key: str) -> float:
    value = args.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CommandRefusedError(f"args.{key} must be a number of seconds")
    if not 0 <= value <= LONGEST_WAIT:
        raise CommandRefusedError(f"args.{key} must be from 0 to {LONGEST_WAIT:g}")
    return float(value)
