"""The XML dialplan: reading it, hunting through it, filling in variables and functions."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from . import wire

if TYPE_CHECKING:
    from .channel import Channel

_FIELDS = {
    "destination_number": "destination",
    "caller_id_number": "number",
    "caller_id_name": "name",
    "network_addr": "network",
    "context": "context",
    "username": "username",
    "rdnis": "rdnis",
}
_BREAKS = ("on-false", "on-true", "always", "never")
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Action:
    """One application and its data."""

    app: str
    data: str = ""
    inline: bool = False
    """Runs while the dialplan is hunted through, not after."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A test, and what to do when it holds and when not."""

    field: str
    expression: re.Pattern[str]
    actions: tuple[Action, ...]
    anti_actions: tuple[Action, ...]
    breaks: str = "on-false"


@dataclass(frozen=True, slots=True)
class Extension:
    """Conditions that are tested in order."""

    name: str
    conditions: tuple[Condition, ...]
    goes_on: bool = False


@dataclass(slots=True)
class Dialplan:
    """Contexts of extensions."""

    contexts: dict[str, list[Extension]] = field(default_factory=dict)
    elements: list[ElementTree.Element] = field(default_factory=list, compare=False)
    """The contexts as they were read, for ``xml_locate``."""

    def read(self, text: str) -> Dialplan:
        """Add the contexts of a dialplan file. Raises ValueError naming what is wrong."""
        try:
            root = ElementTree.fromstring(text)  # noqa: S314  # of ours or of who runs this
        except ElementTree.ParseError as error:
            raise ValueError(f"the dialplan is no XML: {error}") from None
        for context in root.iter("context"):
            self.elements.append(context)
            extensions = self.contexts.setdefault(context.get("name", ""), [])
            extensions += [_extension(each) for each in context.iter("extension")]
        return self

    def hunt(self, channel: Channel, context: str) -> Iterator[Action]:
        """What a channel shall do, in order; inline actions are to be run before the next is asked
        for, since they change what later conditions see."""
        for extension in self.contexts.get(context, []):
            proceeds = False
            for condition in extension.conditions:
                value = _field(channel, condition.field)
                match = condition.expression.search(value)
                proceeds = match is not None
                if match is not None and condition.field == "destination_number":
                    groups = [match[0], *(group or "" for group in match.groups())]
                    channel.variables["DP_MATCH"] = groups if len(groups) > 1 else groups[0]
                for action in condition.actions if match else condition.anti_actions:
                    data = _groups(action.data, match) if match else action.data
                    yield Action(action.app, data, action.inline)
                if condition.breaks == "always" or (
                    condition.breaks == ("on-true" if match else "on-false")
                ):
                    break
            if proceeds and not extension.goes_on:
                return


def _extension(element: ElementTree.Element) -> Extension:
    name = element.get("name", "")
    conditions = []
    for condition in element.findall("condition"):
        breaks = condition.get("break", "on-false")
        if breaks not in _BREAKS:
            raise ValueError(f"extension {name!r}: break={breaks!r} is none of {_BREAKS}")
        try:
            expression = re.compile(condition.get("expression", ""))
        except re.error as error:
            raise ValueError(f"extension {name!r}: {error}") from None
        conditions.append(
            Condition(
                condition.get("field", ""),
                expression,
                _actions(condition.findall("action")),
                _actions(condition.findall("anti-action")),
                breaks,
            )
        )
    return Extension(name, tuple(conditions), element.get("continue") == "true")


def _actions(elements: Iterable[ElementTree.Element]) -> tuple[Action, ...]:
    """In their order, one with ``loop="3"`` three times."""
    return tuple(
        Action(each.get("application", ""), each.get("data", ""), each.get("inline") == "true")
        for each in elements
        for _ in range(int(each.get("loop", "1")))
    )


def _field(channel: Channel, name: str) -> str:
    if "${" in name:
        return expand(channel, name)
    attribute = _FIELDS.get(name)
    if attribute is not None:
        return str(getattr(channel.profile, attribute))
    return channel.get(name) if name else ""


def _groups(text: str, match: re.Match[str]) -> str:
    """``$1`` and so on; a ``$`` before anything else stays."""

    def group(found: re.Match[str]) -> str:
        number = int(found[1])
        return (match[number] or "") if number <= len(match.groups()) else ""

    return re.sub(r"\$(\d)", group, text)


def expand(channel: Channel, text: str, depth: int = 0) -> str:
    """Fill in ``${…}``, innermost first."""
    if "${" not in text or depth > MAX_DEPTH:
        return text
    out: list[str] = []
    index = 0
    while True:
        start = text.find("${", index)
        if start < 0:
            return "".join([*out, text[index:]])
        out.append(text[index:start])
        end = _closing(text, start + 1)
        out.append(_value(channel, expand(channel, text[start + 2 : end], depth + 1)))
        index = end + 1


def _closing(text: str, start: int) -> int:
    depth = 0
    for index in range(start, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return len(text)


def _value(channel: Channel, inner: str) -> str:
    call = re.fullmatch(r"(\w+)\((.*)\)", inner, re.DOTALL)
    if call is not None:
        own = channel.functions.get(call[1])
        return own(call[2]) if own is not None else function(call[1], call[2])
    cut = re.fullmatch(r"(.+?):(-?\d+)(?::(\d+))?", inner)
    if cut is not None:
        part = _variable(channel, cut[1])[int(cut[2]) :]
        return part if cut[3] is None else part[: int(cut[3])]
    return _variable(channel, inner)


def _variable(channel: Channel, name: str) -> str:
    attribute = _FIELDS.get(name)
    value = channel.variables.get(name)
    if value is None and attribute is not None:
        return str(getattr(channel.profile, attribute))
    return "" if value is None else wire.array(value)


_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def function(name: str, text: str) -> str:
    """An API command inside a value; one not known here gives what an unknown one gives."""
    if name == "url_encode":
        # What is encoded already stays as it is (switch_url_encode_opt, double encoding off).
        parts = re.split(r"(%[0-9A-Fa-f]{2})", text)
        return "".join(p if _ENCODED.fullmatch(p) else wire.quote(p) for p in parts)
    if name == "url_decode":
        return urllib.parse.unquote(text)
    if name == "regex" and "|" in text:
        subject, expression, *result = text.split("|", 2)
        match = re.search(expression, subject)
        if not result:
            return "true" if match else "false"
        return _groups(result[0].replace("%", "$"), match) if match else subject
    return f"-ERR {name} Command not found!\n"
